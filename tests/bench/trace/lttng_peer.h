/* lttng_peer.h: the provider of two tracepoints of LTTng-UST with the payload of a record:
 * four 32-bit numbers and one of 64. The session of run.sh records `on`; no session records
 * `off`, which shows what a tracepoint costs that is compiled in and not enabled. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER weft_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "lttng_peer.h"

/* LTTng reads this file several times, with other macros. */
#if !defined(WEFT_BENCH_TRACE_LTTNG_PEER_H) ||                                         \
	defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define WEFT_BENCH_TRACE_LTTNG_PEER_H

#include <lttng/tracepoint.h>
#include <stdint.h>

/* clang-format off: it takes the list of fields, which has no commas, for one expression */
#define RECORD_ARGS                                                                    \
	LTTNG_UST_TP_ARGS(uint32_t, arg, uint32_t, fiber, uint32_t, fiber_sequence,    \
			  uint32_t, peer, uint64_t, value)

LTTNG_UST_TRACEPOINT_EVENT_CLASS(
	weft_bench, record, RECORD_ARGS,
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, arg, arg)
			lttng_ust_field_integer(uint32_t, fiber, fiber)
				lttng_ust_field_integer(uint32_t, fiber_sequence,
							fiber_sequence)
					lttng_ust_field_integer(uint32_t, peer, peer)
						lttng_ust_field_integer(uint64_t, value,
									value)))
/* clang-format on */

LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(weft_bench, record, weft_bench, on, RECORD_ARGS)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(weft_bench, record, weft_bench, off, RECORD_ARGS)

#endif

#include <lttng/tracepoint-event.h>
