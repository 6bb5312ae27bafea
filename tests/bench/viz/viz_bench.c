/* viz_bench.c: runs of 10 to 1,000,000 events, recorded for the pictures that rows.sh times.
 *
 * A run has fibers that yield, work for different times, and now and then await a child. Its
 * trace is PROGRAM-NAME.weft. The rows say how long the recorded run took.
 *
 * Output: tab-separated, one header line. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft.h"

enum {
	LIVE_MAX = 1000, /* fibers at a time */
	AWAIT_EVERY = 16,
	SPINS = 20, /* of the shortest work */
	KINDS = 7,  /* of work, the next one longer than the last */
	PATH_SIZE = 4096,
};

struct run {
	const char *name;
	int fibers;
	int yields;       /* of each fiber */
	uint64_t records; /* room for each worker */
};

static const struct run runs[] = {
	{"10", 1, 0, 1000},
	{"100", 2, 20, 1000},
	{"10000", 100, 60, 100000},
	{"1000000", 1000, 700, 2000000},
	{"1000000-of-10-fibers", 10, 70000, 2000000},
	{"1000000-of-100000-fibers", 100000, 3, 2000000},
};

struct job {
	int number;
	int yields;
};

static void work(int units)
{
	for (volatile int i = 0; i < units * SPINS; i++)
		continue;
}

static void child(struct weft *io, const void *context, void *result)
{
	(void)io;
	(void)context;
	(void)result;
	work(1);
}

static void yielder(struct weft *io, const void *context, void *result)
{
	const struct job *job = context;
	(void)result;
	for (int i = 1; i <= job->yields; i++) {
		work(1 + job->number % KINDS);
		if (i % AWAIT_EVERY == 0) {
			struct weft_future future;
			weft_async(io, &future, child, NULL, 0, NULL);
			weft_await(io, &future);
		} else {
			weft_yield(io);
		}
	}
}

static void run_all(struct weft *io, const struct run *run)
{
	static struct weft_future futures[LIVE_MAX];
	for (int done = 0; done < run->fibers;) {
		int some =
			run->fibers - done < LIVE_MAX ? run->fibers - done : LIVE_MAX;
		for (int i = 0; i < some; i++) {
			struct job job = {done + i, run->yields};
			weft_async(io, &futures[i], yielder, &job, sizeof job, NULL);
		}
		for (int i = 0; i < some; i++)
			weft_await(io, &futures[i]);
		done += some;
	}
}

static int record(const struct run *run, const char *path)
{
	struct weft_options options = {
		.workers = 2, .trace_path = path, .trace_records = run->records};
	struct weft *io;
	int error = weft_init(&io, &options);
	if (error)
		return error;
	uint64_t start = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
	run_all(io, run);
	uint64_t took = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) - start;
	printf("run-%s\t%" PRIu64 "\t-\t-\tfibers: %d, yields of each: %d; recorded\n",
	       run->name, took, run->fibers, run->yields);
	return weft_deinit(io);
}

int main(int count, char **words)
{
	(void)count;
	printf("name\tnanoseconds\tratio_to_goal\tmebibytes\tnote\n");
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		char path[PATH_SIZE];
		int length = snprintf(path, sizeof path, "%s-%s.weft", words[0],
				      runs[i].name);
		int error = length < (int)sizeof path ? record(&runs[i], path)
						      : -ENAMETOOLONG;
		if (error) {
			fprintf(stderr, "viz_bench: %s: %s\n", runs[i].name,
				weft_strerror(error));
			return 1;
		}
	}
	return 0;
}
