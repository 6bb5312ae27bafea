/* slice.h: the few records that explain a failure, and what makes one come before another.
 *
 * Concepts. A record stands on lanes: its worker's, and those of the fibers and of the
 * object it belongs to. On each lane the order is certain. Two records are connected by
 * a chain of records, each on a lane with the next; the shortest chain explains best.
 *
 *   evidence -- slice_add --> nodes -- slice_connect --> nodes and edges
 *
 * slice_connect goes through the file once more, for all slices together. It keeps one
 * record a lane and search, and forgets a fiber's lane when the fiber is recycled. */
#ifndef WEFT_TRACE_SLICE_H
#define WEFT_TRACE_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/merge.h"

/* A step as it is remembered: where it stands, and nothing of what it says. */
struct moment {
	uint64_t number; /* 1 + the step's; 0: it never was */
	uint32_t index, worker;
};

enum {
	EVIDENCE_MAX = 6,
	SLICE_NODES_MAX = 16,
	SLICE_EDGES_MAX = 16,
};

struct slice_node {
	struct moment moment;
	bool evidence; /* not only a link between others */
};

/* `to` comes after `from`, both indexes of nodes: on the lane of that worker, fiber or
 * object. */
struct slice_edge {
	uint32_t from, to;
	enum slice_lane { LANE_FIBER, LANE_OBJECT, LANE_WORKER } lane;
	uint32_t id;
};

/* In the order of the steps; the last node is the record that fails. A slice of zeros is
 * empty. */
struct slice {
	struct slice_node nodes[SLICE_NODES_MAX];
	struct slice_edge edges[SLICE_EDGES_MAX];
	uint32_t node_count, edge_count;
};

struct moment moment_of(const struct trace_step *step);
const struct trace_record *moment_record(const struct trace_file *file,
					 const struct moment *moment);

/* Adds evidence in its place: nothing for one that never was or is there already, or
 * beyond EVIDENCE_MAX. Returns where it is, or NULL. */
struct slice_node *slice_add(struct slice *slice, const struct moment *moment);

/* Connects each piece of evidence to the one after it, or else to the last, by a chain of
 * records; where there is none, it stays alone. -ENOMEM. */
int slice_connect(const struct trace_file *file, struct slice *const *slices,
		  size_t count);

#endif
