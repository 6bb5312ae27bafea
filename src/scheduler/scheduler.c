#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)
_Static_assert(FIBER_YIELDS == (int)TRACE_leave_YIELD, "fiber.h: the trace's numbers");
_Static_assert(FIBER_PARKS == (int)TRACE_leave_PARK, "fiber.h: the trace's numbers");
_Static_assert(FIBER_FINISHES == (int)TRACE_leave_FINISH,
	       "fiber.h: the trace's numbers");
_Static_assert(FIBER_IDLES == (int)TRACE_leave_IDLE, "fiber.h: the trace's numbers");
#endif

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

void scheduler_enqueue_shared(struct weft *io, struct fiber *fiber)
{
	bool pinned = fiber->pinned; /* once it is in the queue it is no longer ours */
	lock_take(&io->ready.lock);
	ready_append(&io->ready, fiber);
	bool asleep = io->ready.sleepers > 0;
	lock_give(&io->ready.lock);
	if (asleep)
		wake_sleeper(io, pinned);
}

SCHEDULER_RECORDS void scheduler_record_ready(struct worker *worker,
					      struct fiber *fiber)
{
	TRACE(worker->segment, READY, .arg = TRACE_place_SHARED, .fiber = fiber->id,
	      .fiber_sequence = fiber_count_record(fiber), .peer = worker->current->id);
	(void)worker, (void)fiber;
}

struct fiber *scheduler_claim_shared(struct weft *io, struct fiber *fiber, uint32_t id)
{
	lock_take(&io->ready.lock);
	fiber = ready_take(&io->ready, fiber, id);
	lock_give(&io->ready.lock);
	return fiber;
}

struct fiber *scheduler_take_shared(struct worker *worker)
{
	struct ready_queue *ready = &worker->io->ready;
	lock_take(&ready->lock);
	struct fiber *fiber = ready_take_first(ready, worker->index == 0);
	lock_give(&ready->lock);
	return fiber;
}

/* As scheduler_take; a worker that finds nothing is counted among the sleepers before anybody can
 * add something, so that whoever does wakes it. */
static struct fiber *take_or_count(struct worker *worker)
{
	struct ready_queue *ready = &worker->io->ready;
	lock_take(&ready->lock);
	struct fiber *fiber = ready_take_first(ready, worker->index == 0);
	ready->sleepers += fiber == NULL;
	lock_give(&ready->lock);
	return fiber;
}

/* The worker has nothing to run. Returns a fiber, or NULL at the end. */
static struct fiber *sleep_until_ready(struct worker *worker)
{
	struct weft *io = worker->io;
	struct fiber *fiber = NULL;
	pthread_mutex_lock(&io->sleep_mutex);
	while (!io->stopping && !(fiber = take_or_count(worker))) {
		pthread_cond_wait(&io->something, &io->sleep_mutex);
		lock_take(&io->ready.lock);
		io->ready.sleepers--;
		lock_give(&io->ready.lock);
	}
	pthread_mutex_unlock(&io->sleep_mutex);
	return fiber;
}

/* ---- switching ---- */

SCHEDULER_RECORDS void scheduler_record_switch(struct worker *worker,
					       struct fiber *from,
					       enum fiber_reason reason)
{
	struct fiber *to = worker->current;
	uint32_t used = fiber_stack_used(from);
	if (used > from->deepest)
		from->deepest = used;
	TRACE(worker->segment, SWITCH, .arg = (uint8_t)reason, .fiber = to->id,
	      .fiber_sequence = fiber_count_record(to), .peer = from->id,
	      .value = trace_pair(used, fiber_count_record(from)));
	(void)to, (void)reason;
}

void scheduler_arrive_park(void *argument)
{
	struct worker *worker = argument;
	struct fiber *from = scheduler_arrive(worker, FIBER_PARKS, FIBER_PARKED);
	worker->leave.after(worker, from, worker->leave.arg);
}

void scheduler_arrive_finish(void *argument)
{
	struct worker *worker = argument;
	struct fiber *from = scheduler_arrive(worker, FIBER_FINISHES, FIBER_FINISHED);
	worker->leave.after(worker, from, worker->leave.arg);
}

static void after_yield(void *argument)
{
	struct worker *worker = argument;
	struct fiber *from = scheduler_arrive(worker, FIBER_YIELDS, FIBER_READY);
	scheduler_enqueue(worker, from);
}

void weft_yield(struct weft *io)
{
	struct worker *worker = scheduler_worker(io);
	struct fiber *next = scheduler_take(worker);
	if (!next)
		return;
	worker->leave.to = next;
	context_switch_last(&worker->current->context, &next->context, after_yield,
			    worker);
}

static void after_idle(void *worker)
{
	(void)scheduler_arrive(worker, FIBER_IDLES, FIBER_READY);
}

/* What a worker's idle fiber runs, until the end. */
void scheduler_idle(struct worker *worker)
{
	for (;;) {
		struct fiber *next = scheduler_take(worker);
		if (!next)
			next = sleep_until_ready(worker);
		if (!next)
			return;
		worker->leave.to = next;
		context_switch(&worker->idle->context, &next->context, after_idle,
			       worker);
	}
}
