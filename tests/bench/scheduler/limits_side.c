/* limits_side.c: what nothing can do faster on this machine, or what Weft is made of.
 *
 *   switch N                a bare switch between two stacks, N round trips
 *   fetch_add N, cas N      on a word of one's own
 *   line BURSTS N           a cache line goes to another thread, both spin: the median of bursts
 *                           of N round trips, so that one in which a thread lost its processor
 *                           does not count
 *   wake WAKES PAUSE_NS     from a thread that signals a condition to the one that returns from
 *                           waiting for it; the median, as all sides answer
 *   signal WAKES PAUSE_NS   the same wakes, but the processor's time that the signal takes the
 *                           thread that sends it */
#include <pthread.h>
#include <stdbool.h>

#include "context/context.h"
#include "tests/bench/side.h"
#include "tests/bench/rounds.h"
#include "tests/bench/trace/cpu_time.h"
#include "wake.h"

enum {
	STACK_SIZE = 64 * 1024,
	SAMPLES = 1000, /* at most, of one load */
};

static double median_of(double *nanoseconds, int count)
{
	rounds_sort(nanoseconds, (size_t)count);
	return nanoseconds[count / 2];
}

/* ---- a switch ---- */

static _Alignas(4096) char stack[STACK_SIZE];
static _Alignas(64) struct context here;
static _Alignas(64) struct context there;

static void switch_back(void *argument)
{
	(void)argument;
	for (;;)
		context_switch(&there, &here, NULL, NULL);
}

static double measure_switch(int round_trips, int unused)
{
	(void)unused;
	context_adopt(&here);
	context_init(&there, stack, sizeof stack, switch_back, NULL);
	context_switch(&here, &there, NULL, NULL);
	double start_ns = side_now_ns();
	for (int i = 0; i < round_trips; i++)
		context_switch(&here, &there, NULL, NULL);
	double end_ns = side_now_ns();
	context_destroy(&there);
	return end_ns - start_ns;
}

/* ---- a word ---- */

static _Alignas(64) _Atomic uint64_t word;

static double measure_fetch_add(int times, int unused)
{
	(void)unused;
	double start_ns = side_now_ns();
	for (int i = 0; i < times; i++)
		fetch_add_relaxed(&word, 1); /* a counter */
	return side_now_ns() - start_ns;
}

static double measure_cas(int times, int unused)
{
	(void)unused;
	uint64_t seen = load_relaxed(&word); /* no other thread is here */
	double start_ns = side_now_ns();
	for (int i = 0; i < times; i++) {
		(void)cas_acq_rel(&word, &seen, seen + 1); /* Pairs with: nobody. */
		seen++;
	}
	return side_now_ns() - start_ns;
}

/* ---- a line between two threads ---- */

static _Alignas(64) _Atomic int ball;

/* Odd numbers are for the other thread, even ones for this. */
static void *return_balls(void *trips)
{
	for (int i = 0; i < *(const int *)trips; i++) {
		/* Acquire and release: what a hand-over needs. Pairs with: measure_burst. */
		while (load_acquire(&ball) != 2 * i + 1)
			;
		store_release(&ball, 2 * i + 2);
	}
	return NULL;
}

static pthread_t start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, argument);
	if (error) {
		fprintf(stderr, "limits_side: no thread: %s\n", strerror(error));
		exit(1);
	}
	return thread;
}

/* Nanoseconds each way of round trips from `first` on. */
static double measure_burst(int first, int round_trips)
{
	uint64_t start_ns = system_monotonic_ns();
	for (int i = first; i < first + round_trips; i++) {
		store_release(&ball, 2 * i + 1); /* Pairs with: return_balls. */
		while (load_acquire(&ball) != 2 * i + 2)
			; /* Pairs with: return_balls. */
	}
	return (double)(system_monotonic_ns() - start_ns) / (2 * round_trips);
}

static double measure_line(int bursts, int round_trips)
{
	double results[SAMPLES];
	int trips = bursts * round_trips;
	store_release(&ball, 0);
	pthread_t thread = start_thread(return_balls, &trips);
	for (int i = 0; i < bursts; i++)
		results[i] = measure_burst(i * round_trips, round_trips);
	pthread_join(thread, NULL);
	return median_of(results, bursts);
}

/* ---- waking a thread ---- */

/* Waits, as a thread with nothing to do does, to be signalled. */
struct bell {
	pthread_mutex_t mutex;
	pthread_cond_t rings;
	bool is_rung; /* mutex must be held */
};

#define BELL                                                                           \
	{                                                                              \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false             \
	}

static void bell_wait(struct bell *bell)
{
	pthread_mutex_lock(&bell->mutex);
	while (!bell->is_rung)
		pthread_cond_wait(&bell->rings, &bell->mutex);
	bell->is_rung = false;
	pthread_mutex_unlock(&bell->mutex);
}

static void bell_ring(struct bell *bell)
{
	pthread_mutex_lock(&bell->mutex);
	bell->is_rung = true;
	pthread_mutex_unlock(&bell->mutex);
	pthread_cond_signal(&bell->rings);
}

/* Two threads: the waker sleeps between the wakes, as a worker with nothing to do does. */
struct pair {
	struct bell for_waker, for_sleeper;
	struct wake wake;
	int wakes;
	bool of_the_waker;       /* its times are asked for, not the sleeper's */
	double samples[SAMPLES]; /* nanoseconds; the waker's when it has ended */
};

static void *be_waker(void *argument)
{
	struct pair *pair = argument;
	for (int i = 0; i < pair->wakes; i++) {
		bell_wait(&pair->for_waker);
		wake_pause(&pair->wake);
		uint64_t start_ns = pair->of_the_waker ? cpu_time_ns() : 0;
		bell_ring(&pair->for_sleeper);
		if (pair->of_the_waker)
			pair->samples[i] = (double)(cpu_time_ns() - start_ns);
	}
	return NULL;
}

static double measure_wakes(int wakes, int pause_ns, bool of_the_waker)
{
	struct pair pair = {
		.for_waker = BELL,
		.for_sleeper = BELL,
		.wake = {.pause_ns = (uint64_t)pause_ns},
		.wakes = wakes,
		.of_the_waker = of_the_waker,
	};
	pthread_t waker = start_thread(be_waker, &pair);
	for (int i = 0; i < wakes; i++) {
		bell_ring(&pair.for_waker);
		wake_wait_for_waker(&pair.wake);
		bell_wait(&pair.for_sleeper);
		if (!of_the_waker)
			pair.samples[i] = wake_latency(&pair.wake);
	}
	pthread_join(waker, NULL);
	return median_of(pair.samples, wakes);
}

static double measure_wake(int wakes, int pause_ns)
{
	return measure_wakes(wakes, pause_ns, false);
}

static double measure_signal(int wakes, int pause_ns)
{
	return measure_wakes(wakes, pause_ns, true);
}

int main(void)
{
	static const struct side_load loads[] = {
		{"switch", measure_switch},
		{"fetch_add", measure_fetch_add},
		{"cas", measure_cas},
		{"line", measure_line},
		{"wake", measure_wake},
		{"signal", measure_signal},
		{0},
	};
	side_begin(1);
	side_answer("limits", loads);
	return 0;
}
