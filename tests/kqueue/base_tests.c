/* base_tests.c: errors, the lock, what belongs to a thread, memory, and reports. */
#include <errno.h> /* for the names of the constants */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/lock.h"
#include "base/system.h"
#include "base/thread_local.h"
#include "tests/kqueue/harness.h"
#include "weft.h"

static void errors_have_texts(void)
{
	check(strcmp(weft_strerror(0), "success") == 0);
	check(strcmp(weft_strerror(-ENOENT), "no such file or directory") == 0);
	check(strcmp(weft_strerror(-WEFT_EDEADLINE), "the deadline passed") == 0);
	check(strstr(weft_strerror(ENOENT), "not an error") != NULL);
	for (int error = -WEFT_EDEADLINE - 2; error <= WEFT_EDEADLINE + 2; error++)
		check(weft_strerror(error)[0] != '\0');
	check(weft_strerror(INT_MIN)[0] != '\0');
	for (int error = 1; error < 4096; error++)
		check(strcmp(weft_strerror(-error), weft_strerror(-WEFT_EDEADLINE)) !=
		      0);
}

static void system_errors_are_values(void)
{
	check_equal(system_open("/there/is/no/such/file"), -ENOENT);
	check_equal(system_close(-1), -EBADF);
	check_equal(system_create("/dev/null"), -EEXIST);
	check_equal(system_write_all(-1, "x", 1), -EBADF);
}

enum { PIPE_SIZE = 300000 }; /* more than a pipe holds */

static char sent[PIPE_SIZE], received[PIPE_SIZE + 1];

static void send_all(void *argument)
{
	(void)argument;
	check_equal(system_write_all(harness_report, sent, PIPE_SIZE), 0);
}

static void writes_all_of_it(void)
{
	for (size_t i = 0; i < PIPE_SIZE; i++)
		sent[i] = (char)(i * 7);
	check_equal(harness_child(send_all, NULL, received, sizeof received), 0);
	check(memcmp(sent, received, PIPE_SIZE) == 0);
}

enum { THREADS = 4, ROUNDS = 20000 };

static struct {
	struct tiny_lock lock;
	long counter; /* under the lock */
} shared;

/* Now and then a holder loses its processor between reading and writing. */
static void *count_under_the_lock(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		lock_take(&shared.lock);
		long read = shared.counter;
		if (i % 1000 == 0)
			(void)sched_yield();
		shared.counter = read + 1;
		lock_give(&shared.lock);
	}
	return unused;
}

static void lock_excludes(void)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		check_equal(
			pthread_create(&threads[i], NULL, count_under_the_lock, NULL),
			0);
	for (int i = 0; i < THREADS; i++)
		check_equal(pthread_join(threads[i], NULL), 0);
	check_equal(shared.counter, (long)THREADS * ROUNDS);
}

static void *read_this_thread(void *unused)
{
	(void)unused;
	void *at_first = base_this_thread();
	base_set_this_thread(&shared);
	return at_first;
}

static void thread_local_is_each_threads_own(void)
{
	pthread_t thread;
	void *of_the_other = &shared;
	check(base_this_thread() == NULL);
	base_set_this_thread(&thread);
	check_equal(pthread_create(&thread, NULL, read_this_thread, NULL), 0);
	check_equal(pthread_join(thread, &of_the_other), 0);
	check(of_the_other == NULL);
	check(base_this_thread() == &thread);
}

static void store_to(void *address)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	*(volatile char *)address = 1;
	_exit(0); /* at once: the memory has been written */
}

static int store_kills(char *address)
{
	char report[10];
	return harness_child(store_to, address, report, sizeof report) != 0;
}

static void memory_is_zero_and_can_be_protected(void)
{
	size_t page = system_page_size();
	void *memory;
	check(page >= 4096 && (page & (page - 1)) == 0);
	check_equal(system_map_anonymous(3 * page, &memory), 0);
	char *bytes = memory;
	system_populate(bytes, page);
	for (size_t i = 0; i < 3 * page; i++)
		check_equal(bytes[i], 0);
	check_equal(system_protect_none(bytes, page), 0);
	check(store_kills(bytes));
	check(store_kills(bytes + page - 1));
	check(!store_kills(bytes + page));
	if (system_guard(bytes + 2 * page, page) == 0)
		check(store_kills(bytes + 2 * page));
	bytes[page] = 1;
	system_discard(bytes + page, page);
	check(bytes[page] == 0 || bytes[page] == 1);
	check_equal(system_unmap(bytes, 3 * page), 0);
}

static void clocks_and_numbers(void)
{
	uint64_t last = system_monotonic_ns();
	for (int i = 0; i < 10000; i++) {
		uint64_t now = system_monotonic_ns();
		check(now >= last);
		last = now;
	}
	check(system_realtime_ns() > UINT64_C(1600000000) * 1000000000); /* 2020 */
	check_equal(system_process_id(), getpid());
	check(system_thread_id() != 0);
}

static void break_an_assertion(void *argument)
{
	(void)argument;
	base_set_fatal_hook(harness_take_report);
	weft_assert(1 + 1 == 3);
}

static void a_broken_assertion_is_reported(void)
{
	char report[600];
	int status = harness_child(break_an_assertion, NULL, report, sizeof report);
	check(WIFSIGNALED(status));
	check_equal(WTERMSIG(status), SIGABRT);
	check(strstr(report, "this must hold: 1 + 1 == 3 (break_an_assertion, ") !=
	      NULL);
	check(report[strlen(report) - 1] == '\n');
}

const struct test base_tests[] = {
	{"base: errors have texts", errors_have_texts, 0},
	{"base: system errors are values", system_errors_are_values, 0},
	{"base: writes all of it", writes_all_of_it, 0},
	{"base: lock excludes", lock_excludes, 0},
	{"base: thread local is each thread's own", thread_local_is_each_threads_own,
	 0},
	{"base: memory is zero and can be protected",
	 memory_is_zero_and_can_be_protected, 0},
	{"base: clocks and numbers", clocks_and_numbers, 0},
	{"base: a broken assertion is reported", a_broken_assertion_is_reported, 0},
	{NULL, NULL, 0},
};
