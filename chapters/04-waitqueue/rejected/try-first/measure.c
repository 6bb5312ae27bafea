/* A fiber waits for a byte at a pipe. Another one, which came later, writes a byte into it and reads
 * one, again and again. Prints how many it has read when the first has got one. */
#include <stdio.h>
#include <unistd.h>

#include "weft.h"

#define ROUNDS 1000

static int end[2];
static long taken, when_served = -1;

static void wait_for_one(struct weft *io, const void *context, void *result)
{
	char byte;
	(void)context, (void)result;
	weft_read(io, end[0], &byte, 1);
	when_served = taken;
	weft_write(io, end[1], "x", 1); /* for the other one, who may wait now */
}

static void take_many(struct weft *io, const void *context, void *result)
{
	char byte;
	(void)context, (void)result;
	while (taken < ROUNDS && when_served < 0) {
		weft_write(io, end[1], "x", 1);
		taken += weft_read(io, end[0], &byte, 1);
		weft_yield(io);
	}
	weft_write(io, end[1], "x", 1); /* for whoever waits still */
}

int main(void)
{
	struct weft *io;
	struct weft_future waits, takes;
	if (weft_init(&io, NULL) < 0 || pipe(end) < 0)
		return 1;
	weft_adopt(io, end[0]);
	weft_async(io, &waits, wait_for_one, NULL, 0, NULL);
	weft_yield(io);
	weft_async(io, &takes, take_many, NULL, 0, NULL);
	weft_await(io, &takes);
	weft_await(io, &waits);
	printf("%ld\n", when_served);
	return weft_deinit(io) < 0;
}
