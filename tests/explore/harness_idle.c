/* harness_idle.c: workers that search, sleep and are woken, at scheduler/idle.h.
 *
 * T workers. Worker 0 runs: K times it shows a fiber, then it runs for ever. The others have nothing
 * to run at first, or are asleep. Whoever takes a fiber runs it for a moment or for ever. With two
 * workers, worker 0 may have nothing to run in the end, and worker 1 may go on by itself, once,
 * where it could sleep.
 *
 * For a queue there is a place for each fiber, which its owner stores into as the owner of a ring
 * stores its index, and which anyone may empty; one of the fibers, or none, is for worker 1 alone.
 * A search looks once into each place. The hooks park and wake are a semaphore of the explorer's.
 *
 * What must hold: when all have come to rest, no worker sleeps that may take a fiber that is left;
 * the word says who sleeps and that nobody searches; each fiber was taken at most once, whole. */
#include "tests/explore/fibers.h"
#include "tests/explore/harness.h"

#include "scheduler/idle.h"

struct worker {
	uint32_t index;
	struct explore_semaphore semaphore;
	enum idle_reason told; /* by the waker, before it posts */
	int self_wakes;        /* times that it may still go on by itself */
	bool rests;            /* it sleeps; in `final`, for good */
};

static struct worker workers[EXPLORER_THREADS];
static int worker_count, rounds;
static struct idle idle;
static _Atomic(struct fiber *) places[FIBERS];
static int for_worker_1; /* the place that it alone looks into; rounds: none */

/* ---- queues ---- */

static bool may_take(const struct worker *worker, int place)
{
	return place != for_worker_1 || worker->index == 1;
}

/* Relaxed, as idle.h's hooks may be: the caller's fence orders it. */
static bool is_full(int place)
{
	return load_relaxed(&places[place]);
}

/* ---- hooks ---- */

struct fiber *idle_search(struct worker *worker)
{
	struct fiber *fiber = NULL;
	for (int i = 0; i < rounds && !fiber; i++)
		if (may_take(worker, i) && is_full(i))
			fiber = exchange_acquire(&places[i], NULL);
	return fiber;
}

bool idle_sees(struct worker *worker, bool all)
{
	for (int i = 0; i < rounds; i++)
		if (may_take(worker, i) && (all || i == for_worker_1) && is_full(i))
			return true;
	return false;
}

bool idle_sees_more(struct idle *of)
{
	(void)of;
	for (int i = 0; i < rounds; i++)
		if (i != for_worker_1 && is_full(i))
			return true;
	return false;
}

enum idle_reason idle_park(struct worker *worker, bool polls)
{
	if (polls && worker->self_wakes > 0 && explore_choose(2)) {
		worker->self_wakes--;
		return IDLE_EVENT;
	}
	worker->rests = true;
	explore_rest(&worker->semaphore);
	worker->rests = false;
	return worker->told;
}

void idle_wake(struct idle *of, uint32_t index, enum idle_reason why)
{
	(void)of;
	explore_check(index < (uint32_t)worker_count);
	workers[index].told = why;
	explore_post(&workers[index].semaphore);
}

/* ---- workers ---- */

/* Of a searcher: it runs what it finds, the last of it for ever. */
static void run_idle(struct worker *worker)
{
	for (;;) {
		fiber_take(idle_run(&idle, worker, worker->index));
		if (explore_choose(2))
			return;
		idle_begin_search(&idle);
	}
}

static void idle_worker(int number)
{
	idle_begin_search(&idle);
	run_idle(&workers[number]);
}

/* Its waker has made it a searcher. */
static void sleeping_worker(int number)
{
	(void)idle_park(&workers[number], false);
	run_idle(&workers[number]);
}

static void publisher(int number)
{
	for (int i = 0; i < rounds; i++) {
		store_release(&places[i], fiber_make(i));
		if (i == for_worker_1)
			idle_publish_to(&idle, 1, IDLE_PINNED);
		else
			idle_publish(&idle, IDLE_WORK);
	}
	if (worker_count == 2 && explore_choose(2))
		idle_worker(number);
}

static void setup_worker(int index, bool asleep)
{
	workers[index] = (struct worker){.index = (uint32_t)index,
					 .self_wakes = worker_count == 2};
	if (asleep)
		store_relaxed(&idle.word,
			      load_relaxed(&idle.word) | IDLE_ASLEEP(index));
	explore_thread(asleep ? sleeping_worker : idle_worker, index);
}

static void setup(int threads, int operations)
{
	worker_count = threads;
	rounds = operations;
	for_worker_1 = explore_choose(rounds + 1);
	store_relaxed(&idle.word, 0);
	for (int i = 0; i < FIBERS; i++)
		store_relaxed(&places[i], NULL);
	fibers_reset();
	explore_name(&idle.word, sizeof idle.word, 1, "word");
	explore_name(places, sizeof places[0], FIBERS, "place");
	explore_name(workers, sizeof workers[0], EXPLORER_THREADS, "worker");
	workers[0] = (struct worker){.index = 0};
	explore_thread(publisher, 0);
	for (int i = 1; i < threads; i++)
		setup_worker(i, explore_choose(2));
}

/* ---- when nothing goes on ---- */

static void check_worker(const struct worker *worker)
{
	bool asleep = load_relaxed(&idle.word) & IDLE_ASLEEP(worker->index);
	explore_check(asleep == worker->rests);
	for (int i = 0; i < rounds; i++)
		if (worker->rests && may_take(worker, i) && is_full(i))
			explore_fail("worker %u sleeps, and fiber %d waits",
				     worker->index, i);
}

static void final(void)
{
	for (int i = 0; i < worker_count; i++)
		check_worker(&workers[i]);
	explore_check((load_relaxed(&idle.word) & IDLE_SEARCHERS) == 0);
	for (int i = 0; i < rounds; i++)
		explore_check(fibers[i].taken == !is_full(i));
}

const struct explore_harness harness = {"idle", setup, final};
