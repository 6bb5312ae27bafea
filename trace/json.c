/* json.c: a small trace in Chrome's trace event format, for chrome://tracing, Perfetto
 * and programs of a few lines.
 *
 * The file is one object. Its traceEvents are, a line each, sorted by time:
 *
 *   process 1, workers: a thread a worker, with a slice ("X") for each fiber that it
 *     ran, and instants ("i") of no fiber;
 *   process 2, fibers: a thread a fiber, with a slice for each state (new, ready,
 *     running, parked or what it waits for), the program's spans ("B", "E"), and instants for marks and all
 *     other events;
 *   arrows ("s", "f") from a READY to the moment when that fiber runs;
 *   counters ("C") of live and ready fibers, and of queues where they are recorded;
 *   names of processes and threads ("M").
 *
 * otherData says what the trace is and what it lacks.
 *
 * Slices of one thread must nest. A span may begin and end in the middle of a state, so
 * the state's slice is cut there: the states stand inside the span. A span that is open
 * when the trace ends gets its end there, and an end without a beginning is counted in
 * otherData. An arrow is drawn only where both its ends are there.
 *
 * A slice is written where it begins, with its length, so the steps are gone through
 * twice: first to find how long each slice is and which READY is followed by a run.
 * What is remembered of that grows with the trace, and so does the time that readers of
 * JSON take: hence JSON_RECORDS_MAX.
 *
 * Rejected: "B" and "E" for states. Their ends would have to be told apart from the
 * spans', and two events a state make the file twice as long. */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/moments.h"
#include "trace/output.h"
#include "weft.h"

#define WORKERS_PROCESS 1u
#define FIBERS_PROCESS  2u
#define NO_SLICE        SIZE_MAX

/* A stretch of time on one thread, found in the first pass. */
struct slice {
	uint64_t end_ns;
	const char *why; /* what ended it */
};

/* Both are filled in the first pass and read in the second, which counts alike. */
struct slices {
	struct slice *slices;
	size_t count, room; /* count: those begun so far in this pass */
};

struct wakes {
	bool *runs; /* whether the fiber runs after this READY and before its next one */
	size_t count, room;
};

struct json {
	struct moments moments;
	bool writes; /* the second pass */
	bool first;  /* no event is written yet */
	int error;
	struct slices slices;
	struct wakes wakes;
	size_t *open;    /* by track: the slice of its state, or NO_SLICE */
	size_t *pending; /* by track: 1 + its last READY that it has not run after */
	size_t *lanes;   /* by segment: the slice of the fiber it runs, or NO_SLICE */
	uint64_t open_spans; /* at the end of the trace */
	struct output output;
};

static const char *const state_names[] = {
	[STATE_ABSENT] = "",         [STATE_NEW] = "new",       [STATE_READY] = "ready",
	[STATE_RUNNING] = "running", [STATE_PARKED] = "parked", [STATE_FINISHED] = "",
};

/* ---- text ---- */

/* Writes `text` as a JSON string; bytes that are no UTF-8 become U+FFFD. */
static void write_text(struct json *json, const char *text)
{
	output_print(&json->output, "\"");
	while (*text) {
		uint32_t point;
		size_t length = text_decode(text, &point);
		if (length == 0)
			output_print(&json->output, "\xEF\xBF\xBD");
		else if (point == '"' || point == '\\')
			output_print(&json->output, "\\%c", (char)point);
		else if (point < 0x20 || point == 0x7F)
			output_print(&json->output, "\\u%04" PRIx32, point);
		else
			output_write(&json->output, text, length);
		text += length ? length : 1;
	}
	output_print(&json->output, "\"");
}

static void write_key(struct json *json, const char *key)
{
	output_print(&json->output, ",");
	write_text(json, key);
	output_print(&json->output, ":");
}

/* Microseconds, as the format wants them, to the nanosecond. */
static void write_time(struct json *json, const char *key, uint64_t ns)
{
	write_key(json, key);
	output_print(&json->output, "%" PRIu64 ".%03" PRIu64, ns / 1000, ns % 1000);
}

/* ---- events ---- */

/* The thread that an event is on. */
struct place {
	uint32_t process, thread;
};

static struct place place_of(const struct json *json, size_t track, uint32_t segment)
{
	if (moments_is_fiber(&json->moments, track))
		return (struct place){FIBERS_PROCESS,
				      moments_thread(&json->moments, track)};
	return (struct place){WORKERS_PROCESS, segment};
}

/* Starts an event, which end_event closes; between them come more keys. */
static void begin_event(struct json *json, const char *phase, const char *name,
			struct place place)
{
	output_print(&json->output, "%s\n{\"ph\":\"%s\"", json->first ? "" : ",",
		     phase);
	json->first = false;
	write_key(json, "name");
	write_text(json, name);
	output_print(&json->output, ",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
		     place.process, place.thread);
}

static void end_event(struct json *json)
{
	output_print(&json->output, "}");
}

static void write_argument(struct json *json, const struct moment_argument *argument,
			   bool first)
{
	if (!first)
		output_print(&json->output, ",");
	write_text(json, argument->name);
	output_print(&json->output, ":");
	if (argument->text)
		write_text(json, argument->text);
	else
		output_print(&json->output, "%" PRIu64, argument->number);
}

static void write_arguments(struct json *json, const struct moment_argument *arguments,
			    size_t count)
{
	write_key(json, "args");
	output_print(&json->output, "{");
	for (size_t i = 0; i < count; i++)
		write_argument(json, &arguments[i], i == 0);
	output_print(&json->output, "}");
}

/* An event with the fields of the record, at the moment's time. */
static void write_event(struct json *json, const struct moment *moment,
			const char *phase, const char *name, struct place place)
{
	const struct trace_record *record = moment->step.record;
	struct moment_arguments arguments;
	moments_arguments(&json->moments, &moment->step, &arguments);
	begin_event(json, phase, name, place);
	write_key(json, "cat");
	write_text(json, json->moments.file->schema.events[record->type].module);
	write_time(json, "ts", moment->ns);
	if (*phase == 'i')
		output_print(&json->output, ",\"s\":\"t\"");
	write_arguments(json, arguments.list, arguments.count);
	end_event(json);
}

/* ---- what the first pass remembers ---- */

static void *grow(struct json *json, void *numbers, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 1024;
	void *grown = realloc(numbers, wanted * size);
	if (!grown) {
		json->error = -ENOMEM;
		return numbers;
	}
	*room = wanted;
	return grown;
}

static bool room_for_slice(struct json *json)
{
	struct slices *slices = &json->slices;
	if (slices->count == slices->room)
		slices->slices = grow(json, slices->slices, &slices->room,
				      sizeof *slices->slices);
	return slices->count < slices->room;
}

static bool room_for_wake(struct json *json)
{
	struct wakes *wakes = &json->wakes;
	if (wakes->count == wakes->room)
		wakes->runs =
			grow(json, wakes->runs, &wakes->room, sizeof *wakes->runs);
	return wakes->count < wakes->room;
}

/* ---- slices ---- */

static void write_slice(struct json *json, const struct slice *slice, const char *name,
			const char *category, struct place place, uint64_t ns)
{
	struct moment_argument why = {"until", slice->why, 0};
	begin_event(json, "X", name, place);
	write_key(json, "cat");
	write_text(json, category);
	write_time(json, "ts", ns);
	write_time(json, "dur", slice->end_ns - ns);
	write_arguments(json, &why, 1);
	end_event(json);
}

/* Begins a slice and returns its number; both passes count alike. */
static size_t begin_slice(struct json *json, const char *name, const char *category,
			  struct place place, uint64_t ns)
{
	if (!room_for_slice(json))
		return NO_SLICE;
	size_t number = json->slices.count++;
	if (json->writes)
		write_slice(json, &json->slices.slices[number], name, category, place,
			    ns);
	return number;
}

static void end_slice(struct json *json, size_t *number, uint64_t ns, const char *why)
{
	if (*number != NO_SLICE && !json->writes)
		json->slices.slices[*number] = (struct slice){ns, why};
	*number = NO_SLICE;
}

/* A parked fiber's says what it waits for, where that is known. */
static void begin_state(struct json *json, size_t track, enum moment_state state,
			uint64_t ns)
{
	const struct trace_record *wait = json->moments.waits[track];
	char text[MOMENT_WAIT_SIZE];
	const char *name = state_names[state];
	if (state == STATE_PARKED && wait) {
		moments_wait_text(&json->moments, wait, text);
		name = text;
	}
	if (*name)
		json->open[track] =
			begin_slice(json, name, "state", place_of(json, track, 0), ns);
}

/* The state's slice goes on in another one, so that a span can begin or end. */
static void follow_span(struct json *json, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	bool begins = moment->span == SPAN_BEGINS;
	enum moment_state state = json->moments.states[moment->track];
	end_slice(json, &json->open[moment->track], moment->ns,
		  begins ? "a span begins" : "a span ends");
	if (json->writes)
		write_event(json, moment, begins ? "B" : "E",
			    trace_file_string(json->moments.file,
					      record->value & 0xFFFFFFFFu),
			    place_of(json, moment->track, moment->step.worker));
	begin_state(json, moment->track, state, moment->ns);
}

/* Why a slice of a worker or a fiber ends: by the choice of the SWITCH, or the event. */
static const char *reason_of(const struct json *json, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	const struct schema *schema = &json->moments.file->schema;
	const char *reason = record->type == TRACE_SWITCH
				     ? schema_choice_text(schema, "leave", record->arg)
				     : NULL;
	return reason ? reason : schema->events[record->type].name;
}

static void follow_lane(struct json *json, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	size_t *lane = &json->lanes[moment->step.worker];
	struct place place = {WORKERS_PROCESS, moment->step.worker};
	bool starts =
		record->type == TRACE_SWITCH || record->type == TRACE_WORKER_START;
	if (!starts && record->type != TRACE_WORKER_STOP)
		return;
	end_slice(json, lane, moment->ns, reason_of(json, moment));
	if (starts)
		*lane = begin_slice(json, names_of(&json->moments.names, record->fiber),
				    "worker", place, moment->ns);
}

/* ---- arrows ---- */

static void write_arrow(struct json *json, const char *phase, size_t number,
			struct place place, uint64_t ns)
{
	begin_event(json, phase, "wakes", place);
	output_print(&json->output, ",\"cat\":\"wake\",\"id\":%zu%s", number + 1,
		     *phase == 'f' ? ",\"bp\":\"e\"" : "");
	write_time(json, "ts", ns);
	end_event(json);
}

/* An arrow starts at the waker while that runs, else at the worker. */
static void follow_ready(struct json *json, const struct moment *moment)
{
	size_t waker = moments_track(&json->moments, moment->step.record->peer,
				     moment->step.worker);
	if (!room_for_wake(json))
		return;
	size_t number = json->wakes.count++;
	json->pending[moment->track] = number + 1;
	if (!json->writes)
		json->wakes.runs[number] = false;
	else if (json->wakes.runs[number] &&
		 json->moments.states[waker] == STATE_RUNNING)
		write_arrow(json, "s", number,
			    place_of(json, waker, moment->step.worker), moment->ns);
	else if (json->wakes.runs[number])
		write_arrow(json, "s", number,
			    (struct place){WORKERS_PROCESS, moment->step.worker},
			    moment->ns);
}

static void follow_run(struct json *json, size_t track, uint64_t ns)
{
	size_t number = json->pending[track];
	json->pending[track] = 0;
	if (number == 0)
		return;
	json->wakes.runs[number - 1] = true;
	if (json->writes)
		write_arrow(json, "f", number - 1, place_of(json, track, 0), ns);
}

/* ---- one moment ---- */

static void follow_changes(struct json *json, const struct moment *moment)
{
	for (size_t i = 0; i < moment->change_count; i++) {
		const struct moment_change *change = &moment->changes[i];
		if (!moments_is_fiber(&json->moments, change->track))
			continue;
		end_slice(json, &json->open[change->track], moment->ns,
			  reason_of(json, moment));
		begin_state(json, change->track, change->to, moment->ns);
		if (change->to == STATE_RUNNING)
			follow_run(json, change->track, moment->ns);
	}
}

static void write_counts(struct json *json, uint64_t ns)
{
	const struct moment_argument counts[] = {
		{"live", NULL, json->moments.live},
		{"ready", NULL, json->moments.ready},
	};
	begin_event(json, "C", "fibers", (struct place){FIBERS_PROCESS, 0});
	write_time(json, "ts", ns);
	write_arguments(json, counts, 2);
	end_event(json);
}

/* A counter shows numbers alone: the source is left out. */
static void write_queue(struct json *json, const struct moment *moment)
{
	char name[NAME_SIZE];
	struct moment_arguments arguments;
	snprintf(name, sizeof name, "queue of worker %" PRIu32, moment->step.worker);
	moments_arguments(&json->moments, &moment->step, &arguments);
	begin_event(json, "C", name,
		    (struct place){WORKERS_PROCESS, moment->step.worker});
	write_time(json, "ts", moment->ns);
	write_key(json, "args");
	output_print(&json->output, "{");
	bool first = true;
	for (size_t i = 0; i < arguments.count; i++) {
		if (arguments.list[i].text)
			continue;
		write_argument(json, &arguments.list[i], first);
		first = false;
	}
	output_print(&json->output, "}");
	end_event(json);
}

static void write_instant(struct json *json, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	const struct schema_event *event =
		&json->moments.file->schema.events[record->type];
	char number[sizeof "type-255"];
	snprintf(number, sizeof number, "type-%u", record->type);
	const char *name = event->known ? event->name : number;
	if (record->type == TRACE_MARK)
		name = trace_file_string(json->moments.file,
					 record->value & 0xFFFFFFFFu);
	write_event(json, moment, "i", name,
		    place_of(json, moment->track, moment->step.worker));
}

static void follow(struct json *json, const struct moment *moment)
{
	bool fiber = moments_is_fiber(&json->moments, moment->track);
	bool span = moment->span == SPAN_BEGINS || moment->span == SPAN_ENDS;
	follow_lane(json, moment);
	follow_changes(json, moment);
	if (moment->step.record->type == TRACE_READY && fiber)
		follow_ready(json, moment);
	if (span && fiber)
		follow_span(json, moment);
	if (!json->writes)
		return;
	if (moments_is_instant(&json->moments, moment) || (span && !fiber))
		write_instant(json, moment);
	if (moment->step.record->type == json->moments.queue_length)
		write_queue(json, moment);
	if (moment->counted)
		write_counts(json, moment->ns);
}

/* ---- the passes ---- */

static void end_open(struct json *json)
{
	static const char why[] = "the trace ends";
	uint64_t ns = json->moments.last_ns;
	for (uint32_t i = 0; i < trace_file_segments(json->moments.file); i++)
		end_slice(json, &json->lanes[i], ns, why);
	for (size_t i = 0; i < json->moments.tracks; i++)
		end_slice(json, &json->open[i], ns, why);
}

/* Every span that is open has its end where the trace has. */
static void end_spans(struct json *json)
{
	for (size_t i = 0; i < json->moments.names.count; i++) {
		bool fiber = moments_is_fiber(&json->moments, i);
		for (uint32_t k = 0; fiber && k < json->moments.spans[i]; k++) {
			begin_event(json, "E", "", place_of(json, i, 0));
			write_time(json, "ts", json->moments.last_ns);
			end_event(json);
			json->open_spans++;
		}
	}
}

static void pass(struct json *json)
{
	struct moment moment;
	json->slices.count = json->wakes.count = 0;
	for (size_t i = 0; i < json->moments.tracks; i++) {
		json->open[i] = NO_SLICE;
		json->pending[i] = 0;
	}
	for (uint32_t i = 0; i < trace_file_segments(json->moments.file); i++)
		json->lanes[i] = NO_SLICE;
	while (!json->error && !json->output.error &&
	       moments_next(&json->moments, &moment))
		follow(json, &moment);
	json->error = json->error ? json->error : moments_error(&json->moments);
	if (!json->error)
		end_open(json);
}

static void write_name(struct json *json, const char *what, const char *name,
		       struct place place)
{
	struct moment_argument argument = {"name", name, 0};
	begin_event(json, "M", what, place);
	write_arguments(json, &argument, 1);
	end_event(json);
}

static void write_names(struct json *json)
{
	const struct names *names = &json->moments.names;
	write_name(json, "process_name", "workers", (struct place){WORKERS_PROCESS, 0});
	write_name(json, "process_name", "fibers", (struct place){FIBERS_PROCESS, 0});
	for (uint32_t i = 0; i < trace_file_segments(json->moments.file); i++) {
		struct trace_writer_name name =
			trace_file_writer(json->moments.file, i);
		write_name(json, "thread_name", name.text,
			   (struct place){WORKERS_PROCESS, i});
	}
	for (size_t i = 0; i < names->count; i++)
		if (!names->fibers[i].idle)
			write_name(json, "thread_name", names->fibers[i].text,
				   place_of(json, i, 0));
}

static void write_about(struct json *json)
{
	struct moment_fact facts[MOMENT_FACTS];
	moments_facts(&json->moments, facts);
	output_print(&json->output,
		     "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{\"trace\":");
	write_text(json, json->moments.file->path);
	for (size_t i = 0; i < MOMENT_FACTS; i++) {
		write_key(json, facts[i].name);
		output_print(&json->output, "%" PRIu64, facts[i].number);
	}
	write_key(json, "spans_without_end");
	output_print(&json->output, "%" PRIu64 "}\n}\n", json->open_spans);
}

static int write_all(struct json *json)
{
	json->writes = json->first = true;
	output_print(&json->output, "{\"traceEvents\":[");
	write_names(json);
	pass(json);
	end_spans(json);
	write_about(json);
	return json->error;
}

/* Opens `file` and goes through it for the first time. */
static int open_json(struct json *json, const struct trace_file *file)
{
	uint32_t segments = trace_file_segments(file);
	int error = moments_open(&json->moments, file);
	if (error)
		return error;
	size_t tracks = json->moments.tracks;
	json->open = calloc(tracks + 1, sizeof *json->open);
	json->pending = calloc(tracks + 1, sizeof *json->pending);
	json->lanes = calloc(segments + 1, sizeof *json->lanes);
	if (!json->open || !json->pending || !json->lanes)
		return -ENOMEM;
	pass(json);
	return json->error ? json->error : moments_restart(&json->moments);
}

/* Also after open_json has failed half way. */
static void close_json(struct json *json)
{
	free(json->slices.slices);
	free(json->wakes.runs);
	free(json->open);
	free(json->pending);
	free(json->lanes);
	moments_close(&json->moments);
	free(json);
}

static int refuse(const struct trace_file *file, struct trace_message *why)
{
	uint64_t records = moments_records(file);
	if (records <= JSON_RECORDS_MAX)
		return 0;
	snprintf(why->text, sizeof why->text,
		 "%.160s holds %" PRIu64 " records, and JSON is for at most %u: use "
		 "weft-trace fxt, which has no such limit",
		 file->path, records, JSON_RECORDS_MAX);
	return -EFBIG;
}

int command_json(const struct trace_file *file, const char *path,
		 struct trace_message *why)
{
	if (refuse(file, why))
		return EXIT_UNREADABLE;
	struct json *json = calloc(1, sizeof *json);
	int error = json ? open_json(json, file) : -ENOMEM;
	if (error)
		snprintf(why->text, sizeof why->text, "cannot export %.200s: %s",
			 file->path, weft_strerror(error));
	else
		error = output_open(&json->output, path, file->path, why);
	if (!error)
		error = output_finish(&json->output, write_all(json), why);
	if (json)
		close_json(json);
	return error ? EXIT_UNREADABLE : EXIT_HOLDS;
}
