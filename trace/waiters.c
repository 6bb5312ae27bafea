#include "trace/waiters.h"

#include <stdlib.h>

struct queue_ends {
	struct waiter *first, *last;
};

struct object_queues {
	struct queue_ends queues[QUEUES];
	uint32_t count; /* of waiters in all of them */
};

void waiters_init(struct waiters *waiters)
{
	fiber_table_init(&waiters->queues, sizeof(struct object_queues));
	fiber_table_init(&waiters->fibers, sizeof(struct waiter *));
}

static void free_list(struct waiter *waiter)
{
	while (waiter) {
		struct waiter *other = waiter->other;
		free(waiter);
		waiter = other;
	}
}

void waiters_free(struct waiters *waiters)
{
	for (uint32_t i = 0; i < waiters->fibers.count; i++)
		if (fiber_table_holds(&waiters->fibers, i))
			free_list(
				*(struct waiter **)fiber_table_at(&waiters->fibers, i));
	fiber_table_free(&waiters->queues);
	fiber_table_free(&waiters->fibers);
}

enum direction waiters_direction(uint8_t what)
{
	return what == TRACE_wait_READABLE   ? READING
	       : what == TRACE_wait_WRITABLE ? WRITING
					     : NEITHER;
}

bool waiters_is_woken(uint8_t outcome)
{
	return outcome == TRACE_outcome_WOKEN || outcome == TRACE_outcome_CLOSED;
}

/* ---- finding ---- */

static struct object_queues *queues_of(const struct waiters *waiters, uint32_t object)
{
	uint32_t index = fiber_table_find(&waiters->queues, object);
	return index == FIBER_NONE ? NULL : fiber_table_at(&waiters->queues, index);
}

struct waiter *waiters_first(const struct waiters *waiters, uint32_t object,
			     enum direction direction)
{
	const struct object_queues *queues = queues_of(waiters, object);
	return queues ? queues->queues[direction].first : NULL;
}

struct waiter *waiters_of(const struct waiters *waiters, uint32_t fiber)
{
	uint32_t index = fiber_table_find(&waiters->fibers, fiber);
	return index == FIBER_NONE
		       ? NULL
		       : *(struct waiter **)fiber_table_at(&waiters->fibers, index);
}

struct waiter *waiters_find(const struct waiters *waiters,
			    const struct trace_record *record)
{
	struct waiter *waiter = waiters_of(waiters, record->peer), *found = NULL;
	for (; waiter; waiter = waiter->other) {
		if (waiter->object != waiters_object(record) ||
		    waiter->direction == CALLED)
			continue;
		if (!waiter->previous)
			return waiter;
		if (!found)
			found = waiter;
	}
	return found;
}

struct waiter *waiters_find_called(const struct waiters *waiters,
				   const struct trace_record *record)
{
	struct waiter *waiter = waiters_of(waiters, record->peer);
	while (waiter && (waiter->object != waiters_object(record) ||
			  waiter->direction != CALLED))
		waiter = waiter->other;
	return waiter;
}

/* ---- coming and leaving ---- */

static void put_first(struct queue_ends *queue, struct waiter *waiter)
{
	waiter->previous = NULL;
	waiter->next = queue->first;
	if (queue->first)
		queue->first->previous = waiter;
	else
		queue->last = waiter;
	queue->first = waiter;
}

static void put_last(struct queue_ends *queue, struct waiter *waiter)
{
	waiter->next = NULL;
	waiter->previous = queue->last;
	if (queue->last)
		queue->last->next = waiter;
	else
		queue->first = waiter;
	queue->last = waiter;
}

struct waiter *waiters_come(struct waiters *waiters, const struct trace_record *record)
{
	uint32_t object = waiters_object(record);
	enum direction direction = waiters_direction(record->arg);
	uint32_t at = fiber_table_index(&waiters->queues, object);
	uint32_t own = fiber_table_index(&waiters->fibers, record->fiber);
	bool room = at != FIBER_NONE && own != FIBER_NONE;
	struct waiter *waiter = room ? malloc(sizeof *waiter) : NULL;
	if (!waiter)
		return NULL;
	struct object_queues *queues = fiber_table_at(&waiters->queues, at);
	struct waiter **list = fiber_table_at(&waiters->fibers, own);
	*waiter = (struct waiter){.other = *list,
				  .object = object,
				  .fiber = record->fiber,
				  .direction = direction};
	*list = waiter;
	queues->count++;
	if (record->type == TRACE_WAIT_RETURN)
		put_first(&queues->queues[direction], waiter);
	else
		put_last(&queues->queues[direction], waiter);
	return waiter;
}

static void take_out(struct queue_ends *queue, const struct waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		queue->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		queue->last = waiter->previous;
}

void waiters_call(struct waiters *waiters, struct waiter *waiter)
{
	struct object_queues *queues = queues_of(waiters, waiter->object);
	take_out(&queues->queues[waiter->direction], waiter);
	waiter->direction = CALLED;
	put_last(&queues->queues[CALLED], waiter);
}

void waiters_leave(struct waiters *waiters, struct waiter *waiter)
{
	struct object_queues *queues = queues_of(waiters, waiter->object);
	uint32_t own = fiber_table_find(&waiters->fibers, waiter->fiber);
	struct waiter **list = fiber_table_at(&waiters->fibers, own), **link = list;
	take_out(&queues->queues[waiter->direction], waiter);
	if (--queues->count == 0)
		fiber_table_remove(&waiters->queues, waiter->object);
	while (*link != waiter)
		link = &(*link)->other;
	*link = waiter->other;
	if (!*list)
		fiber_table_remove(&waiters->fibers, waiter->fiber);
	free(waiter);
}
