/* races.c: plain accesses, and which of them race.
 *
 * Each byte keeps the last write (thread and tick of its clock) and, of each thread, the last read.
 * An access that does not happen after the accesses it conflicts with is a race: the clock of its
 * thread has not reached their tick. Threads' own stacks are bytes like any other: a node that
 * waits on one may be another thread's to read. */
#include "tests/explore/model.h"

enum { SHADOWS = 1 << 13 };

struct shadow {
	uint64_t execution; /* of another one: free */
	uintptr_t place;
	int writer; /* or NO_THREAD */
	uint32_t written;
	uint32_t read[EXPLORER_THREADS]; /* 0: not by that one */
};

static struct shadow shadows[SHADOWS];
static int shadow_count;
static uint64_t execution;

void races_reset(void)
{
	execution++;
	shadow_count = 0;
}

static struct shadow *shadow_make(struct shadow *shadow, uintptr_t place)
{
	if (++shadow_count > SHADOWS / 2)
		explore_fail("more than %d plain bytes", SHADOWS / 2);
	*shadow = (struct shadow){
		.execution = execution, .place = place, .writer = NO_THREAD};
	return shadow;
}

static struct shadow *shadow_of(uintptr_t place)
{
	uint64_t hash = (uint64_t)place * 0x9E3779B97F4A7C15u;
	for (uint64_t i = hash >> 51;; i = (i + 1) % SHADOWS) {
		struct shadow *shadow = &shadows[i];
		if (shadow->execution != execution)
			return shadow_make(shadow, place);
		if (shadow->place == place)
			return shadow;
	}
}

static bool happened_before(int thread, uint32_t tick)
{
	return thread == thread_running || tick <= thread_self()->now.clock[thread];
}

static void check_writer(const struct shadow *shadow, bool writes)
{
	if (shadow->writer != NO_THREAD &&
	    !happened_before(shadow->writer, shadow->written))
		explore_fail("a race: thread %d %s %#lx, which thread %d wrote",
			     thread_running, writes ? "writes" : "reads",
			     (unsigned long)shadow->place, shadow->writer);
}

static void check_readers(const struct shadow *shadow)
{
	for (int i = 0; i < thread_count; i++)
		if (!happened_before(i, shadow->read[i]))
			explore_fail(
				"a race: thread %d writes %#lx, which thread %d read",
				thread_running, (unsigned long)shadow->place, i);
}

static void access_byte(uintptr_t place, bool writes)
{
	struct shadow *shadow = shadow_of(place);
	uint32_t tick = thread_self()->now.clock[thread_running];
	check_writer(shadow, writes);
	if (writes) {
		check_readers(shadow);
		shadow->writer = thread_running;
		shadow->written = tick;
	} else {
		shadow->read[thread_running] = tick;
	}
}

void races_access(const void *place, size_t size, bool writes)
{
	if (thread_running == NO_THREAD)
		return;
	for (size_t i = 0; i < size; i++)
		access_byte((uintptr_t)place + i, writes);
}
