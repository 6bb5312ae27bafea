/* waiting.h: what a fiber's header holds for those that make it wait. The words only: what is done
 * with them, and by whom, is in waitqueue/ticket.h and waitqueue/timers.h.
 *
 * They lie in the header, not on the stack, because whoever wakes a fiber may come late: when the
 * wait is over, or the life, there still is a word that says so. */
#ifndef WEFT_FIBER_WAITING_H
#define WEFT_FIBER_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

struct timer_heap;
struct weft_deadline;

/* Which life of its slot a fiber lives, and what stands out in it: id << 32 | bits. A request is
 * made by anyone, the other bits are the fiber's own. */
struct life {
	_Atomic uint64_t word;
};

#define LIFE_REQUESTED    UINT64_C(1) /* to end early; see waitqueue/cancel.h */
#define LIFE_ACKNOWLEDGED UINT64_C(2) /* it has been told */
#define LIFE_PROTECTED    UINT64_C(4) /* it is not to be told now */
#define LIFE_HAS_DEADLINE UINT64_C(8) /* it is in a deadline's scope */

static inline uint32_t life_id(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* A life begins. */
static inline void life_begin(struct life *life, uint32_t id)
{
	/* Relaxed: who is given the id is given it later; who comes with an older id sees
	 * this one when it sees a ticket of this life (cancel_interrupt). */
	store_relaxed(&life->word, (uint64_t)id << 32);
}

/* It is over: no number is this one until the next begins. */
static inline void life_end(struct life *life)
{
	/* Relaxed: a request that comes just now is as good as one before it. */
	store_relaxed(&life->word, 0);
}

/* Whether a wait is open, and how it ended. It goes on counting from life to life. */
struct ticket {
	_Atomic uint64_t word;
};

/* A fiber's place among the timers. */
struct timer {
	/* Written by the fiber while it is in no heap. */
	struct timer_heap *heap; /* where it was set last */
	uint64_t key;            /* of the ticket to claim */
	uint32_t
		place; /* in the heap, counted from 1; 0: not set; under the heap's lock */
	/* Written under the lock, before the claim; read by whoever sees the claim. */
	struct weft_deadline *fired; /* the deadline that has passed */
	int64_t fired_ns;            /* what its clock said */
};

#endif
