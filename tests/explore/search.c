/* search.c: one execution after the other, until none is left to try.
 *
 * The path is the list of choices that the current execution makes. To go on to the next one is to
 * find the last choice with something left to try, to change that one, and to forget those after
 * it; the execution then makes the same choices again up to there. Nothing is saved but the path. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explore/model.h"

enum { OUTCOMES = 4096, PROGRESS_EVERY = 2048 };
static const double PROGRESS_SECONDS = 0.5;
static const char endless[] = "more choices than EXPLORER_STEPS: it does not end";

static const struct explore_harness *harness;
static int harness_threads, harness_operations;
static struct explore_bounds bounds;
static struct explore_result result;
static uint64_t outcomes[OUTCOMES];

static struct choice path[EXPLORER_STEPS];
static int length;   /* of the path that is known */
static int position; /* in it */
static int changed;  /* the first choice that the last execution did not make */

/* The execution as it stands. */
static bool stopped;
static uint8_t asleep;
static int last_thread, preemptions;
static uint64_t random_state, random_at_start;
static jmp_buf out_of_harness; /* where setup and final were called */

/* ---- what an execution asks for ---- */

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

void search_fail(const char *text)
{
	if (!result.failed)
		snprintf(result.failure, sizeof result.failure, "%s", text);
	result.failed = true;
	stopped = true;
}

_Noreturn void search_leave_harness(void)
{
	longjmp(out_of_harness, 1);
}

/* The next choice of the path, one that is known or a new one; NULL: there are too many. */
static struct choice *choice_next(bool *is_new)
{
	if (position == EXPLORER_STEPS)
		return NULL;
	*is_new = position == length;
	if (*is_new) {
		memset(&path[position], 0, sizeof path[position]);
		length++;
	}
	return &path[position++];
}

static int make_way(int count)
{
	bool is_new;
	struct choice *choice = choice_next(&is_new);
	if (!choice)
		explore_fail("%s", endless);
	if (is_new) {
		choice->is_way = true;
		choice->ways = (uint8_t)count;
	} else if (!choice->is_way || choice->ways != count) {
		fprintf(stderr, "explore: the same choices led to another execution\n");
		exit(2);
	}
	return choice->way;
}

int search_choose(int count)
{
	if (count == 1)
		return 0;
	return bounds.seed ? (int)(random_next() % (uint64_t)count) : make_way(count);
}

int explore_choose(int count)
{
	return search_choose(count);
}

void explore_outcome(uint64_t outcome)
{
	for (uint64_t i = 0; i < result.outcomes; i++)
		if (outcomes[i] == outcome)
			return;
	if (result.outcomes == OUTCOMES)
		return;
	outcomes[result.outcomes++] = outcome;
	outcome = (outcome ^ outcome >> 32) * 0x9E3779B97F4A7C15u;
	result.digest += outcome ^ outcome >> 29;
}

/* ---- which thread is next ---- */

static uint8_t who_may_run(void)
{
	unsigned set = 0;
	for (int i = 0; i < thread_count; i++)
		if (threads_may_run(i))
			set |= 1u << i;
	return (uint8_t)set;
}

static bool is_in(uint8_t set, int thread)
{
	return thread != NO_THREAD && (set >> thread & 1);
}

static int pick_at_random(uint8_t may_run)
{
	if (position++ == EXPLORER_STEPS) {
		search_fail(endless);
		return NO_THREAD;
	}
	int thread;
	do
		thread = (int)(random_next() % (uint64_t)thread_count);
	while (!is_in(may_run, thread));
	return thread;
}

/* Which may be picked at a new choice, when only so many preemptions are left. */
static uint8_t candidates(const struct choice *choice)
{
	if (bounds.preemptions != EXPLORE_UNBOUNDED &&
	    choice->preemptions >= bounds.preemptions &&
	    is_in(choice->may_run, last_thread))
		return (uint8_t)(1u << last_thread);
	return choice->may_run & (uint8_t)~choice->asleep;
}

/* Fills in a new choice; false: whoever could be picked is asleep. */
static bool choice_begin(struct choice *choice, uint8_t may_run)
{
	choice->may_run = may_run;
	choice->asleep = asleep;
	choice->before = last_thread;
	choice->preemptions = preemptions;
	for (int i = 0; i < thread_count; i++)
		choice->next[i] = threads[i].next;
	uint8_t open = candidates(choice);
	if (!open)
		return false;
	choice->thread = is_in(open, last_thread) ? last_thread : __builtin_ctz(open);
	choice->to_try = bounds.reduction == REDUCE_PARTIAL_ORDER
				 ? (uint8_t)(1u << choice->thread)
				 : open;
	return true;
}

/* The choice is made: what follows from it for the rest of the execution. */
static void choice_make(struct choice *choice)
{
	int index = (int)(choice - path);
	choice->operation = choice->next[choice->thread];
	choice->posted =
		choice->operation.semaphore && choice->operation.semaphore->posted;
	if (bounds.reduction == REDUCE_PARTIAL_ORDER && index >= changed) {
		reduction_order(path, index, choice);
		reduction_find_races(path, index, choice);
	}
	asleep =
		bounds.reduction == REDUCE_NOTHING ? 0 : reduction_asleep_after(choice);
	preemptions = choice->preemptions + (choice->thread != choice->before &&
					     is_in(choice->may_run, choice->before));
	last_thread = choice->thread;
}

/* A thread that cannot go on has not done its operation; what it races with is looked for all the
 * same. */
static void find_races_of_waiting(void)
{
	for (int i = 0; i < thread_count; i++) {
		struct choice never = {.thread = i, .operation = threads[i].next};
		if (threads[i].ended || threads_may_run(i))
			continue;
		reduction_order(path, position, &never);
		reduction_find_races(path, position, &never);
	}
}

static int pick(uint8_t may_run)
{
	bool is_new;
	if (bounds.seed)
		return pick_at_random(may_run);
	struct choice *choice = choice_next(&is_new);
	if (!choice) {
		search_fail(endless);
		return NO_THREAD;
	}
	if (is_new && !choice_begin(choice, may_run)) {
		result.redundant++;
		length--;
		position--;
		return NO_THREAD;
	}
	choice_make(choice);
	return choice->thread;
}

/* ---- an execution ---- */

/* Nobody can go on: who has not ended must have been allowed to rest. */
static void check_rest(void)
{
	char text[sizeof result.failure];
	int end = snprintf(text, sizeof text, "nobody will wake");
	int stuck = 0;
	for (int i = 0; i < thread_count; i++)
		if (!threads_rest(i)) {
			end += print_waiting(text + end, sizeof text - (size_t)end, i);
			stuck++;
		}
	if (stuck)
		search_fail(text);
}

static void execution_begin(void)
{
	threads_reset();
	memory_reset(bounds.weak, bounds.stale_reads, bounds.spurious);
	races_reset();
	print_reset();
	position = 0;
	stopped = false;
	asleep = 0;
	preemptions = 0;
	last_thread = NO_THREAD;
	random_at_start = random_state;
	if (setjmp(out_of_harness) == 0)
		harness->setup(harness_threads, harness_operations);
	for (int i = 0; i < thread_count && !stopped; i++)
		threads_run(i); /* up to its first operation */
}

static void execution_end(void)
{
	check_rest();
	if (!stopped && harness->final && setjmp(out_of_harness) == 0)
		harness->final();
	result.executions++;
}

/* Up to where nobody may run, a failure, or where to go on is to do again what was done. */
static uint8_t execution_run(void)
{
	uint8_t may_run = 0;
	while (!stopped && (may_run = who_may_run())) {
		int thread = pick(may_run);
		if (thread == NO_THREAD)
			break;
		threads_run(thread);
	}
	return may_run;
}

static void execute(void)
{
	execution_begin();
	uint8_t may_run = execution_run();
	if (!stopped && bounds.reduction == REDUCE_PARTIAL_ORDER && !bounds.seed)
		find_races_of_waiting();
	if (!stopped && !may_run)
		execution_end();
	else if (stopped)
		result.executions++;
}

/* ---- the search ---- */

/* Something else at this choice; false: all was tried. */
static bool choice_change(struct choice *choice)
{
	if (choice->is_way)
		return ++choice->way < choice->ways;
	choice->tried |= (uint8_t)(1u << choice->thread);
	unsigned open = choice->to_try & ~choice->tried & ~choice->asleep;
	if (!open)
		return false;
	choice->thread = __builtin_ctz(open);
	return true;
}

/* Goes on to the next execution; false: there is none. */
static bool advance(void)
{
	for (; length > 0; length--)
		if (choice_change(&path[length - 1])) {
			changed = length - 1;
			return true;
		}
	return false;
}

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show_progress(void (*progress)(const struct explore_result *so_far),
			  double started, double *shown)
{
	if (!progress || (result.executions + result.redundant) % PROGRESS_EVERY != 0)
		return;
	double now = seconds_now();
	if (now - *shown < PROGRESS_SECONDS)
		return;
	*shown = now;
	result.seconds = now - started;
	progress(&result);
}

struct explore_result explore(const struct explore_harness *of, int thread_number,
			      int operations, const struct explore_bounds *within,
			      void (*progress)(const struct explore_result *so_far))
{
	double started = seconds_now(), shown = started;
	harness = of;
	harness_threads = thread_number;
	harness_operations = operations;
	bounds = *within;
	result = (struct explore_result){.complete = false};
	length = changed = 0;
	random_state = bounds.seed;
	for (;;) {
		execute();
		show_progress(progress, started, &shown);
		if (result.failed)
			break;
		if (bounds.executions &&
		    result.executions + result.redundant >= bounds.executions)
			break;
		if (!bounds.seed && !advance()) {
			result.complete = true;
			break;
		}
	}
	result.seconds = seconds_now() - started;
	return result;
}

void explore_print_failure(void)
{
	struct explore_result kept = result;
	random_state = random_at_start;
	changed = length;
	print_on(true);
	execute();
	print_on(false);
	result = kept;
}
