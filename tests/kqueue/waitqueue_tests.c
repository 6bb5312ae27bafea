/* waitqueue_tests.c: what ends a wait: a wake, a descriptor, a time, a request to end, a call that
 * has returned. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "future/rendezvous.h"
#include "tests/kqueue/harness.h"
#include "waitqueue/waitqueue.h"
#include "weft.h"

#define MS   INT64_C(1000000)
#define LONG (3600000 * MS) /* longer than any test */

enum { CROWD = 8, ROUNDS = 2000 };

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	check_equal(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static bool waits(const struct weft_future *future)
{
	struct fiber *fiber = future->fiber;
	return ticket_look(&fiber->ticket) == TICKET_WAITING;
}

/* Until it has parked, or has ended: then one that sleeps for a moment has been faster. */
static bool until_waits(struct weft *io, struct weft_future *future)
{
	struct rendezvous *meeting = (struct rendezvous *)(void *)&future->meeting;
	while (!waits(future) && !rendezvous_is_finished(meeting))
		weft_yield(io);
	return waits(future);
}

static bool cancel(struct weft *io, const struct weft_future *future)
{
	return waitqueue_cancel(io, future->fiber, future->fiber_id);
}

/* ---- queues ---- */

static struct waitqueue queue;

static int wait_in_queue(struct weft *io)
{
	return waitqueue_wait(io, &queue, WAIT_HEARS_ALL, NULL, NULL);
}

static void wait_once(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = wait_in_queue(io);
}

static void queues_are_fifo(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future futures[CROWD];
		int answers[CROWD];
		for (int i = 0; i < CROWD; i++) {
			answers[i] = 1;
			weft_async(io, &futures[i], wait_once, NULL, 0, &answers[i]);
			check(until_waits(io, &futures[i]));
		}
		check(cancel(io, &futures[3])); /* out of the middle */
		weft_await(io, &futures[3]);
		check_equal(answers[3], -ECANCELED);
		for (int i = 0; i < CROWD; i++) {
			if (i == 3)
				continue;
			for (int k = i; k < CROWD; k++)
				check(k == 3 || waits(&futures[k]));
			check_equal(waitqueue_wake(io, &queue, 1), 1);
			weft_await(io, &futures[i]);
			check_equal(answers[i], 0);
		}
		check_equal(waitqueue_wake(io, &queue, 1), 0);
		check_equal(weft_deinit(io), 0);
	}
}

static _Atomic bool stop;
static _Atomic int woken;

static void wake_until_stopped(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stop)) {
		uint32_t now = waitqueue_wake(io, &queue, 2);
		atomic_fetch_add(&woken, (int)now);
		if (now == 0)
			weft_yield(io);
	}
}

static void wait_often(struct weft *io, const void *context, void *result)
{
	(void)context;
	for (int i = 0; i < ROUNDS; i++)
		*(int *)result += wait_in_queue(io) == 0;
}

static void wakes_and_waits_meet(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future wakers[2], futures[CROWD];
		int counts[CROWD] = {0};
		atomic_store(&stop, false);
		atomic_store(&woken, 0);
		for (int i = 0; i < 2; i++)
			weft_async(io, &wakers[i], wake_until_stopped, NULL, 0, NULL);
		for (int i = 0; i < CROWD; i++)
			weft_async(io, &futures[i], wait_often, NULL, 0, &counts[i]);
		for (int i = 0; i < CROWD; i++) {
			weft_await(io, &futures[i]);
			check_equal(counts[i], ROUNDS);
		}
		atomic_store(&stop, true);
		for (int i = 0; i < 2; i++)
			weft_await(io, &wakers[i]);
		check_equal(atomic_load(&woken), CROWD * ROUNDS);
		check_equal(weft_deinit(io), 0);
	}
}

/* ---- time ---- */

static const enum weft_clock clocks[] = {WEFT_CLOCK_AWAKE, WEFT_CLOCK_REAL,
					 WEFT_CLOCK_BOOT};

static void clocks_run(void)
{
	struct weft *io = begin(1);
	for (int clock = 0; clock <= WEFT_CLOCK_CPU_THREAD; clock++) {
		int64_t first = weft_now(io, (enum weft_clock)clock);
		check(first >= 0);
		while (weft_now(io, (enum weft_clock)clock) < first + MS)
			;
	}
	check_equal(weft_now(io, (enum weft_clock)99), -EINVAL);
	check_equal(weft_deinit(io), 0);
}

static void sleeps_are_not_early(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		for (int i = 0; i < 3; i++) {
			int64_t until = weft_now(io, clocks[i]) + 5 * MS;
			check_equal(weft_sleep(io, weft_at(clocks[i], until)), 0);
			check(weft_now(io, clocks[i]) >= until);
			check_equal(weft_sleep(io, weft_at(clocks[i], 0)), 0);
		}
		check_equal(weft_sleep(io, weft_in(0)), 0);
		check_equal(weft_sleep(io, weft_in(INT64_MIN)), 0);
		check_equal(weft_sleep(io, weft_at(WEFT_CLOCK_CPU_THREAD, 0)), -EINVAL);
		check_equal(weft_deinit(io), 0);
	}
}

static void sleep_a_little(struct weft *io, const void *context, void *result)
{
	int64_t ns = *(const int *)context % 100 * 50000;
	int64_t until = weft_now(io, WEFT_CLOCK_AWAKE) + ns;
	check_equal(weft_sleep(io, weft_in(ns)), 0);
	check(weft_now(io, WEFT_CLOCK_AWAKE) >= until);
	*(int *)result = 1;
}

static void many_sleep(void)
{
	enum { MANY = 1000 };
	static struct weft_future futures[MANY];
	static int slept[MANY];
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		memset(slept, 0, sizeof slept);
		for (int i = 0; i < MANY; i++)
			weft_async(io, &futures[i], sleep_a_little, &i, sizeof i,
				   &slept[i]);
		for (int i = 0; i < MANY; i++) {
			weft_await(io, &futures[i]);
			check_equal(slept[i], 1);
		}
		check_equal(weft_deinit(io), 0);
	}
}

static _Atomic bool has_slept;

static void sleep_and_say(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	check_equal(weft_sleep(io, weft_in(5 * MS)), 0);
	atomic_store(&has_slept, true);
}

static void a_timer_fires_while_a_worker_computes(void)
{
	struct weft *io = begin(2);
	for (int i = 0; i < 10; i++) {
		struct weft_future future;
		atomic_store(&has_slept, false);
		weft_async(io, &future, sleep_and_say, NULL, 0, NULL);
		if (i % 2)
			weft_yield(io);
		while (!atomic_load(&has_slept))
			(void)sched_yield();
		weft_await(io, &future);
	}
	check_equal(weft_deinit(io), 0);
}

/* ---- deadlines ---- */

static void deadlines_nest(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		for (int nearest = 0; nearest < 3; nearest++) {
			struct weft_deadline scopes[3];
			for (int i = 0; i < 3; i++)
				check_equal(weft_deadline_begin(
						    io, &scopes[i],
						    weft_in(i == nearest ? MS : LONG)),
					    0);
			check_equal(wait_in_queue(io), -WEFT_EDEADLINE);
			check_equal(weft_sleep(io, weft_never()), -WEFT_EDEADLINE);
			for (int i = 2; i >= 0; i--)
				check_equal(weft_deadline_end(io, &scopes[i]),
					    i == nearest ? -WEFT_EDEADLINE : 0);
			check_equal(weft_check_cancel(io), 0);
		}
		check_equal(weft_deinit(io), 0);
	}
}

static void end_inside(struct weft *io, const void *context, void *result)
{
	(void)context;
	check_equal(weft_deadline_begin(io, result, weft_in(LONG)), 0);
}

static void expect(const char *report, size_t length)
{
	if (report[length - 1] != '\n' || !strstr(report, "inside a deadline's scope"))
		_Exit(1);
}

static void a_scope_that_is_not_left_is_reported(void)
{
	struct weft *io;
	struct weft_future future;
	struct weft_deadline deadline;
	check_equal(weft_init(&io, &(struct weft_options){.on_fatal = expect}), 0);
	weft_async(io, &future, end_inside, NULL, 0, &deadline);
	weft_await(io, &future);
}

/* ---- descriptors ---- */

static int ends[2];

static void send_back(struct weft *io, const void *context, void *result)
{
	const int *pipes = context;
	unsigned char byte;
	(void)result;
	while (weft_read(io, pipes[0], &byte, 1) == 1) {
		byte++;
		check_equal(weft_write(io, pipes[3], &byte, 1), 1);
	}
}

static void bytes_go_there_and_back(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future future;
		int pipes[4];
		check_equal(pipe(pipes) + pipe(pipes + 2), 0);
		for (int i = 0; i < 4 && workers != 2; i++)
			check_equal(weft_adopt(io, pipes[i]), 0);
		weft_async(io, &future, send_back, pipes, sizeof pipes, NULL);
		for (int i = 0; i < ROUNDS; i++) {
			unsigned char byte = (unsigned char)i;
			check_equal(weft_write(io, pipes[1], &byte, 1), 1);
			check_equal(weft_read(io, pipes[2], &byte, 1), 1);
			check_equal(byte, (unsigned char)(i + 1));
		}
		check_equal(weft_close(io, pipes[1]), 0); /* the end of the other */
		weft_await(io, &future);
		check_equal(weft_close(io, pipes[0]), 0);
		check_equal(weft_close(io, pipes[2]), 0);
		check_equal(weft_close(io, pipes[3]), 0);
		check_equal(weft_deinit(io), 0);
	}
}

static void read_once(struct weft *io, const void *context, void *result)
{
	char byte;
	(void)context;
	*(int *)result = (int)weft_read(io, ends[0], &byte, 1);
}

static void a_close_wakes_who_reads(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future futures[CROWD];
		int answers[CROWD];
		check_equal(pipe(ends), 0);
		for (int i = 0; i < CROWD; i++) {
			weft_async(io, &futures[i], read_once, NULL, 0, &answers[i]);
			check(until_waits(io, &futures[i]));
		}
		check_equal(weft_close(io, ends[0]), 0);
		for (int i = 0; i < CROWD; i++) {
			weft_await(io, &futures[i]);
			check_equal(answers[i], -EBADF);
		}
		check_equal(weft_close(io, ends[1]), 0);
		check_equal(weft_deinit(io), 0);
	}
}

/* ---- canceling ---- */

static void sleep_once(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = weft_sleep(io, weft_never());
	check_equal(weft_check_cancel(io), 0); /* it is told once */
}

static void check_once(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = weft_check_cancel(io);
}

static void each_wait_is_canceled(void)
{
	weft_function *const functions[] = {sleep_once, wait_once, read_once};
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		check_equal(pipe(ends), 0);
		for (int i = 0; i < 3; i++) {
			struct weft_future future;
			int answer = 1;
			weft_async(io, &future, functions[i], NULL, 0, &answer);
			check(until_waits(io, &future));
			check(cancel(io, &future));
			check(!cancel(io, &future));
			weft_await(io, &future);
			check_equal(answer, -ECANCELED);
		}
		check_equal(weft_close(io, ends[0]), 0);
		check_equal(weft_close(io, ends[1]), 0);
		check_equal(weft_deinit(io), 0);
	}
}

static void a_life_that_is_over_is_not_canceled(void)
{
	struct weft *io = begin(1);
	struct weft_future before, after;
	int answer = 1;
	weft_async(io, &before, check_once, NULL, 0, &answer);
	weft_await(io, &before);
	check_equal(answer, 0);
	check(!cancel(io, &before));
	weft_async(io, &after, check_once, NULL, 0, &answer);
	check(after.fiber == before.fiber);
	check(!cancel(io, &before));
	weft_await(io, &after);
	check_equal(answer, 0);
	weft_async(io, &after, check_once, NULL, 0, &answer);
	check(cancel(io, &after));
	weft_await(io, &after);
	check_equal(answer, -ECANCELED);
	check_equal(weft_deinit(io), 0);
}

static void wait_then_check(struct weft *io, const void *context, void *result)
{
	int *answers = result;
	(void)context;
	answers[0] = wait_in_queue(io);
	while (!atomic_load(&stop))
		weft_yield(io);
	answers[1] = weft_check_cancel(io);
}

static void cancel_other(struct weft *io, const void *context, void *result)
{
	*(bool *)result = cancel(io, *(struct weft_future *const *)context);
}

/* It is told one of the two; the other is kept. */
static void canceled_and_woken_at_once(void)
{
	struct weft *io = begin(4);
	for (int round = 0; round < ROUNDS; round++) {
		struct weft_future future, canceler, *whom = &future;
		int answers[2] = {1, 1};
		bool asked = false;
		atomic_store(&stop, false);
		weft_async(io, &future, wait_then_check, NULL, 0, answers);
		check(until_waits(io, &future));
		weft_async(io, &canceler, cancel_other, &whom, sizeof whom, &asked);
		if (round % 2)
			(void)sched_yield();
		uint32_t count = waitqueue_wake(io, &queue, 1);
		weft_await(io, &canceler);
		check(asked);
		atomic_store(&stop, true);
		weft_await(io, &future);
		check_equal(answers[0], count == 1 ? 0 : -ECANCELED);
		check_equal(answers[1], count == 1 ? -ECANCELED : 0);
	}
	check_equal(weft_deinit(io), 0);
}

/* ---- calls that block ---- */

static void read_a_gate(void *argument)
{
	char byte;
	*(int *)argument = (int)read(ends[0], &byte, 1);
}

static void offload_read(struct weft *io, const void *context, void *result)
{
	(void)context;
	check_equal(weft_offload(io, read_a_gate, result), 0);
}

static void offloaded_calls_keep_nobody(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future futures[CROWD];
		int answers[CROWD] = {0};
		check_equal(pipe(ends), 0);
		for (int i = 0; i < CROWD; i++) {
			weft_async(io, &futures[i], offload_read, NULL, 0, &answers[i]);
			check(until_waits(io, &futures[i]));
		}
		check_equal(weft_deinit(io), -EBUSY);
		check_equal(write(ends[1], "12345678", CROWD), CROWD);
		for (int i = 0; i < CROWD; i++) {
			weft_await(io, &futures[i]);
			check_equal(answers[i], 1);
		}
		check_equal(close(ends[0]) + close(ends[1]), 0);
		check_equal(weft_deinit(io), 0);
	}
}

static void offload_by_one(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = weft_offload(io, read_a_gate, (int *)result + 1);
}

/* The only helper is busy with another. */
static void a_call_that_has_not_begun_is_canceled(void)
{
	struct weft *io;
	struct weft_future first, second;
	int of_first[2] = {1, 0}, of_second[2] = {1, 0};
	check_equal(weft_init(&io, &(struct weft_options){.helpers = 1}), 0);
	check_equal(pipe(ends), 0);
	weft_async(io, &first, offload_by_one, NULL, 0, of_first);
	check(until_waits(io, &first));
	weft_async(io, &second, offload_by_one, NULL, 0, of_second);
	check(until_waits(io, &second));
	check(cancel(io, &second));
	weft_await(io, &second);
	check_equal(of_second[0], -ECANCELED);
	check_equal(of_second[1], 0); /* it has not run */
	check_equal(write(ends[1], "x", 1), 1);
	weft_await(io, &first);
	check_equal(of_first[0], 0);
	check_equal(of_first[1], 1);
	check_equal(close(ends[0]) + close(ends[1]), 0);
	check_equal(weft_deinit(io), 0);
}

const struct test waitqueue_tests[] = {
	{"waitqueue: queues are FIFO", queues_are_fifo, 0},
	{"waitqueue: wakes and waits meet", wakes_and_waits_meet, 0},
	{"waitqueue: clocks run", clocks_run, 0},
	{"waitqueue: sleeps are not early", sleeps_are_not_early, 0},
	{"waitqueue: many sleep", many_sleep, 0},
	{"waitqueue: a timer fires while a worker computes",
	 a_timer_fires_while_a_worker_computes, 0},
	{"waitqueue: deadlines nest", deadlines_nest, 0},
	{"waitqueue: a scope that is not left is reported",
	 a_scope_that_is_not_left_is_reported, SIGABRT},
	{"waitqueue: bytes go there and back", bytes_go_there_and_back, 0},
	{"waitqueue: a close wakes who reads", a_close_wakes_who_reads, 0},
	{"waitqueue: each wait is canceled", each_wait_is_canceled, 0},
	{"waitqueue: a life that is over is not canceled",
	 a_life_that_is_over_is_not_canceled, 0},
	{"waitqueue: canceled and woken at once", canceled_and_woken_at_once, 0},
	{"waitqueue: offloaded calls keep nobody", offloaded_calls_keep_nobody, 0},
	{"waitqueue: a call that has not begun is canceled",
	 a_call_that_has_not_begun_is_canceled, 0},
	{NULL, NULL, 0},
};
