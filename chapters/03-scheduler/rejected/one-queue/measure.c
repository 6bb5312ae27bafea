/* A few workers, each with fibers enough that yield. Prints the nanoseconds that a worker takes for
 * a yield. */
#include <stdio.h>

#include "weft.h"

#define WORKERS 4
#define FIBERS  64
#define YIELDS  200000 /* of each */

static void pass(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (int i = 0; i < YIELDS; i++)
		weft_yield(io);
}

int main(void)
{
	struct weft *io;
	struct weft_future future[FIBERS];
	if (weft_init(&io, &(struct weft_options){.workers = WORKERS}) < 0)
		return 1;
	int64_t began = weft_now(io, WEFT_CLOCK_AWAKE);
	for (int i = 0; i < FIBERS; i++)
		weft_async(io, &future[i], pass, NULL, 0, NULL);
	for (int i = 0; i < FIBERS; i++)
		weft_await(io, &future[i]);
	printf("%.1f\n", (double)(weft_now(io, WEFT_CLOCK_AWAKE) - began) * WORKERS /
				 (1.0 * FIBERS * YIELDS));
	return weft_deinit(io) < 0;
}
