/* reader.h: a trace file, opened for reading and found sound.
 *
 * trace_file_open checks everything that a later access relies on: sizes, offsets,
 * heads, strings, the schema. After it, no accessor can leave the file. What a record
 * says may still be nonsense; that is the checker's business.
 *
 * A program may still be writing the file: what is seen of it is one moment's state.
 *
 * Concepts. A ring that went round has lost its beginning, by design. Its file is a window:
 * of every segment only those records are kept that are not older than the oldest record of
 * each ring that went round, since before that moment some segment has a gap. STATUS records
 * are kept also from before. So in a window the first record of a fiber may have any number;
 * from there on they are dense. */
#ifndef WEFT_TRACE_READER_H
#define WEFT_TRACE_READER_H

#include <stdint.h>

#include "trace/format.h"
#include "trace/schema.h"
#include "trace/trace.h"

/* Records of one segment, in their order. */
struct trace_run {
	const struct trace_record *records;
	uint64_t count;
	uint64_t first; /* the number of the first of them in its segment */
};

struct trace_file {
	const char *path; /* the caller's */
	const void *map;
	uint64_t size;
	bool mapped; /* `map` is the file's own pages, not a copy of them */
	const struct trace_header *header;
	struct schema schema;
	/* The kept records of each segment: how many, and the number of the first that is
	 * no older than the window (0 where nothing is missing before it). */
	uint64_t heads[TRACE_SEGMENTS_MAX], firsts[TRACE_SEGMENTS_MAX];
	struct trace_run kept[TRACE_SEGMENTS_MAX];
	/* All that each segment holds, also from before the window. */
	struct trace_run whole[TRACE_SEGMENTS_MAX];
	bool window;                  /* some ring went round */
	uint64_t window_tick;         /* where the window begins */
	uint64_t ticks_per_second;    /* from the header, or from the last anchor */
	uint64_t sites, strings_size; /* how many; bytes */
};

/* Opens `path` and checks it. On failure `why` holds one line for a person that starts
 * with the path and says what is wrong and what to do. -EINVAL for a file that is not a
 * sound trace, else the system's error. `file` is to be closed only after success. */
int trace_file_open(struct trace_file *file, const char *path,
		    struct trace_message *why);
void trace_file_close(struct trace_file *file);

/* The same file without the cut to the window: every record that it holds. Relies on `file`,
 * and is not to be closed. */
void trace_file_whole(const struct trace_file *file, struct trace_file *whole);

uint32_t trace_file_segments(const struct trace_file *file);
const struct trace_segment_header *trace_file_segment(const struct trace_file *file,
						      uint32_t index);

/* Whose the `index`th segment is, for people: "worker 1", "helper 4", "foreign thread 5". */
struct trace_writer_name {
	char text[32];
};
struct trace_writer_name trace_file_writer(const struct trace_file *file,
					   uint32_t index);

/* The `index`th segment's kept records, file->heads[index] of them. */
const struct trace_record *trace_file_records(const struct trace_file *file,
					      uint32_t index);

/* For a reader that goes through a segment from its start and has come to its record
 * `index`: now and then gives the pages behind it back to the system, so that a long trace
 * does not fill the memory. Records behind it may still be read; that costs the page again. */
#define TRACE_PASS_RECORDS 8192u
void trace_file_give_back(const struct trace_file *file, uint32_t segment,
			  uint64_t index);

static inline void trace_file_pass(const struct trace_file *file, uint32_t segment,
				   uint64_t index)
{
	if (index % TRACE_PASS_RECORDS == 0 && index > 0)
		trace_file_give_back(file, segment, index);
}

/* How many of the segments are workers'; segment i of these is worker i's. */
uint32_t trace_file_workers(const struct trace_file *file);

/* Whether the beginning is missing by design; no loss. */
bool trace_file_is_window(const struct trace_file *file);

/* Records lost in all segments, and one for each thread that found no segment. */
uint64_t trace_file_dropped(const struct trace_file *file);

/* Whether every claimed segment was closed. */
bool trace_file_clean(const struct trace_file *file);

/* The string with that id; "" for one that is not there. */
const char *trace_file_string(const struct trace_file *file, uint64_t id);

/* The site a record names, or NULL. */
const struct trace_site_entry *trace_file_site(const struct trace_file *file,
					       uint16_t site);

/* Nanoseconds from tick0 to `tick`; 0 for one before it. */
uint64_t trace_file_ns(const struct trace_file *file, uint64_t tick);

#endif
