/* driver.c: a small program that uses all of the runtime, for mutants.sh to run on mutants.
 *
 * It runs a few rounds of forks, awaits in both orders, yields, names, marks and spans, then
 * asks for the end too early, as a careless program would. WORKERS: 1 to 4; 1.
 * Exits 0 when all results are right. */
#include <errno.h> /* for the names of the constants */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

enum { ROUNDS = 20, CHILDREN = 8, YIELDS = 5, WORK_NS = 5000 };

/* Long enough for another worker to wake and take a part. */
static void work(struct weft *io)
{
	uint64_t until = weft_now(io) + WORK_NS;
	while (weft_now(io) < until)
		;
}

static void child(struct weft *io, const void *context, void *result)
{
	int number = *(const int *)context;
	weft_name(io, "child");
	weft_span_begin(io, "work");
	for (int i = 0; i < YIELDS; i++) {
		weft_span_begin(io, "turn");
		work(io);
		weft_yield(io);
		weft_span_end(io, "turn");
	}
	weft_span_end(io, "work");
	*(int *)result = 2 * number;
}

/* Awaits every other child before it has begun, and the rest when they may have ended. */
static void parent(struct weft *io, const void *context, void *result)
{
	struct weft_future futures[CHILDREN];
	int results[CHILDREN], sum = 0;
	for (int i = 0; i < CHILDREN; i++)
		weft_async(io, &futures[i], child, &i, sizeof i, &results[i]);
	for (int i = 0; i < CHILDREN; i += 2)
		weft_await(io, &futures[i]);
	weft_mark(io, "half", *(const unsigned *)context);
	for (int i = 0; i < YIELDS; i++)
		weft_yield(io);
	for (int i = 1; i < CHILDREN; i += 2)
		weft_await(io, &futures[i]);
	for (int i = 0; i < CHILDREN; i++)
		sum += results[i];
	*(int *)result = sum;
}

static int run_rounds(struct weft *io)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct weft_future future;
		int sum = 0;
		weft_async(io, &future, parent, &round, sizeof round, &sum);
		weft_await(io, &future);
		if (sum != CHILDREN * (CHILDREN - 1)) {
			printf("driver: the sum of round %u is %d\n", round, sum);
			return 1;
		}
	}
	return 0;
}

static _Atomic int may_end;

static void wait_for_leave(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&may_end))
		weft_yield(io);
}

/* The runtime must refuse the first end. */
static int end_twice(struct weft *io)
{
	struct weft_future future;
	weft_async(io, &future, wait_for_leave, NULL, 0, NULL);
	if (weft_deinit(io) != -EBUSY) {
		printf("driver: the runtime ended with a fiber alive\n");
		return 1;
	}
	atomic_store(&may_end, 1);
	weft_await(io, &future);
	return weft_deinit(io) ? 1 : 0;
}

int main(void)
{
	const char *workers = getenv("WORKERS");
	struct weft_options options = {.workers =
					       workers ? (uint32_t)atoi(workers) : 1};
	struct weft *io;
	if (weft_init(&io, &options) < 0)
		return 2;
	return run_rounds(io) ? 1 : end_twice(io);
}
