/* status.h: how each live fiber stands, for a trace that keeps the end of a run only.
 *
 * A fiber that waits for long may have no record among those that are left of a ring. So at each
 * quarter of a ring its worker writes a STATUS for every fiber that is alive: also for those
 * that other workers run meanwhile.
 *
 * What it reads of such a fiber are three atomics that their owner writes when it records, and
 * never otherwise: the number of its life, a word of the count of its records and its state, and
 * its name. Why these belong together, though they are read one by one:
 *
 *   id, word, name, id again      are read in this order; both ids must be the same, A
 *   word of a later life than A   was stored after the later id: the second id would be that
 *   word of an earlier one        cannot be: A was stored after the last word of the life
 *                                 before, which says that it has finished; so the word is that,
 *                                 or of A; a finished fiber is left out
 *   name of a later life          as the word of one; or 0, which is no name
 *   name of an earlier one        cannot be: it became 0 before A was stored
 *   state and count               are one word, and change in one store, with the record
 *
 * So a STATUS never shows a state with the number of an earlier record. The record of that number
 * may still be on its way into the trace: the count is stored first.
 *
 * Rejected: a lock for each fiber, which every switch would take; asking each worker, which may
 * be busy for long; keeping a copy of all fibers in the file, a store for each switch.
 *
 * Includes: base, fiber, scheduler. */
#ifndef WEFT_SCHEDULER_STATUS_H
#define WEFT_SCHEDULER_STATUS_H

#include "scheduler/scheduler.h"

#if defined(WEFT_TRACING)

/* How a fiber stands, in a trace's terms. */
struct status {
	uint32_t fiber, name, last_sequence;
	uint8_t state;
};

/* Fills in `status` for a fiber that is alive and has a record; else returns false. Any thread
 * may ask about any slot. */
bool status_of(const struct fiber *fiber, struct status *status);

/* A trace_status_function; context: the struct weft. Goes on where it stopped the last time in
 * this segment. */
uint64_t status_write(void *context, struct trace_segment *segment, uint64_t room);

#endif

#endif
