/* test_adopt.c: descriptors that become Weft's own. */
#include <stdlib.h>

#include "tests/waitqueue/descriptors.h"

static int is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	cr_assert_geq(flags, 0);
	return (flags & O_NONBLOCK) != 0;
}

TEST_OF_CREWS(adopt, makes_it_nonblocking_once_and_for_all)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	for (int i = 0; i < 2; i++)
		for (int round = 0; round < 3; round++) {
			cr_assert_eq(is_nonblocking(ends[i]), round > 0);
			cr_assert_eq(weft_adopt(io, ends[i]), 0);
		}
	close_both(io, ends);
}

/* Other flags stay. */
TEST_OF_CREWS(adopt, keeps_what_else_it_is)
{
	char path[] = "/tmp/weft-adopt-XXXXXX";
	int ends[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	cr_assert_eq(weft_adopt(io, ends[0]), 0);
	cr_assert_eq(fcntl(ends[0], F_GETFL), O_RDWR | O_ASYNC | O_NONBLOCK);
	close_both(io, ends);
	int fd = mkstemp(path);
	cr_assert_eq(unlink(path), 0);
	int flags = fcntl(fd, F_GETFL);
	cr_assert_eq(weft_adopt(io, fd), 0);
	cr_assert_eq(fcntl(fd, F_GETFL), flags);
	cr_assert_eq(weft_close(io, fd), 0);
}

/* A directory, as a regular file above, stays as it is. */
TEST_OF_CREWS(adopt, a_directory)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	cr_assert_eq(weft_adopt(io, fd), 0);
	cr_assert_not(is_nonblocking(fd));
	cr_assert_eq(weft_wait_readable(io, fd), 0);
	cr_assert_eq(weft_close(io, fd), 0);
}

/* One that is not adopted stays as it is, whatever is done with it. */
TEST_OF_CREWS(adopt, is_not_done_by_anything_else)
{
	int ends[2];
	struct operation reader;
	cr_assert_eq(pipe(ends), 0);
	start_waiting_read(io, &reader, ends[0], 1, 1);
	cr_assert_eq(weft_write(io, ends[1], "x", 1), 1);
	cr_assert_eq(answer_of(io, &reader), 1);
	cr_assert_eq(weft_wait_writable(io, ends[1]), 0);
	cr_assert_not(is_nonblocking(ends[0]));
	cr_assert_not(is_nonblocking(ends[1]));
	close_both(io, ends);
}

/* The number's next owner is not adopted because the last one was. */
TEST_OF_CREWS(adopt, ends_with_a_close)
{
	for (int round = 0; round < 20; round++) {
		struct operation reader;
		int ends[2];
		cr_assert_eq(pipe(ends), 0);
		if (round % 2)
			adopt_both(io, ends);
		start_waiting_read(io, &reader, ends[0], 1, 1);
		put(ends[1], "x");
		cr_assert_eq(answer_of(io, &reader), 1);
		close_both(io, ends);
	}
}

/* While fibers wait for it, and hold the turn. */
TEST_OF_CREWS(adopt, while_others_wait)
{
	struct operation readers[3];
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	for (uint32_t i = 0; i < 3; i++)
		start_waiting_read(io, &readers[i], ends[0], 1, i + 1);
	adopt_both(io, ends);
	put(ends[1], "abc");
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(answer_of(io, &readers[i]), 1);
		cr_assert_eq(readers[i].bytes[0], "abc"[i]);
	}
	close_both(io, ends);
}

/* Two numbers of one pipe's end: both wait, and both are told. */
TEST_OF_CREWS(adopt, one_and_its_dup)
{
	struct operation readers[2];
	int ends[2];
	open_pipe(io, ends);
	int copy = dup(ends[0]);
	cr_assert_eq(weft_adopt(io, copy), 0);
	start_waiting_read(io, &readers[0], ends[0], 1, 1);
	start_waiting_read(io, &readers[1], copy, 1, 1);
	put(ends[1], "ab");
	cr_assert_eq(answer_of(io, &readers[0]), 1);
	cr_assert_eq(answer_of(io, &readers[1]), 1);
	cr_assert_eq(weft_close(io, copy), 0);
	close_both(io, ends);
}

/* One runtime after the other: the second knows nothing of what the first adopted or watched. */
Test(adopt, is_forgotten_with_the_runtime)
{
	int ends[2];
	struct operation reader;
	cr_assert_eq(pipe(ends), 0);
	for (int round = 0; round < 6; round++) {
		struct weft *io = begin(2);
		if (round == 3)
			adopt_both(io, ends);
		start_waiting_read(io, &reader, ends[0], 8, 1);
		put(ends[1], "x");
		cr_assert_eq(answer_of(io, &reader), 1);
		end(io);
	}
}
