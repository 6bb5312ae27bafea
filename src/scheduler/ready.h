/* ready.h: the queue of fibers that are ready, in order of arrival.
 *
 * Concepts. A doubly linked list through the fibers themselves, so that one can be taken out of
 * the middle: an awaiter takes the very child it awaits. All workers share it, under its lock; a
 * worker that is alone does not take the lock.
 *
 * States of a fiber: out -- ready_append --> queued -- ready_take_first, ready_take --> out
 *
 * (One list under one lock is what chapter 3 replaces. The scheduler's interface stays.)
 *
 * Rejected: an array of pointers. A fiber that leaves its middle leaves a hole there. */
#ifndef WEFT_SCHEDULER_READY_H
#define WEFT_SCHEDULER_READY_H

#include "base/lock.h"
#include "fiber/fiber.h"

struct ready_queue {
	/* For the fields below, and each fiber's links and `queued`. */
	struct tiny_lock lock;
	struct fiber *first, *last;
	uint32_t sleepers; /* workers that found the queue empty */
};

/* ---- all under the lock ---- */

static inline void ready_append(struct ready_queue *ready, struct fiber *fiber)
{
	fiber->next = NULL;
	fiber->previous = ready->last;
	if (ready->last)
		ready->last->next = fiber;
	else
		ready->first = fiber;
	ready->last = fiber;
	fiber->queued = true;
}

static inline void ready_unlink(struct ready_queue *ready, struct fiber *fiber)
{
	if (fiber->previous)
		fiber->previous->next = fiber->next;
	else
		ready->first = fiber->next;
	fiber->queued = false;
	if (fiber->next) {
		fiber->next->previous = fiber->previous;
		fiber_prefetch_stack(fiber->next); /* it is likely to be run next */
	} else {
		ready->last = fiber->previous;
	}
}

/* The first that may run there; at most one fiber, the main one, is passed over. */
static inline struct fiber *ready_take_first(struct ready_queue *ready, bool pinned_too)
{
	struct fiber *fiber = ready->first;
	if (fiber && fiber->pinned && !pinned_too)
		fiber = fiber->next;
	if (fiber)
		ready_unlink(ready, fiber);
	return fiber;
}

/* That fiber, if it is queued in that life; whether it is in this life is asked of one in the
 * queue only: there it does not change. */
static inline struct fiber *ready_take(struct ready_queue *ready, struct fiber *fiber,
				       uint32_t id)
{
	if (!fiber->queued || fiber->id != id)
		return NULL;
	ready_unlink(ready, fiber);
	return fiber;
}

#endif
