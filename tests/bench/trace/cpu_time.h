/* cpu_time.h: how long this thread has run. A loop of a millisecond that is put aside for
 * another program takes several; the processor's time for the thread does not tell of that, and
 * holds the kernel's work for it. */
#ifndef WEFT_BENCH_TRACE_CPU_TIME_H
#define WEFT_BENCH_TRACE_CPU_TIME_H

#include <stdint.h>
#include <time.h>

static inline uint64_t cpu_time_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
