/* turn.h: many fibers on one descriptor and direction, one after the other.
 *
 * Concepts. Fibers that found a descriptor not ready wait in order of arrival. One event of the
 * kernel's wakes the first of them, who then has the turn: it tries its operation, and nobody
 * goes past it. When it leaves, because it succeeded or for any other reason, it hands the turn on
 * to the next, if the descriptor may be ready still. If it finds the descriptor empty, it waits
 * again as the first. A fiber that comes while others wait, or have the turn, waits behind them.
 *
 * States of a direction: nobody waits; some wait; one has the turn, and perhaps others wait. And
 * who makes each transition:
 *
 *   turn_wait         a fiber goes to the end; or, with the turn, to the front, and gives it up
 *   turn_event, and then turn_see_to
 *                     the first gets the turn, if nobody has it
 *   turn_leave        whoever had it hands it on, or nobody has it
 *   turn_withdraw     a fiber that was timed out or canceled goes
 *   turn_close        all go; nobody waits, in the next generation
 *
 * The invariant: if the direction is worth trying and somebody waits, then somebody has the turn.
 * Where it becomes worth trying (turn_event), where somebody begins to wait (turn_wait), and
 * where nobody has the turn any more (turn_leave, turn_wait), it is seen to, under the lock. A
 * fiber that nobody waits before needs neither the lock nor the turn: WAITED is a bit of the
 * readiness word.
 *
 * A pop whose claim is lost goes on with the next; so a turn is given to a fiber that will go on.
 * One that is canceled after that has the turn all the same: its wait ended with it, and it leaves,
 * and hands on, as any other.
 *
 * This file touches atomics, what the lock guards, and tickets; what is popped it tells turn_popped,
 * a hook.
 *
 * Rejected: to wake all, as the original does (Kqueue.zig:434): one gets it, and the rest line up
 * behind newcomers. To wake one for each event and trust that it empties the descriptor: it may
 * want less. */
#ifndef WEFT_WAITQUEUE_TURN_H
#define WEFT_WAITQUEUE_TURN_H

#include "waitqueue/readiness.h"
#include "waitqueue/use.h"
#include "waitqueue/waiters.h"

/* One direction of a descriptor. */
struct turns {
	struct readiness readiness;
	/* Under the descriptor's lock. */
	struct waiters waiters;
	bool is_taken; /* somebody has the turn */
};

/* Fibers that were won, to be made ready when the lock is free; linked by waitqueue's own means. */
struct turn_won;

/* ---- hook ---- */

/* Called under the lock for each that was taken out of the waiters; keeps those that were won. */
void turn_popped(struct turn_won *won, struct turns *turns,
		 struct waiters_popped popped);

/* ---- without the lock ---- */

/* The kernel has told. flags: READINESS_HANGUP or 0. Whether somebody may wait: then turn_see_to
 * is to be called. */
static inline bool turn_event(struct turns *turns, uint32_t generation, uint64_t flags)
{
	return readiness_event(&turns->readiness, generation, flags) & READINESS_WAITED;
}

/* Whether a fiber with that note may try at once, without the turn. */
static inline bool turn_is_free(uint64_t note)
{
	return (note & READINESS_WORTH) && !(note & READINESS_WAITED);
}

/* ---- under the lock ---- */

/* Gives the turn to the first that can be woken. */
static inline void turn_give(struct turns *turns, struct turn_won *won)
{
	struct waiters_popped popped;
	while (!turns->is_taken && (popped = waiters_pop(&turns->waiters)).fiber) {
		turns->is_taken = popped.claim != TICKET_LOST;
		turn_popped(won, turns, popped);
	}
}

/* If nobody has it and it is worth trying. */
static inline void turn_see_to(struct turns *turns, struct turn_won *won)
{
	/* Relaxed: whoever gets the turn notes it anew; and an event that is not seen here
	 * finds WAITED, and its teller comes to the lock after us. */
	if (load_relaxed(&turns->readiness.word) & READINESS_WORTH)
		turn_give(turns, won);
	if (!turns->is_taken && !turns->waiters.first)
		readiness_end_wait(&turns->readiness);
}

enum turn_answer {
	TURN_WAITS, /* the waiter is in the list */
	TURN_GOES,  /* worth trying; with the turn, if it had it */
	TURN_CLOSED,
};

/* has_turn: the fiber's, who then waits as the first. */
static inline enum turn_answer turn_wait(struct turns *turns, uint32_t generation,
					 struct waiter *waiter, bool has_turn)
{
	/* Relaxed: a generation ends under the lock. */
	uint64_t word = load_relaxed(&turns->readiness.word);
	if (readiness_generation(word) != generation)
		return TURN_CLOSED;
	bool others = !has_turn && (turns->is_taken || turns->waiters.first);
	if (!others && !readiness_wait(&turns->readiness, generation))
		return TURN_GOES;
	if (!has_turn) {
		waiters_push(&turns->waiters, waiter);
		return TURN_WAITS;
	}
	turns->is_taken = false;
	waiters_push_first(&turns->waiters, waiter);
	return TURN_WAITS;
}

/* By one that has the turn. */
static inline void turn_leave(struct turns *turns, uint32_t generation,
			      struct turn_won *won)
{
	/* Relaxed: a generation ends under the lock. */
	uint64_t word = load_relaxed(&turns->readiness.word);
	if (readiness_generation(word) != generation)
		return; /* closed, and another's turns */
	turns->is_taken = false;
	turn_see_to(turns, won);
}

/* By one whose wait ended otherwise than by a turn. */
static inline void turn_withdraw(struct turns *turns, struct waiter *waiter)
{
	if (!waiter->in)
		return; /* a waker has taken it out, or a close */
	waiters_unlink(waiter);
	if (!turns->is_taken && !turns->waiters.first)
		readiness_end_wait(&turns->readiness);
}

/* The descriptor's next generation begins; whoever waited is woken. */
static inline void turn_close(struct turns *turns, uint32_t next_generation,
			      struct turn_won *won)
{
	struct waiters_popped popped;
	turns->is_taken = false;
	readiness_begin(&turns->readiness, next_generation);
	while ((popped = waiters_pop(&turns->waiters)).fiber)
		turn_popped(won, turns, popped);
}

#endif
