/* reader.h: a trace file, opened for reading and found sound.
 *
 * trace_file_open checks everything that a later access relies on: sizes, offsets,
 * heads, strings, the schema. After it, no accessor can leave the file. What a record
 * says may still be nonsense; that is the checker's business. */
#ifndef WEFT_TRACE_READER_H
#define WEFT_TRACE_READER_H

#include <stdint.h>

#include "trace/format.h"
#include "trace/schema.h"
#include "trace/trace.h"

struct trace_file {
	const char *path; /* the caller's */
	const void *map;
	uint64_t size;
	const struct trace_header *header;
	struct schema schema;
	uint64_t heads[TRACE_SEGMENTS_MAX]; /* records of each segment, read once */
	uint64_t sites, strings_size;       /* how many; bytes */
};

/* Opens `path` and checks it. On failure `why` holds one line for a person that starts
 * with the path and says what is wrong and what to do. -EINVAL for a file that is not a
 * sound trace, else the system's error. `file` is to be closed only after success. */
int trace_file_open(struct trace_file *file, const char *path,
		    struct trace_message *why);
void trace_file_close(struct trace_file *file);

uint32_t trace_file_segments(const struct trace_file *file);
const struct trace_segment_header *trace_file_segment(const struct trace_file *file,
						      uint32_t index);
/* The `index`th segment's records, file->heads[index] of them. */
const struct trace_record *trace_file_records(const struct trace_file *file,
					      uint32_t index);

/* Records lost in all segments, and whether every claimed segment was closed. */
uint64_t trace_file_dropped(const struct trace_file *file);
bool trace_file_clean(const struct trace_file *file);

/* The string with that id; "" for one that is not there. */
const char *trace_file_string(const struct trace_file *file, uint64_t id);

/* The site a record names, or NULL. */
const struct trace_site_entry *trace_file_site(const struct trace_file *file,
					       uint16_t site);

/* Nanoseconds from tick0 to `tick`; 0 for one before it. */
uint64_t trace_file_ns(const struct trace_file *file, uint64_t tick);

#endif
