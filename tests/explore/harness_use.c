/* harness_use.c: who uses a descriptor's number while it is closed and becomes another's, at
 * waitqueue/use.h.
 *
 * T threads. Thread 0 owns the number: K times it closes it, waits until somebody has given it back
 * to the system, opens it again, as the next owner, and operates. The others have K operations each,
 * of four kinds: one that begins; one that goes on after a wait, of the generation that the thread
 * began with; one that finds out what is known of the descriptor and notes it; and, with two
 * threads, one that closes the number on its way. An operation's system call looks whose the number
 * is.
 *
 * What must hold: no call finds the number a later owner's, or free; each owner's number is given back once, after all calls of its operations; an operation sees what the
 * close before has left; what is known is known of this generation; in the end nobody uses the
 * number. A thread that begins while the number is free is wrong, and gets the generation of the
 * next owner; its calls may find nobody's number. */
#include "tests/explore/harness.h"

#include "base/lock.h"
#include "waitqueue/use.h"

enum { GENERATIONS = 6 };

static struct use use;
static struct tiny_lock lock; /* the descriptor's */
/* The kernel's: even: open, by the owner of generation owner / 2. */
static _Atomic uint32_t owner;
static struct explore_semaphore given_back;
static int rounds;
static bool others_close;

/* Plain accesses, so that an order that is missing is a race. */
static struct generation {
	bool is_left;      /* by the close before, while it has a use */
	bool is_found_out; /* before it is noted in the word */
	int calls[EXPLORER_THREADS], calls_before_end, ends;
} generations[GENERATIONS];

/* ---- uses, as in waitqueue/io.c ---- */

static int calls_of(const struct generation *generation)
{
	int sum = 0;
	for (int i = 0; i < EXPLORER_THREADS; i++)
		sum += generation->calls[i];
	return sum;
}

/* close(2). Relaxed: what the kernel orders besides, nobody may count on. */
static void give_back(void)
{
	uint32_t whose = fetch_add_relaxed(&owner, 1);
	struct generation *generation = &generations[whose / 2];
	explore_check(whose % 2 == 0);
	generation->calls_before_end = calls_of(generation);
	generation->ends++;
	explore_post(&given_back);
}

static void drop(void)
{
	if (!use_drop(&use))
		return;
	lock_take(&lock);
	if (use_free(&use))
		give_back();
	lock_give(&lock);
}

/* Whether it finds the number its generation's; a later one's it must not find. */
static bool call(int number, uint32_t generation)
{
	uint32_t whose = load_relaxed(&owner);
	if (whose > 2 * generation)
		explore_fail("a call of generation %u finds the number %s %u's",
			     generation, whose % 2 ? "free after" : "to be", whose / 2);
	explore_check(generation == 0 || generations[generation].is_left);
	if (whose == 2 * generation)
		generations[generation].calls[number]++;
	return whose == 2 * generation;
}

/* ---- operations ---- */

/* False: somebody else does. */
static bool close_it(void)
{
	uint64_t word;
	if (!use_close(&use, &word))
		return false;
	generations[use_generation(word) + 1].is_left = true;
	drop();
	return true;
}

static void find_out(uint32_t generation)
{
	generations[generation].is_found_out = true;
	(void)use_know(&use, generation, USE_ADOPTED);
}

enum kind { BEGINS, GOES_ON, FINDS_OUT, CLOSES };

/* Of the generation that is now, or of that one only. */
static void operate(int number, enum kind what, const uint32_t *only)
{
	uint64_t word;
	bool taken = use_take(&use, &word);
	uint32_t generation = use_generation(word);
	if (taken && (!only || *only == generation)) {
		bool is_owners = call(number, generation);
		if (word & USE_ADOPTED)
			explore_check(generations[generation].is_found_out);
		else if (what == FINDS_OUT)
			find_out(generation);
		if (what == CLOSES && is_owners)
			(void)close_it();
	}
	drop();
}

static void user(int number)
{
	uint32_t mine = use_generation(load_relaxed(&use.word));
	for (int i = 0; i < rounds; i++) {
		int kinds = number > 1 ? 2 : others_close ? 4 : 3;
		enum kind what = (enum kind)explore_choose(kinds);
		operate(number, what, what == GOES_ON ? &mine : NULL);
	}
}

/* As the owner of that generation; another may be faster to close it. */
static void close_own(const uint32_t generation)
{
	uint64_t word;
	if (!others_close) {
		explore_check(close_it());
		return;
	}
	if (use_take(&use, &word) && use_generation(word) == generation)
		(void)close_it();
	drop();
}

static void owning_thread(int number)
{
	for (uint32_t i = 0; i < (uint32_t)rounds; i++) {
		close_own(i);
		explore_wait(&given_back);
		(void)fetch_add_relaxed(&owner, 1);
		const uint32_t mine = i + 1;
		operate(number, GOES_ON, &mine);
	}
}

/* ---- one execution ---- */

static void setup(int threads, int operations)
{
	rounds = operations;
	others_close = threads == 2 && explore_choose(2);
	store_relaxed(&use.word, 0);
	store_relaxed(&lock.taken, 0);
	store_relaxed(&owner, 0);
	given_back = (struct explore_semaphore){0};
	for (int i = 0; i < GENERATIONS; i++)
		generations[i] = (struct generation){.ends = 0};
	explore_name(&use, sizeof use, 1, "use");
	explore_name(&lock, sizeof lock, 1, "lock");
	explore_name(&owner, sizeof owner, 1, "owner");
	explore_name(&given_back, sizeof given_back, 1, "given back");
	explore_name(generations, sizeof generations[0], GENERATIONS, "generation");
	explore_thread(owning_thread, 0);
	for (int i = 1; i < threads; i++)
		explore_thread(user, i);
}

static void final(void)
{
	uint64_t word = load_relaxed(&use.word);
	explore_check(!(word & (USE_CLOSING | USE_COUNT)));
	explore_check(use_generation(word) == (load_relaxed(&owner) + 1) / 2);
	for (uint32_t i = 0; i < GENERATIONS; i++) {
		const struct generation *generation = &generations[i];
		if (!generation->ends)
			continue;
		explore_check(generation->ends == 1 && i < use_generation(word));
		explore_check(generation->calls_before_end == calls_of(generation));
	}
}

const struct explore_harness harness = {"use", setup, final};
