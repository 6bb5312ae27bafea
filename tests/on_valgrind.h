/* on_valgrind.h: tests that valgrind cannot run. run.sh counts the uses, so that the number of
 * tests that must run is known there too. */
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

#endif
