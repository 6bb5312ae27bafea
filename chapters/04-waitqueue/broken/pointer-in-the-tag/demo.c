/* An event is on its way while its descriptor is closed.
 *
 * A fiber reads from a pipe, on the second worker or the first. Main writes, so that whoever sleeps
 * in the poller gets an event, and closes the pipe a moment later, without leaving its worker. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weft.h"

#define MOMENT_NS 5000000

static int ends[2];

static void read_one(struct weft *io, const void *context, void *result)
{
	char byte;
	(void)context;
	weft_name(io, "reader");
	*(ssize_t *)result = weft_read(io, ends[0], &byte, 1);
}

static void compute_for(struct weft *io, int64_t ns)
{
	int64_t end = weft_now(io, WEFT_CLOCK_AWAKE) + ns;
	while (weft_now(io, WEFT_CLOCK_AWAKE) < end)
		;
}

int main(void)
{
	struct weft *io;
	struct weft_future future;
	ssize_t got = 0;
	const char *workers = getenv("WORKERS");
	struct weft_options options = {
		.workers = workers ? (uint32_t)atoi(workers) : 1,
	};
	if (weft_init(&io, &options) || pipe(ends) || weft_adopt(io, ends[0]))
		return 2;
	weft_async(io, &future, read_one, NULL, 0, &got);
	(void)weft_sleep(io, weft_in(MOMENT_NS)); /* the reader waits by now */
	compute_for(io, MOMENT_NS); /* and the other worker sleeps in the poller */
	if (write(ends[1], "a", 1) != 1)
		return 2;
	compute_for(io, MOMENT_NS); /* and has an event */
	(void)weft_close(io, ends[0]);
	weft_await(io, &future);
	printf("reader: %zd\n", got);
	return weft_deinit(io);
}
