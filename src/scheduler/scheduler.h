/* scheduler.h: workers, and the queue of fibers that are ready.
 *
 * Concepts. A worker is a thread that runs fibers, one at a time; worker 0 is the thread that
 * called weft_init. Fibers that are ready wait in one queue, in order of arrival, under one
 * lock; any worker takes the first. The main fiber is pinned: only worker 0 takes it. A worker
 * that finds nothing runs its idle fiber, and sleeps there until something is ready.
 *
 * (One queue under one lock is what chapter 3 replaces. The interface stays.)
 *
 * States of a worker, and who makes each transition:
 *
 *   running -- leave, nothing is ready --> idle -- sleep --> asleep -- wake_sleeper --> idle
 *   idle -- scheduler_take finds a fiber --> running
 *   idle -- join_threads, by weft_deinit --> ended
 *
 * The rule of this file: a fiber that leaves is published by its after-switch step, on the
 * stack of the next one, and by nobody else. scheduler_park takes such a step from its caller,
 * so that this file need not know what a fiber waits for. These exist:
 *
 *   after_yield           here    the fiber that left is ready again: to the end of the queue
 *   after_idle            here    it was the idle one: nothing
 *   after_await           future  it waits for another's end: into the rendezvous
 *   after_await_claimed   future  the same, and the other runs next
 *   after_finish          future  it has ended: its slot is free, an awaiter is made ready
 *   after_finish_direct   future  the same, and its awaiter runs next
 *
 * Lock order: ready.lock, then nothing. sleep_mutex, then ready.lock.
 * Includes: base, context, fiber. */
#ifndef WEFT_SCHEDULER_SCHEDULER_H
#define WEFT_SCHEDULER_SCHEDULER_H

#include <pthread.h>

#include "base/lock.h"
#include "base/thread_local.h"
#include "base/tracing.h"
#include "fiber/fiber.h"
#include "fiber/slab.h"
#include "scheduler/ready.h"
#include "weft.h"

#define WORKERS_MAX 64
#define IDS_AT_ONCE 32 /* fiber numbers that a worker takes from the common counter */

struct worker;

/* What the fiber that leaves says; read by the after-switch step on the next stack. */
struct worker_leave {
	struct fiber *to;
	void (*after)(struct worker *worker, struct fiber *from, void *arg);
	void *arg;
};

#define WORKER_STRINGS 32 /* texts that a worker remembers having written */

/* See notes.c. */
struct worker_string {
	uint64_t hash;
	uint32_t id; /* in the trace; 0: none */
};

struct worker {
	struct weft *io; /* set once */
	uint32_t index;  /* set once */
	/* Touched by the thread that is this worker only. */
	uint32_t ids_left;     /* numbers from next_id on that are this worker's */
	uint32_t next_id;      /* for a new fiber */
	struct fiber *current; /* the fiber that runs, or the idle one */
	struct worker_leave leave;
	struct slab_warm warm;
	struct trace_segment *segment;
	/* Written by that thread, read by weft_deinit. Relaxed: a count. */
	_Atomic uint64_t created, ended;
	/* Touched by that thread only, and seldom. */
	struct worker_string strings[WORKER_STRINGS];
	struct fiber *idle;
	struct fiber thread_fiber; /* stands for the thread's own stack */
	void *signal_stack;
	pthread_t thread; /* set once, for all but worker 0 */
};

struct weft {
	struct slab_pool slabs;
	uint64_t control_words;   /* that fibers start with; set once */
	struct trace *trace;      /* set once */
	struct fiber *main_fiber; /* set once */
	_Atomic uint32_t next_id; /* relaxed: it only has to be new */

	struct ready_queue ready; /* under its lock, but for a worker that is alone */

	pthread_mutex_t sleep_mutex; /* a worker that sleeps holds it until it waits */
	pthread_cond_t something;    /* to run, or the end */
	bool stopping;               /* under sleep_mutex */

	uint32_t workers;      /* how many there are; set once */
	uint32_t workers_room; /* how many were wanted; set once */
	struct worker *worker; /* an array of that many */
	bool handles_overflow; /* set once */
};

/* The calling thread's worker. Fatal for a thread that runs no fiber of `io`. Ask again after
 * anything that may suspend. */
static inline struct worker *scheduler_worker(struct weft *io)
{
	struct worker *worker = base_this_thread();
	if (!worker || worker->io != io)
		weft_fatal("called on a thread that runs no fiber of this runtime");
	return worker;
}

/* Whether the worker records. What it records stands in functions of their own, which are not
 * inlined: else the path that records nothing would save registers for them. */
static inline bool scheduler_traces(const struct worker *worker)
{
#if defined(WEFT_TRACING)
	return __builtin_expect(worker->segment != NULL, 0);
#else
	(void)worker;
	return false;
#endif
}

#define SCHEDULER_RECORDS __attribute__((noinline, cold))

/* A runtime of one worker shares its queue with nobody: there is nobody to lock out or to
 * wake. Worker 0 has written io->workers itself; the others need not look. */
static inline bool scheduler_is_alone(const struct worker *worker)
{
	return worker->index == 0 && worker->io->workers == 1;
}

/* The slow halves of the functions below, and what they record. */
void scheduler_enqueue_shared(struct weft *io, struct fiber *fiber);
struct fiber *scheduler_claim_shared(struct weft *io, struct fiber *fiber, uint32_t id);
struct fiber *scheduler_take_shared(struct worker *worker);
void scheduler_record_ready(struct worker *worker, struct fiber *fiber);
void scheduler_record_switch(struct worker *worker, struct fiber *from,
			     enum fiber_reason reason);

static inline void scheduler_enqueue(struct worker *worker, struct fiber *fiber)
{
	if (scheduler_is_alone(worker))
		ready_append(&worker->io->ready, fiber);
	else
		scheduler_enqueue_shared(worker->io, fiber);
}

/* A new or parked fiber may run: to the end of the queue. The caller owns it, and no longer
 * after the call. May be called by an after-switch step. */
static inline void scheduler_make_ready(struct worker *worker, struct fiber *fiber)
{
	fiber_become(fiber, FIBER_READY);
	if (scheduler_traces(worker))
		scheduler_record_ready(worker, fiber);
	scheduler_enqueue(worker, fiber);
}

/* Takes a fiber of that life out of the queue, if it is there. The caller then owns it, and
 * switches to it. Returns NULL if it is not there. */
static inline struct fiber *scheduler_claim(struct worker *worker, struct fiber *fiber,
					    uint32_t id)
{
	if (scheduler_is_alone(worker))
		return ready_take(&worker->io->ready, fiber, id);
	return scheduler_claim_shared(worker->io, fiber, id);
}

/* The first in the queue that this worker may run, or NULL. */
static inline struct fiber *scheduler_take(struct worker *worker)
{
	if (scheduler_is_alone(worker))
		return ready_take_first(&worker->io->ready, true);
	return scheduler_take_shared(worker);
}

/* What every after-switch step begins with, on the next stack, when the fiber that left is
 * whole. Returns that fiber, which the step then publishes, and touches no more. */
static inline struct fiber *scheduler_arrive(struct worker *worker,
					     enum fiber_reason reason,
					     enum fiber_state state)
{
	struct fiber *from = worker->current, *to = worker->leave.to;
	fiber_become(from, state);
	fiber_become(to, FIBER_RUNNING);
	worker->current = to;
	if (scheduler_traces(worker))
		scheduler_record_switch(worker, from, reason);
	return from;
}

/* The after-switch steps of the two functions below. */
void scheduler_arrive_park(void *worker);
void scheduler_arrive_finish(void *worker);

/* Notes where the running fiber goes, and what publishes it. Returns where that is. */
static inline struct context *
scheduler_prepare(struct worker *worker, struct fiber *next,
		  void (*after)(struct worker *worker, struct fiber *from, void *arg),
		  void *arg)
{
	if (!next)
		next = scheduler_take(worker);
	if (!next)
		next = worker->idle;
	worker->leave = (struct worker_leave){next, after, arg};
	return &next->context;
}

/* The running fiber leaves for `next`, which the caller owns and which is ready, or, when that
 * is NULL, for whatever is ready first, or for the idle fiber. after(worker, from, arg) runs on
 * the next stack and publishes `from`. Returns when somebody made it ready and a worker took
 * it. Suspends. */
static inline void scheduler_park(struct worker *worker, struct fiber *next,
				  void (*after)(struct worker *worker,
						struct fiber *from, void *arg),
				  void *arg)
{
	struct context *to = scheduler_prepare(worker, next, after, arg);
	context_switch_last(&worker->current->context, to, scheduler_arrive_park,
			    worker);
}

/* As scheduler_park, for a fiber whose function has returned: never comes back. */
static inline void scheduler_leave(struct worker *worker, struct fiber *next,
				   void (*after)(struct worker *worker,
						 struct fiber *from, void *arg),
				   void *arg)
{
	struct context *to = scheduler_prepare(worker, next, after, arg);
	context_leave(&worker->current->context, to, scheduler_arrive_finish, worker);
}

void scheduler_more_ids(struct worker *worker);

/* Nobody has had this number before in this runtime. */
static inline uint32_t scheduler_new_id(struct worker *worker)
{
	if (worker->ids_left == 0)
		scheduler_more_ids(worker);
	worker->ids_left--;
	return worker->next_id++;
}

/* How many fibers but the main one are alive. Exact when none of them runs. */
uint64_t scheduler_alive(const struct weft *io);

#endif
