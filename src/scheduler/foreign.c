/* foreign.c: how a thread that runs no fiber of the runtime comes to it, and leaves.
 *
 * What it may do while it is attached, weft_submit, is in future.c, which knows how a fiber
 * begins. In a trace each has a segment; one that leaves hands it to the next. */
#include <errno.h> /* for the names of the constants */

#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)
static struct trace_segment *take_segment(struct weft *io)
{
	struct trace_segment *segment = NULL;
	lock_take(&io->foreign_lock);
	if (io->spare_count > 0)
		segment = io->spare[--io->spare_count];
	lock_give(&io->foreign_lock);
	return segment ? segment : trace_claim_thread(io->trace, TRACE_FOREIGN);
}

static void give_segment(struct weft *io, struct trace_segment *segment)
{
	lock_take(&io->foreign_lock);
	if (segment && io->spare_count < FOREIGN_SPARE)
		io->spare[io->spare_count++] = segment;
	lock_give(&io->foreign_lock);
}
#else
static struct trace_segment *take_segment(struct weft *io)
{
	(void)io;
	return NULL;
}

static void give_segment(struct weft *io, struct trace_segment *segment)
{
	(void)io, (void)segment;
}
#endif

int weft_attach(struct weft *io, struct weft_foreign *foreign)
{
	if (!io)
		return -EINVAL;
	if (scheduler_is_orphan())
		return -EOWNERDEAD;
	(void)fetch_add_relaxed(&io->foreign, 1); /* a count */
	*foreign = (struct weft_foreign){.io = io, .segment = take_segment(io)};
	return 0;
}

int weft_detach(struct weft_foreign *foreign)
{
	struct weft *io = foreign->io;
	if (!io)
		return -EINVAL;
	if (scheduler_is_orphan())
		return -EOWNERDEAD;
	give_segment(io, foreign->segment);
	*foreign = (struct weft_foreign){0};
	/* Release: what was submitted is counted before. Pairs with: look_around. */
	(void)fetch_add_release(&io->foreign, (uint32_t)-1);
	return 0;
}
