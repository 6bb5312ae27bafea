/* test_assert.c: a broken assertion is reported once, through the hook, and aborts. */
#include "base/assert.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/on_valgrind.h"

enum { REPORT_SIZE = 4096 };

/* The pipe's end that the reports of a dying child go to. */
static int report_end;

static void write_to_pipe(const char *report, size_t length)
{
	cr_assert_eq(write(report_end, report, length), (ssize_t)length);
}

static void write_nothing(const char *report, size_t length)
{
	(void)report;
	(void)length;
}

/* Runs `fail` in a child, which must abort, and reads what it wrote to its end of a
 * pipe. */
static size_t report_of(void (*fail)(void), char report[REPORT_SIZE])
{
	int ends[2], status;
	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		report_end = ends[1];
		signal(SIGABRT,
		       SIG_DFL); /* the test framework has a handler of its own */
		fail();
		_exit(0);
	}
	close(ends[1]);
	size_t length = 0;
	for (ssize_t got;
	     (got = read(ends[0], report + length, REPORT_SIZE - 1 - length)) > 0;)
		length += (size_t)got;
	report[length] = '\0';
	close(ends[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x",
		  status);
	return length;
}

static void break_an_assertion(void)
{
	base_set_fatal_hook(write_to_pipe);
	weft_assert(1 + 1 == 3);
}

Test(assert, the_report_says_what_and_where)
{
	char report[REPORT_SIZE], expected[REPORT_SIZE];
	report_of(break_an_assertion, report);
	const char *found = strstr(
		report, "weft: this must hold: 1 + 1 == 3 (break_an_assertion, ");
	cr_assert_eq(found, report);
	int line = atoi(strrchr(report, ':') + 1);
	snprintf(expected, sizeof expected, "%s:%d)\n", __FILE__, line);
	cr_assert(line > 0 && strstr(report, expected));
}

static void end_with_a_long_text(void)
{
	static char text[2 * REPORT_SIZE];
	memset(text, 'x', sizeof text - 1);
	base_set_fatal_hook(write_to_pipe);
	weft_fatal(text);
}

Test(assert, a_long_text_is_cut)
{
	char report[REPORT_SIZE];
	size_t length = report_of(end_with_a_long_text, report);
	cr_assert_eq(length, 511);
	cr_assert_eq(strncmp(report, "weft: xxxx", 10), 0);
	cr_assert_eq(report[510], '\n', "it is still a line");
}

static void end_with_the_default_hook(void)
{
	dup2(report_end, 2);
	base_set_fatal_hook(write_to_pipe);
	base_set_fatal_hook(NULL);
	base_fatal("the end", "function", "file.c", 7);
}

Test(assert, the_default_hook_writes_to_standard_error)
{
	SKIP_ON_EMULATOR("it writes to standard error too when its program aborts");
	char report[REPORT_SIZE];
	report_of(end_with_the_default_hook, report);
	cr_assert_str_eq(report, "weft: the end (function, file.c:7)\n");
}

Test(assert, the_hook_before_is_returned_and_can_be_restored)
{
	base_fatal_hook *standard = base_set_fatal_hook(write_to_pipe);
	cr_assert_neq(standard, (base_fatal_hook *)NULL);
	cr_assert_eq(base_set_fatal_hook(write_nothing), write_to_pipe);
	cr_assert_eq(base_set_fatal_hook(standard), write_nothing);
	cr_assert_eq(base_set_fatal_hook(NULL), standard);
	cr_assert_eq(base_set_fatal_hook(NULL), standard, "NULL is the default");
}

Test(assert, what_holds_is_evaluated_once)
{
	int evaluated = 0;
	weft_assert(++evaluated == 1);
	cr_assert_eq(evaluated, 1);
}
