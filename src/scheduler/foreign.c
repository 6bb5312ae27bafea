/* foreign.c: how a thread that runs no fiber of the runtime comes to it, and leaves.
 *
 * What it may do while it is attached, weft_submit, is in future.c, which knows how a fiber
 * begins. */
#include <errno.h> /* for the names of the constants */

#include "scheduler/scheduler.h"

static struct trace_segment *claim_segment(struct weft *io)
{
#if defined(WEFT_TRACING)
	return trace_claim_thread(io->trace, TRACE_FOREIGN);
#else
	(void)io;
	return NULL;
#endif
}

int weft_attach(struct weft *io, struct weft_foreign *foreign)
{
	if (!io)
		return -EINVAL;
	(void)fetch_add_relaxed(&io->foreign, 1); /* a count */
	*foreign = (struct weft_foreign){.io = io, .segment = claim_segment(io)};
	return 0;
}

int weft_detach(struct weft_foreign *foreign)
{
	struct weft *io = foreign->io;
	if (!io)
		return -EINVAL;
	*foreign = (struct weft_foreign){0};
	/* Release: what was submitted is counted before. Pairs with: look_around. */
	(void)fetch_add_release(&io->foreign, (uint32_t)-1);
	return 0;
}
