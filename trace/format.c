/* format.c: the tables of FORMAT.md, from events.def and the structs of format.h.
 *
 * Offsets and sizes are the compiler's, the vocabulary is that of events.def: a table
 * here cannot say what the code does not do. FORMAT.md has the text around them. */
#include <stddef.h>
#include <string.h>

#include "trace/commands.h"

struct field {
	const char *name;
	size_t offset, size;
	const char *meaning;
};

/* A field's place and size are asked of the compiler. */
#define FIELD(type, member, meaning)                                                   \
	{                                                                              \
#member, offsetof(struct type, member),                                \
			sizeof(((struct type *)0)->member), meaning                    \
	}

static const struct field header_fields[] = {
	FIELD(trace_header, magic,
	      "89 57 46 54 0d 0a 1a 0a; a text-mode copy damages it"),
	FIELD(trace_header, endian_probe, "0x01020304, read as a number"),
	FIELD(trace_header, major, "another one: the file cannot be read"),
	FIELD(trace_header, minor, "a newer one: there may be events to skip"),
	FIELD(trace_header, record_size, "bytes of a record"),
	FIELD(trace_header, segments, "how many segments there are"),
	FIELD(trace_header, ticks_per_second, "measured while the trace was written"),
	FIELD(trace_header, clock,
	      "1: nanoseconds of the monotonic clock; 2: the "
	      "processor's counter"),
	FIELD(trace_header, pid, "the process"),
	FIELD(trace_header, tick0, "the tick that times are counted from"),
	FIELD(trace_header, monotonic_ns0, "the monotonic clock at tick0"),
	FIELD(trace_header, realtime_ns0, "nanoseconds since 1970 at tick0"),
	FIELD(trace_header, schema,
	      "offset and length (4 bytes each) of the event lines"),
	FIELD(trace_header, sites, "offset and length of the table of sites"),
	FIELD(trace_header, strings, "offset and length of the strings"),
	FIELD(trace_header, sites_head, "bytes of sites written"),
	FIELD(trace_header, strings_head, "bytes of strings written"),
	FIELD(trace_header, lost_strings, "strings and sites there was no room for"),
	FIELD(trace_header, workers,
	      "the first so many segments are the workers', in their order; 0: all "
	      "are"),
	FIELD(trace_header, record_picoseconds,
	      "what writing a record costs, in thousandths of a nanosecond; 0: not "
	      "measured"),
	FIELD(trace_header, lost_writers, "threads there was no segment for"),
	FIELD(trace_header, lost_statuses, "STATUS records there was no room for"),
	FIELD(trace_header, unused, "zero"),
	FIELD(trace_header, segment_offset, "where each segment starts; 0: not there"),
	FIELD(trace_header, unused_end, "zero"),
};

static const struct field site_fields[] = {
	FIELD(trace_site_entry, file, "string"),
	FIELD(trace_site_entry, function, "string"),
	FIELD(trace_site_entry, line, "line of the source"),
	FIELD(trace_site_entry, event, "the event it records"),
};

static const struct field segment_fields[] = {
	FIELD(trace_segment_header, magic, "'SEG1'"),
	FIELD(trace_segment_header, index,
	      "its own number; for a worker's, the worker's"),
	FIELD(trace_segment_header, flags,
	      "0: keeps the beginning; 1: a ring, keeps the end"),
	FIELD(trace_segment_header, head, "records written; read no more than these"),
	FIELD(trace_segment_header, dropped, "records there was no room for"),
	FIELD(trace_segment_header, capacity, "records there is room for"),
	FIELD(trace_segment_header, os_thread, "the system's number of the thread"),
	FIELD(trace_segment_header, clean_close,
	      "1: the program closed it; 0: a crash"),
	FIELD(trace_segment_header, claimed, "1: a thread writes it"),
	FIELD(trace_segment_header, role,
	      "0: a worker; 1: a helper thread; 2: a foreign one"),
	FIELD(trace_segment_header, unused, "zero"),
};

static const struct field record_fields[] = {
	FIELD(trace_record, tick, "when"),
	FIELD(trace_record, type, "the event's number; 0: never written"),
	FIELD(trace_record, arg, "a small choice, such as why a fiber leaves"),
	FIELD(trace_record, site, "1 + the index of its site; 0: not known"),
	FIELD(trace_record, fiber, "the fiber this is about"),
	FIELD(trace_record, fiber_sequence, "the number of this record among its own"),
	FIELD(trace_record, peer, "another fiber that has to do with it"),
	FIELD(trace_record, value, "two numbers of 32 bits: high << 32 \\| low"),
};

static const struct {
	const char *name;
	unsigned long long value;
	const char *meaning;
} constants[] = {
	{"TRACE_ENDIAN_PROBE", TRACE_ENDIAN_PROBE, "the header's endian_probe"},
	{"TRACE_MAJOR", TRACE_MAJOR, "the version described here"},
	{"TRACE_MINOR", TRACE_MINOR, "and its minor number"},
	{"TRACE_HEADER_SIZE", TRACE_HEADER_SIZE, "bytes of the file header"},
	{"TRACE_SEGMENT_MAGIC", TRACE_SEGMENT_MAGIC, "the bytes 53 45 47 31, SEG1"},
	{"TRACE_SEGMENTS_MAX", TRACE_SEGMENTS_MAX, "segments of a file, at most"},
	{"TRACE_RING", TRACE_RING, "the flag of a segment that is a ring"},
	{"TRACE_IDLE_FIBERS", TRACE_IDLE_FIBERS,
	 "fibers from here on are workers' own contexts"},
};

static const struct {
	int number;
	const char *name, *module, *fields[5], *sentence;
} events[] = {
#define CHOICE(kind, name, number, text)
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)             \
	{number, #name, module, {arg, fiber, peer, high, low}, sentence},
#include "trace/events.def"
#undef EVENT
#undef CHOICE
};

static const struct {
	const char *kind;
	int number;
	const char *text;
} choices[] = {
#define CHOICE(kind, name, number, text) {#kind, number, text},
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)
#include "trace/events.def"
#undef EVENT
#undef CHOICE
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* One struct: a test demands that its rows leave no byte out. */
static void write_fields(FILE *out, const char *title, const struct field *fields,
			 size_t count)
{
	fprintf(out,
		"\n### %s\n\n| at | bytes | field | what it is "
		"|\n|---:|---:|---|---|\n",
		title);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "| %zu | %zu | %s | %s |\n", fields[i].offset,
			fields[i].size, fields[i].name, fields[i].meaning);
}

/* Large numbers are masks and first values, which people read in hexadecimal. */
static void write_constants(FILE *out)
{
	fputs("### Constants\n\n| name | value | what it is |\n|---|---:|---|\n", out);
	for (size_t i = 0; i < COUNT(constants); i++)
		fprintf(out,
			constants[i].value > 4096 ? "| %s | 0x%08llx | %s |\n"
						  : "| %s | %llu | %s |\n",
			constants[i].name, constants[i].value, constants[i].meaning);
}

static void write_events(FILE *out)
{
	fputs("\n### Events\n\n"
	      "| type | event | module | arg | fiber | peer | value, high | value, low "
	      "| "
	      "what happened |\n|---:|---|---|---|---|---|---|---|---|\n",
	      out);
	for (size_t i = 0; i < COUNT(events); i++) {
		fprintf(out, "| %d | %s | %s |", events[i].number, events[i].name,
			events[i].module);
		for (int place = 0; place < 5; place++) {
			const char *field = events[i].fields[place];
			fprintf(out, *field ? " %s |" : " %s|", field);
		}
		fprintf(out, " %s |\n", events[i].sentence);
	}
}

/* A kind's lines are neighbours in events.def. */
static void write_choices(FILE *out)
{
	for (size_t i = 0; i < COUNT(choices); i++) {
		if (i == 0 || strcmp(choices[i].kind, choices[i - 1].kind) != 0)
			fprintf(out, "\n### Choice: %s\n\n| arg | text |\n|---:|---|\n",
				choices[i].kind);
		fprintf(out, "| %d | %s |\n", choices[i].number, choices[i].text);
	}
}

int command_format(FILE *out)
{
	write_constants(out);
	write_fields(out, "File header", header_fields, COUNT(header_fields));
	write_fields(out, "Site", site_fields, COUNT(site_fields));
	write_fields(out, "Segment header", segment_fields, COUNT(segment_fields));
	write_fields(out, "Record", record_fields, COUNT(record_fields));
	write_events(out);
	write_choices(out);
	return EXIT_HOLDS;
}
