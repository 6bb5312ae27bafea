/* Chapter 3: many fibers on a few workers.
 *
 * First part: main starts children of very unequal length, and computes until a thief has taken
 * the first of them. Then it awaits them all. Every fourth child yields half way.
 * Second part: main computes alone, so that the other workers find nothing and sleep. Then as
 * many fibers as there are workers meet: none goes on before all of them run, which takes
 * every worker. One of them stays longer, and at its end main is woken from another worker. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

#define WORKERS 4   /* unless the environment says WORKERS=n */
#define FIBERS  64  /* that the two parts start, together */
#define SEED    1   /* other lengths, and another answer */
#define REST    300 /* microseconds for which others have nothing to do */

static struct weft_future future[1024];
static uint64_t answer[1024]; /* a child's, in place */

static _Atomic int child_runs, host_runs; /* one has begun */
static _Atomic long met;                  /* fibers of the second part that have come */

/* Work whose length and result hang on the seed, and on nothing else. */
static uint64_t compute(uint64_t seed, long steps)
{
	while (steps-- > 0)
		seed = (seed ^ seed >> 29) * 0xBF58476D1CE4E5B9 + 1;
	return seed;
}

/* From 8 thousand steps to half a million, in seven sizes, each as likely as the next. */
static long length_of(uint64_t seed)
{
	return 8000L << (compute(seed, 3) >> 32) % 7;
}

static void child(struct weft *io, const void *context, void *result)
{
	const uint64_t *seed = context;
	long half = length_of(*seed) / 2;
	atomic_store(&child_runs, 1);
	uint64_t middle = compute(*seed, half);
	if (*seed % 4 == 0)
		weft_yield(io);
	*(uint64_t *)result = compute(middle, half);
}

static void rest(struct weft *io, long microseconds)
{
	int64_t end = weft_now(io, WEFT_CLOCK_AWAKE) + (int64_t)microseconds * 1000;
	while (weft_now(io, WEFT_CLOCK_AWAKE) < end)
		;
}

struct meeting {
	const char *name; /* of this one who comes */
	long guests, rest;
};

static void meet(struct weft *io, const void *context, void *result)
{
	const struct meeting *meeting = context;
	(void)result;
	weft_name(io, meeting->name);
	atomic_store(&host_runs, 1);
	atomic_fetch_add(&met, 1);
	while (atomic_load(&met) < meeting->guests)
		;
	rest(io, meeting->rest);
}

/* Main computes, and gives no fiber a turn on this worker. */
static void wait_for_a_thief(_Atomic int *runs)
{
	while (!atomic_load(runs))
		;
}

static void first_part(struct weft *io, long children, uint64_t seed)
{
	for (long i = 0; i < children; i++) {
		uint64_t own = seed * 1024 + (uint64_t)i;
		weft_async(io, &future[i], child, &own, sizeof own, &answer[i]);
	}
	wait_for_a_thief(&child_runs);
	weft_span_begin(io, "await the children");
	for (long i = 0; i < children; i++)
		weft_await(io, &future[i]);
	weft_span_end(io, "await the children");
}

static void second_part(struct weft *io, long workers, long rest_us)
{
	struct meeting of_host = {"host", workers, rest_us},
		       of_guest = {"guest", workers, 0};
	weft_async(io, &future[0], meet, &of_host, sizeof of_host, NULL);
	wait_for_a_thief(&host_runs);
	for (long i = 1; i < workers; i++)
		weft_async(io, &future[i], meet, &of_guest, sizeof of_guest, NULL);
	weft_span_begin(io, "await the host");
	weft_await(io, &future[0]);
	weft_span_end(io, "await the host");
	for (long i = 1; i < workers; i++)
		weft_await(io, &future[i]);
}

/* Whether every child computed what one alone computes. */
static int judge(long children, uint64_t seed)
{
	uint64_t sum = 0, alone = 0;
	for (long i = 0; i < children; i++) {
		uint64_t own = seed * 1024 + (uint64_t)i;
		sum += answer[i];
		alone += compute(own, length_of(own));
	}
	printf("%ld children answered %016" PRIx64 "\n", children, sum);
	if (sum != alone)
		printf("demo: one alone answers %016" PRIx64 "\n", alone);
	return sum != alone;
}

/* -1, after saying why, if the environment's value is none from `least` to `most`. */
static long read_knob(const char *name, long otherwise, long least, long most)
{
	const char *text = getenv(name);
	char *end = NULL;
	long value = text && *text ? strtol(text, &end, 10) : otherwise;
	if (value >= least && value <= most && (!end || !*end))
		return value;
	fprintf(stderr, "demo: %s=%s: give a whole number from %ld to %ld\n", name,
		text, least, most);
	return -1;
}

int main(void)
{
	struct weft *io;
	long workers = read_knob("WORKERS", WORKERS, 2, 56);
	long fibers = read_knob("FIBERS", FIBERS, workers + 1, 1024);
	long seed = read_knob("SEED", SEED, 1, 1000000);
	long rest_us = read_knob("REST", REST, 0, 1000000);
	if (workers < 0 || fibers < 0 || seed < 0 || rest_us < 0)
		return 2;
	printf("WORKERS=%ld FIBERS=%ld SEED=%ld REST=%ld\n", workers, fibers, seed,
	       rest_us);
	int error =
		weft_init(&io, &(struct weft_options){.workers = (uint32_t)workers});
	if (error) {
		fprintf(stderr, "demo: %s\n", weft_strerror(error));
		return 1;
	}
	first_part(io, fibers - workers, (uint64_t)seed);
	rest(io, rest_us);
	second_part(io, workers, rest_us);
	error = weft_deinit(io);
	if (error)
		printf("demo: the runtime does not end: %s\n", weft_strerror(error));
	return judge(fibers - workers, (uint64_t)seed) || error;
}
