/* fuzz_file.c: the input is a trace file, byte for byte.
 *
 * Bytes changed at random mostly die at the magic or at a size. So the mutator changes
 * one part of the file at a time (the header's fields, the offsets, the schema, the
 * strings, a segment's header, a record) and then repairs each field that the reader
 * checks, but for one in sixteen: most inputs get past the checks, and each of the
 * checks still sees some that do not. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/reader.h"

#define PART_MOST 4096 /* bytes of a part that are changed together */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > MEMORY_MOST)
		return 0;
	memory_write("input", data, size);
	fuzz_code = fuzz_use("input");
	return 0;
}

/* ---- the mutator ---- */

struct random {
	uint64_t state;
};

static uint32_t next(struct random *random)
{
	random->state = random->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random->state >> 33);
}

/* Changes the bytes [start, start + length), as far as they are there. The part keeps
 * its length. */
static void change(uint8_t *data, size_t size, uint64_t start, uint64_t length)
{
	uint8_t part[PART_MOST];
	if (start >= size)
		return;
	length = length < size - start ? length : size - start;
	length = length < sizeof part ? length : sizeof part;
	memcpy(part, data + start, length);
	size_t changed = LLVMFuzzerMutate(part, length, length);
	memcpy(data + start, part, changed);
}

/* Where a segment starts, wherever that is. */
static uint64_t segment_of(const struct trace_header *header, struct random *random)
{
	uint32_t count = header->segments ? header->segments : 1;
	return header->segment_offset[next(random) % count % TRACE_SEGMENTS_MAX];
}

static void change_part(uint8_t *data, size_t size, struct random *random)
{
	struct trace_header header;
	memcpy(&header, data, sizeof header);
	uint64_t segment = segment_of(&header, random);
	switch (next(random) % 10) {
	case 0:
		change(data, size, 8, offsetof(struct trace_header, unused));
		break;
	case 1:
		change(data, size, offsetof(struct trace_header, segment_offset), 32);
		break;
	case 2:
		change(data, size, header.schema.offset, header.schema.length);
		break;
	case 3:
		change(data, size, header.strings.offset, 256);
		break;
	case 4:
		change(data, size, header.sites.offset, 64);
		break;
	case 5:
		change(data, size, segment, sizeof(struct trace_segment_header));
		break;
	default:
		change(data, size,
		       segment + sizeof(struct trace_segment_header) +
			       next(random) % 16 * sizeof(struct trace_record),
		       2 * sizeof(struct trace_record));
	}
}

static bool repairs(struct random *random)
{
	return next(random) % 16 != 0;
}

static void repair_region(struct trace_region *region, size_t size,
			  struct random *random)
{
	if (repairs(random) && region->offset % 64 != 0)
		region->offset -= region->offset % 64;
	if (repairs(random) && region->offset > size)
		region->offset = TRACE_HEADER_SIZE;
	if (repairs(random) && region->length > size - region->offset)
		region->length = (uint32_t)(size - region->offset);
}

static void repair_header(struct trace_header *header, size_t size,
			  struct random *random)
{
	if (repairs(random))
		memcpy(header->magic, TRACE_MAGIC, sizeof header->magic);
	if (repairs(random))
		header->endian_probe = TRACE_ENDIAN_PROBE;
	if (repairs(random))
		header->major = TRACE_MAJOR;
	if (repairs(random))
		header->record_size = sizeof(struct trace_record);
	if (repairs(random) && header->segments > 4)
		header->segments = 1 + header->segments % 4;
	repair_region(&header->schema, size, random);
	repair_region(&header->sites, size, random);
	repair_region(&header->strings, size, random);
	if (repairs(random) && header->sites_head > header->sites.length)
		header->sites_head = header->sites.length / 16 * 16;
	if (repairs(random) && header->strings_head > header->strings.length)
		header->strings_head = header->strings.length;
}

static void repair_segment(uint8_t *data, size_t size, uint64_t offset, uint16_t index,
			   struct random *random)
{
	struct trace_segment_header segment;
	if (offset > size || size - offset < sizeof segment)
		return;
	memcpy(&segment, data + offset, sizeof segment);
	uint64_t room = (size - offset - sizeof segment) / sizeof(struct trace_record);
	if (repairs(random))
		segment.magic = TRACE_SEGMENT_MAGIC;
	if (repairs(random))
		segment.index = index;
	if (repairs(random) && segment.capacity > room)
		segment.capacity = room;
	if (repairs(random) && segment.head > segment.capacity && segment.flags == 0)
		segment.head = segment.capacity;
	memcpy(data + offset, &segment, sizeof segment);
}

/* Strings begin and end with a NUL. */
static void repair_strings(uint8_t *data, size_t size,
			   const struct trace_header *header)
{
	uint64_t start = header->strings.offset, length = header->strings_head;
	if (length == 0 || start >= size || length > size - start)
		return;
	data[start] = '\0';
	data[start + length - 1] = '\0';
}

static void repair(uint8_t *data, size_t size, struct random *random)
{
	struct trace_header header;
	memcpy(&header, data, sizeof header);
	repair_header(&header, size, random);
	memcpy(data, &header, sizeof header);
	for (uint16_t i = 0; i < header.segments && i < TRACE_SEGMENTS_MAX; i++)
		repair_segment(data, size, header.segment_offset[i], i, random);
	if (repairs(random))
		repair_strings(data, size, &header);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned int seed)
{
	struct random random = {seed};
	if (size < TRACE_HEADER_SIZE || next(&random) % 32 == 0)
		size = LLVMFuzzerMutate(data, size, most);
	if (size < TRACE_HEADER_SIZE)
		return size;
	for (uint32_t i = 0; i <= next(&random) % 3; i++)
		change_part(data, size, &random);
	repair(data, size, &random);
	return size;
}
