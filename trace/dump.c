#include "trace/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "weft.h"

struct dump {
	const struct trace_file *file;
	FILE *out;
	struct fiber_table last;      /* for dump_expect */
	const char *unquoted[PLACES]; /* strings that this line has as numbers */
	size_t unquoted_count;
};

static uint64_t round_up(uint64_t offset)
{
	return (offset + 63) / 64 * 64;
}

/* ---- sequences, for both directions ---- */

static int last_of(struct fiber_table *last, uint32_t fiber, uint32_t **number)
{
	uint32_t index = fiber_table_index(last, fiber);
	if (index == FIBER_NONE)
		return -ENOMEM;
	*number = fiber_table_at(last, index);
	return 0;
}

int dump_expect(struct fiber_table *last, const struct schema_event *event,
		const struct trace_record *record, uint32_t *sequence,
		uint32_t *peer_sequence)
{
	uint32_t *number;
	*sequence = *peer_sequence = 0;
	if (record->fiber != 0) {
		if (last_of(last, record->fiber, &number) < 0)
			return -ENOMEM;
		*sequence = *number + 1;
	}
	if (schema_peer_sequence(event) == PLACES || record->peer == 0)
		return 0;
	*peer_sequence = *sequence;
	if (record->peer == record->fiber)
		return 0;
	if (last_of(last, record->peer, &number) < 0)
		return -ENOMEM;
	*peer_sequence = *number + 1;
	return 0;
}

int dump_note(struct fiber_table *last, const struct schema_event *event,
	      const struct trace_record *record)
{
	uint32_t *number;
	enum schema_place place = schema_peer_sequence(event);
	if (record->fiber != 0) {
		if (last_of(last, record->fiber, &number) < 0)
			return -ENOMEM;
		*number = record->fiber_sequence;
	}
	if (place == PLACES || record->peer == 0 || record->peer == record->fiber)
		return 0;
	if (last_of(last, record->peer, &number) < 0)
		return -ENOMEM;
	*number = (uint32_t)schema_value(event, place, record);
	return 0;
}

/* ---- words ---- */

/* Nothing but visible ASCII comes out, whatever the trace holds. */
static void quote(FILE *out, const char *text, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\t')
			fprintf(out, "\\t");
		else if (c == '\n')
			fprintf(out, "\\n");
		else if (c < ' ' || c > '~')
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* A string is written as text only if the same text leads back to this id: the first of
 * that text that starts where the one before it ends. */
static bool is_first(const struct trace_file *file, uint64_t id)
{
	const char *text = trace_file_string(file, id);
	uint64_t other = 0;
	while (other < id && strcmp(trace_file_string(file, other), text) != 0)
		other += strlen(trace_file_string(file, other)) + 1;
	return other == id;
}

static void put_string(struct dump *dump, const char *name, uint64_t id)
{
	const char *text = trace_file_string(dump->file, id);
	fprintf(dump->out, " %s=", name);
	if (id < dump->file->strings_size && is_first(dump->file, id)) {
		quote(dump->out, text, strlen(text));
	} else {
		fprintf(dump->out, "%" PRIu64, id);
		dump->unquoted[dump->unquoted_count++] = text;
	}
}

/* Ends a line, with a comment that says what its numbers of strings mean. */
static void end_line(struct dump *dump)
{
	for (size_t i = 0; i < dump->unquoted_count; i++) {
		fprintf(dump->out, i == 0 ? " # " : " ");
		quote(dump->out, dump->unquoted[i], strlen(dump->unquoted[i]));
	}
	dump->unquoted_count = 0;
	fprintf(dump->out, "\n");
}

/* " name=value", or nothing where the value is what is assumed without it. */
static void put(const struct dump *dump, const char *name, uint64_t value,
		uint64_t usual)
{
	if (value != usual)
		fprintf(dump->out, " %s=%" PRIu64, name, value);
}

/* ---- what is not a record ---- */

static void put_header(const struct dump *dump)
{
	const struct trace_header *header = dump->file->header;
	fprintf(dump->out, "header");
	put(dump, "minor", header->minor, TRACE_MINOR);
	put(dump, "ticks_per_second", header->ticks_per_second, 1000000000u);
	put(dump, "clock", header->clock, TRACE_CLOCK_MONOTONIC);
	put(dump, "pid", header->pid, 0);
	put(dump, "tick0", header->tick0, 0);
	put(dump, "monotonic_ns0", header->monotonic_ns0, 0);
	put(dump, "realtime_ns0", header->realtime_ns0, 0);
	put(dump, "lost_strings", load_relaxed(&header->lost_strings), 0);
	put(dump, "workers", header->workers, header->minor ? header->segments : 0);
	put(dump, "record_picoseconds", header->record_picoseconds, 0);
	put(dump, "lost_writers", load_relaxed(&header->lost_writers), 0);
	put(dump, "lost_statuses", load_relaxed(&header->lost_statuses), 0);
	fprintf(dump->out, "\n");
}

static const char *text_at(const struct dump *dump, uint64_t offset)
{
	return (const char *)dump->file->map + offset;
}

static bool is_this_builds(const char *schema, size_t size)
{
	if (size != trace_schema_size())
		return false;
	for (const char *const *line = trace_schema; *line; line++) {
		size_t length = strlen(*line);
		if (memcmp(schema, *line, length) != 0)
			return false;
		schema += length;
	}
	return true;
}

/* The schema, a line each, unless it is this build's. */
static void put_schema(const struct dump *dump)
{
	const struct trace_region *region = &dump->file->header->schema;
	const char *line = text_at(dump, region->offset), *end = line + region->length;
	if (is_this_builds(line, region->length))
		return;
	while (line < end) { /* the reader has seen that each line has an end */
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		fprintf(dump->out, "schema ");
		quote(dump->out, line, (size_t)(newline - line));
		fprintf(dump->out, "\n");
		line = newline + 1;
	}
}

static void put_region(const struct dump *dump, const char *name,
		       struct trace_region region, uint64_t usual_offset,
		       uint64_t usual_size)
{
	if (region.offset == usual_offset && region.length == usual_size)
		return;
	fprintf(dump->out, "region %s", name);
	put(dump, "offset", region.offset, usual_offset);
	put(dump, "size", region.length, usual_size);
	fprintf(dump->out, "\n");
}

/* Returns where the first segment is expected. */
static uint64_t put_regions(const struct dump *dump)
{
	const struct trace_header *header = dump->file->header;
	uint64_t end = TRACE_HEADER_SIZE;
	put_region(dump, "schema", header->schema, end, header->schema.length);
	end = round_up(header->schema.offset + (uint64_t)header->schema.length);
	put_region(dump, "sites", header->sites, end, DUMP_SITES_SIZE);
	end = round_up(header->sites.offset + (uint64_t)header->sites.length);
	put_region(dump, "strings", header->strings, end, DUMP_STRINGS_SIZE);
	return round_up(header->strings.offset + (uint64_t)header->strings.length);
}

/* All strings in their order, so that undump finds each at its id again. */
static void put_strings(const struct dump *dump)
{
	for (uint64_t id = 1; id < dump->file->strings_size;) {
		const char *text = trace_file_string(dump->file, id);
		fprintf(dump->out, "string ");
		quote(dump->out, text, strlen(text));
		fprintf(dump->out, "\n");
		id += strlen(text) + 1;
	}
}

static void put_event(const struct dump *dump, uint32_t type)
{
	if (type < 256 && dump->file->schema.events[type].known)
		fprintf(dump->out, "%s", dump->file->schema.events[type].name);
	else
		fprintf(dump->out, "type-%u", (unsigned)type);
}

static void put_sites(struct dump *dump)
{
	const void *start = text_at(dump, dump->file->header->sites.offset);
	const struct trace_site_entry *site = start;
	for (uint64_t i = 0; i < dump->file->sites; i++, site++) {
		fprintf(dump->out, "site event=");
		put_event(dump, site->event);
		put_string(dump, "file", site->file);
		put(dump, "line", site->line, 0);
		put_string(dump, "function", site->function);
		end_line(dump);
	}
}

/* `end` is where the part before the first segment ends. */
static void put_segments(const struct dump *dump, uint64_t end)
{
	for (uint32_t i = 0; i < trace_file_segments(dump->file); i++) {
		const struct trace_segment_header *segment =
			trace_file_segment(dump->file, i);
		uint64_t offset = dump->file->header->segment_offset[i];
		uint64_t records = dump->file->heads[i],
			 ring = segment->flags & TRACE_RING;
		/* Relaxed, both: the file is in memory and changes no more. */
		uint64_t head = load_relaxed(&segment->head);
		uint64_t claimed = load_relaxed(&segment->claimed);
		fprintf(dump->out, "segment %u", (unsigned)i);
		put(dump, "offset", offset, round_up(end));
		put(dump, "ring", ring, 0);
		put(dump, "capacity", segment->capacity, records + ring);
		put(dump, "head", head, records);
		put(dump, "os_thread", segment->os_thread, 0);
		put(dump, "claimed", claimed, 1);
		put(dump, "role", segment->role, 0);
		put(dump, "clean_close", segment->clean_close, 1);
		put(dump, "dropped", load_relaxed(&segment->dropped), 0);
		fprintf(dump->out, "\n");
		end = offset + sizeof *segment +
		      segment->capacity * sizeof(struct trace_record);
	}
	if (dump->file->size != end)
		fprintf(dump->out, "file size=%" PRIu64 "\n", dump->file->size);
}

/* ---- records ---- */

static bool is_word(const char *text)
{
	size_t letters =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	return letters > 0 && text[letters] == '\0';
}

static void put_choice(const struct dump *dump, const char *text)
{
	if (is_word(text))
		fprintf(dump->out, "%s", text);
	else
		quote(dump->out, text, strlen(text));
}

/* A field by its name, with a choice or a string spelled out. */
static void put_field(struct dump *dump, const struct schema_field *field,
		      uint64_t value, uint64_t usual)
{
	const struct schema *schema = &dump->file->schema;
	const char *choice =
		value > 255 ? NULL
			    : schema_choice_text(schema, field->type, (uint8_t)value);
	if (value == usual)
		return;
	if (strcmp(field->type, "string") == 0) {
		put_string(dump, field->name, value);
	} else if (choice) {
		fprintf(dump->out, " %s=", field->name);
		put_choice(dump, choice);
	} else {
		put(dump, field->name, value, usual);
	}
}

/* One record; what has the value that undump would give it is left out. */
static int put_record(struct dump *dump, const struct trace_step *step)
{
	static const struct schema_field unnamed[PLACES] = {{".arg", ""},
							    {".fiber", ""},
							    {".peer", ""},
							    {".high", ""},
							    {".low", ""}};
	const struct trace_record *record = step->record;
	const struct schema_event *event = &dump->file->schema.events[record->type];
	enum schema_place numbered = schema_peer_sequence(event);
	uint32_t sequence, peer_sequence;
	int error = dump_expect(&dump->last, event, record, &sequence, &peer_sequence);
	if (error)
		return error;
	fprintf(dump->out, "%u %" PRIu64 " ", (unsigned)step->worker, record->tick);
	put_event(dump, record->type);
	put(dump, ".site", record->site, 0);
	put(dump, ".sequence", record->fiber_sequence, sequence);
	for (int place = 0; place < PLACES; place++) {
		const struct schema_field *field = &event->fields[place];
		if (place == PLACE_HIGH && schema_is_wide(event))
			continue;
		put_field(dump, field->name[0] ? field : &unnamed[place],
			  schema_value(event, (enum schema_place)place, record),
			  place == (int)numbered ? peer_sequence : 0);
	}
	end_line(dump);
	return dump_note(&dump->last, event, record);
}

static int put_records(struct dump *dump)
{
	struct trace_merge *merge;
	struct trace_step step;
	int error = trace_merge_open(&merge, dump->file);
	if (error)
		return error;
	while (!error && trace_merge_next(merge, &step))
		error = put_record(dump, &step);
	if (!error)
		error = trace_merge_error(merge);
	trace_merge_close(merge);
	return error;
}

/* ---- bytes that nothing describes ---- */

struct range {
	uint64_t start, end;
};

struct ranges {
	struct range ranges[8 + 3 * TRACE_SEGMENTS_MAX];
	size_t count;
};

static void add(struct ranges *ranges, uint64_t start, uint64_t length)
{
	ranges->ranges[ranges->count++] = (struct range){start, start + length};
}

static int by_start(const void *left, const void *right)
{
	const struct range *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* The slots of a segment's records. In a ring they may go on at its start. */
static void add_records(const struct trace_file *file, uint32_t index,
			struct ranges *ranges)
{
	uint64_t start = file->header->segment_offset[index] +
			 sizeof(struct trace_segment_header);
	uint64_t capacity = trace_file_segment(file, index)->capacity;
	uint64_t count = file->heads[index];
	uint64_t slot = capacity ? file->firsts[index] % capacity : 0;
	uint64_t before_end = count < capacity - slot ? count : capacity - slot;
	add(ranges, start + slot * sizeof(struct trace_record),
	    before_end * sizeof(struct trace_record));
	add(ranges, start, (count - before_end) * sizeof(struct trace_record));
}

/* All that the lines above say. */
static void find_described(const struct trace_file *file, struct ranges *ranges)
{
	const struct trace_header *header = file->header;
	add(ranges, 0, offsetof(struct trace_header, unused));
	add(ranges, offsetof(struct trace_header, segment_offset),
	    header->segments * sizeof header->segment_offset[0]);
	add(ranges, header->schema.offset, header->schema.length);
	add(ranges, header->sites.offset,
	    file->sites * sizeof(struct trace_site_entry));
	add(ranges, header->strings.offset, file->strings_size);
	for (uint32_t i = 0; i < header->segments; i++) {
		add(ranges, header->segment_offset[i],
		    offsetof(struct trace_segment_header, unused));
		add_records(file, i, ranges);
	}
	add(ranges, file->size, 0);
	qsort(ranges->ranges, ranges->count, sizeof ranges->ranges[0], by_start);
}

/* The bytes of [start, end) that are not zero, a row a line. */
static void put_bytes(const struct dump *dump, uint64_t start, uint64_t end)
{
	static const char zeros[DUMP_ROW];
	while (start < end) {
		uint64_t stop = (start / DUMP_ROW + 1) * DUMP_ROW;
		stop = stop < end ? stop : end;
		const char *row = text_at(dump, start);
		size_t length = (size_t)(stop - start);
		if (memcmp(row, zeros, length) != 0) {
			fprintf(dump->out, "bytes %" PRIu64 " ", start);
			for (size_t i = 0; i < length; i++)
				fprintf(dump->out, "%02x", (unsigned char)row[i]);
			fprintf(dump->out, "\n");
		}
		start = stop;
	}
}

/* What a killed writer left beyond a head, and damage that hurts no reader. */
static void put_rest(const struct dump *dump)
{
	struct ranges ranges = {.count = 0};
	uint64_t end = 0;
	find_described(dump->file, &ranges);
	for (size_t i = 0; i < ranges.count; i++) {
		put_bytes(dump, end, ranges.ranges[i].start);
		if (ranges.ranges[i].end > end)
			end = ranges.ranges[i].end;
	}
}

int command_dump(const struct trace_file *file, FILE *out)
{
	struct trace_file whole;
	struct dump dump = {.file = &whole, .out = out};
	trace_file_whole(file, &whole);
	fiber_table_init(&dump.last, sizeof(uint32_t));
	fprintf(out, DUMP_FIRST_LINE "\n# trace/dump.h says what the lines mean.\n");
	put_header(&dump);
	put_schema(&dump);
	uint64_t end = put_regions(&dump);
	put_strings(&dump);
	put_sites(&dump);
	put_segments(&dump, end);
	fprintf(out, "# worker tick event fields\n");
	int error = put_records(&dump);
	if (error)
		fprintf(out, "# cut short: %s\n", weft_strerror(error));
	put_rest(&dump);
	fiber_table_free(&dump.last);
	return error ? EXIT_UNREADABLE : EXIT_HOLDS;
}
