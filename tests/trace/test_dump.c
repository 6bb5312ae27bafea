/* test_dump.c: a trace and its text say the same thing. */
#include "tests/trace/support.h"

#include <unistd.h>

TestSuite(dump, .init = make_directory, .fini = remove_directory);

/* ---- there and back ---- */

static struct trace *write_trace(const char *path, uint64_t records, uint32_t segments)
{
	struct trace *trace;
	struct trace_message why;
	struct trace_options options = {
		.path = path, .records = records, .workers = segments};
	cr_assert_eq(trace_open(&trace, &options, &why), 0, "%s", why.text);
	struct trace_segment *segment = trace_claim(trace);
	uint32_t name = trace_string(trace, "a \"name\"\\ with\tall\x01 \xc3\xa9\n");
	(void)trace_string(trace, "");
	(void)trace_string(trace, "twice");
	uint32_t twice = trace_string(trace, "twice");
	TRACE(segment, WORKER_START, .fiber = 1, .fiber_sequence = 1,
	      .value = UINT64_MAX);
	TRACE(segment, NAME, .fiber = 1, .fiber_sequence = 2, .value = name);
	TRACE(segment, NAME, .fiber = 1, .fiber_sequence = 3, .value = twice);
	TRACE(segment, NAME, .fiber = 1, .fiber_sequence = 4, .value = name + 3);
	TRACE(segment, NAME, .fiber = 1, .fiber_sequence = 5, .value = 1u << 30);
	TRACE(segment, SWITCH, .arg = TRACE_leave_IDLE, .fiber = 2, .fiber_sequence = 9,
	      .peer = 1, .value = trace_pair(77, 3));
	TRACE(segment, SWITCH, .arg = 250, .fiber = 2, .fiber_sequence = 10, .peer = 2,
	      .value = trace_pair(77, 9));
	TRACE(segment, SWITCH, .value = 5);
	TRACE(segment, CREATE, .arg = 3, .peer = UINT32_MAX, .fiber_sequence = 8);
	TRACE(segment, ANCHOR, .arg = 1, .fiber = 2, .peer = 3, .value = 4);
	return trace;
}

Test(dump, a_closed_trace_goes_there_and_back)
{
	const char *path = in_directory("trace.weft");
	cr_assert_eq(trace_close(write_trace(path, 1000, 1)), 0);
	expect_round_trip(path);
}

Test(dump, several_segments_go_there_and_back)
{
	const char *path = in_directory("trace.weft");
	struct trace *trace = write_trace(path, 101, 5);
	struct trace_segment *segment = trace_claim(trace);
	TRACE(segment, MARK, .fiber = 1, .fiber_sequence = 6,
	      .value = trace_pair(1, 0));
	cr_assert_eq(trace_close(trace), 0);
	expect_round_trip(path);
}

Test(dump, a_full_trace_goes_there_and_back)
{
	const char *path = in_directory("trace.weft");
	cr_assert_eq(trace_close(write_trace(path, 5, 1)), 0);
	expect_round_trip(path);
}

Test(dump, an_unclosed_trace_goes_there_and_back)
{
	const char *path = in_directory("trace.weft");
	struct trace *trace = write_trace(path, 1001, 2);
	expect_round_trip(path); /* while it is open */
	cr_assert_eq(trace_close(trace), 0);
}

Test(dump, what_a_killed_writer_left_beyond_a_head_is_kept)
{
	size_t size;
	struct trace_header header;
	const char *path = in_directory("trace.weft");
	struct trace *trace = write_trace(path, 100, 1);
	char *bytes = read_whole(path, &size);
	cr_assert_eq(trace_close(trace), 0);
	memcpy(&header, bytes, sizeof header);
	memset(bytes + header.segment_offset[0] + 64 + 20 * 32, 0xAB, 45);
	memset(bytes + header.strings.offset + 1000, 0xCD, 5);
	memset(bytes + header.sites.offset + header.sites.length - 1, 1, 1);
	memset(bytes + 300, 2, 1);
	write_whole(path, bytes, size);
	free(bytes);
	expect_round_trip(path);
}

Test(dump, another_schema_and_layout_go_there_and_back)
{
	undump("header minor=3 clock=2 pid=5 tick0=6 monotonic_ns0=7 realtime_ns0=8\n"
	       "schema \"weft-events 1\"\n"
	       "schema "
	       "\"event\\t9\\tNEW\\tm\\thow:kind\\tf:fiber\\t\\t\\tlow:"
	       "string\\tsentence\"\n"
	       "schema \"choice\\tkind\\t1\\ttwo words\"\n"
	       "schema \"choice\\tkind\\t2\\tone\"\n"
	       "region schema offset=8192\n"
	       "region sites size=64\n"
	       "region strings offset=16384 size=128\n"
	       "segment 0 offset=40960 capacity=7\n"
	       "segment 1 offset=32768 claimed=0 clean_close=0 dropped=4 os_thread=99\n"
	       "file size=50001\n"
	       "0 NEW how=\"two words\" f=3 low=\"text\" .site=4\n"
	       "0 NEW how=one f=3 .sequence=17\n"
	       "0 NEW how=3 f=3 .peer=1 .high=2\n"
	       "bytes 50000 ff\n",
	       in_directory("trace.weft"));
	expect_round_trip(in_directory("trace.weft"));
	struct answer answer = ask(command_dump, in_directory("trace.weft"));
	cr_assert(strstr(answer.text,
			 "\n0 1006 NEW .site=4 how=\"two words\" f=3 low=\"text\"\n"),
		  "%s", answer.text);
	cr_assert(strstr(answer.text, "\n0 2006 NEW .sequence=17 how=one f=3\n"), "%s",
		  answer.text);
	cr_assert(strstr(answer.text, " NEW how=3 f=3 .peer=1 .high=2\n"), "%s",
		  answer.text);
	free(answer.text);
}

/* ---- the text ---- */

Test(dump, six_lines_are_a_trace)
{
	static const char lines[] =
		"0 1000 WORKER_START running=1\n"
		"0 2000 CREATE child=2 parent=1 entry=\"play\" stack_size=65536\n"
		"0 3000 SWITCH reason=start next=2 previous=1 previous_stack_used=100\n"
		"0 4000 FINISH fiber=2 largest_stack_used=7\n"
		"0 5000 SWITCH reason=finish next=1 previous=2\n"
		"0 6000 WORKER_STOP running=1\n";
	undump(lines, in_directory("six.weft"));
	struct answer answer = ask(command_dump, in_directory("six.weft"));
	const char *records = strstr(answer.text, "fields\n");
	cr_assert(records);
	cr_assert_str_eq(records + 7, lines);
	cr_assert_eq(strncmp(answer.text, "weft-trace-text 1\n", 18), 0);
	free(answer.text);
}

Test(dump, sequences_count_down_the_page)
{
	struct trace_file file;
	struct trace_message why;
	undump("0 MARK fiber=1\n"
	       "1 MARK fiber=1\n"
	       "1 SWITCH next=2 previous=1\n"
	       "0 MARK fiber=1 .sequence=9 # a gap\n"
	       "\t0   MARK fiber=0x1\n",
	       in_directory("trace.weft"));
	cr_assert_eq(trace_file_open(&file, in_directory("trace.weft"), &why), 0, "%s",
		     why.text);
	const struct trace_record *first = trace_file_records(&file, 0);
	const struct trace_record *second = trace_file_records(&file, 1);
	cr_assert_eq(first[0].fiber_sequence, 1);
	cr_assert_eq(second[0].fiber_sequence, 2);
	cr_assert_eq(second[1].fiber_sequence, 1);
	cr_assert_eq(second[1].value, 3);
	cr_assert_eq(first[1].fiber_sequence, 9);
	cr_assert_eq(first[2].fiber_sequence, 10);
	cr_assert_eq(first[2].tick, 5000);
	trace_file_close(&file);
}

static const struct {
	const char *text, *words;
} bad_texts[] = {
	{"0 JUMP\n", "line 2: \"JUMP\" is no event"},
	{"0 type-256\n", "line 2: \"type-256\" is no event"},
	{"0 type-\n", "line 2: \"type-\" is no event"},
	{"0\n", "line 2: WORKER TICK EVENT is expected"},
	{"0 50\n", "line 2: WORKER TICK EVENT is expected"},
	{"256 MARK\n", "line 2: \"256\" is not a worker's number up to 255"},
	{"hello\n", "line 2: \"hello\" is not a worker's number"},
	{"# comment\n\n0 MARK fiber=x\n",
	 "line 4: fiber=x: the schema has no such fiber"},
	{"0 MARK fiber=4294967296\n",
	 "line 2: 4294967296 is more than its field holds"},
	{"0 MARK fiber=18446744073709551616\n", "fiber=18446744073709551616"},
	{"0 MARK colour=3\n", "line 2: \"colour=3\" is not expected here"},
	{"0 MARK fiber=1 fiber=2\n", "line 2: \"fiber=2\" is not expected here"},
	{"0 MARK stray\n", "line 2: \"stray\" is not expected here"},
	{"0 SWITCH reason=sulk\n", "line 2: reason=sulk: the schema has no such leave"},
	{"0 SWITCH reason=256\n", "line 2: 256 is more than its field holds"},
	{"0 MARK text=\"open\n", "line 2: a \" has no end"},
	{"0 MARK text=\"\\q\"\n", "line 2: after \\ comes one of"},
	{"0 MARK text=\"\\x4\"\n", "line 2: after \\ comes one of"},
	{"0 MARK text=\"a\"b\n", "line 2: a blank belongs after"},
	{"0 MARK .site=65536\n", ".site=65536 is not a number up to 65535"},
	{"0 MARK .sequence=-1\n", ".sequence=-1 is not a number"},
	{"string text\n", "string \"TEXT\" is expected"},
	{"schema text\n", "schema \"LINE\" is expected"},
	{"0 MARK\nschema \"weft-events 1\"\n", "line 3: the schema is complete"},
	{"schema \"weft-events 7\"\n0 MARK\n",
	 "line 3: the schema above is bad: line 1"},
	{"site event=JUMP\n", "\"JUMP\" is no event"},
	{"site file=main.c\n", "file=main.c is neither a \"text\" nor a number"},
	{"header pid=me\n", "pid=me is not a number"},
	{"header colour=1\n", "\"colour=1\" is not expected here"},
	{"region colours\n", "region schema, sites or strings is expected"},
	{"region\n", "region schema, sites or strings is expected"},
	{"region sites size=8\nsite line=1\n", "the sites take 16 bytes"},
	{"region strings offset=4294967000\n", "there is no room"},
	{"segment\n", "segment WORKER is expected"},
	{"segment 0 capacity=1\n0 MARK\n0 MARK\n",
	 "worker 0 has 2 records, more than its 1"},
	{"bytes 5 abc\n", "bytes OFFSET HEX is expected"},
	{"bytes 5 zz\n", "\"zz\" is not hexadecimal"},
	{"0 MARK a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f\n",
	 "words"},
};

static int undump_bytes(const char *text, size_t size, struct trace_message *why)
{
	FILE *file = tmpfile();
	cr_assert(file);
	cr_assert_eq(fwrite(text, 1, size, file), size);
	rewind(file);
	int code = command_undump(file, in_directory("out.weft"), why);
	fclose(file);
	return code;
}

Test(dump, bad_lines_are_named_and_leave_no_file)
{
	for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
		struct trace_message why;
		char text[512];
		snprintf(text, sizeof text, "weft-trace-text 1\n%s", bad_texts[i].text);
		cr_assert_eq(undump_bytes(text, strlen(text), &why), EXIT_UNREADABLE,
			     "%s", text);
		cr_assert(strstr(why.text, bad_texts[i].words), "\"%s\" lacks \"%s\"",
			  why.text, bad_texts[i].words);
		cr_assert_neq(access(in_directory("out.weft"), F_OK), 0);
	}
}

Test(dump, what_is_not_such_a_text_is_refused)
{
	struct trace_message why;
	cr_assert_eq(undump_bytes("", 0, &why), EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "the text is empty"), "%s", why.text);
	cr_assert_eq(undump_bytes("weft-trace-text 2\n", 18, &why), EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "line 1: the first line is not"), "%s", why.text);
	cr_assert_eq(undump_bytes("weft-trace-text 1\n0 MARK \0 x\n", 29, &why),
		     EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "line 2: a NUL is in the text"), "%s", why.text);
}

Test(dump, an_output_of_another_kind_is_left_alone)
{
	size_t size;
	struct trace_message why;
	write_whole(in_directory("out.weft"), "a letter", 8);
	cr_assert_eq(undump_bytes("weft-trace-text 1\n0 MARK\n", 25, &why),
		     EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "already exists"), "%s", why.text);
	char *text = read_whole(in_directory("out.weft"), &size);
	cr_assert_str_eq(text, "a letter");
	free(text);
}
