/* scheduler.h: workers, the queues of fibers that are ready, and the switch from one to the next.
 *
 * Concepts. A worker is a thread that runs fibers, one at a time; worker 0 is the thread that
 * called weft_init. The others are born when there is something for them to do. Each has two
 * queues of its own: its children that have not run (fresh.h), and fibers that were woken or that
 * yielded (ready.h). A third queue is for all (injection.h). A worker takes its newest child
 * first, so that a tree of forks unfolds depth first, on few stacks; then the first that is
 * ready. One that finds nothing looks into the queues of the others (search.c), and then sleeps
 * (idle.h, sleeper.h).
 *
 * Nobody waits without a bound. Each BUDGET-th switch of a worker is fair: it looks into the
 * poller and the injection queue, and takes the fiber that has been ready for longest; after each
 * OLDEST_TURN-th of them the next switch takes the oldest child. A switch to a child that is
 * awaited, which needs no queue, counts and waits its turn too. One from a fiber that ends straight
 * to its awaiter counts, and looks into the poller when that is due, but does not give way: the
 * awaiter will leave in its turn, or end, and no chain of awaiters is endless.
 *
 * States of a worker, and who makes each transition:
 *
 *   unborn -- idle_wake --> searching
 *   running -- scheduler_park, scheduler_leave; scheduler_take finds nothing --> its idle fiber
 *   its idle fiber -- idle_begin_search --> searching -- idle_search finds a fiber --> running
 *   searching -- idle_fall_asleep --> asleep, or blocked in the poller -- idle_wake --> searching
 *   searching, asleep, blocked -- weft_deinit --> ended
 *
 * The main fiber is pinned to worker 0: when it is ready it waits in that worker's slot, not in a
 * queue, so that no thief can take it.
 *
 * The rule of this file: a fiber that leaves is published by its after-switch step, on the
 * stack of the next one, and by nobody else. scheduler_park takes such a step from its caller,
 * so that this file need not know what a fiber waits for. These exist:
 *
 *   after_yield           here    the fiber that left is ready again: to the end of the queue
 *   after_idle            here    it was the idle one: nothing
 *   after_await           future  it waits for another's end: into the rendezvous
 *   after_await_claimed   future  the same, and the other runs next
 *   after_finish          future  it has ended: its slot is free, an awaiter is made ready
 *   after_finish_direct   future  the same, and its awaiter runs next
 *   after_finish_alone    future  it has ended, and nobody awaits it
 *   after_wait            waitqueue  it waits for whoever claims its ticket
 *
 * Lock order: a sleeper's mutex, then the slabs' lock; no others are held together.
 *
 * Rejected, each with what it did (chapter 3): one list of ready fibers, newest first, of which
 * a thief takes all; one queue under one lock; a deque for everything.
 *
 * Includes: base, context, fiber, poller. */
#ifndef WEFT_SCHEDULER_SCHEDULER_H
#define WEFT_SCHEDULER_SCHEDULER_H

#include <signal.h>

#include "base/thread_local.h"
#include "base/tracing.h"
#include "fiber/fiber.h"
#include "fiber/slab.h"
#include "scheduler/fresh.h"
#include "scheduler/idle.h"
#include "scheduler/injection.h"
#include "scheduler/ready.h"
#include "scheduler/sleeper.h"
#include "weft.h"

#define WORKERS_MAX IDLE_WORKERS_MAX
#define IDS_AT_ONCE 32 /* fiber numbers that a worker takes from the common counter */

#ifndef BUDGET
#define BUDGET 61 /* switches of a worker from one fair one to the next */
#endif

/* Fair switches from one that takes the oldest child too to the next. Each begins another branch
 * of a tree of forks, whose stacks are then alive beside those of all the others. */
#ifndef OLDEST_TURN
#define OLDEST_TURN 64
#endif

/* Fibers that are taken out of the injection queue together, at most. */
#define INJECTED_AT_ONCE 16

/* Segments of a trace that wait for the next foreign thread, at most. */
#define FOREIGN_SPARE 16

struct worker;

/* What the fiber that leaves says; read by the after-switch step on the next stack. */
struct worker_leave {
	struct fiber *to;
	void (*after)(struct worker *worker, struct fiber *from, void *arg);
	void *arg;
};

#define WORKER_STRINGS 32 /* texts that a worker remembers having written */

/* See notes.c. */
struct worker_string {
	uint64_t hash;
	uint32_t id; /* in the trace; 0: none */
};

struct worker {
	struct weft *io; /* set once */
	uint32_t index;  /* set once */
	bool alone;      /* set once: there is no other worker, and never will be */
	/* Touched by the thread that is this worker only. */
	int32_t budget;        /* switches until the fair one; below: it is overdue */
	uint32_t fair_turns;   /* fair switches until the oldest child's turn */
	bool oldest_is_due;    /* at the next switch */
	uint32_t ids_left;     /* numbers from next_id on that are this worker's */
	uint32_t next_id;      /* for a new fiber */
	struct fiber *current; /* the fiber that runs, or the idle one */
	struct worker_leave leave;
	struct slab_warm warm;
	struct trace_segment *segment;
	/* Written by that thread, read by weft_deinit. Relaxed: a count. */
	_Atomic uint64_t created, ended;
	/* A pinned fiber that is ready; NULL: it is not. Given by anyone who wakes it. */
	_Atomic(struct fiber *) pinned;
	struct fresh_queue fresh; /* see there for whose each field is */
	struct ready_queue ready;
	/* Touched by that thread only, and seldom. */
	_Alignas(64) bool pinned_is_seen;
	uint64_t pinned_is_due; /* once seen: when the ready queue has come so far */
	uint32_t random;        /* which victim is asked first */
	uint32_t batches;       /* it has stolen */
	struct worker_string strings[WORKER_STRINGS];
	struct fiber *idle;
	struct fiber thread_fiber; /* stands for the thread's own stack */
	void *signal_stack;
	struct sleeper sleeper;
};

struct waiting;

/* How whoever waits for descriptors and deadlines takes part: module waitqueue. All but `close` are
 * called by a worker, which may be inside a call of any fiber that suspends; none may suspend. */
struct scheduler_hooks {
	/* What the poller had. */
	void (*deliver)(struct worker *worker, const struct poller_event *events,
			uint32_t count);
	/* When expire is next to be called: a time of the monotonic clock, or UINT64_MAX. */
	uint64_t (*next_deadline)(struct weft *io);
	void (*expire)(struct worker *worker, uint64_t now_ns);
	/* Appends what weft_deinit finds left to io->left, or nothing. By the main fiber. */
	void (*tell_left)(struct weft *io);
	/* The runtime ends: frees what it has. By the main fiber, when no other worker is there. */
	void (*close)(struct weft *io);
};

struct weft {
	struct slab_pool slabs;
	uint64_t control_words;   /* that fibers start with; set once */
	struct trace *trace;      /* set once */
	struct fiber *main_fiber; /* set once */
	uint32_t workers;         /* how many there are, born or not; set once */
	struct worker *worker;    /* an array of that many; set once */
	bool handles_overflow;    /* set once */
	uint32_t helpers;         /* threads for offloaded calls, at most; set once */
	/* Set once, by scheduler_set_hooks, before anything is watched or has a deadline. */
	_Atomic(const struct scheduler_hooks *) hooks;
	/* Set once, before the hooks; read by anyone. */
	_Atomic(struct waiting *) waiting;
	struct poller poller;
	_Atomic uint32_t next_id;     /* relaxed: it only has to be new */
	_Atomic uint32_t next_object; /* for the trace; relaxed, as above */

	struct idle idle;
	struct sleeper_poll poll;
	_Alignas(64) struct injection_queue injection;

	/* Foreign threads: how many handles are open, and what they have created. */
	_Atomic uint32_t foreign;
	_Atomic uint64_t submitted;    /* relaxed: a count */
	struct tiny_lock foreign_lock; /* for the two below */
	uint32_t spare_count;
	struct trace_segment *spare[FOREIGN_SPARE]; /* of those that have left */

	sigset_t
		program_signals; /* blocked before weft_init; set once; see process.c */
	bool had_pipe_signal;    /* as above */

	char left[512]; /* what weft_deinit found alive; written by the main fiber */
};

static inline struct weft *scheduler_runtime_of(struct idle *idle)
{
	return (struct weft *)(void *)((char *)idle - offsetof(struct weft, idle));
}

_Noreturn void scheduler_refuse(void);

/* The calling thread's worker. Fatal for a thread that runs no fiber of `io`. Ask again after
 * anything that may suspend. */
static inline struct worker *scheduler_worker(struct weft *io)
{
	struct worker *worker = base_this_thread();
	if (!worker || worker->io != io)
		scheduler_refuse();
	return worker;
}

/* Whether this process is a child, by fork(2), of one that had a runtime. See process.c. */
bool scheduler_is_orphan(void);

/* As scheduler_worker; NULL in such a child, where the caller answers -EOWNERDEAD. */
static inline struct worker *scheduler_worker_here(struct weft *io)
{
	struct worker *worker = base_this_thread();
	if (__builtin_expect(worker && worker->io == io, 1))
		return worker;
	if (!scheduler_is_orphan())
		scheduler_refuse();
	return NULL;
}

/* Whether the worker records. What it records stands in functions of their own, which are not
 * inlined: else the path that records nothing would save registers for them. */
static inline bool scheduler_traces(const struct worker *worker)
{
#if defined(WEFT_TRACING)
	return __builtin_expect(worker->segment != NULL, 0);
#else
	(void)worker;
	return false;
#endif
}

#define SCHEDULER_RECORDS __attribute__((noinline, cold))

/* Where a fiber becomes ready; the numbers are those of the trace's choice "place". */
enum scheduler_place {
	PLACE_LOCAL = 1,
	PLACE_NEWEST = 2,
	PLACE_INJECTED = 3,
	PLACE_REMOTE = 4,
	PLACE_DIRECT = 6,
};

void scheduler_record_ready(struct worker *worker, struct fiber *fiber,
			    enum scheduler_place place);
void scheduler_record_switch(struct worker *worker, struct fiber *from,
			     enum fiber_reason reason);

/* ---- into a queue ---- */

/* The slow halves: to the pinned fiber's own worker, or where there is room for all. */
void scheduler_enqueue_elsewhere(struct worker *worker, struct fiber *fiber);
void scheduler_inject(struct weft *io, struct fiber *fiber);

/* What that worker has shown in its queue, somebody may take. */
static inline void scheduler_published(struct worker *worker)
{
	if (!worker->alone)
		idle_publish(&worker->io->idle, IDLE_WORK);
}

/* The place of a fiber that scheduler_enqueue would put there; stays so until the next push. */
static inline enum scheduler_place scheduler_place_of(struct worker *worker,
						      const struct fiber *fiber)
{
	if (__builtin_expect(fiber->pinned, 0))
		return worker->index == 0 ? PLACE_LOCAL : PLACE_REMOTE;
	return ready_has_room(&worker->ready) ? PLACE_LOCAL : PLACE_INJECTED;
}

static inline void scheduler_enqueue(struct worker *worker, struct fiber *fiber)
{
	if (__builtin_expect(fiber->pinned || !ready_has_room(&worker->ready), 0)) {
		scheduler_enqueue_elsewhere(worker, fiber);
		return;
	}
	ready_push(&worker->ready, fiber);
	scheduler_published(worker);
}

/* A parked fiber may run: to the end of the worker's queue. The caller owns it, and no longer
 * after the call. May be called by an after-switch step. */
static inline void scheduler_make_ready(struct worker *worker, struct fiber *fiber)
{
	fiber_become(fiber, FIBER_READY);
	if (scheduler_traces(worker))
		scheduler_record_ready(worker, fiber,
				       scheduler_place_of(worker, fiber));
	scheduler_enqueue(worker, fiber);
}

/* A new fiber may run: it is the worker's newest child. As scheduler_make_ready. */
static inline void scheduler_make_fresh(struct worker *worker, struct fiber *fiber)
{
	bool room = fresh_has_room(&worker->fresh);
	fiber_become(fiber, FIBER_READY);
	if (scheduler_traces(worker))
		scheduler_record_ready(worker, fiber,
				       room ? PLACE_NEWEST : PLACE_INJECTED);
	if (__builtin_expect(!room, 0)) {
		scheduler_inject(worker->io, fiber);
		return;
	}
	fresh_push(&worker->fresh, fiber);
	scheduler_published(worker);
}

/* ---- out of a queue ---- */

struct fiber *scheduler_take_fairly(struct worker *worker);
void scheduler_overspend(struct worker *worker);
struct fiber *scheduler_take_pinned(struct worker *worker);

/* To be asked before each switch, first: the fiber whose turn it is by the fair rule, or NULL. */
static inline struct fiber *scheduler_take_due(struct worker *worker)
{
	if (__builtin_expect(--worker->budget > 0, 1))
		return NULL;
	return scheduler_take_fairly(worker);
}

/* Instead, before a switch to an awaiter: it counts, and lets what others brought in. */
static inline void scheduler_spend(struct worker *worker)
{
	if (__builtin_expect(--worker->budget <= 0, 0))
		scheduler_overspend(worker);
}

/* Takes a child of that life, when it is this worker's newest or oldest. The caller then owns it,
 * and switches to it. */
bool scheduler_claim(struct worker *worker, struct fiber *fiber, uint32_t id);

/* What has been ready for longest, or NULL. */
static inline struct fiber *scheduler_take_first(struct worker *worker)
{
	struct fiber *fiber;
	/* Relaxed: a look; who takes it acquires. */
	if (__builtin_expect(load_relaxed(&worker->pinned) != NULL, 0) &&
	    (fiber = scheduler_take_pinned(worker)))
		return fiber;
	fiber = worker->alone ? ready_pop_alone(&worker->ready)
			      : ready_pop(&worker->ready);
	if (fiber)
		__builtin_prefetch(ready_peek(&worker->ready), 1); /* its context */
	return fiber;
}

/* The newest child, or what has been ready for longest; or NULL. */
static inline struct fiber *scheduler_take_own(struct worker *worker)
{
	struct fiber *fiber = worker->alone ? fresh_pop_alone(&worker->fresh)
					    : fresh_pop(&worker->fresh);
	return fiber ? fiber : scheduler_take_first(worker);
}

/* What this worker runs next, or NULL. */
static inline struct fiber *scheduler_take(struct worker *worker)
{
	struct fiber *fiber = scheduler_take_due(worker);
	return fiber ? fiber : scheduler_take_own(worker);
}

/* ---- switching ---- */

/* What every after-switch step begins with, on the next stack, when the fiber that left is
 * whole. Returns that fiber, which the step then publishes, and touches no more. */
static inline struct fiber *scheduler_arrive(struct worker *worker,
					     enum fiber_reason reason,
					     enum fiber_state state)
{
	struct fiber *from = worker->current, *to = worker->leave.to;
	fiber_become(from, state);
	fiber_become(to, FIBER_RUNNING);
	worker->current = to;
	if (scheduler_traces(worker))
		scheduler_record_switch(worker, from, reason);
	return from;
}

/* The after-switch steps of the two functions below. */
void scheduler_arrive_park(void *worker);
void scheduler_arrive_finish(void *worker);

/* Notes where the running fiber goes, and what publishes it. Returns where that is. */
static inline struct context *
scheduler_prepare(struct worker *worker, struct fiber *next,
		  void (*after)(struct worker *worker, struct fiber *from, void *arg),
		  void *arg)
{
	if (!next)
		next = worker->idle;
	worker->leave = (struct worker_leave){next, after, arg};
	return &next->context;
}

/* The running fiber leaves for `next`, which the caller has taken and which is ready, or, when
 * that is NULL, for the idle fiber. after(worker, from, arg) runs on
 * the next stack and publishes `from`. Returns when somebody made it ready and a worker took
 * it. Suspends. */
static inline void scheduler_park(struct worker *worker, struct fiber *next,
				  void (*after)(struct worker *worker,
						struct fiber *from, void *arg),
				  void *arg)
{
	struct context *to = scheduler_prepare(worker, next, after, arg);
	context_switch_last(&worker->current->context, to, scheduler_arrive_park,
			    worker);
}

/* As scheduler_park, for a fiber whose function has returned: never comes back. */
static inline void scheduler_leave(struct worker *worker, struct fiber *next,
				   void (*after)(struct worker *worker,
						 struct fiber *from, void *arg),
				   void *arg)
{
	struct context *to = scheduler_prepare(worker, next, after, arg);
	context_leave(&worker->current->context, to, scheduler_arrive_finish, worker);
}

/* What a worker's idle fiber runs: other fibers, until the runtime stops. `searches`: it is
 * counted as a searcher already. */
void scheduler_idle(struct worker *worker, bool searches);

/* ---- the rest ---- */

void scheduler_set_hooks(struct weft *io, const struct scheduler_hooks *hooks);

/* NULL: nobody has waited for a descriptor or a deadline yet. */
static inline const struct scheduler_hooks *scheduler_hooks_of(struct weft *io)
{
	/* Acquire: what they need is there. Pairs with: scheduler_set_hooks. */
	return load_acquire(&io->hooks);
}

/* A parked fiber may run, says a thread that is no worker of the runtime; segment: its own, or NULL.
 * The caller owns the fiber, and no longer after the call. */
void scheduler_make_ready_outside(struct weft *io, struct trace_segment *segment,
				  struct fiber *fiber);

/* Appends to io->left what fits. */
__attribute__((format(printf, 2, 3))) void scheduler_tell_left(struct weft *io,
							       const char *format, ...);

/* Looks into the poller and at the deadlines, without waiting. */
void scheduler_poll(struct worker *worker);

/* When the next deadline is, as the hooks say. */
uint64_t scheduler_next_deadline(struct weft *io);

/* How many fibers are ready in its own queues. */
uint32_t scheduler_queue_length(struct worker *worker);

/* Puts up to `most` out of the injection queue into the worker's ready queue. */
void scheduler_bring_injected(struct worker *worker, uint32_t most);

/* Starts a thread that handles none of the program's signals. -EAGAIN: none can be had. */
int scheduler_start_thread(pthread_t *thread, void *(*function)(void *argument),
			   void *argument);

/* By a thread that was started so and is no worker: a child that it forks gets the program's
 * signal mask. */
void scheduler_enter_helper(struct weft *io);

void scheduler_more_ids(struct worker *worker);

/* Nobody has had this number before in this runtime. */
static inline uint32_t scheduler_new_id(struct worker *worker)
{
	if (worker->ids_left == 0)
		scheduler_more_ids(worker);
	worker->ids_left--;
	return worker->next_id++;
}

/* How many fibers but the main one are alive. Exact when none of them runs. */
uint64_t scheduler_alive(const struct weft *io);

#endif
