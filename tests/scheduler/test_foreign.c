/* test_foreign.c: threads that run no fiber of a runtime and give it work all the same. */
#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/scheduler.h"
#include "tests/fiber/refuse.h"
#include "tests/on_valgrind.h"
#include "weft.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

/* What was submitted may have said that it is done and not have ended yet. */
static void end(struct weft *io)
{
	int error;
	while ((error = weft_deinit(io)) == -EBUSY)
		weft_yield(io);
	cr_assert_eq(error, 0);
}

static void count(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	atomic_fetch_add((_Atomic uint64_t *)result, 1);
}

static void yield_until(struct weft *io, _Atomic uint64_t *counter, uint64_t wanted)
{
	while (atomic_load(counter) < wanted)
		weft_yield(io);
	cr_assert_eq(atomic_load(counter), wanted);
}

/* ---- submitting ---- */

enum { THREADS = 6, AHEAD = 1000 };

/* By each thread. */
static uint64_t submits(void)
{
	return RUNNING_ON_VALGRIND ? 200 : 10000;
}

struct numbered {
	uint64_t number;
	char text[40];
};

static _Atomic uint64_t submitted, ran, sum;

static void add_number(struct weft *io, const void *context, void *result)
{
	const struct numbered *numbered = context;
	char text[40];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)numbered->number);
	if (strcmp(text, numbered->text) == 0 && result == &sum)
		atomic_fetch_add(&sum, numbered->number);
	if (numbered->number % 5 == 0)
		weft_yield(io);
	atomic_fetch_add(&ran, 1);
}

/* So that stacks do not use up memory. */
static void keep_near(void)
{
	while (atomic_load(&submitted) - atomic_load(&ran) > AHEAD)
		(void)sched_yield();
}

static void *submit_many(void *io)
{
	struct weft_foreign foreign;
	intptr_t error = weft_attach(io, &foreign);
	for (uint64_t i = 1; i <= submits() && !error; i++) {
		struct numbered numbered = {i, ""};
		(void)snprintf(numbered.text, sizeof numbered.text, "%llu",
			       (unsigned long long)i);
		atomic_fetch_add(&submitted, 1);
		error = weft_submit(&foreign, add_number, &numbered, sizeof numbered,
				    &sum);
		memset(&numbered, 0, sizeof numbered);
		keep_near();
	}
	if (!error)
		error = weft_detach(&foreign);
	return (void *)error;
}

static void start_threads(struct weft *io, pthread_t *threads,
			  void *(*function)(void *))
{
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, function, io), 0);
}

static void join_threads(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++) {
		void *error;
		cr_assert_eq(pthread_join(threads[i], &error), 0);
		cr_assert_eq((intptr_t)error, 0);
	}
}

/* A runtime of so many workers for them, until each has counted itself in `ran`. */
static void run_in_threads(uint32_t workers, void *(*function)(void *))
{
	struct weft *io = begin(workers);
	pthread_t threads[THREADS];
	start_threads(io, threads, function);
	yield_until(io, &ran, THREADS);
	join_threads(threads);
	end(io);
}

Test(foreign, many_threads_submit)
{
	for (uint32_t workers = 1; workers <= 4; workers += 3) {
		struct weft *io = begin(workers);
		pthread_t threads[THREADS];
		atomic_store(&submitted, 0);
		atomic_store(&ran, 0);
		atomic_store(&sum, 0);
		start_threads(io, threads, submit_many);
		yield_until(io, &ran, THREADS * submits());
		join_threads(threads);
		cr_assert_eq(atomic_load(&sum),
			     THREADS * submits() * (submits() + 1) / 2);
		end(io);
	}
}

/* ---- running, and waiting for the end ---- */

enum { RUNS = 500 };

struct square {
	uint64_t of, is; /* plain: the call orders them */
};

static void square(struct weft *io, const void *context, void *result)
{
	const uint64_t *of = context;
	struct square *square = result;
	square->of = *of;
	if (*of % 3 == 0)
		weft_yield(io);
	square->is = square->of * square->of;
}

static void *run_many(void *io)
{
	struct weft_foreign foreign;
	intptr_t error = weft_attach(io, &foreign);
	for (uint64_t i = 1; i <= RUNS && !error; i++) {
		struct square answer = {0, 0};
		error = weft_run(&foreign, square, &i, &answer);
		if (!error && (answer.of != i || answer.is != i * i))
			error = -ERANGE;
	}
	if (!error)
		error = weft_detach(&foreign);
	atomic_fetch_add(&ran, 1);
	return (void *)error;
}

Test(foreign, many_threads_run)
{
	for (uint32_t workers = 1; workers <= 4; workers += 3) {
		atomic_store(&ran, 0);
		run_in_threads(workers, run_many);
	}
}

/* What a fiber that was submitted may do, any other may. */
static void fork_twice(struct weft *io, const void *context, void *result)
{
	struct weft_future futures[2];
	struct square answers[2];
	const uint64_t *of = context;
	for (int i = 0; i < 2; i++)
		weft_async(io, &futures[i], square, of, sizeof *of, &answers[i]);
	for (int i = 0; i < 2; i++)
		weft_await(io, &futures[i]);
	*(uint64_t *)result = answers[0].is + answers[1].is;
}

static void *run_a_tree(void *io)
{
	struct weft_foreign foreign;
	uint64_t of = 9, answer = 0;
	intptr_t error = weft_attach(io, &foreign);
	for (int i = 0; i < 100 && !error; i++)
		error = weft_run(&foreign, fork_twice, &of, &answer);
	(void)weft_detach(&foreign);
	atomic_fetch_add(&ran, 1);
	return (void *)(error || answer == 162 ? error : -ERANGE);
}

Test(foreign, what_is_run_may_fork_and_wait)
{
	run_in_threads(3, run_a_tree);
}

/* ---- misuse ---- */

Test(foreign, what_is_not_open)
{
	struct weft *io = begin(1);
	struct weft_foreign foreign;
	_Atomic uint64_t calls = 0;
	cr_assert_eq(weft_attach(NULL, &foreign), -EINVAL);
	cr_assert_eq(weft_attach(io, &foreign), 0);
	cr_assert_eq(weft_detach(&foreign), 0);
	cr_assert_eq(weft_detach(&foreign), -EINVAL);
	cr_assert_eq(weft_submit(&foreign, count, NULL, 0, &calls), -EINVAL);
	cr_assert_eq(weft_run(&foreign, count, NULL, &calls), -EINVAL);
	for (int i = 0; i < 200; i++)
		weft_yield(io);
	cr_assert_eq(atomic_load(&calls), 0, "nothing runs");
	cr_assert_eq(weft_attach(io, &foreign), 0, "it can be opened again");
	cr_assert_eq(weft_detach(&foreign), 0);
	cr_assert_eq(weft_deinit(io), 0);
}

static void run_by_its_own(struct weft *io, const void *context, void *result)
{
	struct weft_foreign foreign;
	_Atomic uint64_t calls = 0;
	(void)context;
	int *errors = result;
	errors[0] = weft_attach(io, &foreign);
	errors[1] = weft_run(&foreign, count, NULL, &calls);
	errors[2] = (int)atomic_load(&calls);
	errors[3] = weft_detach(&foreign);
}

Test(foreign, a_worker_does_not_wait_for_itself)
{
	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct weft *io = begin(workers);
		struct weft_future future;
		int of_main[4], of_fiber[4];
		run_by_its_own(io, NULL, of_main);
		weft_async(io, &future, run_by_its_own, NULL, 0, of_fiber);
		weft_await(io, &future);
		cr_assert_eq(of_main[0] | of_main[2] | of_main[3], 0);
		cr_assert_eq(of_main[1], -EDEADLK);
		cr_assert_eq(of_fiber[0] | of_fiber[2] | of_fiber[3], 0);
		cr_assert_eq(of_fiber[1], -EDEADLK);
		cr_assert_eq(weft_deinit(io), 0, "nothing was submitted");
	}
}

/* ---- what cannot be had ---- */

Test(foreign, no_memory_for_the_arguments)
{
	struct weft *io = begin(1);
	struct weft_foreign foreign;
	_Atomic uint64_t calls = 0;
	cr_assert_eq(weft_attach(io, &foreign), 0);
	cr_assert_eq(weft_submit(&foreign, count, NULL, 0, &calls), 0);
	yield_until(io, &calls, 1);
	uint64_t carved = slab_carved(&io->slabs);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(weft_submit(&foreign, count, "", SIZE_MAX, &calls),
			     -ENOMEM);
	cr_assert_leq(slab_carved(&io->slabs), carved + 1, "the slot is given back");
	cr_assert(strstr(weft_shortage(io), "arguments"), "%s", weft_shortage(io));
	cr_assert_eq(weft_submit(&foreign, count, NULL, 0, &calls), 0);
	yield_until(io, &calls, 2);
	cr_assert_eq(weft_detach(&foreign), 0);
	end(io);
}

Test(foreign, no_fiber)
{
	SKIP_ON_VALGRIND("its own system calls would be refused too");
	SKIP_ON_EMULATOR("it has no seccomp");
	struct weft *io = begin(1);
	struct weft_foreign foreign;
	_Atomic uint64_t calls = 0;
	cr_assert_eq(weft_attach(io, &foreign), 0);
	cr_assert_eq(refuse_slabs(ENOMEM), 0);
	for (int round = 0; round < 3; round++) {
		uint64_t before = atomic_load(&calls), accepted = 0;
		int error;
		while (!(error = weft_submit(&foreign, count, NULL, 0, &calls)))
			accepted++;
		cr_assert_eq(error, -EAGAIN);
		cr_assert_gt(accepted, 0);
		cr_assert_leq(accepted, SLAB_SLOTS);
		cr_assert_neq(*weft_shortage(io), 0);
		yield_until(io, &calls, before + accepted);
		weft_yield(io); /* the last one ends */
	}
	cr_assert_eq(weft_detach(&foreign), 0);
	end(io);
}

/* What has ended is used again, whoever comes next. */
Test(foreign, slots_are_used_again)
{
	struct weft *io = begin(1);
	struct weft_foreign foreign;
	_Atomic uint64_t calls = 0;
	cr_assert_eq(weft_attach(io, &foreign), 0);
	for (uint64_t i = 1; i <= 10000; i++) {
		cr_assert_eq(weft_submit(&foreign, count, NULL, 0, &calls), 0);
		yield_until(io, &calls, i);
	}
	cr_assert_leq(slab_carved(&io->slabs), 4 * SLAB_SLOTS,
		      "%lu slots for one fiber", slab_carved(&io->slabs));
	cr_assert_eq(weft_detach(&foreign), 0);
	end(io);
}

/* ---- the end ---- */

static _Atomic bool may_end;

static void wait_with_a_name(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	weft_name(io, "sleepyhead");
	while (!may_end)
		weft_yield(io);
}

static bool left_says(struct weft *io, const char *words)
{
	return strstr(weft_left(io), words) != NULL;
}

Test(foreign, keeps_the_runtime_from_ending)
{
	struct weft *io = begin(2);
	struct weft_foreign one, two;
	_Atomic uint64_t calls = 0;
	cr_assert_str_eq(weft_left(io), "");
	cr_assert_eq(weft_attach(io, &one), 0);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "1 foreign thread is attached"), "%s", weft_left(io));
	cr_assert_not(left_says(io, "alive"), "%s", weft_left(io));
	cr_assert_eq(weft_attach(io, &two), 0);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "2 foreign threads are attached"), "%s", weft_left(io));
	cr_assert_eq(weft_submit(&one, count, NULL, 0, &calls), 0, "it goes on");
	yield_until(io, &calls, 1);
	cr_assert_eq(weft_detach(&one), 0);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "1 foreign thread is attached"), "%s", weft_left(io));
	cr_assert_eq(weft_detach(&two), 0);
	end(io);
}

Test(left, names_the_fibers_that_are_alive)
{
	struct weft *io = begin(1);
	struct weft_future futures[2];
	struct weft_foreign foreign;
	char words[80];
	weft_async(io, &futures[0], wait_with_a_name, NULL, 0, NULL);
	weft_yield(io);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "1 fiber is alive"), "%s", weft_left(io));
	weft_async(io, &futures[1], wait_with_a_name, NULL, 0, NULL);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "2 fibers are alive"), "%s", weft_left(io));
	(void)snprintf(words, sizeof words, " %u (sleepyhead)", futures[0].fiber_id);
	cr_assert(left_says(io, words), "%s: %s", words, weft_left(io));
	(void)snprintf(words, sizeof words, " %u;", futures[1].fiber_id);
	cr_assert(left_says(io, words), "it has no name yet: %s", weft_left(io));
	cr_assert_eq(weft_attach(io, &foreign), 0);
	cr_assert_eq(weft_deinit(io), -EBUSY);
	cr_assert(left_says(io, "1 foreign thread is attached"), "%s", weft_left(io));
	cr_assert(left_says(io, "2 fibers are alive"), "%s", weft_left(io));
	cr_assert_eq(weft_detach(&foreign), 0);
	may_end = true;
	for (int i = 0; i < 2; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(left, stays_one_line_however_many_there_are)
{
	enum { MANY = 300 };
	static struct weft_future futures[MANY];
	struct weft *io = begin(1);
	for (int i = 0; i < MANY; i++)
		weft_async(io, &futures[i], wait_with_a_name, NULL, 0, NULL);
	for (int i = 0; i < 2; i++) { /* without and with names */
		cr_assert_eq(weft_deinit(io), -EBUSY);
		cr_assert(left_says(io, "300 fibers are alive"), "%s", weft_left(io));
		cr_assert(left_says(io, " and more; await them first"), "%s",
			  weft_left(io));
		cr_assert_null(strchr(weft_left(io), '\n'));
		weft_yield(io);
	}
	may_end = true;
	for (int i = 0; i < MANY; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- two runtimes ---- */

static struct weft *_Atomic runtimes[2];
static _Atomic uint64_t hops, tokens_left;

enum { TOKENS = 40, HOPS = 500 };

struct token {
	uint64_t hops_left;
};

/* Works a little here, then goes on in the other runtime. */
static void hop(struct weft *io, const void *context, void *result)
{
	struct token token = *(const struct token *)context;
	struct weft *other = atomic_load(&runtimes[io == atomic_load(&runtimes[0])]);
	struct weft_foreign foreign;
	uint64_t answer = 0;
	fork_twice(io, &token.hops_left, &answer);
	int error = answer == 2 * token.hops_left * token.hops_left ? 0 : -ERANGE;
	atomic_fetch_add(&hops, 1);
	if (token.hops_left-- == 0) {
		atomic_fetch_sub(&tokens_left, 1);
		return;
	}
	if (!error)
		error = weft_attach(other, &foreign);
	if (!error)
		error = weft_submit(&foreign, hop, &token, sizeof token, result);
	if (!error)
		error = weft_detach(&foreign);
	if (error)
		atomic_store((_Atomic int *)result, error);
}

static void *run_half(void *index)
{
	_Atomic int *error = index;
	uint32_t self = (uint32_t)atomic_exchange(error, 0);
	struct weft *io = begin(3);
	struct weft_future futures[TOKENS / 2];
	atomic_store(&runtimes[self], io);
	while (!atomic_load(&runtimes[1 - self]))
		(void)sched_yield();
	for (int i = 0; i < TOKENS / 2; i++) {
		struct token token = {HOPS};
		weft_async(io, &futures[i], hop, &token, sizeof token, error);
	}
	for (int i = 0; i < TOKENS / 2; i++)
		weft_await(io, &futures[i]);
	while (atomic_load(&tokens_left) > 0 && !atomic_load(error))
		weft_yield(io);
	/* The other one may be about to hand something over here until it ends too. */
	int left;
	while ((left = weft_deinit(io)) == -EBUSY)
		weft_yield(io);
	return (void *)(intptr_t)left;
}

Test(two_runtimes, hand_each_other_work)
{
	_Atomic int of[2] = {0, 1};
	pthread_t thread;
	void *error;
	atomic_store(&tokens_left, TOKENS);
	cr_assert_eq(pthread_create(&thread, NULL, run_half, &of[1]), 0);
	cr_assert_null(run_half(&of[0]));
	cr_assert_eq(pthread_join(thread, &error), 0);
	cr_assert_null(error);
	cr_assert_eq(atomic_load(&of[0]) | atomic_load(&of[1]), 0);
	cr_assert_eq(atomic_load(&hops), (uint64_t)TOKENS * (HOPS + 1));
}

/* A fiber of one blocks its own worker only, while it waits for the other. */
struct visit {
	struct weft *other;
	int error;
	uint64_t sum;
};

static void run_elsewhere(struct weft *io, const void *context, void *result)
{
	struct visit *visit = result;
	struct weft_foreign foreign;
	(void)io, (void)context;
	visit->error = weft_attach(visit->other, &foreign);
	for (uint64_t i = 0; i < 300 && !visit->error; i++) {
		struct square answer = {0, 0};
		visit->error = weft_run(&foreign, square, &i, &answer);
		visit->sum += answer.is;
	}
	if (!visit->error)
		visit->error = weft_detach(&foreign);
}

static void *visit_from_a_runtime_of_its_own(void *argument)
{
	struct weft *io = begin(2);
	struct weft_future future;
	struct visit visit = {argument, 0, 0};
	weft_async(io, &future, run_elsewhere, NULL, 0, &visit);
	weft_await(io, &future);
	end(io);
	atomic_fetch_add(&ran, 1);
	return (void *)(intptr_t)(visit.error || visit.sum == 299 * 300 * 599 / 6
					  ? visit.error
					  : -ERANGE);
}

Test(two_runtimes, a_fiber_of_one_runs_something_in_the_other)
{
	run_in_threads(2, visit_from_a_runtime_of_its_own);
}
