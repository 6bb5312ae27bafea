#include "scheduler/sleeper.h"

#include <errno.h> /* for the names of the constants */

#include "base/system.h"
#include "scheduler/runtime.h"

int sleeper_init(struct sleeper *sleeper, enum sleeper_state state)
{
	sleeper->state = state;
	if (pthread_mutex_init(&sleeper->mutex, NULL))
		return -ENOMEM;
	if (pthread_cond_init(&sleeper->wakes, NULL) == 0)
		return 0;
	pthread_mutex_destroy(&sleeper->mutex);
	return -ENOMEM;
}

void sleeper_destroy(struct sleeper *sleeper)
{
	pthread_cond_destroy(&sleeper->wakes);
	pthread_mutex_destroy(&sleeper->mutex);
}

#if defined(WEFT_TRACING)
_Static_assert(IDLE_WORK == (int)TRACE_wake_WORK && IDLE_MORE == (int)TRACE_wake_MORE &&
		       IDLE_PINNED == (int)TRACE_wake_PINNED &&
		       IDLE_DEADLINE == (int)TRACE_wake_DEADLINE &&
		       IDLE_EVENT == (int)TRACE_wake_EVENT &&
		       IDLE_STOP == (int)TRACE_wake_STOP &&
		       IDLE_RESCAN == (int)TRACE_wake_RESCAN,
	       "idle.h: the trace's numbers");

/* A sleeper's number among the trace's objects. */
static uint32_t object_of(const struct worker *worker)
{
	return worker->index + 1;
}
#endif

/* ---- what is recorded, under the mutex, so that it is numbered in the order it happens ---- */

static void record_sleep(struct worker *worker, enum sleeper_state state)
{
	TRACE(worker->segment, WORKER_SLEEP,
	      .arg = state == SLEEPER_POLLING ? TRACE_sleep_POLLING
					      : TRACE_sleep_ASLEEP,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = trace_pair(object_of(worker), ++worker->sleeper.records));
	(void)worker, (void)state;
}

static void record_awake(struct worker *worker, enum idle_reason why)
{
	TRACE(worker->segment, WORKER_AWAKE, .arg = (uint8_t)why,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = trace_pair(object_of(worker), ++worker->sleeper.records));
	(void)worker, (void)why;
}

static void record_wake(struct worker *worker, struct worker *target,
			enum idle_reason why)
{
	TRACE(worker->segment, WORKER_WAKE, .arg = (uint8_t)why,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .peer = target->index,
	      .value = trace_pair(object_of(target), ++target->sleeper.records));
	(void)worker, (void)target, (void)why;
}

/* For a foreign thread, which has no segment at hand: by the worker that it woke. */
static void record_foreign_wake(struct worker *worker, enum idle_reason why)
{
	TRACE(worker->segment, WORKER_WAKE, .arg = (uint8_t)why, .peer = worker->index,
	      .value = trace_pair(object_of(worker), ++worker->sleeper.records));
	(void)worker, (void)why;
}

#if defined(WEFT_TRACING)
static void record_poll(struct worker *worker, uint64_t timeout_ns)
{
	TRACE(worker->segment, POLL_BEGIN, .arg = TRACE_poll_WAITS,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = timeout_ns);
}

static void record_polled(struct worker *worker)
{
	TRACE(worker->segment, POLL_END, .arg = TRACE_poll_WAITS,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = worker->sleeper.event_count);
}
#else
static void record_poll(struct worker *worker, uint64_t timeout_ns)
{
	(void)worker, (void)timeout_ns;
}
static void record_polled(struct worker *worker)
{
	(void)worker;
}
#endif

/* ---- parking ---- */

/* By the owner, under its mutex: what it was told. */
static enum idle_reason take_told(struct worker *worker)
{
	struct sleeper *sleeper = &worker->sleeper;
	enum idle_reason why = sleeper->told;
	if (sleeper->told_by_foreign)
		record_foreign_wake(worker, why);
	sleeper->told_by_foreign = false;
	sleeper->told = 0;
	return why;
}

static void wait_for_wake(struct worker *worker)
{
	struct sleeper *sleeper = &worker->sleeper;
	sleeper->state = SLEEPER_ASLEEP;
	record_sleep(worker, SLEEPER_ASLEEP);
	while (!sleeper->told)
		pthread_cond_wait(&sleeper->wakes, &sleeper->mutex);
	sleeper->state = SLEEPER_AWAKE;
}

/* Nobody else blocks in the poller. */
static bool take_poller(struct worker *worker)
{
	uint32_t nobody = 0;
	/* Acquire: the last owner has left. Pairs with: give_poller. */
	return cas_acq_rel(&worker->io->poll.owner, &nobody, worker->index + 1);
}

static void give_poller(struct worker *worker)
{
	/* Nobody takes it for blocking. Relaxed: the store below orders it. */
	store_relaxed(&worker->io->poll.until_ns, 0);
	/* Release: we have left. Pairs with: take_poller. */
	store_release(&worker->io->poll.owner, 0);
}

/* How long to block: until the next deadline. One that becomes earlier meanwhile is seen, or
 * whoever sets it sees until when we block. */
static int64_t time_to_block(struct worker *worker)
{
	struct weft *io = worker->io;
	uint64_t deadline;
	do {
		deadline = scheduler_next_deadline(io);
		/* One order: it is written before the deadline is read again. Pairs with:
		 * sleeper_hurry. */
		store_seq_cst(&io->poll.until_ns, deadline);
		fence_seq_cst();
	} while (scheduler_next_deadline(io) < deadline);
	if (deadline == UINT64_MAX)
		return -1;
	uint64_t now = system_monotonic_ns();
	return deadline > now ? (int64_t)(deadline - now) : 0;
}

/* Under the mutex, which is free meanwhile. */
static void wait_in_poller(struct worker *worker)
{
	struct sleeper *sleeper = &worker->sleeper;
	sleeper->state = SLEEPER_POLLING;
	record_sleep(worker, SLEEPER_POLLING);
	pthread_mutex_unlock(&sleeper->mutex);
	int64_t timeout_ns = time_to_block(worker);
	record_poll(worker, (uint64_t)timeout_ns);
	int count = poller_wait(&worker->io->poller, sleeper->events, POLLER_BATCH,
				timeout_ns);
	sleeper->event_count = count > 0 ? (uint32_t)count : 0;
	record_polled(worker);
	pthread_mutex_lock(&sleeper->mutex);
	sleeper->state = SLEEPER_AWAKE;
	give_poller(worker);
}

enum idle_reason idle_park(struct worker *worker, bool polls)
{
	struct sleeper *sleeper = &worker->sleeper;
	pthread_mutex_lock(&sleeper->mutex);
	bool sleeps = !sleeper->told;
	if (sleeps && polls && take_poller(worker))
		wait_in_poller(worker);
	else if (sleeps)
		wait_for_wake(worker);
	enum idle_reason why = take_told(worker);
	if (!why)
		why = IDLE_EVENT;
	if (sleeps)
		record_awake(worker, why);
	pthread_mutex_unlock(&sleeper->mutex);
	return why;
}

/* ---- waking ---- */

static void note_wake(struct worker *target, enum idle_reason why)
{
	struct worker *waker = base_this_thread();
	struct sleeper *sleeper = &target->sleeper;
	if (waker && waker->io == target->io)
		record_wake(waker, target, why);
	else
		sleeper->told_by_foreign = true;
	if (sleeper->told != IDLE_STOP)
		sleeper->told = why;
}

/* Under the mutex. A thread that cannot be had is done without. */
static bool wake(struct worker *target, enum idle_reason why)
{
	struct sleeper *sleeper = &target->sleeper;
	if (sleeper->state == SLEEPER_ENDED)
		return false;
	if (sleeper->state == SLEEPER_UNBORN) {
		bool born = worker_start(target) == 0;
		sleeper->state = born ? SLEEPER_AWAKE : SLEEPER_ENDED;
		if (!born)
			return false;
	}
	note_wake(target, why);
	if (sleeper->state == SLEEPER_ASLEEP)
		pthread_cond_signal(&sleeper->wakes);
	else if (sleeper->state == SLEEPER_POLLING)
		(void)poller_wake(&target->io->poller);
	return true;
}

void idle_wake(struct idle *idle, uint32_t index, enum idle_reason why)
{
	struct worker *target = &scheduler_runtime_of(idle)->worker[index];
	pthread_mutex_lock(&target->sleeper.mutex);
	bool woken = wake(target, why);
	pthread_mutex_unlock(&target->sleeper.mutex);
	if (!woken) /* it is counted as a searcher, and is none */
		idle_leave_search(idle);
}

bool sleeper_is_missed(struct weft *io)
{
	/* Relaxed: the caller's fence orders it. Pairs with: give_poller. */
	if (load_relaxed(&io->poll.owner))
		return false;
	return poller_watched(&io->poller) > 0 ||
	       scheduler_next_deadline(io) != UINT64_MAX;
}

void sleeper_hurry(struct weft *io, uint64_t deadline_ns)
{
	/* The deadline is set before the blocker's time is read. Pairs with: time_to_block. */
	fence_seq_cst();
	uint32_t owner = load_relaxed(&io->poll.owner);
	if (owner && deadline_ns < load_relaxed(&io->poll.until_ns))
		idle_publish_to(&io->idle, owner - 1, IDLE_DEADLINE);
	sleeper_attend(io);
}

void sleeper_attend(struct weft *io)
{
	fence_seq_cst();
	if (sleeper_is_missed(io))
		idle_publish(&io->idle, IDLE_DEADLINE);
}

/* ---- the end ---- */

/* True: it has a thread, which ends. */
static bool tell_to_stop(struct worker *worker)
{
	struct sleeper *sleeper = &worker->sleeper;
	pthread_mutex_lock(&sleeper->mutex);
	bool born = sleeper->state != SLEEPER_UNBORN && sleeper->state != SLEEPER_ENDED;
	if (born)
		(void)wake(worker, IDLE_STOP);
	sleeper->state = born ? sleeper->state : SLEEPER_ENDED;
	pthread_mutex_unlock(&sleeper->mutex);
	return born;
}

void sleeper_stop_all(struct weft *io)
{
	for (uint32_t i = 1; i < io->workers; i++)
		if (tell_to_stop(&io->worker[i]))
			pthread_join(io->worker[i].sleeper.thread, NULL);
}
