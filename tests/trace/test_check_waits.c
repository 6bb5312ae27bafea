/* test_check_waits.c: what the checker says of waits: invariant 5 of those who wait, invariants
 * 10, 11 and 12, and 14 of those who wait for a descriptor. */
#include "tests/trace/support.h"

TestSuite(check_waits, .init = make_directory, .fini = remove_directory);

/* Main, on worker 0, makes reader and yields to it; worker 1 runs nothing, and 2 is a helper.
 * The reader waits for descriptor 5, which is object 60; main has the event, and wakes it. */
#define START                                                                          \
	"header workers=2\nsegment 0\nsegment 1\nsegment 2 role=1\n"                   \
	"0 CREATE child=1 entry=\"main\"\n0 WORKER_START running=1\n"                  \
	"1 CREATE child=0xFFFF0001\n1 WORKER_START running=0xFFFF0001\n"
#define FIBER(fiber, name)                                                             \
	"0 CREATE child=" fiber " parent=1 entry=\"" name                              \
	"\"\n0 READY place=newest fiber=" fiber                                        \
	" waker=1\n0 SWITCH reason=yield next=" fiber " previous=1\n"
#define READER FIBER("2", "reader")
#define PUSH_AS(what, fiber, turn)                                                     \
	"0 WAIT_PUSH what=\"" what "\" waiter=" fiber                                  \
	" fd=5 queue=60 queue_sequence=" turn "\n"
#define PUSH(fiber, turn) PUSH_AS("readable", fiber, turn)
#define RETURN(fiber, turn)                                                            \
	"0 WAIT_RETURN what=readable waiter=" fiber                                    \
	" fd=5 queue=60 queue_sequence=" turn "\n"
#define POP_AS(outcome, by, fiber, turn)                                               \
	"0 WAIT_POP outcome=\"" outcome "\" waker=" by " waiter=" fiber                \
	" queue=60 queue_sequence=" turn "\n"
#define POP(fiber, turn) POP_AS("woken", "1", fiber, turn)
#define WATCH(which, turn)                                                             \
	"0 FD_WATCH directions=" which                                                 \
	" running=2 fd=5 descriptor=60 descriptor_sequence=" turn "\n"
#define EVENT(edge, turn)                                                              \
	"0 FD_READY edge=\"" edge                                                      \
	"\" running=1 fd=5 descriptor=60 descriptor_sequence=" turn "\n"
#define CLOSE(fiber, turn)                                                             \
	"0 FD_CLOSE running=" fiber " fd=5 descriptor=60 descriptor_sequence=" turn "\n"
#define SET(fiber, deadline)                                                           \
	"0 TIMER_SET clock=awake sleeper=" fiber " deadline=" deadline "\n"
#define FIRE(fiber, now) "0 TIMER_FIRE clock=awake sleeper=" fiber " now=" now "\n"
#define DROP(fiber)      "0 TIMER_DROP sleeper=" fiber "\n"
#define PARK(fiber)      "0 SWITCH reason=park next=1 previous=" fiber "\n"
#define READY(fiber)     "0 READY place=local fiber=" fiber " waker=1\n"
#define RUN(fiber)       "0 SWITCH reason=yield next=" fiber " previous=1\n"
#define END(fiber)                                                                     \
	"0 FINISH fiber=" fiber "\n0 SWITCH reason=finish next=1 previous=" fiber      \
	"\n0 RECYCLE fiber=" fiber "\n"
#define GOES_ON(fiber) READY(fiber) RUN(fiber) END(fiber)
#define STOP           "0 WORKER_STOP running=1\n1 WORKER_STOP running=0xFFFF0001\n"
#define HUNG           "segment 0 clean_close=0\nsegment 1 clean_close=0\n"

#define WAITS START READER WATCH("reading", "1") PUSH("2", "2")

/* ---- what holds ---- */

Test(check_waits, a_wait_for_a_descriptor_holds)
{
	expect_good(
		WAITS SET("2", "9000") PARK("2") EVENT("readable", "3") POP("2", "4")
			READY("2") RUN("2") DROP("2") CLOSE("2", "5") END("2") STOP,
		"invariant 13 (spans and stacks) had no event to judge\n"
		"invariant 21 (sleep in turn) had no event to judge\n"
		"lint 17 (ready, not run): 0 of 4 waits to run took more than 100 ms\n"
		"13 invariants evaluated, 11 judged: all hold (4 switches, 2 fibers, 2 "
		"workers)\n");
}

/* ---- invariant 5: a cause for who waits ---- */

#define OTHERS_POP(tick, fiber)                                                        \
	"1 " tick " WAIT_POP outcome=woken waker=0xFFFF0001 waiter=" fiber             \
	" queue=60 queue_sequence=3\n"

/* Worker 1 takes the reader out while that is about to park; worker 0 makes it ready. */
Test(check_waits, the_cause_may_come_after_the_ready)
{
	expect_good(WAITS OTHERS_POP("", "2") PARK("2") GOES_ON("2") STOP,
		    "all hold (");
	expect_good(WAITS PARK("2") READY("2") OTHERS_POP("", "2") RUN("2") END("2")
			    STOP,
		    "all hold (");
	/* Even after the waiter's end. */
	expect_good(WAITS PARK("2") GOES_ON("2") OTHERS_POP("", "2") STOP,
		    "all hold (");
}

#define NO_CAUSE                                                                       \
	"reader waits and is made ready when it has parked, but nothing comes that "   \
	"it "                                                                          \
	"would go on for\n"

Test(check_waits, a_ready_without_a_cause_breaks_5)
{
	expect_broken(
		START READER PUSH("2", "1") PARK("2") READY("2") RUN("2")
			POP_AS("timed out", "2", "2", "2") END("2") STOP,
		5,
		"  here: " NO_CAUSE "      step 7, worker 0: WAIT_PUSH what=readable "
		"waiter=2 (reader) fd=5 "
		"queue=60 queue_sequence=1, its record 4\n"
		"      step 8, worker 0: SWITCH reason=park next=1 (main) previous=2 "
		"(reader) previous_stack_used=0 previous_sequence=5, its record 4\n"
		"          after step 7 in reader's order\n"
		"  ==> step 9, worker 0: READY place=local fiber=2 (reader) waker=1 "
		"(main), its record 6\n"
		"          after step 8 in reader's order\n");
}

/* Nobody has said so far that the trace is over. */
Test(check_waits, a_cause_that_was_cut_off_is_not_missed)
{
	expect_good(HUNG START READER PUSH("2", "1") PARK("2") READY("2"),
		    "all hold (");
}

/* Each run of a fiber needs a cause of its own. */
Test(check_waits, a_cause_is_for_one_run)
{
	expect_broken(START READER PUSH("2", "1") PARK("2") POP("2", "2") READY("2")
			      RUN("2") PUSH("2", "3") PARK("2") READY("2") RUN("2")
				      POP_AS("canceled", "2", "2", "4") END("2") STOP,
		      5, NO_CAUSE);
	/* The later one is there first, and pays nothing. */
	expect_broken(START READER PUSH("2", "1") PARK("2") READY("2") RUN("2")
			      POP_AS("timed out", "2", "2", "2") PUSH("2", "3")
				      PARK("2") POP("2", "4") GOES_ON("2") STOP,
		      5, NO_CAUSE);
}

/* A wake that comes when its run is over pays for no other one. */
Test(check_waits, a_late_cause_is_for_its_own_run)
{
	expect_broken(START READER PUSH("2", "1") PARK("2") READY("2") RUN("2") POP_AS(
			      "timed out", "2", "2", "2") PUSH("2", "3") SET("2", "500")
			      PARK("2") FIRE("2", "501") READY("2") RUN("2")
				      POP_AS("woken", "2", "2", "4") END("2") STOP,
		      5, NO_CAUSE);
}

/* Who makes it ready elsewhere has its cause before it. */
#define READY_THERE "1 READY place=local fiber=2 waker=0xFFFF0001\n"
#define RUN_THERE   "1 SWITCH reason=idle next=2 previous=0xFFFF0001\n"
#define ELSEWHERE   READY_THERE RUN_THERE
#define ENDS_THERE                                                                     \
	"1 FINISH fiber=2\n1 SWITCH reason=finish next=0xFFFF0001 previous=2\n"        \
	"1 RECYCLE fiber=2\n"

Test(check_waits, a_ready_on_another_worker_has_its_cause_before)
{
	expect_good(WAITS PARK("2") OTHERS_POP("", "2") ELSEWHERE ENDS_THERE STOP,
		    "all hold (");
	expect_broken(HUNG WAITS PARK("2") ELSEWHERE, 5,
		      "reader waits and is made ready by idle 1, but nothing has come "
		      "that it would go on for\n");
	expect_broken(WAITS PARK("2") READY_THERE OTHERS_POP("", "2")
			      RUN_THERE ENDS_THERE STOP,
		      5, "but nothing has come that it would go on for\n");
}

#define SLEEPS START READER SET("2", "500")

Test(check_waits, a_timer_that_fires_is_a_cause)
{
	expect_good(SLEEPS PARK("2") FIRE("2", "501") GOES_ON("2") STOP, "all hold (");
	/* Told by the fiber itself, once it went on. */
	expect_good(SLEEPS PARK("2") READY("2") RUN("2") FIRE("2", "501") END("2") STOP,
		    "all hold (");
	expect_broken(SLEEPS PARK("2") READY("2") RUN("2") DROP("2") END("2") STOP, 5,
		      NO_CAUSE);
}

#define CANCEL        "0 CANCEL_REQUEST canceler=1 target=2\n"
#define OTHERS_CANCEL "1 CANCEL_REQUEST canceler=0xFFFF0001 target=2\n"
#define LEAVES(turn)  POP_AS("canceled", "2", "2", turn)

Test(check_waits, a_request_to_end_is_a_cause)
{
	expect_good(WAITS PARK("2") CANCEL READY("2") RUN("2") LEAVES("3") END("2")
			    STOP,
		    "all hold (");
	expect_good(WAITS PARK("2") OTHERS_CANCEL ELSEWHERE
		    "1 WAIT_POP outcome=canceled waker=2 waiter=2 queue=60 "
		    "queue_sequence=3\n" ENDS_THERE STOP,
		    "all hold (");
	/* It may be recorded at any time, also after the end. */
	expect_good(WAITS PARK("2") READY("2") RUN("2") LEAVES("3")
			    OTHERS_CANCEL END("2") STOP,
		    "all hold (");
	expect_good(WAITS PARK("2") READY("2") RUN("2") LEAVES("3") END("2")
			    OTHERS_CANCEL STOP,
		    "all hold (");
}

/* Of one that is there to the end, too. */
Test(check_waits, a_request_to_main_is_a_cause)
{
	expect_good(
		START "0 CREATE child=0xFFFF0000\n" PUSH(
			"1",
			"1") "0 SWITCH reason=park next=0xFFFF0000 previous=1\n"
			     "0 READY place=local fiber=1 waker=0xFFFF0000\n"
			     "0 SWITCH reason=idle next=1 previous=0xFFFF0000\n"
			     "1 CANCEL_REQUEST canceler=0xFFFF0001 target=1\n"
			     "0 WAIT_POP outcome=canceled waker=1 waiter=1 queue=60 "
			     "queue_sequence=2\n" STOP,
		"all hold (");
}

/* A request and a pop are causes of two READYs, whatever comes first. */
#define AGAIN PUSH("2", "4") PARK("2") READY("2") RUN("2") LEAVES("5") END("2")
Test(check_waits, a_request_is_the_cause_of_one)
{
	expect_good(WAITS OTHERS_CANCEL PARK("2") READY("2") RUN("2")
			    OTHERS_POP("", "2") AGAIN STOP,
		    "all hold (");
	expect_good(WAITS PARK("2") OTHERS_POP("", "2") READY("2") RUN("2")
			    AGAIN OTHERS_CANCEL STOP,
		    "all hold (");
	expect_broken(WAITS PARK("2") READY("2") RUN("2") LEAVES("3")
			      AGAIN OTHERS_CANCEL STOP,
		      5, NO_CAUSE);
	expect_broken(WAITS OTHERS_CANCEL PARK("2") READY("2") RUN("2") LEAVES("3")
			      AGAIN STOP,
		      5, NO_CAUSE);
}

/* Two fibers, each with a READY that nothing caused. */
Test(check_waits, the_first_without_a_cause_is_shown)
{
	expect_broken(START READER PUSH("2", "1") PARK("2") READY("2") RUN("2") POP_AS(
			      "timed out", "2", "2", "2") END("2") FIBER("3", "late")
			      PUSH("3", "3") PARK("3") READY("3") RUN("3")
				      POP_AS("timed out", "3", "3", "4") END("3") STOP,
		      5, NO_CAUSE "      step 7, ");
}

/* Main awaits the reader, with a deadline, which does not end that wait. */
Test(check_waits, who_awaits_needs_no_such_cause)
{
	expect_good(START
		    "0 CREATE child=2 parent=1 entry=\"child\"\n"
		    "0 READY place=newest fiber=2 waker=1\n" SET(
			    "1", "90000") "0 AWAIT found=waits awaiter=1 target=2\n"
					  "0 SWITCH reason=park next=2 previous=1\n"
					  "0 FINISH fiber=2\n0 READY place=direct "
					  "fiber=1 waker=2\n"
					  "0 SWITCH reason=finish next=1 previous=2\n"
					  "0 RECYCLE fiber=2 awaiter=1\n" DROP("1")
						  STOP,
		    "all hold (");
}

#define BEGINS(fiber, turn)                                                            \
	"2 OFFLOAD_BEGIN waiter=" fiber " queue=60 queue_sequence=" turn "\n"
#define ENDS(fiber, turn)                                                              \
	"2 OFFLOAD_END waiter=" fiber " queue=60 queue_sequence=" turn "\n"
#define CALL         BEGINS("2", "2") ENDS("2", "3")
#define CALLS        START READER PUSH_AS("an offloaded call", "2", "1") PARK("2")
#define HELPER_READY "2 READY place=injected fiber=2\n"
#define TAKEN        "0 STEAL queue=injected fiber=2 size=1 batch=1\n"

Test(check_waits, a_helper_makes_ready_whose_call_it_made)
{
	expect_good(CALLS CALL HELPER_READY TAKEN RUN("2") END("2") STOP, "all hold (");
	expect_broken(CALLS HELPER_READY TAKEN RUN("2") CALL END("2") STOP, 5,
		      "reader is made ready by helper 2, which has made no call for "
		      "it\n");
	/* Once for each call. */
	expect_broken(CALLS CALL HELPER_READY TAKEN RUN("2")
			      PUSH_AS("an offloaded call", "2", "4") PARK("2")
				      HELPER_READY
		      "0 STEAL queue=injected fiber=2 size=1 batch=2\n" RUN("2")
			      POP_AS("canceled", "2", "2", "5") END("2") STOP,
		      5, "by helper 2, which has made no call for it\n");
}

/* The call ends while its fiber is about to park; the helper makes nobody ready then. */
Test(check_waits, the_end_of_a_call_may_come_after_the_ready)
{
	expect_good(CALLS READY("2") RUN("2") CALL END("2") STOP, "all hold (");
	expect_good(CALLS READY("2") RUN("2") END("2") CALL STOP, "all hold (");
	expect_broken(CALLS READY("2") RUN("2") POP_AS("canceled", "2", "2", "2")
			      END("2") STOP,
		      5, NO_CAUSE);
}

/* One whose call has begun is in no queue, and another may wait behind it. */
#define TWO_TAKEN                                                                      \
	"0 STEAL queue=injected fiber=3 size=2 batch=1\n"                              \
	"0 STEAL queue=injected fiber=2 size=2 batch=1\n" RUN("3") END("3") RUN("2")   \
		END("2")
Test(check_waits, calls_begin_in_order)
{
	expect_broken(
		CALLS FIBER("3", "late") PUSH_AS("an offloaded call", "3", "2") PARK(
			"3") BEGINS("3", "3") BEGINS("2", "4")
			ENDS("3", "5") "2 READY place=injected fiber=3\n" ENDS("2", "6")
				HELPER_READY TWO_TAKEN STOP,
		10,
		"late has its call made, but reader is first in object 60's "
		"queue\n");
	expect_good(CALLS BEGINS("2", "2") FIBER("3", "late") PUSH_AS(
			    "an offloaded call", "3", "3") PARK("3") BEGINS("3", "4")
			    ENDS("3", "5") "2 READY place=injected fiber=3\n" ENDS(
				    "2", "6") HELPER_READY TWO_TAKEN STOP,
		    "all hold (");
	expect_broken(CALLS CANCEL BEGINS("2", "2") READY("2") RUN("2")
			      POP_AS("canceled", "2", "2", "3") ENDS("2", "4") END("2")
				      STOP,
		      10, "reader is taken out of object 60's queue, but it is not in");
	expect_broken(START READER CALL END("2") STOP, 10,
		      "reader is taken out of object 60's queue, but it is not in "
		      "it\n");
}

/* The window has the push, and who knows what there was before it. */
#define RING "segment 0 ring=1 head=500 clean_close=0\n0 10 MARK text=\"here\"\n"
#define LATER(fiber, turn, leaves, comes)                                              \
	"0 SWITCH reason=yield next=" fiber " previous=1 .sequence=7 "                 \
	"previous_sequence=" leaves "\n"                                               \
	"0 WAIT_PUSH .sequence=8 what=readable waiter=" fiber                          \
	" fd=5 queue=60 queue_sequence=" turn "\n"                                     \
	"0 SWITCH reason=park next=1 previous=" fiber                                  \
	" previous_sequence=9 .sequence=" comes "\n"
#define BY_MAIN(number, event, fields)                                                 \
	"0 " event " .sequence=" number " " fields " fd=5 descriptor=60 "              \
	"descriptor_sequence="
#define EVENT_THEN(number, turn)                                                       \
	BY_MAIN(number, "FD_READY", "edge=readable running=1") turn "\n"
#define CLOSE_THEN(number, turn) BY_MAIN(number, "FD_CLOSE", "running=1") turn "\n"
#define POP_THEN(number, fiber, turn)                                                  \
	"0 WAIT_POP .sequence=" number " outcome=woken waker=1 waiter=" fiber          \
	" queue=60 queue_sequence=" turn "\n"

Test(check_waits, a_window_owes_no_cause)
{
	expect_good(
		RING LATER("2", "40", "11",
			   "12") "0 READY .sequence=10 place=local fiber=2 waker=1\n",
		"all hold (");
}

/* ---- invariant 10: in order ---- */

#define TWO_WAIT                                                                       \
	START READER PUSH("2", "1") PARK("2") FIBER("3", "late") PUSH("3", "2")        \
		PARK("3")

Test(check_waits, the_first_is_woken_first)
{
	expect_good(TWO_WAIT POP("2", "3") READY("2") POP("3", "4") READY("3") RUN("3")
			    END("3") RUN("2") END("2") STOP,
		    "all hold (");
	expect_broken(TWO_WAIT POP("3", "3") READY("3") POP("2", "4") READY("2")
			      RUN("3") END("3") RUN("2") END("2") STOP,
		      10,
		      "late is woken, but reader is first in object 60's queue for "
		      "reading\n"
		      "      step 7, worker 0: WAIT_PUSH what=readable waiter=2 "
		      "(reader) fd=5 queue=60 queue_sequence=1, its record 4\n"
		      "  ==> step 14, worker 0: WAIT_POP outcome=woken");
	expect_broken(TWO_WAIT POP_AS("closed", "1", "3", "3") READY("3") POP("2", "4")
			      READY("2") RUN("3") END("3") RUN("2") END("2") STOP,
		      10, "late is woken, but reader is first");
}

/* The same, with ticks that tell the other order: the object's numbers count. */
Test(check_waits, the_clock_does_not_tell_who_came_first)
{
	static const char text[] =
		START "0 100 CREATE child=2 parent=1 entry=\"reader\"\n"
		      "0 READY place=newest fiber=2 waker=1\n"
		      "0 SWITCH reason=park next=2 previous=1\n"
		      "0 9000 WAIT_PUSH what=readable waiter=2 fd=5 queue=60 "
		      "queue_sequence=1\n"
		      "1 200 CREATE child=3 parent=0xFFFF0001 entry=\"late\"\n"
		      "1 READY place=newest fiber=3 waker=0xFFFF0001\n"
		      "1 SWITCH reason=idle next=3 previous=0xFFFF0001\n"
		      "1 400 WAIT_PUSH what=readable waiter=3 fd=5 queue=60 "
		      "queue_sequence=2\n"
		      "1 SWITCH reason=park next=0xFFFF0001 previous=3\n"
		      "1 WAIT_POP outcome=woken waker=0xFFFF0001 waiter=%u queue=60 "
		      "queue_sequence=3\n";
	char cut[2048];
	snprintf(cut, sizeof cut, HUNG "%s", "");
	snprintf(cut, sizeof cut, text, 2u);
	struct answer answer = check_text(cut);
	cr_expect(!strstr(answer.text, "invariant 10 is broken"), "%s", answer.text);
	free(answer.text);
	snprintf(cut, sizeof cut, text, 3u);
	answer = check_text(cut);
	cr_expect(strstr(answer.text, "late is woken, but reader is first"), "%s",
		  answer.text);
	free(answer.text);
}

Test(check_waits, who_was_claimed_elsewhere_leaves_from_anywhere)
{
	expect_good(TWO_WAIT POP_AS("timed out", "1", "3", "3") CANCEL POP("2", "4")
			    READY("2") "0 CANCEL_REQUEST canceler=1 target=3\n" READY(
				    "3") RUN("3") END("3") RUN("2") END("2") STOP,
		    "all hold (");
}

Test(check_waits, whose_turn_came_back_is_first_again)
{
	expect_good(TWO_WAIT POP("2", "3") READY("2") RUN("2") RETURN("2", "4")
			    PARK("2") POP("2", "5") READY("2") POP("3", "6") READY("3")
				    RUN("3") END("3") RUN("2") END("2") STOP,
		    "all hold (");
	expect_broken(TWO_WAIT POP("2", "3") READY("2") RUN("2") RETURN("2", "4")
			      PARK("2") POP("3", "5") READY("3") POP("2", "6")
				      READY("2") RUN("3") END("3") RUN("2") END("2")
					      STOP,
		      10, "late is woken, but reader is first");
	expect_broken(TWO_WAIT POP("2", "3") READY("2") RUN("2") PUSH("2", "4")
			      PARK("2") POP("2", "5") READY("2") POP("3", "6")
				      READY("3") RUN("3") END("3") RUN("2") END("2")
					      STOP,
		      10, "reader is woken, but late is first");
}

/* Those who wait to write are another queue of the same object. */
Test(check_waits, each_direction_is_a_queue)
{
	expect_good(START READER PUSH("2", "1") PARK("2") FIBER("3", "writer")
			    PUSH_AS("writable", "3", "2") PARK("3") POP("3", "3")
				    READY("3") POP("2", "4") READY("2") RUN("3")
					    END("3") RUN("2") END("2") STOP,
		    "all hold (");
	/* And who waits in both leaves first that in which it is first. */
	expect_good(TWO_WAIT FIBER("4", "both") PUSH("4", "3") PUSH_AS(
			    "writable", "4", "4") PARK("4") POP("4", "5") READY("4")
			    POP("2", "6") READY("2") POP("3", "7") READY("3") RUN("4")
				    POP_AS("woken elsewhere", "4", "4", "8") END("4")
					    RUN("3") END("3") RUN("2") END("2") STOP,
		    "all hold (");
}

Test(check_waits, the_queue_is_that_in_which_it_is_first)
{
	expect_good(TWO_WAIT FIBER("4", "both") PUSH_AS("writable", "4", "3") PUSH(
			    "4", "4") PARK("4") POP("4", "5") READY("4") POP("2", "6")
			    READY("2") POP("3", "7") READY("3") RUN("4")
				    POP_AS("woken elsewhere", "4", "4", "8") END("4")
					    RUN("3") END("3") RUN("2") END("2") STOP,
		    "all hold (");
}

/* Of the queue that the record names. */
Test(check_waits, one_can_wait_in_two_queues)
{
	expect_good(
		START READER PUSH(
			"2",
			"1") "0 WAIT_PUSH what=\"its turn in a queue\" waiter=2 "
			     "queue=61 "
			     "queue_sequence=1\n" PARK("2") FIBER("3", "late") PUSH(
				     "3", "2") PARK("3") POP("2", "3") READY("2")
				     RUN("2") "0 WAIT_POP outcome=\"woken elsewhere\" "
					      "waker=2 waiter=2 queue=61 "
					      "queue_sequence=2\n" END("2")
						      POP("3", "4") GOES_ON("3") STOP,
		"all hold (");
}

Test(check_waits, a_pop_of_who_is_not_there_breaks_10)
{
	expect_broken(START READER POP_AS("timed out", "2", "2", "1") END("2") STOP, 10,
		      "reader is taken out of object 60's queue, but it is not in "
		      "it\n");
	expect_broken(WAITS PARK("2") POP("2", "3") READY("2") RUN("2")
			      POP_AS("woken elsewhere", "2", "2", "4") END("2") STOP,
		      10, "but it is not in it\n");
	expect_broken(
		WAITS PARK("2") POP("2", "3") READY("2") RUN(
			"2") "0 WAIT_POP outcome=canceled waker=2 waiter=2 queue=61 "
			     "queue_sequence=1\n" END("2") STOP,
		10, "out of object 61's queue, but it is not in it\n");
}

Test(check_waits, who_comes_twice_breaks_10)
{
	expect_broken(START READER PUSH("2", "1") PUSH("2", "2") PARK("2") POP("2", "3")
			      POP("2", "4") GOES_ON("2") STOP,
		      10,
		      "reader comes to object 60's queue for reading, but it is in it "
		      "already\n");
}

/* One that was left behind points into a stack that is gone. */
Test(check_waits, who_ends_in_a_queue_breaks_10)
{
	expect_broken(START READER PUSH_AS("its turn in a queue", "2", "1") PARK("2")
			      CANCEL GOES_ON("2") STOP,
		      10,
		      "reader has ended, but nobody took it out of object 60's "
		      "queue\n");
	expect_good(HUNG START READER PUSH("2", "1") PARK("2") CANCEL GOES_ON("2"),
		    "all hold (");
}

/* What came before it, the window does not know. */
Test(check_waits, a_window_judges_the_order_of_those_it_saw_come)
{
	expect_good(RING LATER("2", "40", "11", "12") LATER("3", "41", "13", "14")
			    POP_THEN("15", "7", "42") POP_THEN("16", "2", "43"),
		    "all hold (");
	expect_broken(RING LATER("2", "40", "11", "12") LATER("3", "41", "13", "14")
			      POP_THEN("15", "3", "42"),
		      10, "fiber 3 is woken, but fiber 2 is first");
	/* Of a queue that came to be in the window, it knows all. */
	expect_broken(RING POP_THEN("15", "7", "1"), 10,
		      "fiber 7 is taken out of object 60's queue, but it is not in "
		      "it\n");
	/* Those who wait when a descriptor is closed are taken out after it. */
	expect_good(RING CLOSE_THEN("15", "40") POP_THEN("16", "7", "41")
			    POP_THEN("17", "8", "42"),
		    "all hold (");
}

/* ---- invariant 11: no timer early ---- */

Test(check_waits, a_timer_fires_at_its_deadline_or_later)
{
	expect_good(SLEEPS PARK("2") FIRE("2", "500") GOES_ON("2") STOP, "all hold (");
	expect_broken(
		SLEEPS PARK("2") FIRE("2", "499") GOES_ON("2") STOP, 11,
		"reader's timer fires 1 ns before its deadline\n"
		"      step 7, worker 0: TIMER_SET clock=awake sleeper=2 (reader) "
		"deadline=500, its record 4\n"
		"  ==> step 9, worker 0: TIMER_FIRE");
	/* Of several deadlines, another has passed. */
	expect_good(
		SLEEPS PARK("2") "0 TIMER_FIRE clock=real sleeper=2 now=9\n" GOES_ON(
			"2") STOP,
		"all hold (");
	/* Before 1970. */
	expect_good(START READER SET("2", "18446744073709551614") PARK("2")
			    FIRE("2", "18446744073709551615") GOES_ON("2") STOP,
		    "all hold (");
	expect_good(START READER SET("2", "18446744073709551614") PARK("2")
			    FIRE("2", "5") GOES_ON("2") STOP,
		    "all hold (");
	expect_broken(START READER SET("2", "5") PARK("2")
			      FIRE("2", "18446744073709551614") GOES_ON("2") STOP,
		      11, "reader's timer fires 7 ns before its deadline\n");
}

Test(check_waits, a_timer_is_set_and_ended_in_turn)
{
	expect_good(SLEEPS PARK("2") FIRE("2", "500") READY("2") RUN("2")
			    SET("2", "700") DROP("2") SET("2", "800") DROP("2") END("2")
				    STOP,
		    "all hold (");
	expect_broken(
		SLEEPS SET("2", "600") PARK("2") FIRE("2", "900") GOES_ON("2") STOP, 11,
		"reader sets a timer, but the one before has neither fired nor "
		"been dropped\n");
	expect_broken(SLEEPS DROP("2") DROP("2") END("2") STOP, 11,
		      "reader's timer is dropped, but none is set\n");
	expect_broken(START READER FIRE("2", "500") END("2") STOP, 11,
		      "reader's timer fires, but none is set\n");
	expect_broken(SLEEPS END("2") STOP, 11,
		      "reader finishes, but its timer has neither fired nor been "
		      "dropped\n");
}

Test(check_waits, a_window_may_begin_with_a_timer_set)
{
	expect_good(RING "0 TIMER_DROP .sequence=8 sleeper=2\n"
			 "0 TIMER_SET .sequence=9 clock=awake sleeper=2 deadline=5\n",
		    "all hold (");
	expect_broken(RING "0 TIMER_DROP .sequence=8 sleeper=2\n"
			   "0 TIMER_DROP .sequence=9 sleeper=2\n",
		      11, "fiber 2's timer is dropped, but none is set\n");
}

/* ---- invariant 12: only what is watched ---- */

Test(check_waits, only_what_is_watched_is_told)
{
	expect_good(WAITS PARK("2") EVENT("readable", "3") POP("2", "4")
			    EVENT("readable", "5") GOES_ON("2") STOP,
		    "all hold (");
	expect_good(START READER WATCH("reading", "1") WATCH("writing", "2") PARK("2")
			    EVENT("writable", "3") EVENT("readable, hung up", "4")
				    GOES_ON("2") STOP,
		    "all hold (");
	expect_good(START READER WATCH("both", "1") PARK("2")
			    EVENT("writable, hung up", "2") EVENT("readable", "3")
				    GOES_ON("2") STOP,
		    "all hold (");
	expect_broken(START READER WATCH("reading", "1") PARK("2")
			      EVENT("writable", "2") GOES_ON("2") STOP,
		      12,
		      "the kernel tells of object 60, descriptor 5, which nobody "
		      "watches for writing\n"
		      "  ==> step 9, ");
	expect_broken(START READER WATCH("writing", "1") PARK("2")
			      EVENT("readable, hung up", "2") GOES_ON("2") STOP,
		      12, "which nobody watches for reading\n");
	expect_broken(START READER PARK("2") EVENT("readable", "1") GOES_ON("2") STOP,
		      12, "which nobody watches for reading\n");
}

/* The close wakes the reader; one that had timed out before leaves when it gets to it. */
#define CLOSED                                                                         \
	WAITS SET("2", "5") PARK("2") FIRE("2", "6") READY("2") CLOSE("1", "3") RUN("2")
Test(check_waits, after_the_close_waiters_leave_and_no_more)
{
	expect_good(CLOSED POP_AS("timed out", "2", "2", "4") END("2") STOP,
		    "all hold (");
	expect_broken(CLOSED POP_AS("timed out", "2", "2", "4") PUSH("2", "5") PARK("2")
			      POP("2", "6") GOES_ON("2") STOP,
		      12,
		      "a WAIT_PUSH of object 60 comes after its FD_CLOSE\n"
		      "      step 13, worker 0: FD_CLOSE");
	expect_broken(CLOSED CLOSE("2", "4") POP_AS("timed out", "2", "2", "5") END("2")
			      STOP,
		      12, "a FD_CLOSE of object 60 comes after its FD_CLOSE\n");
	expect_broken(CLOSED WATCH("both", "4") POP_AS("timed out", "2", "2", "5")
			      END("2") STOP,
		      12, "a FD_WATCH of object 60 comes after its FD_CLOSE\n");
	expect_broken(WAITS PARK("2") EVENT("readable", "3") POP("2", "4") READY("2")
			      CLOSE("1", "5") EVENT("readable", "6") RUN("2") END("2")
				      STOP,
		      12, "a FD_READY of object 60 comes after its FD_CLOSE\n");
}

/* A window may have an event of what was watched before it. */
Test(check_waits, a_window_may_begin_with_a_descriptor_watched)
{
	expect_good(RING EVENT_THEN("5", "40"), "all hold (");
	expect_broken(RING CLOSE_THEN("5", "40") EVENT_THEN("6", "41"), 12,
		      "a FD_READY of object 60 comes after its FD_CLOSE\n");
}

/* ---- invariant 14: an event wakes one that waits ---- */

#define UNANSWERED                                                                     \
	"the kernel tells of object 60, for which reader waits, but nobody is woken\n"

Test(check_waits, an_event_that_wakes_nobody_breaks_14)
{
	expect_broken(HUNG WAITS PARK("2") EVENT("readable", "3") "0 MARK fiber=1\n",
		      14,
		      "  here: " UNANSWERED
		      "      step 8, worker 0: WAIT_PUSH what=readable waiter=2 "
		      "(reader) fd=5 queue=60 queue_sequence=2, its record 5\n"
		      "  ==> step 10, worker 0: FD_READY");
	/* Nor does one that merely takes out who had timed out. */
	expect_broken(HUNG START READER WATCH("reading", "1") SET("2", "5")
			      PUSH("2", "2") PARK("2") FIBER("3", "late") PUSH("3", "3")
				      PARK("3") FIRE("2", "6") READY("2")
					      EVENT("readable", "4")
						      POP_AS("timed out", "1", "2",
							     "5") "0 MARK fiber=1\n",
		      14, "object 60, for which late waits, but nobody is woken\n");
}

Test(check_waits, who_may_still_be_woken_is_not_lost)
{
	/* The wake may have been cut off. */
	expect_good(HUNG WAITS PARK("2") EVENT("readable", "3"), "all hold (");
	/* It came after the event, or in the other direction. */
	expect_good(HUNG START READER WATCH("both", "1") PARK("2")
			    EVENT("readable", "2") READY("2") RUN("2") PUSH("2", "3")
				    PARK("2") EVENT("writable", "4") "0 MARK fiber=1\n",
		    "all hold (");
	/* It has been woken, and waits again. */
	expect_good(HUNG WAITS PARK("2") EVENT("readable", "3") POP("2", "4") READY("2")
			    RUN("2") RETURN("2", "5") PARK("2") "0 MARK fiber=1\n",
		    "all hold (");
	/* It came when the event had taken out the one who had waited, too late for it. */
	expect_good(HUNG START READER WATCH("reading", "1") SET("2", "5") PUSH("2", "2")
			    PARK("2") FIBER("3", "late") PARK("3") FIRE("2", "6")
				    READY("2") EVENT("readable", "3") POP_AS(
					    "timed out", "1", "2", "4") READY("3")
					    RUN("3") PUSH("3", "5")
						    PARK("3") "0 MARK fiber=1\n",
		    "all hold (");
	/* It was canceled. */
	expect_good(HUNG WAITS PARK("2") CANCEL READY("2") EVENT("readable", "3")
			    POP_AS("canceled", "1", "2", "4") "0 MARK fiber=1\n",
		    "all hold (");
}

/* The reader was woken and may read on; the event is for it, and the other waits. */
#define HAS_TURN                                                                       \
	HUNG START READER WATCH("reading", "1") PUSH("2", "2") PARK("2")               \
		FIBER("3", "late") PUSH("3", "3") PARK("3") EVENT("readable", "4")     \
	POP("2", "5") READY("2")
Test(check_waits, who_has_the_turn_need_not_be_joined)
{
	expect_good(HAS_TURN EVENT("readable", "6") "0 MARK fiber=1\n", "all hold (");
	/* But once it waits again it has left. */
	expect_broken(HAS_TURN RUN("2") RETURN("2", "6") PARK("2")
			      EVENT("readable", "7") "0 MARK fiber=1\n",
		      14, UNANSWERED);
	expect_broken(HAS_TURN RUN("2") PUSH("2", "6") PARK("2")
			      EVENT("readable", "7") "0 MARK fiber=1\n",
		      14, "object 60, for which late waits, but nobody is woken\n");
}

Test(check_waits, a_window_does_not_know_who_has_the_turn)
{
	expect_good(RING LATER("2", "40", "11", "12")
			    EVENT_THEN("13", "41") "0 MARK fiber=1 .sequence=14\n",
		    "all hold (");
}

/* ---- invariants 1 and 21 ---- */

Test(check_waits, what_only_a_running_fiber_does_breaks_1_elsewhere)
{
	static const char *const acts[] = {
		("1 WAIT_PUSH what=readable waiter=1 queue=60 queue_sequence=1\n"
		 "0 WAIT_POP outcome=canceled waker=1 waiter=1 queue=60 "
		 "queue_sequence=2\n"),
		("1 FD_WATCH directions=both running=1 descriptor=60 "
		 "descriptor_sequence=1\n"),
		"1 FD_CLOSE running=1 descriptor=60 descriptor_sequence=1\n",
		"1 POLL_BEGIN how=looks running=1\n",
		"1 POLL_END how=looks running=1\n",
		"1 TIMER_SET clock=boot sleeper=1 deadline=1\n0 TIMER_DROP sleeper=1\n",
		"0 TIMER_SET clock=boot sleeper=1 deadline=1\n1 TIMER_DROP sleeper=1\n",
		"1 CANCEL_REQUEST canceler=1 target=2\n",
		"1 CANCEL_ACK fiber=1\n",
	};
	char text[1024];
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		snprintf(text, sizeof text, "%s%s%s", START, acts[i], STOP);
		expect_broken(text, 1, "main acts on worker 1, which runs idle 1\n");
	}
}

/* Whoever finds a timer due records that, and a helper runs no fiber. */
Test(check_waits, a_timer_is_fired_and_a_waiter_woken_by_others)
{
	expect_good(
		SLEEPS PARK(
			"2") "1 TIMER_FIRE clock=awake sleeper=2 now=501\n" ELSEWHERE
			ENDS_THERE STOP,
		"all hold (");
}

#define SLEEP(turn)                                                                    \
	"1 WORKER_SLEEP where=\"in the poller\" running=0xFFFF0001 sleeper=8 "         \
	"sleeper_sequence=" turn "\n"
#define AWAKE(turn)                                                                    \
	"1 WORKER_AWAKE why=\"an event or deadline came\" running=0xFFFF0001 "         \
	"sleeper=8 sleeper_sequence=" turn "\n"
#define POLLS                                                                          \
	"1 POLL_BEGIN how=waits running=0xFFFF0001 timeout=18446744073709551615\n"     \
	"1 POLL_END how=waits running=0xFFFF0001 events=1\n"

Test(check_waits, only_to_ask_the_kernel_is_done_asleep)
{
	expect_good(START SLEEP("1") POLLS AWAKE("2") STOP, "all hold (");
	expect_broken(WAITS PARK("2") SLEEP("1") POLLS
		      "1 FD_READY edge=readable running=0xFFFF0001 fd=5 descriptor=60 "
		      "descriptor_sequence=3\n" AWAKE("2") POP("2", "4") GOES_ON("2")
			      STOP,
		      21, "worker 1 records a FD_READY while it sleeps\n");
	expect_broken(
		SLEEPS PARK("2") SLEEP(
			"1") "1 TIMER_FIRE clock=awake sleeper=2 now=501\n" AWAKE("2")
			GOES_ON("2") STOP,
		21, "worker 1 records a TIMER_FIRE while it sleeps\n");
}

/* A helper's wake, too, is recorded by the worker that it wakes. */
Test(check_waits, a_helpers_wake_cannot_be_missed)
{
	expect_good(HUNG CALLS "0 CREATE child=0xFFFF0000\n"
			       "0 SWITCH reason=park next=0xFFFF0000 previous=1\n"
			       "0 WORKER_SLEEP where=asleep running=0xFFFF0000 "
			       "sleeper=7 sleeper_sequence=1\n" SLEEP("1")
				       CALL HELPER_READY,
		    "invariant 18 (everything ends) had no event to judge\n");
}
