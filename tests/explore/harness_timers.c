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
 * What must hold: under the lock each heap is one, says what its earliest is, and each timer knows
 * its place; nothing earlier is left in the heap when a timer is looked at; all that is due when a
 * wait is to end is looked at in the end; a fiber whose time is up sees who told it; nobody touches a
 * timer that is gone, which would be a race. */
#include <string.h>

#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

#include "waitqueue/timers.h"

enum { WAITS = 4, HEAPS = 2, STILL = 5, SLEEPERS = EXPLORER_THREADS + STILL };
enum { EARLY_NS = 10, STILL_NS = 20, LATE_NS = 30, AT_ONCE = 3 };

static struct sleeper {
	struct fiber fiber;
	/* Written by the fiber before its timer is set, then under the lock. */
	bool looks_again;
	uint64_t due_ns;
	struct {
		uint64_t key, due_ns; /* written before it is registered */
		struct explore_semaphore registered[EXPLORER_THREADS];
	} waits[WAITS];
} sleepers[SLEEPERS];
static struct timer_heap heaps[HEAPS];
static struct timer_entry entries[HEAPS][SLEEPERS];
static int thread_number, rounds, still;
static bool has_second_fiber;

/* ---- under the lock, or in `final` ---- */

static void check_heap(const struct timer_heap *heap)
{
	const struct timer_entry *all = heap->entries;
	uint64_t earliest_ns;
	memcpy(&earliest_ns, (const void *)&heap->earliest_ns, sizeof earliest_ns);
	explore_check(earliest_ns == (heap->count ? all[0].due_ns : TIMER_NEVER));
	for (uint32_t i = 0; i < heap->count; i++) {
		explore_check(all[i].timer->heap == heap);
		explore_check(all[i].timer->place == i + 1);
		explore_check(i == 0 ||
			      all[(i - 1) / TIMER_CHILDREN].due_ns <= all[i].due_ns);
	}
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
	struct fiber ***won = context;
	check_heap(heap);
	explore_check(sleeper->due_ns <= now_ns);
	explore_check(!heap->count || heap->entries[0].due_ns >= sleeper->due_ns);
	if (sleeper->looks_again) {
		sleeper->looks_again = false;
		sleeper->due_ns = now_ns;
		return now_ns;
	}
	timer->fired_ns = (int64_t)now_ns;
	if (ticket_claim(&sleeper->fiber.ticket, timer->key, TICKET_TIMED_OUT) ==
	    TICKET_WON)
		*(*won)++ = &sleeper->fiber;
	return 0;
}

/* ---- fibers ---- */

static void write_over(struct timer *timer)
{
	timer->heap = NULL;
	timer->key = 0;
	timer->place = 0;
	timer->fired_ns = 0;
}

static void wait_once(struct sleeper *sleeper, int round)
{
	struct timer *timer = &sleeper->fiber.timer;
	int due = explore_choose(3);
	uint64_t due_ns = due == 0 ? EARLY_NS : LATE_NS;
	sleeper->looks_again = due == 2;
	sleeper->due_ns = sleeper->waits[round].due_ns = due_ns;
	sleeper->waits[round].key = ticket_open(&sleeper->fiber.ticket, true);
	bool earliest = timer_set(&heaps[round % HEAPS], timer, due_ns,
				  sleeper->waits[round].key);
	for (int i = 1; i < thread_number; i++)
		explore_post(&sleeper->waits[round].registered[i]);
	explore_check(earliest || has_second_fiber || (still && due_ns == LATE_NS));
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

/* A few at a time, as at each look a worker does. */
static void expire(struct timer_heap *heap, uint64_t now_ns)
{
	while (load_relaxed(&heap->earliest_ns) <= now_ns) {
		struct fiber *won[AT_ONCE], **last = won;
		timer_take_due(heap, now_ns, AT_ONCE, &last);
		for (struct fiber **at = won; at < last; at++)
			fiber_make_ready(*at);
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
	timer->key = fiber_begin_parked(&sleeper->fiber);
	sleeper->due_ns = due_ns;
	timer_insert(timer->heap, timer, due_ns);
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
		heaps[i] = (struct timer_heap){.entries = entries[i],
					       .earliest_ns = TIMER_NEVER};
	for (int i = 0; i < still; i++)
		setup_still(&sleepers[EXPLORER_THREADS + i],
			    (uint64_t)(STILL_NS + i % 3));
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
		explore_check(sleepers[i].fiber.timer.place == 0);
	}
	for (int i = EXPLORER_THREADS; i < EXPLORER_THREADS + still; i++)
		explore_check(sleepers[i].fiber.is_parked ==
			      (sleepers[i].fiber.timer.place > 0));
}

const struct explore_harness harness = {"timers", setup, final};
