/* search.c: where a worker with nothing to run looks for something: the hooks idle_search,
 * idle_sees and idle_sees_more of idle.h; and what the poller and the injection queue have.
 *
 * A search looks into every queue, again and again for a short while: about as long as it takes
 * to wake a thread that sleeps, so that it never costs more than twice what the better of
 * searching and sleeping would have cost. Each searcher begins with another victim, so that
 * they do not all ask the same.
 *
 * Rejected: to ask a few victims only, as the original does (Kqueue.zig:241): what the others
 * have is not seen. */
#include "base/system.h"
#include "base/system_ticks.h"
#include "scheduler/scheduler.h"

#define SEARCH_LOOKS 40 /* into every queue, before a searcher gives up */
#define SEARCH_PAUSE 16 /* system_relax between two looks */
#define SEARCH_POLLS 32 /* looks from one look into the poller to the next */

/* ---- the poller and deadlines ---- */

void scheduler_set_hooks(struct weft *io, const struct scheduler_hooks *hooks)
{
	/* Release: what the hooks need is there. Pairs with: scheduler_hooks_of. */
	store_release(&io->hooks, hooks);
}

uint64_t scheduler_next_deadline(struct weft *io)
{
	const struct scheduler_hooks *hooks = scheduler_hooks_of(io);
	return hooks ? hooks->next_deadline(io) : UINT64_MAX;
}

static void expire(struct worker *worker)
{
	uint64_t deadline = scheduler_next_deadline(worker->io);
	if (deadline == UINT64_MAX)
		return;
	uint64_t now = system_monotonic_ns();
	if (deadline <= now)
		scheduler_hooks_of(worker->io)->expire(worker, now);
}

static void deliver(struct worker *worker, const struct poller_event *events, int count)
{
	if (count > 0)
		scheduler_hooks_of(worker->io)
			->deliver(worker, events, (uint32_t)count);
}

SCHEDULER_RECORDS static void record_look(struct worker *worker, int count)
{
	TRACE(worker->segment, POLL_END, .arg = TRACE_poll_LOOKS,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .value = (uint64_t)count);
	(void)worker, (void)count;
}

static void look_into_poller(struct worker *worker)
{
	struct poller_event *events =
		worker->sleeper.events; /* not on a fiber's stack */
	int count = poller_wait(&worker->io->poller, events, POLLER_BATCH, 0);
	if (count > 0 && scheduler_traces(worker))
		record_look(worker, count);
	deliver(worker, events, count);
}

void scheduler_poll(struct worker *worker)
{
	if (poller_watched(&worker->io->poller) > 0)
		look_into_poller(worker);
	expire(worker);
}

/* What the worker brought back from the poller. */
static void deliver_own(struct worker *worker)
{
	struct sleeper *sleeper = &worker->sleeper;
	int count = (int)sleeper->event_count;
	sleeper->event_count = 0;
	deliver(worker, sleeper->events, count);
	expire(worker);
}

/* ---- the injection queue ---- */

SCHEDULER_RECORDS static void record_steal(struct worker *worker, struct fiber *fiber,
					   enum scheduler_place queue,
					   const struct worker *victim, uint32_t size)
{
	TRACE(worker->segment, STEAL, .arg = (uint8_t)queue, .fiber = fiber_id(fiber),
	      .fiber_sequence = fiber_count_record(fiber), .peer = victim->index,
	      .value = trace_pair(size, worker->batches));
	(void)worker, (void)fiber, (void)queue, (void)victim, (void)size;
}

static struct fiber *take_one_injected(struct worker *worker)
{
	struct fiber *fiber = injection_take(&worker->io->injection);
	if (fiber && scheduler_traces(worker)) {
		worker->batches++;
		record_steal(worker, fiber, PLACE_INJECTED, worker, 1);
	}
	return fiber;
}

void scheduler_bring_injected(struct worker *worker, uint32_t most)
{
	struct fiber *fiber;
	while (most-- > 0 && ready_has_room(&worker->ready) &&
	       (fiber = take_one_injected(worker)))
		scheduler_enqueue(worker, fiber);
}

/* ---- stealing ---- */

SCHEDULER_RECORDS static void record_batch(struct worker *worker, struct fiber *first,
					   const struct worker *victim, uint32_t count)
{
	record_steal(worker, first, PLACE_LOCAL, victim, count);
	for (uint32_t i = 0; i + 1 < count; i++)
		record_steal(worker, ready_taken(&worker->ready, i), PLACE_LOCAL,
			     victim, count);
}

/* Half of what is ready there: one to run, the others into the worker's own queue. */
static struct fiber *steal_ready(struct worker *worker, struct worker *victim)
{
	struct ready_queue *mine = &worker->ready;
	uint32_t count;
	struct fiber *first = ready_grab(&victim->ready, mine, &count);
	if (!first)
		return NULL;
	worker->batches++;
	if (scheduler_traces(worker))
		record_batch(worker, first, victim, count);
	ready_show(mine, count - 1);
	return first;
}

static struct fiber *steal_fresh(struct worker *worker, struct worker *victim)
{
	struct fiber *fiber = fresh_steal(&victim->fresh);
	if (fiber && scheduler_traces(worker)) {
		worker->batches++;
		record_steal(worker, fiber, PLACE_NEWEST, victim, 1);
	}
	return fiber;
}

/* A number that is another one each time. */
static uint32_t next_random(struct worker *worker)
{
	worker->random = worker->random * 1664525u + 1013904223u;
	return worker->random >> 16;
}

static struct fiber *steal(struct worker *worker)
{
	struct weft *io = worker->io;
	uint32_t start = next_random(worker);
	for (uint32_t i = 0; i < io->workers; i++) {
		struct worker *victim = &io->worker[(start + i) % io->workers];
		struct fiber *fiber = NULL;
		if (victim != worker && !(fiber = steal_ready(worker, victim)))
			fiber = steal_fresh(worker, victim);
		if (fiber)
			return fiber;
	}
	return NULL;
}

/* ---- searching ---- */

SCHEDULER_RECORDS static void record_miss(struct worker *worker, uint32_t looks)
{
	TRACE(worker->segment, STEAL_MISS, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current), .value = looks);
	(void)worker, (void)looks;
}

/* One look into every queue. */
static struct fiber *look(struct worker *worker)
{
	struct fiber *fiber = scheduler_take(worker);
	if (!fiber && (fiber = take_one_injected(worker)))
		scheduler_bring_injected(worker, INJECTED_AT_ONCE - 1);
	return fiber ? fiber : steal(worker);
}

/* As look; now and then into the poller first, if nothing else is there. */
static struct fiber *look_farther(struct worker *worker, uint32_t looks)
{
	struct fiber *fiber = look(worker);
	if (fiber || looks % SEARCH_POLLS != 0)
		return fiber;
	scheduler_poll(worker);
	return look(worker);
}

/* One that is alone need not wait for what others may show: it sleeps where the kernel tells. */
struct fiber *idle_search(struct worker *worker)
{
	uint32_t looks = 0, most = worker->alone ? 1 : SEARCH_LOOKS;
	struct fiber *fiber;
	deliver_own(worker);
	while (!(fiber = look_farther(worker, looks)) && ++looks < most)
		for (int i = 0; i < SEARCH_PAUSE; i++)
			system_relax();
	if (!fiber && scheduler_traces(worker))
		record_miss(worker, looks);
	return fiber;
}

/* ---- looking without taking ---- */

uint32_t scheduler_queue_length(struct worker *worker)
{
	return fresh_length(&worker->fresh) + ready_length(&worker->ready);
}

static bool something_is_ready(struct weft *io)
{
	if (injection_length(&io->injection) > 0)
		return true;
	for (uint32_t i = 0; i < io->workers; i++)
		if (scheduler_queue_length(&io->worker[i]) > 0)
			return true;
	return false;
}

bool idle_sees(struct worker *worker, bool all)
{
	if (load_relaxed(
		    &worker->pinned)) /* the fence orders it. Pairs with: give_pinned */
		return true;
	return all && something_is_ready(worker->io);
}

bool idle_sees_more(struct idle *idle)
{
	struct weft *io = scheduler_runtime_of(idle);
	return something_is_ready(io) || sleeper_is_missed(io);
}
