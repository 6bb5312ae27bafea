/* poller.h: which descriptors are ready, as the kernel tells: five calls.
 *
 * A poller is a kernel's list of descriptors, with a bell. One belongs to a runtime. watch puts
 * a descriptor on the list, wait returns what happened to those on it, wake rings the bell so
 * that a wait returns. epoll.c makes it of epoll (Linux), kqueue.c of kqueue (macOS, FreeBSD,
 * NetBSD, OpenBSD); no other file knows which.
 *
 * An event is an edge: it says that something changed, once, and comes again only with the
 * next change. Whoever watches therefore tries first, and waits after EAGAIN. A descriptor is
 * registered for life, not for one wait. The state that a descriptor is in when it is put on
 * the list counts as a change, so a change before watch is not lost.
 *
 * An event carries the tag that watch was given, 64 bits that the poller does not look at: a
 * descriptor's number and generation. It is never a pointer, because an event may have been
 * taken from the kernel before the descriptor is closed and be looked at afterwards.
 *
 * Waits: at most one thread blocks (a timeout other than 0); any number may look (timeout 0) at
 * the same time. A wake is for the one that blocks:
 *
 *   quiet     no wake is on its way       poller_open, and poller_wait when a blocker is back
 *   pending   the bell has been rung      poller_wake
 *
 * A wake that finds pending has nothing to do. A look that happens to hear the bell while a wake
 * is pending rings it again, since the blocker may have missed it. wake.h has these steps.
 *
 * Rejected: level-triggered events, which return at once from every wait until somebody has
 * read; one-shot registrations, which cost a system call each time they are armed again (3.0 a
 * round trip of an echo, in place of 2.0); a pointer as the tag; changes handed over together
 * with a wait (kqueue can), whose errors arrive as events among others, in a thread that did not
 * ask; a bell that everyone reads empty: a look then takes the wake from the blocker; a wake that
 * looks at the word first and writes only when it is quiet: its reader then need not see
 * what was written before the wake.
 *
 * A leaf: it includes base, and scheduler and waitqueue include it. */
#ifndef WEFT_POLLER_POLLER_H
#define WEFT_POLLER_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

/* Directions that are watched, and what an event says. READ and WRITE: an operation in this
 * direction is worth trying. A hang-up is said beside its direction and never ends: reading
 * meets the end of the data after what is still there; writing meets EPIPE. An error (of a
 * socket: SO_ERROR has it) is said beside the directions whose next operation may meet it. An
 * urgent byte in what is to be read, before which a read stops, whatever comes after, is said
 * beside READ by Linux and macOS; the others do not tell. */
enum {
	POLLER_READ = 1,
	POLLER_WRITE = 2,
	POLLER_READ_HANGUP = 4,
	POLLER_WRITE_HANGUP = 8,
	POLLER_ERROR = 16,
	POLLER_URGENT = 32,
};

/* Of a direction, its hang-up. */
#define POLLER_HANGUP_OF(direction) ((unsigned)(direction) << 2)
#define POLLER_DIRECTIONS           ((unsigned)(POLLER_READ | POLLER_WRITE))
#define POLLER_TAG_OF_BELL          UINT64_MAX /* no descriptor's */

/* At most so many events come from one wait; the rest come from the next. */
enum { POLLER_BATCH = 64 };

/* A longer wait ends after this; whoever has a later deadline waits again. No kernel's limit
 * is smaller. */
#define POLLER_WAIT_MAX_NS (INT64_C(24) * 3600 * 1000000000)

struct poller {
	/* Set by poller_open, then constant. */
	int fd;   /* the epoll or the kqueue */
	int bell; /* the eventfd, or the end of a pipe that is read; -1: none is needed */
	int bell_pull; /* the end of the pipe that is written; -1: as above */

	/* Any thread. */
	_Atomic int wake_pending;       /* see wake.h */
	_Atomic unsigned watched_count; /* descriptors; relaxed: a hint */
};

struct poller_event {
	uint64_t tag;
	unsigned what; /* POLLER_... */
};

/* Makes `poller`, whose memory is the caller's and must not move until it is closed. Its
 * descriptors are close-on-exec. On an error nothing is left open: -EMFILE, -ENFILE,
 * -ENOMEM, -ENOSPC. */
int poller_open(struct poller *poller);

/* Closes it. No other thread is in a call of it, or will be. What it watched is not closed. */
void poller_close(struct poller *poller);

/* Changes which directions of `fd` are watched from `from` (0: none; else what the last call
 * returned) to `to`; 0 takes it off the list, which must come before close(2): a descriptor of
 * which a dup lives on stays on epoll's list. Any thread, but calls for one descriptor come one
 * after the other. A direction is worth adding after its first EAGAIN, not before: a socket that
 * is not yet connected has hung up, in Linux's view.
 *
 * Returns the directions that are watched now, at least `to` (epoll watches both or none). A
 * hang-up among them, with its direction: the other end is gone already and the kernel has
 * nothing to watch; no event will come, the operation is to be tried again. Or an error, and
 * nothing has changed:
 *   -EPERM           it has no readiness (Linux: a regular file, a directory): its operations
 *                    never answer EAGAIN, they block
 *   -EBADF           not an open descriptor
 *   -ENOMEM, -ENOSPC out of memory, or of what the system allows a user to watch
 * Taking off the list fails only with -EBADF, and then it is off as far as this poller's count
 * goes. `tag` is not POLLER_TAG_OF_BELL. */
int poller_watch(struct poller *poller, int fd, unsigned from, unsigned to,
		 uint64_t tag);

/* Makes the poller_wait that blocks return, or the next one that would block. What the caller
 * wrote before is seen after that return. Any thread. Costs no system call when a wake is
 * pending already. Returns 0 or an error of the kernel's, of which none is known. */
int poller_wake(struct poller *poller);

/* Fills `events` with up to `capacity` (at least 1) of them and returns how many. Waits for the
 * first one until `timeout_ns` have passed, not less; below 0: for as long as it takes; 0: only
 * looks. 0 events: the time has passed, or a wake came, or a signal, or for no reason at all;
 * the caller knows its deadlines. An event may be about a descriptor that has been taken off the
 * list since. Any thread; one at a time with a timeout other than 0. -EBADF: it was closed. */
int poller_wait(struct poller *poller, struct poller_event *events, int capacity,
		int64_t timeout_ns);

/* How many descriptors are watched: when there are none, a look finds nothing. A thread that
 * does not see another's first watch yet looks a little later. */
static inline unsigned poller_watched(struct poller *poller)
{
	return load_relaxed(&poller->watched_count);
}

#endif
