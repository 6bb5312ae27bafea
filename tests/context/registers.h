/* registers.h: what registers_*.S and the C code around it share. */
#ifndef WEFT_TESTS_CONTEXT_REGISTERS_H
#define WEFT_TESTS_CONTEXT_REGISTERS_H

#include "context/context.h"

/* The assembly knows the offsets. */
struct registers_run {
	struct context *from;
	struct context *to;
	uint64_t seed;
	uint64_t switches_left;
	void (*leave)(void); /* context_swap or context_hop, as the assembly calls it */
	void (*arrive)(struct registers_run *run);
};

/* Returns 0 when every register was kept over all switches, or the number of one that was not. */
int registers_hold(struct registers_run *run);

/* In C, called by the assembly right before it calls run->leave. */
void registers_leave(struct registers_run *run);

/* A function that TSan instruments must not begin in one context and end in another. */
#if defined(__has_attribute) && __has_attribute(disable_sanitizer_instrumentation)
#define NOT_INSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#else
#define NOT_INSTRUMENTED __attribute__((no_sanitize_thread))
#endif

#endif
