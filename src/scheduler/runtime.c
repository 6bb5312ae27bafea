/* runtime.c: the beginning and the end of a runtime: weft_init and weft_deinit. */
#include "scheduler/runtime.h"

#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "base/thread_local.h"
#include "fiber/overflow.h"
#include "scheduler/status.h"

#define SLOT_SIZE_DEFAULT   65536u
#define WARM_STACKS_DEFAULT 16384u
#define HELPERS_DEFAULT     16u
#define HELPERS_MAX         1024u
#define LEFT_ROOM           80 /* bytes for the last fiber that is named, and the end */

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
	if (options->helpers == 0)
		options->helpers = HELPERS_DEFAULT;
	if (options->helpers > HELPERS_MAX)
		return -EINVAL;
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
/* For each helper thread, and a few from outside; as many as there can be. */
static uint32_t other_segments(const struct weft_options *options)
{
	uint32_t room = TRACE_SEGMENTS_MAX - options->workers;
	uint32_t wanted = options->helpers + TRACE_OTHERS_DEFAULT;
	return wanted < room ? wanted : room;
}

static void open_trace(struct weft *io, const struct weft_options *options)
{
	struct trace_message why;
	uint32_t others = other_segments(options);
	int error = 0;
	if (!options->trace_path)
		error = trace_open_from_environment(&io->trace, options->workers,
						    others, &why);
	else if (*options->trace_path)
		error = trace_open(
			&io->trace,
			&(struct trace_options){.path = options->trace_path,
						.records = options->trace_records,
						.workers = options->workers,
						.others = others,
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

#else
static void open_trace(struct weft *io, const struct weft_options *options)
{
	(void)io, (void)options;
}
static void close_trace(struct weft *io)
{
	(void)io;
}
#endif

/* ---- beginning and end ---- */

/* Zeroed, and aligned to a cache line. */
static void *allocate_lines(size_t size)
{
	void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	return memory ? memset(memory, 0, size) : NULL;
}

static void free_all(struct weft *io)
{
	for (uint32_t i = 0; i < io->workers; i++)
		worker_destroy(&io->worker[i]);
	free(io->worker);
	free(io);
}

static struct weft *allocate(const struct weft_options *options)
{
	struct weft *io = allocate_lines(sizeof *io);
	if (!io)
		return NULL;
	io->workers = options->workers;
	io->helpers = options->helpers;
	io->worker = allocate_lines(options->workers * sizeof *io->worker);
	uint32_t made = 0;
	while (io->worker && made < options->workers &&
	       worker_init(&io->worker[made], io, made, options->warm_stacks) == 0)
		made++;
	if (made == options->workers)
		return io;
	io->workers = made; /* no other is there to be destroyed */
	free_all(io);
	return NULL;
}

static void set_up(struct weft *io, const struct weft_options *options)
{
	slab_init(&io->slabs, options->stack_size, options->guard);
	io->control_words = context_control_words();
	/* 1 is the main fiber. Relaxed: nobody else is here yet. */
	store_relaxed(&io->next_id, 2);
	/* The first numbers are the sleepers'. Relaxed: as above. */
	store_relaxed(&io->next_object, WORKERS_MAX + 1);
	/* All but worker 0 are asleep: not born. */
	store_relaxed(&io->idle.word,
		      (IDLE_ASLEEP(options->workers) - 1) & ~(IDLE_ASLEEP(1) - 1));
	io->handles_overflow =
		!options->keep_signals && overflow_watch(&io->slabs) == 0;
	open_trace(io, options);
	io->main_fiber = &io->worker[0].thread_fiber;
	io->main_fiber->pinned = true;
	process_enter(io);
	worker_enter(&io->worker[0], 1, "main");
}

static void tear_down(struct weft *io)
{
	worker_exit(&io->worker[0]);
	process_exit(io);
	close_trace(io);
	if (io->handles_overflow)
		overflow_forget(&io->slabs);
	slab_destroy(&io->slabs);
	poller_close(&io->poller);
	free_all(io);
}

int weft_init(struct weft **result, const struct weft_options *given)
{
	struct weft_options options;
	*result = NULL;
	if (scheduler_is_orphan())
		return -EOWNERDEAD;
	if (base_this_thread()) /* a thread is one worker */
		return -EBUSY;
	int error = check_options(&options, given);
	if (error)
		return error;
	if (options.on_fatal)
		base_set_fatal_hook(options.on_fatal);
	error = process_watch_forks();
	if (error)
		return error;
	struct weft *io = allocate(&options);
	if (!io)
		return -ENOMEM;
	error = poller_open(&io->poller);
	if (error) {
		free_all(io);
		return error;
	}
	set_up(io, &options);
	error = worker_make_idle(&io->worker[0]);
	if (error)
		tear_down(io);
	else
		*result = io;
	return error;
}

void scheduler_tell_left(struct weft *io, const char *format, ...)
{
	size_t length = strlen(io->left);
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(io->left + length, sizeof io->left - length, format, arguments);
	va_end(arguments);
}

static bool is_alive(const struct fiber *fiber)
{
	uint8_t state = load_relaxed(&fiber->state); /* see struct fiber */
	return state != FIBER_FREE && state != FIBER_FINISHED;
}

/* Names the fibers that are alive, as many as there is room for. Those that run meanwhile may
 * have ended before somebody reads it. */
static void tell_fibers(struct weft *io, uint64_t alive)
{
	uint64_t slots = slab_carved(&io->slabs);
	scheduler_tell_left(io, "%" PRIu64 " %s alive:", alive,
			    alive == 1 ? "fiber is" : "fibers are");
	for (uint64_t i = 0; i < slots; i++) {
		const struct fiber *fiber = slab_at(&io->slabs, i);
		uint32_t id = fiber_id(fiber);
		if (!is_alive(fiber) || id >= IDLE_FIBERS)
			continue;
		if (strlen(io->left) + LEFT_ROOM > sizeof io->left) {
			scheduler_tell_left(io, " and more");
			break;
		}
		const char *name = load_relaxed(&fiber->name); /* see struct fiber */
		scheduler_tell_left(io, name ? " %" PRIu32 " (%.32s)" : " %" PRIu32, id,
				    name);
	}
	scheduler_tell_left(io, "; await them first");
}

/* What keeps the runtime from ending; empty: nothing. */
static void look_around(struct weft *io)
{
	/* Acquire: what was submitted before a detach is counted. Pairs with: weft_detach. */
	uint32_t foreign = load_acquire(&io->foreign);
	uint64_t alive = scheduler_alive(io);
	*io->left = 0;
	if (foreign > 0)
		scheduler_tell_left(
			io, "%" PRIu32 " foreign %s attached; detach first%s", foreign,
			foreign == 1 ? "thread is" : "threads are", alive ? ". " : "");
	if (alive > 0)
		tell_fibers(io, alive);
	const struct scheduler_hooks *hooks = scheduler_hooks_of(io);
	if (hooks)
		hooks->tell_left(io);
}

const char *weft_left(struct weft *io)
{
	return io->left;
}

int weft_deinit(struct weft *io)
{
	struct worker *worker = base_this_thread();
	if (!worker && scheduler_is_orphan())
		return -EOWNERDEAD;
	if (!worker || worker->io != io || worker->current != io->main_fiber)
		return -EPERM;
	look_around(io);
	if (*io->left)
		return -EBUSY;
	sleeper_stop_all(io);
	const struct scheduler_hooks *hooks = scheduler_hooks_of(io);
	if (hooks)
		hooks->close(io);
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
