#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/system.h"

static void write_to_standard_error(const char *report, size_t length)
{
	(void)system_write_all(2, report, length); /* nobody is left to tell */
}

/* Any thread may replace it at any time. Relaxed: a hook is a function, and carries no
 * data that a reader would have to see with it. */
static base_fatal_hook *_Atomic fatal_hook = write_to_standard_error;

base_fatal_hook *base_set_fatal_hook(base_fatal_hook *hook)
{
	base_fatal_hook *old = load_relaxed(&fatal_hook);
	store_relaxed(&fatal_hook, hook ? hook : write_to_standard_error);
	return old;
}

void base_report(const char *report, size_t length)
{
	base_fatal_hook *hook = load_relaxed(&fatal_hook);
	hook(report, length);
}

_Noreturn void base_fatal(const char *what, const char *function, const char *file,
			  int line)
{
	char report[512];
	int length = snprintf(report, sizeof report, "weft: %s (%s, %s:%d)\n", what,
			      function, file, line);
	size_t size = length < 0 ? 0 : (size_t)length;
	if (size >= sizeof report) { /* it was cut: it is still a line */
		size = sizeof report - 1;
		report[size - 1] = '\n';
	}
	base_report(report, size);
	abort();
}
