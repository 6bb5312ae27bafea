#include "lttng_loops.h"

#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_peer.h"

bool lttng_is_on(void)
{
	return lttng_ust_tracepoint_enabled(weft_bench, on);
}

void lttng_loop_on(uint32_t events)
{
	for (uint32_t i = 0; i < events; i++) {
		lttng_ust_tracepoint(weft_bench, on, 1, i, i, i + 1, i);
		__asm__ volatile("" : : : "memory");
	}
}

void lttng_loop_off(uint32_t events)
{
	for (uint32_t i = 0; i < events; i++) {
		lttng_ust_tracepoint(weft_bench, off, 1, i, i, i + 1, i);
		__asm__ volatile("" : : : "memory");
	}
}
