/* sides.h: measures programs beside each other, Weft, its peers and the limits of the machine.
 *
 * Each side is a program of its own, see side.h, that stays while all are measured and waits
 * without work while another is. In a round each side runs each load, one after the other, so
 * that a change of clock rate or a busy neighbour meets all of them; each row's number is the
 * median of its rounds. A turn of a short load runs it several times and counts the last: the
 * others back the stacks with memory and bring them near again.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. ratio_to_limit
 * is to the limit of the row's kind, ratio_to_peer to the fastest peer in the same row. */
#ifndef WEFT_BENCH_SIDES_H
#define WEFT_BENCH_SIDES_H

#include <stdio.h>
#include <sys/types.h>

enum {
	SIDES_MAX = 5,
	SIDE_WORKERS = 2, /* at most */
	SIDE_ROUNDS = 9,  /* odd: the median is one of them */
	SIDE_TEXT = 160,
};

struct side {
	pid_t process; /* 0: it is not installed */
	FILE *questions, *answers;
	char what[SIDE_TEXT]; /* it says it is */
};

struct question {
	const char *load; /* as a side understands it */
	double operations;
	const char *note;
};

struct row {
	const char *name;
	const struct question *ask[SIDES_MAX]; /* of each side; NULL: not of this one */
	int workers;
	int turns;   /* in a round; the last is counted */
	double goal; /* nanoseconds; 0: none */
	int limit;   /* which of the limits' rows it is compared with; -1: none */
	double rounds[SIDES_MAX]
		     [SIDE_ROUNDS]; /* an operation; sorted by sides_measure */
};

/* Filled in by its owner, but for the last. */
struct sides {
	const char *program; /* what begins the names of all programs */
	int kinds;           /* of sides: the first is Weft, the last the limits */
	const char *const *names;
	struct row *rows, *limits;
	int row_count, limit_count;
	struct side side[SIDES_MAX][SIDE_WORKERS]; /* the second index: workers - 1 */
};

void sides_start(struct sides *sides);
void sides_stop(struct sides *sides);

/* All rows, round by round. */
void sides_measure(struct sides *sides);

void sides_print_rows(const struct sides *sides);
void sides_print_limits(const struct sides *sides);

/* ---- for tables of another shape ---- */

int side_is_installed(const struct sides *sides, int kind);
void side_start(const struct sides *sides, struct side *side, int kind, int workers);
void side_stop(struct side *side);

/* Nanoseconds, as it says. */
double side_ask(const struct side *side, const char *load);

/* The smallest of the peers' numbers that are there, or 0. */
double sides_best_peer(const struct sides *sides, const double *numbers);

void sides_print_name(const struct sides *sides, const struct row *row, int kind,
		      const char *suffix);
void sides_print_missing(const struct sides *sides, const struct row *row, int kind,
			 const char *suffix);

#endif
