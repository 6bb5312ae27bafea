#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "weft.h"

#define SITES_MAX      512u       /* places in the source */
#define STRINGS_SIZE   (1u << 14) /* bytes */
#define PREFAULT_SIZE  (1u << 18) /* bytes backed at a time, ahead of the writer */
#define CALIBRATION_NS 1000000u   /* how long trace_open compares the two clocks */

const char trace_schema[] = "weft-events 1\n"
#define CHOICE(kind, name, number, text) "choice\t" #kind "\t" #number "\t" text "\n"
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)             \
	"event\t" #number "\t" #name "\t" module "\t" arg "\t" fiber "\t" peer         \
	"\t" high "\t" low "\t" sentence "\n"
#include "trace/events.def"
#undef EVENT
#undef CHOICE
	;

struct trace {
	struct trace_header
		*header; /* the mapping's start; regions have one writer at a time */
	size_t size;     /* of the mapping */
	int fd;          /* open until trace_close */
	struct tiny_lock
		lock;         /* for the fields below and the string and site regions */
	uint32_t claimed;     /* segments given out */
	uint32_t sites_known; /* sites in the file */
	const char *last_file; /* of the site written last, and its string */
	uint32_t last_file_id;
	struct trace_segment *segments[TRACE_SEGMENTS_MAX];
};

/* Every site of the process that ever recorded, newest first. */
static struct tiny_lock sites_lock;
static struct trace_site *sites_newest; /* under sites_lock */
static uint32_t sites_count;            /* under sites_lock */

static void *at(const struct trace *trace, uint64_t offset)
{
	return (char *)trace->header + offset;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* ---- opening ---- */

static int fail(struct trace_message *why, int error, const char *path,
		const char *advice)
{
	snprintf(why->text, sizeof why->text, "cannot write the trace %s: %s; %s", path,
		 weft_strerror(error), advice);
	return error;
}

static bool is_trace(int fd, uint64_t size)
{
	const void *start;
	if (size == 0)
		return true; /* empty: nothing to lose */
	if (size < 8 || system_map_private(fd, 8, &start) < 0)
		return false;
	bool same = memcmp(start, TRACE_MAGIC, 8) == 0;
	(void)system_unmap(start, 8);
	return same;
}

/* The old file lives on for a process that still writes it. */
int trace_remove_older(const char *path)
{
	uint64_t size;
	int fd = system_open(path);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	int error = system_file_size(fd, &size);
	bool ours = !error && is_trace(fd, size);
	(void)system_close(fd);
	return ours ? system_remove(path) : -EEXIST;
}

/* Where everything goes; returns the size of the file. */
static uint64_t lay_out(struct trace_header *header,
			const struct trace_options *options)
{
	uint64_t end = TRACE_HEADER_SIZE;
	header->schema = (struct trace_region){(uint32_t)end, sizeof trace_schema - 1};
	end = round_up(end + sizeof trace_schema - 1, 64);
	header->sites = (struct trace_region){
		(uint32_t)end, SITES_MAX * sizeof(struct trace_site_entry)};
	end += header->sites.length;
	header->strings = (struct trace_region){(uint32_t)end, STRINGS_SIZE};
	end += header->strings.length;
	header->segments = options->segments;
	for (uint32_t i = 0; i < options->segments; i++) {
		header->segment_offset[i] = end;
		end += sizeof(struct trace_segment_header);
		end = round_up(end + options->records * sizeof(struct trace_record),
			       64);
	}
	return end;
}

static void start_clock(struct trace_header *header)
{
	bool cycles = system_ticks_are_cycles();
	header->clock = cycles ? TRACE_CLOCK_CYCLES : TRACE_CLOCK_MONOTONIC;
	header->ticks_per_second = 1000000000u;
	header->realtime_ns0 = system_realtime_ns();
	header->monotonic_ns0 = system_monotonic_ns();
	header->tick0 = cycles ? system_cycles() : header->monotonic_ns0;
}

/* Ticks in a second, from what both clocks have counted since tick0. trace_close knows
 * it better, but a process that dies never gets there. */
static void calibrate(struct trace_header *header)
{
	uint64_t ns = system_monotonic_ns() - header->monotonic_ns0;
	uint64_t ticks = system_cycles() - header->tick0;
	if (header->clock == TRACE_CLOCK_CYCLES && ns >= CALIBRATION_NS)
		header->ticks_per_second =
			(uint64_t)((double)ticks * 1e9 / (double)ns + 0.5);
}

static void fill_segments(struct trace *trace, uint64_t records)
{
	for (uint32_t i = 0; i < trace->header->segments; i++) {
		struct trace_segment_header *segment =
			at(trace, trace->header->segment_offset[i]);
		segment->index = (uint16_t)i;
		segment->capacity = records;
		segment->magic = TRACE_SEGMENT_MAGIC;
	}
}

static void fill(struct trace *trace, const struct trace_header *layout,
		 uint64_t records)
{
	struct trace_header *header = trace->header;
	memcpy(header, layout, sizeof *header);
	header->endian_probe = TRACE_ENDIAN_PROBE;
	header->major = TRACE_MAJOR;
	header->minor = TRACE_MINOR;
	header->record_size = sizeof(struct trace_record);
	header->pid = system_process_id();
	memcpy(at(trace, header->schema.offset), trace_schema, sizeof trace_schema - 1);
	store_relaxed(&header->strings_head, 1); /* string 0 is "" */
	fill_segments(trace, records);
	start_clock(header);
	while (header->clock == TRACE_CLOCK_CYCLES &&
	       system_monotonic_ns() - header->monotonic_ns0 < CALIBRATION_NS)
		;
	calibrate(header);
	memcpy(header->magic, TRACE_MAGIC, 8); /* last: now it is a trace */
}

/* The file is made and reserved; map it and fill it. */
static int map(struct trace *trace, const struct trace_options *options)
{
	struct trace_header *layout = calloc(1, sizeof *layout);
	if (!layout)
		return -ENOMEM;
	uint64_t size = lay_out(layout, options);
	void *start = NULL;
	int error = system_reserve(trace->fd, size);
	if (!error)
		error = system_map_shared(trace->fd, size, &start);
	if (!error) {
		trace->header = start;
		trace->size = size;
		fill(trace, layout, options->records);
	}
	free(layout);
	return error;
}

static int check(struct trace_options *options, struct trace_message *why)
{
	options->records = options->records ? options->records : TRACE_RECORDS_DEFAULT;
	options->segments = options->segments ? options->segments : 1;
	if (!options->path || !*options->path) {
		snprintf(
			why->text, sizeof why->text,
			"cannot write a trace: no path was given; set WEFT_TRACE=path");
		return -EINVAL;
	}
	if (options->records <= TRACE_RECORDS_MAX &&
	    options->segments <= TRACE_SEGMENTS_MAX)
		return 0;
	snprintf(
		why->text, sizeof why->text,
		"cannot write the trace %s: at most %llu records in each of at most %u "
		"segments; ask for fewer",
		options->path, (unsigned long long)TRACE_RECORDS_MAX,
		TRACE_SEGMENTS_MAX);
	return -EINVAL;
}

int trace_open(struct trace **result, const struct trace_options *given,
	       struct trace_message *why)
{
	struct trace_options options = *given;
	*result = NULL;
	int error = check(&options, why);
	if (error)
		return error;
	error = trace_remove_older(options.path);
	if (error)
		return fail(why, error, options.path,
			    "give a path that is free or holds an older trace");
	struct trace *trace = calloc(1, sizeof *trace);
	if (!trace)
		return fail(why, -ENOMEM, options.path, "free some memory");
	trace->fd = system_create(options.path);
	if (trace->fd < 0) {
		error = fail(why, trace->fd, options.path,
			     "choose a path you can write");
		free(trace);
		return error;
	}
	error = map(trace, &options);
	if (error) {
		(void)system_close(trace->fd);
		(void)system_remove(options.path);
		free(trace);
		return fail(
			why, error, options.path,
			"free some space or ask for fewer records: WEFT_TRACE=path,N");
	}
	*result = trace;
	return 0;
}

int trace_open_from_environment(struct trace **result, uint32_t segments,
				struct trace_message *why)
{
	char path[4096];
	const char *value = getenv("WEFT_TRACE");
	struct trace_options options = {.path = path, .segments = segments};
	*result = NULL;
	if (!value || !*value)
		return 0;
	const char *comma = strrchr(value, ',');
	size_t length = comma ? (size_t)(comma - value) : strlen(value);
	char *rest = NULL;
	if (comma)
		options.records = strtoull(comma + 1, &rest, 10);
	if (length >= sizeof path || (comma && (*rest || options.records == 0))) {
		snprintf(
			why->text, sizeof why->text,
			"cannot read WEFT_TRACE=%.200s: it is a path, or path,N with N "
			"records a segment",
			value);
		return -EINVAL;
	}
	memcpy(path, value, length);
	path[length] = '\0';
	return trace_open(result, &options, why);
}

/* ---- writing ---- */

static void anchor(struct trace_segment *segment)
{
	TRACE(segment, ANCHOR, .value = system_monotonic_ns());
}

/* Under trace->lock. */
static struct trace_segment *next_segment(struct trace *trace)
{
	if (trace->claimed == trace->header->segments)
		return NULL;
	struct trace_segment *segment = calloc(1, sizeof *segment);
	if (!segment)
		return NULL;
	struct trace_segment_header *shared =
		at(trace, trace->header->segment_offset[trace->claimed]);
	segment->shared = shared;
	segment->next = (struct trace_record *)(shared + 1);
	segment->prefaulted = segment->next;
	segment->end = segment->next + shared->capacity;
	segment->trace = trace;
	segment->cycles = trace->header->clock == TRACE_CLOCK_CYCLES;
	shared->os_thread = system_thread_id();
	shared->claimed = 1;
	trace->segments[trace->claimed++] = segment;
	return segment;
}

/* Nobody will ever know what the thread without a segment did: one loss, for all of it.
 */
static void count_lost_writer(struct trace *trace)
{
	uint32_t last = trace->header->segments - 1;
	struct trace_segment_header *segment =
		at(trace, trace->header->segment_offset[last]);
	fetch_add_relaxed(&segment->dropped, 1); /* a counter */
}

struct trace_segment *trace_claim(struct trace *trace)
{
	if (!trace)
		return NULL;
	lock_take(&trace->lock);
	struct trace_segment *segment = next_segment(trace);
	if (!segment)
		count_lost_writer(trace);
	lock_give(&trace->lock);
	anchor(segment);
	return segment;
}

/* segment->next has reached segment->prefaulted: back the next pages, or count a loss.
 */
bool trace_make_room(struct trace_segment *segment)
{
	if (segment->next == segment->end) {
		fetch_add_relaxed(&segment->shared->dropped, 1); /* a counter */
		return false;
	}
	uintptr_t page = system_page_size();
	uintptr_t start = (uintptr_t)segment->next / page * page;
	uintptr_t end = start + PREFAULT_SIZE;
	if (end > (uintptr_t)segment->end)
		end = (uintptr_t)segment->end;
	system_populate((void *)start, end - start);
	segment->prefaulted = segment->next + (end - (uintptr_t)segment->next) /
						      sizeof(struct trace_record);
	return true;
}

/* Under trace->lock. */
static uint32_t append_string(struct trace *trace, const char *text)
{
	struct trace_header *header = trace->header;
	uint64_t head = load_relaxed(&header->strings_head);
	size_t size = strlen(text) + 1;
	if (head + size > header->strings.length) {
		fetch_add_relaxed(&header->lost_strings, 1); /* a counter */
		return 0;
	}
	memcpy(at(trace, header->strings.offset + head), text, size);
	/* Release: a reader that sees the head sees the bytes. Pairs with:
	 * trace_file_open. */
	store_release(&header->strings_head, head + size);
	return (uint32_t)head;
}

uint32_t trace_string(struct trace *trace, const char *text)
{
	if (!trace)
		return 0;
	lock_take(&trace->lock);
	uint32_t id = append_string(trace, text);
	lock_give(&trace->lock);
	return id;
}

/* Gives the site its number in this process, once. */
static uint32_t number_site(struct trace_site *site)
{
	lock_take(&sites_lock);
	uint32_t number = load_relaxed(&site->number);
	if (number == 0) {
		number = ++sites_count;
		site->next = sites_newest;
		sites_newest = site;
		store_relaxed(&site->number,
			      number); /* the site itself never changes */
	}
	lock_give(&sites_lock);
	return number;
}

static const struct trace_site *find_site(uint32_t number)
{
	lock_take(&sites_lock);
	const struct trace_site *site = sites_newest;
	lock_give(&sites_lock);
	while (site && load_relaxed(&site->number) != number)
		site = site->next; /* once linked, a site stays */
	return site;
}

/* Under trace->lock. The sites of a source file share one string: they often come in a
 * row, and then their file is the same literal. */
static uint32_t append_file(struct trace *trace, const char *file)
{
	if (file != trace->last_file) {
		trace->last_file = file;
		trace->last_file_id = append_string(trace, file);
	}
	return trace->last_file_id;
}

/* Under trace->lock. */
static void append_site(struct trace *trace, const struct trace_site *site)
{
	struct trace_site_entry *entries = at(trace, trace->header->sites.offset);
	entries[trace->sites_known++] = (struct trace_site_entry){
		.file = append_file(trace, site->file),
		.function = append_string(trace, site->function),
		.line = site->line,
		.event = site->event,
	};
	/* Release: a reader that sees the head sees the entry. Pairs with:
	 * trace_file_open. */
	store_release(&trace->header->sites_head, trace->sites_known * sizeof *entries);
}

/* The file does not hold this site yet: write it, and those numbered before it. Returns
 * the site's number, or 0 when the table is full (counted). */
uint32_t trace_register_site(struct trace_segment *segment, struct trace_site *site)
{
	struct trace *trace = segment->trace;
	uint32_t number = number_site(site);
	lock_take(&trace->lock);
	uint32_t room = trace->header->sites.length / sizeof(struct trace_site_entry);
	while (trace->sites_known < number && trace->sites_known < room)
		append_site(trace, find_site(trace->sites_known + 1));
	segment->sites_known = trace->sites_known;
	if (number > trace->sites_known)
		fetch_add_relaxed(&trace->header->lost_strings, 1); /* a counter */
	lock_give(&trace->lock);
	return number <= segment->sites_known ? number : 0;
}

/* ---- closing ---- */

/* The unused records of the last segment are the end of the file. */
static uint64_t used_size(const struct trace *trace)
{
	uint32_t last = trace->header->segments - 1;
	uint64_t offset = trace->header->segment_offset[last];
	struct trace_segment_header *segment = at(trace, offset);
	segment->capacity = load_relaxed(&segment->head); /* no writer is left */
	return offset + sizeof *segment +
	       segment->capacity * sizeof(struct trace_record);
}

int trace_close(struct trace *trace)
{
	if (!trace)
		return 0;
	calibrate(trace->header);
	for (uint32_t i = 0; i < trace->claimed; i++)
		if (trace->segments[i]->next < trace->segments[i]->end)
			anchor(trace->segments[i]); /* not worth a loss */
	for (uint32_t i = 0; i < trace->claimed; i++) {
		trace->segments[i]->shared->clean_close = 1;
		free(trace->segments[i]);
	}
	uint64_t used = used_size(trace);
	(void)system_unmap(trace->header, trace->size);
	int error = system_truncate(trace->fd, used);
	int close_error = system_close(trace->fd);
	free(trace);
	return error ? error : close_error;
}
