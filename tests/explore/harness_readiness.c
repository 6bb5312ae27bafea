/* harness_readiness.c: readers of one descriptor against the kernel's events, at
 * waitqueue/readiness.h.
 *
 * T threads. Thread 0 is the peer: each of its K operations adds one unit or two, or one and the
 * end, after which it does no more. The others read K times, one unit or two at a time: each notes,
 * tries, takes the fact back after an empty or a short answer, and waits. One more thread polls: it
 * takes an edge and tells of it later; with two threads it may have an event left of the generation
 * before, a hang-up. An event wakes all that wait, under a lock, which is the simplest that can follow it.
 *
 * What must hold: when all have come to rest, nobody waits while there are units or the end, and
 * the word says whether anybody waits; an event that is late changes nothing. A fact that is never
 * taken back would be an execution without end. */
#include "tests/explore/harness.h"
#include "tests/explore/kernel.h"

#include "base/lock.h"
#include "waitqueue/readiness.h"

enum { GENERATION = 2, OWNER = 1 };

static struct kernel kernel;
static struct explore_semaphore edges; /* the poller's: there may be one to be taken */
static struct readiness readiness;
static struct tiny_lock lock;
static struct reader {
	struct explore_semaphore semaphore;
	int want;
	bool waits; /* under the lock */
} readers[EXPLORER_THREADS];
static int rounds;
static bool has_late_event;

/* ---- readers ---- */

static void wait_for_event(struct reader *reader)
{
	lock_take(&lock);
	bool waits = readiness_wait(&readiness, GENERATION);
	reader->waits = waits;
	lock_give(&lock);
	if (waits)
		explore_rest(&reader->semaphore);
}

/* False: there was nothing. */
static bool try_to_read(const struct reader *reader, uint64_t note)
{
	int got = kernel_read(&kernel, OWNER, reader->want);
	if (got == KERNEL_AGAIN)
		readiness_clear(&readiness, GENERATION, note, READINESS_WORTH);
	else if (got > 0 && got < reader->want && !(note & READINESS_HANGUP))
		readiness_clear(&readiness, GENERATION, note, READINESS_READY);
	return got != KERNEL_AGAIN;
}

static void reader(int number)
{
	struct reader *self = &readers[number];
	for (int i = 0; i < rounds; i++)
		for (;;) {
			uint64_t note = readiness_note(&readiness);
			if ((note & READINESS_WORTH) && try_to_read(self, note))
				break;
			wait_for_event(self);
		}
}

/* ---- the kernel's side ---- */

static void peer(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++) {
		int what = explore_choose(3);
		kernel_add(&kernel, what == 2 ? 1 + KERNEL_HANGUP : 1 + (uint64_t)what);
		explore_post(&edges);
		if (what == 2)
			return;
	}
}

static void wake_all(void)
{
	lock_take(&lock);
	for (int i = 0; i < EXPLORER_THREADS; i++)
		if (readers[i].waits) {
			readers[i].waits = false;
			explore_post(&readers[i].semaphore);
		}
	readiness_end_wait(&readiness);
	lock_give(&lock);
}

static void poller(int number)
{
	(void)number;
	if (has_late_event)
		explore_check(
			!readiness_event(&readiness, GENERATION - 1, READINESS_HANGUP));
	for (;;) {
		uint64_t word;
		explore_rest(&edges);
		if (!kernel_take_edge(&kernel, &word))
			continue;
		uint64_t flags = word & KERNEL_HANGUP ? READINESS_HANGUP : 0;
		if (readiness_event(&readiness, GENERATION, flags) & READINESS_WAITED)
			wake_all();
	}
}

/* ---- one execution ---- */

static void setup(int threads, int operations)
{
	rounds = operations;
	edges = (struct explore_semaphore){0};
	store_relaxed(&kernel.word, OWNER * KERNEL_OWNER | KERNEL_WATCHED |
					    (uint64_t)explore_choose(2) /* of units */);
	store_relaxed(&lock.taken, 0);
	readiness_begin(&readiness, GENERATION);
	readiness_watch(&readiness);
	has_late_event = threads == 2 && explore_choose(2);
	explore_name(&kernel, sizeof kernel, 1, "kernel");
	explore_name(&edges, sizeof edges, 1, "edges");
	explore_name(&readiness, sizeof readiness, 1, "readiness");
	explore_name(&lock, sizeof lock, 1, "lock");
	explore_name(readers, sizeof readers[0], EXPLORER_THREADS, "reader");
	for (int i = 0; i < EXPLORER_THREADS; i++)
		readers[i] = (struct reader){.want = 1};
	explore_thread(peer, 0);
	for (int i = 1; i < threads; i++) {
		readers[i].want = i == 1 ? 1 + explore_choose(2) : 1;
		explore_thread(reader, i);
	}
	explore_thread(poller, 0);
}

static void final(void)
{
	uint64_t data = load_relaxed(&kernel.word);
	uint64_t word = load_relaxed(&readiness.word);
	bool anybody_waits = false;
	for (int i = 0; i < EXPLORER_THREADS; i++)
		anybody_waits |= readers[i].waits;
	if (anybody_waits && kernel_is_readable(data))
		explore_fail("a reader waits for what is there");
	explore_check(!(word & READINESS_WAITED) == !anybody_waits);
	explore_check(!(word & READINESS_HANGUP) || (data & KERNEL_HANGUP));
	explore_check(readiness_generation(word) == GENERATION);
}

const struct explore_harness harness = {"readiness", setup, final};
