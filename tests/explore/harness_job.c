/* harness_job.c: calls that a helper makes for a fiber that may be canceled, at waitqueue/job.h.
 *
 * T threads. Thread 0 is a fiber that offloads K calls, as weft_offload does. Thread 1 is a helper:
 * for each call that was pushed it takes one, if there is one; and it may time the wait of that call
 * out, before that or while it makes a call. With a third thread, that is a second helper or a
 * second fiber, without time-outs, or it cancels the waits in the helper's place.
 *
 * A job is gone when weft_offload has returned: its fiber writes over it.
 *
 * What must hold: each call was made once, and the fiber sees its result, or was withdrawn, and is
 * not made; the queue is one, both ways; nobody touches a job that is gone, which would be a race. */
#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

#include "base/lock.h"
#include "waitqueue/job.h"

enum { CALLS = 4, RESULT = 7 };
enum third { NO_THIRD, HELPER, CALLER, CANCELER };
enum time_out { NEVER, BEFORE, DURING };

static struct call {
	uint64_t key; /* of its first wait; written before it is pushed */
	struct explore_semaphore pushed[EXPLORER_THREADS];
	int made, result; /* the helper's */
	bool withdrawn;   /* the fiber's */
} calls[EXPLORER_THREADS][CALLS];
static struct caller {
	struct fiber fiber;
	struct job job; /* on its stack */
} callers[EXPLORER_THREADS];
static struct tiny_lock lock;
static struct job_queue queue;
static int thread_number, rounds;
static enum third third;

/* Under the lock. */
static void check_queue(void)
{
	const struct job *before = NULL;
	uint32_t length = 0;
	for (const struct job *at = queue.first; at; at = at->next) {
		explore_check(at->state == JOB_QUEUED);
		explore_check(at->previous == before);
		before = at;
		length++;
	}
	explore_check(queue.last == before);
	explore_check(queue.length == length);
}

/* ---- fibers ---- */

static void submit(struct caller *caller, struct call *call)
{
	caller->job = (struct job){.argument = call,
				   .fiber = &caller->fiber,
				   .ticket = &caller->fiber.ticket,
				   .key = call->key};
	lock_take(&lock);
	job_push(&queue, &caller->job);
	check_queue();
	lock_give(&lock);
	for (int i = 1; i < thread_number; i++)
		explore_post(&call->pushed[i]);
}

static bool withdraw(struct job *job)
{
	lock_take(&lock);
	bool withdrawn = job_withdraw(&queue, job);
	check_queue();
	lock_give(&lock);
	return withdrawn;
}

static void wait_for_end(struct caller *caller)
{
	uint64_t key = ticket_open(&caller->fiber.ticket, false);
	lock_take(&lock);
	bool waits = job_wait_on(&caller->job, key);
	lock_give(&lock);
	if (waits)
		explore_check(fiber_park(&caller->fiber) == TICKET_WOKEN);
	else
		(void)ticket_claim(&caller->fiber.ticket, key, TICKET_WOKEN);
}

static void write_over(struct job *job)
{
	job->argument = NULL;
	job->fiber = NULL;
	job->ticket = NULL;
	job->key = 0;
	job->state = JOB_QUEUED;
	job->next = job->previous = NULL;
}

static void offload(struct caller *caller, struct call *call)
{
	call->key = ticket_open(&caller->fiber.ticket, true);
	submit(caller, call);
	if (fiber_park(&caller->fiber) != TICKET_WOKEN) {
		call->withdrawn = withdraw(&caller->job);
		if (!call->withdrawn)
			wait_for_end(caller);
	}
	write_over(&caller->job);
	if (!call->withdrawn)
		explore_check(call->result == RESULT);
}

static void calling_fiber(int number)
{
	for (int i = 0; i < rounds; i++)
		offload(&callers[number], &calls[number][i]);
}

/* ---- the others ---- */

static void make_call(struct call *call)
{
	call->made++;
	call->result = RESULT;
}

static void finish(struct job *job, struct fiber *fiber)
{
	lock_take(&lock);
	enum ticket_claim claim = job_finish(job);
	if (claim == TICKET_LOST) /* then it is there */
		explore_check(job->state == JOB_DONE);
	lock_give(&lock);
	if (claim == TICKET_WON)
		fiber_make_ready(fiber);
}

static void end_wait(int caller, int round, enum ticket_state outcome)
{
	(void)fiber_claim(&callers[caller].fiber, calls[caller][round].key, outcome);
}

static void help(int number, int caller, int round)
{
	bool may_time_out = third != CANCELER && number == 1 && caller == 0;
	enum time_out time_out = (enum time_out)(may_time_out ? explore_choose(3) : 0);
	if (time_out == BEFORE)
		end_wait(caller, round, TICKET_TIMED_OUT);
	lock_take(&lock);
	struct job *job = job_take(&queue);
	check_queue();
	lock_give(&lock);
	if (!job)
		return;
	struct fiber *fiber = job->fiber;
	make_call(job->argument);
	if (time_out == DURING)
		end_wait(caller, round, TICKET_TIMED_OUT);
	finish(job, fiber);
}

static void helper(int number)
{
	for (int i = 0; i < rounds; i++)
		for (int j = 0; j < (third == CALLER ? 3 : 1); j += 2) {
			explore_wait(&calls[j][i].pushed[number]);
			help(number, j, i);
		}
}

static void canceler(int number)
{
	for (int i = 0; i < rounds; i++) {
		explore_wait(&calls[0][i].pushed[number]);
		end_wait(0, i, TICKET_CANCELED);
	}
}

/* ---- */

static void setup(int threads, int operations)
{
	thread_number = threads;
	rounds = operations < CALLS ? operations : CALLS;
	third = threads > 2 ? (enum third)(HELPER + explore_choose(3)) : NO_THIRD;
	lock = (struct tiny_lock){.taken = 0};
	queue = (struct job_queue){.first = NULL};
	for (int i = 0; i < EXPLORER_THREADS; i++) {
		callers[i] = (struct caller){.fiber = {.is_parked = false}};
		for (int j = 0; j < CALLS; j++)
			calls[i][j] = (struct call){.made = 0};
	}
	explore_name(&lock, sizeof lock, 1, "lock");
	explore_name(callers, sizeof callers[0], EXPLORER_THREADS, "caller");
	explore_thread(calling_fiber, 0);
	explore_thread(helper, 1);
	if (third != NO_THIRD)
		explore_thread(third == HELPER   ? helper
			       : third == CALLER ? calling_fiber
						 : canceler,
			       2);
}

static void final(void)
{
	explore_check(!queue.first);
	for (int i = 0; i < (third == CALLER ? 3 : 1); i += 2) {
		fiber_check(&callers[i].fiber);
		for (int j = 0; j < rounds; j++)
			explore_check(calls[i][j].made + calls[i][j].withdrawn == 1);
	}
}

const struct explore_harness harness = {"job", setup, final};
