/* signal.h: signals that fibers wait for.
 *
 * A handler notes which signal came and that one came, both in words of their own, and wakes whoever
 * blocks in the poller. The next worker that looks at deadlines sees the note, as a deadline that is
 * due, and wakes all who wait for signals; each takes what is its own, or waits again. A signal that
 * nobody waits for stays noted.
 *
 *   (the program's) -- weft_signal_wait names it first --> ours -- weft_deinit --> (the program's)
 *
 * A signal can come only to a thread that does not block it. The worker that runs weft_signal_wait
 * no longer does; in the program's own thread, the first worker's, weft_deinit has it blocked again.
 *
 * Rejected: a thread in sigwait(3), which cannot be told to stop without another signal; signalfd(2),
 * which is Linux's; a pipe, two more descriptors for a wake that the poller has already. */
#ifndef WEFT_WAITQUEUE_SIGNAL_H
#define WEFT_WAITQUEUE_SIGNAL_H

#include "waitqueue/waitqueue.h"

struct signals {
	struct waitqueue queue;
	_Atomic uint32_t waiters; /* fibers */
	_Atomic bool has_come;    /* since the last signals_expire; by the handler */
};

/* The hooks' parts; see struct scheduler_hooks. */
uint64_t signals_next(struct signals *signals);
void signals_expire(struct weft *io, struct signals *signals);

/* Gives the signals back to the program. */
void signals_close(struct weft *io);

#endif
