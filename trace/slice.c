/* slice.c: the shortest chains between records, found in one pass over the merged order.
 *
 * A search begins at one record and looks for others. It keeps, for each lane that its
 * chains have reached, the last record of the shortest of them. A record in the merged
 * order extends the shortest chain of its lanes by itself and offers that to all of its
 * lanes. The order is topological, so a target's chain is the shortest when it comes.
 *
 * A record of a chain is a hop, which knows the hop before it. Hops are counted by those
 * that refer to them, since most are soon part of no chain any more.
 *
 * Rejected: keeping the neighbours of each record. The trace is larger than memory, and
 * a slice has a handful of records. */
#include "trace/slice.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>

#include "trace/fiber_table.h"

#define LANES_MAX (1 + TRACE_PLACES_MAX) /* of one record */

struct lane {
	enum slice_lane kind;
	uint32_t id;
};

struct hop {
	struct hop *before; /* NULL: the record where the search begins */
	struct lane lane;   /* from the one before to this */
	struct moment moment;
	uint32_t length; /* records before it in its chain */
	uint32_t references;
};

/* From one piece of evidence to the next, and to the last. */
struct search {
	struct slice *slice;
	struct moment from, to, last;
	bool over; /* its chain is found */
	struct hop *workers[TRACE_SEGMENTS_MAX];
	struct fiber_table others[2]; /* struct hop *: of fibers, of objects */
	struct hop *to_last;          /* a chain, in case there is none to `to` */
	struct hop *to_next;
};

struct moment moment_of(const struct trace_step *step)
{
	return (struct moment){.number = step->number + 1,
			       .index = (uint32_t)step->index,
			       .worker = step->worker};
}

const struct trace_record *moment_record(const struct trace_file *file,
					 const struct moment *moment)
{
	return trace_file_records(file, moment->worker) + moment->index;
}

/* ---- nodes ---- */

/* Puts a moment in its place. NULL when there is no room. */
static struct slice_node *insert(struct slice *slice, const struct moment *moment)
{
	uint32_t at = slice->node_count;
	for (uint32_t i = 0; i < slice->node_count; i++)
		if (slice->nodes[i].moment.number == moment->number)
			return &slice->nodes[i];
	if (slice->node_count == SLICE_NODES_MAX)
		return NULL;
	for (; at > 0 && slice->nodes[at - 1].moment.number > moment->number; at--)
		slice->nodes[at] = slice->nodes[at - 1];
	slice->nodes[at] = (struct slice_node){.moment = *moment};
	slice->node_count++;
	return &slice->nodes[at];
}

struct slice_node *slice_add(struct slice *slice, const struct moment *moment)
{
	if (moment->number == 0 || slice->node_count == EVIDENCE_MAX)
		return NULL;
	struct slice_node *node = insert(slice, moment);
	node->evidence = true;
	return node;
}

static uint32_t index_of(const struct slice *slice, const struct moment *moment)
{
	uint32_t at = 0;
	while (at < slice->node_count &&
	       slice->nodes[at].moment.number != moment->number)
		at++;
	return at;
}

/* ---- hops ---- */

static void release(struct hop *hop)
{
	while (hop && --hop->references == 0) {
		struct hop *before = hop->before;
		free(hop);
		hop = before;
	}
}

/* The new hop is referred to by whoever asked for it. */
static struct hop *extend(struct hop *before, struct lane lane, struct moment moment)
{
	struct hop *hop = malloc(sizeof *hop);
	if (!hop)
		return NULL;
	*hop = (struct hop){.before = before,
			    .lane = lane,
			    .moment = moment,
			    .length = before ? before->length + 1 : 0,
			    .references = 1};
	if (before)
		before->references++;
	return hop;
}

/* ---- lanes ---- */

/* The order of the lanes is that in which they are preferred. */
static uint32_t lanes_of(const struct trace_file *file, const struct trace_step *step,
			 struct lane *lanes)
{
	struct trace_place places[TRACE_PLACES_MAX];
	uint32_t count = trace_places(file, step->record, places);
	for (uint32_t i = 0; i < count; i++)
		lanes[i] = (struct lane){places[i].object ? LANE_OBJECT : LANE_FIBER,
					 places[i].id};
	lanes[count] = (struct lane){LANE_WORKER, step->worker};
	return count + 1;
}

/* Where the search keeps the end of the chain on that lane; NULL for a lane that no chain
 * has reached. */
static struct hop **end_on(struct search *search, struct lane lane)
{
	if (lane.kind == LANE_WORKER)
		return &search->workers[lane.id];
	struct fiber_table *table = &search->others[lane.kind == LANE_OBJECT];
	uint32_t index = fiber_table_find(table, lane.id);
	return index == FIBER_NONE ? NULL : fiber_table_at(table, index);
}

static int reach(struct search *search, struct lane lane, struct hop *hop)
{
	struct hop **end = end_on(search, lane);
	if (!end) {
		struct fiber_table *table = &search->others[lane.kind == LANE_OBJECT];
		uint32_t index = fiber_table_index(table, lane.id);
		if (index == FIBER_NONE)
			return -ENOMEM;
		end = fiber_table_at(table, index);
	}
	if (*end && (*end)->length <= hop->length)
		return 0;
	release(*end);
	*end = hop;
	hop->references++;
	return 0;
}

/* A fiber that is gone only takes room: nothing comes later on its lane, unless that is what
 * the search is about. */
static void leave(struct search *search, const struct trace_record *record,
		  struct moment now)
{
	struct hop **end = end_on(search, (struct lane){LANE_FIBER, record->fiber});
	if (record->type != TRACE_RECYCLE || !end || now.number == search->from.number)
		return;
	release(*end);
	fiber_table_remove(&search->others[0], record->fiber);
}

/* ---- one step of a search ---- */

/* The hop for this record at the end of the shortest chain of its lanes. *hop is NULL
 * where no chain reaches it, or where a longer chain would help nobody. */
static int find_hop(struct search *search, const struct lane *lanes, uint32_t count,
		    struct moment now, struct hop **hop)
{
	struct hop *best = NULL;
	struct lane lane = lanes[0];
	*hop = NULL;
	for (uint32_t i = 0; i < count; i++) {
		struct hop **end = end_on(search, lanes[i]);
		if (end && *end && (!best || (*end)->length < best->length)) {
			best = *end;
			lane = lanes[i];
		}
	}
	bool begins = now.number == search->from.number;
	if (!begins && (!best || best->length + 1 >= SLICE_NODES_MAX))
		return 0;
	*hop = extend(begins ? NULL : best, lane, now);
	return *hop ? 0 : -ENOMEM;
}

static int look_step(struct search *search, const struct trace_file *file,
		     const struct trace_step *step)
{
	struct moment now = moment_of(step);
	struct lane lanes[LANES_MAX];
	struct hop *hop;
	if (search->over || now.number < search->from.number)
		return 0;
	uint32_t count = lanes_of(file, step, lanes);
	int error = find_hop(search, lanes, count, now, &hop);
	if (now.number == search->to.number)
		search->to_next = hop;
	else if (now.number == search->last.number)
		search->to_last = hop;
	else
		for (uint32_t i = 0; hop && !error && i < count; i++)
			error = reach(search, lanes[i], hop);
	search->over = search->to_next || now.number >= search->last.number;
	if (hop && hop != search->to_next && hop != search->to_last)
		release(hop);
	leave(search, step->record, now);
	return error;
}

/* ---- all searches ---- */

/* Puts the chain into the slice, unless it would not fit. */
static void keep_chain(struct slice *slice, const struct hop *chain)
{
	for (const struct hop *hop = chain; hop; hop = hop->before)
		if (!insert(slice, &hop->moment))
			return;
}

/* Nodes move while others are put in, so edges come when all nodes are there. */
static void keep_edges(struct slice *slice, const struct hop *chain)
{
	for (const struct hop *hop = chain; hop && hop->before; hop = hop->before) {
		struct slice_edge edge = {.from = index_of(slice, &hop->before->moment),
					  .to = index_of(slice, &hop->moment),
					  .lane = hop->lane.kind,
					  .id = hop->lane.id};
		bool there = edge.from == slice->node_count ||
			     edge.to == slice->node_count ||
			     slice->edge_count == SLICE_EDGES_MAX;
		for (uint32_t i = 0; i < slice->edge_count; i++)
			there = there || (slice->edges[i].from == edge.from &&
					  slice->edges[i].to == edge.to);
		if (!there)
			slice->edges[slice->edge_count++] = edge;
	}
}

/* One search for each piece of evidence but the last. */
static size_t plan_searches(struct search *searches, struct slice *const *slices,
			    size_t count)
{
	size_t planned = 0;
	for (size_t s = 0; s < count; s++) {
		const struct slice *slice = slices[s];
		for (uint32_t i = 0; i + 1 < slice->node_count; i++) {
			struct search *search = &searches[planned++];
			search->slice = slices[s];
			search->from = slice->nodes[i].moment;
			search->to = slice->nodes[i + 1].moment;
			search->last = slice->nodes[slice->node_count - 1].moment;
			fiber_table_init(&search->others[0], sizeof(struct hop *));
			fiber_table_init(&search->others[1], sizeof(struct hop *));
		}
	}
	return planned;
}

static int run_searches(const struct trace_file *file, struct search *searches,
			size_t count)
{
	struct trace_merge *merge;
	struct trace_step step;
	size_t over = 0;
	int error = count ? trace_merge_open(&merge, file) : 0;
	if (error || count == 0)
		return error;
	while (!error && over < count && trace_merge_next(merge, &step)) {
		over = 0;
		for (size_t i = 0; !error && i < count; i++) {
			error = look_step(&searches[i], file, &step);
			over += searches[i].over;
		}
	}
	if (!error)
		error = trace_merge_error(merge);
	trace_merge_close(merge);
	return error;
}

static void free_lanes(struct fiber_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (fiber_table_holds(table, i))
			release(*(struct hop **)fiber_table_at(table, i));
	fiber_table_free(table);
}

static void free_search(struct search *search)
{
	for (uint32_t i = 0; i < TRACE_SEGMENTS_MAX; i++)
		release(search->workers[i]);
	free_lanes(&search->others[0]);
	free_lanes(&search->others[1]);
	release(search->to_next);
	release(search->to_last);
}

static const struct hop *chain_of(const struct search *search)
{
	return search->to_next ? search->to_next : search->to_last;
}

int slice_connect(const struct trace_file *file, struct slice *const *slices,
		  size_t count)
{
	struct search *searches = calloc(count * EVIDENCE_MAX + 1, sizeof *searches);
	if (!searches)
		return -ENOMEM;
	size_t planned = plan_searches(searches, slices, count);
	int error = run_searches(file, searches, planned);
	for (size_t i = 0; !error && i < planned; i++)
		keep_chain(searches[i].slice, chain_of(&searches[i]));
	for (size_t i = 0; !error && i < planned; i++)
		keep_edges(searches[i].slice, chain_of(&searches[i]));
	for (size_t i = 0; i < planned; i++)
		free_search(&searches[i]);
	free(searches);
	return error;
}
