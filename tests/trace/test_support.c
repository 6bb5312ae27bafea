/* test_support.c: support.h, for all tests here. */
#include "tests/trace/support.h"

#include <dirent.h>
#include <unistd.h>

static char directory[64];

void make_directory(void)
{
	strcpy(directory, "/tmp/weft-test-XXXXXX");
	cr_assert(mkdtemp(directory));
}

void remove_directory(void)
{
	struct dirent *entry;
	DIR *files = opendir(directory);
	cr_assert(files);
	while ((entry = readdir(files)))
		if (entry->d_name[0] != '.')
			(void)remove(in_directory(entry->d_name));
	closedir(files);
	rmdir(directory);
}

const char *in_directory(const char *name)
{
	static char paths[8][512];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

char *read_whole(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	cr_assert(file, "cannot read %s", path);
	cr_assert_eq(fseek(file, 0, SEEK_END), 0);
	*size = (size_t)ftell(file);
	rewind(file);
	char *data = malloc(*size + 1);
	cr_assert(data);
	cr_assert_eq(fread(data, 1, *size, file), *size);
	data[*size] = '\0';
	fclose(file);
	return data;
}

void write_whole(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	cr_assert(file, "cannot write %s", path);
	cr_assert_eq(fwrite(data, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

void undump(const char *text, const char *path)
{
	struct trace_message why;
	char *whole;
	cr_assert(asprintf(&whole, "weft-trace-text 1\n%s", text) > 0);
	FILE *file = fmemopen(whole, strlen(whole), "r");
	cr_assert(file);
	cr_assert_eq(command_undump(file, path, &why), EXIT_HOLDS, "%s", why.text);
	fclose(file);
	free(whole);
}

struct answer ask(command_function *command, const char *path)
{
	struct answer answer;
	struct trace_file file;
	struct trace_message why;
	size_t size;
	cr_assert_eq(trace_file_open(&file, path, &why), 0, "%s", why.text);
	FILE *out = open_memstream(&answer.text, &size);
	cr_assert(out);
	answer.code = command(&file, out);
	fclose(out);
	trace_file_close(&file);
	return answer;
}

struct answer check_text(const char *text)
{
	const char *path = in_directory("checked.weft");
	undump(text, path);
	return ask(command_check, path);
}

struct answer check_with(const char *text, const struct check_options *options)
{
	struct answer answer;
	struct trace_file file;
	struct trace_message why;
	size_t size;
	const char *path = in_directory("checked.weft");
	undump(text, path);
	cr_assert_eq(trace_file_open(&file, path, &why), 0, "%s", why.text);
	FILE *out = open_memstream(&answer.text, &size);
	answer.code = command_check_with(&file, options, out);
	fclose(out);
	trace_file_close(&file);
	return answer;
}

void expect_words(struct answer answer, int code, const char *words)
{
	cr_assert_eq(answer.code, code, "code %d:\n%s", answer.code, answer.text);
	cr_assert(strstr(answer.text, words), "\"%s\" is not in:\n%s", words,
		  answer.text);
	free(answer.text);
}

void expect_good(const char *text, const char *words)
{
	expect_words(check_text(text), EXIT_HOLDS, words);
}

void expect_broken(const char *text, unsigned number, const char *words)
{
	char sentence[64], verdict[64];
	struct answer answer = check_text(text);
	snprintf(sentence, sizeof sentence, "invariant %u is broken: ", number);
	snprintf(verdict, sizeof verdict, ": invariant %u is broken", number);
	cr_assert_eq(answer.code, EXIT_BROKEN, "code %d:\n%s", answer.code,
		     answer.text);
	cr_assert_eq(strncmp(answer.text, sentence, strlen(sentence)), 0, "%s",
		     answer.text);
	cr_assert(strstr(answer.text, verdict), "%s", answer.text);
	cr_assert(strstr(answer.text, words), "\"%s\" is not in:\n%s", words,
		  answer.text);
	free(answer.text);
}

void expect_round_trip(const char *path)
{
	struct trace_message why;
	size_t size, size_again;
	const char *again = in_directory("again.weft");
	struct answer text = ask(command_dump, path);
	FILE *file = fmemopen(text.text, strlen(text.text), "r");
	cr_assert(file);
	cr_assert_eq(text.code, EXIT_HOLDS);
	cr_assert_eq(command_undump(file, again, &why), EXIT_HOLDS, "%s", why.text);
	fclose(file);
	char *bytes = read_whole(path, &size),
	     *bytes_again = read_whole(again, &size_again);
	cr_assert_eq(size, size_again, "%zu bytes became %zu", size, size_again);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(bytes[i], bytes_again[i], "byte %zu differs", i);
	free(bytes);
	free(bytes_again);
	free(text.text);
}
