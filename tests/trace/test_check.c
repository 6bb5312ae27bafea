/* test_check.c: each invariant rejects what breaks it, and nothing else does. */
#include "tests/trace/support.h"

#include <unistd.h>

TestSuite(check, .init = make_directory, .fini = remove_directory);

/* Two workers: main and ping on one, other on the other; ping moves between them. */
#define START_0 "0 WORKER_START running=1 os_thread=70 .site=1\n"
#define START_1 "1 WORKER_START running=3 os_thread=71\n"
#define CREATE  "0 CREATE child=2 parent=1 entry=\"ping\" stack_size=4096\n"
#define GO      "0 SWITCH reason=start next=2 previous=1 previous_stack_used=200\n"
#define BACK    "0 SWITCH reason=park next=1 previous=2 previous_stack_used=300\n"
#define MOVED   "1 SWITCH reason=park next=2 previous=3\n"
#define FINISH  "1 FINISH fiber=2 largest_stack_used=4096\n"
#define LAST    "1 SWITCH reason=finish next=3 previous=2\n"
#define STOP_0  "0 WORKER_STOP running=1\n"
#define STOP_1  "1 WORKER_STOP running=3\n"
#define SITE    "site event=WORKER_START file=\"work.c\" line=12 function=\"work\"\n"

/* ---- what holds ---- */

Test(check, a_good_trace_holds)
{
	expect_good(
		START_0 START_1 CREATE GO BACK MOVED FINISH LAST STOP_1 STOP_0,
		"13 invariants evaluated, 5 judged: all hold (4 switches, 3 fibers, 2 "
		"workers)\n");
}

Test(check, what_has_no_event_is_not_judged)
{
	expect_good(START_0 STOP_0,
		    "invariant 13 (spans and stacks) had no event to judge\n"
		    "invariant 14 (no lost wake-up) had no event to judge\n"
		    "invariant 18 (everything ends) had no event to judge\n"
		    "invariant 21 (sleep in turn) had no event to judge\n"
		    "13 invariants evaluated, 3 judged: all hold (0 switches, 1 "
		    "fiber, 1 worker)\n");
	expect_good("0 ANCHOR\n", "0 judged: the trace has nothing to judge");
}

Test(check, a_stack_of_unknown_size_is_not_judged)
{
	expect_good(START_0 "0 CREATE child=2\n" GO
			    "0 FINISH fiber=2 largest_stack_used=9999999\n"
			    "0 SWITCH reason=finish next=1 previous=2\n" STOP_0,
		    "invariant 13 (spans and stacks) had no event to judge");
}

Test(check, what_ran_at_the_stop_is_left_properly)
{
	expect_good(START_0 CREATE GO "0 WORKER_STOP running=2\n", "all hold");
}

Test(check, a_workers_own_context_needs_no_birth)
{
	expect_good(START_0 "0 SWITCH reason=idle next=0xFFFF0000 previous=1\n"
			    "0 SWITCH reason=idle next=1 previous=0xFFFF0000\n" STOP_0,
		    "(2 switches, 1 fiber, 1 worker)");
}

Test(check, unknown_events_do_no_harm)
{
	expect_good(START_0 "0 type-200 .fiber=1 .peer=77 .arg=3\n" STOP_0, "all hold");
}

Test(check, clocks_that_disagree_are_repaired_and_told)
{
	expect_good("0 1000 WORKER_START running=1\n"
		    "0 1100 CREATE child=2 stack_size=4096\n"
		    "1 500 WORKER_START running=3\n"
		    "1 600 SWITCH reason=start next=2 previous=3\n"
		    "1 700 WORKER_STOP running=2\n"
		    "0 1200 WORKER_STOP running=1\n",
		    "2 ticks were carried forward");
}

/* What the scheduler writes: main creates ping, awaits it, and each has its turn; worker
 * 1 runs ping and wakes main. */
#define WAKE_PING "0 READY place=shared fiber=2 waker=1\n"
#define AWAIT     "0 AWAIT found=waits awaiter=1 target=2\n"
#define IDLE_1    "1 WORKER_START running=0xFFFF0001\n"
#define IDLE_0    "0 CREATE child=0xFFFF0000\n"
#define PARKED    "0 SWITCH reason=park next=0xFFFF0000 previous=1\n"
#define TAKES     "1 SWITCH reason=idle next=2 previous=0xFFFF0001\n"
#define ENDS      "1 FINISH fiber=2\n"
#define LEAVES    "1 SWITCH reason=finish next=0xFFFF0001 previous=2\n"
#define RECYCLES  "1 RECYCLE fiber=2\n"
#define WAKE_MAIN "1 READY place=shared fiber=1 waker=0xFFFF0001\n"
#define GOES_ON   "0 SWITCH reason=idle next=1 previous=0xFFFF0000\n"
#define OVER      STOP_0 "1 WORKER_STOP running=0xFFFF0001\n"
#define BEFORE    START_0 IDLE_0 IDLE_1 CREATE WAKE_PING
#define AFTER     LEAVES RECYCLES WAKE_MAIN GOES_ON OVER

Test(check, what_the_scheduler_writes_holds)
{
	expect_good(
		BEFORE AWAIT PARKED TAKES ENDS AFTER,
		"13 invariants evaluated, 7 judged: all hold (4 switches, 2 fibers, 2 "
		"workers)\n");
}

Test(check, one_that_yields_is_ready)
{
	expect_good(BEFORE "0 SWITCH reason=yield next=2 previous=1\n"
			   "0 SWITCH reason=yield next=1 previous=2\n"
			   "0 SWITCH reason=yield next=2 previous=1\n"
			   "0 WORKER_STOP running=2\n"
			   "1 SWITCH reason=idle next=1 previous=0xFFFF0001\n"
			   "1 WORKER_STOP running=1\n",
		    "all hold");
}

Test(check, a_switch_to_anyone_holds_where_nobody_is_made_ready)
{
	expect_good(START_0 CREATE GO BACK GO BACK GO "0 WORKER_STOP running=2\n",
		    "invariant 4 (ready before running) had no event to judge\n"
		    "invariant 5 (ready for a cause) had no event to judge\n");
}

#define BEGIN(text) "0 SPAN_BEGIN fiber=1 text=\"" text "\"\n"
#define END(text)   "0 SPAN_END fiber=1 text=\"" text "\"\n"

Test(check, spans_that_nest_hold)
{
	expect_good(START_0 BEGIN("a") BEGIN("b") END("b") BEGIN("b") END("b") END("a")
			    BEGIN("open at the stop") STOP_0,
		    "4 judged: all hold");
	expect_good(START_0 CREATE BEGIN("main's") GO
		    "0 SPAN_BEGIN fiber=2 text=\"ping's\"\n" BACK END("main's") GO
		    "0 SPAN_END fiber=2 text=\"ping's\"\n"
		    "0 WORKER_STOP running=2\n",
		    "all hold");
}

Test(check, a_span_whose_text_was_lost_may_have_had_any)
{
	expect_good("header lost_strings=1\n" START_0 BEGIN("a") END("") STOP_0,
		    "4 judged: all hold");
	expect_broken("header lost_strings=1\n" START_0 BEGIN("a") END("b") STOP_0, 13,
		      "fiber 1 ends \"b\", but the span it began last is \"a\"");
}

Test(check, a_trace_of_chapter_1_holds)
{
	struct answer answer =
		ask(command_check, "chapters/01-context/recorded/trace.weft");
	expect_words(answer, EXIT_HOLDS,
		     "13 invariants evaluated, 5 judged: all hold (");
}

/* ---- what is broken ---- */

Test(check, a_fiber_on_two_workers_breaks_1)
{
	expect_broken(START_0 START_1 CREATE GO MOVED
		      "1 SWITCH reason=park next=3 previous=2\n" BACK
		      "0 SWITCH reason=yield next=2 previous=1\n"
		      "0 WORKER_STOP running=2\n" STOP_1,
		      1, "ping runs on worker 0 and on worker 1 at once");
}

Test(check, a_worker_that_starts_twice_breaks_1)
{
	expect_broken(START_0 "0 WORKER_START running=4\n0 WORKER_STOP running=4\n", 1,
		      "worker 0 starts with fiber 4 while it runs fiber 1");
	expect_broken(START_0 "1 WORKER_START running=1\n" STOP_0, 1,
		      "fiber 1 runs on worker 0 and on worker 1 at once");
}

Test(check, acting_without_running_breaks_1)
{
	expect_broken(START_0 CREATE GO "0 MARK fiber=1\n" BACK GO
					"0 WORKER_STOP running=2\n",
		      1, "fiber 1 acts on worker 0, which runs ping");
}

Test(check, leaving_what_did_not_run_breaks_2)
{
	expect_broken(START_0 CREATE
		      "0 CREATE child=4 entry=\"pong\"\n" GO
		      "0 SWITCH reason=park next=1 previous=4\n" GO
		      "0 FINISH fiber=2\n0 SWITCH reason=finish next=4 previous=2\n"
		      "0 WORKER_STOP running=4\n",
		      2, "worker 0 leaves pong, but it runs ping");
}

Test(check, a_first_switch_without_a_start_breaks_2)
{
	expect_broken("0 CREATE child=1\n0 CREATE child=2\n" GO
		      "0 WORKER_STOP running=2\n"
		      "0 WORKER_START running=1\n" STOP_0,
		      2, "but it has not started");
	expect_broken(START_0 CREATE GO BACK STOP_0 GO "0 WORKER_STOP running=2\n", 2,
		      "but it has stopped");
}

Test(check, stopping_in_what_did_not_run_breaks_2)
{
	expect_broken(START_0 START_1
		      "0 WORKER_STOP running=3\n1 WORKER_STOP running=3\n",
		      2, "worker 0 stops in fiber 3, but it runs fiber 1");
}

Test(check, a_gap_breaks_3)
{
	expect_broken(START_0 CREATE "0 MARK fiber=1 .sequence=4\n" GO
				     "0 WORKER_STOP running=2\n",
		      3, "fiber 1 goes on with its record 4 after its record 1");
}

Test(check, a_lost_record_breaks_3)
{
	expect_broken(START_0 CREATE GO
		      "0 SWITCH reason=park next=1 previous=2 previous_sequence=4\n" GO
		      "0 WORKER_STOP running=2\n",
		      3, "ping goes on with its record 4 after its record 2");
}

Test(check, a_life_before_birth_breaks_3)
{
	expect_broken(START_0 GO "0 WORKER_STOP running=2\n", 3,
		      "fiber 2 has a record before its CREATE");
	expect_broken(START_0 CREATE CREATE GO "0 WORKER_STOP running=2\n", 3,
		      "ping is created after it came to be");
}

Test(check, a_life_after_death_breaks_3)
{
	expect_broken(START_0 CREATE GO "0 FINISH fiber=2\n"
					"0 SWITCH reason=finish next=1 previous=2\n" GO
					"0 WORKER_STOP running=2\n",
		      3, "ping has a record after its last switch");
	expect_broken(START_0 CREATE GO "0 FINISH fiber=2\n" BACK STOP_0, 3,
		      "ping has a record after its FINISH that is not its last switch");
	expect_broken(START_0 CREATE GO "0 SWITCH reason=finish next=1 previous=2\n"
					"0 FINISH fiber=1\n0 WORKER_STOP running=1\n",
		      3, "ping is left for good without a FINISH");
}

Test(check, a_recycling_out_of_place_breaks_3)
{
	expect_broken(BEFORE AWAIT PARKED TAKES RECYCLES ENDS AFTER, 3,
		      "ping is recycled before its end");
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS RECYCLES AFTER, 3,
		      "ping has a record after its FINISH that is not its last switch");
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS LEAVES RECYCLES RECYCLES WAKE_MAIN
			      GOES_ON OVER,
		      3, "ping has a record after its RECYCLE");
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS AFTER "0 NAME fiber=2\n", 3,
		      "ping has a record after its RECYCLE");
	expect_broken(
		BEFORE AWAIT PARKED TAKES ENDS LEAVES
		"1 READY place=shared fiber=2 waker=0xFFFF0001\n" RECYCLES WAKE_MAIN
			GOES_ON OVER,
		3, "ping has a record after its last switch");
}

Test(check, what_only_a_running_fiber_does_breaks_1_elsewhere)
{
	expect_broken(
		BEFORE
		"1 AWAIT found=finished awaiter=1 target=2\n" PARKED TAKES ENDS AFTER,
		1, "fiber 1 acts on worker 1, which runs idle 1");
	expect_broken(BEFORE PARKED "1 INLINE caller=1\n" TAKES ENDS AFTER, 1,
		      "fiber 1 acts on worker 1, which runs idle 1");
	expect_broken(BEFORE PARKED TAKES "0 SPAN_BEGIN fiber=1 text=\"a\"\n"
					  "0 SPAN_END fiber=1 text=\"a\"\n" ENDS AFTER,
		      1, "and 1 more place\n");
}

Test(check, ready_twice_breaks_4)
{
	expect_broken(BEFORE WAKE_PING AWAIT PARKED TAKES ENDS AFTER, 4,
		      "ping is made ready, but it is ready already");
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS LEAVES RECYCLES WAKE_MAIN WAKE_MAIN
			      GOES_ON OVER,
		      4, "fiber 1 is made ready, but it is ready already");
	expect_broken(BEFORE "0 SWITCH reason=yield next=2 previous=1\n"
			     "0 READY place=shared fiber=1 waker=2\n"
			     "0 SWITCH reason=yield next=1 previous=2\n"
			     "0 SWITCH reason=yield next=2 previous=1\n"
			     "0 WORKER_STOP running=2\n"
			     "1 SWITCH reason=idle next=1 previous=0xFFFF0001\n"
			     "1 WORKER_STOP running=1\n",
		      4, "fiber 1 is made ready, but it is ready already");
}

Test(check, ready_while_it_runs_breaks_4)
{
	expect_broken(
		BEFORE AWAIT TAKES ENDS LEAVES RECYCLES WAKE_MAIN PARKED GOES_ON OVER,
		4, "fiber 1 is made ready while it runs");
}

Test(check, running_without_being_ready_breaks_4)
{
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS LEAVES RECYCLES GOES_ON OVER, 4,
		      "fiber 1 runs, but nobody made it ready since it parked");
	expect_broken(START_0 IDLE_0 IDLE_1 CREATE AWAIT PARKED TAKES ENDS AFTER, 4,
		      "ping runs, but nobody made it ready since it was created");
}

Test(check, the_slice_of_4_shows_who_made_it_ready_first)
{
	expect_broken(
		BEFORE WAKE_PING AWAIT PARKED TAKES ENDS AFTER, 4,
		"      step 4, worker 0: READY place=shared fiber=2 (ping) waker=1 "
		"(fiber 1), its record 2\n"
		"  ==> step 5, worker 0: READY place=shared fiber=2 (ping) waker=1 "
		"(fiber 1), its record 3\n"
		"          after step 4 in ping's order\n");
}

Test(check, a_waker_that_does_not_run_breaks_5)
{
	expect_broken(BEFORE AWAIT PARKED TAKES ENDS LEAVES RECYCLES
		      "1 READY place=shared fiber=1 waker=2\n" GOES_ON OVER,
		      5,
		      "fiber 1 is made ready by ping on worker 1, which runs idle 1");
}

Test(check, spans_that_do_not_nest_break_13)
{
	expect_broken(START_0 BEGIN("a") BEGIN("b") END("a") END("b") STOP_0, 13,
		      "fiber 1 ends \"a\", but the span it began last is \"b\"");
	expect_broken(START_0 BEGIN("a") END("a") END("a") STOP_0, 13,
		      "fiber 1 ends \"a\", but no span of it is open");
	expect_broken(START_0 CREATE BEGIN("main's") GO
		      "0 SPAN_END fiber=2 text=\"main's\"\n0 WORKER_STOP running=2\n",
		      13, "ping ends \"main's\", but no span of it is open");
	expect_broken(BEFORE AWAIT PARKED TAKES
		      "1 SPAN_BEGIN fiber=2 text=\"a\"\n" ENDS AFTER,
		      13, "ping finishes, but its \"a\" is open");
}

Test(check, a_stack_too_deep_breaks_13)
{
	expect_broken(START_0 START_1 CREATE GO
		      "0 SWITCH reason=park next=1 previous=2 "
		      "previous_stack_used=4097\n" MOVED FINISH LAST STOP_1 STOP_0,
		      13, "ping used 4097 bytes of a stack of 4096");
	expect_broken(START_0 CREATE GO
		      "0 FINISH fiber=2 largest_stack_used=5000\n"
		      "0 SWITCH reason=finish next=1 previous=2\n" STOP_0,
		      13, "ping used 5000 bytes");
}

Test(check, what_never_ends_breaks_18)
{
	expect_broken(START_0 CREATE GO BACK
		      "0 CREATE child=9 entry=\"idler\"\n" STOP_0,
		      18, "unfinished: ping, idler\n");
	expect_broken(START_0 CREATE GO BACK, 18, "ping neither finished nor ran");
}

Test(check, a_fiber_that_nobody_runs_breaks_18)
{
	expect_broken(BEFORE STOP_0 "1 WORKER_STOP running=0xFFFF0001\n", 18,
		      "unfinished: ping\n");
}

/* ---- what the slice shows ---- */

Test(check, the_slice_shows_the_records_that_matter)
{
	struct answer answer =
		check_text(SITE START_0 START_1 CREATE GO MOVED
			   "1 SWITCH reason=park next=3 previous=2\n" BACK
			   "0 SWITCH reason=yield next=2 previous=1\n0 WORKER_STOP "
			   "running=2\n" STOP_1);
	static const char slice[] =
		"      step 3, worker 0: SWITCH reason=start next=2 (ping) previous=1 "
		"(fiber 1) "
		"previous_stack_used=200 previous_sequence=2, its record 2\n"
		"  ==> step 4, worker 1: SWITCH reason=park next=2 (ping) previous=3 "
		"(fiber 3) "
		"previous_stack_used=0 previous_sequence=2, its record 3\n"
		"          after step 3 in ping's order\n\n";
	expect_words(answer, EXIT_BROKEN, slice);
}

Test(check, the_slice_leads_to_the_source)
{
	expect_broken(SITE START_0
		      "0 WORKER_START running=4\n0 WORKER_STOP running=4\n",
		      1, "          at work.c:12 in work\n");
}

Test(check, later_failures_are_counted)
{
	expect_broken(START_0 CREATE
		      "0 MARK fiber=1 .sequence=4\n0 MARK fiber=1 .sequence=9\n" GO
		      "0 WORKER_STOP running=2\n",
		      3, "and 1 more place\n");
}

Test(check, two_broken_invariants_are_both_told)
{
	expect_words(check_text(START_0 CREATE GO BACK "0 WORKER_STOP running=2\n"),
		     EXIT_BROKEN, "judged: invariants 2 and 18 are broken, 3 hold (");
}

/* What fiber 3 last did, on worker 1, follows from what worker 0 did before by way of ping,
 * which went from the one to the other. */
Test(check, the_slice_says_in_whose_order_its_records_are)
{
	expect_broken(
		START_0 START_1 CREATE GO BACK MOVED FINISH LAST
		"0 MARK fiber=3\n" STOP_1 STOP_0,
		1,
		"      step 4, worker 0: SWITCH reason=park next=1 (fiber 1) "
		"previous=2 (ping) previous_stack_used=300 previous_sequence=3, its "
		"record 3\n"
		"      step 7, worker 1: SWITCH reason=finish next=3 (fiber 3) "
		"previous=2 (ping) previous_stack_used=0 previous_sequence=6, its "
		"record 3\n"
		"          after step 4 in ping's order\n"
		"  ==> step 8, worker 0: MARK fiber=3 (fiber 3) number=0 text=\"\", "
		"its record 4\n"
		"          after step 7 in fiber 3's order\n");
}

/* Main makes ping on worker 0, ping runs on worker 1, and there an AWAIT of main's fails.
 * Between the idle context of worker 1, which ping left, and main there is no lane; ping's
 * wake-up of main connects them. */
Test(check, a_chain_leads_over_records_that_are_no_evidence)
{
	expect_broken(
		BEFORE AWAIT PARKED TAKES ENDS LEAVES RECYCLES WAKE_MAIN GOES_ON
		"1 MARK fiber=1\n" OVER,
		1,
		"      step 9, worker 1: SWITCH reason=finish next=4294901761 (idle "
		"1) previous=2 (ping) previous_stack_used=0 previous_sequence=5, its "
		"record 3\n"
		"      step 11, worker 1: READY place=shared fiber=1 (fiber 1) "
		"waker=4294901761 (idle 1), its record 4\n"
		"          after step 9 in worker 1's order\n"
		"      step 12, worker 0: SWITCH reason=idle next=1 (fiber 1) "
		"previous=4294901760 (idle 0) previous_stack_used=0 "
		"previous_sequence=3, its record 5\n"
		"          after step 11 in fiber 1's order\n"
		"  ==> step 13, worker 1: MARK");
}

Test(check, the_end_of_a_fiber_is_looked_up_for_its_slice)
{
	expect_broken(
		BEFORE AWAIT PARKED TAKES ENDS AFTER "0 NAME fiber=2\n", 3,
		"  here: ping has a record after its RECYCLE\n"
		"      step 9, worker 1: SWITCH reason=finish next=4294901761 (idle "
		"1) previous=2 (ping) previous_stack_used=0 previous_sequence=5, its "
		"record 3\n"
		"      step 10, worker 1: RECYCLE fiber=2 (ping) awaiter=0, its "
		"record 6\n"
		"          after step 9 in ping's order\n"
		"  ==> step 15, worker 0: NAME fiber=2 (ping) name=\"\", its record 7\n"
		"          after step 10 in ping's order\n");
	expect_words(check_text(BEFORE AWAIT PARKED TAKES ENDS AFTER
				"0 CREATE child=2 parent=1 .sequence=1\n"),
		     EXIT_BROKEN,
		     "  here: ping is created after it came to be\n"
		     "      step 9, worker 1: SWITCH reason=finish");
}

/* ---- no order ---- */

Test(check, a_cycle_of_two_workers_is_told)
{
	struct answer answer = check_text("0 10 WORKER_START running=0xFFFF0000\n"
					  "0 20 MARK fiber=1 .sequence=2\n"
					  "0 30 MARK fiber=2 .sequence=1\n"
					  "1 10 MARK fiber=2 .sequence=2\n"
					  "1 40 MARK fiber=1 .sequence=1\n");
	expect_words(
		answer, EXIT_BROKEN,
		"the records have no order: what comes first by the numbers of "
		"fibers and objects cannot come first\n"
		"  worker 0's record 1 (MARK) waits for fiber 1's number 1,\n"
		"  which is worker 1's record 1 (MARK), which comes after its record "
		"0, which waits for fiber 2's number 1,\n"
		"  which is worker 0's record 2 (MARK), which comes after its record "
		"1, where this began\n");
}

#define LOCK                                                                           \
	"schema \"weft-events 1\"\n"                                                   \
	"schema "                                                                      \
	"\"event\\t70\\tLOCK\\tnew\\t\\t\\t\\tmutex:object\\tturn:object_sequence"     \
	"\\tsentence\"\n"

Test(check, a_cycle_of_three_workers_is_told)
{
	struct answer answer = check_text(LOCK "0 10 LOCK mutex=1 turn=2\n"
					       "0 20 LOCK mutex=3 turn=1\n"
					       "1 10 LOCK mutex=2 turn=2\n"
					       "1 20 LOCK mutex=1 turn=1\n"
					       "2 10 LOCK mutex=3 turn=2\n"
					       "2 20 LOCK mutex=2 turn=1\n");
	expect_words(
		answer, EXIT_BROKEN,
		"  worker 0's record 0 (LOCK) waits for object 1's number 1,\n"
		"  which is worker 1's record 1 (LOCK), which comes after its record "
		"0, which waits for object 2's number 1,\n"
		"  which is worker 2's record 1 (LOCK), which comes after its record "
		"0, which waits for object 3's number 1,\n"
		"  which is worker 0's record 1 (LOCK), which comes after its record "
		"0, where this began\n");
}

/* No invariant has a word on objects yet, and still the trace is no good. */
Test(check, an_object_without_an_order_breaks_the_trace)
{
	expect_words(
		check_text(LOCK "0 10 LOCK mutex=1 turn=1\n0 20 LOCK mutex=1 turn=3\n"),
		EXIT_BROKEN,
		"  worker 0's record 1 (LOCK) waits for object 1's number 2, which no "
		"record has\n");
	expect_words(
		check_text(LOCK "0 10 LOCK mutex=1 turn=1\n1 20 LOCK mutex=1 turn=1\n"),
		EXIT_BROKEN,
		"  worker 1's record 0 (LOCK) has object 1's number 1, which worker "
		"0's record 0 (LOCK) had before it\n");
	expect_words(
		check_text(LOCK "0 10 LOCK mutex=1 turn=1\n1 20 LOCK mutex=1 turn=3\n"),
		EXIT_BROKEN, "0 judged: the records have no order (0 switches");
}

/* ---- the verdict ---- */

Test(check, the_verdict_counts_what_is_broken_and_what_holds)
{
	expect_words(
		check_text(START_0 CREATE GO BACK "0 WORKER_STOP running=2\n"),
		EXIT_BROKEN,
		"13 invariants evaluated, 5 judged: invariants 2 and 18 are broken, 3 "
		"hold (2 switches, 2 fibers, 1 worker)\n");
}

#define WAITS                                                                          \
	"0 1000 WORKER_START running=1\n0 1100 CREATE child=2 parent=1 "               \
	"entry=\"ping\"\n"                                                             \
	"0 2000 READY place=shared fiber=2 waker=1\n"                                  \
	"0 500002000 SWITCH reason=yield next=2 previous=1\n"                          \
	"0 600002000 WORKER_STOP running=2\n"

Test(check, a_lint_is_told_and_breaks_nothing)
{
	const char *text = "header ticks_per_second=1000000000 clock=1\n" WAITS;
	expect_good(text,
		    "lint 17 (ready, not run): 1 of 2 waits to run took more than "
		    "100 ms; the longest was ping's, 500.0 ms from step 2 to step 3\n"
		    "13 invariants evaluated, 6 judged: all hold (");
}

Test(check, the_limit_of_a_lint_is_the_callers)
{
	const char *text = "header ticks_per_second=1000000000 clock=1\n" WAITS;
	expect_words(check_with(text, &(struct check_options){.lint_ms = 501}),
		     EXIT_HOLDS,
		     "lint 17 (ready, not run): 0 of 2 waits to run took more than 501 "
		     "ms\n13 invariants");
	/* main was ready for 100 ms when the trace ended. */
	expect_words(
		check_with(text, &(struct check_options){.lint_ms = 99}), EXIT_HOLDS,
		"2 of 2 waits to run took more than 99 ms; the longest was ping's");
	expect_words(check_with("header ticks_per_second=1000000000 clock=1\n"
				"0 1000 WORKER_START running=1\n"
				"0 1100 CREATE child=2 parent=1\n"
				"0 2000 READY place=shared fiber=2 waker=1\n"
				"0 9002000 WORKER_STOP running=1\n",
				&(struct check_options){.lint_ms = 8}),
		     EXIT_BROKEN, "fiber 2's, 9.0 ms from step 2 to the end\n");
}

/* ---- windows ---- */

#define RINGS "segment 0 ring=1 head=500\nsegment 1 ring=1 head=600\n"

/* As the scheduler writes it, from somewhere in the middle on. */
#define MIDDLE                                                                         \
	"0 10 SWITCH reason=finish next=0xFFFF0000 previous=7 .sequence=40 "           \
	"previous_sequence=9\n"                                                        \
	"1 10 MARK fiber=8 .sequence=6\n"                                              \
	"0 20 RECYCLE fiber=7 .sequence=10\n"                                          \
	"1 20 SPAN_END fiber=8 text=\"begun before\"\n"                                \
	"0 30 READY place=shared fiber=9 waker=0xFFFF0000 .sequence=3\n"               \
	"0 40 SWITCH reason=idle next=9 previous=0xFFFF0000\n"                         \
	"1 50 FINISH fiber=8\n1 60 SWITCH reason=finish next=0xFFFF0001 previous=8 "   \
	".sequence=77\n"                                                               \
	"1 70 RECYCLE fiber=8\n"

Test(check, a_window_is_judged_by_what_it_shows)
{
	expect_good(RINGS MIDDLE,
		    "13 invariants evaluated, 5 judged in the window of the last 9 "
		    "records: all hold (3 switches, 3 fibers, 2 workers)\n");
}

Test(check, what_a_window_shows_can_be_broken)
{
	expect_broken(RINGS MIDDLE "0 80 READY place=shared fiber=9 waker=9\n", 4,
		      "fiber 9 is made ready while it runs");
	expect_broken(RINGS MIDDLE "0 80 MARK fiber=9 .sequence=9\n"
				   "0 90 MARK fiber=9\n",
		      3, "fiber 9 goes on with its record 9 after its record 4");
	expect_broken(RINGS MIDDLE "1 80 MARK fiber=9\n", 1,
		      "fiber 9 acts on worker 1, which runs idle 1");
	expect_broken(RINGS MIDDLE "1 80 NAME fiber=8 .sequence=11\n", 3,
		      "fiber 8 has a record after its RECYCLE");
	expect_broken(RINGS MIDDLE "0 80 CREATE child=12 parent=9\n"
				   "0 90 SWITCH reason=park next=12 previous=9\n"
				   "0 95 WORKER_STOP running=12\n",
		      4,
		      "fiber 12 runs, but nobody made it ready since it was created");
}

/* Each record alone, as the first of its window, would break something in a whole trace. */
Test(check, what_began_before_a_window_is_never_broken)
{
	static const char *const records[] = {
		"SWITCH reason=park next=4 previous=5 .sequence=4 previous_sequence=9",
		"SWITCH reason=3 next=4 previous=5 .sequence=4 previous_sequence=9",
		"FINISH fiber=4 .sequence=8 largest_stack_used=99999999",
		"RECYCLE fiber=4 .sequence=8",
		"READY place=shared fiber=4 waker=3 .sequence=8",
		"AWAIT found=finished awaiter=4 target=3 .sequence=8",
		"SPAN_END fiber=4 text=\"a\" .sequence=8",
		"WORKER_STOP running=4 .sequence=8",
		"MARK fiber=4 .sequence=8",
		"STATUS state=parked fiber=4 name=\"old\" last_sequence=7",
	};
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		char text[256];
		snprintf(text, sizeof text, "segment 0 ring=1 head=500\n0 10 %s\n",
			 records[i]);
		struct answer answer = check_text(text);
		cr_assert_eq(answer.code, EXIT_HOLDS, "%s:\n%s", records[i],
			     answer.text);
		cr_assert(strstr(answer.text, " in the window of the last 1 record: "),
			  "%s", answer.text);
		free(answer.text);
	}
}

Test(check, a_status_names_what_was_created_before_the_window)
{
	expect_broken("segment 0 ring=1 head=500\n"
		      "0 10 STATUS state=running fiber=4 name=\"old\" last_sequence=7\n"
		      "0 20 READY place=shared fiber=4 .sequence=8\n"
		      "0 30 READY place=shared fiber=4\n",
		      4, "  here: old is made ready, but it is ready already\n");
}

/* ---- the graph ---- */

static char *graph_of(const char *text, int code)
{
	size_t size;
	struct trace_message why = {.text = ""};
	const char *path = in_directory("slice.dot");
	struct check_options options = {.lint_ms = 100, .dot_path = path, .why = &why};
	struct answer answer = check_with(text, &options);
	cr_assert_eq(answer.code, code, "%s%s", answer.text, why.text);
	cr_assert_str_empty(why.text);
	free(answer.text);
	return access(path, F_OK) == 0 ? read_whole(path, &size) : NULL;
}

static void expect_graph(const char *text, const char *words)
{
	char *graph = graph_of(text, EXIT_BROKEN);
	cr_assert(graph);
	cr_assert(strstr(graph, words), "\"%s\" is not in:\n%s", words, graph);
	free(graph);
}

Test(check, a_failure_is_drawn)
{
	const char *text = BEFORE WAKE_PING AWAIT PARKED TAKES ENDS AFTER;
	expect_graph(text,
		     "label=\"invariant 4 is broken\\lping is made ready, but it is "
		     "ready already\\l\"");
	expect_graph(text,
		     "s0_0 [label=\"step 4, worker 0\\nfiber 1 makes ping ready\\n"
		     "(shared)\"");
	expect_graph(text, "s0_1 [label=\"step 5, worker 0\\n");
	expect_graph(text, "color=\"#d55e00\" penwidth=3];");
	expect_graph(text, "s0_0 -> s0_1 [label=\"in ping's order\"");
	expect_graph(text, "comment=\"invariant 4 is broken: ping is made ready");
	expect_graph(SITE START_0 "0 WORKER_START running=4\n0 WORKER_STOP running=4\n",
		     "\\nwork.c:12\"");
}

Test(check, a_cycle_is_drawn)
{
	const char *text = LOCK "0 10 LOCK mutex=1 turn=2\n0 20 LOCK mutex=2 turn=1\n"
				"1 10 LOCK mutex=2 turn=2\n1 20 LOCK mutex=1 turn=1\n";
	expect_graph(text, "s0_0 -> s0_1 [label=\"waits for object 1's number 1\"");
	expect_graph(text, "s0_2 -> s0_1 [label=\"in worker 1's order\"");
	expect_graph(text, "s0_2 -> s0_3 [label=\"waits for object 2's number 1\"");
	expect_graph(text, "s0_0 -> s0_3 [label=\"in worker 0's order\"");
}

Test(check, a_name_cannot_break_a_graph)
{
	char *graph =
		graph_of(START_0 "0 CREATE child=2 entry=\"a\\\"b\\\\n\\n\"\n" STOP_0,
			 EXIT_BROKEN);
	cr_assert(strstr(graph, "a\\\"b\\\\n\\\\x0a"), "%s", graph);
	free(graph);
}

/* Which is there already, holds `before`; the check of a good trace leaves it so. */
static void expect_left(const char *before, const char *words)
{
	struct trace_message why = {.text = ""};
	const char *path = in_directory("slice.dot");
	struct check_options options = {.lint_ms = 100, .dot_path = path, .why = &why};
	size_t size;
	write_whole(path, before, strlen(before));
	static const char *const traces[] = {START_0 STOP_0, START_0 START_0 STOP_0};
	for (int broken = 0; broken < 2; broken++) {
		struct answer answer = check_with(traces[broken], &options);
		cr_assert_eq(answer.code, EXIT_UNREADABLE, "%s", answer.text);
		cr_assert(strstr(why.text, words), "%s", why.text);
		free(answer.text);
		char *after = read_whole(path, &size);
		cr_assert_str_eq(after, before);
		free(after);
	}
}

Test(check, a_graph_replaces_no_other_file)
{
	expect_left("my letters", "is there and is no graph of weft-trace's");
	expect_left("digraph mine {}", "give another path");
}

Test(check, where_nothing_fails_an_older_graph_is_removed)
{
	free(graph_of(START_0 START_0 STOP_0, EXIT_BROKEN));
	cr_assert_eq(access(in_directory("slice.dot"), F_OK), 0);
	free(graph_of(START_0 START_0 STOP_0, EXIT_BROKEN)); /* over the older one */
	cr_assert_null(graph_of(START_0 STOP_0, EXIT_HOLDS));
	cr_assert_null(graph_of(START_0 STOP_0, EXIT_HOLDS)); /* none was there */
	free(graph_of(START_0 START_0 STOP_0, EXIT_BROKEN));
	cr_assert_null(graph_of("segment 0 dropped=1\n" START_0 STOP_0, EXIT_UNKNOWN));
}

Test(check, a_graph_that_cannot_be_written_is_told)
{
	struct trace_message why = {.text = ""};
	struct check_options options = {
		.lint_ms = 100, .dot_path = "/nowhere/slice.dot", .why = &why};
	struct answer answer = check_with(START_0 START_0 STOP_0, &options);
	expect_words(answer, EXIT_UNREADABLE, "judged: invariant");
	cr_assert(
		strstr(why.text, "/nowhere/slice.dot: cannot be written; give a path"),
		"%s", why.text);
}

/* ---- what nobody can say ---- */

Test(check, after_a_loss_the_answer_is_unknown)
{
	expect_words(check_text("segment 0 dropped=3\n" START_0 STOP_0), EXIT_UNKNOWN,
		     "3 records were lost");
	expect_words(check_text("segment 0 dropped=1\n" START_0 GO), EXIT_UNKNOWN,
		     "unknown: with records lost, nobody can say what holds\n");
	expect_words(check_text(START_0 "0 type-0\n" STOP_0), EXIT_UNKNOWN,
		     "zeros in the file");
}

Test(check, a_trace_that_was_not_closed_is_judged_but_for_its_end)
{
	expect_good("segment 0 clean_close=0\n" START_0 CREATE GO BACK,
		    "the program did not close the trace");
	expect_good("segment 0 clean_close=0\n" START_0 CREATE GO BACK,
		    "invariant 18 (everything ends) had no event to judge");
	expect_broken("segment 0 clean_close=0\n" START_0 CREATE GO "0 MARK fiber=1\n",
		      1, "acts");
}

Test(check, lost_names_are_told)
{
	expect_good("header lost_strings=2\n" START_0 STOP_0,
		    "2 names or source lines were lost");
}

Test(check, names_cannot_move_the_cursor)
{
	struct answer answer = check_text(
		START_0 "0 CREATE child=2 entry=\"\\x1b[2J\\x07\\n\"\n" STOP_0);
	cr_assert_eq(answer.code, EXIT_BROKEN);
	cr_assert_null(strchr(answer.text, '\x1b'));
	cr_assert_null(strchr(answer.text, '\x07'));
	free(answer.text);
}
