/* test_check_memory.c: a check needs room for what is alive at once, not for what is over.
 *
 * The trace has 2 million events of 100,000 fibers, of which 100 are alive at once. The
 * checker gets 1 MiB beside what the process has already; 16 bytes for each fiber that has
 * ended would be more than that. */
#include "tests/trace/support.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer keeps what is freed, and takes memory in large pieces. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED)
#define SANITIZED 0
#endif

enum {
	FIBERS = 100000,
	ALIVE = 100,
	MARKS = 6, /* of each fiber: 20 records in all */
	QUEUE = 1000,
	FIRST = 10,
	ROOM = 1 << 20,
};

TestSuite(memory, .init = make_directory, .fini = remove_directory, .timeout = 600);

/* A foreign thread submits, the worker runs. */
struct made_up {
	struct trace_segment *submits, *runs;
	uint32_t root_sequence, batches, queue_sequence;
};

static void begin(struct made_up *made, uint32_t fiber)
{
	TRACE(made->submits, CREATE, .fiber = fiber, .fiber_sequence = 1,
	      .value = trace_pair(0, 4096));
	TRACE(made->submits, READY, .arg = TRACE_place_INJECTED, .fiber = fiber,
	      .fiber_sequence = 2);
}

/* Comes to a queue, and leaves it; has a deadline, and a request to end. */
static void wait_a_little(struct made_up *made, uint32_t fiber, uint32_t number)
{
	TRACE(made->runs, WAIT_PUSH, .arg = TRACE_wait_QUEUE, .fiber = fiber,
	      .fiber_sequence = number++,
	      .value = trace_pair(QUEUE, ++made->queue_sequence));
	TRACE(made->runs, TIMER_SET, .arg = TRACE_clock_BOOT, .fiber = fiber,
	      .fiber_sequence = number++, .value = 1);
	TRACE(made->runs, CANCEL_REQUEST, .fiber = fiber, .fiber_sequence = number++,
	      .peer = fiber);
	TRACE(made->runs, TIMER_DROP, .fiber = fiber, .fiber_sequence = number++);
	TRACE(made->runs, WAIT_POP, .arg = TRACE_outcome_CANCELED, .fiber = fiber,
	      .fiber_sequence = number, .peer = fiber,
	      .value = trace_pair(QUEUE, ++made->queue_sequence));
}

static void run_to_its_end(struct made_up *made, uint32_t fiber)
{
	uint32_t number = 3;
	TRACE(made->runs, STEAL, .arg = TRACE_place_INJECTED, .fiber = fiber,
	      .fiber_sequence = number++, .value = trace_pair(1, ++made->batches));
	TRACE(made->runs, SWITCH, .arg = TRACE_leave_PARK, .fiber = fiber,
	      .fiber_sequence = number++, .peer = TRACE_IDLE_FIBERS,
	      .value = ++made->root_sequence);
	TRACE(made->runs, SPAN_BEGIN, .fiber = fiber, .fiber_sequence = number++);
	for (int i = 0; i < MARKS; i++)
		TRACE(made->runs, MARK, .fiber = fiber, .fiber_sequence = number++);
	wait_a_little(made, fiber, number);
	number += 5;
	TRACE(made->runs, SPAN_END, .fiber = fiber, .fiber_sequence = number++);
	TRACE(made->runs, FINISH, .fiber = fiber, .fiber_sequence = number++);
	TRACE(made->runs, SWITCH, .arg = TRACE_leave_FINISH, .fiber = TRACE_IDLE_FIBERS,
	      .fiber_sequence = ++made->root_sequence, .peer = fiber,
	      .value = number++);
	TRACE(made->runs, RECYCLE, .fiber = fiber, .fiber_sequence = number);
}

/* `again`: one more record of the first fiber, long after its end. */
static void make_up(const char *path, bool again)
{
	struct trace *trace;
	struct trace_message why;
	struct trace_options options = {
		.path = path, .workers = 1, .records = 18 * FIBERS + 16};
	struct made_up made = {.root_sequence = 1};
	cr_assert_eq(trace_open(&trace, &options, &why), 0, "%s", why.text);
	made.runs = trace_claim(trace);
	made.submits = trace_claim_thread(trace, TRACE_FOREIGN);
	TRACE(made.runs, WORKER_START, .fiber = TRACE_IDLE_FIBERS, .fiber_sequence = 1);
	for (uint32_t i = 0; i < FIBERS + ALIVE; i++) {
		if (i < FIBERS)
			begin(&made, FIRST + i);
		if (i >= ALIVE)
			run_to_its_end(&made, FIRST + i - ALIVE);
	}
	if (again)
		TRACE(made.submits, NAME, .fiber = FIRST, .fiber_sequence = 21);
	TRACE(made.runs, WORKER_STOP, .fiber = TRACE_IDLE_FIBERS,
	      .fiber_sequence = ++made.root_sequence);
	cr_assert_eq(trace_close(trace), 0);
}

/* In another process, so that its pages are not counted with the checker's. */
static const char *make_apart(bool again)
{
	const char *path = in_directory("large.weft");
	int status;
	pid_t child = fork();
	if (child == 0) {
		make_up(path, again);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	return path;
}

/* Private memory of this process that can be written, in bytes. */
static rlim_t data_size(void)
{
	unsigned long kilobytes = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");
	cr_assert(file);
	while (fgets(line, sizeof line, file) &&
	       sscanf(line, "VmData: %lu", &kilobytes) != 1)
		;
	fclose(file);
	return (rlim_t)kilobytes * 1024;
}

/* What a check says with so little room. */
static struct answer check_in_little(const char *path)
{
	struct rlimit limit = {.rlim_cur = data_size() + ROOM,
			       .rlim_max = RLIM_INFINITY};
	if (!SANITIZED)
		cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
	struct answer answer = ask(command_check, path);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
	return answer;
}

Test(memory, of_a_check_does_not_grow_with_what_is_over)
{
	struct answer answer = check_in_little(make_apart(false));
	cr_assert_eq(answer.code, EXIT_HOLDS, "%s", answer.text);
	cr_assert(strstr(answer.text,
			 "13 invariants evaluated, 10 judged: all hold (200000 "
			 "switches, 100000 fibers, 1 worker)\n"),
		  "%s", answer.text);
	free(answer.text);
}

Test(memory, what_comes_after_an_end_is_judged_all_the_same)
{
	struct answer answer = check_in_little(make_apart(true));
	cr_assert_eq(answer.code, EXIT_BROKEN, "%s", answer.text);
	cr_assert(strstr(answer.text, "fiber 10 has a record after its RECYCLE\n"),
		  "%s", answer.text);
	cr_assert(strstr(answer.text, "RECYCLE fiber=10 (fiber 10)"), "%s",
		  answer.text);
	free(answer.text);
}

/* The file's pages come and go: 64 MB of records, and a few of them at a time. */
Test(memory, of_the_file_is_given_back)
{
	struct rusage before, after;
	const char *path = make_apart(false);
	getrusage(RUSAGE_SELF, &before);
	struct answer answer = ask(command_check, path);
	getrusage(RUSAGE_SELF, &after);
	cr_assert_eq(answer.code, EXIT_HOLDS, "%s", answer.text);
	free(answer.text);
	long more = after.ru_maxrss - before.ru_maxrss;
	if (!SANITIZED) /* its own memory is counted too */
		cr_assert_lt(more, 16384, "%ld KiB more", more);
}
