/* waits.h: fibers that wait, for the tests of what ends a wait. */
#ifndef WEFT_TESTS_WAITQUEUE_WAITS_H
#define WEFT_TESTS_WAITQUEUE_WAITS_H

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "future/rendezvous.h"
#include "tests/on_valgrind.h"
#include "waitqueue/waitqueue.h"
#include "weft.h"

#define MS INT64_C(1000000) /* in nanoseconds */

/* For those who would come late otherwise: longer than any test takes. */
#define LONG (3600000 * MS)

/* With 1, 2 and 4 workers. */
#define EACH_WORKERS(workers) for (uint32_t workers = 1; (workers) <= 4; (workers) *= 2)

static inline struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static inline void end(struct weft *io)
{
	int error = weft_deinit(io);
	cr_assert_eq(error, 0, "%s: %s", weft_strerror(error), weft_left(io));
}

static inline struct fiber *fiber_behind(const struct weft_future *future)
{
	return future->fiber;
}

/* Whether it is parked, and nobody has woken it. */
static inline bool waits(const struct weft_future *future)
{
	return ticket_look(&fiber_behind(future)->ticket) == TICKET_WAITING;
}

/* Until it has parked, or has ended: then one that sleeps for a moment has been faster. Its last
 * wait is over by then, or it had none. Returns whether it waits. */
static inline bool until_waits(struct weft *io, struct weft_future *future)
{
	struct rendezvous *meeting = (struct rendezvous *)(void *)&future->meeting;
	while (!waits(future) && !rendezvous_is_finished(meeting))
		weft_yield(io);
	return waits(future);
}

static inline bool cancel(struct weft *io, const struct weft_future *future)
{
	return waitqueue_cancel(io, fiber_behind(future), future->fiber_id);
}

/* A queue's only wait, that hears all. */
static inline int wait_in(struct weft *io, struct waitqueue *queue)
{
	return waitqueue_wait(io, queue, WAIT_HEARS_ALL, NULL, NULL);
}

static inline bool is_empty(struct waitqueue *queue)
{
	lock_take(&queue->home.lock);
	bool empty = !queue->waiters.first;
	lock_give(&queue->home.lock);
	return empty;
}

/* So that two that act at once meet at another moment in each round. */
static inline void dawdle(unsigned length)
{
	for (volatile unsigned i = 0; i < length; i++)
		;
}

/* Fewer rounds where each takes longer. */
static inline int rounds(int many)
{
	return RUNNING_ON_VALGRIND ? many / 200 + 1 : ON_TSAN ? many / 10 + 1 : many;
}

#endif
