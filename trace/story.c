/* story.c: a run in sentences, for someone who reads a trace for the first time.
 *
 * The steps come in the merged order. Switches that go round and round between the same
 * few fibers are held back until the round is over and then told in one line. Two
 * passes: the first counts the lines, the second writes those that the bound on lines
 * leaves.
 *
 *   step -- hold --> held -- settle --> told, one by one
 *                     |
 *                     +-- settle, when there are enough of them --> folded -- settle
 * --> told in one line
 *
 * Steps that say one thing together share a line, as a CREATE and the READY of the new
 * fiber do: the second is written behind the first while the line is still open.
 *
 * Rejected: keeping all lines in memory, which a long trace does not fit. */
#include <inttypes.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/names.h"
#include "trace/waiters.h"
#include "weft.h"

#define TURNS_MIN 12 /* fewer switches are told one by one */
#define CYCLE_MAX                                                                      \
	8           /* fibers that take turns; of a longer round each switch is told   \
		     */
#define HELD_MAX 24 /* enough to see a round of CYCLE_MAX twice */

/* How points of time are written, so that the last one stays short. */
struct unit {
	const char *name;
	uint64_t ns;
	int decimals;
	uint64_t last_ns; /* the longest run told in this unit */
};

struct story {
	const struct names *names;
	FILE *out; /* NULL in the pass that only counts */

	/* What the counting pass finds. */
	uint64_t lines, first_tick, last_tick;
	uint64_t switches, created, finished, forced;
	uint32_t workers;
	int error;

	/* Which lines are written: those before `head` and from `tail` on. */
	uint64_t head, tail;
	uint64_t left_out;      /* steps */
	bool open;              /* a line lacks its end */
	struct trace_step said; /* the last of that line, or none */
	const struct unit *unit;
	int digits; /* before the point, of the last time */

	/* Switches that may yet turn out to go round. */
	struct trace_step held[HELD_MAX];
	size_t held_count;
	uint64_t folded;      /* switches of this round that are no longer held */
	uint64_t turns_start; /* its first tick, once something is folded */
};

/* Nanoseconds since the first step told: a trace is opened some time before anything runs. */
static uint64_t ns_of(const struct story *story, uint64_t tick)
{
	const struct trace_file *file = story->names->file;
	return trace_file_ns(file, tick) - trace_file_ns(file, story->first_tick);
}

/* ---- lines ---- */

/* The fraction is cut, not rounded: no step seems to come before an earlier one. */
static void write_time(struct story *story, uint64_t ns, int width)
{
	const struct unit *unit = story->unit;
	uint64_t fraction = ns % unit->ns, scale = unit->ns;
	for (int i = 0; i < unit->decimals; i++)
		scale /= 10;
	fprintf(story->out, "%*" PRIu64 ".%0*" PRIu64 " %s", width, ns / unit->ns,
		unit->decimals, fraction / scale, unit->name);
}

/* Stands once, where the lines are missing, in the column of the sentences. */
static void write_left_out(struct story *story)
{
	if (!story->out || story->left_out == 0)
		return;
	size_t indent = (size_t)story->digits + (size_t)story->unit->decimals +
			strlen(story->unit->name) + 4;
	fprintf(story->out, "%*s... ", (int)indent, "");
	names_count(story->out, story->left_out, "step is", "steps are");
	fputs(" left out here ...\n", story->out);
	story->left_out = 0;
}

static void end_line(struct story *story)
{
	if (story->open)
		fputc('\n', story->out);
	story->open = false;
	story->said.record = NULL;
}

/* Begins the line of `steps` steps; false when it is not to be written. */
static bool begin_line(struct story *story, uint64_t tick, uint64_t steps)
{
	uint64_t line = story->lines++;
	end_line(story);
	if (!story->out)
		return false;
	if (line >= story->head && line < story->tail) {
		story->left_out += steps;
		return false;
	}
	write_left_out(story);
	write_time(story, ns_of(story, tick), story->digits);
	fputs("  ", story->out);
	story->open = true;
	return true;
}

/* Whether both are of one batch; they are of one worker. */
static bool same_batch(const struct trace_record *a, const struct trace_record *b)
{
	return a->type == TRACE_STEAL && b->type == TRACE_STEAL &&
	       a->value == b->value && a->peer == b->peer;
}

/* A fiber that waits sets a timer, and leaves. */
static bool joins_wait(const struct trace_record *first,
		       const struct trace_record *second)
{
	return (second->type == TRACE_TIMER_SET && second->fiber == first->fiber) ||
	       (second->type == TRACE_SWITCH && second->peer == first->fiber);
}

/* What the kernel tells, who is woken by it, and so made ready; who has its deadline, or is
 * asked to end, is made ready too; who goes on drops its timer; the kernel's events are told
 * of, or the worker goes on for them. */
static bool joins_wake(const struct trace_record *first,
		       const struct trace_record *second)
{
	switch (first->type) {
	case TRACE_POLL_END:
		return second->type == TRACE_FD_READY ||
		       second->type == TRACE_WORKER_AWAKE;
	case TRACE_FD_READY:
		return second->type == TRACE_WAIT_POP &&
		       second->value >> 32 == first->value >> 32;
	case TRACE_OFFLOAD_END:
	case TRACE_WAIT_POP:
	case TRACE_CANCEL_REQUEST:
		return second->type == TRACE_READY && second->fiber == first->peer;
	case TRACE_TIMER_FIRE:
		return second->type == TRACE_READY && second->fiber == first->fiber;
	case TRACE_SWITCH:
		return second->type == TRACE_TIMER_DROP &&
		       second->fiber == first->fiber;
	}
	return false;
}

/* Whether `next`, the step after `said`, goes on with what that says: a new fiber is made
 * ready; an awaiter leaves; who was made ready is switched to, or a worker is woken for it;
 * who was stolen is switched to, or is one of a batch; who left for good is recycled. */
static bool joins(const struct trace_step *said, const struct trace_step *next)
{
	const struct trace_record *first = said->record, *second = next->record;
	if (!first || said->worker != next->worker)
		return false;
	if (joins_wake(first, second))
		return true;
	if (first->type == TRACE_WAIT_PUSH || first->type == TRACE_WAIT_RETURN ||
	    first->type == TRACE_TIMER_SET)
		return joins_wait(first, second);
	if (first->type == TRACE_CREATE)
		return second->type == TRACE_READY && second->fiber == first->fiber;
	if (first->type == TRACE_AWAIT)
		return second->type == TRACE_SWITCH && second->peer == first->fiber;
	if (first->type == TRACE_READY && second->type == TRACE_WORKER_WAKE)
		return second->fiber == first->peer;
	if (first->type == TRACE_READY || first->type == TRACE_STEAL)
		return same_batch(first, second) ||
		       (second->type == TRACE_SWITCH && second->fiber == first->fiber);
	return first->type == TRACE_SWITCH && second->type == TRACE_RECYCLE &&
	       second->fiber == first->peer;
}

/* The step goes on with the line before, be that written or left out. */
static void join_line(struct story *story, const struct trace_step *step)
{
	story->left_out += story->out && !story->open;
	if (!story->open)
		return;
	if (same_batch(story->said.record, step->record)) {
		fprintf(story->out, "; and %s",
			names_of(story->names, step->record->fiber));
		return;
	}
	fputs("; ", story->out);
	names_tell(story->names, step, story->out);
}

/* With more than one worker, each line says whose step it is. */
static void tell_step(struct story *story, const struct trace_step *step)
{
	if (joins(&story->said, step)) {
		join_line(story, step);
	} else if (begin_line(story, step->tick, 1)) {
		if (story->workers > 1 && !names_begin_with_worker(step->record->type))
			fprintf(story->out, "%s: ",
				trace_file_writer(story->names->file, step->worker)
					.text);
		names_tell(story->names, step, story->out);
	}
	story->said = *step;
}

/* The held switches from the first on are one round after another: the leavers of the first
 * `period` of them are those who take turns. */
static void tell_turns(struct story *story, size_t period, uint64_t switches,
		       uint64_t last_tick)
{
	const struct trace_step *first = story->held;
	uint64_t start = story->folded > 0 ? story->turns_start : first->tick;
	if (!begin_line(story, start, switches))
		return;
	if (story->workers > 1)
		fprintf(story->out, "%s: ",
			trace_file_writer(story->names->file, first->worker).text);
	for (size_t i = 0; i < period; i++)
		fprintf(story->out, "%s%s",
			i == 0            ? ""
			: i == period - 1 ? " and "
					  : ", ",
			names_of(story->names, first[i].record->peer));
	fprintf(story->out, "%s %" PRIu64 " times, until ",
		period == 1   ? " leaves for itself"
		: period == 2 ? " alternate"
			      : " take turns, switching",
		switches);
	write_time(story, ns_of(story, last_tick), 0);
}

/* ---- turns ---- */

/* The bytes in use may differ from round to round; who, to whom and why may not. */
static bool same_switch(const struct trace_record *a, const struct trace_record *b)
{
	return a->fiber == b->fiber && a->peer == b->peer && a->arg == b->arg;
}

/* How many of the held switches, from the first on, go round one cycle. *period is the
 * cycle's length, 0 while it is not closed. */
static size_t find_cycle(const struct story *story, size_t *period)
{
	const struct trace_step *held = story->held;
	*period = 0;
	for (size_t i = 0; i < story->held_count; i++) {
		const struct trace_record *record = held[i].record;
		if (i > 0 && (record->peer != held[i - 1].record->fiber ||
			      held[i].worker != held[0].worker))
			return i;
		if (*period > 0 && !same_switch(record, held[i - *period].record))
			return i;
		if (*period == 0 && record->fiber == held[0].record->peer)
			*period = i + 1;
	}
	return story->held_count;
}

/* Forgets the `count` oldest of the held switches. */
static void drop(struct story *story, size_t count)
{
	story->held_count -= count;
	memmove(story->held, story->held + count,
		story->held_count * sizeof *story->held);
}

/* Drops a whole round, so that what stays begins at the same place in the cycle. */
static void fold(struct story *story, size_t period)
{
	if (story->folded == 0)
		story->turns_start = story->held[0].tick;
	story->folded += period;
	drop(story, period);
}

/* Tells what is certain of the held switches; with `all`, everything. */
static void settle(struct story *story, bool all)
{
	while (story->held_count > 0) {
		size_t period, same = find_cycle(story, &period);
		bool turns = period > 0 && period <= CYCLE_MAX &&
			     same + story->folded >= TURNS_MIN && same >= 2 * period;
		bool open = same == story->held_count && !all;
		if (open && story->held_count < HELD_MAX)
			return;
		if (open && turns) {
			fold(story, period);
		} else if (turns) {
			tell_turns(story, period, same + story->folded,
				   story->held[same - 1].tick);
			story->folded = 0;
			drop(story, same);
		} else {
			tell_step(story, story->held);
			drop(story, 1);
		}
	}
}

/* settle leaves at least one place free. */
static void hold(struct story *story, const struct trace_step *step)
{
	story->held[story->held_count++] = *step;
	settle(story, false);
}

/* ---- passes ---- */

/* What the totals and the choice of lines and units need. */
static void count_step(struct story *story, const struct trace_step *step)
{
	uint8_t type = step->record->type;
	if (story->lines == 0 && story->held_count == 0)
		story->first_tick = step->tick;
	story->last_tick = step->tick;
	story->switches += type == TRACE_SWITCH;
	story->created += type == TRACE_CREATE;
	story->finished += type == TRACE_FINISH;
	story->workers += type == TRACE_WORKER_START;
	story->forced += step->forced;
}

/* That a worker asks the kernel is part of its sleep, or of what it then has; and how a waiter
 * that something else had claimed is taken out is told by that something. */
static bool is_of_a_wait(const struct trace_record *record)
{
	return record->type == TRACE_POLL_BEGIN ||
	       (record->type == TRACE_POLL_END && (uint32_t)record->value == 0) ||
	       (record->type == TRACE_WAIT_POP && !waiters_is_woken(record->arg));
}

/* An ANCHOR ties two clocks together, a STATUS says how a fiber stood, and a QUEUE_LENGTH how
 * many were ready; none of them is something that happened in the run. Nor is how a worker's
 * own context comes to be: the story begins where the worker starts. */
static bool is_told(const struct trace_record *record)
{
	bool birth = record->type == TRACE_CREATE || record->type == TRACE_NAME;
	return record->type != TRACE_ANCHOR && record->type != TRACE_STATUS &&
	       record->type != TRACE_QUEUE_LENGTH && !is_of_a_wait(record) &&
	       !(birth && record->fiber >= TRACE_IDLE_FIBERS);
}

static void pass(struct story *story)
{
	struct trace_merge *merge;
	struct trace_step step;
	story->error = trace_merge_open(&merge, story->names->file);
	if (story->error)
		return;
	while (trace_merge_next(merge, &step)) {
		if (!is_told(step.record))
			continue;
		if (!story->out)
			count_step(story, &step);
		if (step.record->type == TRACE_SWITCH) {
			hold(story, &step);
			continue;
		}
		settle(story, true);
		tell_step(story, &step);
	}
	settle(story, true);
	end_line(story);
	write_left_out(story);
	story->error = trace_merge_error(merge);
	trace_merge_close(merge);
}

/* The last time decides: all lines have the same unit. */
static void choose_unit(struct story *story)
{
	static const struct unit units[] = {
		{"us", 1000, 1, UINT64_C(10000000)},
		{"ms", 1000000, 3, UINT64_C(10000000000)},
		{"s", 1000000000, 6, UINT64_MAX},
	};
	uint64_t last = ns_of(story, story->last_tick);
	story->unit = units;
	while (last > story->unit->last_ns)
		story->unit++;
	char number[32];
	int digits =
		snprintf(number, sizeof number, "%" PRIu64, last / story->unit->ns);
	story->digits = digits < 4 ? 4 : digits;
}

/* With a bound, one line of it is the one that says what is left out. */
static void choose_lines(struct story *story, uint64_t bound)
{
	story->head = story->tail = story->lines;
	if (bound > 0 && story->lines > bound) {
		story->head = bound / 2;
		story->tail = story->lines - (bound - 1 - story->head);
	}
	story->lines = 0;
}

/* ---- the end of the story ---- */

static void tell_totals(struct story *story)
{
	FILE *out = story->out;
	fputs("In all: ", out);
	names_count(out, story->switches, "switch", "switches");
	if (story->workers > 0) {
		fputs(" on ", out);
		names_count(out, story->workers, "worker", "workers");
	}
	fputs(" in ", out);
	write_time(story, ns_of(story, story->last_tick), 0);
	if (story->created > 0) {
		fputs("; ", out);
		names_count(out, story->created, "fiber", "fibers");
		fprintf(out, " created, %" PRIu64 " finished", story->finished);
	}
	fputs(".\n", out);
}

/* What tracing itself cost: of the time of all threads that recorded, as each of them was slowed
 * down. */
static void tell_cost(const struct story *story)
{
	const struct trace_file *file = story->names->file;
	uint64_t records = 0, threads = 0;
	double cost = file->header->record_picoseconds / 1e3;
	for (uint32_t i = 0; i < trace_file_segments(file); i++) {
		records += file->heads[i];
		threads += file->heads[i] > 0;
	}
	if (cost == 0)
		return; /* nobody measured it */
	fprintf(story->out, "Writing a record cost %.1f ns; ", cost);
	names_count(story->out, records, "record", "records");
	double run = (double)(ns_of(story, story->last_tick) -
			      ns_of(story, story->first_tick)) *
		     (double)threads;
	if (run > 0)
		fprintf(story->out, ", %.1f %% of the run",
			100 * cost * (double)records / run);
	fputs(".\n", story->out);
}

/* Why the story may be incomplete, each reason in a sentence. */
static void tell_health(const struct story *story)
{
	const struct trace_file *file = story->names->file;
	uint64_t dropped = trace_file_dropped(file);
	FILE *out = story->out;
	if (dropped > 0) {
		names_count(out, dropped, "record was", "records were");
		fputs(" lost for want of room: parts of this story are missing.\n",
		      out);
	}
	if (trace_file_is_window(file))
		fputs("The trace is a ring, which keeps the end of a run: this story "
		      "begins in the middle.\n",
		      out);
	if (story->forced > 0) {
		names_count(out, story->forced, "step contradicts", "steps contradict");
		fputs(" the order of the others: ask weft-trace check.\n", out);
	}
	if (!trace_file_clean(file))
		fputs("The program did not close this trace: it was killed, it "
		      "crashed, "
		      "or it still runs.\n",
		      out);
}

static void tell(struct story *story, uint64_t lines, FILE *out)
{
	pass(story);
	if (story->error)
		return;
	story->out = out;
	if (story->lines > 0) {
		choose_unit(story);
		choose_lines(story, lines);
		pass(story);
		tell_totals(story);
		tell_cost(story);
	} else {
		fputs("Nothing happened in this trace: it holds no events.\n", out);
	}
	tell_health(story);
}

int command_story(const struct trace_file *file, uint64_t lines, FILE *out)
{
	struct names names;
	struct story story = {.names = &names};
	story.error = names_open(&names, file);
	if (!story.error) {
		tell(&story, lines, out);
		names_close(&names);
	}
	if (story.error)
		fprintf(out, "cannot tell this trace: %s\n",
			weft_strerror(story.error));
	return story.error ? EXIT_UNREADABLE : EXIT_HOLDS;
}
