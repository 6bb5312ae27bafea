/* loop.h: one loop, compiled three times, that differs in its TRACE only.
 *
 *   loop_traced        TRACE is there; it records unless the worker's segment is NULL
 *   loop_compiled_out  TRACE is there, compiled without WEFT_TRACING
 *   loop_without       no TRACE stands in the source
 *
 * build.sh compares the last two: the machine code is the same, byte for byte. */
#ifndef WEFT_BENCH_TRACE_LOOP_H
#define WEFT_BENCH_TRACE_LOOP_H

#include <stdint.h>

/* As in the runtime: the segment is a field of the worker, looked up at each event. */
struct loop_worker {
	struct trace_segment *segment;
};

void loop_traced(struct loop_worker *worker, uint32_t events);
void loop_compiled_out(struct loop_worker *worker, uint32_t events);
void loop_without(struct loop_worker *worker, uint32_t events);

#endif
