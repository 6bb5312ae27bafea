/* fresh.h: a worker's children that have not run: newest first for the worker, oldest first for
 * thieves.
 *
 * Concepts. A ring of slots between two indices that only name places: `oldest` grows as fibers
 * are taken from the old end, `newest` grows and shrinks as the owner adds and takes at the new
 * one. oldest <= newest <= oldest + FRESH_CAPACITY, but for the moment in which the owner tries
 * for the last one.
 *
 *        oldest                 newest
 *          v                      v
 *   | - |  a  |  b  |  c  |  d  |  -  | - |
 *    thieves ->             <- owner ->
 *
 * Who gets a fiber. Whoever moves `oldest` over it, by a CAS; or the owner, who moves `newest`
 * below it and then still finds more than that one in the ring. The owner and a thief meet over
 * the last one only, and there the owner takes the thieves' way.
 *
 * States of a fiber: out -- fresh_push --> in -- fresh_pop, fresh_claim, fresh_steal --> out
 *
 * The owner writes `newest` and then reads `oldest`; a thief reads `oldest` and then `newest`: in
 * the one order of the sequentially consistent accesses, either the owner sees that the thief
 * has come that far, or the thief sees that the owner has taken it.
 *
 * This file touches its atomics and nothing else, so that all interleavings of it can be tried as
 * it is. What a fiber is, it does not know.
 *
 * Rejected: a thief that takes half. The owner takes from the new end without a CAS, so it could
 * take what lies between a thief's first and last. A ring that grows: a stale thief may read the
 * old one, so it could not be freed; what does not fit goes to the injection queue. A claim out
 * of the middle: the owner would have to hide all that is newer while it decides, and a worker
 * that falls asleep at that moment would not see it.
 *
 * After Chase and Lev (2005), in the form that Le, Pop, Cohen and Zappa Nardelli proved (2013). */
#ifndef WEFT_SCHEDULER_FRESH_H
#define WEFT_SCHEDULER_FRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

#ifndef FRESH_CAPACITY
#define FRESH_CAPACITY 65536u /* children of one worker that wait; a power of two */
#endif

struct fiber;

/* All zeros is empty. */
struct fresh_queue {
	_Alignas(64) _Atomic uint64_t oldest; /* written by thieves, and the owner */
	_Alignas(64) _Atomic uint64_t newest; /* written by the owner */
	_Atomic(struct fiber *) *slots;       /* FRESH_CAPACITY; set once; those between
					the indices written by the owner */
};

static inline _Atomic(struct fiber *) *fresh_slot(struct fresh_queue *queue,
						  uint64_t index)
{
	return &queue->slots[index % FRESH_CAPACITY];
}

/* Anyone may ask; what is true now may not be true any more. */
static inline uint32_t fresh_length(struct fresh_queue *queue)
{
	/* Acquire: `newest` is not older than what `oldest` says. Pairs with: fresh_push. */
	uint64_t oldest = load_acquire(&queue->oldest);
	int64_t length = (int64_t)(load_acquire(&queue->newest) - oldest);
	return length > 0 ? (uint32_t)length : 0;
}

/* By the owner. What is true stays so until it pushes: others only take. */
static inline bool fresh_has_room(struct fresh_queue *queue)
{
	/* Acquire: the taker has read its slot. Pairs with: fresh_steal. */
	return load_relaxed(&queue->newest) - load_acquire(&queue->oldest) <
	       FRESH_CAPACITY;
}

/* By the owner, when there is room. The fiber is then whoever's takes it. */
static inline void fresh_push(struct fresh_queue *queue, struct fiber *fiber)
{
	uint64_t newest = load_relaxed(&queue->newest); /* its own */
	store_relaxed(fresh_slot(queue, newest), fiber);
	/* Release: who sees the index sees the fiber, whole. Pairs with: fresh_steal. */
	store_release(&queue->newest, newest + 1);
}

/* The oldest is taken over by the CAS; by anyone. Whether it was there: `oldest` was. */
static inline bool fresh_advance(struct fresh_queue *queue, uint64_t oldest)
{
	/* One order with the owner's fresh_pop. Release: the slot was read. Pairs with:
	 * fresh_pop, fresh_has_room. */
	return cas_seq_cst(&queue->oldest, &oldest, oldest + 1);
}

/* By the owner: the newest, or NULL. */
static inline struct fiber *fresh_pop(struct fresh_queue *queue)
{
	uint64_t newest = load_relaxed(&queue->newest); /* its own */
	if (newest == load_relaxed(&queue->oldest)) /* empty it stays, until a push */
		return NULL;
	newest--;
	/* One order: a thief that comes later sees it; one that has come, we see. Pairs with:
	 * fresh_steal. */
	store_seq_cst(&queue->newest, newest);
	uint64_t oldest = load_seq_cst(&queue->oldest);
	/* Relaxed: written by ourselves. */
	struct fiber *fiber = load_relaxed(fresh_slot(queue, newest));
	if ((int64_t)(newest - oldest) > 0)
		return fiber;
	if (newest != oldest || !fresh_advance(queue, oldest))
		fiber = NULL; /* a thief has it */
	/* Relaxed: empty either way, and nothing new is shown. */
	store_relaxed(&queue->newest, newest + 1);
	return fiber;
}

/* By anyone: the oldest, or NULL. */
static inline struct fiber *fresh_steal(struct fresh_queue *queue)
{
	for (;;) {
		/* One order: see the top of this file. Acquire: the fiber is whole. Pairs
		 * with: fresh_pop, fresh_push. */
		uint64_t oldest = load_seq_cst(&queue->oldest);
		uint64_t newest = load_seq_cst(&queue->newest);
		if ((int64_t)(newest - oldest) <= 0)
			return NULL;
		/* Relaxed: if it is overwritten meanwhile, `oldest` has moved. */
		struct fiber *fiber = load_relaxed(fresh_slot(queue, oldest));
		if (fresh_advance(queue, oldest))
			return fiber;
	}
}

/* By the owner: which one may be the oldest, or a stale one, or NULL; only for a guess. */
static inline struct fiber *fresh_peek_oldest(struct fresh_queue *queue)
{
	/* Relaxed: a guess. */
	return load_relaxed(fresh_slot(queue, load_relaxed(&queue->oldest)));
}

/* By the owner: takes that fiber, if it is the newest or the oldest. One that lies between runs
 * soon enough: the newer ones first. */
static inline bool fresh_claim(struct fresh_queue *queue, const struct fiber *fiber)
{
	uint64_t newest = load_relaxed(&queue->newest); /* its own */
	/* Relaxed: a guess, which fresh_pop and fresh_advance verify. */
	uint64_t oldest = load_relaxed(&queue->oldest);
	if (newest == oldest)
		return false;
	if (load_relaxed(fresh_slot(queue, newest - 1)) == fiber)
		return fresh_pop(queue) != NULL;
	return load_relaxed(fresh_slot(queue, oldest)) == fiber &&
	       fresh_advance(queue, oldest);
}

/* ---- by an owner that is alone: there is no thief, and never will be ---- */

/* As fresh_pop. */
static inline struct fiber *fresh_pop_alone(struct fresh_queue *queue)
{
	/* Relaxed: its own, both. */
	uint64_t newest = load_relaxed(&queue->newest);
	if (newest == load_relaxed(&queue->oldest))
		return NULL;
	store_relaxed(&queue->newest, newest - 1);          /* nobody else looks */
	return load_relaxed(fresh_slot(queue, newest - 1)); /* its own */
}

/* As fresh_claim. */
static inline bool fresh_claim_alone(struct fresh_queue *queue,
				     const struct fiber *fiber)
{
	/* Relaxed: its own, all. */
	uint64_t newest = load_relaxed(&queue->newest);
	uint64_t oldest = load_relaxed(&queue->oldest);
	if (newest == oldest)
		return false;
	bool is_newest =
		load_relaxed(fresh_slot(queue, newest - 1)) == fiber; /* its own */
	if (!is_newest && load_relaxed(fresh_slot(queue, oldest)) != fiber)
		return false;
	/* Relaxed: nobody else looks. */
	store_relaxed(&queue->newest, newest - is_newest);
	store_relaxed(&queue->oldest, oldest + !is_newest);
	return true;
}

#endif
