/* injection.h: the queue that all workers share, in order of arrival.
 *
 * Concepts. What has no worker of its own waits here: fibers that foreign threads submit, and
 * those that do not fit into a worker's rings. A list through the fibers, under a tiny lock. Its
 * length can be read without the lock, so that workers pass an empty queue by.
 *
 * States of a fiber: out -- injection_push --> in -- injection_take --> out
 *
 * Rejected: a ring without a lock. It would have a capacity, and then somebody would have to
 * wait; and a worker comes here once in BUDGET switches. */
#ifndef WEFT_SCHEDULER_INJECTION_H
#define WEFT_SCHEDULER_INJECTION_H

#include "base/lock.h"
#include "fiber/fiber.h"

/* All zeros is empty. */
struct injection_queue {
	struct tiny_lock lock; /* for the fields below, and each fiber's link */
	struct fiber *first, *last;
	_Atomic uint32_t length; /* written under the lock */
};

/* Anyone may ask. A worker that is falling asleep asks after its fence. */
static inline uint32_t injection_length(struct injection_queue *queue)
{
	/* Relaxed: the lock orders what is taken; the fence, a look before a sleep. Pairs with:
	 * idle_publish. */
	return load_relaxed(&queue->length);
}

/* Under the lock. */
static inline void injection_count(struct injection_queue *queue, uint32_t more)
{
	/* Relaxed: the lock orders the writers, and injection_length says who reads. */
	store_relaxed(&queue->length, load_relaxed(&queue->length) + more);
}

static inline void injection_push(struct injection_queue *queue, struct fiber *fiber)
{
	fiber->next = NULL;
	lock_take(&queue->lock);
	if (queue->first)
		queue->last->next = fiber;
	else
		queue->first = fiber;
	queue->last = fiber;
	injection_count(queue, 1);
	lock_give(&queue->lock);
}

static inline struct fiber *injection_take(struct injection_queue *queue)
{
	if (injection_length(queue) == 0)
		return NULL;
	lock_take(&queue->lock);
	struct fiber *fiber = queue->first;
	if (fiber) {
		queue->first = fiber->next;
		injection_count(queue, (uint32_t)-1);
		__builtin_prefetch(queue->first); /* whoever takes one takes more */
	}
	lock_give(&queue->lock);
	return fiber;
}

#endif
