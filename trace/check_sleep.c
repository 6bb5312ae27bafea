/* check_sleep.c: which workers sleep; invariants 14 and 21, and lint 16.
 *
 * Concepts. A worker's sleeper is an object: its records have an order of their own, which
 * the lock gave them. A wake that finds the worker up prevents its next sleep, of which there
 * is then no record: a sleep that is recorded begins when all wakes before it are used up.
 *
 *   up ------ WORKER_WAKE ---> up
 *   up ------ WORKER_SLEEP --> asleep -- WORKER_WAKE --> woken -- WORKER_AWAKE --> up
 *                              asleep -- WORKER_AWAKE, by itself --> up
 *
 * Invariant 21 is about one sleeper: its records come in turn, nothing is awake without
 * a reason, and who runs a fiber needs no wake. Invariant 14 is about the fibers: at the end of the trace, none is ready while
 * each worker that may run it sleeps and no wake is on its way. (Its other half, about those
 * who wait for a descriptor, is in check_waits.c.) They are two, since a reader
 * who looks for a lost wake-up should not have it hidden behind a sleeper that counts wrong,
 * and since each has its own remedy.
 *
 * A trace can end, cut by a crash, between the record that makes a fiber ready and the wake
 * for it. So 14 blames only a publisher that has recorded something after that, and no foreign
 * or helper thread: its wake is recorded by the worker that it woke, when that is up. Of a program that
 * still runs, the file is several moments at once: ask a second time.
 *
 * Lint 16: a worker asleep while fibers are there that it may take. How long, is the clock's
 * word, and that is good enough here.
 *
 * Rejected: judging each sleep as it begins. Whether there is work then is what the sleeper
 * and the publisher settle between them, and the order of the records does not tell. */
#include "trace/check_fail.h"

/* ---- states ---- */

static struct sleeper *sleeper_of(struct checker *checker, uint32_t worker)
{
	bool there = worker < trace_file_workers(checker->file);
	return &checker->workers[there ? worker : TRACE_SEGMENTS_MAX].sleeper;
}

/* Whose sleeper the record is about. */
static uint32_t owner_of(const struct sight *sight)
{
	return sight->record->type == TRACE_WORKER_WAKE ? sight->record->peer
							: sight->step->worker;
}

static void fall_asleep(struct checker *checker, const struct sight *sight,
			struct sleeper *sleeper)
{
	checker->asleep += !sleeper->asleep;
	checker->sleep.sleeps++;
	sleeper->asleep = true;
	sleeper->woken = sleeper->linted = false;
	sleeper->slept = sight->now;
	sleeper->slept_at = sight->step->tick;
}

/* ---- lint 16: asleep beside work ---- */

/* How long this worker has slept beside work, until the step `to`. */
static void lint_sleep(struct checker *checker, uint32_t worker, uint64_t tick,
		       const struct moment *to)
{
	struct sleep_lint *lint = &checker->sleep;
	struct sleeper *sleeper = &checker->workers[worker].sleeper;
	const struct work *work = &checker->work;
	bool slept_first = sleeper->slept_at < work->since_at;
	uint64_t beside = tick - (slept_first ? work->since_at : sleeper->slept_at);
	if (beside <= checker->ready.limit_ticks)
		return;
	lint->times += !sleeper->linted;
	sleeper->linted = true;
	if (beside <= lint->longest_ticks)
		return;
	lint->longest_ticks = beside;
	lint->worker = worker;
	lint->from = slept_first ? work->since : sleeper->slept;
	lint->to = *to;
}

static void lint_sleepers(struct checker *checker, uint64_t tick,
			  const struct moment *to)
{
	if (checker->asleep == 0 ||
	    tick - checker->work.since_at <= checker->ready.limit_ticks)
		return;
	for (uint32_t w = 0; w < trace_file_segments(checker->file); w++)
		if (checker->workers[w].sleeper.asleep)
			lint_sleep(checker, w, tick, to);
}

void check_work_comes(struct checker *checker, const struct sight *sight)
{
	checker->work.since = sight->now;
	checker->work.since_at = sight->step->tick;
}

void check_work_goes(struct checker *checker, const struct sight *sight)
{
	lint_sleepers(checker, sight->step->tick, &sight->now);
}

void check_lint_sleep_end(struct checker *checker)
{
	static const struct moment never = {0};
	if (checker->work.fibers > 0)
		lint_sleepers(checker, checker->last_tick, &never);
}

static void go_on(struct checker *checker, const struct sight *sight,
		  struct sleeper *sleeper)
{
	if (sleeper->asleep && checker->work.fibers > 0)
		lint_sleep(checker, sight->step->worker, sight->step->tick,
			   &sight->now);
	checker->asleep -= sleeper->asleep;
	sleeper->asleep = sleeper->woken = false;
	sleeper->awoke = sight->now;
}

void check_sleeper(struct checker *checker, const struct sight *sight)
{
	struct sleeper *sleeper = sleeper_of(checker, owner_of(sight));
	if (!sleeper->object)
		sleeper->object = (uint32_t)(sight->record->value >> 32);
	if (sight->record->type == TRACE_WORKER_SLEEP)
		fall_asleep(checker, sight, sleeper);
	else if (sight->record->type == TRACE_WORKER_AWAKE)
		go_on(checker, sight, sleeper);
	else
		sleeper->woken = true;
}

/* ---- invariant 21: sleeping in turn ---- */

/* A worker has one sleeper, which all its records name. */
static void twenty_one_object(struct checker *checker, const struct sight *sight)
{
	uint32_t worker = owner_of(sight);
	const struct sleeper *sleeper = sleeper_of(checker, worker);
	uint32_t object = (uint32_t)(sight->record->value >> 32);
	judged(checker);
	if (worker >= trace_file_workers(checker->file))
		FAIL(checker, &sight->now, NULL, NULL, "there is no worker %u to wake",
		     (unsigned)worker);
	else if (sleeper->object && sleeper->object != object)
		FAIL(checker, &sight->now, &sleeper->slept, &sleeper->awoke,
		     "worker %u's sleeper is object %u here, and was object %u",
		     (unsigned)worker, (unsigned)object, (unsigned)sleeper->object);
}

void twenty_one_sleep(struct checker *checker, const struct sight *sight)
{
	const struct sleeper *sleeper = &sight->worker->sleeper;
	twenty_one_object(checker, sight);
	if (sleeper->asleep)
		FAIL(checker, &sight->now, &sleeper->slept, NULL,
		     "worker %u goes to sleep, but it sleeps already",
		     (unsigned)sight->step->worker);
}

/* Whoever runs a fiber is up. What a foreign thread did, the worker that it woke records, with no
 * fiber. */
void twenty_one_wake(struct checker *checker, const struct sight *sight)
{
	uint32_t worker = owner_of(sight);
	twenty_one_object(checker, sight);
	if (worker == sight->step->worker && sight->record->fiber != 0)
		FAIL(checker, &sight->now, &sight->worker->since, NULL,
		     "worker %u wakes itself, while it runs %s", (unsigned)worker,
		     mention(sight->record->fiber).text);
}

/* A window may have the AWAKE without the sleep. */
void twenty_one_awake(struct checker *checker, const struct sight *sight)
{
	const struct sleeper *sleeper = &sight->worker->sleeper;
	uint8_t why = sight->record->arg;
	bool by_itself = why == TRACE_wake_EVENT || why == TRACE_wake_RESCAN;
	twenty_one_object(checker, sight);
	if (checker->window && !sleeper->slept.number)
		return;
	if (!sleeper->asleep)
		FAIL(checker, &sight->now, &sleeper->awoke, NULL,
		     "worker %u goes on after a sleep, but it has not slept",
		     (unsigned)sight->step->worker);
	else if (!sleeper->woken && !by_itself)
		FAIL(checker, &sight->now, &sleeper->slept, NULL,
		     "worker %u goes on because it was woken, but nobody woke it",
		     (unsigned)sight->step->worker);
}

/* What only a worker does that is up. */
void twenty_one_acts(struct checker *checker, const struct sight *sight)
{
	const struct sleeper *sleeper = &sight->worker->sleeper;
	if (!sleeper->asleep)
		return;
	judged(checker);
	FAIL(checker, &sight->now, &sleeper->slept, NULL,
	     "worker %u records a %s while it sleeps", (unsigned)sight->step->worker,
	     checker->file->schema.events[sight->record->type].name);
}

/* ---- invariant 14: no lost wake-up ---- */

void fourteen_sleep(struct checker *checker, const struct sight *sight)
{
	(void)sight;
	judged(checker);
}

/* Whether that worker sleeps on: nobody has woken it. */
static bool sleeps(const struct checker *checker, uint32_t worker)
{
	const struct sleeper *sleeper = &checker->workers[worker].sleeper;
	return sleeper->asleep && !sleeper->woken;
}

/* Whether it may yet run something. In a window, one that has not been seen may be busy with
 * what it began before. One that has stopped never slept through anything: what is left then
 * is invariant 18's business. */
static bool is_up(const struct checker *checker, uint32_t worker)
{
	const struct worker_state *state = &checker->workers[worker];
	bool unseen = checker->window && checker->file->whole[worker].count > 0;
	return !sleeps(checker, worker) && (state->started || unseen);
}

/* Whether workers below `count` sleep, and none of them is up. */
static bool all_sleep(const struct checker *checker, uint32_t count)
{
	bool any = false;
	for (uint32_t w = 0; w < count; w++) {
		if (is_up(checker, w))
			return false;
		any = any || sleeps(checker, w);
	}
	return any;
}

bool check_went_on(const struct checker *checker, const struct moment *moment)
{
	const struct trace_file *file = checker->file;
	const struct trace_record *records = trace_file_records(file, moment->worker);
	uint64_t i = moment->index + UINT64_C(1);
	while (i < file->heads[moment->worker] && check_is_writers(records[i].type))
		i++;
	return i < file->heads[moment->worker] ||
	       trace_file_segment(file, moment->worker)->clean_close;
}

/* How many workers may run a fiber out of that queue, from worker 0 on; 0: it is judged
 * elsewhere. */
static uint32_t takers(const struct checker *checker, enum queue queue)
{
	if (queue == QUEUE_REMOTE)
		return 1;
	return check_is_for_all(queue) ? trace_file_workers(checker->file) : 0;
}

static bool is_lost(const struct checker *checker, const struct fiber_state *state)
{
	uint32_t count = takers(checker, (enum queue)state->queue);
	return state->phase == READY && count > 0 && all_sleep(checker, count) &&
	       check_is_workers(checker, state->queued.worker) &&
	       check_went_on(checker, &state->queued);
}

/* That the publisher sleeps too shows that it went on, and woke nobody. */
static void add_publisher(struct checker *checker, struct slice *slice,
			  const struct moment *published)
{
	const struct sleeper *sleeper = &checker->workers[published->worker].sleeper;
	if (sleeper->asleep && sleeper->slept.number > published->number)
		slice_add(slice, &sleeper->slept);
}

/* The sleeps belong to the slice, the latest first, as many as it has room for. Returns the
 * latest. */
static struct moment add_sleeps(struct checker *checker, struct slice *slice,
				uint32_t count)
{
	struct moment latest = {0}, before = {.number = UINT64_MAX};
	for (int shown = 0; shown + 1 < EVIDENCE_MAX; shown++) {
		struct moment next = {0};
		for (uint32_t w = 0; w < count; w++) {
			const struct moment *slept = &checker->workers[w].sleeper.slept;
			if (sleeps(checker, w) && slept->number < before.number &&
			    slept->number > next.number)
				next = *slept;
		}
		slice_add(slice, &next);
		latest = shown == 0 ? next : latest;
		before = next;
	}
	return latest;
}

static void lose(struct checker *checker, uint32_t fiber,
		 const struct fiber_state *state)
{
	struct failure *failure = &checker->failures[checker->judging];
	uint32_t count = takers(checker, (enum queue)state->queue);
	struct slice slice = {.node_count = 0};
	slice_add(&slice, &state->queued);
	add_publisher(checker, &slice, &state->queued);
	struct moment latest = add_sleeps(checker, &slice, count);
	FAIL(checker, &latest, &state->queued, NULL,
	     "%s is ready in %s, but %s sleep%s and no wake follows",
	     mention(fiber).text,
	     check_queue_name((enum queue)state->queue, state->queue_owner).text,
	     count == 1 ? "worker 0, which alone may run it," : "all workers",
	     count == 1 ? "s" : "");
	failure->slice = slice;
}

/* The fiber that has waited longest is shown. */
static void lost_fibers(struct checker *checker)
{
	const struct fiber_state *first = NULL;
	uint32_t fiber = 0;
	uint64_t times = 0;
	if (checker->sleep.sleeps == 0)
		return;
	for (uint32_t i = 0; i < checker->fibers.count; i++) {
		const struct fiber_state *state = fiber_table_at(&checker->fibers, i);
		if (!fiber_table_holds(&checker->fibers, i) || !is_lost(checker, state))
			continue;
		times++;
		if (first && first->queued.number < state->queued.number)
			continue;
		first = state;
		fiber = checker->fibers.fibers[i];
	}
	if (!first)
		return;
	lose(checker, fiber, first);
	checker->failures[checker->judging].times = times;
}

/* A ready fiber that nobody runs explains more than an event that woke none. */
void fourteen_end(struct checker *checker)
{
	lost_fibers(checker);
	if (checker->failures[checker->judging].times == 0)
		fourteen_events_end(checker);
}
