/* test_fxt.c: the fxt command as a function: words that anyone can compute by hand, and
 * what becomes of the output when it cannot be written. Whole exports are read back by
 * tests/viz/test_fxt.py. */
#include "tests/trace/support.h"

#include <sys/stat.h>
#include <unistd.h>

TestSuite(fxt, .init = make_directory, .fini = remove_directory);

#define RUN                                                                            \
	"0 1000 CREATE child=1\n"                                                      \
	"0 1100 NAME fiber=1 name=\"main\"\n"                                          \
	"0 1200 WORKER_START running=1\n"                                              \
	"0 1300 READY place=local fiber=2 waker=1\n"                                   \
	"0 1400 SWITCH reason=yield next=2 previous=1\n"                               \
	"0 1500 MARK fiber=2 number=7 text=\"here\"\n"                                 \
	"0 1600 SPAN_BEGIN fiber=2 text=\"work\"\n"                                    \
	"0 1700 SPAN_END fiber=2 text=\"work\"\n"

/* Exports the trace of `text` to `out`. */
static int export(const char *text, const char *out, struct trace_message *why)
{
	struct trace_file file;
	const char *path = in_directory("run.weft");
	undump(text, path);
	cr_assert_eq(trace_file_open(&file, path, why), 0, "%s", why->text);
	why->text[0] = '\0';
	int code = command_fxt(&file, out, why);
	trace_file_close(&file);
	return code;
}

static uint64_t word_at(const char *data, size_t index)
{
	uint64_t word = 0;
	for (size_t i = 8; i-- > 0;)
		word = word << 8 | (unsigned char)data[8 * index + i];
	return word;
}

/* The index of the `nth` record of that type, counted from 0, or 0. */
static size_t find_record(const char *data, size_t size, unsigned type, unsigned nth)
{
	for (size_t at = 0; at < size / 8; at += word_at(data, at) >> 4 & 0xFFF) {
		cr_assert_neq(word_at(data, at) >> 4 & 0xFFF, 0, "a record of size 0");
		if ((word_at(data, at) & 0xF) == type && nth-- == 0)
			return at;
	}
	return 0;
}

Test(fxt, the_head_and_the_records_have_their_words)
{
	struct trace_message why;
	size_t size;
	const char *out = in_directory("run.fxt");
	cr_assert_eq(export(RUN, out, &why), EXIT_HOLDS, "%s", why.text);
	char *data = read_whole(out, &size);
	cr_assert_eq(size % 8, 0);
	cr_assert_eq(word_at(data, 0), 0x0016547846040010u);
	cr_assert_eq(word_at(data, 1),
		     UINT64_C(10) << 52 | 1u << 20 | 1u << 16 | 3u << 4,
		     "the provider, weft-trace, is 10 bytes long");
	cr_assert_arr_eq(data + 16, "weft-trace\0\0\0\0\0", 16);
	size_t start = find_record(data, size, 8, 0);
	size_t wakeup = find_record(data, size, 8, 1);
	size_t yield = find_record(data, size, 8, 2);
	cr_assert_eq(word_at(data, start) >> 60, 1);
	cr_assert_eq(word_at(data, start + 2), 0xFFFF8000u, "outside fibers");
	cr_assert_eq(word_at(data, start + 3), 1);
	cr_assert_eq(word_at(data, wakeup) >> 60, 2);
	cr_assert_eq(word_at(data, wakeup + 1), 1300);
	cr_assert_eq(word_at(data, wakeup + 2), 2);
	cr_assert_eq(word_at(data, yield) >> 36 & 0xF, 1, "runnable");
	cr_assert_eq(word_at(data, yield + 1), 1400);
	cr_assert_eq(word_at(data, yield + 2), 1);
	cr_assert_eq(word_at(data, yield + 3), 2);
	free(data);
}

Test(fxt, the_same_trace_gives_the_same_bytes)
{
	struct trace_message why;
	size_t size, size_again;
	cr_assert_eq(export(RUN, in_directory("a.fxt"), &why), EXIT_HOLDS);
	cr_assert_eq(export(RUN, in_directory("b.fxt"), &why), EXIT_HOLDS);
	char *data = read_whole(in_directory("a.fxt"), &size);
	char *again = read_whole(in_directory("b.fxt"), &size_again);
	cr_assert_eq(size, size_again);
	cr_assert_arr_eq(data, again, size);
	free(data);
	free(again);
}

Test(fxt, an_output_that_cannot_be_written_is_one_line_and_no_file)
{
	static const char *const paths[] = {"/there/is/no/such/out.fxt", "/"};
	struct trace_message why;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		cr_assert_eq(export(RUN, paths[i], &why), EXIT_UNREADABLE);
		cr_assert(strstr(why.text, "cannot write"), "%s", why.text);
		cr_assert(strstr(why.text, paths[i]), "%s", why.text);
		cr_assert_not(strchr(why.text, '\n'));
	}
	cr_assert_eq(export(RUN, in_directory("run.weft"), &why), EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "is the trace itself"), "%s", why.text);
}

Test(fxt, a_full_device_is_told_and_stays_a_device)
{
	struct trace_message why;
	struct stat status;
	if (access("/dev/full", W_OK) < 0)
		cr_skip("there is no /dev/full here");
	cr_assert_eq(export(RUN, "/dev/full", &why), EXIT_UNREADABLE);
	cr_assert(strstr(why.text, "no space left"), "%s", why.text);
	cr_assert_eq(stat("/dev/full", &status), 0);
	cr_assert(S_ISCHR(status.st_mode));
}
