/* descriptors.h: what the tests of descriptors, signals and forks share. */
#ifndef WEFT_TESTS_WAITQUEUE_DESCRIPTORS_H
#define WEFT_TESTS_WAITQUEUE_DESCRIPTORS_H

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "waitqueue/descriptor.h"
#include "weft.h"

/* A test that hangs asleep is not ended by Criterion, which counts processor time. */
enum { WATCHDOG_S = 600 };

static inline struct weft *begin(uint32_t workers)
{
	struct weft *io;
	(void)alarm(WATCHDOG_S);
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

static inline void end(struct weft *io)
{
	cr_assert_eq(weft_deinit(io), 0);
}

/* Of those with small numbers; tests open no others. */
static inline int open_descriptors(void)
{
	enum { SMALL = 256 };
	int count = 0;
	for (int fd = 0; fd < SMALL; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* A test of a runtime with 1, 2 and 4 workers, after which no descriptor is left open. */
#define TEST_OF_CREWS(suite, name)                                                     \
	static void name##_in(struct weft *io);                                        \
	Test(suite, name)                                                              \
	{                                                                              \
		for (uint32_t workers = 1; workers <= 4; workers *= 2) {               \
			int before = open_descriptors();                               \
			struct weft *io = begin(workers);                              \
			name##_in(io);                                                 \
			end(io);                                                       \
			cr_assert_eq(open_descriptors(), before);                      \
		}                                                                      \
	}                                                                              \
	static void name##_in(struct weft *io)

/* ---- who waits ---- */

/* In test_peek.c. How many wait for a descriptor; and for signals. */
uint32_t waiters_of(struct weft *io, int fd, int direction);
uint32_t listeners_of(struct weft *io);

static inline void await_waiters(struct weft *io, int fd, int direction, uint32_t count)
{
	while (waiters_of(io, fd, direction) != count) {
		weft_yield(io);
		(void)sched_yield();
	}
}

/* ---- fibers with one operation each ---- */

struct operation {
	int fd;
	size_t length;
	char bytes[8]; /* to be written, or that were read */
	ssize_t answer;
	int64_t deadline_ns; /* 0: none */
	struct weft_future future;
};

static inline void run_read(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	struct weft_deadline deadline;
	(void)context;
	if (operation->deadline_ns)
		(void)weft_deadline_begin(io, &deadline,
					  weft_in(operation->deadline_ns));
	operation->answer =
		weft_read(io, operation->fd, operation->bytes, operation->length);
	if (operation->deadline_ns)
		(void)weft_deadline_end(io, &deadline);
}

static inline void run_write(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	(void)context;
	operation->answer =
		weft_write(io, operation->fd, operation->bytes, operation->length);
}

static inline void run_wait_readable(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	(void)context;
	operation->answer = weft_wait_readable(io, operation->fd);
}

static inline void run_wait_writable(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	(void)context;
	operation->answer = weft_wait_writable(io, operation->fd);
}

static inline void start(struct weft *io, struct operation *operation,
			 weft_function *function)
{
	weft_async(io, &operation->future, function, NULL, 0, operation);
}

static inline ssize_t answer_of(struct weft *io, struct operation *operation)
{
	weft_await(io, &operation->future);
	return operation->answer;
}

/* Starts a read of `length` bytes, and returns when it waits as the `place`th. */
static inline void start_waiting_read(struct weft *io, struct operation *operation,
				      int fd, size_t length, uint32_t place)
{
	*operation = (struct operation){.fd = fd, .length = length};
	start(io, operation, run_read);
	await_waiters(io, fd, READING, place);
}

static inline bool cancel(struct weft *io, struct operation *operation)
{
	return waitqueue_cancel(io, operation->future.fiber,
				operation->future.fiber_id);
}

/* ---- descriptors ---- */

static inline void close_both(struct weft *io, const int *ends)
{
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(weft_close(io, ends[1]), 0);
}

static inline void adopt_both(struct weft *io, const int *ends)
{
	cr_assert_eq(weft_adopt(io, ends[0]), 0);
	cr_assert_eq(weft_adopt(io, ends[1]), 0);
}

/* A pipe whose ends are Weft's own. */
static inline void open_pipe(struct weft *io, int *ends)
{
	cr_assert_eq(pipe(ends), 0);
	adopt_both(io, ends);
}

static inline void put(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Until there is no room. */
static inline void fill(int fd)
{
	static const char zeros[4096];
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	while (write(fd, zeros, 1) > 0)
		;
}

/* Whatever is there. */
static inline size_t drain(int fd)
{
	char buffer[4096];
	size_t all = 0;
	for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;)
		all += (size_t)got;
	return all;
}

#endif
