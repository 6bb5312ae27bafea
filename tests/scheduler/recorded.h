/* recorded.h: counts what a trace holds, for tests of who writes it. What it means is
 * weft-trace's business. */
#ifndef WEFT_TESTS_SCHEDULER_RECORDED_H
#define WEFT_TESTS_SCHEDULER_RECORDED_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/system.h"
#include "trace/format.h"

struct recorded {
	const char *file;
	uint64_t size;
};

static inline struct recorded recorded_open(const char *path)
{
	struct recorded trace;
	const void *file;
	int fd = system_open(path);
	cr_assert_geq(fd, 0, "%s: error %d", path, fd);
	cr_assert_eq(system_file_size(fd, &trace.size), 0);
	cr_assert_eq(system_map_private(fd, trace.size, &file), 0);
	cr_assert_eq(system_close(fd), 0);
	trace.file = file;
	return trace;
}

static inline void recorded_close(struct recorded *trace)
{
	cr_assert_eq(system_unmap(trace->file, trace->size), 0);
}

/* Calls look(record, argument) for each record, segment by segment. */
static inline void recorded_each(const struct recorded *trace,
				 void (*look)(const struct trace_record *record,
					      void *argument),
				 void *argument)
{
	const struct trace_header *header = (const void *)trace->file;
	for (uint32_t i = 0; i < header->segments; i++) {
		const char *at = trace->file + header->segment_offset[i];
		const struct trace_segment_header *segment = (const void *)at;
		const struct trace_record *records =
			(const void *)(at + sizeof *segment);
		cr_assert_eq(atomic_load(&segment->dropped), 0);
		for (uint64_t k = 0; k < atomic_load(&segment->head); k++)
			look(&records[k], argument);
	}
}

static inline const char *recorded_string(const struct recorded *trace, uint64_t id)
{
	const struct trace_header *header = (const void *)trace->file;
	return trace->file + header->strings.offset + (uint32_t)id;
}

struct recorded_count {
	enum trace_event event;
	uint64_t count;
};

static inline void recorded_count_one(const struct trace_record *record, void *argument)
{
	struct recorded_count *counted = argument;
	counted->count += record->type == counted->event;
}

static inline uint64_t recorded_count(const struct recorded *trace,
				      enum trace_event event)
{
	struct recorded_count counted = {event, 0};
	recorded_each(trace, recorded_count_one, &counted);
	return counted.count;
}

#endif
