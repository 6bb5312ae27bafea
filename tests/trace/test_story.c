/* The story of a run, word for word, for traces whose times are fixed. */
#include <string.h>

#include "tests/trace/made.h"
#include "trace/commands.h"
#include "trace/names.h"

/* Closes the trace, tells its story in at most `lines` lines, and compares. */
static void expect_story(struct made *made, uint64_t lines, const char *expected)
{
	struct made_output output;
	made_close(made);
	cr_assert_eq(command_story(&made->file, lines, made_out(&output)), EXIT_HOLDS);
	made_expect(&output, expected);
	made_free(made);
}

Test(story, a_short_run_is_told_step_by_step)
{
	struct made made;
	made_game(&made, 1);
	expect_story(&made, 20,
		     "   0.0 us  worker 0 starts, running main\n"
		     "   0.0 us  fiber 1 is named main\n"
		     "   1.2 us  main creates ping, with a stack of 64 KiB\n"
		     "   1.2 us  main creates pong, with a stack of 64 KiB\n"
		     "   1.2 us  main leaves for ping (start); 208 bytes of main's "
		     "stack stay in use\n"
		     "   1.3 us  ping leaves for pong (start); 112 bytes of ping's "
		     "stack stay in use\n"
		     "   1.4 us  pong leaves for ping (yield); 112 bytes of pong's "
		     "stack stay in use\n"
		     "   1.5 us  ping leaves for pong (yield); 112 bytes of ping's "
		     "stack stay in use\n"
		     "   1.6 us  pong's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     "   1.6 us  pong leaves for ping for good (finish)\n"
		     "   1.6 us  ping's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     "   1.6 us  ping leaves for main for good (finish)\n"
		     "   1.6 us  worker 0 stops; it ran main last\n"
		     "In all: 6 switches on 1 worker in 1.6 us; 2 fibers created, 2 "
		     "finished.\n");
}

Test(story, a_bound_shows_the_beginning_and_the_end)
{
	struct made made;
	made_game(&made, 1);
	expect_story(&made, 5,
		     "   0.0 us  worker 0 starts, running main\n"
		     "   0.0 us  fiber 1 is named main\n"
		     "           ... 9 steps are left out here ...\n"
		     "   1.6 us  ping leaves for main for good (finish)\n"
		     "   1.6 us  worker 0 stops; it ran main last\n"
		     "In all: 6 switches on 1 worker in 1.6 us; 2 fibers created, 2 "
		     "finished.\n");
}

Test(story, a_bound_of_one_line_still_counts_the_steps)
{
	struct made made;
	made_game(&made, 1);
	expect_story(&made, 1,
		     "           ... 13 steps are left out here ...\n"
		     "In all: 6 switches on 1 worker in 1.6 us; 2 fibers created, 2 "
		     "finished.\n");
}

Test(story, fibers_that_alternate_share_a_line)
{
	struct made made;
	made_game(&made, 20);
	expect_story(&made, 20,
		     "   0.0 us  worker 0 starts, running main\n"
		     "   0.0 us  fiber 1 is named main\n"
		     "   1.2 us  main creates ping, with a stack of 64 KiB\n"
		     "   1.2 us  main creates pong, with a stack of 64 KiB\n"
		     "   1.2 us  main leaves for ping (start); 208 bytes of main's "
		     "stack stay in use\n"
		     "   1.3 us  ping leaves for pong (start); 112 bytes of ping's "
		     "stack stay in use\n"
		     "   1.4 us  pong and ping alternate 40 times, until 5.3 us\n"
		     "   5.4 us  pong's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     "   5.4 us  pong leaves for ping for good (finish)\n"
		     "   5.4 us  ping's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     "   5.4 us  ping leaves for main for good (finish)\n"
		     "   5.4 us  worker 0 stops; it ran main last\n"
		     "In all: 44 switches on 1 worker in 5.4 us; 2 fibers created, 2 "
		     "finished.\n");
}

Test(story, without_a_bound_nothing_is_left_out)
{
	struct made made;
	struct made_output output;
	made_open(&made, 1, 1000);
	for (uint32_t i = 0; i < 900; i++)
		made_mark(&made, 0, 1, "again", i);
	made_close(&made);
	cr_assert_eq(command_story(&made.file, 0, made_out(&output)), EXIT_HOLDS);
	fclose(output.out);
	size_t lines = 0;
	for (const char *at = output.text; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect_eq(lines, 900 + 1);
	cr_expect_null(strstr(output.text, "left out"));
	free(output.text);
	made_free(&made);
}

/* Many more than are held at a time. */
Test(story, a_thousand_switches_of_two_fibers_share_a_line)
{
	struct made made;
	made_game(&made, 500);
	expect_story(&made, 0,
		     "   0.0 us  worker 0 starts, running main\n"
		     "   0.0 us  fiber 1 is named main\n"
		     "   1.2 us  main creates ping, with a stack of 64 KiB\n"
		     "   1.2 us  main creates pong, with a stack of 64 KiB\n"
		     "   1.2 us  main leaves for ping (start); 208 bytes of main's "
		     "stack stay in use\n"
		     "   1.3 us  ping leaves for pong (start); 112 bytes of ping's "
		     "stack stay in use\n"
		     "   1.4 us  pong and ping alternate 1000 times, until 101.3 us\n"
		     " 101.4 us  pong's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     " 101.4 us  pong leaves for ping for good (finish)\n"
		     " 101.4 us  ping's function returns; at most 112 bytes of its "
		     "stack were in use at a switch\n"
		     " 101.4 us  ping leaves for main for good (finish)\n"
		     " 101.4 us  worker 0 stops; it ran main last\n"
		     "In all: 1004 switches on 1 worker in 101.4 us; 2 fibers created, "
		     "2 finished.\n");
}

/* Eleven are too few to be folded; what breaks a round off is told by itself. */
Test(story, few_switches_are_told_one_by_one)
{
	struct made made;
	made_open(&made, 1, 50);
	for (uint32_t i = 0; i < 11; i++)
		made_switch(&made, 0, 1 + i % 2, 2 - i % 2, TRACE_leave_YIELD, 0);
	made_mark(&made, 0, 2, "between", 0);
	for (uint32_t i = 11; i < 23; i++)
		made_switch(&made, 0, 1 + i % 2, 2 - i % 2, TRACE_leave_YIELD, 0);
	made_switch(&made, 0, 2, 1, TRACE_leave_PARK, 0);
	expect_story(&made, 0,
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (yield)\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (yield)\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (yield)\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (yield)\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (yield)\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield)\n"
		     "   0.0 us  fiber 2 notes \"between\"\n"
		     "   0.0 us  fiber 2 and fiber 1 alternate 12 times, until 0.0 us\n"
		     "   0.0 us  fiber 2 leaves for fiber 1 (park)\n"
		     "In all: 24 switches in 0.0 us.\n");
}

/* A round of three, then one of a fiber with itself, then one that is longer than
 * CYCLE_MAX. */
Test(story, rounds_of_other_lengths)
{
	struct made made;
	made_open(&made, 1, 200);
	made_start(&made, 0, 1);
	for (unsigned i = 0; i < 30; i++) {
		made.ns += 10;
		made_switch(&made, 0, 1 + i % 3, 1 + (i + 1) % 3, TRACE_leave_YIELD,
			    64);
	}
	for (unsigned i = 0; i < 15; i++) {
		made.ns += 10;
		made_switch(&made, 0, 1, 1, TRACE_leave_YIELD, 64);
	}
	made_switch(&made, 0, 1, 9, TRACE_leave_PARK, 64);
	expect_story(&made, 20,
		     "   0.0 us  worker 0 starts, running fiber 1\n"
		     "   0.0 us  fiber 1, fiber 2 and fiber 3 take turns, switching 30 "
		     "times, until 0.3 us\n"
		     "   0.3 us  fiber 1 leaves for itself 15 times, until 0.4 us\n"
		     "   0.4 us  fiber 1 leaves for fiber 9 (park); 64 bytes of fiber "
		     "1's stack stay in use\n"
		     "In all: 46 switches on 1 worker in 0.4 us.\n");
}

Test(story, a_long_round_is_told_switch_by_switch)
{
	struct made made;
	made_open(&made, 1, 200);
	for (unsigned i = 0; i < 30; i++)
		made_switch(&made, 0, 1 + i % 10, 1 + (i + 1) % 10, TRACE_leave_YIELD,
			    1);
	expect_story(&made, 5,
		     "   0.0 us  fiber 1 leaves for fiber 2 (yield); 1 byte of fiber "
		     "1's stack stays in use\n"
		     "   0.0 us  fiber 2 leaves for fiber 3 (yield); 1 byte of fiber "
		     "2's stack stays in use\n"
		     "           ... 26 steps are left out here ...\n"
		     "   0.0 us  fiber 9 leaves for fiber 10 (yield); 1 byte of fiber "
		     "9's stack stays in use\n"
		     "   0.0 us  fiber 10 leaves for fiber 1 (yield); 1 byte of fiber "
		     "10's stack stays in use\n"
		     "In all: 30 switches in 0.0 us.\n");
}

Test(story, two_workers)
{
	struct made made;
	made_open(&made, 2, 50);
	made_start(&made, 0, 1);
	made_create(&made, 0, 1, 2, "echo");
	made.ns = 500;
	made_start(&made, 1, TRACE_IDLE_FIBERS + 1);
	made_switch(&made, 1, TRACE_IDLE_FIBERS + 1, 2, TRACE_leave_IDLE, 0);
	made_mark(&made, 0, 1, "both run", 0);
	made_mark(&made, 1, 0, "of nobody", 3);
	made.ns = 900;
	made_switch(&made, 1, 2, TRACE_IDLE_FIBERS + 1, TRACE_leave_PARK, 1);
	made_stop(&made, 1, TRACE_IDLE_FIBERS + 1);
	expect_story(
		&made, 20,
		"   0.0 us  worker 0 starts, running fiber 1\n"
		"   0.0 us  worker 0: fiber 1 creates echo, with a stack of 64 KiB\n"
		"   0.5 us  worker 0: fiber 1 notes \"both run\"\n"
		"   0.5 us  worker 1 starts, running idle 1\n"
		"   0.5 us  worker 1: idle 1 leaves for echo (idle)\n"
		"   0.5 us  worker 1: the program notes \"of nobody\" 3\n"
		"   0.9 us  worker 1: echo leaves for idle 1 (park); 1 byte of echo's "
		"stack stays in use\n"
		"   0.9 us  worker 1 stops; it ran idle 1 last\n"
		"In all: 2 switches on 2 workers in 0.9 us; 1 fiber created, 0 "
		"finished.\n");
}

/* The same two fibers go round on one worker and then on the other: two lines. */
Test(story, turns_stay_on_one_worker)
{
	struct made made;
	made_open(&made, 2, 50);
	made_start(&made, 0, 1);
	made_start(&made, 1, 3);
	made.ns = 100;
	for (uint32_t i = 0; i < 28; i++)
		made_switch(&made, i / 14, 1 + i % 2, 2 - i % 2, TRACE_leave_YIELD, 0);
	expect_story(&made, 0,
		     "   0.0 us  worker 0 starts, running fiber 1\n"
		     "   0.0 us  worker 1 starts, running fiber 3\n"
		     "   0.1 us  worker 0: fiber 1 and fiber 2 alternate 14 times, "
		     "until 0.1 us\n"
		     "   0.1 us  worker 1: fiber 1 and fiber 2 alternate 14 times, "
		     "until 0.1 us\n"
		     "In all: 28 switches on 2 workers in 0.1 us.\n");
}

Test(story, what_belongs_together_shares_a_line)
{
	struct made made;
	made_awaits(&made);
	expect_story(
		&made, 0,
		"   0.0 us  main is created, with a stack of 64 KiB\n"
		"   0.0 us  worker 0 starts, running main\n"
		"   0.1 us  main creates child 2, with a stack of 64 KiB; main makes "
		"child 2 ready (shared)\n"
		"   0.2 us  main creates child 3, with a stack of 64 KiB; main makes "
		"child 3 ready (shared)\n"
		"   0.2 us  main awaits child 3, which has not finished; main leaves "
		"for "
		"child 3 (park); 208 bytes of main's stack stay in use\n"
		"   0.2 us  child 3's function returns\n"
		"   0.3 us  child 3 makes main ready (direct); child 3 leaves for main "
		"for "
		"good (finish); child 3's stack is free again; its end is told to "
		"main\n"
		"   0.4 us  main leaves for child 2 (yield); 208 bytes of main's stack "
		"stay "
		"in use\n"
		"   0.4 us  child 2's function returns\n"
		"   0.4 us  child 2 leaves for main for good (finish); child 2's stack "
		"is "
		"free again\n"
		"   0.4 us  main awaits child 2, which has finished\n"
		"   0.4 us  worker 0 stops; it ran main last\n"
		"In all: 4 switches on 1 worker in 0.4 us; 3 fibers created, 2 "
		"finished.\n");
}

/* Of the lines in between, some have several steps. */
Test(story, steps_that_share_a_line_are_left_out_one_by_one)
{
	struct made made;
	made_awaits(&made);
	expect_story(&made, 4,
		     "   0.0 us  main is created, with a stack of 64 KiB\n"
		     "   0.0 us  worker 0 starts, running main\n"
		     "           ... 15 steps are left out here ...\n"
		     "   0.4 us  worker 0 stops; it ran main last\n"
		     "In all: 4 switches on 1 worker in 0.4 us; 3 fibers created, 2 "
		     "finished.\n");
}

/* Of another worker, or of another fiber: a line of its own. */
Test(story, what_does_not_belong_together_does_not_share_a_line)
{
	struct made made;
	made_open(&made, 2, 40);
	made_create(&made, 0, 0, 2, "echo");
	made_ready(&made, 1, 0, 2, TRACE_place_INJECTED);
	made_ready(&made, 0, 2, 3, TRACE_place_LOCAL);
	made_switch(&made, 0, 2, 4, TRACE_leave_PARK, 0);
	made_recycle(&made, 0, 5, 0);
	made_await(&made, 0, 4, 0, TRACE_found_FINISHED);
	made_record(&made, 0, (struct trace_record){.type = TRACE_INLINE, .fiber = 4});
	made_ready(&made, 0, 2, 3, 77);
	expect_story(
		&made, 0,
		"   0.0 us  echo is created, with a stack of 64 KiB\n"
		"   0.0 us  echo makes fiber 3 ready (local)\n"
		"   0.0 us  echo becomes ready (injected)\n"
		"   0.0 us  echo leaves for fiber 4 (park)\n"
		"   0.0 us  fiber 5's stack is free again\n"
		"   0.0 us  fiber 4 awaits a function that was run inline, which has "
		"finished\n"
		"   0.0 us  fiber 4 runs a function on its own stack: no fiber was to "
		"be had\n"
		"   0.0 us  echo makes fiber 3 ready\n"
		"In all: 1 switch in 0.0 us; 1 fiber created, 0 finished.\n");
}

Test(story, turns_are_folded_after_a_fiber_was_made_ready)
{
	struct made made;
	made_open(&made, 1, 50);
	made_ready(&made, 0, 1, 2, TRACE_place_SHARED);
	for (uint32_t i = 0; i < 21; i++)
		made_switch(&made, 0, 1 + i % 2, 2 - i % 2, TRACE_leave_YIELD, 0);
	made_ready(&made, 0, 2, 3, TRACE_place_SHARED);
	made_switch(&made, 0, 2, 3, TRACE_leave_PARK, 0);
	expect_story(
		&made, 0,
		"   0.0 us  fiber 1 makes fiber 2 ready (shared)\n"
		"   0.0 us  fiber 1 and fiber 2 alternate 21 times, until 0.0 us\n"
		"   0.0 us  fiber 2 makes fiber 3 ready (shared); fiber 2 leaves for "
		"fiber 3 (park)\n"
		"In all: 22 switches in 0.0 us.\n");
}

/* The runtime's own functions, which record what the program asks for, are not named. */
Test(story, spans_and_marks_say_where_they_come_from)
{
	static struct trace_site ours = {.file = "demo.c",
					 .function = "play",
					 .line = 5,
					 .event = TRACE_SPAN_BEGIN};
	static struct trace_site runtimes = {.file = "notes.c",
					     .function = "weft_span_end",
					     .line = 40,
					     .event = TRACE_SPAN_END};
	struct made made;
	made_open(&made, 1, 20);
	made_site(&made, &ours);
	made_span(&made, 0, 1, TRACE_SPAN_BEGIN, "a\x1b[2J\n");
	made_site(&made, &runtimes);
	made_mark(&made, 0, 1, "half", 3);
	made_span(&made, 0, 1, TRACE_SPAN_END, "a");
	expect_story(&made, 0,
		     "   0.0 us  fiber 1 begins \"a\\x1b[2J\\x0a\", in play\n"
		     "   0.0 us  fiber 1 notes \"half\" 3\n"
		     "   0.0 us  fiber 1 ends \"a\"\n"
		     "In all: 0 switches in 0.0 us.\n");
}

/* Both are named the same, as the runtime names them; they have their workers' numbers. That
 * they come to be is not told. */
Test(story, workers_own_contexts_are_no_fibers)
{
	struct made made;
	made_open(&made, 2, 20);
	for (uint32_t i = 0; i < 2; i++) {
		made_create(&made, i, 0, TRACE_IDLE_FIBERS + i, "");
		made_name(&made, i, TRACE_IDLE_FIBERS + i, "idle");
		made_start(&made, i, TRACE_IDLE_FIBERS + i);
		made.ns += 100;
	}
	expect_story(&made, 0,
		     "   0.0 us  worker 0 starts, running idle 0\n"
		     "   0.1 us  worker 1 starts, running idle 1\n"
		     "In all: 0 switches on 2 workers in 0.1 us.\n");
}

/* A name counts for more than what a fiber runs, whichever comes first. */
Test(story, a_fiber_with_a_name_and_an_entry)
{
	struct made made;
	made_open(&made, 1, 20);
	made_name(&made, 0, 1, "main");
	made_create(&made, 0, 1, 2, "play");
	made_name(&made, 0, 2, "ping");
	expect_story(&made, 0,
		     "   0.0 us  fiber 1 is named main\n"
		     "   0.0 us  main creates ping, which is to run play, with a stack "
		     "of 64 KiB\n"
		     "   0.0 us  fiber 2 is named ping\n"
		     "In all: 0 switches in 0.0 us; 1 fiber created, 0 finished.\n");
}

/* Forty of the steps that are left out would have shared a line. */
Test(story, what_is_left_out_is_counted_in_steps)
{
	struct made made;
	made_game(&made, 20);
	expect_story(&made, 4,
		     "   0.0 us  worker 0 starts, running main\n"
		     "   0.0 us  fiber 1 is named main\n"
		     "           ... 48 steps are left out here ...\n"
		     "   5.4 us  worker 0 stops; it ran main last\n"
		     "In all: 44 switches on 1 worker in 5.4 us; 2 fibers created, 2 "
		     "finished.\n");
}

Test(story, an_empty_trace)
{
	struct made made;
	made_open(&made, 1, 10);
	expect_story(&made, 20,
		     "Nothing happened in this trace: it holds no events.\n");
}

Test(story, a_loss_and_an_end_that_was_not_clean)
{
	struct made made;
	made_open(&made, 1, 10);
	made.lost = 12;
	made.killed = true;
	made_start(&made, 0, 7);
	expect_story(&made, 20,
		     "   0.0 us  worker 0 starts, running fiber 7\n"
		     "In all: 0 switches on 1 worker in 0.0 us.\n"
		     "12 records were lost for want of room: parts of this story are "
		     "missing.\n"
		     "The program did not close this trace: it was killed, it crashed, "
		     "or it still runs.\n");
}

Test(story, a_step_out_of_order_is_pointed_out)
{
	struct made made;
	made_open(&made, 1, 10);
	made_start(&made, 0, 7);
	made.sequences[7]++; /* a record of fiber 7 is missing */
	made_mark(&made, 0, 7, "late", 0);
	expect_story(
		&made, 20,
		"   0.0 us  worker 0 starts, running fiber 7\n"
		"   0.0 us  fiber 7 notes \"late\"\n"
		"In all: 0 switches on 1 worker in 0.0 us.\n"
		"1 step contradicts the order of the others: ask weft-trace check.\n");
}

Test(story, an_event_of_a_newer_trace)
{
	struct made made;
	made_open(&made, 1, 10);
	made_record(&made, 0, (struct trace_record){.type = 77, .fiber = 1});
	made_switch(&made, 0, 1, 2, 200, 3072);
	expect_story(&made, 20,
		     "   0.0 us  an event of the unknown type 77\n"
		     "   0.0 us  fiber 1 leaves for fiber 2 (reason 200); 3 KiB of "
		     "fiber 1's stack stay in use\n"
		     "In all: 1 switch in 0.0 us.\n");
}

Test(story, long_runs_have_larger_units)
{
	struct made made;
	made_open(&made, 1, 10);
	made_start(&made, 0, 1);
	made.ns = 1234567890;
	made_stop(&made, 0, 1);
	expect_story(&made, 20,
		     "   0.000 ms  worker 0 starts, running fiber 1\n"
		     "1234.567 ms  worker 0 stops; it ran fiber 1 last\n"
		     "In all: 0 switches on 1 worker in 1234.567 ms.\n");
	made_open(&made, 1, 10);
	made_start(&made, 0, 1);
	made.ns = UINT64_C(12345678900000);
	made_stop(&made, 0, 1);
	expect_story(&made, 20,
		     "    0.000000 s  worker 0 starts, running fiber 1\n"
		     "12345.678900 s  worker 0 stops; it ran fiber 1 last\n"
		     "In all: 0 switches on 1 worker in 12345.678900 s.\n");
}

/* A cursor movement, a byte that is no UTF-8, an overlong '/', a reversal of the line,
 * and letters of two and three bytes, which stay. */
Test(story, names_cannot_reach_the_terminal)
{
	struct made made;
	made_open(&made, 1, 20);
	made_name(&made, 0, 1, "a\x1b[2Jb");
	made_name(&made, 0, 2, "\xff\xc0\xaf");
	made_name(&made, 0, 3, "x\xe2\x80\xaey");
	made_name(&made, 0, 4, "\xc3\xa9\xe7\xb9\x94");
	made_mark(&made, 0, 4, "tab\there\n", 0);
	expect_story(&made, 20,
		     "   0.0 us  fiber 1 is named a\\x1b[2Jb\n"
		     "   0.0 us  fiber 2 is named \\xff\\xc0\\xaf\n"
		     "   0.0 us  fiber 3 is named x\\xe2\\x80\\xaey\n"
		     "   0.0 us  fiber 4 is named é織\n"
		     "   0.0 us  é織 notes \"tab\\x09here\\x0a\"\n"
		     "In all: 0 switches in 0.0 us.\n");
}

Test(story, names_are_told_apart_and_kept_short)
{
	struct made made;
	char name[301];
	memset(name, 'n', 300);
	name[300] = '\0';
	made_open(&made, 1, 20);
	made_create(&made, 0, 0, 1, "echo");
	made_create(&made, 0, 1, 2, "echo");
	made_create(&made, 0, 1, 3, name);
	made_create(&made, 0, 1, 4, name);
	made_create(&made, 0, 1, 5, "");
	expect_story(&made, 20,
		     "   0.0 us  echo 1 is created, with a stack of 64 KiB\n"
		     "   0.0 us  echo 1 creates echo 2, with a stack of 64 KiB\n"
		     "   0.0 us  echo 1 creates "
		     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn... 3, with a stack "
		     "of 64 KiB\n"
		     "   0.0 us  echo 1 creates "
		     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn... 4, with a stack "
		     "of 64 KiB\n"
		     "   0.0 us  echo 1 creates fiber 5, with a stack of 64 KiB\n"
		     "In all: 0 switches in 0.0 us; 5 fibers created, 0 finished.\n");
}

Test(story, three_hundred_fibers_in_eight_lines)
{
	struct made made;
	made_open(&made, 1, 1000);
	made_start(&made, 0, 1);
	for (uint32_t i = 2; i < 302; i++)
		made_create(&made, 0, 1, i, "job");
	expect_story(&made, 8,
		     "   0.0 us  worker 0 starts, running fiber 1\n"
		     "   0.0 us  fiber 1 creates job 2, with a stack of 64 KiB\n"
		     "   0.0 us  fiber 1 creates job 3, with a stack of 64 KiB\n"
		     "   0.0 us  fiber 1 creates job 4, with a stack of 64 KiB\n"
		     "           ... 294 steps are left out here ...\n"
		     "   0.0 us  fiber 1 creates job 299, with a stack of 64 KiB\n"
		     "   0.0 us  fiber 1 creates job 300, with a stack of 64 KiB\n"
		     "   0.0 us  fiber 1 creates job 301, with a stack of 64 KiB\n"
		     "In all: 0 switches on 1 worker in 0.0 us; 300 fibers created, 0 "
		     "finished.\n");
}

Test(names, a_text_is_fitted_in_the_middle)
{
	char to[32];
	text_fit(to, sizeof to, "worker_function 12", 8, false);
	cr_expect_str_eq(to, "work~ 12");
	text_fit(to, sizeof to, "worker_function 12", 8, true);
	cr_expect_str_eq(to, "work… 12");
	text_fit(to, sizeof to, "short", 8, true);
	cr_expect_str_eq(to, "short");
	text_fit(to, sizeof to, "織織織織織", 6, true);
	cr_expect_leq(text_columns(to), 6);
	text_fit(to, sizeof to, "é織", 8, false);
	cr_expect_str_eq(to, "???");
	text_fit(to, sizeof to, "abc", 1, true);
	cr_expect_str_eq(to, "…");
}

Test(names, a_text_that_does_not_fit_its_buffer_ends_in_dots)
{
	char to[8];
	text_escape(to, sizeof to, "1234567");
	cr_expect_str_eq(to, "1234567");
	text_escape(to, sizeof to, "12345678");
	cr_expect_str_eq(to, "1234...");
	text_escape(to, sizeof to, "12\x01\x01");
	cr_expect_str_eq(to, "12...");
	text_word(to, sizeof to, "a b c");
	cr_expect_str_eq(to, "a_b_c");
}

/* ---- what the trace says of itself ---- */

static void expect_told(const char *text, const char *expected)
{
	struct made made = {.workers = 0};
	struct trace_message why;
	struct made_output output;
	FILE *lines = tmpfile();
	cr_assert_not_null(lines);
	snprintf(made.path, sizeof made.path, "/tmp/weft-made-%d.weft", (int)getpid());
	fprintf(lines, "weft-trace-text 1\n%s", text);
	rewind(lines);
	cr_assert_eq(command_undump(lines, made.path, &why), EXIT_HOLDS, "%s",
		     why.text);
	fclose(lines);
	cr_assert_eq(trace_file_open(&made.file, made.path, &why), 0, "%s", why.text);
	cr_assert_eq(command_story(&made.file, 20, made_out(&output)), EXIT_HOLDS);
	made_expect(&output, expected);
	made_free(&made);
}

Test(story, what_a_record_cost_and_where_records_are_lost)
{
	expect_told(
		"header record_picoseconds=10200\n"
		"0 100000 MARK fiber=1 number=5 text=\"x\"\n"
		"0 101000 STATUS state=parked fiber=3 last_sequence=4\n"
		"1 102000 MARK fiber=2 number=6 text=\"y\"\n"
		"0 103000 LOST monotonic=5\n"
		"segment 0 dropped=7\n",
		"   0.0 us  fiber 1 notes \"x\" 5\n"
		"   2.0 us  fiber 2 notes \"y\" 6\n"
		"   3.0 us  worker 0: from here on its records are lost, for want of "
		"room\n"
		"In all: 0 switches in 3.0 us.\n"
		"Writing a record cost 10.2 ns; 4 records, 0.7 % of the run.\n"
		"7 records were lost for want of room: parts of this story are "
		"missing.\n");
}

Test(story, a_ring_begins_in_the_middle)
{
	expect_told(
		"segment 0 ring=1 capacity=3 head=8\n"
		"0 100000 MARK fiber=1 number=5 text=\"x\" .sequence=40\n"
		"0 101000 MARK fiber=1 number=6 text=\"x\"\n",
		"   0.0 us  fiber 1 notes \"x\" 5\n"
		"   1.0 us  fiber 1 notes \"x\" 6\n"
		"In all: 0 switches in 1.0 us.\n"
		"The trace is a ring, which keeps the end of a run: this story begins "
		"in the middle.\n");
}

/* A worker's own acts begin with it; a wake is told behind what it is for, and the fibers of
 * a batch share a line. */
Test(story, steals_and_sleeps)
{
	struct made made;
	made_open(&made, 2, 60);
	made_steals(&made);
	expect_story(
		&made, 0,
		"   0.0 us  worker 0: main is created, with a stack of 64 KiB\n"
		"   0.0 us  worker 0 starts, running main\n"
		"   0.0 us  worker 1 starts, running idle\n"
		"   0.0 us  worker 1 looks into every queue 4 times and finds nothing\n"
		"   0.0 us  worker 1 goes to sleep in the poller\n"
		"   1.0 us  worker 0: main creates child 2, with a stack of 64 KiB; "
		"main makes child 2 ready (newest); main wakes worker 1: something is "
		"ready\n"
		"   1.0 us  worker 0: main creates child 3, with a stack of 64 KiB; "
		"main makes child 3 ready (newest)\n"
		"   1.0 us  worker 0: main creates child 4, with a stack of 64 KiB; "
		"main makes child 4 ready (newest)\n"
		"   1.0 us  worker 0: main creates child 5, with a stack of 64 KiB; "
		"main makes child 5 ready (injected)\n"
		"   2.0 us  worker 0: main leaves for child 4 (yield)\n"
		"   2.0 us  worker 0: child 4 leaves for child 3 (yield)\n"
		"   2.0 us  worker 0: child 3 leaves for main (yield)\n"
		"   2.0 us  worker 1 goes on: something is ready\n"
		"   2.0 us  worker 1 steals child 2 from worker 0 (newest); idle "
		"leaves for child 2 (idle)\n"
		"   3.0 us  worker 1 steals child 4 from worker 0 (local), in a batch "
		"of 2; and child 3\n"
		"   3.0 us  worker 1 takes child 5 out of the injection queue; child 2 "
		"leaves for child 5 (park)\n"
		"   3.0 us  worker 1: child 5 leaves for child 4 (park)\n"
		"   4.0 us  worker 0 stops; it ran main last\n"
		"   4.0 us  worker 1: child 4 leaves for idle (park)\n"
		"   4.0 us  worker 1 looks into every queue 3 times and finds nothing\n"
		"   4.0 us  worker 1 goes to sleep\n"
		"   4.0 us  worker 1 goes on: it looked once more\n"
		"   4.0 us  worker 1 stops; it ran idle last\n"
		"In all: 7 switches on 2 workers in 4.0 us; 5 fibers created, 0 "
		"finished.\n");
}

Test(story, who_wakes_from_outside_and_how_many_are_ready)
{
	struct made made;
	made_open(&made, 2, 20);
	made_start(&made, 0, 1);
	made_start(&made, 1, TRACE_IDLE_FIBERS + 1);
	made_wake(&made, 0, 0, 1, TRACE_wake_DEADLINE, 1);
	made_record(&made, 0,
		    (struct trace_record){.type = TRACE_QUEUE_LENGTH,
					  .value = trace_pair(3, 1)});
	expect_story(&made, 0,
		     "   0.0 us  worker 0 starts, running fiber 1\n"
		     "   0.0 us  worker 0: worker 1 is woken: an earlier deadline\n"
		     "   0.0 us  worker 1 starts, running idle 1\n"
		     "In all: 0 switches on 2 workers in 0.0 us.\n");
}

Test(story, a_queues_length_in_words)
{
	struct made made;
	struct names names;
	struct made_output output;
	made_open(&made, 1, 20);
	made_start(&made, 0, 1);
	made_close(&made);
	struct trace_record record = {.type = TRACE_QUEUE_LENGTH,
				      .value = trace_pair(3, 1)};
	cr_assert_eq(names_open(&names, &made.file), 0);
	names_tell(&names, &(struct trace_step){.record = &record}, made_out(&output));
	made_expect(&output, "3 fibers are ready in worker 0's queues, and 1 in the "
			     "injection queue");
	names_close(&names);
	made_free(&made);
}
