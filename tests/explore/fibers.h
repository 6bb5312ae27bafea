/* fibers.h: what the harnesses of queues take for fibers, which are opaque to the queues.
 *
 * Who makes a fiber writes it before it shows it; who takes it must see that, and take it alone:
 * both are plain accesses, so an order that is missing is a race, and a fiber taken twice is one, or
 * is counted in `final`. */
#ifndef WEFT_TESTS_EXPLORE_FIBERS_H
#define WEFT_TESTS_EXPLORE_FIBERS_H

#include "tests/explore/explorer.h"

enum { FIBERS = 16, FIBER_WHOLE = 7 };

struct fiber {
	int payload;
	int taken;
};

static struct fiber fibers[FIBERS];

static inline void fibers_reset(void)
{
	for (int i = 0; i < FIBERS; i++)
		fibers[i] = (struct fiber){0};
	explore_name(fibers, sizeof fibers[0], FIBERS, "fiber");
}

/* By who shows it afterwards. */
static inline struct fiber *fiber_make(int number)
{
	fibers[number].payload = FIBER_WHOLE;
	return &fibers[number];
}

/* By who has taken it out of a queue. */
static inline void fiber_take(struct fiber *fiber)
{
	explore_check(fiber >= fibers && fiber < fibers + FIBERS);
	explore_check(fiber->payload == FIBER_WHOLE);
	fiber->payload = 0;
	fiber->taken++;
}

/* In `final`: of those made, each was taken once. */
static inline void fibers_check(void)
{
	for (int i = 0; i < FIBERS; i++)
		if (fibers[i].payload != 0)
			explore_fail("fiber %d was made and is in no queue", i);
		else if (fibers[i].taken > 1)
			explore_fail("fiber %d was taken %d times", i, fibers[i].taken);
}

#endif
