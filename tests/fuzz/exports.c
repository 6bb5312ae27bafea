/* exports.c: what the exports write, read again. The files that output.h makes are kept in
 * memory; the linker puts these functions in the place of those in output.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/commands.h"
#include "trace/output.h"

#define FXT_MAGIC UINT64_C(0x0016547846040010)

int __wrap_output_open(struct output *output, const char *path, const char *input,
		       struct trace_message *why);
void __wrap_output_write(struct output *output, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void __wrap_output_print(struct output *output,
							       const char *format, ...);
int __wrap_output_finish(struct output *output, int error, struct trace_message *why);

static struct {
	char *bytes;
	size_t size, room;
} file;

int __wrap_output_open(struct output *output, const char *path, const char *input,
		       struct trace_message *why)
{
	(void)output, (void)path, (void)input, (void)why;
	file.size = 0;
	return 0;
}

void __wrap_output_write(struct output *output, const void *data, size_t size)
{
	(void)output;
	if (file.size + size + 1 > file.room) {
		file.room = 2 * (file.size + size + 1);
		DEMAND(file.room < FUZZ_OUTPUT_MOST, "an export has no end");
		file.bytes = realloc(file.bytes, file.room);
		DEMAND(file.bytes, "out of memory");
	}
	memcpy(file.bytes + file.size, data, size);
	file.size += size;
	file.bytes[file.size] = '\0';
}

void __wrap_output_print(struct output *output, const char *format, ...)
{
	char line[OUTPUT_LINE];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	DEMAND(length >= 0 && (size_t)length < sizeof line, "a print of %d bytes",
	       length);
	__wrap_output_write(output, line, (size_t)length);
}

int __wrap_output_finish(struct output *output, int error, struct trace_message *why)
{
	(void)output;
	if (error)
		snprintf(why->text, sizeof why->text, "error %d", error);
	return error;
}

/* ---- Fuchsia's format: records of whole words, whose first says how many ---- */

static void check_fxt(void)
{
	size_t words = file.size / 8, records = 0;
	DEMAND(file.size % 8 == 0, "an fxt file of %zu bytes", file.size);
	for (size_t at = 0; at < words; records++) {
		uint64_t head;
		memcpy(&head, file.bytes + 8 * at, sizeof head);
		uint64_t length = head >> 4 & 0xFFF;
		DEMAND(records > 0 || head == FXT_MAGIC, "an fxt file has its magic");
		DEMAND(length > 0 && length <= words - at,
		       "fxt record %zu has %d words of %zu", records, (int)length,
		       words - at);
		at += length;
	}
	DEMAND(records > 0, "an fxt file is not empty");
}

/* ---- JSON ---- */

#define DEPTH_MOST 32

static const char *skip_value(const char *at, int depth);

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at)
{
	DEMAND(*at == '"', "JSON: a string is expected at %.40s", at);
	for (at++; *at != '"'; at++) {
		DEMAND((unsigned char)*at >= ' ', "JSON: a string ends at %.40s", at);
		if (*at == '\\') {
			at++;
			DEMAND(*at && strchr("\"\\/bfnrtu", *at), "JSON: \\%c", *at);
			DEMAND(*at != 'u' || strspn(at + 1, "0123456789abcdef") >= 4,
			       "JSON: \\%.5s", at);
		}
	}
	return at + 1;
}

static const char *skip_number(const char *at)
{
	const char *digits = at + (*at == '-');
	size_t count = strspn(digits, "0123456789");
	DEMAND(count > 0 && (count == 1 || *digits != '0'), "JSON: no value at %.40s",
	       at);
	digits += count;
	if (*digits != '.')
		return digits;
	count = strspn(digits + 1, "0123456789");
	DEMAND(count > 0, "JSON: no fraction at %.40s", at);
	return digits + 1 + count;
}

/* The members of an object, or the elements of an array; `at` is behind its bracket. */
static const char *skip_members(const char *at, char end, int depth)
{
	at = skip_blanks(at);
	while (*at != end) {
		if (end == '}') {
			at = skip_blanks(skip_string(at));
			DEMAND(*at == ':', "JSON: no colon at %.40s", at);
			at++;
		}
		at = skip_blanks(skip_value(at, depth + 1));
		DEMAND(*at == ',' || *at == end, "JSON: no comma at %.40s", at);
		if (*at == ',') {
			at = skip_blanks(at + 1);
			DEMAND(*at != end, "JSON: nothing follows a comma at %.40s",
			       at);
		}
	}
	return at + 1;
}

static const char *skip_value(const char *at, int depth)
{
	DEMAND(depth < DEPTH_MOST, "JSON: too deep");
	at = skip_blanks(at);
	if (*at == '{')
		return skip_members(at + 1, '}', depth);
	if (*at == '[')
		return skip_members(at + 1, ']', depth);
	if (*at == '"')
		return skip_string(at);
	if (strncmp(at, "true", 4) == 0 || strncmp(at, "null", 4) == 0)
		return at + 4;
	return strncmp(at, "false", 5) == 0 ? at + 5 : skip_number(at);
}

void fuzz_exports(const struct trace_file *trace)
{
	struct trace_message why = {.text = ""};
	int code = command_fxt(trace, "out.fxt", &why);
	DEMAND(code == EXIT_HOLDS, "fxt answers with %d: %s", code, why.text);
	check_fxt();
	code = command_json(trace, "out.json", &why);
	DEMAND(code == EXIT_HOLDS, "json answers with %d: %s", code, why.text);
	DEMAND(fuzz_is_safe(file.bytes, file.size), "json writes safe text");
	DEMAND(*skip_blanks(skip_value(file.bytes, 0)) == '\0', "json is one value");
}
