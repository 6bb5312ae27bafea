/* schema.h: the meaning of records, read from the text inside a trace.
 *
 * Tools decode by the schema of the file at hand and not by the one they were built
 * with, so that an old tool can skip an event it does not know and name one it does not
 * understand. */
#ifndef WEFT_TRACE_SCHEMA_H
#define WEFT_TRACE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/format.h"
#include "trace/trace.h"

enum schema_place { PLACE_ARG, PLACE_FIBER, PLACE_PEER, PLACE_HIGH, PLACE_LOW, PLACES };

struct schema_field {
	char name[32]; /* "" for an unused field */
	char type[16]; /* "fiber", "string", "bytes", ..., or the kind of a choice */
};

struct schema_event {
	bool known; /* the schema has a line for this type */
	char name[32];
	char module[16];
	struct schema_field fields[PLACES];
	char sentence[128];
};

struct schema_choice {
	char kind[16];
	uint8_t number;
	char text[32];
};

#define SCHEMA_CHOICES_MAX 128

struct schema {
	struct schema_event events[256]; /* by type */
	struct schema_choice choices[SCHEMA_CHOICES_MAX];
	size_t choice_count;
};

/* Reads `length` bytes of schema text. Returns 0, or -EINVAL with one line in `why`
 * that names the bad line's number. Lines of an unknown kind are skipped. */
int schema_parse(struct schema *schema, const char *text, size_t length,
		 struct trace_message *why);

/* The text of a choice, or NULL when the schema has none of that kind and number. */
const char *schema_choice_text(const struct schema *schema, const char *kind,
			       uint8_t number);

/* The value of one field of a record; a low field of type ns64 or id64 takes all of
 * value. */
uint64_t schema_value(const struct schema_event *event, enum schema_place place,
		      const struct trace_record *record);

/* The ways back, for a trace that is made from text: the type of the event of that
 * name, or -1; the number of a choice, or -1. Names are compared over `length` bytes.
 */
int schema_find_event(const struct schema *schema, const char *name, size_t length);
int schema_find_choice(const struct schema *schema, const char *kind, const char *text);

/* Which half of value numbers the record among those of its peer: PLACE_HIGH,
 * PLACE_LOW, or PLACES when neither does. */
enum schema_place schema_peer_sequence(const struct schema_event *event);

/* Whether the high half of value names an object, and the low half is the record's number among
 * those of that object. */
bool schema_has_object(const struct schema_event *event);

/* Whether the low field takes all 64 bits of value. */
bool schema_is_wide(const struct schema_event *event);

#endif
