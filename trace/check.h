/* check.h: what the parts of the checker share: check.c (the walk), check_state.c (what
 * each worker and fiber does), check_invariants.c (the judges), check_tell.c (the answer).
 * check.c has the overview. */
#ifndef WEFT_TRACE_CHECK_H
#define WEFT_TRACE_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/commands.h"
#include "trace/fiber_table.h"
#include "trace/id_set.h"
#include "trace/knot.h"
#include "trace/merge.h"
#include "trace/slice.h"

#define WHAT_SIZE      200
#define EVENTS_KNOWN   (TRACE_QUEUE_LENGTH + 1)
#define INVARIANTS_MAX 20
#define NOBODY         UINT32_MAX

/* ---- state ---- */

/* What a fiber does between its first record and its last. */
enum phase { UNKNOWN, NEW, READY, RUNNING, PARKED };

/* A span that has begun and not ended; the innermost first. */
struct span {
	struct span *outer;
	struct moment begun;
};

struct fiber_state {
	uint32_t number;     /* of its last record among its own */
	uint32_t worker;     /* where it runs, or NOBODY */
	uint32_t stack_size; /* 0: unknown */
	enum phase phase;
	bool met;     /* it has a record before this step */
	bool stopped; /* it ran at the WORKER_STOP of its worker */
	bool before;  /* it began before the window; what it did there is not known */
	bool ended;   /* its life was over, and forgotten, before these records */
	uint64_t became_at;   /* tick of `became` */
	struct moment became; /* the record that made `phase` what it is */
	struct moment last, created, began; /* began: to run */
	struct moment finished, left, recycled;
	struct span *spans; /* the checker's; freed as they end, and with the fiber */
};

/* A worker between its WORKER_START and WORKER_STOP; a segment without them is a
 * helper's. In a window, a worker has started once it is seen to switch. */
struct worker_state {
	uint32_t runs; /* a fiber, or 0 */
	bool started;
	struct moment since; /* the record that made it so */
};

/* One step, with the states of those it is about, as they are before it. */
struct sight {
	const struct trace_step *step;
	const struct trace_record *record;
	struct worker_state *worker;
	struct fiber_state *fiber, *peer; /* of fiber 0: nobody's, which says nothing */
	struct moment now;
	bool peer_counts; /* the record is one of its peer's, with this number: */
	uint32_t peer_number;
};

/* ---- findings ---- */

/* The first failure of an invariant, and how many there were. A fiber is mentioned in
 * `what` by its number; its name is looked up when the answer is told. */
struct failure {
	uint64_t times;
	char what[WHAT_SIZE];
	struct slice slice;
	uint32_t ended; /* the fiber whose end belongs to the slice, or 0 */
};

/* One invariant's part in judging a type of event. */
struct sight;
struct checker;
typedef void judge_function(struct checker *checker, const struct sight *sight);

struct duty {
	judge_function *judge; /* NULL: there are no more */
	size_t invariant;
};

/* Lint 17. */
struct ready_lint {
	uint64_t limit_ticks;
	uint64_t judged, times; /* waits, and those over the limit */
	uint64_t longest_ticks;
	uint32_t fiber;         /* of the longest */
	struct moment from, to; /* to: never, when it did not run until the end */
};

struct checker {
	const struct trace_file *file;
	const struct check_options *options;
	struct fiber_table
		fibers; /* struct fiber_state, of those that have not ended */
	struct id_set ended;
	struct fiber_state nobody;
	uint8_t peer_numbers[256]; /* of each type: schema_peer_sequence */
	struct worker_state workers[TRACE_SEGMENTS_MAX];
	struct duty duties[EVENTS_KNOWN + 1][2 * INVARIANTS_MAX + 1]; /* by type; the
									 last for all
									 that are newer */
	size_t judging; /* index of the invariant at work */
	uint64_t judged[INVARIANTS_MAX];
	struct failure failures[INVARIANTS_MAX];
	struct ready_lint ready;
	struct trace_knot knot;
	uint64_t switches, workers_seen, fibers_seen, never_written, repairs, last_tick;
	uint64_t ended_created; /* of those forgotten, how many had a CREATE */
	bool clean, window, out_of_memory;
	bool has_ready; /* a READY was met */
};

/* ---- check.c ---- */

/* Of all segments, or of what a window has of them. */
uint64_t check_count_records(const struct trace_file *file);

/* ---- check_state.c ---- */

/* Fills in what `step` is about, and meets the fibers that are new; false without
 * memory. */
bool check_see(struct checker *checker, const struct trace_step *step,
	       struct sight *sight);

/* Changes the states to what they are after the step. */
void check_apply(struct checker *checker, const struct sight *sight);

bool check_is_worker_context(uint32_t fiber);

/* Whether invariant 18 has a word on the fiber with that index in checker->fibers, and
 * whether nothing is left for a fiber to do. */
bool check_must_end(const struct checker *checker, uint32_t index);
bool check_has_ended(const struct fiber_state *state);

void check_free_fibers(struct checker *checker);

/* ---- check_invariants.c ---- */

struct invariant {
	unsigned number;
	const char *name, *sentence;
	judge_function *each;                 /* for every record, or NULL */
	judge_function *on[EVENTS_KNOWN];     /* for one event, or NULL */
	void (*end)(struct checker *checker); /* after the last record, or NULL */
};

extern const struct invariant check_invariants[];
extern const size_t check_invariant_count;

/* Finds out which invariants have a word on which events. */
void check_assign(struct checker *checker);

/* Every invariant judges the step, before it is applied; and the end of the trace. */
void check_judge(struct checker *checker, const struct sight *sight);
void check_judge_end(struct checker *checker);

/* A failure's text mentions a fiber as MENTION, its number, MENTION, until it is told. */
#define MENTION '\x01'

/* ---- check_tell.c ---- */

/* Writes the answer and the picture; returns the exit code. -ENOMEM, and nothing or a
 * part of it was written. */
int check_tell(struct checker *checker, FILE *out);

#endif
