#include "scheduler/status.h"

#if defined(WEFT_TRACING)

_Static_assert(FIBER_NEW == (int)TRACE_state_NEW, "fiber.h: the trace's numbers");
_Static_assert(FIBER_READY == (int)TRACE_state_READY, "fiber.h: the trace's numbers");
_Static_assert(FIBER_RUNNING == (int)TRACE_state_RUNNING,
	       "fiber.h: the trace's numbers");
_Static_assert(FIBER_PARKED == (int)TRACE_state_PARKED, "fiber.h: the trace's numbers");
_Static_assert(FIBER_FINISHED == (int)TRACE_state_FINISHED,
	       "fiber.h: the trace's numbers");

#define LOOKS 4 /* slots that are looked at for each STATUS there is room for */

bool status_of(const struct fiber *fiber, struct status *status)
{
	/* Acquire, all three: what is read next is not older. Pairs with:
	 * fiber_count_first_record, fiber_count_record, fiber_set_traced_name. */
	uint32_t id = load_acquire(&fiber->identity.id);
	uint64_t word = load_acquire(&fiber->records.word);
	uint32_t name = load_acquire(&fiber->identity.name);
	uint8_t state = (uint8_t)word;
	*status = (struct status){id, name, (uint32_t)(word >> 32), state};
	/* Relaxed: the acquires before it make it new enough. */
	return id == load_relaxed(&fiber->identity.id) && state != FIBER_FREE &&
	       state != FIBER_FINISHED;
}

/* The workers' own fibers come first, then the slots. */
static const struct fiber *fiber_number(const struct weft *io, uint64_t number)
{
	if (number < io->workers)
		return &io->worker[number].thread_fiber;
	return slab_at(&io->slabs, number - io->workers);
}

uint64_t status_write(void *context, struct trace_segment *segment, uint64_t room)
{
	struct weft *io = context;
	uint64_t fibers = io->workers + slab_carved(&io->slabs);
	uint64_t looked = 0, written = 0;
	for (; looked < fibers && looked < LOOKS * room && written < room; looked++) {
		struct status status;
		uint64_t number = segment->status_next++ % fibers;
		if (!status_of(fiber_number(io, number), &status))
			continue;
		written++;
		TRACE(segment, STATUS, .arg = status.state, .peer = status.fiber,
		      .value = trace_pair(status.name, status.last_sequence));
	}
	uint64_t alive = scheduler_alive(io) + 1; /* with the main fiber */
	return looked == fibers || alive <= written ? 0 : alive - written;
}

#endif
