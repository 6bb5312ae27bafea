/* test_runtime.c: the beginning and the end of a runtime, and who may call it. */
#include "weft.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/system.h"
#include "context/annotate.h"
#include "tests/fiber/refuse.h"
#include "tests/on_valgrind.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static void count(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(int *)result;
}

static void assert_usable(struct weft *io)
{
	struct weft_future future;
	int ran = 0;
	cr_assert_eq(weft_concurrent(io, &future, count, NULL, 0, &ran), 0);
	weft_await(io, &future);
	cr_assert_eq(ran, 1);
}

/* ---- beginning and ending ---- */

Test(runtime, begins_and_ends_again_and_again)
{
	for (int round = 0; round < 20; round++)
		for (uint32_t workers = 0; workers <= 4; workers++) {
			struct weft *io = begin(workers);
			assert_usable(io);
			cr_assert_eq(weft_deinit(io), 0);
		}
}

Test(runtime, ends_without_having_run_anything)
{
	for (int round = 0; round < 200; round++)
		cr_assert_eq(weft_deinit(begin(4)), 0);
}

Test(runtime, takes_no_options_for_all_defaults)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, NULL), 0);
	assert_usable(io);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(runtime, options_out_of_range)
{
	size_t page = system_page_size();
	const struct weft_options wrong[] = {
		{.workers = 57},
		{.workers = UINT32_MAX},
		{.stack_size = 1},
		{.stack_size = 4 * page - 1},
		{.stack_size = ((size_t)1 << 30) + 1},
		{.stack_size = SIZE_MAX},
		{.guard = (enum weft_guard)3},
		{.guard = (enum weft_guard)1000},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct weft *io = (struct weft *)(uintptr_t)8;
		cr_assert_eq(weft_init(&io, &wrong[i]), -EINVAL, "options %zu", i);
		cr_assert_null(io);
	}
}

Test(runtime, options_at_the_ends_of_their_ranges)
{
	size_t page = system_page_size();
	const struct weft_options right[] = {
		{.workers = 56},
		{.stack_size = 4 * page},
		{.stack_size = 4 * page + 1},
		{.warm_stacks = 1},
		{.warm_stacks = UINT32_MAX},
		{.guard = WEFT_GUARD_NONE},
		{.guard = WEFT_GUARD_PROTECT},
		{.keep_signals = 1, .workers = 2},
	};
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
		struct weft *io;
		cr_assert_eq(weft_init(&io, &right[i]), 0, "options %zu", i);
		assert_usable(io);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* A thread is one worker. */
Test(runtime, one_runtime_a_thread)
{
	struct weft *io = begin(1), *second = io;
	cr_assert_eq(weft_init(&second, NULL), -EBUSY);
	cr_assert_null(second);
	assert_usable(io);
	cr_assert_eq(weft_deinit(io), 0);
	cr_assert_eq(weft_init(&second, NULL), 0, "the thread is free again");
	cr_assert_eq(weft_deinit(second), 0);
}

/* ---- who may end it, and when ---- */

static void end_here(struct weft *io, const void *context, void *result)
{
	(void)context;
	*(int *)result = weft_deinit(io);
}

Test(runtime, a_fiber_may_not_end_it)
{
	struct weft *io = begin(2);
	struct weft_future future;
	int answer = 0;
	weft_async(io, &future, end_here, NULL, 0, &answer);
	weft_await(io, &future);
	cr_assert_eq(answer, -EPERM);
	assert_usable(io);
	cr_assert_eq(weft_deinit(io), 0);
}

static void *end_on_a_thread(void *argument)
{
	return (void *)(intptr_t)weft_deinit(argument);
}

Test(runtime, a_foreign_thread_may_not_end_it)
{
	struct weft *io = begin(2);
	pthread_t thread;
	void *answer;
	cr_assert_eq(pthread_create(&thread, NULL, end_on_a_thread, io), 0);
	cr_assert_eq(pthread_join(thread, &answer), 0);
	cr_assert_eq((intptr_t)answer, -EPERM);
	assert_usable(io);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(runtime, does_not_end_while_fibers_are_alive)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int ran = 0;
	weft_async(io, &future, count, NULL, 0, &ran);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	assert_usable(io);
	weft_await(io, &future);
	cr_assert_eq(ran, 1);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- foreign threads ---- */

/* A report without these words ends the test with a status that is not SIGABRT. */
static void check_report(const char *report, size_t length)
{
	if (report[length - 1] != '\n' ||
	    !strstr(report, "a thread that runs no fiber of this runtime"))
		_exit(1);
}

static void run_on_a_thread(void *(*function)(void *))
{
	pthread_t thread;
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.on_fatal = check_report}),
		     0);
	if (pthread_create(&thread, NULL, function, io) == 0)
		pthread_join(thread, NULL);
	_exit(2);
}

static void *call_async(void *io)
{
	static struct weft_future future;
	static int ran;
	weft_async(io, &future, count, NULL, 0, &ran);
	return NULL;
}

Test(foreign_thread, async, .signal = SIGABRT)
{
	run_on_a_thread(call_async);
}

static void *call_concurrent(void *io)
{
	static struct weft_future future;
	static int ran;
	(void)weft_concurrent(io, &future, count, NULL, 0, &ran);
	return NULL;
}

Test(foreign_thread, concurrent, .signal = SIGABRT)
{
	run_on_a_thread(call_concurrent);
}

static void *call_await(void *io)
{
	static struct weft_future future;
	weft_await(io, &future);
	return NULL;
}

Test(foreign_thread, await, .signal = SIGABRT)
{
	run_on_a_thread(call_await);
}

static void *call_yield(void *io)
{
	weft_yield(io);
	return NULL;
}

Test(foreign_thread, yield, .signal = SIGABRT)
{
	run_on_a_thread(call_yield);
}

static void *call_name(void *io)
{
	weft_name(io, "nobody");
	return NULL;
}

Test(foreign_thread, name, .signal = SIGABRT)
{
	run_on_a_thread(call_name);
}

static void *call_mark(void *io)
{
	weft_mark(io, "nobody", 1);
	return NULL;
}

Test(foreign_thread, mark, .signal = SIGABRT)
{
	run_on_a_thread(call_mark);
}

static void *call_span_begin(void *io)
{
	weft_span_begin(io, "nothing");
	return NULL;
}

Test(foreign_thread, span_begin, .signal = SIGABRT)
{
	run_on_a_thread(call_span_begin);
}

static void *call_span_end(void *io)
{
	weft_span_end(io, "nothing");
	return NULL;
}

Test(foreign_thread, span_end, .signal = SIGABRT)
{
	run_on_a_thread(call_span_end);
}

static void *call_what_any_thread_may(void *io)
{
	uint64_t before = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
	return (void *)(uintptr_t)((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) >= before &&
				   strcmp(weft_strerror(0), "") != 0);
}

Test(foreign_thread, may_read_the_clock)
{
	struct weft *io = begin(1);
	pthread_t thread;
	void *answer;
	cr_assert_eq(pthread_create(&thread, NULL, call_what_any_thread_may, io), 0);
	cr_assert_eq(pthread_join(thread, &answer), 0);
	cr_assert(answer);
	cr_assert_eq(weft_deinit(io), 0);
}

/* The runtime of another thread is no better than none. */
Test(foreign_thread, of_another_runtime, .signal = SIGABRT)
{
	struct weft *io, *other = (struct weft *)(uintptr_t)64;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.on_fatal = check_report}),
		     0);
	weft_yield(other);
}

/* ---- what cannot be had ---- */

LEFT_OUT_ON_VALGRIND(shortage, no_guard_for_the_first_stack, "refuses valgrind too");
Test(shortage, no_guard_for_the_first_stack, .exit_code = REFUSED,
     .disabled = ON_EMULATOR)
{
	struct weft *io = (struct weft *)(uintptr_t)8;
	cr_assert_eq(refuse_page_protection(ENOMEM), 0);
	cr_assert_eq(weft_init(&io, &(struct weft_options){.guard = WEFT_GUARD_PROTECT,
							   .workers = 2}),
		     -ENOMEM);
	cr_assert_null(io);
	cr_assert_eq(weft_init(&io, &(struct weft_options){.guard = WEFT_GUARD_NONE}),
		     0, "what needs no guard still works");
	assert_usable(io);
	cr_assert_eq(weft_deinit(io), 0);
	_exit(REFUSED);
}

/* How many threads the process has. */
static int threads(void)
{
	char line[200];
	int count = -1;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof line, status))
		(void)sscanf(line, "Threads: %d", &count);
	if (status)
		(void)fclose(status);
	return count;
}

static size_t address_space_in_use(void)
{
	size_t pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	if (statm && fscanf(statm, "%zu", &pages) != 1)
		pages = 0;
	if (statm)
		(void)fclose(statm);
	return pages * system_page_size();
}

/* Thread stacks so large that `count` of them fit and no more. */
static void allow_threads(size_t count)
{
	const size_t stack = (size_t)1 << 30, other = (size_t)1 << 29;
	pthread_attr_t attributes;
	cr_assert_eq(pthread_attr_init(&attributes), 0);
	cr_assert_eq(pthread_attr_setstacksize(&attributes, stack), 0);
	cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
	rlim_t limit = address_space_in_use() + count * stack + other;
	cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){limit, RLIM_INFINITY}), 0);
}

Test(shortage, no_thread)
{
	SKIP_ON_VALGRIND("its own system calls would be refused too");
	SKIP_ON_EMULATOR("it has no seccomp");
	int before = threads();
	cr_assert_eq(refuse_threads(), 0);
	for (uint32_t workers = 1; workers <= 8; workers++) {
		struct weft *io = begin(workers);
		for (int i = 0; i < 100; i++)
			assert_usable(io);
		cr_assert_eq(threads(), before, "worker 0 does it all");
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* A sanitizer maps memory of its own for each thread: there all four are to be had. */
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
enum { THREADS_ALLOWED = 3 };
#else
enum { THREADS_ALLOWED = 1 };
#endif

static void work_a_moment(struct weft *io, const void *context, void *result)
{
	uint64_t until = (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000000;
	(void)context, (void)result;
	while ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until)
		;
}

/* There is work for more workers than there are. */
static void work_together(struct weft *io)
{
	struct weft_future futures[8];
	for (int i = 0; i < 8; i++)
		weft_async(io, &futures[i], work_a_moment, NULL, 0, NULL);
	for (int i = 0; i < 8; i++)
		weft_await(io, &futures[i]);
}

Test(shortage, fewer_threads_than_asked_for)
{
	SKIP_ON_VALGRIND("it maps memory of its own for each thread");
	SKIP_ON_EMULATOR("it ignores RLIMIT_AS");
	struct weft *io = begin(2); /* and whatever a sanitizer starts with the first */
	cr_assert_eq(weft_deinit(io), 0);
	int before = threads();
	if (THREADS_ALLOWED < 3)
		allow_threads(THREADS_ALLOWED);
	io = begin(4);
	uint64_t patience =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + UINT64_C(10000000000);
	while (threads() < before + THREADS_ALLOWED &&
	       (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < patience)
		work_together(io);
	for (int i = 0; i < 1000; i++)
		assert_usable(io);
	cr_assert_eq(threads(), before + THREADS_ALLOWED);
	cr_assert_eq(weft_deinit(io), 0);
	cr_assert_eq(threads(), before);
}
