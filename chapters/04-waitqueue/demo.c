/* Chapter 4: three fibers on one pipe, two timers, and a call that blocks.
 *
 * Main counts beats, each a sleep until a time that was fixed at the start:
 *
 *   beat 0   first reads from a pipe, which is empty
 *   beat 1   so does second
 *   beat 2   so does third, and not for longer than two beats and a half
 *   beat 3   caller has a helper thread make a call that blocks for two beats and a half
 *   beat 4   main writes as many bytes as the knob says, in one go
 *   between  third's deadline passes, and it reads again, without one
 *   beat 7   main closes the pipe, and opens another, which gets the same number
 *   beat 8   main reads from that one
 *
 * Each reader asks for four bytes, once. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "weft.h"

#define WORKERS 1  /* unless the environment says WORKERS=n */
#define BEAT    10 /* milliseconds */
#define BYTES   8  /* that main writes at beat 4: 1 to 12 */
#define WANTED  4  /* bytes that each reader asks for */
#define SLEPT   7  /* beats that main waits for */

static const char text[] = "pingpongpang";
static const char *const names[] = {"first", "second", "third"};

struct piece { /* what a read answered; a fiber's result */
	ssize_t got;
	char bytes[WANTED + 1];
};

struct reader { /* a fiber gets a copy of it */
	const char *name;
	int fd;
	int64_t patience_ns; /* 0: endless */
};

static int64_t beat_ns, start_ns;
static int beats, wrong; /* main's */
static _Atomic int come; /* readers that are about to read */

static void tell(const char *who, const char *what)
{
	printf("%s: %s\n", who, what);
}

/* ---- readers ---- */

static ssize_t read_piece(struct weft *io, int fd, struct piece *piece)
{
	piece->got = weft_read(io, fd, piece->bytes, WANTED);
	return piece->got;
}

/* False: its deadline has passed before there was anything to read. */
static int read_in_time(struct weft *io, const struct reader *reader,
			struct piece *piece)
{
	struct weft_deadline deadline;
	weft_deadline_begin(io, &deadline,
			    reader->patience_ns ? weft_in(reader->patience_ns)
						: weft_never());
	read_piece(io, reader->fd, piece);
	return weft_deadline_end(io, &deadline) == 0;
}

static void read_once(struct weft *io, const void *context, void *result)
{
	const struct reader *reader = context;
	struct piece *piece = result;
	weft_name(io, reader->name);
	atomic_fetch_add(&come, 1);
	if (!read_in_time(io, reader, piece)) {
		tell(reader->name, "its time is up, and it reads again");
		read_piece(io, reader->fd, piece);
	}
	tell(reader->name,
	     piece->got < 0 ? weft_strerror((int)piece->got) : piece->bytes);
}

/* ---- a call that blocks ---- */

static void block(void *argument)
{
	(void)argument;
	int64_t ns = beat_ns * 5 / 2;
	nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

static void call(struct weft *io, const void *context, void *result)
{
	(void)context;
	weft_name(io, "caller");
	*(int *)result = weft_offload(io, block, NULL);
	tell("caller", *(int *)result ? "no helper made its call" : "its call is back");
}

/* ---- main ---- */

/* Where the machine is busy, and one comes late, the rest are put off. */
static void wait_for_beat(struct weft *io, int beat)
{
	int64_t due_ns = start_ns + beat * beat_ns;
	wrong += weft_sleep(io, weft_at(WEFT_CLOCK_AWAKE, due_ns)) < 0;
	int64_t late_ns = weft_now(io, WEFT_CLOCK_AWAKE) - due_ns;
	beats += late_ns >= 0; /* and none is early */
	if (late_ns > beat_ns / 2)
		start_ns += late_ns;
}

/* And until so many readers have come. */
static void wait_for_readers(struct weft *io, int beat, int readers)
{
	wait_for_beat(io, beat);
	while (atomic_load(&come) < readers) {
		start_ns += beat_ns;
		weft_sleep(io, weft_in(beat_ns));
	}
}

static void open_pipe(struct weft *io, int end[2])
{
	if (pipe(end) < 0 || weft_adopt(io, end[0]) < 0 || weft_adopt(io, end[1]) < 0) {
		perror("demo: pipe");
		exit(1);
	}
}

/* What main does between the beats; the readers' pipe is closed when it returns. */
static void play(struct weft *io, struct weft_future future[4], struct piece piece[3],
		 int *called, size_t bytes)
{
	int end[2], next[2];
	open_pipe(io, end);
	for (int i = 0; i < 3; i++) {
		struct reader reader = {names[i], end[0], i == 2 ? beat_ns * 5 / 2 : 0};
		wait_for_readers(io, i, i);
		weft_async(io, &future[i], read_once, &reader, sizeof reader,
			   &piece[i]);
	}
	wait_for_readers(io, 3, 3);
	weft_async(io, &future[3], call, NULL, 0, called);
	wait_for_beat(io, 4);
	wrong += weft_write(io, end[1], text, bytes) != (ssize_t)bytes;
	wait_for_beat(io, 7);
	weft_close(io, end[0]);
	open_pipe(io, next);
	wrong += next[0] != end[0]; /* the lowest number that is free, always */
	wrong += weft_write(io, next[1], "tock", WANTED) != WANTED;
	wait_for_beat(io, 8);
	struct piece last = {0};
	wrong += !read_in_time(io, &(struct reader){"main", next[0], beat_ns}, &last);
	tell("main", last.got < 0 ? weft_strerror((int)last.got) : last.bytes);
	weft_close(io, next[0]);
	weft_close(io, next[1]);
	weft_close(io, end[1]);
}

/* Whether the readers got what was written, in the order in which they came, and those for whom
 * nothing was left were told of the close. */
static int judge(const struct piece piece[3], int called, size_t bytes)
{
	size_t taken = 0;
	for (int i = 0; i < 3; i++) {
		size_t share = bytes - taken < WANTED ? bytes - taken : WANTED;
		ssize_t expected = share > 0 ? (ssize_t)share : -9; /* -EBADF */
		if (piece[i].got != expected ||
		    memcmp(piece[i].bytes, text + taken, share) != 0) {
			printf("demo: %s should have got %zu bytes\n", names[i], share);
			wrong++;
		}
		taken += share;
	}
	printf("%d of %d beats were not early\n", beats, SLEPT);
	return wrong > 0 || called != 0 || beats != SLEPT;
}

/* -1, after saying why, if the environment's value is none from `least` to `most`. */
static long read_knob(const char *name, long otherwise, long least, long most)
{
	const char *value = getenv(name);
	char *end = NULL;
	long number = value && *value ? strtol(value, &end, 10) : otherwise;
	if (number >= least && number <= most && (!end || !*end))
		return number;
	fprintf(stderr, "demo: %s=%s: give a whole number from %ld to %ld\n", name,
		value, least, most);
	return -1;
}

int main(void)
{
	struct weft *io;
	struct weft_future future[4];
	struct piece piece[3] = {0};
	int called = -1;
	long workers = read_knob("WORKERS", WORKERS, 1, 56);
	long beat = read_knob("BEAT", BEAT, 1, 1000);
	long bytes = read_knob("BYTES", BYTES, 1, 3 * WANTED);
	if (workers < 0 || beat < 0 || bytes < 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was said stays said if it hangs */
	printf("WORKERS=%ld BEAT=%ld BYTES=%ld\n", workers, beat, bytes);
	int error =
		weft_init(&io, &(struct weft_options){.workers = (uint32_t)workers});
	if (error) {
		fprintf(stderr, "demo: %s\n", weft_strerror(error));
		return 1;
	}
	beat_ns = beat * 1000000;
	start_ns = weft_now(io, WEFT_CLOCK_AWAKE);
	play(io, future, piece, &called, (size_t)bytes);
	for (int i = 0; i < 4; i++)
		weft_await(io, &future[i]);
	error = weft_deinit(io);
	if (error)
		printf("demo: the runtime does not end: %s\n", weft_strerror(error));
	return judge(piece, called, (size_t)bytes) || error;
}
