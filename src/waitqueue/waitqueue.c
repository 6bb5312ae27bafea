/* waitqueue.c: queues of waiting fibers, and canceling one that waits. */
#include "waitqueue/waitqueue.h"

#include <errno.h> /* for the names of the constants */

/* ---- what is recorded ---- */

#if defined(WEFT_TRACING)
_Static_assert(TICKET_WOKEN == (int)TRACE_outcome_WOKEN &&
		       TICKET_TIMED_OUT == (int)TRACE_outcome_TIMED_OUT &&
		       TICKET_CANCELED == (int)TRACE_outcome_CANCELED,
	       "ticket.h: the trace's numbers");
_Static_assert(WAIT_QUEUE == (int)TRACE_wait_QUEUE &&
		       WAIT_READABLE == (int)TRACE_wait_READABLE &&
		       WAIT_WRITABLE == (int)TRACE_wait_WRITABLE &&
		       WAIT_OFFLOAD == (int)TRACE_wait_OFFLOAD &&
		       WAIT_SIGNAL == (int)TRACE_wait_SIGNAL,
	       "waitqueue.h: the trace's numbers");
#endif

uint64_t wait_object(struct weft *io, struct waiters_home *home)
{
	if (home->object == 0) /* relaxed: a number that is new */
		home->object = fetch_add_relaxed(&io->next_object, 1);
	return (uint64_t)home->object << 32 | ++home->sequence;
}

SCHEDULER_RECORDS void wait_record_push(struct worker *worker,
					struct waiters_home *home, struct fiber *waiter,
					bool first, uint8_t what, int fd)
{
	uint64_t value = wait_object(worker->io, home);
	if (first)
		TRACE(worker->segment, WAIT_RETURN, .arg = what,
		      .fiber = fiber_id(waiter),
		      .fiber_sequence = fiber_count_record(waiter),
		      .peer = (uint32_t)fd, .value = value);
	else
		TRACE(worker->segment, WAIT_PUSH, .arg = what,
		      .fiber = fiber_id(waiter),
		      .fiber_sequence = fiber_count_record(waiter),
		      .peer = (uint32_t)fd, .value = value);
	(void)waiter, (void)what, (void)fd, (void)value;
}

SCHEDULER_RECORDS void wait_record_pop(struct worker *worker, struct waiters_home *home,
				       uint32_t waiter, uint8_t outcome)
{
	TRACE(worker->segment, WAIT_POP, .arg = outcome,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current), .peer = waiter,
	      .value = wait_object(worker->io, home));
	(void)worker, (void)home, (void)waiter, (void)outcome;
}

uint8_t wait_outcome_of_pop(struct waiters_popped popped)
{
#if defined(WEFT_TRACING)
	enum ticket_state outcome = TICKET_WOKEN;
	if (popped.claim == TICKET_LOST)
		outcome = ticket_look(&popped.fiber->ticket);
	return popped.claim == TICKET_LOST && outcome == TICKET_WOKEN
		       ? TRACE_outcome_ELSEWHERE
		       : (uint8_t)outcome;
#else
	(void)popped;
	return 0;
#endif
}

/* ---- queues ---- */

/* Under the lock. */
static bool enter(struct worker *worker, struct waitqueue *queue, struct waiter *waiter,
		  bool (*may_wait)(void *arg), void *arg)
{
	if (may_wait) {
		annotate_acquire(&queue->home); /* the lock */
		bool may = may_wait(arg);
		annotate_release(&queue->home);
		if (!may)
			return false;
	}
	waiters_push(&queue->waiters, waiter);
	if (scheduler_traces(worker))
		wait_record_push(worker, &queue->home, waiter->fiber, false,
				 queue->home.what ? queue->home.what : WAIT_QUEUE, 0);
	return true;
}

/* After a wait that did not end by a wake. */
static void leave(struct worker *worker, struct waitqueue *queue, struct waiter *waiter,
		  enum ticket_state outcome)
{
	lock_take(&queue->home.lock);
	if (waiter->in && scheduler_traces(worker))
		wait_record_pop(worker, &queue->home, waiter->id, (uint8_t)outcome);
	waiters_unlink(waiter);
	lock_give(&queue->home.lock);
}

int waitqueue_wait(struct weft *io, struct waitqueue *queue, enum wait_hears hears,
		   bool (*may_wait)(void *arg), void *arg)
{
	struct worker *worker = scheduler_worker(io);
	struct one_wait wait;
	wait_open(&wait, worker, hears);
	struct waiter waiter = wait_waiter(&wait);
	lock_take(&queue->home.lock);
	bool waits = enter(worker, queue, &waiter, may_wait, arg);
	lock_give(&queue->home.lock);
	if (!waits) {
		wait_close(&wait);
		return -EAGAIN;
	}
	enum ticket_state outcome = wait_park(io, &wait);
	if (outcome != TICKET_WOKEN)
		leave(scheduler_worker(io), queue, &waiter, outcome);
	annotate_acquire(queue);
	return wait_error(io, outcome);
}

/* Under the lock. Returns whether there was one that could be woken. */
static bool wake_first(struct worker *worker, struct waitqueue *queue,
		       struct wait_won *won)
{
	struct waiters_popped popped;
	while ((popped = waiters_pop(&queue->waiters)).fiber) {
		if (scheduler_traces(worker))
			wait_record_pop(worker, &queue->home, popped.id,
					wait_outcome_of_pop(popped));
		if (popped.claim == TICKET_WON)
			wait_won_add(won, popped.fiber);
		if (popped.claim != TICKET_LOST)
			return true;
	}
	return false;
}

uint32_t waitqueue_wake(struct weft *io, struct waitqueue *queue, uint32_t count)
{
	struct worker *worker = scheduler_worker(io);
	struct wait_won won;
	uint32_t woken = 0;
	wait_won_init(&won);
	annotate_release(queue);
	lock_take(&queue->home.lock);
	while (woken < count && wake_first(worker, queue, &won))
		woken++;
	lock_give(&queue->home.lock);
	wait_won_make_ready(&won, worker);
	return woken;
}

void wait_won_make_ready(struct wait_won *won, struct worker *worker)
{
	struct fiber *fiber = won->first;
	while (fiber) {
		struct fiber *next = fiber->next; /* then it is another's */
		scheduler_make_ready(worker, fiber);
		fiber = next;
	}
}

/* ---- canceling ---- */

SCHEDULER_RECORDS static void record_request(struct worker *worker, uint32_t target)
{
	TRACE(worker->segment, CANCEL_REQUEST, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current), .peer = target);
	(void)worker, (void)target;
}

bool waitqueue_cancel(struct weft *io, struct fiber *fiber, uint32_t id)
{
	struct worker *worker = scheduler_worker(io);
	annotate_release(&fiber->life);
	if (!cancel_request(&fiber->life, id))
		return false;
	if (scheduler_traces(worker))
		record_request(worker, id);
	if (cancel_interrupt(&fiber->life, id, &fiber->ticket) == TICKET_WON)
		scheduler_make_ready(worker, fiber);
	return true;
}

void waitqueue_rearm_cancel(struct weft *io)
{
	struct fiber *fiber = scheduler_worker(io)->current;
	/* Relaxed: its own bit. */
	if (!(load_relaxed(&fiber->life.word) & LIFE_ACKNOWLEDGED))
		weft_fatal("a fiber rearms a request to end that it was not told of");
	cancel_rearm(&fiber->life);
}

bool waitqueue_protect(struct weft *io, bool on)
{
	return cancel_protect(&scheduler_worker(io)->current->life, on);
}

bool waitqueue_is_cancel_pending(struct weft *io)
{
	/* Relaxed: it becomes true at any time. */
	uint64_t life = load_relaxed(&scheduler_worker(io)->current->life.word);
	return (life & LIFE_REQUESTED) && !(life & LIFE_ACKNOWLEDGED);
}
