/* test_close.c: a descriptor is closed while others wait for it or use it, and its number is
 * another's a moment later. */
#include <limits.h>

#include "tests/waitqueue/calls.h"
#include "tests/waitqueue/descriptors.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* A pipe whose first end has the number `fd`, which is free. */
static void open_pipe_at(struct weft *io, int fd, int *ends)
{
	cr_assert_not(is_open(fd));
	cr_assert_eq(pipe(ends), 0);
	if (ends[0] != fd) {
		cr_assert_eq(dup2(ends[0], fd), fd);
		cr_assert_eq(close(ends[0]), 0);
		ends[0] = fd;
	}
	adopt_both(io, ends);
}

/* ---- who waits ---- */

TEST_OF_CREWS(close, wakes_all_who_wait)
{
	enum { EACH = 6 };
	weft_function *const functions[] = {run_read, run_wait_readable, run_write,
					    run_wait_writable};
	for (int adopted = 0; adopted < 2; adopted++) {
		struct operation operations[4 * EACH];
		int ends[2];
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
		if (adopted)
			adopt_both(io, ends);
		fill(ends[0]);
		for (int i = 0; i < 4 * EACH; i++) {
			operations[i] = (struct operation){.fd = ends[0], .length = 1};
			start(io, &operations[i], functions[i % 4]);
		}
		await_waiters(io, ends[0], READING, 2 * EACH);
		await_waiters(io, ends[0], WRITING, 2 * EACH);
		cr_assert_eq(weft_close(io, ends[0]), 0);
		cr_assert_not(is_open(ends[0]));
		for (int i = 0; i < 4 * EACH; i++)
			cr_assert_eq(answer_of(io, &operations[i]), -EBADF);
		cr_assert_eq(weft_close(io, ends[1]), 0);
	}
}

struct closing {
	int fd, answer;
	struct weft_future future;
};

static void run_close(struct weft *io, const void *context, void *result)
{
	struct closing *closing = result;
	(void)context;
	closing->answer = weft_close(io, closing->fd);
}

/* Of many at once, one closes it. */
TEST_OF_CREWS(close, once)
{
	enum { CLOSERS = 8 };
	for (int round = 0; round < 200; round++) {
		struct closing closers[CLOSERS];
		int ends[2], closed = 0;
		open_pipe(io, ends);
		for (int i = 0; i < CLOSERS; i++) {
			closers[i] = (struct closing){.fd = ends[0]};
			weft_async(io, &closers[i].future, run_close, NULL, 0,
				   &closers[i]);
		}
		for (int i = 0; i < CLOSERS; i++) {
			weft_await(io, &closers[i].future);
			cr_assert(closers[i].answer == 0 ||
				  closers[i].answer == -EBADF);
			closed += closers[i].answer == 0;
		}
		cr_assert_eq(closed, 1);
		cr_assert_eq(weft_close(io, ends[1]), 0);
		cr_assert_eq(weft_close(io, ends[1]), -EBADF);
	}
}

TEST_OF_CREWS(close, what_is_not_open)
{
	const int wrong[] = {-1, INT_MIN, INT_MAX, DESCRIPTORS_MAX, 250, 5000};
	char byte;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int fd = wrong[i];
		cr_assert_eq(weft_close(io, fd), -EBADF);
		cr_assert_eq(weft_adopt(io, fd), -EBADF);
		cr_assert_eq(weft_read(io, fd, &byte, 1), -EBADF);
		cr_assert_eq(weft_write(io, fd, &byte, 1), -EBADF);
		cr_assert_eq(weft_wait_readable(io, fd), -EBADF);
		cr_assert_eq(weft_wait_writable(io, fd), -EBADF);
		cr_assert_eq(weft_close(io, fd), -EBADF);
	}
}

/* A number that nobody has given to Weft yet. */
TEST_OF_CREWS(close, what_was_never_used)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	close_both(io, ends);
	cr_assert_not(is_open(ends[0]));
}

TEST_OF_CREWS(close, operations_afterwards)
{
	int ends[2];
	char byte = 'x';
	open_pipe(io, ends);
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(weft_read(io, ends[0], &byte, 1), -EBADF);
	cr_assert_eq(weft_wait_readable(io, ends[0]), -EBADF);
	cr_assert_eq(weft_adopt(io, ends[0]), -EBADF);
	cr_assert_eq(weft_write(io, ends[1], &byte, 1), -EPIPE);
	cr_assert_eq(weft_close(io, ends[1]), 0);
}

/* ---- a dup owners on ---- */

/* The old descriptor's file is open still, and its events must not come to the number's next
 * owner. */
TEST_OF_CREWS(close, of_which_a_dup_lives_on)
{
	struct operation old, next;
	int ends[2], others[2];
	open_pipe(io, ends);
	int copy = dup(ends[0]);
	start_waiting_read(io, &old, ends[0], 1, 1);
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(answer_of(io, &old), -EBADF);
	open_pipe_at(io, ends[0], others);
	start_waiting_read(io, &next, others[0], 8, 1);
	put(ends[1], "old");
	for (int i = 0; i < 200; i++)
		weft_yield(io);
	cr_assert_eq(waiters_of(io, others[0], READING), 1);
	put(others[1], "new");
	cr_assert_eq(answer_of(io, &next), 3);
	cr_assert_arr_eq(next.bytes, "new", 3);
	cr_assert_eq(weft_read(io, copy, old.bytes, sizeof old.bytes), 3);
	cr_assert_arr_eq(old.bytes, "old", 3);
	close_both(io, others);
	cr_assert_eq(weft_close(io, copy), 0);
	cr_assert_eq(weft_close(io, ends[1]), 0);
}

/* ---- a number that is another's at once ---- */

/* One waits in a direction; the number is closed and opened again before it goes on. */
static void reopen_under_waiter(weft_function *function, bool was_woken)
{
	struct operation old, next;
	int ends[2], others[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	old = (struct operation){.fd = ends[0], .length = 1};
	start(io, &old, function);
	await_waiters(io, ends[0], READING, 1);
	if (was_woken) {
		put(ends[1], "o");
		scheduler_poll(scheduler_worker(io));
		cr_assert_eq(waiters_of(io, ends[0], READING), 0);
	}
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	open_pipe_at(io, ends[0], others);
	put(others[1], "n");
	cr_assert_eq(answer_of(io, &old), -EBADF);
	cr_assert_eq(weft_read(io, others[0], old.bytes, 1), 1);
	cr_assert_eq(old.bytes[0], 'n');
	start_waiting_read(io, &next, others[0], 1, 1);
	put(others[1], "m");
	cr_assert_eq(answer_of(io, &next), 1);
	close_both(io, others);
	end(io);
}

Test(close, reopened_under_one_that_waits)
{
	reopen_under_waiter(run_read, false);
	reopen_under_waiter(run_wait_readable, false);
}

Test(close, reopened_under_one_that_has_the_turn)
{
	reopen_under_waiter(run_read, true);
	reopen_under_waiter(run_wait_readable, true);
}

/* Its next owner's fiber has the turn when the old one leaves: the old one has none to hand on. */
Test(close, an_old_turn_is_not_the_next_owners)
{
	struct operation old, first, second;
	int ends[2], others[2];
	char byte;
	struct weft *io = begin(1);
	open_pipe(io, ends);
	start_waiting_read(io, &old, ends[0], 1, 1);
	put(ends[1], "o");
	scheduler_poll(scheduler_worker(io)); /* old is ready, and has the turn */
	cr_assert_eq(weft_close(io, ends[0]), 0);
	open_pipe_at(io, ends[0], others);
	cr_assert_eq(fcntl(others[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	cr_assert_eq(answer_of(io, &old), -EBADF);
	start_waiting_read(io, &first, others[0], 1, 1);
	start_waiting_read(io, &second, others[0], 1, 2);
	put(others[1], "abc");
	cr_assert_eq(answer_of(io, &first), 1);
	cr_assert_eq(answer_of(io, &second), 1);
	cr_assert_eq(first.bytes[0], 'a');
	cr_assert_eq(second.bytes[0], 'b');
	cr_assert_eq(weft_read(io, others[0], &byte, 1), 1);
	cr_assert_eq(byte, 'c');
	close_both(io, others);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	end(io);
}

/* An event was taken from the kernel before the close, and is looked at after it. */
Test(close, an_event_that_comes_late)
{
	struct operation old, next;
	int ends[2], others[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	start_waiting_read(io, &old, ends[0], 1, 1);
	struct descriptor *descriptor;
	cr_assert_eq(descriptor_of(io, ends[0], &descriptor), 0);
	uint32_t generation = readiness_generation(
		load_relaxed(&descriptor->turns[0].readiness.word));
	const struct poller_event late = {(uint64_t)generation << 32 |
						  (uint32_t)ends[0],
					  POLLER_READ | POLLER_READ_HANGUP};
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert_eq(answer_of(io, &old), -EBADF);
	open_pipe_at(io, ends[0], others);
	start_waiting_read(io, &next, others[0], 1, 1);
	uint64_t word = load_relaxed(&descriptor->turns[0].readiness.word);
	descriptor_deliver(scheduler_worker(io), &late, 1);
	cr_assert_eq(load_relaxed(&descriptor->turns[0].readiness.word), word);
	cr_assert_eq(waiters_of(io, others[0], READING), 1);
	put(others[1], "n");
	cr_assert_eq(answer_of(io, &next), 1);
	close_both(io, others);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	end(io);
}

/* ---- while it is used ---- */

static _Atomic bool has_stopped, may_go_on;

static void stop_until_told(void)
{
	atomic_store(&has_stopped, true);
	while (!atomic_load(&may_go_on))
		(void)sched_yield();
}

static void prepare_stop(int fd)
{
	atomic_store(&has_stopped, false);
	atomic_store(&may_go_on, false);
	atomic_store(&calls_stop_fd, fd);
}

static void await_stop(void)
{
	while (!atomic_load(&has_stopped))
		(void)sched_yield(); /* main keeps its worker to itself */
}

/* A read is on its way in another worker: close returns, and the number is free after the read. */
Test(close, waits_for_nobody_and_leaves_the_number_to_the_last)
{
	struct operation reader;
	int ends[2], others[2];
	struct weft *io = begin(2);
	open_pipe(io, ends);
	put(ends[1], "a");
	prepare_stop(ends[0]);
	atomic_store(&calls_stop_in_read, stop_until_told);
	reader = (struct operation){.fd = ends[0], .length = 1};
	start(io, &reader, run_read);
	await_stop();
	cr_assert_eq(weft_close(io, ends[0]), 0);
	cr_assert(is_open(ends[0]));
	cr_assert_eq(weft_close(io, ends[0]), -EBADF);
	cr_assert_eq(weft_read(io, ends[0], others, 1), -EBADF);
	cr_assert_eq(pipe(others), 0);
	cr_assert_neq(others[0], ends[0]);
	cr_assert_neq(others[1], ends[0]);
	atomic_store(&may_go_on, true);
	cr_assert_eq(answer_of(io, &reader), 1);
	cr_assert_eq(reader.bytes[0], 'a');
	cr_assert_not(is_open(ends[0]));
	close_both(io, others);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	end(io);
}

/* Someone who still has the number asks for it while it goes back to the system. Whatever it is
 * told, the next owner of the number is told of its own events. */
Test(close, a_stale_read_in_the_middle_of_a_close)
{
	struct closing closing;
	struct operation stale, next;
	int ends[2], others[2];
	struct weft *io = begin(4);
	open_pipe(io, ends);
	int copy = dup(ends[0]); /* the file stays, and with it what is watched of it */
	prepare_stop(ends[0]);
	atomic_store(&calls_stop_in_close, stop_until_told);
	closing = (struct closing){.fd = ends[0]};
	weft_async(io, &closing.future, run_close, NULL, 0, &closing);
	await_stop();
	stale = (struct operation){.fd = ends[0], .length = 1};
	start(io, &stale, run_read);
	for (int i = 0; i < 1000; i++)
		(void)sched_yield(); /* it is in its read, as far as it gets */
	atomic_store(&calls_stop_in_close, NULL);
	atomic_store(&may_go_on, true);
	weft_await(io, &closing.future);
	cr_assert_eq(closing.answer, 0);
	open_pipe_at(io, ends[0], others);
	next = (struct operation){.fd = others[0], .length = 1};
	start(io, &next, run_read);
	put(others[1], "ab"); /* the stale one may be given the first */
	cr_assert_eq(answer_of(io, &next), 1);
	(void)weft_close(io, others[0]);
	(void)answer_of(io, &stale);
	cr_assert_eq(weft_close(io, others[1]), 0);
	cr_assert_eq(weft_close(io, copy), 0);
	cr_assert_eq(weft_close(io, ends[1]), 0);
	end(io);
}

/* ---- again and again ---- */

enum { ROUNDS = 3000, READERS = 3 };

/* Of a number; its bytes say which life it is. */
struct owner {
	int ends[2];
	struct operation readers[READERS];
};

static void end_readers(struct weft *io, struct owner *owner, char mark,
			bool all_are_served)
{
	for (int i = 0; i < READERS; i++) {
		ssize_t got = answer_of(io, &owner->readers[i]);
		cr_assert(got == 1 || (got == -EBADF && !all_are_served));
		cr_assert(got < 0 || owner->readers[i].bytes[0] == mark);
	}
}

/* Fibers wait; bytes come for none, some or all of them; and before the fibers have gone on, in
 * every third life, the number is closed and opened again. They are asked what they read a life
 * later. */
TEST_OF_CREWS(close, numbers_that_are_used_again_at_once)
{
	static struct owner owners[2];
	for (int round = 0; round < ROUNDS; round++) {
		struct owner *owner = &owners[round % 2];
		bool all = round % 3 == 0;
		char mark = (char)round, marks[READERS] = {mark, mark, mark};
		open_pipe(io, owner->ends);
		for (uint32_t i = 0; i < READERS; i++)
			start_waiting_read(io, &owner->readers[i], owner->ends[0], 1,
					   i + 1);
		size_t bytes = all ? READERS : (size_t)round % 2 * 2;
		cr_assert_eq(weft_write(io, owner->ends[1], marks, bytes),
			     (ssize_t)bytes);
		if (all)
			end_readers(io, owner, mark, true);
		else if (round % 5 == 0)
			scheduler_poll(scheduler_worker(io));
		close_both(io, owner->ends);
		if (round > 0 && (round - 1) % 3 != 0)
			end_readers(io, &owners[(round - 1) % 2], (char)(round - 1),
				    false);
	}
	if ((ROUNDS - 1) % 3 != 0)
		end_readers(io, &owners[(ROUNDS - 1) % 2], (char)(ROUNDS - 1), false);
}
