/* check_invariants.c: the judges, and the table of what they judge.
 *
 * A judge sees a step before it changes the states, and says with FAIL what it contradicts
 * and which earlier records established that. What began before a window is judged by
 * what the window shows, and never by what it does not. */
#include "trace/check_fail.h"

#include <inttypes.h>
#include <string.h>

#include "trace/names.h"

/* ---- failing ---- */

/* The end of that fiber, which is no longer known, belongs to the failure. */
static void blame_end(struct checker *checker, uint32_t fiber)
{
	struct failure *failure = &checker->failures[checker->judging];
	if (failure->times == 1)
		failure->ended = fiber;
}

/* ---- invariant 1: one worker a fiber, one fiber a worker ---- */

/* Who made it ready while it ran, if somebody did, belongs to the slice. */
static void one_not_elsewhere(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	judged(checker);
	if (state->worker != NOBODY && state->worker != sight->step->worker)
		FAIL(checker, &sight->now, &state->began, &state->became,
		     "%s runs on worker %u and on worker %u at once",
		     mention(sight->record->fiber).text, (unsigned)state->worker,
		     (unsigned)sight->step->worker);
}

/* A worker that runs something starts nothing. */
static void one_start(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *worker = sight->worker;
	one_not_elsewhere(checker, sight);
	if (worker->runs)
		FAIL(checker, &sight->now, &worker->since, NULL,
		     "worker %u starts with %s while it runs %s",
		     (unsigned)sight->step->worker, mention(sight->record->fiber).text,
		     mention(worker->runs).text);
}

/* What only a running fiber does. A segment whose worker never started is a helper's.
 */
static void one_acts(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *worker = sight->worker;
	uint32_t fiber = sight->record->fiber;
	const struct fiber_state *state = sight->fiber;
	if (!worker->started || fiber == 0)
		return;
	judged(checker);
	if (worker->runs != fiber)
		FAIL(checker, &sight->now, &worker->since,
		     state->worker == NOBODY ? &state->last : &state->began,
		     "%s acts on worker %u, which runs %s", mention(fiber).text,
		     (unsigned)sight->step->worker, mention(worker->runs).text);
}

/* ---- invariant 2: a switch leaves what ran ---- */

/* The first fiber of a worker comes from WORKER_START. In a window, nobody knows what a
 * worker ran before its first record. */
static void two_switch(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *worker = sight->worker;
	uint32_t previous = sight->record->peer;
	if (checker->window && !worker->since.number)
		return;
	judged(checker);
	if (worker->runs == 0)
		FAIL(checker, &sight->now, &worker->since, NULL,
		     "worker %u leaves %s, but it %s", (unsigned)sight->step->worker,
		     mention(previous).text,
		     worker->since.number ? "has stopped" : "has not started");
	else if (worker->runs != previous)
		FAIL(checker, &sight->now, &worker->since, &sight->peer->last,
		     "worker %u leaves %s, but it runs %s",
		     (unsigned)sight->step->worker, mention(previous).text,
		     mention(worker->runs).text);
}

static void two_stop(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *worker = sight->worker;
	uint32_t fiber = sight->record->fiber;
	if (checker->window && !worker->since.number)
		return;
	judged(checker);
	if (worker->runs != fiber)
		FAIL(checker, &sight->now, &worker->since, NULL,
		     "worker %u stops in %s, but it runs %s",
		     (unsigned)sight->step->worker, mention(fiber).text,
		     mention(worker->runs).text);
}

/* ---- invariant 3: a fiber's records are whole, from its birth to its end ---- */

/* One of the two fibers that a record can belong to. */
struct belonging {
	uint32_t fiber, number;
	const struct fiber_state *state;
	bool own; /* it is the record's own fiber, not its peer */
};

/* The merge has made the best of the numbers; here they must follow each other. */
static void three_number(struct checker *checker, const struct sight *sight,
			 const struct belonging *whose)
{
	const struct fiber_state *state = whose->state;
	judged(checker);
	if (whose->number != state->number + 1 && !(state->ended && !state->met))
		FAIL(checker, &sight->now, &state->last, NULL,
		     "%s goes on with its record %u after its record %u",
		     mention(whose->fiber).text, (unsigned)whose->number,
		     (unsigned)state->number);
}

/* A fiber is born by CREATE, or as what a worker's own thread runs when it starts. */
static void three_birth(struct checker *checker, const struct sight *sight,
			const struct belonging *whose)
{
	const struct fiber_state *state = whose->state;
	uint8_t type = sight->record->type;
	bool creates = whose->own && type == TRACE_CREATE;
	bool starts = whose->own && type == TRACE_WORKER_START;
	bool met = state->met || state->before || state->ended;
	if (creates && met) {
		FAIL(checker, &sight->now, &state->created, &state->last,
		     "%s is created after it came to be", mention(whose->fiber).text);
		if (state->ended)
			blame_end(checker, whose->fiber);
	}
	if (!creates && !starts && !met && !check_is_worker_context(whose->fiber))
		FAIL(checker, &sight->now, NULL, NULL,
		     "%s has a record before its CREATE", mention(whose->fiber).text);
}

/* What follows the last switch. */
static void three_after(struct checker *checker, const struct sight *sight,
			const struct belonging *whose, bool recycles)
{
	const struct fiber_state *state = whose->state;
	if (state->ended || state->recycled.number)
		FAIL(checker, &sight->now, &state->left, &state->recycled,
		     "%s has a record after its RECYCLE", mention(whose->fiber).text);
	else if (!recycles)
		FAIL(checker, &sight->now, &state->finished, &state->left,
		     "%s has a record after its last switch",
		     mention(whose->fiber).text);
	if (state->ended)
		blame_end(checker, whose->fiber);
}

/* What the end of a life lacks. The records that a window no longer has may have been
 * the missing ones, if they came right before its first. */
static void three_lacks(struct checker *checker, const struct sight *sight,
			const struct belonging *whose, bool leaves, bool recycles)
{
	const struct fiber_state *state = whose->state;
	if (state->before && !state->met)
		return;
	if (leaves && !state->finished.number)
		FAIL(checker, &sight->now, &state->began, NULL,
		     "%s is left for good without a FINISH",
		     mention(whose->fiber).text);
	else if (recycles)
		FAIL(checker, &sight->now, &state->last, NULL,
		     "%s is recycled before its end", mention(whose->fiber).text);
}

/* FINISH, then the switch with reason finish, then RECYCLE end a life, in that order. */
static void three_end(struct checker *checker, const struct sight *sight,
		      const struct belonging *whose)
{
	const struct fiber_state *state = whose->state;
	const struct trace_record *record = sight->record;
	bool leaves = !whose->own && record->type == TRACE_SWITCH &&
		      record->arg == TRACE_leave_FINISH;
	bool recycles = whose->own && record->type == TRACE_RECYCLE;
	bool creates = whose->own && record->type == TRACE_CREATE;
	if (state->left.number || (state->ended && !creates))
		three_after(checker, sight, whose, recycles);
	else if (state->finished.number && !leaves)
		FAIL(checker, &sight->now, &state->finished, NULL,
		     "%s has a record after its FINISH that is not its last switch",
		     mention(whose->fiber).text);
	else
		three_lacks(checker, sight, whose, leaves, recycles);
}

static void three_belongs(struct checker *checker, const struct sight *sight,
			  const struct belonging *whose)
{
	three_number(checker, sight, whose);
	three_birth(checker, sight, whose);
	three_end(checker, sight, whose);
}

static void three_each(struct checker *checker, const struct sight *sight)
{
	const struct trace_record *record = sight->record;
	if (record->fiber)
		three_belongs(checker, sight,
			      &(struct belonging){record->fiber, record->fiber_sequence,
						  sight->fiber, true});
	if (sight->peer_counts)
		three_belongs(checker, sight,
			      &(struct belonging){record->peer, sight->peer_number,
						  sight->peer, false});
}

/* ---- invariant 4: ready before running ---- */

/* One whose function has returned is invariant 3's business. */
static void four_ready(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	uint32_t fiber = sight->record->fiber;
	if (check_is_worker_context(fiber) || state->finished.number || state->ended)
		return;
	judged(checker);
	if (state->phase == READY)
		FAIL(checker, &sight->now, &state->became, NULL,
		     "%s is made ready, but it is ready already", mention(fiber).text);
	else if (state->phase == RUNNING)
		FAIL(checker, &sight->now, &state->became, NULL,
		     "%s is made ready while it runs", mention(fiber).text);
}

/* One that runs already is invariant 1's business. */
static void four_switch(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	if (check_is_worker_context(sight->record->fiber))
		return;
	judged(checker);
	if (state->phase == NEW || state->phase == PARKED)
		FAIL(checker, &sight->now, &state->became, NULL,
		     "%s runs, but nobody made it ready since it %s",
		     mention(sight->record->fiber).text,
		     state->phase == NEW ? "was created" : "parked");
}

/* Where no READY stands, a switch may go to anyone. Only the end of a trace shows that:
 * a switch may come before the first READY. */
static void four_end(struct checker *checker)
{
	if (checker->has_ready)
		return;
	unjudge(checker);
}

/* ---- invariant 13: spans nest, and stacks suffice ---- */

static const char *text_of(const struct checker *checker,
			   const struct trace_record *record)
{
	return trace_file_string(checker->file, record->value & 0xFFFFFFFFu);
}

/* A text for which there was no room is the empty one, and may have been any. */
static bool same_text(const struct checker *checker, const struct trace_record *one,
		      const struct trace_record *other)
{
	const char *text = text_of(checker, one), *another = text_of(checker, other);
	bool lost = load_relaxed(&checker->file->header->lost_strings) > 0;
	return text == another || strcmp(text, another) == 0 ||
	       (lost && (!*text || !*another));
}

/* What began before the window may end in it. */
static void thirteen_span_end(struct checker *checker, const struct sight *sight)
{
	const struct span *span = sight->fiber->spans;
	uint32_t fiber = sight->record->fiber;
	char ends[48], began[48];
	if (!span && (sight->fiber->before || (checker->window && fiber == 0)))
		return;
	judged(checker);
	if (span && same_text(checker, sight->record,
			      moment_record(checker->file, &span->begun)))
		return;
	text_escape(ends, sizeof ends, text_of(checker, sight->record));
	if (!span) {
		FAIL(checker, &sight->now, &sight->fiber->last, NULL,
		     "%s ends \"%s\", but no span of it is open", mention(fiber).text,
		     ends);
		return;
	}
	text_escape(began, sizeof began,
		    text_of(checker, moment_record(checker->file, &span->begun)));
	FAIL(checker, &sight->now, &span->begun, NULL,
	     "%s ends \"%s\", but the span it began last is \"%s\"",
	     mention(fiber).text, ends, began);
}

static void thirteen_open_span(struct checker *checker, const struct sight *sight)
{
	const struct span *span = sight->fiber->spans;
	char began[48];
	if (!span)
		return;
	judged(checker);
	text_escape(began, sizeof began,
		    text_of(checker, moment_record(checker->file, &span->begun)));
	FAIL(checker, &sight->now, &span->begun, NULL,
	     "%s finishes, but its \"%s\" is open", mention(sight->record->fiber).text,
	     began);
}

static void thirteen_used(struct checker *checker, const struct sight *sight,
			  uint32_t fiber, const struct fiber_state *state)
{
	uint32_t used = (uint32_t)(sight->record->value >> 32);
	if (state->stack_size == 0)
		return;
	judged(checker);
	if (used > state->stack_size)
		FAIL(checker, &sight->now, &state->created, NULL,
		     "%s used %" PRIu32 " bytes of a stack of %" PRIu32,
		     mention(fiber).text, used, state->stack_size);
}

static void thirteen_switch(struct checker *checker, const struct sight *sight)
{
	thirteen_used(checker, sight, sight->record->peer, sight->peer);
}

static void thirteen_finish(struct checker *checker, const struct sight *sight)
{
	thirteen_used(checker, sight, sight->record->fiber, sight->fiber);
	thirteen_open_span(checker, sight);
}

/* ---- invariant 18: everything ends ---- */

/* The one with the smallest number is shown. Those that were forgotten have ended. */
static void eighteen_end(struct checker *checker)
{
	const struct fiber_state *worst = NULL;
	uint32_t fiber = 0;
	uint64_t times = 0;
	if (checker->clean && checker->ended_created)
		judged(checker);
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		const struct fiber_state *state = fiber_table_at(&checker->fibers, i);
		if (!check_must_end(checker, i))
			continue;
		judged(checker);
		if (check_has_ended(state))
			continue;
		if (times++ > 0 && checker->fibers.fibers[i] > fiber)
			continue;
		worst = state;
		fiber = checker->fibers.fibers[i];
	}
	if (!worst)
		return;
	FAIL(checker, &worst->last, &worst->created, NULL,
	     "%s neither finished nor ran when its worker stopped",
	     mention(fiber).text);
	checker->failures[checker->judging].times = times;
}

/* ---- lint 17: ready, and not run ---- */

/* How long the fiber waited until the step `to`. The clock's word is good enough here. */
static void lint_wait(struct checker *checker, uint32_t fiber,
		      const struct fiber_state *state, uint64_t tick,
		      const struct moment *to)
{
	struct ready_lint *lint = &checker->ready;
	uint64_t waited = tick - state->became_at; /* merged ticks never go back */
	lint->judged++;
	if (waited <= lint->limit_ticks)
		return;
	lint->times++;
	if (waited <= lint->longest_ticks)
		return;
	lint->longest_ticks = waited;
	lint->fiber = fiber;
	lint->from = state->became;
	lint->to = *to;
}

static bool waits_to_run(const struct fiber_state *state, uint32_t fiber)
{
	return state->phase == READY && !check_is_worker_context(fiber);
}

static void lint_switch(struct checker *checker, const struct sight *sight)
{
	if (waits_to_run(sight->fiber, sight->record->fiber))
		lint_wait(checker, sight->record->fiber, sight->fiber,
			  sight->step->tick, &sight->now);
}

/* What was ready at the last record had waited until then. */
static void lint_end(struct checker *checker)
{
	static const struct moment never = {0};
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		const struct fiber_state *state = fiber_table_at(&checker->fibers, i);
		uint32_t fiber = checker->fibers.fibers[i];
		if (fiber_table_holds(&checker->fibers, i) &&
		    waits_to_run(state, fiber))
			lint_wait(checker, fiber, state, checker->last_tick, &never);
	}
}

const struct invariant check_invariants[] = {
	{.number = 1,
	 .name = "one worker",
	 .sentence =
		 "a fiber runs on at most one worker at a time, and a worker runs at "
		 "most one fiber",
	 .on = {[TRACE_SWITCH] = one_not_elsewhere, [TRACE_WORKER_START] = one_start,
		[TRACE_FINISH] = one_acts,          [TRACE_MARK] = one_acts,
		[TRACE_AWAIT] = one_acts,           [TRACE_INLINE] = one_acts,
		[TRACE_SPAN_BEGIN] = one_acts,      [TRACE_SPAN_END] = one_acts,
		[TRACE_STEAL_MISS] = one_acts,      [TRACE_WORKER_SLEEP] = one_acts,
		[TRACE_WORKER_WAKE] = one_acts,     [TRACE_WORKER_AWAKE] = one_acts,
		[TRACE_WAIT_PUSH] = one_acts,       [TRACE_WAIT_RETURN] = one_acts,
		[TRACE_WAIT_POP] = one_acts,        [TRACE_POLL_BEGIN] = one_acts,
		[TRACE_POLL_END] = one_acts,        [TRACE_FD_WATCH] = one_acts,
		[TRACE_FD_READY] = one_acts,        [TRACE_FD_CLOSE] = one_acts,
		[TRACE_TIMER_SET] = one_acts,       [TRACE_TIMER_DROP] = one_acts,
		[TRACE_CANCEL_REQUEST] = one_acts,  [TRACE_CANCEL_ACK] = one_acts}},
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
	 .on = {[TRACE_READY] = four_ready, [TRACE_SWITCH] = four_switch},
	 .end = four_end},
	{.number = 5,
	 .name = "ready for a cause",
	 .sentence =
		 "a fiber is made ready by one that runs on the worker that records "
		 "it: a new one by its parent, or by the foreign thread that created "
		 "it; one that waits, when it was woken, its deadline has come, it is "
		 "asked to end, or its call was made",
	 .on = {[TRACE_READY] = five_ready},
	 .end = five_end},
	{.number = 6,
	 .name = "queues",
	 .sentence =
		 "a worker runs a ready fiber out of a queue of its own; a STEAL moves "
		 "it there from another, each fiber once and each batch whole",
	 .on = {[TRACE_STEAL] = six_steal, [TRACE_SWITCH] = six_switch},
	 .end = six_end},
	{.number = 10,
	 .name = "in order",
	 .sentence =
		 "of those who wait in a queue the first is woken first, and each is "
		 "taken out once for each time it came",
	 .on = {[TRACE_WAIT_PUSH] = ten_push,
		[TRACE_WAIT_RETURN] = ten_push,
		[TRACE_WAIT_POP] = ten_pop,
		[TRACE_OFFLOAD_BEGIN] = ten_pop},
	 .end = ten_end},
	{.number = 11,
	 .name = "no timer early",
	 .sentence =
		 "a fiber has one timer at a time, which fires when its clock has come "
		 "to the deadline, or is dropped, before the fiber ends",
	 .on = {[TRACE_TIMER_SET] = eleven_set,
		[TRACE_TIMER_FIRE] = eleven_fire,
		[TRACE_TIMER_DROP] = eleven_drop,
		[TRACE_FINISH] = eleven_finish}},
	{.number = 12,
	 .name = "only what is watched",
	 .sentence =
		 "the kernel tells only of directions of a descriptor that are "
		 "watched, and once that is closed, waiters leave it and nothing else "
		 "happens to it",
	 .on = {[TRACE_FD_WATCH] = twelve_watch,
		[TRACE_FD_READY] = twelve_ready,
		[TRACE_FD_CLOSE] = twelve_closed,
		[TRACE_WAIT_PUSH] = twelve_closed,
		[TRACE_WAIT_RETURN] = twelve_closed}},
	{.number = 13,
	 .name = "spans and stacks",
	 .sentence =
		 "a fiber's spans nest, end with the text they began with and before "
		 "it does, and it uses no more stack than it has",
	 .on = {[TRACE_SWITCH] = thirteen_switch,
		[TRACE_FINISH] = thirteen_finish,
		[TRACE_SPAN_END] = thirteen_span_end}},
	{.number = 14,
	 .name = "no lost wake-up",
	 .sentence =
		 "while a fiber is ready, some worker that may run it is up, or has a "
		 "wake on its way; and what the kernel tells of a descriptor wakes one "
		 "that waits for it",
	 .on = {[TRACE_WORKER_SLEEP] = fourteen_sleep,
		[TRACE_FD_READY] = fourteen_event},
	 .end = fourteen_end},
	{.number = 18,
	 .name = "everything ends",
	 .sentence =
		 "every fiber that was created has finished by the end, or was running "
		 "when its worker stopped",
	 .end = eighteen_end},
	{.number = 21,
	 .name = "sleep in turn",
	 .sentence =
		 "a worker that sleeps does nothing until it goes on, for a wake or "
		 "for what it found itself, and none that runs a fiber wakes itself",
	 .on = {[TRACE_WORKER_SLEEP] = twenty_one_sleep,
		[TRACE_WORKER_WAKE] = twenty_one_wake,
		[TRACE_WORKER_AWAKE] = twenty_one_awake,
		[TRACE_SWITCH] = twenty_one_acts,
		[TRACE_STEAL] = twenty_one_acts,
		[TRACE_STEAL_MISS] = twenty_one_acts,
		[TRACE_WAIT_PUSH] = twenty_one_acts,
		[TRACE_WAIT_RETURN] = twenty_one_acts,
		[TRACE_WAIT_POP] = twenty_one_acts,
		[TRACE_FD_WATCH] = twenty_one_acts,
		[TRACE_FD_READY] = twenty_one_acts,
		[TRACE_FD_CLOSE] = twenty_one_acts,
		[TRACE_TIMER_SET] = twenty_one_acts,
		[TRACE_TIMER_FIRE] = twenty_one_acts,
		[TRACE_TIMER_DROP] = twenty_one_acts,
		[TRACE_CANCEL_REQUEST] = twenty_one_acts,
		[TRACE_CANCEL_ACK] = twenty_one_acts,
		[TRACE_WORKER_STOP] = twenty_one_acts}},
};

#define INVARIANTS (sizeof check_invariants / sizeof check_invariants[0])
_Static_assert(INVARIANTS <= INVARIANTS_MAX, "room for each invariant's findings");

const size_t check_invariant_count = INVARIANTS;

/* ---- judging ---- */

static void add_duty(struct checker *checker, unsigned type, size_t invariant,
		     judge_function *judge)
{
	struct duty *duty = checker->duties[type];
	while (duty->judge)
		duty++;
	*duty = (struct duty){judge, invariant};
}

void check_assign(struct checker *checker)
{
	for (unsigned type = 0; type <= EVENTS_KNOWN; type++)
		for (size_t i = 0; i < INVARIANTS; i++) {
			const struct invariant *invariant = &check_invariants[i];
			if (invariant->each)
				add_duty(checker, type, i, invariant->each);
			if (type < EVENTS_KNOWN && invariant->on[type])
				add_duty(checker, type, i, invariant->on[type]);
		}
}

void check_judge(struct checker *checker, const struct sight *sight)
{
	uint8_t type = sight->record->type;
	const struct duty *duty =
		checker->duties[type < EVENTS_KNOWN ? type : EVENTS_KNOWN];
	for (; duty->judge; duty++) {
		checker->judging = duty->invariant;
		duty->judge(checker, sight);
	}
	if (type == TRACE_SWITCH)
		lint_switch(checker, sight);
}

void check_judge_end(struct checker *checker)
{
	for (size_t i = 0; i < INVARIANTS; i++) {
		checker->judging = i;
		if (check_invariants[i].end)
			check_invariants[i].end(checker);
	}
	lint_end(checker);
	check_lint_sleep_end(checker);
}
