/* test_json.c: the json command as a function: events that stand in a line of their
 * own, escaped texts, and the limit. Whole exports are read back by
 * tests/viz/test_json.py. */
#include "tests/trace/support.h"

TestSuite(json, .init = make_directory, .fini = remove_directory);

/* What the trace of `text` is as JSON; the caller's to free. */
static char *export(const char *text)
{
	struct trace_file file;
	struct trace_message why;
	size_t size;
	const char *path = in_directory("run.weft"), *out = in_directory("run.json");
	undump(text, path);
	cr_assert_eq(trace_file_open(&file, path, &why), 0, "%s", why.text);
	cr_assert_eq(command_json(&file, out, &why), EXIT_HOLDS, "%s", why.text);
	trace_file_close(&file);
	return read_whole(out, &size);
}

static void expect_line(const char *json, const char *line)
{
	cr_assert(strstr(json, line), "%s\nis not in\n%s", line, json);
}

Test(json, slices_spans_and_arrows)
{
	char *json = export("0 1000 WORKER_START running=1\n"
			    "0 1500 READY place=local fiber=2 waker=1\n"
			    "0 2000 SPAN_BEGIN fiber=1 text=\"both\"\n"
			    "0 3000 SWITCH reason=yield next=2 previous=1\n"
			    "0 4000 SWITCH reason=park next=1 previous=2\n"
			    "0 4500 SPAN_END fiber=1 text=\"both\"\n"
			    "0 5000 WORKER_STOP running=1\n");
	expect_line(json, "{\"traceEvents\":[\n");
	expect_line(json, "\"pid\":1,\"tid\":0,\"cat\":\"worker\",\"ts\":3.000,"
			  "\"dur\":1.000,\"args\":{\"until\":\"park\"}}");
	expect_line(json, "{\"ph\":\"X\",\"name\":\"ready\",\"pid\":2,\"tid\":1,"
			  "\"cat\":\"state\",\"ts\":3.000,\"dur\":1.000,");
	expect_line(json, "{\"ph\":\"B\",\"name\":\"both\",\"pid\":2,\"tid\":1,");
	expect_line(json, "{\"ph\":\"E\",\"name\":\"both\",\"pid\":2,\"tid\":1,");
	expect_line(json, "{\"ph\":\"s\",\"name\":\"wakes\",\"pid\":2,\"tid\":1,"
			  "\"cat\":\"wake\",\"id\":1,\"ts\":1.500}");
	expect_line(json, "{\"ph\":\"f\",\"name\":\"wakes\",\"pid\":2,\"tid\":2,"
			  "\"cat\":\"wake\",\"id\":1,\"bp\":\"e\",\"ts\":3.000}");
	expect_line(json, "\"displayTimeUnit\":\"ns\"");
	free(json);
}

Test(json, texts_are_escaped)
{
	char *json =
		export("0 MARK fiber=1 text=\"q\\\" b\\\\ t\\t n\\n \\x01 \\xff\"\n");
	expect_line(json, "\"q\\\" b\\\\ t\\u0009 n\\u000a \\u0001 \xEF\xBF\xBD\"");
	free(json);
}

Test(json, an_empty_trace_is_an_object_all_the_same)
{
	char *json = export("segment 0\n");
	expect_line(json, "\"records\":0,\"records_lost\":0");
	free(json);
}
