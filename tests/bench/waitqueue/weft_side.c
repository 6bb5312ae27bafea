/* weft_side.c: Weft's side of waitqueue_bench.c. `weft_side WORKERS`. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/bench/side.h"
#include "waitqueue/timers.h"
#include "weft.h"

#include "loads.h"

static struct weft *io;

static void must(int64_t answer, const char *what)
{
	if (answer >= 0)
		return;
	fprintf(stderr, "weft_side: %s: %s\n", what, weft_strerror((int)answer));
	exit(1);
}

/* ---- hops ---- */

struct end {
	int from, to, hops;
};

/* Reads what comes, and passes it on. */
static void pass_on(struct weft *weft, const void *context, void *result)
{
	const struct end *end = context;
	char bytes[HOP_ROOM];
	(void)result;
	for (int i = 0; i < end->hops; i++) {
		must(weft_read(weft, end->from, bytes, sizeof bytes), "read");
		must(weft_write(weft, end->to, bytes, 1), "write");
	}
}

static void adopt_pair(int ends[2])
{
	make_pipe(ends);
	must(weft_adopt(io, ends[0]), "adopt");
	must(weft_adopt(io, ends[1]), "adopt");
}

static void close_pair(const int ends[2])
{
	must(weft_close(io, ends[0]), "close");
	must(weft_close(io, ends[1]), "close");
}

/* A byte goes round between two fibers; each leg is a hop. */
static double measure_hops(int pairs, int hops)
{
	struct weft_future futures[2 * PAIRS_MAX];
	int there[PAIRS_MAX][2], back[PAIRS_MAX][2];
	for (int i = 0; i < pairs; i++) {
		adopt_pair(there[i]);
		adopt_pair(back[i]);
		struct end far = {there[i][0], back[i][1], hops};
		struct end near = {back[i][0], there[i][1], hops};
		weft_async(io, &futures[2 * i], pass_on, &far, sizeof far, NULL);
		weft_async(io, &futures[2 * i + 1], pass_on, &near, sizeof near, NULL);
	}
	double start_ns = side_now_ns();
	for (int i = 0; i < pairs; i++)
		must(weft_write(io, there[i][1], "", 1), "write");
	for (int i = 0; i < 2 * pairs; i++)
		weft_await(io, &futures[i]);
	double end_ns = side_now_ns();
	for (int i = 0; i < pairs; i++) {
		close_pair(there[i]);
		close_pair(back[i]);
	}
	return end_ns - start_ns;
}

/* ---- timers ---- */

static struct timer_entry entries[TIMERS_MAX + 1];
static struct timer_heap heap = {.entries = entries, .earliest_ns = TIMER_NEVER};
static struct timer timers[TIMERS_MAX + 1];

static void set_others(int count)
{
	for (int i = 0; i < count; i++)
		(void)timer_set(&heap, &timers[i], load_random(), 0);
}

static void drop_others(int count)
{
	for (int i = 0; i < count; i++)
		timer_drop(&timers[i]);
}

/* One timer is set and dropped again, beside others. */
static double measure_timer(int others, int times)
{
	set_others(others);
	double start_ns = side_now_ns();
	for (int i = 0; i < times; i++) {
		(void)timer_set(&heap, &timers[others], load_random(), 0);
		timer_drop(&timers[others]);
	}
	double end_ns = side_now_ns();
	drop_others(others);
	return end_ns - start_ns;
}

static void *drop_all(void *argument)
{
	double *spent_ns = argument, start_ns = side_now_ns();
	drop_others(TIMERS_MAX);
	*spent_ns = side_now_ns() - start_ns;
	return NULL;
}

/* All are set here, and dropped by another thread. */
static double measure_far_timers(int times, int unused)
{
	double spent_ns = 0;
	(void)unused;
	for (int i = 0; i < times; i++) {
		pthread_t thread;
		double far_ns = 0, start_ns = side_now_ns();
		set_others(TIMERS_MAX);
		spent_ns += side_now_ns() - start_ns;
		must(-pthread_create(&thread, NULL, drop_all, &far_ns), "thread");
		pthread_join(thread, NULL);
		spent_ns += far_ns;
	}
	return spent_ns;
}

/* ---- sleeps ---- */

static void doze(struct weft *weft, const void *context, void *result)
{
	(void)result;
	must(weft_sleep(weft, weft_in(*(const int64_t *)context)), "sleep");
}

static double measure_sleeps(int fibers, int unused)
{
	struct weft_future *futures = calloc((size_t)fibers, sizeof *futures);
	(void)unused;
	side_begin(2); /* the clock on the wall: a wait is no processor's time */
	double start_ns = side_now_ns();
	for (int i = 0; i < fibers; i++) {
		int64_t ns = load_sleep_ns();
		must(weft_concurrent(io, &futures[i], doze, &ns, sizeof ns, NULL),
		     "fiber");
	}
	for (int i = 0; i < fibers; i++)
		weft_await(io, &futures[i]);
	double spent_ns = side_now_ns() - start_ns;
	side_begin(1);
	free(futures);
	return spent_ns;
}

int main(int count, char **arguments)
{
	static const struct side_load loads[] = {
		{"hops", measure_hops},
		{"timer", measure_timer},
		{"far_timers", measure_far_timers},
		{"sleeps", measure_sleeps},
		{0},
	};
	int workers = count == 2 ? atoi(arguments[1]) : 1;
	struct weft_options options = {
		.workers = (uint32_t)workers,
		.warm_stacks = 1 << 17,
		.trace_path = "", /* untraced, whatever the environment says */
	};
	must(weft_init(&io, &options), "init");
	side_begin(1);
	side_answer("Weft", loads);
	return weft_deinit(io);
}
