/* loop.c: the loop of loop.h. LOOP is its name; LOOP_WITHOUT_TRACE leaves the event out. */
#include "loop.h"

#include "base/tracing.h"

void LOOP(struct loop_worker *worker, uint32_t events)
{
	for (uint32_t i = 0; i < events; i++) {
#if !defined(LOOP_WITHOUT_TRACE)
		TRACE(worker->segment, SWITCH, .arg = TRACE_leave_YIELD, .fiber = i,
		      .fiber_sequence = i, .peer = i + 1, .value = trace_pair(i, i));
#endif
		/* The compiler keeps the loop, and looks at the worker anew. */
		__asm__ volatile("" : : "r"(worker) : "memory");
	}
}
