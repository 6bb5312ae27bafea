/* lock.h: a tiny lock, for a few loads and stores.
 *
 * Whoever waits spins, and after a while lets other threads of the system run, so that a
 * holder that lost its processor gets it back. Never held over a switch or a system call that
 * may wait. */
#ifndef WEFT_BASE_LOCK_H
#define WEFT_BASE_LOCK_H

#include <sched.h>

#include "base/atomic.h"

struct tiny_lock {
	_Atomic int taken;
};

#define LOCK_SPINS                                                                     \
	200 /* before a waiter yields its processor; about the length of a hold */

static inline void lock_take(struct tiny_lock *lock)
{
	/* Acquire: sees what the last holder wrote. Pairs with: lock_give. */
	for (int spins = 0; exchange_acquire(&lock->taken, 1); spins++)
		if (spins >= LOCK_SPINS)
			(void)sched_yield();
}

static inline void lock_give(struct tiny_lock *lock)
{
	/* Release: the next holder sees our writes. Pairs with: lock_take. */
	store_release(&lock->taken, 0);
}

#endif
