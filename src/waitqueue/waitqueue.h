/* waitqueue.h: the one way in which a fiber waits.
 *
 * Concepts. A wait has a ticket (ticket.h) and sources that may claim it: a queue that the fiber
 * stands in (waiters.h), its nearest deadline (timers.h, deadline.c), a request to end early
 * (cancel.h). The fiber opens the wait, enters the sources, and parks; the first source that
 * claims the ticket ends the wait; the fiber then leaves the other sources, and tells its caller
 * which it was.
 *
 *   running -- wait_open --> arming -- wait_park, after_wait --> parked -- a claim --> ready
 *                            arming -- a claim --> arming, claimed -- wait_park --> goes on
 *
 * On top of it, each in a file of its own: queues of fibers (waitqueue.c), descriptors (turn.h,
 * descriptor.c, io.c), sleeping and deadlines (deadline.c), calls that block (offload.c), signals
 * (signal.c). What they have for one runtime is struct waiting, made by the first call that needs
 * it.
 *
 * Lock order: a queue's or descriptor's lock, or a heap's, or the offload pool's; then those of the
 * scheduler. No two of the first are held together.
 *
 * Rejected: a wait that makes its caller ready by a function of its own for each source: there
 * would be as many protocols as pairs of sources.
 *
 * Includes: base, context, fiber, poller, scheduler. */
#ifndef WEFT_WAITQUEUE_WAITQUEUE_H
#define WEFT_WAITQUEUE_WAITQUEUE_H

#include "scheduler/scheduler.h"
#include "waitqueue/cancel.h"
#include "waitqueue/ticket.h"
#include "waitqueue/waiters.h"

/* ---- one wait ---- */

/* On the stack of the fiber that waits. Its own. */
struct one_wait {
	struct fiber *fiber;
	uint64_t key;
	bool hears_cancel, hears_deadlines;
};

/* Whether a wait hears a request to end early and the fiber's deadlines. */
enum wait_hears {
	WAIT_HEARS_NOTHING,
	WAIT_HEARS_ALL,
};

/* The running fiber will wait. From now on its ticket may be claimed by whoever is given the key. */
void wait_open(struct one_wait *wait, struct worker *worker, enum wait_hears hears);

/* Parks until the ticket is claimed, if it is not already. Returns how: TICKET_WOKEN,
 * TICKET_TIMED_OUT or TICKET_CANCELED. The caller then leaves its sources, before it returns.
 * Suspends. */
enum ticket_state wait_park(struct weft *io, const struct one_wait *wait);

/* Instead of wait_park, when there is nothing to wait for after all, and nobody was given the key
 * but a canceler. */
void wait_close(const struct one_wait *wait);

/* What a cancelation point answers after a wait that ended so: 0, -ECANCELED, which is then
 * acknowledged, or -WEFT_EDEADLINE, which is then noted in its scope. */
int wait_error(struct weft *io, enum ticket_state outcome);

/* What every cancelation point begins with: 0, or as wait_error. */
int wait_check(struct worker *worker);

/* ---- queues ---- */

/* Fibers that wait their turn. Zeros are an empty one. Placed by its owner, who keeps it while
 * anybody waits in it. */
struct waitqueue {
	struct waiters_home home;
	struct waiters waiters; /* under the home's lock */
};

/* Waits at the end of the queue until waitqueue_wake comes to this fiber. Returns 0, -ECANCELED or
 * -WEFT_EDEADLINE, both never if it hears nothing; it is then in the queue no more. Suspends; a
 * cancelation point if it hears all.
 *
 * may_wait(arg), if not NULL, is asked under the queue's lock: whoever changes what it looks at and
 * then wakes does so before waitqueue_wake, or under the lock. False: -EAGAIN, and it has not waited. */
int waitqueue_wait(struct weft *io, struct waitqueue *queue, enum wait_hears hears,
		   bool (*may_wait)(void *arg), void *arg);

/* Wakes the first `count` fibers that wait, or as many as there are, in order of arrival. One
 * that was timed out or canceled just now does not count. Returns how many. Does not suspend. */
uint32_t waitqueue_wake(struct weft *io, struct waitqueue *queue, uint32_t count);

/* ---- canceling ---- */

/* Asks the fiber of that life to end early; ends its wait, if it is in one that hears. False: that
 * life is over, or has been asked before. Any fiber of the runtime, of any other. */
bool waitqueue_cancel(struct weft *io, struct fiber *fiber, uint32_t id);

/* Of the running fiber, as cancel_rearm; fatal if it has not acknowledged a request. */
void waitqueue_rearm_cancel(struct weft *io);

/* Of the running fiber, as cancel_protect. Deadlines are heard all the same. */
bool waitqueue_protect(struct weft *io, bool on);

/* Whether the running fiber was asked to end early and has not been told. */
bool waitqueue_is_cancel_pending(struct weft *io);

/* ---- for the files of this module ---- */

/* Fibers that were won under a lock, to be made ready after it. */
struct wait_won {
	struct fiber *first, **end; /* linked by next */
};

static inline void wait_won_init(struct wait_won *won)
{
	won->first = NULL;
	won->end = &won->first;
}

static inline void wait_won_add(struct wait_won *won, struct fiber *fiber)
{
	fiber->next = NULL;
	*won->end = fiber;
	won->end = &fiber->next;
}

/* In order. */
void wait_won_make_ready(struct wait_won *won, struct worker *worker);

/* The wait's waiter, not yet in a list. */
struct waiter wait_waiter(const struct one_wait *wait);

/* What a waiter waits for; the numbers are those of the trace's choice "wait". */
enum wait_what {
	WAIT_QUEUE = 1,
	WAIT_READABLE = 2,
	WAIT_WRITABLE = 3,
	WAIT_OFFLOAD = 4,
	WAIT_SIGNAL = 5,
};

/* Records, under the home's lock. first: it goes to the front. what: enum wait_what. fd: or 0.
 * outcome: of the trace's choice; an outcome of a ticket is one. */
void wait_record_push(struct worker *worker, struct waiters_home *home,
		      struct fiber *waiter, bool first, uint8_t what, int fd);
void wait_record_pop(struct worker *worker, struct waiters_home *home, uint32_t waiter,
		     uint8_t outcome);

/* The trace's number for the home, and the next of its records. Under its lock. */
uint64_t wait_object(struct weft *io, struct waiters_home *home);

/* TRACE_outcome_..., of a waiter that was popped so. */
uint8_t wait_outcome_of_pop(struct waiters_popped popped);

/* ---- what a runtime has for its waits ---- */

struct waiting;

/* Made by the first call; NULL without memory. */
struct waiting *waiting_of(struct weft *io);

#endif
