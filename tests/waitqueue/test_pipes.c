/* test_pipes.c: writes that nobody reads answer -EPIPE and raise no SIGPIPE; and what the program
 * had set for that signal, it has again afterwards. */
#include <pthread.h>
#include <signal.h>

#include "tests/waitqueue/descriptors.h"

static bool is_blocked(int number)
{
	sigset_t mask;
	cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	return sigismember(&mask, number);
}

static bool is_pending(int number)
{
	sigset_t pending;
	cr_assert_eq(sigpending(&pending), 0);
	return sigismember(&pending, number);
}

static void block(int number, int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	cr_assert_eq(pthread_sigmask(how, &set, NULL), 0);
}

static _Atomic int caught;

static void catch (int number)
{
	(void)number;
	atomic_fetch_add(&caught, 1);
}

/* ---- nobody reads ---- */

static void write_to_nobody(struct weft *io)
{
	for (int kind = 0; kind < 2; kind++) {
		int ends[2];
		if (kind)
			cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		else
			cr_assert_eq(pipe(ends), 0);
		cr_assert_eq(weft_close(io, ends[0]), 0);
		cr_assert_eq(weft_write(io, ends[1], "x", 1), -EPIPE);
		cr_assert_eq(weft_adopt(io, ends[1]), 0);
		cr_assert_eq(weft_write(io, ends[1], "x", 1), -EPIPE);
		cr_assert_eq(weft_close(io, ends[1]), 0);
	}
}

/* The default for SIGPIPE is to end the process. */
TEST_OF_CREWS(pipes, do_not_kill_the_first_worker)
{
	write_to_nobody(io);
}

static _Atomic int writers_elsewhere;

static void write_elsewhere(struct weft *io, const void *context, void *result)
{
	pthread_t first = *(const pthread_t *)context;
	(void)result;
	for (int i = 0; i < 10; i++)
		write_to_nobody(io);
	if (!pthread_equal(first, pthread_self()))
		atomic_fetch_add(&writers_elsewhere, 1);
}

Test(pipes, do_not_kill_another_worker)
{
	struct weft *io = begin(2);
	pthread_t self = pthread_self();
	struct weft_future future;
	weft_async(io, &future, write_elsewhere, &self, sizeof self, NULL);
	while (atomic_load(&writers_elsewhere) == 0)
		(void)sched_yield(); /* main keeps its worker to itself */
	weft_await(io, &future);
	end(io);
}

static void offloaded_write(void *argument)
{
	const int *ends = argument;
	cr_assert_eq(close(ends[0]), 0);
	cr_assert_eq(write(ends[1], "x", 1), -1);
	cr_assert_eq(errno, EPIPE);
	cr_assert_eq(close(ends[1]), 0);
}

TEST_OF_CREWS(pipes, do_not_kill_a_helper)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(weft_offload(io, offloaded_write, ends), 0);
}

/* The program's handler is not called, and is not replaced. */
Test(pipes, leave_the_programs_handler_alone)
{
	struct sigaction action = {.sa_handler = catch}, found;
	cr_assert_eq(sigaction(SIGPIPE, &action, NULL), 0);
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		write_to_nobody(io);
		end(io);
		cr_assert_eq(sigaction(SIGPIPE, NULL, &found), 0);
		cr_assert(found.sa_handler == catch);
		cr_assert_eq(atomic_load(&caught), 0);
	}
	cr_assert_eq(raise(SIGPIPE), 0);
	cr_assert_eq(atomic_load(&caught), 1);
}

/* ---- the mask, and what was pending ---- */

/* SIGPIPE blocked before, or not; other signals too. */
Test(pipes, give_the_mask_back)
{
	for (int blocked = 0; blocked < 2; blocked++) {
		block(SIGPIPE, blocked ? SIG_BLOCK : SIG_UNBLOCK);
		block(SIGUSR1, blocked ? SIG_UNBLOCK : SIG_BLOCK);
		struct weft *io = begin(2);
		cr_assert(is_blocked(SIGPIPE));
		write_to_nobody(io);
		end(io);
		cr_assert_eq(is_blocked(SIGPIPE), blocked);
		cr_assert_eq(is_blocked(SIGUSR1), !blocked);
		cr_assert_not(is_blocked(SIGUSR2));
	}
}

/* What our own writes raised is taken away. */
Test(pipes, leave_nothing_pending)
{
	struct weft *io = begin(1);
	write_to_nobody(io);
	end(io);
	cr_assert_not(is_pending(SIGPIPE));
}

/* One that the program had raised before, and blocked, is its own. */
Test(pipes, leave_pending_what_was_pending_before)
{
	struct sigaction action = {.sa_handler = catch};
	cr_assert_eq(sigaction(SIGPIPE, &action, NULL), 0);
	block(SIGPIPE, SIG_BLOCK);
	cr_assert_eq(raise(SIGPIPE), 0);
	struct weft *io = begin(2);
	write_to_nobody(io);
	end(io);
	cr_assert(is_pending(SIGPIPE));
	cr_assert_eq(atomic_load(&caught), 0);
	block(SIGPIPE, SIG_UNBLOCK);
	cr_assert_eq(atomic_load(&caught), 1);
}

/* weft_init fails: the mask is as before. */
Test(pipes, give_the_mask_back_when_nothing_begins)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = 57}), -EINVAL);
	cr_assert_not(is_blocked(SIGPIPE));
	struct weft *first = begin(1);
	cr_assert_eq(weft_init(&io, NULL), -EBUSY);
	cr_assert(is_blocked(SIGPIPE));
	write_to_nobody(first);
	end(first);
	cr_assert_not(is_blocked(SIGPIPE));
}
