/* names_tell.c: one step of a run as a sentence.
 *
 * Each event has a function that writes its sentence, without a full stop. It is about the
 * fiber that the record belongs to, or, for what a worker does when it runs none, about the
 * worker. (Those of waits are in names_tell_waits.c.) An event that is newer than this file is
 * told by what its trace's schema says.
 *
 * Rejected: sentences as templates in the schema. Most leave out what is zero, or say one
 * thing in two ways. */
#include <inttypes.h>
#include <string.h>

#include "trace/names_tell.h"

void names_count(FILE *out, uint64_t count, const char *one, const char *many)
{
	fprintf(out, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

/* A stack of 65536 bytes is one of 64 KiB; 65537 bytes stay 65537. */
static void tell_bytes(FILE *out, uint64_t bytes)
{
	if (bytes > 0 && bytes % (1u << 20) == 0)
		fprintf(out, "%" PRIu64 " MiB", bytes >> 20);
	else if (bytes > 0 && bytes % (1u << 10) == 0)
		fprintf(out, "%" PRIu64 " KiB", bytes >> 10);
	else
		names_count(out, bytes, "byte", "bytes");
}

/* A string of the program's, quoted, and cut where it is longer than a line. */
static void tell_text(const struct names *names, uint64_t string, FILE *out)
{
	char text[256];
	text_escape(text, sizeof text, trace_file_string(names->file, string));
	fprintf(out, "\"%s\"", text);
}

/* ", in play", the function that recorded it, if that is the program's and not the
 * runtime's. */
static void tell_function(const struct names *names, const struct trace_record *record,
			  FILE *out)
{
	const struct trace_site_entry *site =
		trace_file_site(names->file, record->site);
	char function[128];
	text_escape(function, sizeof function,
		    site ? trace_file_string(names->file, site->function) : "");
	if (*function && strncmp(function, "weft_", 5) != 0)
		fprintf(out, ", in %s", function);
}

/* What stays in use is the point of a switch: the leaver's calls wait on its stack. At its
 * end there is nothing left to say about that. */
static void tell_switch(const struct names *names, const struct trace_record *record,
			FILE *out)
{
	const char *reason =
		schema_choice_text(&names->file->schema, "leave", record->arg);
	const char *previous = names_of(names, record->peer);
	uint64_t used = record->value >> 32;
	fprintf(out, "%s leaves for %s%s (", previous, names_of(names, record->fiber),
		record->arg == TRACE_leave_FINISH ? " for good" : "");
	if (reason)
		fprintf(out, "%s)", reason);
	else
		fprintf(out, "reason %u)", record->arg);
	if (used == 0 || record->arg == TRACE_leave_FINISH)
		return;
	fputs("; ", out);
	tell_bytes(out, used);
	fprintf(out, " of %s's stack stay%s in use", previous, used == 1 ? "s" : "");
}

/* Whether a fiber is called after what it runs: its name may be cut or have a number
 * behind. */
static bool says_entry(const char *name, const char *entry)
{
	size_t length = strlen(entry);
	return strncmp(name, entry, length < NAME_SIZE / 2 ? length : NAME_SIZE / 2) ==
	       0;
}

static void tell_create(const struct names *names, const struct trace_record *record,
			FILE *out)
{
	const char *child = names_of(names, record->fiber);
	uint64_t stack_size = record->value & 0xFFFFFFFFu;
	char entry[NAME_SIZE];
	text_escape(entry, sizeof entry,
		    trace_file_string(names->file, record->value >> 32));
	if (record->peer)
		fprintf(out, "%s creates %s", names_of(names, record->peer), child);
	else
		fprintf(out, "%s is created", child);
	if (*entry && !says_entry(child, entry))
		fprintf(out, ", which is to run %s", entry);
	if (stack_size > 0) {
		fputs(", with a stack of ", out);
		tell_bytes(out, stack_size);
	}
}

static void tell_finish(const struct names *names, const struct trace_record *record,
			FILE *out)
{
	fprintf(out, "%s's function returns", names_of(names, record->fiber));
	if (record->value >> 32 == 0)
		return;
	fputs("; at most ", out);
	tell_bytes(out, record->value >> 32);
	fputs(" of its stack were in use at a switch", out);
}

/* A worker's own context has no number that anybody would want to know. */
static void tell_name(const struct names *names, const struct trace_record *record,
		      FILE *out)
{
	const char *fiber = names_of(names, record->fiber);
	if (record->fiber >= TRACE_IDLE_FIBERS)
		fprintf(out, "a worker's own context is named %s", fiber);
	else
		fprintf(out, "fiber %" PRIu32 " is named %s", record->fiber, fiber);
}

/* A count of 0 is one the program did not give. */
static void tell_mark(const struct names *names, const struct trace_record *record,
		      FILE *out)
{
	fprintf(out, "%s notes ",
		record->fiber ? names_of(names, record->fiber) : "the program");
	tell_text(names, record->value & 0xFFFFFFFFu, out);
	if (record->value >> 32)
		fprintf(out, " %" PRIu64, record->value >> 32);
	tell_function(names, record, out);
}

/* "ping makes main ready (direct)": where it then waits. Without a waker, what woke it was
 * no fiber. */
static void tell_ready(const struct names *names, const struct trace_record *record,
		       FILE *out)
{
	const char *place =
		schema_choice_text(&names->file->schema, "place", record->arg);
	const char *fiber = names_of(names, record->fiber);
	if (record->peer)
		fprintf(out, "%s makes %s ready", names_of(names, record->peer), fiber);
	else
		fprintf(out, "%s becomes ready", fiber);
	if (place)
		fprintf(out, " (%s)", place);
}

/* A target of 0 is a function for which there was no fiber. */
static void tell_await(const struct names *names, const struct trace_record *record,
		       FILE *out)
{
	fprintf(out, "%s awaits ", names_of(names, record->fiber));
	if (record->peer)
		fputs(names_of(names, record->peer), out);
	else
		fputs("a function that was run inline", out);
	if (record->arg == TRACE_found_FINISHED)
		fputs(", which has finished", out);
	else if (record->arg == TRACE_found_WAITS)
		fputs(", which has not finished", out);
}

static void tell_recycle(const struct names *names, const struct trace_record *record,
			 FILE *out)
{
	fprintf(out, "%s's stack is free again", names_of(names, record->fiber));
	if (record->peer)
		fprintf(out, "; its end is told to %s", names_of(names, record->peer));
}

static void tell_inline(const struct names *names, const struct trace_record *record,
			FILE *out)
{
	char entry[NAME_SIZE];
	text_escape(entry, sizeof entry,
		    trace_file_string(names->file, record->value >> 32));
	fprintf(out, "%s runs %s on its own stack: no fiber was to be had",
		names_of(names, record->fiber), *entry ? entry : "a function");
}

static void tell_span(const struct names *names, const struct trace_record *record,
		      FILE *out)
{
	fprintf(out, "%s %s ",
		record->fiber ? names_of(names, record->fiber) : "the program",
		record->type == TRACE_SPAN_BEGIN ? "begins" : "ends");
	tell_text(names, record->value & 0xFFFFFFFFu, out);
	tell_function(names, record, out);
}

/* One field by its type; what no type explains is a number. */
static void tell_field(const struct names *names, const struct schema_field *field,
		       uint64_t value, FILE *out)
{
	char text[32];
	text_escape(text, sizeof text, field->name);
	const char *choice =
		schema_choice_text(&names->file->schema, field->type, (uint8_t)value);
	fprintf(out, ", %s ", text);
	if (strcmp(field->type, "fiber") == 0)
		fputs(names_of(names, (uint32_t)value), out);
	else if (strcmp(field->type, "string") == 0)
		tell_text(names, value, out);
	else if (strcmp(field->type, "bytes") == 0)
		tell_bytes(out, value);
	else if (choice && value < 256)
		fputs(choice, out);
	else
		fprintf(out, "%" PRIu64, value);
}

/* An event that is newer than this file: what the trace's own schema says of it. */
static void tell_any(const struct names *names, const struct trace_record *record,
		     FILE *out)
{
	const struct schema_event *event = &names->file->schema.events[record->type];
	char text[128];
	if (!event->known) {
		fprintf(out, "an event of the unknown type %u", record->type);
		return;
	}
	text_escape(text, sizeof text, event->name);
	fputs(text, out);
	for (int place = 0; place < PLACES; place++)
		if (*event->fields[place].name &&
		    strcmp(event->fields[place].type, "sequence") != 0)
			tell_field(
				names, &event->fields[place],
				schema_value(event, (enum schema_place)place, record),
				out);
	text_escape(text, sizeof text, event->sentence);
	fprintf(out, ": %s", text);
}

/* ---- what workers do ---- */

/* Whose step it is: "worker 1". */
static struct trace_writer_name writer_of(const struct names *names,
					  const struct trace_step *step)
{
	return trace_file_writer(names->file, step->worker);
}

static void tell_start(const struct names *names, const struct trace_step *step,
		       FILE *out)
{
	fprintf(out, "%s starts, running %s", writer_of(names, step).text,
		names_of(names, step->record->fiber));
}

static void tell_stop(const struct names *names, const struct trace_step *step,
		      FILE *out)
{
	fprintf(out, "%s stops; it ran %s last", writer_of(names, step).text,
		names_of(names, step->record->fiber));
}

/* What is in the injection queue is nobody's, so taking it is no theft. */
static void tell_steal(const struct names *names, const struct trace_step *step,
		       FILE *out)
{
	const struct trace_record *record = step->record;
	const char *queue =
		schema_choice_text(&names->file->schema, "place", record->arg);
	uint64_t size = record->value >> 32;
	const char *fiber = names_of(names, record->fiber);
	if (record->arg == TRACE_place_INJECTED)
		fprintf(out, "%s takes %s out of the injection queue",
			writer_of(names, step).text, fiber);
	else
		fprintf(out, "%s steals %s from worker %" PRIu32,
			writer_of(names, step).text, fiber, record->peer);
	if (queue && record->arg != TRACE_place_INJECTED)
		fprintf(out, " (%s)", queue);
	if (size > 1)
		fprintf(out, ", in a batch of %" PRIu64, size);
}

static void tell_miss(const struct names *names, const struct trace_step *step,
		      FILE *out)
{
	fprintf(out, "%s looks into every queue ", writer_of(names, step).text);
	names_count(out, step->record->value & 0xFFFFFFFFu, "time", "times");
	fputs(" and finds nothing", out);
}

static void tell_sleep(const struct names *names, const struct trace_step *step,
		       FILE *out)
{
	fprintf(out, "%s goes to sleep%s", writer_of(names, step).text,
		step->record->arg == TRACE_sleep_POLLING ? " in the poller" : "");
}

/* Why somebody wakes a worker, or why it goes on. */
static void tell_why(const struct names *names, const struct trace_record *record,
		     FILE *out)
{
	const char *why = schema_choice_text(&names->file->schema, "wake", record->arg);
	if (why)
		fprintf(out, ": %s", why);
}

/* Without a waker, a thread from outside did it. */
static void tell_wake(const struct names *names, const struct trace_step *step,
		      FILE *out)
{
	const struct trace_record *record = step->record;
	if (record->fiber)
		fprintf(out, "%s wakes worker %" PRIu32, names_of(names, record->fiber),
			record->peer);
	else
		fprintf(out, "worker %" PRIu32 " is woken", record->peer);
	tell_why(names, record, out);
}

static void tell_awake(const struct names *names, const struct trace_step *step,
		       FILE *out)
{
	fprintf(out, "%s goes on", writer_of(names, step).text);
	tell_why(names, step->record, out);
}

static void tell_length(const struct names *names, const struct trace_step *step,
			FILE *out)
{
	uint64_t local = step->record->value >> 32;
	names_count(out, local, "fiber is", "fibers are");
	fprintf(out, " ready in %s's queues, and %" PRIu64 " in the injection queue",
		writer_of(names, step).text, step->record->value & 0xFFFFFFFFu);
}

static void tell_lost(const struct names *names, const struct trace_step *step,
		      FILE *out)
{
	fprintf(out, "%s: from here on its records are lost, for want of room",
		writer_of(names, step).text);
}

/* Of the events that need no number of a worker. */
static teller_function *const tellers[] = {
	[TRACE_SWITCH] = tell_switch,
	[TRACE_CREATE] = tell_create,
	[TRACE_FINISH] = tell_finish,
	[TRACE_NAME] = tell_name,
	[TRACE_MARK] = tell_mark,
	[TRACE_READY] = tell_ready,
	[TRACE_AWAIT] = tell_await,
	[TRACE_RECYCLE] = tell_recycle,
	[TRACE_INLINE] = tell_inline,
	[TRACE_SPAN_BEGIN] = tell_span,
	[TRACE_SPAN_END] = tell_span,
	[TRACE_WAIT_PUSH] = tell_push,
	[TRACE_WAIT_RETURN] = tell_return,
	[TRACE_WAIT_POP] = tell_pop,
	[TRACE_FD_WATCH] = tell_watch,
	[TRACE_FD_READY] = tell_event,
	[TRACE_FD_CLOSE] = tell_close,
	[TRACE_TIMER_SET] = tell_set,
	[TRACE_TIMER_FIRE] = tell_fire,
	[TRACE_TIMER_DROP] = tell_drop,
	[TRACE_CANCEL_REQUEST] = tell_cancel,
	[TRACE_CANCEL_ACK] = tell_ack,
};

/* And of those that do. */
static thread_teller_function *const worker_tellers[] = {
	[TRACE_WORKER_START] = tell_start,  [TRACE_WORKER_STOP] = tell_stop,
	[TRACE_LOST] = tell_lost,           [TRACE_STEAL] = tell_steal,
	[TRACE_STEAL_MISS] = tell_miss,     [TRACE_WORKER_SLEEP] = tell_sleep,
	[TRACE_WORKER_WAKE] = tell_wake,    [TRACE_WORKER_AWAKE] = tell_awake,
	[TRACE_QUEUE_LENGTH] = tell_length, [TRACE_POLL_BEGIN] = tell_poll,
	[TRACE_POLL_END] = tell_polled,     [TRACE_OFFLOAD_BEGIN] = tell_call,
	[TRACE_OFFLOAD_END] = tell_call,
};

#define TELLERS        (sizeof tellers / sizeof *tellers)
#define WORKER_TELLERS (sizeof worker_tellers / sizeof *worker_tellers)

bool names_begin_with_worker(uint8_t type)
{
	return type < WORKER_TELLERS && worker_tellers[type] &&
	       type != TRACE_WORKER_WAKE && type != TRACE_QUEUE_LENGTH;
}

void names_tell(const struct names *names, const struct trace_step *step, FILE *out)
{
	const struct trace_record *record = step->record;
	if (record->type < TELLERS && tellers[record->type])
		tellers[record->type](names, record, out);
	else if (record->type < WORKER_TELLERS && worker_tellers[record->type])
		worker_tellers[record->type](names, step, out);
	else
		tell_any(names, record, out);
}
