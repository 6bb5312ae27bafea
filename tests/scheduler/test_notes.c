/* test_notes.c: what a program writes into its trace, and a trace that cannot be had. */
#include "weft.h"

#include <errno.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scheduler/recorded.h"

enum { CHILDREN = 10 };

static char path[100];

static const char *trace_path(void)
{
	snprintf(path, sizeof path, "/tmp/weft-test-notes-%u",
		 (unsigned)system_process_id());
	return path;
}

static void note(struct weft *io, const void *context, void *result)
{
	(void)result;
	weft_name(io, "child");
	weft_span_begin(io, "outer");
	weft_span_begin(io, "inner");
	weft_mark(io, "number", *(const uint32_t *)context);
	weft_yield(io);
	weft_span_end(io, "inner");
	weft_span_end(io, "outer");
}

static void run_children(struct weft *io)
{
	struct weft_future futures[CHILDREN];
	weft_mark(io, "begin", 0);
	for (uint32_t i = 0; i < CHILDREN; i++)
		weft_async(io, &futures[i], note, &i, sizeof i, NULL);
	for (int i = 0; i < CHILDREN; i++)
		weft_await(io, &futures[i]);
}

Test(notes, without_a_trace_are_nothing)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.trace_path = ""}), 0);
	run_children(io);
	cr_assert_eq(weft_deinit(io), 0);
}

static struct recorded run_traced(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.trace_path = trace_path(),
							   .workers = workers}),
		     0);
	run_children(io);
	cr_assert_eq(weft_deinit(io), 0);
	return recorded_open(path);
}

static void finish(struct recorded *trace)
{
	recorded_close(trace);
	cr_assert_eq(system_remove(path), 0);
}

Test(notes, with_a_trace_are_in_it)
{
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct recorded trace = run_traced(workers);
		cr_assert_eq(recorded_count(&trace, TRACE_MARK), CHILDREN + 1);
		cr_assert_eq(recorded_count(&trace, TRACE_SPAN_BEGIN), 2 * CHILDREN);
		cr_assert_eq(recorded_count(&trace, TRACE_SPAN_END), 2 * CHILDREN);
		uint64_t born = recorded_count(&trace, TRACE_WORKER_START);
		cr_assert(born >= 1 && born <= workers, "%d of %u workers", (int)born,
			  workers);
		cr_assert_eq(recorded_count(&trace, TRACE_NAME), CHILDREN + 1 + born,
			     "the main and idle fibers too");
		cr_assert_eq(recorded_count(&trace, TRACE_FINISH), CHILDREN);
		cr_assert_eq(recorded_count(&trace, TRACE_WORKER_STOP), born);
		finish(&trace);
	}
}

struct sum {
	const struct recorded *trace;
	uint64_t numbers;
};

static void add_mark(const struct trace_record *record, void *argument)
{
	struct sum *sum = argument;
	if (record->type != TRACE_MARK)
		return;
	const char *text = recorded_string(sum->trace, record->value);
	if (strcmp(text, "number") == 0)
		sum->numbers += record->value >> 32;
	else
		cr_assert_str_eq(text, "begin");
}

Test(notes, keep_text_and_number)
{
	struct recorded trace = run_traced(1);
	struct sum sum = {&trace, 0};
	recorded_each(&trace, add_mark, &sum);
	cr_assert_eq(sum.numbers, CHILDREN * (CHILDREN - 1) / 2);
	finish(&trace);
}

/* A program may mark as often as it has records. */
Test(notes, the_same_text_takes_room_once)
{
	enum { MARKS = 30000 };
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.trace_path = trace_path()}),
		     0);
	for (uint32_t i = 0; i < MARKS; i++)
		weft_mark(io, "a text of forty bytes, more or less so", i);
	cr_assert_eq(weft_deinit(io), 0);
	struct recorded trace = recorded_open(path);
	const struct trace_header *header = (const void *)trace.file;
	cr_assert_eq(recorded_count(&trace, TRACE_MARK), MARKS);
	cr_assert_eq(atomic_load(&header->lost_strings), 0);
	finish(&trace);
}

static void look_at_depth(const struct trace_record *record, void *argument)
{
	uint64_t *deepest = argument;
	if (record->type == TRACE_SWITCH && record->value >> 32 > *deepest)
		*deepest = record->value >> 32;
}

/* Deep in a stack, so that the main fiber switches from frames of older callers. */
static __attribute__((noinline)) struct weft *begin_deep(int frames)
{
	volatile char room[1024];
	struct weft *io;
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 0;
	if (frames > 0) {
		io = begin_deep(frames - 1);
		return room[0] ? NULL : io; /* the frame is needed until here */
	}
	cr_assert_eq(weft_init(&io, &(struct weft_options){.trace_path = trace_path()}),
		     0);
	return io;
}

Test(notes, a_switch_records_a_possible_depth)
{
	struct weft *io = begin_deep(20);
	uint64_t deepest = 0;
	run_children(io);
	cr_assert_eq(weft_deinit(io), 0);
	struct recorded trace = recorded_open(path);
	recorded_each(&trace, look_at_depth, &deepest);
	cr_assert_leq(deepest, 8 << 20, "%lu bytes of stack", (unsigned long)deepest);
	finish(&trace);
}

/* ---- traces that cannot be had ---- */

/* Runs a traced program with descriptor 2 led into `text`; it must not be disturbed. */
static void run_and_read_errors(const struct weft_options *options, char *text,
				size_t size)
{
	int ends[2], usual = dup(2);
	struct weft *io;
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], 2), 2);
	int error = weft_init(&io, options);
	cr_assert_eq(dup2(usual, 2), 2);
	close(ends[1]);
	ssize_t length = read(ends[0], text, size - 1);
	close(ends[0]);
	cr_assert_geq(length, 0);
	text[length] = '\0';
	cr_assert_eq(error, 0);
	run_children(io);
	cr_assert_eq(weft_deinit(io), 0);
}

static void assert_one_line(const char *text)
{
	const char *end = strchr(text, '\n');
	cr_assert_not_null(end, "it said: \"%s\"", text);
	cr_assert_str_eq(end, "\n", "more than one line: %s", text);
	cr_assert(strncmp(text, "weft: ", 6) == 0, "%s", text);
	cr_assert(strstr(text, "untraced"), "%s", text);
}

Test(notes, a_bad_path_in_the_environment)
{
	char text[1000];
	setenv("WEFT_TRACE", "/there/is/no/such/directory/trace.weft", 1);
	run_and_read_errors(NULL, text, sizeof text);
	assert_one_line(text);
	run_and_read_errors(&(struct weft_options){.trace_path = ""}, text,
			    sizeof text);
	cr_assert_str_eq(text, "", "tracing is forbidden");
}

Test(notes, a_bad_path_in_the_options)
{
	char text[1000];
	run_and_read_errors(&(struct weft_options){.trace_path = "/dev/null/trace"},
			    text, sizeof text);
	assert_one_line(text);
}

Test(notes, a_bad_number_of_records)
{
	char text[1000];
	run_and_read_errors(&(struct weft_options){.trace_path = trace_path(),
						   .trace_records = UINT64_MAX},
			    text, sizeof text);
	assert_one_line(text);
}

Test(notes, a_wrong_word_in_the_environment)
{
	static const char *const words[] = {"rinng", "ring,ring", "ring,x", "5,5", ""};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		char text[1000], value[400];
		snprintf(value, sizeof value, "%s,%s", trace_path(), words[i]);
		setenv("WEFT_TRACE", value, 1);
		run_and_read_errors(NULL, text, sizeof text);
		assert_one_line(text);
		cr_assert(strstr(text, "cannot read WEFT_TRACE="), "%s", text);
		cr_assert_neq(access(trace_path(), F_OK), 0);
	}
}

Test(notes, a_bad_mode)
{
	struct weft *io;
	struct weft_options options = {.trace_mode = (enum weft_trace_mode)2};
	cr_assert_eq(weft_init(&io, &options), -EINVAL);
}

Test(notes, a_path_in_the_environment)
{
	char text[1000];
	setenv("WEFT_TRACE", trace_path(), 1);
	run_and_read_errors(NULL, text, sizeof text);
	cr_assert_str_eq(text, "");
	struct recorded trace = recorded_open(path);
	cr_assert_eq(recorded_count(&trace, TRACE_FINISH), CHILDREN);
	finish(&trace);
}
