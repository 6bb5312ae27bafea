#include "trace/names.h"

#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/fiber_table.h"

/* ---- text that is safe to show ---- */

size_t text_decode(const char *text, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)*text;
	size_t length = first < 0x80         ? 1
			: first >> 5 == 0x06 ? 2
			: first >> 4 == 0x0E ? 3
			: first >> 3 == 0x1E ? 4
					     : 0;
	*point = length > 1 ? first & (0x7Fu >> length) : first;
	for (size_t i = 1; i < length; i++) {
		unsigned char next = (unsigned char)text[i];
		if (next >> 6 != 2)
			return 0; /* also the NUL of a text that ends too early */
		*point = *point << 6 | (next & 0x3F);
	}
	bool bad = length == 0 || *point < least[length] || *point > 0x10FFFF ||
		   (*point >= 0xD800 && *point < 0xE000);
	return bad ? 0 : length;
}

/* Code points, both ends included. */
struct range {
	uint32_t first, last;
};

/* The tables are short: a search from the start is quick enough for names. */
static bool within(const struct range *ranges, size_t count, uint32_t point)
{
	for (size_t i = 0; i < count; i++)
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	return false;
}

/* Controls, and characters that are not seen but reorder or join what is. */
static bool hidden(uint32_t point)
{
	static const struct range ranges[] = {
		{0, 0x1F},          {0x7F, 0x9F},     {0xAD, 0xAD},
		{0x61C, 0x61C},     {0x200B, 0x200F}, {0x2028, 0x202E},
		{0x2060, 0x206F},   {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},
		{0xE0000, 0xE0FFF},
	};
	return within(ranges, sizeof ranges / sizeof *ranges, point);
}

/* Columns of a terminal: the wide scripts and pictures take two, marks on a letter
 * none. */
static size_t columns_of(uint32_t point)
{
	static const struct range wide[] = {
		{0x1100, 0x115F}, {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},
		{0xF900, 0xFAFF}, {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
		{0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD},
	};
	static const struct range none[] = {
		{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
	if (within(none, sizeof none / sizeof *none, point))
		return 0;
	return within(wide, sizeof wide / sizeof *wide, point) ? 2 : 1;
}

/* One character as it is shown, into shown[17]; returns how many bytes of `text` it
 * took. */
static size_t show(char *shown, const char *text)
{
	uint32_t point;
	size_t length = text_decode(text, &point);
	if (length > 0 && !hidden(point)) {
		memcpy(shown, text, length);
		shown[length] = '\0';
		return length;
	}
	length = length ? length : 1;
	for (size_t i = 0; i < length; i++)
		snprintf(shown + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
	return length;
}

void text_escape(char *to, size_t size, const char *text)
{
	size_t used = 0, whole = 0; /* bytes written; those that leave room for "..." */
	while (*text) {
		char shown[17];
		text += show(shown, text);
		size_t length = strlen(shown);
		if (used + length + 1 > size) {
			snprintf(to + whole, size - whole, "...");
			return;
		}
		memcpy(to + used, shown, length);
		used += length;
		if (used + 4 <= size)
			whole = used;
	}
	to[used] = '\0';
}

void text_word(char *to, size_t size, const char *text)
{
	text_escape(to, size, text);
	for (; *to; to++)
		if (*to == ' ')
			*to = '_';
}

size_t text_columns(const char *text)
{
	uint32_t point;
	size_t columns = 0, length;
	for (; *text && (length = text_decode(text, &point)) > 0; text += length)
		columns += columns_of(point);
	return columns;
}

/* A character that does not fit the alphabet is a '?' in each of its columns. */
static void append(char *to, size_t size, const char *at, size_t length, uint32_t point,
		   bool unicode)
{
	size_t used = strlen(to);
	bool same = unicode || point < 0x80;
	if (same && used + length < size)
		snprintf(to + used, size - used, "%.*s", (int)length, at);
	else if (!same && used + 3 <= size)
		snprintf(to + used, size - used, "%.*s", (int)columns_of(point), "??");
}

void text_fit(char *to, size_t size, const char *text, size_t columns, bool unicode)
{
	size_t total = text_columns(text), at = 0, length;
	size_t head = total, tail = total; /* columns [head, tail) are left out */
	if (total > columns) {
		head = columns / 2;
		tail = total - (columns > head ? columns - head - 1 : 0);
	}
	bool cut = false;
	uint32_t point;
	*to = '\0';
	for (; *text && (length = text_decode(text, &point)) > 0; text += length) {
		size_t next = at + columns_of(point);
		if (next <= head || at >= tail)
			append(to, size, text, length, point, unicode);
		else if (!cut)
			append(to, size, unicode ? "…" : "~", unicode ? 3 : 1, '~',
			       true);
		cut = cut || next > head;
		at = next;
	}
}

/* ---- fibers and what they are called ---- */

static int by_id(const void *a, const void *b)
{
	const struct fiber_name *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

/* The fibers of one record. The schema says which fields name one: also an event that is
 * newer than this file counts. */
static int gather(struct fiber_table *table, const struct names *names,
		  const struct trace_record *record)
{
	const struct schema_event *event = &names->file->schema.events[record->type];
	bool fiber = strcmp(event->fields[PLACE_FIBER].type, "fiber") == 0;
	bool peer = strcmp(event->fields[PLACE_PEER].type, "fiber") == 0;
	if (fiber && record->fiber &&
	    fiber_table_index(table, record->fiber) == FIBER_NONE)
		return -ENOMEM;
	if (peer && record->peer &&
	    fiber_table_index(table, record->peer) == FIBER_NONE)
		return -ENOMEM;
	return 0;
}

/* Every fiber of every record, in the order they are met. */
static int gather_all(struct fiber_table *table, const struct names *names)
{
	const struct trace_file *file = names->file;
	int error = 0;
	for (uint32_t s = 0; s < trace_file_segments(file); s++) {
		const struct trace_record *records = trace_file_records(file, s);
		for (uint64_t i = 0; !error && i < file->heads[s]; i++)
			error = gather(table, names, &records[i]);
	}
	return error;
}

/* The numbers of all fibers, sorted, as yet without a name. */
static int list(struct names *names)
{
	struct fiber_table table;
	fiber_table_init(&table, 1); /* only the numbers matter */
	int error = gather_all(&table, names);
	if (!error)
		names->fibers = calloc((size_t)table.count + 1, sizeof *names->fibers);
	if (!names->fibers) {
		fiber_table_free(&table);
		return -ENOMEM;
	}
	names->count = table.count;
	for (size_t i = 0; i < names->count; i++) {
		names->fibers[i].id = table.fibers[i];
		names->fibers[i].idle = table.fibers[i] >= TRACE_IDLE_FIBERS;
	}
	fiber_table_free(&table);
	qsort(names->fibers, names->count, sizeof *names->fibers, by_id);
	return 0;
}

/* names_get, for those who fill names in. */
static struct fiber_name *find(const struct names *names, uint32_t id)
{
	struct fiber_name key = {.id = id};
	return names->count > 0 ? bsearch(&key, names->fibers, names->count,
					  sizeof *names->fibers, by_id)
				: NULL;
}

/* The name that a record gives, and to which fiber; "" if it gives none. */
static const char *given(const struct trace_file *file,
			 const struct trace_record *record, uint32_t *fiber)
{
	*fiber = record->type == TRACE_STATUS ? record->peer : record->fiber;
	if (record->type == TRACE_CREATE || record->type == TRACE_STATUS)
		return trace_file_string(file, record->value >> 32);
	return record->type == TRACE_NAME
		       ? trace_file_string(file, record->value & 0xFFFFFFFFu)
		       : "";
}

/* Takes the name that a record gives. The last NAME of a fiber counts, and the first of the
 * others. */
static void name(struct names *names, const struct trace_record *record)
{
	uint32_t id;
	const char *text = given(names->file, record, &id);
	struct fiber_name *fiber = find(names, id);
	if (!fiber || !*text || (record->type != TRACE_NAME && *fiber->text))
		return;
	text_escape(fiber->text, sizeof fiber->text, text);
}

static void name_by(struct names *names, uint8_t type)
{
	const struct trace_file *file = names->file;
	for (uint32_t s = 0; s < trace_file_segments(file); s++) {
		const struct trace_record *records = trace_file_records(file, s);
		for (uint64_t i = 0; i < file->heads[s]; i++) {
			trace_file_pass(file, s, i);
			if (records[i].type == type)
				name(names, &records[i]);
		}
	}
}

/* A record fills in only what none of a kind before it has. STATUS tells of fibers that were
 * created before the window. */
static void name_all(struct names *names)
{
	name_by(names, TRACE_NAME);
	name_by(names, TRACE_CREATE);
	if (trace_file_is_window(names->file))
		name_by(names, TRACE_STATUS);
}

static int by_text(const void *a, const void *b)
{
	return strcmp((*(struct fiber_name *const *)a)->text,
		      (*(struct fiber_name *const *)b)->text);
}

/* "echo" and "echo" become "echo 7" and "echo 8". A worker's own context has the
 * number of the worker. */
static void number(struct fiber_name *fiber)
{
	char text[NAME_SIZE - 16]; /* leaves room for a space and ten digits */
	text_escape(text, sizeof text, fiber->text);
	snprintf(fiber->text, sizeof fiber->text, "%s %" PRIu32, text,
		 fiber->idle ? fiber->id - TRACE_IDLE_FIBERS : fiber->id);
}

/* Sorts by name, so that fibers of one name are neighbours. Numbers are given only after all
 * names are known: one name may become another's name and number. */
static int tell_apart(struct names *names)
{
	struct fiber_name **sorted = malloc((names->count + 1) * sizeof *sorted);
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < names->count; i++)
		sorted[i] = &names->fibers[i];
	qsort(sorted, names->count, sizeof *sorted, by_text);
	for (size_t i = 0, next; i < names->count; i = next) {
		for (next = i + 1; next < names->count; next++)
			if (strcmp(sorted[i]->text, sorted[next]->text) != 0)
				break;
		for (size_t k = i; next - i > 1 && k < next; k++)
			number(sorted[k]);
	}
	free(sorted);
	return 0;
}

/* Fibers that no record names, and the workers' own contexts. */
static void name_the_rest(struct names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		struct fiber_name *fiber = &names->fibers[i];
		if (*fiber->text)
			continue;
		snprintf(fiber->text, sizeof fiber->text, "%s %" PRIu32,
			 fiber->idle ? "idle" : "fiber",
			 fiber->idle ? fiber->id - TRACE_IDLE_FIBERS : fiber->id);
	}
}

int names_open(struct names *names, const struct trace_file *file)
{
	*names = (struct names){.file = file};
	int error = list(names);
	if (!error) {
		name_all(names);
		name_the_rest(names);
		error = tell_apart(names);
	}
	if (error)
		names_close(names);
	return error;
}

/* ---- a few names of many ---- */

static int compare_ids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static int list_few(struct names *names, uint32_t *ids, size_t count)
{
	names->fibers = calloc(count + 1, sizeof *names->fibers);
	if (!names->fibers)
		return -ENOMEM;
	qsort(ids, count, sizeof *ids, compare_ids);
	for (size_t i = 0; i < count; i++) {
		if (ids[i] == 0 || (i > 0 && ids[i] == ids[i - 1]))
			continue;
		names->fibers[names->count].id = ids[i];
		names->fibers[names->count++].idle = ids[i] >= TRACE_IDLE_FIBERS;
	}
	return 0;
}

/* Marks in `shared` those that another fiber, called `text`, has to be told from. */
static void share(const struct names *names, uint32_t id, const char *text,
		  bool *shared)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->fibers[i].id != id &&
		    strcmp(names->fibers[i].text, text) == 0)
			shared[i] = true;
}

/* The name that a record gives to a fiber that is not among the few. */
static void share_record(const struct names *names, const struct trace_record *record,
			 bool *shared)
{
	uint32_t fiber;
	const char *given_text = given(names->file, record, &fiber);
	char text[NAME_SIZE];
	if (!*given_text || names_get(names, fiber))
		return;
	text_escape(text, sizeof text, given_text);
	share(names, fiber, text, shared);
}

static int tell_few_apart(struct names *names)
{
	const struct trace_file *file = names->file;
	bool *shared = calloc(names->count + 1, sizeof *shared);
	if (!shared)
		return -ENOMEM;
	for (size_t i = 0; i < names->count; i++)
		share(names, names->fibers[i].id, names->fibers[i].text, shared);
	for (uint32_t s = 0; s < trace_file_segments(file); s++) {
		const struct trace_record *records = trace_file_records(file, s);
		for (uint64_t i = 0; i < file->heads[s]; i++) {
			trace_file_pass(file, s, i);
			share_record(names, &records[i], shared);
		}
	}
	for (size_t i = 0; i < names->count; i++)
		if (shared[i])
			number(&names->fibers[i]);
	free(shared);
	return 0;
}

int names_open_few(struct names *names, const struct trace_file *file, uint32_t *ids,
		   size_t count)
{
	*names = (struct names){.file = file};
	int error = list_few(names, ids, count);
	if (!error && names->count > 0) {
		name_all(names);
		name_the_rest(names);
		error = tell_few_apart(names);
	}
	if (error)
		names_close(names);
	return error;
}

void names_close(struct names *names)
{
	free(names->fibers);
	*names = (struct names){0};
}

const struct fiber_name *names_get(const struct names *names, uint32_t id)
{
	return find(names, id);
}

const char *names_of(const struct names *names, uint32_t id)
{
	const struct fiber_name *fiber = names_get(names, id);
	return fiber ? fiber->text : "nobody";
}

const struct fiber_name *names_find(const struct names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++) {
		char word[NAME_SIZE];
		text_word(word, sizeof word, names->fibers[i].text);
		if (strcmp(text, names->fibers[i].text) == 0 || strcmp(text, word) == 0)
			return &names->fibers[i];
	}
	return NULL;
}
