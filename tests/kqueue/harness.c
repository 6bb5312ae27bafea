#include "tests/kqueue/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/system.h"

/* A hang; every test takes a few seconds at most, on a slow machine too. */
#define WATCHDOG_NS   UINT64_C(120000000000)
#define LOOK_EVERY_NS 2000000

enum { FAILED = 1, SKIPPED = 77 };

int harness_report = -1;

_Noreturn void harness_fail(const char *file, int line, const char *what)
{
	printf("%s:%d: %s\n", file, line, what);
	(void)fflush(stdout);
	_exit(FAILED);
}

void harness_equal(const char *file, int line, const char *what, long long found,
		   long long wanted)
{
	char text[200];
	if (found == wanted)
		return;
	(void)snprintf(text, sizeof text, "%s is %lld, not %lld", what, found, wanted);
	harness_fail(file, line, text);
}

_Noreturn void harness_skip(const char *reason)
{
	printf("skipped: %s: ", reason);
	(void)fflush(stdout);
	_exit(SKIPPED);
}

void harness_take_report(const char *report, size_t length)
{
	(void)system_write_all(harness_report, report, length);
}

static pid_t start(void (*function)(void *argument), void *argument)
{
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		function(argument);
		(void)fflush(stdout);
		exit(0); /* not _exit: sanitizers look for leaks at the end */
	}
	if (child < 0) {
		puts("no process can be started");
		exit(2);
	}
	return child;
}

int harness_child(void (*function)(void *argument), void *argument, char *report,
		  size_t size)
{
	int ends[2], status = 0;
	size_t length = 0;
	check(pipe(ends) == 0);
	harness_report = ends[1];
	pid_t child = start(function, argument);
	check_equal(system_close(ends[1]), 0);
	for (ssize_t got; length < size - 1 && (got = read(ends[0], report + length,
							   size - 1 - length)) > 0;)
		length += (size_t)got;
	report[length] = '\0';
	check_equal(waitpid(child, &status, 0), child);
	check_equal(system_close(ends[0]), 0);
	return status;
}

/* ---- running them ---- */

static void run_test(void *argument)
{
	const struct test *test = argument;
	test->run();
}

/* The wait status; -1 for one that had to be killed. */
static int wait_for(pid_t child)
{
	const struct timespec pause = {0, LOOK_EVERY_NS};
	uint64_t until = system_monotonic_ns() + WATCHDOG_NS;
	int status;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (system_monotonic_ns() > until) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, &status, 0);
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return status;
}

static int passed, failed, skipped;

static void count(const struct test *test, int status)
{
	int signal = status != -1 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int code = status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
	if (code == SKIPPED) {
		skipped++;
		printf("%s\n", test->name);
	} else if (signal == test->signal && (signal || code == 0)) {
		passed++;
	} else {
		failed++;
		printf("FAILED %s: %s (exit %d, signal %d)\n", test->name,
		       status == -1 ? "it hung" : "it ended wrongly", code, signal);
	}
}

static void run_all(const struct test *tests, const char *only)
{
	for (const struct test *test = tests; test->name; test++) {
		if (only && strncmp(only, test->name, strlen(only)) != 0)
			continue;
		count(test, wait_for(start(run_test, (void *)(uintptr_t)test)));
	}
}

/* All tests, or those whose names begin with the given word. */
int main(int words, char **word)
{
	const struct test *const all[] = {
		base_tests,   context_tests, fiber_tests,     scheduler_tests,
		future_tests, poller_tests,  waitqueue_tests, waitqueue_io_tests};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		run_all(all[i], words > 1 ? word[1] : NULL);
	printf("%d passed, %d failed", passed, failed);
	printf(skipped ? ", %d skipped\n" : "\n", skipped);
	return failed > 0 || passed == 0;
}
