/* future_tests.c: a function's end and whoever awaits it meet in any order. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "context/annotate.h"
#include "future/rendezvous.h"
#include "tests/kqueue/harness.h"
#include "weft.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	check_equal(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static void square(struct weft *io, const void *context, void *result)
{
	int number = *(const int *)context;
	(void)io;
	*(int *)result = number * number;
}

static void yield_then_square(struct weft *io, const void *context, void *result)
{
	weft_yield(io);
	square(io, context, result);
}

static void await_before_the_end(void)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int six = 6, answer = 0;
	weft_async(io, &future, yield_then_square, &six, sizeof six, &answer);
	check_equal(answer, 0);
	weft_await(io, &future);
	check_equal(answer, 36);
	check_equal(weft_deinit(io), 0);
}

static void await_after_the_end(void)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int six = 6, answer = 0;
	weft_async(io, &future, square, &six, sizeof six, &answer);
	weft_yield(io);
	check_equal(answer, 36);
	weft_await(io, &future);
	weft_await(io, &future); /* does nothing */
	check_equal(answer, 36);
	check_equal(weft_deinit(io), 0);
}

static void await_other(struct weft *io, const void *context, void *result)
{
	(void)result;
	weft_await(io, *(struct weft_future *const *)context);
}

static void await_by_another_fiber(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		for (int round = 0; round < 500; round++) {
			struct weft_future future, awaiter, *first = &future;
			int answer = 0;
			weft_async(io, &future, yield_then_square, &round, sizeof round,
				   &answer);
			weft_async(io, &awaiter, await_other, &first, sizeof first,
				   NULL);
			weft_await(io, &awaiter);
			check_equal(answer, round * round);
		}
		check_equal(weft_deinit(io), 0);
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

static void trees_of_forks(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		for (int n = 0; n <= 16; n += 4) {
			static const long expected[] = {0, 3, 21, 144, 987};
			struct weft_future future;
			long answer = -1;
			weft_async(io, &future, fibonacci, &n, sizeof n, &answer);
			weft_await(io, &future);
			check_equal(answer, expected[n / 4]);
		}
		check_equal(weft_deinit(io), 0);
	}
}

enum { WORDS = 300 };

struct large {
	int words[WORDS];
};

static void fill(struct weft *io, const void *context, void *result)
{
	struct large *large = result;
	for (int i = 0; i < WORDS; i++) {
		if (i % 100 == 99)
			weft_yield(io);
		large->words[i] = *(const int *)context + i;
	}
}

static void results_are_seen_whole(void)
{
	enum { CROWD = 200 };
	static struct large results[CROWD];
	static struct weft_future futures[CROWD];
	struct weft *io = begin(4);
	for (int i = 0; i < CROWD; i++)
		weft_async(io, &futures[i], fill, &i, sizeof i, &results[i]);
	for (int i = CROWD - 1; i >= 0; i--) {
		weft_await(io, &futures[i]);
		for (int k = 0; k < WORDS; k++)
			check_equal(results[i].words[k], i + k);
	}
	check_equal(weft_deinit(io), 0);
}

/* ---- when no fiber can be had ---- */

static void add_one(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(int *)result;
}

static void arguments_too_large_to_copy(void)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int ran = 0;
	check(strcmp(weft_shortage(io), "") == 0);
	check_equal(weft_concurrent(io, &future, add_one, "", SIZE_MAX, &ran), -EAGAIN);
	check_equal(ran, 0);
	check(strstr(weft_shortage(io), "arguments") != NULL);
	weft_async(io, &future, add_one, "", SIZE_MAX, &ran);
	check_equal(ran, 1); /* inline */
	weft_await(io, &future);
	check_equal(weft_concurrent(io, &future, add_one, NULL, 0, &ran), 0);
	weft_await(io, &future);
	check_equal(ran, 2);
	check_equal(weft_deinit(io), 0);
}

enum { LIMIT = 512 << 20, MOST = 20000 };

/* Systems differ in which of the two counts what is mapped. */
static void limit_memory(void)
{
	const struct rlimit limit = {LIMIT, LIMIT};
#if defined(RLIMIT_AS)
	(void)setrlimit(RLIMIT_AS, &limit);
#endif
	(void)setrlimit(RLIMIT_DATA, &limit);
}

static void as_many_as_memory_allows(void)
{
	static struct weft_future futures[MOST];
	struct weft *io = begin(1);
	int ran = 0, count = 0, error = 0;
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
	harness_skip("a sanitizer needs more memory than the limit");
#endif
	limit_memory();
	while (count < MOST &&
	       !(error = weft_concurrent(io, &futures[count], add_one, NULL, 0, &ran)))
		count++;
	for (int i = 0; i < count; i++)
		weft_await(io, &futures[i]);
	check_equal(ran, count);
	if (count == MOST)
		harness_skip("this system limits no memory");
	check_equal(error, -EAGAIN);
	check(count > 0 && weft_shortage(io)[0] != '\0');
	check_equal(weft_concurrent(io, &futures[0], add_one, NULL, 0, &ran), 0);
	weft_await(io, &futures[0]);
	check_equal(weft_deinit(io), 0);
}

/* ---- the word where both meet, by itself ---- */

enum { MEETINGS = 20000, SPINS = 2000 };

static struct rendezvous meeting;
static _Atomic int arrived, finished; /* arrivals of both; ends of one */
static int written, awaiter;
static void *found;

/* Spins, so that both go on at one moment; lets the other run where there is one processor. */
static void wait_until(_Atomic int *counter, int value)
{
	for (int spins = 0; atomic_load(counter) < value; spins++)
		if (spins > SPINS)
			(void)sched_yield();
}

/* Then a pause of its own, so that now one is a little earlier, now the other. */
static void meet(int round, int pauses)
{
	atomic_fetch_add(&arrived, 1);
	wait_until(&arrived, 2 * round);
	for (volatile int left = round % pauses; left > 0; left--)
		;
}

static void *finish_each(void *unused)
{
	for (int round = 1; round <= MEETINGS; round++) {
		meet(round, 89);
		written = round;
		found = rendezvous_finish(&meeting);
		atomic_store(&finished, round);
	}
	return unused;
}

/* Whoever comes second sees the first, and one of them only. */
static void both_at_once(void)
{
	pthread_t other;
	check_equal(pthread_create(&other, NULL, finish_each, NULL), 0);
	for (int round = 1; round <= MEETINGS; round++) {
		rendezvous_init(&meeting);
		meet(round, 97);
		bool parked = rendezvous_park(&meeting, &awaiter);
		if (!parked)
			check_equal(written, round);
		wait_until(&finished, round);
		check(found == (parked ? &awaiter : NULL));
	}
	check_equal(pthread_join(other, NULL), 0);
}

const struct test future_tests[] = {
	{"future: await before the end", await_before_the_end, 0},
	{"future: await after the end", await_after_the_end, 0},
	{"future: await by another fiber", await_by_another_fiber, 0},
	{"future: trees of forks", trees_of_forks, 0},
	{"future: results are seen whole", results_are_seen_whole, 0},
	{"future: arguments too large to copy", arguments_too_large_to_copy, 0},
	{"future: as many as memory allows", as_many_as_memory_allows, 0},
	{"future: both at once", both_at_once, 0},
	{NULL, NULL, 0},
};
