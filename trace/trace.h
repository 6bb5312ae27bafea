/* trace.h: writing a trace.
 *
 * Concepts. A trace is one file, mapped into memory. Each worker claims a segment of it
 * and is the only one to write there, so that a record costs a clock read and a 32-byte
 * store and takes no lock. The kernel writes the pages back: what was recorded before a
 * crash is there after it. Beyond the workers' segments are some for other threads:
 * helpers, and foreign ones that hand work in.
 *
 * A linear segment keeps its beginning, a ring its end. A ring also gets, at every quarter
 * of its length, a STATUS record for each live fiber: so that a fiber with no record among
 * those that are left is still known.
 *
 * States of a trace and who makes each transition:
 *
 *   (none) -- trace_open --> open -- trace_close --> closed: trimmed, marked clean
 *                             |
 *                             +-- the process dies --> readable, not marked clean
 *
 * States of a segment:
 *
 *   free -- trace_claim --> claimed -- trace_pause, linear --> full: LOST is its last
 *                              |                  record; more are counted as dropped
 *                              +------ trace_pause, ring ----> again at its first slot
 *
 * trace_write stays short because all that comes seldom is in trace_pause: the next pages,
 * the end of a segment, the quarter of a ring, an anchor. Two comparisons tell that one of
 * them is due: of the place, and of the tick.
 *
 * A NULL trace or segment is a trace that is off: every function takes it and does
 * nothing.
 *
 * Rejected designs. A global order counter: every worker would write one cache line for
 * each record. Text: ten times the bytes, and a format call on the path. write(2): a
 * system call a record, or a buffer that a crash loses. A mask instead of a pointer, for
 * rings: they would need a length that is a power of two, and linear segments pay too.
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
	uint64_t records; /* capacity of a worker's segment; 0: TRACE_RECORDS_DEFAULT */
	uint32_t workers; /* 0: 1 */
	uint32_t others;  /* helper and foreign threads; 0: TRACE_OTHERS_DEFAULT */
	bool ring;        /* keep the end */
};

/* With the workers, at most TRACE_SEGMENTS_MAX. Their segments have a quarter of a
 * worker's records. */
#define TRACE_OTHERS_DEFAULT  4u
#define TRACE_OTHERS_FRACTION 4u

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

/* Opens the trace that the environment variable WEFT_TRACE asks for: a path, and behind
 * commas "ring" and a number of records a segment, as in "path,ring,1000". Returns 0 with
 * *trace NULL when the variable is unset or empty. */
int trace_open_from_environment(struct trace **trace, uint32_t workers, uint32_t others,
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
 * file. Its lines, each with its newline, and then NULL: as one literal it would be longer
 * than a compiler has to take. */
extern const char *const trace_schema[];

/* The bytes of all lines; and writes them, one behind the other and without a NUL, to
 * to[trace_schema_size()]. */
size_t trace_schema_size(void);
void trace_schema_write(char *to);

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

/* The writer's side of a segment. Touched only by the thread that claimed it. */
struct trace_segment {
	struct trace_record *next;           /* where the next record goes */
	struct trace_record *stop;           /* where trace_pause is due, */
	uint64_t anchor_due;                 /* and from which tick on */
	uint64_t head;                       /* records ever written */
	struct trace_segment_header *shared; /* in the file */
	uint32_t sites_known; /* sites with a number up to this are in the file */
	bool cycles;          /* which clock system_ticks reads */
	bool ring;
	struct trace_record *first, *end; /* of the slots; one past the last */
	uint64_t anchor_every;            /* ticks */
	uint64_t status_next; /* for the trace_status_function: where it goes on */
	struct trace *trace;
};

/* Claims the segment of that worker for the calling thread. NULL when it is taken or not
 * there (counted), or the trace is off. The segment is the trace's; it lives until
 * trace_close. */
struct trace_segment *trace_claim_worker(struct trace *trace, uint32_t worker);

/* As trace_claim_worker, for a program that does not number its workers: the first free one
 * of their segments. */
struct trace_segment *trace_claim(struct trace *trace);

/* As trace_claim_worker, for a thread that is no worker: role is TRACE_HELPER or
 * TRACE_FOREIGN. */
struct trace_segment *trace_claim_thread(struct trace *trace, enum trace_role role);

/* The number of a segment: that of its worker, if it is a worker's. */
static inline uint32_t trace_worker(const struct trace_segment *segment)
{
	return segment ? segment->shared->index : 0;
}

/* Writes STATUS records, at most `room`, with TRACE into `segment`, and returns for how many
 * live fibers there was none; segment->status_next, 0 at first, is its own. Called in the middle of a TRACE of the segment's own thread: it
 * may take no lock that is held over a TRACE, and does not suspend. */
typedef uint64_t trace_status_function(void *context, struct trace_segment *segment,
				       uint64_t room);

/* Rings call `function` at each quarter. To be set before a segment is claimed. */
void trace_set_status(struct trace *trace, trace_status_function *function,
		      void *context);

/* The slow halves of trace_write, in trace.c. trace_pause does what is due; false: there is no
 * room, the record is counted as dropped. */
bool trace_pause(struct trace_segment *segment, uint64_t tick);
uint32_t trace_register_site(struct trace_segment *segment, struct trace_site *site);

static inline uint64_t trace_tick(const struct trace_segment *segment)
{
	return segment->cycles ? system_cycles() : system_monotonic_ns();
}

/* The number of a site in the file, which has it from then on; 0 when there was no room. */
static inline uint32_t trace_site_number(struct trace_segment *segment,
					 struct trace_site *site)
{
	uint32_t number = load_relaxed(&site->number);
	if (__builtin_expect(number - 1 < segment->sites_known, 1)) /* not 0 either */
		return number;
	return trace_register_site(segment, site);
}

/* In functions that are seldom called a compiler leaves calls alone; a record would be built on
 * the stack, and copied twice. */
#define TRACE_ALWAYS static inline __attribute__((always_inline))

/* Stores a whole record at next, which is before stop. */
TRACE_ALWAYS void trace_put(struct trace_segment *segment, struct trace_record record)
{
	/* Release: a ring's reader that sees a byte of this record, over an old one, sees the
	 * head that warns of it. Pairs with: live_load. */
	atomic_thread_fence(memory_order_release);
	*segment->next++ = record;
	/* Release: a reader of the mapped file that sees the new head sees the record
	 * too. Pairs with: trace_file_open, which reads heads from the same mapping or
	 * after us. */
	store_release(&segment->shared->head, ++segment->head);
}

/* Appends one record, or counts it as dropped. Called through TRACE. */
TRACE_ALWAYS void trace_write(struct trace_segment *segment, struct trace_site *site,
			      struct trace_record record)
{
	record.site = (uint16_t)trace_site_number(segment, site);
	record.type = (uint8_t)site->event;
	record.tick = trace_tick(segment);
	if (__builtin_expect(segment->next >= segment->stop, 0) ||
	    __builtin_expect(record.tick >= segment->anchor_due, 0)) {
		if (!trace_pause(segment, record.tick))
			return;
		record.tick = trace_tick(segment); /* after what trace_pause wrote */
	}
	trace_put(segment, record);
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
