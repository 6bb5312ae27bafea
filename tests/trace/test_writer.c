/* test_writer.c: what is written is what is read. */
#include "tests/trace/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(writer, .init = make_directory, .fini = remove_directory);

static struct trace *open_trace(const char *path, uint64_t records, uint32_t segments)
{
	struct trace *trace;
	struct trace_message why = {.text = ""};
	struct trace_options options = {
		.path = path, .records = records, .workers = segments};
	cr_assert_eq(trace_open(&trace, &options, &why), 0, "%s", why.text);
	return trace;
}

static void open_file(struct trace_file *file, const char *path)
{
	struct trace_message why;
	cr_assert_eq(trace_file_open(file, path, &why), 0, "%s", why.text);
}

Test(writer, records_are_read_back)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 100, 1);
	struct trace_segment *segment = trace_claim(trace);
	uint32_t name = trace_string(trace, "ping");
	TRACE(segment, SWITCH, .arg = TRACE_leave_PARK, .fiber = 7, .fiber_sequence = 3,
	      .peer = 9, .value = trace_pair(512, 4));
	TRACE(segment, NAME, .fiber = 7, .fiber_sequence = 4, .value = name);
	cr_assert_eq(trace_close(trace), 0);

	open_file(&file, path);
	const struct trace_record *records = trace_file_records(&file, 0);
	cr_assert_eq(file.heads[0], 4); /* with an anchor at each end */
	cr_assert_eq(records[0].type, TRACE_ANCHOR);
	cr_assert_eq(records[1].type, TRACE_SWITCH);
	cr_assert_eq(records[1].arg, TRACE_leave_PARK);
	cr_assert_eq(records[1].fiber, 7);
	cr_assert_eq(records[1].fiber_sequence, 3);
	cr_assert_eq(records[1].peer, 9);
	cr_assert_eq(records[1].value, UINT64_C(512) << 32 | 4);
	cr_assert_str_eq(trace_file_string(&file, records[2].value), "ping");
	cr_assert_eq(records[3].type, TRACE_ANCHOR);
	for (int i = 1; i < 4; i++)
		cr_assert_geq(records[i].tick, records[i - 1].tick);
	cr_assert(trace_file_clean(&file));
	cr_assert_eq(trace_file_dropped(&file), 0);
	cr_assert_eq(file.size, file.header->segment_offset[0] + 64 + 4 * 32,
		     "not trimmed");
	trace_file_close(&file);
}

Test(writer, sites_lead_to_the_source)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 100, 1);
	struct trace_segment *segment = trace_claim(trace);
	unsigned line = __LINE__ + 2;
	for (int i = 0; i < 3; i++)
		TRACE(segment, MARK, .value = (uint64_t)i);
	cr_assert_eq(trace_close(trace), 0);

	open_file(&file, path);
	const struct trace_record *records = trace_file_records(&file, 0);
	const struct trace_site_entry *site = trace_file_site(&file, records[1].site);
	cr_assert(site);
	cr_assert_eq(site->line, line);
	cr_assert_eq(site->event, TRACE_MARK);
	cr_assert_str_eq(trace_file_string(&file, site->file), __FILE__);
	cr_assert_str_eq(trace_file_string(&file, site->function), __func__);
	cr_assert_eq(records[1].site, records[3].site);
	cr_assert_null(trace_file_site(&file, 0));
	cr_assert_null(trace_file_site(&file, UINT16_MAX));
	trace_file_close(&file);
}

Test(writer, a_second_trace_has_the_sites_too)
{
	struct trace_file file;
	for (int round = 0; round < 2; round++) {
		struct trace *trace = open_trace(in_directory("trace.weft"), 100, 1);
		struct trace_segment *segment = trace_claim(trace);
		TRACE(segment, MARK, .value = 1);
		cr_assert_eq(trace_close(trace), 0);
		open_file(&file, in_directory("trace.weft"));
		const struct trace_record *mark = trace_file_records(&file, 0) + 1;
		const struct trace_site_entry *site =
			trace_file_site(&file, mark->site);
		cr_assert(site);
		cr_assert_str_eq(trace_file_string(&file, site->function), __func__);
		trace_file_close(&file);
	}
}

Test(writer, no_trace_is_a_trace_that_is_off)
{
	struct trace_segment *segment = trace_claim(NULL);
	cr_assert_null(segment);
	TRACE(segment, MARK, .value = 1);
	cr_assert_eq(trace_string(NULL, "text"), 0);
	cr_assert_eq(trace_worker(segment), 0);
	cr_assert_eq(trace_close(NULL), 0);
}

Test(writer, a_full_segment_counts_what_it_loses)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 10, 1);
	struct trace_segment *segment = trace_claim(trace);
	for (uint64_t i = 0; i < 25; i++)
		TRACE(segment, MARK, .value = i);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file, path);
	cr_assert_eq(file.heads[0], 10);
	cr_assert_eq(trace_file_dropped(&file), 17); /* 1 anchor, 8 marks, LOST fit */
	const struct trace_record *records = trace_file_records(&file, 0);
	cr_assert_eq(records[8].value, 7);
	cr_assert_eq(records[9].type, TRACE_LOST);
	cr_assert_geq(records[9].tick, records[8].tick);
	cr_assert(!file.window);
	trace_file_close(&file);
	expect_round_trip(path);
}

Test(writer, a_segment_that_is_just_full_has_lost_nothing)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 10, 1);
	struct trace_segment *segment = trace_claim(trace);
	for (uint64_t i = 0; i < 8; i++)
		TRACE(segment, MARK, .value = i);
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file, path);
	cr_assert_eq(file.heads[0], 10);
	cr_assert_eq(trace_file_records(&file, 0)[9].type, TRACE_ANCHOR);
	cr_assert_eq(trace_file_dropped(&file), 0);
	trace_file_close(&file);
}

Test(writer, a_worker_without_a_segment_is_a_loss)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 10, 2);
	cr_assert(trace_claim(trace));
	cr_assert(trace_claim(trace));
	cr_assert_null(trace_claim(trace));
	cr_assert_null(trace_claim_worker(trace, 0));
	cr_assert_null(trace_claim_worker(trace, 2));
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file, path);
	cr_assert_eq(trace_file_dropped(&file), 3);
	trace_file_close(&file);
}

Test(writer, strings_that_do_not_fit_are_counted)
{
	char text[5000];
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, 10, 1);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	uint32_t first = trace_string(trace, text);
	cr_assert_gt(first, 0);
	for (int i = 0; i < 3; i++)
		first = trace_string(trace, text);
	cr_assert_eq(first, 0, "there is room for 16 KiB of strings");
	cr_assert_eq(trace_close(trace), 0);
	open_file(&file, path);
	cr_assert_eq(file.header->lost_strings, 1);
	trace_file_close(&file);
}

enum { WORKERS = 4, MARKS = 5000 };

static void *mark(void *argument)
{
	struct trace *trace = argument;
	struct trace_segment *segment = trace_claim(trace);
	cr_assert(segment);
	for (uint64_t i = 0; i < MARKS; i++) {
		if (i % 1000 == 0)
			(void)trace_string(trace, "text");
		TRACE(segment, MARK, .value = trace_pair(trace_worker(segment), i));
	}
	return NULL;
}

Test(writer, each_worker_has_a_segment_of_its_own)
{
	pthread_t threads[WORKERS];
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	struct trace *trace = open_trace(path, MARKS + 2, WORKERS + 1);
	for (int i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, mark, trace), 0);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(trace_close(trace), 0);

	open_file(&file, path);
	cr_assert_eq(trace_file_segments(&file), WORKERS); /* the unclaimed ones left */
	cr_assert_eq(trace_file_workers(&file), WORKERS);
	cr_assert(trace_file_clean(&file));
	for (uint32_t worker = 0; worker < WORKERS; worker++) {
		const struct trace_record *records = trace_file_records(&file, worker);
		cr_assert_eq(file.heads[worker], MARKS + 2);
		for (uint64_t i = 0; i < MARKS; i++)
			cr_assert_eq(records[i + 1].value, trace_pair(worker, i));
	}
	trace_file_close(&file);
	expect_round_trip(path);
}

/* ---- paths ---- */

static void expect_refusal(const char *path, uint64_t records, int error,
			   const char *words)
{
	struct trace *trace = (struct trace *)&trace;
	struct trace_message why = {.text = ""};
	struct trace_options options = {.path = path, .records = records};
	cr_assert_eq(trace_open(&trace, &options, &why), error, "%s", why.text);
	cr_assert_null(trace);
	cr_assert(strstr(why.text, words), "\"%s\" lacks \"%s\"", why.text, words);
	cr_assert_null(strchr(why.text, '\n'));
}

Test(writer, bad_paths_are_refused)
{
	expect_refusal(in_directory("none/trace.weft"), 10, -ENOENT, "no such file");
	expect_refusal(in_directory("."), 10, -EEXIST, "a path that is free");
	expect_refusal("", 10, -EINVAL, "no path was given");
	expect_refusal(NULL, 10, -EINVAL, "no path was given");
	expect_refusal(in_directory("big.weft"), TRACE_RECORDS_MAX + 1, -EINVAL,
		       "fewer");
	cr_assert_neq(access(in_directory("big.weft"), F_OK), 0);
}

Test(writer, a_file_of_another_kind_is_left_alone)
{
	size_t size;
	const char *path = in_directory("letter");
	write_whole(path, "dear reader\n", 12);
	expect_refusal(path, 10, -EEXIST, "holds an older trace");
	char *text = read_whole(path, &size);
	cr_assert_eq(size, 12);
	cr_assert_str_eq(text, "dear reader\n");
	free(text);
}

Test(writer, an_older_trace_is_replaced)
{
	struct trace_file file;
	const char *path = in_directory("trace.weft");
	cr_assert_eq(trace_close(open_trace(path, 1000, 3)), 0);
	cr_assert_eq(trace_close(open_trace(path, 1000, 1)), 0);
	open_file(&file, path);
	cr_assert_eq(trace_file_segments(&file), 1);
	trace_file_close(&file);
}

Test(writer, no_room_is_one_line_and_no_file)
{
	struct rlimit limit = {.rlim_cur = 100000, .rlim_max = 100000};
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_refusal(in_directory("trace.weft"), 100000, -EFBIG, "WEFT_TRACE=path,N");
	cr_assert_neq(access(in_directory("trace.weft"), F_OK), 0);
	cr_assert_eq(trace_close(open_trace(in_directory("small.weft"), 100, 1)), 0);
}

/* ---- WEFT_TRACE ---- */

static int open_from(const char *value, struct trace **trace, struct trace_message *why)
{
	why->text[0] = '\0';
	setenv("WEFT_TRACE", value, 1);
	return trace_open_from_environment(trace, 2, 0, why);
}

Test(writer, the_environment_names_the_trace)
{
	struct trace *trace;
	struct trace_message why;
	struct trace_file file;
	char value[600];
	snprintf(value, sizeof value, "%s,123", in_directory("named.weft"));
	cr_assert_eq(open_from(value, &trace, &why), 0, "%s", why.text);
	cr_assert(trace);
	open_file(&file, in_directory("named.weft"));
	cr_assert_eq(trace_file_workers(&file), 2);
	cr_assert_eq(trace_file_segments(&file), 2 + TRACE_OTHERS_DEFAULT);
	cr_assert_eq(trace_file_segment(&file, 0)->capacity, 123);
	cr_assert_eq(trace_file_segment(&file, 2)->capacity, 31);
	trace_file_close(&file);
	cr_assert_eq(trace_close(trace), 0);
}

Test(writer, the_environment_asks_for_a_ring)
{
	static const char *const words[] = {"ring", "ring,123", "123,ring"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct trace *trace;
		struct trace_message why;
		struct trace_file file;
		char value[600];
		snprintf(value, sizeof value, "%s,%s", in_directory("named.weft"),
			 words[i]);
		cr_assert_eq(open_from(value, &trace, &why), 0, "%s", why.text);
		open_file(&file, in_directory("named.weft"));
		cr_assert_eq(trace_file_segment(&file, 0)->flags, TRACE_RING);
		cr_assert_eq(trace_file_segment(&file, 0)->capacity,
			     i ? 123 : TRACE_RECORDS_DEFAULT);
		trace_file_close(&file);
		cr_assert_eq(trace_close(trace), 0);
	}
}

Test(writer, without_the_variable_nothing_is_traced)
{
	struct trace *trace = (struct trace *)&trace;
	struct trace_message why;
	cr_assert_eq(open_from("", &trace, &why), 0);
	cr_assert_null(trace);
	trace = (struct trace *)&trace;
	unsetenv("WEFT_TRACE");
	cr_assert_eq(trace_open_from_environment(&trace, 2, 0, &why), 0);
	cr_assert_null(trace);
}

Test(writer, bad_values_are_refused)
{
	static const char *const values[] = {"trace.weft,",
					     "trace.weft,0",
					     "trace.weft,x",
					     "trace.weft,10k",
					     ",5",
					     "trace.weft,-1",
					     "trace.weft,ringing",
					     "trace.weft,ring,ring",
					     "trace.weft,ring,",
					     "trace.weft,7,8",
					     "trace.weft,7,8,ring",
					     "a,trace.weft,7",
					     "trace.weft,99999999999999999999"};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct trace *trace = (struct trace *)&trace;
		struct trace_message why;
		cr_assert_eq(open_from(values[i], &trace, &why), -EINVAL, "%s",
			     values[i]);
		cr_assert_null(trace);
		cr_assert(strstr(why.text, "WEFT_TRACE") || strstr(why.text, "fewer"),
			  "%s", why.text);
		cr_assert_neq(access("trace.weft", F_OK), 0);
	}
}

Test(writer, a_path_that_is_too_long_is_refused)
{
	struct trace *trace;
	struct trace_message why;
	char value[6000];
	memset(value, 'x', sizeof value);
	value[sizeof value - 1] = '\0';
	cr_assert_eq(open_from(value, &trace, &why), -EINVAL);
	cr_assert_null(trace);
}
