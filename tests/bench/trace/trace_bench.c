/* trace_bench.c: what an event costs, beside the limit and LTTng-UST, in one run.
 *
 * Each row is a loop that records one event a turn, as many as a default segment has records.
 * Its number is nanoseconds a turn; where nothing is recorded, those over a turn of
 * loop_without, the same loop without an event. The rows take turns in rounds, so that a change
 * of clock rate or a busy neighbour meets all of them; differences are taken within a round,
 * and each row's number is the median of its rounds. Times are of the processor, see cpu_time.h.
 *
 *   event_on            into a segment whose pages are all backed
 *   event_on_ring       into a ring that went round before
 *   event_on_first      into a fresh file, which the writer backs as it goes
 *   event_off           the segment is NULL
 *   event_compiled_out  without WEFT_TRACING
 *   limit_rdtsc_store   rdtsc, one 32-byte store into as much memory, the pointer goes on
 *   limit_rdtsc         rdtsc alone
 *
 * Each round makes a trace of its own, as the first writing of a file happens once.
 *
 * `trace_bench PATH write N` does nothing but record N events: rows.sh counts its system calls.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/system.h"
#include "base/system_ticks.h"
#include "cpu_time.h"
#include "loop.h"
#include "lttng_loops.h"
#include "tests/bench/rounds.h"
#include "trace/trace.h"

enum {
	ROUNDS = 51,      /* odd: the median is one of them */
	EVENTS = 1 << 16, /* TRACE_RECORDS_DEFAULT */
	SPARE = 16,       /* records for what the trace writes by itself: anchors */
	LTTNG_EVENTS = 10000,
	LTTNG_WARM_UP = 400000, /* more than the channel holds: its pages are backed */
};

#define GOAL_ON  12.0 /* nanoseconds */
#define GOAL_OFF 0.5

static const char *path; /* of the trace that is written again and again */

static void end(const char *what)
{
	fprintf(stderr, "trace_bench: %s\n", what);
	exit(1);
}

/* ---- measuring ---- */

static uint64_t start_ns;
static long faults; /* page faults: before start's, after stop's in between */

static long page_faults(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void start(void)
{
	faults = page_faults();
	start_ns = cpu_time_ns();
}

/* Nanoseconds of each operation since start. */
static double stop(int operations)
{
	uint64_t end_ns = cpu_time_ns();
	faults = page_faults() - faults;
	return (double)(end_ns - start_ns) / operations;
}

/* ---- Weft's rows ---- */

static struct trace *trace;
static struct loop_worker worker;
static struct trace_record *first_record; /* of those that the loop writes */

static void open_trace(uint64_t records, bool ring)
{
	struct trace_message why;
	struct trace_options options = {.path = path, .records = records, .ring = ring};
	if (trace_open(&trace, &options, &why) < 0)
		end(why.text);
	worker.segment = trace_claim(trace);
	loop_traced(&worker, 1); /* a site's first event is not like the others */
}

static void close_trace(void)
{
	if (trace_close(trace) < 0)
		end("the trace cannot be closed");
}

/* Fails if the trace does not take them all. */
static double measure_events(void)
{
	struct trace_segment_header *shared = worker.segment->shared;
	uint64_t before = load_relaxed(&shared->head);
	start();
	loop_traced(&worker, EVENTS);
	double result = stop(EVENTS);
	if (load_relaxed(&shared->dropped) != 0 ||
	    load_relaxed(&shared->head) - before < EVENTS)
		end("the trace does not hold the events that were recorded");
	return result;
}

/* The first in a round: on a trace that is just made, and goes on to measure_on. */
static double measure_on_first(void)
{
	open_trace(EVENTS + SPARE, false);
	first_record = worker.segment->next;
	return measure_events();
}

/* Over the same records: their pages are backed now. After it the segment is as it was. */
static double measure_on(void)
{
	struct trace_segment *segment = worker.segment, before = *segment;
	uint64_t head = load_relaxed(&segment->shared->head);
	segment->next = first_record;
	double result = measure_events();
	*segment = before;
	store_relaxed(&segment->shared->head, head); /* nobody reads it yet */
	close_trace();
	return result;
}

/* Once round before, so that the pages are backed. */
static double measure_on_ring(void)
{
	open_trace(EVENTS, true);
	loop_traced(&worker, EVENTS);
	double result = measure_events();
	close_trace();
	return result;
}

static double measure_loop(void (*loop)(struct loop_worker *, uint32_t))
{
	worker.segment = NULL;
	start();
	loop(&worker, EVENTS);
	return stop(EVENTS);
}

static double measure_off(void)
{
	return measure_loop(loop_traced);
}

static double measure_compiled_out(void)
{
	return measure_loop(loop_compiled_out);
}

static double measure_without(void)
{
	return measure_loop(loop_without);
}

/* ---- the limits ---- */

struct four_words {
	uint64_t tick, rest[3];
};

static _Alignas(4096) struct four_words memory[EVENTS];

static double measure_store(void)
{
	struct four_words *next = memory;
	start();
	for (uint64_t i = 0; i < EVENTS; i++) {
		*next++ = (struct four_words){system_cycles(), {i, i, i}};
		__asm__ volatile("" : : : "memory");
	}
	return stop(EVENTS);
}

static double measure_cycles(void)
{
	start();
	for (int i = 0; i < EVENTS; i++) {
		uint64_t tick = system_cycles();
		__asm__ volatile("" : : "r"(tick) : "memory");
	}
	return stop(EVENTS);
}

static double measure_clock(void)
{
	start();
	for (int i = 0; i < EVENTS; i++)
		(void)system_monotonic_ns();
	return stop(EVENTS);
}

/* ---- the peer ---- */

#if defined(HAVE_LTTNG)
static double measure_lttng_on(void)
{
	start();
	lttng_loop_on(LTTNG_EVENTS);
	return stop(LTTNG_EVENTS);
}

static double measure_lttng_off(void)
{
	start();
	lttng_loop_off(EVENTS);
	return stop(EVENTS);
}

static bool lttng_records(void)
{
	return lttng_is_on();
}

static void warm_lttng(void)
{
	lttng_loop_on(LTTNG_WARM_UP);
}
#else
#define measure_lttng_on  NULL
#define measure_lttng_off NULL

static bool lttng_records(void)
{
	return false;
}

static void warm_lttng(void)
{
}
#endif

/* ---- the rows ---- */

struct row {
	const char *name;
	double (*measure)(void); /* NULL: not there on this system */
	double goal;             /* nanoseconds; 0: none */
	bool difference;         /* to the loop without an event */
	const char *note;
	const char *missing;   /* why there is no number; NULL: there is one */
	double rounds[ROUNDS]; /* nanoseconds each; sorted before they are read */
	long faults;           /* in all rounds */
};

/* In the order in which they are measured: ON goes on where FIRST ends. */
enum {
	FIRST,
	ON,
	RING,
	OFF,
	COMPILED_OUT,
	WITHOUT,
	STORE,
	CYCLES,
	CLOCK,
	LTTNG,
	LTTNG_OFF,
	ROWS
};

static struct row rows[ROWS] = {
	[FIRST] = {.name = "event_on_first",
		   .measure = measure_on_first,
		   .goal = GOAL_ON,
		   .note = "a fresh file, whose pages the writer backs as it goes"},
	[ON] = {.name = "event_on",
		.measure = measure_on,
		.goal = GOAL_ON,
		.note = "TRACE into pages that are backed"},
	[RING] = {.name = "event_on_ring",
		  .measure = measure_on_ring,
		  .goal = GOAL_ON,
		  .note = "a ring that goes round"},
	[OFF] = {.name = "event_off",
		 .measure = measure_off,
		 .goal = GOAL_OFF,
		 .difference = true,
		 .note = "TRACE with no segment, more than loop_without"},
	[COMPILED_OUT] = {.name = "event_compiled_out",
			  .measure = measure_compiled_out,
			  .difference = true,
			  .note = "the machine code of loop_without, byte for byte"},
	[WITHOUT] = {.name = "loop_without",
		     .measure = measure_without,
		     .note = "a turn of the loop alone"},
	[STORE] = {.name = "limit_rdtsc_store",
		   .measure = measure_store,
		   .note = "rdtsc and a 32-byte store"},
	[CYCLES] = {.name = "limit_rdtsc",
		    .measure = measure_cycles,
		    .note = "rdtsc alone"},
	[CLOCK] = {.name = "clock_gettime",
		   .measure = measure_clock,
		   .note = "C library; CLOCK_MONOTONIC"},
	[LTTNG] = {.name = "lttng_ust",
		   .measure = measure_lttng_on,
		   .note = "LTTng-UST, the same payload"},
	[LTTNG_OFF] = {.name = "lttng_ust_off",
		       .measure = measure_lttng_off,
		       .difference = true,
		       .note = "its tracepoint in no session, more than loop_without"},
};

static void measure(int round)
{
	for (int i = 0; i < ROWS; i++) {
		if (rows[i].missing)
			continue;
		rows[i].rounds[round] = rows[i].measure();
		rows[i].faults += faults;
	}
	for (int i = 0; i < ROWS; i++)
		if (rows[i].difference)
			rows[i].rounds[round] -= rows[WITHOUT].rounds[round];
}

/* Of rounds that are sorted; 0 when the row was not measured. */
static double median(const struct row *row)
{
	return row->rounds[ROUNDS / 2];
}

/* A number that rounds to nothing is no base for a ratio. */
static double base_of(const struct row *row)
{
	return median(row) >= 0.05 ? median(row) : 0;
}

static void print_row(const struct row *row)
{
	if (row->missing) {
		printf("%s\t-\t-\t-\t-\t-\t%s\n", row->name, row->missing);
		return;
	}
	const struct row *limit = row->difference ? NULL : &rows[STORE];
	const struct row *peer = &rows[row->difference ? LTTNG_OFF : LTTNG];
	printf("%s\t%.2f", row->name, round(median(row) * 100) / 100 + 0.0);
	if (row->goal > 0)
		printf("\t%g", row->goal);
	else
		printf("\t-");
	rounds_print_ratio(median(row), row->goal);
	rounds_print_ratio(median(row), limit ? base_of(limit) : 0);
	rounds_print_ratio(median(row), base_of(peer));
	printf("\t%s", row->note);
	if (row == &rows[LTTNG])
		printf("; %d events written",
		       LTTNG_WARM_UP + (ROUNDS + 1) * LTTNG_EVENTS);
	if (row->goal == GOAL_ON)
		printf("; %ld page faults in %d events", row->faults, ROUNDS * EVENTS);
	putchar('\n');
}

/* Which rows can be measured here. */
static void find_missing(void)
{
	for (int i = 0; i < ROWS; i++)
		if (!rows[i].measure)
			rows[i].missing = "not installed";
	if (!rows[LTTNG].missing && !lttng_records())
		rows[LTTNG].missing = "not measured: no session records";
}

static void measure_rows(void)
{
	measure(0); /* for the caches; the next one takes its place */
	for (int i = 0; i < ROWS; i++)
		rows[i].faults = 0;
	for (int round = 0; round < ROUNDS; round++)
		measure(round);
	for (int i = 0; i < ROWS; i++)
		rounds_sort(rows[i].rounds, ROUNDS);
}

static void print_rows(void)
{
	puts("name\tnanoseconds\tgoal\tratio_to_goal\tratio_to_limit\tratio_to_"
	     "lttng\tnote");
	for (int i = 0; i < ROWS; i++)
		print_row(&rows[i]);
}

static void write_events(uint32_t events)
{
	open_trace(events + SPARE, false);
	loop_traced(&worker, events);
	close_trace();
}

int main(int count, char **arguments)
{
	if (count < 2)
		end("give the path of a trace to write");
	path = arguments[1];
	if (count == 4 && strcmp(arguments[2], "write") == 0)
		write_events((uint32_t)atoi(arguments[3]));
	else {
		find_missing();
		if (!rows[LTTNG].missing)
			warm_lttng();
		measure_rows();
		print_rows();
	}
	return 0;
}
