/* test_calls.c: system calls on descriptors: how many an operation makes. The Makefile links this
 * program so that read, write, poll and close are the ones below. */
#include "tests/waitqueue/calls.h"

#include <poll.h>
#include <netinet/in.h>

#include "tests/waitqueue/descriptors.h"

_Atomic unsigned calls_read, calls_write, calls_poll, calls_close;
_Atomic int calls_stop_fd = -1;
void (*_Atomic calls_stop_in_read)(void);
void (*_Atomic calls_stop_in_close)(void);

ssize_t __real_read(int fd, void *buffer, size_t length);
ssize_t __wrap_read(int fd, void *buffer, size_t length);
ssize_t __real_write(int fd, const void *buffer, size_t length);
ssize_t __wrap_write(int fd, const void *buffer, size_t length);
int __real_poll(struct pollfd *asked, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *asked, nfds_t count, int timeout_ms);
int __real_close(int fd);
int __wrap_close(int fd);

static void stop(int fd, void (*function)(void))
{
	if (function && fd == atomic_load(&calls_stop_fd))
		function();
}

ssize_t __wrap_read(int fd, void *buffer, size_t length)
{
	atomic_fetch_add(&calls_read, 1);
	stop(fd, atomic_load(&calls_stop_in_read));
	return __real_read(fd, buffer, length);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t length)
{
	atomic_fetch_add(&calls_write, 1);
	return __real_write(fd, buffer, length);
}

int __wrap_poll(struct pollfd *asked, nfds_t count, int timeout_ms)
{
	atomic_fetch_add(&calls_poll, 1);
	return __real_poll(asked, count, timeout_ms);
}

int __wrap_close(int fd)
{
	atomic_fetch_add(&calls_close, 1);
	stop(fd, atomic_load(&calls_stop_in_close));
	return __real_close(fd);
}

/* ---- how many ---- */

static void open_tcp(int *ends)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(ends[1], (struct sockaddr *)&address, size), 0);
	ends[0] = accept(listener, NULL, NULL);
	cr_assert_geq(ends[0], 0);
	cr_assert_eq(__real_close(listener), 0);
}

/* The reads that two reads of one byte cost: one that finds it, and one that waits for it. */
static unsigned reads_of_two(struct weft *io, const int *ends, size_t length)
{
	struct operation operation;
	unsigned before = atomic_load(&calls_read);
	start_waiting_read(io, &operation, ends[0], length, 1);
	put(ends[1], "a");
	cr_assert_eq(answer_of(io, &operation), 1);
	start_waiting_read(io, &operation, ends[0], length, 1);
	put(ends[1], "b");
	cr_assert_eq(answer_of(io, &operation), 1);
	return atomic_load(&calls_read) - before;
}

/* A first read that meets EAGAIN, so that the descriptor is watched. */
static void watch(struct weft *io, const int *ends)
{
	struct operation operation;
	start_waiting_read(io, &operation, ends[0], 1, 1);
	put(ends[1], "w");
	cr_assert_eq(answer_of(io, &operation), 1);
}

TEST_OF_CREWS(calls, short_count_of_a_pipe_means_drained)
{
	int ends[2];
	open_pipe(io, ends);
	watch(io, ends);
	(void)reads_of_two(io, ends, 8); /* what READY was left by the first */
	cr_assert_eq(reads_of_two(io, ends, 8), 2);
	close_both(io, ends);
}

TEST_OF_CREWS(calls, short_count_of_tcp_means_drained)
{
	int ends[2];
	open_tcp(ends);
	adopt_both(io, ends);
	watch(io, ends);
	(void)reads_of_two(io, ends, 8);
	cr_assert_eq(reads_of_two(io, ends, 8), 2);
	close_both(io, ends);
}

TEST_OF_CREWS(calls, full_count_goes_on_to_eagain)
{
	int ends[2];
	open_pipe(io, ends);
	watch(io, ends);
	(void)reads_of_two(io, ends, 1);
	cr_assert_eq(reads_of_two(io, ends, 1), 4);
	close_both(io, ends);
}

TEST_OF_CREWS(calls, short_count_of_a_unix_socket_goes_on_to_eagain)
{
	const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	for (int i = 0; i < 3; i++) {
		int ends[2];
		cr_assert_eq(socketpair(AF_UNIX, types[i], 0, ends), 0);
		adopt_both(io, ends);
		watch(io, ends);
		(void)reads_of_two(io, ends, 8);
		cr_assert_eq(reads_of_two(io, ends, 8), 4);
		close_both(io, ends);
	}
}

/* Two datagrams, and room for more than the first: the second is there. */
TEST_OF_CREWS(calls, short_count_of_a_datagram_is_not_the_last)
{
	int ends[2];
	char buffer[8];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	adopt_both(io, ends);
	watch(io, ends);
	put(ends[1], "one");
	put(ends[1], "two");
	put(ends[1], "three");
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 3);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 3);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 5);
	close_both(io, ends);
}

/* Before anybody has waited for it, the kernel tells of nothing. */
TEST_OF_CREWS(calls, short_count_of_one_that_is_not_watched)
{
	int ends[2];
	char buffer[8];
	struct operation operation;
	open_pipe(io, ends);
	put(ends[1], "a");
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 1);
	start_waiting_read(io, &operation, ends[0], sizeof buffer, 1);
	put(ends[1], "b");
	cr_assert_eq(answer_of(io, &operation), 1);
	cr_assert_eq(operation.bytes[0], 'b');
	close_both(io, ends);
}

/* The end of the data comes with data: a short count is then not the last. */
TEST_OF_CREWS(calls, short_count_before_the_end)
{
	int ends[2];
	char buffer[8];
	open_pipe(io, ends);
	watch(io, ends);
	for (int round = 0; round < 2; round++)
		(void)reads_of_two(io, ends, 8);
	put(ends[1], "last");
	cr_assert_eq(weft_close(io, ends[1]), 0);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 4);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 0);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 0);
	cr_assert_eq(weft_close(io, ends[0]), 0);
}

TEST_OF_CREWS(calls, adopted_is_not_asked_first)
{
	int ends[2];
	char byte;
	open_pipe(io, ends);
	unsigned before = atomic_load(&calls_poll);
	cr_assert_eq(weft_write(io, ends[1], "x", 1), 1);
	cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
	cr_assert_eq(atomic_load(&calls_poll), before);
	close_both(io, ends);
}

/* One that blocks is read only when it would not. */
TEST_OF_CREWS(calls, not_adopted_is_asked_before_each_call)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(reads_of_two(io, ends, 8), 2);
	cr_assert_eq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
	close_both(io, ends);
}

/* An urgent byte parts a stream: a read ends before it, whatever comes after. */
TEST_OF_CREWS(calls, short_count_before_an_urgent_byte)
{
	int ends[2];
	char buffer[8];
	open_tcp(ends);
	adopt_both(io, ends);
	watch(io, ends);
	(void)reads_of_two(io, ends, 8);
	put(ends[1], "ab");
	cr_assert_eq(send(ends[1], "!", 1, MSG_OOB), 1);
	put(ends[1], "cd");
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 2);
	cr_assert_eq(weft_read(io, ends[0], buffer, sizeof buffer), 2);
	close_both(io, ends);
}
