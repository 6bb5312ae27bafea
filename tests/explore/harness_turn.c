/* harness_turn.c: fibers that read from one descriptor in turn, at waitqueue/turn.h.
 *
 * T threads. Thread 0 is the kernel: K times it adds two units, or at last the end, and tells of it
 * as waitqueue/descriptor.c does; before one of these or after them it may cancel fiber 1. The
 * others are fibers, each of which reads K times, one unit or two at a time, as io.c does: it notes,
 * tries if it may, takes the fact back after an empty or a short answer, waits, and leaves its turn
 * when it is done. Three threads of one operation have no end, no reads of two units and
 * nobody canceled.
 *
 * What must hold: the first in order of arrival gets the turn, and never two have it; a fiber goes
 * on without the turn only past nobody; and when all have come to rest, nobody has the turn, nobody
 * waits while there are units or the end or the word says that it is worth trying, and the word says
 * whether anybody waits. */
#include "tests/explore/harness.h"
#include "tests/explore/kernel.h"
#include "tests/explore/turns.h"

enum { GENERATION = 2, OWNER = 1 };

static struct kernel kernel;
static struct tiny_lock lock;
static struct turns turns;
static int wants[EXPLORER_THREADS], rounds;
static bool is_varied;
static int turn_taken; /* by whoever has the turn, which orders it */
static int cancels_at; /* the kernel's operation before which it does, or more */

/* ---- fibers ---- */

/* On the stack of the thread. */
struct operation {
	struct fiber *fiber;
	uint64_t note;
	bool has_turn;
	int want;
};

/* Under the lock. */
static void check_turn(void)
{
	explore_check(turns.is_taken == (holder != NULL));
}

static enum turn_answer enter(struct operation *operation, struct waiter *waiter)
{
	lock_take(&lock);
	bool is_alone = !turns.is_taken && !turns.waiters.first;
	enum turn_answer answer =
		turn_wait(&turns, GENERATION, waiter, operation->has_turn);
	if (answer == TURN_WAITS)
		waits_arrive(operation->fiber, operation->has_turn);
	else
		explore_check(operation->has_turn || is_alone);
	check_turn();
	lock_give(&lock);
	return answer;
}

static void withdraw(struct fiber *fiber, struct waiter *waiter)
{
	lock_take(&lock);
	turn_withdraw(&turns, waiter);
	fiber->is_in_list = false;
	lock_give(&lock);
}

/* False: it was canceled. */
static bool wait_for_turn(struct operation *operation)
{
	struct fiber *fiber = operation->fiber;
	uint64_t key = ticket_open(&fiber->ticket, true);
	struct waiter waiter = {.fiber = fiber, .ticket = &fiber->ticket, .key = key};
	if (enter(operation, &waiter) != TURN_WAITS) {
		(void)ticket_claim(&fiber->ticket, key, TICKET_WOKEN);
		operation->note = readiness_note(&turns.readiness);
		return true;
	}
	operation->has_turn = waits_park(fiber) == TICKET_WOKEN;
	if (!operation->has_turn) {
		withdraw(fiber, &waiter);
		return false;
	}
	turn_taken++;
	operation->note = readiness_note(&turns.readiness);
	return true;
}

static void leave(struct operation *operation)
{
	if (!operation->has_turn)
		return;
	struct turn_won won = {.count = 0};
	turn_taken++;
	lock_take(&lock);
	holder = NULL;
	turn_leave(&turns, GENERATION, &won);
	check_turn();
	lock_give(&lock);
	waits_post(&won);
}

/* False: it is to wait. */
static bool try_to_read(struct operation *operation)
{
	int got = kernel_read(&kernel, OWNER, operation->want);
	if (got == KERNEL_AGAIN)
		readiness_clear(&turns.readiness, GENERATION, operation->note,
				READINESS_WORTH);
	else if (got > 0 && got < operation->want &&
		 !(operation->note & READINESS_HANGUP))
		readiness_clear(&turns.readiness, GENERATION, operation->note,
				READINESS_READY);
	return got != KERNEL_AGAIN;
}

static void read_once(struct operation *operation)
{
	operation->note = readiness_note(&turns.readiness);
	bool is_free = turn_is_free(operation->note);
	explore_check(!is_free || !(operation->note & READINESS_WAITED));
	bool goes = is_free || wait_for_turn(operation);
	while (goes && !try_to_read(operation))
		goes = wait_for_turn(operation);
	leave(operation);
}

static void reader(int number)
{
	for (int i = 0; i < rounds; i++) {
		struct operation operation = {.fiber = &fibers[number],
					      .want = wants[number]};
		read_once(&operation);
	}
}

/* ---- the kernel's side ---- */

static void tell(uint64_t flags)
{
	struct turn_won won = {.count = 0};
	if (!turn_event(&turns, GENERATION, flags))
		return;
	lock_take(&lock);
	turn_see_to(&turns, &won);
	check_turn();
	lock_give(&lock);
	waits_post(&won);
}

static void cancel_fiber_1(void)
{
	uint64_t key = ticket_of_canceler(&fibers[1].ticket);
	if (key && ticket_claim(&fibers[1].ticket, key, TICKET_CANCELED) == TICKET_WON)
		explore_post(&fibers[1].semaphore);
}

static void kernel_thread(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++) {
		bool ends = is_varied && i == rounds - 1 && explore_choose(2);
		if (i == cancels_at)
			cancel_fiber_1();
		kernel_add(&kernel, ends ? KERNEL_HANGUP : 2);
		tell(ends ? READINESS_HANGUP : 0);
	}
	if (cancels_at == rounds)
		cancel_fiber_1();
}

/* ---- one execution ---- */

static void setup(int threads, int operations)
{
	rounds = operations;
	is_varied = threads == 2 || operations > 1;
	turn_taken = 0;
	store_relaxed(&kernel.word, OWNER * KERNEL_OWNER | KERNEL_WATCHED);
	store_relaxed(&lock.taken, 0);
	turns = (struct turns){.is_taken = false};
	readiness_begin(&turns.readiness, GENERATION);
	readiness_watch(&turns.readiness);
	cancels_at = is_varied ? explore_choose(rounds + 2) : rounds + 1;
	waits_reset();
	explore_name(&kernel, sizeof kernel, 1, "kernel");
	explore_name(&turns, sizeof turns, 1, "turns");
	explore_name(&lock, sizeof lock, 1, "lock");
	explore_thread(kernel_thread, 0);
	for (int i = 1; i < threads; i++) {
		wants[i] = i == 1 && is_varied ? 1 + explore_choose(2) : 1;
		explore_thread(reader, i);
	}
}

static void check_fiber(const struct fiber *fiber)
{
	if (!fiber->rests)
		return;
	explore_check(fiber->is_in_list);
	if (kernel_is_readable(load_relaxed(&kernel.word)))
		explore_fail("fiber %d waits for what is there", (int)(fiber - fibers));
}

static void final(void)
{
	uint64_t word = load_relaxed(&turns.readiness.word);
	explore_check(!turns.is_taken);
	explore_check(!turns.waiters.first || !(word & READINESS_WORTH));
	explore_check(!turns.waiters.first == !(word & READINESS_WAITED));
	for (int i = 0; i < EXPLORER_THREADS; i++)
		check_fiber(&fibers[i]);
}

const struct explore_harness harness = {"turn", setup, final};
