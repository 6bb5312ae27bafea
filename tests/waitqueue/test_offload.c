/* test_offload.c: calls that block, in helper threads: which run, in what order, how many at a
 * time, and what becomes of one that nobody waits for any more. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/waitqueue/waits.h"
#include "waitqueue/waiting.h"

/* ---- threads that can be had or not, and a shorter patience ---- */

static _Atomic bool no_threads, is_impatient;
static _Atomic int threads_made;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument)
{
	if (atomic_load(&no_threads))
		return EAGAIN;
	atomic_fetch_add(&threads_made, 1);
	return __real_pthread_create(thread, attributes, function, argument);
}

/* A helper that has nothing to do: the time that it waits is over already. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until)
{
	struct timespec sooner = *until;
	if (atomic_load(&is_impatient))
		sooner.tv_sec -= OFFLOAD_IDLE_NS / 1000000000;
	return __real_pthread_cond_timedwait(condition, mutex, &sooner);
}

static struct weft *begin_with(uint32_t workers, uint32_t helpers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers,
							   .helpers = helpers}),
		     0);
	return io;
}

static uint32_t live_helpers(struct weft *io)
{
	struct offload_pool *pool = &waiting_of(io)->offload;
	pthread_mutex_lock(&pool->mutex);
	uint32_t live = pool->live;
	pthread_mutex_unlock(&pool->mutex);
	return live;
}

/* ---- calls ---- */

static _Atomic int begun, over, most_at_once;

/* A call that ends when something is written to its gate, if it has one. */
struct call {
	int gate[2];
	bool has_gate, has_run;
	int answer; /* of weft_offload */
	int came;   /* as the how many-th it has begun */
	pthread_t thread;
};

static void run_call(void *argument)
{
	struct call *call = argument;
	char byte;
	call->came = atomic_fetch_add(&begun, 1);
	int running = call->came + 1 - atomic_load(&over);
	for (int most = atomic_load(&most_at_once);
	     most < running &&
	     !atomic_compare_exchange_weak(&most_at_once, &most, running);)
		;
	call->thread = pthread_self();
	if (call->has_gate)
		(void)!read(call->gate[0], &byte, 1);
	call->has_run = true;
	atomic_fetch_add(&over, 1);
}

static void offload(struct weft *io, const void *context, void *result)
{
	struct call *call = result;
	(void)context;
	call->answer = weft_offload(io, run_call, call);
}

static void start_call(struct weft *io, struct weft_future *future, struct call *call,
		       bool has_gate)
{
	*call = (struct call){.answer = 1, .has_gate = has_gate};
	if (has_gate)
		cr_assert_eq(pipe(call->gate), 0);
	weft_async(io, future, offload, NULL, 0, call);
}

static void open_gate(struct call *call)
{
	cr_assert_eq(write(call->gate[1], "x", 1), 1);
}

static void assert_ran(struct weft *io, struct weft_future *future, struct call *call)
{
	weft_await(io, future);
	cr_assert_eq(call->answer, 0, "%d", call->answer);
	cr_assert(call->has_run);
	if (call->has_gate)
		cr_assert_eq(close(call->gate[0]) + close(call->gate[1]), 0);
}

static void until_begun(struct weft *io, int count)
{
	while (atomic_load(&begun) < count)
		weft_yield(io);
}

/* ---- what a call does ---- */

Test(offload, runs_it_elsewhere)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct call call = {.answer = 1};
		offload(io, NULL, &call); /* by the main fiber */
		cr_assert_eq(call.answer, 0);
		cr_assert(call.has_run);
		cr_assert_not(pthread_equal(call.thread, pthread_self()));
		start_call(io, &future, &call, false);
		assert_ran(io, &future, &call);
		end(io);
	}
}

/* While it blocks, the only worker runs other fibers. */
Test(offload, a_call_that_blocks_keeps_nobody)
{
	struct weft *io = begin(1);
	struct weft_future future;
	struct call call;
	start_call(io, &future, &call, true);
	until_begun(io, 1);
	cr_assert_eq(weft_sleep(io, weft_in(MS)), 0);
	cr_assert(waits(&future));
	open_gate(&call);
	assert_ran(io, &future, &call);
	end(io);
}

static _Atomic bool handles_none;

static void look_at_signals(void *argument)
{
	static const int program[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
				      SIGUSR2, SIGCHLD, SIGALRM, SIGPIPE};
	sigset_t blocked;
	(void)argument;
	bool all = pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0;
	for (size_t i = 0; i < sizeof program / sizeof program[0]; i++)
		all = all && sigismember(&blocked, program[i]) == 1;
	atomic_store(&handles_none, all && sigismember(&blocked, SIGSEGV) == 0);
}

Test(offload, helpers_handle_none_of_the_programs_signals)
{
	struct weft *io = begin(1);
	cr_assert_eq(weft_offload(io, look_at_signals, NULL), 0);
	cr_assert(atomic_load(&handles_none));
	end(io);
}

/* ---- how many, and in what order ---- */

enum { CROWD = 10 };

Test(offload, one_helper_runs_them_in_order)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin_with(workers, 1);
		struct weft_future futures[CROWD];
		struct call calls[CROWD];
		atomic_store(&begun, 0);
		for (int i = 0; i < CROWD; i++) {
			start_call(io, &futures[i], &calls[i], i == 0);
			cr_assert(until_waits(io, &futures[i]));
		}
		open_gate(&calls[0]);
		for (int i = 0; i < CROWD; i++) {
			assert_ran(io, &futures[i], &calls[i]);
			cr_assert_eq(calls[i].came, i);
		}
		end(io);
	}
}

Test(offload, as_many_helpers_as_allowed_and_no_more)
{
	for (int helpers = 1; helpers <= 4; helpers++)
		EACH_WORKERS(workers)
		{
			struct weft *io = begin_with(workers, (uint32_t)helpers);
			struct weft_future futures[CROWD];
			struct call calls[CROWD];
			atomic_store(&begun, 0);
			atomic_store(&over, 0);
			atomic_store(&most_at_once, 0);
			for (int i = 0; i < CROWD; i++) {
				start_call(io, &futures[i], &calls[i], true);
				cr_assert(until_waits(io, &futures[i]));
			}
			until_begun(io, helpers); /* all at once */
			cr_assert_eq(weft_sleep(io, weft_in(MS)), 0);
			cr_assert_eq(atomic_load(&begun), helpers);
			cr_assert_eq((int)live_helpers(io), helpers);
			for (int i = 0; i < CROWD; i++)
				open_gate(&calls[i]);
			for (int i = 0; i < CROWD; i++)
				assert_ran(io, &futures[i], &calls[i]);
			cr_assert_eq(atomic_load(&most_at_once), helpers);
			end(io);
		}
}

Test(offload, one_after_another_needs_one_helper)
{
	struct weft *io = begin(1);
	struct call call = {.answer = 1};
	int before = atomic_load(&threads_made);
	for (int i = 0; i < 100; i++)
		offload(io, NULL, &call);
	cr_assert_eq(atomic_load(&threads_made), before + 1);
	end(io);
}

/* A helper ends when nothing comes, and its place is another's. */
Test(offload, helpers_that_are_idle_end)
{
	struct weft *io = begin_with(1, 2);
	struct weft_future futures[2];
	struct call calls[2];
	atomic_store(&is_impatient, true);
	for (int i = 1; i <= 20; i++) {
		int made = atomic_load(&threads_made);
		atomic_store(&begun, 0);
		for (int k = 0; k < 2; k++)
			start_call(io, &futures[k], &calls[k], true);
		until_begun(io, 2);
		cr_assert_eq(atomic_load(&threads_made), made + 2);
		for (int k = 0; k < 2; k++) {
			open_gate(&calls[k]);
			assert_ran(io, &futures[k], &calls[k]);
		}
		while (live_helpers(io) > 0)
			weft_yield(io);
	}
	end(io);
}

static void offload_often(struct weft *io, const void *context, void *result)
{
	int count = *(const int *)context;
	for (int i = 0; i < count; i++) {
		struct call call = {.answer = 1};
		offload(io, NULL, &call);
		*(int *)result += call.answer == 0 && call.has_run;
		if (i % 7 == 0)
			weft_yield(io);
	}
}

/* Helpers come and go meanwhile, if they are impatient. */
static void offload_at_once(uint32_t workers, uint32_t helpers, bool impatient)
{
	struct weft *io = begin_with(workers, helpers);
	struct weft_future futures[4 * CROWD];
	int done[4 * CROWD] = {0}, count = rounds(200);
	atomic_store(&is_impatient, impatient);
	for (int i = 0; i < 4 * CROWD; i++)
		weft_async(io, &futures[i], offload_often, &count, sizeof count,
			   &done[i]);
	for (int i = 0; i < 4 * CROWD; i++) {
		weft_await(io, &futures[i]);
		cr_assert_eq(done[i], count);
	}
	end(io);
}

Test(offload, many_at_once)
{
	EACH_WORKERS(workers)
	for (uint32_t helpers = 1; helpers <= 16; helpers *= 4) {
		offload_at_once(workers, helpers, false);
		offload_at_once(workers, helpers, true);
	}
}

/* ---- no thread ---- */

Test(offload, without_a_helper_it_has_not_run)
{
	struct weft *io = begin(1);
	struct call call = {.answer = 1};
	cr_assert_str_eq(weft_shortage(io), "");
	atomic_store(&no_threads, true);
	for (int i = 0; i < 3; i++) {
		offload(io, NULL, &call);
		cr_assert_eq(call.answer, -EAGAIN);
		cr_assert_not(call.has_run);
	}
	cr_assert(strstr(weft_shortage(io), "weft_offload"), "%s", weft_shortage(io));
	cr_assert(strstr(weft_shortage(io), "ulimit -u"), "%s", weft_shortage(io));
	cr_assert_eq(weft_check_cancel(io), 0);
	atomic_store(&no_threads, false);
	offload(io, NULL, &call);
	cr_assert_eq(call.answer, 0);
	cr_assert(call.has_run);
	end(io);
}

Test(offload, without_a_second_helper_the_first_runs_it)
{
	struct weft *io = begin(1);
	struct weft_future futures[2];
	struct call calls[2];
	start_call(io, &futures[0], &calls[0], true);
	until_begun(io, 1);
	atomic_store(&no_threads, true);
	start_call(io, &futures[1], &calls[1], false);
	cr_assert(until_waits(io, &futures[1]));
	open_gate(&calls[0]);
	for (int i = 0; i < 2; i++)
		assert_ran(io, &futures[i], &calls[i]);
	end(io);
}

/* ---- nobody waits for it any more ---- */

static void offload_in_scope(struct weft *io, const void *context, void *result)
{
	struct weft_deadline deadline;
	struct call *call = result;
	cr_assert_eq(
		weft_deadline_begin(io, &deadline, weft_in(*(const int64_t *)context)),
		0);
	call->answer = weft_offload(io, run_call, call);
	int next = weft_check_cancel(io);
	cr_assert_eq(next, -WEFT_EDEADLINE);
	cr_assert_eq(weft_deadline_end(io, &deadline), -WEFT_EDEADLINE);
}

/* The only helper is busy meanwhile. */
Test(offload, ended_before_it_begins_it_does_not_run)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin_with(workers, 1);
		struct weft_future futures[4];
		struct call calls[4];
		int64_t patience = 5 * MS;
		atomic_store(&begun, 0);
		start_call(io, &futures[0], &calls[0], true);
		until_begun(io, 1);
		for (int i = 1; i < 4; i++) {
			calls[i] = (struct call){.answer = 1};
			weft_async(io, &futures[i], i == 2 ? offload_in_scope : offload,
				   &patience, sizeof patience, &calls[i]);
			cr_assert(until_waits(io, &futures[i]) || i == 2);
		}
		cr_assert(cancel(io, &futures[1]));
		weft_await(io, &futures[1]);
		cr_assert_eq(calls[1].answer, -ECANCELED);
		weft_await(io, &futures[2]);
		cr_assert_eq(calls[2].answer, -WEFT_EDEADLINE);
		cr_assert(waits(&futures[3]));
		open_gate(&calls[0]);
		assert_ran(io, &futures[0], &calls[0]);
		assert_ran(io, &futures[3], &calls[3]);
		cr_assert_eq(calls[3].came, 1);
		cr_assert_not(calls[1].has_run || calls[2].has_run);
		end(io);
	}
}

static void offload_and_check(struct weft *io, const void *context, void *result)
{
	struct call *call = result;
	offload(io, context, result);
	int asked = *(const int *)context;
	cr_assert_eq(weft_check_cancel(io), asked ? -ECANCELED : 0);
	cr_assert_eq(weft_check_cancel(io), 0);
	call->came = -1;
}

Test(offload, canceled_after_it_has_begun_it_ends_and_the_next_point_tells)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future future;
		struct call call = {.answer = 1, .has_gate = true};
		int asked = 1;
		cr_assert_eq(pipe(call.gate), 0);
		atomic_store(&begun, 0);
		weft_async(io, &future, offload_and_check, &asked, sizeof asked, &call);
		until_begun(io, 1);
		cr_assert(until_waits(io, &future));
		cr_assert(cancel(io, &future));
		for (int i = 0; i < 200; i++)
			weft_yield(io);
		cr_assert_eq(call.answer, 1); /* it has not returned */
		open_gate(&call);
		assert_ran(io, &future, &call);
		cr_assert_eq(call.came, -1);
		end(io);
	}
}

/* False: the deadline passed before it had begun; this machine is slow. */
static bool try_deadline(struct weft *io, int64_t ns)
{
	struct weft_future future;
	struct call call = {.answer = 1, .has_gate = true};
	cr_assert_eq(pipe(call.gate), 0);
	atomic_store(&begun, 0);
	weft_async(io, &future, offload_in_scope, &ns, sizeof ns, &call);
	cr_assert_eq(weft_sleep(io, weft_in(2 * ns)), 0);
	bool has_begun = atomic_load(&begun) > 0;
	open_gate(&call);
	weft_await(io, &future);
	/* It may begin a moment after we looked, on a slow machine. */
	cr_assert_eq(call.answer, call.has_run ? 0 : -WEFT_EDEADLINE);
	cr_assert(call.has_run || !has_begun);
	cr_assert_eq(close(call.gate[0]) + close(call.gate[1]), 0);
	return has_begun;
}

Test(offload, a_deadline_after_it_has_begun_is_told_by_the_next_point)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		int64_t ns = 5 * MS;
		while (!try_deadline(io, ns))
			ns *= 2;
		end(io);
	}
}

static void offload_once(struct weft *io, const void *context, void *result)
{
	struct call *call = result;
	offload(io, context, result);
	call->came = weft_check_cancel(io);
}

/* Whether it was told or has run is the same question, at whatever moment the request comes. */
Test(offload, canceled_at_any_moment)
{
	struct weft *io = begin_with(4, 2);
	int canceled = 0, late = 0;
	for (int round = 0; round < rounds(5000); round++) {
		struct weft_future futures[3];
		struct call calls[3];
		bool asked[3];
		for (int i = 0; i < 3; i++) {
			calls[i] = (struct call){.answer = 1};
			weft_async(io, &futures[i], offload_once, NULL, 0, &calls[i]);
		}
		if (round % 2)
			weft_yield(io);
		for (int i = 0; i < 3; i++) {
			dawdle((unsigned)round * 7 % 3000);
			asked[i] = cancel(io, &futures[i]);
		}
		for (int i = 0; i < 3; i++) {
			weft_await(io, &futures[i]);
			if (calls[i].answer == -ECANCELED) {
				cr_assert(asked[i]);
				cr_assert_not(calls[i].has_run);
				cr_assert_eq(calls[i].came, 0);
				canceled++;
			} else {
				cr_assert_eq(calls[i].answer, 0);
				cr_assert(calls[i].has_run);
				late += calls[i].came == -ECANCELED;
				cr_assert(calls[i].came == 0 || asked[i]);
			}
		}
	}
	cr_log_info("%d were canceled before, %d later", canceled, late);
	end(io);
}

/* ---- the end ---- */

Test(offload, a_runtime_does_not_end_while_one_runs)
{
	struct weft *io = begin_with(1, 2);
	struct weft_future futures[3];
	struct call calls[3];
	for (int i = 0; i < 3; i++)
		start_call(io, &futures[i], &calls[i], true);
	until_begun(io, 2);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(strstr(weft_left(io), "; 2 offloaded calls are running"), "%s",
		  weft_left(io));
	open_gate(&calls[2]); /* the newest runs first, and offloads first */
	assert_ran(io, &futures[2], &calls[2]);
	open_gate(&calls[1]);
	assert_ran(io, &futures[1], &calls[1]);
	until_begun(io, 3);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(strstr(weft_left(io), "; 1 offloaded call is running"), "%s",
		  weft_left(io));
	open_gate(&calls[0]);
	assert_ran(io, &futures[0], &calls[0]);
	end(io);
}
