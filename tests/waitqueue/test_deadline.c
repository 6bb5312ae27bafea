/* test_deadline.c: deadlines in scopes. The nearest one counts, and the scope that it was in
 * says so. */
#include <signal.h>
#include <unistd.h>

#include "tests/waitqueue/waits.h"

static struct waitqueue queue;

static void enter(struct weft *io, struct weft_deadline *deadline, int64_t ns)
{
	cr_assert_eq(weft_deadline_begin(io, deadline, weft_in(ns)), 0);
}

static void leave(struct weft *io, struct weft_deadline *deadline, int answer)
{
	cr_assert_eq(weft_deadline_end(io, deadline), answer);
}

/* ---- one scope ---- */

Test(deadline, ends_a_wait_of_each_kind)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_deadline deadline;
		char byte;
		int ends[2];
		cr_assert_eq(pipe(ends), 0);
		for (int i = 0; i < 3; i++) {
			int64_t until = weft_now(io, WEFT_CLOCK_AWAKE) + 5 * MS;
			enter(io, &deadline, 5 * MS);
			cr_assert_eq(i == 0   ? weft_sleep(io, weft_never())
				     : i == 1 ? wait_in(io, &queue)
					      : weft_read(io, ends[0], &byte, 1),
				     -WEFT_EDEADLINE);
			cr_assert_geq(weft_now(io, WEFT_CLOCK_AWAKE), until);
			leave(io, &deadline, -WEFT_EDEADLINE);
			cr_assert_eq(weft_check_cancel(io), 0);
		}
		cr_assert_eq(weft_close(io, ends[0]), 0);
		cr_assert_eq(weft_close(io, ends[1]), 0);
		end(io);
	}
}

Test(deadline, of_each_clock)
{
	static const enum weft_clock clocks[] = {WEFT_CLOCK_AWAKE, WEFT_CLOCK_REAL,
						 WEFT_CLOCK_BOOT};
	struct weft *io = begin(1);
	for (int i = 0; i < 3; i++) {
		struct weft_deadline deadline;
		int64_t until = weft_now(io, clocks[i]) + 5 * MS;
		cr_assert_eq(
			weft_deadline_begin(io, &deadline, weft_at(clocks[i], until)),
			0);
		cr_assert_eq(weft_sleep(io, weft_never()), -WEFT_EDEADLINE);
		cr_assert_geq(weft_now(io, clocks[i]), until);
		leave(io, &deadline, -WEFT_EDEADLINE);
	}
	end(io);
}

Test(deadline, that_has_passed_fails_each_point_at_once)
{
	static const int64_t past[] = {0, -1, INT64_MIN};
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		int ends[2];
		char byte;
		cr_assert_eq(pipe(ends), 0);
		cr_assert_eq(write(ends[1], "x", 1), 1);
		for (int i = 0; i < 3; i++) {
			struct weft_deadline deadline;
			enter(io, &deadline, past[i]);
			for (int k = 0; k < 3; k++) { /* each, and not one only */
				cr_assert_eq(weft_check_cancel(io), -WEFT_EDEADLINE);
				cr_assert_eq(weft_sleep(io, weft_in(0)),
					     -WEFT_EDEADLINE);
				cr_assert_eq(weft_read(io, ends[0], &byte, 1),
					     -WEFT_EDEADLINE);
				cr_assert_eq(wait_in(io, &queue), -WEFT_EDEADLINE);
			}
			leave(io, &deadline, -WEFT_EDEADLINE);
		}
		cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
		cr_assert_eq(weft_close(io, ends[0]), 0);
		cr_assert_eq(weft_close(io, ends[1]), 0);
		end(io);
	}
}

Test(deadline, in_which_nothing_waits_has_not_expired)
{
	struct weft *io = begin(1);
	struct weft_deadline deadline;
	enter(io, &deadline, 0); /* it passes, and nobody is told */
	leave(io, &deadline, 0);
	enter(io, &deadline, LONG);
	cr_assert_eq(weft_check_cancel(io), 0);
	cr_assert_eq(weft_sleep(io, weft_in(1)), 0);
	leave(io, &deadline, 0);
	enter(io, &deadline, 0);
	weft_yield(io); /* no point */
	leave(io, &deadline, 0);
	end(io);
}

Test(deadline, without_an_end_is_none)
{
	struct weft *io = begin(1);
	struct weft_deadline none, deadline, within;
	cr_assert_eq(weft_deadline_begin(io, &none, weft_never()), 0);
	cr_assert_eq(weft_sleep(io, weft_in(1)), 0);
	enter(io, &deadline, MS);
	cr_assert_eq(weft_deadline_begin(io, &within, weft_never()), 0);
	cr_assert_eq(weft_sleep(io, weft_never()), -WEFT_EDEADLINE); /* the outer's */
	leave(io, &within, 0);
	leave(io, &deadline, -WEFT_EDEADLINE);
	leave(io, &none, 0);
	end(io);
}

/* ---- scopes in scopes ---- */

enum { DEPTH = 5 };

/* The one with the nearest deadline, wherever it is, ends the wait and is the one that has
 * expired. Afterwards the others count. */
Test(deadline, the_nearest_counts)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int nearest = 0; nearest < DEPTH; nearest++) {
			struct weft_deadline scopes[DEPTH];
			for (int i = 0; i < DEPTH; i++)
				enter(io, &scopes[i],
				      i == nearest ? 3 * MS : LONG + i * MS);
			cr_assert_eq(weft_sleep(io, weft_never()), -WEFT_EDEADLINE);
			for (int i = DEPTH - 1; i >= 0; i--) {
				/* It stands until its scope is left. */
				cr_assert_eq(weft_check_cancel(io),
					     i >= nearest ? -WEFT_EDEADLINE : 0);
				leave(io, &scopes[i],
				      i == nearest ? -WEFT_EDEADLINE : 0);
			}
			cr_assert_eq(weft_sleep(io, weft_in(1)), 0);
		}
		end(io);
	}
}

Test(deadline, an_inner_one_that_has_passed_leaves_the_outer_alone)
{
	struct weft *io = begin(1);
	struct weft_deadline outer, inner;
	enter(io, &outer, LONG);
	for (int i = 0; i < 3; i++) {
		enter(io, &inner, MS);
		cr_assert_eq(wait_in(io, &queue), -WEFT_EDEADLINE);
		leave(io, &inner, -WEFT_EDEADLINE);
		cr_assert_eq(weft_sleep(io, weft_in(MS)), 0);
	}
	leave(io, &outer, 0);
	end(io);
}

Test(deadline, an_outer_one_that_has_passed_is_told_inside_and_outside)
{
	struct weft *io = begin(1);
	struct weft_deadline outer, inner;
	enter(io, &outer, MS);
	enter(io, &inner, LONG);
	cr_assert_eq(weft_sleep(io, weft_in(LONG)), -WEFT_EDEADLINE);
	leave(io, &inner, 0);
	cr_assert_eq(weft_check_cancel(io), -WEFT_EDEADLINE);
	enter(io, &inner, LONG);
	cr_assert_eq(weft_check_cancel(io), -WEFT_EDEADLINE);
	leave(io, &inner, 0);
	leave(io, &outer, -WEFT_EDEADLINE);
	end(io);
}

/* Of two that have passed, it is the one that passed first. */
Test(deadline, the_first_that_has_passed_says_so)
{
	struct weft *io = begin(1);
	struct weft_deadline outer, inner;
	for (int inner_first = 0; inner_first < 2; inner_first++) {
		enter(io, &outer, -MS);
		int64_t past = weft_now(io, WEFT_CLOCK_AWAKE) - 10 * MS;
		int64_t later = weft_now(io, WEFT_CLOCK_AWAKE) - MS;
		leave(io, &outer, 0);
		cr_assert_eq(weft_deadline_begin(io, &outer,
						 weft_at(WEFT_CLOCK_AWAKE,
							 inner_first ? later : past)),
			     0);
		cr_assert_eq(weft_deadline_begin(io, &inner,
						 weft_at(WEFT_CLOCK_AWAKE,
							 inner_first ? past : later)),
			     0);
		cr_assert_eq(weft_check_cancel(io), -WEFT_EDEADLINE);
		leave(io, &inner, inner_first ? -WEFT_EDEADLINE : 0);
		leave(io, &outer, inner_first ? 0 : -WEFT_EDEADLINE);
	}
	end(io);
}

/* A sleep's own end is no error, and no scope's; a scope's before it is. */
Test(deadline, a_sleep_within)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_deadline deadline;
		enter(io, &deadline, LONG);
		cr_assert_eq(weft_sleep(io, weft_in(MS)), 0);
		leave(io, &deadline, 0);
		enter(io, &deadline, MS);
		cr_assert_eq(weft_sleep(io, weft_in(LONG)), -WEFT_EDEADLINE);
		leave(io, &deadline, -WEFT_EDEADLINE);
		end(io);
	}
}

/* ---- whose it is ---- */

static void wait_for_wake(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = wait_in(io, &queue);
}

static void enter_and_wait(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	enter(io, &deadline, *(const int64_t *)context);
	*(int *)result = wait_in(io, &queue);
	leave(io, &deadline, 0);
}

Test(deadline, children_do_not_inherit)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_deadline deadline;
		struct weft_future child;
		int answer = 1;
		enter(io, &deadline, MS);
		weft_async(io, &child, wait_for_wake, NULL, 0, &answer);
		cr_assert_eq(weft_sleep(io, weft_never()), -WEFT_EDEADLINE);
		cr_assert(until_waits(io, &child));
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		weft_await(io, &child); /* no point: its deadline has passed */
		cr_assert_eq(answer, 0);
		leave(io, &deadline, -WEFT_EDEADLINE);
		end(io);
	}
}

/* Else it would be looked at, long after the scope and the fiber. */
Test(deadline, of_a_wait_that_was_woken_is_dropped)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		int64_t ns = LONG;
		int answer = 1;
		weft_async(io, &future, enter_and_wait, &ns, sizeof ns, &answer);
		cr_assert(until_waits(io, &future));
		cr_assert_neq(scheduler_next_deadline(io), UINT64_MAX);
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		weft_await(io, &future);
		cr_assert_eq(answer, 0);
		cr_assert_eq(scheduler_next_deadline(io), UINT64_MAX);
		end(io);
	}
}

/* The scopes lie on a stack that the next life uses for others. */
static void enter_and_leave(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	int64_t ns = *(const int64_t *)context;
	if (ns > 0)
		enter(io, &deadline, ns);
	*(int *)result = weft_sleep(io, weft_in(2 * MS));
	if (ns > 0)
		(void)weft_deadline_end(io, &deadline);
}

Test(deadline, the_next_life_in_a_slot_has_none)
{
	struct weft *io = begin(1);
	for (int i = 0; i < 20; i++) {
		struct weft_future future;
		int64_t ns = i % 2 ? 0 : 100;
		int answer = 1;
		weft_async(io, &future, enter_and_leave, &ns, sizeof ns, &answer);
		weft_await(io, &future);
		cr_assert_eq(answer, i % 2 ? 0 : -WEFT_EDEADLINE);
	}
	end(io);
}

/* ---- and canceling ---- */

static void check_both(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	(void)context;
	enter(io, &deadline, 0);
	*(int *)result = weft_check_cancel(io);
	cr_assert_eq(weft_sleep(io, weft_in(0)), -WEFT_EDEADLINE);
	leave(io, &deadline, -WEFT_EDEADLINE);
}

static void sleep_both(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	(void)context;
	enter(io, &deadline, MS);
	*(int *)result = weft_sleep(io, weft_never());
	leave(io, &deadline, *(int *)result == -ECANCELED ? 0 : -WEFT_EDEADLINE);
}

Test(deadline, canceling_is_told_first)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int answer = 1;
	weft_async(io, &future, check_both, NULL, 0, &answer);
	cr_assert(cancel(io, &future));
	weft_await(io, &future);
	cr_assert_eq(answer, -ECANCELED);
	weft_async(io, &future, sleep_both, NULL, 0, &answer);
	if (until_waits(io, &future)) {
		int64_t until = weft_now(io, WEFT_CLOCK_AWAKE) + 2 * MS;
		while (weft_now(io, WEFT_CLOCK_AWAKE) < until)
			; /* it has passed, and nobody has looked */
		cr_assert(cancel(io, &future));
		weft_await(io, &future);
		cr_assert_eq(answer, -ECANCELED);
	}
	weft_await(io, &future);
	end(io);
}

static _Atomic bool is_over;

static void look_at_timers(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&is_over)) {
		scheduler_poll(scheduler_worker(io));
		(void)sched_yield();
	}
}

/* Also if another worker finds the deadline due while the wait begins. */
Test(deadline, canceling_is_told_first_by_a_wait_that_begins)
{
	struct weft *io = begin(2);
	struct weft_future future;
	struct weft_deadline deadline;
	weft_async(io, &future, look_at_timers, NULL, 0, NULL);
	cr_assert(waitqueue_cancel(io, io->main_fiber, fiber_id(io->main_fiber)));
	for (int i = 0; i < rounds(1000000); i++) {
		enter(io, &deadline, 0);
		cr_assert_eq(wait_in(io, &queue), -ECANCELED, "round %d", i);
		leave(io, &deadline, 0);
		waitqueue_rearm_cancel(io);
	}
	atomic_store(&is_over, true);
	weft_await(io, &future);
	end(io);
}

/* ---- mistakes ---- */

/* A report without these words ends the test with a status that is not SIGABRT. */
static void expect_order(const char *report, size_t length)
{
	if (report[length - 1] != '\n' ||
	    !strstr(report,
		    "a deadline's scope ends that is not the fiber's innermost"))
		_exit(1);
}

static struct weft *begin_to_fail(void (*expect)(const char *report, size_t length))
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.on_fatal = expect}), 0);
	return io;
}

Test(deadline, the_wrong_order_of_ends_is_fatal, .signal = SIGABRT)
{
	struct weft *io = begin_to_fail(expect_order);
	struct weft_deadline outer, inner;
	enter(io, &outer, LONG);
	enter(io, &inner, LONG);
	(void)weft_deadline_end(io, &outer);
	_exit(2);
}

Test(deadline, a_second_end_is_fatal, .signal = SIGABRT)
{
	struct weft *io = begin_to_fail(expect_order);
	struct weft_deadline deadline;
	enter(io, &deadline, LONG);
	leave(io, &deadline, 0);
	(void)weft_deadline_end(io, &deadline);
	_exit(2);
}

static void expect_scope(const char *report, size_t length)
{
	if (report[length - 1] != '\n' ||
	    !strstr(report, "a fiber ends inside a deadline's scope") ||
	    !strstr(report, "weft_deadline_end"))
		_exit(1);
}

static void end_inside(struct weft *io, const void *context, void *result)
{
	(void)context;
	enter(io, result, LONG);
}

Test(deadline, a_fiber_that_ends_inside_a_scope_is_fatal, .signal = SIGABRT)
{
	struct weft *io = begin_to_fail(expect_scope);
	struct weft_future future;
	struct weft_deadline deadline;
	weft_async(io, &future, end_inside, NULL, 0, &deadline);
	weft_await(io, &future);
	_exit(2);
}
