/* test_fork.c: the child of a fork, in which there is no runtime, and the parent, which goes on. */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "context/annotate.h"
#include "tests/waitqueue/descriptors.h"

/* ---- children ---- */

/* What a child has to say: 0, or the line of what does not hold. A child of Criterion's process
 * cannot assert. */
#define EXPECT(holds)                                                                  \
	do {                                                                           \
		if (!(holds))                                                          \
			_exit(1 + __LINE__ % 254);                                     \
	} while (0)

static int status_of(pid_t child)
{
	int status;
	cr_assert_gt(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static void nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

static void nothing_offloaded(void *argument)
{
	(void)argument;
}

static void expect_orphaned(struct weft *io, struct weft_foreign *foreign)
{
	const int number = SIGUSR1;
	struct weft *another;
	struct weft_future future;
	struct weft_deadline deadline;
	struct weft_foreign second;
	char byte = 0;
	EXPECT(weft_init(&another, NULL) == -EOWNERDEAD && !another);
	EXPECT(weft_deinit(io) == -EOWNERDEAD);
	EXPECT(weft_concurrent(io, &future, nothing, NULL, 0, NULL) == -EOWNERDEAD);
	EXPECT(weft_attach(io, &second) == -EOWNERDEAD);
	EXPECT(weft_submit(foreign, nothing, NULL, 0, NULL) == -EOWNERDEAD);
	EXPECT(weft_run(foreign, nothing, NULL, NULL) == -EOWNERDEAD);
	EXPECT(weft_detach(foreign) == -EOWNERDEAD);
	EXPECT(weft_sleep(io, weft_in(1)) == -EOWNERDEAD);
	EXPECT(weft_sleep(io, weft_never()) == -EOWNERDEAD);
	EXPECT(weft_deadline_begin(io, &deadline, weft_in(1)) == -EOWNERDEAD);
	EXPECT(weft_deadline_end(io, &deadline) == -EOWNERDEAD);
	EXPECT(weft_check_cancel(io) == -EOWNERDEAD);
	EXPECT(weft_adopt(io, 0) == -EOWNERDEAD);
	EXPECT(weft_close(io, 0) == -EOWNERDEAD);
	EXPECT(weft_wait_readable(io, 0) == -EOWNERDEAD);
	EXPECT(weft_wait_writable(io, 0) == -EOWNERDEAD);
	EXPECT(weft_read(io, 0, &byte, 1) == -EOWNERDEAD);
	EXPECT(weft_read(io, 0, &byte, 0) == -EOWNERDEAD);
	EXPECT(weft_write(io, 0, &byte, 1) == -EOWNERDEAD);
	EXPECT(weft_offload(io, nothing_offloaded, NULL) == -EOWNERDEAD);
	EXPECT(weft_signal_wait(io, &number, 1) == -EOWNERDEAD);
}

/* The parent's runtime works. */
static void expect_alive(struct weft *io)
{
	int ends[2];
	struct operation reader;
	open_pipe(io, ends);
	start_waiting_read(io, &reader, ends[0], 8, 1);
	cr_assert_eq(weft_write(io, ends[1], "alive", 5), 5);
	cr_assert_eq(answer_of(io, &reader), 5);
	cr_assert_eq(weft_sleep(io, weft_in(1)), 0);
	cr_assert_eq(weft_offload(io, nothing_offloaded, NULL), 0);
	close_both(io, ends);
}

TEST_OF_CREWS(forks, have_no_runtime)
{
	struct weft_foreign foreign;
	cr_assert_eq(weft_attach(io, &foreign), 0);
	expect_alive(io); /* all workers that there will be are there */
	pid_t child = fork();
	if (child == 0) {
		expect_orphaned(io, &foreign);
		_exit(0);
	}
	cr_assert_eq(status_of(child), 0);
	expect_alive(io);
	cr_assert_eq(weft_detach(&foreign), 0);
}

/* ---- by whom ---- */

struct forking {
	struct weft_foreign foreign;
	pthread_t first;
	pid_t child;
	bool elsewhere;
};

static void fork_here(struct weft *io, struct forking *forking)
{
	forking->child = fork();
	if (forking->child == 0) {
		sigset_t mask;
		EXPECT(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
		EXPECT(!sigismember(&mask, SIGPIPE) && !sigismember(&mask, SIGTERM));
		EXPECT(sigismember(&mask, SIGUSR2)); /* the program has blocked it */
		expect_orphaned(io, &forking->foreign);
		_exit(0);
	}
}

static void run_fork(struct weft *io, const void *context, void *result)
{
	struct forking *forking = *(struct forking *const *)context;
	(void)result;
	fork_here(io, forking);
	atomic_store((_Atomic bool *)result,
		     !pthread_equal(pthread_self(), forking->first));
}

static void block_usr2(int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	cr_assert_eq(pthread_sigmask(how, &set, NULL), 0);
}

/* The mask is that of before, whoever forks. */
Test(forks, have_the_programs_mask)
{
	block_usr2(SIG_BLOCK);
	struct weft *io = begin(2);
	struct forking forking = {.first = pthread_self()};
	struct forking *const argument = &forking;
	static _Atomic bool elsewhere;
	struct weft_future future;
	cr_assert_eq(weft_attach(io, &forking.foreign), 0);
	fork_here(io, &forking);
	cr_assert_eq(status_of(forking.child), 0);
	weft_async(io, &future, run_fork, &argument, sizeof argument,
		   (void *)(uintptr_t)&elsewhere);
	while (!atomic_load(&elsewhere))
		(void)sched_yield(); /* main keeps its worker to itself */
	weft_await(io, &future);
	cr_assert_eq(status_of(forking.child), 0);
	cr_assert_eq(weft_detach(&forking.foreign), 0);
	expect_alive(io);
	end(io);
}

struct program_fork {
	struct weft *io;
	struct forking forking;
};

static void *fork_in_a_foreign_thread(void *argument)
{
	struct program_fork *program = argument;
	block_usr2(SIG_BLOCK);
	fork_here(program->io, &program->forking);
	return NULL;
}

Test(forks, of_a_foreign_thread)
{
	struct program_fork program = {0};
	pthread_t thread;
	/* Before weft_init, so that it has the program's mask. */
	program.io = begin(2);
	sigset_t pipe_signal;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	cr_assert_eq(weft_attach(program.io, &program.forking.foreign), 0);
	cr_assert_eq(pthread_sigmask(SIG_UNBLOCK, &pipe_signal, NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, fork_in_a_foreign_thread, &program),
		     0);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(status_of(program.forking.child), 0);
	cr_assert_eq(weft_detach(&program.forking.foreign), 0);
	expect_alive(program.io);
	end(program.io);
}

static void fork_in_a_helper(void *argument)
{
	struct program_fork *program = argument;
	fork_here(program->io, &program->forking);
}

Test(forks, of_a_helper)
{
	block_usr2(SIG_BLOCK);
	struct program_fork program = {.io = begin(2)};
	cr_assert_eq(weft_attach(program.io, &program.forking.foreign), 0);
	cr_assert_eq(weft_offload(program.io, fork_in_a_helper, &program), 0);
	cr_assert_eq(status_of(program.forking.child), 0);
	cr_assert_eq(weft_detach(&program.forking.foreign), 0);
	end(program.io);
}

/* ---- what returns no error ---- */

static int report_to = -1;

static void take_report(const char *report, size_t length)
{
	(void)!write(report_to, report, length);
}

static struct weft_future pending;

static void call_async(struct weft *io)
{
	weft_async(io, &pending, nothing, NULL, 0, NULL);
}

static void call_await(struct weft *io)
{
	weft_await(io, &pending);
}

static void call_name(struct weft *io)
{
	weft_name(io, "child");
}

Test(forks, call_what_is_fatal)
{
	void (*const fatal[])(struct weft * io) = {weft_yield, call_async, call_await,
						   call_name};
	struct weft *io;
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	report_to = ends[1];
	cr_assert_eq(weft_init(&io, &(struct weft_options){.on_fatal = take_report}),
		     0);
	weft_async(io, &pending, nothing, NULL, 0, NULL);
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
		char report[200] = "";
		pid_t child = fork();
		if (child == 0) {
			(void)signal(SIGABRT, SIG_DFL);
			fatal[i](io);
			_exit(0);
		}
		int status = status_of(child);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		cr_assert_gt(read(ends[0], report, sizeof report - 1), 0);
		cr_assert(strstr(report, "child of fork") != NULL);
	}
	weft_await(io, &pending);
	end(io);
}

/* ---- exec ---- */

/* Those of the runtime's own; Criterion's are there before. */
Test(forks, inherit_nothing_of_the_runtime_by_exec)
{
	enum { SMALL = 256 };
	bool was_open[SMALL];
	int own = 0;
	for (int fd = 0; fd < SMALL; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	struct weft *io = begin(4);
	expect_alive(io);
	for (int fd = 0; fd < SMALL; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (was_open[fd] || flags < 0)
			continue;
		own++;
		cr_assert(flags & FD_CLOEXEC);
	}
	cr_assert_geq(own, 1);
	pid_t child = fork();
	if (child == 0) {
		(void)execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
		_exit(1);
	}
	int status = status_of(child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	expect_alive(io);
	end(io);
}

/* ---- signals that fibers wait for ---- */

/* In the child they are what the program had set: by default they end it. */
Test(forks, have_the_programs_signals)
{
#if defined(ANNOTATE_TSAN)
	cr_skip_test("TSan keeps a signal that is raised in a handler");
#endif
	struct weft *io = begin(2);
	const int number = SIGUSR1;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &set, NULL),
		     0); /* until it is waited for */
	cr_assert_eq(kill(getpid(), number), 0);
	cr_assert_eq(weft_signal_wait(io, &number, 1), number);
	pid_t child = fork();
	if (child == 0) {
		(void)raise(SIGUSR1);
		_exit(0);
	}
	int status = status_of(child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	cr_assert_eq(kill(getpid(), SIGUSR1), 0);
	cr_assert_eq(weft_signal_wait(io, &number, 1), number);
	end(io);
}

/* ---- in the middle of everything ---- */

static _Atomic bool stops;

static void play(struct weft *io, const void *context, void *result)
{
	const int *ends = context;
	char byte = 0;
	(void)result;
	while (!atomic_load(&stops)) {
		cr_assert_eq(weft_write(io, ends[1], &byte, 1), 1);
		weft_yield(io);
		cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
	}
}

TEST_OF_CREWS(forks, while_others_run)
{
	enum { PLAYERS = 6, FORKS = 30 };
	struct weft_future players[PLAYERS];
	struct weft_foreign foreign;
	int ends[2];
	open_pipe(io, ends);
	cr_assert_eq(weft_attach(io, &foreign), 0);
	atomic_store(&stops, false);
	for (int i = 0; i < PLAYERS; i++)
		weft_async(io, &players[i], play, ends, sizeof ends, NULL);
	for (int i = 0; i < FORKS; i++) {
		weft_yield(io);
		pid_t child = fork();
		if (child == 0) {
			expect_orphaned(io, &foreign);
			_exit(0);
		}
		cr_assert_eq(status_of(child), 0);
	}
	atomic_store(&stops, true);
	for (int i = 0; i < PLAYERS; i++)
		weft_await(io, &players[i]);
	cr_assert_eq(weft_detach(&foreign), 0);
	close_both(io, ends);
}
