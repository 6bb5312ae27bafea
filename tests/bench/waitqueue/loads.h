/* loads.h: what the sides of waitqueue_bench.c have in common. */
#ifndef WEFT_BENCH_WAITQUEUE_LOADS_H
#define WEFT_BENCH_WAITQUEUE_LOADS_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PAIRS_MAX = 64,
	HOP_ROOM = 64, /* bytes of a read; one comes */
	TIMERS_MAX = 1000,
	SLEEP_LEAST_NS = 1000000,
	SLEEP_MOST_NS = 100000000,
};

/* A number that is another one each time; the same numbers in each run. */
static inline uint64_t load_random(void)
{
	static uint64_t state = 1;
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 24;
}

/* Of 1 to 100 ms. */
static inline int64_t load_sleep_ns(void)
{
	return SLEEP_LEAST_NS +
	       (int64_t)(load_random() % (SLEEP_MOST_NS - SLEEP_LEAST_NS + 1));
}

static inline void make_pipe(int ends[2])
{
	if (pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
		return;
	perror("pipe");
	exit(1);
}

#endif
