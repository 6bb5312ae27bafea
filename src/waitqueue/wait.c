/* wait.c: one wait, from wait_open to wait_error. */
#include <errno.h> /* for the names of the constants */

#include "waitqueue/deadline.h"
#include "waitqueue/waitqueue.h"

void wait_open(struct one_wait *wait, struct worker *worker, enum wait_hears hears)
{
	struct fiber *fiber = worker->current;
	/* Relaxed: its own bit. */
	bool protected = load_relaxed(&fiber->life.word) & LIFE_PROTECTED;
	wait->fiber = fiber;
	wait->hears_deadlines = hears == WAIT_HEARS_ALL;
	wait->hears_cancel = hears == WAIT_HEARS_ALL && !protected;
	wait->key = ticket_open(&fiber->ticket, wait->hears_cancel);
}

struct waiter wait_waiter(const struct one_wait *wait)
{
	struct fiber *fiber = wait->fiber;
	return (struct waiter){.fiber = fiber,
			       .ticket = &fiber->ticket,
			       .key = wait->key,
			       .id = fiber_id(fiber)};
}

/* A claim came while the fiber was arming; nobody else makes it ready. */
static void after_wait(struct worker *worker, struct fiber *from, void *arg)
{
	(void)arg;
	if (ticket_commit(&from->ticket))
		return;
	if (ticket_look(&from->ticket) == TICKET_TIMED_OUT)
		deadline_record_fire(worker, from);
	scheduler_make_ready(worker, from);
}

/* Until its ticket is claimed. */
static void park(struct weft *io, struct fiber *fiber)
{
	struct worker *worker = scheduler_worker(io);
	if (ticket_look(&fiber->ticket) != TICKET_ARMING) {
		if (ticket_look(&fiber->ticket) == TICKET_TIMED_OUT)
			deadline_record_fire(worker, fiber);
		return;
	}
	scheduler_park(worker, scheduler_take(worker), after_wait, NULL);
}

enum ticket_state wait_park(struct weft *io, const struct one_wait *wait)
{
	struct fiber *fiber = wait->fiber;
	/* Before anybody can find a deadline passed: of the two, it is told first. */
	bool canceled = wait->hears_cancel && cancel_look(&fiber->life);
	if (canceled)
		(void)ticket_claim(&fiber->ticket, wait->key, TICKET_CANCELED);
	bool has_timer = !canceled && wait->hears_deadlines &&
			 deadline_set(scheduler_worker(io), fiber, wait->key);
	park(io, fiber);
	enum ticket_state outcome = ticket_look(&fiber->ticket);
	if (has_timer)
		deadline_drop(scheduler_worker(io), fiber, outcome);
	return outcome;
}

void wait_close(const struct one_wait *wait)
{
	/* A canceler that comes now finds another key; one that came has left its request. */
	(void)ticket_claim(&wait->fiber->ticket, wait->key, TICKET_WOKEN);
}

SCHEDULER_RECORDS static void record_acknowledge(struct worker *worker)
{
	TRACE(worker->segment, CANCEL_ACK, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current));
	(void)worker;
}

static int tell_canceled(struct worker *worker)
{
	cancel_acknowledge(&worker->current->life);
	annotate_acquire(&worker->current->life);
	if (scheduler_traces(worker))
		record_acknowledge(worker);
	return -ECANCELED;
}

int wait_error(struct weft *io, enum ticket_state outcome)
{
	struct worker *worker = scheduler_worker(io);
	if (outcome == TICKET_CANCELED)
		return tell_canceled(worker);
	if (outcome != TICKET_TIMED_OUT)
		return 0;
	worker->current->timer.fired->expired = 1;
	return -WEFT_EDEADLINE;
}

int wait_check(struct worker *worker)
{
	struct fiber *fiber = worker->current;
	/* Relaxed: who asks it just now is not seen, or is; a wait looks again. */
	if (cancel_is_pending(load_relaxed(&fiber->life.word)))
		return tell_canceled(worker);
	struct weft_deadline *passed = deadline_passed(fiber);
	if (!passed)
		return 0;
	passed->expired = 1;
	return -WEFT_EDEADLINE;
}

int weft_check_cancel(struct weft *io)
{
	struct worker *worker = scheduler_worker_here(io);
	return worker ? wait_check(worker) : -EOWNERDEAD;
}
