/* timers.h: deadlines, earliest first.
 *
 * Concepts. Each worker has a heap of timers, with a lock of its own. A fiber has one timer, in its
 * header, which it sets in the heap of the worker it runs on, before it parks; when it goes on, on
 * whatever worker, it drops it. Any worker may take what is due out of any heap: a worker that
 * computes for long keeps nobody's deadline.
 *
 *   not set -- timer_set, by the fiber --> set -- timer_take_due, by any worker --> not set
 *                                              -- timer_drop, by the fiber -------> not set
 *
 * The heap is an array in which each place has four children, none of them due earlier:
 *
 *   place      0      its children 1 2 3 4, those of 1: 5 6 7 8, and so on
 *
 * The deadlines lie in the array itself, four siblings to a cache line, so that comparing touches no
 * fiber; a timer knows its place, so that it can be dropped from the middle. The array is address
 * space for as many timers as there can be fibers, reserved once and backed with memory as far as
 * it is used: a timer can always be set.
 *
 * This file touches the heap, which its lock guards, and the hook below.
 *
 * Rejected: a heap of linked timers (a pairing heap): 100,000 sleeps took half as long again, as each
 * comparison fetched two headers, and the first to end melded all the others under the lock; one
 * heap for all workers; a wheel, which rounds deadlines to its ticks; leaving dropped timers in the
 * heap until they are due: a server that sets a minute for each request has millions. */
#ifndef WEFT_WAITQUEUE_TIMERS_H
#define WEFT_WAITQUEUE_TIMERS_H

#include <stddef.h>

#include "base/lock.h"
#include "fiber/waiting.h"

#define TIMER_NEVER UINT64_MAX

struct timer_entry {
	uint64_t due_ns;
	struct timer *timer;
};

struct timer_heap {
	_Alignas(64) struct tiny_lock lock; /* for the next three */
	uint32_t count;
	struct timer_entry *entries; /* TIMERS_MAX of them; set once */
	/* When the first is due, or TIMER_NEVER. Written under the lock, read by anyone. */
	_Atomic uint64_t earliest_ns;
};

/* ---- hook ---- */

/* Called under the heap's lock, with a timer that is due to be looked at, and is not in the heap:
 * claims its ticket and does with the fiber what a claimer does, or answers when to look again.
 * 0: claimed, and the timer is the fiber's again. */
uint64_t timer_look(struct timer *timer, uint64_t now_ns, void *context);

/* ---- the heap; all under its lock ---- */

enum { TIMER_CHILDREN = 4 };

static inline void timer_put(struct timer_heap *heap, uint32_t place,
			     struct timer_entry entry)
{
	heap->entries[place] = entry;
	entry.timer->place = place + 1;
}

/* Into the hole at `place`, or above it, past all that are due later. */
static inline void timer_rise(struct timer_heap *heap, uint32_t place,
			      struct timer_entry entry)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / TIMER_CHILDREN;
		if (heap->entries[parent].due_ns <= entry.due_ns)
			break;
		timer_put(heap, place, heap->entries[parent]);
		place = parent;
	}
	timer_put(heap, place, entry);
}

/* The child of `place` that is due first, or its own place if it has none. */
static inline uint32_t timer_first_child(const struct timer_heap *heap, uint32_t place)
{
	uint32_t child = place * TIMER_CHILDREN + 1, end = child + TIMER_CHILDREN;
	uint32_t first = child < heap->count ? child : place;
	if (end > heap->count)
		end = heap->count;
	while (++child < end)
		if (heap->entries[child].due_ns < heap->entries[first].due_ns)
			first = child;
	return first;
}

/* Into the hole at `place`, or below it, past all that are due earlier. */
static inline void timer_sink(struct timer_heap *heap, uint32_t place,
			      struct timer_entry entry)
{
	uint32_t child;
	while ((child = timer_first_child(heap, place)) != place &&
	       heap->entries[child].due_ns < entry.due_ns) {
		timer_put(heap, place, heap->entries[child]);
		place = child;
	}
	timer_put(heap, place, entry);
}

static inline void timer_show_earliest(struct timer_heap *heap)
{
	/* Relaxed: a hint; who needs it exactly orders it (sleeper_hurry). */
	store_relaxed(&heap->earliest_ns,
		      heap->count ? heap->entries[0].due_ns : TIMER_NEVER);
}

static inline void timer_insert(struct timer_heap *heap, struct timer *timer,
				uint64_t due_ns)
{
	timer_rise(heap, heap->count++, (struct timer_entry){due_ns, timer});
	timer_show_earliest(heap);
}

/* The last fills the hole. */
static inline void timer_remove(struct timer_heap *heap, struct timer *timer)
{
	uint32_t place = timer->place - 1;
	struct timer_entry last = heap->entries[--heap->count];
	timer->place = 0;
	if (place < heap->count) {
		uint32_t parent = (place - 1) / TIMER_CHILDREN;
		if (place > 0 && last.due_ns < heap->entries[parent].due_ns)
			timer_rise(heap, place, last);
		else
			timer_sink(heap, place, last);
	}
	timer_show_earliest(heap);
}

/* ---- by a fiber ---- */

/* Sets its timer, which is not set. Returns whether it is the earliest of the heap now. */
static inline bool timer_set(struct timer_heap *heap, struct timer *timer,
			     uint64_t due_ns, uint64_t key)
{
	timer->heap = heap;
	timer->key = key;
	lock_take(&heap->lock);
	timer_insert(heap, timer, due_ns);
	bool earliest = timer->place == 1;
	lock_give(&heap->lock);
	return earliest;
}

/* When its wait is over: nobody looks at the timer from now on. */
static inline void timer_drop(struct timer *timer)
{
	struct timer_heap *heap = timer->heap;
	lock_take(&heap->lock);
	if (timer->place)
		timer_remove(heap, timer);
	lock_give(&heap->lock);
}

/* ---- by any worker ---- */

/* Looks at those that are due, at most `most`. */
static inline void timer_take_due(struct timer_heap *heap, uint64_t now_ns, int most,
				  void *context)
{
	lock_take(&heap->lock);
	for (; heap->count && heap->entries[0].due_ns <= now_ns && most > 0; most--) {
		struct timer *timer = heap->entries[0].timer;
		timer_remove(heap, timer);
		uint64_t again_ns = timer_look(timer, now_ns, context);
		if (again_ns != 0) /* else it may be gone */
			timer_insert(heap, timer, again_ns);
	}
	lock_give(&heap->lock);
}

#endif
