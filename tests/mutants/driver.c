/* driver.c: a small program that uses all of the runtime, for mutants.sh to run on mutants.
 *
 * It runs a few rounds of forks, awaits in both orders, yields, names, marks and spans. Fibers wait
 * for a pipe, in turn, until it is closed and until a deadline, and for calls that block. Then
 * come stretches in which one thing matters: a fiber is ready while others fork all the time; a
 * thread from outside submits; and, with a second worker, that one sleeps when there is
 * something for it, and main is woken where it does not run. Last, it asks for the end too
 * early, as a careless program would. WORKERS: 1 to 4; 1.
 * Exits 0 when all results are right. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weft.h"

enum { ROUNDS = 20, CHILDREN = 8, YIELDS = 5, JOBS = 8, READERS = 4 };

#define WORK_NS   UINT64_C(5000)     /* another worker wakes and takes a part */
#define FORK_NS   UINT64_C(100000)   /* so that the trace has room for all */
#define REST_NS   UINT64_C(20000000) /* a worker with nothing to do falls asleep */
#define NAP_NS    INT64_C(2000000)
#define LINTED_NS UINT64_C(150000000) /* longer than the lints allow */

static void work_for(struct weft *io, uint64_t ns)
{
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + ns;
	while ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until)
		;
}

static void work(struct weft *io)
{
	work_for(io, WORK_NS);
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

/* ---- stretches ---- */

static void nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

static void yield_once(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	weft_yield(io);
}

/* One child has yielded, and main forks and awaits all the time. */
static void fork_on(struct weft *io)
{
	struct weft_future yielded, future;
	weft_async(io, &yielded, yield_once, NULL, 0, NULL);
	weft_yield(io);
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + LINTED_NS;
	while ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until) {
		weft_async(io, &future, nothing, NULL, 0, NULL);
		weft_await(io, &future);
		work_for(io, FORK_NS);
	}
	weft_await(io, &yielded);
}

static _Atomic int jobs_done;

static void job(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	atomic_fetch_add(&jobs_done, 1);
}

static void *submit(void *io)
{
	struct weft_foreign foreign;
	if (weft_attach(io, &foreign) < 0)
		return NULL;
	for (int i = 0; i < JOBS; i++)
		(void)weft_submit(&foreign, job, NULL, 0, NULL);
	(void)weft_detach(&foreign);
	return NULL;
}

static void take_jobs(struct weft *io)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, submit, io) != 0)
		return;
	while (atomic_load(&jobs_done) < JOBS)
		weft_yield(io);
	pthread_join(thread, NULL);
}

static void work_long(struct weft *io, const void *context, void *result)
{
	(void)context;
	atomic_store((_Atomic int *)result, 1);
	work_for(io, REST_NS);
}

/* Main works on, so that a child of its can run on another worker only; then it awaits that, and
 * its own worker sleeps. */
static void wait_for_another(struct weft *io)
{
	struct weft_future future;
	_Atomic int begun = 0;
	work_for(io, REST_NS); /* the other worker sleeps by now */
	weft_async(io, &future, work_long, NULL, 0, &begun);
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + LINTED_NS;
	while (!atomic_load(&begun) && (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until)
		;
	weft_await(io, &future);
}

/* ---- stretches in which fibers wait ---- */

static int ends[2]; /* of a pipe */

static void read_one(struct weft *io, const void *context, void *result)
{
	char byte;
	(void)context;
	*(ssize_t *)result = weft_read(io, ends[0], &byte, 1);
}

static void nap(struct weft *io)
{
	(void)weft_sleep(io, weft_in(NAP_NS));
}

/* Each child waits before the next is started. */
static void start_readers(struct weft *io, struct weft_future *futures,
			  ssize_t results[READERS])
{
	for (int i = 0; i < READERS; i++) {
		weft_async(io, &futures[i], read_one, NULL, 0, &results[i]);
		nap(io);
	}
}

static int open_pipe(struct weft *io)
{
	return pipe(ends) || weft_adopt(io, ends[0]) || weft_adopt(io, ends[1]);
}

static int await_readers(struct weft *io, struct weft_future *futures,
			 const ssize_t results[READERS], ssize_t right)
{
	int wrong = 0;
	for (int i = 0; i < READERS; i++) {
		weft_await(io, &futures[i]);
		wrong |= results[i] != right;
	}
	return wrong;
}

/* One write for all: each takes a byte, and hands its turn on. */
static int read_in_turn(struct weft *io)
{
	struct weft_future futures[READERS];
	ssize_t results[READERS];
	if (open_pipe(io))
		return 1;
	start_readers(io, futures, results);
	if (weft_write(io, ends[1], "abcd", READERS) != READERS)
		return 1;
	int wrong = await_readers(io, futures, results, 1);
	return wrong || weft_close(io, ends[0]) || weft_close(io, ends[1]);
}

/* What they wait for is closed; a duplicate of it lives on, and something comes. */
static int close_under_readers(struct weft *io)
{
	struct weft_future futures[READERS];
	ssize_t results[READERS];
	int other;
	if (open_pipe(io) || (other = dup(ends[0])) < 0)
		return 1;
	start_readers(io, futures, results);
	int wrong = weft_close(io, ends[0]);
	wrong |= await_readers(io, futures, results, -EBADF);
	wrong |= weft_write(io, ends[1], "a", 1) != 1;
	nap(io); /* somebody looks into the poller */
	return wrong || weft_close(io, other) || weft_close(io, ends[1]);
}

/* Nothing comes until the deadline. */
static int read_too_long(struct weft *io)
{
	struct weft_deadline deadline;
	ssize_t got = 0;
	if (open_pipe(io) || weft_deadline_begin(io, &deadline, weft_in(NAP_NS)))
		return 1;
	read_one(io, NULL, &got);
	int wrong = weft_deadline_end(io, &deadline) != -WEFT_EDEADLINE ||
		    got != -WEFT_EDEADLINE;
	return wrong || weft_close(io, ends[0]) || weft_close(io, ends[1]);
}

static void block(void *argument)
{
	(void)usleep(NAP_NS / 1000);
	atomic_fetch_add((_Atomic int *)argument, 1);
}

static int offload(struct weft *io)
{
	_Atomic int calls = 0;
	for (int i = 0; i < READERS; i++)
		if (weft_offload(io, block, &calls))
			return 1;
	return atomic_load(&calls) != READERS;
}

static int run_waits(struct weft *io)
{
	if (read_in_turn(io) || close_under_readers(io) || read_too_long(io) ||
	    offload(io)) {
		printf("driver: a wait ended wrongly\n");
		return 1;
	}
	return 0;
}

static void run_stretches(struct weft *io, uint32_t workers)
{
	fork_on(io);
	take_jobs(io);
	for (int i = 0; workers > 1 && i < YIELDS; i++)
		wait_for_another(io);
}

/* ---- the end ---- */

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
	if (run_rounds(io))
		return 1;
	if (run_waits(io))
		return 1;
	run_stretches(io, options.workers);
	return end_twice(io);
}
