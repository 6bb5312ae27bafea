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
 * Each side is a program of its own, see side.h, that stays while all are measured and waits
 * without work while another is. In a round each side runs each load, one after the other,
 * so that a change of clock rate or a busy neighbour meets all of them; each row's number
 * is the median of its rounds. A turn of a short load runs it several times and counts the last:
 * the others back the stacks with memory and bring them near again.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. ratio_to_limit
 * is to the limit of the row's kind, ratio_to_peer to the fastest peer in the same row. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/rounds.h"

enum {
	ROUNDS = 9,       /* odd: the median is one of them */
	WORKERS = 2,      /* at most */
	PATIENCE = 60000, /* milliseconds for an answer */
	MEMORY_RUNS = 3,  /* processes; the largest counts */
	TEXT = 160,
};

static void end(const char *what, const char *which)
{
	fprintf(stderr, "scheduler_bench: %s%s\n", what, which);
	exit(1);
}

/* ---- the sides ---- */

enum { WEFT, BOOST, GO, TOKIO, LIMITS, SIDES };

/* Of the programs, and the rows; limits have names of their own. */
static const char *const side_names[SIDES] = {"weft", "boost", "go", "tokio", "limits"};

struct side {
	pid_t process; /* 0: it is not installed */
	FILE *questions, *answers;
	char what[TEXT]; /* it says it is */
};

static struct side sides[SIDES][WORKERS]; /* the second index: workers - 1 */
static const char *program;               /* what begins the names of all programs */

static void be_side(int kind, int workers, const int questions[2], const int answers[2])
{
	char path[4096], number[16];
	snprintf(path, sizeof path, "%s-%s", program, side_names[kind]);
	snprintf(number, sizeof number, "%d", workers);
	dup2(questions[0], 0);
	dup2(answers[1], 1);
	close(questions[0]);
	close(questions[1]);
	close(answers[0]);
	close(answers[1]);
	execl(path, path, number, (char *)NULL);
	perror(path);
	_exit(127);
}

/* Its answer, without the newline. text: TEXT bytes. */
static void hear(const struct side *side, char *text)
{
	struct pollfd ready = {.fd = fileno(side->answers), .events = POLLIN};
	if (poll(&ready, 1, PATIENCE) != 1)
		end("no answer for a minute from: ", side->what);
	if (!fgets(text, TEXT, side->answers))
		end("it ended: ", side->what);
	text[strcspn(text, "\n")] = 0;
}

static int is_installed(int kind)
{
	char path[4096];
	snprintf(path, sizeof path, "%s-%s", program, side_names[kind]);
	return access(path, X_OK) == 0;
}

/* The descriptors of the sides before it are not for it: each has to see its input end. */
static void close_on_exec(FILE *file)
{
	fcntl(fileno(file), F_SETFD, FD_CLOEXEC);
}

static void start(struct side *side, int kind, int workers)
{
	int questions[2], answers[2];
	snprintf(side->what, sizeof side->what, "%s", side_names[kind]);
	if (!is_installed(kind))
		return;
	if (pipe(questions) != 0 || pipe(answers) != 0)
		end("no pipe for: ", side->what);
	side->process = fork();
	if (side->process < 0)
		end("no process for: ", side->what);
	if (side->process == 0)
		be_side(kind, workers, questions, answers);
	close(questions[0]);
	close(answers[1]);
	side->questions = fdopen(questions[1], "w");
	side->answers = fdopen(answers[0], "r");
	close_on_exec(side->questions);
	close_on_exec(side->answers);
	hear(side, side->what);
}

static void stop(struct side *side)
{
	int status = 0;
	if (!side->process)
		return;
	fclose(side->questions);
	if (waitpid(side->process, &status, 0) < 0 || status != 0)
		end("it failed at its end: ", side->what);
	fclose(side->answers);
	side->process = 0;
}

/* Nanoseconds, as it says. */
static double ask(const struct side *side, const char *load)
{
	char text[TEXT], *rest;
	fprintf(side->questions, "%s\n", load);
	fflush(side->questions);
	hear(side, text);
	double nanoseconds = strtod(text, &rest);
	if (rest == text)
		end("no number from: ", side->what);
	return nanoseconds;
}

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

/* ---- what is measured ---- */

/* Which of the limits' rows a row is compared with. */
enum limit { SWITCH, LINE, THREAD_WAKE, SIGNAL, FETCH_ADD, CAS, LIMIT_ROWS };

struct question {
	const char *load; /* as a side understands it */
	double operations;
	const char *note;
};

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

struct row {
	const char *name;
	const struct question *ask;   /* of all sides but Boost's */
	const struct question *boost; /* NULL: it is not asked */
	int workers;
	int turns;   /* in a round; the last is counted */
	double goal; /* nanoseconds; 0: none */
	enum limit limit;
	double rounds[SIDES][ROUNDS]; /* an operation; sorted before they are read */
};

static struct row rows[] = {
	{"yield_1000", &ask_yield, &ask_yield, 1, 8, 12, SWITCH, {{0}}},
	{"yield_1000_two", &ask_yield, &ask_yield, 2, 8, 20, SWITCH, {{0}}},
	{"spawn_await", &ask_spawn, &ask_spawn, 1, 8, 30, SWITCH, {{0}}},
	{"batch_10000", &ask_batch, &ask_batch, 1, 8, 40, SWITCH, {{0}}},
	{"fork_join", &ask_fork_join, &ask_fork_join_boost, 1, 1, 40, SWITCH, {{0}}},
	{"fork_join_two",
	 &ask_fork_join,
	 &ask_fork_join_boost,
	 2,
	 1,
	 25,
	 SWITCH,
	 {{0}}},
	{"wake_searching", &ask_searching, NULL, 2, 1, 0, LINE, {{0}}},
	{"wake_asleep", &ask_asleep, NULL, 2, 1, 0, THREAD_WAKE, {{0}}},
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

static struct row limits[LIMIT_ROWS] = {
	[SWITCH] = {.name = "limit_switch", .ask = &ask_limits[SWITCH]},
	[LINE] = {.name = "limit_line", .ask = &ask_limits[LINE]},
	[THREAD_WAKE] = {.name = "limit_thread_wake", .ask = &ask_limits[THREAD_WAKE]},
	[SIGNAL] = {.name = "limit_thread_signal", .ask = &ask_limits[SIGNAL]},
	[FETCH_ADD] = {.name = "limit_fetch_add", .ask = &ask_limits[FETCH_ADD]},
	[CAS] = {.name = "limit_cas", .ask = &ask_limits[CAS]},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct question *question_for(const struct row *row, int kind)
{
	return kind == BOOST ? row->boost : row->ask;
}

static void measure(struct row *row, int kind, int workers, int turns, int round)
{
	const struct side *side = &sides[kind][workers - 1];
	const struct question *question = question_for(row, kind);
	double nanoseconds = 0;
	if (!side->process || !question)
		return;
	for (int turn = 0; turn < turns; turn++)
		nanoseconds = ask(side, question->load);
	row->rounds[kind][round] = nanoseconds / question->operations;
}

static void measure_all(int round)
{
	for (int i = 0; i < LIMIT_ROWS; i++)
		measure(&limits[i], LIMITS, 1, 1, round);
	for (int i = 0; i < ROWS; i++)
		for (int kind = WEFT; kind <= TOKIO; kind++)
			measure(&rows[i], kind, rows[i].workers, rows[i].turns, round);
}

static void sort_rounds(struct row *row)
{
	for (int kind = 0; kind < SIDES; kind++)
		rounds_sort(row->rounds[kind], ROUNDS);
}

/* Of rounds that are sorted; 0 when it was not measured. */
static double median(const struct row *row, int kind)
{
	return row->rounds[kind][ROUNDS / 2];
}

/* ---- the table ---- */

/* The smallest of the peers' numbers that are there, or 0. */
static double best_peer(const double *numbers)
{
	double best = 0;
	for (int kind = BOOST; kind <= TOKIO; kind++)
		if (numbers[kind] > 0 && (best == 0 || numbers[kind] < best))
			best = numbers[kind];
	return best;
}

static void print_name(const struct row *row, int kind, const char *suffix)
{
	if (kind != WEFT && kind != LIMITS)
		printf("%s_", side_names[kind]);
	printf("%s%s", row->name, suffix);
}

static void print_missing(const struct row *row, int kind, const char *suffix)
{
	print_name(row, kind, suffix);
	printf("\t-\t-\t-\t-\t-\tnot installed\n");
}

static void print_row(const struct row *row, int kind)
{
	const struct side *side = &sides[kind][row->workers - 1];
	double medians[SIDES], goal = kind == WEFT ? row->goal : 0;
	if (!question_for(row, kind))
		return;
	if (!side->process) {
		print_missing(row, kind, "");
		return;
	}
	for (int i = 0; i < SIDES; i++)
		medians[i] = median(row, i);
	print_name(row, kind, "");
	printf("\t%.2f", medians[kind]);
	if (goal > 0)
		printf("\t%g", goal);
	else
		printf("\t-");
	rounds_print_ratio(medians[kind], goal);
	rounds_print_ratio(medians[kind], median(&limits[row->limit], LIMITS));
	rounds_print_ratio(medians[kind], best_peer(medians));
	printf("\t%s; %s\n", side->what, question_for(row, kind)->note);
}

static void print_rows(void)
{
	puts("name\tnanoseconds\tgoal\tratio_to_goal\tratio_to_limit\tratio_to_"
	     "peer\tnote");
	for (int i = 0; i < ROWS; i++)
		for (int kind = WEFT; kind <= TOKIO; kind++)
			print_row(&rows[i], kind);
}

static void print_limits(void)
{
	for (int i = 0; i < LIMIT_ROWS; i++)
		printf("%s\t%.2f\t-\t-\t-\t-\t%s\n", limits[i].name,
		       median(&limits[i], LIMITS), limits[i].ask->note);
}

/* ---- memory ---- */

#define MEBIBYTE    1048576.0
#define MEMORY_GOAL (10 * MEBIBYTE)

/* Of processes that do nothing else. 0 where it cannot be had. */
static double measure_memory(const struct row *row, int kind)
{
	double most = 0;
	for (int run = 0; run < MEMORY_RUNS && is_installed(kind); run++) {
		struct side side;
		start(&side, kind, row->workers);
		ask(&side, question_for(row, kind)->load);
		double memory = most_memory(&side);
		most = memory > most ? memory : most;
		stop(&side);
	}
	return most;
}

static void print_memory_row(const struct row *row, int kind, const double *bytes)
{
	double goal = kind == WEFT && bytes[kind] > 0 ? MEMORY_GOAL : 0;
	if (!is_installed(kind)) {
		print_missing(row, kind, "_memory");
		return;
	}
	print_name(row, kind, "_memory");
	printf("\t-\t-");
	rounds_print_ratio(bytes[kind], goal);
	printf("\t-");
	rounds_print_ratio(bytes[kind], bytes[kind] > 0 ? best_peer(bytes) : 0);
	printf("\t%s; %s; %.1f MiB at most, all of the process",
	       sides[kind][row->workers - 1].what, question_for(row, kind)->note,
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

/* ---- what is run ---- */

static void each_side(void (*what)(struct side *side, int kind, int workers))
{
	for (int kind = 0; kind < SIDES; kind++)
		for (int workers = 1; workers <= WORKERS; workers++)
			what(&sides[kind][workers - 1], kind, workers);
}

static void stop_side(struct side *side, int kind, int workers)
{
	(void)kind, (void)workers;
	stop(side);
}

int main(int count, char **arguments)
{
	program = count > 0 ? arguments[0] : "";
	signal(SIGPIPE,
	       SIG_IGN); /* a side that ended is noticed when it does not answer */
	each_side(start);
	for (int round = 0; round < ROUNDS; round++)
		measure_all(round);
	for (int i = 0; i < ROWS; i++)
		sort_rounds(&rows[i]);
	for (int i = 0; i < LIMIT_ROWS; i++)
		sort_rounds(&limits[i]);
	print_rows();
	fflush(stdout);
	each_side(stop_side);
	for (int i = 0; i < ROWS; i++)
		if (rows[i].ask == &ask_fork_join)
			print_memory(&rows[i]);
	print_limits();
	return 0;
}
