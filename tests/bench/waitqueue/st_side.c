/* st_side.c: State Threads' side of waitqueue_bench.c. It has one worker. */
#include <st.h>
#include <unistd.h>

#include "tests/bench/side.h"

#include "loads.h"

enum { STACK_SIZE = 64 * 1024 }; /* as Weft's */

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- hops ---- */

struct end {
	st_netfd_t from, to;
	int hops;
};

static void *pass_on(void *argument)
{
	const struct end *end = argument;
	char bytes[HOP_ROOM];
	for (int i = 0; i < end->hops; i++) {
		must(st_read(end->from, bytes, sizeof bytes, ST_UTIME_NO_TIMEOUT) == 1,
		     "read");
		must(st_write(end->to, bytes, 1, ST_UTIME_NO_TIMEOUT) == 1, "write");
	}
	return NULL;
}

static void open_pair(st_netfd_t ends[2])
{
	int numbers[2];
	make_pipe(numbers);
	must((ends[0] = st_netfd_open(numbers[0])) != NULL, "netfd");
	must((ends[1] = st_netfd_open(numbers[1])) != NULL, "netfd");
}

static void start_pair(struct end ends[2], st_thread_t threads[2], int hops)
{
	st_netfd_t there[2], back[2];
	open_pair(there);
	open_pair(back);
	ends[0] = (struct end){there[0], back[1], hops};
	ends[1] = (struct end){back[0], there[1], hops};
	for (int i = 0; i < 2; i++)
		must((threads[i] = st_thread_create(pass_on, &ends[i], 1,
						    STACK_SIZE)) != NULL,
		     "thread");
}

static double measure_hops(int pairs, int hops)
{
	st_thread_t threads[2 * PAIRS_MAX];
	struct end ends[2 * PAIRS_MAX];
	for (int i = 0; i < pairs; i++)
		start_pair(&ends[2 * i], &threads[2 * i], hops);
	double start_ns = side_now_ns();
	for (int i = 0; i < pairs; i++)
		must(st_write(ends[2 * i + 1].to, "", 1, ST_UTIME_NO_TIMEOUT) == 1,
		     "write");
	for (int i = 0; i < 2 * pairs; i++)
		st_thread_join(threads[i], NULL);
	double end_ns = side_now_ns();
	for (int i = 0; i < 2 * pairs; i++) {
		st_netfd_close(ends[i].from);
		st_netfd_close(ends[i].to);
	}
	return end_ns - start_ns;
}

/* ---- sleeps ---- */

static void *doze(void *argument)
{
	must(st_usleep((st_utime_t)(intptr_t)argument) == 0, "sleep");
	return NULL;
}

static double measure_sleeps(int fibers, int unused)
{
	st_thread_t *threads = calloc((size_t)fibers, sizeof *threads);
	(void)unused;
	side_begin(2); /* the clock on the wall: a wait is no processor's time */
	double start_ns = side_now_ns();
	for (int i = 0; i < fibers; i++) {
		intptr_t us = (intptr_t)(load_sleep_ns() / 1000);
		must((threads[i] = st_thread_create(doze, (void *)us, 1, STACK_SIZE)) !=
			     NULL,
		     "thread");
	}
	for (int i = 0; i < fibers; i++)
		st_thread_join(threads[i], NULL);
	double spent_ns = side_now_ns() - start_ns;
	side_begin(1);
	free(threads);
	return spent_ns;
}

int main(void)
{
	static const struct side_load loads[] = {
		{"hops", measure_hops},
		{"sleeps", measure_sleeps},
		{0},
	};
	must(st_set_eventsys(ST_EVENTSYS_ALT) == 0, "event system"); /* epoll */
	must(st_init() == 0, "init");
	side_begin(1);
	side_answer("State Threads", loads);
	return 0;
}
