/* test_turns.c: many fibers on one descriptor and direction: who is served when, and how many are
 * woken. Who was served first is told by the bytes, since each fiber reads or writes one. */
#include "tests/waitqueue/calls.h"
#include "tests/waitqueue/descriptors.h"

enum { MANY = 20 };

static const char alphabet[] = "abcdefghijklmnopqrst";

/* Starts readers, in order. */
static void queue_readers(struct weft *io, struct operation *readers, int fd,
			  size_t length, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		start_waiting_read(io, &readers[i], fd, length, i + 1);
}

static void expect_byte(struct weft *io, struct operation *reader, char byte)
{
	cr_assert_eq(answer_of(io, reader), 1);
	cr_assert_eq(reader->bytes[0], byte);
}

/* On one worker: events come to whoever waits, who is then ready and has not run yet. */
static void deliver(struct weft *io)
{
	scheduler_poll(scheduler_worker(io));
}

/* ---- order of arrival ---- */

TEST_OF_CREWS(turns, readers_in_order_of_arrival)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		struct operation readers[MANY];
		int ends[2];
		cr_assert_eq(pipe(ends), 0);
		if (adopted)
			adopt_both(io, ends);
		for (int round = 0; round < 50; round++) {
			queue_readers(io, readers, ends[0], 1, MANY);
			put(ends[1], alphabet);
			for (int i = 0; i < MANY; i++)
				expect_byte(io, &readers[i], alphabet[i]);
		}
		close_both(io, ends);
	}
}

TEST_OF_CREWS(turns, readers_in_order_of_arrival_when_bytes_come_one_by_one)
{
	struct operation readers[MANY];
	int ends[2];
	open_pipe(io, ends);
	for (int round = 0; round < 50; round++) {
		queue_readers(io, readers, ends[0], 8, MANY);
		for (int i = 0; i < MANY; i++) {
			cr_assert_eq(write(ends[1], &alphabet[i], 1), 1);
			await_waiters(io, ends[0], READING, (uint32_t)(MANY - 1 - i));
			expect_byte(io, &readers[i], alphabet[i]);
		}
	}
	close_both(io, ends);
}

/* Bytes beyond the `skipped` first, which filled the pipe. */
static void expect_bytes(int fd, size_t skipped, const char *bytes, size_t length)
{
	char found[4096];
	while (skipped > 0) {
		size_t part = skipped < sizeof found ? skipped : sizeof found;
		ssize_t got = read(fd, found, part);
		cr_assert_gt(got, 0);
		skipped -= (size_t)got;
	}
	cr_assert_eq(read(fd, found, sizeof found), (ssize_t)length);
	cr_assert_arr_eq(found, bytes, length);
}

static size_t fill_and_count(const int *ends)
{
	fill(ends[1]);
	size_t all = drain(ends[0]);
	fill(ends[1]);
	return all;
}

static void queue_writers(struct weft *io, struct operation *writers, int fd)
{
	for (uint32_t i = 0; i < MANY; i++) {
		writers[i] = (struct operation){
			.fd = fd, .length = 1, .bytes = {alphabet[i]}};
		start(io, &writers[i], run_write);
		await_waiters(io, fd, WRITING, i + 1);
	}
}

TEST_OF_CREWS(turns, writers_in_order_of_arrival)
{
	struct operation writers[MANY];
	int ends[2];
	open_pipe(io, ends);
	for (int round = 0; round < 20; round++) {
		size_t full = fill_and_count(ends);
		char page[4096];
		queue_writers(io, writers, ends[1]);
		cr_assert_eq(read(ends[0], page, sizeof page), (ssize_t)sizeof page);
		for (int i = 0; i < MANY; i++)
			cr_assert_eq(answer_of(io, &writers[i]), 1);
		expect_bytes(ends[0], full - sizeof page, alphabet, MANY);
	}
	close_both(io, ends);
}

/* Those who read and those who write the same descriptor do not wait for each other. */
TEST_OF_CREWS(turns, both_directions_of_one_descriptor)
{
	struct operation readers[MANY], writers[MANY];
	int ends[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	adopt_both(io, ends);
	fill(ends[0]);
	queue_readers(io, readers, ends[0], 1, MANY);
	queue_writers(io, writers, ends[0]);
	cr_assert_eq(waiters_of(io, ends[0], READING), MANY);
	put(ends[1], alphabet);
	for (int i = 0; i < MANY; i++)
		expect_byte(io, &readers[i], alphabet[i]);
	cr_assert_eq(waiters_of(io, ends[0], WRITING), MANY);
	cr_assert_gt(drain(ends[1]), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(answer_of(io, &writers[i]), 1);
	close_both(io, ends);
}

/* ---- one event wakes one ---- */

static void expect_reads_of_one_byte(struct weft *io, size_t length, unsigned reads)
{
	struct operation readers[MANY];
	int ends[2];
	open_pipe(io, ends);
	start_waiting_read(io, &readers[0], ends[0], length, 1);
	put(ends[1], "."); /* the first event, so that a short count is believed */
	cr_assert_eq(answer_of(io, &readers[0]), 1);
	queue_readers(io, readers, ends[0], length, MANY);
	unsigned before = atomic_load(&calls_read);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(write(ends[1], &alphabet[i], 1), 1);
		expect_byte(io, &readers[i], alphabet[i]);
		await_waiters(io, ends[0], READING, (uint32_t)(MANY - 1 - i));
	}
	cr_assert_leq(atomic_load(&calls_read) - before, reads);
	close_both(io, ends);
}

/* Twenty bytes for twenty fibers, each of whom tries once: not all that wait, each time. */
TEST_OF_CREWS(turns, one_event_wakes_one)
{
	expect_reads_of_one_byte(io, 8, MANY);
}

/* When it cannot know that it was the last byte, the next one looks, and nobody else. */
TEST_OF_CREWS(turns, one_that_leaves_bytes_perhaps_wakes_one)
{
	expect_reads_of_one_byte(io, 1, 2 * MANY);
}

/* ---- handing on ---- */

/* The first takes one byte of two. */
TEST_OF_CREWS(turns, a_read_that_leaves_something_hands_on)
{
	for (int adopted = 0; adopted < 2; adopted++) {
		struct operation first, second, third;
		int ends[2];
		cr_assert_eq(pipe(ends), 0);
		if (adopted)
			adopt_both(io, ends);
		start_waiting_read(io, &first, ends[0], 1, 1);
		start_waiting_read(io, &second, ends[0], 1, 2);
		start_waiting_read(io, &third, ends[0], 1, 3);
		put(ends[1], "ab");
		expect_byte(io, &first, 'a');
		expect_byte(io, &second, 'b');
		await_waiters(io, ends[0], READING, 1);
		put(ends[1], "c");
		expect_byte(io, &third, 'c');
		close_both(io, ends);
	}
}

/* Who only looks takes nothing away: all are told. */
TEST_OF_CREWS(turns, all_who_wait_for_it_are_told)
{
	struct operation lookers[MANY];
	int ends[2];
	open_pipe(io, ends);
	for (uint32_t i = 0; i < MANY; i++) {
		lookers[i] = (struct operation){.fd = ends[0]};
		start(io, &lookers[i], run_wait_readable);
		await_waiters(io, ends[0], READING, i + 1);
	}
	put(ends[1], "x");
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(answer_of(io, &lookers[i]), 0);
	close_both(io, ends);
}

/* One is canceled in the middle of the line, and one at its front. */
TEST_OF_CREWS(turns, canceled_ones_are_passed_over)
{
	struct operation readers[4];
	int ends[2];
	open_pipe(io, ends);
	queue_readers(io, readers, ends[0], 1, 4);
	cr_assert(cancel(io, &readers[0]));
	cr_assert(cancel(io, &readers[2]));
	put(ends[1], "ab");
	cr_assert_eq(answer_of(io, &readers[0]), -ECANCELED);
	cr_assert_eq(answer_of(io, &readers[2]), -ECANCELED);
	expect_byte(io, &readers[1], 'a');
	expect_byte(io, &readers[3], 'b');
	close_both(io, ends);
}

TEST_OF_CREWS(turns, ones_whose_deadline_has_passed_are_passed_over)
{
	struct operation early = {.length = 1, .deadline_ns = 1000000}, late;
	int ends[2];
	open_pipe(io, ends);
	early.fd = ends[0];
	start(io, &early, run_read);
	cr_assert_eq(answer_of(io, &early), -WEFT_EDEADLINE);
	cr_assert_eq(waiters_of(io, ends[0], READING), 0);
	start_waiting_read(io, &late, ends[0], 1, 1);
	put(ends[1], "a");
	expect_byte(io, &late, 'a');
	close_both(io, ends);
}

/* The first has been woken, and is canceled before it has run: its wait has ended, so it reads. */
Test(turns, canceled_with_the_turn_it_reads_and_hands_on)
{
	struct operation first, second;
	int ends[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	start_waiting_read(io, &first, ends[0], 1, 1);
	start_waiting_read(io, &second, ends[0], 1, 2);
	put(ends[1], "ab");
	deliver(io);
	cr_assert_eq(waiters_of(io, ends[0], READING), 1);
	cr_assert(cancel(io, &first));
	expect_byte(io, &first, 'a');
	expect_byte(io, &second, 'b');
	close_both(io, ends);
	end(io);
}

/* As before, but somebody else has taken the bytes: it would wait again, and leaves. */
Test(turns, canceled_with_the_turn_it_leaves_and_hands_on)
{
	struct operation first, second;
	int ends[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	start_waiting_read(io, &first, ends[0], 1, 1);
	start_waiting_read(io, &second, ends[0], 1, 2);
	put(ends[1], "ab");
	deliver(io);
	cr_assert(cancel(io, &first));
	cr_assert_eq(drain(ends[0]), 2);
	cr_assert_eq(answer_of(io, &first), -ECANCELED);
	put(ends[1], "c");
	expect_byte(io, &second, 'c');
	close_both(io, ends);
	end(io);
}

/* One that found nothing when its turn came stays the first. */
Test(turns, who_finds_nothing_stays_the_first)
{
	struct operation readers[3];
	int ends[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	queue_readers(io, readers, ends[0], 1, 3);
	put(ends[1], "x");
	deliver(io);
	cr_assert_eq(drain(ends[0]), 1);
	await_waiters(io, ends[0], READING, 3);
	put(ends[1], "abc");
	for (int i = 0; i < 3; i++)
		expect_byte(io, &readers[i], "abc"[i]);
	close_both(io, ends);
	end(io);
}

/* ---- newcomers ---- */

/* Bytes are there, the first has been told and has not run; the main fiber comes and reads. */
Test(turns, newcomers_do_not_overtake)
{
	for (uint32_t waiting = 1; waiting <= 3; waiting++) {
		struct operation readers[3];
		int ends[2];
		char byte;
		struct weft *io = begin(1);
		open_pipe(io, ends);
		queue_readers(io, readers, ends[0], 1, waiting);
		put(ends[1], "abcd");
		deliver(io);
		cr_assert_eq(weft_read(io, ends[0], &byte, 1), 1);
		cr_assert_eq(byte, "abcd"[waiting]);
		for (uint32_t i = 0; i < waiting; i++)
			expect_byte(io, &readers[i], "abcd"[i]);
		close_both(io, ends);
		end(io);
	}
}

/* ---- all at once ---- */

enum { BYTES = 2000, PAIRS = 4 };

struct stream {
	int fd;
	_Atomic uint64_t *sum;
	_Atomic int *left; /* bytes that nobody has asked for yet */
	struct weft_future future;
};

static void read_bytes(struct weft *io, const void *context, void *result)
{
	struct stream *stream = result;
	unsigned char byte;
	(void)context;
	while (atomic_fetch_add(stream->left, -1) > 0) {
		cr_assert_eq(weft_read(io, stream->fd, &byte, 1), 1);
		atomic_fetch_add(stream->sum, byte);
	}
}

static void write_bytes(struct weft *io, const void *context, void *result)
{
	struct stream *stream = result;
	(void)context;
	for (int left; (left = atomic_fetch_add(stream->left, -1)) > 0;) {
		unsigned char byte = (unsigned char)left;
		cr_assert_eq(weft_write(io, stream->fd, &byte, 1), 1);
		atomic_fetch_add(stream->sum, byte);
	}
}

/* Several fibers read and several write each end of a socket with little room. */
TEST_OF_CREWS(turns, no_byte_is_lost_and_nobody_is_forgotten)
{
	struct stream streams[4][PAIRS];
	_Atomic uint64_t sums[4] = {0};
	_Atomic int left[4];
	int ends[2], least = 1;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
	adopt_both(io, ends);
	for (int kind = 0; kind < 4; kind++) {
		atomic_store(&left[kind], BYTES);
		for (int i = 0; i < PAIRS; i++) {
			struct stream *stream = &streams[kind][i];
			*stream = (struct stream){.fd = ends[kind % 2],
						  .sum = &sums[kind],
						  .left = &left[kind]};
			weft_async(io, &stream->future,
				   kind < 2 ? read_bytes : write_bytes, NULL, 0,
				   stream);
		}
	}
	for (int kind = 0; kind < 4; kind++)
		for (int i = 0; i < PAIRS; i++)
			weft_await(io, &streams[kind][i].future);
	cr_assert_eq(atomic_load(&sums[0]), atomic_load(&sums[3]));
	cr_assert_eq(atomic_load(&sums[1]), atomic_load(&sums[2]));
	close_both(io, ends);
}

/* ---- fibers that yield for ever ---- */

static _Atomic bool stops;
static _Atomic unsigned yields;

static void yield_for_ever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&stops)) {
		atomic_fetch_add(&yields, 1);
		weft_yield(io);
	}
}

/* One worker that always has somebody to run looks into the poller all the same, within 61
 * switches; then the reader comes behind those that are ready. */
Test(turns, fibers_that_yield_do_not_starve_it)
{
	enum { PLAYERS = 3, SWITCHES = 61 };
	struct weft_future players[PLAYERS];
	struct operation reader;
	int ends[2];
	struct weft *io = begin(1);
	open_pipe(io, ends);
	start_waiting_read(io, &reader, ends[0], 1, 1);
	atomic_store(&stops, false);
	for (int i = 0; i < PLAYERS; i++)
		weft_async(io, &players[i], yield_for_ever, NULL, 0, NULL);
	for (int round = 0; round < 100; round++) {
		weft_yield(io);
		unsigned before = atomic_load(&yields);
		put(ends[1], "a");
		expect_byte(io, &reader, 'a');
		cr_assert_leq(atomic_load(&yields) - before, SWITCHES + 2 * PLAYERS);
		start_waiting_read(io, &reader, ends[0], 1, 1);
	}
	cr_assert(cancel(io, &reader));
	cr_assert_eq(answer_of(io, &reader), -ECANCELED);
	atomic_store(&stops, true);
	for (int i = 0; i < PLAYERS; i++)
		weft_await(io, &players[i]);
	close_both(io, ends);
	end(io);
}

/* The others have somebody to run for ever; nobody sleeps in the poller. */
TEST_OF_CREWS(turns, workers_that_are_all_busy_look_into_the_poller)
{
	enum { PLAYERS = 12 };
	struct weft_future players[PLAYERS];
	struct operation reader;
	int ends[2];
	open_pipe(io, ends);
	atomic_store(&stops, false);
	for (int i = 0; i < PLAYERS; i++)
		weft_async(io, &players[i], yield_for_ever, NULL, 0, NULL);
	for (int round = 0; round < 100; round++) {
		start_waiting_read(io, &reader, ends[0], 1, 1);
		put(ends[1], "a");
		expect_byte(io, &reader, 'a');
	}
	atomic_store(&stops, true);
	for (int i = 0; i < PLAYERS; i++)
		weft_await(io, &players[i]);
	close_both(io, ends);
}
