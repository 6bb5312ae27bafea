/* moments.h: a trace as the exporters see it: step by step, with the time in
 * nanoseconds and what each step changes.
 *
 * Concepts. A track is what a record is about: a fiber, or, for a record of no fiber,
 * the segment it stands in. A fiber's state follows from the records:
 *
 *   absent -- CREATE --> new -- SWITCH to it --> running -- SWITCH, yield --> ready
 *                               WORKER_START        |------ SWITCH, finish -> finished
 *                                                   |------ SWITCH, other --> parked
 *                                                   '------ WORKER_STOP ----> finished
 *   new, parked -- READY --> ready -- SWITCH to it --> running
 *   absent -- STATUS --> what it says, where the beginning of the trace is missing
 *
 * A broken run can go any other way; then the record is believed.
 *
 * A fiber that parks after a WAIT_PUSH, WAIT_RETURN or TIMER_SET of the same run waits for
 * what that says; an AWAIT takes that back.
 *
 * Events that this build does not name are found by the schema of the file, and so are
 * the fields of all events: an exporter shows an event of a newer Weft too. */
#ifndef WEFT_TRACE_MOMENTS_H
#define WEFT_TRACE_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/merge.h"
#include "trace/names.h"

enum moment_state {
	STATE_ABSENT,
	STATE_NEW,
	STATE_READY,
	STATE_RUNNING,
	STATE_PARKED,
	STATE_FINISHED,
};

/* A span's end without its beginning is one whose beginning was not recorded. */
enum moment_span { SPAN_NONE, SPAN_BEGINS, SPAN_ENDS, SPAN_ENDS_ONLY };

struct moment_change {
	size_t track;
	enum moment_state from, to;
	const struct trace_record *wait; /* from or to parked: what it waits for, as the
					    record says that began it; or NULL */
};

struct moment {
	struct trace_step step;
	uint64_t ns;  /* since the start, never less than at the moment before */
	size_t track; /* what the record is about */
	struct moment_change changes[2];
	size_t change_count;
	bool counted; /* `live` or `ready` is another than before */
	enum moment_span span;
};

struct moments {
	const struct trace_file *file;
	struct names names;
	struct trace_merge *merge;
	uint8_t *states;                   /* enum moment_state, by track */
	uint32_t *spans;                   /* how many are open, by track */
	const struct trace_record **waits; /* what each waits for, or will once it
					      parks; or NULL; by track */
	size_t tracks;                     /* names.count, and one for each segment */
	uint64_t live;                     /* fibers that have not finished */
	uint64_t ready;                    /* fibers that are ready */
	uint64_t last_ns;                  /* of the last moment */
	uint64_t lone_ends;                /* spans that ended only */
	int queue_length, status;          /* types of these events, or -1 */
};

/* Thread numbers for the tracks that are no fibers: beyond all idle contexts. */
#define MOMENTS_OUTSIDE 0xFFFF8000u

#define MOMENT_ARGUMENTS 8u
#define MOMENT_SITE_SIZE 256u

/* One field of a record, by the schema. */
struct moment_argument {
	const char *name;
	const char *text; /* NULL for a number; may hold any bytes */
	uint64_t number;
};

struct moment_arguments {
	struct moment_argument list[MOMENT_ARGUMENTS];
	size_t count;
	char site[MOMENT_SITE_SIZE];
};

/* Starts at the first step of `file`, which must outlive `moments`. -ENOMEM leaves
 * nothing to close. */
int moments_open(struct moments *moments, const struct trace_file *file);
void moments_close(struct moments *moments);

/* Goes back to the first step. -ENOMEM. */
int moments_restart(struct moments *moments);

/* Goes to the next step; false at the end and after an error. */
bool moments_next(struct moments *moments, struct moment *moment);
int moments_error(const struct moments *moments);

/* The track of `fiber`, or that of the segment for a fiber that is none. */
size_t moments_track(const struct moments *moments, uint32_t fiber, uint32_t segment);

/* Whether the track is a fiber and no worker's own context. */
bool moments_is_fiber(const struct moments *moments, size_t track);

/* The number of the thread that stands for the track. */
uint32_t moments_thread(const struct moments *moments, size_t track);

/* What the thread is called, in to[NAME_SIZE]. */
void moments_thread_name(const struct moments *moments, size_t track, char *to);

/* The fields of a record but for the fiber whose track it is on, numbers of sequences,
 * and what is empty; then its place in the source. */
void moments_arguments(const struct moments *moments, const struct trace_step *step,
		       struct moment_arguments *arguments);

#define MOMENT_WAIT_SIZE 64u

/* "waits: descriptor 5 readable", of a change's wait, into to[MOMENT_WAIT_SIZE]. */
void moments_wait_text(const struct moments *moments, const struct trace_record *wait,
		       char *to);

/* Whether a step becomes an instant of its own: neither a switch, a span, a counter nor
 * what only the tools need. */
bool moments_is_instant(const struct moments *moments, const struct moment *moment);

/* How many records the trace holds. */
uint64_t moments_records(const struct trace_file *file);

/* What an export says of itself and its trace, for its metadata. */
struct moment_fact {
	const char *name;
	uint64_t number;
};

#define MOMENT_FACTS 8u

/* Known at once, but for the last two: known when the last step was seen. */
void moments_facts(const struct moments *moments, struct moment_fact *facts);

#endif
