/* check.h: what the parts of the checker share: check.c (the walk), check_state.c (what
 * each worker and fiber does), check_invariants.c, check_causes.c, check_queues.c,
 * check_waits.c, check_timers.c and check_sleep.c (the judges), check_tell.c (the answer).
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
#include "trace/waiters.h"

#define WHAT_SIZE      200
#define EVENTS_KNOWN   (TRACE_CANCEL_ACK + 1)
#define INVARIANTS_MAX 21
#define NOBODY         UINT32_MAX

/* ---- state ---- */

/* What a fiber does between its first record and its last. */
enum phase { UNKNOWN, NEW, READY, RUNNING, PARKED };

/* Where a ready fiber waits. The numbers are those of the trace's places, so that a READY
 * needs no table. */
enum queue {
	QUEUE_UNKNOWN = 0,
	QUEUE_LOCAL = TRACE_place_LOCAL, /* of `queue_owner`, and so is: */
	QUEUE_NEWEST = TRACE_place_NEWEST,
	QUEUE_INJECTED = TRACE_place_INJECTED,
	QUEUE_REMOTE = TRACE_place_REMOTE, /* worker 0's slot for the pinned fiber */
	QUEUE_SHARED = TRACE_place_SHARED, /* of an older runtime, for all workers */
	QUEUE_DIRECT = TRACE_place_DIRECT, /* next on `queue_owner` */
	QUEUE_YIELDED = 0xFF, /* local of `queue_owner`, or injected if that was full */
};

/* A span that has begun and not ended; the innermost first. */
struct span {
	struct span *outer;
	struct moment begun;
};

/* A fiber's deadline. */
struct timer_state {
	uint64_t deadline;
	struct moment since; /* the record that set or ended it last */
	bool set;
	uint8_t clock;
};

/* What a fiber has done, in the run that is going on or was its last, about waiting. */
struct wait_state {
	struct moment since; /* its first record of a wait in this run */
	bool awaits; /* it has asked for the result of one that had not finished */
	bool caused; /* something has come that makes it go on */
};

struct fiber_state {
	uint32_t number;     /* of its last record among its own */
	uint32_t worker;     /* where it runs, or NOBODY */
	uint32_t stack_size; /* 0: unknown */
	uint32_t parent;     /* 0: none, or not known */
	uint32_t queue_owner;
	enum phase phase;
	uint8_t queue; /* enum queue, while it is ready */
	bool met;      /* it has a record before this step */
	bool stopped;  /* it ran at the WORKER_STOP of its worker */
	bool before;   /* it began before the window; what it did there is not known */
	bool ended;    /* its life was over, and forgotten, before these records */
	uint32_t runs; /* how many times it began to run */
	struct wait_state wait;
	struct timer_state timer;
	uint64_t became_at;   /* tick of `became` */
	struct moment became; /* the record that made `phase` what it is */
	struct moment queued; /* the record that put it into its queue */
	struct moment last, created, began; /* began: to run */
	struct moment finished, left, recycled;
	struct span *spans; /* the checker's; freed as they end, and with the fiber */
};

/* What a worker took out of a queue at one go. */
struct batch {
	uint32_t number, size, taken;
	bool cut;           /* its first records may be from before the window */
	struct moment last; /* the newest STEAL of it; never: there was no batch yet */
};

/* Whether a worker is up, by its sleeper's records. */
struct sleeper {
	uint32_t object;    /* 0: not known yet */
	bool asleep, woken; /* woken: since it fell asleep */
	bool linted;        /* this sleep is among those that lint 16 tells of */
	uint64_t slept_at;  /* tick of `slept` */
	struct moment slept, awoke;
};

/* A worker between its WORKER_START and WORKER_STOP; a segment without them is a
 * helper's. In a window, a worker has started once it is seen to switch. */
struct worker_state {
	uint32_t runs;   /* a fiber, or 0 */
	uint32_t direct; /* what a READY says it runs next, or 0 */
	bool started;
	struct moment since;    /* the record that made it so */
	struct moment directed; /* that READY */
	struct batch batch;
	struct sleeper sleeper;
	uint32_t
		made_call_for; /* of a helper: the fiber of its last OFFLOAD_END that it
				   has not made ready, or 0 */
	struct moment made_call;
};

/* ---- waiters ---- */

/* A queue of waiters, or a descriptor with its two; who is in them, waiters.h knows. */
struct object_state {
	bool met, before; /* before: it has records from before the window */
	bool over;        /* it was closed, and forgotten, before these records */
	uint8_t watched;  /* the directions, as TRACE_watch_... */
	uint32_t
		turns[DIRECTIONS]; /* who was woken last and may be at it still, or 0 */
	struct moment
		unanswered[DIRECTIONS]; /* an event after which nobody was woken */
	struct moment closed;
};

/* A fiber that was made ready while it waited, before its cause was seen. */
struct debt {
	struct debt *next;
	uint32_t run;
	struct moment came, parked, ready;
};

/* What the causes of one fiber's going on have to add up to. */
struct account {
	struct debt *debts;
	uint32_t open;    /* how many those are */
	uint32_t cancels; /* requests, each of which may be the cause of one */
	bool over;        /* its fiber is recycled */
};

/* One step, with the states of those it is about, as they are before it. */
struct sight {
	const struct trace_step *step;
	const struct trace_record *record;
	struct worker_state *worker;
	struct fiber_state *fiber, *peer; /* of fiber 0: nobody's, which says nothing */
	struct object_state *object;      /* of a queue of waiters, or NULL */
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
	uint32_t ended;  /* the fiber whose end belongs to the slice, or 0 */
	uint32_t closed; /* the descriptor whose close does, or 0 */
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

/* Lint 16. */
struct sleep_lint {
	uint64_t sleeps, times; /* all, and those beside a fiber for too long */
	uint64_t longest_ticks;
	uint32_t worker;        /* of the longest */
	struct moment from, to; /* to: never, when it lasted until the end */
};

/* The fibers that any worker may take. */
struct work {
	uint64_t fibers;
	uint64_t since_at;   /* tick of `since` */
	struct moment since; /* the record that made it one, after there was none */
};

struct checker {
	const struct trace_file *file;
	const struct check_options *options;
	struct fiber_table
		fibers; /* struct fiber_state, of those that have not ended */
	struct id_set ended;
	struct fiber_table objects; /* struct object_state */
	struct waiters waiters;
	struct id_set closed;        /* descriptors that are forgotten */
	struct fiber_table accounts; /* struct account, by fiber */
	struct fiber_state nobody;
	uint8_t peer_numbers[256]; /* of each type: schema_peer_sequence */
	/* The last is for a wake of a worker that there is not. */
	struct worker_state workers[TRACE_SEGMENTS_MAX + 1];
	struct duty duties[EVENTS_KNOWN + 1][2 * INVARIANTS_MAX + 1]; /* by type; the
									 last for all
									 that are newer */
	size_t judging; /* index of the invariant at work */
	uint64_t judged[INVARIANTS_MAX];
	struct failure failures[INVARIANTS_MAX];
	struct ready_lint ready;
	struct sleep_lint sleep;
	struct work work;
	uint32_t asleep; /* workers */
	uint32_t pinned; /* the fiber that worker 0 began with, or 0 */
	struct trace_knot knot;
	uint64_t switches, workers_seen, fibers_seen, never_written, repairs, last_tick;
	uint64_t ended_created; /* of those forgotten, how many had a CREATE */
	bool clean, window, out_of_memory;
	bool has_ready;  /* a READY or STEAL was met */
	bool has_shared; /* one was of an older runtime's queue */
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

/* Whether the writer puts such a record in by itself, wherever it stands. */
bool check_is_writers(uint8_t type);

/* Whether the segment is a worker's, or that of a thread from outside the runtime. */
bool check_is_workers(const struct checker *checker, uint32_t segment);
bool check_is_foreign(const struct checker *checker, uint32_t segment);

/* Whether invariant 18 has a word on the fiber with that index in checker->fibers, and
 * whether nothing is left for a fiber to do. */
bool check_must_end(const struct checker *checker, uint32_t index);
bool check_has_ended(const struct fiber_state *state);

/* Everything that the states hold. */
void check_free(struct checker *checker);

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

/* ---- check_causes.c ---- */

judge_function five_ready;
void five_end(struct checker *checker);

/* The states after a READY, before it changes the phase; after a WAIT_PUSH or another
 * record by which a fiber begins to wait; after a CANCEL_REQUEST. */
void check_made_ready(struct checker *checker, const struct sight *sight);
void check_begin_wait(const struct sight *sight);
void check_cancel(struct checker *checker, const struct sight *sight);

/* Something came that lets the fiber go on that waits, or waited, in that run. `state` is
 * nobody's where the fiber is not known. */
void check_cause(struct checker *checker, struct fiber_state *state, uint32_t fiber,
		 uint32_t run);

/* The fiber is recycled. */
void check_close_account(struct checker *checker, uint32_t fiber);
void check_free_accounts(struct checker *checker);

/* ---- check_waits.c ---- */

/* The state of the object that the record is about, which is met if it is new; NULL for a
 * record of no queue, and without memory. */
struct object_state *check_see_object(struct checker *checker,
				      const struct trace_record *record);

/* The states after a WAIT_PUSH, WAIT_RETURN or WAIT_POP; after an OFFLOAD_BEGIN or
 * OFFLOAD_END; after an FD_WATCH, FD_READY or FD_CLOSE. */
void check_wait(struct checker *checker, const struct sight *sight);
void check_call(struct checker *checker, const struct sight *sight);
void check_descriptor(struct checker *checker, const struct sight *sight);

judge_function ten_push, ten_pop;
judge_function twelve_watch, twelve_ready, twelve_closed;
judge_function fourteen_event;
void ten_end(struct checker *checker);
void fourteen_events_end(struct checker *checker);
void check_free_objects(struct checker *checker);

/* ---- check_timers.c ---- */

/* The states after a TIMER_SET, TIMER_FIRE or TIMER_DROP. */
void check_timer(struct checker *checker, const struct sight *sight);

judge_function eleven_set, eleven_fire, eleven_drop, eleven_finish;

/* ---- check_queues.c ---- */

/* Puts a fiber into a queue at this step; takes it out of the one it is in, if it is in
 * any. */
void check_enqueue(struct checker *checker, const struct sight *sight,
		   struct fiber_state *state, enum queue queue, uint32_t owner);
void check_dequeue(struct checker *checker, const struct sight *sight,
		   struct fiber_state *state);

/* The states after a STEAL; where a fiber is that yields. */
void check_steal(struct checker *checker, const struct sight *sight);
enum queue check_yield_queue(const struct checker *checker, const struct sight *sight);

/* Whether any worker may take a fiber out of it. */
bool check_is_for_all(enum queue queue);

/* "worker 0's local queue" */
struct queue_name {
	char text[64];
};
struct queue_name check_queue_name(enum queue queue, uint32_t owner);

judge_function six_steal, six_switch;
void six_end(struct checker *checker);

/* ---- check_sleep.c ---- */

/* The states after a WORKER_SLEEP, WORKER_WAKE or WORKER_AWAKE. */
void check_sleeper(struct checker *checker, const struct sight *sight);

/* There is a fiber for any worker, after there was none; and now there is none. */
void check_work_comes(struct checker *checker, const struct sight *sight);
void check_work_goes(struct checker *checker, const struct sight *sight);

/* Whether the thread that recorded `moment` has gone on from there. */
bool check_went_on(const struct checker *checker, const struct moment *moment);

judge_function fourteen_sleep;
judge_function twenty_one_sleep, twenty_one_wake, twenty_one_awake, twenty_one_acts;
void fourteen_end(struct checker *checker);
void check_lint_sleep_end(struct checker *checker);

/* A failure's text mentions a fiber as MENTION, its number, MENTION, until it is told. */
#define MENTION '\x01'

/* ---- check_tell.c ---- */

/* Writes the answer and the picture; returns the exit code. -ENOMEM, and nothing or a
 * part of it was written. */
int check_tell(struct checker *checker, FILE *out);

#endif
