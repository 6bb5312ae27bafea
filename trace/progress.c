#include "trace/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/system.h"

#define FIRST_NS UINT64_C(1000000000)
#define EVERY_NS UINT64_C(200000000)
#define WIDTH    60 /* columns that are erased */

void progress_start(struct progress *progress, const char *what, uint64_t total,
		    bool always)
{
	*progress = (struct progress){.what = what,
				      .total = total,
				      .next_ns = system_monotonic_ns() + FIRST_NS,
				      .on = always || isatty(STDERR_FILENO)};
}

void progress_show(struct progress *progress, uint64_t done)
{
	uint64_t now = system_monotonic_ns();
	if (now < progress->next_ns)
		return;
	uint64_t percent = progress->total ? done * 100 / progress->total : 100;
	progress->next_ns = now + EVERY_NS;
	progress->shown = true;
	fprintf(stderr, "\r%s %" PRIu64 "%% of %" PRIu64 " records", progress->what,
		percent, progress->total);
}

void progress_erase(struct progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r%*s\r", WIDTH, "");
	progress->shown = false;
}
