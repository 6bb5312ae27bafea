/* yield.c: what a yield among 1,000 fibers costs. rows.sh runs it traced and untraced, and once
 * more linked with a library that was compiled without WEFT_TRACING.
 *
 * `yield PATH` records to PATH; `yield ""` does not. Prints nanoseconds. The first of two turns
 * is not counted: it backs the stacks. The time is of the processor, see cpu_time.h. */
#include <stdio.h>
#include <stdlib.h>

#include "cpu_time.h"
#include "weft.h"

enum {
	YIELDERS = 1000,
	YIELDS = 100,
	RECORDS = 1 << 18, /* more than two turns write */
};

static struct weft_future futures[YIELDERS];

static void yield_often(struct weft *weft, const void *context, void *result)
{
	(void)context, (void)result;
	for (int i = 0; i < YIELDS; i++)
		weft_yield(weft);
}

static double turn(struct weft *io)
{
	uint64_t start_ns = cpu_time_ns();
	for (int i = 0; i < YIELDERS; i++)
		weft_async(io, &futures[i], yield_often, NULL, 0, NULL);
	for (int i = 0; i < YIELDERS; i++)
		weft_await(io, &futures[i]);
	return (double)(cpu_time_ns() - start_ns) / (YIELDERS * YIELDS);
}

int main(int count, char **arguments)
{
	struct weft *io;
	struct weft_options options = {.trace_path = count == 2 ? arguments[1] : "",
				       .trace_records = RECORDS};
	int error = weft_init(&io, &options);
	if (error) {
		fprintf(stderr, "yield: %s\n", weft_strerror(error));
		return 1;
	}
	(void)turn(io);
	printf("%.3f\n", turn(io));
	return weft_deinit(io);
}
