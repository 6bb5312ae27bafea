/* notes.c: what a program writes into its own trace.
 *
 * A program may mark as often as it likes with the same few texts, so each worker remembers
 * which of them are in the trace's strings already: by a hash of 64 bits, since the same text
 * may come from many places, and one place may hold another text next time.
 *
 * Rejected: a table that all workers share, under a lock. */
#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)
/* FNV-1a: one number for a text, another text has another one. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return hash;
}

/* The text's number among the trace's strings. */
static uint32_t string_of(struct worker *worker, const char *text)
{
	uint64_t hash = hash_of(text);
	struct worker_string *string = &worker->strings[hash % WORKER_STRINGS];
	if (string->hash != hash || string->id == 0) {
		string->hash = hash;
		string->id = trace_string(worker->io->trace, text);
	}
	return string->id;
}

static uint32_t name_current(struct worker *worker, const char *text)
{
	uint32_t string = string_of(worker, text);
	fiber_set_traced_name(worker->current, string);
	return string;
}
#endif

SCHEDULER_RECORDS static void record_name(struct worker *worker, const char *text)
{
	TRACE(worker->segment, NAME, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = name_current(worker, text));
	(void)text;
}

void weft_name(struct weft *io, const char *text)
{
	struct worker *worker = scheduler_worker(io);
	store_relaxed(&worker->current->name, text); /* see struct fiber */
	if (scheduler_traces(worker))
		record_name(worker, text);
}

void weft_mark(struct weft *io, const char *text, uint32_t number)
{
	struct worker *worker = scheduler_worker(io);
	TRACE(worker->segment, MARK, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = trace_pair(number, string_of(worker, text)));
	(void)text, (void)number;
}

void weft_span_begin(struct weft *io, const char *text)
{
	struct worker *worker = scheduler_worker(io);
	TRACE(worker->segment, SPAN_BEGIN, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = string_of(worker, text));
	(void)text;
}

void weft_span_end(struct weft *io, const char *text)
{
	struct worker *worker = scheduler_worker(io);
	TRACE(worker->segment, SPAN_END, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = string_of(worker, text));
	(void)text;
}
