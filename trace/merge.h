/* merge.h: the records of all workers in one order.
 *
 * The clock never decides the order. A record comes after those before it in its
 * segment, and after the records with smaller numbers of the fibers it belongs to and of
 * the object it speaks of. Among records that may come next, the one with the smallest
 * tick does. Where the clock contradicts this order, the later tick is carried forward
 * and the repair is counted.
 *
 * A record that can never come next (a gap in a fiber's numbers, or a cycle) is let
 * through by tick and marked as forced. knot.h finds out what is in its way.
 *
 * In the window of a ring, a fiber or an object goes on from the smallest number that
 * the window has of it; from there on the same holds.
 *
 * Memory. A pass keeps a number for each fiber that has begun and not been recycled, a
 * bit or less for each that has, and a number for each object. It hands the pages behind
 * it back to the system. */
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
	bool forced;   /* no order of the numbers allows it here */
};

/* One number that a record has in the order of a fiber, or of an object. */
struct trace_place {
	uint32_t id; /* of the fiber or object */
	uint32_t number;
	bool object;
};

enum { TRACE_PLACES_MAX = 3 }; /* its fiber, its peer, its object */

/* Which numbers a record has: up to TRACE_PLACES_MAX; returns how many. */
uint32_t trace_places(const struct trace_file *file, const struct trace_record *record,
		      struct trace_place *places);

struct trace_merge; /* the state of one pass */

/* Starts a pass over `file`, which must outlive it. -ENOMEM. */
int trace_merge_open(struct trace_merge **merge, const struct trace_file *file);

/* Gives the next step; false at the end. -ENOMEM is reported as an end: ask
 * trace_merge_error. */
bool trace_merge_next(struct trace_merge *merge, struct trace_step *step);
int trace_merge_error(const struct trace_merge *merge);

/* How many ticks were carried forward so far. */
uint64_t trace_merge_repairs(const struct trace_merge *merge);

/* A record that cannot come next, and the number it waits for. */
struct trace_wait {
	uint32_t worker;
	uint64_t index;
	struct trace_place record; /* the number it has itself */
	uint32_t
		number; /* the one that must come first; its own: that one came already */
};

/* Where the pass stood when it first had to force a record. */
struct trace_stop {
	uint64_t next[TRACE_SEGMENTS_MAX]; /* the index of each segment's next record */
	struct trace_wait waits[TRACE_SEGMENTS_MAX * TRACE_PLACES_MAX];
	uint32_t count; /* of waits; 0: no record was forced so far */
};

/* The merge's; it lives until trace_merge_close. */
const struct trace_stop *trace_merge_stop(const struct trace_merge *merge);
void trace_merge_close(struct trace_merge *merge);

#endif
