#include "trace/output.h"

#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/system.h"
#include "weft.h"

static int fail(const struct output *output, int error, struct trace_message *why)
{
	snprintf(why->text, sizeof why->text, "cannot write %.200s: %s; %s",
		 output->path, weft_strerror(error),
		 error == -ENOMEM ? "free some memory"
				  : "choose a path with room that you can write");
	return error;
}

/* Follows symbolic links, so that a link stays one and leads to the new file. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL);
	return real ? real : strdup(path);
}

static bool is_same(const struct stat *status, const char *input)
{
	struct stat other;
	return stat(input, &other) == 0 && status->st_dev == other.st_dev &&
	       status->st_ino == other.st_ino;
}

/* The temporary file has the process's number in its name: two exports at once do not
 * meet. One that is there already was left by a process that is gone. */
static int create(struct output *output)
{
	size_t size = strlen(output->target) + sizeof ".partial-4294967295";
	output->temporary = malloc(size);
	if (!output->temporary)
		return -ENOMEM;
	snprintf(output->temporary, size, "%s.partial-%" PRIu32, output->target,
		 system_process_id());
	(void)system_remove(output->temporary);
	return system_create(output->temporary);
}

static void release(struct output *output)
{
	free(output->target);
	free(output->temporary);
}

int output_open(struct output *output, const char *path, const char *input,
		struct trace_message *why)
{
	struct stat status;
	bool there = stat(path, &status) == 0;
	*output = (struct output){.path = path};
	if (there && is_same(&status, input)) {
		snprintf(why->text, sizeof why->text,
			 "%.200s is the trace itself; give another path to write to",
			 path);
		return -EINVAL;
	}
	output->target = resolve(path);
	if (!output->target)
		return fail(output, -ENOMEM, why);
	bool direct = there && !S_ISREG(status.st_mode);
	output->fd = direct ? system_open_to_write(path) : create(output);
	if (output->fd >= 0)
		return 0;
	release(output);
	return fail(output, output->fd, why);
}

static void flush(struct output *output)
{
	if (!output->error)
		output->error =
			system_write_all(output->fd, output->buffer, output->used);
	output->used = 0;
}

void output_write(struct output *output, const void *data, size_t size)
{
	const char *at = data;
	while (size > 0) {
		size_t room = sizeof output->buffer - output->used;
		size_t part = size < room ? size : room;
		memcpy(output->buffer + output->used, at, part);
		output->used += part;
		at += part;
		size -= part;
		if (output->used == sizeof output->buffer)
			flush(output);
	}
}

void output_print(struct output *output, const char *format, ...)
{
	char line[OUTPUT_LINE];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	weft_assert(length >= 0 && (size_t)length < sizeof line);
	output_write(output, line, (size_t)length);
}

int output_finish(struct output *output, int error, struct trace_message *why)
{
	flush(output);
	error = error ? error : output->error;
	int close_error = system_close(output->fd);
	error = error ? error : close_error;
	if (!error && output->temporary)
		error = system_rename(output->temporary, output->target);
	if (error && output->temporary)
		(void)system_remove(output->temporary);
	release(output);
	return error ? fail(output, error, why) : 0;
}
