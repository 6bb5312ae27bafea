/* check_state.c: what each worker and each fiber is doing, step by step. The states are
 * in check.c's header, and the functions here make the transitions.
 *
 * A fiber whose RECYCLE ends a whole life is forgotten, and its number goes into a set of
 * those that have ended. If a record of it comes later all the same, it is met again as
 * one that has ended. */
#include "trace/check.h"

#include <stdlib.h>

bool check_is_worker_context(uint32_t fiber)
{
	return fiber >= TRACE_IDLE_FIBERS;
}

bool check_is_writers(uint8_t type)
{
	return type == TRACE_ANCHOR || type == TRACE_STATUS || type == TRACE_LOST;
}

bool check_is_workers(const struct checker *checker, uint32_t segment)
{
	return trace_file_segment(checker->file, segment)->role == TRACE_WORKER;
}

bool check_is_foreign(const struct checker *checker, uint32_t segment)
{
	return trace_file_segment(checker->file, segment)->role == TRACE_FOREIGN;
}

/* ---- meeting ---- */

/* A fiber from before the window goes on with the first number that the window has. */
static void start_state(struct checker *checker, struct fiber_state *state,
			uint32_t fiber, uint32_t number)
{
	state->worker = NOBODY;
	state->ended = id_set_has(&checker->ended, fiber);
	state->before = checker->window && !state->ended && number != 1;
	if (state->before)
		state->number = number - 1;
	checker->fibers_seen += !state->ended && !check_is_worker_context(fiber);
}

/* The index of `fiber`, which is met if it is new; FIBER_NONE without memory. */
static uint32_t meet(struct checker *checker, uint32_t fiber, uint32_t number)
{
	uint32_t alive = checker->fibers.alive;
	uint32_t index = fiber_table_index(&checker->fibers, fiber);
	if (index == FIBER_NONE)
		checker->out_of_memory = true;
	else if (checker->fibers.alive > alive)
		start_state(checker, fiber_table_at(&checker->fibers, index), fiber,
			    number);
	return index;
}

static struct fiber_state *state_at(struct checker *checker, uint32_t index)
{
	return index == FIBER_NONE ? &checker->nobody
				   : fiber_table_at(&checker->fibers, index);
}

/* Whether the record is one of its peer's too, and as which. */
static void see_peer_number(const struct checker *checker, struct sight *sight)
{
	const struct trace_record *record = sight->record;
	uint8_t place = checker->peer_numbers[record->type];
	sight->peer_counts =
		place != PLACES && record->peer != 0 && record->peer != record->fiber;
	sight->peer_number =
		(uint32_t)(place == PLACE_HIGH ? record->value >> 32 : record->value);
}

/* The fiber in a record of no fiber, and a peer that only is spoken of, are not met by
 * that: whoever awaits a fiber may well name one that has ended. */
bool check_see(struct checker *checker, const struct trace_step *step,
	       struct sight *sight)
{
	const struct trace_record *record = step->record;
	uint32_t fiber = FIBER_NONE, peer = FIBER_NONE;
	sight->step = step;
	sight->record = record;
	sight->now = moment_of(step);
	see_peer_number(checker, sight);
	if (record->fiber)
		fiber = meet(checker, record->fiber, record->fiber_sequence);
	if (sight->peer_counts)
		peer = meet(checker, record->peer, sight->peer_number);
	else if (record->peer)
		peer = fiber_table_find(&checker->fibers, record->peer);
	sight->worker = &checker->workers[step->worker];
	sight->fiber = state_at(checker, fiber);
	sight->peer = state_at(checker, peer);
	sight->object = check_see_object(checker, record);
	return !checker->out_of_memory;
}

/* ---- running ---- */

/* Whatever it becomes, it is in no queue any more. */
static void become(struct checker *checker, const struct sight *sight,
		   struct fiber_state *state, enum phase phase)
{
	if (state->queue)
		check_dequeue(checker, sight, state);
	state->phase = phase;
	state->became = sight->now;
	state->became_at = sight->step->tick;
}

/* Unless it runs elsewhere by now, as in a broken trace. */
static void stop_running(struct fiber_state *state, uint32_t worker)
{
	if (state->worker == worker)
		state->worker = NOBODY;
}

/* The state of what a worker runs; nobody's where that is not known. */
static struct fiber_state *running_on(struct checker *checker,
				      const struct worker_state *worker)
{
	uint32_t index = worker->runs ? fiber_table_find(&checker->fibers, worker->runs)
				      : FIBER_NONE;
	return state_at(checker, index);
}

/* The step makes its worker run `fiber`, or nothing for 0. */
static void run(struct checker *checker, const struct sight *sight, uint32_t fiber)
{
	struct worker_state *worker = sight->worker;
	if (worker->runs != sight->record->peer || sight->record->type != TRACE_SWITCH)
		stop_running(running_on(checker, worker), sight->step->worker);
	worker->runs = fiber;
	worker->since = sight->now;
	if (fiber == 0)
		return;
	sight->fiber->worker = sight->step->worker;
	sight->fiber->began = sight->now;
	sight->fiber->stopped = false;
	sight->fiber->runs++;
	sight->fiber->wait = (struct wait_state){.awaits = false};
	become(checker, sight, sight->fiber, RUNNING);
}

static void start_worker(struct checker *checker, const struct sight *sight)
{
	checker->workers_seen += !sight->worker->started;
	sight->worker->started = true;
	if (sight->step->worker == 0)
		checker->pinned = sight->record->fiber;
	run(checker, sight, sight->record->fiber);
}

static void stop_worker(struct checker *checker, const struct sight *sight)
{
	struct fiber_state *state = running_on(checker, sight->worker);
	run(checker, sight, 0);
	state->stopped = true;
}

/* A worker's own context waits in no queue. */
static void yield(struct checker *checker, const struct sight *sight)
{
	become(checker, sight, sight->peer, READY);
	if (!check_is_worker_context(sight->record->peer))
		check_enqueue(checker, sight, sight->peer,
			      check_yield_queue(checker, sight), sight->step->worker);
}

/* Worker 0 has a slot for the pinned fiber, also where it makes that ready itself. */
static enum queue queue_of(const struct checker *checker, const struct sight *sight)
{
	uint8_t place = sight->record->arg;
	if (place == TRACE_place_LOCAL && sight->step->worker == 0 &&
	    sight->record->fiber == checker->pinned)
		return QUEUE_REMOTE;
	return place <= TRACE_place_DIRECT ? (enum queue)place : QUEUE_UNKNOWN;
}

static void make_ready(struct checker *checker, const struct sight *sight)
{
	uint8_t place = sight->record->arg;
	checker->has_ready = true;
	checker->has_shared = checker->has_shared || place == TRACE_place_SHARED;
	check_made_ready(checker, sight);
	become(checker, sight, sight->fiber, READY);
	check_enqueue(checker, sight, sight->fiber, queue_of(checker, sight),
		      sight->step->worker);
	if (place != TRACE_place_DIRECT)
		return;
	sight->worker->direct = sight->record->fiber;
	sight->worker->directed = sight->now;
}

static void switch_fibers(struct checker *checker, const struct sight *sight)
{
	struct fiber_state *previous = sight->peer;
	uint8_t reason = sight->record->arg;
	checker->switches++;
	if (checker->window && !sight->worker->started) {
		checker->workers_seen++;
		sight->worker->started = true;
	}
	stop_running(previous, sight->step->worker);
	if (reason == TRACE_leave_FINISH)
		previous->left = sight->now;
	if (previous->worker == NOBODY && reason == TRACE_leave_YIELD)
		yield(checker, sight);
	else if (previous->worker == NOBODY)
		become(checker, sight, previous, PARKED);
	sight->worker->direct = 0;
	run(checker, sight, sight->record->fiber);
}

/* ---- lives ---- */

static void create(struct checker *checker, const struct sight *sight)
{
	sight->fiber->created = sight->now;
	sight->fiber->stack_size = (uint32_t)sight->record->value;
	sight->fiber->parent = sight->record->peer;
	become(checker, sight, sight->fiber, NEW);
}

static void begin_span(struct checker *checker, const struct sight *sight)
{
	struct span *span = malloc(sizeof *span);
	if (!span) {
		checker->out_of_memory = true;
		return;
	}
	*span = (struct span){.outer = sight->fiber->spans, .begun = sight->now};
	sight->fiber->spans = span;
}

static void end_span(struct fiber_state *state)
{
	struct span *span = state->spans;
	if (!span)
		return;
	state->spans = span->outer;
	free(span);
}

static void end_spans(struct fiber_state *state)
{
	while (state->spans)
		end_span(state);
}

/* Whether the RECYCLE at hand ends what is known as a whole life. */
static bool is_over(const struct fiber_state *state)
{
	return state->worker == NOBODY && !state->ended && !state->recycled.number &&
	       (state->left.number || state->before);
}

/* The last thing to be done for a step: the fiber's state is gone after it. */
static void recycle(struct checker *checker, const struct sight *sight)
{
	struct fiber_state *state = sight->fiber;
	if (!is_over(state) || sight->record->fiber == 0) {
		state->recycled = sight->now;
		return;
	}
	checker->ended_created += state->created.number != 0;
	check_close_account(checker, sight->record->fiber);
	end_spans(state);
	if (state->queue)
		check_dequeue(checker, sight, state);
	fiber_table_remove(&checker->fibers, sight->record->fiber);
	if (id_set_add(&checker->ended, sight->record->fiber) != 0)
		checker->out_of_memory = true;
}

static void count_record(const struct sight *sight, struct fiber_state *state,
			 uint32_t number)
{
	state->number = number;
	state->last = sight->now;
	state->met = true;
}

/* What is about waiting. */
static void apply_wait(struct checker *checker, const struct sight *sight)
{
	switch (sight->record->type) {
	case TRACE_AWAIT:
		sight->fiber->wait.awaits = sight->record->arg == TRACE_found_WAITS;
		break;
	case TRACE_WAIT_PUSH:
	case TRACE_WAIT_RETURN:
	case TRACE_WAIT_POP:
		check_wait(checker, sight);
		break;
	case TRACE_FD_WATCH:
	case TRACE_FD_READY:
	case TRACE_FD_CLOSE:
		check_descriptor(checker, sight);
		break;
	case TRACE_TIMER_SET:
	case TRACE_TIMER_FIRE:
	case TRACE_TIMER_DROP:
		check_timer(checker, sight);
		break;
	case TRACE_OFFLOAD_BEGIN:
	case TRACE_OFFLOAD_END:
		check_call(checker, sight);
		break;
	case TRACE_CANCEL_REQUEST:
		check_cancel(checker, sight);
		break;
	}
}

void check_apply(struct checker *checker, const struct sight *sight)
{
	const struct trace_record *record = sight->record;
	if (record->fiber)
		count_record(sight, sight->fiber, record->fiber_sequence);
	if (sight->peer_counts)
		count_record(sight, sight->peer, sight->peer_number);
	switch (record->type) {
	case TRACE_SWITCH:
		switch_fibers(checker, sight);
		break;
	case TRACE_WORKER_START:
		start_worker(checker, sight);
		break;
	case TRACE_WORKER_STOP:
		stop_worker(checker, sight);
		break;
	case TRACE_CREATE:
		create(checker, sight);
		break;
	case TRACE_READY:
		make_ready(checker, sight);
		break;
	case TRACE_FINISH:
		sight->fiber->finished = sight->now;
		break;
	case TRACE_RECYCLE:
		recycle(checker, sight);
		break;
	case TRACE_SPAN_BEGIN:
		begin_span(checker, sight);
		break;
	case TRACE_SPAN_END:
		end_span(sight->fiber);
		break;
	case TRACE_STEAL:
		check_steal(checker, sight);
		break;
	case TRACE_WORKER_SLEEP:
	case TRACE_WORKER_WAKE:
	case TRACE_WORKER_AWAKE:
		check_sleeper(checker, sight);
		break;
	default:
		apply_wait(checker, sight);
	}
}

/* ---- the end ---- */

/* A worker's own context has no work that ends. */
bool check_must_end(const struct checker *checker, uint32_t index)
{
	const struct fiber_state *state = fiber_table_at(&checker->fibers, index);
	return checker->clean && fiber_table_holds(&checker->fibers, index) &&
	       !check_is_worker_context(checker->fibers.fibers[index]) &&
	       state->created.number;
}

/* One that left for good without a FINISH is invariant 3's business. */
bool check_has_ended(const struct fiber_state *state)
{
	return state->finished.number || state->left.number || state->stopped;
}

void check_free(struct checker *checker)
{
	check_free_objects(checker);
	check_free_accounts(checker);
	for (uint32_t i = 0; i < checker->fibers.count; i++)
		if (fiber_table_holds(&checker->fibers, i))
			end_spans(fiber_table_at(&checker->fibers, i));
	end_spans(&checker->nobody);
	fiber_table_free(&checker->fibers);
	id_set_free(&checker->ended);
}
