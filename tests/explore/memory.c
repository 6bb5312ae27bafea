/* memory.c: atomic words, as C11 lets threads see them.
 *
 * Concepts. A location is an atomic word, from its first use in an execution on; it keeps all its
 * stores, in the order they were executed. A store carries what its writer knew and released: a
 * clock (which plain accesses happened before) and a view (for each location, the oldest store
 * that may still be read by whoever knows of this one). A thread has such knowledge three times:
 * what it knows now, what its last release fence gave out, and what its loads have met but no
 * acquire fence has taken in.
 *
 *   load    reads any store not older than the thread's view, strong memory: the newest. Acquire
 *           takes the store's knowledge in, any other order keeps it for a fence.
 *   store   becomes the newest; release gives all that the thread knows, any other order what the
 *           last release fence knew.
 *   change  (read-modify-write) reads the newest, and its store adds to the knowledge of that one:
 *           so a release sequence goes on through it.
 *   seq_cst has a view that all share: a store enters it, a load reads nothing older than what is
 *           in it, a fence takes it in and adds all that its thread knows.
 *
 * The word itself always holds the newest store, for whoever looks when no thread runs. */
#include <stdatomic.h>
#include <string.h>

#include "tests/explore/model.h"

struct store {
	uint64_t value;
	struct knowledge knowledge;
};

struct location {
	void *place;
	int size;  /* in bytes */
	int count; /* of stores; the first is what the word held when it was met */
	struct store stores[EXPLORER_STORES];
};

static struct location locations[EXPLORER_LOCATIONS];
static int location_count;
static uint8_t sequential_view[EXPLORER_LOCATIONS];
static bool weak;
static int stale_left, spurious_most; /* or EXPLORE_UNBOUNDED */
static bool read_older;

void memory_reset(bool weak_memory, int stale_reads, int spurious)
{
	location_count = 0;
	memset(sequential_view, 0, sizeof sequential_view);
	weak = weak_memory;
	stale_left = stale_reads;
	spurious_most = spurious;
}

bool memory_is_weak(void)
{
	return weak;
}

/* ---- knowledge ---- */

static void view_join(uint8_t *into, const uint8_t *from)
{
	for (int i = 0; i < location_count; i++)
		if (from[i] > into[i])
			into[i] = from[i];
}

void knowledge_join(struct knowledge *into, const struct knowledge *from)
{
	for (int i = 0; i < thread_count; i++)
		if (from->clock[i] > into->clock[i])
			into->clock[i] = from->clock[i];
	view_join(into->view, from->view);
}

static bool acquires(int order)
{
	return order == memory_order_consume || order == memory_order_acquire ||
	       order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool releases(int order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

/* What the running thread does from here on is not part of what it has given out. */
static void tick(void)
{
	thread_self()->now.clock[thread_running]++;
}

/* ---- locations ---- */

static uint64_t read_word(const struct location *location)
{
	uint64_t value = 0;
	memcpy(&value, location->place, (size_t)location->size);
	return value;
}

static int location_make(void *place, int size)
{
	if (location_count == EXPLORER_LOCATIONS)
		explore_fail("more than %d atomic words", EXPLORER_LOCATIONS);
	struct location *location = &locations[location_count];
	location->place = place;
	location->size = size;
	location->count = 1;
	memset(&location->stores[0], 0, sizeof location->stores[0]);
	location->stores[0].value = read_word(location);
	return location_count++;
}

int memory_location(void *place, int size)
{
	for (int i = 0; i < location_count; i++)
		if (locations[i].place == place)
			return i;
	return location_make(place, size);
}

const void *memory_place(int location)
{
	return locations[location].place;
}

uint64_t memory_newest(int location)
{
	return locations[location].stores[locations[location].count - 1].value;
}

bool memory_read_older(void)
{
	return read_older;
}

static void check_unmixed(int location)
{
	if (read_word(&locations[location]) != memory_newest(location))
		explore_fail("an atomic word was written by a plain access");
}

/* ---- which store a load reads ---- */

static int oldest_readable(int location, bool sequential)
{
	int newest = locations[location].count - 1;
	int oldest = thread_self()->now.view[location];
	if (!weak || stale_left == 0)
		return newest;
	if (sequential && sequential_view[location] > oldest)
		oldest = sequential_view[location];
	return oldest;
}

static void note_age(bool older)
{
	read_older = older;
	if (older && stale_left > 0)
		stale_left--;
}

/* The running thread reads that store. */
static void learn(int location, int index, int order)
{
	struct thread *self = thread_self();
	const struct store *store = &locations[location].stores[index];
	if (index > self->now.view[location])
		self->now.view[location] = (uint8_t)index;
	knowledge_join(acquires(order) ? &self->now : &self->to_acquire,
		       &store->knowledge);
}

uint64_t memory_load(int location, int order)
{
	check_unmixed(location);
	int newest = locations[location].count - 1;
	int oldest = oldest_readable(location, order == memory_order_seq_cst);
	int back = search_choose(newest - oldest + 1);
	note_age(back > 0);
	learn(location, newest - back, order);
	return locations[location].stores[newest - back].value;
}

/* ---- stores ---- */

static struct store *store_append(int location, uint64_t value)
{
	struct location *word = &locations[location];
	if (word->count == EXPLORER_STORES)
		explore_fail("more than %d stores to one word", EXPLORER_STORES);
	word->stores[word->count].value = value;
	memcpy(word->place, &value, (size_t)word->size);
	return &word->stores[word->count++];
}

static struct store *store_by_self(int location, uint64_t value, int order)
{
	struct thread *self = thread_self();
	struct store *store = store_append(location, value);
	uint8_t index = (uint8_t)(locations[location].count - 1);
	self->now.view[location] = index;
	store->knowledge = releases(order) ? self->now : self->released;
	store->knowledge.view[location] = index;
	if (order == memory_order_seq_cst)
		sequential_view[location] = index;
	tick();
	return store;
}

void memory_store(int location, uint64_t value, int order)
{
	check_unmixed(location);
	store_by_self(location, value, order);
}

uint64_t memory_take(int location, int order)
{
	check_unmixed(location);
	note_age(false);
	learn(location, locations[location].count - 1, order);
	return memory_newest(location);
}

void memory_put(int location, uint64_t value, int order)
{
	struct store *store = store_by_self(location, value, order);
	knowledge_join(&store->knowledge, &store[-1].knowledge);
}

/* ---- compare and exchange ---- */

/* The stores that a compare may read and then fail, the newest first; returns how many. A stale
 * store of the expected value is none: a success reads the newest. */
static int failing_stores(int location, uint64_t expected, bool sequential,
			  int indices[EXPLORER_STORES])
{
	int count = 0;
	int oldest = oldest_readable(location, sequential);
	for (int i = locations[location].count - 1; i >= oldest; i--)
		if (locations[location].stores[i].value != expected)
			indices[count++] = i;
	return count;
}

static bool may_fail_spuriously(bool weak_form)
{
	return weak_form && (spurious_most == EXPLORE_UNBOUNDED ||
			     thread_self()->spurious < spurious_most);
}

bool memory_compare_fails(int location, uint64_t *expected, int failure_order,
			  bool sequential, bool weak_form)
{
	check_unmixed(location);
	int indices[EXPLORER_STORES];
	int newest = locations[location].count - 1;
	int failing = failing_stores(location, *expected, sequential, indices);
	int succeeding = memory_newest(location) == *expected;
	int spurious = succeeding && may_fail_spuriously(weak_form);
	int way = search_choose(succeeding + failing + spurious) - succeeding;
	note_age(false);
	if (way < 0)
		return false;
	if (way == failing) { /* spurious: it reads what it expected */
		thread_self()->spurious++;
		learn(location, newest, failure_order);
		return true;
	}
	note_age(indices[way] != newest);
	learn(location, indices[way], failure_order);
	*expected = locations[location].stores[indices[way]].value;
	return true;
}

/* ---- fences, semaphores ---- */

void memory_fence(int order)
{
	struct thread *self = thread_self();
	if (acquires(order))
		knowledge_join(&self->now, &self->to_acquire);
	if (order == memory_order_seq_cst) {
		view_join(self->now.view, sequential_view);
		view_join(sequential_view, self->now.view);
	}
	if (releases(order)) {
		self->released = self->now;
		tick();
	}
}

void memory_hand_over(int location)
{
	knowledge_join(&locations[location].stores[0].knowledge, &thread_self()->now);
	tick();
}

void memory_take_over(int location)
{
	knowledge_join(&thread_self()->now, &locations[location].stores[0].knowledge);
}
