/* descriptor.h: what Weft knows of each descriptor, by its number.
 *
 * Concepts. A descriptor's entry says who uses the number (use.h), in which directions the kernel
 * tells of it, and, for each direction, whether it is ready and who waits (turn.h). Entries are
 * never freed while the runtime lives: what comes late, an event or a fiber, finds the entry of a
 * later generation, and leaves.
 *
 * The life of an entry, and who makes each transition:
 *
 *   plain -- descriptor_watch, at the first EAGAIN of a direction --> watched
 *   plain -- weft_adopt --> adopted, perhaps watched later
 *   any -- weft_close --> closing -- the last use, use_free --> plain, of the next generation
 *
 * The kernel holds the tag, number and generation, and no pointer. A close takes the descriptor off
 * its list before the number can be another's.
 *
 *   tag = generation << 32 | number
 *
 * The table has two levels: chunks are made when a number of theirs is first met, and put in place
 * with a compare-and-swap. There is no lock for all.
 *
 * Rejected: a map from number to waiters that drops its entry with the last waiter: an event between
 * the two is lost; a pointer to the waiter in the kernel, as in the original (Kqueue.zig:1499); a
 * lock for the table. */
#ifndef WEFT_WAITQUEUE_DESCRIPTOR_H
#define WEFT_WAITQUEUE_DESCRIPTOR_H

#include "waitqueue/turn.h"
#include "waitqueue/waitqueue.h"

#define DESCRIPTORS_CHUNK 256                       /* entries */
#define DESCRIPTORS_MAX   (DESCRIPTORS_CHUNK << 14) /* four million numbers */

/* Directions as indices. */
enum { READING = 0, WRITING = 1 };

struct descriptor {
	struct use use;
	struct waiters_home home; /* its lock: for the rest, as turn.h says */
	uint8_t watched;          /* POLLER_READ, POLLER_WRITE; under the lock */
	struct turns turns[2];
};

struct descriptors {
	/* Set once each, by whoever first needs it. */
	_Atomic(struct descriptor *) chunk[DESCRIPTORS_MAX / DESCRIPTORS_CHUNK];
};

/* The entry of a number. -EBADF if there cannot be such a descriptor, -ENOMEM. */
int descriptor_of(struct weft *io, int fd, struct descriptor **descriptor);

/* From now on the kernel tells of this direction. -EBADF if that generation is over, or as
 * poller_watch. */
int descriptor_watch(struct worker *worker, struct descriptor *descriptor, int fd,
		     uint32_t generation, int direction);

/* The hook; see struct scheduler_hooks. */
void descriptor_deliver(struct worker *worker, const struct poller_event *events,
			uint32_t count);

/* Drops a use, and gives the number back to the system with the last one of a number that is being
 * closed. Returns what close(2) answered, or 0. */
int descriptor_end_use(struct descriptor *descriptor, int fd);

void descriptors_free(struct descriptors *descriptors);

/* ---- turns, with their lock and their records ---- */

/* As turn_wait, turn_leave and turn_withdraw. */
enum turn_answer descriptor_wait(struct worker *worker, struct descriptor *descriptor,
				 int fd, uint32_t generation, int direction,
				 struct waiter *waiter, bool has_turn);
void descriptor_leave(struct worker *worker, struct descriptor *descriptor,
		      uint32_t generation, int direction);
void descriptor_withdraw(struct worker *worker, struct descriptor *descriptor,
			 int direction, struct waiter *waiter,
			 enum ticket_state outcome);

#endif
