#include "trace/live.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/atomic.h"
#include "base/system.h"

#define CHUNK 65536u

/* Where the file's own header says segment `index` is; 0 if it cannot be there. */
static uint64_t segment_at(const struct trace_header *header, uint32_t index,
			   uint64_t size)
{
	uint64_t offset = header->segment_offset[index];
	return offset % 64 == 0 && offset < size &&
			       size - offset >= sizeof(struct trace_segment_header)
		       ? offset
		       : 0;
}

static uint32_t segments_of(const struct trace_header *header)
{
	return header->segments < TRACE_SEGMENTS_MAX ? header->segments
						     : TRACE_SEGMENTS_MAX;
}

/* Reads a segment's header, zeros where there is none. A claimed segment stays in the file, so
 * that it may be looked at in a mapping too. */
static int read_segment(int fd, const struct trace_header *header, uint32_t index,
			uint64_t size, struct trace_segment_header *segment)
{
	uint64_t offset = segment_at(header, index, size);
	memset(segment, 0, sizeof *segment);
	if (offset == 0)
		return 0;
	int64_t got = system_read_at(fd, segment, sizeof *segment, offset);
	return got == (int64_t)sizeof *segment ? 0 : got < 0 ? (int)got : -EAGAIN;
}

/* Whether no program will change the file: some segment was claimed, and each was closed. What
 * is no trace is none of our business. */
static int find_closed(int fd, const struct trace_header *header, uint64_t size,
		       bool *closed)
{
	struct trace_segment_header segment;
	bool any = false, all = true;
	*closed = memcmp(header->magic, TRACE_MAGIC, 8) != 0;
	if (*closed)
		return 0;
	for (uint32_t i = 0; i < segments_of(header); i++) {
		int error = read_segment(fd, header, i, size, &segment);
		if (error)
			return error;
		bool claimed = load_relaxed(&segment.claimed); /* a copy of ours */
		any |= claimed;
		all &= !claimed || segment.clean_close;
	}
	*closed = any && all;
	return 0;
}

/* The heads of the claimed segments, UINT64_MAX for the others. `map` is the file itself. */
static int read_heads(int fd, const char *map, uint64_t size, uint64_t *heads)
{
	const struct trace_header *header = (const void *)map;
	struct trace_segment_header segment;
	for (uint32_t i = 0; i < segments_of(header); i++) {
		int error = read_segment(fd, header, i, size, &segment);
		if (error)
			return error;
		heads[i] = UINT64_MAX;
		/* Relaxed: a copy of ours. */
		if (!load_relaxed(&segment.claimed))
			continue;
		const struct trace_segment_header *there =
			(const void *)(map + segment_at(header, i, size));
		/* Acquire: the records before the head are whole from now on. Pairs with:
		 * trace_write. */
		heads[i] = load_acquire(&there->head);
	}
	return 0;
}

/* Copies a range of the file into fresh memory, or over a copy of it. Room that was never
 * written takes no memory. */
static int copy_range(int fd, char *copy, uint64_t start, uint64_t end)
{
	static const char zeros[CHUNK];
	char chunk[CHUNK];
	while (start < end) {
		size_t wanted = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
		int64_t got = system_read_at(fd, chunk, wanted, start);
		if (got <= 0)
			return got < 0 ? (int)got : -EAGAIN;
		if (memcmp(chunk, zeros, (size_t)got) != 0)
			memcpy(copy + start, chunk, (size_t)got);
		start += (uint64_t)got;
	}
	return 0;
}

/* Header, schema, sites and strings, heads first. */
static int copy_front(int fd, char *copy, uint64_t size)
{
	const struct trace_header *header = (const void *)copy;
	int error = copy_range(fd, copy, 0, TRACE_HEADER_SIZE);
	uint64_t end = segment_at(header, 0, size);
	return error ? error : copy_range(fd, copy, TRACE_HEADER_SIZE, end);
}

/* The copy says what was true before its records were copied. A segment that was claimed later
 * had its head copied before its records. */
static void put_heads(char *copy, uint64_t size, const uint64_t *heads)
{
	const struct trace_header *header = (const void *)copy;
	for (uint32_t i = 0; i < segments_of(header); i++) {
		uint64_t offset = segment_at(header, i, size);
		if (offset && heads[i] != UINT64_MAX) {
			struct trace_segment_header *segment = (void *)(copy + offset);
			store_relaxed(&segment->head, heads[i]); /* a copy of ours */
		}
	}
}

static int check_size(int fd, uint64_t size)
{
	uint64_t now;
	int error = system_file_size(fd, &now);
	return error ? error : now == size ? 0 : -EAGAIN;
}

static int copy_live(struct live *live, int fd, const char *map, uint64_t size,
		     char *copy)
{
	uint64_t heads[TRACE_SEGMENTS_MAX];
	for (uint32_t i = 0; i < TRACE_SEGMENTS_MAX; i++)
		heads[i] = live->after[i] = UINT64_MAX;
	int error = read_heads(fd, map, size, heads);
	if (!error)
		error = copy_range(fd, copy, 0, size);
	if (!error)
		error = read_heads(fd, map, size, live->after);
	if (!error)
		error = copy_front(fd, copy, size);
	if (!error)
		put_heads(copy, size, heads);
	return error ? error : check_size(fd, size);
}

int live_load(struct live *live, int fd, uint64_t size, const void **bytes)
{
	bool closed = false;
	const void *map;
	void *copy;
	int error = system_map_private(fd, size, &map);
	if (error)
		return error;
	error = find_closed(fd, map, size, &closed);
	live->mapped = closed;
	if (!error && closed)
		error = check_size(fd, size);
	if (!error && closed) {
		*bytes = map;
		return 0;
	}
	if (!error)
		error = system_map_anonymous(size, &copy);
	if (!error) {
		error = copy_live(live, fd, map, size, copy);
		*bytes = copy;
		if (error)
			(void)system_unmap(copy, size);
	}
	(void)system_unmap(map, size);
	return error;
}
