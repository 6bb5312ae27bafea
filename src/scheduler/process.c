/* process.c: a runtime in its process: its threads, SIGPIPE, and fork(2).
 *
 * SIGPIPE. A write to a pipe that nobody reads raises it in the thread that writes. The workers
 * beyond the first block all of the program's signals. The first is the program's own thread; there
 * it is blocked while a runtime lives, and what came meanwhile is taken away. So every write
 * answers EPIPE, and no worker dies of a peer that left.
 *
 * fork(2). The child has one thread, which may have been in the middle of anything, and none of the
 * others. So there is no runtime in it: its thread is no worker, a flag says why, and it gets the
 * signals back that were the program's. The flag stays: a library that was loaded before cannot
 * know when the child has become a program again other than by exec. What the fork copies is not
 * freed; descriptors close on exec, and the trace is not inherited.
 *
 * Rejected: to ignore SIGPIPE, for the whole process and all that it starts; to ask for the process
 * id on every call, which is a system call. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <signal.h>

#include "base/lock.h"
#include "base/thread_local.h"
#include "scheduler/runtime.h"

/* Runtimes that live in this process; changed by weft_init and weft_deinit. Relaxed, as all here:
 * a fork that runs beside either finds one or the other. */
static _Atomic int runtimes;
static _Atomic bool is_orphan;

/* In a helper thread: its runtime. Made once; without it a child of a helper keeps its mask. */
static pthread_key_t helpers_runtime;
static bool has_helpers_runtime;

bool scheduler_is_orphan(void)
{
	return load_relaxed(&is_orphan); /* set before there is a second thread */
}

_Noreturn void scheduler_refuse(void)
{
	if (scheduler_is_orphan())
		weft_fatal("called in a child of fork(2), where there is no runtime; "
			   "the child may exec or _exit");
	weft_fatal("called on a thread that runs no fiber of this runtime");
}

/* Whose thread this is; NULL: the program's. */
static struct weft *runtime_of_thread(void)
{
	struct worker *worker = base_this_thread();
	if (worker)
		return worker->io;
	return has_helpers_runtime ? pthread_getspecific(helpers_runtime) : NULL;
}

/* In the child, on its one thread. */
static void orphan(void)
{
	struct weft *io = runtime_of_thread();
	if (load_relaxed(&runtimes) == 0) /* see there */
		return;
	store_relaxed(&is_orphan, true); /* nobody else is here */
	if (io)                          /* EINVAL only */
		(void)pthread_sigmask(SIG_SETMASK, &io->program_signals, NULL);
	base_set_this_thread(NULL);
}

void scheduler_enter_helper(struct weft *io)
{
	if (has_helpers_runtime) /* ENOMEM: as without it */
		(void)pthread_setspecific(helpers_runtime, io);
}

int process_watch_forks(void)
{
	static struct tiny_lock lock;
	static bool watches; /* under the lock */
	lock_take(&lock);
	if (!has_helpers_runtime)
		has_helpers_runtime = pthread_key_create(&helpers_runtime, NULL) == 0;
	if (!watches)
		watches = pthread_atfork(NULL, NULL, orphan) == 0;
	bool watched = watches;
	lock_give(&lock);
	return watched ? 0 : -ENOMEM;
}

int scheduler_start_thread(pthread_t *thread, void *(*function)(void *argument),
			   void *argument)
{
	sigset_t all, old;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV); /* an overflow is reported by whoever it meets */
	sigdelset(&all, SIGBUS);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* EINVAL only, and so below */
	int error = pthread_create(thread, NULL, function, argument);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

/* ---- SIGPIPE in the program's own thread ---- */

static sigset_t pipe_signal(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return set;
}

static bool pipe_signal_is_pending(void)
{
	sigset_t pending;
	sigemptyset(&pending);
	(void)sigpending(&pending); /* EFAULT only */
	return sigismember(&pending, SIGPIPE) == 1;
}

static void block_pipe_signal(struct weft *io)
{
	sigset_t set = pipe_signal();
	(void)pthread_sigmask(SIG_BLOCK, &set, &io->program_signals); /* EINVAL only */
	io->had_pipe_signal = pipe_signal_is_pending();
}

static void restore_pipe_signal(struct weft *io)
{
	sigset_t set = pipe_signal();
	int taken;
	if (sigismember(&io->program_signals, SIGPIPE) == 1)
		return;
	if (!io->had_pipe_signal && pipe_signal_is_pending())
		(void)sigwait(&set, &taken); /* it is there: returns at once */
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* EINVAL only */
}

/* ---- beginning and end ---- */

void process_enter(struct weft *io)
{
	block_pipe_signal(io);
	(void)fetch_add_relaxed(&runtimes, 1); /* see there */
}

void process_exit(struct weft *io)
{
	(void)fetch_add_relaxed(&runtimes, -1); /* see there */
	restore_pipe_signal(io);
}
