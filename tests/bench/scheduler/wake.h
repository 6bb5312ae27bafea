/* wake.h: how long it takes from one who wakes to another who wakes up.
 *
 * States of a wake, and who makes each transition:
 *
 *   asked -- wake_pause, the waker runs --> running -- wake_wait_for_waker --> waits
 *   waits -- wake_pause, the pause is over, the clock is read --> told
 *
 * The one who waits spins until the waker runs, so that each has a processor of its own, and
 * then waits in the way that is measured; wake_latency reads the clock again. How long the waker
 * pauses decides how deep the other one sleeps. */
#ifndef WEFT_BENCH_SCHEDULER_WAKE_H
#define WEFT_BENCH_SCHEDULER_WAKE_H

#include "base/atomic.h"
#include "base/system.h"

enum wake_state { WAKE_ASKED, WAKE_RUNNING, WAKE_WAITS };

struct wake {
	_Atomic int state;
	uint64_t pause_ns; /* set before the waker is started */
	uint64_t told_ns;  /* the waker's; read when it has woken the other */
};

static inline void wake_spin_until(struct wake *wake, int state)
{
	/* Acquire: in each state only the other side goes on. Pairs with: wake_pause,
	 * wake_wait_for_waker. */
	while (load_acquire(&wake->state) != state)
		;
}

/* The waker's: returns when it is to wake the other, at once. */
static inline void wake_pause(struct wake *wake)
{
	store_release(&wake->state, WAKE_RUNNING); /* Pairs with: wake_spin_until. */
	wake_spin_until(wake, WAKE_WAITS);
	uint64_t start_ns = system_monotonic_ns();
	do
		wake->told_ns = system_monotonic_ns();
	while (wake->told_ns - start_ns < wake->pause_ns);
}

/* The other one's, just before it waits. */
static inline void wake_wait_for_waker(struct wake *wake)
{
	wake_spin_until(wake, WAKE_RUNNING);
	store_release(&wake->state, WAKE_WAITS); /* Pairs with: wake_spin_until. */
}

/* The other one's, when it is awake. Nanoseconds. */
static inline double wake_latency(const struct wake *wake)
{
	return (double)(system_monotonic_ns() - wake->told_ns);
}

#endif
