/* merge.h: the records of all workers in one order.
 *
 * The clock never decides the order. A record comes after those before it in its
 * segment, and after the records with smaller sequence numbers of the fibers it belongs
 * to. Among records that may come next, the one with the smallest tick does. Where the
 * clock contradicts this order, the later tick is carried forward and the repair is
 * counted.
 *
 * A record that can never come next (a gap in a fiber's sequence, or a cycle) is let
 * through by tick and marked as forced: the checker says what is wrong with it. */
#ifndef WEFT_TRACE_MERGE_H
#define WEFT_TRACE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/reader.h"

struct trace_step {
	const struct trace_record *record;
	uint32_t worker; /* index of its segment */
	uint64_t index;  /* its place in the segment */
	uint64_t number; /* its place in the merged order, from 0 */
	uint64_t tick; /* the record's, or a later one: never before the step before it
			*/
	bool forced;   /* no order of the fibers' sequences allows it here */
};

struct trace_merge; /* the state of one pass */

/* Starts a pass over `file`, which must outlive it. -ENOMEM. */
int trace_merge_open(struct trace_merge **merge, const struct trace_file *file);

/* Gives the next step; false at the end. -ENOMEM is reported as an end: ask
 * trace_merge_error. */
bool trace_merge_next(struct trace_merge *merge, struct trace_step *step);
int trace_merge_error(const struct trace_merge *merge);

/* How many ticks were carried forward so far. */
uint64_t trace_merge_repairs(const struct trace_merge *merge);
void trace_merge_close(struct trace_merge *merge);

#endif
