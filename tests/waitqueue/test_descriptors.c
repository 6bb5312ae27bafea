/* test_descriptors.c: reading and writing all sorts of descriptors, Weft's own and others. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "tests/waitqueue/descriptors.h"

/* ---- sorts ---- */

/* ends[0] is read, ends[1] is written. */
static void open_a_pipe(int *ends)
{
	cr_assert_eq(pipe(ends), 0);
}

static void open_unix(int *ends)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

/* Listens on a port of the loopback that nobody else has. */
static int listen_tcp(struct sockaddr_in *address)
{
	socklen_t size = sizeof *address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cr_assert_eq(bind(listener, (struct sockaddr *)address, size), 0);
	cr_assert_eq(listen(listener, 8), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)address, &size), 0);
	return listener;
}

/* With little room, so that writers wait. */
static void open_tcp(int *ends)
{
	struct sockaddr_in address;
	int listener = listen_tcp(&address), least = 1;
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least),
		     0);
	cr_assert_eq(connect(ends[1], (struct sockaddr *)&address, sizeof address), 0);
	ends[0] = accept(listener, NULL, NULL);
	cr_assert_geq(ends[0], 0);
	cr_assert_eq(close(listener), 0);
}

static int open_master(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	cr_assert_geq(master, 0);
	cr_assert_eq(grantpt(master), 0);
	cr_assert_eq(unlockpt(master), 0);
	return master;
}

static int open_slave(int master)
{
	struct termios attributes;
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	cr_assert_geq(slave, 0);
	cr_assert_eq(tcgetattr(slave, &attributes), 0);
	cfmakeraw(&attributes);
	cr_assert_eq(tcsetattr(slave, TCSANOW, &attributes), 0);
	return slave;
}

static void open_terminal(int *ends)
{
	ends[0] = open_master();
	ends[1] = open_slave(ends[0]);
}

static void open_terminal_the_other_way(int *ends)
{
	ends[1] = open_master();
	ends[0] = open_slave(ends[1]);
}

static char fifo_path[64];

static void make_fifo(void)
{
	(void)snprintf(fifo_path, sizeof fifo_path, "/tmp/weft-fifo-%d", getpid());
	(void)unlink(fifo_path);
	cr_assert_eq(mkfifo(fifo_path, 0600), 0);
}

static int open_fifo_to_read(void)
{
	int fd = open(fifo_path, O_RDONLY | O_NONBLOCK);
	cr_assert_geq(fd, 0);
	cr_assert_eq(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static void open_fifo(int *ends)
{
	make_fifo();
	ends[0] = open_fifo_to_read();
	ends[1] = open(fifo_path, O_WRONLY);
	cr_assert_geq(ends[1], 0);
	cr_assert_eq(unlink(fifo_path), 0);
}

static void (*const sorts[])(int *ends) = {
	open_a_pipe, open_unix, open_tcp, open_terminal, open_terminal_the_other_way,
	open_fifo,
};
enum { SORTS = sizeof sorts / sizeof sorts[0] };

/* Calls `body` for each sort, as it is, and adopted. */
static void for_all_sorts(struct weft *io,
			  void (*body)(struct weft *io, const int *ends))
{
	for (int i = 0; i < 2 * SORTS; i++) {
		int ends[2];
		sorts[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		body(io, ends);
		close_both(io, ends);
	}
}

/* ---- on all sorts ---- */

static void wait_and_read(struct weft *io, const int *ends)
{
	for (int round = 0; round < 20; round++) {
		struct operation reader;
		start_waiting_read(io, &reader, ends[0], sizeof reader.bytes, 1);
		cr_assert_eq(weft_write(io, ends[1], "hello", 5), 5);
		cr_assert_eq(answer_of(io, &reader), 5);
		cr_assert_arr_eq(reader.bytes, "hello", 5);
	}
}

TEST_OF_CREWS(descriptors, a_read_waits_until_there_is_something)
{
	for_all_sorts(io, wait_and_read);
}

static void wait_readable(struct weft *io, const int *ends)
{
	for (int round = 0; round < 20; round++) {
		struct operation waiter = {.fd = ends[0]};
		char byte;
		start(io, &waiter, run_wait_readable);
		await_waiters(io, ends[0], READING, 1);
		cr_assert_eq(weft_write(io, ends[1], "x", 1), 1);
		cr_assert_eq(answer_of(io, &waiter), 0);
		cr_assert_eq(weft_wait_readable(io, ends[0]), 0);
		cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
	}
}

TEST_OF_CREWS(descriptors, a_wait_until_readable)
{
	for_all_sorts(io, wait_readable);
}

/* More than any of them has room for. */
enum { MUCH = 300000 };

static char wanted_byte(size_t at)
{
	return (char)(at * 7 + at / 251);
}

static void write_much(struct weft *io, const void *context, void *result)
{
	static char bytes[MUCH];
	int fd = *(const int *)context;
	(void)result;
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = wanted_byte(i);
	for (size_t done = 0; done < MUCH;) {
		cr_assert_eq(weft_wait_writable(io, fd), 0);
		ssize_t written = weft_write(io, fd, bytes + done, MUCH - done);
		cr_assert_gt(written, 0);
		done += (size_t)written;
	}
}

static void read_much(struct weft *io, int fd)
{
	char bytes[3001];
	for (size_t done = 0; done < MUCH;) {
		ssize_t got = weft_read(io, fd, bytes, sizeof bytes);
		cr_assert_gt(got, 0);
		for (ssize_t i = 0; i < got; i++)
			cr_assert_eq(bytes[i], wanted_byte(done + (size_t)i));
		done += (size_t)got;
	}
}

static void pass_much(struct weft *io, const int *ends)
{
	struct weft_future writer;
	weft_async(io, &writer, write_much, &ends[1], sizeof ends[1], NULL);
	read_much(io, ends[0]);
	weft_await(io, &writer);
}

/* Neither blocks its worker, which there may be only one of; but for terminals: see weft.h. */
TEST_OF_CREWS(descriptors, more_than_there_is_room_for)
{
	for (int i = 0; i < 2 * SORTS; i++) {
		int ends[2];
		sorts[i / 2](ends);
		if (i % 2 || isatty(ends[1]))
			adopt_both(io, ends);
		pass_much(io, ends);
		close_both(io, ends);
	}
}

static void read_nothing(struct weft *io, const int *ends)
{
	char byte = 'x';
	cr_assert_eq(weft_read(io, ends[0], &byte, 0), 0);
	cr_assert_eq(weft_write(io, ends[1], &byte, 0), 0);
	cr_assert_eq(weft_write(io, ends[1], &byte, 1), 1);
	cr_assert_eq(weft_read(io, ends[0], &byte, 0), 0);
	cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
	cr_assert_eq(weft_read(io, ends[0], &byte, 0), 0);
}

/* A length of 0 is no reason to wait. */
TEST_OF_CREWS(descriptors, of_length_0)
{
	for_all_sorts(io, read_nothing);
}

static void read_to_the_end(struct weft *io, const int *ends, bool adopted)
{
	char bytes[16];
	if (adopted)
		adopt_both(io, ends);
	cr_assert_eq(weft_write(io, ends[1], "end", 3), 3);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	cr_assert_eq(weft_wait_readable(io, ends[0]), 0);
	cr_assert_eq(weft_read(io, ends[0], bytes, sizeof bytes), 3);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(weft_wait_readable(io, ends[0]), 0);
		cr_assert_eq(weft_read(io, ends[0], bytes, sizeof bytes), 0);
	}
	cr_assert_eq(weft_close(io, ends[0]), 0);
}

/* The end comes together with data, and stays. */
TEST_OF_CREWS(descriptors, the_end_after_data)
{
	void (*const with_end[])(int *) = {open_a_pipe, open_unix, open_tcp, open_fifo};
	for (int i = 0; i < 8; i++) {
		int ends[2];
		with_end[i / 2](ends);
		read_to_the_end(io, ends, i % 2);
	}
}

/* ... and comes to those who wait already, all of them. */
TEST_OF_CREWS(descriptors, the_end_for_those_who_wait)
{
	enum { MANY = 5 };
	void (*const with_end[])(int *) = {open_a_pipe, open_unix, open_tcp, open_fifo};
	for (int i = 0; i < 8; i++) {
		struct operation readers[MANY];
		int ends[2];
		with_end[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		for (uint32_t k = 0; k < MANY; k++)
			start_waiting_read(io, &readers[k], ends[0], 8, k + 1);
		put(ends[1], "data");
		cr_assert_eq(weft_close(io, ends[1]), 0);
		cr_assert_eq(answer_of(io, &readers[0]), 4);
		for (int k = 1; k < MANY; k++)
			cr_assert_eq(answer_of(io, &readers[k]), 0);
		cr_assert_eq(weft_close(io, ends[0]), 0);
	}
}

/* ---- the reader has gone ---- */

TEST_OF_CREWS(descriptors, nobody_reads)
{
	void (*const piped[])(int *) = {open_a_pipe, open_unix, open_fifo};
	for (int i = 0; i < 6; i++) {
		int ends[2];
		piped[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		cr_assert_eq(weft_close(io, ends[0]), 0);
		for (int k = 0; k < 3; k++) {
			cr_assert_eq(weft_wait_writable(io, ends[1]), 0);
			cr_assert_eq(weft_write(io, ends[1], "x", 1), -EPIPE);
		}
		cr_assert_eq(weft_close(io, ends[1]), 0);
	}
}

/* While writers wait for room. */
TEST_OF_CREWS(descriptors, the_reader_goes)
{
	enum { MANY = 5 };
	void (*const piped[])(int *) = {open_a_pipe, open_unix, open_fifo};
	for (int i = 0; i < 6; i++) {
		struct operation writers[MANY];
		int ends[2];
		piped[i / 2](ends);
		cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
		fill(ends[1]);
		cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
		if (i % 2)
			adopt_both(io, ends);
		for (uint32_t k = 0; k < MANY; k++) {
			writers[k] = (struct operation){.fd = ends[1], .length = 1};
			start(io, &writers[k], run_write);
			await_waiters(io, ends[1], WRITING, k + 1);
		}
		cr_assert_eq(weft_close(io, ends[0]), 0);
		for (int k = 0; k < MANY; k++)
			cr_assert_eq(answer_of(io, &writers[k]), -EPIPE);
		cr_assert_eq(weft_close(io, ends[1]), 0);
	}
}

/* ---- sockets ---- */

static void (*const sockets[])(int *) = {open_unix, open_tcp};

/* One way is shut, the other is open. */
TEST_OF_CREWS(descriptors, half_closed)
{
	for (int i = 0; i < 4; i++) {
		struct operation reader;
		int ends[2];
		char bytes[8];
		sockets[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		cr_assert_eq(weft_write(io, ends[1], "last", 4), 4);
		cr_assert_eq(shutdown(ends[1], SHUT_WR), 0);
		cr_assert_eq(weft_read(io, ends[0], bytes, sizeof bytes), 4);
		cr_assert_eq(weft_read(io, ends[0], bytes, sizeof bytes), 0);
		cr_assert_eq(weft_write(io, ends[1], "more", 4), -EPIPE);
		start_waiting_read(io, &reader, ends[1], 8, 1);
		cr_assert_eq(weft_write(io, ends[0], "back", 4), 4);
		cr_assert_eq(answer_of(io, &reader), 4);
		start_waiting_read(io, &reader, ends[1], 8, 1);
		cr_assert_eq(weft_close(io, ends[0]), 0);
		cr_assert_eq(answer_of(io, &reader), 0);
		cr_assert_eq(weft_close(io, ends[1]), 0);
	}
}

/* The other end is reset under a reader; the error is told once, and then there is the end. */
TEST_OF_CREWS(descriptors, a_reset)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		const struct linger reset = {1, 0};
		struct operation reader;
		int ends[2];
		open_tcp(ends);
		if (adopted)
			adopt_both(io, ends);
		start_waiting_read(io, &reader, ends[0], 8, 1);
		cr_assert_eq(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &reset,
					sizeof reset),
			     0);
		cr_assert_eq(weft_close(io, ends[1]), 0);
		cr_assert_eq(answer_of(io, &reader), -ECONNRESET);
		cr_assert_eq(weft_read(io, ends[0], reader.bytes, 8), 0);
		cr_assert_eq(weft_write(io, ends[0], "x", 1), -EPIPE);
		cr_assert_eq(weft_close(io, ends[0]), 0);
	}
}

/* ... and under one who only waits. */
TEST_OF_CREWS(descriptors, a_reset_is_worth_reading)
{
	const struct linger reset = {1, 0};
	struct operation waiter;
	int ends[2];
	open_tcp(ends);
	waiter = (struct operation){.fd = ends[0]};
	start(io, &waiter, run_wait_readable);
	await_waiters(io, ends[0], READING, 1);
	cr_assert_eq(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &reset, sizeof reset),
		     0);
	cr_assert_eq(close(ends[1]), 0);
	cr_assert_eq(answer_of(io, &waiter), 0);
	cr_assert_eq(weft_read(io, ends[0], waiter.bytes, 1), -ECONNRESET);
	cr_assert_eq(weft_close(io, ends[0]), 0);
}

/* A connection is made, or refused, when the socket can be written. */
TEST_OF_CREWS(descriptors, a_connection_on_its_way)
{
	for (int refused = 0; refused < 2; refused++) {
		struct sockaddr_in address;
		int listener = listen_tcp(&address), error = -1;
		socklen_t size = sizeof error;
		if (refused)
			cr_assert_eq(close(listener), 0);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		int result = connect(fd, (struct sockaddr *)&address, sizeof address);
		cr_assert(result == 0 || errno == EINPROGRESS || errno == ECONNREFUSED);
		cr_assert_eq(weft_adopt(io, fd), 0);
		cr_assert_eq(weft_wait_writable(io, fd), 0);
		cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
		cr_assert(error == (refused ? ECONNREFUSED : 0) || result < 0);
		cr_assert_eq(weft_close(io, fd), 0);
		if (!refused)
			cr_assert_eq(weft_close(io, listener), 0);
	}
}

/* A listener is readable when somebody has come; one event, many fibers, each of whom takes one. */
static void accept_one(struct weft *io, const void *context, void *result)
{
	int listener = *(const int *)context, fd;
	while ((fd = accept(listener, NULL, NULL)) < 0)
		cr_assert_eq(weft_wait_readable(io, listener), 0);
	*(int *)result = fd;
}

TEST_OF_CREWS(descriptors, a_listener_is_readable)
{
	enum { COMERS = 6 };
	struct sockaddr_in address;
	struct weft_future futures[COMERS];
	int accepted[COMERS], comers[COMERS];
	int listener = listen_tcp(&address);
	cr_assert_eq(weft_adopt(io, listener), 0);
	for (uint32_t i = 0; i < COMERS; i++) {
		weft_async(io, &futures[i], accept_one, &listener, sizeof listener,
			   &accepted[i]);
		await_waiters(io, listener, READING, i + 1);
	}
	for (int i = 0; i < COMERS; i++) {
		comers[i] = socket(AF_INET, SOCK_STREAM, 0);
		cr_assert_eq(
			connect(comers[i], (struct sockaddr *)&address, sizeof address),
			0);
	}
	for (int i = 0; i < COMERS; i++) {
		weft_await(io, &futures[i]);
		cr_assert_eq(weft_close(io, accepted[i]), 0);
		cr_assert_eq(weft_close(io, comers[i]), 0);
	}
	cr_assert_eq(weft_close(io, listener), 0);
}

/* ---- FIFOs ---- */

/* The writer comes, goes, and comes again; meanwhile there is the end. */
TEST_OF_CREWS(descriptors, the_writer_of_a_fifo_goes_and_comes_back)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		make_fifo();
		int reading = open_fifo_to_read();
		if (adopted)
			cr_assert_eq(weft_adopt(io, reading), 0);
		for (int round = 0; round < 10; round++) {
			struct operation reader;
			int writing = open(fifo_path, O_WRONLY);
			cr_assert_geq(writing, 0);
			start_waiting_read(io, &reader, reading, 8, 1);
			put(writing, "x");
			cr_assert_eq(answer_of(io, &reader), 1);
			start_waiting_read(io, &reader, reading, 8, 1);
			cr_assert_eq(weft_close(io, writing), 0);
			cr_assert_eq(answer_of(io, &reader), 0);
			cr_assert_eq(weft_read(io, reading, reader.bytes, 8), 0);
		}
		cr_assert_eq(weft_close(io, reading), 0);
		cr_assert_eq(unlink(fifo_path), 0);
	}
}

/* Nobody has opened it to write yet. */
TEST_OF_CREWS(descriptors, a_fifo_is_read_before_there_is_a_writer)
{
	struct operation reader;
	make_fifo();
	int reading = open_fifo_to_read();
	start_waiting_read(io, &reader, reading, 8, 1);
	int writing = open(fifo_path, O_WRONLY);
	put(writing, "x");
	cr_assert_eq(answer_of(io, &reader), 1);
	cr_assert_eq(weft_close(io, writing), 0);
	cr_assert_eq(weft_close(io, reading), 0);
	cr_assert_eq(unlink(fifo_path), 0);
}

/* ---- terminals ---- */

/* A hang-up of a terminal ends when somebody opens it again. */
TEST_OF_CREWS(descriptors, a_hangup_that_goes_away)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		int master = open_master();
		if (adopted)
			cr_assert_eq(weft_adopt(io, master), 0);
		for (int round = 0; round < 10; round++) {
			struct operation reader;
			int slave = open_slave(master);
			start_waiting_read(io, &reader, master, 8, 1);
			put(slave, "x");
			cr_assert_eq(answer_of(io, &reader), 1);
			start_waiting_read(io, &reader, master, 8, 1);
			cr_assert_eq(weft_close(io, slave), 0);
			cr_assert_eq(answer_of(io, &reader), -EIO);
			cr_assert_eq(weft_read(io, master, reader.bytes, 8), -EIO);
		}
		cr_assert_eq(weft_close(io, master), 0);
	}
}

/* The other way round it is for good. */
TEST_OF_CREWS(descriptors, the_master_goes)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		struct operation reader;
		int master = open_master(), slave = open_slave(master);
		if (adopted)
			cr_assert_eq(weft_adopt(io, slave), 0);
		start_waiting_read(io, &reader, slave, 8, 1);
		cr_assert_eq(weft_close(io, master), 0);
		cr_assert_leq(answer_of(io, &reader), 0);
		cr_assert_leq(weft_read(io, slave, reader.bytes, 8), 0);
		cr_assert_eq(weft_write(io, slave, "x", 1), -EIO);
		cr_assert_eq(weft_close(io, slave), 0);
	}
}

/* ---- what is always ready ---- */

static void try_always_ready(struct weft *io, int fd, ssize_t reads, ssize_t writes)
{
	char bytes[100] = {0};
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(weft_wait_readable(io, fd), 0);
		cr_assert_eq(weft_wait_writable(io, fd), 0);
		cr_assert_eq(weft_read(io, fd, bytes, sizeof bytes), reads);
		cr_assert_eq(weft_write(io, fd, bytes, sizeof bytes), writes);
	}
	cr_assert_eq(weft_close(io, fd), 0);
}

TEST_OF_CREWS(descriptors, devices_and_directories)
{
	const struct {
		const char *path;
		int flags;
		ssize_t reads, writes;
	} always[] = {
		{"/dev/null", O_RDWR, 0, 100},
		{"/dev/zero", O_RDWR, 100, 100},
		{"/tmp", O_RDONLY, -EISDIR, -EBADF},
	};
	for (int i = 0; i < 6; i++) {
		int fd = open(always[i / 2].path, always[i / 2].flags);
		cr_assert_geq(fd, 0);
		if (i % 2)
			cr_assert_eq(weft_adopt(io, fd), 0);
		try_always_ready(io, fd, always[i / 2].reads, always[i / 2].writes);
	}
}

TEST_OF_CREWS(descriptors, a_regular_file)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		char bytes[16], path[] = "/tmp/weft-file-XXXXXX";
		int fd = mkstemp(path);
		cr_assert_geq(fd, 0);
		cr_assert_eq(unlink(path), 0);
		if (adopted)
			cr_assert_eq(weft_adopt(io, fd), 0);
		cr_assert_eq(weft_wait_readable(io, fd), 0);
		cr_assert_eq(weft_read(io, fd, bytes, sizeof bytes), 0);
		cr_assert_eq(weft_write(io, fd, "text", 4), 4);
		cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
		cr_assert_eq(weft_read(io, fd, bytes, sizeof bytes), 4);
		cr_assert_eq(weft_read(io, fd, bytes, sizeof bytes), 0);
		cr_assert_eq(weft_wait_writable(io, fd), 0);
		cr_assert_eq(weft_close(io, fd), 0);
	}
}

/* ---- what cannot be had ---- */

TEST_OF_CREWS(descriptors, the_wrong_direction)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		int ends[2];
		char byte = 0;
		cr_assert_eq(pipe(ends), 0);
		if (adopted)
			adopt_both(io, ends);
		cr_assert_eq(weft_write(io, ends[1], &byte, 1), 1);
		cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
		cr_assert_eq(weft_write(io, ends[0], &byte, 1), -EBADF);
		close_both(io, ends);
	}
}

/* A page that is not there: the system says so, and nobody's turn is lost. */
TEST_OF_CREWS(descriptors, a_buffer_that_is_not_there)
{
	struct operation readers[2];
	int ends[2];
	open_pipe(io, ends);
	for (uint32_t i = 0; i < 2; i++)
		start_waiting_read(io, &readers[i], ends[0], 1, i + 1);
	put(ends[1], "ab");
	cr_assert_eq(answer_of(io, &readers[0]), 1);
	cr_assert_eq(answer_of(io, &readers[1]), 1);
	put(ends[1], "c");
	cr_assert_eq(weft_read(io, ends[0], (void *)(uintptr_t)8, 1), -EFAULT);
	cr_assert_eq(weft_read(io, ends[0], readers[0].bytes, 1), 1);
	close_both(io, ends);
}
