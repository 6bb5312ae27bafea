/* test_check_scheduler.c: what the checker says of causes, queues, steals and sleeping workers:
 * invariants 5, 6, 14 and 21, and lint 16. */
#include "tests/trace/support.h"

TestSuite(check_scheduler, .init = make_directory, .fini = remove_directory);

/* Main, on worker 0, makes ping and pong; worker 1 steals ping and runs it to its end, and so
 * worker 0 does with pong; then main, awaiting ping, goes on. */
#define START                                                                          \
	"0 CREATE child=1 entry=\"main\"\n0 WORKER_START running=1\n"                  \
	"0 CREATE child=0xFFFF0000\n1 CREATE child=0xFFFF0001\n"                       \
	"1 WORKER_START running=0xFFFF0001\n"
#define PING                                                                           \
	"0 CREATE child=2 parent=1 entry=\"ping\"\n"                                   \
	"0 READY place=newest fiber=2 waker=1\n"
#define PONG                                                                           \
	"0 CREATE child=3 parent=1 entry=\"pong\"\n"                                   \
	"0 READY place=newest fiber=3 waker=1\n"
#define STEAL    "1 STEAL queue=newest fiber=2 victim=0 size=1 batch=1\n"
#define RUN      "1 SWITCH reason=idle next=2 previous=0xFFFF0001\n"
#define WAITS    "0 AWAIT found=waits awaiter=1 target=2\n"
#define RUN_PONG "0 SWITCH reason=park next=3 previous=1\n"
#define END_PONG                                                                       \
	"0 FINISH fiber=3\n0 SWITCH reason=finish next=0xFFFF0000 previous=3\n"        \
	"0 RECYCLE fiber=3\n"
#define END                                                                            \
	"1 FINISH fiber=2\n1 SWITCH reason=finish next=0xFFFF0001 previous=2\n"        \
	"1 RECYCLE fiber=2 awaiter=1\n"
#define WAKE_MAIN "1 READY place=remote fiber=1 waker=0xFFFF0001\n"
#define GOES_ON   "0 SWITCH reason=idle next=1 previous=0xFFFF0000\n"
#define STOP_0    "0 WORKER_STOP running=1\n"
#define STOP_1    "1 WORKER_STOP running=0xFFFF0001\n"
#define BEFORE    START PING PONG
#define AFTER     WAITS RUN_PONG END_PONG END WAKE_MAIN GOES_ON STOP_0 STOP_1

/* The program did not close the trace. */
#define HUNG "segment 0 clean_close=0\nsegment 1 clean_close=0\n"

/* ---- what holds ---- */

Test(check_scheduler, a_steal_holds)
{
	expect_good(BEFORE STEAL RUN AFTER,
		    "invariant 13 (spans and stacks) had no event to judge\n"
		    "invariant 14 (no lost wake-up) had no event to judge\n"
		    "invariant 21 (sleep in turn) had no event to judge\n"
		    "lint 17 (ready, not run): 0 of 3 waits to run took more than 100 "
		    "ms\n"
		    "13 invariants evaluated, 7 judged: all hold (5 switches, 3 "
		    "fibers, 2 workers)\n");
}

/* ---- invariant 5 ---- */

#define SUBMITTER "header workers=2\nsegment 2 role=2\n"
#define SUBMITS   "2 CREATE child=9 entry=\"job\"\n"
#define SUBMITTED "2 READY place=injected fiber=9\n"
#define TAKEN     "1 STEAL queue=injected fiber=9 victim=1 size=1 batch=1\n"
#define JOB_ENDS                                                                       \
	"1 SWITCH reason=idle next=9 previous=0xFFFF0001\n1 FINISH fiber=9\n"          \
	"1 SWITCH reason=finish next=0xFFFF0001 previous=9\n1 RECYCLE fiber=9\n"

Test(check_scheduler, a_foreign_thread_makes_ready_what_it_submits)
{
	expect_good(SUBMITTER START SUBMITS SUBMITTED TAKEN JOB_ENDS STOP_0 STOP_1,
		    "all hold (2 switches, 2 fibers, 2 workers)\n");
}

Test(check_scheduler, ready_by_nobody_breaks_5)
{
	expect_broken(BEFORE STEAL RUN WAITS RUN_PONG END_PONG END
		      "1 READY place=remote fiber=1\n" GOES_ON STOP_0 STOP_1,
		      5, "main is parked and is made ready by nobody\n");
	expect_broken(SUBMITTER START
		      "1 CREATE child=9 entry=\"job\"\n"
		      "1 READY place=injected fiber=9\n" TAKEN JOB_ENDS STOP_0 STOP_1,
		      5,
		      "job is made ready by nobody on worker 1, which is no foreign "
		      "thread\n");
	expect_broken(SUBMITTER START "1 CREATE child=9 entry=\"job\"\n" SUBMITTED TAKEN
			      JOB_ENDS STOP_0 STOP_1,
		      5, "another thread than the one that created it\n");
}

/* A foreign thread has no queue, and runs no fiber that could be a waker. */
Test(check_scheduler, what_a_foreign_thread_cannot_do_breaks_5)
{
	expect_broken(SUBMITTER START SUBMITS
		      "2 READY place=newest fiber=9\n"
		      "1 STEAL queue=newest fiber=9 victim=2 size=1 "
		      "batch=1\n" JOB_ENDS STOP_0 STOP_1,
		      5, "foreign thread 2, which has the injection queue alone\n");
	expect_broken(SUBMITTER BEFORE STEAL RUN WAITS RUN_PONG END_PONG END
		      "2 READY place=remote fiber=1 waker=2\n" GOES_ON STOP_0 STOP_1,
		      5,
		      "main is made ready by ping on foreign thread 2, which runs "
		      "nobody\n");
}

Test(check_scheduler, a_child_that_another_makes_ready_breaks_5)
{
	expect_broken(START "0 CREATE child=2 parent=1 entry=\"ping\"\n" PONG
			    "1 READY place=local fiber=2 waker=0xFFFF0001\n" RUN AFTER,
		      5,
		      "ping is new and is made ready by idle 1, but main created it\n");
	expect_broken(START "0 CREATE child=2 parent=1 entry=\"ping\"\n" PONG
			    "1 READY place=local fiber=2 waker=1\n" RUN AFTER,
		      5, "ping is made ready by main on worker 1, which runs idle 1\n");
}

/* ---- invariant 6: queues ---- */

Test(check_scheduler, running_what_is_in_anothers_queue_breaks_6)
{
	expect_broken(
		BEFORE RUN AFTER, 6,
		"worker 1 runs ping, but that is in worker 0's queue of the newest\n"
		"      step 6, worker 0: READY place=newest fiber=2 (ping) waker=1 "
		"(main), its record 2\n"
		"  ==> step 9, worker 1: SWITCH");
	expect_broken(SUBMITTER START SUBMITS SUBMITTED JOB_ENDS STOP_0 STOP_1, 6,
		      "worker 1 runs job, but that is in the injection queue\n");
}

/* A worker whose queue was full finds what it injected only as any other would. */
Test(check_scheduler, running_what_was_injected_breaks_6)
{
	expect_broken(START PING
		      "0 CREATE child=3 parent=1 entry=\"pong\"\n"
		      "0 READY place=injected fiber=3 waker=1\n" STEAL RUN AFTER,
		      6, "worker 0 runs pong, but that is in the injection queue\n");
}

Test(check_scheduler, the_pinned_fiber_elsewhere_breaks_6)
{
	expect_broken(BEFORE STEAL RUN WAITS RUN_PONG END_PONG END WAKE_MAIN
		      "1 SWITCH reason=idle next=1 previous=0xFFFF0001\n"
		      "1 WORKER_STOP running=1\n0 WORKER_STOP running=0xFFFF0000\n",
		      6,
		      "worker 1 runs main, but that is in the pinned fiber's slot\n");
}

#define STEAL_AGAIN "0 STEAL queue=newest fiber=2 victim=1 size=1 batch=1\n"

Test(check_scheduler, taking_out_of_the_wrong_queue_breaks_6)
{
	expect_broken(BEFORE
		      "1 STEAL queue=local fiber=2 victim=0 size=1 batch=1\n" RUN AFTER,
		      6,
		      "worker 1 takes ping out of worker 0's local queue, but it is in "
		      "worker 0's queue of the newest\n");
	expect_broken(
		BEFORE
		"1 STEAL queue=injected fiber=2 victim=1 size=1 batch=1\n" RUN AFTER,
		6, "takes ping out of the injection queue, but it is in worker 0's");
	expect_broken(
		SUBMITTER START SUBMITS SUBMITTED
		"1 STEAL queue=newest fiber=9 victim=0 size=1 batch=1\n" JOB_ENDS STOP_0
			STOP_1,
		6,
		"worker 1 takes job out of worker 0's queue of the newest, but it "
		"is in the injection queue\n");
}

/* The second of two thieves finds it in the first one's queue. */
Test(check_scheduler, taking_twice_breaks_6)
{
	expect_broken(
		BEFORE STEAL
		"1 STEAL queue=newest fiber=2 victim=0 size=1 batch=2\n" RUN AFTER,
		6,
		"worker 1 takes ping out of worker 0's queue of the newest, but it "
		"is in worker 1's local queue\n");
	expect_broken(BEFORE STEAL RUN
		      "1 STEAL queue=newest fiber=2 victim=0 size=1 batch=2\n" AFTER,
		      6,
		      "takes ping out of worker 0's queue of the newest, but it is not "
		      "ready\n");
}

Test(check_scheduler, taking_out_of_no_queue_breaks_6)
{
	expect_broken(HUNG BEFORE
		      "0 STEAL queue=newest fiber=2 victim=0 size=1 batch=1\n"
		      "0 SWITCH reason=yield next=2 previous=1\n"
		      "0 WORKER_STOP running=2\n"
		      "1 STEAL queue=newest fiber=3 victim=0 size=1 batch=1\n"
		      "1 SWITCH reason=idle next=3 previous=0xFFFF0001\n"
		      "1 WORKER_STOP running=3\n",
		      6, "worker 0 takes ping as worker 0's, out of worker 0's queue");
}

/* A fiber that yields is in its worker's local queue, or injected. */
#define YIELD "1 SWITCH reason=yield next=0xFFFF0001 previous=2\n"

Test(check_scheduler, a_yield_leads_to_one_of_two_queues)
{
	expect_good(BEFORE STEAL RUN YIELD RUN AFTER, "all hold");
	expect_good(
		BEFORE STEAL RUN YIELD
		"1 STEAL queue=injected fiber=2 victim=1 size=1 batch=2\n" RUN AFTER,
		"all hold");
	expect_good(BEFORE STEAL RUN YIELD
		    "0 STEAL queue=local fiber=2 victim=1 size=1 batch=1\n"
		    "0 SWITCH reason=yield next=2 previous=1\n"
		    "0 SWITCH reason=yield next=1 previous=2\n"
		    "1 STEAL queue=local fiber=2 victim=0 size=1 batch=2\n" RUN AFTER,
		    "all hold");
	expect_broken(BEFORE STEAL RUN YIELD
		      "0 SWITCH reason=yield next=2 previous=1\n"
		      "0 SWITCH reason=yield next=1 previous=2\n"
		      "1 STEAL queue=local fiber=2 victim=0 size=1 batch=2\n" RUN AFTER,
		      6,
		      "worker 0 runs ping, but that is in worker 1's local queue after "
		      "its yield\n");
	expect_broken(BEFORE STEAL RUN YIELD
		      "0 STEAL queue=newest fiber=2 victim=1 size=1 batch=1\n"
		      "0 SWITCH reason=yield next=2 previous=1\n"
		      "0 SWITCH reason=yield next=1 previous=2\n"
		      "1 STEAL queue=local fiber=2 victim=0 size=1 batch=2\n" RUN AFTER,
		      6, "but it is in worker 1's local queue after its yield\n");
}

/* The pinned fiber's yield leaves it where worker 0 alone finds it. */
Test(check_scheduler, a_steal_of_the_pinned_fiber_breaks_6)
{
	expect_broken(HUNG BEFORE
		      "0 SWITCH reason=yield next=3 previous=1\n"
		      "1 STEAL queue=local fiber=1 victim=0 size=1 batch=1\n"
		      "0 WORKER_STOP running=3\n"
		      "1 SWITCH reason=idle next=1 previous=0xFFFF0001\n"
		      "1 SWITCH reason=yield next=0xFFFF0001 previous=1\n"
		      "1 STEAL queue=newest fiber=2 victim=0 size=1 batch=2\n"
		      "1 SWITCH reason=idle next=2 previous=0xFFFF0001\n"
		      "1 WORKER_STOP running=2\n",
		      6,
		      "worker 1 takes main out of worker 0's local queue, but it is in "
		      "the pinned fiber's slot\n");
}

/* It runs next once, and others do after it. */
Test(check_scheduler, what_was_to_run_next_and_does_holds)
{
	expect_good("segment 0 clean_close=0\n" START PING
		    "0 AWAIT found=waits awaiter=1 target=2\n"
		    "0 SWITCH reason=park next=2 previous=1\n"
		    "0 FINISH fiber=2\n0 READY place=direct fiber=1 waker=2\n"
		    "0 SWITCH reason=finish next=1 previous=2\n"
		    "0 RECYCLE fiber=2 awaiter=1\n" PONG RUN_PONG END_PONG STOP_1,
		    "6 judged: all hold");
}

Test(check_scheduler, what_was_to_run_next_and_does_not_breaks_6)
{
	expect_broken(START PING
		      "0 AWAIT found=waits awaiter=1 target=2\n"
		      "0 SWITCH reason=park next=2 previous=1\n"
		      "0 FINISH fiber=2\n0 READY place=direct fiber=1 waker=2\n"
		      "0 SWITCH reason=finish next=0xFFFF0000 previous=2\n"
		      "0 RECYCLE fiber=2 awaiter=1\n" GOES_ON STOP_0 STOP_1,
		      6,
		      "worker 0 runs idle 0, but main was to run next\n"
		      "      step 10, worker 0: READY place=direct");
}

Test(check_scheduler, an_older_runtimes_queue_is_not_judged_by_6)
{
	expect_good(START "0 CREATE child=2 parent=1\n"
			  "0 READY place=shared fiber=2 waker=1\n" PONG RUN AFTER,
		    "invariant 6 (queues) had no event to judge\n");
}

/* ---- invariant 6: batches ---- */

#define WOKEN                                                                          \
	"0 SWITCH reason=park next=2 previous=1\n"                                     \
	"0 SWITCH reason=yield next=3 previous=2\n"                                    \
	"0 SWITCH reason=yield next=0xFFFF0000 previous=3\n"
#define ONE_OF_TWO "1 STEAL queue=local fiber=2 victim=0 size=2 batch=4\n"
#define TWO_OF_TWO "1 STEAL queue=local fiber=3 victim=0 size=2 batch=4\n"
#define BOTH_RUN                                                                       \
	"1 SWITCH reason=idle next=3 previous=0xFFFF0001\n"                            \
	"1 FINISH fiber=3\n1 SWITCH reason=finish next=2 previous=3\n"                 \
	"1 RECYCLE fiber=3\n"
#define BATCH_ENDS BOTH_RUN END WAKE_MAIN GOES_ON STOP_0 STOP_1

Test(check_scheduler, a_batch_holds)
{
	expect_good(BEFORE WOKEN ONE_OF_TWO
		    "1 ANCHOR monotonic=5\n" TWO_OF_TWO BATCH_ENDS,
		    "all hold");
	expect_good("segment 1 clean_close=0\n" BEFORE WOKEN ONE_OF_TWO,
		    "the program did not close the trace");
}

Test(check_scheduler, a_batch_of_another_size_breaks_6)
{
	expect_broken(
		BEFORE WOKEN ONE_OF_TWO
		"1 STEAL queue=local fiber=3 victim=0 size=1 batch=5\n" BATCH_ENDS,
		6,
		"worker 1 begins its batch 5, but took 1 of the 2 fibers of its "
		"batch 4\n");
	expect_broken(
		BEFORE WOKEN
		"1 STEAL queue=local fiber=2 victim=0 size=1 batch=4\n"
		"1 STEAL queue=local fiber=3 victim=0 size=1 batch=4\n" BATCH_ENDS,
		6, "worker 1 takes one more than the 1 fibers of its batch 4\n");
	expect_broken(
		BEFORE WOKEN ONE_OF_TWO
		"1 STEAL queue=local fiber=3 victim=0 size=3 batch=4\n" BATCH_ENDS,
		6, "worker 1's batch 4 is of two sizes, or out of two queues\n");
	expect_broken(BEFORE WOKEN ONE_OF_TWO
		      "0 SWITCH reason=idle next=3 previous=0xFFFF0000\n" END_PONG
		      "1 SWITCH reason=idle next=2 previous=0xFFFF0001\n" END WAKE_MAIN
			      GOES_ON STOP_0 STOP_1,
		      6, "worker 1 took 1 of the 2 fibers of its batch 4\n");
}

/* pong has yielded, and ping is where main put it; or ping is in a queue for all. */
Test(check_scheduler, a_batch_out_of_two_queues_breaks_6)
{
	expect_broken(
		BEFORE
		"0 SWITCH reason=park next=3 previous=1\n"
		"0 SWITCH reason=yield next=0xFFFF0000 previous=3\n"
		"1 STEAL queue=newest fiber=2 victim=0 size=2 batch=4\n" TWO_OF_TWO
			BATCH_ENDS,
		6, "worker 1's batch 4 is of two sizes, or out of two queues\n");
	expect_broken(
		START PING
		"0 CREATE child=3 parent=1 entry=\"pong\"\n"
		"0 READY place=injected fiber=3 waker=1\n"
		"0 SWITCH reason=park next=0xFFFF0000 previous=1\n"
		"1 STEAL queue=injected fiber=3 victim=1 size=2 batch=4\n"
		"1 STEAL queue=newest fiber=2 victim=0 size=2 batch=4\n" BATCH_ENDS,
		6, "worker 1's batch 4 is of two sizes, or out of two queues\n");
}

Test(check_scheduler, a_batch_in_pieces_breaks_6)
{
	expect_broken(BEFORE WOKEN ONE_OF_TWO
		      "1 STEAL_MISS running=0xFFFF0001 looks=1\n" TWO_OF_TWO BATCH_ENDS,
		      6, "worker 1 does something else in the middle of its batch 4\n");
	expect_broken(
		BEFORE WOKEN
		"1 STEAL queue=local fiber=2 victim=0 size=1 batch=4\n"
		"1 STEAL queue=local fiber=3 victim=0 size=1 batch=3\n" BATCH_ENDS,
		6, "worker 1 begins its batch 3 after its batch 4\n");
}

#define RINGS                                                                          \
	"segment 0 ring=1 head=500\nsegment 1 ring=1 head=600\n"                       \
	"0 10 STATUS state=running fiber=1 name=\"main\" last_sequence=4\n"
#define ENDS_9 "1 20 STEAL queue=local fiber=9 victim=0 size=3 batch=7 .sequence=9\n"
#define MEETS                                                                          \
	"0 25 READY place=local fiber=4 waker=1 .sequence=4\n"                         \
	"1 30 STEAL queue=local fiber=4 victim=0 size=2 batch=8\n"

Test(check_scheduler, a_window_may_begin_in_a_batch)
{
	expect_good(
		RINGS ENDS_9 MEETS
		"1 40 STEAL queue=local fiber=5 victim=0 size=2 batch=8 .sequence=5\n"
		"1 50 STEAL queue=local fiber=6 victim=0 size=1 batch=9 .sequence=6\n"
		"1 60 SWITCH reason=idle next=9 previous=0xFFFF0001 "
		"previous_sequence=4\n"
		"1 70 SWITCH reason=yield next=4 previous=9\n"
		"1 80 SWITCH reason=yield next=9 previous=4\n",
		"judged in the window of the last 9 records: all hold (");
	expect_broken(
		RINGS ENDS_9 MEETS
		"1 50 STEAL queue=local fiber=6 victim=0 size=1 batch=9 .sequence=6\n",
		6, "worker 1 begins its batch 9, but took 1 of the 2 fibers");
}

/* A STEAL is the work of a scheduler, also where no READY is in sight. */
Test(check_scheduler, a_window_without_a_ready_is_judged_by_6)
{
	expect_broken(
		RINGS ENDS_9
		"1 50 STEAL queue=local fiber=6 victim=0 size=2 batch=8 .sequence=6\n"
		"1 60 STEAL queue=local fiber=7 victim=0 size=1 batch=9 .sequence=6\n",
		6, "worker 1 begins its batch 9, but took 1 of the 2 fibers");
}

/* ---- invariants 21 and 14: sleep and wake ---- */

#define SLEEP(turn)                                                                    \
	"1 WORKER_SLEEP where=asleep running=0xFFFF0001 sleeper=8 "                    \
	"sleeper_sequence=" turn "\n"
#define WAKE(turn)                                                                     \
	"0 WORKER_WAKE why=\"something is ready\" waker=1 target=1 sleeper=8 "         \
	"sleeper_sequence=" turn "\n"
#define AWAKE(turn)                                                                    \
	"1 WORKER_AWAKE why=\"something is ready\" running=0xFFFF0001 sleeper=8 "      \
	"sleeper_sequence=" turn "\n"
#define FOUND(turn, why)                                                               \
	"1 WORKER_AWAKE why=\"" why "\" running=0xFFFF0001 sleeper=8 "                 \
	"sleeper_sequence=" turn "\n"
#define SLEEP_0(turn)                                                                  \
	"0 WORKER_SLEEP where=\"in the poller\" running=0xFFFF0000 sleeper=7 "         \
	"sleeper_sequence=" turn "\n"
#define WAKE_0(turn)                                                                   \
	"1 WORKER_WAKE why=\"the pinned fiber is ready\" waker=0xFFFF0001 target=0 "   \
	"sleeper=7 sleeper_sequence=" turn "\n"
#define AWAKE_0(turn)                                                                  \
	"0 WORKER_AWAKE why=\"the pinned fiber is ready\" running=0xFFFF0000 "         \
	"sleeper=7 sleeper_sequence=" turn "\n"

Test(check_scheduler, sleep_and_wake_hold)
{
	expect_good(START SLEEP("1") PING WAKE("2") PONG AWAKE("3")
			    STEAL RUN WAITS RUN_PONG END_PONG SLEEP_0("1")
				    END WAKE_MAIN WAKE_0("2") AWAKE_0("3")
					    GOES_ON STOP_0 STOP_1,
		    "lint 16 (asleep beside work): 0 of 2 sleeps went on for more than "
		    "100 ms beside a fiber to be taken\n"
		    "lint 17 (ready, not run): 0 of 3 waits to run took more than 100 "
		    "ms\n"
		    "13 invariants evaluated, 9 judged: all hold (");
	/* A wake that finds the worker up leaves no record of the sleep that it prevents. */
	expect_good(START PING WAKE("1") PONG STEAL RUN AFTER, "all hold (");
	expect_good(START PING WAKE("1") SLEEP("2") WAKE("3") AWAKE("4")
			    PONG STEAL RUN AFTER,
		    "9 judged: all hold (");
	expect_good(START SLEEP("1") FOUND("2", "an event or deadline came") SLEEP("3")
			    FOUND("4", "it looked once more") PING PONG STEAL RUN AFTER,
		    "9 judged: all hold (");
}

Test(check_scheduler, sleeping_out_of_turn_breaks_21)
{
	expect_broken(START SLEEP("1") SLEEP("2") FOUND("3", "the runtime ends")
			      PING PONG STEAL RUN AFTER,
		      21, "worker 1 goes to sleep, but it sleeps already\n");
	expect_broken(START PING WAKE("1") AWAKE("2") PONG STEAL RUN AFTER, 21,
		      "worker 1 goes on after a sleep, but it has not slept\n");
	expect_broken(START SLEEP("1") AWAKE("2") PING PONG STEAL RUN AFTER, 21,
		      "worker 1 goes on because it was woken, but nobody woke it\n");
	/* A wake from before the sleep was used up before it. */
	expect_broken(START PING WAKE("1") SLEEP("2") AWAKE("3") PONG STEAL RUN AFTER,
		      21, "because it was woken, but nobody woke it\n");
}

Test(check_scheduler, acting_asleep_breaks_21)
{
	expect_broken(START SLEEP("1") PING WAKE("2") PONG STEAL AWAKE("3") RUN AFTER,
		      21, "worker 1 records a STEAL while it sleeps\n");
	expect_broken(START PING PONG STEAL SLEEP("1") RUN WAKE("2") AFTER, 21,
		      "worker 1 records a SWITCH while it sleeps\n");
}

Test(check_scheduler, a_sleeper_of_another_worker_breaks_21)
{
	expect_broken(START SLEEP("1") "0 WORKER_WAKE why=\"something is ready\" "
				       "waker=1 target=1 "
				       "sleeper=9 sleeper_sequence=1\n" FOUND(
					       "2", "an event or deadline "
						    "came") PING PONG STEAL RUN AFTER,
		      21, "worker 1's sleeper is object 9 here, and was object 8\n");
	expect_broken(START
		      "0 WORKER_WAKE why=\"something is ready\" waker=1 target=500 "
		      "sleeper=9 sleeper_sequence=1\n" PING PONG STEAL RUN AFTER,
		      21, "there is no worker 500 to wake\n");
}

/* What a foreign thread did is recorded by the worker that it woke. */
Test(check_scheduler, waking_oneself_breaks_21)
{
	expect_broken(START PING "0 WORKER_WAKE why=\"something is ready\" waker=1 "
				 "target=0 sleeper=7 "
				 "sleeper_sequence=1\n" PONG STEAL RUN AFTER,
		      21, "worker 0 wakes itself, while it runs main\n");
	expect_good(START SLEEP("1") PING
		    "1 WORKER_WAKE why=\"something is ready\" target=1 sleeper=8 "
		    "sleeper_sequence=2\n" AWAKE("3") PONG STEAL RUN AFTER,
		    "all hold (");
}

Test(check_scheduler, what_only_a_running_fiber_does_breaks_1_elsewhere)
{
	expect_broken(START
		      "1 WORKER_SLEEP where=asleep running=1 sleeper=8 "
		      "sleeper_sequence=1\n" FOUND("2", "an event or deadline came")
			      PING PONG STEAL RUN AFTER,
		      1, "main acts on worker 1, which runs idle 1\n");
	expect_broken(START "1 WORKER_WAKE why=\"something is ready\" waker=1 target=0 "
			    "sleeper=7 sleeper_sequence=1\n" PING PONG STEAL RUN AFTER,
		      1, "main acts on worker 1, which runs idle 1\n");
}

/* Main awaits ping, and worker 0 sleeps. */
#define MAIN_SLEEPS "0 SWITCH reason=park next=0xFFFF0000 previous=1\n" SLEEP_0("1")

Test(check_scheduler, a_lost_wake_up_breaks_14)
{
	expect_broken(
		HUNG START SLEEP("1") PING WAITS MAIN_SLEEPS, 14,
		"  here: ping is ready in worker 0's queue of the newest, but all "
		"workers "
		"sleep and no wake follows\n"
		"      step 5, worker 1: WORKER_SLEEP where=asleep "
		"running=4294901761 (idle 1) sleeper=8 sleeper_sequence=1, its record "
		"3\n"
		"      step 7, worker 0: READY place=newest fiber=2 (ping) waker=1 "
		"(main), "
		"its record 2\n"
		"  ==> step 10, worker 0: WORKER_SLEEP where=in the poller "
		"running=4294901760 (idle 0) sleeper=7 sleeper_sequence=1, its record "
		"3\n"
		"          after step 7 in worker 0's order\n");
}

Test(check_scheduler, a_wake_that_is_on_its_way_saves_14)
{
	expect_good(HUNG START SLEEP("1") PING WAKE("2") WAITS MAIN_SLEEPS,
		    "7 judged: all hold (");
	/* But one from before the sleep does not, nor one that was answered. */
	expect_broken(HUNG START PING WAKE("1") WAITS MAIN_SLEEPS SLEEP("2"), 14,
		      "ping is ready in worker 0's queue of the newest, but all");
	expect_broken(HUNG START SLEEP("1") PING WAKE("2") WAITS MAIN_SLEEPS AWAKE("3")
			      SLEEP("4"),
		      14, "ping is ready in worker 0's queue of the newest, but all");
}

/* A fiber that yielded, and one that was stolen, are there to be run like any other. */
Test(check_scheduler, what_yielded_or_was_stolen_can_be_lost_too)
{
	expect_broken(
		HUNG START PING STEAL RUN YIELD SLEEP("1") WAITS MAIN_SLEEPS, 14,
		"ping is ready in worker 1's local queue after its yield, but all");
	expect_broken(HUNG START PING STEAL SLEEP("1") WAITS MAIN_SLEEPS, 14,
		      "ping is ready in worker 1's local queue, but all workers sleep");
}

/* Worker 1 looks, worker 0 publishes and sees nobody asleep, worker 1 sleeps without a last
 * look, and worker 0 does so after it. */
Test(check_scheduler, a_sleep_without_a_last_look_breaks_14)
{
	expect_broken(HUNG START PING SLEEP("1") WAITS MAIN_SLEEPS, 14,
		      "but all workers sleep and no wake follows\n");
}

/* Worker 1 is up, and still nobody but worker 0 may run main. */
#define MAIN_WAITS HUNG START PING STEAL RUN WAITS MAIN_SLEEPS END
#define WENT_ON    "1 STEAL_MISS running=0xFFFF0001 looks=1\n"

Test(check_scheduler, a_trace_cut_before_the_wake_is_not_blamed)
{
	expect_good(HUNG START SLEEP("1") PONG PING, "all hold (");
	expect_good(MAIN_WAITS WAKE_MAIN "1 ANCHOR monotonic=5\n", "all hold (");
	/* A segment that was closed has all that it will have. */
	expect_broken("segment 0 clean_close=0\n" START PING STEAL RUN WAITS MAIN_SLEEPS
			      END WAKE_MAIN,
		      14, "main is ready in the pinned fiber's slot");
}

/* The wake would be recorded by the worker that it wakes, when that is up. */
Test(check_scheduler, a_foreign_threads_wake_cannot_be_missed)
{
	expect_good("header workers=2\nsegment 2 role=2\n" HUNG START SLEEP(
			    "1") "0 SWITCH reason=park next=0xFFFF0000 "
				 "previous=1\n" SLEEP_0("1") SUBMITS SUBMITTED,
		    "all hold (");
}

/* Worker 0's own READY of main puts it into the slot, too. */
Test(check_scheduler, the_pinned_fiber_has_a_slot_at_home)
{
	static const char home[] = START PING STEAL RUN YIELD WAITS
		"0 SWITCH reason=park next=0xFFFF0000 previous=1\n"
		"0 STEAL queue=local fiber=2 victim=1 size=1 batch=1\n"
		"0 SWITCH reason=idle next=2 previous=0xFFFF0000\n0 FINISH fiber=2\n"
		"0 SWITCH reason=finish next=0xFFFF0000 previous=2\n0 RECYCLE fiber=2\n"
		"0 READY place=local fiber=1 waker=0xFFFF0000\n";
	char text[4096];
	snprintf(text, sizeof text, "%s%s", home, GOES_ON STOP_0 STOP_1);
	expect_good(text, "7 judged: all hold (");
	snprintf(text, sizeof text, HUNG "%s%s", home,
		 "1 STEAL queue=local fiber=1 victim=0 size=1 batch=2\n");
	expect_broken(text, 6, "but it is in the pinned fiber's slot\n");
}

Test(check_scheduler, a_worker_that_is_up_may_yet_run_it)
{
	expect_good(HUNG START PING PONG WAITS MAIN_SLEEPS STEAL RUN, "all hold (");
}

Test(check_scheduler, the_wake_up_of_the_pinned_fiber_can_be_lost)
{
	expect_broken(
		MAIN_WAITS WAKE_MAIN WENT_ON, 14,
		"main is ready in the pinned fiber's slot, but worker 0, which alone "
		"may run it, sleeps and no wake follows\n");
	/* The publisher's own sleep shows that it woke nobody. */
	expect_broken(MAIN_WAITS WAKE_MAIN WENT_ON SLEEP("1"), 14,
		      "  ==> step 17, worker 1: WORKER_SLEEP where=asleep");
	expect_good(MAIN_WAITS WAKE_MAIN, "all hold (");
	expect_good(MAIN_WAITS WAKE_MAIN WAKE_0("2") WENT_ON, "all hold (");
}

/* A worker that a window has not seen may be busy; one that it has seen sleep is not. */
#define WINDOW                                                                         \
	"segment 0 ring=1 head=500 clean_close=0\nsegment 1 ring=1 head=600 "          \
	"clean_close=0\n"
#define READY_9                                                                        \
	"0 10 STATUS state=running fiber=1 name=\"main\" last_sequence=4\n"            \
	"1 10 STATUS state=running fiber=1 name=\"main\" last_sequence=4\n"            \
	"0 20 READY place=local fiber=9 waker=1 .sequence=8\n"
#define SLEEPS_0                                                                       \
	"0 30 SWITCH reason=park next=0xFFFF0000 previous=1 previous_sequence=7\n"     \
	"0 40 WORKER_SLEEP where=asleep running=0xFFFF0000 sleeper=7 "                 \
	"sleeper_sequence=40\n"
#define SLEEPS_1                                                                       \
	"1 50 WORKER_SLEEP where=asleep running=0xFFFF0001 sleeper=8 "                 \
	"sleeper_sequence=50\n"

Test(check_scheduler, a_window_can_show_a_lost_wake_up)
{
	expect_good(WINDOW READY_9 SLEEPS_0 "1 50 MARK text=\"here\"\n", "all hold (");
	expect_broken(WINDOW READY_9 SLEEPS_0 SLEEPS_1, 14, "fiber 9 is ready in");
}

/* What the AWAKE answers may be from before. */
Test(check_scheduler, a_window_may_begin_in_a_sleep)
{
	static const char awake[] = "1 60 WORKER_AWAKE why=\"something is ready\" "
				    "running=0xFFFF0001 sleeper=8 "
				    "sleeper_sequence=51\n";
	char text[1024];
	snprintf(text, sizeof text, "%s%s", WINDOW READY_9, awake);
	expect_good(text, "all hold (");
	snprintf(text, sizeof text, "%s%s", WINDOW READY_9 SLEEPS_1, awake);
	expect_broken(text, 21, "because it was woken, but nobody woke it\n");
}

/* ---- lint 16 ---- */

#define CLOCK "header ticks_per_second=1000000000 clock=1\n"

/* ping is there to be taken from 100 to 700 ms; worker 1 sleeps from 300 to 500 ms. */
#define BESIDE                                                                         \
	CLOCK HUNG                                                                     \
		"0 1 CREATE child=1 entry=\"main\"\n0 1 WORKER_START running=1\n"      \
		"0 1 CREATE child=0xFFFF0000\n1 1 CREATE child=0xFFFF0001\n"           \
		"1 1 WORKER_START running=0xFFFF0001\n"                                \
		"0 2 CREATE child=2 parent=1 entry=\"ping\"\n"                         \
		"0 100000000 READY place=newest fiber=2 waker=1\n"                     \
		"1 300000000 WORKER_SLEEP where=asleep running=0xFFFF0001 sleeper=8 "  \
		"sleeper_sequence=1\n"                                                 \
		"1 500000000 WORKER_AWAKE why=\"an event or deadline came\" "          \
		"running=0xFFFF0001 sleeper=8 sleeper_sequence=2\n"                    \
		"0 700000000 SWITCH reason=park next=2 previous=1\n"

Test(check_scheduler, a_sleep_beside_work_is_told_and_breaks_nothing)
{
	expect_good(
		BESIDE "0 WORKER_STOP running=2\n",
		"lint 16 (asleep beside work): 1 of 1 sleeps went on for more than "
		"100 ms beside a fiber to be taken; the longest was worker 1's, 200.0 "
		"ms from step 7 to step 8\n"
		"lint 17 (ready, not run): 1 of 1 waits to run took more than 100 "
		"ms; the longest was ping's, 600.0 ms from step 6 to step 9\n");
	expect_words(check_with(BESIDE "0 WORKER_STOP running=2\n",
				&(struct check_options){.lint_ms = 200}),
		     EXIT_HOLDS, "lint 16 (asleep beside work): 0 of 1 sleeps");
}

/* From 700 ms on nothing is there to be taken, until pong is; worker 1 sleeps all along, and
 * its sleep counts once. */
Test(check_scheduler, only_the_time_beside_work_counts)
{
	expect_good(
		BESIDE
		"1 700000000 WORKER_SLEEP where=asleep running=0xFFFF0001 sleeper=8 "
		"sleeper_sequence=3\n"
		"0 1700000000 CREATE child=3 parent=2 entry=\"pong\"\n"
		"0 1700000000 READY place=newest fiber=3 waker=2\n"
		"0 1950000000 SWITCH reason=park next=3 previous=2\n"
		"0 1950000000 READY place=local fiber=2 waker=3\n"
		"0 2250000000 SWITCH reason=park next=2 previous=3\n"
		"0 2250000000 WORKER_STOP running=2\n"
		"1 3250000000 WORKER_AWAKE why=\"an event or deadline came\" "
		"running=0xFFFF0001 sleeper=8 sleeper_sequence=4\n",
		"lint 16 (asleep beside work): 2 of 2 sleeps went on for more than "
		"100 ms beside a fiber to be taken; the longest was worker 1's, 300.0 "
		"ms from step 14 to step 15\n");
}

/* What only worker 0 may run is no work for worker 1. */
Test(check_scheduler, the_pinned_fiber_is_no_work_for_others)
{
	expect_good(CLOCK HUNG START
		    "1 10000 WORKER_SLEEP where=asleep running=0xFFFF0001 sleeper=8 "
		    "sleeper_sequence=1\n"
		    "0 CREATE child=2 parent=1 entry=\"ping\"\n"
		    "0 READY place=newest fiber=2 waker=1\n"
		    "0 SWITCH reason=yield next=2 previous=1\n"
		    "0 900000000 SWITCH reason=yield next=1 previous=2\n" STOP_0,
		    "lint 16 (asleep beside work): 0 of 1 sleeps");
}

Test(check_scheduler, a_sleep_beside_work_can_last_to_the_end)
{
	expect_words(check_with(CLOCK HUNG START SLEEP("1") PING
				"0 400000000 MARK fiber=1\n",
				&(struct check_options){.lint_ms = 100}),
		     EXIT_HOLDS,
		     "the longest was worker 1's, 400.0 ms from step 7 to "
		     "the end\n");
}
