/* test_signals.c: fibers that wait for signals. */
#include <pthread.h>
#include <signal.h>

#include "tests/waitqueue/descriptors.h"

struct listener {
	int numbers[4];
	size_t count;
	int answer;
	int64_t deadline_ns; /* 0: none */
	struct weft_future future;
};

static void run_listener(struct weft *io, const void *context, void *result)
{
	struct listener *listener = result;
	struct weft_deadline deadline;
	(void)context;
	if (listener->deadline_ns)
		(void)weft_deadline_begin(io, &deadline,
					  weft_in(listener->deadline_ns));
	listener->answer = weft_signal_wait(io, listener->numbers, listener->count);
	if (listener->deadline_ns)
		(void)weft_deadline_end(io, &deadline);
}

static void await_listeners(struct weft *io, uint32_t count)
{
	while (listeners_of(io) != count) {
		weft_yield(io);
		(void)sched_yield();
	}
}

/* Starts it, and returns when it waits beside `others`. */
static void listen_for(struct weft *io, struct listener *listener, uint32_t others)
{
	weft_async(io, &listener->future, run_listener, NULL, 0, listener);
	await_listeners(io, others + 1);
}

static int answer_to(struct weft *io, struct listener *listener)
{
	weft_await(io, &listener->future);
	return listener->answer;
}

/* ---- who is told ---- */

TEST_OF_CREWS(signals, one)
{
	for (int round = 0; round < 50; round++) {
		struct listener listener = {.numbers = {SIGUSR1}, .count = 1};
		listen_for(io, &listener, 0);
		cr_assert_eq(kill(getpid(), SIGUSR1), 0);
		cr_assert_eq(answer_to(io, &listener), SIGUSR1);
	}
}

/* The main fiber waits, and every worker sleeps. */
static void *send_from_a_thread(void *argument)
{
	(void)argument;
	const struct timespec pause = {0, 20000000};
	(void)nanosleep(&pause, NULL); /* in which they fall asleep, or not */
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	return NULL;
}

TEST_OF_CREWS(signals, one_while_all_are_asleep)
{
	const int number = SIGUSR1;
	for (int round = 0; round < 5; round++) {
		sigset_t all, before;
		pthread_t thread;
		sigfillset(&all);
		if (round == 0) { /* so that there is a handler when it comes */
			struct listener listener = {.numbers = {number}, .count = 1};
			listen_for(io, &listener, 0);
			cr_assert_eq(kill(getpid(), number), 0);
			cr_assert_eq(answer_to(io, &listener), number);
		}
		cr_assert_eq(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
		cr_assert_eq(pthread_create(&thread, NULL, send_from_a_thread, NULL),
			     0);
		cr_assert_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
		cr_assert_eq(weft_signal_wait(io, &number, 1), number);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
}

static _Atomic bool stops;

static void yield_for_ever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stops))
		weft_yield(io);
}

TEST_OF_CREWS(signals, one_while_all_are_busy)
{
	enum { PLAYERS = 9 };
	struct weft_future players[PLAYERS];
	atomic_store(&stops, false);
	for (int i = 0; i < PLAYERS; i++)
		weft_async(io, &players[i], yield_for_ever, NULL, 0, NULL);
	for (int round = 0; round < 20; round++) {
		struct listener listener = {.numbers = {SIGUSR1}, .count = 1};
		listen_for(io, &listener, 0);
		cr_assert_eq(kill(getpid(), SIGUSR1), 0);
		cr_assert_eq(answer_to(io, &listener), SIGUSR1);
	}
	atomic_store(&stops, true);
	for (int i = 0; i < PLAYERS; i++)
		weft_await(io, &players[i]);
}

TEST_OF_CREWS(signals, one_of_several)
{
	const int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM};
	for (int i = 0; i < 4; i++) {
		struct listener listener = {
			.numbers = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM}, .count = 4};
		listen_for(io, &listener, 0);
		cr_assert_eq(kill(getpid(), numbers[i]), 0);
		cr_assert_eq(answer_to(io, &listener), numbers[i]);
	}
}

/* Each is told of its own, whichever comes first. */
TEST_OF_CREWS(signals, two_fibers_with_one_each)
{
	struct listener first = {.numbers = {SIGUSR1}, .count = 1},
			second = {.numbers = {SIGUSR2}, .count = 1};
	listen_for(io, &first, 0);
	listen_for(io, &second, 1);
	cr_assert_eq(kill(getpid(), SIGUSR2), 0);
	cr_assert_eq(answer_to(io, &second), SIGUSR2);
	await_listeners(io, 1);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(answer_to(io, &first), SIGUSR1);
}

/* One signal is one fiber's. */
TEST_OF_CREWS(signals, two_fibers_for_the_same)
{
	struct listener first = {.numbers = {SIGUSR1}, .count = 1},
			second = {.numbers = {SIGUSR1}, .count = 1};
	listen_for(io, &first, 0);
	listen_for(io, &second, 1);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	await_listeners(io, 1);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(answer_to(io, &first), SIGUSR1);
	cr_assert_eq(answer_to(io, &second), SIGUSR1);
}

/* ---- while nobody waits ---- */

static void listen_once(struct weft *io, int number)
{
	struct listener listener = {.numbers = {number}, .count = 1};
	listen_for(io, &listener, 0);
	cr_assert_eq(kill(getpid(), number), 0);
	cr_assert_eq(answer_to(io, &listener), number);
}

/* It is kept, once, however often it came. */
TEST_OF_CREWS(signals, that_nobody_waits_for_are_kept)
{
	const int numbers[] = {SIGUSR1, SIGUSR2};
	listen_once(io, SIGUSR1);
	listen_once(io, SIGUSR2);
	cr_assert_eq(kill(getpid(), SIGUSR2), 0);
	cr_assert_eq(kill(getpid(), SIGUSR2), 0);
	cr_assert_eq(weft_signal_wait(io, numbers, 2), SIGUSR2);
	struct listener listener = {.numbers = {SIGUSR1, SIGUSR2}, .count = 2};
	listen_for(io, &listener, 0);
	for (int i = 0; i < 200; i++)
		weft_yield(io);
	cr_assert_eq(listeners_of(io), 1);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(answer_to(io, &listener), SIGUSR1);
}

/* ... for those who wait for it, and not for others. */
TEST_OF_CREWS(signals, that_others_wait_for_are_kept)
{
	const int other = SIGUSR2;
	listen_once(io, SIGUSR2);
	struct listener listener = {.numbers = {SIGUSR1}, .count = 1};
	listen_for(io, &listener, 0);
	cr_assert_eq(kill(getpid(), SIGUSR2), 0);
	for (int i = 0; i < 200; i++)
		weft_yield(io);
	cr_assert_eq(listeners_of(io), 1);
	cr_assert_eq(weft_signal_wait(io, &other, 1), SIGUSR2);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(answer_to(io, &listener), SIGUSR1);
}

/* ---- ended otherwise ---- */

TEST_OF_CREWS(signals, canceled)
{
	struct listener first = {.numbers = {SIGUSR1}, .count = 1},
			second = {.numbers = {SIGUSR1}, .count = 1};
	listen_for(io, &first, 0);
	listen_for(io, &second, 1);
	cr_assert(waitqueue_cancel(io, first.future.fiber, first.future.fiber_id));
	cr_assert_eq(answer_to(io, &first), -ECANCELED);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(answer_to(io, &second), SIGUSR1);
}

TEST_OF_CREWS(signals, deadline)
{
	struct listener listener = {
		.numbers = {SIGUSR1}, .count = 1, .deadline_ns = 1000000};
	weft_async(io, &listener.future, run_listener, NULL, 0, &listener);
	cr_assert_eq(answer_to(io, &listener), -WEFT_EDEADLINE);
	cr_assert_eq(listeners_of(io), 0);
	listen_once(io, SIGUSR1);
}

/* ---- errors ---- */

TEST_OF_CREWS(signals, that_cannot_be_waited_for)
{
	const int wrong[] = {SIGKILL, SIGSTOP, 0, -1, 128, 1000, INT32_MAX, INT32_MIN};
	const int right = SIGUSR1;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const int both[] = {SIGUSR1, wrong[i]};
		cr_assert_eq(weft_signal_wait(io, &wrong[i], 1), -EINVAL);
		cr_assert_eq(weft_signal_wait(io, both, 2), -EINVAL);
	}
	cr_assert_eq(weft_signal_wait(io, &right, 0), -EINVAL);
	listen_once(io, SIGUSR1);
}

/* What a call that failed has named is not Weft's because of it. */
Test(signals, stay_the_programs_after_an_error)
{
	const int both[] = {SIGUSR1, SIGKILL};
	struct sigaction found;
	struct weft *io = begin(1);
	cr_assert_eq(weft_signal_wait(io, both, 2), -EINVAL);
	cr_assert_eq(sigaction(SIGUSR1, NULL, &found), 0);
	cr_assert(found.sa_handler == SIG_DFL);
	end(io);
}

static void *wait_in_another_runtime(void *unused)
{
	const int number = SIGUSR1, others[] = {SIGUSR2, SIGUSR1};
	struct weft *io = begin(1);
	cr_assert_eq(weft_signal_wait(io, &number, 1), -EBUSY);
	cr_assert_eq(weft_signal_wait(io, others, 2), -EBUSY);
	end(io);
	return unused;
}

TEST_OF_CREWS(signals, of_another_runtime)
{
	pthread_t thread;
	listen_once(io, SIGUSR1);
	cr_assert_eq(pthread_create(&thread, NULL, wait_in_another_runtime, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	listen_once(io, SIGUSR1);
	listen_once(io, SIGUSR2); /* the other one has given it back */
}

/* ---- the program's ---- */

static _Atomic int caught;

static void catch (int number)
{
	(void)number;
	atomic_fetch_add(&caught, 1);
}

Test(signals, are_the_programs_again_afterwards)
{
	struct sigaction action = {.sa_handler = catch}, found;
	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		int before = atomic_load(&caught);
		struct weft *io = begin(workers);
		listen_once(io, SIGUSR1);
		cr_assert_eq(atomic_load(&caught), before);
		end(io);
		cr_assert_eq(sigaction(SIGUSR1, NULL, &found), 0);
		cr_assert(found.sa_handler == catch);
		cr_assert_eq(kill(getpid(), SIGUSR1), 0);
		cr_assert_eq(atomic_load(&caught), before + 1);
	}
}

/* What came and was not taken does not come to the next runtime. */
Test(signals, end_with_the_runtime)
{
	for (int round = 0; round < 3; round++) {
		struct weft *io = begin(2);
		struct listener listener = {.numbers = {SIGUSR1}, .count = 1};
		listen_for(io, &listener, 0);
		for (int i = 0; i < 200; i++)
			weft_yield(io);
		cr_assert_eq(listeners_of(io), 1);
		cr_assert_eq(kill(getpid(), SIGUSR1), 0);
		cr_assert_eq(answer_to(io, &listener), SIGUSR1);
		cr_assert_eq(kill(getpid(), SIGUSR1), 0);
		end(io);
	}
}

/* A system call of the program's that a signal meets goes on, and errno is as it was. */
Test(signals, leave_errno_alone)
{
	struct weft *io = begin(1);
	listen_once(io, SIGUSR1);
	errno = ENOTTY;
	cr_assert_eq(raise(SIGUSR1), 0);
	cr_assert_eq(errno, ENOTTY);
	listen_once(io, SIGUSR2);
	end(io);
}

/* The program has blocked it, as one does that waits with sigwait(3); one is pending. */
Test(signals, that_the_program_has_blocked)
{
	const int number = SIGUSR1;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		cr_assert_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
		cr_assert_eq(raise(number), 0);
		struct weft *io = begin(workers);
		cr_assert_eq(weft_signal_wait(io, &number, 1), number);
		listen_once(io, number);
		end(io);
		sigset_t mask;
		cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
		cr_assert_eq(sigismember(&mask, number), 1);
	}
}

/* ---- many ---- */

static _Atomic unsigned taken;

static void take_many(struct weft *io, const void *context, void *result)
{
	const int *numbers = context;
	int number;
	(void)result;
	while ((number = weft_signal_wait(io, numbers, 3)) != SIGTERM) {
		cr_assert(number == SIGUSR1 || number == SIGUSR2);
		atomic_fetch_add(&taken, 1);
	}
}

TEST_OF_CREWS(signals, again_and_again)
{
	enum { SIGNALS = 2000 };
	const int numbers[] = {SIGTERM, SIGUSR1, SIGUSR2};
	struct weft_future future;
	weft_async(io, &future, take_many, numbers, sizeof numbers, NULL);
	await_listeners(io, 1);
	for (int i = 0; i < SIGNALS; i++) {
		unsigned before = atomic_load(&taken);
		cr_assert_eq(kill(getpid(), numbers[1 + i % 2]), 0);
		while (atomic_load(&taken) == before)
			weft_yield(io);
	}
	cr_assert_eq(kill(getpid(), SIGTERM), 0);
	weft_await(io, &future);
}
