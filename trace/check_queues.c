/* check_queues.c: in which queue each ready fiber waits, and invariant 6.
 *
 * Concepts. A ready fiber waits in one queue. A record of that fiber puts it there, and the
 * next one that moves it comes after that in the fiber's own order, whatever the clocks
 * say. So what is judged here is certain: it is about one fiber, or about one worker.
 *
 *   READY ---------------> where its place says; the pinned fiber, made ready by worker 0:
 *                          its slot
 *   SWITCH, yield -------> yielded: local of that worker, or injected where that was full;
 *                          the pinned fiber goes to its slot
 *   STEAL ---------------> local of the thief
 *   SWITCH to it --------> none
 *
 *   queue                  who runs a fiber from it without a STEAL
 *   local, newest,         the worker that owns it
 *     yielded
 *   direct                 that worker, and next
 *   remote                 worker 0
 *   injected               nobody
 *   shared                 any worker: an older runtime's only queue
 *
 * A trace with a SHARED in it, or without any READY, is not judged by invariant 6: there a
 * fiber that yields may be taken by anyone.
 *
 * Batches. A thief writes the records of a batch one behind the other; only what the writer
 * itself puts in may stand between them. A window may begin in the middle of one.
 *
 * Rejected: lists of what each queue holds, in their order. Records of different fibers on
 * different workers have no certain order, so such a list would be wrong now and then. */
#include "trace/check_fail.h"

bool check_is_for_all(enum queue queue)
{
	return queue == QUEUE_LOCAL || queue == QUEUE_NEWEST ||
	       queue == QUEUE_INJECTED || queue == QUEUE_YIELDED;
}

struct queue_name check_queue_name(enum queue queue, uint32_t owner)
{
	struct queue_name name = {.text = "a queue that is not known"};
	static const char *const forms[] = {
		[QUEUE_LOCAL] = "worker %u's local queue",
		[QUEUE_NEWEST] = "worker %u's queue of the newest",
		[QUEUE_INJECTED] = "the injection queue",
		[QUEUE_REMOTE] = "the pinned fiber's slot",
		[QUEUE_SHARED] = "the shared queue",
		[QUEUE_DIRECT] = "no queue, to run next on worker %u",
	};
	if (queue == QUEUE_YIELDED)
		snprintf(name.text, sizeof name.text,
			 "worker %u's local queue after its yield", (unsigned)owner);
	else if (queue < sizeof forms / sizeof *forms && forms[queue])
		snprintf(name.text, sizeof name.text, forms[queue], (unsigned)owner);
	return name;
}

/* ---- states ---- */

void check_dequeue(struct checker *checker, const struct sight *sight,
		   struct fiber_state *state)
{
	bool for_all = check_is_for_all((enum queue)state->queue);
	state->queue = QUEUE_UNKNOWN;
	if (for_all && --checker->work.fibers == 0)
		check_work_goes(checker, sight);
}

void check_enqueue(struct checker *checker, const struct sight *sight,
		   struct fiber_state *state, enum queue queue, uint32_t owner)
{
	if (state->queue)
		check_dequeue(checker, sight, state);
	state->queue = (uint8_t)queue;
	state->queue_owner = owner;
	state->queued = sight->now;
	if (check_is_for_all(queue) && checker->work.fibers++ == 0)
		check_work_comes(checker, sight);
}

/* In a window, worker 0 may have left the pinned fiber without anybody knowing. */
enum queue check_yield_queue(const struct checker *checker, const struct sight *sight)
{
	if (sight->step->worker != 0)
		return QUEUE_YIELDED;
	if (checker->window && !checker->pinned)
		return QUEUE_UNKNOWN;
	return sight->record->peer == checker->pinned ? QUEUE_REMOTE : QUEUE_YIELDED;
}

/* ---- taking out ---- */

static bool is_judged(const struct fiber_state *state)
{
	return state->phase == READY && state->queue != QUEUE_UNKNOWN &&
	       state->queue != QUEUE_SHARED;
}

/* Whether the fiber is where a STEAL says it was. */
static bool was_there(const struct fiber_state *state, enum queue queue,
		      uint32_t victim)
{
	bool same = state->queue == queue ||
		    (state->queue == QUEUE_YIELDED &&
		     (queue == QUEUE_LOCAL || queue == QUEUE_INJECTED));
	return same && (queue == QUEUE_INJECTED || state->queue_owner == victim);
}

/* The queues that a STEAL can name: those of another worker, and the injection queue. */
static bool can_be_robbed(const struct sight *sight)
{
	uint8_t queue = sight->record->arg;
	bool own = sight->record->peer == sight->step->worker;
	return queue == QUEUE_INJECTED
		       ? own
		       : !own && (queue == QUEUE_LOCAL || queue == QUEUE_NEWEST);
}

static void six_taken(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	const struct trace_record *record = sight->record;
	enum queue said = (enum queue)record->arg;
	unsigned thief = sight->step->worker;
	if (!can_be_robbed(sight))
		FAIL(checker, &sight->now, NULL, NULL,
		     "worker %u takes %s as worker %u's, out of %s", thief,
		     mention(record->fiber).text, (unsigned)record->peer,
		     check_queue_name(said, record->peer).text);
	else if (state->phase != READY && state->phase != UNKNOWN)
		FAIL(checker, &sight->now, &state->became, NULL,
		     "worker %u takes %s out of %s, but it is not ready", thief,
		     mention(record->fiber).text,
		     check_queue_name(said, record->peer).text);
	else if (is_judged(state) && !was_there(state, said, record->peer))
		FAIL(checker, &sight->now, &state->queued, NULL,
		     "worker %u takes %s out of %s, but it is in %s", thief,
		     mention(record->fiber).text,
		     check_queue_name(said, record->peer).text,
		     check_queue_name((enum queue)state->queue, state->queue_owner)
			     .text);
}

static bool may_run(const struct fiber_state *state, uint32_t worker)
{
	if (state->queue == QUEUE_REMOTE)
		return worker == 0;
	return state->queue != QUEUE_INJECTED && state->queue_owner == worker;
}

/* A worker that runs something else than what it was told to run next has lost that. */
void six_switch(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	uint32_t next = sight->record->fiber, direct = sight->worker->direct;
	unsigned worker = sight->step->worker;
	if (is_judged(state)) {
		judged(checker);
		if (!may_run(state, worker))
			FAIL(checker, &sight->now, &state->queued, NULL,
			     "worker %u runs %s, but that is in %s", worker,
			     mention(next).text,
			     check_queue_name((enum queue)state->queue,
					      state->queue_owner)
				     .text);
	}
	if (direct && direct != next)
		FAIL(checker, &sight->now, &sight->worker->directed, NULL,
		     "worker %u runs %s, but %s was to run next", worker,
		     mention(next).text, mention(direct).text);
}

/* ---- batches ---- */

/* Whether nothing but the writer's own records stands between the two in their segment. */
static bool follows(const struct checker *checker, const struct moment *first,
		    const struct moment *second)
{
	const struct trace_record *records =
		trace_file_records(checker->file, second->worker);
	for (uint32_t i = first->index + 1; i < second->index; i++)
		if (!check_is_writers(records[i].type))
			return false;
	return true;
}

static bool is_whole(const struct batch *batch)
{
	return batch->cut || batch->taken == batch->size;
}

static void six_new_batch(struct checker *checker, const struct sight *sight)
{
	const struct batch *batch = &sight->worker->batch;
	uint32_t number = (uint32_t)sight->record->value;
	unsigned worker = sight->step->worker;
	if (!is_whole(batch))
		FAIL(checker, &sight->now, &batch->last, NULL,
		     "worker %u begins its batch %u, but took %u of the %u fibers of "
		     "its batch %u",
		     worker, (unsigned)number, (unsigned)batch->taken,
		     (unsigned)batch->size, (unsigned)batch->number);
	else if (batch->last.number && number < batch->number)
		FAIL(checker, &sight->now, &batch->last, NULL,
		     "worker %u begins its batch %u after its batch %u", worker,
		     (unsigned)number, (unsigned)batch->number);
}

static void six_same_batch(struct checker *checker, const struct sight *sight)
{
	const struct batch *batch = &sight->worker->batch;
	const struct trace_record *last = moment_record(checker->file, &batch->last);
	const struct trace_record *record = sight->record;
	unsigned worker = sight->step->worker, number = batch->number;
	if (batch->taken == batch->size)
		FAIL(checker, &sight->now, &batch->last, NULL,
		     "worker %u takes one more than the %u fibers of its batch %u",
		     worker, (unsigned)batch->size, number);
	else if (last->arg != record->arg || last->peer != record->peer ||
		 batch->size != record->value >> 32)
		FAIL(checker, &sight->now, &batch->last, NULL,
		     "worker %u's batch %u is of two sizes, or out of two queues",
		     worker, number);
	else if (!follows(checker, &batch->last, &sight->now))
		FAIL(checker, &sight->now, &batch->last, NULL,
		     "worker %u does something else in the middle of its batch %u",
		     worker, number);
}

static bool is_same_batch(const struct sight *sight)
{
	const struct batch *batch = &sight->worker->batch;
	return batch->last.number && batch->number == (uint32_t)sight->record->value;
}

void six_steal(struct checker *checker, const struct sight *sight)
{
	judged(checker);
	six_taken(checker, sight);
	if (is_same_batch(sight))
		six_same_batch(checker, sight);
	else
		six_new_batch(checker, sight);
}

/* It is in no batch, or the batch goes on. */
void check_steal(struct checker *checker, const struct sight *sight)
{
	struct batch *batch = &sight->worker->batch;
	if (!is_same_batch(sight))
		*batch = (struct batch){.number = (uint32_t)sight->record->value,
					.size = (uint32_t)(sight->record->value >> 32),
					.cut = checker->window && !batch->last.number};
	checker->has_ready = true;
	batch->taken++;
	batch->last = sight->now;
	if (sight->fiber->phase == READY)
		check_enqueue(checker, sight, sight->fiber, QUEUE_LOCAL,
			      sight->step->worker);
}

/* A trace that was not closed may end in the middle of a batch. */
void six_end(struct checker *checker)
{
	if (!checker->has_ready || checker->has_shared) {
		unjudge(checker);
		return;
	}
	for (uint32_t w = 0; checker->clean && w < TRACE_SEGMENTS_MAX; w++) {
		const struct batch *batch = &checker->workers[w].batch;
		if (!is_whole(batch))
			FAIL(checker, &batch->last, NULL, NULL,
			     "worker %u took %u of the %u fibers of its batch %u",
			     (unsigned)w, (unsigned)batch->taken, (unsigned)batch->size,
			     (unsigned)batch->number);
	}
}
