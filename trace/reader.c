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
#include "trace/live.h"
#include "weft.h"

#define COPY_AGAIN "copy it again, or record it again"
#define MAKE_TRACE "make one with WEFT_TRACE=path"
#define NEWER_TOOL "use the weft-trace of the version that wrote it"

#define ANCHOR_SPANS                                                                   \
	10u /* times the calibration: from then on an anchor knows better */

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

/* A mapping of nothing is an error of mmap(2), and a header must fit, so size comes first. */
static int check_size(struct trace_file *file, int fd, struct trace_message *why)
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
	return error;
}

/* Puts the open file `fd` into memory, and closes nothing. */
static int load_open(struct trace_file *file, struct live *live, int fd,
		     struct trace_message *why)
{
	int error = -EAGAIN;
	/* Again, if it was closed meanwhile and is shorter now: that happens once. */
	for (int times = 0; error == -EAGAIN && times < 3; times++) {
		error = check_size(file, fd, why);
		if (error == -EINVAL)
			return error;
		if (!error)
			error = live_load(live, fd, file->size, &file->map);
	}
	if (error)
		refuse(file, why, "try a copy on another disk", "cannot be read: %s",
		       weft_strerror(error));
	file->header = file->map;
	file->mapped = live->mapped;
	return error;
}

static int load_file(struct trace_file *file, struct live *live,
		     struct trace_message *why)
{
	int fd = system_open(file->path);
	if (fd < 0) {
		refuse(file, why, "give the path of a trace that you may read",
		       "cannot be opened: %s", weft_strerror(fd));
		return fd;
	}
	int error = load_open(file, live, fd, why);
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
	if (header->workers > header->segments)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header: %u workers with %u segments",
			      (unsigned)header->workers, (unsigned)header->segments);
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

/* What a segment is, by its header. */
static int check_kind(const struct trace_file *file, uint32_t index, const char *name,
		      struct trace_message *why)
{
	const struct trace_segment_header *segment = trace_file_segment(file, index);
	if (segment->magic != TRACE_SEGMENT_MAGIC || segment->index != index)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header for the %s: no segment %u at byte "
			      "%" PRIu64,
			      name, (unsigned)index,
			      file->header->segment_offset[index]);
	if (segment->flags & ~TRACE_RING)
		return refuse(file, why, NEWER_TOOL, "has %s of an unknown kind, %u",
			      name, segment->flags);
	if (segment->role > TRACE_FOREIGN)
		return refuse(file, why, NEWER_TOOL, "has %s in an unknown role, %u",
			      name, (unsigned)segment->role);
	if (index < trace_file_workers(file) && segment->role != TRACE_WORKER)
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged header for the %s: role %u is no worker's",
			      name, (unsigned)segment->role);
	return 0;
}

/* A segment's header must lie in the file before its capacity can be believed. */
static int check_segment(const struct trace_file *file, struct parts *parts,
			 uint32_t index, struct trace_message *why)
{
	char name[32];
	uint64_t offset = file->header->segment_offset[index];
	snprintf(name, sizeof name, "records of %s %u",
		 index < trace_file_workers(file) ? "worker" : "segment",
		 (unsigned)index);
	int error = add_part(file, parts, name, offset,
			     sizeof(struct trace_segment_header), why);
	if (!error)
		error = check_kind(file, index, name, why);
	if (error)
		return error;
	const struct trace_segment_header *segment = at(file, offset);
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
	if (a->start == b->start) /* an empty part comes before one that begins there */
		return (a->end > b->end) - (a->end < b->end);
	return a->start < b->start ? -1 : 1;
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

/* ---- records ---- */

static const struct trace_record *slots_of(const struct trace_file *file,
					   uint32_t index)
{
	return (const struct trace_record *)(trace_file_segment(file, index) + 1);
}

/* The oldest record that a ring surely still has. The slot behind the newest may be half
 * overwritten. `after`: the head when the records had been copied. */
static uint64_t oldest_in_ring(uint64_t head, uint64_t after, uint64_t capacity)
{
	uint64_t last = after > head && after != UINT64_MAX ? after : head;
	uint64_t first = last < capacity ? 0 : last - capacity + 1;
	return first < head ? first : head;
}

/* A ring's records in their order: a copy, since they need not lie so. */
static int unroll(struct trace_file *file, uint32_t index, uint64_t head,
		  uint64_t first)
{
	const struct trace_record *slots = slots_of(file, index);
	uint64_t capacity = trace_file_segment(file, index)->capacity;
	struct trace_record *copy = calloc(head - first + 1, sizeof *copy);
	if (!copy)
		return -ENOMEM;
	for (uint64_t n = first; n < head; n++)
		copy[n - first] = slots[n % capacity];
	file->whole[index] = (struct trace_run){copy, head - first, first};
	return 0;
}

static int find_records(struct trace_file *file, const struct live *live,
			uint32_t index, struct trace_message *why)
{
	const struct trace_segment_header *segment = trace_file_segment(file, index);
	/* Acquire: the records before the head are there. Pairs with: trace_write. Read once,
	 * so that all later reads agree. */
	uint64_t head = load_acquire(&segment->head), capacity = segment->capacity;
	bool ring = segment->flags & TRACE_RING;
	if (head > 0 && (ring ? capacity == 0 : head > capacity))
		return refuse(file, why, COPY_AGAIN,
			      "has a damaged segment: worker %u wrote %" PRIu64
			      " records where %" PRIu64 " fit",
			      (unsigned)index, head, capacity);
	uint64_t first = ring ? oldest_in_ring(head, live->after[index], capacity) : 0;
	file->whole[index] = (struct trace_run){slots_of(file, index), head, 0};
	if (first > 0 && unroll(file, index, head, first) < 0) {
		refuse(file, why, "free some memory", "cannot be read: %s",
		       weft_strerror(-ENOMEM));
		return -ENOMEM;
	}
	if (first > 0) {
		uint64_t tick = first < head ? file->whole[index].records[0].tick
					     : UINT64_MAX; /* nothing is left of it */
		file->window_tick = file->window && file->window_tick > tick
					    ? file->window_tick
					    : tick;
		file->window = true;
	}
	return 0;
}

/* Copies the records of a segment that belong to the window. */
static int cut(struct trace_file *file, uint32_t index, int status)
{
	const struct trace_run *whole = &file->whole[index];
	struct trace_run *kept = &file->kept[index];
	struct trace_record *copy = calloc(whole->count + 1, sizeof *copy);
	if (!copy)
		return -ENOMEM;
	*kept = (struct trace_run){copy, 0, whole->first + whole->count};
	bool inside = false; /* and then to the end, also where the clock goes back */
	for (uint64_t i = 0; i < whole->count; i++) {
		inside = inside || whole->records[i].tick >= file->window_tick;
		if (inside && whole->first + i < kept->first)
			kept->first = whole->first + i;
		if (inside || whole->records[i].type == status)
			copy[kept->count++] = whole->records[i];
	}
	return 0;
}

static int keep_records(struct trace_file *file, const struct live *live,
			struct trace_message *why)
{
	int error = 0, status = schema_find_event(&file->schema, "STATUS", 6);
	for (uint32_t i = 0; !error && i < file->header->segments; i++)
		error = find_records(file, live, i, why);
	for (uint32_t i = 0; !error && i < file->header->segments; i++) {
		file->kept[i] = file->whole[i];
		if (file->window && cut(file, i, status) < 0) {
			file->kept[i] = (struct trace_run){NULL, 0, 0};
			refuse(file, why, "free some memory", "cannot be read: %s",
			       weft_strerror(-ENOMEM));
			error = -ENOMEM;
		}
		file->heads[i] = file->kept[i].count;
		file->firsts[i] = file->kept[i].first;
	}
	return error;
}

/* ---- the clock ---- */

/* The last record of a segment that tells what the monotonic clock said at its tick. */
static const struct trace_record *last_anchor(const struct trace_file *file,
					      uint32_t index)
{
	const struct trace_run *run = &file->kept[index];
	int type = schema_find_event(&file->schema, "ANCHOR", 6);
	for (uint64_t i = run->count; i > 0; i--)
		if (run->records[i - 1].type == type)
			return &run->records[i - 1];
	return NULL;
}

/* One that closes its trace measures its clock over all of it. One that did not had only its
 * first millisecond; then the last anchor tells more, if it is far enough from the start for an
 * interrupt between its two clocks not to matter. */
static void find_rate(struct trace_file *file)
{
	const struct trace_header *header = file->header;
	uint64_t longest = ANCHOR_SPANS * TRACE_CALIBRATION_NS;
	file->ticks_per_second = header->ticks_per_second;
	if (header->clock != TRACE_CLOCK_CYCLES || trace_file_clean(file))
		return;
	for (uint32_t i = 0; i < header->segments; i++) {
		const struct trace_record *anchor = last_anchor(file, i);
		if (!anchor || anchor->tick <= header->tick0 ||
		    anchor->value <= header->monotonic_ns0)
			continue;
		uint64_t ns = anchor->value - header->monotonic_ns0;
		double rate =
			(double)(anchor->tick - header->tick0) * 1e9 / (double)ns + 0.5;
		if (ns <= longest || rate < 1 || rate >= 1e18)
			continue;
		longest = ns;
		file->ticks_per_second = (uint64_t)rate;
	}
}

static int check(struct trace_file *file, const struct live *live,
		 struct trace_message *why)
{
	int error = check_magic(file, why);
	if (!error)
		error = check_versions(file, why);
	if (!error)
		error = check_layout(file, why);
	if (!error)
		error = check_strings(file, why);
	if (!error)
		error = check_schema(file, why);
	if (!error)
		error = keep_records(file, live, why);
	if (!error)
		find_rate(file);
	return error;
}

int trace_file_open(struct trace_file *file, const char *path,
		    struct trace_message *why)
{
	struct live live = {.after = {0}};
	memset(file, 0, sizeof *file);
	file->path = path;
	int error = load_file(file, &live, why);
	if (error)
		return error;
	error = check(file, &live, why);
	if (error)
		trace_file_close(file);
	return error;
}

/* A run that does not lie in the file is a copy. */
static void free_run(const struct trace_file *file, uint32_t index,
		     const struct trace_run *run)
{
	if (run->records && run->records != slots_of(file, index))
		free((void *)(uintptr_t)run->records);
}

void trace_file_close(struct trace_file *file)
{
	for (uint32_t i = 0; i < TRACE_SEGMENTS_MAX; i++) {
		if (file->kept[i].records != file->whole[i].records)
			free_run(file, i, &file->kept[i]);
		free_run(file, i, &file->whole[i]);
	}
	(void)system_unmap(file->map, file->size);
	file->map = NULL;
}

void trace_file_whole(const struct trace_file *file, struct trace_file *whole)
{
	*whole = *file;
	for (uint32_t i = 0; i < TRACE_SEGMENTS_MAX; i++) {
		whole->kept[i] = file->whole[i];
		whole->heads[i] = file->whole[i].count;
		whole->firsts[i] = file->whole[i].first;
	}
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

struct trace_writer_name trace_file_writer(const struct trace_file *file,
					   uint32_t index)
{
	static const char *const roles[] = {
		[TRACE_WORKER] = "worker",
		[TRACE_HELPER] = "helper",
		[TRACE_FOREIGN] = "foreign thread",
	};
	struct trace_writer_name name;
	snprintf(name.text, sizeof name.text, "%s %u",
		 roles[trace_file_segment(file, index)->role], (unsigned)index);
	return name;
}

const struct trace_record *trace_file_records(const struct trace_file *file,
					      uint32_t index)
{
	return file->kept[index].records;
}

/* A copy of the file, or what was copied out of a ring, cannot be read again. */
void trace_file_give_back(const struct trace_file *file, uint32_t segment,
			  uint64_t index)
{
	const char *map = file->map;
	const char *here = (const char *)(trace_file_records(file, segment) + index);
	const char *start = here - TRACE_PASS_RECORDS * sizeof(struct trace_record);
	size_t page = system_page_size();
	if (!file->mapped || start < map || here >= map + file->size)
		return;
	start = map + (size_t)(start - map) / page * page;
	system_give_back(start, (size_t)(here - start) / page * page);
}

uint32_t trace_file_workers(const struct trace_file *file)
{
	return file->header->workers ? file->header->workers : file->header->segments;
}

bool trace_file_is_window(const struct trace_file *file)
{
	return file->window;
}

uint64_t trace_file_dropped(const struct trace_file *file)
{
	/* Relaxed: counters. */
	uint64_t dropped = load_relaxed(&file->header->lost_writers);
	for (uint32_t i = 0; i < trace_file_segments(file); i++)
		/* Relaxed: as above. */
		dropped += load_relaxed(&trace_file_segment(file, i)->dropped);
	return dropped;
}

bool trace_file_clean(const struct trace_file *file)
{
	for (uint32_t i = 0; i < trace_file_segments(file); i++) {
		const struct trace_segment_header *segment =
			trace_file_segment(file, i);
		/* Relaxed: of a file that is still written this is one moment's state. */
		if ((load_relaxed(&segment->claimed) || load_relaxed(&segment->head)) &&
		    !segment->clean_close)
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
	uint64_t rate = file->ticks_per_second;
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
