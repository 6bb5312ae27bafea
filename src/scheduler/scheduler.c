#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)
_Static_assert(FIBER_YIELDS == (int)TRACE_leave_YIELD, "fiber.h: the trace's numbers");
_Static_assert(FIBER_PARKS == (int)TRACE_leave_PARK, "fiber.h: the trace's numbers");
_Static_assert(FIBER_FINISHES == (int)TRACE_leave_FINISH,
	       "fiber.h: the trace's numbers");
_Static_assert(FIBER_IDLES == (int)TRACE_leave_IDLE, "fiber.h: the trace's numbers");
#endif

/* Kept out of line, so that the short path next to it saves no registers. */
#define SLOW __attribute__((noinline))

void scheduler_more_ids(struct worker *worker)
{
	worker->next_id =
		fetch_add_relaxed(&worker->io->next_id, IDS_AT_ONCE); /* a counter */
	worker->ids_left = IDS_AT_ONCE;
}

uint64_t scheduler_alive(const struct weft *io)
{
	uint64_t alive = 0;
	for (uint32_t i = 0; i < io->workers; i++) /* counters */
		alive += load_relaxed(&io->worker[i].created) -
			 load_relaxed(&io->worker[i].ended);
	return alive;
}

/* ---- the queue; all under ready.lock ---- */

/* A runtime of one worker shares its queue with nobody: there is nobody to lock out or to
 * wake. Worker 0 has written io->workers itself; the others need not look. */
static inline bool alone(const struct worker *worker)
{
	return worker->index == 0 && worker->io->workers == 1;
}

static inline void append(struct weft *io, struct fiber *fiber)
{
	fiber->next = NULL;
	fiber->previous = io->ready.last;
	if (io->ready.last)
		io->ready.last->next = fiber;
	else
		io->ready.first = fiber;
	io->ready.last = fiber;
	fiber->queued = true;
}

static inline void unlink_fiber(struct weft *io, struct fiber *fiber)
{
	if (fiber->previous)
		fiber->previous->next = fiber->next;
	else
		io->ready.first = fiber->next;
	if (fiber->next)
		fiber->next->previous = fiber->previous;
	else
		io->ready.last = fiber->previous;
	fiber->queued = false;
	fiber_prefetch_stack(fiber->next); /* it is likely to be run next */
}

/* The first that this worker may run; at most one fiber, the main one, is passed over. */
static inline struct fiber *take_first(struct worker *worker)
{
	struct weft *io = worker->io;
	struct fiber *fiber = io->ready.first;
	if (fiber && fiber->pinned && worker->index != 0)
		fiber = fiber->next;
	if (fiber)
		unlink_fiber(io, fiber);
	return fiber;
}

/* Whether a fiber is in this life is asked of one in the queue only: there it does not change. */
static inline struct fiber *take_if_there(struct weft *io, struct fiber *fiber,
					  uint32_t id)
{
	if (!fiber->queued || fiber->id != id)
		return NULL;
	unlink_fiber(io, fiber);
	return fiber;
}

/* ---- becoming ready, sleeping and waking ---- */

/* All are woken for the main fiber: the one that may run it has to be among them. */
static void wake_sleeper(struct weft *io, bool all)
{
	pthread_mutex_lock(&io->sleep_mutex);
	if (all)
		pthread_cond_broadcast(&io->something);
	else
		pthread_cond_signal(&io->something);
	pthread_mutex_unlock(&io->sleep_mutex);
}

static SLOW void enqueue_shared(struct weft *io, struct fiber *fiber)
{
	bool pinned = fiber->pinned; /* once it is in the queue it is no longer ours */
	lock_take(&io->ready.lock);
	append(io, fiber);
	bool asleep = io->ready.sleepers > 0;
	lock_give(&io->ready.lock);
	if (asleep)
		wake_sleeper(io, pinned);
}

static inline void enqueue(struct worker *worker, struct fiber *fiber)
{
	if (alone(worker))
		append(worker->io, fiber);
	else
		enqueue_shared(worker->io, fiber);
}

SCHEDULER_RECORDS static void record_ready(struct worker *worker, struct fiber *fiber)
{
	TRACE(worker->segment, READY, .arg = TRACE_place_SHARED, .fiber = fiber->id,
	      .fiber_sequence = ++fiber->sequence, .peer = worker->current->id);
	(void)worker, (void)fiber;
}

void scheduler_make_ready(struct worker *worker, struct fiber *fiber)
{
	fiber_become(fiber, FIBER_READY);
	if (scheduler_traces(worker))
		record_ready(worker, fiber);
	enqueue(worker, fiber);
}

static SLOW struct fiber *take_if_there_shared(struct weft *io, struct fiber *fiber,
					       uint32_t id)
{
	lock_take(&io->ready.lock);
	fiber = take_if_there(io, fiber, id);
	lock_give(&io->ready.lock);
	return fiber;
}

struct fiber *scheduler_claim(struct worker *worker, struct fiber *fiber, uint32_t id)
{
	if (alone(worker))
		return take_if_there(worker->io, fiber, id);
	return take_if_there_shared(worker->io, fiber, id);
}

static SLOW struct fiber *take_first_shared(struct worker *worker)
{
	lock_take(&worker->io->ready.lock);
	struct fiber *fiber = take_first(worker);
	lock_give(&worker->io->ready.lock);
	return fiber;
}

static inline struct fiber *take_ready(struct worker *worker)
{
	return alone(worker) ? take_first(worker) : take_first_shared(worker);
}

/* As take_ready; a worker that finds nothing is counted among the sleepers before anybody can
 * add something, so that whoever does wakes it. */
static struct fiber *take_ready_or_count(struct worker *worker)
{
	struct weft *io = worker->io;
	lock_take(&io->ready.lock);
	struct fiber *fiber = take_first(worker);
	io->ready.sleepers += fiber == NULL;
	lock_give(&io->ready.lock);
	return fiber;
}

/* The worker has nothing to run. Returns a fiber, or NULL at the end. */
static struct fiber *sleep_until_ready(struct worker *worker)
{
	struct weft *io = worker->io;
	struct fiber *fiber = NULL;
	pthread_mutex_lock(&io->sleep_mutex);
	while (!io->stopping && !(fiber = take_ready_or_count(worker))) {
		pthread_cond_wait(&io->something, &io->sleep_mutex);
		lock_take(&io->ready.lock);
		io->ready.sleepers--;
		lock_give(&io->ready.lock);
	}
	pthread_mutex_unlock(&io->sleep_mutex);
	return fiber;
}

/* ---- switching ---- */

static void become_after(struct fiber *from, enum fiber_reason reason)
{
	switch (reason) {
	case FIBER_YIELDS:
	case FIBER_IDLES:
		fiber_become(from, FIBER_READY);
		break;
	case FIBER_PARKS:
		fiber_become(from, FIBER_PARKED);
		break;
	case FIBER_FINISHES:
		fiber_become(from, FIBER_FINISHED);
		break;
	}
}

SCHEDULER_RECORDS static void record_switch(struct worker *worker, struct fiber *from)
{
	struct fiber *to = worker->current;
	TRACE(worker->segment, SWITCH, .arg = (uint8_t)worker->leave.reason,
	      .fiber = to->id, .fiber_sequence = ++to->sequence, .peer = from->id,
	      .value = trace_pair(fiber_stack_used(from), ++from->sequence));
	(void)to, (void)from;
}

/* The after-switch step of every switch: on the next stack, when the fiber that left is whole.
 * After leave.after, which publishes it, it is not touched. */
static void arrive(void *argument)
{
	struct worker *worker = argument;
	struct fiber *from = worker->current, *to = worker->leave.to;
	uint32_t used = fiber_stack_used(from);
	if (used > from->deepest)
		from->deepest = used;
	become_after(from, worker->leave.reason);
	fiber_become(to, FIBER_RUNNING);
	worker->current = to;
	if (scheduler_traces(worker))
		record_switch(worker, from);
	if (worker->leave.after)
		worker->leave.after(worker, from, worker->leave.arg);
}

static void leave_for(struct worker *worker, struct fiber *to, enum fiber_reason reason,
		      void (*after)(struct worker *, struct fiber *, void *), void *arg)
{
	struct fiber *self = worker->current;
	worker->leave = (struct worker_leave){to, after, arg, reason};
	context_switch(&self->context, &to->context, arrive, worker);
}

static struct fiber *ready_or_idle(struct worker *worker, struct fiber *next)
{
	if (!next)
		next = take_ready(worker);
	return next ? next : worker->idle;
}

void scheduler_park(struct worker *worker, struct fiber *next,
		    void (*after)(struct worker *worker, struct fiber *from, void *arg),
		    void *arg)
{
	leave_for(worker, ready_or_idle(worker, next), FIBER_PARKS, after, arg);
}

_Noreturn void scheduler_leave(struct worker *worker, struct fiber *next,
			       void (*after)(struct worker *worker, struct fiber *from,
					     void *arg),
			       void *arg)
{
	struct fiber *self = worker->current;
	struct fiber *to = ready_or_idle(worker, next);
	worker->leave = (struct worker_leave){to, after, arg, FIBER_FINISHES};
	context_leave(&self->context, &to->context, arrive, worker);
}

static void after_yield(struct worker *worker, struct fiber *from, void *arg)
{
	(void)arg;
	enqueue(worker, from);
}

void weft_yield(struct weft *io)
{
	struct worker *worker = scheduler_worker(io);
	struct fiber *next = take_ready(worker);
	if (next)
		leave_for(worker, next, FIBER_YIELDS, after_yield, NULL);
}

/* What a worker's idle fiber runs, until the end. */
void scheduler_idle(struct worker *worker)
{
	for (;;) {
		struct fiber *next = take_ready(worker);
		if (!next)
			next = sleep_until_ready(worker);
		if (!next)
			return;
		leave_for(worker, next, FIBER_IDLES, NULL, NULL);
	}
}
