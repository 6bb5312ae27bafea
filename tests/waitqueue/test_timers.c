/* test_timers.c: the heap of timers.h, beside a plain array of the same deadlines. The calls that sleep
 * are in test_sleep.c; what several threads do to a heap at once, in tests/explore. */
#include <criterion/criterion.h>

#include "waitqueue/timers.h"

enum { TIMERS = 300, STEPS = 30000 };

static struct timer_entry entries[TIMERS];
static struct timer_heap heap = {.entries = entries, .earliest_ns = TIMER_NEVER};
static struct timer timers[TIMERS];
static uint64_t due_ns[TIMERS]; /* TIMER_NEVER: not set */

static uint32_t next_random(void)
{
	static uint64_t state = 1;
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33);
}

static uint64_t least(void)
{
	uint64_t earliest = TIMER_NEVER;
	for (int i = 0; i < TIMERS; i++)
		earliest = due_ns[i] < earliest ? due_ns[i] : earliest;
	return earliest;
}

/* Each timer is where it says, no earlier than its parent, and with its own deadline. */
static void check_heap(void)
{
	cr_assert_eq(load_relaxed(&heap.earliest_ns), least());
	for (uint32_t i = 0; i < heap.count; i++) {
		const struct timer_entry *entry = &heap.entries[i];
		cr_assert_eq(entry->timer->place, i + 1);
		cr_assert_eq(entry->due_ns, due_ns[entry->timer - timers]);
		cr_assert(i == 0 || heap.entries[(i - 1) / TIMER_CHILDREN].due_ns <=
					    entry->due_ns);
	}
}

/* spread: how many different deadlines there are; few are often equal. */
static void set_or_drop(uint32_t spread)
{
	uint32_t i = next_random() % TIMERS;
	if (due_ns[i] == TIMER_NEVER) {
		uint64_t before = least();
		due_ns[i] = next_random() % spread;
		bool earliest = timer_set(&heap, &timers[i], due_ns[i], 0);
		cr_assert_eq(earliest, due_ns[i] < before);
	} else {
		timer_drop(&timers[i]);
		due_ns[i] = TIMER_NEVER;
	}
}

static void play(uint32_t spread)
{
	for (int i = 0; i < TIMERS; i++)
		due_ns[i] = TIMER_NEVER;
	for (int step = 0; step < STEPS; step++) {
		set_or_drop(spread);
		if (step % 16 == 0)
			check_heap();
	}
}

Test(timers, are_kept_in_order_while_any_is_dropped)
{
	play(UINT32_MAX);
	check_heap();
}

Test(timers, may_have_equal_deadlines)
{
	play(5);
	check_heap();
}

/* Always the first: what is left is no earlier. */
Test(timers, leave_in_the_order_of_their_deadlines)
{
	uint64_t last = 0;
	play(1000);
	while (heap.count > 0) {
		struct timer *first = heap.entries[0].timer;
		cr_assert_geq(heap.entries[0].due_ns, last);
		last = heap.entries[0].due_ns;
		timer_drop(first);
		due_ns[first - timers] = TIMER_NEVER;
		check_heap();
	}
	cr_assert_eq(load_relaxed(&heap.earliest_ns), TIMER_NEVER);
}

Test(timers, that_are_not_set_may_be_dropped)
{
	play(1000);
	uint32_t count = heap.count;
	for (int i = 0; i < TIMERS; i++)
		if (due_ns[i] == TIMER_NEVER) {
			timers[i].heap = &heap;
			timer_drop(&timers[i]);
		}
	cr_assert_eq(heap.count, count);
	check_heap();
}
