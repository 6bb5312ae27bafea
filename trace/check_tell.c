/* check_tell.c: the checker's answer.
 *
 * Names are looked up here and not before, for the few fibers that the answer speaks of:
 * a table of all names would be larger than all that the walk keeps. */
#include "trace/check.h"

#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/dot.h"
#include "trace/names.h"

#define UNFINISHED_SHOWN 20
#define MENTIONS_MAX                                                                   \
	(INVARIANTS_MAX * (4 + 2 * SLICE_NODES_MAX) + UNFINISHED_SHOWN +               \
	 5 * TRACE_SEGMENTS_MAX + 8)
#define LINE_SIZE 320

struct teller {
	struct checker *checker;
	FILE *out;
	struct names names;
	uint32_t ids[MENTIONS_MAX]; /* of fibers that have to be named */
	size_t id_count;
	uint32_t unfinished[UNFINISHED_SHOWN]; /* sorted; the first of them */
	uint64_t unfinished_count;
};

/* ---- what is told of ---- */

static void mention(struct teller *teller, uint32_t fiber)
{
	if (teller->id_count < MENTIONS_MAX)
		teller->ids[teller->id_count++] = fiber;
}

static void mention_record(struct teller *teller, const struct trace_record *record)
{
	mention(teller, record->fiber);
	mention(teller, record->peer);
}

static void mention_text(struct teller *teller, const char *text)
{
	for (; (text = strchr(text, MENTION)) != NULL; text = strchr(text, MENTION) + 1)
		mention(teller, (uint32_t)strtoul(++text, NULL, 10));
}

static void mention_failure(struct teller *teller, const struct failure *failure)
{
	mention_text(teller, failure->what);
	for (uint32_t i = 0; i < failure->slice.node_count; i++)
		mention_record(teller, moment_record(teller->checker->file,
						     &failure->slice.nodes[i].moment));
	for (uint32_t i = 0; i < failure->slice.edge_count; i++)
		if (failure->slice.edges[i].lane == LANE_FIBER)
			mention(teller, failure->slice.edges[i].id);
}

static const struct trace_record *record_at(const struct teller *teller,
					    uint32_t worker, uint64_t index)
{
	return trace_file_records(teller->checker->file, worker) + index;
}

static void mention_knot(struct teller *teller)
{
	const struct trace_knot *knot = &teller->checker->knot;
	for (uint32_t i = 0; i < knot->count; i++) {
		const struct trace_knot_link *link = &knot->links[i];
		if (!link->wait.record.object)
			mention(teller, link->wait.record.id);
		mention_record(teller,
			       record_at(teller, link->wait.worker, link->wait.index));
		if (knot->kind != KNOT_MISSING)
			mention_record(teller,
				       record_at(teller, link->worker, link->index));
	}
}

/* Keeps the smallest numbers, in order. */
static void note_unfinished(struct teller *teller, uint32_t fiber)
{
	uint64_t at = teller->unfinished_count++;
	if (at >= UNFINISHED_SHOWN) {
		at = UNFINISHED_SHOWN - 1;
		if (teller->unfinished[at] < fiber)
			return;
	}
	for (; at > 0 && teller->unfinished[at - 1] > fiber; at--)
		teller->unfinished[at] = teller->unfinished[at - 1];
	teller->unfinished[at] = fiber;
}

static void find_unfinished(struct teller *teller)
{
	const struct fiber_table *fibers = &teller->checker->fibers;
	for (uint32_t i = 0; i < fibers->count; i++)
		if (check_must_end(teller->checker, i) &&
		    !check_has_ended(fiber_table_at(fibers, i)))
			note_unfinished(teller, fibers->fibers[i]);
	for (uint32_t i = 0; i < UNFINISHED_SHOWN && i < teller->unfinished_count; i++)
		mention(teller, teller->unfinished[i]);
}

static int find_names(struct teller *teller)
{
	const struct checker *checker = teller->checker;
	for (size_t i = 0; i < check_invariant_count; i++)
		if (checker->failures[i].times)
			mention_failure(teller, &checker->failures[i]);
	mention_knot(teller);
	find_unfinished(teller);
	if (checker->ready.times)
		mention(teller, checker->ready.fiber);
	return names_open_few(&teller->names, checker->file, teller->ids,
			      teller->id_count);
}

/* ---- slices ---- */

/* Whether the step ends what the failure is about: a fiber leaves for good, or is
 * recycled; a descriptor is closed. */
static bool ends(const struct trace_record *record, const struct failure *failure)
{
	uint32_t fiber = failure->ended;
	if (failure->closed)
		return record->type == TRACE_FD_CLOSE &&
		       record->value >> 32 == failure->closed;
	return (record->type == TRACE_RECYCLE && record->fiber == fiber) ||
	       (record->type == TRACE_SWITCH && record->peer == fiber &&
		record->arg == TRACE_leave_FINISH);
}

static uint64_t failing_number(const struct failure *failure)
{
	return failure->slice.node_count
		       ? failure->slice.nodes[failure->slice.node_count - 1]
				 .moment.number
		       : 0;
}

/* The records that end the life of a fiber or descriptor whose state was forgotten, at most
 * two, looked up in one more pass. */
static int find_end(const struct checker *checker, struct failure *failure)
{
	struct trace_merge *merge;
	struct trace_step step;
	struct moment found[2] = {{0}, {0}};
	uint64_t fails = failing_number(failure);
	int error = trace_merge_open(&merge, checker->file);
	if (error)
		return error;
	while (trace_merge_next(merge, &step) && step.number + 1 < fails) {
		if (!ends(step.record, failure))
			continue;
		found[0] = found[1];
		found[1] = moment_of(&step);
	}
	error = trace_merge_error(merge);
	trace_merge_close(merge);
	slice_add(&failure->slice, &found[0]);
	slice_add(&failure->slice, &found[1]);
	return error;
}

static int complete_slices(struct checker *checker)
{
	struct slice *slices[INVARIANTS_MAX];
	size_t count = 0;
	int error = 0;
	for (size_t i = 0; !error && i < check_invariant_count; i++) {
		struct failure *failure = &checker->failures[i];
		if (failure->times == 0)
			continue;
		slices[count++] = &failure->slice;
		if (failure->ended || failure->closed)
			error = find_end(checker, failure);
	}
	return error ? error : slice_connect(checker->file, slices, count);
}

/* ---- one record ---- */

static struct trace_writer_name writer_of(const struct teller *teller, uint32_t segment)
{
	return trace_file_writer(teller->checker->file, segment);
}

static const char *name_of(const struct teller *teller, uint32_t fiber)
{
	return names_of(&teller->names, fiber);
}

static void print_field(const struct teller *teller, const struct schema_field *field,
			uint64_t value, FILE *out)
{
	char text[80];
	const char *choice =
		value > 255 ? NULL
			    : schema_choice_text(&teller->checker->file->schema,
						 field->type, (uint8_t)value);
	fprintf(out, " %s=", field->name);
	if (strcmp(field->type, "fiber") == 0) {
		fprintf(out, "%" PRIu64, value);
		if (value)
			fprintf(out, " (%s)", name_of(teller, (uint32_t)value));
	} else if (strcmp(field->type, "string") == 0) {
		text_escape(text, sizeof text,
			    trace_file_string(teller->checker->file, value));
		fprintf(out, "\"%s\"", text);
	} else if (choice) {
		text_escape(text, sizeof text, choice);
		fprintf(out, "%s", text);
	} else {
		fprintf(out, "%" PRIu64, value);
	}
}

static void print_site(const struct teller *teller, const struct trace_step *step,
		       FILE *out)
{
	char name[200], function[80];
	const struct trace_site_entry *site =
		trace_file_site(teller->checker->file, step->record->site);
	if (!site)
		return;
	text_escape(name, sizeof name,
		    trace_file_string(teller->checker->file, site->file));
	text_escape(function, sizeof function,
		    trace_file_string(teller->checker->file, site->function));
	fprintf(out, "          at %s:%u in %s\n", name, (unsigned)site->line,
		function);
}

/* A record in one line: its event and all its fields. */
static void print_record(const struct teller *teller, const struct trace_record *record,
			 FILE *out)
{
	const struct schema_event *event =
		&teller->checker->file->schema.events[record->type];
	if (event->known)
		fprintf(out, "%s", event->name);
	else
		fprintf(out, "event %u", record->type);
	for (int place = 0; place < PLACES; place++)
		if (event->fields[place].name[0])
			print_field(
				teller, &event->fields[place],
				schema_value(event, (enum schema_place)place, record),
				out);
	if (record->fiber)
		fprintf(out, ", its record %u", (unsigned)record->fiber_sequence);
	fprintf(out, "\n");
}

/* ---- failures ---- */

static struct trace_step step_of(const struct teller *teller,
				 const struct moment *moment)
{
	return (struct trace_step){.record =
					   moment_record(teller->checker->file, moment),
				   .worker = moment->worker,
				   .index = moment->index,
				   .number = moment->number - 1};
}

/* Copies `text` with names in the place of its mentions. */
static void expand(const struct teller *teller, const char *text, char *to, size_t size)
{
	size_t used = 0;
	while (*text && used + 1 < size) {
		if (*text != MENTION) {
			to[used++] = *text++;
			continue;
		}
		const char *name =
			name_of(teller, (uint32_t)strtoul(text + 1, NULL, 10));
		used += (size_t)snprintf(to + used, size - used, "%s", name);
		used = used < size ? used : size - 1;
		const char *end = strchr(text + 1, MENTION);
		text = end ? end + 1 : "";
	}
	to[used] = '\0';
}

/* Why an edge is there: "ping's order". */
static void tell_lane(const struct teller *teller, const struct slice_edge *edge,
		      char *to, size_t size)
{
	switch (edge->lane) {
	case LANE_FIBER:
		snprintf(to, size, "%s's order", name_of(teller, edge->id));
		return;
	case LANE_OBJECT:
		snprintf(to, size, "object %" PRIu32 "'s order", edge->id);
		return;
	case LANE_WORKER:
		snprintf(to, size, "%s's order", writer_of(teller, edge->id).text);
		return;
	}
}

/* The records that this one comes after for certain. */
static void print_edges(const struct teller *teller, const struct slice *slice,
			uint32_t node)
{
	char why[LINE_SIZE];
	for (uint32_t i = 0; i < slice->edge_count; i++) {
		const struct slice_edge *edge = &slice->edges[i];
		if (edge->to != node)
			continue;
		tell_lane(teller, edge, why, sizeof why);
		fprintf(teller->out, "          after step %" PRIu64 " in %s\n",
			slice->nodes[edge->from].moment.number - 1, why);
	}
}

static void print_slice(const struct teller *teller, const struct slice *slice)
{
	for (uint32_t i = 0; i < slice->node_count; i++) {
		struct trace_step step = step_of(teller, &slice->nodes[i].moment);
		fprintf(teller->out, "  %s step %" PRIu64 ", %s: ",
			i + 1 == slice->node_count ? "==>" : "   ", step.number,
			writer_of(teller, step.worker).text);
		print_record(teller, step.record, teller->out);
		print_site(teller, &step, teller->out);
		print_edges(teller, slice, i);
	}
}

static void print_failure(const struct teller *teller, size_t index)
{
	const struct failure *failure = &teller->checker->failures[index];
	char what[LINE_SIZE];
	expand(teller, failure->what, what, sizeof what);
	fprintf(teller->out, "invariant %u is broken: %s\n",
		check_invariants[index].number, check_invariants[index].sentence);
	fprintf(teller->out, "  here: %s\n", what);
	print_slice(teller, &failure->slice);
	if (failure->times > 1) {
		fprintf(teller->out, "  and ");
		names_count(teller->out, failure->times - 1, "more place",
			    "more places");
		fprintf(teller->out, "\n");
	}
	fprintf(teller->out, "\n");
}

/* ---- a knot ---- */

/* "worker 0's record 17 (SWITCH)" */
static void tell_record(const struct teller *teller, uint32_t worker, uint64_t index,
			char *to, size_t size)
{
	const struct trace_record *record = record_at(teller, worker, index);
	const struct schema_event *event =
		&teller->checker->file->schema.events[record->type];
	snprintf(to, size, "%s's record %" PRIu64 " (%s)",
		 writer_of(teller, worker).text, index,
		 event->known ? event->name : "an unknown event");
}

/* "ping's number 5" */
static void tell_number(const struct teller *teller, const struct trace_wait *wait,
			char *to, size_t size)
{
	if (wait->record.object)
		snprintf(to, size, "object %" PRIu32 "'s number %" PRIu32,
			 wait->record.id, wait->number);
	else
		snprintf(to, size, "%s's number %" PRIu32,
			 name_of(teller, wait->record.id), wait->number);
}

/* A cycle is told as one sentence, a line a worker. */
static void print_cycle(const struct teller *teller, const struct trace_knot *knot)
{
	char record[LINE_SIZE], number[LINE_SIZE];
	for (uint32_t i = 0; i < knot->count; i++) {
		const struct trace_knot_link *link = &knot->links[i];
		const struct trace_knot_link *next =
			&knot->links[(i + 1) % knot->count];
		if (i == 0) {
			tell_record(teller, link->wait.worker, link->wait.index, record,
				    sizeof record);
			fprintf(teller->out, "  %s", record);
		}
		tell_number(teller, &link->wait, number, sizeof number);
		tell_record(teller, link->worker, link->index, record, sizeof record);
		fprintf(teller->out, " waits for %s,\n  which is %s", number, record);
		if (link->index != next->wait.index)
			fprintf(teller->out, ", which comes after its record %" PRIu64,
				next->wait.index);
		fputs(i + 1 < knot->count ? ", which" : ", where this began\n",
		      teller->out);
	}
}

static void print_knot(const struct teller *teller)
{
	const struct trace_knot *knot = &teller->checker->knot;
	const struct trace_knot_link *link = &knot->links[0];
	char record[LINE_SIZE], number[LINE_SIZE], other[LINE_SIZE];
	if (knot->kind == KNOT_NONE)
		return;
	fputs("the records have no order: what comes first by the numbers of fibers "
	      "and "
	      "objects cannot come first\n",
	      teller->out);
	tell_record(teller, link->wait.worker, link->wait.index, record, sizeof record);
	tell_number(teller, &link->wait, number, sizeof number);
	if (knot->kind == KNOT_CYCLE) {
		print_cycle(teller, knot);
	} else if (knot->kind == KNOT_MISSING) {
		fprintf(teller->out, "  %s waits for %s, which no record has\n", record,
			number);
	} else {
		tell_record(teller, link->worker, link->index, other, sizeof other);
		fprintf(teller->out, "  %s has %s, which %s had before it\n", record,
			number, other);
	}
	fputs("\n", teller->out);
}

/* ---- the verdict ---- */

/* Invariant 18 lists by name what never ended. */
static void print_unfinished(const struct teller *teller)
{
	uint64_t left = teller->unfinished_count;
	if (left == 0)
		return;
	for (uint32_t i = 0; i < UNFINISHED_SHOWN && i < left; i++)
		fprintf(teller->out, "%s%s", i ? ", " : "unfinished: ",
			name_of(teller, teller->unfinished[i]));
	if (left > UNFINISHED_SHOWN)
		fprintf(teller->out, " and %" PRIu64 " more", left - UNFINISHED_SHOWN);
	fprintf(teller->out, "\n");
}

/* "invariant 13 (stack depth) had no event to judge" */
static void print_unjudged(const struct checker *checker, FILE *out)
{
	for (size_t i = 0; i < check_invariant_count; i++)
		if (checker->judged[i] == 0)
			fprintf(out, "invariant %u (%s) had no event to judge\n",
				check_invariants[i].number, check_invariants[i].name);
}

static void tell_ms(FILE *out, const struct checker *checker, uint64_t ticks)
{
	double rate = (double)checker->file->ticks_per_second;
	fprintf(out, "%.1f ms", (double)ticks * 1000 / rate);
}

/* " from step 3 to step 9", or to the end for a step that never was */
static void tell_steps(FILE *out, const struct moment *from, const struct moment *to)
{
	fprintf(out, " from step %" PRIu64, from->number - 1);
	if (to->number)
		fprintf(out, " to step %" PRIu64, to->number - 1);
	else
		fprintf(out, " to the end");
}

/* A lint is no failure: the program may have meant it. */
static void print_sleep_lint(const struct teller *teller)
{
	const struct sleep_lint *lint = &teller->checker->sleep;
	if (lint->sleeps == 0)
		return;
	fprintf(teller->out,
		"lint 16 (asleep beside work): %" PRIu64 " of %" PRIu64
		" sleeps went on for more than %" PRIu64
		" ms beside a fiber to be taken",
		lint->times, lint->sleeps, teller->checker->options->lint_ms);
	if (lint->times) {
		fprintf(teller->out, "; the longest was worker %u's, ",
			(unsigned)lint->worker);
		tell_ms(teller->out, teller->checker, lint->longest_ticks);
		tell_steps(teller->out, &lint->from, &lint->to);
	}
	fprintf(teller->out, "\n");
}

/* Without a READY there was no scheduler that could have been late. */
static void print_ready_lint(const struct teller *teller)
{
	const struct ready_lint *lint = &teller->checker->ready;
	if (lint->judged == 0 || !teller->checker->has_ready)
		return;
	fprintf(teller->out,
		"lint 17 (ready, not run): %" PRIu64 " of %" PRIu64
		" waits to run took more than %" PRIu64 " ms",
		lint->times, lint->judged, teller->checker->options->lint_ms);
	if (lint->times) {
		fprintf(teller->out, "; the longest was %s's, ",
			name_of(teller, lint->fiber));
		tell_ms(teller->out, teller->checker, lint->longest_ticks);
		tell_steps(teller->out, &lint->from, &lint->to);
	}
	fprintf(teller->out, "\n");
}

/* "invariants 1 and 3 are broken, 4 hold" */
static void print_broken(const struct checker *checker, size_t broken, size_t judged,
			 FILE *out)
{
	size_t shown = 0;
	fprintf(out, "invariant%s ", broken == 1 ? "" : "s");
	for (size_t i = 0; i < check_invariant_count; i++) {
		if (checker->failures[i].times == 0)
			continue;
		if (shown > 0)
			fprintf(out, "%s", shown + 1 == broken ? " and " : ", ");
		fprintf(out, "%u", check_invariants[i].number);
		shown++;
	}
	fprintf(out, " %s broken", broken == 1 ? "is" : "are");
	if (judged > broken)
		fprintf(out, ", %zu hold%s", judged - broken,
			judged - broken == 1 ? "s" : "");
}

/* "(23 switches, 3 fibers, 1 worker)" */
static void print_counts(const struct checker *checker, FILE *out)
{
	fprintf(out, " (");
	names_count(out, checker->switches, "switch", "switches");
	fprintf(out, ", ");
	names_count(out, checker->fibers_seen, "fiber", "fibers");
	fprintf(out, ", ");
	names_count(out, checker->workers_seen, "worker", "workers");
	fprintf(out, ")\n");
}

/* "7 invariants evaluated, 5 judged: all hold (23 switches, 3 fibers, 1 worker)". Lints
 * are not among them. */
static void print_verdict(const struct teller *teller, size_t broken)
{
	const struct checker *checker = teller->checker;
	FILE *out = teller->out;
	size_t judged = 0;
	for (size_t i = 0; i < check_invariant_count; i++)
		judged += checker->judged[i] > 0;
	fprintf(out, "%zu invariants evaluated, %zu judged", check_invariant_count,
		judged);
	if (checker->window) {
		fprintf(out, " in the window of the last ");
		names_count(out, check_count_records(checker->file), "record",
			    "records");
	}
	fprintf(out, ": ");
	bool ordered = checker->knot.kind == KNOT_NONE;
	if (broken)
		print_broken(checker, broken, judged, out);
	else if (ordered)
		fprintf(out, "%s",
			judged ? "all hold" : "the trace has nothing to judge");
	if (!ordered)
		fprintf(out, "%sthe records have no order", broken ? "; " : "");
	print_counts(checker, out);
}

/* ---- circumstances ---- */

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

/* ---- the picture ---- */

static void draw_failure(const struct teller *teller, struct dot *dot, size_t index)
{
	const struct failure *failure = &teller->checker->failures[index];
	const struct slice *slice = &failure->slice;
	char title[64], lane[LINE_SIZE], text[LINE_SIZE + 8];
	snprintf(title, sizeof title, "invariant %u is broken",
		 check_invariants[index].number);
	expand(teller, failure->what, text, sizeof text);
	dot_group_begin(dot, title, text);
	for (uint32_t i = 0; i < slice->node_count; i++) {
		struct trace_step step = step_of(teller, &slice->nodes[i].moment);
		snprintf(text, sizeof text, "step %" PRIu64, step.number);
		dot_node(dot, text, &step,
			 i + 1 == slice->node_count ? DOT_FAILS
			 : slice->nodes[i].evidence ? DOT_PLAIN
						    : DOT_LINK);
	}
	for (uint32_t i = 0; i < slice->edge_count; i++) {
		tell_lane(teller, &slice->edges[i], lane, sizeof lane);
		snprintf(text, sizeof text, "in %s", lane);
		dot_edge(dot, slice->edges[i].from, slice->edges[i].to, text, false);
	}
	dot_group_end(dot);
}

static void draw_record(const struct teller *teller, struct dot *dot, uint32_t worker,
			uint64_t index, enum dot_mark mark)
{
	char head[64];
	struct trace_step step = {.record = record_at(teller, worker, index),
				  .worker = worker,
				  .index = index};
	snprintf(head, sizeof head, "record %" PRIu64, index);
	dot_node(dot, head, &step, mark);
}

/* Each link has two nodes, the record that waits and then the one it waits for, which comes
 * after the next link's record. */
static void draw_cycle(const struct teller *teller, struct dot *dot)
{
	const struct trace_knot *knot = &teller->checker->knot;
	char number[LINE_SIZE], text[LINE_SIZE + 16];
	for (uint32_t i = 0; i < knot->count; i++) {
		const struct trace_knot_link *link = &knot->links[i];
		draw_record(teller, dot, link->wait.worker, link->wait.index,
			    DOT_FAILS);
		draw_record(teller, dot, link->worker, link->index, DOT_PLAIN);
	}
	for (uint32_t i = 0; i < knot->count; i++) {
		uint32_t next = (i + 1) % knot->count;
		tell_number(teller, &knot->links[i].wait, number, sizeof number);
		snprintf(text, sizeof text, "waits for %s", number);
		dot_edge(dot, 2 * i, 2 * i + 1, text, true);
		if (knot->links[i].index == knot->links[next].wait.index)
			snprintf(text, sizeof text, "the same record");
		else
			snprintf(text, sizeof text, "in %s's order",
				 writer_of(teller, knot->links[i].worker).text);
		dot_edge(dot, 2 * next, 2 * i + 1, text, false);
	}
}

static void draw_knot(const struct teller *teller, struct dot *dot)
{
	const struct trace_knot *knot = &teller->checker->knot;
	const struct trace_knot_link *link = &knot->links[0];
	char number[LINE_SIZE], text[LINE_SIZE + 32];
	if (knot->kind == KNOT_NONE)
		return;
	tell_number(teller, &link->wait, number, sizeof number);
	snprintf(text, sizeof text, "%s%s",
		 knot->kind == KNOT_CYCLE
			 ? "each record waits for a number of one that waits as well"
			 : number,
		 knot->kind == KNOT_MISSING ? ": no record has it"
		 : knot->kind == KNOT_TWICE ? ": two records have it"
					    : "");
	dot_group_begin(dot, "the records have no order", text);
	if (knot->kind == KNOT_CYCLE) {
		draw_cycle(teller, dot);
	} else {
		if (knot->kind == KNOT_TWICE)
			draw_record(teller, dot, link->worker, link->index, DOT_PLAIN);
		draw_record(teller, dot, link->wait.worker, link->wait.index,
			    DOT_FAILS);
	}
	dot_group_end(dot);
}

/* The alternative text of the graph: the first failure. */
static void find_title(const struct teller *teller, char *to, size_t size)
{
	const struct checker *checker = teller->checker;
	char what[LINE_SIZE];
	size_t i = 0;
	while (i < check_invariant_count && checker->failures[i].times == 0)
		i++;
	if (i == check_invariant_count) {
		snprintf(to, size, "the records have no order");
		return;
	}
	expand(teller, checker->failures[i].what, what, sizeof what);
	snprintf(to, size, "invariant %u is broken: %s", check_invariants[i].number,
		 what);
}

/* dot puts the first group at the bottom, so the last failure comes first. 0, or -EIO with a
 * line in the options' `why`. */
static int draw(const struct teller *teller)
{
	const struct check_options *options = teller->checker->options;
	struct dot dot;
	char title[LINE_SIZE + 64];
	FILE *out;
	dot_open(&out, options->dot_path, options->why);
	if (!out)
		return -EIO;
	find_title(teller, title, sizeof title);
	dot_begin(&dot, out, &teller->names, title);
	draw_knot(teller, &dot);
	for (size_t i = check_invariant_count; i-- > 0;)
		if (teller->checker->failures[i].times)
			draw_failure(teller, &dot, i);
	dot_end(&dot);
	bool bad = ferror(out) != 0;
	if (fclose(out) == 0 && !bad)
		return 0;
	snprintf(options->why->text, sizeof options->why->text,
		 "%.200s: could not be written; is the disk full?", options->dot_path);
	return -EIO;
}

/* A graph of an older run must not be taken for one of this. */
static int draw_or_remove(const struct teller *teller, bool broken)
{
	const struct check_options *options = teller->checker->options;
	if (!options->dot_path)
		return 0;
	if (broken)
		return draw(teller);
	return dot_remove(options->dot_path, options->why) ? 0 : -EIO;
}

/* ---- all ---- */

static int tell_losses(struct teller *teller, uint64_t dropped)
{
	print_circumstances(teller->checker, teller->out);
	print_losses(teller->checker, dropped, teller->out);
	return draw_or_remove(teller, false) ? EXIT_UNREADABLE : EXIT_UNKNOWN;
}

static int tell(struct teller *teller)
{
	const struct checker *checker = teller->checker;
	size_t broken = 0;
	for (size_t i = 0; i < check_invariant_count; i++) {
		if (checker->failures[i].times == 0)
			continue;
		print_failure(teller, i);
		broken++;
	}
	print_knot(teller);
	print_unfinished(teller);
	print_circumstances(checker, teller->out);
	print_unjudged(checker, teller->out);
	print_sleep_lint(teller);
	print_ready_lint(teller);
	print_verdict(teller, broken);
	bool fails = broken || checker->knot.kind != KNOT_NONE;
	if (draw_or_remove(teller, fails))
		return EXIT_UNREADABLE;
	return fails ? EXIT_BROKEN : EXIT_HOLDS;
}

int check_tell(struct checker *checker, FILE *out)
{
	uint64_t dropped = trace_file_dropped(checker->file);
	struct teller *teller = calloc(1, sizeof *teller);
	if (!teller)
		return -ENOMEM;
	teller->checker = checker;
	teller->out = out;
	int code;
	if (dropped || checker->never_written) {
		code = tell_losses(teller, dropped);
	} else {
		code = complete_slices(checker);
		if (!code)
			code = find_names(teller);
		if (!code)
			code = tell(teller);
		names_close(&teller->names);
	}
	free(teller);
	return code;
}
