/* scheduler_tests.c: a runtime's beginning and end, who may call it, and who runs when. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "scheduler/scheduler.h"
#include "tests/kqueue/harness.h"
#include "weft.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	check_equal(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static void count(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(int *)result;
}

static void try_fiber(struct weft *io)
{
	struct weft_future future;
	int ran = 0;
	check_equal(weft_concurrent(io, &future, count, NULL, 0, &ran), 0);
	weft_await(io, &future);
	check_equal(ran, 1);
}

/* ---- beginning and end ---- */

static void begins_and_ends_again_and_again(void)
{
	for (int round = 0; round < 20; round++)
		for (uint32_t workers = 0; workers <= 4; workers++) {
			struct weft *io = begin(workers);
			if (round % 2)
				try_fiber(io);
			check_equal(weft_deinit(io), 0);
		}
}

static void options_out_of_range(void)
{
	const struct weft_options wrong[] = {
		{.workers = 57},          {.workers = UINT32_MAX},
		{.stack_size = 1},        {.stack_size = 4 * system_page_size() - 1},
		{.stack_size = SIZE_MAX}, {.guard = (enum weft_guard)3},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct weft *io = (struct weft *)(uintptr_t)8;
		check_equal(weft_init(&io, &wrong[i]), -EINVAL);
		check(io == NULL);
	}
}

static void options_at_the_ends_of_their_ranges(void)
{
	const struct weft_options right[] = {
		{.stack_size = 4 * system_page_size()},
		{.stack_size = 4 * system_page_size() + 1},
		{.warm_stacks = 1},
		{.warm_stacks = UINT32_MAX},
		{.guard = WEFT_GUARD_NONE},
		{.guard = WEFT_GUARD_PROTECT},
		{.keep_signals = 1, .workers = 2},
	};
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
		struct weft *io;
		check_equal(weft_init(&io, &right[i]), 0);
		try_fiber(io);
		check_equal(weft_deinit(io), 0);
	}
}

static void one_runtime_a_thread(void)
{
	struct weft *io = begin(1), *second = io;
	check_equal(weft_init(&second, NULL), -EBUSY);
	check(second == NULL);
	try_fiber(io);
	check_equal(weft_deinit(io), 0);
	check_equal(weft_init(&second, NULL), 0);
	check_equal(weft_deinit(second), 0);
}

static void end_here(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = weft_deinit(io);
}

static void *end_on_a_thread(void *io)
{
	return (void *)(intptr_t)weft_deinit(io);
}

static void only_the_main_fiber_may_end_it(void)
{
	struct weft *io = begin(2);
	struct weft_future future;
	pthread_t thread;
	void *of_the_thread;
	int of_the_fiber = 0;
	weft_async(io, &future, end_here, NULL, 0, &of_the_fiber);
	weft_await(io, &future);
	check_equal(of_the_fiber, -EPERM);
	check_equal(pthread_create(&thread, NULL, end_on_a_thread, io), 0);
	check_equal(pthread_join(thread, &of_the_thread), 0);
	check_equal((intptr_t)of_the_thread, -EPERM);
	try_fiber(io);
	check_equal(weft_deinit(io), 0);
}

static void does_not_end_while_fibers_are_alive(void)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int ran = 0;
	weft_async(io, &future, count, NULL, 0, &ran);
	check_equal(weft_deinit(io), -EBUSY);
	check_equal(weft_deinit(io), -EBUSY);
	try_fiber(io);
	weft_await(io, &future);
	check_equal(ran, 1);
	check_equal(weft_deinit(io), 0);
}

/* ---- foreign threads ---- */

static void expect(const char *report, size_t length)
{
	if (report[length - 1] != '\n' ||
	    !strstr(report, "a thread that runs no fiber of this runtime"))
		_Exit(1);
}

static void *yield_on_a_thread(void *io)
{
	weft_yield(io);
	return NULL;
}

static void a_foreign_thread_is_reported(void)
{
	struct weft *io;
	pthread_t thread;
	check_equal(weft_init(&io, &(struct weft_options){.on_fatal = expect}), 0);
	check_equal(pthread_create(&thread, NULL, yield_on_a_thread, io), 0);
	check_equal(pthread_join(thread, NULL), 0);
}

/* ---- who runs when ---- */

enum { FIBERS = 7, TURNS = 200 };

static int turns[FIBERS]; /* how many each has had */

/* On one worker nobody has had two turns more than anybody else who still runs. */
static void take_turns(struct weft *io, const void *context, void *result)
{
	int self = *(const int *)context;
	(void)result;
	for (int i = 0; i < TURNS; i++) {
		turns[self]++;
		for (int k = 0; k < FIBERS; k++)
			check(turns[k] == turns[self] || turns[k] == turns[self] - 1);
		weft_yield(io);
	}
}

static void yields_are_fair(void)
{
	struct weft *io = begin(1);
	struct weft_future futures[FIBERS];
	for (int i = 0; i < FIBERS; i++)
		weft_async(io, &futures[i], take_turns, &i, sizeof i, NULL);
	for (int i = 0; i < FIBERS * TURNS; i++)
		weft_yield(io);
	for (int i = 0; i < FIBERS; i++) {
		weft_await(io, &futures[i]);
		check_equal(turns[i], TURNS);
	}
	weft_yield(io); /* to nobody */
	check_equal(weft_deinit(io), 0);
}

static _Atomic int yields, migrations;

static void count_yields(struct weft *io, const void *context, void *result)
{
	for (int i = 0; i < *(const int *)context; i++) {
		weft_yield(io);
		atomic_fetch_add(&yields, 1);
		++*(int *)result;
	}
}

static void every_yield_returns(void)
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		enum { MANY = 50 };
		struct weft *io = begin(workers);
		struct weft_future futures[MANY];
		int done[MANY] = {0}, total = 0;
		uint64_t thread = system_thread_id();
		atomic_store(&yields, 0);
		for (int i = 0; i < MANY; i++)
			weft_async(io, &futures[i], count_yields, &i, sizeof i,
				   &done[i]);
		for (int i = 0; i < MANY; i++) {
			weft_await(io, &futures[i]);
			check_equal(system_thread_id(), thread); /* main is pinned */
			check_equal(done[i], i);
			total += i;
		}
		check_equal(atomic_load(&yields), total);
		check_equal(weft_deinit(io), 0);
	}
}

static _Atomic int begun, ended;

static void cross(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	uint64_t thread = system_thread_id();
	atomic_fetch_add(&begun, 1);
	weft_yield(io);
	atomic_fetch_add(&migrations, system_thread_id() != thread);
	atomic_fetch_add(&ended, 1);
}

/* Those that have begun here and yielded go on elsewhere, when the main fiber keeps its worker to
 * itself. How many begin here is the machine's business; the watchdog's, if none ever does. */
static void fibers_migrate(void)
{
	enum { ENOUGH = 100 };
	struct weft *io = begin(2);
	struct weft_future futures[FIBERS];
	while (atomic_load(&migrations) < ENOUGH) {
		atomic_store(&begun, 0);
		atomic_store(&ended, 0);
		for (int i = 0; i < FIBERS; i++)
			weft_async(io, &futures[i], cross, NULL, 0, NULL);
		while (atomic_load(&begun) < FIBERS)
			weft_yield(io);
		while (atomic_load(&ended) < FIBERS)
			(void)sched_yield();
		for (int i = 0; i < FIBERS; i++)
			weft_await(io, &futures[i]);
	}
	check_equal(weft_deinit(io), 0);
}

/* One that forks and joins needs no queue for it; the oldest child begins all the same. */
static int oldest_has_begun;

static void begin_at_last(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	oldest_has_begun = 1;
}

static void nobody_starves(void)
{
	struct weft *io = begin(1);
	struct weft_future oldest;
	int rounds = 0;
	weft_async(io, &oldest, begin_at_last, NULL, 0, NULL);
	for (; !oldest_has_begun && rounds < 100000; rounds++)
		try_fiber(io);
	check(oldest_has_begun);
	weft_await(io, &oldest);
	check_equal(weft_deinit(io), 0);
}

/* ---- foreign threads at work ---- */

enum { THREADS = 4, CALLS = 500 };

static _Atomic int calls;

static void count_call(struct weft *io, const void *context, void *result)
{
	const int *number = context;
	if (*number % 3 == 0)
		weft_yield(io);
	if (result)
		*(int *)result = *number * *number;
	atomic_fetch_add(&calls, 1);
}

static void *call_from_a_thread(void *io)
{
	struct weft_foreign foreign;
	check_equal(weft_attach(io, &foreign), 0);
	for (int i = 0; i < CALLS; i++) {
		int answer = -1;
		check_equal(weft_submit(&foreign, count_call, &i, sizeof i, NULL), 0);
		check_equal(weft_run(&foreign, count_call, &i, &answer), 0);
		check_equal(answer, i * i);
	}
	check_equal(weft_detach(&foreign), 0);
	check_equal(weft_detach(&foreign), -EINVAL);
	check_equal(weft_submit(&foreign, count_call, NULL, 0, NULL), -EINVAL);
	return NULL;
}

/* What was submitted has said that it is done, and may not have ended yet. */
static void end_at_last(struct weft *io)
{
	int error;
	while ((error = weft_deinit(io)) == -EBUSY)
		weft_yield(io);
	check_equal(error, 0);
}

static void foreign_threads_submit_and_run(void)
{
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct weft *io = begin(workers);
		pthread_t threads[THREADS];
		atomic_store(&calls, 0);
		for (int i = 0; i < THREADS; i++)
			check_equal(pthread_create(&threads[i], NULL,
						   call_from_a_thread, io),
				    0);
		while (atomic_load(&calls) < 2 * THREADS * CALLS)
			weft_yield(io);
		for (int i = 0; i < THREADS; i++)
			check_equal(pthread_join(threads[i], NULL), 0);
		end_at_last(io);
	}
}

static void a_foreign_thread_keeps_the_runtime(void)
{
	struct weft *io = begin(2);
	struct weft_foreign foreign;
	check_equal(weft_attach(NULL, &foreign), -EINVAL);
	check_equal(weft_attach(io, &foreign), 0);
	check_equal(weft_deinit(io), -EBUSY);
	check(strstr(weft_left(io), "1 foreign thread is attached") != NULL);
	check_equal(weft_run(&foreign, count_call, NULL, NULL), -EDEADLK);
	try_fiber(io);
	check_equal(weft_detach(&foreign), 0);
	check_equal(weft_deinit(io), 0);
}

/* ---- a runtime that sleeps ---- */

enum { SLEEPS = 200 };

static _Atomic(struct fiber *) sleeper;

static void after_sleep(struct worker *worker, struct fiber *from, void *arg)
{
	(void)worker, (void)arg;
	atomic_store(&sleeper, from);
}

static void wake_main(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	scheduler_make_ready(scheduler_worker(io), atomic_exchange(&sleeper, NULL));
}

static void *wake_many_times(void *argument)
{
	struct weft *io = argument;
	struct weft_foreign foreign;
	check_equal(weft_attach(io, &foreign), 0);
	for (int i = 0; i < SLEEPS; i++) {
		while (atomic_load(&io->idle.word) !=
			       IDLE_ASLEEP(io->workers) - IDLE_ASLEEP(0) ||
		       !atomic_load(&sleeper))
			(void)sched_yield();
		check_equal(weft_submit(&foreign, wake_main, NULL, 0, NULL), 0);
	}
	check_equal(weft_detach(&foreign), 0);
	return NULL;
}

static void a_submit_wakes_those_that_sleep(void)
{
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct weft *io = begin(workers);
		pthread_t thread;
		check_equal(pthread_create(&thread, NULL, wake_many_times, io), 0);
		for (int i = 0; i < SLEEPS; i++) {
			struct worker *worker = scheduler_worker(io);
			scheduler_park(worker, scheduler_take(worker), after_sleep,
				       NULL);
		}
		check_equal(pthread_join(thread, NULL), 0);
		end_at_last(io);
	}
}

/* ---- two at once ---- */

static void *run_another(void *unused)
{
	for (int round = 0; round < 20; round++) {
		struct weft *io = begin(2);
		for (int i = 0; i < 50; i++)
			try_fiber(io);
		check_equal(weft_deinit(io), 0);
	}
	return unused;
}

static void two_runtimes_in_one_process(void)
{
	pthread_t thread;
	check_equal(pthread_create(&thread, NULL, run_another, NULL), 0);
	(void)run_another(NULL);
	check_equal(pthread_join(thread, NULL), 0);
}

/* By a thread that runs a fiber, but of another runtime. */
static void *yield_to_the_wrong_one(void *io)
{
	struct weft *mine = begin(1);
	weft_yield(io);
	(void)weft_deinit(mine);
	return NULL;
}

static void a_fiber_of_another_runtime_is_foreign(void)
{
	struct weft *io;
	pthread_t thread;
	check_equal(weft_init(&io, &(struct weft_options){.on_fatal = expect}), 0);
	check_equal(pthread_create(&thread, NULL, yield_to_the_wrong_one, io), 0);
	check_equal(pthread_join(thread, NULL), 0);
}

static void clock_never_goes_back(void)
{
	struct weft *io = begin(1);
	uint64_t last = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
	for (int i = 0; i < 10000; i++) {
		uint64_t now = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
		check(now >= last);
		last = now;
	}
	check(last > 0);
	check_equal(weft_deinit(io), 0);
}

const struct test scheduler_tests[] = {
	{"scheduler: begins and ends again and again", begins_and_ends_again_and_again,
	 0},
	{"scheduler: options out of range", options_out_of_range, 0},
	{"scheduler: options at the ends of their ranges",
	 options_at_the_ends_of_their_ranges, 0},
	{"scheduler: one runtime a thread", one_runtime_a_thread, 0},
	{"scheduler: only the main fiber may end it", only_the_main_fiber_may_end_it,
	 0},
	{"scheduler: does not end while fibers are alive",
	 does_not_end_while_fibers_are_alive, 0},
	{"scheduler: a foreign thread is reported", a_foreign_thread_is_reported,
	 SIGABRT},
	{"scheduler: yields are fair", yields_are_fair, 0},
	{"scheduler: every yield returns", every_yield_returns, 0},
	{"scheduler: fibers migrate", fibers_migrate, 0},
	{"scheduler: nobody starves", nobody_starves, 0},
	{"scheduler: foreign threads submit and run", foreign_threads_submit_and_run,
	 0},
	{"scheduler: a foreign thread keeps the runtime",
	 a_foreign_thread_keeps_the_runtime, 0},
	{"scheduler: a submit wakes those that sleep", a_submit_wakes_those_that_sleep,
	 0},
	{"scheduler: two runtimes in one process", two_runtimes_in_one_process, 0},
	{"scheduler: a fiber of another runtime is foreign",
	 a_fiber_of_another_runtime_is_foreign, SIGABRT},
	{"scheduler: clock never goes back", clock_never_goes_back, 0},
	{NULL, NULL, 0},
};
