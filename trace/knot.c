/* knot.c: the waits of one stop are edges between workers; the shortest cycle is found by
 * a search in breadth from each worker. */
#include "trace/knot.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>

#include "trace/fiber_table.h"

#define NOT_FOUND UINT32_MAX

/* The waits that one fiber or object is the reason of. */
struct wanted {
	uint32_t first; /* 1 + the index of a wait; the next one is in `next` */
};

struct search {
	const struct trace_file *file;
	const struct trace_stop *stop;
	struct trace_knot_link *links; /* one a wait */
	uint32_t *next; /* 1 + the next wait for the same fiber or object */
	struct fiber_table wanted[2]; /* struct wanted, of fibers and of objects */
};

/* ---- who has the numbers ---- */

static int want(struct search *search, uint32_t wait)
{
	const struct trace_place *place = &search->stop->waits[wait].record;
	struct fiber_table *table = &search->wanted[place->object];
	uint32_t index = fiber_table_index(table, place->id);
	if (index == FIBER_NONE)
		return -ENOMEM;
	struct wanted *wanted = fiber_table_at(table, index);
	search->next[wait] = wanted->first;
	wanted->first = wait + 1;
	search->links[wait] = (struct trace_knot_link){
		.wait = search->stop->waits[wait], .worker = NOT_FOUND};
	return 0;
}

/* The first record with a number is the one that is meant. A number that came already is
 * looked for from the start; the others can only be further on. */
static void offer(struct search *search, struct trace_place place, uint32_t worker,
		  uint64_t at)
{
	struct fiber_table *table = &search->wanted[place.object];
	uint32_t index = fiber_table_find(table, place.id);
	if (index == FIBER_NONE)
		return;
	const struct wanted *wanted = fiber_table_at(table, index);
	for (uint32_t i = wanted->first; i; i = search->next[i - 1]) {
		struct trace_knot_link *link = &search->links[i - 1];
		bool twice = link->wait.number == link->wait.record.number;
		bool itself = link->wait.worker == worker && link->wait.index == at;
		bool ahead = at >= search->stop->next[worker];
		if (link->worker == NOT_FOUND && !itself && ahead != twice &&
		    place.number == link->wait.number) {
			link->worker = worker;
			link->index = at;
		}
	}
}

static void look_through(struct search *search)
{
	struct trace_place places[TRACE_PLACES_MAX];
	for (uint32_t s = 0; s < trace_file_segments(search->file); s++) {
		const struct trace_record *records =
			trace_file_records(search->file, s);
		for (uint64_t i = 0; i < search->file->heads[s]; i++) {
			uint32_t count =
				trace_places(search->file, &records[i], places);
			for (uint32_t p = 0; p < count; p++)
				offer(search, places[p], s, i);
		}
	}
}

static int find_holders(struct search *search)
{
	int error = 0;
	for (uint32_t i = 0; !error && i < search->stop->count; i++)
		error = want(search, i);
	if (!error)
		look_through(search);
	return error;
}

/* ---- the shortest ---- */

/* A link that is a knot by itself. */
static bool find_single(const struct search *search, struct trace_knot *knot)
{
	for (uint32_t i = 0; i < search->stop->count; i++) {
		const struct trace_knot_link *link = &search->links[i];
		bool twice = link->wait.number == link->wait.record.number;
		if (!twice && link->worker != NOT_FOUND)
			continue;
		knot->kind = twice ? KNOT_TWICE : KNOT_MISSING;
		knot->count = 1;
		knot->links[0] = *link;
		return true;
	}
	return false;
}

/* One search in breadth: which link first led to each worker. */
struct breadth {
	uint32_t link[TRACE_SEGMENTS_MAX]; /* NOT_FOUND: not met yet */
	uint32_t queue[TRACE_SEGMENTS_MAX];
	uint32_t queued;
};

/* Goes along all links of `worker`. Returns the one that leads to `goal`, or NOT_FOUND. */
static uint32_t spread(const struct search *search, struct breadth *breadth,
		       uint32_t worker, uint32_t goal)
{
	for (uint32_t i = 0; i < search->stop->count; i++) {
		const struct trace_knot_link *link = &search->links[i];
		if (link->wait.worker != worker)
			continue;
		if (link->worker == goal)
			return i;
		if (breadth->link[link->worker] != NOT_FOUND)
			continue;
		breadth->link[link->worker] = i;
		breadth->queue[breadth->queued++] = link->worker;
	}
	return NOT_FOUND;
}

/* The links from `goal` to the one that closes the cycle, if they are fewer than the
 * knot has. */
static void keep_shorter(const struct search *search, const struct breadth *breadth,
			 uint32_t closing, uint32_t goal, struct trace_knot *knot)
{
	uint32_t count = 1;
	for (uint32_t at = search->links[closing].wait.worker; at != goal; count++)
		at = search->links[breadth->link[at]].wait.worker;
	if (knot->kind == KNOT_CYCLE && knot->count <= count)
		return;
	knot->kind = KNOT_CYCLE;
	knot->count = count;
	for (uint32_t i = count, link = closing; i-- > 0;) {
		knot->links[i] = search->links[link];
		link = i > 0 ? breadth->link[search->links[link].wait.worker] : link;
	}
}

/* The shortest cycle through `goal`. */
static void find_cycle(const struct search *search, uint32_t goal,
		       struct trace_knot *knot)
{
	struct breadth breadth = {.queue = {goal}, .queued = 1};
	for (uint32_t i = 0; i < TRACE_SEGMENTS_MAX; i++)
		breadth.link[i] = NOT_FOUND;
	for (uint32_t i = 0; i < breadth.queued; i++) {
		uint32_t closing = spread(search, &breadth, breadth.queue[i], goal);
		if (closing == NOT_FOUND)
			continue;
		keep_shorter(search, &breadth, closing, goal, knot);
		return;
	}
}

int trace_knot_find(struct trace_knot *knot, const struct trace_file *file,
		    const struct trace_stop *stop)
{
	struct search search = {.file = file, .stop = stop};
	knot->kind = KNOT_NONE;
	knot->count = 0;
	if (stop->count == 0)
		return 0;
	fiber_table_init(&search.wanted[0], sizeof(struct wanted));
	fiber_table_init(&search.wanted[1], sizeof(struct wanted));
	search.links = calloc(stop->count, sizeof *search.links);
	search.next = calloc(stop->count, sizeof *search.next);
	int error = search.links && search.next ? find_holders(&search) : -ENOMEM;
	if (!error && !find_single(&search, knot))
		for (uint32_t i = 0; i < trace_file_segments(file); i++)
			find_cycle(&search, i, knot);
	fiber_table_free(&search.wanted[0]);
	fiber_table_free(&search.wanted[1]);
	free(search.links);
	free(search.next);
	return error;
}
