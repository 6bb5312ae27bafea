/* atomic.h: C11 atomics whose memory order stands in the verb.
 *
 * A reader should see the order of an access where it happens, not in a third argument.
 * Each use outside a plain counter says what it pairs with. */
#ifndef WEFT_BASE_ATOMIC_H
#define WEFT_BASE_ATOMIC_H

#include <stdatomic.h>

#define load_relaxed(place) atomic_load_explicit((place), memory_order_relaxed)
#define load_acquire(place) atomic_load_explicit((place), memory_order_acquire)
#define store_relaxed(place, value)                                                    \
	atomic_store_explicit((place), (value), memory_order_relaxed)
#define store_release(place, value)                                                    \
	atomic_store_explicit((place), (value), memory_order_release)
#define fetch_add_relaxed(place, value)                                                \
	atomic_fetch_add_explicit((place), (value), memory_order_relaxed)
#define fetch_add_release(place, value)                                                \
	atomic_fetch_add_explicit((place), (value), memory_order_release)
#define fetch_add_acquire(place, value)                                                \
	atomic_fetch_add_explicit((place), (value), memory_order_acquire)
#define fetch_add_acq_rel(place, value)                                                \
	atomic_fetch_add_explicit((place), (value), memory_order_acq_rel)
#define exchange_acquire(place, value)                                                 \
	atomic_exchange_explicit((place), (value), memory_order_acquire)
#define exchange_acq_rel(place, value)                                                 \
	atomic_exchange_explicit((place), (value), memory_order_acq_rel)
#define cas_acq_rel(place, expected, desired)                                          \
	atomic_compare_exchange_strong_explicit((place), (expected), (desired),        \
						memory_order_acq_rel,                  \
						memory_order_acquire)

#define cas_release(place, expected, desired)                                          \
	atomic_compare_exchange_strong_explicit((place), (expected), (desired),        \
						memory_order_release,                  \
						memory_order_relaxed)

/* One order of all of these, which every thread agrees on: for two sides that each write one
 * place and then read the other's. */
#define load_seq_cst(place) atomic_load_explicit((place), memory_order_seq_cst)
#define store_seq_cst(place, value)                                                    \
	atomic_store_explicit((place), (value), memory_order_seq_cst)
#define cas_seq_cst(place, expected, desired)                                          \
	atomic_compare_exchange_strong_explicit((place), (expected), (desired),        \
						memory_order_seq_cst,                  \
						memory_order_seq_cst)
#define fetch_add_seq_cst(place, value)                                                \
	atomic_fetch_add_explicit((place), (value), memory_order_seq_cst)
#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)

#endif
