/* limits_side.c: what Weft's waits are made of, by hand.
 *
 *   hops PAIRS HOPS    the same bytes on the same pipes, each passed on by one loop around
 *                      epoll_wait, registered once and edge-triggered: no fibers, no queues
 *   clock N            to read the monotonic clock
 *   call N             the cheapest system call */
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "tests/bench/side.h"

#include "loads.h"

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- hops ---- */

struct end {
	int from, to, hops;
};

static void watch(int epoll, struct end *end)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = end};
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, end->from, &event) == 0, "epoll_ctl");
}

/* Whether it is done. */
static int pass_on(struct end *end)
{
	char bytes[HOP_ROOM];
	must(read(end->from, bytes, sizeof bytes) == 1, "read");
	must(write(end->to, bytes, 1) == 1, "write");
	return --end->hops == 0;
}

static void pass_all_on(int epoll, int ends)
{
	struct epoll_event events[64];
	while (ends > 0) {
		int count = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < count; i++)
			ends -= pass_on(events[i].data.ptr);
	}
}

static void close_end(const struct end *end)
{
	close(end->from);
	close(end->to);
}

static double measure_hops(int pairs, int hops)
{
	struct end ends[2 * PAIRS_MAX];
	int epoll = epoll_create1(0), there[2], back[2];
	for (int i = 0; i < pairs; i++) {
		make_pipe(there);
		make_pipe(back);
		ends[2 * i] = (struct end){there[0], back[1], hops};
		ends[2 * i + 1] = (struct end){back[0], there[1], hops};
		watch(epoll, &ends[2 * i]);
		watch(epoll, &ends[2 * i + 1]);
	}
	double start_ns = side_now_ns();
	for (int i = 0; i < pairs; i++)
		must(write(ends[2 * i + 1].to, "", 1) == 1, "write");
	pass_all_on(epoll, 2 * pairs);
	double end_ns = side_now_ns();
	for (int i = 0; i < 2 * pairs; i++)
		close_end(&ends[i]);
	close(epoll);
	return end_ns - start_ns;
}

/* ---- parts ---- */

static double measure_clock(int times, int unused)
{
	struct timespec now;
	(void)unused;
	double start_ns = side_now_ns();
	for (int i = 0; i < times; i++)
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return side_now_ns() - start_ns;
}

static double measure_call(int times, int unused)
{
	(void)unused;
	double start_ns = side_now_ns();
	for (int i = 0; i < times; i++)
		(void)syscall(SYS_getppid);
	return side_now_ns() - start_ns;
}

int main(void)
{
	static const struct side_load loads[] = {
		{"hops", measure_hops},
		{"clock", measure_clock},
		{"call", measure_call},
		{0},
	};
	side_begin(1);
	side_answer("epoll, by hand", loads);
	return 0;
}
