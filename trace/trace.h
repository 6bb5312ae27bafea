/* trace.h: writing a trace.
 *
 * Concepts. A trace is one file, mapped into memory. Each worker claims a segment of it
 * and is the only one to write there, so that a record costs a clock read and a 32-byte
 * store and takes no lock. The kernel writes the pages back: what was recorded before a
 * crash is there after it.
 *
 * States of a trace and who makes each transition:
 *
 *   (none) -- trace_open --> open -- trace_close --> closed: trimmed, marked clean
 *                             |
 *                             +-- the process dies --> readable, not marked clean
 *
 * States of a segment:
 *
 *   free -- trace_claim --> claimed -- trace_write --> full: more are counted as dropped
 *
 * A NULL trace or segment is a trace that is off: every function takes it and does
 * nothing.
 *
 * Rejected designs. A global order counter: every worker would write one cache line for
 * each record. Text: ten times the bytes, and a format call on the path. write(2): a
 * system call a record, or a buffer that a crash loses.
 *
 * Includes: base. A leaf: the runtime includes it, it knows nothing of the runtime. */
#ifndef WEFT_TRACE_TRACE_H
#define WEFT_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/system_ticks.h"
#include "trace/format.h"

struct trace;

struct trace_options {
	const char
		*path; /* the file to make; an older trace of that name is replaced */
	uint64_t records;  /* capacity of each segment; 0: TRACE_RECORDS_DEFAULT */
	uint32_t segments; /* 0: 1; at most TRACE_SEGMENTS_MAX */
};

#define TRACE_RECORDS_DEFAULT (UINT64_C(1) << 16) /* 2 MiB a segment */
#define TRACE_RECORDS_MAX     (UINT64_C(1) << 31)

/* One line for a person: what went wrong and what to do. */
struct trace_message {
	char text[320];
};

/* Makes the file, reserves all its space on the disk, and maps it. On success *trace is
 * the caller's, to be closed with trace_close. On failure *trace is NULL, which is a
 * trace that is off, and `why` says in one line what to do; the file is removed or was
 * never there. A file of that name which is not a trace is left alone. Errors: those of
 * open(2) and posix_fallocate(3), -ENOMEM, -EEXIST for a file that is not a trace,
 * -EINVAL for options out of range. Any thread may call it; it does not suspend. */
int trace_open(struct trace **trace, const struct trace_options *options,
	       struct trace_message *why);

/* Opens the trace that the environment variable WEFT_TRACE asks for: "path" or "path,N"
 * for N records a segment. Returns 0 with *trace NULL when the variable is unset or
 * empty. */
int trace_open_from_environment(struct trace **trace, uint32_t segments,
				struct trace_message *why);

/* Marks the trace clean, gives the unused space back and frees it. No thread may write
 * any more. Returns 0, or the error that kept the file from being trimmed: it is whole
 * anyway. */
int trace_close(struct trace *trace);

/* Takes an older trace out of the way: removes the file `path` if it is a trace or
 * empty. Returns 0, also when there is no such file; -EEXIST for a file of another
 * kind, which stays; or the system's error. */
int trace_remove_older(const char *path);

/* The schema of this build: what stands in every trace so that readers need no other
 * file. */
extern const char trace_schema[];

/* Appends `text` to the strings and returns its id; 0, the empty string, when there is
 * no room (counted). The same text twice is stored twice. Any thread may call it. */
uint32_t trace_string(struct trace *trace, const char *text);

/* Where in the source an event is recorded. One static object for each TRACE in the
 * program. `number` is assigned once, by the first thread that records here. */
struct trace_site {
	const char *file, *function;
	uint32_t line, event;
	_Atomic uint32_t number; /* 0 until then; relaxed: it names this object only */
	struct trace_site *next; /* written before it is published in the list */
};

/* The writer's side of a segment. Touched only by the worker that claimed it. */
struct trace_segment {
	struct trace_record *next;           /* where the next record goes */
	struct trace_record *prefaulted;     /* pages before this are backed already */
	struct trace_record *end;            /* one past the last record */
	struct trace_segment_header *shared; /* in the file */
	struct trace *trace;
	uint32_t sites_known; /* sites with a number up to this are in the file */
	bool cycles;          /* which clock system_ticks reads */
};

/* Claims a free segment for the calling thread, or returns NULL when none is left
 * (counted) or the trace is off. The segment is the trace's; it lives until
 * trace_close. */
struct trace_segment *trace_claim(struct trace *trace);

/* The worker number of a segment. */
static inline uint32_t trace_worker(const struct trace_segment *segment)
{
	return segment ? segment->shared->index : 0;
}

/* The slow halves of trace_write, in trace.c. */
bool trace_make_room(struct trace_segment *segment);
uint32_t trace_register_site(struct trace_segment *segment, struct trace_site *site);

/* Appends one record, or counts it as dropped. Called through TRACE. */
static inline void trace_write(struct trace_segment *segment, struct trace_site *site,
			       struct trace_record record)
{
	uint32_t number = load_relaxed(&site->number);
	if (number - 1 >= segment->sites_known) /* also when number is 0 */
		number = trace_register_site(segment, site);
	if (segment->next >= segment->prefaulted && !trace_make_room(segment))
		return;
	record.tick = segment->cycles ? system_cycles() : system_monotonic_ns();
	record.type = (uint8_t)site->event;
	record.site = (uint16_t)number;
	*segment->next++ = record;
	/* Release: a reader of the mapped file that sees the new head sees the record
	 * too. Pairs with: trace_file_open, which reads heads from the same mapping or
	 * after us. */
	store_release(&segment->shared->head, load_relaxed(&segment->shared->head) + 1);
}

/* TRACE(segment, SWITCH, .arg = ..., .fiber = ..., ...): records an event, if the trace
 * is on. The fields left out are zero; tick, type and site fill themselves in. */
#define TRACE(segment, name, ...)                                                      \
	do {                                                                           \
		struct trace_segment *to_ = (segment);                                 \
		if (to_) {                                                             \
			static struct trace_site here_ = {                             \
				.file = __FILE__,                                      \
				.function = __func__,                                  \
				.line = __LINE__,                                      \
				.event = TRACE_##name,                                 \
			};                                                             \
			trace_write(to_, &here_, (struct trace_record){__VA_ARGS__});  \
		}                                                                      \
	} while (0)

/* The two halves of a record's value. */
static inline uint64_t trace_pair(uint64_t high, uint64_t low)
{
	return high << 32 | (low & 0xFFFFFFFFu);
}

#endif
