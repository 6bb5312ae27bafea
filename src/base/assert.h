/* assert.h: what must hold, checked in every build.
 *
 * An assertion is for a bug, never for what a system call answers: those are errors,
 * and errors are values. A broken assertion is reported once, through a hook that a
 * program may replace, and then the process aborts. */
#ifndef WEFT_BASE_ASSERT_H
#define WEFT_BASE_ASSERT_H

#include <stddef.h>

/* Receives the one-line report, `length` bytes with its newline, just before abort().
 * It may run on any stack and in a signal handler: only async-signal-safe calls. */
typedef void base_fatal_hook(const char *report, size_t length);

/* Installs `hook` for the whole process and returns the one before it; NULL installs
 * the default, which writes the report to descriptor 2 with one write(2). */
base_fatal_hook *base_set_fatal_hook(base_fatal_hook *hook);

/* Gives a whole line to the hook. Safe in a signal handler if the hook is. */
void base_report(const char *report, size_t length);

/* Reports "weft: what (function, file:line)" through the hook, then aborts. */
_Noreturn void base_fatal(const char *what, const char *function, const char *file,
			  int line);

#define weft_fatal(what) base_fatal((what), __func__, __FILE__, __LINE__)
#define weft_assert(holds)                                                             \
	((holds) ? (void)0                                                             \
		 : base_fatal("this must hold: " #holds, __func__, __FILE__,           \
			      __LINE__))

#endif
