/* test_killed.c: a process that is killed leaves all records but, at most, its last; of a ring,
 * all of its end. */
#include "tests/trace/support.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 60, RECORDS = 40000, RING = 3000, DUMPED = 5 };

TestSuite(killed, .init = make_directory, .fini = remove_directory);

/* Shared with the child: how many records it has surely written. */
struct count {
	_Atomic uint64_t written;
};

/* A linear trace has room for all marks, some anchors, and LOST. */
static _Noreturn void write_until_killed(const char *path, struct count *count,
					 bool ring)
{
	struct trace *trace;
	struct trace_message why;
	struct trace_options options = {
		.path = path, .records = ring ? RING : RECORDS + 1000, .ring = ring};
	if (trace_open(&trace, &options, &why) < 0)
		_exit(1);
	struct trace_segment *segment = trace_claim(trace);
	TRACE(segment, WORKER_START, .fiber = 1, .fiber_sequence = 1);
	for (uint32_t i = 1; i <= RECORDS; i++) {
		TRACE(segment, MARK, .fiber = 1, .fiber_sequence = i + 1, .value = i);
		store_release(&count->written, i);
	}
	for (;;)
		pause();
}

/* Kills the child once it has written `least` records, which may be none. */
static void run_and_kill(const char *path, struct count *count, uint64_t least,
			 bool ring)
{
	int status;
	store_release(&count->written, 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		write_until_killed(path, count, ring);
	while (load_acquire(&count->written) < least)
		sched_yield();
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* All records that the child counted are there, and at most one more; a ring has the last of
 * them. */
static void expect_records(const struct trace_file *file, uint64_t counted, bool ring)
{
	const struct trace_record *records = trace_file_records(file, 0);
	uint64_t last = 0, marks = 0;
	for (uint64_t i = 0; i < file->heads[0]; i++) {
		if (records[i].type == TRACE_ANCHOR ||
		    records[i].type == TRACE_WORKER_START)
			continue;
		cr_assert_eq(records[i].type, TRACE_MARK);
		cr_assert(marks == 0 || records[i].value == last + 1);
		cr_assert_eq(records[i].fiber_sequence, records[i].value + 1);
		last = records[i].value;
		marks++;
	}
	cr_assert(last == counted || last == counted + 1, "%llu counted, %llu there",
		  (unsigned long long)counted, (unsigned long long)last);
	if (ring && counted > RING)
		cr_assert_geq(marks, RING - 50, "%llu", (unsigned long long)marks);
	else if (!ring)
		cr_assert_eq(marks, last);
	cr_assert_eq(trace_file_dropped(file), 0);
	cr_assert(!file->heads[0] || !trace_file_clean(file));
}

static void expect_sound(const char *path, uint64_t counted, bool ring)
{
	struct trace_file file;
	struct trace_message why = {.text = ""};
	int error = trace_file_open(&file, path, &why);
	if (error) { /* killed before there was a trace */
		cr_assert_eq(counted, 0, "%s", why.text);
		cr_assert(why.text[0]);
		return;
	}
	expect_records(&file, counted, ring);
	trace_file_close(&file);
	struct answer answer = ask(command_check, path);
	cr_assert_eq(answer.code, EXIT_HOLDS, "%s", answer.text);
	cr_assert(counted == 0 || strstr(answer.text, "did not close the trace"), "%s",
		  answer.text);
	free(answer.text);
}

static struct count *map_count(void)
{
	void *page = mmap(NULL, sizeof(struct count), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(page, MAP_FAILED);
	return page;
}

static void kill_often(bool ring)
{
	struct count *count = map_count();
	const char *path = in_directory("trace.weft");
	uint64_t random = 12345;
	for (int kills = 0; kills < KILLS; kills++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint64_t least = kills % 10 == 0 ? 0 : (random >> 33) % RECORDS;
		unlink(path);
		run_and_kill(path, count, least, ring);
		expect_sound(path, load_acquire(&count->written), ring);
		if (kills < DUMPED && least > 0)
			expect_round_trip(path);
	}
}

Test(killed, at_any_moment_loses_at_most_the_last_record)
{
	kill_often(false);
}

Test(killed, at_any_moment_a_ring_has_its_end)
{
	kill_often(true);
}

Test(killed, after_its_last_record_has_them_all)
{
	struct count *count = map_count();
	const char *path = in_directory("trace.weft");
	run_and_kill(path, count, RECORDS, false);
	expect_sound(path, RECORDS, false);
}
