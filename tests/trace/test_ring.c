/* test_ring.c: segments that keep their end, who claims which, and reading while a program
 * writes. */
#include "tests/trace/support.h"

#include <errno.h>
#include <pthread.h>

TestSuite(ring, .init = make_directory, .fini = remove_directory);
TestSuite(claim, .init = make_directory, .fini = remove_directory);
TestSuite(live, .init = make_directory, .fini = remove_directory, .timeout = 120);

static struct trace *open_with(struct trace_options options)
{
	struct trace *trace;
	struct trace_message why = {.text = ""};
	if (!options.path)
		options.path = in_directory("trace.weft");
	cr_assert_eq(trace_open(&trace, &options, &why), 0, "%s", why.text);
	return trace;
}

static void open_file(struct trace_file *file)
{
	struct trace_message why = {.text = ""};
	cr_assert_eq(trace_file_open(file, in_directory("trace.weft"), &why), 0, "%s",
		     why.text);
}

/* A record whose parts tell of each other: half of another would show. */
static void mark(struct trace_segment *segment, uint32_t number)
{
	TRACE(segment, MARK, .fiber = 1, .fiber_sequence = number, .peer = ~number,
	      .value = trace_pair(number, number * 7));
}

/* The marks of a segment follow one another, are whole, and end with `last`, if that is not 0.
 * Returns how many there are. */
static uint64_t expect_marks(const struct trace_file *file, uint32_t index,
			     uint32_t last)
{
	const struct trace_record *records = trace_file_records(file, index);
	uint32_t number = 0;
	uint64_t count = 0;
	for (uint64_t i = 0; i < file->heads[index]; i++) {
		const struct trace_record *record = &records[i];
		cr_assert(i == 0 || record->tick >= records[i - 1].tick);
		if (record->type != TRACE_MARK)
			continue;
		if (count++ > 0)
			cr_assert_eq(record->fiber_sequence, number + 1);
		number = record->fiber_sequence;
		cr_assert_eq(record->peer, ~number);
		cr_assert_eq(record->value, trace_pair(number, number * 7));
	}
	if (last)
		cr_assert_eq(number, last);
	return count;
}

/* ---- what a ring keeps ---- */

Test(ring, keeps_its_end)
{
	struct trace_file file;
	struct trace *trace =
		open_with((struct trace_options){.records = 64, .ring = true});
	struct trace_segment *segment = trace_claim(trace);
	for (uint32_t i = 1; i <= 1000; i++)
		mark(segment, i);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file);
	uint64_t head = load_relaxed(&trace_file_segment(&file, 0)->head);
	cr_assert_geq(head, 1002); /* with the anchors */
	cr_assert_eq(file.heads[0], 63);
	cr_assert_eq(file.firsts[0], head - 63);
	cr_assert_geq(expect_marks(&file, 0, 1000), 60);
	cr_assert(trace_file_is_window(&file));
	cr_assert(trace_file_clean(&file));
	cr_assert_eq(trace_file_dropped(&file), 0);
	trace_file_close(&file);
	expect_round_trip(in_directory("trace.weft"));
}

Test(ring, that_is_not_full_is_as_any_other)
{
	struct trace_file file;
	for (uint32_t marks = 0; marks < 70; marks++) {
		struct trace *trace =
			open_with((struct trace_options){.records = 64, .ring = true});
		struct trace_segment *segment = trace_claim(trace);
		for (uint32_t i = 1; i <= marks; i++)
			mark(segment, i);
		cr_assert_eq(trace_close(trace), 0);
		open_file(&file);
		uint64_t head = load_relaxed(&trace_file_segment(&file, 0)->head);
		cr_assert_eq(file.window, head >= 64, "%u marks", marks);
		cr_assert_eq(file.firsts[0], head >= 64 ? head - 63 : 0);
		cr_assert_eq(file.heads[0], head - file.firsts[0]);
		(void)expect_marks(&file, 0, marks);
		cr_assert_eq(file.size,
			     file.header->segment_offset[0] + 64 +
				     32 * (head < 64 ? head + 1 : 64),
			     "not trimmed");
		trace_file_close(&file);
		expect_round_trip(in_directory("trace.weft"));
	}
}

Test(ring, of_any_length_holds_together)
{
	struct trace_file file;
	for (uint64_t records = 1; records < 20; records++) {
		struct trace *trace = open_with(
			(struct trace_options){.records = records, .ring = true});
		struct trace_segment *segment = trace_claim(trace);
		for (uint32_t i = 1; i <= 100; i++)
			mark(segment, i);
		expect_round_trip(in_directory("trace.weft"));
		cr_assert_eq(trace_close(trace), 0);
		open_file(&file);
		cr_assert_eq(file.heads[0], records - 1);
		(void)expect_marks(&file, 0, records > 2 ? 100 : 0);
		trace_file_close(&file);
		expect_round_trip(in_directory("trace.weft"));
	}
}

/* ---- statuses ---- */

struct asked {
	uint64_t times, room, left_out;
};

static uint64_t write_some(void *context, struct trace_segment *segment, uint64_t room)
{
	struct asked *asked = context;
	asked->times++;
	asked->room = room;
	for (uint64_t i = 0; i < room && i < 3; i++)
		TRACE(segment, STATUS, .arg = TRACE_state_PARKED, .peer = 7,
		      .value = trace_pair(0, 41));
	return asked->left_out;
}

Test(ring, tells_of_statuses_at_each_quarter)
{
	struct trace_file file;
	struct asked asked = {.left_out = 2};
	uint64_t statuses = 0;
	struct trace *trace =
		open_with((struct trace_options){.records = 80, .ring = true});
	trace_set_status(trace, write_some, &asked);
	struct trace_segment *segment = trace_claim(trace);
	for (uint32_t i = 1; i <= 1000; i++)
		mark(segment, i);
	uint64_t quarters = (segment->head - 1) / 20;
	cr_assert_eq(trace_close(trace), 0);
	cr_assert_eq(asked.times, quarters);
	cr_assert_eq(asked.room, 10, "half of a quarter");
	open_file(&file);
	for (uint64_t i = 0; i < file.heads[0]; i++)
		statuses += trace_file_records(&file, 0)[i].type == TRACE_STATUS;
	cr_assert_geq(statuses, 9);
	cr_assert_eq(load_relaxed(&file.header->lost_statuses), 2 * asked.times);
	cr_assert_eq(trace_file_dropped(&file), 0, "no loss of records");
	(void)expect_marks(&file, 0, 1000);
	trace_file_close(&file);
	expect_round_trip(in_directory("trace.weft"));
}

Test(ring, linear_segments_tell_of_none)
{
	struct asked asked = {0};
	struct trace *trace = open_with((struct trace_options){.records = 80});
	trace_set_status(trace, write_some, &asked);
	struct trace_segment *segment = trace_claim(trace);
	for (uint32_t i = 1; i <= 1000; i++)
		mark(segment, i);
	cr_assert_eq(trace_close(trace), 0);
	cr_assert_eq(asked.times, 0);
}

/* ---- the window ---- */

/* Worker 1 has not gone round, but what it wrote before the oldest record of worker 0 is of no
 * use: worker 0 may have had records of the same fibers then. */
static const char window_text[] =
	"segment 0 ring=1 capacity=4 head=9\n"
	"segment 1 ring=1 capacity=9\n"
	"1 1000 MARK fiber=2 .sequence=4 number=1\n"
	"1 1500 STATUS state=parked fiber=3 last_sequence=12\n"
	"1 2000 MARK fiber=2 .sequence=5 number=2\n"
	"0 2500 MARK fiber=2 .sequence=7 number=3\n"
	"0 2600 MARK fiber=1 .sequence=31 number=4\n"
	"0 2700 MARK fiber=1 .sequence=32 number=5\n"
	"1 2700 MARK fiber=2 .sequence=8 number=6\n";

Test(ring, cuts_all_segments_to_one_window)
{
	struct trace_file file, whole;
	undump(window_text, in_directory("trace.weft"));
	open_file(&file);
	cr_assert(file.window);
	cr_assert_eq(file.window_tick, 2500);
	cr_assert_eq(file.heads[0], 3);
	cr_assert_eq(file.firsts[0], 6);
	cr_assert_eq(file.heads[1], 2);
	cr_assert_eq(file.firsts[1], 3);
	cr_assert_eq(trace_file_records(&file, 1)[0].type, TRACE_STATUS);
	cr_assert_eq(trace_file_records(&file, 1)[1].tick, 2700);
	trace_file_whole(&file, &whole);
	cr_assert_eq(whole.heads[1], 4);
	cr_assert_eq(trace_file_records(&whole, 1)[0].tick, 1000);
	trace_file_close(&file);
	expect_round_trip(in_directory("trace.weft"));
}

Test(ring, that_is_empty_for_all_one_knows_cuts_everything)
{
	struct trace_file file;
	undump("segment 0 ring=1 capacity=1 head=9\n"
	       "1 1000 MARK fiber=2 number=1\n"
	       "1 1500 STATUS state=parked fiber=3 last_sequence=12\n",
	       in_directory("trace.weft"));
	open_file(&file);
	cr_assert(file.window);
	cr_assert_eq(file.heads[0], 0);
	cr_assert_eq(file.heads[1], 1, "the STATUS");
	trace_file_close(&file);
}

/* ---- who claims what ---- */

enum { WORKERS = 6 };

struct claimer {
	struct trace *trace;
	uint32_t worker;
};

static void *claim_and_mark(void *argument)
{
	struct claimer *claimer = argument;
	struct trace_segment *segment =
		trace_claim_worker(claimer->trace, claimer->worker);
	cr_assert(segment);
	TRACE(segment, MARK, .value = claimer->worker);
	return NULL;
}

Test(claim, a_workers_segment_has_its_number)
{
	struct trace_file file;
	struct trace *trace = open_with((struct trace_options){.workers = WORKERS});
	for (uint32_t i = WORKERS; i-- > 0;) {
		pthread_t thread;
		struct claimer claimer = {trace, i};
		cr_assert_eq(pthread_create(&thread, NULL, claim_and_mark, &claimer),
			     0);
		pthread_join(thread, NULL);
	}
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file);
	cr_assert_eq(trace_file_segments(&file), WORKERS);
	for (uint32_t i = 0; i < WORKERS; i++) {
		cr_assert_eq(trace_file_records(&file, i)[1].value, i);
		cr_assert_eq(trace_file_segment(&file, i)->role, TRACE_WORKER);
	}
	trace_file_close(&file);
}

Test(claim, other_threads_come_behind_the_workers)
{
	struct trace_file file;
	struct trace *trace =
		open_with((struct trace_options){.workers = 2, .others = 3});
	cr_assert(trace_claim_worker(trace, 1));
	struct trace_segment *helper = trace_claim_thread(trace, TRACE_HELPER);
	struct trace_segment *foreign = trace_claim_thread(trace, TRACE_FOREIGN);
	cr_assert_eq(trace_worker(helper), 2);
	cr_assert_eq(trace_worker(foreign), 3);
	TRACE(foreign, MARK, .value = 5);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file);
	cr_assert_eq(trace_file_segments(&file), 4);
	cr_assert_eq(trace_file_workers(&file), 2);
	cr_assert_eq(trace_file_segment(&file, 2)->role, TRACE_HELPER);
	cr_assert_eq(trace_file_segment(&file, 3)->role, TRACE_FOREIGN);
	cr_assert_eq(trace_file_records(&file, 3)[1].value, 5);
	cr_assert_eq(trace_file_dropped(&file), 0);
	trace_file_close(&file);
	expect_round_trip(in_directory("trace.weft"));
}

enum { THREADS = 8, SEGMENTS = 5, ROUNDS = 60 };

struct crowd {
	struct trace *trace;
	pthread_barrier_t start;
};

static void *claim_one(void *argument)
{
	struct crowd *crowd = argument;
	pthread_barrier_wait(&crowd->start);
	return trace_claim_thread(crowd->trace, TRACE_FOREIGN);
}

static void claim_at_once(struct crowd *crowd)
{
	pthread_t threads[THREADS];
	uint32_t got = 0, seen = 0;
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, claim_one, crowd), 0);
	for (int i = 0; i < THREADS; i++) {
		void *segment;
		pthread_join(threads[i], &segment);
		got += segment != NULL;
		seen |= segment ? 1u << trace_worker(segment) : 0;
	}
	cr_assert_eq(got, SEGMENTS);
	cr_assert_eq(seen, 0x3eu, "segments 1 to 5, each once");
}

Test(claim, threads_at_once_get_one_each_and_the_rest_are_counted)
{
	struct trace_file file;
	struct crowd crowd;
	cr_assert_eq(pthread_barrier_init(&crowd.start, NULL, THREADS), 0);
	for (int i = 0; i < ROUNDS; i++) {
		crowd.trace = open_with(
			(struct trace_options){.records = 80, .others = SEGMENTS});
		claim_at_once(&crowd);
		cr_assert_eq(trace_close(crowd.trace), 0);
		open_file(&file);
		cr_assert_eq(load_relaxed(&file.header->lost_writers),
			     THREADS - SEGMENTS);
		cr_assert_eq(trace_file_dropped(&file), THREADS - SEGMENTS);
		trace_file_close(&file);
	}
	pthread_barrier_destroy(&crowd.start);
	expect_round_trip(in_directory("trace.weft"));
}

Test(claim, too_many_segments_are_refused)
{
	struct trace *trace;
	struct trace_message why;
	struct trace_options options = {
		.path = in_directory("trace.weft"), .workers = 250, .others = 7};
	cr_assert_eq(trace_open(&trace, &options, &why), -EINVAL);
	cr_assert(strstr(why.text, "at most"), "%s", why.text);
}

/* ---- the clock and the cost ---- */

Test(ring, an_anchor_comes_when_it_is_due)
{
	struct trace_file file;
	struct trace *trace = open_with((struct trace_options){.records = 100});
	struct trace_segment *segment = trace_claim(trace);
	mark(segment, 1);
	uint64_t due = segment->anchor_due;
	segment->anchor_due = 1; /* as if the time had come */
	mark(segment, 2);
	cr_assert_geq(segment->anchor_due, due);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file);
	const struct trace_record *records = trace_file_records(&file, 0);
	cr_assert_eq(records[2].type, TRACE_ANCHOR);
	cr_assert_geq(records[2].tick, records[1].tick);
	cr_assert_geq(records[3].tick, records[2].tick);
	cr_assert_eq(records[3].type, TRACE_MARK);
	cr_assert_gt(records[2].value, records[0].value);
	trace_file_close(&file);
}

Test(ring, an_anchor_is_not_worth_a_loss)
{
	struct trace_file file;
	struct trace *trace = open_with((struct trace_options){.records = 10});
	struct trace_segment *segment = trace_claim(trace);
	for (uint32_t i = 1; i <= 8; i++)
		mark(segment, i);
	segment->anchor_due = 1;
	mark(segment, 9);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file);
	cr_assert_eq(trace_file_dropped(&file), 1);
	cr_assert_eq(trace_file_records(&file, 0)[9].type, TRACE_LOST);
	trace_file_close(&file);
}

static uint64_t rate_of(const char *segment)
{
	char text[400];
	struct trace_file file;
	snprintf(text, sizeof text,
		 "header clock=2 ticks_per_second=2000000000 tick0=1000 "
		 "monotonic_ns0=500\n"
		 "segment 0 %s\n"
		 "0 2000 ANCHOR monotonic=1000\n"
		 "0 300001000 ANCHOR monotonic=100000500\n"
		 "0 400001000 MARK fiber=1\n",
		 segment);
	undump(text, in_directory("trace.weft"));
	open_file(&file);
	uint64_t rate = file.ticks_per_second;
	cr_assert_eq(trace_file_ns(&file, 1000 + rate), 1000000000u);
	trace_file_close(&file);
	return rate;
}

Test(ring, of_an_unclosed_trace_the_last_anchor_knows_the_clock)
{
	cr_assert_eq(rate_of("clean_close=0"), 3000000000u);
	cr_assert_eq(rate_of("clean_close=1"), 2000000000u);
}

Test(ring, a_trace_says_what_a_record_costs)
{
	struct trace_file file;
	cr_assert_eq(trace_close(open_with((struct trace_options){.records = 100})), 0);
	open_file(&file);
	cr_assert_gt(file.header->record_picoseconds, 100);
	cr_assert_eq(file.heads[0], 0, "what was written to measure it is gone");
	trace_file_close(&file);
}

/* ---- reading while it is written ---- */

struct writer {
	struct trace_options
		options; /* with the path: in_directory is not for threads */
	_Atomic int stop;
	uint64_t written;
};

static void *write_until_stopped(void *argument)
{
	struct writer *writer = argument;
	struct trace *trace = open_with(writer->options);
	struct trace_segment *segment = trace_claim(trace);
	uint32_t i = 0;
	while (!load_relaxed(&writer->stop)) /* a flag */
		mark(segment, ++i);
	writer->written = i;
	cr_assert_eq(trace_close(trace), 0);
	return NULL;
}

/* As soon as there is a trace. */
static uint64_t read_live(const char *path)
{
	struct trace_file file;
	struct trace_message why = {.text = ""};
	int error = trace_file_open(&file, path, &why);
	if (error) {
		cr_assert(error == -ENOENT || strstr(why.text, "starts with zeros") ||
				  strstr(why.text, "is empty"),
			  "%s", why.text);
		return 0;
	}
	uint64_t marks = expect_marks(&file, 0, 0);
	trace_file_close(&file);
	return marks;
}

static void read_while_written(struct trace_options options)
{
	struct writer writer = {.options = options};
	pthread_t thread;
	char path[300];
	snprintf(path, sizeof path, "%s", in_directory("trace.weft"));
	writer.options.path = path;
	cr_assert_eq(pthread_create(&thread, NULL, write_until_stopped, &writer), 0);
	uint64_t seen = 0;
	for (int found = 0; found < 100;) {
		uint64_t marks = read_live(path);
		found += marks > 0;
		seen = marks > seen ? marks : seen;
	}
	store_relaxed(&writer.stop, 1); /* a flag */
	pthread_join(thread, NULL);
	cr_assert_gt(seen, 0);
	cr_assert_gt(writer.written, 0);
}

Test(live, a_linear_trace)
{
	read_while_written((struct trace_options){.records = 100000});
}

Test(live, a_ring)
{
	read_while_written((struct trace_options){.records = 20000, .ring = true});
}

Test(live, a_ring_that_goes_round_while_it_is_read)
{
	read_while_written((struct trace_options){.records = 3000, .ring = true});
}

static void *open_and_close(void *argument)
{
	struct writer *writer = argument;
	while (!load_relaxed(&writer->stop)) { /* a flag */
		struct trace *trace = open_with(writer->options);
		struct trace_segment *segment = trace_claim(trace);
		for (uint32_t i = 1; i <= 500; i++)
			mark(segment, i);
		cr_assert_eq(trace_close(trace), 0);
	}
	return NULL;
}

/* trace_close cuts the file short under the reader. */
Test(live, a_trace_that_is_closed_meanwhile)
{
	char path[300];
	snprintf(path, sizeof path, "%s", in_directory("trace.weft"));
	struct writer writer = {
		.options = {.path = path, .records = 20000, .workers = 3}};
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, open_and_close, &writer), 0);
	for (int i = 0; i < 400; i++)
		(void)read_live(path);
	store_relaxed(&writer.stop, 1); /* a flag */
	pthread_join(thread, NULL);
}
