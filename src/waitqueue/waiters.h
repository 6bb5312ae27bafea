/* waiters.h: fibers that wait in order of arrival.
 *
 * Concepts. A list of waiters, under the lock of its home. A waiter lies on the stack of the fiber
 * that waits, from before its wait opens until after it has ended.
 *
 *   in no list -- waiters_push --> the last -- waiters_pop, by a waker --> in no list
 *                                           -- waiters_unlink, by its own fiber --> in no list
 *
 * Why a waiter on a stack is safe. A waker finds it in the list and claims its ticket under the
 * lock. Who wins does not touch the waiter again. Who loses has taken it out of the list; and the
 * fiber, which some other claim has woken, takes the lock before its wait returns, to see whether
 * it is in the list still. So while anybody looks at a waiter under the lock, it is there.
 *
 * This file touches the list, which the lock guards, and the ticket's word.
 *
 * Rejected: one link for every kind of list, in the fiber: a fiber that waits in two lists, or is
 * ready while it is still in one, ties them together (Kqueue.zig:519). A tail that is kept in the
 * first waiter and goes with it (Kqueue.zig:1084). To leave a waiter that was timed out in the list
 * for the next waker to clear away: its stack is gone by then. */
#ifndef WEFT_WAITQUEUE_WAITERS_H
#define WEFT_WAITQUEUE_WAITERS_H

#include <stddef.h>

#include "base/lock.h"
#include "waitqueue/ticket.h"

struct fiber;

struct waiters;

/* Who waits. Written by its fiber before it is pushed; from then on, under the home's lock. */
struct waiter {
	struct fiber *fiber;
	struct ticket *ticket;
	uint64_t key;
	uint32_t id;        /* of the fiber's life */
	struct waiters *in; /* NULL: in no list */
	struct waiter *next, *previous;
};

/* All under the lock of its home. */
struct waiters {
	struct waiter *first, *last;
};

/* Where lists live: a lock, and what the trace calls them. */
struct waiters_home {
	struct tiny_lock lock;
	/* Under the lock. */
	uint32_t object;   /* in the trace; 0: not met yet */
	uint32_t sequence; /* of its records */
	uint8_t what;      /* TRACE_wait_..., or 0: its turn in a queue; set once */
};

static inline void waiters_push(struct waiters *list, struct waiter *waiter)
{
	waiter->in = list;
	waiter->next = NULL;
	waiter->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = waiter;
	list->last = waiter;
}

/* Of one whose turn had come: it stays the first. */
static inline void waiters_push_first(struct waiters *list, struct waiter *waiter)
{
	waiter->in = list;
	waiter->next = list->first;
	waiter->previous = NULL;
	*(list->first ? &list->first->previous : &list->last) = waiter;
	list->first = waiter;
}

/* Does nothing for a waiter that is in no list. */
static inline void waiters_unlink(struct waiter *waiter)
{
	struct waiters *list = waiter->in;
	if (!list)
		return;
	*(waiter->next ? &waiter->next->previous : &list->last) = waiter->previous;
	*(waiter->previous ? &waiter->previous->next : &list->first) = waiter->next;
	waiter->in = NULL;
}

/* What became of the first of a list. */
struct waiters_popped {
	struct fiber *fiber; /* NULL: the list was empty */
	uint32_t id;         /* of its life; read while it was certain */
	enum ticket_claim claim;
};

/* Takes the first out of the list, and tries to wake it. After a claim that was won or recorded
 * the waiter may be gone. */
static inline struct waiters_popped waiters_pop(struct waiters *list)
{
	struct waiter *first = list->first;
	if (!first)
		return (struct waiters_popped){0};
	struct waiters_popped popped = {.fiber = first->fiber, .id = first->id};
	struct ticket *ticket = first->ticket;
	uint64_t key = first->key;
	waiters_unlink(first);
	popped.claim = ticket_claim(ticket, key, TICKET_WOKEN);
	return popped;
}

#endif
