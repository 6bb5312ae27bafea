/* commands.h: what weft-trace can be asked. Each command is one file, and main.c has
 * the table. A command writes its answer to `out` and returns an exit code. */
#ifndef WEFT_TRACE_COMMANDS_H
#define WEFT_TRACE_COMMANDS_H

#include <stdio.h>

#include "trace/reader.h"

enum trace_exit {
	EXIT_HOLDS = 0,      /* done, or every invariant that was judged holds */
	EXIT_BROKEN = 1,     /* an invariant is broken, or a rule is */
	EXIT_USAGE = 2,      /* the words of the command are off */
	EXIT_UNREADABLE = 3, /* the file cannot be read */
	EXIT_UNKNOWN = 4,    /* records were lost: nobody can say */
};

/* How pictures for the terminal are drawn. main.c fills it from the options and the
 * environment: --ascii, --width, --color; LC_ALL, LC_CTYPE, LANG; COLUMNS; NO_COLOR; a
 * tty. */
struct terminal {
	int width; /* columns, at least 20 */
	bool unicode, color;
};

/* Fills all of `terminal` from the environment and standard output, before main.c lets
 * the options have their say. In terminal.c, with the one ioctl. */
void terminal_detect(struct terminal *terminal);

#define CHECK_LINT_MS 100 /* a wait that a person begins to notice */

struct check_options {
	uint64_t lint_ms; /* lint 17 tells of longer waits to run, in milliseconds */
	bool progress;    /* also where standard error is no terminal */
	const char *dot_path;      /* where a graph of each failure goes, or NULL */
	struct trace_message *why; /* beside dot_path: says why it was not written */
};

int command_check(const struct trace_file *file, FILE *out);

/* As command_check, which has no graph and CHECK_LINT_MS. Where nothing fails, an older
 * graph at dot_path is removed. EXIT_UNREADABLE with a line in `why` when the graph cannot
 * be written; the answer in words is complete then. */
int command_check_with(const struct trace_file *file,
		       const struct check_options *options, FILE *out);
int command_dump(const struct trace_file *file, FILE *out);
int command_story(const struct trace_file *file, uint64_t lines, FILE *out);
int command_lanes(const struct trace_file *file, const struct terminal *terminal,
		  FILE *out);
int command_facts(const struct trace_file *file, FILE *out);

/* The value of one of the facts that command_facts prints. -ENOENT, -ENOMEM. */
int facts_value(const struct trace_file *file, const char *name, uint64_t *value);

/* Each rule is one line, as `weft-trace help rules` explains. Prints "holds: rule" or
 * "broken: rule" with the first record that breaks it. EXIT_USAGE with one line for an
 * unknown rule. */
int command_rules(const struct trace_file *file, char *const *rules, size_t count,
		  FILE *out);

/* The forms of a rule, with what each asks: a static text of several lines. */
const char *rules_help(void);

/* Makes the trace `path` from the text that command_dump writes. One line in `why` on
 * failure, with the number of the bad line. */
int command_undump(FILE *text, const char *path, struct trace_message *why);

/* The generated part of FORMAT.md: the tables of events and choices, from events.def.
 */
int command_format(FILE *out);

#endif
