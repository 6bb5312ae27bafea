/* check_waits.c: queues of waiters (waiters.h), and what the kernel tells of descriptors:
 * invariants 10 and 12, and the half of 14 that is about descriptors.
 *
 * Concepts. An object's records have an order of their own, which its lock gave them. So
 * what is judged here is certain, whatever the clocks say. Who is woken is taken out from the
 * front; something else may claim a waiter anywhere in its queue.
 *
 *   unwatched -- FD_WATCH --> watched, a direction at a time -- FD_CLOSE --> closed
 *
 * The turn. An event wakes one waiter of its direction. Until that one has left, having taken
 * all there was or told the next, no other need be woken. When it leaves is not recorded, but
 * one that waits again has left. So an event that comes while somebody waits and nobody can
 * have the turn wakes one; if the trace ends and it has not, the wake-up is lost. An event
 * is recorded before the wake that it causes, by the same worker; so if that has gone on, the
 * wake is not on its way.
 *
 * Memory. An object with nobody in it is forgotten, but for the numbers of closed
 * descriptors; one that is watched is kept until it is closed. In a window all are kept: what
 * the window has from the middle is judged by what it shows.
 *
 * Rejected: to find overtaking by the order of READYs. Who is woken while it is about to park
 * has its READY late, or none. */
#include "trace/check_fail.h"

/* ---- objects ---- */

static bool is_of_queue(uint8_t type)
{
	return type == TRACE_WAIT_PUSH || type == TRACE_WAIT_RETURN ||
	       type == TRACE_WAIT_POP || type == TRACE_FD_WATCH ||
	       type == TRACE_FD_READY || type == TRACE_FD_CLOSE ||
	       type == TRACE_OFFLOAD_BEGIN || type == TRACE_OFFLOAD_END;
}

struct object_state *check_see_object(struct checker *checker,
				      const struct trace_record *record)
{
	uint32_t id = waiters_object(record);
	if (!is_of_queue(record->type))
		return NULL;
	uint32_t index = fiber_table_index(&checker->objects, id);
	if (index == FIBER_NONE) {
		checker->out_of_memory = true;
		return NULL;
	}
	struct object_state *object = fiber_table_at(&checker->objects, index);
	if (object->met)
		return object;
	object->met = true;
	object->over = id_set_has(&checker->closed, id);
	object->before = checker->window && (uint32_t)record->value != 1;
	return object;
}

/* Whether nobody is in any of its queues. */
static bool is_empty(const struct checker *checker, uint32_t id)
{
	for (int i = 0; i < QUEUES; i++)
		if (waiters_first(&checker->waiters, id, (enum direction)i))
			return false;
	return true;
}

/* The last thing to be done for a step. */
static void forget_if_empty(struct checker *checker, const struct sight *sight)
{
	uint32_t id = waiters_object(sight->record);
	const struct object_state *object = sight->object;
	bool closed = object->closed.number || object->over;
	if ((!closed && (object->watched || checker->window)) || !is_empty(checker, id))
		return;
	fiber_table_remove(&checker->objects, id);
	if (closed && id_set_add(&checker->closed, id) != 0)
		checker->out_of_memory = true;
}

void check_free_objects(struct checker *checker)
{
	waiters_free(&checker->waiters);
	fiber_table_free(&checker->objects);
	id_set_free(&checker->closed);
}

/* ---- directions ---- */

/* Of what the kernel told; NEITHER for an edge that there is not. */
static enum direction told_direction(uint8_t edge)
{
	return edge == TRACE_edge_READABLE || edge == TRACE_edge_READ_HANGUP ? READING
	       : edge == TRACE_edge_WRITABLE || edge == TRACE_edge_WRITE_HANGUP
		       ? WRITING
		       : NEITHER;
}

static uint8_t watch_for(enum direction direction)
{
	return direction == READING ? TRACE_watch_READ : TRACE_watch_WRITE;
}

/* ---- states ---- */

/* Who waits again has left its turn. */
static void come(struct checker *checker, const struct sight *sight)
{
	struct object_state *object = sight->object;
	struct waiter *waiter = waiters_come(&checker->waiters, sight->record);
	if (!waiter) {
		checker->out_of_memory = true;
		return;
	}
	waiter->came = sight->now;
	waiter->run = sight->fiber->runs;
	for (int i = 0; i < DIRECTIONS; i++)
		if (object->turns[i] == waiter->fiber)
			object->turns[i] = 0;
}

static void wake(struct checker *checker, const struct sight *sight,
		 const struct waiter *waiter)
{
	uint32_t fiber = sight->record->peer;
	check_cause(checker, sight->peer, fiber,
		    waiter ? waiter->run : sight->peer->runs);
	if (!waiter || waiter->direction == NEITHER)
		return;
	sight->object->turns[waiter->direction] = fiber;
	sight->object->unanswered[waiter->direction] = (struct moment){0};
}

/* A window may have it without the WAIT_PUSH. */
static void leave(struct checker *checker, const struct sight *sight)
{
	struct waiter *waiter = waiters_find(&checker->waiters, sight->record);
	if (waiters_is_woken(sight->record->arg))
		wake(checker, sight, waiter);
	if (waiter)
		waiters_leave(&checker->waiters, waiter);
	forget_if_empty(checker, sight);
}

void check_call(struct checker *checker, const struct sight *sight)
{
	const struct trace_record *record = sight->record;
	struct waiter *waiter =
		record->type == TRACE_OFFLOAD_BEGIN
			? waiters_find(&checker->waiters, record)
			: waiters_find_called(&checker->waiters, record);
	if (record->type == TRACE_OFFLOAD_END) {
		sight->worker->made_call_for = record->peer;
		sight->worker->made_call = sight->now;
	}
	if (waiter && record->type == TRACE_OFFLOAD_BEGIN) {
		waiters_call(&checker->waiters, waiter);
	} else if (waiter) {
		check_cause(checker, sight->peer, record->peer, waiter->run);
		waiters_leave(&checker->waiters, waiter);
	}
	forget_if_empty(checker, sight);
}

void check_wait(struct checker *checker, const struct sight *sight)
{
	if (sight->record->type == TRACE_WAIT_POP) {
		leave(checker, sight);
	} else {
		check_begin_wait(sight);
		come(checker, sight);
	}
}

/* Whether an event, which the record tells of, has to wake somebody. */
static bool must_wake(const struct checker *checker, const struct sight *sight)
{
	const struct object_state *object = sight->object;
	enum direction told = told_direction(sight->record->arg);
	return told != NEITHER && !object->before && !object->turns[told] &&
	       waiters_first(&checker->waiters, waiters_object(sight->record), told);
}

void check_descriptor(struct checker *checker, const struct sight *sight)
{
	struct object_state *object = sight->object;
	enum direction told = told_direction(sight->record->arg);
	switch (sight->record->type) {
	case TRACE_FD_WATCH:
		object->watched |= sight->record->arg & TRACE_watch_BOTH;
		break;
	case TRACE_FD_READY:
		if (must_wake(checker, sight) && !object->unanswered[told].number)
			object->unanswered[told] = sight->now;
		break;
	case TRACE_FD_CLOSE:
		object->closed = sight->now;
		forget_if_empty(checker, sight);
		break;
	}
}

/* ---- invariant 10: in order ---- */

/* "object 60's queue for reading" */
struct wait_name {
	char text[48];
};

static struct wait_name name_queue(uint32_t object, enum direction direction)
{
	static const char *const forms[] = {
		[READING] = " for reading", [WRITING] = " for writing", [NEITHER] = ""};
	struct wait_name name;
	snprintf(name.text, sizeof name.text, "object %" PRIu32 "'s queue%s", object,
		 forms[direction]);
	return name;
}

void ten_push(struct checker *checker, const struct sight *sight)
{
	uint32_t fiber = sight->record->fiber, object = waiters_object(sight->record);
	enum direction direction = waiters_direction(sight->record->arg);
	const struct waiter *waiter = waiters_of(&checker->waiters, fiber);
	judged(checker);
	for (; waiter; waiter = waiter->other)
		if (waiter->object == object && waiter->direction == direction)
			FAIL(checker, &sight->now, &waiter->came, NULL,
			     "%s comes to %s, but it is in it already",
			     mention(fiber).text, name_queue(object, direction).text);
}

/* Who is taken out of its queue: a WAIT_POP's, or one whose call begins. Those who came before
 * the window may be in any place. */
void ten_pop(struct checker *checker, const struct sight *sight)
{
	uint32_t fiber = sight->record->peer, object = waiters_object(sight->record);
	const struct waiter *waiter = waiters_find(&checker->waiters, sight->record);
	if (!waiter && sight->object->before)
		return;
	judged(checker);
	if (!waiter) {
		FAIL(checker, &sight->now, &sight->peer->wait.since, NULL,
		     "%s is taken out of %s, but it is not in it", mention(fiber).text,
		     name_queue(object, NEITHER).text);
		return;
	}
	const struct waiter *first =
		waiters_first(&checker->waiters, object, waiter->direction);
	bool called = sight->record->type == TRACE_OFFLOAD_BEGIN;
	if ((called || waiters_is_woken(sight->record->arg)) && first != waiter)
		FAIL(checker, &sight->now, &first->came, NULL,
		     "%s %s, but %s is first in %s", mention(fiber).text,
		     called ? "has its call made" : "is woken",
		     mention(first->fiber).text,
		     name_queue(object, waiter->direction).text);
}

static bool has_ended(const struct checker *checker, uint32_t fiber)
{
	uint32_t index = fiber_table_find(&checker->fibers, fiber);
	const struct fiber_state *state =
		index == FIBER_NONE ? NULL : fiber_table_at(&checker->fibers, index);
	return state ? state->finished.number != 0 : id_set_has(&checker->ended, fiber);
}

static void ten_left_over(struct checker *checker, const struct waiter *waiter)
{
	for (; waiter; waiter = waiter->other)
		FAIL(checker, &waiter->came, NULL, NULL,
		     "%s has ended, but nobody took it out of %s",
		     mention(waiter->fiber).text,
		     name_queue(waiter->object, waiter->direction).text);
}

/* Who takes a waiter out may record that after the waiter's end, so only the end of the trace
 * shows that nobody did. One that has not ended is invariant 18's business. */
void ten_end(struct checker *checker)
{
	const struct fiber_table *fibers = &checker->waiters.fibers;
	for (uint32_t i = 0; checker->clean && i < fibers->count; i++)
		if (fiber_table_holds(fibers, i) &&
		    has_ended(checker, fibers->fibers[i]))
			ten_left_over(checker,
				      waiters_of(&checker->waiters, fibers->fibers[i]));
}

/* ---- invariant 12: only what is watched ---- */

/* Whether it is closed, and then the step is a failure. */
static bool twelve_is_over(struct checker *checker, const struct sight *sight)
{
	const struct object_state *object = sight->object;
	struct failure *failure = &checker->failures[checker->judging];
	if (!object->closed.number && !object->over)
		return false;
	FAIL(checker, &sight->now, &object->closed, NULL,
	     "a %s of object %" PRIu32 " comes after its FD_CLOSE",
	     checker->file->schema.events[sight->record->type].name,
	     waiters_object(sight->record));
	if (object->over && failure->times == 1)
		failure->closed = waiters_object(sight->record);
	return true;
}

void twelve_watch(struct checker *checker, const struct sight *sight)
{
	judged(checker);
	(void)twelve_is_over(checker, sight);
}

/* Also of what waits in a queue that is no descriptor's, which is never closed. */
void twelve_closed(struct checker *checker, const struct sight *sight)
{
	if (sight->record->type == TRACE_FD_CLOSE ||
	    waiters_direction(sight->record->arg) != NEITHER)
		judged(checker);
	(void)twelve_is_over(checker, sight);
}

void twelve_ready(struct checker *checker, const struct sight *sight)
{
	const struct object_state *object = sight->object;
	enum direction told = told_direction(sight->record->arg);
	if (twelve_is_over(checker, sight) || told == NEITHER)
		return;
	bool watched = object->watched & watch_for(told);
	if (!watched && object->before)
		return;
	judged(checker);
	if (!watched)
		FAIL(checker, &sight->now, NULL, NULL,
		     "the kernel tells of object %" PRIu32 ", descriptor %" PRIu32
		     ", which nobody watches for %s",
		     waiters_object(sight->record), sight->record->peer,
		     told == READING ? "reading" : "writing");
}

/* ---- invariant 14: no lost wake-up, of who waits for a descriptor ---- */

void fourteen_event(struct checker *checker, const struct sight *sight)
{
	if (must_wake(checker, sight))
		judged(checker);
}

/* The first of those who were there when the event came that woke nobody; NULL when there
 * is none. */
static const struct waiter *find_lost(const struct checker *checker, uint32_t id,
				      const struct moment *event,
				      enum direction direction)
{
	if (!event->number || !check_went_on(checker, event))
		return NULL;
	const struct waiter *waiter = waiters_first(&checker->waiters, id, direction);
	while (waiter && waiter->came.number > event->number)
		waiter = waiter->next;
	return waiter;
}

static void fourteen_object(struct checker *checker, uint32_t id,
			    const struct object_state *object)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		const struct moment *event = &object->unanswered[i];
		const struct waiter *waiter =
			find_lost(checker, id, event, (enum direction)i);
		if (waiter)
			FAIL(checker, event, &waiter->came, NULL,
			     "the kernel tells of object %" PRIu32
			     ", for which %s waits, but nobody is woken",
			     id, mention(waiter->fiber).text);
	}
}

void fourteen_events_end(struct checker *checker)
{
	for (uint32_t i = 0; i < checker->objects.count; i++)
		if (fiber_table_holds(&checker->objects, i))
			fourteen_object(checker, checker->objects.fibers[i],
					fiber_table_at(&checker->objects, i));
}
