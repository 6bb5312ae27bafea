/* merge.c: a topological sort with one cursor a worker and one number a fiber.
 *
 * A cursor's head is free to go when it is the next of each fiber it belongs to. A step
 * looks at the head of every worker: with the few workers that there are, that costs
 * less than any heap. A cursor looks its fibers up once, when it comes to a new head.
 *
 * Where a fiber is its own peer, as in a switch to itself, the record belongs to it
 * once, and its fiber sequence is its number.
 *
 * Rejected: sorting by tick and then repairing. The clocks of two cores can disagree by
 * more than a fiber needs to cross between them, and a repair would have to move a
 * whole stretch. */
#include "trace/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/fiber_table.h"

/* Where the merge is in one segment. */
struct cursor {
	const struct trace_record *head; /* NULL at its end */
	uint64_t index, count;
	uint32_t fiber, peer; /* indexes of the head's fibers, or FIBER_NONE */
	uint32_t peer_number; /* its number among the peer's records */
};

struct trace_merge {
	const struct trace_file *file;
	struct fiber_table last; /* uint32_t: the number of each fiber's last record */
	struct cursor cursors[TRACE_SEGMENTS_MAX];
	uint8_t places[256]; /* of each type: schema_peer_sequence */
	uint64_t steps, repairs, tick;
	int error;
};

static uint32_t find(struct trace_merge *merge, uint32_t fiber)
{
	uint32_t index = fiber_table_index(&merge->last, fiber);
	if (index == FIBER_NONE)
		merge->error = -ENOMEM;
	return index;
}

static uint32_t *last_of(const struct trace_merge *merge, uint32_t index)
{
	return fiber_table_at(&merge->last, index);
}

/* The cursor of `worker` has come to its `index`th record. */
static void arrive(struct trace_merge *merge, uint32_t worker)
{
	struct cursor *cursor = &merge->cursors[worker];
	cursor->fiber = cursor->peer = FIBER_NONE;
	cursor->head = NULL;
	if (cursor->index == cursor->count)
		return;
	const struct trace_record *head =
		trace_file_records(merge->file, worker) + cursor->index;
	enum schema_place place = merge->places[head->type];
	cursor->head = head;
	if (head->fiber != 0)
		cursor->fiber = find(merge, head->fiber);
	if (place == PLACES || head->peer == 0 || head->peer == head->fiber)
		return;
	cursor->peer = find(merge, head->peer);
	cursor->peer_number =
		(uint32_t)(place == PLACE_HIGH ? head->value >> 32 : head->value);
}

/* Whether the head is the next record of each fiber it belongs to. */
static bool is_free(const struct trace_merge *merge, const struct cursor *cursor)
{
	if (cursor->fiber != FIBER_NONE &&
	    *last_of(merge, cursor->fiber) + 1 != cursor->head->fiber_sequence)
		return false;
	return cursor->peer == FIBER_NONE ||
	       *last_of(merge, cursor->peer) + 1 == cursor->peer_number;
}

/* The worker whose head comes next, the smallest tick among those that are free, or
 * among all where none is. Returns the number of segments at the end. */
static uint32_t choose(const struct trace_merge *merge, bool *forced)
{
	uint32_t segments = trace_file_segments(merge->file);
	uint32_t best[2] = {segments, segments};
	for (uint32_t i = 0; i < segments; i++) {
		const struct cursor *cursor = &merge->cursors[i];
		if (!cursor->head)
			continue;
		uint32_t *rival = &best[is_free(merge, cursor)];
		if (*rival == segments ||
		    cursor->head->tick < merge->cursors[*rival].head->tick)
			*rival = i;
	}
	*forced = best[1] == segments;
	return *forced ? best[0] : best[1];
}

int trace_merge_open(struct trace_merge **result, const struct trace_file *file)
{
	struct trace_merge *merge = calloc(1, sizeof *merge);
	*result = merge;
	if (!merge)
		return -ENOMEM;
	merge->file = file;
	fiber_table_init(&merge->last, sizeof(uint32_t));
	for (int type = 0; type < 256; type++)
		merge->places[type] =
			(uint8_t)schema_peer_sequence(&file->schema.events[type]);
	for (uint32_t i = 0; i < trace_file_segments(file); i++) {
		merge->cursors[i].count = file->heads[i];
		arrive(merge, i);
	}
	if (!merge->error)
		return 0;
	trace_merge_close(merge);
	*result = NULL;
	return -ENOMEM;
}

/* Fills in a step for the head of `worker`, and goes on behind it. A forced step also
 * sets what its fibers are expected to go on with. */
static void take(struct trace_merge *merge, uint32_t worker, struct trace_step *step)
{
	struct cursor *cursor = &merge->cursors[worker];
	step->record = cursor->head;
	step->worker = worker;
	step->index = cursor->index;
	step->number = merge->steps++;
	if (cursor->head->tick < merge->tick)
		merge->repairs++;
	else
		merge->tick = cursor->head->tick;
	step->tick = merge->tick;
	if (cursor->fiber != FIBER_NONE)
		*last_of(merge, cursor->fiber) = cursor->head->fiber_sequence;
	if (cursor->peer != FIBER_NONE)
		*last_of(merge, cursor->peer) = cursor->peer_number;
	cursor->index++;
	arrive(merge, worker);
}

bool trace_merge_next(struct trace_merge *merge, struct trace_step *step)
{
	if (merge->error)
		return false;
	bool forced;
	uint32_t worker = choose(merge, &forced);
	if (worker == trace_file_segments(merge->file))
		return false;
	take(merge, worker, step);
	step->forced = forced;
	return true;
}

int trace_merge_error(const struct trace_merge *merge)
{
	return merge->error;
}

uint64_t trace_merge_repairs(const struct trace_merge *merge)
{
	return merge->repairs;
}

void trace_merge_close(struct trace_merge *merge)
{
	if (!merge)
		return;
	fiber_table_free(&merge->last);
	free(merge);
}
