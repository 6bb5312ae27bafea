/* test_sleep.c: clocks, and fibers that sleep until one of them says so: never early, in order,
 * and whatever the other workers do. Lateness is not asserted. */
#include <pthread.h>
#include <time.h>

#include "base/system.h"
#include "tests/waitqueue/waits.h"

/* ---- a real clock that can be set ---- */

static _Atomic int64_t set_forward_ns; /* how far */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t more = atomic_load(&set_forward_ns);
	int error = __real_clock_gettime(clock, now);
	if (error || clock != CLOCK_REALTIME || more == 0)
		return error;
	more += now->tv_nsec;
	now->tv_sec += more / 1000000000;
	now->tv_nsec = more % 1000000000;
	if (now->tv_nsec < 0) {
		now->tv_nsec += 1000000000;
		now->tv_sec--;
	}
	return 0;
}

/* ---- what clocks say ---- */

static const enum weft_clock clocks[] = {
	WEFT_CLOCK_AWAKE,       WEFT_CLOCK_REAL,       WEFT_CLOCK_BOOT,
	WEFT_CLOCK_CPU_PROCESS, WEFT_CLOCK_CPU_THREAD,
};
enum { CLOCKS = sizeof clocks / sizeof clocks[0], WALL_CLOCKS = 3 };

Test(sleep, clocks_do_not_run_backward)
{
	struct weft *io = begin(1);
	for (int i = 0; i < CLOCKS; i++) {
		int64_t last = weft_now(io, clocks[i]);
		cr_assert_geq(last, 0, "clock %d: %lld", i, (long long)last);
		for (int round = 0; round < 10000; round++) {
			int64_t now = weft_now(io, clocks[i]);
			/* The real clock may be set meanwhile. */
			cr_assert(now >= last || clocks[i] == WEFT_CLOCK_REAL);
			last = now;
		}
	}
	end(io);
}

Test(sleep, clocks_are_the_systems)
{
	static const clockid_t systems[] = {CLOCK_MONOTONIC, CLOCK_REALTIME,
					    CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
					    CLOCK_THREAD_CPUTIME_ID};
	struct weft *io = begin(1);
	for (int i = 0; i < CLOCKS; i++) {
		struct timespec before, after;
		cr_assert_eq(clock_gettime(systems[i], &before), 0);
		int64_t now = weft_now(io, clocks[i]);
		cr_assert_eq(clock_gettime(systems[i], &after), 0);
		cr_assert_geq(now,
			      (int64_t)before.tv_sec * 1000000000 + before.tv_nsec);
		cr_assert_leq(now, (int64_t)after.tv_sec * 1000000000 + after.tv_nsec);
	}
	end(io);
}

Test(sleep, processor_clocks_count_what_is_computed)
{
	struct weft *io = begin(1);
	for (int i = WALL_CLOCKS; i < CLOCKS; i++) {
		int64_t first = weft_now(io, clocks[i]);
		while (weft_now(io, clocks[i]) < first + MS)
			dawdle(1000);
	}
	end(io);
}

static void *compute(void *argument)
{
	struct weft *io = argument;
	int64_t first = weft_now(io, WEFT_CLOCK_CPU_THREAD);
	while (weft_now(io, WEFT_CLOCK_CPU_THREAD) < first + 20 * MS)
		dawdle(1000);
	return argument;
}

/* Another thread's work counts for the process, and not for this thread. */
Test(sleep, a_threads_clock_is_its_own)
{
	struct weft *io = begin(1);
	pthread_t thread;
	int64_t process = weft_now(io, WEFT_CLOCK_CPU_PROCESS);
	int64_t own = weft_now(io, WEFT_CLOCK_CPU_THREAD);
	cr_assert_eq(pthread_create(&thread, NULL, compute, io), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	process = weft_now(io, WEFT_CLOCK_CPU_PROCESS) - process;
	own = weft_now(io, WEFT_CLOCK_CPU_THREAD) - own;
	cr_assert_geq(process, own + 20 * MS);
	end(io);
}

Test(sleep, no_clock_is_an_error)
{
	struct weft *io = begin(1);
	for (int clock = CLOCKS; clock < 300; clock++)
		cr_assert_eq(weft_now(io, (enum weft_clock)clock), -EINVAL);
	cr_assert_eq(weft_now(io, (enum weft_clock) - 1), -EINVAL);
	end(io);
}

/* ---- never early ---- */

static void sleep_in(struct weft *io, const void *context, void *result)
{
	int64_t ns = *(const int64_t *)context;
	int64_t first = weft_now(io, WEFT_CLOCK_AWAKE);
	int answer = weft_sleep(io, weft_in(ns));
	cr_assert(answer == -ECANCELED || weft_now(io, WEFT_CLOCK_AWAKE) >= first + ns);
	*(int *)result = answer;
}

Test(sleep, not_early_after_so_long)
{
	static const int64_t durations[] = {1, 1000, 100 * 1000, MS, 10 * MS, 30 * MS};
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < 6; i++) {
			struct weft_future future;
			int answer = 1;
			sleep_in(io, &durations[i], &answer); /* the main fiber */
			cr_assert_eq(answer, 0);
			answer = 1;
			weft_async(io, &future, sleep_in, &durations[i],
				   sizeof durations[i], &answer);
			weft_await(io, &future);
			cr_assert_eq(answer, 0);
		}
		end(io);
	}
}

Test(sleep, not_early_at_a_time_of_each_clock)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		for (int i = 0; i < WALL_CLOCKS; i++) {
			int64_t until = weft_now(io, clocks[i]) + 10 * MS;
			cr_assert_eq(weft_sleep(io, weft_at(clocks[i], until)), 0);
			cr_assert_geq(weft_now(io, clocks[i]), until);
			struct weft_timeout on = {3 * MS, WEFT_TIMEOUT_IN,
						  (uint8_t)clocks[i]};
			until = weft_now(io, clocks[i]) + 3 * MS;
			cr_assert_eq(weft_sleep(io, on), 0);
			cr_assert_geq(weft_now(io, clocks[i]), until);
		}
		end(io);
	}
}

Test(sleep, what_is_past_is_not_waited_for)
{
	static const int64_t past[] = {0, -1, -MS, INT64_MIN};
	struct weft *io = begin(1);
	struct weft_future other;
	int answer = 1;
	int64_t ns = LONG;
	weft_async(io, &other, sleep_in, &ns, sizeof ns, &answer);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(weft_sleep(io, weft_in(past[i])), 0);
		for (int k = 0; k < WALL_CLOCKS; k++)
			cr_assert_eq(weft_sleep(io, weft_at(clocks[k], past[i])), 0);
	}
	cr_assert_eq(weft_sleep(io, weft_at(WEFT_CLOCK_AWAKE,
					    weft_now(io, WEFT_CLOCK_AWAKE))),
		     0);
	cr_assert(until_waits(io, &other));
	cr_assert(cancel(io, &other));
	weft_await(io, &other);
	cr_assert_eq(answer, -ECANCELED);
	end(io);
}

static void sleep_as_told(struct weft *io, const void *context, void *result)
{
	*(int *)result = weft_sleep(io, *(const struct weft_timeout *)context);
}

/* These end when they are canceled, and not before. */
Test(sleep, without_an_end)
{
	const struct weft_timeout endless[] = {
		weft_never(),
		{0},
		weft_in(INT64_MAX),
		weft_at(WEFT_CLOCK_AWAKE, INT64_MAX),
		weft_at(WEFT_CLOCK_REAL, INT64_MAX),
		weft_at(WEFT_CLOCK_BOOT, INT64_MAX),
		{INT64_MAX, WEFT_TIMEOUT_IN, WEFT_CLOCK_REAL},
		{INT64_MAX, WEFT_TIMEOUT_IN, WEFT_CLOCK_BOOT},
	};
	enum { ENDLESS = sizeof endless / sizeof endless[0] };
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future futures[ENDLESS];
		int answers[ENDLESS];
		for (int i = 0; i < ENDLESS; i++) {
			answers[i] = 1;
			weft_async(io, &futures[i], sleep_as_told, &endless[i],
				   sizeof endless[i], &answers[i]);
			cr_assert(until_waits(io, &futures[i]));
		}
		cr_assert_eq(weft_sleep(io, weft_in(20 * MS)), 0);
		for (int i = 0; i < ENDLESS; i++) {
			cr_assert(waits(&futures[i]), "number %d", i);
			cr_assert(cancel(io, &futures[i]));
			weft_await(io, &futures[i]);
			cr_assert_eq(answers[i], -ECANCELED);
		}
		end(io);
	}
}

Test(sleep, on_a_clock_that_cannot_wake)
{
	struct weft *io = begin(1);
	struct weft_deadline deadline;
	const struct weft_timeout wrong[] = {
		weft_at(WEFT_CLOCK_CPU_PROCESS, 0),
		weft_at(WEFT_CLOCK_CPU_THREAD, 0),
		{MS, WEFT_TIMEOUT_IN, WEFT_CLOCK_CPU_PROCESS},
		{MS, WEFT_TIMEOUT_IN, 5},
		{MS, WEFT_TIMEOUT_IN, 255},
		{MS, WEFT_TIMEOUT_AT, 255},
		{MS, 3, WEFT_CLOCK_AWAKE},
		{MS, 255, WEFT_CLOCK_AWAKE},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		cr_assert_eq(weft_sleep(io, wrong[i]), -EINVAL, "number %zu", i);
		cr_assert_eq(weft_deadline_begin(io, &deadline, wrong[i]), -EINVAL);
	}
	cr_assert_eq(weft_check_cancel(io), 0);
	end(io); /* not in a scope */
}

/* ---- many ---- */

enum { MANY = 200 };

struct timed {
	int64_t until_ns;
	bool late; /* there was nothing to wait for: this machine is slow */
	int came;  /* as the how many-th */
};

static _Atomic int timed_came;

static void sleep_and_come(struct weft *io, const void *context, void *result)
{
	struct timed *timed = result;
	(void)context;
	timed->late = weft_now(io, WEFT_CLOCK_AWAKE) >= timed->until_ns;
	cr_assert_eq(weft_sleep(io, weft_at(WEFT_CLOCK_AWAKE, timed->until_ns)), 0);
	cr_assert_geq(weft_now(io, WEFT_CLOCK_AWAKE), timed->until_ns);
	timed->came = timed_came++;
}

static unsigned random_below(unsigned *random, unsigned end)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 8) % end;
}

/* Set in another order, and some dropped meanwhile. */
Test(sleep, the_earliest_comes_first)
{
	static struct timed sleepers[MANY];
	static struct weft_future futures[MANY], canceled[MANY];
	static int answers[MANY];
	struct weft *io = begin(1);
	unsigned random = 1;
	int64_t first = weft_now(io, WEFT_CLOCK_AWAKE) + 100 * MS;
	for (int i = 0; i < MANY; i++) {
		int64_t ns = LONG + random_below(&random, 1000) * 1000;
		sleepers[i].until_ns = first + random_below(&random, 100000) * 1000;
		weft_async(io, &futures[i], sleep_and_come, NULL, 0, &sleepers[i]);
		weft_async(io, &canceled[i], sleep_in, &ns, sizeof ns, &answers[i]);
		cr_assert(until_waits(io, &canceled[i]));
	}
	for (int i = 0; i < MANY; i++)
		if (i % 7)
			cr_assert(cancel(io, &canceled[i]));
	for (int i = 0; i < MANY; i++)
		weft_await(io, &futures[i]);
	for (int i = 0; i < MANY; i++)
		for (int k = 0; k < MANY; k++)
			cr_assert(sleepers[i].late || sleepers[k].late ||
				  sleepers[i].until_ns >= sleepers[k].until_ns ||
				  sleepers[i].came < sleepers[k].came);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(cancel(io, &canceled[i]), i % 7 == 0);
		weft_await(io, &canceled[i]);
		cr_assert_eq(answers[i], -ECANCELED);
	}
	end(io);
}

static void sleep_a_little(struct weft *io, const void *context, void *result)
{
	unsigned random = *(const unsigned *)context;
	for (int i = 0; i < 3; i++) {
		int64_t ns = random_below(&random, 20000) * 1000;
		int64_t first = weft_now(io, WEFT_CLOCK_AWAKE);
		cr_assert_eq(weft_sleep(io, weft_in(ns)), 0);
		cr_assert_geq(weft_now(io, WEFT_CLOCK_AWAKE), first + ns);
	}
	++*(int *)result;
}

Test(sleep, ten_thousand)
{
	enum { CROWD = 10000 };
	static struct weft_future futures[CROWD];
	static int came[CROWD];
	int crowd = RUNNING_ON_VALGRIND || ON_TSAN ? CROWD / 20 : CROWD;
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		memset(came, 0, sizeof came);
		for (unsigned i = 0; i < (unsigned)crowd; i++)
			weft_async(io, &futures[i], sleep_a_little, &i, sizeof i,
				   &came[i]);
		for (int i = 0; i < crowd; i++) {
			weft_await(io, &futures[i]);
			cr_assert_eq(came[i], 1);
		}
		end(io);
	}
}

/* ---- while others compute ---- */

static _Atomic int on_worker; /* -1: elsewhere than on the main fiber's thread */
static _Atomic bool computes, has_slept;

__attribute__((noinline)) static bool is_thread(pthread_t thread)
{
	return pthread_equal(pthread_self(), thread);
}

static void compute_until_told(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	atomic_store(&computes, true);
	while (atomic_load(&computes))
		(void)sched_yield();
}

static void note_thread_and_sleep(struct weft *io, const void *context, void *result)
{
	(void)result;
	atomic_store(&on_worker, is_thread(*(const pthread_t *)context) ? 1 : -1);
	cr_assert_eq(weft_sleep(io, weft_in(20 * MS)), 0);
	atomic_store(&has_slept, true);
}

/* Its timer is in the heap of worker 0, whose fiber then computes until another worker has found
 * the timer due. */
Test(sleep, a_timer_fires_while_its_worker_computes)
{
	struct weft *io = begin(2);
	struct weft_future other, sleeper;
	pthread_t main_thread = pthread_self();
	for (int i = 0; i < 5; i++) {
		weft_async(io, &other, compute_until_told, NULL, 0, NULL);
		while (!atomic_load(&computes)) /* on worker 1 */
			(void)sched_yield();
		atomic_store(&has_slept, false);
		weft_async(io, &sleeper, note_thread_and_sleep, &main_thread,
			   sizeof main_thread, NULL);
		(void)until_waits(io, &sleeper);
		cr_assert_eq(atomic_load(&on_worker), 1);
		atomic_store(&computes, false);
		while (!atomic_load(&has_slept))
			(void)sched_yield();
		weft_await(io, &sleeper);
		weft_await(io, &other);
	}
	end(io);
}

static void yield_until_slept(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&has_slept))
		weft_yield(io);
}

/* Nobody is ever idle. */
Test(sleep, a_timer_fires_while_others_switch)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future yielders[6], sleeper;
		pthread_t main_thread = pthread_self();
		atomic_store(&has_slept, false);
		for (int i = 0; i < 6; i++)
			weft_async(io, &yielders[i], yield_until_slept, NULL, 0, NULL);
		weft_async(io, &sleeper, note_thread_and_sleep, &main_thread,
			   sizeof main_thread, NULL);
		weft_await(io, &sleeper);
		for (int i = 0; i < 6; i++)
			weft_await(io, &yielders[i]);
		end(io);
	}
}

/* An earlier deadline than the one that the idle worker waits for. */
Test(sleep, an_earlier_one_wakes_the_worker_that_waits_for_a_later)
{
	for (uint32_t workers = 2; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		struct weft_future later, sooner;
		int64_t ns = LONG;
		int answer = 1;
		pthread_t main_thread = pthread_self();
		weft_async(io, &later, sleep_in, &ns, sizeof ns, &answer);
		cr_assert(until_waits(io, &later));
		for (int i = 0; i < 20; i++) {
			atomic_store(&has_slept, false);
			weft_async(io, &sooner, note_thread_and_sleep, &main_thread,
				   sizeof main_thread, NULL);
			while (!atomic_load(&has_slept)) /* this worker does not help */
				(void)sched_yield();
			weft_await(io, &sooner);
		}
		cr_assert(cancel(io, &later));
		weft_await(io, &later);
		cr_assert_eq(answer, -ECANCELED);
		end(io);
	}
}

/* ---- a clock that is set ---- */

static void sleep_until_real(struct weft *io, const void *context, void *result)
{
	int64_t until = *(const int64_t *)context;
	*(int *)result = weft_sleep(io, weft_at(WEFT_CLOCK_REAL, until));
	cr_assert_geq(weft_now(io, WEFT_CLOCK_REAL), until);
}

/* It is an hour off, and then is not. The test ends only if the clock is looked at again. */
Test(sleep, a_real_deadline_comes_when_the_clock_is_set_forward)
{
	EACH_WORKERS(workers)
	{
		struct weft *io = begin(workers);
		struct weft_future real, awake;
		int of_real = 1, of_awake = 1;
		int64_t ns = LONG;
		atomic_store(&set_forward_ns, 0);
		int64_t until = weft_now(io, WEFT_CLOCK_REAL) + LONG;
		weft_async(io, &real, sleep_until_real, &until, sizeof until, &of_real);
		weft_async(io, &awake, sleep_in, &ns, sizeof ns, &of_awake);
		cr_assert(until_waits(io, &real));
		cr_assert(until_waits(io, &awake));
		atomic_store(&set_forward_ns, LONG);
		weft_await(io, &real);
		cr_assert_eq(of_real, 0);
		cr_assert(waits(&awake)); /* no jump is a jump of this clock */
		cr_assert(cancel(io, &awake));
		weft_await(io, &awake);
		cr_assert_eq(of_awake, -ECANCELED);
		end(io);
	}
}

/* When the time has come that it would have been, it is not. False: that was before the clock was set;
 * this machine is slow. */
static bool try_to_set_back(struct weft *io, int64_t ns)
{
	struct weft_future real;
	int answer = 1;
	int64_t until = weft_now(io, WEFT_CLOCK_REAL) + ns;
	weft_async(io, &real, sleep_until_real, &until, sizeof until, &answer);
	(void)until_waits(io, &real);
	atomic_store(&set_forward_ns, -LONG);
	bool set = waits(&real);
	cr_assert_eq(weft_sleep(io, weft_in(2 * ns)), 0);
	cr_assert_eq(waits(&real), set);
	atomic_store(&set_forward_ns, 0);
	weft_await(io, &real);
	cr_assert_eq(answer, 0);
	return set;
}

Test(sleep, a_real_deadline_waits_on_when_the_clock_is_set_back)
{
	struct weft *io =
		begin(1); /* who looks at timers only while this fiber waits */
	int64_t ns = 30 * MS;
	while (!try_to_set_back(io, ns))
		ns *= 2;
	end(io);
}
