#include "waitqueue/signal.h"

#include <errno.h> /* for the names of the constants */
#include <signal.h>

#include "base/system.h"
#include "waitqueue/waiting.h"

#define SIGNALS_MAX 128 /* numbers; no system has more */

/* One for the process, as signals are. */
static struct {
	/* Whose it is; NULL: the program's. Changed under the lock, read by the handler. */
	_Atomic(struct weft *) owner[SIGNALS_MAX];
	_Atomic bool has_come[SIGNALS_MAX];   /* and was not taken yet */
	_Atomic uint32_t handling;            /* handlers that run just now */
	struct tiny_lock lock;                /* for the owners, and: */
	struct sigaction before[SIGNALS_MAX]; /* what the program had */
	/* In the thread of the owner's first worker, which alone touches it. */
	bool was_blocked[SIGNALS_MAX];
} process;

/* What a fiber waits for. */
struct wanted {
	const int *numbers;
	size_t count;
};

/* ---- the handler ---- */

static void note_signal(struct weft *io, int number)
{
	/* Relaxed: seen by who sees the next. */
	store_relaxed(&process.has_come[number], true);
	/* Acquire: the runtime's waits are there. Pairs with: waiting_of. */
	struct signals *signals = &load_acquire(&io->waiting)->signals;
	/* One order: it is noted before the bell is rung. Pairs with: signals_next. */
	store_seq_cst(&signals->has_come, true);
	(void)poller_wake(&io->poller); /* no error of it is known */
}

/* In a child of fork: what the program had set is to meet it. */
static void hand_to_program(int number)
{
	(void)system_result(sigaction(number, &process.before[number], NULL));
	(void)raise(number); /* blocked until the handler returns */
}

static void handle(int number)
{
	int error = system_error();
	if (scheduler_is_orphan()) {
		hand_to_program(number);
		system_set_error(error);
		return;
	}
	/* One order: we are counted before the owner is read. Pairs with: signals_close. */
	(void)fetch_add_seq_cst(&process.handling, 1);
	struct weft *io = load_seq_cst(&process.owner[number]);
	if (io)
		note_signal(io, number);
	/* Release: we have left. Pairs with: signals_close. */
	(void)fetch_add_release(&process.handling, -1);
	system_set_error(error);
}

/* ---- whose a signal is ---- */

/* Under the lock: whether it can be this runtime's. */
static int may_own(struct weft *io, int number)
{
	struct sigaction found;
	if (number <= 0 || number >= SIGNALS_MAX || number == SIGKILL ||
	    number == SIGSTOP)
		return -EINVAL;
	struct weft *owner = load_relaxed(&process.owner[number]); /* under the lock */
	if (owner && owner != io)
		return -EBUSY;
	return (int)system_result(sigaction(number, NULL, &found));
}

/* Under the lock. */
static void own(struct weft *io, int number)
{
	struct sigaction action = {.sa_handler = handle,
				   .sa_flags = SA_RESTART | SA_ONSTACK};
	if (load_relaxed(&process.owner[number])) /* under the lock */
		return;
	sigfillset(&action.sa_mask);
	/* Release: as in note_signal. Pairs with: handle. */
	store_release(&process.owner[number], io);
	/* EINVAL only, which may_own would have met. */
	(void)system_result(sigaction(number, &action, &process.before[number]));
}

/* All, or none. */
static int own_all(struct weft *io, const struct wanted *wanted)
{
	int error = wanted->count > 0 ? 0 : -EINVAL;
	lock_take(&process.lock);
	for (size_t i = 0; i < wanted->count && !error; i++)
		error = may_own(io, wanted->numbers[i]);
	for (size_t i = 0; i < wanted->count && !error; i++)
		own(io, wanted->numbers[i]);
	lock_give(&process.lock);
	return error;
}

/* The caller's thread takes them from now on, whatever the program's threads block. */
static void unblock(struct worker *worker, const struct wanted *wanted)
{
	sigset_t set, before;
	sigemptyset(&set);
	for (size_t i = 0; i < wanted->count; i++)
		sigaddset(&set, wanted->numbers[i]);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, &before); /* EINVAL only */
	for (size_t i = 0; i < wanted->count && worker->index == 0; i++)
		if (sigismember(&before, wanted->numbers[i]) == 1)
			process.was_blocked[wanted->numbers[i]] = true;
}

static void block_again(int number)
{
	sigset_t set;
	if (!process.was_blocked[number])
		return;
	process.was_blocked[number] = false;
	sigemptyset(&set);
	sigaddset(&set, number);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* EINVAL only */
}

static void give_back(struct weft *io, int number)
{
	if (load_relaxed(&process.owner[number]) != io) /* under the lock */
		return;
	block_again(number);
	/* What the program had, it may have again. */
	(void)system_result(sigaction(number, &process.before[number], NULL));
	/* One order: handlers that come now find no owner. Pairs with: handle. */
	store_seq_cst(&process.owner[number], NULL);
	store_relaxed(&process.has_come[number], false); /* under the lock */
}

void signals_close(struct weft *io)
{
	lock_take(&process.lock);
	for (int number = 1; number < SIGNALS_MAX; number++)
		give_back(io, number);
	lock_give(&process.lock);
	/* Those that have found the runtime are done with it. Pairs with: handle. */
	while (load_seq_cst(&process.handling) > 0)
		;
}

/* ---- waiting ---- */

/* One that has come, or 0. */
static int take(const struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->count; i++)
		/* Acquire: what came before the signal. Pairs with: note_signal. */
		if (exchange_acquire(&process.has_come[wanted->numbers[i]], false))
			return wanted->numbers[i];
	return 0;
}

/* Under the queue's lock. */
static bool none_has_come(void *arg)
{
	const struct wanted *wanted = arg;
	for (size_t i = 0; i < wanted->count; i++)
		/* Relaxed: one that comes now wakes us. */
		if (load_relaxed(&process.has_come[wanted->numbers[i]]))
			return false;
	return true;
}

uint64_t signals_next(struct signals *signals)
{
	/* One order: the bell is heard, then this is read. Pairs with: note_signal. */
	if (load_seq_cst(&signals->has_come))
		return 0;
	/* Somebody is to be in the poller. Relaxed: sleeper_attend follows. */
	return load_relaxed(&signals->waiters) > 0 ? INT64_MAX : UINT64_MAX;
}

void signals_expire(struct weft *io, struct signals *signals)
{
	/* Acquire: which have come. Pairs with: note_signal. */
	if (exchange_acquire(&signals->has_come, false))
		(void)waitqueue_wake(io, &signals->queue, UINT32_MAX);
}

static int wait_for(struct weft *io, struct signals *signals, struct wanted *wanted)
{
	for (;;) {
		int number = take(wanted);
		if (number > 0)
			return number;
		int error = waitqueue_wait(io, &signals->queue, WAIT_HEARS_ALL,
					   none_has_come, wanted);
		if (error && error != -EAGAIN)
			return error;
	}
}

int weft_signal_wait(struct weft *io, const int *numbers, size_t count)
{
	struct wanted wanted = {numbers, count};
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	struct waiting *waiting = waiting_of(io);
	int error = waiting ? wait_check(worker) : -ENOMEM;
	if (!error)
		error = own_all(io, &wanted);
	if (error)
		return error;
	unblock(worker, &wanted);
	struct signals *signals = &waiting->signals;
	/* Relaxed: the fence of sleeper_attend orders it. */
	(void)fetch_add_relaxed(&signals->waiters, 1);
	sleeper_attend(io);
	error = wait_for(io, signals, &wanted);
	(void)fetch_add_relaxed(&signals->waiters, -1); /* a count */
	return error;
}
