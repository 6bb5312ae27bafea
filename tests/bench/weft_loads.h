/* weft_loads.h: what the benchmarks let fibers do. Each call begins and ends in the main fiber,
 * and returns when all fibers that it started have ended. */
#ifndef WEFT_TESTS_BENCH_WEFT_LOADS_H
#define WEFT_TESTS_BENCH_WEFT_LOADS_H

#include "weft.h"

/* One fiber that does nothing is spawned and awaited, then the next. */
void load_spawn_await(struct weft *io, int fibers);

/* That many are spawned, then all are awaited. futures: room for as many; the caller's. */
void load_batch(struct weft *io, struct weft_future *futures, int fibers);

/* That many yield to one another, each so many times. futures: as above. */
void load_yield(struct weft *io, struct weft_future *futures, int fibers, int yields);

/* Computes the n-th Fibonacci number, each call a fiber that spawns two and awaits both. */
long load_fork_join(struct weft *io, int n);

#endif
