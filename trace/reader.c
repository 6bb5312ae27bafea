/* reader.c: a file is believed only as far as it was checked, in the order of the
 * checks below: the file, its header, where its parts lie, then each part. Each check
 * may rely on the ones before it. */
#include "trace/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/system.h"
#include "weft.h"

#define COPY_AGAIN "copy it again, or record it again"
#define MAKE_TRACE "make one with WEFT_TRACE=path"
#define NEWER_TOOL "use the weft-trace of the version that wrote it"

/* One line: path, what is wrong, what to do. A long path shows its end. */
__attribute__((format(printf, 4, 5))) static int refuse(const struct trace_file *file,
							struct trace_message *why,
							const char *advice,
							const char *format, ...)
{
	char text[160];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	size_t length = strlen(file->path);
	bool cut = length > 90;
	snprintf(why->text, sizeof why->text, "%s%s: %s; %s", cut ? "..." : "",
		 cut ? file->path + length - 87 : file->path, text, advice);
	return -EINVAL;
}

static const void *at(const struct trace_file *file, uint64_t offset)
{
	return (const char *)file->map + offset;
}

/* ---- the file ---- */

/* Maps the open file `fd` and closes nothing. A mapping of nothing is an error of
 * mmap(2), and a header must fit, so size comes first. */
static int map_open(struct trace_file *file, int fd, struct trace_message *why)
{
	int error = system_file_size(fd, &file->size);
	if (error == -ESPIPE)
		return refuse(file, why, "give the path of a trace",
			      "is not a regular file");
	if (!error && file->size == 0)
		return refuse(file, why, MAKE_TRACE, "is empty");
	if (!error && file->size < TRACE_HEADER_SIZE)
		return refuse(file, why, COPY_AGAIN,
			      "is %" PRIu64
			      " bytes long, shorter than a trace's header",
			      file->size);
	if (!error)
		error = system_map_private(fd, file->size, &file->map);
	if (error)
		refuse(file, why, "try a copy on another disk", "cannot be read: %s",
		       weft_strerror(error));
	file->header = file->map;
	return error;
}

static int map_file(struct trace_file *file, struct trace_message *why)
{
	int fd = system_open(file->path);
	if (fd < 0) {
		refuse(file, why, "give the path of a trace that you may read",
		       "cannot be opened: %s", weft_strerror(fd));
		return fd;
	}
	int error = map_open(file, fd, why);
	(void)system_close(fd); /* nothing was written */
	return error;
}

/* ---- the header ---- */

/* The magic starts with a byte above 127 and holds both kinds of line end, so that a
 * copy that changes texts changes it. */
static int check_magic(const struct trace_file *file, struct trace_message *why)
{
	const char *magic = file->header->magic;
	if (memcmp(magic, TRACE_MAGIC, 8) == 0)
		return 0;
	if (memcmp(magic + 1, "WFT", 3) == 0)
		return refuse(
			file, why, "copy it again as a binary file",
			"is a trace whose bytes were changed by a copy in text mode");
	if (memcmp(magic, "\0\0\0\0\0\0\0\0", 8) == 0)
		return refuse(
			file, why, "record it again",
			"starts with zeros: its program ended while it made the file");
	return refuse(file, why, MAKE_TRACE,
		      "is not a trace: it starts with other bytes");
}

/* What every later check relies on: the header means what format.h says. */
static int check_versions(const struct trace_file *file, struct trace_message *why)
{
	const struct trace_header *header = file->header;
	if (header->endian_probe == 0x04030201u)
		return refuse(file, why,
			      "read it on a machine like the one that wrote it",
			      "has its bytes in the other order");
	if (header->endian_probe != TRACE_ENDIAN_PROBE)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: byte order 0x%08x",
			      (unsigned)header->endian_probe);
	if (header->major != TRACE_MAJOR)
		return refuse(file, why, NEWER_TOOL,
			      "has format %u.%u, and this weft-trace reads %d.x",
			      header->major, header->minor, TRACE_MAJOR);
	if (header->record_size != sizeof(struct trace_record))
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: records of %u bytes, not %zu",
			      (unsigned)header->record_size,
			      sizeof(struct trace_record));
	if (header->ticks_per_second == 0)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: 0 ticks per second");
	if (header->segments == 0 || header->segments > TRACE_SEGMENTS_MAX)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: %u segments, not 1 to %u",
			      (unsigned)header->segments, TRACE_SEGMENTS_MAX);
	return 0;
}

/* ---- where the parts lie ---- */

/* A part of the file that nothing else may overlap. */
struct part {
	uint64_t start, end;
	char name[32];
};

struct parts {
	struct part parts[4 + TRACE_SEGMENTS_MAX];
	size_t count;
};

/* Notes that [start, start + length) is taken, if it lies in the file. */
static int add_part(const struct trace_file *file, struct parts *parts,
		    const char *name, uint64_t start, uint64_t length,
		    struct trace_message *why)
{
	if (start % 64 != 0)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: its %s start at byte %" PRIu64
			      ", which is no multiple of 64",
			      name, start);
	if (start > file->size || length > file->size - start)
		return refuse(file, why, COPY_AGAIN,
			      "is cut short at %" PRIu64 " bytes: its %s end later",
			      file->size, name);
	struct part *part = &parts->parts[parts->count++];
	part->start = start;
	part->end = start + length;
	snprintf(part->name, sizeof part->name, "%s", name);
	return 0;
}

/* A segment's header must lie in the file before its capacity can be believed. */
static int check_segment(const struct trace_file *file, struct parts *parts,
			 uint32_t index, struct trace_message *why)
{
	char name[32];
	uint64_t offset = file->header->segment_offset[index];
	snprintf(name, sizeof name, "records of worker %u", (unsigned)index);
	int error = add_part(file, parts, name, offset,
			     sizeof(struct trace_segment_header), why);
	if (error)
		return error;
	const struct trace_segment_header *segment = at(file, offset);
	if (segment->magic != TRACE_SEGMENT_MAGIC || segment->index != index)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header for the %s: no segment %u at byte "
			      "%" PRIu64,
			      name, (unsigned)index, offset);
	if (segment->flags != 0)
		return refuse(file, why, NEWER_TOOL, "has %s of an unknown kind, %u",
			      name, segment->flags);
	uint64_t room =
		(file->size - offset - sizeof *segment) / sizeof(struct trace_record);
	if (segment->capacity > room)
		return refuse(file, why, COPY_AGAIN,
			      "is cut short at %" PRIu64 " bytes: its %s end later",
			      file->size, name);
	parts->parts[parts->count - 1].end +=
		segment->capacity * sizeof(struct trace_record);
	return 0;
}

static int by_start(const void *left, const void *right)
{
	const struct part *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* Sorted by their starts, parts overlap only with their neighbours. */
static int check_overlaps(const struct trace_file *file, struct parts *parts,
			  struct trace_message *why)
{
	qsort(parts->parts, parts->count, sizeof parts->parts[0], by_start);
	for (size_t i = 1; i < parts->count; i++)
		if (parts->parts[i].start < parts->parts[i - 1].end)
			return refuse(file, why, COPY_AGAIN,
				      "has a damaged header: its %s overlap its %s",
				      parts->parts[i].name, parts->parts[i - 1].name);
	return 0;
}

static int check_layout(const struct trace_file *file, struct trace_message *why)
{
	const struct trace_header *header = file->header;
	struct parts parts = {.count = 0};
	int error = add_part(file, &parts, "header's bytes", 0, TRACE_HEADER_SIZE, why);
	if (!error)
		error = add_part(file, &parts, "schema's lines", header->schema.offset,
				 header->schema.length, why);
	if (!error)
		error = add_part(file, &parts, "sites", header->sites.offset,
				 header->sites.length, why);
	if (!error)
		error = add_part(file, &parts, "strings", header->strings.offset,
				 header->strings.length, why);
	for (uint32_t i = 0; !error && i < header->segments; i++)
		error = check_segment(file, &parts, i, why);
	return error ? error : check_overlaps(file, &parts, why);
}

/* ---- the parts ---- */

/* The last byte of all strings is a NUL, so that each of them ends, wherever it starts.
 */
static int check_strings(struct trace_file *file, struct trace_message *why)
{
	const struct trace_header *header = file->header;
	/* Acquire: the bytes before the head are there. Pairs with: append_string,
	 * append_site, of a program that may still be writing this file. */
	uint64_t strings = load_acquire(&header->strings_head);
	uint64_t sites = load_acquire(&header->sites_head);
	const char *text = at(file, header->strings.offset);
	if (strings > header->strings.length || sites > header->sites.length ||
	    sites % sizeof(struct trace_site_entry) != 0)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: it counts %" PRIu64
			      " bytes of strings in "
			      "%u, %" PRIu64 " of sites in %u",
			      strings, (unsigned)header->strings.length, sites,
			      (unsigned)header->sites.length);
	if (strings == 0 || text[0] != '\0' || text[strings - 1] != '\0')
		return refuse(file, why, COPY_AGAIN,
			      "has damaged strings: they have no end");
	file->strings_size = strings;
	file->sites = sites / sizeof(struct trace_site_entry);
	return 0;
}

static int check_heads(struct trace_file *file, struct trace_message *why)
{
	for (uint32_t i = 0; i < file->header->segments; i++) {
		const struct trace_segment_header *segment =
			trace_file_segment(file, i);
		/* Acquire: the records before the head are there. Pairs with:
		 * trace_write. Read once, so that all later reads agree. */
		file->heads[i] = load_acquire(&segment->head);
		if (file->heads[i] > segment->capacity)
			return refuse(file, why, COPY_AGAIN,
				      "has a damaged segment: worker %u wrote %" PRIu64
				      " records where %" PRIu64 " fit",
				      (unsigned)i, file->heads[i], segment->capacity);
	}
	return 0;
}

static int check_schema(struct trace_file *file, struct trace_message *why)
{
	struct trace_message line;
	const struct trace_region *region = &file->header->schema;
	int error = schema_parse(&file->schema, at(file, region->offset),
				 region->length, &line);
	return error ? refuse(file, why, COPY_AGAIN, "has a damaged schema: %s",
			      line.text)
		     : 0;
}

static int check(struct trace_file *file, struct trace_message *why)
{
	int error = check_magic(file, why);
	if (!error)
		error = check_versions(file, why);
	if (!error)
		error = check_layout(file, why);
	if (!error)
		error = check_strings(file, why);
	if (!error)
		error = check_heads(file, why);
	if (!error)
		error = check_schema(file, why);
	return error;
}

int trace_file_open(struct trace_file *file, const char *path,
		    struct trace_message *why)
{
	memset(file, 0, sizeof *file);
	file->path = path;
	int error = map_file(file, why);
	if (error)
		return error;
	error = check(file, why);
	if (error)
		trace_file_close(file);
	return error;
}

void trace_file_close(struct trace_file *file)
{
	(void)system_unmap(file->map, file->size);
	file->map = NULL;
}

/* ---- asking ---- */

uint32_t trace_file_segments(const struct trace_file *file)
{
	return file->header->segments;
}

const struct trace_segment_header *trace_file_segment(const struct trace_file *file,
						      uint32_t index)
{
	return at(file, file->header->segment_offset[index]);
}

const struct trace_record *trace_file_records(const struct trace_file *file,
					      uint32_t index)
{
	return (const struct trace_record *)(trace_file_segment(file, index) + 1);
}

uint64_t trace_file_dropped(const struct trace_file *file)
{
	uint64_t dropped = 0;
	for (uint32_t i = 0; i < trace_file_segments(file); i++)
		/* Relaxed: a counter. */
		dropped += load_relaxed(&trace_file_segment(file, i)->dropped);
	return dropped;
}

bool trace_file_clean(const struct trace_file *file)
{
	for (uint32_t i = 0; i < trace_file_segments(file); i++) {
		const struct trace_segment_header *segment =
			trace_file_segment(file, i);
		if ((segment->claimed || file->heads[i]) && !segment->clean_close)
			return false;
	}
	return true;
}

const char *trace_file_string(const struct trace_file *file, uint64_t id)
{
	const char *strings = at(file, file->header->strings.offset);
	return id < file->strings_size ? strings + id : "";
}

const struct trace_site_entry *trace_file_site(const struct trace_file *file,
					       uint16_t site)
{
	const struct trace_site_entry *sites = at(file, file->header->sites.offset);
	return site > 0 && site <= file->sites ? &sites[site - 1] : NULL;
}

uint64_t trace_file_ns(const struct trace_file *file, uint64_t tick)
{
	uint64_t rate = file->header->ticks_per_second;
	if (tick <= file->header->tick0)
		return 0;
	uint64_t seconds = (tick - file->header->tick0) / rate;
	uint64_t rest = (tick - file->header->tick0) % rate;
	if (seconds >= UINT64_MAX / 1000000000u)
		return UINT64_MAX;
	while (rate >> 34) { /* so that the product below fits */
		rate >>= 1;
		rest >>= 1;
	}
	return seconds * 1000000000u + rest * 1000000000u / rate;
}
