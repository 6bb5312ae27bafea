/* harness_close.c: a descriptor that is closed, and whose number becomes another's, against
 * operations, waits and events, at waitqueue/use.h and waitqueue/turn.h.
 *
 * T threads. Thread 0 owns the number: K times it closes it, opens it again when it has been given
 * back to the system, as the next owner, with a unit or none, and reads once. With two threads,
 * thread 1 reads K times, or it is the kernel; with more, the last is the kernel, and the others
 * read for the first owner, and thread 2 then for the second. A reader stops when it is told that
 * the number is closed. The kernel K times adds a unit, or at last the end, to whatever the number
 * is, takes an edge, and tells of it later; then it tells of what comes. Two threads without the
 * kernel, and more of more than one operation, begin with a unit or none, and watched or not if there
 * is a kernel; others with none, watched. Three threads of one operation have no end, and no unit for
 * the next owner but the kernel's.
 *
 * A read is what waitqueue/io.c makes of one, a close and an event what descriptor.c does.
 *
 * What must hold: no call of a generation finds the number another owner's; each owner's number is
 * given back once; an owner's own read is not refused; when all have come to rest, whoever waits is
 * of the last generation, the kernel knows that it does, and there is nothing for it; nobody has
 * the turn; there is no readiness that an earlier owner has left. */
#include "tests/explore/harness.h"
#include "tests/explore/kernel.h"
#include "tests/explore/turns.h"

#include "waitqueue/use.h"

enum { FIRST = 2, GENERATIONS = 8, CLOSED = -1 };

static struct kernel kernel;
static struct explore_semaphore given_back, opened, edges;
static struct {
	struct use use;
	struct tiny_lock lock;
	bool is_watched; /* under the lock */
	struct turns turns;
} descriptor;
static int rounds;
static bool is_small; /* three threads of one operation: there is no choice */
/* What each owner's calls touch, and a close frees; plain, so that uses must order it. */
static bool is_open[GENERATIONS];

/* Generation g's number is open as owner 2 * g. */
static uint32_t owner_of(uint32_t generation)
{
	return 2 * generation;
}

/* ---- uses ---- */

static void give_back(void)
{
	uint64_t word = kernel_end_owner(&kernel);
	explore_check(kernel_owner(word) % 2 == 0);
	is_open[kernel_owner(word) / 2] = false;
	explore_post(&given_back);
}

static void drop_use(void)
{
	if (!use_drop(&descriptor.use))
		return;
	lock_take(&descriptor.lock);
	if (use_free(&descriptor.use))
		give_back();
	lock_give(&descriptor.lock);
}

/* Of that generation; false: it is closed. */
static bool take_use(uint32_t generation)
{
	uint64_t word;
	if (use_take(&descriptor.use, &word) && use_generation(word) == generation)
		return true;
	drop_use();
	return false;
}

/* ---- one read ---- */

/* On the stack of the thread. */
struct operation {
	struct fiber *fiber;
	uint64_t note;
	uint32_t generation;
	int want;
	bool has_turn;
};

/* Under the lock. */
static void check_turn(void)
{
	explore_check(descriptor.turns.is_taken == (holder != NULL));
}

static void leave(struct operation *operation)
{
	if (!operation->has_turn)
		return;
	struct turn_won won = {.count = 0};
	lock_take(&descriptor.lock);
	if (holder == operation->fiber)
		holder = NULL;
	turn_leave(&descriptor.turns, operation->generation, &won);
	check_turn();
	lock_give(&descriptor.lock);
	waits_post(&won);
}

static enum turn_answer enter(struct operation *operation, struct waiter *waiter)
{
	lock_take(&descriptor.lock);
	enum turn_answer answer = turn_wait(&descriptor.turns, operation->generation,
					    waiter, operation->has_turn);
	if (answer == TURN_WAITS)
		waits_arrive(operation->fiber, operation->has_turn);
	check_turn();
	lock_give(&descriptor.lock);
	return answer;
}

/* Takes the use again; false: it is closed. */
static bool wait_for_turn(struct operation *operation)
{
	struct fiber *fiber = operation->fiber;
	drop_use();
	fiber->generation = operation->generation;
	uint64_t key = ticket_open(&fiber->ticket, true);
	struct waiter waiter = {.fiber = fiber, .ticket = &fiber->ticket, .key = key};
	enum turn_answer answer = enter(operation, &waiter);
	if (answer == TURN_WAITS) {
		explore_check(waits_park(fiber) == TICKET_WOKEN);
		operation->has_turn = true;
	}
	if (answer != TURN_CLOSED && take_use(operation->generation))
		return true;
	leave(operation);
	return false;
}

static bool wait_until_worth_trying(struct operation *operation)
{
	bool goes = wait_for_turn(operation);
	operation->note = readiness_note(&descriptor.turns.readiness);
	return goes;
}

/* As descriptor_watch; false: it is closed. */
static bool watch(uint32_t generation)
{
	lock_take(&descriptor.lock);
	uint64_t word = load_relaxed(&descriptor.turns.readiness.word);
	bool is_own = readiness_generation(word) == generation;
	if (is_own && !descriptor.is_watched) {
		descriptor.is_watched = true;
		readiness_watch(&descriptor.turns.readiness);
		if (kernel_watch(&kernel, owner_of(generation), generation))
			explore_post(&edges);
	}
	lock_give(&descriptor.lock);
	return is_own;
}

static int call(struct operation *operation)
{
	int got =
		kernel_read(&kernel, owner_of(operation->generation), operation->want);
	explore_check(is_open[operation->generation]);
	if (got > 0 && got < operation->want &&
	    (operation->note & (READINESS_HANGUP | READINESS_WATCHED)) ==
		    READINESS_WATCHED)
		readiness_clear(&descriptor.turns.readiness, operation->generation,
				operation->note, READINESS_READY);
	return got;
}

/* False: it is closed, and the operation is over. */
static bool again(struct operation *operation)
{
	if (watch(operation->generation)) {
		readiness_clear(&descriptor.turns.readiness, operation->generation,
				operation->note, READINESS_WORTH);
		return wait_until_worth_trying(operation);
	}
	drop_use();
	leave(operation);
	return false;
}

/* How many units, 0 for the end, or CLOSED. */
static int read_once(int number, uint32_t generation, int want)
{
	struct operation operation = {
		.fiber = &fibers[number], .generation = generation, .want = want};
	if (!take_use(generation))
		return CLOSED;
	operation.note = readiness_note(&descriptor.turns.readiness);
	bool goes = turn_is_free(operation.note) || wait_until_worth_trying(&operation);
	int got = KERNEL_AGAIN;
	while (goes && (got = call(&operation)) == KERNEL_AGAIN)
		goes = again(&operation);
	if (!goes)
		return CLOSED;
	drop_use();
	leave(&operation);
	return got;
}

/* ---- threads ---- */

static void read_for(int number, uint32_t generation)
{
	for (int i = 0; i < rounds; i++)
		if (read_once(number, generation, 2) == CLOSED)
			return;
}

static void reader(int number)
{
	read_for(number, FIRST);
}

static void reader_for_both(int number)
{
	read_for(number, FIRST);
	explore_wait(&opened);
	read_for(number, FIRST + 1);
}

static void end_generation(uint32_t next, struct turn_won *won)
{
	lock_take(&descriptor.lock);
	if (descriptor.is_watched)
		kernel_unwatch(&kernel);
	descriptor.is_watched = false;
	holder = NULL;
	turn_close(&descriptor.turns, next, won);
	check_turn();
	lock_give(&descriptor.lock);
}

static void close_number(void)
{
	uint64_t word;
	struct turn_won won = {.closes = true};
	explore_check(use_close(&descriptor.use, &word));
	end_generation(use_generation(word) + 1, &won);
	waits_post(&won);
	drop_use();
}

static void owning_thread(int number)
{
	for (uint32_t i = 1; i <= (uint32_t)rounds; i++) {
		close_number();
		explore_wait(&given_back);
		kernel_begin_owner(&kernel, owner_of(FIRST + i),
				   is_small ? 0 : (uint64_t)explore_choose(2));
		if (i == 1)
			explore_post(&opened);
		explore_check(read_once(number, FIRST + i, 1) != CLOSED);
	}
}

static void tell(void)
{
	uint64_t word;
	struct turn_won won = {.count = 0};
	if (!kernel_take_edge(&kernel, &word))
		return;
	if (!turn_event(&descriptor.turns, kernel_tag(word),
			word & KERNEL_HANGUP ? READINESS_HANGUP : 0))
		return;
	lock_take(&descriptor.lock);
	turn_see_to(&descriptor.turns, &won);
	check_turn();
	lock_give(&descriptor.lock);
	waits_post(&won);
}

static void kernel_thread(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++) {
		bool ends = i == rounds - 1 && !is_small && explore_choose(2);
		kernel_add(&kernel, ends ? KERNEL_HANGUP : 1);
		tell();
	}
	for (;;) {
		explore_rest(&edges);
		tell();
	}
}

/* ---- one execution ---- */

static void setup_descriptor(bool has_kernel, bool is_varied)
{
	store_relaxed(&descriptor.use.word, (uint64_t)FIRST << 32);
	store_relaxed(&descriptor.lock.taken, 0);
	descriptor.turns = (struct turns){.is_taken = false};
	readiness_begin(&descriptor.turns.readiness, FIRST);
	descriptor.is_watched = has_kernel && (!is_varied || explore_choose(2));
	kernel_begin_owner(&kernel, owner_of(FIRST),
			   is_varied ? (uint64_t)explore_choose(2) : 0);
	if (descriptor.is_watched) {
		readiness_watch(&descriptor.turns.readiness);
		(void)kernel_watch(&kernel, owner_of(FIRST), FIRST);
	}
	for (int i = 0; i < GENERATIONS; i++)
		is_open[i] = true;
	given_back = opened = edges = (struct explore_semaphore){0};
	explore_name(&kernel, sizeof kernel, 1, "kernel");
	explore_name(&descriptor.use, sizeof descriptor.use, 1, "use");
	explore_name(&descriptor.lock, sizeof descriptor.lock, 1, "lock");
	explore_name(&descriptor.turns, sizeof descriptor.turns, 1, "turns");
	explore_name(&given_back, sizeof given_back, 1, "given back");
	explore_name(&opened, sizeof opened, 1, "opened");
	explore_name(&edges, sizeof edges, 1, "edges");
}

static void setup(int threads, int operations)
{
	rounds = operations;
	is_small = threads > 2 && operations == 1;
	bool has_kernel = threads > 2 || !explore_choose(2);
	bool is_varied = threads == 2 ? !has_kernel : operations > 1;
	setup_descriptor(has_kernel, is_varied);
	waits_reset();
	explore_thread(owning_thread, 0);
	for (int i = 1; i < threads - 1; i++)
		explore_thread(i == 2 ? reader_for_both : reader, i);
	explore_thread(has_kernel ? kernel_thread : reader, threads - 1);
}

static void check_fiber(const struct fiber *fiber, uint32_t generation)
{
	uint64_t word = load_relaxed(&kernel.word);
	if (!fiber->rests)
		return;
	explore_check(fiber->is_in_list && fiber->generation == generation);
	explore_check((word & KERNEL_WATCHED) && kernel_tag(word) == generation);
	if (kernel_is_readable(word))
		explore_fail("fiber %d waits for what is there", (int)(fiber - fibers));
}

static void final(void)
{
	uint64_t use = load_relaxed(&descriptor.use.word);
	uint64_t data = load_relaxed(&kernel.word);
	uint64_t word = load_relaxed(&descriptor.turns.readiness.word);
	const struct waiter *first = descriptor.turns.waiters.first;
	explore_check(!(use & (USE_CLOSING | USE_COUNT)));
	explore_check(readiness_generation(word) == use_generation(use));
	explore_check(kernel_owner(data) == owner_of(use_generation(use)));
	explore_check(!descriptor.turns.is_taken && !holder);
	explore_check(!first || !(word & READINESS_WORTH));
	explore_check(!first == !(word & READINESS_WAITED));
	explore_check(!(word & READINESS_HANGUP) || (data & KERNEL_HANGUP));
	for (int i = 0; i < EXPLORER_THREADS; i++)
		check_fiber(&fibers[i], use_generation(use));
}

const struct explore_harness harness = {"close", setup, final};
