/* on_valgrind.h: tests that valgrind, TSan, or the emulator qemu-user cannot run. run.sh counts the
 * uses of these macros, so that the number of tests that must run is known there too. */
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

#if defined(__SANITIZE_THREAD__)
#define ON_TSAN 1
#elif defined(__has_feature)
#define ON_TSAN __has_feature(thread_sanitizer)
#else
#define ON_TSAN 0
#endif

#define SKIP_ON_TSAN(reason)                                                           \
	do {                                                                           \
		if (ON_TSAN)                                                           \
			cr_skip_test(reason);                                          \
	} while (0)

/* Before a test that is to end by a signal or with a status: it would not end so if it skipped
 * itself, so run.sh has Criterion leave it out. */
#define LEFT_OUT_ON_VALGRIND(suite, name, reason) _Static_assert(1, reason)

/* make EMULATED=1 builds for the emulator. A test that has to end in a certain way is not
 * skipped but says .disabled = ON_EMULATOR. */
#if defined(EMULATED)
#define ON_EMULATOR 1
#else
#define ON_EMULATOR 0
#endif

#define SKIP_ON_EMULATOR(reason)                                                       \
	do {                                                                           \
		if (ON_EMULATOR)                                                       \
			cr_skip_test(reason);                                          \
	} while (0)

#endif
