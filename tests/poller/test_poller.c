/* test_poller.c: descriptors on the poller's list, and waits for them. */
#include "poller/poller.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/system.h"
#include "tests/on_valgrind.h"

enum { READ_END, WRITE_END };
enum { SHORT_NS = 3000000, CAPACITY = 2 * POLLER_BATCH };

static struct poller poller;
static struct poller_event events[CAPACITY];

static void set_up(void)
{
	cr_assert_eq(poller_open(&poller), 0);
}

static void tear_down(void)
{
	poller_close(&poller);
}

TestSuite(poller, .init = set_up, .fini = tear_down);

static int look(void)
{
	return poller_wait(&poller, events, CAPACITY, 0);
}

static void set_nonblocking(int fd)
{
	cr_assert_geq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static void open_pipe(int *ends)
{
	cr_assert_eq(pipe(ends), 0);
	set_nonblocking(ends[READ_END]);
	set_nonblocking(ends[WRITE_END]);
}

static void fill(int fd)
{
	static const char data[4096];
	while (write(fd, data, sizeof data) > 0)
		;
	while (write(fd, data, 1) > 0)
		;
}

static void drain(int fd)
{
	char data[4096];
	while (read(fd, data, sizeof data) > 0)
		;
}

/* What the events say that are on their way, all of them about `tag`; waits for the first. */
static unsigned next_event(uint64_t tag)
{
	unsigned what = 0;
	int count = poller_wait(&poller, events, CAPACITY, -1);
	cr_assert_gt(count, 0);
	for (int i = 0; i < count; i++) {
		cr_assert_eq(events[i].tag, tag);
		what |= events[i].what;
	}
	return what;
}

/* Puts `fd` on the list, and takes the event about the state it is in. */
static void watch(int fd, unsigned directions, uint64_t tag)
{
	int watched = poller_watch(&poller, fd, 0, directions, tag);
	cr_assert_geq(watched, 0);
	cr_assert_eq((unsigned)watched & directions, directions);
	(void)look();
}

static void put(int fd)
{
	cr_assert_eq(write(fd, "x", 1), 1);
}

/* ---- edges ---- */

Test(poller, an_edge_comes_once)
{
	int ends[2];
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 0xfedcba9876543210);
	cr_assert_eq(look(), 0);
	for (int i = 0; i < 3; i++) {
		put(ends[WRITE_END]);
		cr_assert(next_event(0xfedcba9876543210) & POLLER_READ);
		cr_assert_eq(look(), 0, "nobody has read, and still it came once");
	}
}

Test(poller, what_was_there_before_counts)
{
	int ends[2];
	open_pipe(ends);
	put(ends[WRITE_END]);
	cr_assert_gt(poller_watch(&poller, ends[READ_END], 0, POLLER_READ, 1), 0);
	cr_assert(next_event(1) & POLLER_READ);
}

Test(poller, room_is_an_edge)
{
	int ends[2];
	open_pipe(ends);
	fill(ends[WRITE_END]);
	watch(ends[WRITE_END], POLLER_WRITE, 9);
	cr_assert_eq(look(), 0);
	drain(ends[READ_END]);
	cr_assert(next_event(9) & POLLER_WRITE);
}

Test(poller, both_directions_of_a_stream)
{
	int ends[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	set_nonblocking(ends[0]);
	set_nonblocking(ends[1]);
	fill(ends[0]);
	int watched = poller_watch(&poller, ends[0], 0, POLLER_READ, 4);
	cr_assert_geq(watched, POLLER_READ);
	watched =
		poller_watch(&poller, ends[0], (unsigned)watched, POLLER_DIRECTIONS, 4);
	cr_assert_eq(watched, POLLER_READ | POLLER_WRITE);
	cr_assert_eq(poller_watched(&poller), 1, "it counts descriptors");
	(void)look();
	drain(ends[1]);
	cr_assert(next_event(4) & POLLER_WRITE);
	put(ends[1]);
	cr_assert(next_event(4) & POLLER_READ);
	cr_assert_eq(poller_watch(&poller, ends[0], POLLER_DIRECTIONS, 0, 4), 0);
	cr_assert_eq(poller_watched(&poller), 0);
}

/* ---- hang-ups ---- */

Test(poller, a_writer_hangs_up)
{
	int ends[2];
	char byte;
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	put(ends[WRITE_END]);
	cr_assert_eq(system_close(ends[WRITE_END]), 0);
	unsigned what = next_event(1);
	cr_assert_eq(what & (POLLER_READ | POLLER_READ_HANGUP | POLLER_ERROR),
		     POLLER_READ | POLLER_READ_HANGUP);
	cr_assert_eq(read(ends[READ_END], &byte, 1), 1, "what is left comes first");
	cr_assert_eq(read(ends[READ_END], &byte, 1), 0);
}

Test(poller, a_reader_hangs_up)
{
	int ends[2];
	(void)signal(SIGPIPE, SIG_IGN);
	open_pipe(ends);
	fill(ends[WRITE_END]);
	watch(ends[WRITE_END], POLLER_WRITE, 1);
	cr_assert_eq(look(), 0);
	cr_assert_eq(system_close(ends[READ_END]), 0);
	unsigned what = next_event(1);
	cr_assert(what & POLLER_WRITE);
	cr_assert(what & (POLLER_WRITE_HANGUP | POLLER_ERROR));
	cr_assert_eq(system_result(write(ends[WRITE_END], "x", 1)), -EPIPE);
}

Test(poller, half_a_stream_hangs_up)
{
	int ends[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watch(ends[0], POLLER_READ, 5);
	put(ends[1]);
	cr_assert_not(next_event(5) & POLLER_READ_HANGUP);
	cr_assert_eq(shutdown(ends[1], SHUT_WR), 0);
	unsigned what = next_event(5);
	cr_assert_eq(what & ~(unsigned)POLLER_WRITE, POLLER_READ | POLLER_READ_HANGUP);
}

/* ---- the list ---- */

Test(poller, off_the_list)
{
	int ends[2];
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	cr_assert_eq(poller_watched(&poller), 1);
	put(ends[WRITE_END]);
	cr_assert_eq(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 1), 0);
	cr_assert_eq(poller_watched(&poller), 0);
	cr_assert_eq(look(), 0, "the event that was on its way went with it");
	cr_assert_eq(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 1), 0,
		     "it is off, and may be taken off");
}

Test(poller, closed_descriptors)
{
	int ends[2];
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	cr_assert_eq(system_close(ends[READ_END]), 0);
	cr_assert_eq(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 1), -EBADF);
	cr_assert_eq(poller_watched(&poller), 0);
	cr_assert_eq(poller_watch(&poller, ends[READ_END], 0, POLLER_READ, 2), -EBADF);
	cr_assert_eq(poller_watch(&poller, -1, 0, POLLER_WRITE, 2), -EBADF);
	cr_assert_eq(poller_watched(&poller), 0);
}

Test(poller, a_new_owner_of_the_number)
{
	int ends[2], later[2];
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	cr_assert_eq(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 1), 0);
	cr_assert_eq(system_close(ends[READ_END]), 0);
	open_pipe(later);
	cr_assert_eq(later[READ_END], ends[READ_END]);
	watch(later[READ_END], POLLER_READ, 2);
	put(later[WRITE_END]);
	cr_assert(next_event(2) & POLLER_READ);
}

Test(poller, a_tag_is_not_the_bells, .signal = SIGABRT)
{
	(void)poller_watch(&poller, 0, 0, POLLER_READ, POLLER_TAG_OF_BELL);
}

Test(poller, many_events_come_in_batches)
{
	enum { MANY = POLLER_BATCH + 6 };
	int ends[MANY][2], told[MANY] = {0};
	for (int i = 0; i < MANY; i++) {
		open_pipe(ends[i]);
		watch(ends[i][READ_END], POLLER_READ, (uint64_t)i);
	}
	cr_assert_eq(poller_watched(&poller), MANY);
	for (int i = 0; i < MANY; i++)
		put(ends[i][WRITE_END]);
	cr_assert_eq(poller_wait(&poller, events, 1, -1), 1);
	told[events[0].tag]++;
	for (int left = MANY - 1; left > 0;) {
		int count = poller_wait(&poller, events, CAPACITY, -1);
		cr_assert(count > 0 && count <= POLLER_BATCH);
		for (int i = 0; i < count; i++)
			told[events[i].tag]++;
		left -= count;
	}
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(told[i], 1, "%d came %d times", i, told[i]);
	cr_assert_eq(look(), 0);
}

/* ---- time and signals ---- */

Test(poller, never_early)
{
	static const int64_t timeouts_ns[] = {1, 999, 50000, 999999, 1000001, SHORT_NS};
	for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
		uint64_t start = system_monotonic_ns();
		cr_assert_eq(poller_wait(&poller, events, CAPACITY, timeouts_ns[i]), 0);
		uint64_t waited = system_monotonic_ns() - start;
		cr_assert_geq(waited, (uint64_t)timeouts_ns[i]);
	}
}

/* It is longer than what any kernel takes. */
Test(poller, the_longest_wait)
{
	int ends[2];
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	put(ends[WRITE_END]);
	cr_assert_geq(poller_wait(&poller, events, CAPACITY, INT64_MAX), 1);
}

static void note_signal(int number)
{
	(void)number;
}

Test(poller, a_signal_ends_a_wait)
{
	SKIP_ON_TSAN("it delivers a signal when the wait is over");
	struct sigaction action = {.sa_handler = note_signal};
	struct itimerval soon = {{0, 2000},
				 {0, 2000}}; /* again: it may come too early */
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, -1), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL),
		     0);
}

/* ---- opening ---- */

enum { DESCRIPTORS = 256 }; /* that are looked at */

static bool is_open[DESCRIPTORS]; /* what note_descriptors found */

static int note_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		count += is_open[fd] = fcntl(fd, F_GETFD) >= 0;
	return count;
}

Test(poller_open, its_descriptors_close_on_exec)
{
	int before = note_descriptors(), fresh = 0;
	cr_assert_eq(poller_open(&poller), 0);
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || is_open[fd])
			continue;
		fresh++;
		cr_assert(flags & FD_CLOEXEC);
	}
	cr_assert_gt(fresh, 0);
	poller_close(&poller);
	cr_assert_eq(note_descriptors(), before);
}

Test(poller_open, no_descriptor_left)
{
	struct rlimit limit;
	int before = note_descriptors(), refused = 0, error = -EMFILE;
	SKIP_ON_VALGRIND("it keeps some descriptors for itself");
	SKIP_ON_EMULATOR("it has descriptors of its own");
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int most = 0; error < 0; most++) {
		limit.rlim_cur = (rlim_t)most;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		error = poller_open(&poller);
		if (error < 0) {
			cr_assert_eq(error, -EMFILE);
			cr_assert_eq(note_descriptors(), before,
				     "nothing is left open");
			refused++;
		}
	}
	cr_assert_gt(refused, 0);
	poller_close(&poller);
}

Test(poller_open, a_wait_after_the_close)
{
	cr_assert_eq(poller_open(&poller), 0);
	poller_close(&poller);
	cr_assert_eq(look(), -EBADF);
	cr_assert_eq(poller_wait(&poller, events, 1, 1000), -EBADF);
}
