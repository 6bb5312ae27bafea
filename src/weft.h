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
 * returns, and it may return on another), whether it is a cancelation point, and whether a foreign
 * thread, one that runs no fiber of this runtime, may call it. Where nothing is said, none of
 * these is the case.
 *
 * A cancelation point answers -ECANCELED, once, to a fiber that was asked to end early, and
 * -WEFT_EDEADLINE to one whose deadline has passed: when it is called, and while it waits. It has
 * then done nothing, but where its comment says so. Of the two, cancelation is told first.
 *
 * After fork(2) the child may exec or _exit. What returns an error returns -EOWNERDEAD there; what
 * does not is fatal. The signal mask of the calling thread has SIGPIPE blocked from weft_init to
 * weft_deinit (a write then answers -EPIPE); a child of fork gets the mask of before back, but one
 * of posix_spawn or vfork must be given it. */
#ifndef WEFT_H
#define WEFT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* ssize_t */

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
	uint32_t
		workers; /* threads that run fibers, the caller's included: 1 to 56; 1 */
	size_t stack_size;    /* bytes of a slot: guard, stack, header; 65,536 */
	uint32_t warm_stacks; /* unused stacks a worker keeps backed; 16,384 */
	enum weft_guard guard;
	uint32_t helpers;       /* threads for weft_offload, at most; 16 */
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
 * The workers beyond the first are born when there is something for them to do; if their threads
 * cannot be had, the runtime does without.
 * Errors: -EINVAL for an option out of range, -EBUSY if the calling thread runs a fiber of a
 * runtime already, -ENOMEM, -EMFILE or -ENFILE if the two descriptors of its own cannot be had,
 * -ENOSPC if the system lets the user watch no more (epoll(7)).
 * Any thread may call it. Corresponds to `init` (Kqueue.zig:160). */
int weft_init(struct weft **io, const struct weft_options *options);

/* Ends the runtime: joins its threads, closes its trace, frees it and all stacks.
 *
 * Errors, on which nothing has changed: -EPERM if the caller is not the main fiber, -EBUSY
 * while other fibers are alive or foreign threads attached; weft_left then names them.
 * Corresponds to `deinit` (Kqueue.zig:217). */
int weft_deinit(struct weft *io);

/* What the last weft_deinit found that kept it from ending the runtime: one line that names the
 * fibers, or "". The runtime's; valid until the next weft_deinit. Called by the main fiber. */
const char *weft_left(struct weft *io);

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

/* Why the last fiber that could not be had could not, or the last helper thread, or wait for a
 * descriptor: one line that says what to do, or "" if there was none. Static or the runtime's; valid
 * until weft_deinit. */
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

/* A foreign thread's way in: one that runs no fiber of the runtime. Placed by the caller, used
 * by one thread at a time. Its fields are the runtime's. */
struct weft_foreign {
	struct weft *io;
	void *segment;
};

/* Opens `foreign`; until it is given to weft_detach, weft_deinit answers -EBUSY. The runtime must
 * be alive for the length of the call: attach while somebody who knows that it does not end waits
 * for you, or let a fiber attach and hand `foreign` over. -EINVAL if io is NULL.
 * Any thread may call these three. In the original no foreign thread can enter. */
int weft_attach(struct weft *io, struct weft_foreign *foreign);

/* Runs function(io, copy of context, result) in a new fiber, which nobody awaits. context, size:
 * as for weft_async; result: given to the function as it is. Does not wait. Errors, on which
 * nothing runs: -EAGAIN if no fiber can be had, -ENOMEM for the copy, -EINVAL if `foreign` is not
 * open. */
int weft_submit(struct weft_foreign *foreign, weft_function *function,
		const void *context, size_t size, void *result);

/* As weft_submit, and waits, blocking its thread, until the function has returned; context is not
 * copied. -EDEADLK, when a worker of this runtime calls it, which would wait for itself. */
int weft_run(struct weft_foreign *foreign, weft_function *function, const void *context,
	     void *result);

/* Closes `foreign`. What it submitted goes on. -EINVAL if it is not open. */
int weft_detach(struct weft_foreign *foreign);

/* ---- time ---- */

enum weft_clock {
	WEFT_CLOCK_AWAKE = 0, /* runs while the machine is awake; nobody sets it */
	WEFT_CLOCK_REAL = 1,  /* the time of day, since 1970; can be set */
	WEFT_CLOCK_BOOT = 2,  /* as awake, and runs on while the machine is suspended */
	WEFT_CLOCK_CPU_PROCESS = 3, /* processor time of the process */
	WEFT_CLOCK_CPU_THREAD = 4,  /* of the thread that the caller runs on now */
};

/* What the clock says, in nanoseconds. -EINVAL for no clock. Any thread may call it.
 * Corresponds to `now` (Kqueue.zig:1256). */
int64_t weft_now(struct weft *io, enum weft_clock clock);

/* How long to wait. All zeros: without an end. */
struct weft_timeout {
	int64_t ns;    /* a duration, or a time of that clock */
	uint8_t kind;  /* enum weft_timeout_kind */
	uint8_t clock; /* enum weft_clock; not one of the processor's */
};

enum weft_timeout_kind {
	WEFT_TIMEOUT_NEVER = 0,
	WEFT_TIMEOUT_IN = 1, /* so long from now on, on that clock */
	WEFT_TIMEOUT_AT = 2, /* when that clock says so */
};

static inline struct weft_timeout weft_never(void)
{
	struct weft_timeout timeout = {0, WEFT_TIMEOUT_NEVER, WEFT_CLOCK_AWAKE};
	return timeout;
}

/* In so many nanoseconds of the awake clock; now, if there are none or fewer. */
static inline struct weft_timeout weft_in(int64_t ns)
{
	struct weft_timeout timeout = {ns, WEFT_TIMEOUT_IN, WEFT_CLOCK_AWAKE};
	return timeout;
}

/* When that clock says `ns`. A deadline of the real clock follows it when it is set: it is looked at
 * each second at least. */
static inline struct weft_timeout weft_at(enum weft_clock clock, int64_t ns)
{
	struct weft_timeout timeout = {ns, WEFT_TIMEOUT_AT, (uint8_t)clock};
	return timeout;
}

/* Returns 0 when that time has come, never before; at once for one in the past. Suspends. A
 * cancelation point. Errors: -EINVAL for a clock of the processor's, or none; -ECANCELED,
 * -WEFT_EDEADLINE, -ENOMEM. Corresponds to `sleep` (Kqueue.zig:1262). */
int weft_sleep(struct weft *io, struct weft_timeout timeout);

/* A deadline for everything that the fiber does between weft_deadline_begin and weft_deadline_end.
 * Placed by the caller, who keeps it where it is meanwhile. Scopes nest; the nearest deadline
 * counts. The fibers that it starts do not inherit it. Its fields are the runtime's. */
struct weft_deadline {
	struct weft_deadline *outer;
	int64_t ns;
	uint8_t clock;
	uint8_t has_deadline, expired;
};

/* -EINVAL as weft_sleep, or -ENOMEM; then nothing has begun. Ours: the original has no deadlines. */
int weft_deadline_begin(struct weft *io, struct weft_deadline *deadline,
			struct weft_timeout timeout);

/* Ends the innermost scope, which must be this one. -WEFT_EDEADLINE if a call in it has failed because
 * of this deadline, and not of an outer one; else 0. */
int weft_deadline_end(struct weft *io, struct weft_deadline *deadline);

/* ---- cancelation ---- */

/* A cancelation point that does nothing else: 0, -ECANCELED or -WEFT_EDEADLINE.
 * Corresponds to checkCancel of later versions of Zig. */
int weft_check_cancel(struct weft *io);

/* ---- descriptors ---- */

/* Weft's way with a descriptor that it did not make: its calls ask poll(2) before each system
 * call that might block, and write at most PIPE_BUF bytes at a time; a terminal may take less
 * when it is nearly full, and then a write blocks its worker. weft_adopt makes it non-blocking,
 * for all who share it, and saves that.
 *
 * A descriptor that was given to any call here is to be closed by weft_close, and not by close(2):
 * its number may be another's a moment later. */

/* Makes `fd` Weft's own. Errors: -EBADF, -ENOMEM. A regular file or a directory is always ready, and
 * stays as it is. The reading end of a pipe of packets (pipe2(2), O_DIRECT) is not to be adopted: it
 * cannot be told from one of a stream, of which a short read means that there is no more now. */
int weft_adopt(struct weft *io, int fd);

/* Closes `fd`. Whoever waits for it goes on with -EBADF, on every worker. The number goes back to
 * the system with the last call that uses it, which may be after this returns. -EBADF if it is not
 * open, or is being closed. Another error is what close(2) tells of earlier writes (-EIO); then it is
 * closed all the same. Not a cancelation point.
 * Corresponds to `netClose` and `fileClose` (Kqueue.zig:1552, 1199). */
int weft_close(struct weft *io, int fd);

/* Returns 0 when an operation in this direction would not block: there is something, or the other
 * end is gone, or an error is to be told. Of a regular file: at once. Suspends. A cancelation
 * point. Errors: -EBADF, -ECANCELED, -WEFT_EDEADLINE, -ENOMEM, -ENOSPC if no more can be
 * watched, which weft_shortage explains; -EPERM if it is nothing that can be waited for. Fibers that wait for one direction of one descriptor are served
 * in the order in which they came. */
int weft_wait_readable(struct weft *io, int fd);
int weft_wait_writable(struct weft *io, int fd);

/* Reads up to `length` bytes into `buffer`, the caller's, when there are any. Returns how many; 0: the
 * end, or length is 0, for which it does not wait. Suspends. A cancelation point, before it has read anything. Errors: as
 * weft_wait_readable, and the system call's own. On anything that can be polled: pipes, sockets,
 * terminals; of a regular file it reads at once, and blocks its worker meanwhile. */
ssize_t weft_read(struct weft *io, int fd, void *buffer, size_t length);

/* Writes up to `length` bytes, when there is room for any; returns how many. Otherwise as
 * weft_read. No SIGPIPE: -EPIPE. */
ssize_t weft_write(struct weft *io, int fd, const void *buffer, size_t length);

/* ---- what blocks ---- */

typedef void weft_offloaded(void *argument);

/* Runs function(argument) in a helper thread, in the order of the calls, and returns 0 when it has
 * returned. It may block, and call nothing of this runtime. Suspends. A cancelation point until the
 * function begins, not after: with an error it has not run. Errors: -EAGAIN if there is no helper
 * thread and none can be made, which weft_shortage explains; -ECANCELED, -WEFT_EDEADLINE, -ENOMEM.
 * Ours: the original has none. */
int weft_offload(struct weft *io, weft_offloaded *function, void *argument);

/* Waits for one of `count` signals, and returns its number. From the first call on that names a
 * signal, and until weft_deinit, this signal does nothing else in the process: one that comes while
 * nobody waits is kept, once, for the next that does. It is unblocked in the thread of the caller, the
 * program's own thread among them, until weft_deinit. Suspends. A cancelation point. Errors: -EINVAL
 * for no signals, or one that cannot be caught; -EBUSY if another runtime of the process waits for
 * one of them; -ECANCELED, -WEFT_EDEADLINE, -ENOMEM. */
int weft_signal_wait(struct weft *io, const int *signals, size_t count);

/* ---- notes in the trace ---- */

/* Names the calling fiber in traces and reports. text: must stay as it is while the runtime
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
