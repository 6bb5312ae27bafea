/* weft.h: the one public header of Weft, a fiber runtime.
 *
 * A fiber is a function call with a stack of its own, which can wait without holding a thread.
 * The runtime is a value, passed first to whatever may wait; two can live side by side.
 *
 * Errors are values: a function returns 0 or a count, or a negative errno value. It never
 * sets errno, prints nothing, and never exits, but for a fatal report (a broken invariant, a
 * stack overflow), which goes through options.on_fatal just before the process ends.
 *
 * Each comment says whether the call suspends (other fibers may run on this thread before it
 * returns, and it may return on another), and whether a foreign thread, one that runs no
 * fiber of this runtime, may call it. Where nothing is said, neither is the case. No call here
 * is a cancelation point yet. */
#ifndef WEFT_H
#define WEFT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A deadline of ours expired. A code of Weft's own, above every errno value, so that it is
 * never taken for the ETIMEDOUT that a peer's network stack reports. */
#define WEFT_EDEADLINE 10000

/* Says in a few words what `error` means: 0, a negative errno value, or -WEFT_EDEADLINE.
 *
 * Returns a static string, never NULL; the caller does not free it.
 * Any thread may call it, and signal handlers. */
const char *weft_strerror(int error);

struct weft;

/* How the end of a stack is guarded. */
enum weft_guard {
	WEFT_GUARD_DEFAULT = 0, /* cheap guards, else page protection, else an error */
	WEFT_GUARD_PROTECT = 1, /* page protection: two mappings for each stack */
	WEFT_GUARD_NONE = 2,    /* an overflow overwrites the neighbour */
};

/* What a trace keeps when it is full. */
enum weft_trace_mode {
	WEFT_TRACE_LINEAR =
		0,           /* the beginning of the run; the rest is counted as lost */
	WEFT_TRACE_RING = 1, /* the end, as a flight recorder does */
};

/* Zero means the default everywhere; the struct may be all zeros. */
struct weft_options {
	uint32_t workers;     /* threads that run fibers, the caller's included; 1 */
	size_t stack_size;    /* bytes of a slot: guard, stack, header; 65,536 */
	uint32_t warm_stacks; /* unused stacks a worker keeps backed; 16,384 */
	enum weft_guard guard;
	int keep_signals;       /* nonzero: install no handler for stack overflow */
	const char *trace_path; /* "" forbids tracing; NULL: as the environment variable
				WEFT_TRACE=path[,ring][,N] says, with N records for each
				worker; then the two fields below do not count */
	uint64_t trace_records; /* capacity for each worker; 65,536 */
	enum weft_trace_mode trace_mode;
	/* Gets the one-line report before the process ends; NULL writes it to descriptor 2.
	 * Runs on any stack and in a signal handler. For the whole process. */
	void (*on_fatal)(const char *report, size_t length);
};

/* Starts a runtime: the caller becomes its main fiber, pinned to the calling thread.
 *
 * On success *io is the caller's, to be given to weft_deinit. On failure *io is NULL.
 * options: read during the call only; NULL for all defaults. A trace that cannot be written
 * gives one line on descriptor 2, and the program runs untraced.
 * Errors: -EINVAL for an option out of range, -EBUSY if the calling thread runs a fiber of a
 * runtime already, -ENOMEM, -EAGAIN if no thread can be made for
 * any worker beyond the first (fewer are not an error).
 * Any thread may call it. Corresponds to `init` (Kqueue.zig:160). */
int weft_init(struct weft **io, const struct weft_options *options);

/* Ends the runtime: joins its threads, closes its trace, frees it and all stacks.
 *
 * Errors, on which nothing has changed: -EPERM if the caller is not the main fiber, -EBUSY
 * while other fibers are alive. Corresponds to `deinit` (Kqueue.zig:217). */
int weft_deinit(struct weft *io);

/* A function that a fiber runs. context: the copy of its arguments, the fiber's until it
 * returns. result: what weft_async was given. */
typedef void weft_function(struct weft *io, const void *context, void *result);

/* One that runs, or has run. Placed by the caller, who keeps it, and what `result` points to,
 * until it was awaited. Its fields are the runtime's. */
struct weft_future {
	void *meeting; /* see future/rendezvous.h */
	void *fiber;
	uint32_t fiber_id;
};

/* Why the last fiber that could not be had could not: one line that says what to do, or "" if
 * there was none. Static or the runtime's; valid until weft_deinit. */
const char *weft_shortage(struct weft *io);

/* Runs function(io, copy of context, result) in a new fiber, or, when no fiber can be had, on
 * the caller's stack before it returns. Never fails.
 *
 * context: `size` bytes, copied, aligned to max_align_t in the copy. result: the function's to
 * write; what it wrote is seen by whoever awaits. Does not suspend, but for what an inline
 * function does; that one gets the caller's context itself, and not a copy.
 * Corresponds to `async` (Kqueue.zig:914); there the result is copied on await, here it is
 * written in place. */
void weft_async(struct weft *io, struct weft_future *future, weft_function *function,
		const void *context, size_t size, void *result);

/* As weft_async, with the copy of context aligned to `alignment`, a power of two. */
void weft_async_aligned(struct weft *io, struct weft_future *future,
			weft_function *function, const void *context, size_t size,
			size_t alignment, void *result);

/* As weft_async, but returns -EAGAIN, with nothing run, when no fiber can be had.
 * Corresponds to `concurrent` (Kqueue.zig:928). */
int weft_concurrent(struct weft *io, struct weft_future *future,
		    weft_function *function, const void *context, size_t size,
		    void *result);

/* Returns when the future's function has returned. All that it wrote is seen. Once it has
 * returned the future may be awaited again, which does nothing, or be thrown away. One fiber at
 * a time. Suspends. Never fails. Corresponds to `await` (Kqueue.zig:979). */
void weft_await(struct weft *io, struct weft_future *future);

/* Lets the fibers that are ready run first. Suspends. Not a cancelation point. */
void weft_yield(struct weft *io);

/* Nanoseconds of the monotonic clock. Any thread may call it.
 * Corresponds to `now` (Kqueue.zig:1256), for its clock `awake`. */
uint64_t weft_now(struct weft *io);

/* Names the calling fiber in traces and reports. text: must stay as it is while the fiber
 * lives; a string literal does. */
void weft_name(struct weft *io, const char *text);

/* Notes in the trace. Spans of a fiber nest, and end with the text they began with. They cost
 * a branch when the runtime is not traced. */
void weft_mark(struct weft *io, const char *text, uint32_t number);
void weft_span_begin(struct weft *io, const char *text);
void weft_span_end(struct weft *io, const char *text);

#ifdef __cplusplus
}
#endif

#endif
