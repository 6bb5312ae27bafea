/* fuzz_records.c: the input is what happened; the harness writes a sound trace of it.
 *
 * So every input reaches the checker, the story and the lanes. The first two bytes say
 * how many segments there are and how they ended. Then come records of eight bytes:
 *
 *   0  type: below 200 one of the known ones, else as it is
 *   1  arg, three bits; segment, two; then a bit each: the sequences are given and not
 *      counted, the tick goes back, the site is known
 *   2  fiber    3  peer: below 16 a fiber, then a worker's own context
 *   4  high, as two bytes     6  low, or the sequence that is given     7  ticks
 *
 * Sequences that are counted are dense for each fiber, as the runtime writes them. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/reader.h"

#define STEP         8
#define RECORDS_MOST 96
#define KNOWN_TYPES  20
#define IDS          20 /* fibers 0 to 15, then workers' own contexts */

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
	uint32_t segments;
	uint8_t ending; /* the second byte of the input */
	uint32_t last[IDS];
	uint64_t tick;
	struct segment_plan parts[4];
} plan;

static uint32_t id_of(uint8_t number)
{
	return number < 16 ? number : TRACE_IDLE_FIBERS + number - 16;
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
	if (record->type == TRACE_SWITCH && record->peer && peer != fiber)
		record->value =
			(record->value & ~UINT64_C(0xFFFFFFFF)) | ++plan.last[peer];
}

static void add_record(const uint8_t *step)
{
	uint8_t fiber = step[2] % IDS, peer = step[3] % IDS;
	struct segment_plan *part = &plan.parts[(step[1] >> 3 & 3) % plan.segments];
	struct trace_record *record = &part->records[part->count++];
	plan.tick += step[7];
	*record = (struct trace_record){
		.tick = step[1] & 0x40 ? plan.tick - 4u * step[7] : plan.tick,
		.type = step[0] < 200 ? step[0] % KNOWN_TYPES : step[0],
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
	plan.segments = 1 + (size > 0 ? data[0] & 3 : 0);
	plan.ending = size > 1 ? data[1] : 0;
	for (size_t at = 2, i = 0; at + STEP <= size && i < RECORDS_MOST;
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

static size_t write_segment(size_t at, uint16_t index)
{
	const struct segment_plan *part = &plan.parts[index];
	struct trace_segment_header segment = {
		.magic = TRACE_SEGMENT_MAGIC,
		.index = index,
		.head = part->count,
		.dropped = plan.ending >> 1 & 1,
		.capacity = part->count + (plan.ending >> 2 & 1),
		.os_thread = 100u + index,
		.clean_close = !(plan.ending & 1),
		.claimed = 1,
	};
	(void)put(at, &segment, sizeof segment);
	size_t records = at + sizeof segment;
	(void)put(records, part->records, part->count * sizeof part->records[0]);
	return round_up(records + segment.capacity * sizeof part->records[0]);
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
		.ticks_per_second = plan.ending & 8 ? UINT64_MAX / 3 : 1000000000,
		.clock = TRACE_CLOCK_MONOTONIC,
		.tick0 = 1000,
		.sites_head = sizeof site,
		.strings_head = sizeof strings,
		.lost_strings = plan.ending >> 4 & 1,
	};
	memset(image, 0, sizeof image);
	memcpy(header.magic, TRACE_MAGIC, sizeof header.magic);
	size_t length = strlen(trace_schema), at = TRACE_HEADER_SIZE;
	header.schema = (struct trace_region){(uint32_t)at, (uint32_t)length};
	at = put(at, trace_schema, length);
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
