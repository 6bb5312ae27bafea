/* runtime.c: the beginning and the end of a runtime: weft_init, weft_deinit, and what each
 * worker does between its thread's start and its idle fiber.
 *
 * Worker 0 is the caller's thread. Its own stack is the main fiber's, so its idle fiber gets a
 * slot. The other workers' own stacks are their idle fibers'. */
#include "scheduler/runtime.h"

#include <errno.h> /* for the names of the constants */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "base/thread_local.h"
#include "fiber/overflow.h"
#include "scheduler/status.h"

#define SLOT_SIZE_DEFAULT   65536u
#define WARM_STACKS_DEFAULT 16384u
#define IDLE_FIBERS         0xFFFF0000u /* numbers of idle fibers begin here, as in traces */

/* ---- options ---- */

static int check_options(struct weft_options *options, const struct weft_options *given)
{
	*options = given ? *given : (struct weft_options){0};
	size_t page = system_page_size();
	if (options->workers == 0)
		options->workers = 1;
	if (options->stack_size == 0)
		options->stack_size = SLOT_SIZE_DEFAULT;
	if (options->warm_stacks == 0)
		options->warm_stacks = WARM_STACKS_DEFAULT;
	if (options->stack_size < 4 * page || options->stack_size > (1u << 30))
		return -EINVAL;
	options->stack_size = (options->stack_size + page - 1) / page * page;
	if (options->workers > WORKERS_MAX || options->guard > WEFT_GUARD_NONE ||
	    options->trace_mode > WEFT_TRACE_RING)
		return -EINVAL;
	return 0;
}

/* ---- the trace ---- */

#if defined(WEFT_TRACING)
static void open_trace(struct weft *io, const struct weft_options *options)
{
	struct trace_message why;
	int error = 0;
	if (!options->trace_path)
		error = trace_open_from_environment(&io->trace, options->workers, &why);
	else if (*options->trace_path)
		error = trace_open(
			&io->trace,
			&(struct trace_options){.path = options->trace_path,
						.records = options->trace_records,
						.workers = options->workers,
						.ring = options->trace_mode ==
							WEFT_TRACE_RING},
			&why);
	trace_set_status(io->trace, status_write, io);
	if (error) {
		(void)system_write_all(2, "weft: ", 6);
		(void)system_write_all(2, why.text, strlen(why.text));
		(void)system_write_all(2, "; running untraced\n", 19);
	}
}

static void close_trace(struct weft *io)
{
	(void)trace_close(io->trace); /* whole anyway; nobody is left to tell */
}

static void record_birth(struct worker *worker, struct fiber *fiber, const char *name)
{
	if (!scheduler_traces(worker))
		return;
	uint32_t string = trace_string(worker->io->trace, name);
	TRACE(worker->segment, CREATE, .fiber = fiber->id,
	      .fiber_sequence = fiber_count_first_record(fiber));
	fiber_set_traced_name(fiber, string);
	TRACE(worker->segment, NAME, .fiber = fiber->id,
	      .fiber_sequence = fiber_count_record(fiber), .value = string);
}

static struct trace_segment *claim_segment(const struct worker *worker)
{
	return trace_claim_worker(worker->io->trace, worker->index);
}
#else
static void open_trace(struct weft *io, const struct weft_options *options)
{
	(void)io, (void)options;
}
static void close_trace(struct weft *io)
{
	(void)io;
}
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

/* ---- workers ---- */

/* The thread becomes that worker, running the fiber that stands for its own stack. */
static void enter_worker(struct worker *worker, uint32_t id, const char *name)
{
	struct fiber *self = &worker->thread_fiber;
	base_set_this_thread(worker);
	worker->segment = claim_segment(worker);
	worker->current = self;
	self->io = worker->io;
	self->id = id;
	self->name = name;
	self->state = FIBER_RUNNING;
	context_adopt(&self->context);
	record_birth(worker, self, name);
	TRACE(worker->segment, WORKER_START, .fiber = self->id,
	      .fiber_sequence = fiber_count_record(self), .value = system_thread_id());
	if (worker->io->handles_overflow)
		worker->signal_stack = overflow_enter_thread();
}

static void exit_worker(struct worker *worker)
{
	TRACE(worker->segment, WORKER_STOP, .fiber = worker->current->id,
	      .fiber_sequence = fiber_count_record(worker->current));
	overflow_exit_thread(worker->signal_stack);
	context_destroy(&worker->thread_fiber.context);
	base_set_this_thread(NULL);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	worker->idle = &worker->thread_fiber;
	enter_worker(worker, IDLE_FIBERS + worker->index, "idle");
	scheduler_idle(worker);
	exit_worker(worker);
	return NULL;
}

/* Threads beyond the first handle no signals of the program's. */
static int start_thread(struct worker *worker)
{
	sigset_t all, old;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV); /* an overflow is reported by whoever it meets */
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

/* Starts what can be started; a runtime of fewer workers is a runtime. */
static int start_threads(struct weft *io, uint32_t wanted)
{
	for (uint32_t i = 1; i < wanted; i++) {
		int error = start_thread(&io->worker[i]);
		if (error)
			return i == 1 ? error : 0;
		io->workers = i + 1;
	}
	return 0;
}

static void join_threads(struct weft *io)
{
	pthread_mutex_lock(&io->sleep_mutex);
	io->stopping = true;
	pthread_cond_broadcast(&io->something);
	pthread_mutex_unlock(&io->sleep_mutex);
	for (uint32_t i = 1; i < io->workers; i++)
		pthread_join(io->worker[i].thread, NULL);
}

/* ---- worker 0's idle fiber ---- */

static void idle_entry(void *argument)
{
	(void)argument;
	scheduler_idle(base_this_thread());
	weft_fatal(
		"worker 0's idle fiber ended; the main fiber never waits for the end");
}

static int make_idle(struct worker *worker)
{
	struct fiber *idle = slab_take(&worker->io->slabs, &worker->warm);
	if (!idle)
		return -ENOMEM;
	int error =
		fiber_begin(idle, idle_entry, worker->io->control_words, NULL, 0, 16);
	if (error)
		return error;
	idle->io = worker->io;
	idle->id = IDLE_FIBERS + worker->index;
	idle->name = "idle";
	record_birth(worker, idle, "idle");
	fiber_become(idle, FIBER_READY);
	worker->idle = idle;
	return 0;
}

/* ---- beginning and end ---- */

static struct weft *allocate(const struct weft_options *options)
{
	struct weft *io = calloc(1, sizeof *io);
	if (!io)
		return NULL;
	io->worker = calloc(options->workers, sizeof *io->worker);
	if (!io->worker) {
		free(io);
		return NULL;
	}
	for (uint32_t i = 0; i < options->workers; i++) {
		io->worker[i].io = io;
		io->worker[i].index = i;
		io->worker[i].warm.limit = options->warm_stacks;
	}
	return io;
}

static void set_up(struct weft *io, const struct weft_options *options)
{
	slab_init(&io->slabs, options->stack_size, options->guard);
	io->control_words = context_control_words();
	io->workers = 1;
	io->workers_room = options->workers;
	/* 1 is the main fiber. Relaxed: nobody else is here yet. */
	store_relaxed(&io->next_id, 2);
	pthread_mutex_init(&io->sleep_mutex, NULL);
	pthread_cond_init(&io->something, NULL);
	io->handles_overflow =
		!options->keep_signals && overflow_watch(&io->slabs) == 0;
	open_trace(io, options);
	io->main_fiber = &io->worker[0].thread_fiber;
	io->main_fiber->pinned = true;
	enter_worker(&io->worker[0], 1, "main");
}

static void tear_down(struct weft *io)
{
	exit_worker(&io->worker[0]);
	close_trace(io);
	if (io->handles_overflow)
		overflow_forget(&io->slabs);
	slab_destroy(&io->slabs);
	pthread_cond_destroy(&io->something);
	pthread_mutex_destroy(&io->sleep_mutex);
	free(io->worker);
	free(io);
}

int weft_init(struct weft **result, const struct weft_options *given)
{
	struct weft_options options;
	*result = NULL;
	if (base_this_thread()) /* a thread is one worker */
		return -EBUSY;
	int error = check_options(&options, given);
	if (error)
		return error;
	if (options.on_fatal)
		base_set_fatal_hook(options.on_fatal);
	struct weft *io = allocate(&options);
	if (!io)
		return -ENOMEM;
	set_up(io, &options);
	error = make_idle(&io->worker[0]);
	if (!error)
		error = start_threads(io, options.workers);
	if (error) {
		tear_down(io);
		return error;
	}
	*result = io;
	return 0;
}

int weft_deinit(struct weft *io)
{
	struct worker *worker = base_this_thread();
	if (!worker || worker->io != io || worker->current != io->main_fiber)
		return -EPERM;
	if (scheduler_alive(io) > 0)
		return -EBUSY;
	join_threads(io);
	annotate_acquire(io); /* what the fibers did */
	tear_down(io);
	return 0;
}

const char *weft_shortage(struct weft *io)
{
	lock_take(&io->slabs.lock);
	const char *shortage = io->slabs.shortage;
	lock_give(&io->slabs.lock);
	return shortage;
}

uint64_t weft_now(struct weft *io)
{
	(void)io;
	return system_monotonic_ns();
}
