/* waiting.c: see waiting.h. */
#include "waitqueue/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "waitqueue/deadline.h"

/* A timer for each fiber that there can be, the workers' own among them. */
#define TIMERS_MAX ((size_t)SLABS_MAX * SLAB_SLOTS + WORKERS_MAX)
#define HEAP_SKEW  3 /* entries before place 0, so that siblings share a line */
#define HEAP_SIZE  ((TIMERS_MAX + HEAP_SKEW) * sizeof(struct timer_entry))

/* ---- the hooks, which are set a moment before it is made: see struct scheduler_hooks ---- */

/* NULL before the first wait. */
static struct waiting *made_of(struct weft *io)
{
	/* Acquire: it is filled in. Pairs with: waiting_of. */
	struct waiting *waiting = load_acquire(&io->waiting);
	annotate_acquire(&io->waiting);
	return waiting;
}

static uint64_t next_deadline(struct weft *io)
{
	struct waiting *waiting = made_of(io);
	if (!waiting)
		return UINT64_MAX;
	uint64_t timers = deadline_next(io, waiting);
	uint64_t signals = signals_next(&waiting->signals);
	return timers < signals ? timers : signals;
}

static void expire(struct worker *worker, uint64_t now_ns)
{
	struct waiting *waiting = made_of(worker->io);
	deadline_expire(worker, waiting, now_ns);
	signals_expire(worker->io, &waiting->signals);
}

static void tell_left(struct weft *io)
{
	struct waiting *waiting = made_of(io);
	uint32_t calls = waiting ? offload_running(&waiting->offload) : 0;
	if (calls > 0)
		scheduler_tell_left(io, "; %u offloaded %s running", calls,
				    calls == 1 ? "call is" : "calls are");
}

static void free_heaps(struct weft *io, struct waiting *waiting)
{
	for (uint32_t i = 0; i < io->workers; i++)
		if (waiting->heaps[i].entries)
			(void)system_unmap(waiting->heaps[i].entries - HEAP_SKEW,
					   HEAP_SIZE); /* it was mapped */
}

static void destroy(struct weft *io, struct waiting *waiting)
{
	offload_close(io, &waiting->offload);
	free_heaps(io, waiting);
	descriptors_free(&waiting->descriptors);
	free(waiting);
}

static void close_waits(struct weft *io)
{
	struct waiting *waiting = made_of(io);
	if (!waiting)
		return;
	signals_close(io);
	destroy(io, waiting);
}

static const struct scheduler_hooks hooks = {
	.deliver = descriptor_deliver,
	.next_deadline = next_deadline,
	.expire = expire,
	.tell_left = tell_left,
	.close = close_waits,
};

/* ---- making it ---- */

static int make_heap(struct timer_heap *heap)
{
	void *memory;
	int error = system_map_anonymous(HEAP_SIZE, &memory);
	if (error)
		return error;
	heap->entries = (struct timer_entry *)memory + HEAP_SKEW;
	/* Relaxed: nobody else sees it yet. */
	store_relaxed(&heap->earliest_ns, TIMER_NEVER);
	return 0;
}

static struct waiting *make(struct weft *io)
{
	size_t size = sizeof(struct waiting) + io->workers * sizeof(struct timer_heap);
	struct waiting *waiting = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!waiting)
		return NULL;
	memset(waiting, 0, size);
	waiting->signals.queue.home.what = WAIT_SIGNAL;
	int error = 0;
	for (uint32_t i = 0; i < io->workers && !error; i++)
		error = make_heap(&waiting->heaps[i]);
	if (!error)
		error = offload_init(&waiting->offload);
	if (!error)
		return waiting;
	free_heaps(io, waiting);
	free(waiting);
	return NULL;
}

struct waiting *waiting_of(struct weft *io)
{
	struct waiting *waiting = made_of(io);
	if (waiting)
		return waiting;
	struct waiting *there = NULL;
	waiting = make(io);
	if (!waiting)
		return NULL;
	scheduler_set_hooks(io, &hooks); /* before anybody has a deadline */
	annotate_release(&io->waiting);
	/* Release: who finds it finds it filled in. Acquire: so do we, if another was faster.
	 * Pairs with: made_of. */
	if (cas_acq_rel(&io->waiting, &there, waiting))
		return waiting;
	annotate_acquire(&io->waiting);
	destroy(io, waiting);
	return there;
}
