/* check.c: does a trace keep the promises of the runtime?
 *
 * Concepts. The checker walks the merged order once and keeps what each worker and each
 * fiber is doing. Before a record changes that state, every invariant that has a word
 * on its event judges it; an invariant may judge once more at the end. An invariant is
 * one entry of the table `invariants`, and a new one needs nothing else.
 *
 * Evidence. Whatever a judge contradicts was established by a record, and the state
 * keeps that record. So a failure can show the few records that matter instead of the
 * trace around them.
 *
 * States of a fiber, by the records that change them:
 *
 *   unknown -- CREATE --> new -- READY --> ready -- SWITCH to it --> running
 *   running -- SWITCH, yield --> ready     parked -- READY --> ready
 *   running -- SWITCH, park or start --> parked
 *   running -- FINISH --> finished -- SWITCH, finish --> left -- RECYCLE --> recycled
 *   unknown -- WORKER_START --> running -- WORKER_STOP --> stopped
 *
 * A trace in which no READY stands was not written by the scheduler: there a switch
 * may go to any fiber that has not ended. Workers' own contexts run whenever nothing
 * else does, and nobody makes them ready.
 *
 * Verdicts. Lost records may be the ones that would explain what looks wrong, so after
 * a loss the answer is "unknown" whatever was found. A trace that was not closed has
 * all its records but no end, so what must hold at the end is not judged.
 *
 * Only the first failure of each invariant is shown: the later ones often follow from
 * it.
 *
 * Rejected: stopping at the first failure of all. A broken switch shows in several
 * invariants, and the one that names the bug may come second. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/fiber_table.h"
#include "trace/merge.h"
#include "trace/names.h"
#include "weft.h"

#define EVIDENCE_MAX     4
#define WHAT_SIZE        200
#define EVENTS_KNOWN     (TRACE_SPAN_END + 1)
#define NOBODY           UINT32_MAX
#define UNFINISHED_SHOWN 20

/* What a fiber does between its first record and its last. */
enum phase { UNKNOWN, NEW, READY, RUNNING, PARKED };

/* A span that has begun and not ended; the innermost first. */
struct span {
	struct span *outer;
	struct trace_step begun;
};

/* A step without a record stands for one that never was. */
struct fiber_state {
	uint32_t number; /* of its last record among its own */
	uint32_t worker; /* where it runs, or NOBODY */
	bool met,
		stopped; /* it has a record; it ran at the WORKER_STOP of its worker */
	enum phase phase;
	uint64_t stack_size; /* 0: unknown */
	struct span *spans;  /* the checker's; freed as they end, and at the end */
	struct trace_step last, created, began, finished, left; /* began: to run */
	struct trace_step became; /* the record that made `phase` what it is */
	struct trace_step recycled;
};

/* A worker between its WORKER_START and WORKER_STOP; a segment without them is a
 * helper's. */
struct worker_state {
	uint32_t runs; /* a fiber, or 0 */
	bool started;
	struct trace_step since; /* the record that made it so */
};

/* The first failure of an invariant, and how many there were. */
struct failure {
	uint64_t times;
	char what[WHAT_SIZE];
	struct trace_step
		evidence[EVIDENCE_MAX]; /* in order; the last is the one that fails */
	size_t count;
};

struct checker;
typedef void judge_function(struct checker *checker, const struct trace_step *step);

struct invariant {
	unsigned number;
	const char *name, *sentence;
	judge_function *each;                 /* for every record of a fiber, or NULL */
	judge_function *on[EVENTS_KNOWN];     /* for one event, or NULL */
	void (*end)(struct checker *checker); /* after the last record, or NULL */
};

#define INVARIANTS_MAX 20

struct checker {
	const struct trace_file *file;
	struct names names;
	struct fiber_table fibers; /* struct fiber_state */
	struct worker_state workers[TRACE_SEGMENTS_MAX];
	size_t judging; /* index of the invariant at work */
	uint64_t judged[INVARIANTS_MAX];
	struct failure failures[INVARIANTS_MAX];
	uint64_t switches, workers_seen, never_written, repairs;
	bool clean, out_of_memory;
	bool has_ready; /* somewhere in the trace there is a READY */
};

/* ---- state ---- */

/* Every fiber of a record is met before it is judged, so this finds and does not add.
 */
static struct fiber_state *fiber_of(const struct checker *checker, uint32_t fiber)
{
	return fiber_table_at(&checker->fibers,
			      fiber_table_find(&checker->fibers, fiber));
}

static bool meet(struct checker *checker, uint32_t fiber)
{
	uint32_t count = checker->fibers.count;
	uint32_t index = fiber_table_index(&checker->fibers, fiber);
	if (index == FIBER_NONE) {
		checker->out_of_memory = true;
		return false;
	}
	struct fiber_state *state = fiber_table_at(&checker->fibers, index);
	if (index == count)
		state->worker = NOBODY;
	return true;
}

static const struct schema_event *event_of(const struct checker *checker,
					   const struct trace_step *step)
{
	return &checker->file->schema.events[step->record->type];
}

/* Whether the record counts among its peer's, and as which. */
static bool peer_number(const struct checker *checker, const struct trace_step *step,
			uint32_t *number)
{
	const struct trace_record *record = step->record;
	enum schema_place place = schema_peer_sequence(event_of(checker, step));
	if (place == PLACES || record->peer == 0 || record->peer == record->fiber)
		return false;
	*number = (uint32_t)schema_value(event_of(checker, step), place, record);
	return true;
}

static bool is_worker_context(uint32_t fiber)
{
	return fiber >= TRACE_IDLE_FIBERS;
}

static const char *name_of(const struct checker *checker, uint32_t fiber)
{
	return names_of(&checker->names, fiber);
}

/* ---- failing ---- */

/* The invariant at work had an event to judge. */
static void judged(struct checker *checker)
{
	checker->judged[checker->judging]++;
}

static void add_evidence(struct failure *failure, const struct trace_step *step)
{
	if (!step || !step->record || failure->count == EVIDENCE_MAX)
		return;
	size_t at = failure->count;
	for (size_t i = 0; i < failure->count; i++)
		if (failure->evidence[i].number == step->number)
			return;
	for (; at > 0 && failure->evidence[at - 1].number > step->number; at--)
		failure->evidence[at] = failure->evidence[at - 1];
	failure->evidence[at] = *step;
	failure->count++;
}

/* The invariant at work is broken by `step`, which contradicts `first` and `second`
 * (either may be NULL or a step that never was). Returns where the caller writes what
 * happened, or NULL when an earlier failure is already there. */
static char *fail(struct checker *checker, const struct trace_step *step,
		  const struct trace_step *first, const struct trace_step *second)
{
	struct failure *failure = &checker->failures[checker->judging];
	if (failure->times++ > 0)
		return NULL;
	add_evidence(failure, first);
	add_evidence(failure, second);
	add_evidence(failure, step);
	return failure->what;
}

#define FAIL(checker, step, first, second, ...)                                        \
	do {                                                                           \
		char *what_ = fail((checker), (step), (first), (second));              \
		if (what_)                                                             \
			snprintf(what_, WHAT_SIZE, __VA_ARGS__);                       \
	} while (0)

/* ---- invariant 1: one worker a fiber, one fiber a worker ---- */

/* Who made it ready while it ran, if somebody did, belongs to the slice. */
static void one_not_elsewhere(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = step->record->fiber;
	const struct fiber_state *state = fiber_of(checker, fiber);
	judged(checker);
	if (state->worker != NOBODY && state->worker != step->worker)
		FAIL(checker, step, &state->began, &state->became,
		     "%s runs on worker %u and on worker %u at once",
		     name_of(checker, fiber), (unsigned)state->worker,
		     (unsigned)step->worker);
}

/* A worker that runs something starts nothing. */
static void one_start(struct checker *checker, const struct trace_step *step)
{
	const struct worker_state *worker = &checker->workers[step->worker];
	one_not_elsewhere(checker, step);
	if (worker->runs)
		FAIL(checker, step, &worker->since, NULL,
		     "worker %u starts with %s while it runs %s",
		     (unsigned)step->worker, name_of(checker, step->record->fiber),
		     name_of(checker, worker->runs));
}

/* What only a running fiber does. A segment whose worker never started is a helper's.
 */
static void one_acts(struct checker *checker, const struct trace_step *step)
{
	const struct worker_state *worker = &checker->workers[step->worker];
	uint32_t fiber = step->record->fiber;
	if (!worker->started || fiber == 0)
		return;
	const struct fiber_state *state = fiber_of(checker, fiber);
	judged(checker);
	if (worker->runs != fiber)
		FAIL(checker, step, &worker->since,
		     state->worker == NOBODY ? &state->last : &state->began,
		     "%s acts on worker %u, which runs %s", name_of(checker, fiber),
		     (unsigned)step->worker, name_of(checker, worker->runs));
}

/* ---- invariant 2: a switch leaves what ran ---- */

/* The first fiber of a worker comes from WORKER_START. */
static void two_switch(struct checker *checker, const struct trace_step *step)
{
	const struct worker_state *worker = &checker->workers[step->worker];
	uint32_t previous = step->record->peer;
	judged(checker);
	if (worker->runs == 0)
		FAIL(checker, step, &worker->since, NULL,
		     "worker %u leaves %s, but it %s", (unsigned)step->worker,
		     name_of(checker, previous),
		     worker->since.record ? "has stopped" : "has not started");
	else if (worker->runs != previous)
		FAIL(checker, step, &worker->since, &fiber_of(checker, previous)->last,
		     "worker %u leaves %s, but it runs %s", (unsigned)step->worker,
		     name_of(checker, previous), name_of(checker, worker->runs));
}

static void two_stop(struct checker *checker, const struct trace_step *step)
{
	const struct worker_state *worker = &checker->workers[step->worker];
	uint32_t fiber = step->record->fiber;
	judged(checker);
	if (worker->runs != fiber)
		FAIL(checker, step, &worker->since, NULL,
		     "worker %u stops in %s, but it runs %s", (unsigned)step->worker,
		     name_of(checker, fiber), name_of(checker, worker->runs));
}

/* ---- invariant 3: a fiber's records are whole, from its birth to its end ---- */

/* The merge has made the best of the numbers; here they must follow each other. */
static void three_number(struct checker *checker, const struct trace_step *step,
			 uint32_t fiber, uint32_t number)
{
	const struct fiber_state *state = fiber_of(checker, fiber);
	judged(checker);
	if (number != state->number + 1)
		FAIL(checker, step, &state->last, NULL,
		     "%s goes on with its record %u after its record %u",
		     name_of(checker, fiber), (unsigned)number,
		     (unsigned)state->number);
}

/* A fiber is born by CREATE, or as what a worker's own thread runs when it starts. */
static void three_birth(struct checker *checker, const struct trace_step *step,
			uint32_t fiber, bool as_fiber)
{
	const struct fiber_state *state = fiber_of(checker, fiber);
	uint8_t type = step->record->type;
	bool creates = as_fiber && type == TRACE_CREATE;
	bool starts = as_fiber && type == TRACE_WORKER_START;
	if (creates && state->met)
		FAIL(checker, step, &state->created, &state->last,
		     "%s is created after it came to be", name_of(checker, fiber));
	if (!creates && !starts && !state->met && !is_worker_context(fiber))
		FAIL(checker, step, NULL, NULL, "%s has a record before its CREATE",
		     name_of(checker, fiber));
}

/* What follows the last switch. */
static void three_after(struct checker *checker, const struct trace_step *step,
			uint32_t fiber, bool recycles)
{
	const struct fiber_state *state = fiber_of(checker, fiber);
	if (state->recycled.record)
		FAIL(checker, step, &state->left, &state->recycled,
		     "%s has a record after its RECYCLE", name_of(checker, fiber));
	else if (!recycles)
		FAIL(checker, step, &state->finished, &state->left,
		     "%s has a record after its last switch", name_of(checker, fiber));
}

/* FINISH, then the switch with reason finish, then RECYCLE end a life, in that order. */
static void three_end(struct checker *checker, const struct trace_step *step,
		      uint32_t fiber, bool as_fiber)
{
	const struct fiber_state *state = fiber_of(checker, fiber);
	bool leaves = !as_fiber && step->record->type == TRACE_SWITCH &&
		      step->record->arg == TRACE_leave_FINISH;
	bool recycles = as_fiber && step->record->type == TRACE_RECYCLE;
	if (state->left.record)
		three_after(checker, step, fiber, recycles);
	else if (state->finished.record && !leaves)
		FAIL(checker, step, &state->finished, NULL,
		     "%s has a record after its FINISH that is not its last switch",
		     name_of(checker, fiber));
	else if (!state->finished.record && leaves)
		FAIL(checker, step, &state->began, NULL,
		     "%s is left for good without a FINISH", name_of(checker, fiber));
	else if (recycles)
		FAIL(checker, step, &state->last, NULL, "%s is recycled before its end",
		     name_of(checker, fiber));
}

static void three_each(struct checker *checker, const struct trace_step *step)
{
	const struct trace_record *record = step->record;
	uint32_t number;
	if (record->fiber) {
		three_number(checker, step, record->fiber, record->fiber_sequence);
		three_birth(checker, step, record->fiber, true);
		three_end(checker, step, record->fiber, true);
	}
	if (peer_number(checker, step, &number)) {
		three_number(checker, step, record->peer, number);
		three_birth(checker, step, record->peer, false);
		three_end(checker, step, record->peer, false);
	}
}

/* ---- invariant 4: ready before running ---- */

/* One whose function has returned is invariant 3's business. */
static void four_ready(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = step->record->fiber;
	const struct fiber_state *state = fiber_of(checker, fiber);
	if (is_worker_context(fiber) || state->finished.record)
		return;
	judged(checker);
	if (state->phase == READY)
		FAIL(checker, step, &state->became, NULL,
		     "%s is made ready, but it is ready already",
		     name_of(checker, fiber));
	else if (state->phase == RUNNING)
		FAIL(checker, step, &state->became, NULL,
		     "%s is made ready while it runs", name_of(checker, fiber));
}

/* One that runs already is invariant 1's business. */
static void four_switch(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = step->record->fiber;
	const struct fiber_state *state = fiber_of(checker, fiber);
	if (!checker->has_ready || is_worker_context(fiber))
		return;
	judged(checker);
	if (state->phase == NEW || state->phase == PARKED)
		FAIL(checker, step, &state->became, NULL,
		     "%s runs, but nobody made it ready since it %s",
		     name_of(checker, fiber),
		     state->phase == NEW ? "was created" : "parked");
}

/* ---- invariant 5: a cause for every READY ---- */

/* Without a waker, it came from outside the fibers. */
static void five_ready(struct checker *checker, const struct trace_step *step)
{
	const struct worker_state *worker = &checker->workers[step->worker];
	uint32_t waker = step->record->peer;
	if (!worker->started || waker == 0)
		return;
	judged(checker);
	if (worker->runs != waker)
		FAIL(checker, step, &worker->since, NULL,
		     "%s is made ready by %s on worker %u, which runs %s",
		     name_of(checker, step->record->fiber), name_of(checker, waker),
		     (unsigned)step->worker, name_of(checker, worker->runs));
}

/* ---- invariant 13: spans nest, and stacks suffice ---- */

static const char *text_of(const struct checker *checker, const struct trace_step *step)
{
	return trace_file_string(checker->file, step->record->value & 0xFFFFFFFFu);
}

/* A text for which there was no room is the empty one, and may have been any. */
static bool same_text(const struct checker *checker, const struct trace_step *a,
		      const struct trace_step *b)
{
	const char *one = text_of(checker, a), *other = text_of(checker, b);
	bool lost = load_relaxed(&checker->file->header->lost_strings) > 0;
	return strcmp(one, other) == 0 || (lost && (!*one || !*other));
}

static void thirteen_span_end(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = step->record->fiber;
	const struct span *span = fiber_of(checker, fiber)->spans;
	char ends[48], began[48];
	text_escape(ends, sizeof ends, text_of(checker, step));
	judged(checker);
	if (!span) {
		FAIL(checker, step, &fiber_of(checker, fiber)->last, NULL,
		     "%s ends \"%s\", but no span of it is open",
		     name_of(checker, fiber), ends);
		return;
	}
	text_escape(began, sizeof began, text_of(checker, &span->begun));
	if (!same_text(checker, step, &span->begun))
		FAIL(checker, step, &span->begun, NULL,
		     "%s ends \"%s\", but the span it began last is \"%s\"",
		     name_of(checker, fiber), ends, began);
}

static void thirteen_open_span(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = step->record->fiber;
	const struct span *span = fiber_of(checker, fiber)->spans;
	char began[48];
	if (!span)
		return;
	judged(checker);
	text_escape(began, sizeof began, text_of(checker, &span->begun));
	FAIL(checker, step, &span->begun, NULL, "%s finishes, but its \"%s\" is open",
	     name_of(checker, fiber), began);
}

static void thirteen_used(struct checker *checker, const struct trace_step *step,
			  uint32_t fiber)
{
	const struct fiber_state *state = fiber_of(checker, fiber);
	uint64_t used = step->record->value >> 32;
	if (state->stack_size == 0)
		return;
	judged(checker);
	if (used > state->stack_size)
		FAIL(checker, step, &state->created, NULL,
		     "%s used %" PRIu64 " bytes of a stack of %" PRIu64,
		     name_of(checker, fiber), used, state->stack_size);
}

static void thirteen_switch(struct checker *checker, const struct trace_step *step)
{
	thirteen_used(checker, step, step->record->peer);
}

static void thirteen_finish(struct checker *checker, const struct trace_step *step)
{
	thirteen_used(checker, step, step->record->fiber);
	thirteen_open_span(checker, step);
}

/* ---- invariant 18: everything ends ---- */

/* A worker's own context has no work that ends. */
static bool must_end(const struct checker *checker, uint32_t index)
{
	const struct fiber_state *state = fiber_table_at(&checker->fibers, index);
	uint32_t fiber = checker->fibers.fibers[index];
	return checker->clean && fiber != 0 && !is_worker_context(fiber) &&
	       state->created.record;
}

/* Whether nothing is left to do for a fiber. One that left for good without a FINISH is
 * invariant 3's business. */
static bool has_ended(const struct fiber_state *state)
{
	return state->finished.record || state->left.record || state->stopped;
}

static void eighteen_end(struct checker *checker)
{
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		const struct fiber_state *state = fiber_table_at(&checker->fibers, i);
		if (!must_end(checker, i))
			continue;
		judged(checker);
		if (!has_ended(state))
			FAIL(checker, &state->last, &state->created, NULL,
			     "%s neither finished nor ran when its worker stopped",
			     name_of(checker, checker->fibers.fibers[i]));
	}
}

static const struct invariant invariants[] = {
	{.number = 1,
	 .name = "one worker",
	 .sentence =
		 "a fiber runs on at most one worker at a time, and a worker runs at "
		 "most one fiber",
	 .on = {[TRACE_SWITCH] = one_not_elsewhere,
		[TRACE_WORKER_START] = one_start,
		[TRACE_FINISH] = one_acts,
		[TRACE_MARK] = one_acts,
		[TRACE_AWAIT] = one_acts,
		[TRACE_INLINE] = one_acts,
		[TRACE_SPAN_BEGIN] = one_acts,
		[TRACE_SPAN_END] = one_acts}},
	{.number = 2,
	 .name = "switch leaves what ran",
	 .sentence = "a switch leaves the fiber that its worker ran, from the one it "
		     "started with to the one it stopped in",
	 .on = {[TRACE_SWITCH] = two_switch, [TRACE_WORKER_STOP] = two_stop}},
	{.number = 3,
	 .name = "whole lives",
	 .sentence =
		 "a fiber's records are numbered without a gap, none before its CREATE "
		 "and none after its FINISH but the switch that leaves it for good and "
		 "then its RECYCLE",
	 .each = three_each},
	{.number = 4,
	 .name = "ready before running",
	 .sentence = "a fiber is made ready when it is new or parked, once before each "
		     "run, and a switch goes to one that is ready",
	 .on = {[TRACE_READY] = four_ready, [TRACE_SWITCH] = four_switch}},
	{.number = 5,
	 .name = "ready for a cause",
	 .sentence = "who makes a fiber ready runs on the worker that records it",
	 .on = {[TRACE_READY] = five_ready}},
	{.number = 13,
	 .name = "spans and stacks",
	 .sentence =
		 "a fiber's spans nest, end with the text they began with and before "
		 "it does, and it uses no more stack than it has",
	 .on = {[TRACE_SWITCH] = thirteen_switch,
		[TRACE_FINISH] = thirteen_finish,
		[TRACE_SPAN_END] = thirteen_span_end}},
	{.number = 18,
	 .name = "everything ends",
	 .sentence =
		 "every fiber that was created has finished by the end, or was running "
		 "when its worker stopped",
	 .end = eighteen_end},
};

#define INVARIANTS (sizeof invariants / sizeof invariants[0])
_Static_assert(INVARIANTS <= INVARIANTS_MAX, "room for each invariant's findings");

/* ---- the walk ---- */

static void judge(struct checker *checker, const struct trace_step *step)
{
	uint8_t type = step->record->type;
	for (size_t i = 0; i < INVARIANTS; i++) {
		const struct invariant *invariant = &invariants[i];
		checker->judging = i;
		if (invariant->each)
			invariant->each(checker, step);
		if (type < EVENTS_KNOWN && invariant->on[type])
			invariant->on[type](checker, step);
	}
}

static void become(struct fiber_state *state, enum phase phase,
		   const struct trace_step *step)
{
	state->phase = phase;
	state->became = *step;
}

/* Unless it runs elsewhere by now, as in a broken trace. */
static void stop_running(struct checker *checker, uint32_t fiber, uint32_t worker)
{
	if (fiber && fiber_of(checker, fiber)->worker == worker)
		fiber_of(checker, fiber)->worker = NOBODY;
}

/* `step` makes its worker run `fiber`, or nothing for 0. */
static void run(struct checker *checker, uint32_t fiber, const struct trace_step *step)
{
	struct worker_state *worker = &checker->workers[step->worker];
	stop_running(checker, worker->runs, step->worker);
	worker->runs = fiber;
	worker->since = *step;
	if (fiber == 0)
		return;
	struct fiber_state *state = fiber_of(checker, fiber);
	state->worker = step->worker;
	state->began = *step;
	state->stopped = false;
	become(state, RUNNING, step);
}

static void start_worker(struct checker *checker, const struct trace_step *step)
{
	checker->workers_seen += !checker->workers[step->worker].started;
	checker->workers[step->worker].started = true;
	run(checker, step->record->fiber, step);
}

static void stop_worker(struct checker *checker, const struct trace_step *step)
{
	uint32_t fiber = checker->workers[step->worker].runs;
	run(checker, 0, step);
	if (fiber)
		fiber_of(checker, fiber)->stopped = true;
}

static void switch_fibers(struct checker *checker, const struct trace_step *step)
{
	struct fiber_state *previous = fiber_of(checker, step->record->peer);
	checker->switches++;
	stop_running(checker, step->record->peer, step->worker);
	if (step->record->peer && step->record->arg == TRACE_leave_FINISH)
		previous->left = *step;
	if (previous->worker == NOBODY)
		become(previous,
		       step->record->arg == TRACE_leave_YIELD ? READY : PARKED, step);
	run(checker, step->record->fiber, step);
}

static void begin_span(struct checker *checker, const struct trace_step *step)
{
	struct fiber_state *state = fiber_of(checker, step->record->fiber);
	struct span *span = malloc(sizeof *span);
	if (!span) {
		checker->out_of_memory = true;
		return;
	}
	*span = (struct span){.outer = state->spans, .begun = *step};
	state->spans = span;
}

static void end_span(struct fiber_state *state)
{
	struct span *span = state->spans;
	if (!span)
		return;
	state->spans = span->outer;
	free(span);
}

static void number(struct checker *checker, uint32_t fiber, uint32_t number,
		   const struct trace_step *step)
{
	struct fiber_state *state = fiber_of(checker, fiber);
	state->number = number;
	state->last = *step;
	state->met = true;
}

static void apply(struct checker *checker, const struct trace_step *step)
{
	const struct trace_record *record = step->record;
	uint32_t peers;
	switch (record->type) {
	case TRACE_SWITCH:
		switch_fibers(checker, step);
		break;
	case TRACE_WORKER_START:
		start_worker(checker, step);
		break;
	case TRACE_WORKER_STOP:
		stop_worker(checker, step);
		break;
	case TRACE_CREATE:
		fiber_of(checker, record->fiber)->created = *step;
		fiber_of(checker, record->fiber)->stack_size =
			record->value & 0xFFFFFFFFu;
		become(fiber_of(checker, record->fiber), NEW, step);
		break;
	case TRACE_READY:
		become(fiber_of(checker, record->fiber), READY, step);
		break;
	case TRACE_FINISH:
		fiber_of(checker, record->fiber)->finished = *step;
		break;
	case TRACE_RECYCLE:
		fiber_of(checker, record->fiber)->recycled = *step;
		break;
	case TRACE_SPAN_BEGIN:
		begin_span(checker, step);
		break;
	case TRACE_SPAN_END:
		end_span(fiber_of(checker, record->fiber));
		break;
	}
	if (record->fiber)
		number(checker, record->fiber, record->fiber_sequence, step);
	if (peer_number(checker, step, &peers))
		number(checker, record->peer, peers, step);
}

/* Fiber 0 is nobody; its state is never reported. */
static void look_at(struct checker *checker, const struct trace_step *step)
{
	checker->never_written += step->record->type == 0;
	if (!meet(checker, step->record->fiber) || !meet(checker, step->record->peer))
		return;
	judge(checker, step);
	apply(checker, step);
}

/* Known before the walk: a switch may come before the first READY. */
static bool find_ready(const struct trace_file *file)
{
	for (uint32_t s = 0; s < trace_file_segments(file); s++) {
		const struct trace_record *records = trace_file_records(file, s);
		for (uint64_t i = 0; i < file->heads[s]; i++)
			if (records[i].type == TRACE_READY)
				return true;
	}
	return false;
}

static int walk(struct checker *checker)
{
	struct trace_merge *merge;
	struct trace_step step;
	int error = trace_merge_open(&merge, checker->file);
	if (error)
		return error;
	while (!checker->out_of_memory && trace_merge_next(merge, &step))
		look_at(checker, &step);
	error = checker->out_of_memory ? -ENOMEM : trace_merge_error(merge);
	checker->repairs = trace_merge_repairs(merge);
	trace_merge_close(merge);
	for (size_t i = 0; !error && i < INVARIANTS; i++) {
		checker->judging = i;
		if (invariants[i].end)
			invariants[i].end(checker);
	}
	return error;
}

static void free_fibers(struct checker *checker)
{
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		struct fiber_state *state = fiber_table_at(&checker->fibers, i);
		while (state->spans)
			end_span(state);
	}
	fiber_table_free(&checker->fibers);
}

/* ---- telling ---- */

static void print_field(const struct checker *checker, const struct schema_field *field,
			uint64_t value, FILE *out)
{
	char text[80];
	const char *choice = value > 255
				     ? NULL
				     : schema_choice_text(&checker->file->schema,
							  field->type, (uint8_t)value);
	fprintf(out, " %s=", field->name);
	if (strcmp(field->type, "fiber") == 0) {
		fprintf(out, "%" PRIu64, value);
		if (value)
			fprintf(out, " (%s)", name_of(checker, (uint32_t)value));
	} else if (strcmp(field->type, "string") == 0) {
		text_escape(text, sizeof text, trace_file_string(checker->file, value));
		fprintf(out, "\"%s\"", text);
	} else if (choice) {
		text_escape(text, sizeof text, choice);
		fprintf(out, "%s", text);
	} else {
		fprintf(out, "%" PRIu64, value);
	}
}

static void print_site(const struct checker *checker, const struct trace_step *step,
		       FILE *out)
{
	char name[200], function[80];
	const struct trace_site_entry *site =
		trace_file_site(checker->file, step->record->site);
	if (!site)
		return;
	text_escape(name, sizeof name, trace_file_string(checker->file, site->file));
	text_escape(function, sizeof function,
		    trace_file_string(checker->file, site->function));
	fprintf(out, "          at %s:%u in %s\n", name, (unsigned)site->line,
		function);
}

/* A record in one line, and where in the source it was written in another. */
static void print_step(const struct checker *checker, const struct trace_step *step,
		       bool offends, FILE *out)
{
	const struct schema_event *event = event_of(checker, step);
	const struct trace_record *record = step->record;
	fprintf(out, "  %s step %" PRIu64 ", worker %u: ", offends ? "==>" : "   ",
		step->number, (unsigned)step->worker);
	if (event->known)
		fprintf(out, "%s", event->name);
	else
		fprintf(out, "event %u", record->type);
	for (int place = 0; place < PLACES; place++)
		if (event->fields[place].name[0])
			print_field(
				checker, &event->fields[place],
				schema_value(event, (enum schema_place)place, record),
				out);
	if (record->fiber)
		fprintf(out, ", its record %u", (unsigned)record->fiber_sequence);
	fprintf(out, "\n");
	print_site(checker, step, out);
}

static void print_failure(const struct checker *checker, size_t index, FILE *out)
{
	const struct failure *failure = &checker->failures[index];
	fprintf(out, "invariant %u is broken: %s\n", invariants[index].number,
		invariants[index].sentence);
	fprintf(out, "  here: %s\n", failure->what);
	for (size_t i = 0; i < failure->count; i++)
		print_step(checker, &failure->evidence[i], i + 1 == failure->count,
			   out);
	if (failure->times > 1) {
		fprintf(out, "  and ");
		names_count(out, failure->times - 1, "more place", "more places");
		fprintf(out, "\n");
	}
	fprintf(out, "\n");
}

/* Invariant 18 lists by name what never ended. */
static void print_unfinished(const struct checker *checker, FILE *out)
{
	uint64_t left = 0;
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		if (!must_end(checker, i) ||
		    has_ended(fiber_table_at(&checker->fibers, i)))
			continue;
		if (left++ < UNFINISHED_SHOWN)
			fprintf(out, "%s%s", left > 1 ? ", " : "unfinished: ",
				name_of(checker, checker->fibers.fibers[i]));
	}
	if (left > UNFINISHED_SHOWN)
		fprintf(out, " and %" PRIu64 " more", left - UNFINISHED_SHOWN);
	if (left)
		fprintf(out, "\n");
}

static uint64_t count_fibers(const struct checker *checker)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		uint32_t fiber = checker->fibers.fibers[i];
		count += fiber != 0 && !is_worker_context(fiber);
	}
	return count;
}

/* "invariant 13 (stack depth) had no event to judge" */
static void print_unjudged(const struct checker *checker, FILE *out)
{
	for (size_t i = 0; i < INVARIANTS; i++)
		if (checker->judged[i] == 0)
			fprintf(out, "invariant %u (%s) had no event to judge\n",
				invariants[i].number, invariants[i].name);
}

/* "invariants 1 and 3 are broken" */
static void print_broken(const struct checker *checker, size_t broken, FILE *out)
{
	size_t shown = 0;
	fprintf(out, "invariant%s ", broken == 1 ? "" : "s");
	for (size_t i = 0; i < INVARIANTS; i++) {
		if (checker->failures[i].times == 0)
			continue;
		if (shown > 0)
			fprintf(out, "%s", shown + 1 == broken ? " and " : ", ");
		fprintf(out, "%u", invariants[i].number);
		shown++;
	}
	fprintf(out, " %s broken", broken == 1 ? "is" : "are");
}

/* "5 invariants evaluated, 5 judged: all hold (23 switches, 3 fibers, 1 worker)" */
static void print_verdict(const struct checker *checker, size_t broken, FILE *out)
{
	size_t count = 0;
	for (size_t i = 0; i < INVARIANTS; i++)
		count += checker->judged[i] > 0;
	fprintf(out, "%zu invariants evaluated, %zu judged: ", INVARIANTS, count);
	if (broken)
		print_broken(checker, broken, out);
	else
		fprintf(out, "%s",
			count ? "all hold" : "the trace has nothing to judge");
	fprintf(out, " (");
	names_count(out, checker->switches, "switch", "switches");
	fprintf(out, ", ");
	names_count(out, count_fibers(checker), "fiber", "fibers");
	fprintf(out, ", ");
	names_count(out, checker->workers_seen, "worker", "workers");
	fprintf(out, ")\n");
}

/* What is no failure, but must be known to read the verdict. */
static void print_circumstances(const struct checker *checker, FILE *out)
{
	uint64_t names_lost = load_relaxed(&checker->file->header->lost_strings);
	if (!checker->clean)
		fprintf(out, "the program did not close the trace; what must hold at "
			     "the end "
			     "is not judged\n");
	if (checker->repairs) {
		names_count(out, checker->repairs, "tick was", "ticks were");
		fprintf(out, " carried forward: the clock contradicted the order of "
			     "events\n");
	}
	if (names_lost) {
		names_count(out, names_lost, "name or source line was",
			    "names or source lines were");
		fprintf(out, " lost: there was no room\n");
	}
}

/* Says why nobody can judge this trace. */
static void print_losses(const struct checker *checker, uint64_t dropped, FILE *out)
{
	if (dropped) {
		names_count(out, dropped, "record was", "records were");
		fprintf(out, " lost: the trace was full; give it more room with "
			     "WEFT_TRACE=path,N\n");
	}
	if (checker->never_written) {
		names_count(out, checker->never_written, "record was", "records were");
		fprintf(out, " lost: they are zeros in the file; record it again\n");
	}
	fprintf(out, "unknown: with records lost, nobody can say what holds\n");
}

static int tell(const struct checker *checker, FILE *out)
{
	size_t broken = 0;
	uint64_t dropped = trace_file_dropped(checker->file);
	if (dropped || checker->never_written) {
		print_circumstances(checker, out);
		print_losses(checker, dropped, out);
		return EXIT_UNKNOWN;
	}
	for (size_t i = 0; i < INVARIANTS; i++) {
		if (checker->failures[i].times == 0)
			continue;
		print_failure(checker, i, out);
		broken++;
	}
	print_unfinished(checker, out);
	print_circumstances(checker, out);
	print_unjudged(checker, out);
	print_verdict(checker, broken, out);
	return broken ? EXIT_BROKEN : EXIT_HOLDS;
}

int command_check(const struct trace_file *file, FILE *out)
{
	int code = EXIT_UNREADABLE;
	struct checker *checker = calloc(1, sizeof *checker);
	int error = checker ? names_open(&checker->names, file) : -ENOMEM;
	if (!error) {
		checker->file = file;
		checker->clean = trace_file_clean(file);
		checker->has_ready = find_ready(file);
		fiber_table_init(&checker->fibers, sizeof(struct fiber_state));
		error = walk(checker);
		if (!error)
			code = tell(checker, out);
		free_fibers(checker);
		names_close(&checker->names);
	}
	if (error)
		fprintf(out, "%s: cannot be checked: %s\n", file->path,
			weft_strerror(error));
	free(checker);
	return code;
}
