/* support.h: files and answers for the tests of the reading half. Each test has a
 * directory of its own: give make_directory and remove_directory to its suite as .init
 * and .fini. */
#ifndef WEFT_TESTS_TRACE_SUPPORT_H
#define WEFT_TESTS_TRACE_SUPPORT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/reader.h"
#include "trace/trace.h"

void make_directory(void);
void remove_directory(void);

/* The path of `name` in the test's directory; one of a few static buffers. */
const char *in_directory(const char *name);

/* A file's bytes, the caller's to free, with a NUL behind them. */
char *read_whole(const char *path, size_t *size);
void write_whole(const char *path, const void *data, size_t size);

/* Makes the trace `path` of `text`, to which the first line is added. */
void undump(const char *text, const char *path);

struct answer {
	int code;
	char *text; /* the caller's to free */
};

/* What a command says of the trace `path`, which must be sound. */
typedef int command_function(const struct trace_file *file, FILE *out);
struct answer ask(command_function *command, const char *path);

/* What check says of the trace that `text` makes. */
struct answer check_text(const char *text);

/* As check_text, as `options` say. */
struct answer check_with(const char *text, const struct check_options *options);

/* The answer has that code and those words; frees it. */
void expect_words(struct answer answer, int code, const char *words);

/* The trace of `text` holds, and check says those words. */
void expect_good(const char *text, const char *words);

/* It breaks that invariant and no other. */
void expect_broken(const char *text, unsigned number, const char *words);

/* Makes text of the trace and a trace of the text, and demands the very same bytes. */
void expect_round_trip(const char *path);

#endif
