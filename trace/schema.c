/* schema.c: a line is columns with a tab between two, in ASCII. Every copy into a fixed
 * field is bounded, and what the tools print or read back as a word is checked to be one.
 *
 * Rejected: UTF-8 in sentences and choices. Each tool that prints one would have to
 * escape what is none, and the names of events need no other alphabet. */
#include "trace/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LINE  "weft-events 1"
#define COLUMNS_MAX 10

struct column {
	const char *start;
	size_t length;
};

struct parser {
	struct schema *schema;
	struct trace_message *why;
	size_t line;  /* from 1 */
	size_t count; /* of the columns of that line */
	struct column columns[COLUMNS_MAX];
};

__attribute__((format(printf, 2, 3))) static int bad(const struct parser *parser,
						     const char *format, ...)
{
	char text[200];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	snprintf(parser->why->text, sizeof parser->why->text,
		 "line %zu of the schema %s", parser->line, text);
	return -EINVAL;
}

static bool is(struct column column, const char *text)
{
	return column.length == strlen(text) &&
	       memcmp(column.start, text, column.length) == 0;
}

/* ---- one column ---- */

/* Copies a column into to[size], with a NUL. */
static int read_text(const struct parser *parser, struct column column, char *to,
		     size_t size)
{
	if (column.length >= size)
		return bad(parser, "has \"%.*s...\", which is longer than %zu bytes",
			   (int)(size - 1), column.start, size - 1);
	memcpy(to, column.start, column.length);
	to[column.length] = '\0';
	return 0;
}

static bool is_word(struct column column)
{
	for (size_t i = 0; i < column.length; i++) {
		char c = column.start[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(c >= '0' && c <= '9'))
			return false;
	}
	return column.length > 0;
}

/* As read_text, for what the text form of a trace has without quotes. */
static int read_word(const struct parser *parser, struct column column, char *to,
		     size_t size)
{
	if (!is_word(column))
		return bad(parser,
			   "has \"%.*s\" where a word of letters, digits and _ belongs",
			   (int)(column.length < 40 ? column.length : 40),
			   column.start);
	return read_text(parser, column, to, size);
}

/* A decimal number from `least` to 255. */
static int read_byte(const struct parser *parser, struct column column, unsigned least,
		     unsigned *number)
{
	*number = 0;
	bool good = column.length >= 1 && column.length <= 3;
	for (size_t i = 0; good && i < column.length; i++) {
		char c = column.start[i];
		good = c >= '0' && c <= '9';
		*number = *number * 10 + (unsigned)(c - '0');
	}
	if (good && *number >= least && *number <= 255)
		return 0;
	return bad(parser, "has \"%.*s\" where a number from %u to 255 belongs",
		   (int)(column.length < 40 ? column.length : 40), column.start, least);
}

/* "name", "name:type" or nothing. */
static int read_field(const struct parser *parser, struct column column,
		      struct schema_field *field)
{
	if (column.length == 0)
		return 0;
	const char *colon = memchr(column.start, ':', column.length);
	struct column name = column;
	if (colon) {
		name.length = (size_t)(colon - column.start);
		struct column type = {colon + 1, column.length - name.length - 1};
		int error = read_word(parser, type, field->type, sizeof field->type);
		if (error)
			return error;
	}
	return read_word(parser, name, field->name, sizeof field->name);
}

/* ---- one line ---- */

/* choice, kind, number, text. */
static int read_choice(struct parser *parser)
{
	struct schema *schema = parser->schema;
	struct schema_choice choice = {0};
	unsigned number = 0;
	if (parser->count < 4)
		return bad(parser, "is a choice with %zu of its 4 columns",
			   parser->count);
	if (schema->choice_count == SCHEMA_CHOICES_MAX)
		return bad(parser, "is one choice more than %d", SCHEMA_CHOICES_MAX);
	int error =
		read_word(parser, parser->columns[1], choice.kind, sizeof choice.kind);
	if (!error)
		error = read_byte(parser, parser->columns[2], 0, &number);
	if (!error)
		error = read_text(parser, parser->columns[3], choice.text,
				  sizeof choice.text);
	if (error)
		return error;
	if (choice.text[0] == '\0')
		return bad(parser, "is a choice without a text");
	choice.number = (uint8_t)number;
	if (schema_choice_text(schema, choice.kind, choice.number) ||
	    schema_find_choice(schema, choice.kind, choice.text) >= 0)
		return bad(parser, "gives choice %s %u a second time", choice.kind,
			   number);
	schema->choices[schema->choice_count++] = choice;
	return 0;
}

static bool has_type(const struct schema_event *event, enum schema_place place,
		     const char *type)
{
	return strcmp(event->fields[place].type, type) == 0;
}

/* What one field alone cannot tell. */
static int check_fields(const struct parser *parser, const struct schema_event *event)
{
	for (int i = 0; i < PLACES; i++)
		for (int j = 0; j < i; j++)
			if (event->fields[i].name[0] &&
			    strcmp(event->fields[i].name, event->fields[j].name) == 0)
				return bad(parser, "has two fields named %s",
					   event->fields[i].name);
	if (schema_is_wide(event) && event->fields[PLACE_HIGH].name[0])
		return bad(parser, "has a field beside one that takes all of value");
	if (has_type(event, PLACE_LOW, "object_sequence") &&
	    !has_type(event, PLACE_HIGH, "object"))
		return bad(parser, "numbers the records of an object and names none");
	return 0;
}

/* event, number, name, module, the five fields by place, sentence. */
static int read_event(struct parser *parser)
{
	struct schema_event event = {.known = true};
	const struct column *columns = parser->columns;
	unsigned number = 0;
	if (parser->count < 10)
		return bad(parser, "is an event with %zu of its 10 columns",
			   parser->count);
	int error = read_byte(parser, columns[1], 1, &number);
	if (!error)
		error = read_word(parser, columns[2], event.name, sizeof event.name);
	if (!error)
		error = read_word(parser, columns[3], event.module,
				  sizeof event.module);
	for (int place = 0; !error && place < PLACES; place++)
		error = read_field(parser, columns[4 + place], &event.fields[place]);
	if (!error)
		error = read_text(parser, columns[9], event.sentence,
				  sizeof event.sentence);
	if (!error)
		error = check_fields(parser, &event);
	if (error)
		return error;
	if (parser->schema->events[number].known)
		return bad(parser, "gives event %u a second time", number);
	if (schema_find_event(parser->schema, event.name, strlen(event.name)) >= 0)
		return bad(parser, "gives the name %s a second time", event.name);
	parser->schema->events[number] = event;
	return 0;
}

/* Columns beyond the last that we know are a newer minor's. */
static int split(struct parser *parser, const char *line, size_t length)
{
	const char *end = line + length;
	parser->count = 0;
	for (const char *at = line; at < end; at++)
		if ((*at < ' ' || *at > '~') && *at != '\t')
			return bad(parser, "has the byte %u, which is no ASCII text",
				   (unsigned char)*at);
	while (parser->count < COLUMNS_MAX) {
		const char *tab = memchr(line, '\t', (size_t)(end - line));
		const char *stop = tab ? tab : end;
		parser->columns[parser->count++] =
			(struct column){line, (size_t)(stop - line)};
		if (!tab)
			break;
		line = tab + 1;
	}
	return 0;
}

/* A line whose first column is neither word is a newer minor's. */
static int read_line(struct parser *parser, const char *line, size_t length)
{
	int error = split(parser, line, length);
	if (error)
		return error;
	if (parser->line == 1 && !is(parser->columns[0], FIRST_LINE))
		return bad(parser, "is not \"" FIRST_LINE "\"");
	if (is(parser->columns[0], "choice"))
		return read_choice(parser);
	if (is(parser->columns[0], "event"))
		return read_event(parser);
	return 0;
}

int schema_parse(struct schema *schema, const char *text, size_t length,
		 struct trace_message *why)
{
	struct parser parser = {.schema = schema, .why = why, .line = 1};
	const char *end = text + length;
	memset(schema, 0, sizeof *schema);
	if (length == 0)
		return bad(&parser, "is not \"" FIRST_LINE "\"");
	for (; text < end; parser.line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			return bad(&parser, "has no end");
		int error = read_line(&parser, text, (size_t)(newline - text));
		if (error)
			return error;
		text = newline + 1;
	}
	return 0;
}

/* ---- asking ---- */

const char *schema_choice_text(const struct schema *schema, const char *kind,
			       uint8_t number)
{
	for (size_t i = 0; i < schema->choice_count; i++) {
		const struct schema_choice *choice = &schema->choices[i];
		if (choice->number == number && strcmp(choice->kind, kind) == 0)
			return choice->text;
	}
	return NULL;
}

int schema_find_choice(const struct schema *schema, const char *kind, const char *text)
{
	for (size_t i = 0; i < schema->choice_count; i++) {
		const struct schema_choice *choice = &schema->choices[i];
		if (strcmp(choice->kind, kind) == 0 && strcmp(choice->text, text) == 0)
			return choice->number;
	}
	return -1;
}

int schema_find_event(const struct schema *schema, const char *name, size_t length)
{
	for (int type = 1; type < 256; type++) {
		const struct schema_event *event = &schema->events[type];
		if (event->known && strlen(event->name) == length &&
		    memcmp(event->name, name, length) == 0)
			return type;
	}
	return -1;
}

bool schema_is_wide(const struct schema_event *event)
{
	return has_type(event, PLACE_LOW, "ns64") || has_type(event, PLACE_LOW, "id64");
}

bool schema_has_object(const struct schema_event *event)
{
	return has_type(event, PLACE_HIGH, "object") &&
	       has_type(event, PLACE_LOW, "object_sequence");
}

enum schema_place schema_peer_sequence(const struct schema_event *event)
{
	if (has_type(event, PLACE_HIGH, "sequence"))
		return PLACE_HIGH;
	if (has_type(event, PLACE_LOW, "sequence"))
		return PLACE_LOW;
	return PLACES;
}

uint64_t schema_value(const struct schema_event *event, enum schema_place place,
		      const struct trace_record *record)
{
	switch (place) {
	case PLACE_ARG:
		return record->arg;
	case PLACE_FIBER:
		return record->fiber;
	case PLACE_PEER:
		return record->peer;
	case PLACE_HIGH:
		return record->value >> 32;
	case PLACE_LOW:
		return schema_is_wide(event) ? record->value
					     : record->value & 0xFFFFFFFFu;
	case PLACES:
		break;
	}
	return 0;
}
