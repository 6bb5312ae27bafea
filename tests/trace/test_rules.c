/* Rules and facts: what holds, what is broken and by which record, and what is no rule.
 */
#include <errno.h> /* for the names of the constants */
#include <string.h>

#include "tests/trace/made.h"
#include "trace/commands.h"

static void expect_rule(const struct made *made, const char *rule, int answer,
			const char *expected)
{
	struct made_output output;
	char *rules[] = {(char *)(uintptr_t)rule};
	cr_expect_eq(command_rules(&made->file, rules, 1, made_out(&output)), answer,
		     "the answer to %s", rule);
	made_expect(&output, expected);
}

static void open_game(struct made *made)
{
	made_game(made, 3);
	made_close(made);
}

Test(rules, after)
{
	struct made made;
	open_game(&made);
	expect_rule(&made, "after ping comes pong", EXIT_HOLDS,
		    "holds: after ping comes pong\n");
	expect_rule(&made, "  after   pong comes\tmain ", EXIT_BROKEN,
		    "broken:   after   pong comes\\x09main : pong is followed by ping\n"
		    "  step 7, worker 0, SWITCH: pong leaves for ping (yield); 112 "
		    "bytes of pong's stack stay in use\n"
		    "  recorded by play, demo.c:57\n");
	expect_rule(&made, "after pung comes main", EXIT_BROKEN,
		    "broken: after pung comes main: no fiber is called pung; there are "
		    "main, ping, pong\n");
	made_free(&made);
}

Test(rules, after_is_broken_when_nothing_is_left)
{
	struct made made;
	made_open(&made, 1, 10);
	made_switch(&made, 0, 1, 2, TRACE_leave_FINISH, 0);
	made_close(&made);
	expect_rule(&made, "after fiber_1 comes \"fiber 2\"", EXIT_BROKEN,
		    "broken: after fiber_1 comes \"fiber 2\": fiber 1 never leaves "
		    "before its end, so nothing follows it\n");
	made_free(&made);
}

Test(rules, never)
{
	struct made made;
	open_game(&made);
	expect_rule(&made, "never ping to main", EXIT_HOLDS,
		    "holds: never ping to main\n");
	expect_rule(&made, "never main to ping", EXIT_BROKEN,
		    "broken: never main to ping: main does leave for ping\n"
		    "  step 5, worker 0, SWITCH: main leaves for ping (start); 208 "
		    "bytes of main's stack stay in use\n"
		    "  recorded by play, demo.c:57\n");
	made_free(&made);
}

static void make_cycle(struct made *made, const uint32_t *fibers, size_t count)
{
	static const char *const names[] = {"main", "ping", "pong", "pung"};
	made_open(made, 1, 50);
	for (uint32_t i = 0; i < 4; i++)
		made_name(made, 0, i + 1, names[i]);
	for (size_t i = 1; i < count; i++)
		made_switch(made, 0, fibers[i - 1], fibers[i], TRACE_leave_YIELD, 0);
	made_switch(made, 0, fibers[count - 1], 1, TRACE_leave_FINISH, 0);
	made_close(made);
}

Test(rules, order)
{
	struct made made;
	make_cycle(&made, (const uint32_t[]){1, 2, 3, 4, 2, 3}, 6);
	expect_rule(&made, "order ping pong pung", EXIT_HOLDS,
		    "holds: order ping pong pung\n");
	expect_rule(&made, "order pong pung ping", EXIT_HOLDS,
		    "holds: order pong pung ping\n");
	expect_rule(&made, "order ping pong", EXIT_BROKEN,
		    "broken: order ping pong: it is the turn of ping, but pung runs\n"
		    "  step 7, worker 0, SWITCH: pong leaves for pung (yield)\n"
		    "  the trace does not say which line recorded it\n");
	expect_rule(
		&made, "order ping pung pong", EXIT_BROKEN,
		"broken: order ping pung pong: it is the turn of pung, but pong runs\n"
		"  step 6, worker 0, SWITCH: ping leaves for pong (yield)\n"
		"  the trace does not say which line recorded it\n");
	made_free(&made);
}

Test(rules, order_needs_a_turn_of_each)
{
	struct made made;
	make_cycle(&made, (const uint32_t[]){1, 2, 3}, 3);
	expect_rule(&made, "order ping pong pung", EXIT_BROKEN,
		    "broken: order ping pong pung: pung never has a turn before one of "
		    "them finishes\n");
	made_free(&made);
}

Test(rules, mark)
{
	struct made made;
	made_open(&made, 1, 10);
	made_mark(&made, 0, 1, "out of the way", 0);
	made_mark(&made, 0, 1, "pong", 7);
	made_mark(&made, 0, 1, "out of the way", 0);
	made_close(&made);
	expect_rule(&made, "mark \"out of the way\" before mark pong", EXIT_HOLDS,
		    "holds: mark \"out of the way\" before mark pong\n");
	expect_rule(&made, "mark pong before mark \"out of the way\"", EXIT_BROKEN,
		    "broken: mark pong before mark \"out of the way\": the second mark "
		    "comes first\n"
		    "  step 1, worker 0, MARK: fiber 1 notes \"out of the way\"\n"
		    "  the trace does not say which line recorded it\n");
	expect_rule(&made, "mark pong before mark \"\x1b[2J\"", EXIT_BROKEN,
		    "broken: mark pong before mark \"\\x1b[2J\": no mark says "
		    "\"\\x1b[2J\"\n");
	made_free(&made);
}

Test(rules, facts)
{
	struct made made;
	open_game(&made);
	expect_rule(&made, "switches >= 9", EXIT_HOLDS, "holds: switches >= 9\n");
	expect_rule(&made, "switches == switches_to.ping", EXIT_BROKEN,
		    "broken: switches == switches_to.ping: switches is 10 and "
		    "switches_to.ping is 5\n");
	expect_rule(&made, "finished != fibers", EXIT_BROKEN,
		    "broken: finished != fibers: finished is 2 and fibers is 2\n");
	expect_rule(&made, "switches < 10", EXIT_BROKEN,
		    "broken: switches < 10: switches is 10\n");
	expect_rule(&made, "wishes >= 1", EXIT_BROKEN,
		    "broken: wishes >= 1: no fact is called wishes; weft-trace facts "
		    "lists them all\n");
	made_free(&made);
}

Test(rules, every_operator)
{
	static const char *const holding[] = {"switches == 10", "switches != 11",
					      "switches < 11",  "switches <= 10",
					      "switches > 9",   "switches >= 10"};
	static const char *const broken[] = {"switches == 11", "switches != 10",
					     "switches < 10",  "switches <= 9",
					     "switches > 10",  "switches >= 11"};
	struct made made;
	open_game(&made);
	for (size_t i = 0; i < 6; i++) {
		struct made_output output;
		char *rules[] = {(char *)(uintptr_t)holding[i]};
		FILE *out = made_out(&output);
		cr_expect_eq(command_rules(&made.file, rules, 1, out), EXIT_HOLDS, "%s",
			     holding[i]);
		rules[0] = (char *)(uintptr_t)broken[i];
		cr_expect_eq(command_rules(&made.file, rules, 1, out), EXIT_BROKEN,
			     "%s", broken[i]);
		fclose(out);
		free(output.text);
	}
	made_free(&made);
}

Test(rules, holds_asks_the_checker)
{
	struct made made;
	struct made_output output;
	char *rules[] = {(char[]){"holds"}};
	open_game(&made);
	expect_rule(&made, "holds", EXIT_HOLDS, "holds: holds\n");
	made_free(&made);
	made_open(&made, 1, 10);
	made_create(&made, 0, 1, 2, "ping");
	made_switch(&made, 0, 2, 2, TRACE_leave_FINISH, 0);
	made_switch(&made, 0, 2, 2, TRACE_leave_FINISH, 0);
	made_close(&made);
	cr_expect_eq(command_rules(&made.file, rules, 1, made_out(&output)),
		     EXIT_BROKEN);
	fclose(output.out);
	const char *start = "broken: holds: the checker says\n  invariant ";
	cr_expect_eq(strncmp(output.text, start, strlen(start)), 0, "%s", output.text);
	free(output.text);
	made_free(&made);
}

Test(rules, after_a_loss_the_answer_is_unknown)
{
	struct made made;
	made_game(&made, 3);
	made.lost = 2;
	made_close(&made);
	expect_rule(&made, "switches >= 9", EXIT_UNKNOWN,
		    "unknown: switches >= 9: the trace has lost 2 of its records\n");
	expect_rule(&made, "order ping pong", EXIT_UNKNOWN,
		    "unknown: order ping pong: the trace has lost 2 of its records\n");
	expect_rule(
		&made, "never ping to main", EXIT_UNKNOWN,
		"unknown: never ping to main: the trace has lost 2 of its records\n");
	expect_rule(&made, "never main to ping", EXIT_BROKEN,
		    "broken: never main to ping: main does leave for ping\n"
		    "  step 5, worker 0, SWITCH: main leaves for ping (start); 208 "
		    "bytes of main's stack stay in use\n"
		    "  recorded by play, demo.c:57\n");
	expect_rule(&made, "dropped == 0", EXIT_BROKEN,
		    "broken: dropped == 0: dropped is 2\n");
	made_free(&made);
}

Test(rules, what_is_no_rule)
{
	struct made made;
	open_game(&made);
	expect_rule(&made, "after ping goes pong", EXIT_USAGE,
		    "not a rule: after ping goes pong: expected after A comes B\n");
	expect_rule(&made, "never ping", EXIT_USAGE,
		    "not a rule: never ping: expected never A to B\n");
	expect_rule(&made, "order ping", EXIT_USAGE,
		    "not a rule: order ping: expected order A B ...\n");
	expect_rule(&made, "mark \"a\" before \"b\"", EXIT_USAGE,
		    "not a rule: mark \"a\" before \"b\": expected mark \"a\" before "
		    "mark \"b\"\n");
	expect_rule(&made, "mark \"a before mark b", EXIT_USAGE,
		    "not a rule: mark \"a before mark b: at most 32 words of at most "
		    "127 bytes, each quote closed\n");
	expect_rule(&made, "switches = 9", EXIT_USAGE,
		    "not a rule: switches = 9: expected holds, after A comes B, never "
		    "A to B, order A B ..., mark \"a\" before mark \"b\", or FACT OP "
		    "NUMBER, with OP one of == != < <= > >=\n");
	expect_rule(&made, "9 == switches", EXIT_USAGE,
		    "not a rule: 9 == switches: expected holds, after A comes B, never "
		    "A to B, order A B ..., mark \"a\" before mark \"b\", or FACT OP "
		    "NUMBER, with OP one of == != < <= > >=\n");
	expect_rule(&made, "switches == 9x", EXIT_USAGE,
		    "not a rule: switches == 9x: expected holds, after A comes B, "
		    "never A to B, order A B ..., mark \"a\" before mark \"b\", or "
		    "FACT OP NUMBER, with OP one of == != < <= > >=\n");
	expect_rule(&made, "\x1b[2J", EXIT_USAGE,
		    "not a rule: \\x1b[2J: expected holds, after A comes B, never A to "
		    "B, order A B ..., mark \"a\" before mark \"b\", or FACT OP "
		    "NUMBER, with OP one of == != < <= > >=\n");
	expect_rule(&made, "# a comment", EXIT_USAGE,
		    "no rule was given; see weft-trace help rules\n");
	made_free(&made);
}

/* Nothing is judged when one of the lines is no rule. */
Test(rules, several_lines_get_the_gravest_answer)
{
	struct made made;
	struct made_output output;
	char *rules[] = {(char[]){"switches >= 9"}, (char[]){""}, (char[]){"# why"},
			 (char[]){"switches < 9"}, (char[]){"clean == 1"}};
	open_game(&made);
	cr_expect_eq(command_rules(&made.file, rules, 5, made_out(&output)),
		     EXIT_BROKEN);
	made_expect(&output, "holds: switches >= 9\n"
			     "broken: switches < 9: switches is 10\n"
			     "holds: clean == 1\n");
	rules[4] = (char[]){"clean"};
	cr_expect_eq(command_rules(&made.file, rules, 5, made_out(&output)),
		     EXIT_USAGE);
	made_expect(&output,
		    "not a rule: clean: expected holds, after A comes B, never A to B, "
		    "order A B ..., mark \"a\" before mark \"b\", or FACT OP NUMBER, "
		    "with OP one of == != < <= > >=\n");
	made_free(&made);
}

Test(rules, help_has_every_form)
{
	static const char *const words[] = {"holds",  "after ", "never ",
					    "order ", "mark ",  "switches >= 9"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		cr_expect_not_null(strstr(rules_help(), words[i]), "%s", words[i]);
}

Test(facts, of_a_game)
{
	struct made made;
	struct made_output output;
	open_game(&made);
	cr_expect_eq(command_facts(&made.file, made_out(&output)), EXIT_HOLDS);
	made_expect(&output, "awaits 0\n"
			     "awaits.finished 0\n"
			     "awaits.waits 0\n"
			     "awakes.an_earlier_deadline 0\n"
			     "awakes.an_event_or_deadline_came 0\n"
			     "awakes.it_looked_once_more 0\n"
			     "awakes.something_is_ready 0\n"
			     "awakes.the_pinned_fiber_is_ready 0\n"
			     "awakes.the_runtime_ends 0\n"
			     "awakes.there_may_be_more 0\n"
			     "batches 0\n"
			     "cancels 0\n"
			     "cancels.told 0\n"
			     "clean 1\n"
			     "dropped 0\n"
			     "events.ANCHOR 2\n"
			     "events.AWAIT 0\n"
			     "events.CANCEL_ACK 0\n"
			     "events.CANCEL_REQUEST 0\n"
			     "events.CREATE 2\n"
			     "events.FD_CLOSE 0\n"
			     "events.FD_READY 0\n"
			     "events.FD_WATCH 0\n"
			     "events.FINISH 2\n"
			     "events.INLINE 0\n"
			     "events.LOST 0\n"
			     "events.MARK 0\n"
			     "events.NAME 1\n"
			     "events.OFFLOAD_BEGIN 0\n"
			     "events.OFFLOAD_END 0\n"
			     "events.POLL_BEGIN 0\n"
			     "events.POLL_END 0\n"
			     "events.QUEUE_LENGTH 0\n"
			     "events.READY 0\n"
			     "events.RECYCLE 0\n"
			     "events.SPAN_BEGIN 0\n"
			     "events.SPAN_END 0\n"
			     "events.STATUS 0\n"
			     "events.STEAL 0\n"
			     "events.STEAL_MISS 0\n"
			     "events.SWITCH 10\n"
			     "events.TIMER_DROP 0\n"
			     "events.TIMER_FIRE 0\n"
			     "events.TIMER_SET 0\n"
			     "events.WAIT_POP 0\n"
			     "events.WAIT_PUSH 0\n"
			     "events.WAIT_RETURN 0\n"
			     "events.WORKER_AWAKE 0\n"
			     "events.WORKER_SLEEP 0\n"
			     "events.WORKER_START 1\n"
			     "events.WORKER_STOP 1\n"
			     "events.WORKER_WAKE 0\n"
			     "fd_ready 0\n"
			     "fd_ready.readable 0\n"
			     "fd_ready.readable,_hung_up 0\n"
			     "fd_ready.writable 0\n"
			     "fd_ready.writable,_hung_up 0\n"
			     "fibers 2\n"
			     "finished 2\n"
			     "inlines 0\n"
			     "largest_lateness_ns 0\n"
			     "largest_stack 208\n"
			     "largest_stack.main 208\n"
			     "largest_stack.ping 112\n"
			     "largest_stack.pong 112\n"
			     "looks 0\n"
			     "lost_statuses 0\n"
			     "lost_strings 0\n"
			     "lost_writers 0\n"
			     "marks 0\n"
			     "misses 0\n"
			     "most_ready 1\n"
			     "offloads 0\n"
			     "overtakings 0\n"
			     "polls 0\n"
			     "polls.looks 0\n"
			     "polls.waits 0\n"
			     "pops 0\n"
			     "pops.canceled 0\n"
			     "pops.closed 0\n"
			     "pops.timed_out 0\n"
			     "pops.woken 0\n"
			     "pops.woken_elsewhere 0\n"
			     "readies 0\n"
			     "readies.direct 0\n"
			     "readies.injected 0\n"
			     "readies.local 0\n"
			     "readies.newest 0\n"
			     "readies.remote 0\n"
			     "readies.shared 0\n"
			     "record_picoseconds 0\n"
			     "records 19\n"
			     "repairs 0\n"
			     "returns 0\n"
			     "sleeps 0\n"
			     "sleeps.asleep 0\n"
			     "sleeps.in_the_poller 0\n"
			     "spans 0\n"
			     "steals 0\n"
			     "stolen 0\n"
			     "stolen.local 0\n"
			     "stolen.newest 0\n"
			     "switches 10\n"
			     "switches.finish 2\n"
			     "switches.idle 0\n"
			     "switches.park 0\n"
			     "switches.start 2\n"
			     "switches.yield 6\n"
			     "switches_from.main 1\n"
			     "switches_from.ping 5\n"
			     "switches_from.pong 4\n"
			     "switches_on.worker_0 10\n"
			     "switches_to.main 1\n"
			     "switches_to.ping 5\n"
			     "switches_to.pong 4\n"
			     "taken_injected 0\n"
			     "timers 0\n"
			     "timers.dropped 0\n"
			     "timers.fired 0\n"
			     "waits 0\n"
			     "waits.a_signal 0\n"
			     "waits.an_offloaded_call 0\n"
			     "waits.its_turn_in_a_queue 0\n"
			     "waits.readable 0\n"
			     "waits.writable 0\n"
			     "waits_of.main 0\n"
			     "waits_of.ping 0\n"
			     "waits_of.pong 0\n"
			     "wakes 0\n"
			     "wakes.an_earlier_deadline 0\n"
			     "wakes.an_event_or_deadline_came 0\n"
			     "wakes.it_looked_once_more 0\n"
			     "wakes.something_is_ready 0\n"
			     "wakes.the_pinned_fiber_is_ready 0\n"
			     "wakes.the_runtime_ends 0\n"
			     "wakes.there_may_be_more 0\n"
			     "window 0\n"
			     "workers 1\n");
	made_free(&made);
}

/* Marks of one text are one fact, also when the text was stored twice. */
Test(facts, marks_and_losses)
{
	struct made made;
	uint64_t value = 0;
	made_open(&made, 2, 300);
	made_start(&made, 0, 1);
	made_start(&made, 1, 2);
	for (unsigned i = 0; i < 200; i++)
		made_mark(&made, i % 2, 1 + i % 2, i % 4 ? "in the way" : "", i);
	made.lost = 5;
	made.killed = true;
	made_close(&made);
	cr_expect_eq(facts_value(&made.file, "marks.in_the_way", &value), 0);
	cr_expect_eq(value, 150);
	cr_expect_eq(facts_value(&made.file, "marks.(empty)", &value), 0);
	cr_expect_eq(value, 50);
	cr_expect_eq(facts_value(&made.file, "marks", &value), 0);
	cr_expect_eq(value, 200);
	cr_expect_eq(facts_value(&made.file, "workers", &value), 0);
	cr_expect_eq(value, 2);
	cr_expect_eq(facts_value(&made.file, "dropped", &value), 0);
	cr_expect_eq(value, 5);
	cr_expect_eq(facts_value(&made.file, "clean", &value), 0);
	cr_expect_eq(value, 0);
	cr_expect_eq(facts_value(&made.file, "mark", &value), -ENOENT);
	made_free(&made);
}

static void expect_fact(const struct made *made, const char *name, uint64_t expected)
{
	uint64_t value = expected + 1;
	cr_expect_eq(facts_value(&made->file, name, &value), 0, "%s", name);
	cr_expect_eq(value, expected, "%s is %llu", name, (unsigned long long)value);
}

Test(facts, of_awaits)
{
	struct made made;
	made_awaits(&made);
	made_close(&made);
	expect_fact(&made, "readies", 3);
	expect_fact(&made, "readies.shared", 2);
	expect_fact(&made, "readies.direct", 1);
	expect_fact(&made, "readies.local", 0);
	expect_fact(&made, "awaits", 2);
	expect_fact(&made, "awaits.waits", 1);
	expect_fact(&made, "awaits.finished", 1);
	expect_fact(&made, "events.RECYCLE", 2);
	expect_fact(&made, "inlines", 0);
	expect_fact(&made, "spans", 0);
	expect_rule(&made, "after main comes child_3", EXIT_BROKEN,
		    "broken: after main comes child_3: main is followed by child 2\n"
		    "  step 13, worker 0, SWITCH: main leaves for child 2 (yield); 208 "
		    "bytes of main's stack stay in use\n"
		    "  the trace does not say which line recorded it\n");
	expect_rule(&made, "awaits.finished >= 2", EXIT_BROKEN,
		    "broken: awaits.finished >= 2: awaits.finished is 1\n");
	made_free(&made);
}

/* Worker 1 takes one fiber and then two from worker 0, and one out of the injection queue; it
 * sleeps twice, and finds nothing twice. */
Test(facts, of_stealing_and_sleeping)
{
	struct made made;
	made_open(&made, 2, 60);
	made_steals(&made);
	made_close(&made);
	expect_fact(&made, "batches", 3);
	expect_fact(&made, "steals", 2);
	expect_fact(&made, "stolen", 3);
	expect_fact(&made, "stolen.newest", 1);
	expect_fact(&made, "stolen.local", 2);
	expect_fact(&made, "taken_injected", 1);
	expect_fact(&made, "misses", 2);
	expect_fact(&made, "looks", 7);
	expect_fact(&made, "sleeps", 2);
	expect_fact(&made, "sleeps.asleep", 1);
	expect_fact(&made, "sleeps.in_the_poller", 1);
	expect_fact(&made, "wakes", 1);
	expect_fact(&made, "wakes.something_is_ready", 1);
	expect_fact(&made, "awakes.something_is_ready", 1);
	expect_fact(&made, "awakes.it_looked_once_more", 1);
	expect_fact(&made, "most_ready", 4);
	expect_fact(&made, "switches", 7);
	expect_fact(&made, "switches_on.worker_0", 3);
	expect_fact(&made, "switches_on.worker_1", 4);
	expect_rule(&made, "steals > stolen", EXIT_BROKEN,
		    "broken: steals > stolen: steals is 2 and stolen is 3\n");
	made_free(&made);
}

/* A span counts once, where it begins. */
Test(facts, of_spans_and_of_what_ran_inline)
{
	struct made made;
	made_open(&made, 1, 20);
	made_span(&made, 0, 1, TRACE_SPAN_BEGIN, "read a file");
	made_record(&made, 0, (struct trace_record){.type = TRACE_INLINE, .fiber = 1});
	made_span(&made, 0, 1, TRACE_SPAN_END, "read a file");
	made_span(&made, 0, 1, TRACE_SPAN_BEGIN, "");
	made_close(&made);
	expect_fact(&made, "spans", 2);
	expect_fact(&made, "spans.read_a_file", 1);
	expect_fact(&made, "spans.(empty)", 1);
	expect_fact(&made, "inlines", 1);
	expect_fact(&made, "events.SPAN_END", 1);
	made_free(&made);
}

Test(facts, workers_own_contexts_are_no_fibers)
{
	struct made made;
	made_open(&made, 1, 20);
	made_create(&made, 0, 0, 1, "main");
	made_create(&made, 0, 0, TRACE_IDLE_FIBERS, "idle");
	made_close(&made);
	expect_fact(&made, "fibers", 1);
	expect_fact(&made, "events.CREATE", 2);
	made_free(&made);
}

Test(facts, of_an_empty_trace)
{
	struct made made;
	uint64_t value = 1;
	made_open(&made, 1, 10);
	made_close(&made);
	cr_expect_eq(facts_value(&made.file, "switches.yield", &value), 0);
	cr_expect_eq(value, 0);
	value = 1;
	cr_expect_eq(facts_value(&made.file, "workers", &value), 0);
	cr_expect_eq(value, 0);
	cr_expect_eq(facts_value(&made.file, "records", &value), 0);
	cr_expect_eq(value, 2); /* the writer's two anchors */
	made_free(&made);
}
