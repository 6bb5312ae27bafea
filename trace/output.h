/* output.h: a file that is whole or not there.
 *
 * What is written goes to a temporary file beside `path`, which takes that name at the
 * end, in one step. So a full disk, an error or a second reader never meets half a
 * file. Where `path` is no regular file, such as a pipe or a device, its name cannot be
 * taken, and it is written directly.
 *
 * After the first error nothing more is written, and output_finish returns that error:
 * a caller need not look at each write. */
#ifndef WEFT_TRACE_OUTPUT_H
#define WEFT_TRACE_OUTPUT_H

#include <stdarg.h>
#include <stddef.h>

#include "trace/trace.h"

#define OUTPUT_BUFFER 65536u
#define OUTPUT_LINE   4096u /* bytes that one output_print can write */

struct output {
	const char *path; /* the caller's: for messages */
	char *target;     /* where `path` leads, behind symbolic links */
	char *temporary;  /* NULL: the target is written directly */
	int fd, error;
	size_t used;
	char buffer[OUTPUT_BUFFER];
};

/* Starts the file `path`, which may not be the file `input`. On failure `why` holds one
 * line, and there is nothing to finish. */
int output_open(struct output *output, const char *path, const char *input,
		struct trace_message *why);

void output_write(struct output *output, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void output_print(struct output *output,
							const char *format, ...);

/* Gives the file its name, or removes it where `error` or an error of its own says that
 * it is not whole. Returns 0, or the error with one line in `why`. */
int output_finish(struct output *output, int error, struct trace_message *why);

#endif
