/* made.h: small traces for tests, with times that do not vary.
 *
 * A test opens a struct made, writes what happens in the run line by line, and closes
 * it; then `file` is the trace, read back from the disk. The writer lays the file out.
 * Records are stored past it, since it would put the time of day into them. */
#ifndef WEFT_TESTS_TRACE_MADE_H
#define WEFT_TESTS_TRACE_MADE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "trace/reader.h"
#include "trace/trace.h"

#define MADE_START  1000u /* tick0; a tick is a nanosecond */
#define MADE_FIBERS 1024u

struct made {
	struct trace *trace;
	struct trace_segment *segments[4];
	uint32_t workers;
	char path[64];
	uint64_t ns;   /* of the records that follow, since the start */
	uint16_t site; /* of the records that follow */
	bool killed;   /* the program did not close it */
	uint64_t lost; /* records of worker 0 */
	uint32_t sequences[MADE_FIBERS + 4];
	struct trace_file file; /* after made_close */
};

static inline void made_open(struct made *made, uint32_t workers, uint64_t records)
{
	struct trace_message why;
	*made = (struct made){.workers = workers};
	snprintf(made->path, sizeof made->path, "/tmp/weft-made-%d.weft",
		 (int)getpid());
	struct trace_options options = {
		.path = made->path, .records = records, .workers = workers};
	cr_assert_eq(trace_open(&made->trace, &options, &why), 0, "%s", why.text);
	for (uint32_t i = 0; i < workers; i++)
		made->segments[i] = trace_claim(made->trace);
}

/* From here on, records come from that place in the source. */
static inline void made_site(struct made *made, struct trace_site *site)
{
	made->site = (uint16_t)trace_register_site(made->segments[0], site);
}

/* How many records that fiber has. Workers' own contexts come after the fibers. */
static inline uint32_t *made_sequence(struct made *made, uint32_t fiber)
{
	uint32_t index = fiber >= TRACE_IDLE_FIBERS
				 ? MADE_FIBERS + fiber - TRACE_IDLE_FIBERS
				 : fiber;
	cr_assert_lt(index, MADE_FIBERS + 4);
	return &made->sequences[index];
}

/* The record's own fiber sequence and its time fill themselves in. */
static inline void made_record(struct made *made, uint32_t worker,
			       struct trace_record record)
{
	struct trace_segment *segment = made->segments[worker];
	cr_assert(segment->next < segment->end, "the made trace is too small");
	record.tick = MADE_START + made->ns;
	record.site = made->site;
	record.fiber_sequence = record.fiber ? ++*made_sequence(made, record.fiber) : 0;
	*segment->next++ = record;
	store_relaxed(&segment->shared->head, ++segment->head); /* nobody reads yet */
}

static inline uint32_t made_text(struct made *made, const char *text)
{
	return *text ? trace_string(made->trace, text) : 0;
}

static inline void made_start(struct made *made, uint32_t worker, uint32_t fiber)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_WORKER_START, .fiber = fiber});
}

static inline void made_stop(struct made *made, uint32_t worker, uint32_t fiber)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_WORKER_STOP, .fiber = fiber});
}

static inline void made_create(struct made *made, uint32_t worker, uint32_t parent,
			       uint32_t child, const char *entry)
{
	made_record(made, worker,
		    (struct trace_record){
			    .type = TRACE_CREATE,
			    .fiber = child,
			    .peer = parent,
			    .value = trace_pair(made_text(made, entry), 65536)});
}

static inline void made_name(struct made *made, uint32_t worker, uint32_t fiber,
			     const char *name)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_NAME,
					  .fiber = fiber,
					  .value = made_text(made, name)});
}

static inline void made_mark(struct made *made, uint32_t worker, uint32_t fiber,
			     const char *text, uint32_t number)
{
	made_record(made, worker,
		    (struct trace_record){
			    .type = TRACE_MARK,
			    .fiber = fiber,
			    .value = trace_pair(number, made_text(made, text))});
}

static inline void made_switch(struct made *made, uint32_t worker, uint32_t previous,
			       uint32_t next, uint8_t reason, uint32_t used)
{
	/* A switch of a fiber to itself belongs to it once. */
	uint32_t sequence = *made_sequence(made, previous) + 1;
	*made_sequence(made, previous) += previous != next;
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_SWITCH,
					  .arg = reason,
					  .fiber = next,
					  .peer = previous,
					  .value = trace_pair(used, sequence)});
}

static inline void made_finish(struct made *made, uint32_t worker, uint32_t fiber,
			       uint32_t used)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_FINISH,
					  .fiber = fiber,
					  .value = trace_pair(used, 0)});
}

static inline void made_ready(struct made *made, uint32_t worker, uint32_t waker,
			      uint32_t fiber, uint8_t place)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_READY,
					  .arg = place,
					  .fiber = fiber,
					  .peer = waker});
}

static inline void made_await(struct made *made, uint32_t worker, uint32_t awaiter,
			      uint32_t target, uint8_t found)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_AWAIT,
					  .arg = found,
					  .fiber = awaiter,
					  .peer = target});
}

static inline void made_recycle(struct made *made, uint32_t worker, uint32_t fiber,
				uint32_t awaiter)
{
	made_record(made, worker,
		    (struct trace_record){
			    .type = TRACE_RECYCLE, .fiber = fiber, .peer = awaiter});
}

/* type: SPAN_BEGIN or SPAN_END. */
static inline void made_span(struct made *made, uint32_t worker, uint32_t fiber,
			     uint8_t type, const char *text)
{
	made_record(made, worker,
		    (struct trace_record){.type = type,
					  .fiber = fiber,
					  .value = made_text(made, text)});
}

/* The fiber was taken out of that queue of `victim`. */
static inline void made_steal(struct made *made, uint32_t thief, uint32_t victim,
			      uint8_t queue, uint32_t fiber, uint32_t size,
			      uint32_t batch)
{
	made_record(made, thief,
		    (struct trace_record){.type = TRACE_STEAL,
					  .arg = queue,
					  .fiber = fiber,
					  .peer = victim,
					  .value = trace_pair(size, batch)});
}

static inline void made_miss(struct made *made, uint32_t worker, uint32_t running,
			     uint32_t looks)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_STEAL_MISS,
					  .fiber = running,
					  .value = trace_pair(0, looks)});
}

/* type: WORKER_SLEEP or WORKER_AWAKE, of a worker whose sleeper is an object with its number
 * and one more. */
static inline void made_sleeper(struct made *made, uint32_t worker, uint32_t running,
				uint8_t type, uint8_t arg, uint32_t turn)
{
	made_record(made, worker,
		    (struct trace_record){.type = type,
					  .arg = arg,
					  .fiber = running,
					  .value = trace_pair(worker + 1, turn)});
}

static inline void made_wake(struct made *made, uint32_t worker, uint32_t waker,
			     uint32_t target, uint8_t why, uint32_t turn)
{
	made_record(made, worker,
		    (struct trace_record){.type = TRACE_WORKER_WAKE,
					  .arg = why,
					  .fiber = waker,
					  .peer = target,
					  .value = trace_pair(target + 1, turn)});
}

/* Two workers, for which `made` is open. Main, on worker 0, makes five children; worker 1,
 * which slept, steals the first, two more in a batch, and takes one out of the injection
 * queue. */
static inline void made_steals(struct made *made)
{
	uint32_t idle = TRACE_IDLE_FIBERS + 1;
	made_create(made, 0, 0, 1, "main");
	made_start(made, 0, 1);
	made_create(made, 1, 0, idle, "idle");
	made_start(made, 1, idle);
	made_miss(made, 1, idle, 4);
	made_sleeper(made, 1, idle, TRACE_WORKER_SLEEP, TRACE_sleep_POLLING, 1);
	made->ns += 1000;
	for (uint32_t child = 2; child < 6; child++) {
		made_create(made, 0, 1, child, "child");
		made_ready(made, 0, 1, child,
			   child == 5 ? TRACE_place_INJECTED : TRACE_place_NEWEST);
		if (child == 2)
			made_wake(made, 0, 1, 1, TRACE_wake_WORK, 2);
	}
	made->ns += 1000;
	made_sleeper(made, 1, idle, TRACE_WORKER_AWAKE, TRACE_wake_WORK, 3);
	made_steal(made, 1, 0, TRACE_place_NEWEST, 2, 1, 1);
	made_switch(made, 1, idle, 2, TRACE_leave_IDLE, 0);
	made_switch(made, 0, 1, 4, TRACE_leave_YIELD, 0);
	made_switch(made, 0, 4, 3, TRACE_leave_YIELD, 0);
	made_switch(made, 0, 3, 1, TRACE_leave_YIELD, 0);
	made->ns += 1000;
	made_steal(made, 1, 0, TRACE_place_LOCAL, 4, 2, 2);
	made_steal(made, 1, 0, TRACE_place_LOCAL, 3, 2, 2);
	made_steal(made, 1, 1, TRACE_place_INJECTED, 5, 1, 3);
	made_switch(made, 1, 2, 5, TRACE_leave_PARK, 0);
	made_switch(made, 1, 5, 4, TRACE_leave_PARK, 0);
	made->ns += 1000;
	made_switch(made, 1, 4, idle, TRACE_leave_PARK, 0);
	made_miss(made, 1, idle, 3);
	made_sleeper(made, 1, idle, TRACE_WORKER_SLEEP, TRACE_sleep_ASLEEP, 4);
	made_sleeper(made, 1, idle, TRACE_WORKER_AWAKE, TRACE_wake_RESCAN, 5);
	made_stop(made, 1, idle);
	made_stop(made, 0, 1);
}

/* As the scheduler writes it, on one worker: main awaits a child before it has run, and
 * then another, which has ended by then. */
static inline void made_awaits(struct made *made)
{
	made_open(made, 1, 40);
	made_create(made, 0, 0, 1, "main");
	made_start(made, 0, 1);
	for (uint32_t child = 2; child < 4; child++) {
		made->ns += 100;
		made_create(made, 0, 1, child, "child");
		made_ready(made, 0, 1, child, TRACE_place_SHARED);
	}
	made_await(made, 0, 1, 3, TRACE_found_WAITS);
	made_switch(made, 0, 1, 3, TRACE_leave_PARK, 208);
	made_finish(made, 0, 3, 0);
	made->ns += 100;
	made_ready(made, 0, 3, 1, TRACE_place_DIRECT);
	made_switch(made, 0, 3, 1, TRACE_leave_FINISH, 64);
	made_recycle(made, 0, 3, 1);
	made->ns += 100;
	made_switch(made, 0, 1, 2, TRACE_leave_YIELD, 208);
	made_finish(made, 0, 2, 0);
	made_switch(made, 0, 2, 1, TRACE_leave_FINISH, 64);
	made_recycle(made, 0, 2, 0);
	made_await(made, 0, 1, 2, TRACE_found_FINISHED);
	made_stop(made, 0, 1);
}

/* One worker; main starts ping, ping starts pong, and the two play `rounds` rounds of
 * two switches each, 100 ns apart. */
static inline void made_game(struct made *made, unsigned rounds)
{
	static struct trace_site site = {.file = "demo.c",
					 .function = "play",
					 .line = 57,
					 .event = TRACE_SWITCH};
	made_open(made, 1, 2 * rounds + 32);
	made_site(made, &site);
	made_start(made, 0, 1);
	made_name(made, 0, 1, "main");
	made->ns = 1200;
	made_create(made, 0, 1, 2, "ping");
	made_create(made, 0, 1, 3, "pong");
	made_switch(made, 0, 1, 2, TRACE_leave_START, 208);
	made->ns += 100;
	made_switch(made, 0, 2, 3, TRACE_leave_START, 112);
	for (unsigned i = 0; i < rounds; i++) {
		made->ns += 100;
		made_switch(made, 0, 3, 2, TRACE_leave_YIELD, 112);
		made->ns += 100;
		made_switch(made, 0, 2, 3, TRACE_leave_YIELD, 112);
	}
	made->ns += 100;
	made_finish(made, 0, 3, 112);
	made_switch(made, 0, 3, 2, TRACE_leave_FINISH, 0);
	made_finish(made, 0, 2, 112);
	made_switch(made, 0, 2, 1, TRACE_leave_FINISH, 0);
	made_stop(made, 0, 1);
}

/* The writer's own records, one at either end of a segment, get the times of their
 * neighbours. */
static inline void made_settle(struct made *made, struct trace_header *header)
{
	header->tick0 = MADE_START;
	header->ticks_per_second = 1000000000u;
	header->clock = TRACE_CLOCK_MONOTONIC;
	header->record_picoseconds = 0;
	for (uint32_t i = 0; i < made->workers; i++) {
		struct trace_segment_header *segment =
			(struct trace_segment_header *)((char *)header +
							header->segment_offset[i]);
		struct trace_record *records = (struct trace_record *)(segment + 1);
		uint64_t last = load_relaxed(&segment->head) - 1;
		records[0].tick = last > 1 ? records[1].tick : MADE_START;
		records[last].tick = records[last - 1].tick;
		segment->clean_close = !made->killed;
	}
}

static inline void made_close(struct made *made)
{
	struct trace_message why;
	struct stat status;
	fetch_add_relaxed(&made->segments[0]->shared->dropped, made->lost);
	cr_assert_eq(trace_close(made->trace), 0);
	FILE *file = fopen(made->path, "r+");
	cr_assert_not_null(file);
	cr_assert_eq(fstat(fileno(file), &status), 0);
	size_t size = (size_t)status.st_size;
	void *map =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	cr_assert_neq(map, MAP_FAILED);
	made_settle(made, map);
	munmap(map, size);
	fclose(file);
	cr_assert_eq(trace_file_open(&made->file, made->path, &why), 0, "%s", why.text);
}

static inline void made_free(struct made *made)
{
	trace_file_close(&made->file);
	unlink(made->path);
}

/* What a command writes; to be freed. */
struct made_output {
	char *text;
	size_t length;
	FILE *out;
};

static inline FILE *made_out(struct made_output *output)
{
	output->out = open_memstream(&output->text, &output->length);
	cr_assert_not_null(output->out);
	return output->out;
}

/* Compares what was written with `expected`, and frees it. */
static inline void made_expect(struct made_output *output, const char *expected)
{
	fclose(output->out);
	cr_expect_str_eq(output->text, expected, "\n--- expected\n%s--- got\n%s",
			 expected, output->text);
	free(output->text);
}

#endif
