/* waitqueue_bench.c: what it costs to wait, beside State Threads and epoll by hand, in one run.
 *
 *   hop                    a fiber waits for a byte on a pipe, which another writes, and so on in
 *                          turn: a wait on a descriptor that becomes ready
 *   hop_64                 the same, of 64 fibers on 64 pipes at once
 *   timer                  one timer is set and dropped, beside 1,000 others
 *   timer_far              one is set, and dropped by another thread
 *   sleeps_100000          100,000 fibers sleep for 1 to 100 ms each; all of it, by the clock on
 *                          the wall, stacks warm
 *   sleeps_100000_cold     the same as the first thing a process does
 *
 * rows.sh adds the system calls of a hop. sides.h says how it is measured. */
#include <stdio.h>

#include "tests/bench/rounds.h"
#include "tests/bench/sides.h"

enum { WEFT, STATE_THREADS, LIMITS, SIDES };

static const char *const side_names[SIDES] = {"weft", "st", "limits"};

enum limit { HOP, HOP_64, CLOCK, CALL, LIMIT_ROWS };

static const struct question ask_hop = {"hops 1 10000", 2 * 10000,
					"a byte to one fiber that waits"};
static const struct question ask_hop_64 = {"hops 32 500", 64 * 500,
					   "a byte each to 64 fibers"};
static const struct question ask_timer = {"timer 1000 100000", 100000,
					  "set and dropped"};
static const struct question ask_timer_far = {"far_timers 10", 10 * 1000,
					      "dropped by another thread"};
static const struct question ask_sleeps = {"sleeps 100000", 1,
					   "100,000 sleeps of 1 to 100 ms"};
static const struct question ask_clock = {"clock 10000", 10000, "to read the clock"};
static const struct question ask_call = {"call 10000", 10000,
					 "the cheapest system call"};

/* Timers are Weft's own business. */
#define ALL(question)                                                                  \
	{                                                                              \
		[WEFT] = &(question), [STATE_THREADS] = &(question),                   \
	}

static struct row rows[] = {
	{"hop", ALL(ask_hop), 1, 1, 0, HOP, {{0}}},
	{"hop_64", ALL(ask_hop_64), 1, 1, 0, HOP_64, {{0}}},
	{"timer", {[WEFT] = &ask_timer}, 1, 2, 50, CLOCK, {{0}}},
	{"timer_far", {[WEFT] = &ask_timer_far}, 1, 2, 50, CLOCK, {{0}}},
	{"sleeps_100000", ALL(ask_sleeps), 1, 2, 300e6, -1, {{0}}},
};

#define LIMIT(text, question)                                                          \
	{                                                                              \
		.name = (text), .ask = {[LIMITS] = &(question)}, .workers = 1,         \
		.turns = 1,                                                            \
	}

static struct row limits[LIMIT_ROWS] = {
	[HOP] = LIMIT("limit_hop", ask_hop),
	[HOP_64] = LIMIT("limit_hop_64", ask_hop_64),
	[CLOCK] = LIMIT("limit_clock", ask_clock),
	[CALL] = LIMIT("limit_call", ask_call),
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static struct sides sides = {
	.kinds = SIDES,
	.names = side_names,
	.rows = rows,
	.limits = limits,
	.row_count = ROWS,
	.limit_count = LIMIT_ROWS,
};

/* ---- cold ---- */

enum { COLD_RUNS = 3 }; /* processes; odd */

static double measure_cold(int kind)
{
	double runs[COLD_RUNS];
	for (int i = 0; i < COLD_RUNS; i++) {
		struct side side;
		side_start(&sides, &side, kind, 1);
		runs[i] = side_ask(&side, ask_sleeps.load);
		side_stop(&side);
	}
	rounds_sort(runs, COLD_RUNS);
	return runs[COLD_RUNS / 2];
}

static void print_cold(const struct row *row)
{
	double runs[SIDES] = {0};
	for (int kind = WEFT; kind <= STATE_THREADS; kind++)
		if (side_is_installed(&sides, kind))
			runs[kind] = measure_cold(kind);
	for (int kind = WEFT; kind <= STATE_THREADS; kind++) {
		if (!side_is_installed(&sides, kind)) {
			sides_print_missing(&sides, row, kind, "_cold");
			continue;
		}
		sides_print_name(&sides, row, kind, "_cold");
		printf("\t%.0f\t-\t-\t-", runs[kind]);
		rounds_print_ratio(runs[kind], sides_best_peer(&sides, runs));
		printf("\t%s; the same, in a new process\n", sides.side[kind][0].what);
	}
}

int main(int count, char **arguments)
{
	sides.program = count > 0 ? arguments[0] : "";
	sides_start(&sides);
	sides_measure(&sides);
	sides_print_rows(&sides);
	fflush(stdout);
	sides_stop(&sides);
	print_cold(&rows[ROWS - 1]);
	sides_print_limits(&sides);
	return 0;
}
