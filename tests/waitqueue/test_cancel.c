/* test_cancel.c: a fiber that is asked to end early is told once, by the next point or the one it
 * waits in, and by no point of another life. */
#include <signal.h>
#include <unistd.h>

#include "tests/waitqueue/waits.h"

static struct waitqueue queue;

/* What a canceled fiber's points said, one after the other. */
struct told {
	int points[4];
};

static void assert_told(struct weft *io, struct weft_future *future,
			const struct told *told, int first, int second)
{
	weft_await(io, future);
	cr_assert_eq(told->points[0], first, "first: %d", told->points[0]);
	cr_assert_eq(told->points[1], second, "second: %d", told->points[1]);
}

/* ---- in each kind of wait ---- */

static void sleep_twice(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	told->points[0] = weft_sleep(io, weft_in(LONG));
	told->points[1] = weft_sleep(io, weft_in(1)); /* later ones work */
}

static void wait_twice(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	told->points[0] = wait_in(io, &queue);
	told->points[1] = wait_in(io, &queue);
}

static int pipe_ends[2];

static void read_twice(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	char byte;
	(void)context;
	told->points[0] = (int)weft_read(io, pipe_ends[0], &byte, 1);
	told->points[1] = (int)weft_read(io, pipe_ends[0], &byte, 1);
}

static void cancel_in(uint32_t workers, weft_function *function)
{
	struct weft *io = begin(workers);
	struct weft_future future;
	struct told told = {{1, 1, 1, 1}};
	weft_async(io, &future, function, NULL, 0, &told);
	cr_assert(until_waits(io, &future));
	cr_assert(cancel(io, &future));
	cr_assert_not(cancel(io, &future)); /* it has been asked */
	if (function == wait_twice)
		while (waitqueue_wake(io, &queue, 1) == 0)
			weft_yield(io);
	if (function == read_twice)
		cr_assert_eq(weft_write(io, pipe_ends[1], "x", 1), 1);
	assert_told(io, &future, &told, -ECANCELED, function == read_twice ? 1 : 0);
	cr_assert_not(cancel(io, &future)); /* it has ended */
	end(io);
}

Test(cancel, ends_a_sleep_once)
{
	EACH_WORKERS(workers)
	cancel_in(workers, sleep_twice);
}

Test(cancel, ends_a_wait_in_a_queue_once)
{
	EACH_WORKERS(workers)
	cancel_in(workers, wait_twice);
}

Test(cancel, ends_a_read_once)
{
	EACH_WORKERS(workers)
	{
		cr_assert_eq(pipe(pipe_ends), 0);
		cancel_in(workers, read_twice);
		cr_assert_eq(close(pipe_ends[0]) + close(pipe_ends[1]), 0);
	}
}

static int written; /* plain: the request orders it */

static void sleep_and_read(struct weft *io, const void *context, void *result)
{
	(void)context;
	cr_assert_eq(weft_sleep(io, weft_never()), -ECANCELED);
	*(int *)result = written;
}

Test(cancel, what_came_before_the_request_is_seen)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < 50; i++) {
			struct weft_future future;
			int read = -1;
			weft_async(io, &future, sleep_and_read, NULL, 0, &read);
			cr_assert(until_waits(io, &future));
			written = i;
			cr_assert(cancel(io, &future));
			weft_await(io, &future);
			cr_assert_eq(read, i);
		}
		end(io);
	}
}

/* ---- one that does not wait ---- */

static void check_twice(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	told->points[0] = weft_check_cancel(io);
	told->points[1] = weft_check_cancel(io);
}

Test(cancel, one_that_has_not_begun_begins_and_is_told)
{
	weft_function *const functions[] = {check_twice, sleep_twice, wait_twice};
	for (int i = 0; i < 3; i++) {
		struct weft *io = begin(1);
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		weft_async(io, &future, functions[i], NULL, 0, &told);
		cr_assert(cancel(io, &future));
		cr_assert_not(cancel(io, &future));
		if (functions[i] == wait_twice) {
			cr_assert(until_waits(io, &future)); /* the second time */
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		}
		assert_told(io, &future, &told, -ECANCELED, 0);
		end(io);
	}
}

static _Atomic bool computes, is_asked;

/* Pending is what waitqueue_is_cancel_pending says: asked, and not told. */
static void compute_and_check(struct weft *io, const void *context, void *result)
{
	(void)context;
	cr_assert_not(waitqueue_is_cancel_pending(io));
	cr_assert_eq(weft_check_cancel(io), 0);
	atomic_store(&computes, true);
	while (!atomic_load(&is_asked))
		(void)sched_yield();
	weft_yield(io); /* no point */
	cr_assert(waitqueue_is_cancel_pending(io));
	check_twice(io, NULL, result);
	cr_assert_not(waitqueue_is_cancel_pending(io));
}

Test(cancel, one_that_computes_is_told_by_the_next_point)
{
	struct weft *io = begin(2);
	struct weft_future future;
	struct told told = {{1, 1, 1, 1}};
	weft_async(io, &future, compute_and_check, NULL, 0, &told);
	while (!atomic_load(&computes)) /* on the other worker */
		(void)sched_yield();
	cr_assert(cancel(io, &future));
	atomic_store(&is_asked, true);
	assert_told(io, &future, &told, -ECANCELED, 0);
	end(io);
}

static void do_nothing(void *argument)
{
	(void)argument;
	cr_assert_fail("a call that was canceled has run");
}

static int at_sleep(struct weft *io)
{
	return weft_sleep(io, weft_in(0));
}

static int at_sleep_without_end(struct weft *io)
{
	return weft_sleep(io, weft_never());
}

static int at_read(struct weft *io)
{
	char byte;
	return (int)weft_read(io, pipe_ends[0], &byte, 1);
}

static int at_write(struct weft *io)
{
	return (int)weft_write(io, pipe_ends[1], "y", 1);
}

static int at_wait_readable(struct weft *io)
{
	return weft_wait_readable(io, pipe_ends[0]);
}

static int at_wait_writable(struct weft *io)
{
	return weft_wait_writable(io, pipe_ends[1]);
}

static int at_offload(struct weft *io)
{
	return weft_offload(io, do_nothing, NULL);
}

static int at_signal_wait(struct weft *io)
{
	static const int signals[] = {SIGUSR1};
	return weft_signal_wait(io, signals, 1);
}

static int at_queue(struct weft *io)
{
	return wait_in(io, &queue);
}

/* A pending request fails each kind of point at once, which then has done nothing. */
Test(cancel, all_points_tell)
{
	int (*const points[])(struct weft * io) = {
		weft_check_cancel, at_sleep,         at_sleep_without_end, at_read,
		at_write,          at_wait_readable, at_wait_writable,     at_offload,
		at_signal_wait,    at_queue,
	};
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		char bytes[2] = "";
		cr_assert_eq(pipe(pipe_ends), 0);
		cr_assert_eq(write(pipe_ends[1], "x", 1), 1); /* to be read */
		cr_assert(
			waitqueue_cancel(io, io->main_fiber, fiber_id(io->main_fiber)));
		for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
			int answer = points[i](io);
			cr_assert_eq(answer, -ECANCELED, "point %zu: %d", i, answer);
			cr_assert_eq(weft_check_cancel(io), 0);
			waitqueue_rearm_cancel(io);
		}
		cr_assert_eq(weft_check_cancel(io), -ECANCELED);
		cr_assert_eq(weft_read(io, pipe_ends[0], bytes, 2), 1);
		cr_assert_eq(bytes[0], 'x');
		cr_assert_eq(weft_close(io, pipe_ends[0]), 0);
		cr_assert_eq(weft_close(io, pipe_ends[1]), 0);
		end(io);
	}
}

/* Nor is a yield one, or an await, or a close. */
static void ask_no_point(struct weft *io, const void *context, void *result)
{
	struct weft_future child;
	struct told told = {{1, 1, 1, 1}};
	int ends[2];
	(void)context;
	cr_assert_eq(pipe(ends), 0);
	while (!atomic_load(&is_asked))
		weft_yield(io);
	weft_async(io, &child, check_twice, NULL, 0, &told);
	assert_told(io, &child, &told, 0, 0); /* it is not its child's request */
	cr_assert_eq(weft_adopt(io, ends[0]), 0);
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	cr_assert(waitqueue_is_cancel_pending(io));
	check_twice(io, NULL, result);
}

Test(cancel, other_calls_do_not)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		atomic_store(&is_asked, false);
		weft_async(io, &future, ask_no_point, NULL, 0, &told);
		cr_assert(cancel(io, &future));
		atomic_store(&is_asked, true);
		assert_told(io, &future, &told, -ECANCELED, 0);
		end(io);
	}
}

/* ---- again, not now, not here ---- */

static void rearm_and_check(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	told->points[0] = weft_check_cancel(io);
	waitqueue_rearm_cancel(io);
	told->points[1] = weft_sleep(io, weft_never());
	waitqueue_rearm_cancel(io);
	told->points[2] = wait_in(io, &queue);
	told->points[3] = weft_check_cancel(io);
}

Test(cancel, rearmed_it_is_told_again)
{
	struct weft *io = begin(1);
	struct weft_future future;
	struct told told = {{1, 1, 1, 1}};
	weft_async(io, &future, rearm_and_check, NULL, 0, &told);
	cr_assert(cancel(io, &future));
	assert_told(io, &future, &told, -ECANCELED, -ECANCELED);
	cr_assert_eq(told.points[2], -ECANCELED);
	cr_assert_eq(told.points[3], 0);
	end(io);
}

/* A report without these words ends the test with a status that is not SIGABRT. */
static void expect_rearm(const char *report, size_t length)
{
	if (report[length - 1] != '\n' || !strstr(report, "that it was not told of"))
		_exit(1);
}

Test(cancel, rearming_what_was_not_told_is_fatal, .signal = SIGABRT)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.on_fatal = expect_rearm}),
		     0);
	cr_assert(waitqueue_cancel(io, io->main_fiber, fiber_id(io->main_fiber)));
	waitqueue_rearm_cancel(io);
	_exit(2);
}

static void protect_and_wait(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	cr_assert_not(waitqueue_protect(io, true));
	cr_assert(waitqueue_protect(io, true)); /* what was */
	told->points[0] = wait_in(io, &queue);
	told->points[1] = weft_check_cancel(io);
	cr_assert_eq(weft_sleep(io, weft_in(1)), 0);
	cr_assert(waitqueue_is_cancel_pending(io));
	cr_assert(waitqueue_protect(io, false));
	cr_assert_not(waitqueue_protect(io, false));
	told->points[2] = weft_check_cancel(io);
	told->points[3] = weft_check_cancel(io);
}

Test(cancel, protected_it_is_told_later)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		weft_async(io, &future, protect_and_wait, NULL, 0, &told);
		cr_assert(until_waits(io, &future));
		cr_assert(cancel(io, &future));
		for (int i = 0; i < 100; i++)
			weft_yield(io);
		cr_assert(waits(&future));
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		assert_told(io, &future, &told, 0, 0);
		cr_assert_eq(told.points[2], -ECANCELED);
		cr_assert_eq(told.points[3], 0);
		end(io);
	}
}

static void protect_and_sleep(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	struct weft_deadline deadline;
	(void)context;
	(void)waitqueue_protect(io, true);
	cr_assert_eq(weft_deadline_begin(io, &deadline, weft_in(20 * MS)), 0);
	told->points[0] = weft_sleep(io, weft_never());
	cr_assert_eq(weft_deadline_end(io, &deadline), -WEFT_EDEADLINE);
	(void)waitqueue_protect(io, false);
	told->points[1] = weft_check_cancel(io);
}

/* Its deadlines it hears all the same. */
Test(cancel, protected_it_has_deadlines)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		weft_async(io, &future, protect_and_sleep, NULL, 0, &told);
		(void)until_waits(io, &future);
		cr_assert(cancel(io, &future));
		assert_told(io, &future, &told, -WEFT_EDEADLINE, -ECANCELED);
		end(io);
	}
}

static void wait_hearing_nothing(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	struct weft_deadline deadline;
	(void)context;
	cr_assert_eq(weft_deadline_begin(io, &deadline, weft_in(1)), 0);
	told->points[0] = waitqueue_wait(io, &queue, WAIT_HEARS_NOTHING, NULL, NULL);
	told->points[1] = weft_check_cancel(io);
	told->points[2] = weft_check_cancel(io);
	cr_assert_eq(weft_deadline_end(io, &deadline), -WEFT_EDEADLINE);
}

Test(cancel, a_wait_that_hears_nothing_is_ended_by_a_wake)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		weft_async(io, &future, wait_hearing_nothing, NULL, 0, &told);
		cr_assert(until_waits(io, &future));
		cr_assert(cancel(io, &future));
		cr_assert_eq(weft_sleep(io, weft_in(MS)), 0);
		cr_assert(waits(&future));
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		assert_told(io, &future, &told, 0, -ECANCELED);
		cr_assert_eq(told.points[2], -WEFT_EDEADLINE);
		end(io);
	}
}

/* ---- lives ---- */

Test(cancel, does_not_reach_the_next_life)
{
	struct weft *io = begin(1);
	struct weft_future before, after;
	struct told told = {{1, 1, 1, 1}};
	weft_async(io, &before, check_twice, NULL, 0, &told);
	assert_told(io, &before, &told, 0, 0);
	cr_assert_not(cancel(io, &before)); /* nobody lives there */
	weft_async(io, &after, check_twice, NULL, 0, &told);
	cr_assert_eq(fiber_behind(&after), fiber_behind(&before), "not the same slot");
	cr_assert_not(cancel(io, &before));
	assert_told(io, &after, &told, 0, 0);
	weft_async(io, &after, sleep_twice, NULL, 0, &told);
	cr_assert_eq(fiber_behind(&after), fiber_behind(&before), "not the same slot");
	cr_assert(until_waits(io, &after));
	cr_assert_not(cancel(io, &before));
	cr_assert(waits(&after));
	cr_assert(cancel(io, &after));
	assert_told(io, &after, &told, -ECANCELED, 0);
	/* Nor does what was told and what was pending. */
	weft_async(io, &before, check_twice, NULL, 0, &told);
	assert_told(io, &before, &told, 0, 0);
	end(io);
}

static void end_untold(struct weft *io, const void *context, void *result)
{
	(void)context;
	(void)waitqueue_protect(io, true);
	*(bool *)result = waitqueue_is_cancel_pending(io);
}

Test(cancel, what_one_life_leaves_is_not_the_nexts)
{
	struct weft *io = begin(1);
	struct weft_future before, after;
	struct told told = {{1, 1, 1, 1}};
	bool pending = false;
	weft_async(io, &before, end_untold, NULL, 0, &pending);
	cr_assert(cancel(io, &before));
	weft_await(io, &before);
	cr_assert(pending);
	weft_async(io, &after, sleep_twice, NULL, 0, &told);
	cr_assert_eq(fiber_behind(&after), fiber_behind(&before), "not the same slot");
	cr_assert(until_waits(io, &after));
	cr_assert(cancel(io, &after));
	assert_told(io, &after, &told, -ECANCELED, 0);
	end(io);
}

/* ---- at once ---- */

/* One that asks, on another worker, when the round begins. */
struct canceler {
	struct weft_future *whom;
	bool asked;
	_Atomic int round, done; /* the last one that has begun, or is over */
};

static void cancel_each_round(struct weft *io, const void *context, void *result)
{
	struct canceler *canceler = result;
	(void)context;
	for (int round = 1; round <= rounds(5000); round++) {
		while (atomic_load(&canceler->round) < round)
			weft_yield(io);
		dawdle((unsigned)round * 7 % 200);
		canceler->asked = cancel(io, canceler->whom);
		atomic_store(&canceler->done, round);
	}
}

static void wait_and_check(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	(void)context;
	told->points[0] = wait_in(io, &queue);
	while (!atomic_load(&is_asked))
		weft_yield(io);
	told->points[1] = weft_check_cancel(io);
	told->points[2] = weft_check_cancel(io);
}

/* One wake and one request for the first of two that wait: it is told one thing, and the other one
 * is told the other thing, later or never. The wake is for somebody in any case. */
static void meet(struct weft *io, struct canceler *canceler, int round, int *canceled)
{
	struct weft_future first, second;
	struct told told = {{1, 1, 1, 1}}, second_told = {{1, 1, 1, 1}};
	atomic_store(&is_asked, false);
	weft_async(io, &first, wait_and_check, NULL, 0, &told);
	if (round % 2) /* else it is arming, perhaps, or has not begun */
		cr_assert(until_waits(io, &first));
	while (is_empty(&queue))
		weft_yield(io);
	weft_async(io, &second, wait_and_check, NULL, 0, &second_told);
	cr_assert(until_waits(io, &second));
	canceler->whom = &first;
	atomic_store(&canceler->round, round);
	dawdle((unsigned)round * 13 % 400);
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	while (atomic_load(&canceler->done) < round)
		weft_yield(io);
	cr_assert(canceler->asked);
	atomic_store(&is_asked, true);
	weft_await(io, &first);
	if (told.points[0] == 0) { /* the wake was its, and the request still is */
		cr_assert_eq(told.points[1], -ECANCELED);
		cr_assert(waits(&second));
		cr_assert_eq(waitqueue_wake(io, &queue, 2), 1);
	} else {
		cr_assert_eq(told.points[0], -ECANCELED);
		cr_assert_eq(told.points[1], 0);
		++*canceled;
	}
	cr_assert_eq(told.points[2], 0);
	assert_told(io, &second, &second_told, 0, 0);
	cr_assert(is_empty(&queue));
}

Test(cancel, canceled_and_woken_at_once)
{
	struct weft *io = begin(4);
	struct weft_future future;
	struct canceler canceler = {0};
	int canceled = 0;
	weft_async(io, &future, cancel_each_round, NULL, 0, &canceler);
	for (int round = 1; round <= rounds(5000); round++)
		meet(io, &canceler, round, &canceled);
	weft_await(io, &future);
	cr_log_info("%d of %d were canceled", canceled, rounds(5000));
	end(io);
}

/* It runs, begins to wait, waits, and ends, while the request is made. */
static void wait_briefly(struct weft *io, const void *context, void *result)
{
	struct told *told = result;
	dawdle(*(const unsigned *)context);
	told->points[0] = weft_sleep(io, weft_in(1000));
	told->points[1] = weft_check_cancel(io);
}

Test(cancel, asked_at_any_moment_of_a_life)
{
	struct weft *io = begin(4);
	int told_count = 0, asked_count = 0;
	for (int round = 0; round < rounds(20000); round++) {
		struct weft_future future;
		struct told told = {{1, 1, 1, 1}};
		unsigned length = (unsigned)round % 300;
		weft_async(io, &future, wait_briefly, &length, sizeof length, &told);
		if (round % 3)
			weft_yield(io);
		dawdle((unsigned)round * 17 % 2000);
		bool asked = cancel(io, &future);
		weft_await(io, &future);
		int told_times =
			(told.points[0] == -ECANCELED) + (told.points[1] == -ECANCELED);
		cr_assert_leq(told_times, asked ? 1 : 0);
		told_count += told_times;
		asked_count += asked;
	}
	cr_log_info("%d asked, %d told", asked_count, told_count);
	end(io);
}
