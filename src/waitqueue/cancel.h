/* cancel.h: a fiber is asked to end early.
 *
 * Concepts. A request is a bit in the fiber's life word, beside the number of that life, so that it
 * cannot reach the next one. The fiber is told of it once, by the next cancelation point that it
 * comes to, or that it waits in: that one answers -ECANCELED and acknowledges. Later ones work.
 *
 *   not requested -- cancel_request, by anyone, once --> pending
 *   pending -- cancel_acknowledge, by the fiber --> acknowledged
 *   acknowledged -- cancel_rearm, by the fiber --> pending
 *
 * While the fiber protects itself a request stays pending, and no point sees it.
 *
 * A wait is ended by its ticket. The canceler makes its request, and then looks for an open ticket;
 * the fiber opens its ticket, and then looks for a request. One of them sees the other. That the
 * ticket is of the same life the canceler knows because the life is the same after it read the
 * ticket as it was when it made its request.
 *
 * This file touches the life's word and the ticket's, and nothing else.
 *
 * Rejected: a signal to the thread, which arrives before the system call or after it; a pointer to
 * what the fiber waits in, which is gone when the canceler looks. */
#ifndef WEFT_WAITQUEUE_CANCEL_H
#define WEFT_WAITQUEUE_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "fiber/waiting.h"
#include "waitqueue/ticket.h"

static inline bool cancel_is_pending(uint64_t life)
{
	return (life & (LIFE_REQUESTED | LIFE_ACKNOWLEDGED | LIFE_PROTECTED)) ==
	       LIFE_REQUESTED;
}

/* By the fiber, at a cancelation point, or when its wait is open. */
static inline bool cancel_look(struct life *life)
{
	/* One order: the wait is open before this is read. Pairs with: cancel_request. */
	return cancel_is_pending(load_seq_cst(&life->word));
}

/* By anyone: asks the fiber of that life. False: that life is over, or has been asked before. */
static inline bool cancel_request(struct life *life, uint32_t id)
{
	uint64_t word = load_relaxed(&life->word); /* a guess; the CAS verifies it */
	while (life_id(word) == id && !(word & LIFE_REQUESTED))
		/* One order: it is requested before the ticket is read. Pairs with:
		 * cancel_look, ticket_open. */
		if (cas_seq_cst(&life->word, &word, word | LIFE_REQUESTED))
			return true;
	return false;
}

/* By whoever has requested it: ends the wait that the fiber is in, if it is in one. As
 * ticket_claim. */
static inline enum ticket_claim cancel_interrupt(struct life *life, uint32_t id,
						 struct ticket *ticket)
{
	uint64_t key = ticket_of_canceler(ticket);
	/* Relaxed: the ticket was read in order, so this is no older than what its fiber had
	 * seen when it opened it. Pairs with: ticket_open. */
	uint64_t word = load_relaxed(&life->word);
	if (key == 0 || life_id(word) != id || !cancel_is_pending(word))
		return TICKET_LOST;
	return ticket_claim(ticket, key, TICKET_CANCELED);
}

/* By the fiber: it has been told. */
static inline void cancel_acknowledge(struct life *life)
{
	(void)fetch_add_relaxed(&life->word,
				LIFE_ACKNOWLEDGED); /* its own bit, not set */
}

/* By the fiber, of a request that it has acknowledged: it stays to be told. */
static inline void cancel_rearm(struct life *life)
{
	(void)fetch_add_relaxed(&life->word, -LIFE_ACKNOWLEDGED); /* its own bit, set */
}

/* By the fiber: from now on no point sees a request, or does again. Returns what was. */
static inline bool cancel_protect(struct life *life, bool on)
{
	bool was = load_relaxed(&life->word) & LIFE_PROTECTED; /* its own bit */
	if (was != on)
		(void)fetch_add_relaxed(&life->word,
					on ? LIFE_PROTECTED : -LIFE_PROTECTED);
	return was;
}

#endif
