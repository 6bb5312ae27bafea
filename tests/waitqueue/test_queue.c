/* test_queue.c: fibers wait in line, and are woken in order, exactly as many as one asks for. */
#include <pthread.h>

#include "tests/waitqueue/waits.h"

enum { CROWD = 8 };

/* What each of a crowd waits in, and what it was told. */
static struct waitqueue queue;
static struct weft_future futures[CROWD];
static int answers[CROWD];

static void wait_once(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = wait_in(io, &queue);
}

/* Each waits before the next one comes. */
static void line_up(struct weft *io, int first, int count)
{
	for (int i = first; i < first + count; i++) {
		answers[i] = 1;
		weft_async(io, &futures[i], wait_once, NULL, 0, &answers[i]);
		cr_assert(until_waits(io, &futures[i]));
	}
}

static void assert_answers(struct weft *io, int which, int answer)
{
	weft_await(io, &futures[which]);
	cr_assert_eq(answers[which], answer, "number %d: %d", which, answers[which]);
}

static void assert_waiting(int first, int end)
{
	for (int i = first; i < end; i++)
		cr_assert(waits(&futures[i]), "number %d was woken", i);
}

/* ---- in order ---- */

Test(queue, one_wake_is_for_the_first)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		line_up(io, 0, CROWD);
		for (int i = 0; i < CROWD; i++) {
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
			assert_answers(io, i, 0);
			assert_waiting(i + 1, CROWD);
		}
		end(io);
	}
}

static _Atomic int came; /* how many */

static void wait_and_count(struct weft *io, const void *context, void *result)
{
	(void)context;
	(void)wait_in(io, &queue);
	*(int *)result = came++;
}

Test(queue, those_woken_together_run_in_order)
{
	struct weft *io = begin(1);
	for (int i = 0; i < CROWD; i++) {
		weft_async(io, &futures[i], wait_and_count, NULL, 0, &answers[i]);
		cr_assert(until_waits(io, &futures[i]));
	}
	cr_assert_eq(waitqueue_wake(io, &queue, CROWD), CROWD);
	for (int i = 0; i < CROWD; i++)
		assert_answers(io, i, i);
	end(io);
}

Test(queue, wakes_exactly_so_many)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 0);
		line_up(io, 0, CROWD);
		cr_assert_eq(waitqueue_wake(io, &queue, 0), 0);
		assert_waiting(0, CROWD);
		cr_assert_eq(waitqueue_wake(io, &queue, 3), 3);
		for (int i = 0; i < 3; i++)
			assert_answers(io, i, 0);
		assert_waiting(3, CROWD);
		cr_assert_eq(waitqueue_wake(io, &queue, UINT32_MAX), CROWD - 3);
		for (int i = 3; i < CROWD; i++)
			assert_answers(io, i, 0);
		cr_assert_eq(waitqueue_wake(io, &queue, UINT32_MAX), 0);
		end(io);
	}
}

Test(queue, each_wake_before_any_of_them_runs_is_for_another)
{
	struct weft *io = begin(1);
	line_up(io, 0, 3);
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	assert_waiting(2, 3);
	for (int i = 0; i < 2; i++)
		assert_answers(io, i, 0);
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	assert_answers(io, 2, 0);
	end(io);
}

Test(queue, who_comes_after_a_wake_is_the_last)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		line_up(io, 0, 3);
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
		line_up(io, 3, 1);
		for (int i = 1; i < 4; i++) {
			assert_waiting(i, 4);
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
			assert_answers(io, i, 0);
		}
		assert_answers(io, 0, 0);
		end(io);
	}
}

/* ---- one goes from the middle ---- */

Test(queue, a_canceled_one_leaves_the_others_in_order)
{
	EACH_WORKERS(workers)
	for (int gone = 0; gone < CROWD; gone++) {
		struct weft *io = begin(workers);
		line_up(io, 0, CROWD);
		cr_assert(cancel(io, &futures[gone]));
		assert_answers(io, gone, -ECANCELED);
		for (int i = 0; i < CROWD; i++) {
			if (i == gone)
				continue;
			assert_waiting(i, i + 1);
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
			assert_answers(io, i, 0);
		}
		cr_assert_eq(waitqueue_wake(io, &queue, 1), 0);
		end(io);
	}
}

/* It lies on a stack that is another's by then. */
Test(queue, who_has_left_is_not_in_it)
{
	EACH_WORKERS(workers) {
		struct weft *io = begin(workers);
		line_up(io, 0, 2);
		cr_assert(cancel(io, &futures[1]));
		assert_answers(io, 1, -ECANCELED);
		cr_assert_eq(queue.waiters.last, queue.waiters.first);
		cr_assert(cancel(io, &futures[0]));
		assert_answers(io, 0, -ECANCELED);
		cr_assert(is_empty(&queue));
		end(io);
	}
}

Test(queue, a_canceled_one_that_has_not_left_is_passed_over)
{
	struct weft *io = begin(1);
	line_up(io, 0, 3);
	cr_assert(cancel(io, &futures[0]));
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1); /* before it runs */
	assert_answers(io, 0, -ECANCELED);
	assert_answers(io, 1, 0);
	assert_waiting(2, 3);
	cr_assert_eq(waitqueue_wake(io, &queue, 2), 1);
	assert_answers(io, 2, 0);
	end(io);
}

static void wait_a_while(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	cr_assert_eq(
		weft_deadline_begin(io, &deadline, weft_in(*(const int64_t *)context)),
		0);
	*(int *)result = wait_in(io, &queue);
	cr_assert_eq(weft_deadline_end(io, &deadline),
		     *(int *)result == -WEFT_EDEADLINE ? -WEFT_EDEADLINE : 0);
}

Test(queue, one_that_is_timed_out_leaves_the_others_in_order)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < 5; i++) {
			int64_t patience = i == 2 ? 20 * MS : LONG;
			weft_async(io, &futures[i], wait_a_while, &patience,
				   sizeof patience, &answers[i]);
			(void)until_waits(io, &futures[i]);
		}
		assert_answers(io, 2, -WEFT_EDEADLINE);
		for (int i = 0; i < 5; i++) {
			if (i == 2)
				continue;
			assert_waiting(i, i + 1);
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
			assert_answers(io, i, 0);
		}
		end(io);
	}
}

/* ---- whether to wait at all ---- */

struct ask {
	struct waitqueue queue;
	bool may, asked, locked;
};

static bool answer_ask(void *arg)
{
	struct ask *ask = arg;
	ask->asked = true;
	ask->locked = load_relaxed(&ask->queue.home.lock.taken) != 0; /* by us */
	return ask->may;
}

static void ask_and_wait(struct weft *io, const void *context, void *result)
{
	struct ask *ask = result;
	(void)context;
	int answer = waitqueue_wait(io, &ask->queue, WAIT_HEARS_ALL, answer_ask, ask);
	cr_assert_eq(answer, ask->may ? 0 : -EAGAIN);
}

Test(queue, asks_under_its_lock_whether_to_wait)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct ask no = {.may = false}, yes = {.may = true};
		weft_async(io, &future, ask_and_wait, NULL, 0, &no);
		weft_await(io, &future);
		cr_assert(no.asked && no.locked);
		cr_assert_eq(waitqueue_wake(io, &no.queue, 1), 0); /* it was never in */
		weft_async(io, &future, ask_and_wait, NULL, 0, &yes);
		cr_assert(until_waits(io, &future));
		cr_assert(yes.asked && yes.locked);
		cr_assert_eq(waitqueue_wake(io, &yes.queue, 1), 1);
		weft_await(io, &future);
		end(io);
	}
}

/* One that does not wait after all is not canceled for it, and waits as ever the next time. */
static void ask_wait_and_check(struct weft *io, const void *context, void *result)
{
	struct ask *ask = result;
	(void)context;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(waitqueue_wait(io, &ask->queue, WAIT_HEARS_ALL, answer_ask,
					    ask),
			     -EAGAIN);
	cr_assert_eq(weft_check_cancel(io), -ECANCELED);
	ask->may = true;
	cr_assert_eq(waitqueue_wait(io, &ask->queue, WAIT_HEARS_ALL, answer_ask, ask),
		     0);
}

Test(queue, one_that_need_not_wait_has_not_been_told_to_end)
{
	struct weft *io = begin(1);
	struct weft_future future;
	struct ask ask = {.may = false};
	weft_async(io, &future, ask_wait_and_check, NULL, 0, &ask);
	cr_assert(cancel(io, &future));
	cr_assert(until_waits(io, &future));
	cr_assert_eq(waitqueue_wake(io, &ask.queue, 1), 1);
	weft_await(io, &future);
	end(io);
}

/* ---- what is seen ---- */

static int written; /* plain: what the calls promise orders it */

static void wait_and_read(struct weft *io, const void *context, void *result)
{
	(void)context;
	(void)wait_in(io, &queue);
	*(int *)result = written;
}

Test(queue, what_came_before_the_wake_is_seen)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < 50; i++) {
			weft_async(io, &futures[0], wait_and_read, NULL, 0,
				   &answers[0]);
			cr_assert(until_waits(io, &futures[0]));
			written = i;
			cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
			assert_answers(io, 0, i);
		}
		end(io);
	}
}

/* One permit for each that comes: plain, as the queue's lock guards it. */
static bool take_permit(void *arg)
{
	int *permits = arg;
	return --*permits < 0;
}

static void try_permit(struct weft *io, const void *context, void *result)
{
	(void)context;
	if (waitqueue_wait(io, &queue, WAIT_HEARS_ALL, take_permit, &written) ==
	    -EAGAIN)
		*(int *)result = 1;
}

Test(queue, what_may_wait_changes_is_under_the_lock)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		int taken = 0;
		written = CROWD - 3;
		for (int i = 0; i < CROWD; i++) {
			answers[i] = 0;
			weft_async(io, &futures[i], try_permit, NULL, 0, &answers[i]);
		}
		for (uint32_t woken = 0; woken < 3;) {
			weft_yield(io);
			woken += waitqueue_wake(io, &queue, 1);
		}
		for (int i = 0; i < CROWD; i++) {
			weft_await(io, &futures[i]);
			taken += answers[i];
		}
		cr_assert_eq(taken, CROWD - 3);
		cr_assert_eq(written, -3);
		end(io);
	}
}

/* ---- lives, queues and runtimes ---- */

Test(queue, a_key_of_a_life_before_wakes_nobody)
{
	struct weft *io = begin(1);
	line_up(io, 0, 1);
	struct fiber *fiber = queue.waiters.first->fiber;
	uint64_t key = queue.waiters.first->key;
	struct weft_future before = futures[0];
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	assert_answers(io, 0, 0);
	line_up(io, 0, 1);
	cr_assert_eq(queue.waiters.first->fiber, fiber, "not the same slot");
	for (int outcome = TICKET_WOKEN; outcome <= TICKET_CANCELED; outcome++)
		cr_assert_eq(
			ticket_claim(&fiber->ticket, key, (enum ticket_state)outcome),
			TICKET_LOST);
	cr_assert_not(cancel(io, &before));
	assert_waiting(0, 1);
	cr_assert_eq(waitqueue_wake(io, &queue, 1), 1);
	assert_answers(io, 0, 0);
	end(io);
}

static struct waitqueue second_queue;

static void wait_here_and_there(struct weft *io, const void *context, void *result)
{
	(void)context;
	for (int i = 0; i < 100; i++)
		*(int *)result += wait_in(io, i % 2 ? &second_queue : &queue) == 0;
}

/* All of one queue are woken, and wait in the other before the waker looks there. */
Test(queue, whoever_is_woken_waits_elsewhere_at_once)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < CROWD; i++) {
			answers[i] = 0;
			weft_async(io, &futures[i], wait_here_and_there, NULL, 0,
				   &answers[i]);
		}
		for (uint32_t woken = 0; woken < 100 * CROWD;) {
			woken += waitqueue_wake(io, &queue, 3);
			woken += waitqueue_wake(io, &second_queue, CROWD);
			weft_yield(io);
		}
		for (int i = 0; i < CROWD; i++)
			assert_answers(io, i, 100);
		end(io);
	}
}

struct pair {
	struct waitqueue queue;
	int turns;
};

static void take_turns(struct weft *io, const void *context, void *result)
{
	struct pair *pair = result;
	(void)context;
	for (int i = 0; i < rounds(5000); i++)
		pair->turns += wait_in(io, &pair->queue) == 0;
}

static void *run_a_pair(void *argument)
{
	struct pair *pair = argument;
	struct weft *io = begin(2);
	struct weft_future future;
	weft_async(io, &future, take_turns, NULL, 0, pair);
	for (int woken = 0; woken < rounds(5000);) {
		woken += (int)waitqueue_wake(io, &pair->queue, 1);
		weft_yield(io);
	}
	weft_await(io, &future);
	end(io);
	return argument;
}

Test(queue, two_runtimes_side_by_side)
{
	struct pair pairs[2] = {0};
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run_a_pair, &pairs[1]), 0);
	(void)run_a_pair(&pairs[0]);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pairs[i].turns, rounds(5000));
}

/* ---- at once ---- */

static _Atomic bool stop;
static _Atomic int woken_in_all;

static void wake_until_stopped(struct weft *io, const void *context, void *result)
{
	uint32_t most = *(const uint32_t *)context, woken = 0;
	(void)result;
	for (unsigned i = 0; !atomic_load(&stop); i++) {
		uint32_t now = waitqueue_wake(io, &queue, most);
		woken += now;
		if (now == 0)
			dawdle(i % 64);
		if (i % 64 == 0)
			weft_yield(io);
	}
	atomic_fetch_add(&woken_in_all, (int)woken);
}

static void wait_often(struct weft *io, const void *context, void *result)
{
	for (int i = 0; i < *(const int *)context; i++)
		*(int *)result += wait_in(io, &queue) == 0;
}

/* So many wait so often, and as many others wake, so many at a time; all at once. */
static void wait_and_wake(uint32_t workers, int waiters, int wakers, uint32_t most,
			  int each)
{
	struct weft *io = begin(workers);
	struct weft_future wakes[CROWD];
	atomic_store(&stop, false);
	atomic_store(&woken_in_all, 0);
	for (int i = 0; i < wakers; i++)
		weft_async(io, &wakes[i], wake_until_stopped, &most, sizeof most, NULL);
	for (int i = 0; i < waiters; i++) {
		answers[i] = 0;
		weft_async(io, &futures[i], wait_often, &each, sizeof each,
			   &answers[i]);
	}
	for (int i = 0; i < waiters; i++)
		assert_answers(io, i, each);
	atomic_store(&stop, true);
	for (int i = 0; i < wakers; i++)
		weft_await(io, &wakes[i]);
	cr_assert_eq(atomic_load(&woken_in_all), waiters * each);
	cr_assert(is_empty(&queue));
	end(io);
}

/* A waiter that is in the list is claimed before it has parked, now and then. */
Test(queue, woken_the_moment_it_arms)
{
	wait_and_wake(2, 1, 1, 1, rounds(100000));
}

Test(queue, many_wait_and_many_wake)
{
	EACH_WORKERS(workers)
	{
		wait_and_wake(workers, CROWD, 3, 1, rounds(10000));
		wait_and_wake(workers, CROWD, 3, 3, rounds(10000));
	}
}

struct impatient {
	int rounds, woken, timed_out;
};

static void wait_impatiently(struct weft *io, const void *context, void *result)
{
	struct impatient *self = result;
	(void)context;
	for (int i = 0; i < self->rounds; i++) {
		struct weft_deadline deadline;
		cr_assert_eq(weft_deadline_begin(io, &deadline, weft_in(i % 50 * 400)),
			     0);
		int answer = wait_in(io, &queue);
		cr_assert_eq(weft_deadline_end(io, &deadline), answer);
		self->woken += answer == 0;
		self->timed_out += answer == -WEFT_EDEADLINE;
	}
}

/* Each wake that counts is for one that was woken: none is lost with one that was timed out. */
Test(queue, timed_out_while_they_are_woken)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future waker;
		struct impatient impatient[CROWD];
		uint32_t most = 1;
		int woken = 0, timed_out = 0;
		atomic_store(&stop, false);
		atomic_store(&woken_in_all, 0);
		weft_async(io, &waker, wake_until_stopped, &most, sizeof most, NULL);
		for (int i = 0; i < CROWD; i++) {
			impatient[i] = (struct impatient){.rounds = rounds(2000)};
			weft_async(io, &futures[i], wait_impatiently, NULL, 0,
				   &impatient[i]);
		}
		for (int i = 0; i < CROWD; i++) {
			weft_await(io, &futures[i]);
			woken += impatient[i].woken;
			timed_out += impatient[i].timed_out;
		}
		atomic_store(&stop, true);
		weft_await(io, &waker);
		cr_assert_eq(woken, atomic_load(&woken_in_all));
		cr_assert_eq(woken + timed_out, CROWD * rounds(2000));
		cr_assert(is_empty(&queue));
		end(io);
	}
}
