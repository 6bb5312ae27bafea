/* sleeper.h: where a worker's thread waits when there is nothing to do: on its own word, or in
 * the runtime's poller. These are the hooks idle_park and idle_wake of idle.h.
 *
 * States of a sleeper, all under its mutex, and who makes each transition:
 *
 *   unborn  -- idle_wake starts the thread --> awake
 *   awake   -- idle_park, nobody is in the poller --> polling -- idle_wake, or an event --> awake
 *   awake   -- idle_park ---------------------------> asleep  -- idle_wake --> awake
 *   unborn, awake, polling, asleep -- sleeper_stop, or a thread cannot be had --> ended
 *
 * `told` is the reason that idle_wake left; it may come before the worker parks, which then does
 * not wait.
 *
 * The poller. While a worker is idle one of them blocks in the poller, until the earliest
 * deadline. Whoever sets an earlier one says so (sleeper_hurry): it writes its deadline and then
 * reads until when the blocker waits; the blocker writes that and then reads the deadline again.
 *
 * Rejected: a futex. pthread's mutex and condition are one on Linux, and there on every other
 * system; a wake of a sleeping thread costs what the kernel's part costs, either way.
 *
 * Includes: base, poller, scheduler. */
#ifndef WEFT_SCHEDULER_SLEEPER_H
#define WEFT_SCHEDULER_SLEEPER_H

#include <pthread.h>

#include "poller/poller.h"
#include "scheduler/idle.h"

struct weft;

enum sleeper_state {
	SLEEPER_UNBORN,
	SLEEPER_AWAKE,
	SLEEPER_ASLEEP,
	SLEEPER_POLLING,
	SLEEPER_ENDED,
};

struct sleeper {
	pthread_mutex_t mutex; /* for the fields below */
	pthread_cond_t wakes;
	enum sleeper_state state;
	enum idle_reason told; /* 0: nothing */
	bool told_by_foreign;  /* by a thread that cannot record it */
	uint32_t records;      /* of this sleeper in the trace */
	pthread_t thread;      /* once born; not of worker 0 */
	/* What the poller had, until it is delivered: by idle_search, after a sleep; at once,
	 * after a look. The worker's. */
	uint32_t event_count;
	struct poller_event events[POLLER_BATCH];
};

/* Who is in the poller, in one runtime. */
struct sleeper_poll {
	_Atomic uint32_t owner; /* index of the worker that blocks, + 1; 0: none */
	/* When it returns by itself; 0 while nobody blocks. Written by the owner. */
	_Atomic uint64_t until_ns;
};

/* -ENOMEM, and there is nothing to destroy. */
int sleeper_init(struct sleeper *sleeper, enum sleeper_state state);
void sleeper_destroy(struct sleeper *sleeper);

/* A deadline of the hooks' has become earlier, and their next_deadline says so already: whoever
 * blocks in the poller comes back for it; if nobody does, one that is asleep goes there. Any
 * thread. */
void sleeper_hurry(struct weft *io, uint64_t deadline_ns);

/* Something is watched from now on: somebody should be in the poller. Any thread. */
void sleeper_attend(struct weft *io);

/* Whether somebody should be in the poller, and nobody is. */
bool sleeper_is_missed(struct weft *io);

/* By the main fiber: every worker but its own ends; returns when they have. */
void sleeper_stop_all(struct weft *io);

#endif
