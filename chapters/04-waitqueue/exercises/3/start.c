/* Exercise 4.3: a message of four bytes, and how long one waits for it.
 *
 * Two senders, one after the other: brisk writes its message at once, slow writes a byte, sleeps,
 * writes the next. Main receives. */
#include <stdio.h>
#include <unistd.h>

#include "weft.h"

#define LENGTH      4
#define PATIENCE_NS 200000000 /* for a whole message */
#define PAUSE_NS    80000000  /* between two bytes of slow's */

struct sender { /* a fiber gets a copy of it */
	const char *name;
	int fd;
	int64_t pause_ns;
};

/* ---- to be changed ---- */

/* Receives a message, but does not wait for longer than PATIENCE_NS. Returns 0, or the error that
 * ended it; *got: how many bytes have come till then. */
static int receive(struct weft *io, int fd, char message[LENGTH], size_t *got)
{
	*got = 0;
	while (*got < LENGTH) {
		struct weft_deadline deadline;
		weft_deadline_begin(io, &deadline, weft_in(PATIENCE_NS));
		ssize_t count = weft_read(io, fd, message + *got, LENGTH - *got);
		weft_deadline_end(io, &deadline);
		if (count < 0)
			return (int)count;
		*got += (size_t)count;
	}
	return 0;
}

/* ---- leave the rest as it is ---- */

static void send(struct weft *io, const void *context, void *result)
{
	const struct sender *sender = context;
	(void)result;
	weft_name(io, sender->name);
	for (int i = 0; i < LENGTH; i++) {
		if (i > 0 && sender->pause_ns > 0)
			weft_sleep(io, weft_in(sender->pause_ns));
		weft_write(io, sender->fd, &"word"[i], 1);
	}
}

/* A message from brisk: it comes whole. */
static int try_brisk(struct weft *io, const int end[2])
{
	struct weft_future future;
	struct sender brisk = {"brisk", end[1], 0};
	char message[LENGTH];
	size_t got;
	weft_async(io, &future, send, &brisk, sizeof brisk, NULL);
	int error = receive(io, end[0], message, &got);
	weft_await(io, &future);
	printf("brisk: %s, %zu bytes\n", weft_strerror(error), got);
	return error != 0 || got != LENGTH;
}

/* One from slow: main gives up when its patience is at an end, not before and not much later, and what
 * has come till then counts. The rest comes to whoever reads after that, for as long as it takes. */
static int try_slow(struct weft *io, const int end[2])
{
	struct weft_future future;
	struct sender slow = {"slow", end[1], PAUSE_NS};
	char message[LENGTH];
	size_t got, more = 0;
	int64_t began = weft_now(io, WEFT_CLOCK_AWAKE);
	weft_async(io, &future, send, &slow, sizeof slow, NULL);
	int error = receive(io, end[0], message, &got);
	int is_early = weft_now(io, WEFT_CLOCK_AWAKE) - began < PATIENCE_NS;
	weft_await(io, &future);
	if (got < LENGTH) {
		ssize_t rest = weft_read(io, end[0], message, LENGTH - got);
		more = rest > 0 ? (size_t)rest : 0;
	}
	printf("slow: %s%s, %zu bytes in time and late\n", weft_strerror(error),
	       is_early ? ", too early" : "", got + more);
	return error != -WEFT_EDEADLINE || is_early || got + more != LENGTH;
}

int main(void)
{
	struct weft *io;
	int end[2];
	if (weft_init(&io, NULL) < 0 || pipe(end) < 0)
		return 1;
	weft_adopt(io, end[0]);
	weft_adopt(io, end[1]);
	int wrong = try_brisk(io, end) + try_slow(io, end);
	int error = weft_check_cancel(io); /* no deadline is left over */
	if (error)
		printf("afterwards: %s\n", weft_strerror(error));
	printf(wrong || error ? "not yet\n"
			      : "as long as its patience, and no longer\n");
	return wrong || error || weft_deinit(io) < 0;
}
