#include "tests/bench/sides.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/rounds.h"

enum { PATIENCE = 60000 }; /* milliseconds for an answer */

static void end(const char *what, const char *which)
{
	fprintf(stderr, "bench: %s%s\n", what, which);
	exit(1);
}

/* ---- one side ---- */

static void path_of(const struct sides *sides, int kind, char *path, size_t size)
{
	snprintf(path, size, "%s-%s", sides->program, sides->names[kind]);
}

static void be_side(const struct sides *sides, int kind, int workers,
		    const int questions[2], const int answers[2])
{
	char path[4096], number[16];
	path_of(sides, kind, path, sizeof path);
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

/* Its answer, without the newline. text: SIDE_TEXT bytes. */
static void hear(const struct side *side, char *text)
{
	struct pollfd ready = {.fd = fileno(side->answers), .events = POLLIN};
	if (poll(&ready, 1, PATIENCE) != 1)
		end("no answer for a minute from: ", side->what);
	if (!fgets(text, SIDE_TEXT, side->answers))
		end("it ended: ", side->what);
	text[strcspn(text, "\n")] = 0;
}

int side_is_installed(const struct sides *sides, int kind)
{
	char path[4096];
	path_of(sides, kind, path, sizeof path);
	return access(path, X_OK) == 0;
}

/* The descriptors of the sides before it are not for it: each has to see its input end. */
static void close_on_exec(FILE *file)
{
	fcntl(fileno(file), F_SETFD, FD_CLOEXEC);
}

void side_start(const struct sides *sides, struct side *side, int kind, int workers)
{
	int questions[2], answers[2];
	side->process = 0;
	snprintf(side->what, sizeof side->what, "%s", sides->names[kind]);
	if (!side_is_installed(sides, kind))
		return;
	if (pipe(questions) != 0 || pipe(answers) != 0)
		end("no pipe for: ", side->what);
	side->process = fork();
	if (side->process < 0)
		end("no process for: ", side->what);
	if (side->process == 0)
		be_side(sides, kind, workers, questions, answers);
	close(questions[0]);
	close(answers[1]);
	side->questions = fdopen(questions[1], "w");
	side->answers = fdopen(answers[0], "r");
	close_on_exec(side->questions);
	close_on_exec(side->answers);
	hear(side, side->what);
}

void side_stop(struct side *side)
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

double side_ask(const struct side *side, const char *load)
{
	char text[SIDE_TEXT], *rest;
	fprintf(side->questions, "%s\n", load);
	fflush(side->questions);
	hear(side, text);
	double nanoseconds = strtod(text, &rest);
	if (rest == text)
		end("no number from: ", side->what);
	return nanoseconds;
}

/* ---- all of them ---- */

void sides_start(struct sides *sides)
{
	signal(SIGPIPE,
	       SIG_IGN); /* a side that ended is noticed when it does not answer */
	for (int kind = 0; kind < sides->kinds; kind++)
		for (int workers = 1; workers <= SIDE_WORKERS; workers++)
			side_start(sides, &sides->side[kind][workers - 1], kind,
				   workers);
}

void sides_stop(struct sides *sides)
{
	for (int kind = 0; kind < sides->kinds; kind++)
		for (int workers = 1; workers <= SIDE_WORKERS; workers++)
			side_stop(&sides->side[kind][workers - 1]);
}

/* ---- measuring ---- */

static void measure(const struct sides *sides, struct row *row, int kind, int round)
{
	const struct side *side = &sides->side[kind][row->workers - 1];
	const struct question *question = row->ask[kind];
	double nanoseconds = 0;
	if (!side->process || !question)
		return;
	for (int turn = 0; turn < row->turns; turn++)
		nanoseconds = side_ask(side, question->load);
	row->rounds[kind][round] = nanoseconds / question->operations;
}

static void each_row(const struct sides *sides, struct row *rows, int count, int round)
{
	for (int i = 0; i < count; i++)
		for (int kind = 0; kind < sides->kinds; kind++)
			measure(sides, &rows[i], kind, round);
}

static void sort_rows(const struct sides *sides, struct row *rows, int count)
{
	for (int i = 0; i < count; i++)
		for (int kind = 0; kind < sides->kinds; kind++)
			rounds_sort(rows[i].rounds[kind], SIDE_ROUNDS);
}

void sides_measure(struct sides *sides)
{
	for (int round = 0; round < SIDE_ROUNDS; round++) {
		each_row(sides, sides->limits, sides->limit_count, round);
		each_row(sides, sides->rows, sides->row_count, round);
	}
	sort_rows(sides, sides->limits, sides->limit_count);
	sort_rows(sides, sides->rows, sides->row_count);
}

/* Of rounds that are sorted; 0 when it was not measured. */
static double median(const struct row *row, int kind)
{
	return row->rounds[kind][SIDE_ROUNDS / 2];
}

/* ---- the table ---- */

double sides_best_peer(const struct sides *sides, const double *numbers)
{
	double best = 0;
	for (int kind = 1; kind < sides->kinds - 1; kind++)
		if (numbers[kind] > 0 && (best == 0 || numbers[kind] < best))
			best = numbers[kind];
	return best;
}

void sides_print_name(const struct sides *sides, const struct row *row, int kind,
		      const char *suffix)
{
	if (kind != 0 && kind != sides->kinds - 1)
		printf("%s_", sides->names[kind]);
	printf("%s%s", row->name, suffix);
}

void sides_print_missing(const struct sides *sides, const struct row *row, int kind,
			 const char *suffix)
{
	sides_print_name(sides, row, kind, suffix);
	printf("\t-\t-\t-\t-\t-\tnot installed\n");
}

static double limit_of(const struct sides *sides, const struct row *row)
{
	if (row->limit < 0)
		return 0;
	return median(&sides->limits[row->limit], sides->kinds - 1);
}

static void print_numbers(const struct sides *sides, const struct row *row, int kind)
{
	double medians[SIDES_MAX], goal = kind == 0 ? row->goal : 0;
	for (int i = 0; i < sides->kinds; i++)
		medians[i] = median(row, i);
	sides_print_name(sides, row, kind, "");
	printf("\t%.2f", medians[kind]);
	if (goal > 0)
		printf("\t%.12g", goal);
	else
		printf("\t-");
	rounds_print_ratio(medians[kind], goal);
	rounds_print_ratio(medians[kind], limit_of(sides, row));
	rounds_print_ratio(medians[kind], sides_best_peer(sides, medians));
	printf("\t%s; %s\n", sides->side[kind][row->workers - 1].what,
	       row->ask[kind]->note);
}

static void print_row(const struct sides *sides, const struct row *row, int kind)
{
	if (!row->ask[kind])
		return;
	if (sides->side[kind][row->workers - 1].process)
		print_numbers(sides, row, kind);
	else
		sides_print_missing(sides, row, kind, "");
}

void sides_print_rows(const struct sides *sides)
{
	puts("name\tnanoseconds\tgoal\tratio_to_goal\tratio_to_limit\tratio_to_"
	     "peer\tnote");
	for (int i = 0; i < sides->row_count; i++)
		for (int kind = 0; kind < sides->kinds - 1; kind++)
			print_row(sides, &sides->rows[i], kind);
}

void sides_print_limits(const struct sides *sides)
{
	int kind = sides->kinds - 1;
	for (int i = 0; i < sides->limit_count; i++)
		printf("%s\t%.2f\t-\t-\t-\t-\t%s\n", sides->limits[i].name,
		       median(&sides->limits[i], kind),
		       sides->limits[i].ask[kind]->note);
}
