/* test_epoll.c: what holds of the poller on Linux alone. */
#if defined(__linux__)

#include "poller/poller.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/system.h"
#include "tests/fiber/refuse.h"
#include "tests/on_valgrind.h"

#if !defined(SYS_epoll_pwait2)
#define SYS_epoll_pwait2 441
#endif

enum { CAPACITY = 8 };

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

TestSuite(epoll, .init = set_up, .fini = tear_down);

Test(epoll, files_have_no_readiness)
{
	int file = system_open("/proc/self/exe");
	int folder = open("/", O_RDONLY | O_DIRECTORY);
	cr_assert_geq(file, 0);
	cr_assert_geq(folder, 0);
	cr_assert_eq(poller_watch(&poller, file, 0, POLLER_READ, 1), -EPERM);
	cr_assert_eq(poller_watch(&poller, folder, 0, POLLER_READ, 1), -EPERM);
	cr_assert_eq(poller_watched(&poller), 0);
}

/* One system call for both directions: the second one is asked for, and nothing is done. */
Test(epoll, both_directions_at_once)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	int watched = poller_watch(&poller, fd, 0, POLLER_READ, 1);
	cr_assert_eq(watched, POLLER_READ | POLLER_WRITE);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, 0), 1);
	cr_assert_eq(events[0].what, POLLER_WRITE);
	cr_assert_eq(poller_watch(&poller, fd, (unsigned)watched, POLLER_DIRECTIONS, 1),
		     watched);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, 0), 0);
	cr_assert_eq(poller_watched(&poller), 1);
}

/* Why a descriptor is taken off the list before it is closed. */
Test(epoll, a_dup_keeps_its_place_on_the_list)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	int dup_of_it = dup(ends[0]);
	cr_assert_gt(poller_watch(&poller, ends[0], 0, POLLER_READ, 1), 0);
	cr_assert_eq(system_close(ends[0]), 0);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, 0), 1);
	cr_assert_eq(events[0].tag, 1);
	cr_assert_eq(system_close(dup_of_it), 0);
}

Test(epoll, a_refused_connection)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int closed = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(closed, (struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(getsockname(closed, (struct sockaddr *)&address, &size), 0);
	cr_assert_eq(system_result(connect(fd, (struct sockaddr *)&address, size)),
		     -EINPROGRESS);
	cr_assert_gt(poller_watch(&poller, fd, 0, POLLER_WRITE, 3), 0);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, -1), 1);
	cr_assert_eq(events[0].what, POLLER_DIRECTIONS | POLLER_READ_HANGUP |
					     POLLER_WRITE_HANGUP | POLLER_ERROR);
}

/* The bell's entry is none of the caller's. */
Test(epoll, the_bell_is_no_event)
{
	int fd = eventfd(1, EFD_NONBLOCK);
	cr_assert_gt(poller_watch(&poller, fd, 0, POLLER_READ, 6), 0);
	cr_assert_eq(poller_wake(&poller), 0);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, -1), 1);
	cr_assert_eq(events[0].tag, 6);
}

/* What is in the eventfd is how often it was written. */
Test(epoll, many_wakes_cost_one_system_call)
{
	uint64_t rings;
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(poller_wake(&poller), 0);
	cr_assert_eq(read(poller.bell, &rings, sizeof rings), sizeof rings);
	cr_assert_eq(rings, 1);
}

/* As on Linux before 5.11, and as in a sandbox that does not know the call. */
static void wait_without_nanoseconds(int error)
{
	static const int64_t timeouts_ns[] = {1, 999999, 1000001, 2500000};
	if (refuse(SYS_epoll_pwait2, 0, (uint32_t)poller.fd, error) < 0)
		cr_skip_test("there is no seccomp here");
	for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; i++) {
		uint64_t start = system_monotonic_ns();
		cr_assert_eq(poller_wait(&poller, events, CAPACITY, timeouts_ns[i]), 0);
		uint64_t waited = system_monotonic_ns() - start;
		cr_assert_geq(waited, (uint64_t)timeouts_ns[i]);
	}
	cr_assert_eq(poller_wake(&poller), 0);
	cr_assert_eq(poller_wait(&poller, events, CAPACITY, INT64_MAX), 0);
}

Test(epoll, a_kernel_without_nanoseconds)
{
	SKIP_ON_EMULATOR("it has no seccomp");
	wait_without_nanoseconds(ENOSYS);
}

Test(epoll, a_sandbox_without_nanoseconds)
{
	SKIP_ON_EMULATOR("it has no seccomp");
	wait_without_nanoseconds(EPERM);
}

#endif
