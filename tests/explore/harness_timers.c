/* harness_timers.c: deadlines that are set, dropped and expire, at waitqueue/timers.h.
 *
 * T threads. Thread 0 is a fiber that waits K times with a deadline, in two heaps by turns, as one
 * does that goes from worker to worker. Thread 1 ends its waits; with a third thread, that is a
 * second such fiber, or ends waits too. For each wait that was begun, each of those that end them
 * wakes the fiber, or lets what is due by its deadline expire in both heaps, or the one and then the
 * other. A deadline is early or late; it may be of a clock that has to be looked at twice. In the
 * first heap there may be timers between the two, of fibers that are no threads.
 *
 * A timer is gone when its wait has returned: its fiber writes over it.
 *
 * What must hold: under the lock each heap is one, both ways, and says what its earliest is; of what
 * is due, nothing earlier is left when a timer is looked at, and nothing when all have been; a
 * fiber whose time is up sees who told it; nobody touches a timer that is gone, which would be a
 * race. */
#include <string.h>

#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

#include "waitqueue/timers.h"

enum { WAITS = 4, HEAPS = 2, STILL = 3, SLEEPERS = EXPLORER_THREADS + STILL };
enum { EARLY_NS = 10, STILL_NS = 20, LATE_NS = 30, AT_ONCE = 1 };

static struct sleeper {
	struct fiber fiber;
	bool looks_again; /* written by the fiber before it is set, then under the lock */
	struct {
		uint64_t key, due_ns; /* written before it is registered */
		struct explore_semaphore registered[EXPLORER_THREADS];
	} waits[WAITS];
} sleepers[SLEEPERS];
static struct timer_heap heaps[HEAPS];
static int thread_number, rounds, still;
static bool has_second_fiber;

/* ---- under the lock, or in `final` ---- */

static void check_children(const struct timer *parent)
{
	const struct timer *before = parent;
	for (const struct timer *at = parent->child; at; at = at->next) {
		explore_check(at->is_set);
		explore_check(at->previous == before);
		explore_check(at->due_ns >= parent->due_ns);
		check_children(at);
		before = at;
	}
}

static void check_heap(struct timer_heap *heap)
{
	const struct timer *root = heap->root;
	uint64_t earliest_ns;
	memcpy(&earliest_ns, &heap->earliest_ns, sizeof earliest_ns); /* no turn */
	explore_check(earliest_ns == (root ? root->due_ns : TIMER_NEVER));
	if (!root)
		return;
	explore_check(root->is_set && !root->next && !root->previous);
	check_children(root);
}

static struct sleeper *sleeper_of(struct timer *timer)
{
	return (struct sleeper *)(void *)((char *)timer -
					  offsetof(struct sleeper, fiber.timer));
}

/* ---- hook ---- */

uint64_t timer_look(struct timer *timer, uint64_t now_ns, void *context)
{
	struct sleeper *sleeper = sleeper_of(timer);
	struct timer_heap *heap = timer->heap;
	struct fiber **won = context;
	check_heap(heap);
	explore_check(timer->due_ns <= now_ns);
	explore_check(!heap->root || heap->root->due_ns >= timer->due_ns);
	if (sleeper->looks_again) {
		sleeper->looks_again = false;
		return now_ns;
	}
	timer->fired_ns = (int64_t)now_ns;
	if (ticket_claim(&sleeper->fiber.ticket, timer->key, TICKET_TIMED_OUT) ==
	    TICKET_WON)
		*won = &sleeper->fiber;
	return 0;
}

/* ---- fibers ---- */

static void write_over(struct timer *timer)
{
	timer->heap = NULL;
	timer->key = 0;
	timer->due_ns = 0;
	timer->child = timer->next = timer->previous = NULL;
	timer->is_set = false;
	timer->fired_ns = 0;
}

static void wait_once(struct sleeper *sleeper, int round)
{
	struct timer *timer = &sleeper->fiber.timer;
	int due = explore_choose(3);
	uint64_t due_ns = due == 0 ? EARLY_NS : LATE_NS;
	sleeper->looks_again = due == 2;
	sleeper->waits[round].due_ns = due_ns;
	sleeper->waits[round].key = ticket_open(&sleeper->fiber.ticket, true);
	(void)timer_set(&heaps[round % HEAPS], timer, due_ns,
			sleeper->waits[round].key);
	for (int i = 1; i < thread_number; i++)
		explore_post(&sleeper->waits[round].registered[i]);
	if (fiber_park(&sleeper->fiber) == TICKET_TIMED_OUT)
		explore_check(timer->fired_ns >= (int64_t)due_ns);
	else
		timer_drop(timer);
	write_over(timer);
}

static void waiting_fiber(int number)
{
	for (int i = 0; i < rounds; i++)
		wait_once(&sleepers[number], i);
}

/* ---- those that end waits ---- */

static void expire(struct timer_heap *heap, uint64_t now_ns)
{
	bool more = true;
	while (more && load_relaxed(&heap->earliest_ns) <= now_ns) {
		struct fiber *won = NULL;
		more = timer_take_due(heap, now_ns, AT_ONCE, &won);
		if (won)
			fiber_make_ready(won);
	}
}

static void end_wait(struct sleeper *sleeper, int round)
{
	uint64_t now_ns = sleeper->waits[round].due_ns;
	int way = explore_choose(thread_number > 2 ? 2 : 3);
	if (way > 0)
		(void)fiber_claim(&sleeper->fiber, sleeper->waits[round].key,
				  TICKET_WOKEN);
	for (int i = 0; i < HEAPS && way != 1; i++)
		expire(&heaps[i], now_ns);
}

static void ender(int number)
{
	for (int i = 0; i < rounds; i++)
		for (int j = 0; j < (has_second_fiber ? 3 : 1); j += 2) {
			explore_wait(&sleepers[j].waits[i].registered[number]);
			end_wait(&sleepers[j], i);
		}
}

/* ---- */

static void setup_still(struct sleeper *sleeper, uint64_t due_ns)
{
	struct timer *timer = &sleeper->fiber.timer;
	timer->heap = &heaps[0];
	timer->due_ns = due_ns;
	timer->key = fiber_begin_parked(&sleeper->fiber);
	timer_insert(timer->heap, timer);
}

static void setup(int threads, int operations)
{
	thread_number = threads;
	rounds = operations < WAITS ? operations : WAITS;
	has_second_fiber = threads > 2 && explore_choose(2);
	still = explore_choose(2) ? STILL : 0;
	for (int i = 0; i < SLEEPERS; i++)
		sleepers[i] = (struct sleeper){.looks_again = false};
	for (int i = 0; i < HEAPS; i++)
		heaps[i] = (struct timer_heap){.earliest_ns = TIMER_NEVER};
	for (int i = 0; i < still; i++)
		setup_still(&sleepers[EXPLORER_THREADS + i],
			    (uint64_t)(STILL_NS - i % 2));
	explore_name(heaps, sizeof heaps[0], HEAPS, "heap");
	explore_name(sleepers, sizeof sleepers[0], SLEEPERS, "sleeper");
	for (int i = 0; i < threads; i++)
		explore_thread(i == 0 || (i == 2 && has_second_fiber) ? waiting_fiber
								      : ender,
			       i);
}

static void final(void)
{
	for (int i = 0; i < HEAPS; i++)
		check_heap(&heaps[i]);
	for (int i = 0; i < EXPLORER_THREADS; i++) {
		fiber_check(&sleepers[i].fiber);
		explore_check(!sleepers[i].fiber.timer.is_set);
	}
	for (int i = EXPLORER_THREADS; i < EXPLORER_THREADS + still; i++)
		explore_check(sleepers[i].fiber.is_parked ==
			      sleepers[i].fiber.timer.is_set);
}

const struct explore_harness harness = {"timers", setup, final};
