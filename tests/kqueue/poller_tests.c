/* poller_tests.c: the five calls of the poller, on this system's kernel. */
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/system.h"
#include "poller/poller.h"
#include "tests/kqueue/harness.h"

enum { READ_END, WRITE_END };
enum { SHORT_NS = 3000000, CAPACITY = 2 * POLLER_BATCH };

static struct poller poller;
static struct poller_event events[CAPACITY];

static void set_nonblocking(int fd)
{
	check(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) >= 0);
}

static void open_pipe(int *ends)
{
	check(pipe(ends) == 0);
	set_nonblocking(ends[READ_END]);
	set_nonblocking(ends[WRITE_END]);
}

static void open_stream(int *ends)
{
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	set_nonblocking(ends[0]);
	set_nonblocking(ends[1]);
}

static int look(void)
{
	return poller_wait(&poller, events, CAPACITY, 0);
}

/* Waits for the one event that is on its way, about `tag`, and returns what it says. One
 * kernel tells in two events what another tells in one. */
static unsigned next_event(uint64_t tag)
{
	unsigned what = 0;
	int count = poller_wait(&poller, events, CAPACITY, -1);
	check(count > 0);
	for (int i = 0; i < count; i++) {
		check(events[i].tag == tag);
		what |= events[i].what;
	}
	return what;
}

/* Watches `fd` and takes the event about the state it is in. */
static void watch(int fd, unsigned directions, uint64_t tag)
{
	int watched = poller_watch(&poller, fd, 0, directions, tag);
	check(watched >= 0 && ((unsigned)watched & directions) == directions);
	(void)look();
}

/* ---- edges ---- */

static void an_edge_comes_once(void)
{
	int ends[2];
	const uint64_t tag = UINT64_C(0xfedcba9876543210);
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	check_equal(poller_watched(&poller), 0);
	watch(ends[READ_END], POLLER_READ, tag);
	check_equal(poller_watched(&poller), 1);
	check_equal(look(), 0);
	for (int i = 0; i < 3; i++) {
		check_equal(write(ends[WRITE_END], "x", 1), 1);
		check(next_event(tag) & POLLER_READ);
		check_equal(look(), 0); /* nobody has read, and still */
	}
	poller_close(&poller);
}

static void what_was_there_before_counts(void)
{
	int ends[2];
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	check_equal(write(ends[WRITE_END], "x", 1), 1);
	check(poller_watch(&poller, ends[READ_END], 0, POLLER_READ, 1) >= POLLER_READ);
	check_equal(next_event(1) & ~(unsigned)POLLER_WRITE, POLLER_READ);
	poller_close(&poller);
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

static void room_is_an_edge(void)
{
	int ends[2];
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	fill(ends[WRITE_END]);
	watch(ends[WRITE_END], POLLER_WRITE, 9);
	check_equal(look(), 0);
	drain(ends[READ_END]);
	check(next_event(9) & POLLER_WRITE);
	poller_close(&poller);
}

static void both_directions_of_a_stream(void)
{
	int ends[2], watched;
	check_equal(poller_open(&poller), 0);
	open_stream(ends);
	fill(ends[0]);
	watched = poller_watch(&poller, ends[0], 0, POLLER_READ, 4);
	check(watched >= POLLER_READ);
	watched = poller_watch(&poller, ends[0], (unsigned)watched,
			       POLLER_READ | POLLER_WRITE, 4);
	check_equal(watched, POLLER_READ | POLLER_WRITE);
	check_equal(poller_watched(&poller), 1);
	(void)look();
	check_equal(look(), 0);
	drain(ends[1]);
	check(next_event(4) & POLLER_WRITE);
	check_equal(write(ends[1], "x", 1), 1);
	check(next_event(4) & POLLER_READ);
	poller_close(&poller);
}

/* ---- hang-ups ---- */

static void a_writer_hangs_up(void)
{
	int ends[2];
	char byte;
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	check_equal(write(ends[WRITE_END], "x", 1), 1);
	check_equal(system_close(ends[WRITE_END]), 0);
	unsigned what = next_event(1);
	check(what & POLLER_READ);
	check(what & POLLER_READ_HANGUP);
	check(!(what & POLLER_ERROR));
	check_equal(read(ends[READ_END], &byte, 1), 1); /* what is left comes first */
	check_equal(read(ends[READ_END], &byte, 1), 0);
	poller_close(&poller);
}

static void a_reader_hangs_up(void)
{
	int ends[2];
	(void)signal(SIGPIPE, SIG_IGN);
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	fill(ends[WRITE_END]);
	watch(ends[WRITE_END], POLLER_WRITE, 1);
	check_equal(system_close(ends[READ_END]), 0);
	unsigned what = next_event(1);
	check(what & POLLER_WRITE);
	check(what & (POLLER_WRITE_HANGUP | POLLER_ERROR));
	check_equal(system_result(write(ends[WRITE_END], "x", 1)), -EPIPE);
	check(poller_watch(&poller, ends[WRITE_END], POLLER_WRITE, 0, 1) >= 0);
	check_equal(poller_watched(&poller), 0);
	poller_close(&poller);
}

/* The kernel may have nothing to watch; whoever asks gets to know that it is of no use to
 * wait. */
static void a_reader_was_gone_before(void)
{
	int ends[2];
	(void)signal(SIGPIPE, SIG_IGN);
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	fill(ends[WRITE_END]);
	check_equal(system_close(ends[READ_END]), 0);
	int watched = poller_watch(&poller, ends[WRITE_END], 0, POLLER_WRITE, 1);
	check(watched >= 0);
	check(watched & POLLER_WRITE);
	check_equal(poller_watched(&poller), 1);
	if (!(watched & POLLER_WRITE_HANGUP))
		check(next_event(1) & (POLLER_WRITE_HANGUP | POLLER_ERROR));
	check_equal(poller_watch(&poller, ends[WRITE_END], (unsigned)watched, 0, 1), 0);
	check_equal(poller_watched(&poller), 0);
	poller_close(&poller);
}

static void half_a_stream_hangs_up(void)
{
	int ends[2];
	check_equal(poller_open(&poller), 0);
	open_stream(ends);
	watch(ends[0], POLLER_READ, 5);
	check_equal(write(ends[1], "x", 1), 1);
	check(!(next_event(5) & POLLER_READ_HANGUP));
	check_equal(shutdown(ends[1], SHUT_WR), 0);
	unsigned what = next_event(5);
	check(what & POLLER_READ_HANGUP);
	check(!(what & (POLLER_WRITE_HANGUP | POLLER_ERROR)));
	poller_close(&poller);
}

/* A port of this machine where nobody listens. */
static struct sockaddr_in closed_port(void)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	check_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	check_equal(system_close(fd), 0);
	return address;
}

static void a_refused_connection(void)
{
	struct sockaddr_in address = closed_port();
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	check_equal(poller_open(&poller), 0);
	set_nonblocking(fd);
	int64_t error =
		system_result(connect(fd, (struct sockaddr *)&address, sizeof address));
	if (error == -ECONNREFUSED)
		harness_skip("connecting here is refused at once");
	check_equal(error, -EINPROGRESS);
	check(poller_watch(&poller, fd, 0, POLLER_WRITE, 3) >= POLLER_WRITE);
	unsigned what = next_event(3);
	check(what & POLLER_WRITE);
	check(what & POLLER_WRITE_HANGUP);
	check(what & POLLER_ERROR);
	poller_close(&poller);
}

/* ---- the list ---- */

static void off_the_list(void)
{
	int ends[2];
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	check_equal(write(ends[WRITE_END], "x", 1), 1);
	check_equal(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 1), 0);
	check_equal(poller_watched(&poller), 0);
	check_equal(look(), 0); /* the event that was on its way went with it */
	check(poller_watch(&poller, ends[READ_END], 0, POLLER_READ, 2) > 0);
	check(next_event(2) & POLLER_READ);
	check_equal(system_close(ends[READ_END]), 0);
	check_equal(poller_watch(&poller, ends[READ_END], POLLER_READ, 0, 2), -EBADF);
	check_equal(poller_watched(&poller), 0);
	check_equal(poller_watch(&poller, ends[READ_END], 0, POLLER_READ, 3), -EBADF);
	check_equal(poller_watch(&poller, ends[READ_END], 0, POLLER_WRITE, 3), -EBADF);
	check_equal(poller_watch(&poller, -1, 0, POLLER_READ | POLLER_WRITE, 3),
		    -EBADF);
	check_equal(poller_watched(&poller), 0);
	poller_close(&poller);
}

enum { MANY = POLLER_BATCH + 6 };

static void many_events_come_in_batches(void)
{
	int ends[MANY][2], told[MANY] = {0};
	check_equal(poller_open(&poller), 0);
	for (int i = 0; i < MANY; i++) {
		open_pipe(ends[i]);
		watch(ends[i][READ_END], POLLER_READ, (uint64_t)i);
	}
	check_equal(poller_watched(&poller), MANY);
	for (int i = 0; i < MANY; i++)
		check_equal(write(ends[i][WRITE_END], "x", 1), 1);
	check_equal(poller_wait(&poller, events, 1, -1), 1);
	told[events[0].tag]++;
	for (int left = MANY - 1; left > 0;) {
		int count = poller_wait(&poller, events, CAPACITY, -1);
		check(count > 0 && count <= POLLER_BATCH);
		for (int i = 0; i < count; i++)
			told[events[i].tag]++;
		left -= count;
	}
	for (int i = 0; i < MANY; i++)
		check_equal(told[i], 1);
	check_equal(look(), 0);
	poller_close(&poller);
}

/* ---- time and signals ---- */

static void never_early(void)
{
	static const int64_t timeouts_ns[] = {1, 999, 50000, 999999, 1000001, SHORT_NS};
	check_equal(poller_open(&poller), 0);
	for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
		uint64_t start = system_monotonic_ns();
		check_equal(poller_wait(&poller, events, CAPACITY, timeouts_ns[i]), 0);
		check(system_monotonic_ns() - start >= (uint64_t)timeouts_ns[i]);
	}
	poller_close(&poller);
}

static void note_signal(int number)
{
	(void)number;
}

static void a_signal_ends_a_wait(void)
{
	struct sigaction action;
	struct itimerval soon = {{0, 2000},
				 {0, 2000}}; /* again: it may come too early */
	memset(&action, 0, sizeof action);
	action.sa_handler = note_signal;
	check_equal(sigaction(SIGALRM, &action, NULL), 0);
	check_equal(poller_open(&poller), 0);
	check_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
	poller_close(&poller);
}

/* ---- waking ---- */

static void a_wake_before_the_wait(void)
{
	check_equal(poller_open(&poller), 0);
	for (int i = 0; i < 3; i++) {
		check_equal(poller_wake(&poller), 0);
		check_equal(look(), 0); /* a look does not take it */
		check_equal(look(), 0);
		check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
	}
	poller_close(&poller);
}

static void many_wakes_are_one(void)
{
	check_equal(poller_open(&poller), 0);
	for (int i = 0; i < 1000; i++)
		check_equal(poller_wake(&poller), 0);
	check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
	uint64_t start = system_monotonic_ns();
	check_equal(poller_wait(&poller, events, CAPACITY, SHORT_NS), 0);
	check(system_monotonic_ns() - start >= SHORT_NS);
	poller_close(&poller);
}

static void a_wake_among_events(void)
{
	int ends[2];
	check_equal(poller_open(&poller), 0);
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 7);
	check_equal(poller_wake(&poller), 0);
	check_equal(write(ends[WRITE_END], "x", 1), 1);
	unsigned what = 0;
	for (int tries = 0; tries < 3 && what == 0; tries++)
		for (int i = poller_wait(&poller, events, CAPACITY, -1); i > 0; i--) {
			check_equal(events[i - 1].tag, 7);
			what |= events[i - 1].what;
		}
	check(what & POLLER_READ);
	poller_close(&poller);
}

/* Where the bell is a pipe, it is empty after each wake. */
static void wakes_do_not_pile_up(void)
{
	char ring;
	check_equal(poller_open(&poller), 0);
	for (int i = 0; i < 100; i++) {
		check_equal(poller_wake(&poller), 0);
		check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
	}
	if (poller.bell_pull >= 0)
		check_equal(system_result(read(poller.bell, &ring, 1)), -EAGAIN);
	poller_close(&poller);
}

enum { WAKERS = 3, WAKES = 4000, LOOKERS = 2 };

static _Atomic long posted,
	taken; /* relaxed: what a wake makes seen is what is tested */
static _Atomic int over;

/* Each posts when its last post has been taken, so a lost wake stops everything. */
static void *post_and_wake(void *unused)
{
	for (int i = 0; i < WAKES; i++) {
		long number = fetch_add_relaxed(&posted, 1) + 1;
		check_equal(poller_wake(&poller), 0);
		while (load_relaxed(&taken) < number)
			(void)sched_yield();
	}
	return unused;
}

static void *look_all_the_time(void *unused)
{
	struct poller_event one;
	while (!load_acquire(&over))
		check_equal(poller_wait(&poller, &one, 1, 0), 0);
	return unused;
}

static void no_wake_is_lost_to_a_look(void)
{
	pthread_t wakers[WAKERS], lookers[LOOKERS];
	check_equal(poller_open(&poller), 0);
	for (int i = 0; i < LOOKERS; i++)
		check_equal(pthread_create(&lookers[i], NULL, look_all_the_time, NULL),
			    0);
	for (int i = 0; i < WAKERS; i++)
		check_equal(pthread_create(&wakers[i], NULL, post_and_wake, NULL), 0);
	while (load_relaxed(&taken) < (long)WAKERS * WAKES) {
		check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
		store_relaxed(&taken, load_relaxed(&posted));
	}
	store_release(&over, 1);
	for (int i = 0; i < WAKERS; i++)
		check_equal(pthread_join(wakers[i], NULL), 0);
	for (int i = 0; i < LOOKERS; i++)
		check_equal(pthread_join(lookers[i], NULL), 0);
	poller_close(&poller);
}

/* ---- descriptors of its own ---- */

enum { DESCRIPTORS = 256 }; /* that are looked at */

static bool is_open[DESCRIPTORS]; /* what note_descriptors found */

static int note_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		count += is_open[fd] = fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void its_descriptors_close_on_exec(void)
{
	int before = note_descriptors(), fresh = 0;
	check_equal(poller_open(&poller), 0);
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || is_open[fd])
			continue;
		fresh++;
		check(flags & FD_CLOEXEC);
	}
	check(fresh > 0);
	poller_close(&poller);
	check_equal(note_descriptors(), before);
}

static void no_descriptor_left(void)
{
	struct rlimit limit;
	int before = note_descriptors(), refused = 0, error = -EMFILE;
	check_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int most = 0; error < 0; most++) {
		limit.rlim_cur = (rlim_t)most;
		check_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		error = poller_open(&poller);
		if (error < 0) {
			check_equal(error, -EMFILE);
			check_equal(note_descriptors(), before);
			refused++;
		}
	}
	check(refused > 0);
	poller_close(&poller);
	check_equal(note_descriptors(), before);
}

static void two_pollers(void)
{
	struct poller other;
	int ends[2];
	check_equal(poller_open(&poller), 0);
	check_equal(poller_open(&other), 0);
	open_pipe(ends);
	watch(ends[READ_END], POLLER_READ, 1);
	check_equal(poller_wake(&other), 0);
	check_equal(write(ends[WRITE_END], "x", 1), 1);
	check_equal(poller_wait(&other, events, CAPACITY, -1), 0);
	check(next_event(1) & POLLER_READ);
	poller_close(&other);
	check_equal(poller_wake(&poller), 0);
	check_equal(poller_wait(&poller, events, CAPACITY, -1), 0);
	poller_close(&poller);
}

const struct test poller_tests[] = {
	{"poller: an edge comes once", an_edge_comes_once, 0},
	{"poller: what was there before counts", what_was_there_before_counts, 0},
	{"poller: room is an edge", room_is_an_edge, 0},
	{"poller: both directions of a stream", both_directions_of_a_stream, 0},
	{"poller: a writer hangs up", a_writer_hangs_up, 0},
	{"poller: a reader hangs up", a_reader_hangs_up, 0},
	{"poller: a reader was gone before", a_reader_was_gone_before, 0},
	{"poller: half a stream hangs up", half_a_stream_hangs_up, 0},
	{"poller: a refused connection", a_refused_connection, 0},
	{"poller: off the list", off_the_list, 0},
	{"poller: many events come in batches", many_events_come_in_batches, 0},
	{"poller: never early", never_early, 0},
	{"poller: a signal ends a wait", a_signal_ends_a_wait, 0},
	{"poller: a wake before the wait", a_wake_before_the_wait, 0},
	{"poller: many wakes are one", many_wakes_are_one, 0},
	{"poller: a wake among events", a_wake_among_events, 0},
	{"poller: wakes do not pile up", wakes_do_not_pile_up, 0},
	{"poller: no wake is lost to a look", no_wake_is_lost_to_a_look, 0},
	{"poller: its descriptors close on exec", its_descriptors_close_on_exec, 0},
	{"poller: no descriptor left", no_descriptor_left, 0},
	{"poller: two pollers", two_pollers, 0},
	{NULL, NULL, 0},
};
