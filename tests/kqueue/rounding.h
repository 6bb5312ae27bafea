/* rounding.h: the rounding mode, part of the floating-point control words. As fesetround(3) and
 * fegetround(3), which on some systems are in a library that would have to be named. */
#ifndef WEFT_TESTS_KQUEUE_ROUNDING_H
#define WEFT_TESTS_KQUEUE_ROUNDING_H

#include <stdint.h>

#include "context/context.h"

/* 0 to 3; each processor gives the others names of its own. */
#define ROUNDING_NEAREST 0

#if defined(__x86_64__)

static inline void rounding_set(int mode)
{
	uint32_t mxcsr = 0x1f80 | (uint32_t)mode << 13;
	uint16_t x87 = (uint16_t)(0x37f | mode << 10);
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
}

/* -1 when the two words differ. */
static inline int rounding_get(void)
{
	uint64_t words = context_control_words();
	int of_mxcsr = (int)(words >> 13 & 3), of_x87 = (int)(words >> 32 >> 10 & 3);
	return of_mxcsr == of_x87 ? of_mxcsr : -1;
}

#elif defined(__aarch64__)

static inline void rounding_set(int mode)
{
	__asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode << 22));
}

static inline int rounding_get(void)
{
	return (int)(context_control_words() >> 22 & 3);
}

#endif

#endif
