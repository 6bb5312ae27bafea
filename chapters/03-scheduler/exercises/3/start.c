/* Exercise 3.3: what a thief takes.
 *
 * Four workers, simulated: in each round every worker takes a step, one after the other. A worker
 * that has a fiber runs it for a round; one that has none looks into the queues of the others.
 * All fibers are made ready on worker 0, as by a server's one listener. The trace is what the
 * runtime would write, and the same seed gives the same run. */
#include <stdbool.h>
#include <stdio.h>

#include "trace/trace.h"

#define WORKERS     4
#define FIBERS      64
#define CAPACITY    128  /* of a queue */
#define LONG_ROUNDS 100  /* fiber 1 takes so many, the others one to three */
#define ROUNDS_MAX  1000 /* more than any run needs */
#define STEALS_MAX  12   /* so many are enough, */
#define WAIT_MAX    50   /* and nobody is ready for more rounds than this */

struct fiber {
	uint32_t id, records;
	int rounds;      /* of work that are left */
	bool yields;     /* after each round; else it keeps its worker to its end */
	int ready_since; /* a round */
	int order;       /* among all that became ready */
};

/* First in, first out: the fibers from `first` to before `last`. */
struct queue {
	struct fiber *slots[CAPACITY];
	uint32_t first, last;
};

struct worker {
	uint32_t index, random, batches;
	struct trace_segment *segment;
	struct queue ready;
	struct fiber *current, idle;
};

static struct worker workers[WORKERS];
static struct fiber fibers[FIBERS];
static int now, readies, steals, finished, longest_wait;
static bool broken; /* a queue is not what it should be, and the run cannot go on */

static uint32_t ready_length(const struct queue *queue)
{
	return queue->last - queue->first;
}

static void ready_push(struct queue *queue, struct fiber *fiber)
{
	queue->slots[queue->last++ % CAPACITY] = fiber;
}

/* The one that has been there for longest, or NULL. */
static struct fiber *ready_pop(struct queue *queue)
{
	if (ready_length(queue) == 0)
		return NULL;
	return queue->slots[queue->first++ % CAPACITY];
}

/* To be called for each fiber that the thief takes; size: how many it takes at once. */
static void note_steal(struct worker *thief, const struct worker *victim,
		       struct fiber *fiber, uint32_t size)
{
	TRACE(thief->segment, STEAL, .arg = TRACE_place_LOCAL, .fiber = fiber->id,
	      .fiber_sequence = ++fiber->records, .peer = victim->index,
	      .value = trace_pair(size, thief->batches));
}

/* ---- to be changed ---- */

/* Takes from the victim's queue for a thief that has nothing to run, and nothing in its own queue.
 * Returns the fiber that the thief runs now, or NULL; if it takes more than that one, the
 * others are in its queue then. */
static struct fiber *steal(struct worker *thief, struct worker *victim)
{
	struct fiber *fiber = ready_pop(&victim->ready);
	if (fiber)
		note_steal(thief, victim, fiber, 1);
	return fiber;
}

/* ---- judging ---- */

/* In how many places a fiber is that the thief has just got `taken`. */
static int places_of(const struct fiber *fiber, const struct fiber *taken)
{
	int places = fiber == taken;
	for (const struct worker *worker = workers; worker < workers + WORKERS;
	     worker++) {
		places += worker->current == fiber;
		for (uint32_t i = worker->ready.first; i != worker->ready.last; i++)
			places += worker->ready.slots[i % CAPACITY] == fiber;
	}
	return places;
}

/* The first fiber that is not in one place, or NULL. */
static const struct fiber *find_misplaced(const struct fiber *taken)
{
	for (const struct fiber *fiber = fibers; fiber < fibers + FIBERS; fiber++)
		if (fiber->rounds > 0 && places_of(fiber, taken) != 1)
			return fiber;
	return NULL;
}

/* The first fiber that stands behind one that became ready after it, or NULL; `before` stands
 * before the whole queue, and becomes its last. */
static const struct fiber *find_overtaken(const struct queue *queue,
					  const struct fiber **before)
{
	for (uint32_t i = queue->first; i != queue->last; i++) {
		const struct fiber *fiber = queue->slots[i % CAPACITY];
		if (*before && fiber->order < (*before)->order)
			return fiber;
		*before = fiber;
	}
	return NULL;
}

/* Prints what the steal breaks, if it is the first that does. */
static void judge_steal(const struct worker *thief, const struct worker *victim,
			const struct fiber *taken)
{
	char what[96] = "";
	const struct fiber *before = taken, *misplaced = find_misplaced(taken);
	const struct fiber *overtaken = find_overtaken(&thief->ready, &before);
	if (!overtaken)
		overtaken = find_overtaken(&victim->ready, &before);
	steals += taken || ready_length(&thief->ready) > 0;
	if (misplaced)
		snprintf(what, sizeof what, "fiber %u is then in %d places",
			 misplaced->id, places_of(misplaced, taken));
	else if (overtaken)
		snprintf(what, sizeof what, "fiber %u is then before fiber %u",
			 before->id, overtaken->id);
	else if (steals == STEALS_MAX + 1)
		snprintf(what, sizeof what, "%d steals would be enough", STEALS_MAX);
	broken = misplaced || overtaken;
	if (*what && steals <= STEALS_MAX + 1)
		printf("round %d, worker %u steals from worker %u: %s\n", now,
		       thief->index, victim->index, what);
}

static void judge_wait(const struct worker *worker, const struct fiber *fiber)
{
	int wait = now - fiber->ready_since;
	if (wait > WAIT_MAX && longest_wait <= WAIT_MAX)
		printf("round %d, worker %u: fiber %u has been ready since round %d\n",
		       now, worker->index, fiber->id, fiber->ready_since);
	if (wait > longest_wait)
		longest_wait = wait;
}

/* ---- a worker's step ---- */

static void become_ready(struct worker *worker, struct fiber *fiber)
{
	fiber->ready_since = now;
	fiber->order = readies++;
	ready_push(&worker->ready, fiber);
}

static void switch_to(struct worker *worker, struct fiber *to, uint8_t reason)
{
	struct fiber *from = worker->current;
	if (to != &worker->idle)
		judge_wait(worker, to);
	TRACE(worker->segment, SWITCH, .arg = reason, .fiber = to->id,
	      .fiber_sequence = ++to->records, .peer = from->id,
	      .value = trace_pair(0, ++from->records));
	worker->current = to;
}

/* Looks into the other queues, each time beginning with another one. */
static struct fiber *search(struct worker *thief)
{
	thief->random = thief->random * 1664525u + 1013904223u;
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct worker *victim = &workers[((thief->random >> 16) + i) % WORKERS];
		if (victim == thief || ready_length(&victim->ready) == 0)
			continue;
		thief->batches++;
		struct fiber *fiber = steal(thief, victim);
		judge_steal(thief, victim, fiber);
		return fiber;
	}
	return NULL;
}

static void find_work(struct worker *worker)
{
	struct fiber *fiber = ready_pop(&worker->ready);
	if (!fiber)
		fiber = search(worker);
	if (fiber && !broken)
		switch_to(worker, fiber, TRACE_leave_IDLE);
}

static void finish(struct worker *worker)
{
	struct fiber *from = worker->current, *to = ready_pop(&worker->ready);
	finished++;
	TRACE(worker->segment, FINISH, .fiber = from->id,
	      .fiber_sequence = ++from->records);
	switch_to(worker, to ? to : &worker->idle, TRACE_leave_FINISH);
	TRACE(worker->segment, RECYCLE, .fiber = from->id,
	      .fiber_sequence = ++from->records);
}

static void yield(struct worker *worker)
{
	struct fiber *from = worker->current, *to = ready_pop(&worker->ready);
	if (!to)
		return;
	switch_to(worker, to, TRACE_leave_YIELD);
	become_ready(worker, from);
}

static void step(struct worker *worker)
{
	if (worker->current == &worker->idle)
		find_work(worker);
	struct fiber *fiber = worker->current;
	if (fiber == &worker->idle)
		return;
	if (--fiber->rounds == 0)
		finish(worker);
	else if (fiber->yields)
		yield(worker);
}

/* ---- a run ---- */

static void start_worker(struct trace *trace, uint32_t index)
{
	struct worker *worker = &workers[index];
	worker->index = worker->random = index;
	worker->idle.id = TRACE_IDLE_FIBERS + index;
	worker->current = &worker->idle;
	worker->segment = trace_claim_worker(trace, index);
	TRACE(worker->segment, WORKER_START, .fiber = worker->idle.id,
	      .fiber_sequence = ++worker->idle.records);
}

static void stop_worker(struct worker *worker)
{
	TRACE(worker->segment, WORKER_STOP, .fiber = worker->current->id,
	      .fiber_sequence = ++worker->current->records);
}

static void create_fiber(struct worker *worker, uint32_t id)
{
	struct fiber *fiber = &fibers[id - 1];
	fiber->id = id;
	fiber->yields = id > 1;
	fiber->rounds = id > 1 ? 1 + (int)(id % 3) : LONG_ROUNDS;
	TRACE(worker->segment, CREATE, .fiber = id, .fiber_sequence = ++fiber->records,
	      .peer = worker->idle.id);
	TRACE(worker->segment, READY, .arg = TRACE_place_LOCAL, .fiber = id,
	      .fiber_sequence = ++fiber->records, .peer = worker->idle.id);
	become_ready(worker, fiber);
}

static void run(struct trace *trace)
{
	for (uint32_t i = 0; i < WORKERS; i++)
		start_worker(trace, i);
	for (uint32_t id = 1; id <= FIBERS; id++)
		create_fiber(&workers[0], id);
	for (now = 0; finished < FIBERS && now < ROUNDS_MAX && !broken; now++)
		for (uint32_t i = 0; i < WORKERS && !broken; i++)
			step(&workers[i]);
	for (uint32_t i = 0; i < WORKERS; i++)
		stop_worker(&workers[i]);
}

int main(void)
{
	struct trace *trace;
	struct trace_message why;
	if (trace_open_from_environment(&trace, WORKERS, 0, &why) != 0) {
		printf("%s\n", why.text);
		return 1;
	}
	run(trace);
	trace_close(trace);
	printf("%d fibers finished in %d rounds, after %d steals; the longest wait was "
	       "%d\n",
	       finished, now, steals, longest_wait);
	bool right =
		finished == FIBERS && steals <= STEALS_MAX && longest_wait <= WAIT_MAX;
	printf(right ? "fair, with few steals\n" : "not yet\n");
	return !right;
}
