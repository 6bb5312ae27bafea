/* weft_side.c: Weft's side. `weft_side WORKERS`. Through the public header only, so that it
 * measures whatever scheduler is behind it. */
#include "weft.h"

#include "tests/bench/side.h"
#include "tests/bench/rounds.h"
#include "tests/bench/weft_loads.h"
#include "wake.h"

enum {
	FIBERS = 10000, /* at most, in a load */
	WAKES = 1000,
};

static struct weft *io;
static struct weft_future futures[FIBERS];

static void at_most(int number, int most)
{
	if (number > most) {
		fprintf(stderr, "weft_side: %d is more than %d\n", number, most);
		exit(1);
	}
}

static double measure_spawn_await(int fibers, int unused)
{
	(void)unused;
	double start_ns = side_now_ns();
	load_spawn_await(io, fibers);
	return side_now_ns() - start_ns;
}

static double measure_batch(int fibers, int unused)
{
	(void)unused;
	at_most(fibers, FIBERS);
	double start_ns = side_now_ns();
	load_batch(io, futures, fibers);
	return side_now_ns() - start_ns;
}

static double measure_yield(int fibers, int yields)
{
	at_most(fibers, FIBERS);
	double start_ns = side_now_ns();
	load_yield(io, futures, fibers, yields);
	return side_now_ns() - start_ns;
}

static double measure_fork_join(int n, int unused)
{
	(void)unused;
	double start_ns = side_now_ns();
	long result = load_fork_join(io, n);
	double end_ns = side_now_ns();
	long before = 0, number = 1;
	for (int i = 1; i < n; i++) {
		long next = before + number;
		before = number;
		number = next;
	}
	if (result != number) {
		fprintf(stderr, "weft_side: fib(%d) is not %ld\n", n, result);
		exit(1);
	}
	return end_ns - start_ns;
}

/* ---- wakes: the end of a child that another worker runs wakes the main fiber ---- */

static void tell(struct weft *weft, const void *context, void *result)
{
	(void)weft, (void)context;
	wake_pause(result);
}

static double wake_main(int pause_ns)
{
	struct weft_future future;
	struct wake wake = {.pause_ns = (uint64_t)pause_ns};
	weft_async(io, &future, tell, NULL, 0, &wake);
	wake_wait_for_waker(&wake);
	weft_await(io, &future);
	return wake_latency(&wake);
}

static double measure_wake(int wakes, int pause_ns)
{
	double latencies[WAKES];
	at_most(wakes, WAKES);
	for (int i = 0; i < wakes; i++)
		latencies[i] = wake_main(pause_ns);
	rounds_sort(latencies, (size_t)wakes);
	return latencies[wakes / 2];
}

int main(int count, char **arguments)
{
	static const struct side_load loads[] = {
		{"spawn_await", measure_spawn_await},
		{"batch", measure_batch},
		{"yield", measure_yield},
		{"fork_join", measure_fork_join},
		{"wake", measure_wake},
		{0},
	};
	int workers = count == 2 ? atoi(arguments[1]) : 1;
	struct weft_options options = {
		.workers = (uint32_t)workers,
		.trace_path = "", /* untraced, whatever the environment says */
	};
	int error = weft_init(&io, &options);
	if (error) {
		fprintf(stderr, "weft_side: %s\n", weft_strerror(error));
		return 1;
	}
	side_begin(workers);
	side_answer("Weft", loads);
	return weft_deinit(io);
}
