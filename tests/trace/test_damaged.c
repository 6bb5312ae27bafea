/* test_damaged.c: a damaged file gets one clear line, and never a crash. */
#include "tests/trace/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MUTATIONS = 20000 };

TestSuite(damaged, .init = make_directory, .fini = remove_directory);

static const char good_text[] =
	"header pid=7\n"
	"string \"main\"\n"
	"site event=CREATE file=\"main.c\" line=3 function=\"f\"\n"
	"segment 0 os_thread=7\n"
	"segment 1 os_thread=8\n"
	"0 WORKER_START running=1 os_thread=7 .site=1\n"
	"0 NAME fiber=1 name=\"main\"\n"
	"0 CREATE child=2 parent=1 entry=\"play\" stack_size=4096\n"
	"1 WORKER_START running=3\n"
	"0 SWITCH reason=start next=2 previous=1\n"
	"0 MARK fiber=2 number=5 text=\"note\"\n"
	"1 SWITCH reason=park next=1 previous=3\n"
	"0 FINISH fiber=2 largest_stack_used=100\n"
	"1 SWITCH reason=park next=3 previous=1\n"
	"0 SWITCH reason=finish next=1 previous=2\n"
	"1 WORKER_STOP running=3\n"
	"0 WORKER_STOP running=1\n";

static void expect_refusal(const char *path, int error, const char *words)
{
	struct trace_file file;
	struct trace_message why = {.text = ""};
	cr_assert_eq(trace_file_open(&file, path, &why), error, "%s: \"%s\"", words,
		     why.text);
	cr_assert_eq(strncmp(why.text, path, strlen(path)), 0,
		     "\"%s\" does not start with %s", why.text, path);
	cr_assert(strstr(why.text, words), "\"%s\" lacks \"%s\"", why.text, words);
	cr_assert(strchr(why.text, ';'), "\"%s\" does not say what to do", why.text);
	cr_assert_null(strchr(why.text, '\n'));
}

Test(damaged, the_good_file_is_sound)
{
	struct answer answer = check_text(good_text);
	cr_assert_eq(answer.code, EXIT_HOLDS, "%s", answer.text);
	free(answer.text);
	expect_round_trip(in_directory("checked.weft"));
}

Test(damaged, what_is_no_file_is_refused)
{
	expect_refusal(in_directory("none"), -ENOENT, "no such file");
	expect_refusal(in_directory("."), -EINVAL, "not a regular file");
	expect_refusal("/dev/null", -EINVAL, "not a regular file");
	write_whole(in_directory("empty"), "", 0);
	expect_refusal(in_directory("empty"), -EINVAL, "is empty");
	write_whole(in_directory("short"), "hello", 5);
	expect_refusal(in_directory("short"), -EINVAL, "5 bytes long");
}

/* ---- single fields ---- */

/* `width` bytes of value are put at `offset`, counted from the start of `part`. */
enum part { HEADER, SCHEMA, SITES, STRINGS, SEGMENT_0, SEGMENT_1 };

struct damage {
	enum part part;
	size_t offset, width;
	uint64_t value;
	const char *words;
};

#define OF_HEADER(field)  HEADER, offsetof(struct trace_header, field)
#define OF_SEGMENT(field) SEGMENT_1, offsetof(struct trace_segment_header, field)

static const struct damage damages[] = {
	{OF_HEADER(magic), 1, 'x', "text mode"},
	{OF_HEADER(magic[4]), 4, 0x000a1a0a, "text mode"},
	{OF_HEADER(magic[1]), 1, 'X', "not a trace"},
	{OF_HEADER(magic), 8, 0, "starts with zeros"},
	{OF_HEADER(endian_probe), 4, 0x04030201, "the other order"},
	{OF_HEADER(endian_probe), 4, 0x01020305, "byte order 0x01020305"},
	{OF_HEADER(major), 2, 2, "format 2.1"},
	{OF_HEADER(major), 2, 0, "format 0.1"},
	{OF_HEADER(record_size), 4, 40, "records of 40 bytes"},
	{OF_HEADER(ticks_per_second), 8, 0, "0 ticks per second"},
	{OF_HEADER(segments), 4, 0, "0 segments"},
	{OF_HEADER(segments), 4, 257, "257 segments"},
	{OF_HEADER(segments), 4, 3, "no segment 2 at byte 0"},
	{OF_HEADER(workers), 4, 3, "3 workers with 2 segments"},
	{OF_HEADER(workers), 4, UINT32_MAX, "workers with 2 segments"},
	{OF_HEADER(schema.offset), 4, 4097, "no multiple of 64"},
	{OF_HEADER(schema.offset), 4, 64, "overlap"},
	{OF_HEADER(schema.offset), 4, 0x40000000, "cut short"},
	{OF_HEADER(schema.length), 4, 0xFFFFFFFF, "cut short"},
	{OF_HEADER(schema.length), 4, 0, "damaged schema: line 1"},
	{OF_HEADER(schema.length), 4, 20, "has no end"},
	{OF_HEADER(sites.offset), 4, 4096, "overlap"},
	{OF_HEADER(sites.length), 4, 0x80000000, "cut short"},
	{OF_HEADER(strings.offset), 4, 0, "overlap"},
	{OF_HEADER(strings.length), 4, 16448, "overlap"},
	{OF_HEADER(strings.length), 4, 3, "bytes of strings in 3"},
	{OF_HEADER(sites_head), 8, 15, "15 of sites"},
	{OF_HEADER(sites_head), 8, 8208, "8208 of sites"},
	{OF_HEADER(sites_head), 8, UINT64_C(1) << 63, "of sites"},
	{OF_HEADER(strings_head), 8, 0, "damaged strings"},
	{OF_HEADER(strings_head), 8, 3, "damaged strings"},
	{OF_HEADER(strings_head), 8, 16385, "16385 bytes of strings"},
	{OF_HEADER(segment_offset[0]), 8, 0, "no segment 0 at byte 0"},
	{OF_HEADER(segment_offset[1]), 8, 4096, "no segment 1 at byte 4096"},
	{OF_HEADER(segment_offset[1]), 8, UINT64_C(1) << 62, "cut short"},
	{OF_HEADER(segment_offset[1]), 8, UINT64_MAX - 63, "cut short"},
	{OF_SEGMENT(magic), 1, 'X', "no segment 1"},
	{OF_SEGMENT(index), 2, 0, "no segment 1"},
	{OF_SEGMENT(flags), 2, 2, "unknown kind, 2"},
	{OF_SEGMENT(flags), 2, 0x8001, "unknown kind, 32769"},
	{OF_SEGMENT(role), 4, 3, "unknown role, 3"},
	{OF_SEGMENT(role), 4, 1, "role 1 is no worker's"},
	{OF_SEGMENT(head), 8, 5, "wrote 5 records where 4 fit"},
	{OF_SEGMENT(head), 8, UINT64_MAX, "records where 4 fit"},
	{OF_SEGMENT(capacity), 8, 3, "wrote 4 records where 3 fit"},
	{OF_SEGMENT(capacity), 8, 5, "cut short"},
	{OF_SEGMENT(capacity), 8, UINT64_MAX / 32 + 2, "cut short"},
	{SEGMENT_0, offsetof(struct trace_segment_header, capacity), 8, 10, "overlap"},
	{SCHEMA, 0, 1, 'W', "damaged schema: line 1"},
	{SCHEMA, 20, 1, '\r', "damaged schema: line 2"},
	{STRINGS, 0, 1, 'x', "damaged strings"},
};

static void damage_bytes(char *bytes, const struct damage *damage)
{
	const struct trace_header *header = (const void *)bytes;
	const uint64_t starts[] = {
		0,
		header->schema.offset,
		header->sites.offset,
		header->strings.offset,
		header->segment_offset[0],
		header->segment_offset[1],
	};
	memcpy(bytes + starts[damage->part] + damage->offset, &damage->value,
	       damage->width);
}

Test(damaged, each_field_has_its_line)
{
	size_t size;
	const char *path = in_directory("bad.weft");
	undump(good_text, path);
	char *good = read_whole(path, &size), *bytes = malloc(size);
	cr_assert(bytes);
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		memcpy(bytes, good, size);
		damage_bytes(bytes, &damages[i]);
		write_whole(path, bytes, size);
		expect_refusal(path, -EINVAL, damages[i].words);
	}
	free(bytes);
	free(good);
}

Test(damaged, a_long_path_shows_its_end)
{
	struct trace_file file;
	struct trace_message why;
	char name[200];
	memset(name, 'x', sizeof name);
	strcpy(name + sizeof name - 9, "end.weft");
	const char *path = in_directory(name);
	write_whole(path, "hello", 5);
	cr_assert_eq(trace_file_open(&file, path, &why), -EINVAL);
	cr_assert_eq(strncmp(why.text, "...", 3), 0, "%s", why.text);
	cr_assert(strstr(why.text, "end.weft: is 5 bytes long"), "%s", why.text);
}

Test(damaged, a_newer_minor_is_read)
{
	struct trace_file file;
	struct trace_message why;
	undump("header minor=9\n0 MARK\n", in_directory("new.weft"));
	cr_assert_eq(trace_file_open(&file, in_directory("new.weft"), &why), 0, "%s",
		     why.text);
	trace_file_close(&file);
}

Test(damaged, every_shorter_copy_is_refused)
{
	struct stat status;
	const char *path = in_directory("short.weft");
	undump(good_text, path);
	cr_assert_eq(stat(path, &status), 0);
	for (off_t size = status.st_size - 1; size >= 0; size--) {
		struct trace_file file;
		struct trace_message why = {.text = ""};
		cr_assert_eq(truncate(path, size), 0);
		cr_assert_eq(trace_file_open(&file, path, &why), -EINVAL, "%lld bytes",
			     (long long)size);
		cr_assert(strstr(why.text, path) == why.text && strchr(why.text, ';'),
			  "%s", why.text);
	}
}

/* ---- random bytes ---- */

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Half of the places are in the headers, which fill little of the file. */
static uint64_t choose_place(const char *bytes, uint64_t size, uint64_t *random)
{
	const struct trace_header *header = (const void *)bytes;
	switch (next_random(random) % 6) {
	case 0:
	case 1:
		return 8 + next_random(random) % 104;
	case 2:
		return 512 + next_random(random) % 24;
	case 3:
		return header->segment_offset[next_random(random) % 2] +
		       next_random(random) % 64;
	case 4:
		return header->schema.offset +
		       next_random(random) % header->schema.length;
	}
	return next_random(random) % size;
}

static void use_all(const struct trace_file *file, FILE *out)
{
	const struct terminal terminal = {.width = 60};
	char *rule = "events >= 1";
	int code = command_check(file, out);
	cr_assert(code == EXIT_HOLDS || code == EXIT_BROKEN || code == EXIT_UNKNOWN);
	cr_assert_eq(command_dump(file, out), EXIT_HOLDS);
	(void)command_story(file, 0, out);
	(void)command_lanes(file, &terminal, out);
	(void)command_facts(file, out);
	(void)command_rules(file, &rule, 1, out);
}

Test(damaged, random_bytes_never_crash_a_reader)
{
	size_t size;
	uint64_t random = 1, sound = 0;
	undump(good_text, in_directory("bad.weft"));
	char *bytes = read_whole(in_directory("bad.weft"), &size);
	FILE *out = fopen("/dev/null", "w");
	int fd = open(in_directory("bad.weft"), O_RDWR);
	cr_assert(out && fd >= 0);
	for (int i = 0; i < MUTATIONS; i++) {
		struct trace_file file;
		struct trace_message why = {.text = ""};
		uint64_t places[3];
		for (int k = 0; k < 3; k++) {
			char byte = (char)next_random(&random);
			places[k] = choose_place(bytes, size, &random);
			cr_assert_eq(pwrite(fd, &byte, 1, (off_t)places[k]), 1);
		}
		int error = trace_file_open(&file, in_directory("bad.weft"), &why);
		cr_assert(error == 0 || (error == -EINVAL && why.text[0]));
		if (!error) {
			sound++;
			use_all(&file, out);
			trace_file_close(&file);
		}
		for (int k = 0; k < 3; k++)
			cr_assert_eq(pwrite(fd, bytes + places[k], 1, (off_t)places[k]),
				     1);
	}
	cr_assert_gt(sound, MUTATIONS / 20, "the mutations hardly reached the tools");
	cr_assert_lt(sound, MUTATIONS);
	close(fd);
	fclose(out);
	free(bytes);
}
