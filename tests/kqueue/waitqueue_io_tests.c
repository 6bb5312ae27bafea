/* waitqueue_io_tests.c: descriptors, their close, signals, SIGPIPE and fork, where there is a
 * compiler and nothing else. */
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system.h"
#include "tests/kqueue/harness.h"
#include "waitqueue/descriptor.h"
#include "weft.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	check_equal(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

/* Calls `body` in runtimes with 1, 2 and 4 workers. */
static void for_all_crews(void (*body)(struct weft *io))
{
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		struct weft *io = begin(workers);
		body(io);
		check_equal(weft_deinit(io), 0);
	}
}

/* ---- who waits ---- */

static uint32_t waiters_of(struct weft *io, int fd, int direction)
{
	struct descriptor *descriptor;
	uint32_t count = 0;
	check_equal(descriptor_of(io, fd, &descriptor), 0);
	lock_take(&descriptor->home.lock);
	struct waiter *waiter = descriptor->turns[direction].waiters.first;
	for (; waiter; waiter = waiter->next)
		count++;
	lock_give(&descriptor->home.lock);
	return count;
}

static void await_waiters(struct weft *io, int fd, int direction, uint32_t count)
{
	while (waiters_of(io, fd, direction) != count) {
		weft_yield(io);
		(void)sched_yield();
	}
}

struct operation {
	int fd;
	size_t length;
	char bytes[8];
	ssize_t answer;
	struct weft_future future;
};

static void run_read(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	(void)context;
	operation->answer =
		weft_read(io, operation->fd, operation->bytes, operation->length);
}

static void run_write(struct weft *io, const void *context, void *result)
{
	struct operation *operation = result;
	(void)context;
	operation->answer =
		weft_write(io, operation->fd, operation->bytes, operation->length);
}

static ssize_t answer_of(struct weft *io, struct operation *operation)
{
	weft_await(io, &operation->future);
	return operation->answer;
}

/* Returns when it waits as the `place`th. */
static void start_waiting(struct weft *io, struct operation *operation, int fd,
			  size_t length, int direction, uint32_t place)
{
	*operation = (struct operation){.fd = fd, .length = length, .bytes = "w"};
	weft_async(io, &operation->future, direction == READING ? run_read : run_write,
		   NULL, 0, operation);
	await_waiters(io, fd, direction, place);
}

/* ---- sorts of descriptors ---- */

static void open_a_pipe(int *ends)
{
	check_equal(pipe(ends), 0);
}

static void open_unix(int *ends)
{
	check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static int listen_tcp(struct sockaddr_in *address)
{
	socklen_t size = sizeof *address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	memset(address, 0, sizeof *address);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check_equal(bind(listener, (struct sockaddr *)address, size), 0);
	check_equal(listen(listener, 8), 0);
	check_equal(getsockname(listener, (struct sockaddr *)address, &size), 0);
	return listener;
}

static void open_tcp(int *ends)
{
	struct sockaddr_in address;
	int listener = listen_tcp(&address);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	check_equal(connect(ends[1], (struct sockaddr *)&address, sizeof address), 0);
	ends[0] = accept(listener, NULL, NULL);
	check(ends[0] >= 0);
	check_equal(system_close(listener), 0);
}

static void (*const sorts[])(int *ends) = {open_a_pipe, open_unix, open_tcp};
enum { SORTS = sizeof sorts / sizeof sorts[0] };

static void adopt_both(struct weft *io, const int *ends)
{
	check_equal(weft_adopt(io, ends[0]), 0);
	check_equal(weft_adopt(io, ends[1]), 0);
}

static void close_both(struct weft *io, const int *ends)
{
	check_equal(weft_close(io, ends[0]), 0);
	check_equal(weft_close(io, ends[1]), 0);
}

/* As they are, and adopted. */
static void for_all_sorts(struct weft *io, void (*body)(struct weft *io, int *ends))
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

static void put(int fd, const char *text)
{
	check_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* ---- reading and writing ---- */

static void wait_and_read(struct weft *io, int *ends)
{
	for (int round = 0; round < 20; round++) {
		struct operation reader;
		start_waiting(io, &reader, ends[0], 8, READING, 1);
		check_equal(weft_write(io, ends[1], "hello", 5), 5);
		check_equal(answer_of(io, &reader), 5);
		check(memcmp(reader.bytes, "hello", 5) == 0);
	}
}

static void read_short_and_wait(struct weft *io, int *ends)
{
	char bytes[8];
	struct operation reader;
	put(ends[1], "a");
	check_equal(weft_read(io, ends[0], bytes, sizeof bytes), 1);
	start_waiting(io, &reader, ends[0], 8, READING, 1);
	put(ends[1], "b");
	check_equal(answer_of(io, &reader), 1);
}

enum { MUCH = 500000 };

static void write_much(struct weft *io, const void *context, void *result)
{
	static char bytes[MUCH];
	int fd = *(const int *)context;
	(void)result;
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	for (size_t done = 0; done < MUCH;) {
		ssize_t written = weft_write(io, fd, bytes + done, MUCH - done);
		check(written > 0);
		done += (size_t)written;
	}
}

static void pass_much(struct weft *io, int *ends)
{
	struct weft_future writer;
	char bytes[3001];
	size_t done = 0;
	weft_async(io, &writer, write_much, &ends[1], sizeof ends[1], NULL);
	while (done < MUCH) {
		ssize_t got = weft_read(io, ends[0], bytes, sizeof bytes);
		check(got > 0);
		for (ssize_t i = 0; i < got; i++, done++)
			check_equal(bytes[i], (char)(done * 7 + done / 251));
	}
	weft_await(io, &writer);
}

static void read_nothing(struct weft *io, int *ends)
{
	char byte;
	check_equal(weft_read(io, ends[0], &byte, 0), 0);
}

static void read_and_write(struct weft *io)
{
	for_all_sorts(io, wait_and_read);
	for_all_sorts(io, read_short_and_wait);
	for_all_sorts(io, pass_much);
	for_all_sorts(io, read_nothing);
}

static void all_sorts(void)
{
	for_all_crews(read_and_write);
}

static void read_to_the_end(struct weft *io)
{
	for (int i = 0; i < 2 * SORTS; i++) {
		struct operation waiting;
		int ends[2];
		sorts[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		start_waiting(io, &waiting, ends[0], 8, READING, 1);
		put(ends[1], "end");
		check_equal(weft_close(io, ends[1]), 0);
		check_equal(answer_of(io, &waiting), 3);
		for (int k = 0; k < 3; k++) {
			check_equal(weft_wait_readable(io, ends[0]), 0);
			check_equal(weft_read(io, ends[0], waiting.bytes, 8), 0);
		}
		check_equal(weft_close(io, ends[0]), 0);
	}
}

static void the_end_comes_with_data(void)
{
	for_all_crews(read_to_the_end);
}

static void shut_one_way(struct weft *io)
{
	for (int i = 2; i < 2 * SORTS; i++) {
		struct operation reader;
		int ends[2];
		sorts[i / 2](ends);
		if (i % 2)
			adopt_both(io, ends);
		check_equal(shutdown(ends[1], SHUT_WR), 0);
		check_equal(weft_read(io, ends[0], reader.bytes, 8), 0);
		start_waiting(io, &reader, ends[1], 8, READING, 1);
		check_equal(weft_write(io, ends[0], "back", 4), 4);
		check_equal(answer_of(io, &reader), 4);
		close_both(io, ends);
	}
}

static void half_closed_sockets(void)
{
	for_all_crews(shut_one_way);
}

static void refuse_connection(struct weft *io)
{
	struct sockaddr_in address;
	int error = -1, fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof error;
	check_equal(system_close(listen_tcp(&address)),
		    0); /* nobody listens there now */
	check_equal(weft_adopt(io, fd), 0);
	int result = connect(fd, (struct sockaddr *)&address, sizeof address);
	check(result < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED));
	bool told = errno == ECONNREFUSED;
	check_equal(weft_wait_writable(io, fd), 0);
	check_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	check(told || error == ECONNREFUSED);
	check_equal(weft_close(io, fd), 0);
}

static void a_connection_is_refused(void)
{
	for_all_crews(refuse_connection);
}

static void try_always_ready(struct weft *io)
{
	const char *const paths[] = {"/dev/null", "/", "/dev/zero"};
	for (int i = 0; i < 6; i++) {
		char byte;
		int fd = open(paths[i / 2], O_RDONLY);
		check(fd >= 0);
		if (i % 2)
			check_equal(weft_adopt(io, fd), 0);
		check_equal(weft_wait_readable(io, fd), 0);
		ssize_t got = weft_read(io, fd, &byte, 1);
		check(i / 2 == 1 ? got <= 0 : got == i / 4);
		check_equal(weft_close(io, fd), 0);
	}
}

static void what_is_always_ready(void)
{
	for_all_crews(try_always_ready);
}

/* ---- turns ---- */

enum { MANY = 20 };

static const char alphabet[] = "abcdefghijklmnopqrst";

static void serve_in_order(struct weft *io, int *ends)
{
	struct operation readers[MANY];
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < MANY; i++)
			start_waiting(io, &readers[i], ends[0], 1, READING, i + 1);
		put(ends[1], alphabet);
		for (int i = 0; i < MANY; i++) {
			check_equal(answer_of(io, &readers[i]), 1);
			check_equal(readers[i].bytes[0], alphabet[i]);
		}
	}
}

static void serve_all_sorts_in_order(struct weft *io)
{
	for_all_sorts(io, serve_in_order);
}

static void in_order_of_arrival(void)
{
	for_all_crews(serve_all_sorts_in_order);
}

static _Atomic bool stops;

static void yield_for_ever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stops))
		weft_yield(io);
}

static void read_beside_players(struct weft *io)
{
	enum { PLAYERS = 12 };
	struct weft_future players[PLAYERS];
	int ends[2];
	open_a_pipe(ends);
	adopt_both(io, ends);
	atomic_store(&stops, false);
	for (int i = 0; i < PLAYERS; i++)
		weft_async(io, &players[i], yield_for_ever, NULL, 0, NULL);
	for (int round = 0; round < 50; round++) {
		struct operation reader;
		start_waiting(io, &reader, ends[0], 1, READING, 1);
		put(ends[1], "x");
		check_equal(answer_of(io, &reader), 1);
	}
	atomic_store(&stops, true);
	for (int i = 0; i < PLAYERS; i++)
		weft_await(io, &players[i]);
	close_both(io, ends);
}

static void fibers_that_yield_do_not_starve_it(void)
{
	for_all_crews(read_beside_players);
}

/* ---- closing ---- */

static void fill(int fd)
{
	static const char zeros[4096];
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	while (write(fd, zeros, 1) > 0)
		;
}

static void close_under_waiters(struct weft *io)
{
	enum { EACH = 5 };
	struct operation readers[EACH], writers[EACH];
	int ends[2];
	open_unix(ends);
	adopt_both(io, ends);
	fill(ends[0]);
	for (uint32_t i = 0; i < EACH; i++) {
		start_waiting(io, &readers[i], ends[0], 1, READING, i + 1);
		start_waiting(io, &writers[i], ends[0], 1, WRITING, i + 1);
	}
	check_equal(weft_close(io, ends[0]), 0);
	check_equal(weft_close(io, ends[0]), -EBADF);
	for (int i = 0; i < EACH; i++) {
		check_equal(answer_of(io, &readers[i]), -EBADF);
		check_equal(answer_of(io, &writers[i]), -EBADF);
	}
	check_equal(weft_close(io, ends[1]), 0);
	check_equal(weft_close(io, -1), -EBADF);
	check_equal(weft_close(io, 200), -EBADF);
}

static void a_close_wakes_all(void)
{
	for_all_crews(close_under_waiters);
}

static void use_numbers_again(struct weft *io)
{
	struct operation readers[2];
	for (int round = 0; round < 1000; round++) {
		struct operation *reader = &readers[round % 2];
		int ends[2];
		char mark = (char)round;
		open_a_pipe(ends);
		if (round % 3)
			adopt_both(io, ends);
		start_waiting(io, reader, ends[0], 1, READING, 1);
		if (round % 2)
			check_equal(weft_write(io, ends[1], &mark, 1), 1);
		close_both(io, ends);
		if (round > 0) {
			reader = &readers[(round - 1) % 2];
			ssize_t got = answer_of(io, reader);
			check(got == -EBADF || got == 1);
			check(got < 0 || reader->bytes[0] == (char)(round - 1));
		}
	}
	(void)answer_of(io, &readers[1]);
}

static void numbers_are_used_again_at_once(void)
{
	for_all_crews(use_numbers_again);
}

/* close(2) takes a kqueue's filters off though a dup lives on; a descriptor of epoll's stays. */
static void close_one_with_a_dup(struct weft *io)
{
	struct operation old, next;
	int ends[2], others[2];
	open_a_pipe(ends);
	adopt_both(io, ends);
	int copy = dup(ends[0]);
	start_waiting(io, &old, ends[0], 1, READING, 1);
	check_equal(weft_close(io, ends[0]), 0);
	check_equal(answer_of(io, &old), -EBADF);
	open_a_pipe(others);
	adopt_both(io, others);
	start_waiting(io, &next, others[0], 8, READING, 1);
	put(ends[1], "old");
	for (int i = 0; i < 200; i++)
		weft_yield(io);
	check_equal(waiters_of(io, others[0], READING), 1);
	put(others[1], "n");
	check_equal(answer_of(io, &next), 1);
	check_equal(weft_read(io, copy, old.bytes, 8), 3);
	check_equal(weft_close(io, copy), 0);
	check_equal(weft_close(io, ends[1]), 0);
	close_both(io, others);
}

static void a_dup_lives_on(void)
{
	for_all_crews(close_one_with_a_dup);
}

/* ---- SIGPIPE ---- */

static void write_to_nobody(struct weft *io)
{
	for (int i = 0; i < 4; i++) {
		struct operation writer;
		int ends[2];
		sorts[i / 2](ends);
		adopt_both(io, ends);
		if (i % 2) {
			fill(ends[1]);
			start_waiting(io, &writer, ends[1], 1, WRITING, 1);
		}
		check_equal(weft_close(io, ends[0]), 0);
		if (i % 2)
			check_equal(answer_of(io, &writer), -EPIPE);
		check_equal(weft_write(io, ends[1], "x", 1), -EPIPE);
		check_equal(weft_wait_writable(io, ends[1]), 0);
		check_equal(weft_close(io, ends[1]), 0);
	}
}

static void run_write_to_nobody(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	write_to_nobody(io);
}

static void write_to_nobody_everywhere(struct weft *io)
{
	struct weft_future futures[MANY];
	write_to_nobody(io);
	for (int i = 0; i < MANY; i++)
		weft_async(io, &futures[i], run_write_to_nobody, NULL, 0, NULL);
	for (int i = 0; i < MANY; i++)
		weft_await(io, &futures[i]);
}

static void nobody_dies_of_sigpipe(void)
{
	sigset_t before, after, pending;
	check_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	for_all_crews(write_to_nobody_everywhere);
	check_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	check_equal(sigismember(&after, SIGPIPE), sigismember(&before, SIGPIPE));
	check_equal(sigpending(&pending), 0);
	check_equal(sigismember(&pending, SIGPIPE), 0);
}

/* ---- signals ---- */

static _Atomic bool listens;

static void listen_for(struct weft *io, const void *context, void *result)
{
	atomic_store(&listens, true);
	*(int *)result = weft_signal_wait(io, context, 2);
}

static void wait_for_signals(struct weft *io)
{
	const int numbers[] = {SIGUSR1, SIGUSR2}, wrong[] = {SIGUSR1, SIGKILL};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check_equal(weft_signal_wait(io, wrong, 2), -EINVAL);
	check_equal(weft_signal_wait(io, wrong, 0), -EINVAL);
	/* The first is pending; from then on the signal is Weft's. */
	check_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	check_equal(kill(getpid(), SIGUSR1), 0);
	check_equal(weft_signal_wait(io, numbers, 2), SIGUSR1);
	check_equal(kill(getpid(), SIGUSR2), 0); /* is kept */
	check_equal(weft_signal_wait(io, numbers, 2), SIGUSR2);
	for (int round = 0; round < 50; round++) {
		struct weft_future future;
		int answer;
		atomic_store(&listens, false);
		weft_async(io, &future, listen_for, numbers, sizeof numbers, &answer);
		while (!atomic_load(&listens))
			weft_yield(io);
		check_equal(kill(getpid(), numbers[round % 2]), 0);
		weft_await(io, &future);
		check_equal(answer, numbers[round % 2]);
	}
}

static _Atomic int caught;

static void catch (int number)
{
	(void)number;
	atomic_fetch_add(&caught, 1);
}

static void signals_come_to_fibers(void)
{
	sigset_t set;
	struct sigaction action, found;
	memset(&action, 0, sizeof action);
	action.sa_handler = catch;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check_equal(sigaction(SIGUSR1, &action, NULL), 0);
	for_all_crews(wait_for_signals);
	check_equal(sigaction(SIGUSR1, NULL, &found), 0);
	check(found.sa_handler == catch);
	check_equal(atomic_load(&caught), 0);
	check_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	check_equal(kill(getpid(), SIGUSR1), 0);
	check_equal(atomic_load(&caught), 1);
}

/* ---- fork ---- */

static void be_a_child(struct weft *io)
{
	struct weft *second;
	struct weft_future future;
	char byte = 0;
	bool right = weft_init(&second, NULL) == -EOWNERDEAD &&
		     weft_deinit(io) == -EOWNERDEAD &&
		     weft_read(io, 0, &byte, 1) == -EOWNERDEAD &&
		     weft_write(io, 1, &byte, 1) == -EOWNERDEAD &&
		     weft_close(io, 0) == -EOWNERDEAD &&
		     weft_adopt(io, 0) == -EOWNERDEAD &&
		     weft_wait_readable(io, 0) == -EOWNERDEAD &&
		     weft_sleep(io, weft_never()) == -EOWNERDEAD &&
		     weft_concurrent(io, &future, yield_for_ever, NULL, 0, NULL) ==
			     -EOWNERDEAD;
	sigset_t mask;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	_exit(right && !sigismember(&mask, SIGPIPE) && !sigismember(&mask, SIGTERM)
		      ? 0
		      : 1);
}

static void run_fork(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	int status;
	pid_t child = fork();
	if (child == 0)
		be_a_child(io);
	check_equal(waitpid(child, &status, 0), child);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_everywhere(struct weft *io)
{
	struct weft_future futures[MANY];
	run_fork(io, NULL, NULL);
	for (int i = 0; i < MANY; i++)
		weft_async(io, &futures[i], run_fork, NULL, 0, NULL);
	for (int i = 0; i < MANY; i++)
		weft_await(io, &futures[i]);
	for_all_sorts(io, wait_and_read);
}

static void a_child_has_no_runtime(void)
{
	for_all_crews(fork_everywhere);
}

/* ---- no descriptor is left ---- */

static void all_are_closed_at_the_end(void)
{
	const int before = dup(0);
	check_equal(system_close(before), 0);
	for_all_crews(read_and_write);
	const int after = dup(0);
	check_equal(after, before);
	check_equal(system_close(after), 0);
}

const struct test waitqueue_io_tests[] = {
	{"descriptors: all sorts are read and written", all_sorts, 0},
	{"descriptors: the end comes with data", the_end_comes_with_data, 0},
	{"descriptors: half-closed sockets", half_closed_sockets, 0},
	{"descriptors: a connection is refused", a_connection_is_refused, 0},
	{"descriptors: what is always ready", what_is_always_ready, 0},
	{"descriptors: in order of arrival", in_order_of_arrival, 0},
	{"descriptors: fibers that yield do not starve it",
	 fibers_that_yield_do_not_starve_it, 0},
	{"descriptors: a close wakes all", a_close_wakes_all, 0},
	{"descriptors: numbers are used again at once", numbers_are_used_again_at_once,
	 0},
	{"descriptors: a dup lives on", a_dup_lives_on, 0},
	{"descriptors: nobody dies of SIGPIPE", nobody_dies_of_sigpipe, 0},
	{"descriptors: signals come to fibers", signals_come_to_fibers, 0},
	{"descriptors: a child has no runtime", a_child_has_no_runtime, 0},
	{"descriptors: all are closed at the end", all_are_closed_at_the_end, 0},
	{NULL, NULL, 0},
};
