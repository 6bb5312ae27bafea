/* test_yield.c: who runs after whom, and where. */
#include "weft.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/system.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

/* ---- order, on one worker ---- */

enum { FIBERS = 5, TURNS = 4 };

static int order[FIBERS * TURNS];
static _Atomic int turns_taken; /* whose turn it is, the queue alone decides */

static void take_turns(struct weft *io, const void *context, void *result)
{
	(void)result;
	for (int i = 0; i < TURNS; i++) {
		order[turns_taken++] = *(const int *)context;
		weft_yield(io);
	}
}

Test(yield, in_order_of_arrival)
{
	struct weft *io = begin(1);
	struct weft_future futures[FIBERS];
	for (int i = 0; i < FIBERS; i++)
		weft_async(io, &futures[i], take_turns, &i, sizeof i, NULL);
	while (turns_taken < FIBERS * TURNS)
		weft_yield(io);
	for (int i = 0; i < FIBERS; i++)
		weft_await(io, &futures[i]);
	/* They began newest first. */
	for (int i = 0; i < FIBERS * TURNS; i++)
		cr_assert_eq(order[i], FIBERS - 1 - i % FIBERS, "turn %d", i);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(yield, to_nobody_returns)
{
	struct weft *io = begin(1);
	for (int i = 0; i < 1000; i++)
		weft_yield(io);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- the main fiber stays, the others go ---- */

static _Atomic int stop;
static _Atomic uint64_t migrations;

static void wander(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stop)) {
		weft_yield(io);
	}
}

static void wander_in_crowd(struct weft *io, struct weft_future *futures, int count)
{
	for (int i = 0; i < count; i++)
		weft_async(io, &futures[i], wander, NULL, 0, NULL);
}

Test(yield, main_fiber_stays_on_its_thread)
{
	for (uint32_t workers = 2; workers <= 4; workers++) {
		struct weft *io = begin(workers);
		struct weft_future futures[FIBERS];
		uint64_t thread = system_thread_id();
		atomic_store(&stop, 0);
		wander_in_crowd(io, futures, FIBERS);
		for (int i = 0; i < 10000; i++) {
			weft_yield(io);
			cr_assert_eq(system_thread_id(), thread, "yield %d", i);
		}
		atomic_store(&stop, 1);
		for (int i = 0; i < FIBERS; i++)
			weft_await(io, &futures[i]);
		cr_assert_eq(system_thread_id(), thread);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

enum { ENOUGH = 500 };

struct meeting {
	_Atomic int child_runs, parent_awaits;
};

/* Gives its parent the time to park. */
static void end_after_parent_parks(struct weft *io, const void *context, void *result)
{
	struct meeting *meeting = result;
	(void)context;
	atomic_store(&meeting->child_runs, 1);
	uint64_t patience = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000000;
	while (!atomic_load(&meeting->parent_awaits) &&
	       (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < patience)
		;
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000;
	while ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until)
		;
}

/* The child begins on another worker, mostly; its parent then goes on there. How often depends on
 * the machine's mood, so it goes on until there were enough. */
static void follow_children(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	uint64_t patience =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + UINT64_C(60000000000);
	while (atomic_load(&migrations) < ENOUGH &&
	       (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < patience) {
		struct weft_future future;
		struct meeting meeting = {0, 0};
		uint64_t before = system_thread_id();
		weft_async(io, &future, end_after_parent_parks, NULL, 0, &meeting);
		for (int i = 0; i < 10000 && !atomic_load(&meeting.child_runs); i++)
			if (i % 1000 == 999)
				(void)sched_yield();
		atomic_store(&meeting.parent_awaits, 1);
		weft_await(io, &future);
		if (system_thread_id() != before)
			atomic_fetch_add(&migrations, 1);
	}
}

Test(yield, fibers_migrate)
{
	struct weft *io = begin(4);
	struct weft_future futures[2];
	for (int i = 0; i < 2; i++)
		weft_async(io, &futures[i], follow_children, NULL, 0, NULL);
	for (int i = 0; i < 2; i++)
		weft_await(io, &futures[i]);
	cr_assert_geq(atomic_load(&migrations), ENOUGH);
	cr_assert_eq(weft_deinit(io), 0);
}

/* The worker that runs the child is not the one that sleeps with the awaiter's. */
static void work(struct weft *io, const void *context, void *result)
{
	(void)context;
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 20000;
	while ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until)
		;
	*(int *)result = 1;
}

Test(yield, sleeping_workers_wake)
{
	struct weft *io = begin(3);
	for (int i = 0; i < 2000; i++) {
		struct weft_future futures[3];
		int done[3] = {0, 0, 0};
		for (int k = 0; k < 3; k++)
			weft_async(io, &futures[k], work, NULL, 0, &done[k]);
		for (int k = 0; k < 3; k++)
			weft_await(io, &futures[k]);
		cr_assert(done[0] && done[1] && done[2]);
	}
	cr_assert_eq(weft_deinit(io), 0);
}

Test(yield, the_clock_never_goes_back)
{
	struct weft *io = begin(1);
	uint64_t last = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
	for (int i = 0; i < 100000; i++) {
		uint64_t now = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
		cr_assert_geq(now, last);
		last = now;
	}
	cr_assert_gt(last, 0);
	cr_assert_eq(weft_deinit(io), 0);
}
