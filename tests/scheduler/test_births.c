/* test_births.c: workers are born when there is work for them, and done without when their threads
 * cannot be had. The Makefile links this program so that pthread_create is the one below. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/on_valgrind.h"
#include "weft.h"

/* ---- threads that cannot be had ---- */

static _Atomic unsigned asked, born; /* how often; how often there was one */
static _Atomic unsigned refused_first = UINT32_MAX,
			refused_last; /* by number, from 1 on */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument)
{
	unsigned number = atomic_fetch_add(&asked, 1) + 1;
	if (number >= atomic_load(&refused_first) &&
	    number <= atomic_load(&refused_last))
		return EAGAIN;
	atomic_fetch_add(&born, 1);
	return __real_pthread_create(thread, attributes, function, argument);
}

static void refuse_from_to(unsigned first, unsigned last)
{
	atomic_store(&asked, 0);
	atomic_store(&born, 0);
	atomic_store(&refused_last, last);
	atomic_store(&refused_first, first);
}

/* ---- helpers ---- */

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static void end_at_once(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(int *)result;
}

static void try_fiber(struct weft *io)
{
	struct weft_future future;
	int ran = 0;
	weft_async(io, &future, end_at_once, NULL, 0, &ran);
	weft_await(io, &future);
	cr_assert_eq(ran, 1);
}

/* How many descriptors are open. */
static int descriptors(void)
{
	int count = 0;
	DIR *directory = opendir("/proc/self/fd");
	cr_assert_not_null(directory);
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count - 3; /* two names of directories, and the list's own */
}

/* A fiber that keeps its worker until `wanted` threads have been asked for, or so many fibers
 * spin at once as there can be. */
static _Atomic unsigned wanted;
static _Atomic int gives_up;

static void keep_busy(struct weft *io, const void *context, void *result)
{
	uint64_t patience =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + UINT64_C(20000000000);
	(void)context;
	while (atomic_load(&asked) < atomic_load(&wanted) && !atomic_load(&gives_up)) {
		if ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) > patience)
			atomic_store(&gives_up, 1);
		(void)sched_yield();
	}
	++*(int *)result;
}

/* Each has its own worker for as long as all are not wanted yet. */
static void busy_all(struct weft *io, int count)
{
	enum { MANY = 64 };
	struct weft_future futures[MANY];
	int ran[MANY] = {0};
	for (int i = 0; i < count; i++)
		weft_async(io, &futures[i], keep_busy, NULL, 0, &ran[i]);
	for (int i = 0; i < count; i++) {
		weft_await(io, &futures[i]);
		cr_assert_eq(ran[i], 1);
	}
}

/* ---- births ---- */

Test(births, none_without_work)
{
	for (uint32_t workers = 1; workers <= 56; workers += 11) {
		refuse_from_to(UINT32_MAX, 0);
		struct weft *io = begin(workers);
		for (int i = 0; i < 1000; i++)
			weft_yield(io);
		cr_assert_eq(weft_deinit(io), 0);
		cr_assert_eq(atomic_load(&asked), 0, "%u workers", workers);
	}
}

static void say_so(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	atomic_store((_Atomic int *)result, 1);
}

/* One fiber is work for one worker, beside the one that made it and is busy. */
Test(births, one_for_one_fiber)
{
	for (uint32_t workers = 2; workers <= 56; workers += 9) {
		refuse_from_to(UINT32_MAX, 0);
		struct weft *io = begin(workers);
		struct weft_future future;
		_Atomic int ran = 0;
		weft_async(io, &future, say_so, NULL, 0, &ran);
		while (!atomic_load(&ran))
			(void)sched_yield();
		weft_await(io, &future);
		cr_assert_eq(weft_deinit(io), 0);
		cr_assert_eq(atomic_load(&asked), 1, "%u workers: %u", workers,
			     atomic_load(&asked));
	}
}

Test(births, none_with_one_worker)
{
	struct weft *io = begin(1);
	for (int i = 0; i < 1000; i++)
		try_fiber(io);
	cr_assert_eq(weft_deinit(io), 0);
	cr_assert_eq(atomic_load(&asked), 0);
}

/* As many as there are workers when each fiber keeps one, and never more. */
Test(births, all_when_all_have_work)
{
	for (uint32_t workers = 2; workers <= 16; workers += 7) {
		refuse_from_to(UINT32_MAX, 0);
		atomic_store(&wanted, workers - 1);
		struct weft *io = begin(workers);
		busy_all(io, 3 * (int)workers);
		cr_assert_not(atomic_load(&gives_up), "%u of %u", atomic_load(&asked),
			      workers);
		for (int i = 0; i < 1000; i++)
			try_fiber(io);
		cr_assert_eq(weft_deinit(io), 0);
		cr_assert_eq(atomic_load(&born), workers - 1);
	}
}

/* ---- births that fail ---- */

enum { WORKERS = 6 };

/* The work is done by those there are; the others are asked for once, and no more. */
static void assert_does_without(unsigned first, unsigned last)
{
	refuse_from_to(first, last);
	atomic_store(&wanted, WORKERS - 1);
	struct weft *io = begin(WORKERS);
	busy_all(io, 3 * WORKERS);
	for (int i = 0; i < 1000; i++)
		try_fiber(io);
	cr_assert_eq(weft_deinit(io), 0);
	cr_assert_not(atomic_load(&gives_up), "%u to %u: only %u asked for", first,
		      last, atomic_load(&asked));
	cr_assert_eq(atomic_load(&asked), WORKERS - 1);
	cr_assert_eq(atomic_load(&born), WORKERS - 1 - (last - first + 1));
}

Test(births, any_one_may_fail)
{
	for (unsigned k = 1; k < WORKERS; k++)
		assert_does_without(k, k);
}

Test(births, from_any_one_on_all_may_fail)
{
	for (unsigned k = 1; k < WORKERS; k++)
		assert_does_without(k, WORKERS - 1);
}

/* ---- soon ended ---- */

Test(births, ended_right_after_the_first_fiber)
{
	for (int i = 0; i < 1000; i++) {
		struct weft *io = begin(4);
		try_fiber(io); /* its worker may not have begun yet */
		cr_assert_eq(weft_deinit(io), 0);
	}
}

Test(births, not_ended_by_the_first_fiber_that_is_alive)
{
	for (int i = 0; i < 200; i++) {
		struct weft *io = begin(4);
		struct weft_future future;
		int ran = 0;
		weft_async(io, &future, end_at_once, NULL, 0, &ran);
		int error = weft_deinit(io);
		if (error == 0) /* the new worker was so fast that it has ended */
			continue;
		cr_assert_eq(error, -EBUSY);
		weft_await(io, &future);
		cr_assert_eq(ran, 1);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

Test(births, a_thousand_runtimes_leave_nothing)
{
	cr_assert_eq(weft_deinit(begin(2)), 0);
	int before = descriptors();
	for (int i = 0; i < 1000; i++) {
		struct weft *io = begin(1 + (uint32_t)i % 4);
		if (i % 10 == 0)
			try_fiber(io);
		cr_assert_eq(weft_deinit(io), 0);
	}
	cr_assert_eq(descriptors(), before);
}

/* ---- no descriptors ---- */

Test(births, no_descriptor)
{
	SKIP_ON_VALGRIND("it keeps descriptors of its own");
	cr_assert_eq(weft_deinit(begin(2)), 0);
	int before = descriptors();
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int fd = dup(0); /* the lowest that is free */
	cr_assert_geq(fd, 0);
	(void)close(fd);
	for (rlim_t more = 0; more < 2; more++) {
		struct weft *io = (struct weft *)(uintptr_t)8;
		struct rlimit few = {(rlim_t)fd + more, limit.rlim_max};
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		for (int i = 0; i < 100; i++)
			cr_assert_eq(weft_init(&io, NULL), -EMFILE);
		cr_assert_null(io);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		cr_assert_eq(descriptors(), before);
	}
	struct weft *io = begin(2);
	try_fiber(io);
	cr_assert_eq(descriptors(), before + 2);
	cr_assert_eq(weft_deinit(io), 0);
}
