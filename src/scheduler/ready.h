/* ready.h: a worker's fibers that were woken, or yielded: in order of arrival.
 *
 * Concepts. A ring of slots between two indices that only grow: the owner adds at `last`, and
 * whoever takes moves `first` over what it takes, by a CAS: the owner one fiber, a thief half of
 * them, which it has copied into its own ring before and shows there after.
 * first <= last <= first + READY_CAPACITY.
 *
 * States of a fiber: out -- ready_push --> in -- ready_pop --> out
 *                                          in -- ready_grab --> the thief's, and not shown
 *                                             -- ready_show --> in the thief's ring
 *
 * An index never comes again (it has 64 bits), so a CAS that succeeds saw all the slots as they
 * are: a slot is overwritten only after `first` has passed it.
 *
 * This file touches its atomics and nothing else, so that all interleavings of it can be tried as
 * it is. What a fiber is, it does not know.
 *
 * Rejected: an owner that takes without a CAS, as in fresh.h: a thief takes many at once, and
 * the owner could take one of those. A linked list under a lock: a yield is a push and a pop, and
 * the lock costs each as much as the CAS costs the pop alone. */
#ifndef WEFT_SCHEDULER_READY_H
#define WEFT_SCHEDULER_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

#ifndef READY_CAPACITY
#define READY_CAPACITY 65536u /* fibers of one worker that wait; a power of two */
#endif

#ifndef READY_BATCH
#define READY_BATCH 64u /* the most that a thief takes at once */
#endif

struct fiber;

/* All zeros is empty. */
struct ready_queue {
	_Alignas(64) _Atomic uint64_t first; /* written by whoever takes */
	_Alignas(64) _Atomic uint64_t last;  /* written by the owner */
	_Atomic(struct fiber *) *slots;      /* READY_CAPACITY; set once; those beyond
					`last` written by the owner */
};

static inline _Atomic(struct fiber *) *ready_slot(struct ready_queue *queue,
						  uint64_t index)
{
	return &queue->slots[index % READY_CAPACITY];
}

/* Anyone may ask; what is true now may not be true any more. */
static inline uint32_t ready_length(struct ready_queue *queue)
{
	/* Acquire: `last` is not older than what `first` says. Pairs with: ready_push. */
	uint64_t first = load_acquire(&queue->first);
	return (uint32_t)(load_acquire(&queue->last) - first);
}

/* By the owner. What is true stays so until it pushes: others only take. */
static inline bool ready_has_room(struct ready_queue *queue)
{
	/* Acquire: the taker has read its slots. Pairs with: ready_advance. */
	return load_relaxed(&queue->last) - load_acquire(&queue->first) <
	       READY_CAPACITY;
}

/* By the owner: shows `count` fibers more, which it has written beyond `last`. */
static inline void ready_show(struct ready_queue *queue, uint32_t count)
{
	/* Release: who sees the index sees the fibers, whole. Pairs with: ready_grab. */
	store_release(&queue->last, load_relaxed(&queue->last) + count);
}

/* By the owner, when there is room. */
static inline void ready_push(struct ready_queue *queue, struct fiber *fiber)
{
	store_relaxed(ready_slot(queue, load_relaxed(&queue->last)), fiber);
	ready_show(queue, 1);
}

/* Takes `count` fibers from `*first` on. False: somebody else took some; *first is where they
 * begin now. */
static inline bool ready_advance(struct ready_queue *queue, uint64_t *first,
				 uint32_t count)
{
	/* Release: the slots were read. Acquire, on failure: as when first read. Pairs with:
	 * ready_has_room. */
	return cas_acq_rel(&queue->first, first, *first + count);
}

/* By the owner: the first, or NULL. */
static inline struct fiber *ready_pop(struct ready_queue *queue)
{
	uint64_t last = load_relaxed(&queue->last);   /* its own */
	uint64_t first = load_relaxed(&queue->first); /* a guess; the CAS verifies it */
	while (first != last) {
		/* Relaxed: what is in the owner's ring the owner has written. */
		struct fiber *fiber = load_relaxed(ready_slot(queue, first));
		if (ready_advance(queue, &first, 1))
			return fiber;
	}
	return NULL;
}

/* As ready_pop, by an owner that is alone: there is no thief, and never will be. */
static inline struct fiber *ready_pop_alone(struct ready_queue *queue)
{
	/* Relaxed, all: nobody else is there. */
	uint64_t first = load_relaxed(&queue->first);
	if (first == load_relaxed(&queue->last))
		return NULL;
	store_relaxed(&queue->first, first + 1);
	return load_relaxed(ready_slot(queue, first));
}

/* By the owner: what the next ready_pop may return, or a stale one; only for a guess. */
static inline struct fiber *ready_peek(struct ready_queue *queue)
{
	/* Relaxed: a guess. */
	return load_relaxed(ready_slot(queue, load_relaxed(&queue->first)));
}

/* By the owner of `mine`, which has room for READY_BATCH: takes up to half of what is in
 * `victim`, the first ones. Returns the first, or NULL; the other *count - 1 stand beyond
 * mine->last, where ready_taken reads them. */
static inline struct fiber *ready_grab(struct ready_queue *victim,
				       struct ready_queue *mine, uint32_t *count)
{
	uint64_t end = load_relaxed(&mine->last); /* its own */
	/* Acquire: `last` is not older. Pairs with: ready_advance. */
	uint64_t first = load_acquire(&victim->first);
	for (;;) {
		/* Acquire: the fibers are whole. Pairs with: ready_show. */
		uint64_t length = load_acquire(&victim->last) - first;
		*count = (uint32_t)(length - length / 2);
		if (*count > READY_BATCH)
			*count = READY_BATCH;
		if (*count == 0)
			return NULL;
		/* Relaxed: if one is overwritten meanwhile, `first` has moved. */
		struct fiber *fiber = load_relaxed(ready_slot(victim, first));
		for (uint32_t i = 1; i < *count; i++)
			store_relaxed(ready_slot(mine, end + i - 1),
				      load_relaxed(ready_slot(victim, first + i)));
		if (ready_advance(victim, &first, *count))
			return fiber;
	}
}

/* By the owner: one of those that ready_grab has taken and that are not shown. */
static inline struct fiber *ready_taken(struct ready_queue *mine, uint32_t index)
{
	return load_relaxed(ready_slot(mine, load_relaxed(&mine->last) + index));
}

#endif
