/* scheduler_tests.c: a runtime's beginning and end, who may call it, and who runs when. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
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
		{.workers = 65},          {.workers = UINT32_MAX},
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

static _Atomic int yields, migrations, stop;

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

static void wander(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stop)) {
		uint64_t thread = system_thread_id();
		weft_yield(io);
		atomic_fetch_add(&migrations, system_thread_id() != thread);
	}
}

/* How soon is the machine's business; the watchdog's, if never. */
static void fibers_migrate(void)
{
	enum { ENOUGH = 100 };
	struct weft *io = begin(4);
	struct weft_future futures[2 * FIBERS];
	for (int i = 0; i < 2 * FIBERS; i++)
		weft_async(io, &futures[i], wander, NULL, 0, NULL);
	while (atomic_load(&migrations) < ENOUGH)
		weft_yield(io);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2 * FIBERS; i++)
		weft_await(io, &futures[i]);
	check_equal(weft_deinit(io), 0);
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
	uint64_t last = weft_now(io);
	for (int i = 0; i < 10000; i++) {
		uint64_t now = weft_now(io);
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
	{"scheduler: two runtimes in one process", two_runtimes_in_one_process, 0},
	{"scheduler: a fiber of another runtime is foreign",
	 a_fiber_of_another_runtime_is_foreign, SIGABRT},
	{"scheduler: clock never goes back", clock_never_goes_back, 0},
	{NULL, NULL, 0},
};
