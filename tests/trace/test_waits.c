/* test_waits.c: how stories, lanes, facts and exports show what fibers wait for. */
#include "tests/trace/support.h"

#include <inttypes.h>

#include "trace/names.h"

TestSuite(waits, .init = make_directory, .fini = remove_directory);

static const char *path_of(const char *text)
{
	const char *path = in_directory("waits.weft");
	undump(text, path);
	return path;
}

/* ---- sentences ---- */

/* The clocks said 1000 and 5000 ns when the trace began, at tick 0. */
#define CLOCKS                                                                         \
	"header workers=1 ticks_per_second=1000000000 clock=1 monotonic_ns0=1000 "     \
	"realtime_ns0=5000\nsegment 0\nsegment 1 role=1\n"                             \
	"0 1 CREATE child=1 entry=\"main\"\n0 1 CREATE child=2 entry=\"reader\"\n"

/* Whatever the last line of the text records. */
static void expect_sentence(const char *line, const char *expected)
{
	struct trace_file file;
	struct trace_message why;
	struct names names;
	char text[1024], *told;
	size_t length;
	snprintf(text, sizeof text, CLOCKS "%s\n", line);
	cr_assert_eq(trace_file_open(&file, path_of(text), &why), 0, "%s", why.text);
	cr_assert_eq(names_open(&names, &file), 0);
	uint32_t segment = (uint32_t)(line[0] - '0');
	FILE *out = open_memstream(&told, &length);
	names_tell(&names,
		   &(struct trace_step){.record = trace_file_records(&file, segment) +
						  file.heads[segment] - 1,
					.worker = segment},
		   out);
	fclose(out);
	cr_expect_str_eq(told, expected);
	free(told);
	names_close(&names);
	trace_file_close(&file);
}

Test(waits, of_queues_in_words)
{
	expect_sentence("0 WAIT_PUSH what=readable waiter=2 fd=5 queue=60 "
			"queue_sequence=1",
			"reader waits until descriptor 5 is readable");
	expect_sentence("0 WAIT_PUSH what=\"its turn in a queue\" waiter=2 queue=60 "
			"queue_sequence=1",
			"reader waits for its turn in a queue, that of object 60");
	expect_sentence("0 WAIT_PUSH what=\"an offloaded call\" waiter=2 queue=60 "
			"queue_sequence=1",
			"reader waits for an offloaded call");
	expect_sentence("0 WAIT_PUSH what=\"a signal\" waiter=2 queue=60 "
			"queue_sequence=1",
			"reader waits for a signal");
	expect_sentence("0 WAIT_RETURN what=writable waiter=2 fd=5 queue=60 "
			"queue_sequence=1",
			"reader finds that descriptor 5 is not writable after all, and "
			"is first in line again");
	expect_sentence("0 WAIT_RETURN what=\"its turn in a queue\" waiter=2 queue=60 "
			"queue_sequence=1",
			"reader finds nothing yet, and is first in line again");
}

Test(waits, of_wakes_in_words)
{
	expect_sentence("0 WAIT_POP outcome=woken waker=1 waiter=2 queue=60 "
			"queue_sequence=1",
			"main wakes reader");
	expect_sentence("1 WAIT_POP outcome=woken waiter=2 queue=60 queue_sequence=1",
			"reader is woken");
	expect_sentence("0 WAIT_POP outcome=closed waker=1 waiter=2 queue=60 "
			"queue_sequence=1",
			"main wakes reader, whose descriptor is closed");
	expect_sentence("0 WAIT_POP outcome=\"timed out\" waker=2 waiter=2 queue=60 "
			"queue_sequence=1",
			"reader leaves its queue: timed out");
	expect_sentence("0 WAIT_POP outcome=canceled waker=1 waiter=2 queue=60 "
			"queue_sequence=1",
			"main takes reader out of its queue: canceled");
	expect_sentence("1 WAIT_POP outcome=\"woken elsewhere\" waiter=2 queue=60 "
			"queue_sequence=1",
			"reader is taken out of its queue: woken elsewhere");
}

Test(waits, of_descriptors_in_words)
{
	expect_sentence("0 FD_WATCH directions=both running=1 fd=5 descriptor=60 "
			"descriptor_sequence=1",
			"main has the kernel watch descriptor 5 for reading and "
			"writing");
	expect_sentence("0 FD_WATCH directions=writing running=1 fd=5 descriptor=60 "
			"descriptor_sequence=1",
			"main has the kernel watch descriptor 5 for writing");
	expect_sentence("0 FD_READY edge=\"writable, hung up\" running=1 fd=5 "
			"descriptor=60 descriptor_sequence=1",
			"the kernel tells that descriptor 5 is writable, hung up");
	expect_sentence("0 FD_CLOSE running=1 fd=5 descriptor=60 "
			"descriptor_sequence=1",
			"main closes descriptor 5");
	expect_sentence("1 FD_CLOSE fd=5 descriptor=60 descriptor_sequence=1",
			"descriptor 5 is closed");
	expect_sentence("0 POLL_BEGIN how=looks running=1",
			"worker 0 asks the kernel for events");
	expect_sentence("0 POLL_BEGIN how=waits running=1 timeout=2500",
			"worker 0 asks the kernel for events, and waits for the first "
			"for at most 2.5 us");
	expect_sentence("0 POLL_BEGIN how=waits running=1 timeout=18446744073709551615",
			"worker 0 asks the kernel for events, and waits for the first");
	expect_sentence("0 POLL_END how=waits running=1 events=2",
			"worker 0 has 2 events from the kernel");
	expect_sentence("0 POLL_END how=looks running=1",
			"worker 0 has no event from the kernel");
}

/* A distance from the record, at tick 2000, where the trace knows the clock. */
Test(waits, of_timers_in_words)
{
	expect_sentence("0 2000 TIMER_SET clock=awake sleeper=2 deadline=1503999",
			"reader sets a timer for 1.5 ms from now");
	expect_sentence("0 2000 TIMER_SET clock=awake sleeper=2 deadline=2999",
			"reader sets a timer for now");
	expect_sentence("0 2000 TIMER_SET clock=real sleeper=2 deadline=3000006999",
			"reader sets a timer for 2.9 s from now");
	expect_sentence("0 2000 TIMER_SET clock=boot sleeper=2 deadline=9",
			"reader sets a timer by the boot clock");
	expect_sentence("0 TIMER_FIRE clock=awake sleeper=2 now=9",
			"reader's deadline has come");
	expect_sentence("0 TIMER_DROP sleeper=2", "reader drops its timer");
}

Test(waits, of_calls_and_ends_in_words)
{
	expect_sentence("1 OFFLOAD_BEGIN waiter=2 queue=60 queue_sequence=1",
			"helper 1 begins a call for reader");
	expect_sentence("1 OFFLOAD_END waiter=2 queue=60 queue_sequence=1",
			"helper 1 has made a call for reader");
	expect_sentence("0 CANCEL_REQUEST canceler=1 target=2",
			"main asks reader to end early");
	expect_sentence("1 CANCEL_REQUEST target=2", "reader is asked to end early");
	expect_sentence("0 CANCEL_ACK fiber=2",
			"reader is told that it is to end early");
}

/* ---- the story ---- */

static int tell_all(const struct trace_file *file, FILE *out)
{
	return command_story(file, 0, out);
}

/* One line for a wait, one for a wake; what only keeps the books is left out. */
#define RUN                                                                            \
	"header ticks_per_second=1000000000 clock=1\n"                                 \
	"0 1000 CREATE child=1 entry=\"main\"\n0 WORKER_START running=1\n"             \
	"0 CREATE child=2 parent=1 entry=\"reader\"\n"                                 \
	"0 READY place=newest fiber=2 waker=1\n"                                       \
	"0 SWITCH reason=yield next=2 previous=1\n"                                    \
	"0 WAIT_PUSH what=readable waiter=2 fd=5 queue=60 queue_sequence=1\n"          \
	"0 TIMER_SET clock=boot sleeper=2 deadline=9000\n"                             \
	"0 SWITCH reason=park next=1 previous=2\n"                                     \
	"0 POLL_BEGIN how=looks running=1\n0 POLL_END how=looks running=1\n"           \
	"0 POLL_BEGIN how=looks running=1\n0 POLL_END how=looks running=1 events=1\n"  \
	"0 FD_READY edge=readable running=1 fd=5 descriptor=60 "                       \
	"descriptor_sequence=2\n"                                                      \
	"0 WAIT_POP outcome=woken waker=1 waiter=2 queue=60 queue_sequence=3\n"        \
	"0 READY place=local fiber=2 waker=1\n"                                        \
	"0 SWITCH reason=yield next=2 previous=1\n0 TIMER_DROP sleeper=2\n"            \
	"0 WAIT_PUSH what=readable waiter=2 fd=5 queue=60 queue_sequence=4\n"          \
	"0 TIMER_SET clock=boot sleeper=2 deadline=9000\n"                             \
	"0 SWITCH reason=park next=1 previous=2\n"                                     \
	"0 TIMER_FIRE clock=boot sleeper=2 now=9001\n"                                 \
	"0 READY place=local fiber=2 waker=1\n"                                        \
	"0 SWITCH reason=yield next=2 previous=1\n"                                    \
	"0 WAIT_POP outcome=\"timed out\" waker=2 waiter=2 queue=60 "                  \
	"queue_sequence=5\n"                                                           \
	"0 WORKER_STOP running=2\n"

Test(waits, in_a_story_are_short)
{
	expect_words(ask(tell_all, path_of(RUN)), EXIT_HOLDS,
		     "   5.0 us  reader waits until descriptor 5 is readable; reader "
		     "sets a timer by the boot clock; reader leaves for main (park)\n"
		     "  11.0 us  worker 0 has 1 event from the kernel; the kernel "
		     "tells that descriptor 5 is readable; main wakes reader; main "
		     "makes reader ready (local); main leaves for reader (yield); "
		     "reader drops its timer\n");
	expect_words(ask(tell_all, path_of(RUN)), EXIT_HOLDS,
		     "us  reader's deadline has come; main makes reader ready "
		     "(local); main leaves for reader (yield)\n"
		     "  24.0 us  worker 0 stops; it ran reader last\n");
}

/* ---- lanes ---- */

static int draw(const struct trace_file *file, FILE *out)
{
	static const struct terminal terminal = {.width = 60};
	return command_lanes(file, &terminal, out);
}

#define WAITS_FOR(record)                                                              \
	"0 1 CREATE child=1 entry=\"main\"\n0 2 WORKER_START running=1\n"              \
	"0 3 CREATE child=2 parent=1 entry=\"other\"\n"                                \
	"0 4 SWITCH reason=start next=2 previous=1\n" record                           \
	"0 5 SWITCH reason=park next=1 previous=2\n0 6 READY fiber=2 waker=1\n"        \
	"0 7 SWITCH reason=park next=2 previous=1\n"                                   \
	"0 8 SWITCH reason=park next=1 previous=2\n"
#define TIMES "0 4 TIMER_SET clock=boot sleeper=2 deadline=9\n"
#define QUEUES_UP(what)                                                                \
	"0 4 WAIT_PUSH what=\"" what "\" waiter=2 queue=60 queue_sequence=1\n"

/* What it waited for once says nothing of its next park. */
Test(waits, of_several_kinds_look_different)
{
	static const struct {
		const char *text, *lane, *legend;
	} cases[] = {
		{WAITS_FOR(""), "other    :=.-=.\n", ". parked"},
		{WAITS_FOR(QUEUES_UP("its turn in a queue")), "other    :=_-=.\n",
		 "_ waits in a queue"},
		{WAITS_FOR(QUEUES_UP("readable")), "other    :=%-=.\n",
		 "% waits for I/O"},
		{WAITS_FOR(QUEUES_UP("writable")), "other    :=%-=.\n",
		 "% waits for I/O"},
		{WAITS_FOR(QUEUES_UP("an offloaded call")), "other    :=%-=.\n",
		 "% waits for I/O"},
		{WAITS_FOR(TIMES), "other    :=@-=.\n", "@ waits for a time"},
		{WAITS_FOR(TIMES QUEUES_UP("its turn in a queue")), "other    :=_-=.\n",
		 "_ waits in a queue"},
		{WAITS_FOR(QUEUES_UP("readable") TIMES), "other    :=%-=.\n",
		 "% waits for I/O"},
		{WAITS_FOR(TIMES "0 4 AWAIT found=waits awaiter=2 target=1\n"),
		 "other    :=.-=.\n", ". parked"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *path = path_of(cases[i].text);
		expect_words(ask(draw, path), EXIT_HOLDS, cases[i].lane);
		expect_words(ask(draw, path), EXIT_HOLDS, cases[i].legend);
	}
}

/* ---- facts ---- */

static void expect_fact(const char *path, const char *fact)
{
	char line[128];
	snprintf(line, sizeof line, "\n%s\n", fact);
	expect_words(ask(command_facts, path), EXIT_HOLDS, line);
}

Test(waits, are_counted)
{
	static const char *const facts[] = {
		"waits 2",           "waits.readable 2",      "waits.writable 0",
		"waits_of.reader 2", "waits_of.main 0",       "pops 2",
		"pops.woken 1",      "pops.timed_out 1",      "returns 0",
		"timers 2",          "timers.fired 1",        "timers.dropped 1",
		"polls 2",           "polls.looks 2",         "polls.waits 0",
		"fd_ready 1",        "fd_ready.readable 1",   "offloads 0",
		"cancels 0",         "largest_lateness_ns 1", "overtakings 0",
	};
	const char *path = path_of(RUN);
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		expect_fact(path, facts[i]);
}

Test(waits, can_be_the_matter_of_rules)
{
	struct trace_file file;
	struct trace_message why;
	static char *rules[] = {"waits_of.reader == 2", "events.TIMER_DROP >= 1",
				"timers.fired == 1", "fd_ready <= polls"};
	cr_assert_eq(trace_file_open(&file, path_of(RUN), &why), 0, "%s", why.text);
	cr_expect_eq(command_rules(&file, rules, 4, stdout), EXIT_HOLDS);
	trace_file_close(&file);
}

/* Two wait; the one that came later is woken first, and then the other. */
#define COMES(fiber, turn)                                                             \
	"0 " turn " WAIT_PUSH what=readable waiter=" fiber                             \
	" fd=5 queue=60 queue_sequence=" turn "\n"
#define IS_WOKEN(fiber, turn)                                                          \
	"0 " turn " WAIT_POP outcome=woken waker=1 waiter=" fiber                      \
	" queue=60 queue_sequence=" turn "\n"
#define GIVES_UP(fiber, turn)                                                          \
	"0 " turn " WAIT_POP outcome=canceled waker=" fiber " waiter=" fiber           \
	" queue=60 queue_sequence=" turn "\n"

Test(waits, that_are_overtaken_are_counted)
{
	expect_fact(path_of(COMES("2", "1") COMES("3", "2") IS_WOKEN("2", "3")
				    IS_WOKEN("3", "4")),
		    "overtakings 0");
	expect_fact(path_of(COMES("2", "1") COMES("3", "2") IS_WOKEN("3", "3")
				    IS_WOKEN("2", "4")),
		    "overtakings 1");
	expect_fact(path_of(COMES("2", "1") COMES("3", "2") GIVES_UP("3", "3")
				    IS_WOKEN("2", "4")),
		    "overtakings 0");
	expect_fact(path_of(COMES("2", "1") COMES("3", "2") COMES("4", "3") GIVES_UP(
			    "3", "4") IS_WOKEN("4", "5") IS_WOKEN("2", "6")
				    COMES("2", "7") IS_WOKEN("2", "8")),
		    "overtakings 1");
}

/* ---- exports ---- */

static char *export(int command(const struct trace_file *file, const char *path,
				struct trace_message *why),
		    const char *text, size_t *size)
{
	struct trace_file file;
	struct trace_message why;
	const char *path = in_directory("waits.out");
	cr_assert_eq(trace_file_open(&file, path_of(text), &why), 0, "%s", why.text);
	cr_assert_eq(command(&file, path, &why), EXIT_HOLDS, "%s", why.text);
	trace_file_close(&file);
	return read_whole(path, size);
}

Test(waits, are_slices_of_json)
{
	size_t size;
	char *json = export(command_json, RUN, &size);
	cr_expect(strstr(json, "{\"ph\":\"X\",\"name\":\"waits: descriptor 5 "
			       "readable\",\"pid\":2,\"tid\":2,\"cat\":\"state\","),
		  "%s", json);
	free(json);
	json = export(command_json, WAITS_FOR(TIMES), &size);
	cr_expect(strstr(json, "\"name\":\"waits: a time\",\"pid\":2,\"tid\":2,"), "%s",
		  json);
	cr_expect(strstr(json, "\"name\":\"parked\",\"pid\":2,\"tid\":2,"), "%s", json);
	free(json);
	json = export(command_json, WAITS_FOR(QUEUES_UP("its turn in a queue")), &size);
	cr_expect(strstr(json, "\"name\":\"waits: its turn in a queue\""), "%s", json);
	free(json);
}

/* How many events of that type there are in a Fuchsia trace. */
static unsigned count_events(const char *data, size_t size, unsigned type)
{
	unsigned count = 0;
	uint64_t word;
	for (size_t at = 0; at + sizeof word <= size;) {
		memcpy(&word, data + at, sizeof word);
		count += (word & 0xF) == 4 && (word >> 16 & 0xF) == type;
		cr_assert(word >> 4 & 0xFFF);
		at += 8 * (word >> 4 & 0xFFF);
	}
	return count;
}

/* Durations begin as type 2 and end as type 3. */
Test(waits, are_durations_of_fxt)
{
	size_t size;
	char *data = export(command_fxt, RUN, &size);
	cr_expect_eq(count_events(data, size, 2), 2);
	cr_expect_eq(count_events(data, size, 3), 2);
	free(data);
	data = export(command_fxt, WAITS_FOR(""), &size);
	cr_expect_eq(count_events(data, size, 2), 0);
	cr_expect_eq(count_events(data, size, 3), 0);
	free(data);
}

/* ---- as text and back ---- */

Test(waits, go_through_text_and_back)
{
	expect_round_trip(path_of(RUN));
	expect_round_trip(path_of(CLOCKS
				  "1 OFFLOAD_BEGIN waiter=2 queue=60 queue_sequence=1\n"
				  "0 CANCEL_REQUEST canceler=1 target=2\n"
				  "0 POLL_BEGIN how=waits running=1 "
				  "timeout=18446744073709551615\n"));
}
