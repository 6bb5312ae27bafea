/* progress.h: how far a long command has come, on standard error.
 *
 * Nothing is shown before a second has passed, and what was shown is erased at the end:
 * the answer stands alone. */
#ifndef WEFT_TRACE_PROGRESS_H
#define WEFT_TRACE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "checked" */
	uint64_t total;
	uint64_t next_ns; /* when the next line is due */
	bool on, shown;
};

/* Starts one that is shown if standard error is a terminal, or `always`. `what` is a static
 * text. */
void progress_start(struct progress *progress, const char *what, uint64_t total,
		    bool always);

/* `done` of the total is done. Cheap: it may be called for each record. */
void progress_show(struct progress *progress, uint64_t done);
void progress_erase(struct progress *progress);

static inline void progress_step(struct progress *progress, uint64_t done)
{
	if (progress->on && (done & 0xFFFF) == 0)
		progress_show(progress, done);
}

#endif
