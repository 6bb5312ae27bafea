#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)
_Static_assert(FIBER_YIELDS == (int)TRACE_leave_YIELD, "fiber.h: the trace's numbers");
_Static_assert(FIBER_PARKS == (int)TRACE_leave_PARK, "fiber.h: the trace's numbers");
_Static_assert(FIBER_FINISHES == (int)TRACE_leave_FINISH,
	       "fiber.h: the trace's numbers");
_Static_assert(FIBER_IDLES == (int)TRACE_leave_IDLE, "fiber.h: the trace's numbers");
_Static_assert(PLACE_LOCAL == (int)TRACE_place_LOCAL &&
		       PLACE_NEWEST == (int)TRACE_place_NEWEST &&
		       PLACE_INJECTED == (int)TRACE_place_INJECTED &&
		       PLACE_REMOTE == (int)TRACE_place_REMOTE &&
		       PLACE_DIRECT == (int)TRACE_place_DIRECT,
	       "scheduler.h: the trace's numbers");
#endif

void scheduler_more_ids(struct worker *worker)
{
	worker->next_id =
		fetch_add_relaxed(&worker->io->next_id, IDS_AT_ONCE); /* a counter */
	worker->ids_left = IDS_AT_ONCE;
}

uint64_t scheduler_alive(const struct weft *io)
{
	uint64_t alive = load_relaxed(&io->submitted); /* counters, all */
	for (uint32_t i = 0; i < io->workers; i++)
		alive += load_relaxed(&io->worker[i].created) -
			 load_relaxed(&io->worker[i].ended);
	return alive;
}

/* ---- into a queue ---- */

SCHEDULER_RECORDS void scheduler_record_ready(struct worker *worker,
					      struct fiber *fiber,
					      enum scheduler_place place)
{
	TRACE(worker->segment, READY, .arg = (uint8_t)place, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber),
	      .peer = fiber_id(worker->current));
	(void)worker, (void)fiber, (void)place;
}

void scheduler_inject(struct weft *io, struct fiber *fiber)
{
	injection_push(&io->injection, fiber);
	idle_publish(&io->idle, IDLE_WORK);
}

/* By its own worker: it comes behind what is ready there now. */
static void see_pinned(struct worker *worker)
{
	worker->pinned_is_seen = true;
	worker->pinned_is_due = load_relaxed(&worker->ready.last); /* its own */
}

void scheduler_make_ready_outside(struct weft *io, struct trace_segment *segment,
				  struct fiber *fiber)
{
	bool pinned = fiber->pinned;
	fiber_become(fiber, FIBER_READY);
	TRACE(segment, READY, .arg = pinned ? PLACE_REMOTE : PLACE_INJECTED,
	      .fiber = fiber_id(fiber), .fiber_sequence = fiber_count_record(fiber));
	(void)segment;
	if (!pinned) {
		scheduler_inject(io, fiber);
		return;
	}
	/* Release: the fiber is whole. Pairs with: scheduler_take_pinned. */
	store_release(&io->worker[0].pinned, fiber);
	idle_publish_to(&io->idle, 0, IDLE_PINNED);
}

/* To the slot of the one worker that may run it. */
static void give_pinned(struct worker *worker, struct fiber *fiber)
{
	struct worker *home = &worker->io->worker[0];
	if (worker == home)
		see_pinned(home);
	/* Release: the fiber is whole. Pairs with: scheduler_take_pinned. */
	store_release(&home->pinned, fiber);
	if (worker != home)
		idle_publish_to(&worker->io->idle, home->index, IDLE_PINNED);
}

void scheduler_enqueue_elsewhere(struct worker *worker, struct fiber *fiber)
{
	if (fiber->pinned)
		give_pinned(worker, fiber);
	else
		scheduler_inject(worker->io, fiber);
}

/* ---- out of a queue ---- */

bool scheduler_claim(struct worker *worker, struct fiber *fiber, uint32_t id)
{
	if (worker->alone ? !fresh_claim_alone(&worker->fresh, fiber)
			  : !fresh_claim(&worker->fresh, fiber))
		return false;
	/* It may be another life in the same slot: the one that was meant has ended just now,
	 * elsewhere, and has not told so yet. There is room: it was taken from there. */
	if (fiber_id(fiber) != id) {
		fresh_push(&worker->fresh, fiber);
		scheduler_published(worker);
		return false;
	}
	fiber_prefetch(
		fresh_peek_oldest(&worker->fresh)); /* whoever awaits one awaits more */
	return true;
}

/* It is the pinned fiber's turn when all have run that were ready before it. */
struct fiber *scheduler_take_pinned(struct worker *worker)
{
	if (!worker->pinned_is_seen)
		see_pinned(worker);
	/* Relaxed: it only grows. */
	if (load_relaxed(&worker->ready.first) < worker->pinned_is_due)
		return NULL;
	worker->pinned_is_seen = false;
	/* Acquire: the fiber is whole. Pairs with: give_pinned. */
	struct fiber *fiber = load_acquire(&worker->pinned);
	store_relaxed(&worker->pinned, NULL); /* nobody gives it before it has run */
	return fiber;
}

SCHEDULER_RECORDS static void record_lengths(struct worker *worker)
{
	TRACE(worker->segment, QUEUE_LENGTH,
	      .value = trace_pair(scheduler_queue_length(worker),
				  injection_length(&worker->io->injection)));
	(void)worker;
}

/* What others brought, behind what is ready here already. */
static void gather(struct worker *worker)
{
	scheduler_poll(worker);
	scheduler_bring_injected(worker, INJECTED_AT_ONCE);
	if (scheduler_traces(worker))
		record_lengths(worker);
}

/* A chain of awaiters goes on while the fair switch is overdue. */
void scheduler_overspend(struct worker *worker)
{
	if (worker->budget % BUDGET == 0)
		gather(worker);
}

/* The fair switch: the first of those that are ready. When it is the oldest child's turn the
 * budget stays spent, and the next switch is its. */
struct fiber *scheduler_take_fairly(struct worker *worker)
{
	if (worker->oldest_is_due) {
		worker->oldest_is_due = false;
		worker->budget = BUDGET;
		return fresh_steal(&worker->fresh);
	}
	if (worker->budget == 0) /* else scheduler_overspend has */
		gather(worker);
	worker->oldest_is_due = --worker->fair_turns == 0;
	if (worker->oldest_is_due)
		worker->fair_turns = OLDEST_TURN;
	worker->budget = worker->oldest_is_due ? 1 : BUDGET;
	return scheduler_take_first(worker);
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
	TRACE(worker->segment, SWITCH, .arg = (uint8_t)reason, .fiber = fiber_id(to),
	      .fiber_sequence = fiber_count_record(to), .peer = fiber_id(from),
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

/* What is ready here, or what a search finds; NULL at the end. */
static struct fiber *find(struct worker *worker, bool searches)
{
	struct idle *idle = &worker->io->idle;
	if (!searches) {
		struct fiber *fiber = scheduler_take(worker);
		if (fiber)
			return fiber;
		idle_begin_search(idle);
	}
	return idle_run(idle, worker, worker->index);
}

void scheduler_idle(struct worker *worker, bool searches)
{
	struct fiber *next;
	while ((next = find(worker, searches))) {
		searches = false;
		worker->leave.to = next;
		annotate_release(worker->io); /* what it did comes before the end */
		context_switch(&worker->idle->context, &next->context, after_idle,
			       worker);
	}
	annotate_release(worker->io);
}
