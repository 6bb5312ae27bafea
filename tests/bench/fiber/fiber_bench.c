/* fiber_bench.c: what a fiber's life costs, beside Boost.Fiber, in one run on one worker.
 *
 *   spawn_await   one fiber that does nothing is spawned and awaited, then the next
 *   batch_10000   10,000 are spawned, then all are awaited
 *   yield_1000    1,000 fibers yield to one another
 *   fork_join     fib(25), each call a fiber that spawns two and awaits both; per fiber
 *   parked_fiber  resident memory of one of 100,000 guarded fibers that are all parked
 *
 * The rows take turns in rounds, so that a change of clock rate or a busy neighbour meets all
 * of them, and each row's number is the median of its rounds. Each turn runs eight times, and
 * the last is counted: the others back the stacks with memory and bring them near again after
 * the rows between.
 *
 * Boost.Fiber joins fib(18): its tree unfolds in its whole breadth, and fib(25) takes gigabytes.
 *
 * `fiber_bench warm N` does nothing but warm up and then spawn and await N fibers, half of
 * them in batches: rows.sh counts its system calls.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/system.h"
#include "boost_peer.h"
#include "tests/bench/rounds.h"
#include "tests/bench/weft_loads.h"
#include "weft.h"

enum {
	ROUNDS = 21, /* odd: the median is one of them */
	TURNS = 8,   /* of a row in a round; the last is counted */
	FIBERS = 10000,
	YIELDERS = 1000,
	YIELDS = 100,
	FIBONACCI = 25,
	FIBONACCI_FIBERS = 242785, /* calls of fib(25) */
	PEER_FIBONACCI = 18,
	PEER_FIBONACCI_FIBERS = 8361,
	PARKED = 100000,
	PARKED_GOAL = 4300, /* bytes */
};

static struct weft *io;
static struct weft_future futures[FIBERS];

static void start_weft(void)
{
	/* Untraced, whatever the environment says. */
	struct weft_options options = {.trace_path = ""};
	int error = weft_init(&io, &options);
	if (error) {
		fprintf(stderr, "fiber_bench: %s\n", weft_strerror(error));
		exit(1);
	}
}

/* ---- Weft's rows ---- */

static void spawn_await(void)
{
	load_spawn_await(io, FIBERS);
}

static void batch(void)
{
	load_batch(io, futures, FIBERS);
}

static void yield(void)
{
	load_yield(io, futures, YIELDERS, YIELDS);
}

static void fork_join(void)
{
	long result = load_fork_join(io, FIBONACCI);
	if (result != 75025) {
		fprintf(stderr, "fiber_bench: fib(25) is not %ld\n", result);
		exit(1);
	}
}

/* ---- the peer's ---- */

#if defined(HAVE_BOOST_FIBER)
static void peer_spawn_await(void)
{
	boost_spawn_await(FIBERS);
}

static void peer_batch(void)
{
	boost_batch(FIBERS);
}

static void peer_yield(void)
{
	boost_yield(YIELDERS, YIELDS);
}

static void peer_fork_join(void)
{
	if (boost_fork_join(PEER_FIBONACCI) != 2584)
		exit(1);
}
#else
#define peer_spawn_await NULL
#define peer_batch       NULL
#define peer_yield       NULL
#define peer_fork_join   NULL
#endif

/* ---- the rows ---- */

struct row {
	const char *name;
	void (*run)(void); /* NULL: not there on this system */
	int operations;
	double goal; /* nanoseconds; 0 for a peer */
	const char *note;
	double rounds[ROUNDS]; /* nanoseconds each; sorted before they are read */
	long faults;           /* page faults in all rounds */
};

/* A row of Weft's, then the peer's. */
static struct row rows[] = {
	{.name = "spawn_await",
	 .run = spawn_await,
	 .operations = FIBERS,
	 .goal = 30,
	 .note = "one at a time"},
	{.name = "boost_spawn_await",
	 .run = peer_spawn_await,
	 .operations = FIBERS,
	 .note = "Boost.Fiber; pooled stacks"},
	{.name = "batch_10000",
	 .run = batch,
	 .operations = FIBERS,
	 .goal = 40,
	 .note = "warm batches"},
	{.name = "boost_batch_10000",
	 .run = peer_batch,
	 .operations = FIBERS,
	 .note = "Boost.Fiber; pooled stacks"},
	{.name = "yield_1000",
	 .run = yield,
	 .operations = YIELDERS * YIELDS,
	 .goal = 12,
	 .note = "a yield among 1,000 fibers"},
	{.name = "boost_yield_1000",
	 .run = peer_yield,
	 .operations = YIELDERS * YIELDS,
	 .note = "Boost.Fiber"},
	{.name = "fork_join",
	 .run = fork_join,
	 .operations = FIBONACCI_FIBERS,
	 .goal = 40,
	 .note = "fib(25)"},
	{.name = "boost_fork_join",
	 .run = peer_fork_join,
	 .operations = PEER_FIBONACCI_FIBERS,
	 .note = "Boost.Fiber; fib(18), launch::dispatch"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static long page_faults(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void measure(struct row *row, int round)
{
	uint64_t start_ns = 0, end_ns = 0;
	long faults = 0;
	for (int turn = 0; row->run && turn < TURNS; turn++) {
		faults = page_faults();
		start_ns = system_monotonic_ns();
		row->run();
		end_ns = system_monotonic_ns();
		faults = page_faults() - faults;
	}
	row->rounds[round] = (double)(end_ns - start_ns) / row->operations;
	row->faults += faults;
}

/* Of rounds that are sorted; 0 when the row was not measured. */
static double median(const struct row *row)
{
	return row->rounds[ROUNDS / 2];
}

static void print_row(const struct row *row, const struct row *peer)
{
	if (!row->run) {
		printf("%s\t-\t-\t-\tnot installed\n", row->name);
		return;
	}
	printf("%s\t%.2f", row->name, median(row));
	rounds_print_ratio(median(row), median(peer));
	rounds_print_ratio(median(row), row->goal);
	printf("\t%s; %ld page faults in %d\n", row->note, row->faults,
	       ROUNDS * row->operations);
}

/* ---- memory ---- */

/* What the system says of this process. */
struct footprint {
	double resident; /* bytes; 0 where it cannot be known */
	int mappings;
};

static struct footprint deepest;

static struct footprint footprint(void)
{
	struct footprint now = {0, 0};
	char line[512];
	double kilobytes;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "Rss: %lf", &kilobytes) == 1)
			now.resident = kilobytes * 1024;
	if (file)
		fclose(file);
	file = fopen("/proc/self/maps", "r");
	while (file && fgets(line, sizeof line, file))
		now.mappings++;
	if (file)
		fclose(file);
	return now;
}

static void look(void)
{
	deepest = footprint();
}

/* Each awaits the next; the last one looks. */
static void chain(struct weft *weft, const void *context, void *result)
{
	int left = *(const int *)context - 1;
	struct weft_future next;
	(void)result;
	if (left < 0) {
		look();
		return;
	}
	if (weft_concurrent(weft, &next, chain, &left, sizeof left, NULL) < 0) {
		fprintf(stderr, "fiber_bench: %s\n", weft_shortage(weft));
		exit(1);
	}
	weft_await(weft, &next);
}

static void park_weft(void)
{
	int fibers = PARKED - 1;
	struct weft_future first;
	weft_async(io, &first, chain, &fibers, sizeof fibers, NULL);
	weft_await(io, &first);
}

#if defined(HAVE_BOOST_FIBER)
static void park_boost(void)
{
	boost_chain(PARKED, look);
}
#else
#define park_boost NULL
#endif

/* Bytes of each parked fiber; 0 when not measured. */
static double measure_parked(void (*park)(void), int *mappings)
{
	struct footprint before = footprint();
	deepest = before;
	if (park)
		park();
	*mappings = deepest.mappings - before.mappings;
	return (deepest.resident - before.resident) / PARKED;
}

static void print_parked(void)
{
	int weft_mappings, boost_mappings;
	double weft_bytes = measure_parked(park_weft, &weft_mappings);
	double boost_bytes = measure_parked(park_boost, &boost_mappings);
	printf("parked_fiber\t-");
	rounds_print_ratio(weft_bytes, weft_bytes > 0 ? boost_bytes : 0);
	rounds_print_ratio(weft_bytes, weft_bytes > 0 ? PARKED_GOAL : 0);
	printf("\t%.0f resident bytes each, %d mappings for %d guarded fibers\n",
	       weft_bytes, weft_mappings, PARKED);
	if (boost_bytes > 0)
		printf("boost_parked_fiber\t-\t-\t-\t%.0f resident bytes each, %d "
		       "mappings, no guards\n",
		       boost_bytes, boost_mappings);
}

/* ---- what is run ---- */

static void run_warm(int fibers)
{
	batch();
	spawn_await();
	for (int done = 0; done < fibers; done += 2 * FIBERS) {
		spawn_await();
		batch();
	}
}

static void run_rows(void)
{
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < ROWS; i++)
			measure(&rows[i], round);
	for (int i = 0; i < ROWS; i++)
		rounds_sort(rows[i].rounds, ROUNDS);
	for (int i = 0; i < ROWS; i++)
		print_row(&rows[i], &rows[i | 1]);
}

int main(int count, char **arguments)
{
	start_weft();
	if (count == 3 && strcmp(arguments[1], "warm") == 0) {
		run_warm(atoi(arguments[2]));
		return weft_deinit(io);
	}
	puts("name\tnanoseconds\tratio_to_boost\tratio_to_goal\tnote");
	run_rows();
	if (weft_deinit(io) != 0)
		return 1;
	start_weft(); /* a fresh one: none of its stacks was ever used */
	print_parked();
	return weft_deinit(io);
}
