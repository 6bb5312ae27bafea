/* undump.c: from text to a trace; dump.h has the grammar.
 *
 * States of a run: reading (everything is kept in memory, by part) -> laid out (each
 * part has its offset) -> written. Nothing is written before all of the text was read,
 * so a bad line leaves no file behind.
 *
 * A function that reads a part of a line returns false when the line is bad; `why` then
 * says so, and the first complaint stays. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "trace/commands.h"
#include "trace/dump.h"
#include "trace/names.h"
#include "weft.h"

#define WORDS_MAX 32
#define NOT_GIVEN UINT64_MAX

struct bytes {
	unsigned char *data;
	size_t size, room;
};

/* "key=text", or just "text" with key "". */
struct word {
	const char *key, *text; /* text may hold NULs: "\x00" */
	size_t length;
	bool quoted, used;
};

/* What is known of a segment; its lines may come in any order. */
struct segment_text {
	uint64_t offset, capacity, head; /* or NOT_GIVEN */
	uint64_t os_thread, claimed, clean_close, dropped, ring, role;
	struct bytes records;
};

/* A line of bytes. */
struct row {
	uint64_t offset;
	size_t length;
	unsigned char bytes[DUMP_ROW];
};

struct undump {
	struct trace_message *why;
	size_t line;
	struct word words[WORDS_MAX];
	size_t count;
	struct trace_header header;
	uint64_t size, workers; /* of the file; or NOT_GIVEN */
	uint64_t region_offsets[3],
		region_sizes[3]; /* schema, sites, strings; or NOT_GIVEN */
	struct bytes schema_text, strings, sites, rows;
	struct schema schema;
	bool schema_known; /* no line of it may follow */
	struct segment_text segments[TRACE_SEGMENTS_MAX];
	uint32_t segment_count;
	struct fiber_table last; /* for dump_expect */
	uint64_t tick;           /* of the last record */
};

static const char *const region_names[] = {"schema", "sites", "strings"};
enum region { SCHEMA, SITES, STRINGS, REGIONS };

__attribute__((format(printf, 2, 3))) static bool bad(struct undump *undump,
						      const char *format, ...)
{
	char text[200], shown[280]; /* words of the text may hold anything */
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	text_escape(shown, sizeof shown, text);
	if (undump->why->text[0] == '\0')
		snprintf(undump->why->text, sizeof undump->why->text, "line %zu: %s",
			 undump->line, shown);
	return false;
}

static bool append(struct undump *undump, struct bytes *bytes, const void *data,
		   size_t size)
{
	if (!bytes->data || bytes->size + size > bytes->room) {
		size_t room = 2 * bytes->room + size + 64;
		void *grown = realloc(bytes->data, room);
		if (!grown)
			return bad(undump, "%s", weft_strerror(-ENOMEM));
		bytes->data = grown;
		bytes->room = room;
	}
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
	return true;
}

/* ---- words ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads what follows a backslash, and returns where it ends, or NULL. */
static const char *unescape(const char *from, char *to)
{
	int high = *from == 'x' ? hex_digit(from[1]) : -1;
	int low = high >= 0 ? hex_digit(from[2]) : -1;
	*to = *from == 't' ? '\t' : *from == 'n' ? '\n' : *from;
	if (low >= 0)
		*to = (char)(high * 16 + low);
	if (*from == 'x')
		return low < 0 ? NULL : from + 3;
	return strchr("tn\"\\", *from) && *from ? from + 1 : NULL;
}

/* Reads a quoted text in place; `from` is after its first quote. Returns what follows
 * it. */
static char *read_quoted(struct undump *undump, char *from, struct word *word)
{
	char *to = from;
	const char *at = from;
	word->text = from;
	word->quoted = true;
	while (*at != '"') {
		if (*at == '\0' || *at == '\n') {
			(void)bad(undump, "a \" has no end");
			return NULL;
		}
		char c = *at++;
		if (c == '\\')
			at = unescape(at, &c);
		if (!at) {
			(void)bad(undump, "after \\ comes one of \\ \" t n xNN");
			return NULL;
		}
		*to++ = c;
	}
	char *next = from + (at - from) + 1;
	word->length = (size_t)(to - from);
	*to = '\0';
	return next;
}

/* Reads the word at `at`, which is neither blank nor the end. Returns what follows it.
 */
static char *read_word(struct undump *undump, char *at, struct word *word)
{
	size_t key = strcspn(at, "= \t\n\"");
	*word = (struct word){.key = ""};
	if (at[key] == '=') {
		word->key = at;
		at[key] = '\0';
		at += key + 1;
	}
	if (*at == '"')
		return read_quoted(undump, at + 1, word);
	word->text = at;
	word->length = strcspn(at, " \t\n");
	return at + word->length;
}

static bool split(struct undump *undump, char *line)
{
	undump->count = 0;
	for (;;) {
		line += strspn(line, " \t\n");
		if (*line == '\0' || *line == '#')
			return true;
		if (undump->count == WORDS_MAX)
			return bad(undump, "more than %d words", WORDS_MAX);
		line = read_word(undump, line, &undump->words[undump->count++]);
		if (!line)
			return false;
		if (*line && !strchr(" \t\n", *line))
			return bad(undump, "a blank belongs after \"");
		if (*line)
			*line++ = '\0'; /* so that each word is a string */
	}
}

static bool to_number(const struct word *word, uint64_t *number)
{
	const char *digits = word->text;
	uint64_t base = 10, value = 0;
	if (digits[0] == '0' && digits[1] == 'x') {
		base = 16;
		digits += 2;
	}
	if (word->quoted || *digits == '\0')
		return false;
	for (; *digits; digits++) {
		int digit = hex_digit(*digits);
		if (digit < 0 || (uint64_t)digit >= base ||
		    value > (UINT64_MAX - (uint64_t)digit) / base)
			return false;
		value = value * base + (uint64_t)digit;
	}
	*number = value;
	return true;
}

static struct word *find(struct undump *undump, const char *key)
{
	for (size_t i = 1; i < undump->count; i++)
		if (strcmp(undump->words[i].key, key) == 0) {
			undump->words[i].used = true;
			return &undump->words[i];
		}
	return NULL;
}

/* The number behind `key`; *number stays as it is where the line does not give it. */
static bool take_number(struct undump *undump, const char *key, uint64_t most,
			uint64_t *number)
{
	const struct word *word = find(undump, key);
	uint64_t value;
	if (!word)
		return true;
	if (!to_number(word, &value) || value > most)
		return bad(undump, "%s=%.40s is not a number up to %" PRIu64, key,
			   word->text, most);
	*number = value;
	return true;
}

/* The first `positions` words are read by their place, the others by their keys. */
static bool all_used(struct undump *undump, size_t positions)
{
	for (size_t i = positions; i < undump->count; i++)
		if (!undump->words[i].used)
			return bad(undump, "\"%.40s%s%.40s\" is not expected here",
				   undump->words[i].key,
				   *undump->words[i].key ? "=" : "",
				   undump->words[i].text);
	return true;
}

/* ---- strings ---- */

/* The id of a text: of the first string that is the same, or of a new one. */
static bool string_id(struct undump *undump, const struct word *word, uint64_t *id)
{
	const struct bytes *strings = &undump->strings;
	for (size_t at = 0; at < strings->size;) {
		size_t length = strlen((char *)strings->data + at);
		*id = at;
		if (length == word->length &&
		    memcmp(strings->data + at, word->text, length) == 0)
			return true;
		at += length + 1;
	}
	*id = strings->size;
	return append(undump, &undump->strings, word->text, word->length) &&
	       append(undump, &undump->strings, "", 1);
}

static bool take_string(struct undump *undump, const char *key, uint32_t *result)
{
	const struct word *word = find(undump, key);
	uint64_t id = 0;
	if (!word)
		return true;
	if (word->quoted ? !string_id(undump, word, &id) : !to_number(word, &id))
		return bad(undump, "%s=%.40s is neither a \"text\" nor a number", key,
			   word->text);
	*result = (uint32_t)id;
	return true;
}

/* ---- the schema ---- */

/* A text without a schema of its own has this build's. */
static bool append_schema(struct undump *undump)
{
	for (const char *const *line = trace_schema; *line; line++)
		if (!append(undump, &undump->schema_text, *line, strlen(*line)))
			return false;
	return true;
}

/* The schema is complete when the first line comes that needs it. */
static bool know_schema(struct undump *undump)
{
	struct trace_message why;
	if (undump->schema_known)
		return true;
	undump->schema_known = true;
	if (undump->schema_text.size == 0 && !append_schema(undump))
		return false;
	if (schema_parse(&undump->schema, (char *)undump->schema_text.data,
			 undump->schema_text.size, &why) < 0)
		return bad(undump, "the schema above is bad: %.160s", why.text);
	return true;
}

static bool find_event(struct undump *undump, const struct word *word, uint64_t most,
		       uint64_t *type)
{
	const char *text = word->text;
	if (!know_schema(undump))
		return false;
	int known = schema_find_event(&undump->schema, text, word->length);
	struct word digits = {.key = "", .text = text + 5};
	if (known >= 0)
		*type = (uint64_t)known;
	else if (strncmp(text, "type-", 5) != 0 || !to_number(&digits, type) ||
		 *type > most)
		return bad(undump,
			   "\"%.40s\" is no event of the schema, and not type-N", text);
	return true;
}

/* ---- lines ---- */

static bool schema_line(struct undump *undump)
{
	const struct word *text = &undump->words[1];
	if (undump->schema_known)
		return bad(undump,
			   "the schema is complete: its lines come before sites and "
			   "records");
	if (undump->count != 2 || !text->quoted)
		return bad(undump, "schema \"LINE\" is expected");
	return append(undump, &undump->schema_text, text->text, text->length) &&
	       append(undump, &undump->schema_text, "\n", 1);
}

static bool header_line(struct undump *undump)
{
	struct trace_header *header = &undump->header;
	uint64_t minor = header->minor, clock = header->clock, pid = header->pid,
		 cost = 0, lost[3] = {0};
	bool good = take_number(undump, "minor", UINT16_MAX, &minor) &&
		    take_number(undump, "ticks_per_second", UINT64_MAX,
				&header->ticks_per_second) &&
		    take_number(undump, "clock", UINT32_MAX, &clock) &&
		    take_number(undump, "pid", UINT32_MAX, &pid) &&
		    take_number(undump, "tick0", UINT64_MAX, &header->tick0) &&
		    take_number(undump, "monotonic_ns0", UINT64_MAX,
				&header->monotonic_ns0) &&
		    take_number(undump, "realtime_ns0", UINT64_MAX,
				&header->realtime_ns0) &&
		    take_number(undump, "lost_strings", UINT64_MAX, &lost[0]) &&
		    take_number(undump, "workers", UINT32_MAX, &undump->workers) &&
		    take_number(undump, "record_picoseconds", UINT32_MAX, &cost) &&
		    take_number(undump, "lost_writers", UINT64_MAX, &lost[1]) &&
		    take_number(undump, "lost_statuses", UINT64_MAX, &lost[2]);
	header->minor = (uint16_t)minor;
	header->clock = (uint32_t)clock;
	header->pid = (uint32_t)pid;
	header->record_picoseconds = (uint32_t)cost;
	/* Relaxed, all three: nobody else sees this header. */
	store_relaxed(&header->lost_strings, lost[0]);
	store_relaxed(&header->lost_writers, lost[1]);
	store_relaxed(&header->lost_statuses, lost[2]);
	undump->tick = header->tick0;
	return good && all_used(undump, 1);
}

/* The schema has the size of its text. */
static bool region_line(struct undump *undump)
{
	for (int i = 0; undump->count > 1 && i < REGIONS; i++)
		if (strcmp(undump->words[1].text, region_names[i]) == 0)
			return take_number(undump, "offset", UINT32_MAX,
					   &undump->region_offsets[i]) &&
			       (i == SCHEMA || take_number(undump, "size", UINT32_MAX,
							   &undump->region_sizes[i])) &&
			       all_used(undump, 2);
	return bad(undump, "region schema, sites or strings is expected");
}

static bool string_line(struct undump *undump)
{
	const struct word *text = &undump->words[1];
	if (undump->count != 2 || !text->quoted)
		return bad(undump, "string \"TEXT\" is expected");
	return append(undump, &undump->strings, text->text, text->length) &&
	       append(undump, &undump->strings, "", 1);
}

/* Sites are numbered as they come. */
static bool site_line(struct undump *undump)
{
	struct trace_site_entry site = {0};
	uint64_t line = 0, type = 0;
	const struct word *event = find(undump, "event");
	if (event && !find_event(undump, event, UINT32_MAX, &type))
		return false;
	if (!take_string(undump, "file", &site.file) ||
	    !take_string(undump, "function", &site.function) ||
	    !take_number(undump, "line", UINT32_MAX, &line))
		return false;
	site.line = (uint32_t)line;
	site.event = (uint32_t)type;
	return all_used(undump, 1) &&
	       append(undump, &undump->sites, &site, sizeof site);
}

static struct segment_text *segment_at(struct undump *undump, const struct word *word)
{
	uint64_t worker;
	if (!to_number(word, &worker) || worker >= TRACE_SEGMENTS_MAX) {
		(void)bad(undump, "\"%.40s\" is not a worker's number up to %u",
			  word->text, TRACE_SEGMENTS_MAX - 1);
		return NULL;
	}
	if (undump->segment_count <= worker)
		undump->segment_count = (uint32_t)worker + 1;
	return &undump->segments[worker];
}

static bool segment_line(struct undump *undump)
{
	if (undump->count < 2)
		return bad(undump, "segment WORKER is expected");
	struct segment_text *segment = segment_at(undump, &undump->words[1]);
	return segment &&
	       take_number(undump, "offset", UINT64_MAX >> 1, &segment->offset) &&
	       take_number(undump, "capacity", TRACE_RECORDS_MAX, &segment->capacity) &&
	       take_number(undump, "ring", 1, &segment->ring) &&
	       take_number(undump, "head", UINT64_MAX, &segment->head) &&
	       take_number(undump, "role", UINT32_MAX, &segment->role) &&
	       take_number(undump, "os_thread", UINT64_MAX, &segment->os_thread) &&
	       take_number(undump, "claimed", UINT32_MAX, &segment->claimed) &&
	       take_number(undump, "clean_close", UINT64_MAX, &segment->clean_close) &&
	       take_number(undump, "dropped", UINT64_MAX, &segment->dropped) &&
	       all_used(undump, 2);
}

static bool file_line(struct undump *undump)
{
	return take_number(undump, "size", UINT64_MAX >> 1, &undump->size) &&
	       all_used(undump, 1);
}

static bool bytes_line(struct undump *undump)
{
	struct row row = {.length = 0};
	const struct word *hex = &undump->words[2];
	if (undump->count != 3 || !to_number(&undump->words[1], &row.offset) ||
	    row.offset > UINT64_MAX >> 1 || hex->length % 2 ||
	    hex->length > 2 * sizeof row.bytes)
		return bad(undump, "bytes OFFSET HEX is expected, up to %u bytes",
			   DUMP_ROW);
	for (; row.length < hex->length / 2; row.length++) {
		int high = hex_digit(hex->text[2 * row.length]);
		int low = hex_digit(hex->text[2 * row.length + 1]);
		if (high < 0 || low < 0)
			return bad(undump, "\"%.40s\" is not hexadecimal", hex->text);
		row.bytes[row.length] = (unsigned char)(high * 16 + low);
	}
	return append(undump, &undump->rows, &row, sizeof row);
}

/* ---- records ---- */

/* What the word says for that field: a number, a string, or the text of a choice. */
static bool field_value(struct undump *undump, const struct schema_field *field,
			const struct word *word, uint64_t *value)
{
	if (to_number(word, value))
		return true;
	if (strcmp(field->type, "string") == 0 && word->quoted)
		return string_id(undump, word, value);
	int choice =
		strlen(word->text) == word->length
			? schema_find_choice(&undump->schema, field->type, word->text)
			: -1;
	if (choice < 0)
		return bad(undump, "%s=%.40s: the schema has no such %s", word->key,
			   word->text, field->type[0] ? field->type : "number");
	*value = (uint64_t)choice;
	return true;
}

/* Puts the value of one place into the record. */
static bool put(struct undump *undump, struct trace_record *record,
		enum schema_place place, uint64_t value, bool wide)
{
	uint64_t most = place == PLACE_ARG ? UINT8_MAX : wide ? UINT64_MAX : UINT32_MAX;
	if (value > most)
		return bad(undump, "%" PRIu64 " is more than its field holds", value);
	switch (place) {
	case PLACE_ARG:
		record->arg = (uint8_t)value;
		break;
	case PLACE_FIBER:
		record->fiber = (uint32_t)value;
		break;
	case PLACE_PEER:
		record->peer = (uint32_t)value;
		break;
	case PLACE_HIGH:
		record->value |= value << 32;
		break;
	case PLACE_LOW:
		record->value |= value;
		break;
	case PLACES:
		break;
	}
	return true;
}

/* Reads the fields; `*numbered` tells whether one of them is the number among the
 * peer's. */
static bool read_fields(struct undump *undump, const struct schema_event *event,
			struct trace_record *record, bool *numbered)
{
	static const char *const dotted[PLACES] = {".arg", ".fiber", ".peer", ".high",
						   ".low"};
	*numbered = false;
	for (int i = 0; i < PLACES; i++) {
		const struct schema_field *field = &event->fields[i];
		enum schema_place place = (enum schema_place)i;
		const struct word *word =
			find(undump, field->name[0] ? field->name : dotted[i]);
		bool wide = place == PLACE_LOW && schema_is_wide(event);
		uint64_t value = 0;
		if (!word)
			continue;
		if (!field_value(undump, field, word, &value) ||
		    !put(undump, record, place, value, wide))
			return false;
		*numbered |= place == schema_peer_sequence(event);
	}
	return true;
}

/* Gives the sequences that the line left out. */
static bool number_record(struct undump *undump, const struct schema_event *event,
			  struct trace_record *record, bool numbered)
{
	uint32_t sequence, peer_sequence;
	uint64_t given = NOT_GIVEN;
	enum schema_place place = schema_peer_sequence(event);
	if (dump_expect(&undump->last, event, record, &sequence, &peer_sequence) < 0)
		return bad(undump, "%s", weft_strerror(-ENOMEM));
	if (!take_number(undump, ".sequence", UINT32_MAX, &given))
		return false;
	record->fiber_sequence = given == NOT_GIVEN ? sequence : (uint32_t)given;
	if (place != PLACES && !numbered)
		record->value |= (uint64_t)peer_sequence
				 << (place == PLACE_HIGH ? 32 : 0);
	if (dump_note(&undump->last, event, record) < 0)
		return bad(undump, "%s", weft_strerror(-ENOMEM));
	return true;
}

/* The line of a record starts with a number, its worker, which no other line does. */
static bool record_line(struct undump *undump)
{
	struct trace_record record = {0};
	uint64_t type, site = 0;
	size_t at = 1;
	bool numbered;
	struct segment_text *segment = segment_at(undump, &undump->words[0]);
	if (!segment)
		return false;
	record.tick = undump->tick + DUMP_TICK_STEP;
	if (undump->count > 1 && to_number(&undump->words[1], &record.tick))
		at = 2;
	if (undump->count <= at)
		return bad(undump, "WORKER TICK EVENT is expected");
	if (!find_event(undump, &undump->words[at], UINT8_MAX, &type) ||
	    !take_number(undump, ".site", UINT16_MAX, &site))
		return false;
	const struct schema_event *event = &undump->schema.events[type];
	record.type = (uint8_t)type;
	record.site = (uint16_t)site;
	undump->tick = record.tick;
	return read_fields(undump, event, &record, &numbered) &&
	       number_record(undump, event, &record, numbered) &&
	       all_used(undump, at + 1) &&
	       append(undump, &segment->records, &record, sizeof record);
}

/* The first word tells the kind of a line. */
static bool read_line(struct undump *undump, char *line)
{
	static const struct {
		const char *word;
		bool (*read)(struct undump *undump);
	} kinds[] = {
		{"header", header_line}, {"schema", schema_line},
		{"region", region_line}, {"string", string_line},
		{"site", site_line},     {"segment", segment_line},
		{"file", file_line},     {"bytes", bytes_line},
	};
	if (!split(undump, line))
		return false;
	if (undump->line == 1)
		return (undump->count == 2 &&
			strcmp(undump->words[0].text, "weft-trace-text") == 0 &&
			strcmp(undump->words[1].text, "1") == 0) ||
		       bad(undump, "the first line is not \"" DUMP_FIRST_LINE "\"");
	if (undump->count == 0)
		return true;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(undump->words[0].text, kinds[i].word) == 0)
			return kinds[i].read(undump);
	return record_line(undump);
}

static bool read_all(struct undump *undump, FILE *text)
{
	char *line = NULL;
	size_t room = 0;
	bool good = true;
	ssize_t length;
	while (good && (length = getline(&line, &room, text)) >= 0) {
		undump->line++;
		good = strlen(line) == (size_t)length
			       ? read_line(undump, line)
			       : bad(undump, "a NUL is in the text");
	}
	free(line);
	if (good && ferror(text))
		return bad(undump, "the text cannot be read to its end");
	if (good && undump->line == 0)
		return bad(undump, "the text is empty");
	return good && know_schema(undump);
}

/* ---- laying out ---- */

/* The file has at least `end` bytes. */
static void hold(uint64_t *size, uint64_t end)
{
	*size = end > *size ? end : *size;
}

static uint64_t round_up(uint64_t offset)
{
	return (offset + 63) / 64 * 64;
}

/* Puts a region where its line says, else behind the part before it. */
static bool lay_out_region(struct undump *undump, enum region which, uint64_t needed,
			   uint64_t least, struct trace_region *region, uint64_t *end)
{
	uint64_t offset = undump->region_offsets[which],
		 size = undump->region_sizes[which];
	offset = offset == NOT_GIVEN ? round_up(*end) : offset;
	if (size == NOT_GIVEN)
		size = needed < least ? least : needed;
	if (size < needed || offset + size > UINT32_MAX)
		return bad(undump,
			   "the %s take %" PRIu64 " bytes, and there is no room",
			   region_names[which], needed);
	*region = (struct trace_region){(uint32_t)offset, (uint32_t)size};
	*end = offset + size;
	return true;
}

/* Whether a segment's records fit what its line says. */
static bool settle_segment(struct undump *undump, uint32_t index)
{
	struct segment_text *segment = &undump->segments[index];
	uint64_t count = segment->records.size / sizeof(struct trace_record);
	if (segment->capacity == NOT_GIVEN)
		segment->capacity = count + segment->ring;
	if (segment->head == NOT_GIVEN)
		segment->head = count;
	if (segment->capacity < count)
		return bad(undump,
			   "worker %u has %" PRIu64 " records, more than its %" PRIu64,
			   (unsigned)index, count, segment->capacity);
	if (segment->head < count || (segment->head > count && !segment->ring))
		return bad(undump,
			   "segment %u has %" PRIu64
			   " records, and its head is %" PRIu64,
			   (unsigned)index, count, segment->head);
	return true;
}

static bool lay_out_segments(struct undump *undump, uint64_t *end, uint64_t *size)
{
	for (uint32_t i = 0; i < undump->segment_count; i++) {
		struct segment_text *segment = &undump->segments[i];
		if (!settle_segment(undump, i))
			return false;
		if (segment->offset == NOT_GIVEN)
			segment->offset = round_up(*end);
		undump->header.segment_offset[i] = segment->offset;
		*end = segment->offset + sizeof(struct trace_segment_header) +
		       segment->capacity * sizeof(struct trace_record);
		hold(size, *end);
	}
	return true;
}

static void lay_out_rows(const struct undump *undump, uint64_t *size)
{
	for (size_t at = 0; at < undump->rows.size; at += sizeof(struct row)) {
		struct row row;
		memcpy(&row, undump->rows.data + at, sizeof row);
		hold(size, row.offset + row.length);
	}
}

/* Gives every part its place. *size: what all of them need. */
static bool lay_out(struct undump *undump, uint64_t *size)
{
	struct trace_header *header = &undump->header;
	uint64_t end = TRACE_HEADER_SIZE;
	if (undump->segment_count == 0)
		undump->segment_count = 1;
	header->segments = undump->segment_count;
	if (undump->workers == NOT_GIVEN) /* minor 0 did not count them */
		undump->workers = header->minor ? header->segments : 0;
	header->workers = (uint32_t)undump->workers;
	if (!lay_out_region(undump, SCHEMA, undump->schema_text.size, 0,
			    &header->schema, &end) ||
	    !lay_out_region(undump, SITES, undump->sites.size, DUMP_SITES_SIZE,
			    &header->sites, &end) ||
	    !lay_out_region(undump, STRINGS, undump->strings.size, DUMP_STRINGS_SIZE,
			    &header->strings, &end))
		return false;
	hold(size, TRACE_HEADER_SIZE);
	hold(size, header->schema.offset + (uint64_t)header->schema.length);
	hold(size, header->sites.offset + (uint64_t)header->sites.length);
	hold(size, end);
	lay_out_rows(undump, size);
	return lay_out_segments(undump, &end, size);
}

/* ---- writing ---- */

static void copy(char *map, uint64_t offset, const struct bytes *bytes)
{
	if (bytes->size > 0)
		memcpy(map + offset, bytes->data, bytes->size);
}

/* The last record has the number head - 1, and each lies in slot number % capacity. */
static void copy_records(const struct segment_text *segment, char *slots)
{
	size_t size = sizeof(struct trace_record);
	uint64_t count = segment->records.size / size;
	uint64_t first = segment->head - count;
	for (uint64_t i = 0; i < count; i++)
		memcpy(slots + (first + i) % segment->capacity * size,
		       segment->records.data + i * size, size);
}

static void fill_segments(const struct undump *undump, char *map)
{
	for (uint32_t i = 0; i < undump->segment_count; i++) {
		const struct segment_text *from = &undump->segments[i];
		struct trace_segment_header to = {
			.magic = TRACE_SEGMENT_MAGIC,
			.index = (uint16_t)i,
			.flags = from->ring ? TRACE_RING : 0,
			.head = from->head,
			.dropped = from->dropped,
			.capacity = from->capacity,
			.os_thread = from->os_thread,
			.clean_close = from->clean_close,
			.claimed = (uint32_t)from->claimed,
			.role = (uint32_t)from->role,
		};
		memcpy(map + from->offset, &to, sizeof to);
		copy_records(from, map + from->offset + sizeof to);
	}
}

/* Rows come last: they may overrule what other lines say. */
static void fill(struct undump *undump, char *map)
{
	struct trace_header *header = &undump->header;
	memcpy(header->magic, TRACE_MAGIC, sizeof header->magic);
	header->endian_probe = TRACE_ENDIAN_PROBE;
	header->major = TRACE_MAJOR;
	header->record_size = sizeof(struct trace_record);
	/* Relaxed: the file has no reader yet. */
	store_relaxed(&header->sites_head, undump->sites.size);
	/* Relaxed: as above. */
	store_relaxed(&header->strings_head, undump->strings.size);
	memcpy(map, header, sizeof *header);
	copy(map, header->schema.offset, &undump->schema_text);
	copy(map, header->sites.offset, &undump->sites);
	copy(map, header->strings.offset, &undump->strings);
	fill_segments(undump, map);
	for (size_t at = 0; at < undump->rows.size; at += sizeof(struct row)) {
		struct row row;
		memcpy(&row, undump->rows.data + at, sizeof row);
		memcpy(map + row.offset, row.bytes, row.length);
	}
}

/* `needed` bytes hold every part; the file may be longer or shorter in the end. */
static int write_to(struct undump *undump, int fd, uint64_t needed)
{
	void *map;
	uint64_t size = undump->size == NOT_GIVEN ? needed : undump->size;
	uint64_t room = size > needed ? size : needed;
	int error = system_reserve(fd, room);
	if (!error)
		error = system_map_shared(fd, room, &map);
	if (error)
		return error;
	fill(undump, map);
	error = system_unmap(map, room);
	return error ? error : system_truncate(fd, size);
}

/* An older trace of that name is replaced, as trace_open does it. */
static int write_file(struct undump *undump, const char *path, uint64_t size)
{
	int error = trace_remove_older(path);
	if (error)
		return error;
	int fd = system_create(path);
	if (fd < 0)
		return fd;
	error = write_to(undump, fd, size);
	int close_error = system_close(fd);
	error = error ? error : close_error;
	if (error)
		(void)system_remove(path);
	return error;
}

static void start(struct undump *undump)
{
	undump->size = undump->workers = NOT_GIVEN;
	undump->header.ticks_per_second = 1000000000u;
	undump->header.clock = TRACE_CLOCK_MONOTONIC;
	undump->header.minor = TRACE_MINOR;
	for (int i = 0; i < REGIONS; i++)
		undump->region_offsets[i] = undump->region_sizes[i] = NOT_GIVEN;
	for (int i = 0; i < (int)TRACE_SEGMENTS_MAX; i++)
		undump->segments[i] = (struct segment_text){.offset = NOT_GIVEN,
							    .capacity = NOT_GIVEN,
							    .head = NOT_GIVEN,
							    .claimed = 1,
							    .clean_close = 1};
	fiber_table_init(&undump->last, sizeof(uint32_t));
}

static void finish(struct undump *undump)
{
	free(undump->schema_text.data);
	free(undump->strings.data);
	free(undump->sites.data);
	free(undump->rows.data);
	for (int i = 0; i < (int)TRACE_SEGMENTS_MAX; i++)
		free(undump->segments[i].records.data);
	fiber_table_free(&undump->last);
	free(undump);
}

/* A line may put a part where no reader takes it. Such a file is not left behind. */
static bool is_readable(const char *path, struct trace_message *why)
{
	struct trace_message refusal = {.text = "out of memory"};
	struct trace_file *file = malloc(sizeof *file);
	bool good = file && trace_file_open(file, path, &refusal) == 0;
	if (good) {
		trace_file_close(file);
	} else {
		(void)system_remove(path);
		snprintf(why->text, sizeof why->text,
			 "the text makes no sound trace: %.280s", refusal.text);
	}
	free(file);
	return good;
}

int command_undump(FILE *text, const char *path, struct trace_message *why)
{
	uint64_t size = 0;
	struct undump *undump = calloc(1, sizeof *undump);
	if (!undump) {
		snprintf(why->text, sizeof why->text, "%s", weft_strerror(-ENOMEM));
		return EXIT_UNREADABLE;
	}
	undump->why = why;
	why->text[0] = '\0';
	start(undump);
	bool good = append(undump, &undump->strings, "", 1) && read_all(undump, text) &&
		    lay_out(undump, &size);
	int error = good ? write_file(undump, path, size) : 0;
	if (error)
		snprintf(why->text, sizeof why->text,
			 "cannot write the trace %.160s: %s", path,
			 weft_strerror(error));
	finish(undump);
	good = good && !error && is_readable(path, why);
	return good ? EXIT_HOLDS : EXIT_UNREADABLE;
}
