/* kernel.h: what the harnesses of descriptors take for the kernel: one number, read in one direction.
 *
 * Its owners have numbers; a close adds one, which is nobody's. Data are units. A peer
 * that adds some, or hangs up, causes an edge if the number is watched; so does beginning to watch
 * it when there is something. A poller takes the edge with its tag, and tells of it when it likes.
 *
 * A call reads as of some moment. In weak memory that is any that the caller's knowledge lets it
 * be, as a call's look at the data is ordered after what came before the call by the protocol's
 * own orders alone; the call takes what it takes in one step all the same. */
#ifndef WEFT_TESTS_EXPLORE_KERNEL_H
#define WEFT_TESTS_EXPLORE_KERNEL_H

#include "base/atomic.h"
#include "tests/explore/explorer.h"

#define KERNEL_UNITS   UINT64_C(0x0F)
#define KERNEL_HANGUP  UINT64_C(0x10)
#define KERNEL_WATCHED UINT64_C(0x20)
#define KERNEL_TAG     UINT64_C(0xFF00)
#define KERNEL_EDGE    UINT64_C(0x10000) /* one of them; a poller takes all as one */
#define KERNEL_EDGES   UINT64_C(0xFF0000)
#define KERNEL_OWNER   (UINT64_C(1) << 32)

enum { KERNEL_AGAIN = -1 };

struct kernel {
	_Atomic uint64_t word; /* owner << 32 | edges | tag << 8 | flags | units */
};

static inline uint32_t kernel_owner(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static inline uint32_t kernel_tag(uint64_t word)
{
	return (uint32_t)(word & KERNEL_TAG) >> 8;
}

/* Worth an edge. */
static inline bool kernel_is_readable(uint64_t word)
{
	return word & (KERNEL_UNITS | KERNEL_HANGUP);
}

/* A step in which the kernel agrees with itself; what else it orders, nobody may count on. */
static inline bool kernel_step(struct kernel *kernel, uint64_t *word, uint64_t next)
{
	return atomic_compare_exchange_strong_explicit(
		&kernel->word, word, next, memory_order_relaxed, memory_order_relaxed);
}

/* Of that owner. Up to `want` units, 0 at the end, KERNEL_AGAIN if there is nothing now. */
static inline int kernel_read(struct kernel *kernel, uint32_t owner, int want)
{
	uint64_t word = load_relaxed(&kernel->word);
	for (;;) {
		int units = (int)(word & KERNEL_UNITS);
		int got = units < want ? units : want;
		if (kernel_owner(word) != owner)
			explore_fail("owner %u reads from owner %u's", owner,
				     kernel_owner(word));
		if (!got)
			return word & KERNEL_HANGUP ? 0 : KERNEL_AGAIN;
		if (kernel_step(kernel, &word, word - (uint64_t)got))
			return got;
	}
}

/* A peer's: more units, or KERNEL_HANGUP if there is none yet. */
static inline void kernel_add(struct kernel *kernel, uint64_t more)
{
	(void)fetch_add_release(&kernel->word, more + KERNEL_EDGE);
}

/* *word: as it was. False: there is none, or nobody watches. */
static inline bool kernel_take_edge(struct kernel *kernel, uint64_t *word)
{
	*word = atomic_fetch_and_explicit(&kernel->word, ~KERNEL_EDGES,
					  memory_order_acquire);
	return (*word & KERNEL_EDGES) && (*word & KERNEL_WATCHED);
}

/* Whether there is something, and so an edge. Whoever takes an edge knows what came before this. */
static inline bool kernel_watch(struct kernel *kernel, uint32_t owner, uint32_t tag)
{
	uint64_t word = load_relaxed(&kernel->word);
	uint64_t next;
	do {
		explore_check(kernel_owner(word) == owner);
		next = word | KERNEL_WATCHED | (uint64_t)tag << 8;
		if (kernel_is_readable(word))
			next += KERNEL_EDGE;
	} while (!cas_acq_rel(&kernel->word, &word, next));
	return kernel_is_readable(word);
}

static inline void kernel_unwatch(struct kernel *kernel)
{
	(void)atomic_fetch_and_explicit(&kernel->word,
					~(KERNEL_WATCHED | KERNEL_TAG | KERNEL_EDGES),
					memory_order_relaxed);
}

/* open(2), by that owner. */
static inline void kernel_begin_owner(struct kernel *kernel, uint32_t owner,
				      uint64_t units)
{
	store_relaxed(&kernel->word, owner * KERNEL_OWNER + units);
}

/* close(2). The word as it was. */
static inline uint64_t kernel_end_owner(struct kernel *kernel)
{
	return atomic_fetch_add_explicit(&kernel->word, KERNEL_OWNER,
					 memory_order_relaxed);
}

#endif
