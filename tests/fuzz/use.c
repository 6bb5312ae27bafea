/* use.c: every command on one trace, and what must hold of its answers. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/commands.h"

#define OUTPUT_MOST (UINT64_C(1) << 26) /* bytes that an answer may take */

int fuzz_code;
bool fuzz_thorough;

void fuzz_fail(const char *format, ...)
{
	va_list arguments;
	fputs("does not hold: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

/* ---- what is printed ---- */

/* How many bytes the character takes, or 0 for one that has no business in an answer. */
static size_t measure(const unsigned char *at, size_t left)
{
	size_t length = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : 4;
	bool control = (*at < ' ' && *at != '\n') || *at == 0x7F ||
		       (*at == 0xC2 && left > 1 && at[1] < 0xA0);
	if (control || (*at >= 0x80 && *at < 0xC2) || *at > 0xF4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (at[i] >> 6 != 2)
			return 0;
	return length;
}

bool fuzz_is_safe(const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	while (at < end) {
		size_t step = measure(at, (size_t)(end - at));
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

void fuzz_demand_line(const char *who, const char *line)
{
	DEMAND(*line && !strchr(line, '\n') && fuzz_is_safe(line, strlen(line)),
	       "%s complains in one safe line: %s", who, line);
}

/* What a command has written. The stream is opened once: an allocation a command would
 * cost more than the command. */
struct output {
	FILE *stream;
	char *text;
	size_t length, room;
};

static struct output output;

static ssize_t keep(void *cookie, const char *bytes, size_t size)
{
	struct output *to = cookie;
	if (to->length + size + 1 > to->room) {
		to->room = 2 * (to->length + size + 1);
		DEMAND(to->room < OUTPUT_MOST, "an answer has no end");
		to->text = realloc(to->text, to->room);
		DEMAND(to->text, "out of memory");
	}
	memcpy(to->text + to->length, bytes, size);
	to->length += size;
	to->text[to->length] = '\0';
	return (ssize_t)size;
}

static FILE *begin(void)
{
	if (!output.stream)
		output.stream = fopencookie(&output, "w",
					    (cookie_io_functions_t){.write = keep});
	DEMAND(output.stream, "out of memory");
	output.length = 0;
	return output.stream;
}

/* The command has returned `code`, which must be one of those in `codes`, a bit each. */
static void end(const char *name, int code, unsigned codes)
{
	fflush(output.stream);
	DEMAND(codes >> code & 1, "%s answers with %d: %.*s", name, code,
	       (int)output.length, output.text);
	DEMAND(output.length > 0, "%s says something", name);
	DEMAND(fuzz_is_safe(output.text, output.length), "%s prints safe text: %.*s",
	       name, (int)output.length, output.text);
}

/* ---- text and file say the same thing ---- */

/* Dumps the open `file`, makes a trace of that, and compares it with the bytes read. */
static void round_trip(const struct trace_file *file)
{
	struct trace_message why = {.text = ""};
	size_t size;
	end("dump", command_dump(file, begin()), 1u << EXIT_HOLDS);
	FILE *text = fmemopen(output.text, output.length, "r");
	DEMAND(text, "out of memory");
	int code = command_undump(text, "again", &why);
	fclose(text);
	DEMAND(code == EXIT_HOLDS, "undump reads what dump has written: %s", why.text);
	const uint8_t *again = memory_read("again", &size);
	DEMAND(size == file->size && memcmp(again, file->map, size) == 0,
	       "undump makes the bytes that dump has read");
}

/* ---- all of them ---- */

static void use_lanes(const struct trace_file *file)
{
	const struct terminal narrow = {.width = 20},
			      wide = {.width = 90, .unicode = true};
	end("lanes", command_lanes(file, &wide, begin()), 1u << EXIT_HOLDS);
	end("lanes --ascii", command_lanes(file, &narrow, begin()), 1u << EXIT_HOLDS);
	for (size_t i = 0; i < output.length; i++)
		DEMAND((unsigned char)output.text[i] < 0x80, "--ascii prints ASCII");
}

/* One rule that looks at every step, one that asks the checker. */
static void use_rules(const struct trace_file *file, int check)
{
	static char *rules[] = {"events.SWITCH >= 1", "holds"};
	const unsigned verdicts =
		1u << EXIT_HOLDS | 1u << EXIT_BROKEN | 1u << EXIT_UNKNOWN;
	end("rules", command_rules(file, rules, 1, begin()), verdicts);
	end("rules", command_rules(file, rules + 1, 1, begin()), 1u << check);
}

static void use_story(const struct trace_file *file)
{
	end("story", command_story(file, 0, begin()), 1u << EXIT_HOLDS);
	end("story --lines 3", command_story(file, 3, begin()), 1u << EXIT_HOLDS);
}

/* A choice that is the same whenever these bytes come again. */
static unsigned choose(const struct trace_file *file)
{
	uint32_t hash = 2166136261u;
	const unsigned char *bytes = file->map;
	for (size_t at = file->size % 61; at < file->size; at += 61)
		hash = (hash ^ bytes[at]) * 16777619u;
	return hash >> 13;
}

/* check always, the others by turns: one command at a time goes four times as far as all
 * of them. A replay asks every one. */
static int use_all(const struct trace_file *file)
{
	int check = command_check(file, begin());
	unsigned turn = choose(file) % 5;
	end("check", check, 1u << EXIT_HOLDS | 1u << EXIT_BROKEN | 1u << EXIT_UNKNOWN);
	if (fuzz_thorough || turn == 0)
		use_story(file);
	if (fuzz_thorough || turn == 1)
		end("facts", command_facts(file, begin()), 1u << EXIT_HOLDS);
	if (fuzz_thorough || turn == 2)
		use_lanes(file);
	if (fuzz_thorough || turn == 3)
		use_rules(file, check);
	if (fuzz_thorough || turn == 4)
		round_trip(file);
	return check;
}

/* Large, and cleared by each opening. */
static struct trace_file file;

int fuzz_use(const char *path)
{
	struct trace_message why = {.text = ""};
	int error = trace_file_open(&file, path, &why);
	if (error) {
		fuzz_demand_line("the reader", why.text);
		DEMAND(error == -EINVAL && strchr(why.text, ';'),
		       "a refusal says what to do: %d, %s", error, why.text);
		return EXIT_UNREADABLE;
	}
	int code = use_all(&file);
	trace_file_close(&file);
	return code;
}

int fuzz_undump(const char *path, const char *text, size_t length)
{
	struct trace_message why = {.text = ""};
	char nothing = '\0';
	FILE *stream = fmemopen(length > 0 ? (void *)text : &nothing,
				length > 0 ? length : 1, "r");
	DEMAND(stream, "out of memory");
	int code = command_undump(stream, path, &why);
	fclose(stream);
	if (code != EXIT_HOLDS) {
		DEMAND(code == EXIT_UNREADABLE, "undump answers with %d", code);
		fuzz_demand_line("undump", why.text);
		return code;
	}
	DEMAND(trace_file_open(&file, path, &why) == 0,
	       "what undump makes can be read: %s", why.text);
	round_trip(&file);
	trace_file_close(&file);
	return code;
}
