/* rounds.h: what the benchmarks do with the rounds that their rows were measured in. */
#ifndef WEFT_TESTS_BENCH_ROUNDS_H
#define WEFT_TESTS_BENCH_ROUNDS_H

#include <stdio.h>
#include <stdlib.h>

static inline int rounds_compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

/* Sorts the rounds: the one in the middle is the median. */
static inline void rounds_sort(double *rounds, size_t count)
{
	qsort(rounds, count, sizeof *rounds, rounds_compare);
}

/* A column more: the ratio, or a dash where there is nothing to compare with. */
static inline void rounds_print_ratio(double value, double base)
{
	if (base > 0)
		printf("\t%.3f", value / base);
	else
		printf("\t-");
}

#endif
