/* check_timers.c: the timer of each fiber, and invariant 11.
 *
 * A fiber has one timer. All its records are in the fiber's own order, whoever writes them,
 * so what is judged here is certain.
 *
 *   none -- TIMER_SET --> set -- TIMER_FIRE, not before the deadline --> none
 *                         set -- TIMER_DROP ---------------------------> none
 *
 * A fiber with several deadlines, by several clocks, sets its timer for the one that is to be
 * looked at first; when another one passes before it, that is what fires. So a TIMER_FIRE by
 * another clock than the TIMER_SET is not judged. A time is signed: before 1970 there was one.
 *
 * In a window, the first record of a fiber's timer may end one that was set before. */
#include "trace/check_fail.h"

void check_timer(struct checker *checker, const struct sight *sight)
{
	const struct trace_record *record = sight->record;
	struct fiber_state *state = sight->fiber;
	state->timer = (struct timer_state){.set = record->type == TRACE_TIMER_SET,
					    .clock = record->arg,
					    .deadline = record->value,
					    .since = sight->now};
	if (record->type == TRACE_TIMER_SET)
		check_begin_wait(sight);
	if (record->type != TRACE_TIMER_FIRE)
		return;
	check_cause(checker, state, record->fiber, state->runs);
	if (state->phase == RUNNING) /* or for the run before, told when it went on */
		check_cause(checker, state, record->fiber, state->runs - 1);
}

/* ---- invariant 11: no timer early ---- */

static bool is_unknown(const struct fiber_state *state)
{
	return state->before && !state->timer.since.number;
}

void eleven_set(struct checker *checker, const struct sight *sight)
{
	const struct timer_state *timer = &sight->fiber->timer;
	judged(checker);
	if (timer->set)
		FAIL(checker, &sight->now, &timer->since, NULL,
		     "%s sets a timer, but the one before has neither fired nor been "
		     "dropped",
		     mention(sight->record->fiber).text);
}

/* Whether there is a timer to end. */
static bool eleven_ends(struct checker *checker, const struct sight *sight,
			const char *how)
{
	const struct timer_state *timer = &sight->fiber->timer;
	if (is_unknown(sight->fiber))
		return false;
	judged(checker);
	if (!timer->set)
		FAIL(checker, &sight->now, &timer->since, NULL,
		     "%s's timer %s, but none is set",
		     mention(sight->record->fiber).text, how);
	return timer->set;
}

void eleven_fire(struct checker *checker, const struct sight *sight)
{
	const struct timer_state *timer = &sight->fiber->timer;
	uint64_t now = sight->record->value;
	if (!eleven_ends(checker, sight, "fires"))
		return;
	int64_t early = (int64_t)timer->deadline - (int64_t)now;
	if (timer->clock == sight->record->arg && early > 0)
		FAIL(checker, &sight->now, &timer->since, NULL,
		     "%s's timer fires %" PRId64 " ns before its deadline",
		     mention(sight->record->fiber).text, early);
}

void eleven_drop(struct checker *checker, const struct sight *sight)
{
	(void)eleven_ends(checker, sight, "is dropped");
}

void eleven_finish(struct checker *checker, const struct sight *sight)
{
	const struct timer_state *timer = &sight->fiber->timer;
	if (!timer->set)
		return;
	judged(checker);
	FAIL(checker, &sight->now, &timer->since, NULL,
	     "%s finishes, but its timer has neither fired nor been dropped",
	     mention(sight->record->fiber).text);
}
