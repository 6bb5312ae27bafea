/* system_ticks.h: the cheapest clock of the machine, for the trace.
 *
 * A tick is a step of the processor's own counter where that counter runs at one rate
 * on all cores and in all power states, else a nanosecond of the monotonic clock. Which
 * one it is does not change while a process lives. Order in a trace never rests on
 * ticks. */
#ifndef WEFT_BASE_SYSTEM_TICKS_H
#define WEFT_BASE_SYSTEM_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/system.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>

/* Tells the processor that this thread spins: another on the same core runs the faster. */
static inline void system_relax(void)
{
	__builtin_ia32_pause();
}

/* CPUID leaf 0x80000007, EDX bit 8: the counter's rate is invariant. */
static inline bool system_ticks_are_cycles(void)
{
	unsigned eax, ebx, ecx, edx;
	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx >> 8 & 1);
}

static inline uint64_t system_cycles(void)
{
	return __rdtsc();
}

/* The machine does not say; it has to be measured. */
static inline uint64_t system_cycles_per_second(void)
{
	return 0;
}

#elif defined(__aarch64__)

/* As above. */
static inline void system_relax(void)
{
	__asm__ volatile("yield");
}

/* The frequency of the virtual counter, as the firmware has set it; 0 if it has not. */
static inline uint64_t system_cycles_per_second(void)
{
	uint64_t frequency;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	return frequency;
}

/* The architecture demands one rate on all cores and in all power states. */
static inline bool system_ticks_are_cycles(void)
{
	return system_cycles_per_second() != 0;
}

static inline uint64_t system_cycles(void)
{
	uint64_t cycles;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(cycles));
	return cycles;
}

#else

static inline void system_relax(void)
{
}

static inline bool system_ticks_are_cycles(void)
{
	return false;
}

static inline uint64_t system_cycles(void)
{
	return system_monotonic_ns();
}

static inline uint64_t system_cycles_per_second(void)
{
	return 0;
}

#endif

#endif
