/* lttng_loops.h: the loop of loop.h with a tracepoint of LTTng-UST in TRACE's place. */
#ifndef WEFT_BENCH_TRACE_LTTNG_LOOPS_H
#define WEFT_BENCH_TRACE_LTTNG_LOOPS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a session records `on`. */
bool lttng_is_on(void);

void lttng_loop_on(uint32_t events);
void lttng_loop_off(uint32_t events);

#endif
