/* check_bench.c: what weft-trace check costs an event, and how much memory it takes.
 *
 * It makes a trace of 10^7 events of 10^6 fibers in $BUILD/bench/, on 2 and on 8 workers,
 * and goes through it:
 *
 *   read    every record once, in the order of the file, and adds up one field: the limit
 *   merge   every record in the merged order
 *   check   merges and judges all invariants
 *   memory  the peak of resident memory of a process that checks
 *
 * The rows take turns in rounds, and each row's number is the median of its rounds, in
 * nanoseconds of the processor: a neighbour's turns on it do not count. Each
 * fiber has ten records: a worker creates it and makes it ready, and another one steals it,
 * some hundred fibers later, and runs it to its end. So the workers' orders hang together all along.
 *
 * `check_bench EVENTS` takes another number of events; `check_bench EVENTS PATH
 * WORKERS` only makes the trace PATH.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/rounds.h"
#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/trace.h"

enum {
	ROUNDS = 5, /* odd: the median is one of them */
	EVENTS = 10000000,
	EVENTS_A_FIBER = 10,
	WORKERS_MAX = 8,
	ALIVE = 512,       /* fibers that are ready at once */
	FIRST_FIBER = 100, /* the workers' roots have smaller numbers */
	GOAL_NS = 100,
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "check_bench: %s\n", what);
	exit(1);
}

/* ---- the trace ---- */

struct making {
	struct trace *trace;
	struct trace_segment *segments[WORKERS_MAX];
	uint32_t roots[WORKERS_MAX];   /* records of each worker's root so far */
	uint32_t batches[WORKERS_MAX]; /* that each worker stole */
	uint32_t workers, text;
};

static uint32_t root_of(uint32_t worker)
{
	return worker + 1;
}

static void start_workers(struct making *making)
{
	for (uint32_t w = 0; w < making->workers; w++) {
		making->segments[w] = trace_claim(making->trace);
		TRACE(making->segments[w], CREATE, .fiber = root_of(w),
		      .fiber_sequence = 1);
		TRACE(making->segments[w], WORKER_START, .fiber = root_of(w),
		      .fiber_sequence = 2);
		making->roots[w] = 2;
	}
}

static void stop_workers(struct making *making)
{
	for (uint32_t w = 0; w < making->workers; w++)
		TRACE(making->segments[w], WORKER_STOP, .fiber = root_of(w),
		      .fiber_sequence = ++making->roots[w]);
}

/* Two of a fiber's ten records. */
static void begin_fiber(struct making *making, uint32_t number)
{
	uint32_t worker = number % making->workers, fiber = FIRST_FIBER + number;
	struct trace_segment *segment = making->segments[worker];
	TRACE(segment, CREATE, .fiber = fiber, .fiber_sequence = 1,
	      .peer = root_of(worker), .value = trace_pair(making->text, 65536));
	TRACE(segment, READY, .arg = TRACE_place_NEWEST, .fiber = fiber,
	      .fiber_sequence = 2, .peer = root_of(worker));
}

/* The other eight, on the next worker. */
static void run_fiber(struct making *making, uint32_t number)
{
	uint32_t worker = (number + 1) % making->workers, fiber = FIRST_FIBER + number;
	struct trace_segment *segment = making->segments[worker];
	uint32_t *root = &making->roots[worker];
	TRACE(segment, STEAL, .arg = TRACE_place_NEWEST, .fiber = fiber,
	      .fiber_sequence = 3, .peer = number % making->workers,
	      .value = trace_pair(1, ++making->batches[worker]));
	TRACE(segment, SWITCH, .arg = TRACE_leave_YIELD, .fiber = fiber,
	      .fiber_sequence = 4, .peer = root_of(worker),
	      .value = trace_pair(200, ++*root));
	TRACE(segment, SPAN_BEGIN, .fiber = fiber, .fiber_sequence = 5,
	      .value = making->text);
	TRACE(segment, MARK, .fiber = fiber, .fiber_sequence = 6,
	      .value = trace_pair(number, making->text));
	TRACE(segment, SPAN_END, .fiber = fiber, .fiber_sequence = 7,
	      .value = making->text);
	TRACE(segment, FINISH, .fiber = fiber, .fiber_sequence = 8,
	      .value = trace_pair(300, 0));
	TRACE(segment, SWITCH, .arg = TRACE_leave_FINISH, .fiber = root_of(worker),
	      .fiber_sequence = ++*root, .peer = fiber, .value = trace_pair(100, 9));
	TRACE(segment, RECYCLE, .fiber = fiber, .fiber_sequence = 10);
}

static void make_trace(const char *path, uint32_t events, uint32_t workers)
{
	struct trace_message why;
	struct making making = {.workers = workers};
	uint32_t fibers = events / EVENTS_A_FIBER;
	struct trace_options options = {.path = path,
					.workers = workers,
					.records = events / workers +
						   EVENTS_A_FIBER * ALIVE};
	if (trace_open(&making.trace, &options, &why) < 0)
		die(why.text);
	making.text = trace_string(making.trace, "work");
	start_workers(&making);
	for (uint32_t number = 0; number < fibers + ALIVE; number++) {
		if (number < fibers)
			begin_fiber(&making, number);
		if (number >= ALIVE && number - ALIVE < fibers)
			run_fiber(&making, number - ALIVE);
	}
	stop_workers(&making);
	if (trace_close(making.trace) < 0)
		die("the trace could not be closed");
}

/* ---- what is measured ---- */

static uint64_t sum; /* what was read must be used */

static void read_once(const struct trace_file *file)
{
	for (uint32_t s = 0; s < trace_file_segments(file); s++) {
		const struct trace_record *records = trace_file_records(file, s);
		for (uint64_t i = 0; i < file->heads[s]; i++)
			sum += records[i].value;
	}
}

static void merge_all(const struct trace_file *file)
{
	struct trace_merge *merge;
	struct trace_step step;
	if (trace_merge_open(&merge, file) < 0)
		die("out of memory");
	while (trace_merge_next(merge, &step))
		sum += step.record->value;
	trace_merge_close(merge);
}

static void check_all(const struct trace_file *file)
{
	FILE *nowhere = fopen("/dev/null", "w");
	if (!nowhere || command_check(file, nowhere) != EXIT_HOLDS)
		die("the trace does not hold");
	fclose(nowhere);
}

struct row {
	const char *name;
	void (*run)(const struct trace_file *file);
	double rounds[ROUNDS]; /* nanoseconds an event; sorted before they are read */
};

static uint64_t count_events(const struct trace_file *file)
{
	uint64_t events = 0;
	for (uint32_t s = 0; s < trace_file_segments(file); s++)
		events += file->heads[s];
	return events;
}

static uint64_t processor_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The file is opened anew, so that each run meets its pages in the same state. */
static void measure(struct row *row, int round, const char *path)
{
	struct trace_message why;
	struct trace_file *file = malloc(sizeof *file);
	if (!file || trace_file_open(file, path, &why) < 0)
		die("the trace cannot be opened");
	uint64_t start_ns = processor_ns();
	row->run(file);
	uint64_t end_ns = processor_ns();
	row->rounds[round] = (double)(end_ns - start_ns) / (double)count_events(file);
	trace_file_close(file);
	free(file);
}

static void run_check_once(const char *path)
{
	struct row row = {.name = "", .run = check_all};
	measure(&row, 0, path);
}

/* The peak of resident memory of a child, in KiB. */
static long in_child(void (*work)(const char *path), const char *path)
{
	struct rusage usage;
	int status;
	pid_t child = fork();
	if (child == 0) {
		work(path);
		_exit(0);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0)
		die("a child failed");
	return usage.ru_maxrss;
}

/* ---- the rows ---- */

static uint32_t events = EVENTS, workers_made;

/* In a child, so that its memory is not counted with the checker's. */
static void make_it(const char *path)
{
	make_trace(path, events, workers_made);
}

static void print_rows(const struct row *rows, size_t count, uint32_t workers)
{
	for (size_t i = 0; i < count; i++) {
		double ns = rows[i].rounds[ROUNDS / 2];
		printf("%s_%u\t%.2f\t%.2f\t", rows[i].name, (unsigned)workers, ns,
		       ns / rows[0].rounds[ROUNDS / 2]);
		if (i > 0)
			printf("%.3f", ns / GOAL_NS);
		else
			printf("-");
		printf("\t%u workers; %.1f million events a second\n",
		       (unsigned)workers, 1000 / ns);
	}
}

static void run_rows(const char *path, uint32_t workers)
{
	struct row rows[] = {{.name = "read", .run = read_once},
			     {.name = "merge", .run = merge_all},
			     {.name = "check", .run = check_all}};
	size_t count = sizeof rows / sizeof rows[0];
	workers_made = workers;
	in_child(make_it, path);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			measure(&rows[i], round, path);
	for (size_t i = 0; i < count; i++)
		rounds_sort(rows[i].rounds, ROUNDS);
	print_rows(rows, count, workers);
	printf("memory_%u\t-\t-\t-\t%ld KiB at most, for %u events of %u fibers\n",
	       (unsigned)workers, in_child(run_check_once, path), (unsigned)events,
	       (unsigned)(events / EVENTS_A_FIBER));
	fflush(stdout);
	remove(path);
}

int main(int count, char **arguments)
{
	char path[512];
	const char *build = getenv("BUILD");
	snprintf(path, sizeof path, "%s/bench/check.weft", build ? build : "build");
	if (count > 1)
		events = (uint32_t)strtoul(arguments[1], NULL, 10);
	if (events < EVENTS_A_FIBER)
		die("a number of events, at least ten, is needed");
	if (count > 3) {
		workers_made = (uint32_t)strtoul(arguments[3], NULL, 10);
		if (workers_made < 2 || workers_made > WORKERS_MAX)
			die("2 to 8 workers are needed");
		make_it(arguments[2]);
		return 0;
	}
	puts("name\tnanoseconds\tratio_to_limit\tratio_to_goal\tnote");
	fflush(stdout);
	run_rows(path, 2);
	run_rows(path, 8);
	return 0;
}
