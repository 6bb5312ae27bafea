/* limits_side.c: what nothing can do faster on this machine, or what Weft is made of.
 *
 *   switch N                a bare switch between two stacks, N round trips
 *   fetch_add N, cas N      on a word of one's own
 *   line N                  a cache line goes to another thread and back, both spin; N times
 *   wake WAKES PAUSE_NS     from a thread that signals a condition to the one that returns from
 *                           waiting for it; the median, as all sides answer
 *   signal WAKES PAUSE_NS   the same wakes, but what the signal takes the thread that sends it */
#include <pthread.h>
#include <stdbool.h>

#include "context/context.h"
#include "side.h"
#include "tests/bench/rounds.h"
#include "wake.h"

enum {
	STACK_SIZE = 64 * 1024,
	WAKES = 1000, /* at most */
};

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
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < round_trips; i++)
		context_switch(&here, &there, NULL, NULL);
	uint64_t end_ns = system_monotonic_ns();
	context_destroy(&there);
	return (double)(end_ns - start_ns);
}

/* ---- a word ---- */

static _Alignas(64) _Atomic uint64_t word;

static double measure_fetch_add(int times, int unused)
{
	(void)unused;
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < times; i++)
		fetch_add_relaxed(&word, 1); /* a counter */
	return (double)(system_monotonic_ns() - start_ns);
}

static double measure_cas(int times, int unused)
{
	(void)unused;
	uint64_t seen = load_relaxed(&word); /* no other thread is here */
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < times; i++) {
		(void)cas_acq_rel(&word, &seen, seen + 1); /* Pairs with: nobody. */
		seen++;
	}
	return (double)(system_monotonic_ns() - start_ns);
}

/* ---- a line between two threads ---- */

static _Alignas(64) _Atomic int ball;

/* Odd numbers are for the other thread, even ones for this. */
static void *return_balls(void *trips)
{
	for (int i = 0; i < *(const int *)trips; i++) {
		/* Acquire and release: what a hand-over needs. Pairs with: measure_line. */
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

static double measure_line(int round_trips, int unused)
{
	(void)unused;
	uint64_t start_ns = 0;
	int trips = round_trips + 1; /* in the first one the thread starts */
	store_release(&ball, 0);
	pthread_t thread = start_thread(return_balls, &trips);
	for (int i = 0; i < trips; i++) {
		store_release(&ball, 2 * i + 1); /* Pairs with: return_balls. */
		while (load_acquire(&ball) != 2 * i + 2)
			; /* Pairs with: return_balls. */
		if (i == 0)
			start_ns = system_monotonic_ns();
	}
	uint64_t end_ns = system_monotonic_ns();
	pthread_join(thread, NULL);
	return (double)(end_ns - start_ns);
}

/* ---- waking a thread ---- */

struct sleeper {
	struct wake wake;
	pthread_mutex_t mutex;
	pthread_cond_t woken;
	bool is_woken; /* mutex must be held */
	uint64_t signalled_ns;
};

static void *signal_sleeper(void *argument)
{
	struct sleeper *sleeper = argument;
	wake_pause(&sleeper->wake);
	pthread_mutex_lock(&sleeper->mutex);
	sleeper->is_woken = true;
	pthread_mutex_unlock(&sleeper->mutex);
	pthread_cond_signal(&sleeper->woken);
	sleeper->signalled_ns = system_monotonic_ns();
	return NULL;
}

/* One wake; returns what the sleeper saw, and in *signal_ns what the waker did. */
static double wake_thread(int pause_ns, double *signal_ns)
{
	struct sleeper sleeper = {
		.wake = {.pause_ns = (uint64_t)pause_ns},
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.woken = PTHREAD_COND_INITIALIZER,
	};
	pthread_t waker = start_thread(signal_sleeper, &sleeper);
	wake_wait_for_waker(&sleeper.wake);
	pthread_mutex_lock(&sleeper.mutex);
	while (!sleeper.is_woken)
		pthread_cond_wait(&sleeper.woken, &sleeper.mutex);
	double latency_ns = wake_latency(&sleeper.wake);
	pthread_mutex_unlock(&sleeper.mutex);
	pthread_join(waker, NULL);
	*signal_ns = (double)(sleeper.signalled_ns - sleeper.wake.told_ns);
	return latency_ns;
}

static double measure_wakes(int wakes, int pause_ns, bool of_the_waker)
{
	double latencies[WAKES];
	for (int i = 0; i < wakes && i < WAKES; i++) {
		double signal_ns;
		latencies[i] = wake_thread(pause_ns, &signal_ns);
		if (of_the_waker)
			latencies[i] = signal_ns;
	}
	rounds_sort(latencies, (size_t)wakes);
	return latencies[wakes / 2];
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
		{"switch", measure_switch}, {"fetch_add", measure_fetch_add},
		{"cas", measure_cas},       {"line", measure_line},
		{"wake", measure_wake},     {"signal", measure_signal},
		{0},
	};
	side_answer("limits", loads);
	return 0;
}
