/* merge.c: a topological sort with one cursor a worker and one number a fiber or object.
 *
 * A cursor's head is free to go when it is the next of each fiber and of the object that
 * it belongs to. A cursor looks those up once, when it comes to a new head; a head that
 * is free stays so until it is taken. A step looks at the head of every worker that has
 * one: with the few workers that there are, that costs less than any heap.
 *
 *   waiting -- the number before its own was taken --> free -- take --> the next head
 *      |                                                        |
 *      '-- no head is free: the smallest tick is forced --------'
 *
 * Where a fiber is its own peer, as in a switch to itself, the record belongs to it
 * once, and its fiber sequence is its number.
 *
 * What comes after a fiber's RECYCLE has no place among its numbers any more: it is free,
 * and the checker says what is wrong with it.
 *
 * Rejected: sorting by tick and then repairing. The clocks of two cores can disagree by
 * more than a fiber needs to cross between them, and a repair would have to move a
 * whole stretch. */
#include "trace/merge.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>

#include "trace/fiber_table.h"
#include "trace/id_set.h"

#define NEVER         UINT64_MAX
#define NEEDS_NOTHING FIBER_NONE

/* The record's number among those of one fiber or object. */
struct need {
	uint32_t index; /* in the table, or NEEDS_NOTHING */
	uint32_t number;
};

/* Where the merge is in one segment. */
struct cursor {
	const struct trace_record *head; /* NULL at its end */
	uint64_t index, count;
	struct need needs[TRACE_PLACES_MAX]; /* the last is the object's */
};

/* What the schema says of one type. */
struct plan {
	uint8_t peer_number; /* enum schema_place; PLACES: it has none */
	bool object;
};

struct trace_merge {
	const struct trace_file *file;
	struct fiber_table fibers, objects; /* uint32_t: the last number of each */
	struct id_set recycled;
	struct plan plans[256];               /* by type */
	uint32_t active[TRACE_SEGMENTS_MAX];  /* segments with a head, in order */
	uint64_t free_at[TRACE_SEGMENTS_MAX]; /* of each: its tick, or NEVER */
	uint32_t active_count;
	struct cursor cursors[TRACE_SEGMENTS_MAX];
	uint64_t steps, repairs, tick;
	struct trace_stop stop;
	int error;
};

/* ---- the numbers of a record ---- */

static struct plan plan_of(const struct schema_event *event)
{
	return (struct plan){.peer_number = (uint8_t)schema_peer_sequence(event),
			     .object = schema_has_object(event)};
}

static bool has_peer(struct plan plan, const struct trace_record *record)
{
	return plan.peer_number != PLACES && record->peer != 0 &&
	       record->peer != record->fiber;
}

static bool has_object(struct plan plan, const struct trace_record *record)
{
	return plan.object && record->value >> 32 != 0;
}

static uint32_t peer_number(struct plan plan, const struct trace_record *record)
{
	return (uint32_t)(plan.peer_number == PLACE_HIGH ? record->value >> 32
							 : record->value);
}

static uint32_t list_places(struct plan plan, const struct trace_record *record,
			    struct trace_place *places)
{
	uint32_t count = 0;
	if (record->fiber)
		places[count++] = (struct trace_place){record->fiber,
						       record->fiber_sequence, false};
	if (has_peer(plan, record))
		places[count++] = (struct trace_place){
			record->peer, peer_number(plan, record), false};
	if (has_object(plan, record))
		places[count++] = (struct trace_place){(uint32_t)(record->value >> 32),
						       (uint32_t)record->value, true};
	return count;
}

uint32_t trace_places(const struct trace_file *file, const struct trace_record *record,
		      struct trace_place *places)
{
	return list_places(plan_of(&file->schema.events[record->type]), record, places);
}

/* ---- what was taken last ---- */

static uint32_t *last_of(const struct trace_merge *merge, uint32_t slot, uint32_t index)
{
	bool object = slot + 1 == TRACE_PLACES_MAX;
	return fiber_table_at(object ? &merge->objects : &merge->fibers, index);
}

static uint32_t find(struct trace_merge *merge, struct fiber_table *table, uint32_t id)
{
	uint32_t index = fiber_table_index(table, id);
	if (index == FIBER_NONE)
		merge->error = -ENOMEM;
	return index;
}

/* Its index, or NEEDS_NOTHING for one that was recycled. */
static uint32_t find_fiber(struct trace_merge *merge, uint32_t fiber)
{
	uint32_t index = fiber_table_find(&merge->fibers, fiber);
	if (index != FIBER_NONE)
		return index;
	return id_set_has(&merge->recycled, fiber) ? NEEDS_NOTHING
						   : find(merge, &merge->fibers, fiber);
}

/* Forgets a fiber that has come to its end, and who still waits for it is free. */
static void recycle(struct trace_merge *merge, uint32_t fiber)
{
	uint32_t index = fiber_table_find(&merge->fibers, fiber);
	if (index == FIBER_NONE)
		return;
	for (uint32_t i = 0; i < merge->active_count; i++) {
		struct need *needs = merge->cursors[merge->active[i]].needs;
		for (int slot = 0; slot + 1 < TRACE_PLACES_MAX; slot++)
			if (needs[slot].index == index)
				needs[slot].index = NEEDS_NOTHING;
	}
	fiber_table_remove(&merge->fibers, fiber);
	if (id_set_add(&merge->recycled, fiber) != 0)
		merge->error = -ENOMEM;
}

/* ---- cursors ---- */

/* The cursor of `worker` has come to its `index`th record. */
static void arrive(struct trace_merge *merge, uint32_t worker)
{
	struct cursor *cursor = &merge->cursors[worker];
	for (int slot = 0; slot < TRACE_PLACES_MAX; slot++)
		cursor->needs[slot].index = NEEDS_NOTHING;
	if (cursor->index == cursor->count) {
		cursor->head = NULL;
		return;
	}
	const struct trace_record *head = cursor->head;
	struct plan plan = merge->plans[head->type];
	if (head->fiber)
		cursor->needs[0] = (struct need){find_fiber(merge, head->fiber),
						 head->fiber_sequence};
	if (has_peer(plan, head))
		cursor->needs[1] = (struct need){find_fiber(merge, head->peer),
						 peer_number(plan, head)};
	if (has_object(plan, head))
		cursor->needs[2] = (struct need){
			find(merge, &merge->objects, (uint32_t)(head->value >> 32)),
			(uint32_t)head->value};
	trace_file_pass(merge->file, worker, cursor->index);
}

static bool is_met(const struct trace_merge *merge, uint32_t slot, struct need need)
{
	return need.index == NEEDS_NOTHING ||
	       *last_of(merge, slot, need.index) + 1 == need.number;
}

/* Whether the head is the next record of each fiber and object it belongs to. */
static bool is_free(const struct trace_merge *merge, const struct cursor *cursor)
{
	return is_met(merge, 0, cursor->needs[0]) &&
	       is_met(merge, 1, cursor->needs[1]) && is_met(merge, 2, cursor->needs[2]);
}

/* ---- which comes next ---- */

/* A head whose tick is NEVER goes one before it. */
static uint64_t free_tick(const struct cursor *cursor)
{
	return cursor->head->tick < NEVER ? cursor->head->tick : NEVER - 1;
}

/* The place in `active` of the free head with the smallest tick, or active_count. */
static uint32_t choose_free(struct trace_merge *merge)
{
	uint32_t best = merge->active_count;
	uint64_t best_tick = NEVER;
	for (uint32_t i = 0; i < merge->active_count; i++) {
		if (merge->free_at[i] == NEVER) {
			const struct cursor *cursor = &merge->cursors[merge->active[i]];
			if (is_free(merge, cursor))
				merge->free_at[i] = free_tick(cursor);
		}
		if (merge->free_at[i] < best_tick) {
			best_tick = merge->free_at[i];
			best = i;
		}
	}
	return best;
}

/* The place of the head with the smallest tick of all. */
static uint32_t choose_any(const struct trace_merge *merge)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < merge->active_count; i++)
		if (merge->cursors[merge->active[i]].head->tick <
		    merge->cursors[merge->active[best]].head->tick)
			best = i;
	return best;
}

/* Two records with one number can be free together. The second, once the first is taken,
 * waits for what will never come. */
static uint32_t choose(struct trace_merge *merge, bool *forced)
{
	for (;;) {
		uint32_t place = choose_free(merge);
		*forced = place == merge->active_count;
		if (*forced)
			return choose_any(merge);
		if (is_free(merge, &merge->cursors[merge->active[place]]))
			return place;
		merge->free_at[place] = NEVER;
	}
}

/* ---- the first stop ---- */

static void note_waits(struct trace_merge *merge, uint32_t worker)
{
	const struct cursor *cursor = &merge->cursors[worker];
	struct trace_place places[TRACE_PLACES_MAX];
	uint32_t count =
		list_places(merge->plans[cursor->head->type], cursor->head, places);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = places[i].object                      ? 2
				: places[i].id == cursor->head->fiber ? 0
								      : 1;
		struct need need = cursor->needs[slot];
		if (is_met(merge, slot, need))
			continue;
		/* Numbers begin with 1, so a 0 is none that came already. */
		uint32_t next = *last_of(merge, slot, need.index) + 1;
		bool came = need.number != 0 && need.number < next;
		merge->stop.waits[merge->stop.count++] =
			(struct trace_wait){.worker = worker,
					    .index = cursor->index,
					    .record = places[i],
					    .number = came ? need.number : next};
	}
}

static void note_stop(struct trace_merge *merge)
{
	for (uint32_t i = 0; i < trace_file_segments(merge->file); i++)
		merge->stop.next[i] = merge->cursors[i].index;
	for (uint32_t i = 0; i < merge->active_count; i++)
		note_waits(merge, merge->active[i]);
}

const struct trace_stop *trace_merge_stop(const struct trace_merge *merge)
{
	return &merge->stop;
}

/* ---- where a window begins ---- */

/* Calls `look` with each number of each record. */
static int each_place(struct trace_merge *merge,
		      int (*look)(struct trace_merge *merge, struct id_set *born,
				  struct trace_place place),
		      struct id_set born[2])
{
	struct trace_place places[TRACE_PLACES_MAX];
	for (uint32_t s = 0; s < trace_file_segments(merge->file); s++) {
		const struct trace_record *records = trace_file_records(merge->file, s);
		for (uint64_t i = 0; i < merge->file->heads[s]; i++) {
			trace_file_pass(merge->file, s, i);
			uint32_t count = list_places(merge->plans[records[i].type],
						     &records[i], places);
			for (uint32_t p = 0; p < count; p++) {
				int error =
					look(merge, &born[places[p].object], places[p]);
				if (error)
					return error;
			}
		}
	}
	return 0;
}

static int note_born(struct trace_merge *merge, struct id_set *born,
		     struct trace_place place)
{
	(void)merge;
	return place.number == 1 ? id_set_add(born, place.id) : 0;
}

/* One that is not born in the window goes on from the smallest number that is there. */
static int note_first(struct trace_merge *merge, struct id_set *born,
		      struct trace_place place)
{
	struct fiber_table *table = place.object ? &merge->objects : &merge->fibers;
	if (id_set_has(born, place.id))
		return 0;
	bool met = fiber_table_find(table, place.id) != FIBER_NONE;
	uint32_t index = find(merge, table, place.id);
	if (index == FIBER_NONE)
		return merge->error;
	uint32_t *last = fiber_table_at(table, index);
	if (!met || place.number - 1 < *last)
		*last = place.number - 1;
	return 0;
}

/* Two passes, so that only what was alive at the beginning takes room. */
static int find_beginnings(struct trace_merge *merge)
{
	struct id_set born[2] = {{.count = 0}, {.count = 0}}; /* fibers, objects */
	int error = each_place(merge, note_born, born);
	if (!error)
		error = each_place(merge, note_first, born);
	id_set_free(&born[0]);
	id_set_free(&born[1]);
	return error;
}

/* ---- a pass ---- */

static void start(struct trace_merge *merge, uint32_t worker)
{
	struct cursor *cursor = &merge->cursors[worker];
	cursor->count = merge->file->heads[worker];
	cursor->head = trace_file_records(merge->file, worker);
	arrive(merge, worker);
	if (!cursor->head)
		return;
	merge->free_at[merge->active_count] = NEVER;
	merge->active[merge->active_count++] = worker;
}

int trace_merge_open(struct trace_merge **result, const struct trace_file *file)
{
	struct trace_merge *merge = calloc(1, sizeof *merge);
	*result = merge;
	if (!merge)
		return -ENOMEM;
	merge->file = file;
	fiber_table_init(&merge->fibers, sizeof(uint32_t));
	fiber_table_init(&merge->objects, sizeof(uint32_t));
	for (int type = 0; type < 256; type++)
		merge->plans[type] = plan_of(&file->schema.events[type]);
	if (trace_file_is_window(file))
		merge->error = find_beginnings(merge);
	for (uint32_t i = 0; i < trace_file_segments(file); i++)
		start(merge, i);
	if (!merge->error)
		return 0;
	trace_merge_close(merge);
	*result = NULL;
	return -ENOMEM;
}

/* The segment at that place of `active` has come to its end. */
static void deactivate(struct trace_merge *merge, uint32_t place)
{
	uint32_t behind = --merge->active_count - place;
	memmove(&merge->active[place], &merge->active[place + 1],
		behind * sizeof merge->active[0]);
	memmove(&merge->free_at[place], &merge->free_at[place + 1],
		behind * sizeof merge->free_at[0]);
}

/* Goes on behind the head. A forced one also sets what its fibers are expected to go on
 * with. */
static void advance(struct trace_merge *merge, uint32_t place)
{
	uint32_t worker = merge->active[place];
	struct cursor *cursor = &merge->cursors[worker];
	for (uint32_t slot = 0; slot < TRACE_PLACES_MAX; slot++)
		if (cursor->needs[slot].index != NEEDS_NOTHING)
			*last_of(merge, slot, cursor->needs[slot].index) =
				cursor->needs[slot].number;
	if (cursor->head->type == TRACE_RECYCLE)
		recycle(merge, cursor->head->fiber);
	cursor->index++;
	cursor->head++;
	arrive(merge, worker);
	merge->free_at[place] = NEVER;
	if (!cursor->head)
		deactivate(merge, place);
}

bool trace_merge_next(struct trace_merge *merge, struct trace_step *step)
{
	bool forced;
	if (merge->error || merge->active_count == 0)
		return false;
	uint32_t place = choose(merge, &forced);
	const struct cursor *cursor = &merge->cursors[merge->active[place]];
	if (forced && merge->stop.count == 0)
		note_stop(merge);
	if (cursor->head->tick < merge->tick)
		merge->repairs++;
	else
		merge->tick = cursor->head->tick;
	*step = (struct trace_step){.record = cursor->head,
				    .worker = merge->active[place],
				    .index = cursor->index,
				    .number = merge->steps++,
				    .tick = merge->tick,
				    .forced = forced};
	advance(merge, place);
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
	fiber_table_free(&merge->fibers);
	fiber_table_free(&merge->objects);
	id_set_free(&merge->recycled);
	free(merge);
}
