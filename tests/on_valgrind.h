/* on_valgrind.h: tests that valgrind cannot run. run.sh counts the uses of both macros, so that
 * the number of tests that must run is known there too. */
#ifndef WEFT_TESTS_ON_VALGRIND_H
#define WEFT_TESTS_ON_VALGRIND_H

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#if !defined(RUNNING_ON_VALGRIND)
#define RUNNING_ON_VALGRIND 0
#endif

#define SKIP_ON_VALGRIND(reason)                                                       \
	do {                                                                           \
		if (RUNNING_ON_VALGRIND)                                               \
			cr_skip_test(reason);                                          \
	} while (0)

/* Before a test that is to end by a signal or with a status: it would not end so if it skipped
 * itself, so run.sh has Criterion leave it out. */
#define LEFT_OUT_ON_VALGRIND(suite, name, reason) _Static_assert(1, reason)

#endif
