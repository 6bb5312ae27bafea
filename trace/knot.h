/* knot.h: why the records of a trace have no order.
 *
 * Concepts. Where the merge stops, each worker's next record waits for a number of a fiber
 * or an object. Either no record has that number, or a record of its own has it a second
 * time, or the record that has it stands behind another worker's next one, which waits
 * as well. Follow that from worker to worker and some worker comes up again: a cycle. The
 * knot is the shortest of what is there.
 *
 *   missing   a record waits for a number that no record has
 *   twice     a record has a number that another one had before it
 *   cycle     each link's record waits for a number; the record that has it comes after
 *             the next link's record in the order of their worker, or is that one; the
 *             last link leads back to the first */
#ifndef WEFT_TRACE_KNOT_H
#define WEFT_TRACE_KNOT_H

#include "trace/merge.h"

enum trace_knot_kind { KNOT_NONE, KNOT_MISSING, KNOT_TWICE, KNOT_CYCLE };

/* A record that waits, and the one that has the number it waits for: not there where
 * the number is missing. */
struct trace_knot_link {
	struct trace_wait wait;
	uint32_t worker;
	uint64_t index;
};

struct trace_knot {
	enum trace_knot_kind kind;
	uint32_t count; /* of links; 1 unless it is a cycle */
	struct trace_knot_link links[TRACE_SEGMENTS_MAX];
};

/* Finds the knot at a merge's first stop: KNOT_NONE where it never stopped. Goes through
 * the file once more; -ENOMEM. */
int trace_knot_find(struct trace_knot *knot, const struct trace_file *file,
		    const struct trace_stop *stop);

#endif
