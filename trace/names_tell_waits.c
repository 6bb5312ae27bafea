/* names_tell_waits.c: the sentences of waits, descriptors, timers, offloaded calls and
 * cancelation, for names_tell.c.
 *
 * A queue that is no descriptor's is called by its object's number; a descriptor by its own. Times
 * are told as distances from the record, where its clock can be set beside that of the trace. */
#include "trace/names_tell.h"

#include <inttypes.h>

#include "trace/waiters.h"

/* The kernel's answer is waited for without an end. */
#define FOR_EVER UINT64_MAX

static const char *fiber_of(const struct names *names,
			    const struct trace_record *record)
{
	return names_of(names, record->fiber);
}

/* "1.5 ms", cut and not rounded. */
static void tell_ns(FILE *out, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ns >= units[i].ns) {
			fprintf(out, "%" PRIu64 ".%" PRIu64 " %s", ns / units[i].ns,
				ns % units[i].ns / (units[i].ns / 10), units[i].name);
			return;
		}
	fprintf(out, "%" PRIu64 " ns", ns);
}

/* ---- queues of waiters ---- */

static const char *what_of(const struct names *names, const struct trace_record *record)
{
	const char *what =
		schema_choice_text(&names->file->schema, "wait", record->arg);
	return what ? what : "ready";
}

static bool is_for_descriptor(const struct trace_record *record)
{
	return record->arg == TRACE_wait_READABLE || record->arg == TRACE_wait_WRITABLE;
}

void tell_push(const struct names *names, const struct trace_record *record, FILE *out)
{
	fprintf(out, "%s waits ", fiber_of(names, record));
	if (is_for_descriptor(record))
		fprintf(out, "until descriptor %" PRIu32 " is %s", record->peer,
			what_of(names, record));
	else
		fprintf(out, "for %s", what_of(names, record));
	if (record->arg == TRACE_wait_QUEUE)
		fprintf(out, ", that of object %" PRIu32, waiters_object(record));
}

void tell_return(const struct names *names, const struct trace_record *record,
		 FILE *out)
{
	const char *fiber = fiber_of(names, record);
	if (is_for_descriptor(record))
		fprintf(out,
			"%s finds that descriptor %" PRIu32
			" is not %s after all, and is first in line again",
			fiber, record->peer, what_of(names, record));
	else
		fprintf(out, "%s finds nothing yet, and is first in line again", fiber);
}

/* Whoever claimed it before has its own record, unless that is the waiter itself. */
static void tell_taken_out(const struct names *names, const struct trace_record *record,
			   FILE *out)
{
	const char *outcome =
		schema_choice_text(&names->file->schema, "outcome", record->arg);
	const char *waiter = names_of(names, record->peer);
	if (record->fiber == record->peer)
		fprintf(out, "%s leaves its queue", waiter);
	else if (record->fiber)
		fprintf(out, "%s takes %s out of its queue", fiber_of(names, record),
			waiter);
	else
		fprintf(out, "%s is taken out of its queue", waiter);
	if (outcome)
		fprintf(out, ": %s", outcome);
}

void tell_pop(const struct names *names, const struct trace_record *record, FILE *out)
{
	const char *waiter = names_of(names, record->peer);
	if (!waiters_is_woken(record->arg)) {
		tell_taken_out(names, record, out);
		return;
	}
	if (record->fiber)
		fprintf(out, "%s wakes %s", fiber_of(names, record), waiter);
	else
		fprintf(out, "%s is woken", waiter);
	if (record->arg == TRACE_outcome_CLOSED)
		fputs(", whose descriptor is closed", out);
}

/* ---- descriptors ---- */

void tell_watch(const struct names *names, const struct trace_record *record, FILE *out)
{
	const char *which =
		schema_choice_text(&names->file->schema, "watch", record->arg);
	fprintf(out, "%s has the kernel watch descriptor %" PRIu32,
		fiber_of(names, record), record->peer);
	if (record->arg == TRACE_watch_BOTH)
		fputs(" for reading and writing", out);
	else if (which)
		fprintf(out, " for %s", which);
}

void tell_event(const struct names *names, const struct trace_record *record, FILE *out)
{
	const char *edge =
		schema_choice_text(&names->file->schema, "edge", record->arg);
	fprintf(out, "the kernel tells that descriptor %" PRIu32 " is %s", record->peer,
		edge ? edge : "ready");
}

void tell_close(const struct names *names, const struct trace_record *record, FILE *out)
{
	if (record->fiber)
		fprintf(out, "%s closes descriptor %" PRIu32, fiber_of(names, record),
			record->peer);
	else
		fprintf(out, "descriptor %" PRIu32 " is closed", record->peer);
}

/* ---- timers ---- */

/* What the clock of the deadline said at the record, as far as the trace knows: 0 for a clock
 * that it says nothing of. */
static int64_t clock_at(const struct trace_file *file,
			const struct trace_record *record)
{
	uint64_t since = trace_file_ns(file, record->tick);
	const struct trace_header *header = file->header;
	return record->arg == TRACE_clock_AWAKE
		       ? (int64_t)(header->monotonic_ns0 + since)
	       : record->arg == TRACE_clock_REAL
		       ? (int64_t)(header->realtime_ns0 + since)
		       : 0;
}

void tell_set(const struct names *names, const struct trace_record *record, FILE *out)
{
	const char *clock =
		schema_choice_text(&names->file->schema, "clock", record->arg);
	int64_t now = clock_at(names->file, record);
	int64_t deadline = (int64_t)record->value;
	fprintf(out, "%s sets a timer", fiber_of(names, record));
	if (now == 0 && clock)
		fprintf(out, " by the %s clock", clock);
	else if (now && deadline > now) {
		fputs(" for ", out);
		tell_ns(out, (uint64_t)deadline - (uint64_t)now);
		fputs(" from now", out);
	} else if (now)
		fputs(" for now", out);
}

void tell_fire(const struct names *names, const struct trace_record *record, FILE *out)
{
	fprintf(out, "%s's deadline has come", fiber_of(names, record));
}

void tell_drop(const struct names *names, const struct trace_record *record, FILE *out)
{
	fprintf(out, "%s drops its timer", fiber_of(names, record));
}

/* ---- ending early ---- */

void tell_cancel(const struct names *names, const struct trace_record *record,
		 FILE *out)
{
	if (record->fiber)
		fprintf(out, "%s asks %s to end early", fiber_of(names, record),
			names_of(names, record->peer));
	else
		fprintf(out, "%s is asked to end early", names_of(names, record->peer));
}

void tell_ack(const struct names *names, const struct trace_record *record, FILE *out)
{
	fprintf(out, "%s is told that it is to end early", fiber_of(names, record));
}

/* ---- what threads do ---- */

void tell_poll(const struct names *names, const struct trace_step *step, FILE *out)
{
	const struct trace_record *record = step->record;
	fprintf(out, "%s asks the kernel for events",
		trace_file_writer(names->file, step->worker).text);
	if (record->arg != TRACE_poll_WAITS)
		return;
	fputs(", and waits for the first", out);
	if (record->value == FOR_EVER)
		return;
	fputs(" for at most ", out);
	tell_ns(out, record->value);
}

void tell_polled(const struct names *names, const struct trace_step *step, FILE *out)
{
	uint64_t events = step->record->value & 0xFFFFFFFFu;
	fprintf(out, "%s has ", trace_file_writer(names->file, step->worker).text);
	if (events)
		names_count(out, events, "event", "events");
	else
		fputs("no event", out);
	fputs(" from the kernel", out);
}

void tell_call(const struct names *names, const struct trace_step *step, FILE *out)
{
	fprintf(out, "%s %s for %s", trace_file_writer(names->file, step->worker).text,
		step->record->type == TRACE_OFFLOAD_BEGIN ? "begins a call"
							  : "has made a call",
		names_of(names, step->record->peer));
}
