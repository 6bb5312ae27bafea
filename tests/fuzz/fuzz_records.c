/* fuzz_records.c: the input is what happened; the harness writes a sound trace of it.
 *
 * So every input reaches the checker, the story and the lanes. The first three bytes say
 * how many segments there are, whose they are, how they ended, and whether they are rings
 * and how large. Then come records of eight bytes:
 *
 *   0  type: below 239 one of the known ones, else as it is
 *   1  arg, three bits; segment, two; then a bit each: the sequences are given and not
 *      counted, the tick goes back, the site is known
 *   2  fiber    3  peer: below 16 a fiber, then a worker's own context
 *   4  high, as two bytes     6  low, or the sequence that is given     7  ticks
 *
 * Sequences that are counted are dense for each fiber and each object, as the runtime
 * writes them. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/reader.h"

#define START        3
#define STEP         8
#define RECORDS_MOST 96
#define KNOWN_TYPES  20
#define NEWER_TYPES  200 /* bytes from here on: what workers do, */
#define NEWEST_TYPES 224 /* waits, and then what the tools do not know */
#define IDS          20  /* fibers 0 to 15, then workers' own contexts */
#define OBJECTS      4

/* Two events of objects, behind those of the tools' own schema. */
#define LOCK   240
#define UNLOCK 241
static const char more_events[] =
	"event\t240\tLOCK\tsync\t\towner:fiber\t\tlock:object\tuse:object_"
	"sequence\tgot "
	"it\n"
	"event\t241\tUNLOCK\tsync\t\towner:fiber\tnext:fiber\tlock:object\t"
	"use:object_sequence\tgave it\n";

/* The second byte of the input. */
enum ending {
	KILLED = 1,
	LOST = 2,
	SPARE = 4,
	FAST_CLOCK = 8,
	NAMES_LOST = 16,
	RING = 32,
	OBJECT_EVENTS = 64,
	CYCLES = 128
};

/* What a program may call things; a reader has to survive all of it. */
static const char strings[] =
	"\0main\0worker\0main\0a name with spaces\0\x1b[31mred\0\xff\xfe\x80\0"
	"\xe6\x97\xa5\xe6\x9c\xac\0tab\there\nand line\0\xe2\x80\xae"
	"drow\0"
	"\"quoted\" \\ back\0e\xcc\x81\0\xf0\x9f\x98\x80\0"
	"a_very_long_name_that_goes_on_and_on_and_on_until_no_column_holds_it_any_more_"
	"and_then_goes_on\0";

struct segment_plan {
	struct trace_record records[RECORDS_MOST];
	size_t count;
};

static struct plan {
	uint32_t segments, workers, role;
	uint8_t ending;
	uint64_t capacity; /* of a ring */
	uint32_t last[IDS], last_use[OBJECTS];
	uint64_t tick;
	struct segment_plan parts[4];
} plan;

static uint32_t id_of(uint8_t number)
{
	return number < 16 ? number : TRACE_IDLE_FIBERS + number - 16;
}

/* What a byte of the input stands for: mostly an event that the tools know. The order is that
 * in which they came to know them, so that old inputs stay what they were. */
static uint8_t type_of(uint8_t byte)
{
	uint8_t type = byte % KNOWN_TYPES;
	if (byte >= NEWEST_TYPES)
		return byte - NEWEST_TYPES <= TRACE_CANCEL_ACK - TRACE_WAIT_PUSH
			       ? (uint8_t)(TRACE_WAIT_PUSH + byte - NEWEST_TYPES)
			       : byte;
	if (byte >= NEWER_TYPES)
		return TRACE_STEAL + byte % 6;
	return type == 17 ? LOCK : type == 18 ? UNLOCK : type;
}

static bool is_of_object(uint8_t type)
{
	return type == LOCK || type == UNLOCK || type == TRACE_WORKER_SLEEP ||
	       type == TRACE_WORKER_WAKE || type == TRACE_WORKER_AWAKE ||
	       (type >= TRACE_WAIT_PUSH && type <= TRACE_WAIT_POP) ||
	       (type >= TRACE_FD_WATCH && type <= TRACE_FD_CLOSE) ||
	       type == TRACE_OFFLOAD_BEGIN || type == TRACE_OFFLOAD_END;
}

static bool has_text_below(uint8_t type)
{
	return type == TRACE_NAME || type == TRACE_MARK || type == TRACE_SPAN_BEGIN ||
	       type == TRACE_SPAN_END;
}

/* Strings are found by their offsets, so small numbers have to reach all of them. */
static uint64_t value_of(const uint8_t *step, uint8_t type)
{
	uint32_t high = (uint32_t)step[4] | (uint32_t)step[5] << 8, low = step[6];
	if (type == TRACE_CREATE || type == TRACE_INLINE)
		high %= sizeof strings;
	if (has_text_below(type))
		low %= sizeof strings;
	if (is_of_object(type))
		high %= OBJECTS;
	return (uint64_t)high << 32 | low;
}

/* Numbers the record among those of its fibers. */
static void number(struct trace_record *record, uint8_t fiber, uint8_t peer,
		   const uint8_t *step)
{
	if (step[1] & 0x20) {
		record->fiber_sequence = step[6];
		return;
	}
	if (record->fiber)
		record->fiber_sequence = ++plan.last[fiber];
	uint64_t high = record->value & ~UINT64_C(0xFFFFFFFF);
	if (record->type == TRACE_SWITCH && record->peer && peer != fiber)
		record->value = high | ++plan.last[peer];
	if (is_of_object(record->type))
		record->value = high | ++plan.last_use[high >> 32];
}

static void add_record(const uint8_t *step)
{
	uint8_t fiber = step[2] % IDS, peer = step[3] % IDS;
	struct segment_plan *part = &plan.parts[(step[1] >> 3 & 3) % plan.segments];
	struct trace_record *record = &part->records[part->count++];
	plan.tick += step[7];
	*record = (struct trace_record){
		.tick = step[1] & 0x40 ? plan.tick - 4u * step[7] : plan.tick,
		.type = type_of(step[0]),
		.arg = step[1] & 7,
		.site = step[1] >> 7,
		.fiber = id_of(fiber),
		.peer = id_of(peer),
	};
	record->value = value_of(step, record->type);
	number(record, fiber, peer, step);
}

static void read_plan(const uint8_t *data, size_t size)
{
	memset(&plan, 0, sizeof plan);
	plan.tick = 1000;
	plan.segments = 1;
	if (size < START)
		return;
	plan.segments += data[0] & 3;
	plan.workers = (data[0] >> 2 & 3) % (plan.segments + 1);
	plan.role = data[0] & 16 ? TRACE_HELPER : TRACE_FOREIGN;
	plan.ending = data[1];
	plan.capacity = 1 + data[2] % RECORDS_MOST;
	for (size_t at = START, i = 0; at + STEP <= size && i < RECORDS_MOST;
	     at += STEP, i++)
		add_record(data + at);
}

/* ---- the file ---- */

static uint8_t image[1 << 16];

static uint32_t round_up(size_t offset)
{
	return (uint32_t)((offset + 63) / 64 * 64);
}

static size_t put(size_t at, const void *bytes, size_t size)
{
	memcpy(image + at, bytes, size);
	return round_up(at + size);
}

/* Record n lies in slot n % capacity; only in a ring is there less room than records. */
static size_t put_records(size_t at, const struct segment_plan *part, uint64_t capacity)
{
	for (size_t n = 0; n < part->count; n++)
		(void)put(at + n % capacity * sizeof part->records[n],
			  &part->records[n], sizeof part->records[n]);
	return round_up(at + capacity * sizeof part->records[0]);
}

static size_t write_segment(size_t at, uint16_t index)
{
	const struct segment_plan *part = &plan.parts[index];
	bool worker = plan.workers == 0 || index < plan.workers;
	bool ring = plan.ending & RING;
	struct trace_segment_header segment = {
		.magic = TRACE_SEGMENT_MAGIC,
		.index = index,
		.flags = ring ? TRACE_RING : 0,
		.head = part->count,
		.dropped = plan.ending & LOST ? 1 : 0,
		.capacity = ring ? plan.capacity
				 : part->count + (plan.ending & SPARE ? 1 : 0),
		.os_thread = 100u + index,
		.clean_close = !(plan.ending & KILLED),
		.claimed = worker || part->count > 0,
		.role = worker ? TRACE_WORKER : plan.role,
	};
	(void)put(at, &segment, sizeof segment);
	return put_records(at + sizeof segment, part, segment.capacity);
}

static size_t write_schema(size_t at, struct trace_region *region)
{
	size_t length = trace_schema_size();
	*region = (struct trace_region){(uint32_t)at, (uint32_t)length};
	trace_schema_write((char *)image + at);
	if (plan.ending & OBJECT_EVENTS) {
		memcpy(image + at + length, more_events, sizeof more_events - 1);
		region->length += (uint32_t)sizeof more_events - 1;
	}
	return round_up(at + region->length);
}

/* Returns the file's size. */
static size_t write_image(void)
{
	const struct trace_site_entry site = {1, 6, 7, TRACE_SWITCH};
	struct trace_header header = {
		.endian_probe = TRACE_ENDIAN_PROBE,
		.major = TRACE_MAJOR,
		.minor = TRACE_MINOR,
		.record_size = sizeof(struct trace_record),
		.segments = plan.segments,
		.workers = plan.workers,
		.ticks_per_second =
			plan.ending & FAST_CLOCK ? UINT64_MAX / 3 : 1000000000,
		.clock = plan.ending & CYCLES ? TRACE_CLOCK_CYCLES
					      : TRACE_CLOCK_MONOTONIC,
		.tick0 = 1000,
		.sites_head = sizeof site,
		.strings_head = sizeof strings,
		.lost_strings = plan.ending & NAMES_LOST ? 1 : 0,
	};
	memset(image, 0, sizeof image);
	memcpy(header.magic, TRACE_MAGIC, sizeof header.magic);
	size_t at = write_schema(TRACE_HEADER_SIZE, &header.schema);
	header.sites = (struct trace_region){(uint32_t)at, sizeof site};
	at = put(at, &site, sizeof site);
	header.strings = (struct trace_region){(uint32_t)at, sizeof strings};
	at = put(at, strings, sizeof strings);
	for (uint16_t i = 0; i < plan.segments; i++) {
		header.segment_offset[i] = at;
		at = write_segment(at, i);
	}
	memcpy(image, &header, sizeof header);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_plan(data, size);
	memory_write("input", image, write_image());
	fuzz_code = fuzz_use("input");
	DEMAND(fuzz_code != 3, "a sound trace is read");
	return 0;
}
