/* waiters.h: who waits in which queue, as the records of the queues say.
 *
 * Concepts. A queue of waiters is an object, and so is the life of a descriptor, which has
 * two queues: of those who wait to read, and to write. A waiter is a fiber in one of them,
 * from its WAIT_PUSH or WAIT_RETURN to its WAIT_POP. One that waits for an offloaded call is
 * taken out by the helper thread that begins it.
 *
 *   nowhere -- WAIT_PUSH ---> last in its queue  -- WAIT_POP --> nowhere
 *   nowhere -- WAIT_RETURN -> first in its queue -- WAIT_POP --> nowhere
 *   in its queue -- OFFLOAD_BEGIN --> called -- OFFLOAD_END --> nowhere
 *
 * Each record changes what is kept, whatever else is wrong with it. A waiter is found by its
 * fiber, so that long queues cost no more than short ones. Memory is bounded by the largest
 * number of waiters at once. */
#ifndef WEFT_TRACE_WAITERS_H
#define WEFT_TRACE_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/fiber_table.h"
#include "trace/format.h"
#include "trace/slice.h"

/* What is no descriptor has one queue, NEITHER; and CALLED are those for whom a helper thread
 * makes a call, in no order. */
enum direction { READING, WRITING, NEITHER, DIRECTIONS = NEITHER, CALLED, QUEUES };

struct waiter {
	struct waiter *next, *previous; /* in its queue */
	struct waiter *other;           /* of the same fiber, or NULL */
	uint32_t object, fiber;
	enum direction direction;
	struct moment came; /* the caller's: the record that brought it here, */
	uint32_t run;       /* and in which run of its fiber */
};

struct waiters {
	struct fiber_table queues; /* struct object_queues, by object */
	struct fiber_table fibers; /* struct waiter *, by fiber: its first */
};

void waiters_init(struct waiters *waiters);
void waiters_free(struct waiters *waiters);

/* The object that a WAIT_... or FD_... record is about. */
static inline uint32_t waiters_object(const struct trace_record *record)
{
	return (uint32_t)(record->value >> 32);
}

/* Of the queue that a WAIT_PUSH's `what` speaks of. */
enum direction waiters_direction(uint8_t what);

/* The new waiter of a WAIT_PUSH or WAIT_RETURN, for the caller to fill in; NULL without
 * memory. */
struct waiter *waiters_come(struct waiters *waiters, const struct trace_record *record);

/* The one that a WAIT_POP or an OFFLOAD_BEGIN takes out of its queue, or NULL. One that is in
 * both queues of a descriptor is taken out of that in which it is first. */
struct waiter *waiters_find(const struct waiters *waiters,
			    const struct trace_record *record);

/* Its call begins; and the one whose call an OFFLOAD_END ends, or NULL. */
void waiters_call(struct waiters *waiters, struct waiter *waiter);
struct waiter *waiters_find_called(const struct waiters *waiters,
				   const struct trace_record *record);

/* Takes it out, and frees it. */
void waiters_leave(struct waiters *waiters, struct waiter *waiter);

/* The first in that queue, or NULL. */
struct waiter *waiters_first(const struct waiters *waiters, uint32_t object,
			     enum direction direction);

/* The fiber's waiters, linked by `other`; NULL for none. */
struct waiter *waiters_of(const struct waiters *waiters, uint32_t fiber);

/* Whether a WAIT_POP is for somebody to go on, and not only takes out who had another
 * reason. */
bool waiters_is_woken(uint8_t outcome);

#endif
