/* scenarios.h: what a program does with a runtime, from weft_init to weft_deinit, in small.
 *
 * A scenario goes on to its end whatever fails, and looks at each result: one that is wrong, or an
 * error that weft.h does not promise, ends the process with a line that says what the plan was. It
 * leaves nothing behind. Before it ends its runtime, it sees that this still works. */
#ifndef WEFT_TESTS_FAULTS_SCENARIOS_H
#define WEFT_TESTS_FAULTS_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario {
	const char *name;
	/* Returns 0, or the first error that a call of Weft's has answered. */
	int (*run)(uint32_t workers);
	/* The errors that it may return when something was told; 0: no more. */
	int errors[8];
	bool watches_clock; /* reads it in a loop until some time has passed */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/* Without faults: a runtime begins, works and ends. */
void scenario_check(void);

/* Whether nothing fails in weft_init, so that a storm finds more than beginnings. */
void scenario_spare_init(bool spare);

/* Where complaints go from now on: a copy of descriptor 2, which some scenarios change. */
void scenario_begin(const char *name, uint32_t workers);

/* Ends the process with one line: what was wrong, in which scenario, under which plan. */
_Noreturn void scenario_wrong(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* For a signal handler: as scenario_wrong. */
_Noreturn void scenario_hangs(void);

#endif
