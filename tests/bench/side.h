/* side.h: how a program that measures answers scheduler_bench.c, which asks.
 *
 * A side prints one line when it is ready: what it is. Then it reads lines, each a load and up to
 * two numbers, runs that load once, and answers with a line: nanoseconds. For most loads those
 * are of the whole; the answer to a wake is the median of its wakes. Between a question and
 * the next it waits in read(2) and takes no processor's time. The end of its input ends it.
 *
 *   spawn_await FIBERS    batch FIBERS     yield FIBERS YIELDS     fork_join N
 *   wake WAKES PAUSE_NS
 *
 * and those of limits_side.c. Where one worker runs, time is the processor's for the whole
 * process: a load of milliseconds that is put aside for another program takes several, and a long
 * one is put aside more often than a short one. Two workers are measured by the clock on the
 * wall, as one that waits for the other counts; so are wakes. Their rows want a machine that
 * does nothing else. The sides in Go and Rust keep to the same. */
#ifndef WEFT_BENCH_SCHEDULER_SIDE_H
#define WEFT_BENCH_SCHEDULER_SIDE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Which time counts; set once by side_begin. */
static clockid_t side_clock;

static inline void side_begin(int workers)
{
	side_clock = workers == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
}

static inline double side_now_ns(void)
{
	struct timespec now;
	clock_gettime(side_clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

struct side_load {
	const char *name;
	double (*measure)(int first, int second); /* nanoseconds */
};

static inline double side_measure(const struct side_load *loads, const char *name,
				  int first, int second)
{
	for (; loads->name; loads++)
		if (strcmp(loads->name, name) == 0)
			return loads->measure(first, second);
	fprintf(stderr, "what is the load \"%s\"?\n", name);
	exit(1);
}

/* Answers until its input ends. loads: the last one's name is NULL. */
static inline void side_answer(const char *what, const struct side_load *loads)
{
	char line[128], name[32];
	puts(what);
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		int first = 0, second = 0;
		if (sscanf(line, "%31s %d %d", name, &first, &second) < 1)
			continue;
		printf("%.3f\n", side_measure(loads, name, first, second));
		fflush(stdout);
	}
}

#endif
