/* test_command.c: the words of weft-trace and its exit codes. main.c is taken in whole,
 * since a test program has a main of its own. */
#define main weft_trace_main
#include "trace/main.c"
#undef main

#include "tests/trace/support.h"

#include <criterion/redirect.h>
#include <unistd.h>

static void start(void)
{
	make_directory();
	cr_redirect_stdout();
	cr_redirect_stderr();
}

TestSuite(command, .init = start, .fini = remove_directory);

#define GOOD   "0 WORKER_START running=1\n0 WORKER_STOP running=1\n"
#define BROKEN "0 WORKER_START running=1\n0 WORKER_STOP running=2\n"

/* Runs weft-trace with up to four words. */
static int tool(const char *first, const char *second, const char *third,
		const char *fourth)
{
	char *words[] = {"weft-trace",
			 (char *)(uintptr_t)first,
			 (char *)(uintptr_t)second,
			 (char *)(uintptr_t)third,
			 (char *)(uintptr_t)fourth,
			 NULL};
	return weft_trace_main(1, words);
}

Test(command, exit_codes_say_what_was_found)
{
	undump(GOOD, in_directory("good.weft"));
	undump(BROKEN, in_directory("broken.weft"));
	undump("segment 0 dropped=1\n" GOOD, in_directory("lost.weft"));
	cr_assert_eq(tool("check", in_directory("good.weft"), NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("check", in_directory("broken.weft"), NULL, NULL),
		     EXIT_BROKEN);
	cr_assert_eq(tool("check", in_directory("lost.weft"), NULL, NULL),
		     EXIT_UNKNOWN);
	cr_assert_eq(tool("check", in_directory("none.weft"), NULL, NULL),
		     EXIT_UNREADABLE);
}

Test(command, every_command_runs)
{
	const char *good = in_directory("good.weft"), *text = in_directory("text");
	undump(GOOD, good);
	write_whole(text, "weft-trace-text 1\n" GOOD, 18 + sizeof GOOD - 1);
	cr_assert_eq(tool("check", "--lint-ms", "5", good), EXIT_HOLDS);
	cr_assert_eq(tool("check", "--progress", good, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("check", good, "--dot", in_directory("slice.dot")),
		     EXIT_HOLDS);
	cr_assert_eq(tool("dump", good, NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("story", good, "--lines", "5"), EXIT_HOLDS);
	cr_assert_eq(tool("lanes", "--width=40", "--ascii", good), EXIT_HOLDS);
	cr_assert_eq(tool("facts", good, NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("fxt", good, in_directory("a.fxt"), NULL), EXIT_HOLDS);
	cr_assert_eq(tool("json", good, in_directory("a.json"), NULL), EXIT_HOLDS);
	cr_assert_eq(tool("fxt", good, good, NULL), EXIT_UNREADABLE);
	cr_assert_eq(tool("json", good, good, NULL), EXIT_UNREADABLE);
	cr_assert_eq(tool("format", NULL, NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("help", "rules", NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool(NULL, NULL, NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("--help", NULL, NULL, NULL), EXIT_HOLDS);
	cr_assert_eq(tool("undump", text, in_directory("new.weft"), NULL), EXIT_HOLDS);
	cr_assert_eq(tool("check", in_directory("new.weft"), NULL, NULL), EXIT_HOLDS);
}

static const struct {
	const char *words[4];
	const char *complaint;
} wrong_words[] = {
	{{"chek"}, "weft-trace: there is no command \"chek\"; did you mean check?\n"},
	{{"lane", "x"}, "did you mean lanes?"},
	{{"fold"}, "weft-trace help lists them"},
	{{"run.weft"}, "the command comes first: weft-trace check run.weft"},
	{{"check"}, "check needs more words; usage: weft-trace check FILE"},
	{{"check", "a", "b"}, "check takes fewer words"},
	{{"check", "--lines", "3", "a"}, "check does not take --lines"},
	{{"check", "--lint-ms", "0", "a"}, "--lint-ms 0: a whole number is needed"},
	{{"check", "--dot=", "a"}, "--dot: the path of a file is needed"},
	{{"check", "--progress=1", "a"}, "--progress takes no value"},
	{{"story", "--lines"}, "--lines : a whole number is needed"},
	{{"story", "--lines", "many", "a"}, "--lines many: a whole number is needed"},
	{{"story", "--lines=0", "a"}, "--lines 0: a whole number is needed"},
	{{"lanes", "--width", "19", "a"},
	 "--width 19: a whole number is needed, at least 20"},
	{{"lanes", "--ascii=1", "a"}, "--ascii takes no value"},
	{{"lanes", "--asci", "a"}, "lanes does not take --asci"},
	{{"rules", "a"}, "rules needs more words"},
	{{"fxt", "a"}, "fxt needs more words; usage: weft-trace fxt FILE OUT.fxt"},
	{{"json", "a", "b", "c"}, "json takes fewer words"},
	{{"help", "check"}, "none for \"check\""},
};

/* Runs the words and returns what they wrote to standard error, the caller's to free.
 */
static char *complaint_of(const char *const *words, int *code)
{
	size_t size;
	const char *path = in_directory("errors");
	int saved = dup(2);
	cr_assert_geq(saved, 0);
	cr_assert(freopen(path, "w", stderr));
	*code = tool(words[0], words[1], words[2], words[3]);
	fflush(stderr);
	cr_assert_geq(dup2(saved, 2), 0);
	close(saved);
	return read_whole(path, &size);
}

Test(command, wrong_words_get_one_line)
{
	for (size_t i = 0; i < sizeof wrong_words / sizeof wrong_words[0]; i++) {
		int code;
		char *text = complaint_of(wrong_words[i].words, &code);
		cr_assert_eq(code, EXIT_USAGE, "%s", text);
		cr_assert(strstr(text, wrong_words[i].complaint), "\"%s\" lacks \"%s\"",
			  text, wrong_words[i].complaint);
		cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
		free(text);
	}
}

Test(command, an_answer_that_cannot_be_written_is_told)
{
	undump(GOOD, in_directory("good.weft"));
	if (access("/dev/full", W_OK) < 0)
		cr_skip("there is no /dev/full here");
	cr_assert(freopen("/dev/full", "w", stdout));
	cr_assert_eq(tool("check", in_directory("good.weft"), NULL, NULL),
		     EXIT_UNREADABLE);
}
