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
 * The heap is a pairing heap: each timer is due no earlier than its parent. It needs no memory of
 * its own, so that a timer can always be set; setting one is a comparison with the root, and
 * dropping one that became nobody's parent unlinks it:
 *
 *   root            the earliest
 *     | child
 *   first - next -> second - next -> ...   each with children of its own
 *
 *   `previous` of a first child is its parent; of the others the one before.
 *
 * This file touches the heap, which its lock guards, and the hook below.
 *
 * Rejected: a heap in an array, which has to grow, and may fail to; one heap for all workers; a
 * wheel, which rounds deadlines to its ticks; leaving dropped timers in the heap until they are
 * due: a server that sets a minute for each request has millions. */
#ifndef WEFT_WAITQUEUE_TIMERS_H
#define WEFT_WAITQUEUE_TIMERS_H

#include <stddef.h>

#include "base/lock.h"
#include "fiber/waiting.h"

#define TIMER_NEVER UINT64_MAX

struct timer_heap {
	_Alignas(64) struct tiny_lock lock;
	struct timer *root; /* under the lock */
	/* When the root is due, or TIMER_NEVER. Written under the lock, read by anyone. */
	_Atomic uint64_t earliest_ns;
};

/* ---- hook ---- */

/* Called under the heap's lock, with a timer that is due to be looked at, and is not in the heap:
 * claims its ticket and does with the fiber what a claimer does, or answers when to look again.
 * 0: claimed, and the timer is the fiber's again. */
uint64_t timer_look(struct timer *timer, uint64_t now_ns, void *context);

/* ---- the heap; all under its lock ---- */

/* Two heaps become one; neither is empty. */
static inline struct timer *timer_meld(struct timer *one, struct timer *other)
{
	if (other->due_ns < one->due_ns) {
		struct timer *later = one;
		one = other;
		other = later;
	}
	other->next = one->child;
	if (other->next)
		other->next->previous = other;
	other->previous = one;
	one->child = other;
	return one;
}

/* Siblings become one heap: two by two from the left, and then together from the right. */
static inline struct timer *timer_meld_all(struct timer *first)
{
	struct timer *pairs = NULL, *all = NULL;
	while (first) {
		struct timer *one = first, *other = first->next;
		first = other ? other->next : NULL;
		if (other)
			one = timer_meld(one, other);
		one->next = pairs; /* the last pair is the first of this list */
		pairs = one;
	}
	while (pairs) {
		struct timer *pair = pairs;
		pairs = pair->next;
		all = all ? timer_meld(pair, all) : pair;
	}
	return all;
}

static inline void timer_show_root(struct timer_heap *heap, struct timer *root)
{
	heap->root = root;
	if (root)
		root->next = root->previous = NULL;
	/* Relaxed: a hint; who needs it exactly orders it (sleeper_hurry). */
	store_relaxed(&heap->earliest_ns, root ? root->due_ns : TIMER_NEVER);
}

static inline void timer_insert(struct timer_heap *heap, struct timer *timer)
{
	timer->child = timer->next = timer->previous = NULL;
	timer->is_set = true;
	if (!heap->root)
		timer_show_root(heap, timer);
	else if (timer->due_ns < heap->root->due_ns)
		timer_show_root(heap, timer_meld(heap->root, timer));
	else
		(void)timer_meld(heap->root, timer); /* becomes its child */
}

static inline void timer_remove(struct timer_heap *heap, struct timer *timer)
{
	timer->is_set = false;
	struct timer *below = timer_meld_all(timer->child);
	if (timer == heap->root) {
		timer_show_root(heap, below);
		return;
	}
	*(timer->previous->child == timer ? &timer->previous->child
					  : &timer->previous->next) = timer->next;
	if (timer->next)
		timer->next->previous = timer->previous;
	if (below)
		(void)timer_meld(heap->root, below); /* none is earlier than the root */
}

/* ---- by a fiber ---- */

/* Sets its timer, which is not set. Returns whether it is the earliest of the heap now. */
static inline bool timer_set(struct timer_heap *heap, struct timer *timer,
			     uint64_t due_ns, uint64_t key)
{
	timer->heap = heap;
	timer->key = key;
	lock_take(&heap->lock);
	timer->due_ns = due_ns;
	timer_insert(heap, timer);
	bool earliest = heap->root == timer;
	lock_give(&heap->lock);
	return earliest;
}

/* When its wait is over: nobody looks at the timer from now on. */
static inline void timer_drop(struct timer *timer)
{
	struct timer_heap *heap = timer->heap;
	lock_take(&heap->lock);
	if (timer->is_set)
		timer_remove(heap, timer);
	lock_give(&heap->lock);
}

/* ---- by any worker ---- */

/* Looks at those that are due, at most `most`; whether there may be more. */
static inline bool timer_take_due(struct timer_heap *heap, uint64_t now_ns, int most,
				  void *context)
{
	lock_take(&heap->lock);
	for (; heap->root && heap->root->due_ns <= now_ns && most > 0; most--) {
		struct timer *timer = heap->root;
		timer_remove(heap, timer);
		uint64_t again_ns = timer_look(timer, now_ns, context);
		if (again_ns == 0)
			continue; /* it may be gone */
		timer->due_ns = again_ns;
		timer_insert(heap, timer);
	}
	lock_give(&heap->lock);
	return most == 0;
}

#endif
