/* worker.c: a worker from its birth to its end.
 *
 * Worker 0 is the caller's thread. Its own stack is the main fiber's, so its idle fiber gets a
 * slot. The other workers' own stacks are their idle fibers'. They are born when idle_wake first
 * wants them, and a runtime that cannot have their threads goes on without. */
#include <errno.h> /* for the names of the constants */
#include <stdlib.h>

#include "base/system.h"
#include "base/thread_local.h"
#include "fiber/overflow.h"
#include "scheduler/runtime.h"

int worker_init(struct worker *worker, struct weft *io, uint32_t index,
		uint32_t warm_stacks)
{
	worker->io = io;
	worker->index = index;
	worker->alone = io->workers == 1;
	worker->budget = BUDGET;
	worker->fair_turns = OLDEST_TURN;
	worker->random = index << 16;
	if (sleeper_init(&worker->sleeper, index == 0 ? SLEEPER_AWAKE : SLEEPER_UNBORN))
		return -ENOMEM;
	worker->fresh.slots = calloc(FRESH_CAPACITY, sizeof *worker->fresh.slots);
	worker->ready.slots = calloc(READY_CAPACITY, sizeof *worker->ready.slots);
	if (slab_warm_init(&worker->warm, warm_stacks) == 0 && worker->fresh.slots &&
	    worker->ready.slots)
		return 0;
	worker_destroy(worker);
	return -ENOMEM;
}

void worker_destroy(struct worker *worker)
{
	slab_warm_destroy(&worker->warm);
	free(worker->fresh.slots);
	free(worker->ready.slots);
	sleeper_destroy(&worker->sleeper);
}

/* ---- what is recorded ---- */

#if defined(WEFT_TRACING)
static void record_birth(struct worker *worker, struct fiber *fiber, const char *name)
{
	if (!scheduler_traces(worker))
		return;
	uint32_t string = trace_string(worker->io->trace, name);
	TRACE(worker->segment, CREATE, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_first_record(fiber));
	fiber_set_traced_name(fiber, string);
	TRACE(worker->segment, NAME, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber), .value = string);
}

static struct trace_segment *claim_segment(const struct worker *worker)
{
	return trace_claim_worker(worker->io->trace, worker->index);
}
#else
static void record_birth(struct worker *worker, struct fiber *fiber, const char *name)
{
	(void)worker, (void)fiber, (void)name;
}
static struct trace_segment *claim_segment(const struct worker *worker)
{
	(void)worker;
	return NULL;
}
#endif

/* ---- beginning and end ---- */

/* Who the fiber is, for reports and the trace. Relaxed: see struct fiber. */
static void identify(struct fiber *fiber, struct weft *io, uint32_t id,
		     const char *name)
{
	fiber->io = io;
	life_begin(&fiber->life, id);
	store_relaxed(&fiber->name, name);
}

void worker_enter(struct worker *worker, uint32_t id, const char *name)
{
	struct fiber *self = &worker->thread_fiber;
	base_set_this_thread(worker);
	worker->segment = claim_segment(worker);
	worker->current = self;
	identify(self, worker->io, id, name);
	store_relaxed(&self->state, FIBER_RUNNING); /* see struct fiber */
	context_adopt(&self->context);
	record_birth(worker, self, name);
	TRACE(worker->segment, WORKER_START, .fiber = fiber_id(self),
	      .fiber_sequence = fiber_count_record(self), .value = system_thread_id());
	if (worker->io->handles_overflow)
		worker->signal_stack = overflow_enter_thread();
}

void worker_exit(struct worker *worker)
{
	TRACE(worker->segment, WORKER_STOP, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current));
	overflow_exit_thread(worker->signal_stack);
	context_destroy(&worker->thread_fiber.context);
	base_set_this_thread(NULL);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	worker->idle = &worker->thread_fiber;
	worker_enter(worker, IDLE_FIBERS + worker->index, "idle");
	if (idle_park(worker, false) != IDLE_STOP) /* whoever started us has woken us */
		scheduler_idle(worker, true);
	worker_exit(worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	return scheduler_start_thread(&worker->sleeper.thread, worker_main, worker);
}

/* ---- worker 0's idle fiber ---- */

static void idle_entry(void *argument)
{
	(void)argument;
	scheduler_idle(base_this_thread(), false);
	weft_fatal(
		"worker 0's idle fiber ended; the main fiber never waits for the end");
}

int worker_make_idle(struct worker *worker)
{
	struct fiber *idle = slab_take(&worker->io->slabs, &worker->warm);
	if (!idle)
		return -ENOMEM;
	int error =
		fiber_begin(idle, idle_entry, worker->io->control_words, NULL, 0, 16);
	if (error)
		return error;
	identify(idle, worker->io, IDLE_FIBERS + worker->index, "idle");
	record_birth(worker, idle, "idle");
	fiber_become(idle, FIBER_READY);
	worker->idle = idle;
	return 0;
}
