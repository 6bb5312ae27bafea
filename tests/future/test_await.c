/* test_await.c: a future's end and its awaiter meet in any order, on any number of workers. */
#include "weft.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/on_valgrind.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static void square(struct weft *io, const void *context, void *result)
{
	(void)io;
	int number = *(const int *)context;
	*(int *)result = number * number;
}

/* As square, for results that are looked at before the await, which alone orders them. */
static void square_in_view(struct weft *io, const void *context, void *result)
{
	(void)io;
	int number = *(const int *)context;
	*(_Atomic int *)result = number * number;
}

/* ---- the two orders ---- */

Test(await, before_completion)
{
	struct weft *io = begin(1);
	struct weft_future future;
	_Atomic int answer = 0;
	int six = 6;
	weft_async(io, &future, square_in_view, &six, sizeof six, &answer);
	cr_assert_eq(answer, 0, "it has not begun");
	weft_await(io, &future);
	cr_assert_eq(answer, 36);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(await, after_completion)
{
	struct weft *io = begin(1);
	struct weft_future future;
	_Atomic int answer = 0;
	int six = 6;
	weft_async(io, &future, square_in_view, &six, sizeof six, &answer);
	weft_yield(io);
	cr_assert_eq(answer, 36, "it ran to its end");
	weft_await(io, &future);
	cr_assert_eq(answer, 36);
	cr_assert_eq(weft_deinit(io), 0);
}

/* The slot that the future once named is another fiber's by then. */
Test(await, again_does_nothing)
{
	struct weft *io = begin(1);
	struct weft_future future, other;
	_Atomic int answer = 0, others = 0;
	int six = 6, seven = 7;
	weft_async(io, &future, square_in_view, &six, sizeof six, &answer);
	weft_await(io, &future);
	answer = 0;
	weft_await(io, &future);
	weft_async(io, &other, square_in_view, &seven, sizeof seven, &others);
	cr_assert_eq(other.fiber, future.fiber, "the slot is used again");
	weft_await(io, &future);
	cr_assert_eq(others, 0, "and its new fiber was not run for the old future");
	cr_assert_eq(answer, 0);
	weft_await(io, &other);
	cr_assert_eq(others, 49);
	cr_assert_eq(weft_deinit(io), 0);
}

static void yield_then_square(struct weft *io, const void *context, void *result)
{
	weft_yield(io);
	square(io, context, result);
}

static void yield_then_square_in_view(struct weft *io, const void *context,
				      void *result)
{
	weft_yield(io);
	square_in_view(io, context, result);
}

/* The child has started and waits in the queue when its awaiter comes. */
Test(await, of_one_that_has_yielded)
{
	struct weft *io = begin(1);
	struct weft_future future;
	_Atomic int answer = 0;
	int six = 6;
	weft_async(io, &future, yield_then_square_in_view, &six, sizeof six, &answer);
	weft_yield(io);
	cr_assert_eq(answer, 0);
	weft_await(io, &future);
	cr_assert_eq(answer, 36);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- who awaits ---- */

static void await_other(struct weft *io, const void *context, void *result)
{
	(void)result;
	weft_await(io, *(struct weft_future *const *)context);
}

Test(await, from_another_fiber)
{
	for (uint32_t workers = 1; workers <= 4; workers++) {
		struct weft *io = begin(workers);
		for (int round = 0; round < 1000; round++) {
			struct weft_future future, awaiter, *first = &future;
			int answer = 0;
			weft_async(io, &future, yield_then_square, &round, sizeof round,
				   &answer);
			weft_async(io, &awaiter, await_other, &first, sizeof first,
				   NULL);
			weft_await(io, &awaiter);
			cr_assert_eq(answer, round * round);
		}
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* ---- trees and crowds ---- */

static void fibonacci(struct weft *io, const void *context, void *result)
{
	int n = *(const int *)context, smaller[2] = {n - 1, n - 2};
	long answers[2] = {0, 0};
	struct weft_future futures[2];
	if (n < 2) {
		*(long *)result = n;
		return;
	}
	for (int i = 0; i < 2; i++)
		weft_async(io, &futures[i], fibonacci, &smaller[i], sizeof smaller[i],
			   &answers[i]);
	weft_await(io, &futures[n % 2]);
	weft_await(io, &futures[1 - n % 2]);
	*(long *)result = answers[0] + answers[1];
}

Test(await, tree_of_forks)
{
	for (uint32_t workers = 1; workers <= 4; workers++) {
		struct weft *io = begin(workers);
		struct weft_future future;
		int n = 16;
		long answer = 0;
		weft_async(io, &future, fibonacci, &n, sizeof n, &answer);
		weft_await(io, &future);
		cr_assert_eq(answer, 987, "on %u workers", workers);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* Large enough that a worker that looks too early sees a part of it. */
struct large {
	int words[256];
};

static void fill(struct weft *io, const void *context, void *result)
{
	int number = *(const int *)context;
	struct large *large = result;
	for (int i = 0; i < 256; i++) {
		large->words[i] = number + i;
		if (i == 100 && number % 3 == 0)
			weft_yield(io);
	}
}

static void assert_filled(const struct large *large, int number)
{
	for (int i = 0; i < 256; i++)
		cr_assert_eq(large->words[i], number + i, "word %d of result %d", i,
			     number);
}

/* Awaited in another order than they began, so that some have ended and some have not. */
static void crowd(uint32_t workers, int count)
{
	struct weft *io = begin(workers);
	struct weft_future *futures = calloc((size_t)count, sizeof *futures);
	struct large *results = calloc((size_t)count, sizeof *results);
	for (int i = 0; i < count; i++)
		weft_async(io, &futures[i], fill, &i, sizeof i, &results[i]);
	for (int i = 0; i < count; i++) {
		int which = (int)((long)i * 7919 % count);
		weft_await(io, &futures[which]);
		assert_filled(&results[which], which);
	}
	cr_assert_eq(weft_deinit(io), 0);
	free(futures);
	free(results);
}

Test(await, ten_thousand_at_once)
{
	int fewer = RUNNING_ON_VALGRIND ? 30 : 1; /* it looks for a stack among all */
	for (uint32_t workers = 1; workers <= 4; workers++)
		crowd(workers, (workers == 1 ? 10000 : 3000) / fewer);
}

/* ---- lifetimes ---- */

/* Future, arguments and result live in this frame only. */
static int square_in_a_frame(struct weft *io, int number, bool yields)
{
	struct weft_future future;
	int answer = 0;
	weft_async(io, &future, yields ? yield_then_square : square, &number,
		   sizeof number, &answer);
	if (number % 2)
		weft_yield(io);
	weft_await(io, &future);
	return answer;
}

/* Writes over the stack that the frame above had. */
static void overwrite(void)
{
	volatile char bytes[1024];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)0xA5;
}

Test(await, future_goes_away_right_after)
{
	for (uint32_t workers = 1; workers <= 4; workers++) {
		struct weft *io = begin(workers);
		for (int i = 0; i < 3000; i++) {
			cr_assert_eq(square_in_a_frame(io, i, i % 3 == 0), i * i);
			overwrite();
		}
		cr_assert_eq(weft_deinit(io), 0);
	}
}

Test(await, future_freed_right_after)
{
	struct weft *io = begin(4);
	for (int i = 0; i < 5000; i++) {
		struct weft_future *future = malloc(sizeof *future);
		int *answer = malloc(sizeof *answer);
		weft_async(io, future, square, &i, sizeof i, answer);
		weft_await(io, future);
		cr_assert_eq(*answer, i * i);
		free(answer);
		free(future);
	}
	cr_assert_eq(weft_deinit(io), 0);
}

/* The worker that ran the last fiber may still be leaving its stack. */
Test(await, deinit_right_after)
{
	for (int i = 0; i < 2000; i++) {
		struct weft *io = begin(4);
		struct weft_future future;
		int answer = 0;
		weft_async(io, &future, square, &i, sizeof i, &answer);
		if (i % 2)
			weft_yield(io);
		weft_await(io, &future);
		cr_assert_eq(answer, i * i);
		cr_assert_eq(weft_deinit(io), 0, "round %d", i);
	}
}

/* ---- two runtimes ---- */

static void *run_tree(void *argument)
{
	for (int round = 0; round < 20; round++) {
		struct weft *io = begin(2);
		struct weft_future future;
		int n = 10;
		weft_async(io, &future, fibonacci, &n, sizeof n, argument);
		weft_await(io, &future);
		cr_assert_eq(weft_deinit(io), 0);
	}
	return NULL;
}

Test(await, two_runtimes_on_two_threads)
{
	pthread_t other;
	long mine = 0, others = 0;
	cr_assert_eq(pthread_create(&other, NULL, run_tree, &others), 0);
	run_tree(&mine);
	cr_assert_eq(pthread_join(other, NULL), 0);
	cr_assert_eq(mine, 55);
	cr_assert_eq(others, 55);
}

/* ---- one slot, many lives ---- */

static void count_up(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(uint64_t *)result;
}

/* What a sanitizer keeps of a slot must not grow with its lives. */
Test(await, a_slot_may_have_many_lives)
{
	SKIP_ON_VALGRIND("slow, and no test of it");
	enum { LIVES = 300000 };
	uint64_t count = 0;
	struct weft *io = begin(1);
	for (int i = 0; i < LIVES; i++) {
		struct weft_future future;
		weft_async(io, &future, count_up, NULL, 0, &count);
		weft_await(io, &future);
	}
	cr_assert_eq(count, LIVES);
	cr_assert_eq(weft_deinit(io), 0);
}
