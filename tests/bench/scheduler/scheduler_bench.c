/* scheduler_bench.c: what a scheduler costs, with one worker and with two, beside Boost.Fiber, Go,
 * Tokio and the limits of the machine, in one run.
 *
 *   yield_1000         1,000 fibers yield to one another
 *   spawn_await        one fiber that does nothing is spawned and awaited, then the next
 *   batch_10000        10,000 are spawned, then all are awaited
 *   fork_join          fib(27), each call a fiber that spawns two and awaits both; a fiber
 *   wake_searching     from the end of a fiber on one worker to its awaiter that goes on on
 *                      another, which had nothing to do for 2 us
 *   wake_asleep        the same after 500 us
 *   fork_join_memory   the most memory that a process had which does nothing but one fork_join
 *
 * A row of two workers ends in _two; its nanoseconds are of the clock on the wall, where rows of
 * one worker are of the processor.
 *
 * sides.h says how. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/rounds.h"
#include "tests/bench/sides.h"

enum { MEMORY_RUNS = 3 }; /* processes; the largest counts */

enum { WEFT, BOOST, GO, TOKIO, LIMITS, SIDES };

/* Of the programs, and the rows; limits have names of their own. */
static const char *const side_names[SIDES] = {"weft", "boost", "go", "tokio", "limits"};

/* ---- what is measured ---- */

/* Which of the limits' rows a row is compared with. */
enum limit { SWITCH, LINE, THREAD_WAKE, SIGNAL, FETCH_ADD, CAS, LIMIT_ROWS };

static const struct question ask_yield = {"yield 1000 100", 1000 * 100,
					  "a yield among 1,000 fibers"};
static const struct question ask_spawn = {"spawn_await 10000", 10000, "one at a time"};
static const struct question ask_batch = {"batch 10000", 10000, "warm batches"};
static const struct question ask_fork_join = {"fork_join 27", 635621, "fib(27)"};
static const struct question ask_searching = {"wake 200 2000", 1,
					      "nothing to do for 2 us"};
static const struct question ask_asleep = {"wake 60 500000", 1,
					   "nothing to do for 500 us"};

/* Its tree unfolds in its whole breadth. */
static const struct question ask_fork_join_boost = {
	"fork_join 18", 8361, "fib(18), as fib(27) takes gigabytes"};

/* Of Boost it may be another, or none. */
#define ASK(question, boost)                                                           \
	{                                                                              \
		[WEFT] = &(question), [BOOST] = (boost), [GO] = &(question),           \
		[TOKIO] = &(question),                                                 \
	}

static struct row rows[] = {
	{"yield_1000", ASK(ask_yield, &ask_yield), 1, 8, 12, SWITCH, {{0}}},
	{"yield_1000_two", ASK(ask_yield, &ask_yield), 2, 8, 20, SWITCH, {{0}}},
	{"spawn_await", ASK(ask_spawn, &ask_spawn), 1, 8, 30, SWITCH, {{0}}},
	{"batch_10000", ASK(ask_batch, &ask_batch), 1, 8, 40, SWITCH, {{0}}},
	{"fork_join",
	 ASK(ask_fork_join, &ask_fork_join_boost),
	 1,
	 1,
	 40,
	 SWITCH,
	 {{0}}},
	{"fork_join_two",
	 ASK(ask_fork_join, &ask_fork_join_boost),
	 2,
	 1,
	 25,
	 SWITCH,
	 {{0}}},
	{"wake_searching", ASK(ask_searching, NULL), 2, 1, 0, LINE, {{0}}},
	{"wake_asleep", ASK(ask_asleep, NULL), 2, 1, 0, THREAD_WAKE, {{0}}},
};

static const struct question ask_limits[LIMIT_ROWS] = {
	[SWITCH] = {"switch 10000", 20000, "a bare switch between two stacks"},
	[LINE] = {"line 200 100", 1, "a cache line to a thread that spins"},
	[THREAD_WAKE] = {"wake 60 500000", 1,
			 "a condition, to a thread asleep for 500 us"},
	[SIGNAL] = {"signal 60 500000", 1, "the same, for the waker"},
	[FETCH_ADD] = {"fetch_add 100000", 100000, "a word of one's own"},
	[CAS] = {"cas 100000", 100000, "the same"},
};

#define LIMIT(text, which)                                                             \
	{                                                                              \
		.name = (text), .ask = {[LIMITS] = &ask_limits[which]}, .workers = 1,  \
		.turns = 1,                                                            \
	}

static struct row limits[LIMIT_ROWS] = {
	[SWITCH] = LIMIT("limit_switch", SWITCH),
	[LINE] = LIMIT("limit_line", LINE),
	[THREAD_WAKE] = LIMIT("limit_thread_wake", THREAD_WAKE),
	[SIGNAL] = LIMIT("limit_thread_signal", SIGNAL),
	[FETCH_ADD] = LIMIT("limit_fetch_add", FETCH_ADD),
	[CAS] = LIMIT("limit_cas", CAS),
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

/* ---- memory ---- */

#define MEBIBYTE    1048576.0
#define MEMORY_GOAL (10 * MEBIBYTE)

/* The most memory that it had, in bytes; 0 where the system does not say. */
static double most_memory(const struct side *side)
{
	char path[64], line[256];
	double kilobytes = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)side->process);
	FILE *status = fopen(path, "r");
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "VmHWM: %lf", &kilobytes) == 1)
			break;
	if (status)
		fclose(status);
	return kilobytes * 1024;
}

/* Of processes that do nothing else. 0 where it cannot be had. */
static double measure_memory(const struct row *row, int kind)
{
	double most = 0;
	for (int run = 0; run < MEMORY_RUNS && side_is_installed(&sides, kind); run++) {
		struct side side;
		side_start(&sides, &side, kind, row->workers);
		side_ask(&side, row->ask[kind]->load);
		double memory = most_memory(&side);
		most = memory > most ? memory : most;
		side_stop(&side);
	}
	return most;
}

static void print_memory_row(const struct row *row, int kind, const double *bytes)
{
	double goal = kind == WEFT && bytes[kind] > 0 ? MEMORY_GOAL : 0;
	if (!side_is_installed(&sides, kind)) {
		sides_print_missing(&sides, row, kind, "_memory");
		return;
	}
	sides_print_name(&sides, row, kind, "_memory");
	printf("\t-\t-");
	rounds_print_ratio(bytes[kind], goal);
	printf("\t-");
	rounds_print_ratio(bytes[kind],
			   bytes[kind] > 0 ? sides_best_peer(&sides, bytes) : 0);
	printf("\t%s; %s; %.1f MiB at most, all of the process",
	       sides.side[kind][row->workers - 1].what, row->ask[kind]->note,
	       bytes[kind] / MEBIBYTE);
	if (goal > 0)
		printf(", goal %g", goal / MEBIBYTE);
	putchar('\n');
}

static void print_memory(const struct row *row)
{
	double bytes[SIDES] = {0};
	for (int kind = WEFT; kind <= TOKIO; kind++)
		bytes[kind] = measure_memory(row, kind);
	for (int kind = WEFT; kind <= TOKIO; kind++)
		print_memory_row(row, kind, bytes);
}

int main(int count, char **arguments)
{
	sides.program = count > 0 ? arguments[0] : "";
	sides_start(&sides);
	sides_measure(&sides);
	sides_print_rows(&sides);
	fflush(stdout);
	sides_stop(&sides);
	for (int i = 0; i < ROWS; i++)
		if (rows[i].ask[WEFT] == &ask_fork_join)
			print_memory(&rows[i]);
	sides_print_limits(&sides);
	return 0;
}
