#include "trace/moments.h"

#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/atomic.h"

/* ---- tracks ---- */

size_t moments_track(const struct moments *moments, uint32_t fiber, uint32_t segment)
{
	const struct fiber_name *name = names_get(&moments->names, fiber);
	return name ? (size_t)(name - moments->names.fibers)
		    : moments->names.count + segment;
}

bool moments_is_fiber(const struct moments *moments, size_t track)
{
	return track < moments->names.count && !moments->names.fibers[track].idle;
}

uint32_t moments_thread(const struct moments *moments, size_t track)
{
	return track < moments->names.count
		       ? moments->names.fibers[track].id
		       : MOMENTS_OUTSIDE + (uint32_t)(track - moments->names.count);
}

void moments_thread_name(const struct moments *moments, size_t track, char *to)
{
	if (track < moments->names.count)
		snprintf(to, NAME_SIZE, "%s", moments->names.fibers[track].text);
	else
		snprintf(to, NAME_SIZE, "%s, outside fibers",
			 trace_file_writer(moments->file,
					   (uint32_t)(track - moments->names.count))
				 .text);
}

/* ---- states ---- */

static bool is_live(enum moment_state state)
{
	return state != STATE_ABSENT && state != STATE_FINISHED;
}

static void change(struct moments *moments, struct moment *moment, size_t track,
		   enum moment_state to)
{
	enum moment_state from = moments->states[track];
	if (from == to)
		return;
	bool parked = from == STATE_PARKED || to == STATE_PARKED;
	moments->states[track] = (uint8_t)to;
	moment->changes[moment->change_count++] = (struct moment_change){
		track, from, to, parked ? moments->waits[track] : NULL};
	if (to != STATE_PARKED)
		moments->waits[track] = NULL;
	if (!moments_is_fiber(moments, track))
		return;
	moments->live += is_live(to);
	moments->live -= is_live(from);
	moments->ready += to == STATE_READY;
	moments->ready -= from == STATE_READY;
}

static enum moment_state left(uint8_t reason)
{
	return reason == TRACE_leave_YIELD    ? STATE_READY
	       : reason == TRACE_leave_FINISH ? STATE_FINISHED
					      : STATE_PARKED;
}

/* STATUS tells how a fiber stood whose earlier records are gone. */
static void believe_status(struct moments *moments, struct moment *moment)
{
	static const char *const words[] = {
		[STATE_NEW] = "new",           [STATE_READY] = "ready",
		[STATE_RUNNING] = "running",   [STATE_PARKED] = "parked",
		[STATE_FINISHED] = "finished",
	};
	const struct trace_record *record = moment->step.record;
	const struct schema *schema = &moments->file->schema;
	const char *kind = schema->events[record->type].fields[PLACE_ARG].type;
	const char *text = schema_choice_text(schema, kind, record->arg);
	size_t track = moments_track(moments, record->peer, moment->step.worker);
	if (!text || moments->states[track] != STATE_ABSENT)
		return;
	for (size_t i = STATE_NEW; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0)
			change(moments, moment, track, (enum moment_state)i);
}

static void follow(struct moments *moments, struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	uint32_t segment = moment->step.worker;
	if (record->type == TRACE_SWITCH) {
		change(moments, moment, moments_track(moments, record->peer, segment),
		       left(record->arg));
		change(moments, moment, moment->track, STATE_RUNNING);
	} else if (record->type == TRACE_CREATE) {
		change(moments, moment, moment->track, STATE_NEW);
	} else if (record->type == TRACE_READY) {
		if (moments->states[moment->track] != STATE_RUNNING)
			change(moments, moment, moment->track, STATE_READY);
	} else if (record->type == TRACE_WORKER_START) {
		change(moments, moment, moment->track, STATE_RUNNING);
	} else if (record->type == TRACE_WORKER_STOP) {
		change(moments, moment, moment->track, STATE_FINISHED);
	} else if (record->type == moments->status) {
		believe_status(moments, moment);
	}
}

/* What it waits for in a queue says more than until when. */
static void follow_wait(struct moments *moments, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	const struct trace_record **wait = &moments->waits[moment->track];
	if (record->type == TRACE_WAIT_PUSH || record->type == TRACE_WAIT_RETURN)
		*wait = record;
	else if (record->type == TRACE_TIMER_SET && !*wait)
		*wait = record;
	else if (record->type == TRACE_AWAIT)
		*wait = NULL;
}

static void follow_span(struct moments *moments, struct moment *moment)
{
	uint8_t type = moment->step.record->type;
	uint32_t *open = &moments->spans[moment->track];
	if (type == TRACE_SPAN_BEGIN) {
		moment->span = SPAN_BEGINS;
		++*open;
	} else if (type == TRACE_SPAN_END && *open > 0) {
		moment->span = SPAN_ENDS;
		--*open;
	} else if (type == TRACE_SPAN_END) {
		moment->span = SPAN_ENDS_ONLY;
		moments->lone_ends++;
	}
}

/* ---- the pass ---- */

static int find_type(const struct trace_file *file, const char *name)
{
	return schema_find_event(&file->schema, name, strlen(name));
}

int moments_open(struct moments *moments, const struct trace_file *file)
{
	*moments = (struct moments){.file = file};
	int error = names_open(&moments->names, file);
	if (error)
		return error;
	moments->tracks = moments->names.count + trace_file_segments(file);
	moments->states = calloc(moments->tracks + 1, sizeof *moments->states);
	moments->spans = calloc(moments->tracks + 1, sizeof *moments->spans);
	moments->waits = calloc(moments->tracks + 1, sizeof *moments->waits);
	moments->queue_length = find_type(file, "QUEUE_LENGTH");
	moments->status = find_type(file, "STATUS");
	bool room = moments->states && moments->spans && moments->waits;
	error = room ? moments_restart(moments) : -ENOMEM;
	if (error)
		moments_close(moments);
	return error;
}

void moments_close(struct moments *moments)
{
	trace_merge_close(moments->merge);
	free(moments->states);
	free(moments->spans);
	free(moments->waits);
	names_close(&moments->names);
	*moments = (struct moments){0};
}

int moments_restart(struct moments *moments)
{
	trace_merge_close(moments->merge);
	moments->merge = NULL;
	moments->live = moments->ready = moments->last_ns = moments->lone_ends = 0;
	memset(moments->states, 0, moments->tracks * sizeof *moments->states);
	memset(moments->spans, 0, moments->tracks * sizeof *moments->spans);
	for (size_t i = 0; i < moments->tracks; i++)
		moments->waits[i] = NULL;
	return trace_merge_open(&moments->merge, moments->file);
}

/* A damaged tick may be any number; readers of the exports take signed ones. */
static uint64_t ns_of(const struct moments *moments, uint64_t tick)
{
	uint64_t ns = trace_file_ns(moments->file, tick);
	return ns < INT64_MAX ? ns : INT64_MAX;
}

bool moments_next(struct moments *moments, struct moment *moment)
{
	*moment = (struct moment){.span = SPAN_NONE};
	if (!trace_merge_next(moments->merge, &moment->step))
		return false;
	uint64_t live = moments->live, ready = moments->ready;
	moment->ns = ns_of(moments, moment->step.tick);
	weft_assert(moment->ns >= moments->last_ns);
	moments->last_ns = moment->ns;
	moment->track =
		moments_track(moments, moment->step.record->fiber, moment->step.worker);
	follow(moments, moment);
	follow_wait(moments, moment);
	follow_span(moments, moment);
	moment->counted = live != moments->live || ready != moments->ready;
	return true;
}

int moments_error(const struct moments *moments)
{
	return trace_merge_error(moments->merge);
}

void moments_wait_text(const struct moments *moments, const struct trace_record *wait,
		       char *to)
{
	const char *what =
		wait->type == TRACE_TIMER_SET
			? "a time"
			: schema_choice_text(&moments->file->schema, "wait", wait->arg);
	bool descriptor = wait->type != TRACE_TIMER_SET && wait->peer != 0;
	if (!what)
		what = "something";
	if (descriptor)
		snprintf(to, MOMENT_WAIT_SIZE, "waits: descriptor %" PRIu32 " %.24s",
			 wait->peer, what);
	else
		snprintf(to, MOMENT_WAIT_SIZE, "waits: %.48s", what);
}

bool moments_is_instant(const struct moments *moments, const struct moment *moment)
{
	int type = moment->step.record->type;
	return type != TRACE_SWITCH && type != TRACE_NAME && type != TRACE_ANCHOR &&
	       type != moments->status && type != moments->queue_length &&
	       moment->span == SPAN_NONE;
}

/* ---- arguments ---- */

static void add(struct moment_arguments *arguments, const char *name, const char *text,
		uint64_t number)
{
	weft_assert(arguments->count < MOMENT_ARGUMENTS);
	arguments->list[arguments->count++] =
		(struct moment_argument){name, text, number};
}

/* A text that is empty says nothing, and neither does a fiber that is none. */
static void add_text(struct moment_arguments *arguments, const char *name,
		     const char *text)
{
	if (*text)
		add(arguments, name, text, 0);
}

static bool is_sequence(const char *type)
{
	return strcmp(type, "sequence") == 0 || strcmp(type, "object_sequence") == 0;
}

static void add_field(const struct moments *moments, const struct trace_record *record,
		      enum schema_place place, struct moment_arguments *arguments)
{
	const struct schema *schema = &moments->file->schema;
	const struct schema_event *event = &schema->events[record->type];
	const struct schema_field *field = &event->fields[place];
	uint64_t value = schema_value(event, place, record);
	const char *choice =
		place == PLACE_ARG
			? schema_choice_text(schema, field->type, (uint8_t)value)
			: NULL;
	if (!field->name[0] || is_sequence(field->type))
		return;
	if (choice)
		add(arguments, field->name, choice, 0);
	else if (strcmp(field->type, "string") == 0)
		add_text(arguments, field->name,
			 trace_file_string(moments->file, value));
	else if (strcmp(field->type, "fiber") == 0)
		add_text(arguments, field->name,
			 value ? names_of(&moments->names, (uint32_t)value) : "");
	else
		add(arguments, field->name, NULL, value);
}

static void add_site(const struct moments *moments, const struct trace_record *record,
		     struct moment_arguments *arguments)
{
	const struct trace_file *file = moments->file;
	const struct trace_site_entry *site = trace_file_site(file, record->site);
	if (!site)
		return;
	snprintf(arguments->site, sizeof arguments->site, "%.120s:%" PRIu32 " %.100s",
		 trace_file_string(file, site->file), site->line,
		 trace_file_string(file, site->function));
	add(arguments, "site", arguments->site, 0);
}

void moments_arguments(const struct moments *moments, const struct trace_step *step,
		       struct moment_arguments *arguments)
{
	arguments->count = 0;
	for (int place = 0; place < PLACES; place++)
		if (place != PLACE_FIBER)
			add_field(moments, step->record, (enum schema_place)place,
				  arguments);
	add_site(moments, step->record, arguments);
	if (step->forced)
		add(arguments, "order", "contradicts the others: ask weft-trace check",
		    0);
}

uint64_t moments_records(const struct trace_file *file)
{
	uint64_t records = 0;
	for (uint32_t i = 0; i < trace_file_segments(file); i++)
		records += file->heads[i];
	return records;
}

void moments_facts(const struct moments *moments, struct moment_fact *facts)
{
	const struct trace_file *file = moments->file;
	facts[0] = (struct moment_fact){"process", file->header->pid};
	facts[1] = (struct moment_fact){"records", moments_records(file)};
	facts[2] = (struct moment_fact){"records_lost", trace_file_dropped(file)};
	facts[3] = (struct moment_fact){"strings_lost",
					load_relaxed(&file->header->lost_strings)};
	facts[4] = (struct moment_fact){"closed", trace_file_clean(file)};
	facts[5] = (struct moment_fact){"only_the_end", trace_file_is_window(file)};
	facts[6] = (struct moment_fact){"ticks_repaired",
					trace_merge_repairs(moments->merge)};
	facts[7] = (struct moment_fact){"spans_without_begin", moments->lone_ends};
}
