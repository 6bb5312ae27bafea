/* turns.h: what the harnesses of descriptors take for fibers that wait: a ticket, as the runtime's
 * have, and a semaphore of the explorer's for the rest.
 *
 * A wait is what waitqueue/wait.c makes of one: wait_open, then a list, then wait_park, whose step
 * after the switch is the commit here; whoever wins a fiber posts it when the lock is free. */
#ifndef WEFT_TESTS_EXPLORE_TURNS_H
#define WEFT_TESTS_EXPLORE_TURNS_H

#include "tests/explore/explorer.h"
#include "waitqueue/turn.h"

struct fiber {
	struct ticket ticket;
	struct explore_semaphore semaphore;
	bool rests;          /* parked; in `final`, for good */
	uint32_t generation; /* of the descriptor that it waits for, if that matters */
	/* Under the descriptor's lock: its place in the order of arrival, and whether it is in
	 * the list. */
	int arrival;
	bool is_in_list;
};

static struct fiber fibers[EXPLORER_THREADS];

struct turn_won {
	struct fiber *fibers[EXPLORER_THREADS];
	int count;
	bool closes;
};

static struct fiber *holder; /* who has the turn; under the lock */
static int arrivals;         /* under the lock */

static inline void waits_reset(void)
{
	for (int i = 0; i < EXPLORER_THREADS; i++)
		fibers[i] = (struct fiber){.rests = false};
	holder = NULL;
	arrivals = 0;
	explore_name(fibers, sizeof fibers[0], EXPLORER_THREADS, "fiber");
}

/* ---- under the lock ---- */

/* The fiber is in the list; at its end, or as the first, with the arrival that it had. */
static inline void waits_arrive(struct fiber *fiber, bool had_turn)
{
	fiber->is_in_list = true;
	if (had_turn)
		holder = NULL;
	else
		fiber->arrival = ++arrivals;
}

static inline bool is_first(const struct fiber *fiber)
{
	for (int i = 0; i < EXPLORER_THREADS; i++)
		if (fibers[i].is_in_list && fibers[i].arrival < fiber->arrival)
			return false;
	return fiber->is_in_list;
}

void turn_popped(struct turn_won *won, struct turns *turns,
		 struct waiters_popped popped)
{
	(void)turns;
	explore_check(is_first(popped.fiber));
	popped.fiber->is_in_list = false;
	if (popped.claim == TICKET_WON)
		won->fibers[won->count++] = popped.fiber;
	if (popped.claim == TICKET_LOST || won->closes)
		return;
	explore_check(!holder);
	holder = popped.fiber;
}

/* ---- without the lock ---- */

static inline void waits_post(const struct turn_won *won)
{
	for (int i = 0; i < won->count; i++)
		explore_post(&won->fibers[i]->semaphore);
}

static inline enum ticket_state waits_park(struct fiber *fiber)
{
	fiber->rests = true;
	if (ticket_look(&fiber->ticket) == TICKET_ARMING &&
	    ticket_commit(&fiber->ticket))
		explore_rest(&fiber->semaphore);
	fiber->rests = false;
	return ticket_look(&fiber->ticket);
}

#endif
