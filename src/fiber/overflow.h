/* overflow.h: telling a stack overflow from any other bad access.
 *
 * Concepts. A fiber that runs over the end of its stack touches its guard, and the kernel sends
 * SIGSEGV (on some systems SIGBUS). There is no stack left to handle it on, so each worker has
 * an alternate one. The handler looks the address up among all guards. If it is in one, it
 * reports the fiber and lets the signal's default action end the process; if not, it passes the
 * signal on to the handler that the program had.
 *
 * Under sanitizers, which handle these signals themselves, nothing is installed.
 *
 * States of the handler: absent -- the first overflow_watch --> installed -- the last
 * overflow_forget --> absent.
 *
 * Rejected: growing the stack. A frame's address may have been given away. */
#ifndef WEFT_FIBER_OVERFLOW_H
#define WEFT_FIBER_OVERFLOW_H

#include "fiber/slab.h"

#define OVERFLOW_POOLS_MAX 64 /* runtimes of one process that watch */

/* Has overflows of that pool's stacks reported. -EBUSY when too many pools are watched,
 * -EOPNOTSUPP under a sanitizer. Any thread may call it. */
int overflow_watch(const struct slab_pool *pool);
void overflow_forget(const struct slab_pool *pool);

/* Gives the calling thread an alternate signal stack, if it has none. Returns what
 * overflow_exit_thread wants, or NULL when there was nothing to do or no memory. */
void *overflow_enter_thread(void);
void overflow_exit_thread(void *stack);

#endif
