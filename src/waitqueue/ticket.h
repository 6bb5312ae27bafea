/* ticket.h: one word by which a fiber that waits for several things is woken by one of them.
 *
 * Concepts. A fiber that is about to wait opens a ticket, hands its key to whatever may wake it
 * (a queue, a timer, a canceler), and parks. Each of them may claim the ticket; the first does,
 * and how the wait ended stands in the word. All others find another word than they were given a
 * key for, however late they come: the next wait of the fiber has another key, also in the slot's
 * next life, since the word lies in the fiber's header, which stays.
 *
 * States, and who makes each transition:
 *
 *   closed, or any outcome -- ticket_open, by the fiber --> arming
 *   arming  -- ticket_commit, by the after-switch step --> waiting
 *   arming  -- ticket_claim --> woken, timed out or canceled: RECORDED, the fiber still runs
 *   waiting -- ticket_claim --> woken, timed out or canceled: WON, the fiber is the claimer's
 *
 * Why arming. The fiber registers with its sources while it still runs, and a source that comes at
 * once must not make it ready: its registers are not saved yet. So a claim that finds arming
 * leaves the outcome, and nothing else. Then ticket_commit fails, and the after-switch step, on the
 * next stack, makes the fiber ready; or the fiber sees the outcome first and does not park.
 *
 * This file touches the word and nothing else, so that all interleavings of it can be tried as it
 * is.
 *
 * Rejected: to register from the after-switch step, when the fiber is whole: a step has no stack
 * of its own to fail on, and a wait in two queues takes two locks in it. A flag in each source: two
 * sources then wake one fiber twice, as in the original's select (Kqueue.zig:504). */
#ifndef WEFT_WAITQUEUE_TICKET_H
#define WEFT_WAITQUEUE_TICKET_H

#include "fiber/waiting.h"

/* The numbers of the outcomes are those of the trace's choice "outcome". */
enum ticket_state {
	TICKET_CLOSED = 0,
	TICKET_WOKEN = 1,
	TICKET_TIMED_OUT = 2,
	TICKET_CANCELED = 3,
	TICKET_ARMING = 4,
	TICKET_WAITING = 5,
};

#define TICKET_STATES       UINT64_C(7)
#define TICKET_UNCANCELABLE UINT64_C(8)  /* part of the key */
#define TICKET_GENERATION   UINT64_C(16) /* the rest of the key counts in these */

enum ticket_claim {
	TICKET_LOST = 0, /* the wait has ended, or is another one */
	TICKET_RECORDED, /* the outcome stands; the fiber goes on by itself */
	TICKET_WON,      /* the fiber is the caller's, who makes it ready */
};

/* By the fiber: begins a wait. Returns its key. */
static inline uint64_t ticket_open(struct ticket *ticket, bool cancelable)
{
	/* Relaxed: a late claim changes no word that it has no key for. */
	uint64_t last = load_relaxed(&ticket->word);
	uint64_t key = (last | (TICKET_GENERATION - 1)) + 1;
	if (!cancelable)
		key |= TICKET_UNCANCELABLE;
	/* One order: it is open before the fiber looks whether it is canceled. Pairs with:
	 * ticket_of_canceler. */
	store_seq_cst(&ticket->word, key | TICKET_ARMING);
	return key;
}

/* By the fiber, or by its after-switch step: how the wait has ended, or TICKET_ARMING or
 * TICKET_WAITING. */
static inline enum ticket_state ticket_look(struct ticket *ticket)
{
	/* Acquire: what the claimer wrote before its claim. Pairs with: ticket_claim. */
	return (enum ticket_state)(load_acquire(&ticket->word) & TICKET_STATES);
}

/* By the after-switch step: the fiber is whole. False: it was claimed before, and nobody else will
 * make it ready. */
static inline bool ticket_commit(struct ticket *ticket)
{
	/* Relaxed: only the step and the fiber change it from arming to anything but an
	 * outcome, and the compare-and-swap looks again. */
	uint64_t word = load_relaxed(&ticket->word);
	if ((word & TICKET_STATES) != TICKET_ARMING)
		return false;
	/* Release: the fiber is whole before it is claimed. Pairs with: ticket_claim. When it
	 * fails, it says nothing of the claimer: that is ticket_look's. */
	return cas_release(&ticket->word, &word,
			   (word & ~TICKET_STATES) | TICKET_WAITING);
}

/* By anyone that was given the key. */
static inline enum ticket_claim ticket_claim(struct ticket *ticket, uint64_t key,
					     enum ticket_state outcome)
{
	uint64_t word = key | TICKET_WAITING; /* a guess; the CAS verifies it */
	while (word == (key | TICKET_WAITING) || word == (key | TICKET_ARMING))
		/* Acquire: the fiber is whole. Release: what we wrote is seen when it goes
		 * on. Pairs with: ticket_commit, ticket_look. */
		if (cas_acq_rel(&ticket->word, &word, key | (uint64_t)outcome))
			return (word & TICKET_STATES) == TICKET_WAITING
				       ? TICKET_WON
				       : TICKET_RECORDED;
	return TICKET_LOST;
}

/* By a canceler, after its request: the key of the wait that it may end, or 0. */
static inline uint64_t ticket_of_canceler(struct ticket *ticket)
{
	/* One order: the request is made before it is asked whether anybody waits. Pairs
	 * with: ticket_open. */
	uint64_t word = load_seq_cst(&ticket->word);
	uint64_t state = word & TICKET_STATES;
	bool open = state == TICKET_ARMING || state == TICKET_WAITING;
	return open && !(word & TICKET_UNCANCELABLE) ? word & ~TICKET_STATES : 0;
}

#endif
