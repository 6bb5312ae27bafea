/* future.c: starting a function in a fiber of its own, and awaiting its end.
 *
 * Concepts. A future is where the caller of weft_async and the new fiber meet: a rendezvous
 * word, and which fiber, in which of its lives, will come. The function's result goes straight
 * to where the caller wants it.
 *
 * The life of an async call, and who makes each transition:
 *
 *   weft_async --> ready, its worker's newest child -- a worker, or weft_await --> running
 *   running -- finish --> left for good -- after_finish or after_finish_direct: free slot,
 *                                          then the end is told at the rendezvous
 *
 * "Finished" is told by the after-switch step, on the next stack: the awaiter may return, throw the
 * future away and end the runtime the moment it is told, and nobody may be on the stack then.
 *
 * An awaiter whose child has not started switches straight to it; a child that ends switches
 * straight to its awaiter. So a tree of forks unfolds depth first, on few stacks.
 *
 * Includes: base, context, fiber, scheduler. */
#include <errno.h> /* for the names of the constants */
#include <string.h>

#include "base/assert.h"
#include "future/rendezvous.h"
#include "scheduler/scheduler.h"
#include "weft.h"

_Static_assert(sizeof(struct rendezvous) == sizeof(void *),
	       "weft.h: meeting is one word");

/* The public header, for C++ too, cannot say _Atomic. */
static struct rendezvous *meeting_of(struct weft_future *future)
{
	return (struct rendezvous *)(void *)&future->meeting;
}

/* To TSan, see annotate.h: all that the fiber did comes before what is done by whoever has
 * awaited its end, and after the runtime's. The meeting itself will not do: other fibers touch
 * it in after-switch steps, and they are not ordered. */
static inline void release_end(const struct fiber *self)
{
	if (self->future)
		annotate_release(&self->future->fiber);
	annotate_release(self->io);
}

static inline void acquire_end(const struct weft_future *future)
{
	annotate_acquire(&future->fiber);
}

/* ---- the end of a fiber ---- */

SCHEDULER_RECORDS static void record_recycle(struct worker *worker, struct fiber *from,
					     struct fiber *direct)
{
	TRACE(worker->segment, RECYCLE, .fiber = fiber_id(from),
	      .fiber_sequence = fiber_count_record(from),
	      .peer = direct ? fiber_id(direct) : 0);
	(void)worker, (void)from, (void)direct;
}

/* A life is over; the end is not yet told, and the slot not yet given back. */
static inline void end_life(struct worker *worker, struct fiber *fiber,
			    struct fiber *direct)
{
	if (scheduler_traces(worker))
		record_recycle(worker, fiber, direct);
	life_end(&fiber->life);
	fiber_end(fiber);
	store_relaxed(&worker->ended, load_relaxed(&worker->ended) + 1); /* a counter */
}

/* The slot is the next child's of this worker. */
static inline void give_slot(struct worker *worker, struct fiber *fiber)
{
	slab_give(&worker->io->slabs, &worker->warm, fiber);
}

/* The last use of the future is the end that is told. */
static void after_finish(struct worker *worker, struct fiber *from, void *arg)
{
	struct rendezvous *meeting = meeting_of(from->future);
	(void)arg;
	end_life(worker, from, NULL);
	give_slot(worker, from);
	struct fiber *awaiter = rendezvous_finish(meeting);
	if (awaiter)
		scheduler_make_ready(worker, awaiter);
}

/* As after_finish, on the stack of the awaiter, which was switched to. */
static void after_finish_direct(struct worker *worker, struct fiber *from, void *arg)
{
	struct rendezvous *meeting = meeting_of(from->future);
	end_life(worker, from, arg);
	give_slot(worker, from);
	weft_assert(rendezvous_peek(meeting) == arg);
	rendezvous_tell(meeting);
}

/* What weft_run and its fiber share. */
struct foreign_run {
	weft_function *function;
	const void *context;
	void *result;
	pthread_mutex_t mutex; /* for `done` */
	pthread_cond_t ends;
	bool done;
};

/* The run, which is on the stack of the thread that waits, may be gone after the unlock. */
static void tell_foreign(struct foreign_run *run)
{
	annotate_acquire(run); /* its mutex; see annotate.h */
	pthread_mutex_lock(&run->mutex);
	run->done = true;
	pthread_cond_signal(&run->ends);
	pthread_mutex_unlock(&run->mutex);
}

/* As after_finish, of a fiber that a foreign thread submitted: nobody awaits it, and its slot goes
 * back to where foreign threads take theirs. */
static void after_finish_alone(struct worker *worker, struct fiber *from, void *arg)
{
	struct foreign_run *run = arg;
	end_life(worker, from, NULL);
	slab_give_shared(&worker->io->slabs, from);
	if (run)
		tell_foreign(run);
}

/* The awaiter that this worker may go on with straight away, or NULL. */
static struct fiber *awaiter_of(const struct worker *worker, struct fiber *self)
{
	if (!self->future)
		return NULL;
	struct fiber *awaiter = rendezvous_peek(meeting_of(self->future));
	return awaiter && (!awaiter->pinned || worker->index == 0) ? awaiter : NULL;
}

static void make_ready_direct(struct worker *worker, struct fiber *awaiter)
{
	fiber_become(awaiter, FIBER_READY);
	if (scheduler_traces(worker))
		scheduler_record_ready(worker, awaiter, PLACE_DIRECT);
}

static void run_for_foreign(struct weft *io, const void *context, void *result);

/* For `next`; whoever awaits `self` is told after, if anybody does. */
static void leave_untold(struct worker *worker, struct fiber *next, struct fiber *self)
{
	if (self->future)
		scheduler_leave(worker, next, after_finish, NULL);
	else
		scheduler_leave(worker, next, after_finish_alone,
				self->function == run_for_foreign ? self->result
								  : NULL);
}

SCHEDULER_RECORDS static void record_finish(struct worker *worker, struct fiber *self)
{
	TRACE(worker->segment, FINISH, .fiber = fiber_id(self),
	      .fiber_sequence = fiber_count_record(self),
	      .value = trace_pair(self->deepest, 0));
	(void)worker, (void)self;
}

/* The scope may lie on the stack that is left. */
static inline void refuse_open_scope(const struct fiber *self)
{
	if (fiber_deadlines(self))
		weft_fatal(
			"a fiber ends inside a deadline's scope; end the scope first "
			"(weft_deadline_end)");
}

/* The first function of every fiber. */
static void fiber_entry(void *argument)
{
	struct fiber *self = argument;
	self->function(self->io, self->argument, self->result);
	refuse_open_scope(self);
	release_end(self);
	struct worker *worker =
		scheduler_worker(self->io); /* perhaps not the first one */
	/* Whom these wake is recorded before the end. */
	struct fiber *awaiter = awaiter_of(worker, self);
	struct fiber *next = awaiter;
	if (awaiter)
		scheduler_spend(worker);
	else
		next = scheduler_take(worker);
	annotate_release(worker->io); /* it may have looked into the poller */
	if (scheduler_traces(worker))
		record_finish(worker, self);
	if (awaiter) {
		make_ready_direct(worker, awaiter);
		scheduler_leave(worker, awaiter, after_finish_direct, awaiter);
	} else {
		leave_untold(worker, next, self);
	}
}

/* ---- the beginning ---- */

/* parent: 0, of one that a foreign thread created. */
SCHEDULER_RECORDS static void record_create(struct trace_segment *segment,
					    struct fiber *fiber, uint32_t parent)
{
	TRACE(segment, CREATE, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_first_record(fiber), .peer = parent,
	      .value = trace_pair(0, (uint64_t)(fiber->stack_end - fiber->stack)));
	(void)segment, (void)fiber, (void)parent;
}

static const char no_memory[] = "no memory for a copy of the arguments; "
				"give a pointer to them instead";

/* A fiber that will run `function`, not yet ready; NULL when none can be had. */
static inline struct fiber *create(struct worker *worker, const void *context,
				   size_t size, size_t alignment)
{
	struct weft *io = worker->io;
	struct fiber *fiber = slab_take(&io->slabs, &worker->warm);
	if (!fiber)
		return NULL;
	if (fiber_begin(fiber, fiber_entry, io->control_words, context, size,
			alignment)) {
		slab_give(&io->slabs, &worker->warm, fiber);
		slab_set_shortage(&io->slabs, no_memory);
		return NULL;
	}
	fiber->io = io;
	life_begin(&fiber->life, scheduler_new_id(worker));
	/* Relaxed: a counter. */
	store_relaxed(&worker->created, load_relaxed(&worker->created) + 1);
	if (scheduler_traces(worker))
		record_create(worker->segment, fiber, fiber_id(worker->current));
	return fiber;
}

static inline int start(struct worker *worker, struct weft_future *future,
			weft_function *function, const void *context, size_t size,
			size_t alignment, void *result)
{
	weft_assert(alignment > 0 && (alignment & (alignment - 1)) == 0);
	struct fiber *fiber = create(worker, context, size, alignment);
	if (!fiber)
		return -EAGAIN;
	fiber->function = function;
	fiber->result = result;
	fiber->future = future;
	rendezvous_init(meeting_of(future));
	future->fiber = fiber;
	future->fiber_id = fiber_id(fiber);
	scheduler_make_fresh(worker, fiber);
	return 0;
}

/* No fiber can be had: the caller runs the function, and the future is born finished. */
SCHEDULER_RECORDS static void run_inline(struct worker *worker,
					 struct weft_future *future,
					 weft_function *function, const void *context,
					 void *result)
{
	struct fiber *self = worker->current;
	TRACE(worker->segment, INLINE, .fiber = fiber_id(self),
	      .fiber_sequence = fiber_count_record(self));
	(void)self;
	function(worker->io, context, result);
	future->fiber = NULL;
	future->fiber_id = 0; /* no fiber: an await finds the end before it looks */
	rendezvous_init(meeting_of(future));
	(void)rendezvous_finish(meeting_of(future));
}

void weft_async_aligned(struct weft *io, struct weft_future *future,
			weft_function *function, const void *context, size_t size,
			size_t alignment, void *result)
{
	struct worker *worker = scheduler_worker(io);
	if (start(worker, future, function, context, size, alignment, result) < 0)
		run_inline(worker, future, function, context, result);
}

void weft_async(struct weft *io, struct weft_future *future, weft_function *function,
		const void *context, size_t size, void *result)
{
	weft_async_aligned(io, future, function, context, size, _Alignof(max_align_t),
			   result);
}

int weft_concurrent(struct weft *io, struct weft_future *future,
		    weft_function *function, const void *context, size_t size,
		    void *result)
{
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	return start(worker, future, function, context, size, _Alignof(max_align_t),
		     result);
}

/* ---- awaiting ---- */

SCHEDULER_RECORDS static void record_await(struct worker *worker, struct fiber *self,
					   const struct weft_future *future,
					   bool finished)
{
	TRACE(worker->segment, AWAIT,
	      .arg = finished ? TRACE_found_FINISHED : TRACE_found_WAITS,
	      .fiber = fiber_id(self), .fiber_sequence = fiber_count_record(self),
	      .peer = future->fiber_id);
	(void)worker, (void)self, (void)future, (void)finished;
}

static void after_await(struct worker *worker, struct fiber *from, void *arg)
{
	if (!rendezvous_park(meeting_of(arg), from))
		scheduler_make_ready(worker, from);
}

/* As after_await, on the stack of the child, which was taken out of its queue. */
static void after_await_claimed(struct worker *worker, struct fiber *from, void *arg)
{
	(void)worker;
	rendezvous_expect(meeting_of(arg), from);
}

void weft_await(struct weft *io, struct weft_future *future)
{
	struct worker *worker = scheduler_worker(io);
	bool finished = rendezvous_is_finished(meeting_of(future));
	if (scheduler_traces(worker))
		record_await(worker, worker->current, future, finished);
	if (finished) {
		acquire_end(future);
		return;
	}
	struct fiber *child = future->fiber, *next = scheduler_take_due(worker);
	bool claimed = !next && scheduler_claim(worker, child, future->fiber_id);
	if (!next)
		next = claimed ? child : scheduler_take_own(worker);
	scheduler_park(worker, next, claimed ? after_await_claimed : after_await,
		       future);
	acquire_end(future);
}

/* ---- from foreign threads ---- */

static void record_submit(struct trace_segment *segment, struct fiber *fiber)
{
	TRACE(segment, READY, .arg = PLACE_INJECTED, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber));
	(void)segment, (void)fiber;
}

int weft_submit(struct weft_foreign *foreign, weft_function *function,
		const void *context, size_t size, void *result)
{
	struct weft *io = foreign->io;
	if (!io)
		return -EINVAL;
	if (scheduler_is_orphan())
		return -EOWNERDEAD;
	struct fiber *fiber = slab_take_shared(&io->slabs);
	if (!fiber)
		return -EAGAIN;
	if (fiber_begin(fiber, fiber_entry, io->control_words, context, size,
			_Alignof(max_align_t))) {
		slab_give_shared(&io->slabs, fiber);
		slab_set_shortage(&io->slabs, no_memory);
		return -ENOMEM;
	}
	fiber->io = io;
	fiber->function = function;
	fiber->result = result;
	fiber->future = NULL;
	/* Relaxed, both: see struct fiber; counters. */
	life_begin(&fiber->life, fetch_add_relaxed(&io->next_id, 1));
	(void)fetch_add_relaxed(&io->submitted, 1);
	if (foreign->segment)
		record_create(foreign->segment, fiber, 0);
	fiber_become(fiber, FIBER_READY);
	record_submit(foreign->segment, fiber);
	scheduler_inject(io, fiber);
	return 0;
}

static void run_for_foreign(struct weft *io, const void *context, void *result)
{
	const struct foreign_run *run = result;
	(void)context;
	run->function(io, run->context, run->result);
	annotate_release(run);
}

int weft_run(struct weft_foreign *foreign, weft_function *function, const void *context,
	     void *result)
{
	struct worker *worker = base_this_thread();
	if (worker && worker->io == foreign->io)
		return -EDEADLK;
	struct foreign_run run = {.function = function,
				  .context = context,
				  .result = result,
				  .mutex = PTHREAD_MUTEX_INITIALIZER,
				  .ends = PTHREAD_COND_INITIALIZER};
	annotate_release(&run);
	int error = weft_submit(foreign, run_for_foreign, NULL, 0, &run);
	pthread_mutex_lock(&run.mutex);
	while (!error && !run.done)
		pthread_cond_wait(&run.ends, &run.mutex);
	pthread_mutex_unlock(&run.mutex);
	annotate_acquire(&run);
	pthread_cond_destroy(&run.ends);
	pthread_mutex_destroy(&run.mutex);
	return error;
}
