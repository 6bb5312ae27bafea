/* waits.h: what the harnesses of waits take for fibers, and how such a fiber waits.
 *
 * A thread is a fiber and, when that has left, its after-switch step, as in waitqueue/wait.c. For all
 * that a fiber leaves behind for whoever resumes it there is is_parked: the step writes it before it
 * commits the ticket, and who makes the fiber ready reads it. So an order that is missing is a race,
 * and a fiber that is made ready twice, or before it has parked, is found not parked. */
#ifndef WEFT_TESTS_EXPLORE_WAITS_H
#define WEFT_TESTS_EXPLORE_WAITS_H

#include "tests/explore/explorer.h"
#include "waitqueue/ticket.h"

struct fiber {
	struct ticket ticket;
	struct life life;
	struct timer timer;
	bool is_parked;
	struct explore_semaphore ready;
};

static inline void fiber_make_ready(struct fiber *fiber)
{
	explore_check(fiber->is_parked);
	fiber->is_parked = false;
	explore_post(&fiber->ready);
}

/* By anyone that was given the key. */
static inline enum ticket_claim fiber_claim(struct fiber *fiber, uint64_t key,
					    enum ticket_state outcome)
{
	enum ticket_claim claim = ticket_claim(&fiber->ticket, key, outcome);
	if (claim == TICKET_WON)
		fiber_make_ready(fiber);
	return claim;
}

/* By the fiber, whose ticket is open: until that is claimed. Returns how the wait has ended. */
static inline enum ticket_state fiber_park(struct fiber *fiber)
{
	if (ticket_look(&fiber->ticket) != TICKET_ARMING)
		return ticket_look(&fiber->ticket);
	fiber->is_parked = true;
	if (ticket_commit(&fiber->ticket))
		explore_wait(&fiber->ready);
	else
		fiber->is_parked = false; /* the step makes it ready */
	return ticket_look(&fiber->ticket);
}

/* In `setup`: a fiber that no thread is, and that waits. Returns its key. */
static inline uint64_t fiber_begin_parked(struct fiber *fiber)
{
	uint64_t key = ticket_open(&fiber->ticket, true);
	fiber->is_parked = true;
	(void)ticket_commit(&fiber->ticket);
	return key;
}

/* In `final`: a fiber that went on is not made ready once more. */
static inline void fiber_check(const struct fiber *fiber)
{
	explore_check(!fiber->is_parked);
	explore_check(!fiber->ready.posted);
}

#endif
