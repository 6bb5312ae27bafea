/* Exercise 3.4: nobody waits without a bound.
 *
 * One worker, simulated, with the runtime's two queues: children that have not run, and fibers
 * that have yielded. It has a few tickers, which yield until half of the run is over, and a few
 * requests, which are short. Then comes a row of trees: a fiber of a tree starts two children and
 * awaits both, and the root of each tree starts the next tree before it ends. Time is counted
 * in switches. The trace is what the runtime would write. */
#include <stdbool.h>
#include <stdio.h>

#include "trace/trace.h"

#define TICKERS      3
#define REQUESTS     8
#define TREES        40
#define LEVELS       6 /* of a tree, with its root */
#define FIBERS       (TICKERS + REQUESTS + TREES * ((1u << LEVELS) - 1))
#define CAPACITY     256   /* of a queue */
#define SWITCHES_MAX 10000 /* more than any run needs */
#define BUDGET       8
#define WAIT_MAX     240 /* so many switches may a fiber be ready, and not run, */
#define STACKS_MAX   24  /* while so many have begun and not finished */

struct fiber {
	uint32_t id, records;
	const char *what;
	uint32_t levels;      /* of the tree below it, with itself; 0: a ticker */
	uint32_t awaited;     /* children that have not finished */
	struct fiber *parent; /* NULL: nobody awaits it */
	bool begun, forked, is_root;
	uint32_t ready_since; /* a switch */
};

/* Fibers from `first`, the oldest, to before `last`. */
struct queue {
	struct fiber *slots[CAPACITY];
	uint32_t first, last;
};

struct worker {
	struct trace_segment *segment;
	struct queue fresh; /* children that have not run */
	struct queue ready; /* fibers that have yielded */
	struct fiber *current, idle;
	uint32_t budget; /* for you; BUDGET at first */
};

static struct fiber fibers[FIBERS];
static uint32_t created, finished, planted, switches, stacks, most_stacks;
static bool broken;

static void push(struct queue *queue, struct fiber *fiber)
{
	queue->slots[queue->last++ % CAPACITY] = fiber;
}

static uint32_t length(const struct queue *queue)
{
	return queue->last - queue->first;
}

static struct fiber *take_first(struct queue *queue)
{
	if (length(queue) == 0)
		return NULL;
	return queue->slots[queue->first++ % CAPACITY];
}

/* The fiber that has been ready for longest, or NULL. */
static struct fiber *ready_pop(struct queue *ready)
{
	return take_first(ready);
}

/* The oldest child, or NULL: what a thief would take. */
static struct fiber *fresh_steal(struct queue *fresh)
{
	return take_first(fresh);
}

/* The newest child, or NULL. */
static struct fiber *fresh_pop(struct queue *fresh)
{
	if (length(fresh) == 0)
		return NULL;
	return fresh->slots[--fresh->last % CAPACITY];
}

/* ---- to be changed ---- */

/* What the worker runs next; NULL if nothing is ready. */
static struct fiber *take(struct worker *worker)
{
	(void)fresh_steal;
	struct fiber *fiber = fresh_pop(&worker->fresh);
	return fiber ? fiber : ready_pop(&worker->ready);
}

/* ---- judging ---- */

static const struct fiber *find_starved(const struct queue *queue)
{
	const struct fiber *first = queue->slots[queue->first % CAPACITY];
	if (length(queue) == 0 || switches - first->ready_since <= WAIT_MAX)
		return NULL;
	return first;
}

/* What take has done wrong, or "". */
static const char *fault_of(uint32_t ready, uint32_t left, const struct fiber *taken)
{
	if (!taken && ready > 0)
		return "nothing is taken, though fibers are ready";
	if (left + (taken != NULL) != ready)
		return "more than one fiber is taken";
	return stacks > STACKS_MAX ? "too many stacks are in use" : "";
}

/* Prints what is broken, the first time. */
static struct fiber *take_judged(struct worker *worker)
{
	uint32_t ready = length(&worker->fresh) + length(&worker->ready);
	struct fiber *taken = take(worker);
	uint32_t left = length(&worker->fresh) + length(&worker->ready);
	const char *fault = fault_of(ready, left, taken);
	const struct fiber *starved = find_starved(&worker->ready);
	if (!starved)
		starved = find_starved(&worker->fresh);
	if (starved && !broken)
		printf("switch %u: fiber %u, %s, has been ready since switch %u\n",
		       switches, starved->id, starved->what, starved->ready_since);
	else if (*fault && !broken)
		printf("switch %u: %s\n", switches, fault);
	broken = broken || starved || *fault;
	return taken;
}

/* ---- fibers ---- */

static void switch_to(struct worker *worker, struct fiber *to, uint8_t reason)
{
	struct fiber *from = worker->current;
	switches++;
	stacks += !to->begun;
	to->begun = true;
	if (stacks > most_stacks)
		most_stacks = stacks;
	TRACE(worker->segment, SWITCH, .arg = reason, .fiber = to->id,
	      .fiber_sequence = ++to->records, .peer = from->id,
	      .value = trace_pair(0, ++from->records));
	worker->current = to;
}

static struct fiber *or_idle(struct worker *worker, struct fiber *fiber)
{
	return fiber ? fiber : &worker->idle;
}

static void note_ready(struct worker *worker, struct fiber *fiber, uint8_t place)
{
	fiber->ready_since = switches;
	TRACE(worker->segment, READY, .arg = place, .fiber = fiber->id,
	      .fiber_sequence = ++fiber->records, .peer = worker->current->id);
}

static struct fiber *create(struct worker *worker, const char *what, uint32_t levels)
{
	struct fiber *fiber = &fibers[created++];
	fiber->id = created;
	fiber->what = what;
	fiber->levels = levels;
	TRACE(worker->segment, CREATE, .fiber = fiber->id,
	      .fiber_sequence = ++fiber->records, .peer = worker->current->id);
	return fiber;
}

static struct fiber *create_child(struct worker *worker, const char *what,
				  uint32_t levels)
{
	struct fiber *child = create(worker, what, levels);
	note_ready(worker, child, TRACE_place_NEWEST);
	push(&worker->fresh, child);
	return child;
}

/* The next tree of the row, if there is one. */
static void plant(struct worker *worker)
{
	if (planted++ < TREES)
		create_child(worker, "of a tree", LEVELS)->is_root = true;
}

/* A fiber whose last child this was runs next. */
static struct fiber *awaiter_of(struct worker *worker, const struct fiber *fiber)
{
	if (!fiber->parent || --fiber->parent->awaited > 0)
		return NULL;
	note_ready(worker, fiber->parent, TRACE_place_DIRECT);
	return fiber->parent;
}

static void finish(struct worker *worker)
{
	struct fiber *from = worker->current, *to = awaiter_of(worker, from);
	if (from->is_root)
		plant(worker);
	TRACE(worker->segment, FINISH, .fiber = from->id,
	      .fiber_sequence = ++from->records);
	finished++;
	stacks--;
	switch_to(worker, or_idle(worker, to ? to : take_judged(worker)),
		  TRACE_leave_FINISH);
	TRACE(worker->segment, RECYCLE, .fiber = from->id,
	      .fiber_sequence = ++from->records, .peer = to ? to->id : 0);
}

static void yield(struct worker *worker)
{
	struct fiber *from = worker->current, *to = take_judged(worker);
	if (!to)
		return;
	switch_to(worker, to, TRACE_leave_YIELD);
	from->ready_since = switches;
	push(&worker->ready, from);
}

static void fork_two(struct worker *worker)
{
	struct fiber *self = worker->current;
	self->forked = true;
	for (int i = 0; i < 2; i++, self->awaited++) {
		struct fiber *child =
			create_child(worker, self->what, self->levels - 1);
		child->parent = self;
	}
	switch_to(worker, or_idle(worker, take_judged(worker)), TRACE_leave_PARK);
}

/* What the current fiber does until it leaves. */
static void run_current(struct worker *worker)
{
	const struct fiber *self = worker->current;
	if (self->levels == 0 && planted <= TREES / 2)
		yield(worker);
	else if (self->levels > 1 && !self->forked)
		fork_two(worker);
	else
		finish(worker);
}

/* ---- a run ---- */

static void prepare(struct worker *worker)
{
	worker->budget = BUDGET;
	worker->idle.id = TRACE_IDLE_FIBERS;
	worker->idle.begun = true;
	worker->current = &worker->idle;
	TRACE(worker->segment, WORKER_START, .fiber = worker->idle.id,
	      .fiber_sequence = ++worker->idle.records);
	for (uint32_t i = 0; i < TICKERS; i++) {
		struct fiber *ticker = create(worker, "a ticker", 0);
		note_ready(worker, ticker, TRACE_place_LOCAL);
		push(&worker->ready, ticker);
	}
	for (uint32_t i = 0; i < REQUESTS; i++)
		create_child(worker, "a request", 1);
	plant(worker);
}

static void run(struct worker *worker)
{
	prepare(worker);
	switch_to(worker, or_idle(worker, take_judged(worker)), TRACE_leave_IDLE);
	while (worker->current != &worker->idle && !broken && switches < SWITCHES_MAX)
		run_current(worker);
	TRACE(worker->segment, WORKER_STOP, .fiber = worker->current->id,
	      .fiber_sequence = ++worker->current->records);
}

int main(void)
{
	static struct worker worker;
	struct trace *trace;
	struct trace_message why;
	if (trace_open_from_environment(&trace, 1, 0, &why) != 0) {
		printf("%s\n", why.text);
		return 1;
	}
	worker.segment = trace_claim_worker(trace, 0);
	run(&worker);
	trace_close(trace);
	printf("%u of %u fibers finished, in %u switches, on %u stacks at most\n",
	       finished, FIBERS, switches, most_stacks);
	bool right = finished == FIBERS && !broken;
	printf(right ? "nobody waits without a bound\n" : "not yet\n");
	return !right;
}
