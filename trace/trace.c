#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "weft.h"

#define SITES_MAX    512u       /* places in the source */
#define STRINGS_SIZE (1u << 14) /* bytes */
#define PREFAULT_FIRST                                                                 \
	65536u /* records whose pages are backed when a segment is claimed, */
#define PREFAULT         8192u /* and then each time, ahead of the writer */
#define ANCHORS_A_SECOND 10u
#define COST_BATCH       1000u /* records, written to know what one costs */
#define COST_BATCHES     9u

const char *const trace_schema[] = {
	"weft-events 1\n",
#define CHOICE(kind, name, number, text) "choice\t" #kind "\t" #number "\t" text "\n",
#define EVENT(number, name, module, arg, fiber, peer, high, low, sentence)             \
	"event\t" #number "\t" #name "\t" module "\t" arg "\t" fiber "\t" peer         \
	"\t" high "\t" low "\t" sentence "\n",
#include "trace/events.def"
#undef EVENT
#undef CHOICE
	NULL,
};

struct trace {
	struct trace_header
		*header; /* the mapping's start; regions have one writer at a time */
	size_t size;     /* of the mapping */
	int fd;          /* open until trace_close */
	trace_status_function *status; /* or NULL; set before segments are claimed */
	void *status_context;
	/* Each set by the thread that claims it, read by trace_close when all are done. */
	struct trace_segment *segments[TRACE_SEGMENTS_MAX];
	struct tiny_lock
		lock;         /* for the fields below and the string and site regions */
	uint32_t sites_known; /* sites in the file */
	const char *last_file; /* of the site written last, and its string */
	uint32_t last_file_id;
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

/* ---- the schema ---- */

size_t trace_schema_size(void)
{
	size_t size = 0;
	for (const char *const *line = trace_schema; *line; line++)
		size += strlen(*line);
	return size;
}

void trace_schema_write(char *to)
{
	for (const char *const *line = trace_schema; *line; line++) {
		size_t length = strlen(*line);
		memcpy(to, *line, length);
		to += length;
	}
}

/* ---- opening ---- */

static int fail(struct trace_message *why, int error, const char *path,
		const char *advice)
{
	snprintf(why->text, sizeof why->text, "cannot write the trace %s: %s; %s", path,
		 weft_strerror(error), advice);
	return error;
}

/* 1 or 0, or the error that keeps it unknown. */
static int is_trace(int fd)
{
	uint64_t size;
	const void *start;
	int error = system_file_size(fd, &size);
	if (error)
		return error == -ESPIPE ? 0 : error; /* no file */
	if (size < 8)
		return size == 0; /* empty: nothing to lose */
	error = system_map_private(fd, 8, &start);
	if (error)
		return error;
	bool same = memcmp(start, TRACE_MAGIC, 8) == 0;
	(void)system_unmap(start, 8);
	return same;
}

/* The old file lives on for a process that still writes it. */
int trace_remove_older(const char *path)
{
	int fd = system_open(path);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	int ours = is_trace(fd);
	(void)system_close(fd);
	if (ours < 0)
		return ours;
	return ours ? system_remove(path) : -EEXIST;
}

static struct trace_segment_header *header_of(const struct trace *trace, uint32_t index)
{
	return at(trace, trace->header->segment_offset[index]);
}

static uint64_t capacity_of(const struct trace_options *options, uint32_t index)
{
	if (index < options->workers)
		return options->records;
	return (options->records + TRACE_OTHERS_FRACTION - 1) / TRACE_OTHERS_FRACTION;
}

/* Where everything goes; returns the size of the file. */
static uint64_t lay_out(struct trace_header *header,
			const struct trace_options *options)
{
	uint64_t end = TRACE_HEADER_SIZE, schema_size = trace_schema_size();
	header->schema = (struct trace_region){(uint32_t)end, (uint32_t)schema_size};
	end = round_up(end + schema_size, 64);
	header->sites = (struct trace_region){
		(uint32_t)end, SITES_MAX * sizeof(struct trace_site_entry)};
	end += header->sites.length;
	header->strings = (struct trace_region){(uint32_t)end, STRINGS_SIZE};
	end += header->strings.length;
	header->workers = options->workers;
	header->segments = options->workers + options->others;
	for (uint32_t i = 0; i < header->segments; i++) {
		header->segment_offset[i] = end;
		end += sizeof(struct trace_segment_header);
		end = round_up(end + capacity_of(options, i) *
					       sizeof(struct trace_record),
			       64);
	}
	return end;
}

/* What both clocks say at one moment: the reading in between which the least time went by is
 * kept, for the system may take the processor away between the two. */
static void read_clocks(bool cycles, uint64_t *ns, uint64_t *tick)
{
	uint64_t shortest = UINT64_MAX;
	*ns = *tick = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t before = system_monotonic_ns();
		uint64_t now = cycles ? system_cycles() : before;
		uint64_t took = system_monotonic_ns() - before;
		if (took < shortest) {
			shortest = took;
			*ns = cycles ? before + took / 2 : before;
			*tick = now;
		}
	}
}

static void start_clock(struct trace_header *header)
{
	bool cycles = system_ticks_are_cycles();
	header->clock = cycles ? TRACE_CLOCK_CYCLES : TRACE_CLOCK_MONOTONIC;
	header->ticks_per_second = 1000000000u;
	header->realtime_ns0 = system_realtime_ns();
	read_clocks(cycles, &header->monotonic_ns0, &header->tick0);
}

/* Ticks in a second: what the machine says, else what both clocks have counted since tick0.
 * trace_close knows it better, but a process that dies never gets there. */
static void calibrate(struct trace_header *header)
{
	uint64_t ns, tick;
	if (header->clock != TRACE_CLOCK_CYCLES)
		return;
	read_clocks(true, &ns, &tick);
	ns -= header->monotonic_ns0;
	tick -= header->tick0;
	if (system_cycles_per_second())
		header->ticks_per_second = system_cycles_per_second();
	else if (ns >= TRACE_CALIBRATION_NS)
		header->ticks_per_second =
			(uint64_t)((double)tick * 1e9 / (double)ns + 0.5);
}

static bool is_calibrated(const struct trace_header *header)
{
	return header->clock != TRACE_CLOCK_CYCLES || system_cycles_per_second() ||
	       system_monotonic_ns() - header->monotonic_ns0 >= TRACE_CALIBRATION_NS;
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

/* What a batch of records takes, in ticks. */
static uint64_t time_batch(struct trace_segment *segment)
{
	struct trace_site site = {.event = TRACE_MARK, .number = 1};
	segment->next = segment->first;
	uint64_t start = trace_tick(segment);
	for (uint32_t i = 0; i < COST_BATCH; i++)
		trace_write(segment, &site, (struct trace_record){.value = i});
	return trace_tick(segment) - start;
}

/* Ticks that a batch takes in the middle, written into memory shaped as a segment. 0 when
 * there is no memory. */
static uint64_t measure_cost(const struct trace_header *header)
{
	struct trace_segment_header *scratch =
		calloc(1, sizeof *scratch + COST_BATCH * sizeof(struct trace_record));
	uint64_t took[COST_BATCHES];
	if (!scratch)
		return 0;
	struct trace_segment segment = {
		.first = (struct trace_record *)(scratch + 1),
		.stop = (struct trace_record *)(scratch + 1) + COST_BATCH,
		.anchor_due = UINT64_MAX,
		.shared = scratch,
		.sites_known = 1,
		.cycles = header->clock == TRACE_CLOCK_CYCLES,
	};
	for (uint32_t i = 0; i < COST_BATCHES; i++)
		took[i] = time_batch(&segment);
	free(scratch);
	qsort(took, COST_BATCHES, sizeof took[0], by_value);
	return took[COST_BATCHES / 2];
}

static uint32_t in_picoseconds(const struct trace_header *header, uint64_t ticks)
{
	double cost =
		(double)ticks * 1e12 / (double)header->ticks_per_second / COST_BATCH;
	return cost < UINT32_MAX ? (uint32_t)(cost + 0.5) : UINT32_MAX;
}

static void fill_segments(struct trace *trace, const struct trace_options *options)
{
	for (uint32_t i = 0; i < trace->header->segments; i++) {
		struct trace_segment_header *segment = header_of(trace, i);
		segment->index = (uint16_t)i;
		segment->flags = options->ring ? TRACE_RING : 0;
		segment->capacity = capacity_of(options, i);
		segment->magic = TRACE_SEGMENT_MAGIC;
	}
}

static void fill(struct trace *trace, const struct trace_header *layout,
		 const struct trace_options *options)
{
	struct trace_header *header = trace->header;
	memcpy(header, layout, sizeof *header);
	header->endian_probe = TRACE_ENDIAN_PROBE;
	header->major = TRACE_MAJOR;
	header->minor = TRACE_MINOR;
	header->record_size = sizeof(struct trace_record);
	header->pid = system_process_id();
	trace_schema_write(at(trace, header->schema.offset));
	store_relaxed(&header->strings_head, 1); /* string 0 is "" */
	fill_segments(trace, options);
	start_clock(header);
	uint64_t cost = measure_cost(header);
	while (!is_calibrated(header))
		;
	calibrate(header);
	header->record_picoseconds = in_picoseconds(header, cost);
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
		fill(trace, layout, options);
	}
	free(layout);
	return error;
}

static int check(struct trace_options *options, struct trace_message *why)
{
	options->records = options->records ? options->records : TRACE_RECORDS_DEFAULT;
	options->workers = options->workers ? options->workers : 1;
	options->others = options->others ? options->others : TRACE_OTHERS_DEFAULT;
	if (!options->path || !*options->path) {
		snprintf(
			why->text, sizeof why->text,
			"cannot write a trace: no path was given; set WEFT_TRACE=path");
		return -EINVAL;
	}
	if (options->records <= TRACE_RECORDS_MAX &&
	    options->workers <= TRACE_SEGMENTS_MAX &&
	    options->others <= TRACE_SEGMENTS_MAX - options->workers)
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

/* Takes in one of the words that follow the path, each at most once. */
static bool read_word(struct trace_options *options, const char *word, size_t length)
{
	if (length == 4 && memcmp(word, "ring", 4) == 0 && !options->ring) {
		options->ring = true;
		return true;
	}
	if (length == 0 || strspn(word, "0123456789") < length || options->records)
		return false;
	options->records = strtoull(word, NULL, 10); /* too many: trace_open refuses */
	return options->records > 0;
}

/* "path", "path,ring", "path,1000", "path,ring,1000". path: of sizeof PATH bytes. */
static bool read_value(struct trace_options *options, const char *value, char *path,
		       size_t size)
{
	size_t length = strcspn(value, ",");
	if (length >= size)
		return false;
	memcpy(path, value, length);
	path[length] = '\0';
	options->path = path;
	for (value += length; *value; value += length) {
		value++; /* the comma */
		length = strcspn(value, ",");
		if (!read_word(options, value, length))
			return false;
	}
	return true;
}

int trace_open_from_environment(struct trace **result, uint32_t workers,
				uint32_t others, struct trace_message *why)
{
	char path[4096];
	const char *value = getenv("WEFT_TRACE");
	struct trace_options options = {.workers = workers, .others = others};
	*result = NULL;
	if (!value || !*value)
		return 0;
	if (!read_value(&options, value, path, sizeof path)) {
		snprintf(why->text, sizeof why->text,
			 "cannot read WEFT_TRACE=%.160s: it is a path without a comma, "
			 "and "
			 "then perhaps ,ring and ,N with N records a segment",
			 value);
		return -EINVAL;
	}
	return trace_open(result, &options, why);
}

/* ---- writing ---- */

void trace_set_status(struct trace *trace, trace_status_function *function,
		      void *context)
{
	if (!trace)
		return;
	trace->status = function;
	trace->status_context = context;
}

/* Backs the pages of the records from next to stop. */
static void back_pages(const struct trace_segment *segment)
{
	uintptr_t page = system_page_size();
	uintptr_t start = (uintptr_t)segment->next / page * page;
	system_populate((void *)start, (uintptr_t)segment->stop - start);
}

/* The next place to pause at, if there is nothing before `limit`. A ring that went round has its
 * pages. */
static void go_to(struct trace_segment *segment, struct trace_record *limit)
{
	uint64_t left = (uint64_t)(limit - segment->next);
	uint64_t chunk = segment->head == 0 ? PREFAULT_FIRST : PREFAULT;
	segment->stop = segment->next + (left < chunk ? left : chunk);
	if (segment->head < segment->shared->capacity)
		back_pages(segment);
}

/* The last slot is kept free for this. From now on each record comes to trace_pause, and no
 * anchor is due any more. */
static void write_lost(struct trace_segment *segment)
{
	segment->stop = segment->end;
	segment->anchor_due = UINT64_MAX;
	TRACE(segment, LOST, .value = system_monotonic_ns());
}

static bool go_on_linear(struct trace_segment *segment)
{
	if (segment->next + 1 < segment->end) {
		go_to(segment, segment->end - 1);
		return true;
	}
	if (segment->next < segment->end)
		write_lost(segment);
	fetch_add_relaxed(&segment->shared->dropped, 1); /* a counter */
	return false;
}

/* At most half of the quarter is for these. */
static void write_statuses(struct trace_segment *segment, uint64_t quarter)
{
	struct trace *trace = segment->trace;
	if (!trace->status)
		return;
	uint64_t lost = trace->status(trace->status_context, segment, quarter / 2);
	fetch_add_relaxed(&trace->header->lost_statuses, lost); /* a counter */
}

static bool go_on_ring(struct trace_segment *segment)
{
	uint64_t capacity = segment->shared->capacity;
	uint64_t quarter = capacity < 4 ? 1 : capacity / 4;
	if (segment->next >= segment->end)
		segment->next = segment->first;
	uint64_t at = (uint64_t)(segment->next - segment->first);
	uint64_t limit = (at / quarter + 1) * quarter;
	go_to(segment, limit < capacity ? segment->first + limit : segment->end);
	if (at % quarter == 0 && segment->head > 0)
		write_statuses(segment, quarter);
	return true;
}

/* False: the record that wanted the room is counted as dropped. */
static bool make_room(struct trace_segment *segment)
{
	while (segment->next >= segment->stop)
		if (!(segment->ring ? go_on_ring(segment) : go_on_linear(segment)))
			return false;
	return true;
}

/* Its tick and its value are of one moment, so it does not come from TRACE. */
static void write_anchor(struct trace_segment *segment)
{
	static struct trace_site here = {.file = __FILE__,
					 .function = __func__,
					 .line = __LINE__,
					 .event = TRACE_ANCHOR};
	struct trace_record record = {.type = TRACE_ANCHOR};
	record.site = (uint16_t)trace_site_number(segment, &here);
	if (!make_room(segment))
		return;
	read_clocks(segment->cycles, &record.value, &record.tick);
	segment->anchor_due = record.tick + segment->anchor_every;
	trace_put(segment, record);
}

bool trace_pause(struct trace_segment *segment, uint64_t tick)
{
	/* The last slot of a linear segment is not for anchors: none is worth a loss. */
	if (tick >= segment->anchor_due &&
	    (segment->ring || segment->next + 1 < segment->end))
		write_anchor(segment);
	return make_room(segment);
}

/* ---- claiming ---- */

static struct trace_segment *make_writer(struct trace *trace,
					 struct trace_segment_header *shared)
{
	struct trace_segment *segment = calloc(1, sizeof *segment);
	if (!segment)
		return NULL;
	segment->shared = shared;
	segment->first = (struct trace_record *)(shared + 1);
	segment->next = segment->stop = segment->first;
	segment->end = segment->first + shared->capacity;
	segment->ring = shared->flags & TRACE_RING;
	segment->trace = trace;
	segment->cycles = trace->header->clock == TRACE_CLOCK_CYCLES;
	segment->anchor_every = trace->header->ticks_per_second / ANCHORS_A_SECOND;
	return segment;
}

/* Takes segment `index` if it is free. Its first record is an anchor. */
static struct trace_segment *claim(struct trace *trace, uint32_t index,
				   enum trace_role role)
{
	struct trace_segment_header *shared = header_of(trace, index);
	struct trace_segment *segment = make_writer(trace, shared);
	uint32_t nobody = 0;
	if (!segment)
		return NULL;
	/* Acquire and release: who loses here touches nothing of the segment. Pairs with:
	 * claim, by another thread. */
	if (!cas_acq_rel(&shared->claimed, &nobody, 1)) {
		free(segment);
		return NULL;
	}
	shared->role = role;
	shared->os_thread = system_thread_id();
	trace->segments[index] = segment;
	write_anchor(segment);
	return segment;
}

/* Nobody will ever know what the thread without a segment did: one loss, for all of it. */
static struct trace_segment *lose_writer(struct trace *trace)
{
	fetch_add_relaxed(&trace->header->lost_writers, 1); /* a counter */
	return NULL;
}

static struct trace_segment *claim_first_free(struct trace *trace, uint32_t from,
					      uint32_t to, enum trace_role role)
{
	for (uint32_t i = from; i < to; i++) {
		struct trace_segment *segment = claim(trace, i, role);
		if (segment)
			return segment;
	}
	return lose_writer(trace);
}

struct trace_segment *trace_claim_worker(struct trace *trace, uint32_t worker)
{
	if (!trace)
		return NULL;
	if (worker >= trace->header->workers)
		return lose_writer(trace);
	return claim_first_free(trace, worker, worker + 1, TRACE_WORKER);
}

struct trace_segment *trace_claim(struct trace *trace)
{
	if (!trace)
		return NULL;
	return claim_first_free(trace, 0, trace->header->workers, TRACE_WORKER);
}

struct trace_segment *trace_claim_thread(struct trace *trace, enum trace_role role)
{
	if (!trace)
		return NULL;
	return claim_first_free(trace, trace->header->workers, trace->header->segments,
				role);
}

/* ---- strings and sites ---- */

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

/* The last anchor. A full segment has LOST there; it is not worth a loss. */
static void finish_segment(struct trace_segment *segment)
{
	if (!segment->ring && segment->next < segment->end)
		segment->stop = segment->end; /* the slot that was kept free, too */
	if (segment->ring || segment->next < segment->end)
		write_anchor(segment);
}

/* The segments behind the last that was claimed leave the directory, and the unused records of
 * that one the file. Each step leaves a sound file. Returns its size. */
static uint64_t trim(struct trace *trace)
{
	struct trace_header *header = trace->header;
	uint32_t last = header->segments - 1;
	while (last > 0 && !trace->segments[last])
		last--;
	struct trace_segment_header *segment = header_of(trace, last);
	uint64_t head = load_relaxed(&segment->head); /* no writer is left */
	/* A reader leaves out the oldest record of a ring that is full. */
	uint64_t needed = segment->flags & TRACE_RING ? head + 1 : head;
	if (needed < segment->capacity)
		segment->capacity = needed;
	if (header->workers > last + 1)
		header->workers = last + 1;
	header->segments = last + 1;
	for (uint32_t i = last + 1; i < TRACE_SEGMENTS_MAX; i++)
		header->segment_offset[i] = 0;
	return header->segment_offset[last] + sizeof *segment +
	       segment->capacity * sizeof(struct trace_record);
}

int trace_close(struct trace *trace)
{
	if (!trace)
		return 0;
	calibrate(trace->header);
	for (uint32_t i = 0; i < trace->header->segments; i++)
		if (trace->segments[i])
			finish_segment(trace->segments[i]);
	int error = system_truncate(trace->fd, trim(trace));
	/* Only now: who finds it closed may rely on its length. Pairs with: live_load. */
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < trace->header->segments; i++) {
		if (trace->segments[i])
			header_of(trace, i)->clean_close = 1;
		free(trace->segments[i]);
	}
	(void)system_unmap(trace->header, trace->size);
	int close_error = system_close(trace->fd);
	free(trace);
	return error ? error : close_error;
}
