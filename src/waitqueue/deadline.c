/* deadline.c: sleeping, deadlines in scopes, and the timers that serve both.
 *
 * A sleep is a wait with no source but a deadline of its own, whose passing is no error. */
#include "waitqueue/deadline.h"

#include <errno.h> /* for the names of the constants */

#include "base/system.h"
#include "waitqueue/waiting.h"

#if defined(WEFT_TRACING)
_Static_assert(WEFT_CLOCK_AWAKE + 1 == (int)TRACE_clock_AWAKE &&
		       WEFT_CLOCK_REAL + 1 == (int)TRACE_clock_REAL &&
		       WEFT_CLOCK_BOOT + 1 == (int)TRACE_clock_BOOT,
	       "weft.h: the trace's numbers, less one");
#endif

int64_t weft_now(struct weft *io, enum weft_clock clock)
{
	(void)io;
	return system_clock_ns(clock);
}

/* ---- scopes ---- */

/* What is left of it, in nanoseconds of its own clock; 0 or less: it has passed. */
static int64_t left_of(const struct weft_deadline *deadline, int64_t *now_ns)
{
	*now_ns = system_clock_ns((enum weft_clock)deadline->clock);
	return deadline->ns - *now_ns;
}

struct weft_deadline *deadline_find_passed(struct weft_deadline *innermost,
					   int64_t *now_ns)
{
	struct weft_deadline *passed = NULL;
	int64_t least = 0;
	for (struct weft_deadline *at = innermost; at; at = at->outer) {
		int64_t now;
		if (!at->has_deadline || left_of(at, &now) > least)
			continue;
		passed = at; /* of two that passed at once, the outer */
		least = at->ns - now;
		*now_ns = now;
	}
	return passed;
}

struct weft_deadline *deadline_passed(const struct fiber *fiber)
{
	int64_t now_ns;
	struct weft_deadline *innermost = fiber_deadlines(fiber);
	return innermost ? deadline_find_passed(innermost, &now_ns) : NULL;
}

/* When it is to be looked at, on the monotonic clock. */
static uint64_t look_at(const struct weft_deadline *deadline)
{
	int64_t now;
	if (deadline->clock == WEFT_CLOCK_AWAKE)
		return deadline->ns > 0 ? (uint64_t)deadline->ns : 0;
	int64_t left = left_of(deadline, &now);
	uint64_t wait_ns = left > 0 ? (uint64_t)left : 0;
	return system_monotonic_ns() +
	       (wait_ns < DEADLINE_LOOK_NS ? wait_ns : DEADLINE_LOOK_NS);
}

/* The one that is to be looked at first, and when; NULL if none has a deadline. */
static struct weft_deadline *nearest_of(struct weft_deadline *innermost,
					uint64_t *due_ns)
{
	struct weft_deadline *nearest = NULL;
	*due_ns = TIMER_NEVER;
	for (struct weft_deadline *at = innermost; at; at = at->outer) {
		uint64_t due = at->has_deadline ? look_at(at) : TIMER_NEVER;
		if (due >= *due_ns)
			continue;
		nearest = at;
		*due_ns = due;
	}
	return nearest;
}

/* ---- timers ---- */

static struct timer_heap *heap_of(const struct worker *worker)
{
	/* Relaxed: this fiber has made it, or has seen it made. */
	return &load_relaxed(&worker->io->waiting)->heaps[worker->index];
}

SCHEDULER_RECORDS static void record_set(struct worker *worker, struct fiber *fiber,
					 const struct weft_deadline *deadline)
{
	TRACE(worker->segment, TIMER_SET, .arg = (uint8_t)(deadline->clock + 1),
	      .fiber = fiber_id(fiber), .fiber_sequence = fiber_count_record(fiber),
	      .value = (uint64_t)deadline->ns);
	(void)worker, (void)fiber, (void)deadline;
}

SCHEDULER_RECORDS static void record_fire(struct worker *worker, struct fiber *fiber)
{
	TRACE(worker->segment, TIMER_FIRE,
	      .arg = (uint8_t)(fiber->timer.fired->clock + 1), .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber),
	      .value = (uint64_t)fiber->timer.fired_ns);
	(void)worker, (void)fiber;
}

SCHEDULER_RECORDS static void record_drop(struct worker *worker, struct fiber *fiber)
{
	TRACE(worker->segment, TIMER_DROP, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber));
	(void)worker, (void)fiber;
}

void deadline_record_fire(struct worker *worker, struct fiber *fiber)
{
	if (scheduler_traces(worker))
		record_fire(worker, fiber);
}

bool deadline_set(struct worker *worker, struct fiber *fiber, uint64_t key)
{
	struct weft_deadline *innermost = fiber_deadlines(fiber);
	uint64_t due_ns;
	if (!innermost)
		return false;
	const struct weft_deadline *nearest = nearest_of(innermost, &due_ns);
	if (!nearest)
		return false;
	if (scheduler_traces(worker))
		record_set(worker, fiber, nearest);
	bool earliest = timer_set(heap_of(worker), &fiber->timer, due_ns, key);
	if (earliest && !worker->alone)
		sleeper_hurry(worker->io, due_ns);
	return true;
}

void deadline_drop(struct worker *worker, struct fiber *fiber,
		   enum ticket_state outcome)
{
	if (outcome == TICKET_TIMED_OUT) /* whoever fired it has taken it out */
		return;
	timer_drop(&fiber->timer);
	if (scheduler_traces(worker))
		record_drop(worker, fiber);
}

/* ---- the hooks ---- */

uint64_t deadline_next(struct weft *io, struct waiting *waiting)
{
	uint64_t earliest = TIMER_NEVER;
	for (uint32_t i = 0; i < io->workers; i++) {
		/* Relaxed: see timer_show_earliest. */
		uint64_t at = load_relaxed(&waiting->heaps[i].earliest_ns);
		earliest = at < earliest ? at : earliest;
	}
	return earliest;
}

static struct fiber *fiber_of(struct timer *timer)
{
	return (struct fiber *)(void *)((char *)timer - offsetof(struct fiber, timer));
}

/* The hook of timers.h. The fiber is parked, or about to, and drops its timer before it goes on:
 * so its scopes are there. */
uint64_t timer_look(struct timer *timer, uint64_t now_ns, void *context)
{
	struct fiber *fiber = fiber_of(timer);
	struct weft_deadline *innermost = fiber->deadlines;
	uint64_t again_ns;
	(void)now_ns;
	timer->fired = deadline_find_passed(innermost, &timer->fired_ns);
	if (!timer->fired) { /* a clock that can be set has not come so far */
		(void)nearest_of(innermost, &again_ns);
		return again_ns;
	}
	if (ticket_claim(&fiber->ticket, timer->key, TICKET_TIMED_OUT) == TICKET_WON)
		wait_won_add(context, fiber);
	return 0;
}

/* Of one heap, a few: those that are left come with the next look, when these have run, while
 * their headers are near. */
static void expire_heap(struct worker *worker, struct timer_heap *heap, uint64_t now_ns)
{
	struct wait_won won;
	/* Relaxed: see timer_show_earliest. */
	if (load_relaxed(&heap->earliest_ns) > now_ns)
		return;
	wait_won_init(&won);
	timer_take_due(heap, now_ns, DEADLINES_AT_ONCE, &won);
	if (scheduler_traces(worker))
		for (struct fiber *fiber = won.first; fiber; fiber = fiber->next)
			record_fire(worker, fiber);
	wait_won_make_ready(&won, worker);
}

void deadline_expire(struct worker *worker, struct waiting *waiting, uint64_t now_ns)
{
	for (uint32_t i = 0; i < worker->io->workers; i++)
		expire_heap(worker, &waiting->heaps[i], now_ns);
}

/* ---- the calls ---- */

static int64_t sum_of(int64_t now_ns, int64_t more_ns)
{
	return more_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + more_ns;
}

/* When it is; -EINVAL. */
static int resolve(struct weft_timeout timeout, struct weft_deadline *deadline)
{
	/* No clock says less than 0; so what is left of a deadline can be told. */
	*deadline = (struct weft_deadline){.clock = timeout.clock,
					   .ns = timeout.ns > 0 ? timeout.ns : 0};
	if (timeout.kind > WEFT_TIMEOUT_AT || timeout.clock > WEFT_CLOCK_BOOT)
		return -EINVAL;
	deadline->has_deadline = timeout.kind != WEFT_TIMEOUT_NEVER;
	if (timeout.kind != WEFT_TIMEOUT_IN)
		return 0;
	int64_t now = system_clock_ns((enum weft_clock)timeout.clock);
	deadline->ns = sum_of(now, deadline->ns);
	return 0;
}

static void enter(struct fiber *fiber, struct weft_deadline *deadline)
{
	deadline->outer = fiber_deadlines(fiber);
	fiber->deadlines = deadline;
	if (!deadline->outer) /* its own bit */
		(void)fetch_add_relaxed(&fiber->life.word, LIFE_HAS_DEADLINE);
}

static void leave(struct fiber *fiber)
{
	fiber->deadlines = fiber->deadlines->outer;
	if (!fiber->deadlines) /* its own bit */
		(void)fetch_add_relaxed(&fiber->life.word, -LIFE_HAS_DEADLINE);
}

int weft_deadline_begin(struct weft *io, struct weft_deadline *deadline,
			struct weft_timeout timeout)
{
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	if (!waiting_of(io))
		return -ENOMEM;
	int error = resolve(timeout, deadline);
	if (!error)
		enter(worker->current, deadline);
	return error;
}

int weft_deadline_end(struct weft *io, struct weft_deadline *deadline)
{
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	if (fiber_deadlines(worker->current) != deadline)
		weft_fatal("a deadline's scope ends that is not the fiber's innermost");
	leave(worker->current);
	return deadline->expired ? -WEFT_EDEADLINE : 0;
}

/* In a scope whose deadline has not passed: until it has, or another source ends the wait. */
static int sleep_in(struct weft *io, struct weft_deadline *deadline)
{
	struct one_wait wait;
	wait_open(&wait, scheduler_worker(io), WAIT_HEARS_ALL);
	int error = wait_error(io, wait_park(io, &wait));
	return error == -WEFT_EDEADLINE && deadline->expired ? 0 : error;
}

/* Whether there is nothing to sleep for: who sleeps for a while need not ask the clock again. */
static bool is_over(struct weft_timeout timeout, const struct weft_deadline *deadline)
{
	int64_t now_ns;
	if (timeout.kind == WEFT_TIMEOUT_IN)
		return timeout.ns <= 0;
	return deadline->has_deadline && left_of(deadline, &now_ns) <= 0;
}

int weft_sleep(struct weft *io, struct weft_timeout timeout)
{
	struct weft_deadline deadline;
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	int error = resolve(timeout, &deadline);
	if (!error)
		error = wait_check(worker);
	if (!error && !waiting_of(io))
		error = -ENOMEM;
	if (error || is_over(timeout, &deadline))
		return error;
	enter(worker->current, &deadline);
	error = sleep_in(io, &deadline);
	leave(scheduler_worker(io)->current);
	return error;
}
