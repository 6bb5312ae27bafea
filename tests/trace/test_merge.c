/* test_merge.c: one order of all workers, by sequences and not by the clock. */
#include "tests/trace/support.h"
#include "trace/knot.h"

enum { STEPS_MAX = 64 };

TestSuite(merge, .init = make_directory, .fini = remove_directory);

/* Merges the trace of `text`, writes "worker:index" for each step into `order`, with !
 * behind a forced one, and returns the number of repaired ticks. */
static uint64_t merge(const char *text, char *order)
{
	struct trace_file file;
	struct trace_message why;
	struct trace_merge *merge;
	struct trace_step step;
	uint64_t last = 0, number = 0;
	const char *path = in_directory("merged.weft");
	undump(text, path);
	cr_assert_eq(trace_file_open(&file, path, &why), 0, "%s", why.text);
	cr_assert_eq(trace_merge_open(&merge, &file), 0);
	*order = '\0';
	while (trace_merge_next(merge, &step)) {
		cr_assert_lt(number, STEPS_MAX);
		cr_assert_eq(step.number, number++);
		cr_assert_geq(step.tick, last);
		cr_assert_geq(step.tick, step.record->tick);
		cr_assert_eq(step.record,
			     trace_file_records(&file, step.worker) + step.index);
		last = step.tick;
		sprintf(order + strlen(order), "%s%u:%u%s", *order ? " " : "",
			(unsigned)step.worker, (unsigned)step.index,
			step.forced ? "!" : "");
	}
	cr_assert_not(trace_merge_next(merge, &step)); /* the end stays the end */
	cr_assert_eq(trace_merge_error(merge), 0);
	uint64_t repairs = trace_merge_repairs(merge);
	trace_merge_close(merge);
	trace_file_close(&file);
	return repairs;
}

static void expect_order(const char *text, const char *expected, uint64_t repairs)
{
	char order[STEPS_MAX * 8];
	uint64_t repaired = merge(text, order);
	cr_assert_str_eq(order, expected);
	cr_assert_eq(repaired, repairs, "%llu repairs", (unsigned long long)repaired);
}

Test(merge, without_fibers_the_clock_decides)
{
	expect_order(
		"0 10 ANCHOR\n0 40 ANCHOR\n1 20 ANCHOR\n1 30 ANCHOR\n2 25 ANCHOR\n",
		"0:0 1:0 2:0 1:1 0:1", 0);
}

Test(merge, equal_ticks_go_by_worker)
{
	expect_order("1 10 ANCHOR\n0 10 ANCHOR\n1 10 ANCHOR\n", "0:0 1:0 1:1", 0);
}

Test(merge, a_fibers_numbers_beat_the_clock)
{
	/* Worker 1's clock is ahead by 100: what it wrote first looks late. */
	expect_order("1 150 MARK fiber=5 .sequence=1\n"
		     "0 60 MARK fiber=5 .sequence=2\n"
		     "1 170 MARK fiber=5 .sequence=3\n"
		     "0 75 MARK fiber=5 .sequence=4\n",
		     "1:0 0:0 1:1 0:1", 2);
}

Test(merge, a_peers_numbers_count_too)
{
	/* The switch away from 5 on worker 0 comes before 5 goes on elsewhere. */
	expect_order("0 100 MARK fiber=5 .sequence=1\n"
		     "0 110 SWITCH next=6 previous=5 .sequence=1 previous_sequence=2\n"
		     "1 90 SWITCH next=5 previous=7 .sequence=3 previous_sequence=1\n"
		     "1 95 MARK fiber=5 .sequence=4\n",
		     "0:0 0:1 1:0 1:1", 2);
}

Test(merge, a_record_goes_when_both_its_fibers_are_there)
{
	expect_order("0 10 SWITCH next=1 previous=2 .sequence=2 previous_sequence=2\n"
		     "1 20 MARK fiber=1 .sequence=1\n"
		     "2 30 MARK fiber=2 .sequence=1\n",
		     "1:0 2:0 0:0", 1);
}

Test(merge, a_gap_is_forced_and_forgotten)
{
	expect_order("0 10 MARK fiber=1 .sequence=1\n"
		     "0 20 MARK fiber=1 .sequence=5\n"
		     "0 30 MARK fiber=1 .sequence=6\n"
		     "1 50 MARK fiber=2 .sequence=1\n",
		     "0:0 1:0 0:1! 0:2", 2);
}

Test(merge, a_cycle_is_forced_by_tick)
{
	expect_order("0 20 MARK fiber=1 .sequence=2\n"
		     "0 30 MARK fiber=2 .sequence=1\n"
		     "1 10 MARK fiber=2 .sequence=2\n"
		     "1 40 MARK fiber=1 .sequence=1\n",
		     "1:0! 1:1 0:0 0:1!", 2);
}

Test(merge, a_fiber_that_is_its_own_peer_counts_once)
{
	expect_order("0 10 MARK fiber=1\n"
		     "0 20 SWITCH next=1 previous=1\n"
		     "0 30 MARK fiber=1 .sequence=3\n",
		     "0:0 0:1 0:2", 0);
}

Test(merge, nobody_is_no_peer)
{
	expect_order("0 10 SWITCH next=1 previous=0 previous_sequence=77\n"
		     "0 20 MARK fiber=1\n",
		     "0:0 0:1", 0);
}

Test(merge, unknown_events_have_their_place)
{
	expect_order("0 50 type-99 .fiber=4 .sequence=1 .peer=9 .low=3\n"
		     "1 10 MARK fiber=4 .sequence=2\n",
		     "0:0 1:0", 1);
}

Test(merge, a_newer_schema_names_the_peers_number)
{
	expect_order("schema \"weft-events 1\"\n"
		     "schema \"event\\t77\\tHAND\\tnew\\t\\tto:fiber\\tfrom:fiber\\t"
		     "from_sequence:sequence\\t\\tsentence\"\n"
		     "0 50 HAND to=1 from=2\n"
		     "1 10 HAND to=2 from=3 .sequence=2\n",
		     "0:0 1:0", 1);
}

Test(merge, an_empty_trace_has_no_steps)
{
	expect_order("segment 0\n", "", 0);
}

/* ---- objects ---- */

/* An event that speaks of an object, and one that belongs to two fibers and to one. */
#define LOCK                                                                           \
	"schema \"weft-events 1\"\n"                                                   \
	"schema \"event\\t7\\tMARK\\tuser\\t\\tfiber:fiber\\t\\t\\t\\tsentence\"\n"    \
	"schema \"event\\t70\\tLOCK\\tnew\\t\\tfiber:fiber\\t\\tmutex:object\\t"       \
	"turn:object_sequence\\tsentence\"\n"

Test(merge, an_objects_numbers_beat_the_clock)
{
	expect_order(LOCK "0 100 LOCK fiber=1 mutex=9 turn=2\n"
			  "1 200 LOCK fiber=2 mutex=9 turn=1\n"
			  "1 210 LOCK fiber=2 mutex=9 turn=3\n"
			  "0 120 LOCK fiber=1 mutex=9 turn=4\n",
		     "1:0 0:0 1:1 0:1", 2);
}

Test(merge, objects_and_fibers_are_counted_apart)
{
	expect_order(LOCK "0 10 LOCK fiber=1 mutex=1 turn=1\n"
			  "0 20 MARK fiber=1\n"
			  "0 30 LOCK fiber=2 mutex=2 turn=1\n"
			  "0 40 LOCK fiber=1 mutex=2 turn=2\n",
		     "0:0 0:1 0:2 0:3", 0);
}

Test(merge, no_object_has_no_numbers)
{
	expect_order(LOCK "0 10 LOCK fiber=1 mutex=0 turn=77\n0 20 MARK fiber=1\n",
		     "0:0 0:1", 0);
}

/* ---- fibers that are gone ---- */

Test(merge, after_its_recycling_a_fiber_has_no_numbers)
{
	expect_order("0 10 CREATE child=5\n"
		     "0 20 RECYCLE fiber=5\n"
		     "1 15 MARK fiber=5 .sequence=9\n"
		     "1 30 MARK fiber=5 .sequence=3\n",
		     "0:0 0:1 1:0 1:1", 1);
}

Test(merge, the_room_of_a_fiber_that_is_gone_is_another_ones)
{
	/* Worker 1 waits for 6 while 5 goes and 7 takes its room. */
	expect_order("0 10 CREATE child=5\n"
		     "1 11 MARK fiber=6 .sequence=2\n"
		     "0 20 RECYCLE fiber=5\n"
		     "0 30 CREATE child=7\n"
		     "0 40 MARK fiber=6 .sequence=1\n"
		     "0 50 MARK fiber=7\n",
		     "0:0 0:1 0:2 0:3 1:0 0:4", 1);
}

/* ---- windows ---- */

Test(merge, a_window_goes_on_with_the_smallest_number_it_has)
{
	/* Worker 1's clock is behind: only the numbers tell that its records come later. */
	expect_order("segment 0 ring=1 head=100\nsegment 1 ring=1 head=50\n"
		     "0 200 MARK fiber=5 .sequence=41\n"
		     "0 210 MARK fiber=6 .sequence=1\n"
		     "0 220 MARK fiber=5 .sequence=43\n"
		     "1 200 MARK fiber=5 .sequence=42\n"
		     "1 201 MARK fiber=6 .sequence=2\n"
		     "1 202 MARK fiber=5 .sequence=44\n",
		     "0:0 1:0 0:1 1:1 0:2 1:2", 2);
}

Test(merge, a_window_of_objects)
{
	expect_order(LOCK "segment 0 ring=1 head=100\n"
			  "0 200 LOCK fiber=1 mutex=3 turn=8\n"
			  "0 220 LOCK fiber=1 mutex=3 turn=9\n"
			  "1 230 LOCK fiber=2 mutex=3 turn=7\n"
			  "1 240 LOCK fiber=2 mutex=3 turn=10\n",
		     "1:0 0:0 0:1 1:1", 2);
}

Test(merge, a_gap_in_a_window_is_forced)
{
	expect_order("segment 0 ring=1 head=100\n"
		     "0 200 MARK fiber=5 .sequence=41\n"
		     "0 220 MARK fiber=5 .sequence=43\n",
		     "0:0 0:1!", 0);
}

/* ---- knots ---- */

/* The knot of the trace of `text`, as "worker.index>worker.index" for each link, in
 * `links`. */
static enum trace_knot_kind tie(const char *text, char *links)
{
	static struct trace_knot knot;
	struct trace_file file;
	struct trace_message why;
	struct trace_merge *merged;
	struct trace_step step;
	undump(text, in_directory("knot.weft"));
	cr_assert_eq(trace_file_open(&file, in_directory("knot.weft"), &why), 0);
	cr_assert_eq(trace_merge_open(&merged, &file), 0);
	while (trace_merge_next(merged, &step))
		;
	cr_assert_eq(trace_knot_find(&knot, &file, trace_merge_stop(merged)), 0);
	*links = '\0';
	for (uint32_t i = 0; i < knot.count; i++)
		sprintf(links + strlen(links), "%s%u.%u>%u.%u", i ? " " : "",
			(unsigned)knot.links[i].wait.worker,
			(unsigned)knot.links[i].wait.index,
			(unsigned)knot.links[i].worker, (unsigned)knot.links[i].index);
	trace_merge_close(merged);
	trace_file_close(&file);
	return knot.kind;
}

static void expect_cycle(const char *text, const char *expected)
{
	char links[256];
	cr_assert_eq(tie(text, links), KNOT_CYCLE);
	cr_assert_str_eq(links, expected);
}

Test(merge, no_knot_where_there_is_an_order)
{
	char links[256];
	cr_assert_eq(tie("0 10 MARK fiber=1\n1 20 MARK fiber=1\n", links), KNOT_NONE);
}

Test(merge, a_knot_of_two_workers)
{
	expect_cycle("0 20 MARK fiber=1 .sequence=2\n"
		     "0 30 MARK fiber=2 .sequence=1\n"
		     "1 10 MARK fiber=2 .sequence=2\n"
		     "1 40 MARK fiber=1 .sequence=1\n",
		     "0.0>1.1 1.0>0.1");
}

#define THREE                                                                          \
	"0 10 MARK fiber=9\n0 20 MARK fiber=1 .sequence=2\n"                           \
	"0 30 MARK fiber=8\n0 40 MARK fiber=3 .sequence=1\n"                           \
	"1 10 MARK fiber=2 .sequence=2\n1 15 MARK fiber=1 .sequence=1\n"               \
	"2 10 MARK fiber=3 .sequence=2\n2 15 MARK fiber=2 .sequence=1\n"

Test(merge, a_knot_of_three_workers)
{
	expect_cycle(THREE, "0.1>1.1 1.0>2.1 2.0>0.3");
}

Test(merge, the_shortest_knot_is_the_one_that_is_told)
{
	/* Workers 3 and 4 wait for each other, which is shorter. */
	expect_cycle(THREE "3 10 MARK fiber=5 .sequence=2\n"
			   "3 20 MARK fiber=6 .sequence=1\n"
			   "4 10 MARK fiber=6 .sequence=2\n"
			   "4 20 MARK fiber=5 .sequence=1\n",
		     "3.0>4.1 4.0>3.1");
}

Test(merge, a_knot_of_objects)
{
	expect_cycle(LOCK "0 10 LOCK fiber=1 mutex=5 turn=2\n"
			  "0 20 LOCK fiber=1 mutex=6 turn=1\n"
			  "1 10 LOCK fiber=2 mutex=6 turn=2\n"
			  "1 20 LOCK fiber=2 mutex=5 turn=1\n",
		     "0.0>1.1 1.0>0.1");
}

Test(merge, a_worker_can_tie_itself)
{
	expect_cycle("0 10 MARK fiber=1 .sequence=2\n0 20 MARK fiber=1 .sequence=1\n",
		     "0.0>0.1");
}

Test(merge, a_number_that_is_missing_or_there_twice)
{
	char links[256];
	cr_assert_eq(tie("0 10 MARK fiber=1\n0 20 MARK fiber=1 .sequence=5\n"
			 "1 50 MARK fiber=2\n",
			 links),
		     KNOT_MISSING);
	cr_assert_eq(strncmp(links, "0.1>", 4), 0, "%s", links);
	cr_assert_eq(tie("0 10 MARK fiber=1\n0 20 MARK fiber=1 .sequence=2\n"
			 "1 50 MARK fiber=1 .sequence=2\n",
			 links),
		     KNOT_TWICE);
	cr_assert_str_eq(links, "1.0>0.1");
}

Test(merge, many_fibers_and_workers)
{
	enum { FIBERS = 5000, WORKERS = 64 };
	struct trace_file file;
	struct trace_message why;
	struct trace_merge *merged;
	struct trace_step step;
	uint64_t count = 0;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);
	for (int round = 0; round < 3; round++)
		for (int fiber = 1; fiber <= FIBERS; fiber++)
			fprintf(out, "%d %d MARK fiber=%d\n", (fiber + round) % WORKERS,
				(fiber * 7919) % 100003, fiber * 65536 + 1);
	fclose(out);
	undump(text, in_directory("many.weft"));
	free(text);
	cr_assert_eq(trace_file_open(&file, in_directory("many.weft"), &why), 0);
	cr_assert_eq(trace_merge_open(&merged, &file), 0);
	for (; trace_merge_next(merged, &step); count++)
		cr_assert_not(step.forced);
	cr_assert_eq(count, 3 * FIBERS);
	trace_merge_close(merged);
	trace_file_close(&file);
}
