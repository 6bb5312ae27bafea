/* tracing.h: the one door from the runtime to the trace.
 *
 * Built with WEFT_TRACING, TRACE(segment, EVENT, fields...) writes a record; without, it is
 * nothing and the runtime needs no file outside src/. */
#ifndef WEFT_BASE_TRACING_H
#define WEFT_BASE_TRACING_H

#if defined(WEFT_TRACING)
#include "trace/trace.h"
#else

#include <stddef.h>
#include <stdint.h>

struct trace;
struct trace_segment;
#define TRACE(segment, name, ...) ((void)(segment))

#endif

#endif
