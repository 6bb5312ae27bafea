/* harness.h: tests for a machine that has a C compiler and nothing else.
 *
 * Each test runs in a child process, under a watchdog, so that a crash or a hang is one failure
 * and not the end of the run. A test passes when its function returns; check() ends it when
 * something does not hold. A test that must be ended by a signal names it. */
#ifndef WEFT_TESTS_KQUEUE_HARNESS_H
#define WEFT_TESTS_KQUEUE_HARNESS_H

#include <stddef.h>

struct test {
	const char *name;
	void (*run)(void);
	int signal; /* that must end it; 0: it must return */
};

/* Each file's tests; the last one has no name. */
extern const struct test base_tests[], context_tests[], fiber_tests[],
	scheduler_tests[], future_tests[], poller_tests[], waitqueue_tests[],
	waitqueue_io_tests[];

/* Ends the test, from any thread and any stack, unless the condition holds. */
#define check(holds)                                                                   \
	((holds) ? (void)0                                                             \
		 : harness_fail(__FILE__, __LINE__, "this must hold: " #holds))

/* As check(found == wanted), of whole numbers, and says what they were. */
#define check_equal(found, wanted)                                                     \
	harness_equal(__FILE__, __LINE__, #found, (long long)(found),                  \
		      (long long)(wanted))

_Noreturn void harness_fail(const char *file, int line, const char *what);
void harness_equal(const char *file, int line, const char *what, long long found,
		   long long wanted);

/* Ends the test, which cannot be tried here. */
_Noreturn void harness_skip(const char *reason);

/* Has function(argument) run in a child and returns its wait status. What it writes to the
 * descriptor harness_report goes to `report`, of `size` bytes, as a string. */
int harness_child(void (*function)(void *argument), void *argument, char *report,
		  size_t size);
extern int harness_report;

/* A hook for the library's reports: writes them to harness_report. */
void harness_take_report(const char *report, size_t length);

#endif
