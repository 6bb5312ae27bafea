/* test_status.c: what any thread reads of a fiber that changes meanwhile is of one moment. */
#include "scheduler/status.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/on_valgrind.h"

enum { STEPS = 9 };

/* valgrind runs one thread at a time, and seldom takes turns. */
#define SEEN (RUNNING_ON_VALGRIND ? 20u : 20000u)

/* The states of a life, by the number of the record. Every other life is another one, so that a
 * number of the one with the identity of the other shows. */
static const enum fiber_state lives[2][STEPS + 1] = {
	{FIBER_FREE, FIBER_NEW, FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_READY,
	 FIBER_RUNNING, FIBER_FINISHED},
	{FIBER_FREE, FIBER_NEW, FIBER_READY, FIBER_RUNNING, FIBER_READY, FIBER_RUNNING,
	 FIBER_PARKED, FIBER_READY, FIBER_RUNNING, FIBER_FINISHED},
};

struct scene {
	struct fiber fiber;
	_Atomic int over;
};

/* Short lives, which end between two loads of the reader, and long ones of many lengths, so that
 * it meets every step. */
static void linger(uint32_t id, int step)
{
	uint32_t turns = (id * 2654435761u + (uint32_t)step * 40503u) >> 8;
	for (volatile uint32_t i = id % 64 < 32 ? turns % 128 : 0; i > 0; i--)
		;
}

static void live(struct fiber *fiber, uint32_t id)
{
	const enum fiber_state *states = lives[id % 2];
	fiber_become(fiber, FIBER_NEW);
	life_begin(&fiber->life, id);
	(void)fiber_count_first_record(fiber);
	fiber_set_traced_name(fiber, id * 3);
	for (int i = 2; fiber->state != FIBER_FINISHED; i++) {
		fiber_become(fiber, states[i]);
		(void)fiber_count_record(fiber);
		linger(id, i);
	}
	fiber_become(fiber, FIBER_FREE);
}

static void *live_often(void *argument)
{
	struct scene *scene = argument;
	for (uint32_t id = 1; !load_relaxed(&scene->over); id++) /* a flag */
		live(&scene->fiber, id);
	return NULL;
}

static void expect_one_moment(const struct status *status)
{
	cr_assert_geq(status->fiber, 1);
	cr_assert_leq(status->last_sequence, STEPS);
	cr_assert_eq(status->state, lives[status->fiber % 2][status->last_sequence],
		     "fiber %u after its record %u is in state %u", status->fiber,
		     status->last_sequence, status->state);
	cr_assert(status->name == 0 || status->name == status->fiber * 3,
		  "fiber %u has the name %u", status->fiber, status->name);
}

Test(status, is_of_one_moment)
{
	struct scene *scene = aligned_alloc(64, (sizeof *scene + 63) / 64 * 64);
	pthread_t thread;
	uint32_t seen = 0, last = 0; /* a look at what has not moved does not count */
	cr_assert(scene);
	*scene = (struct scene){.over = 0};
	cr_assert_eq(pthread_create(&thread, NULL, live_often, scene), 0);
	while (seen < SEEN) {
		struct status status;
		if (!status_of(&scene->fiber, &status))
			continue;
		expect_one_moment(&status);
		seen += status.fiber != last;
		last = status.fiber;
	}
	store_relaxed(&scene->over, 1); /* a flag */
	pthread_join(thread, NULL);
	free(scene);
}

Test(status, is_of_nobody_before_and_after_a_life)
{
	struct fiber fiber = {.stack = NULL};
	struct status status;
	cr_assert_not(status_of(&fiber, &status), "a slot without a life");
	live(&fiber, 7);
	cr_assert_not(status_of(&fiber, &status), "it has ended");
	cr_assert_eq(status.fiber, 7);
}
