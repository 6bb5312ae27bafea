/* Chapter 2: await before completion, and after.
 *
 * main starts two children and lets both begin. `early` has work left when main awaits it, so
 * main parks and the child finds it at the rendezvous. `late` has ended when main awaits it, so
 * main finds the end there and goes on. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

#define WORKERS 1  /* unless the environment says WORKERS=n */
#define YIELDS  2  /* how often a child lets others run on its way */
#define WORK    20 /* microseconds that early computes at each stop */

struct order { /* a child gets a copy of it */
	const char *name;
	int number;
	long yields, work;
};

struct answer { /* main's; a child writes it in place */
	/* Main looks at these two while the child runs, perhaps on another worker. */
	_Atomic int begun, done;
	int square;
};

static void compute(struct weft *io, long microseconds)
{
	int64_t end = weft_now(io, WEFT_CLOCK_AWAKE) + (int64_t)microseconds * 1000;
	while (weft_now(io, WEFT_CLOCK_AWAKE) < end)
		;
}

static void child(struct weft *io, const void *context, void *result)
{
	const struct order *order = context;
	struct answer *answer = result;
	weft_name(io, order->name);
	atomic_store(&answer->begun, 1);
	compute(io, order->work);
	for (long i = 0; i < order->yields; i++) {
		weft_yield(io);
		compute(io, order->work);
	}
	answer->square = order->number * order->number;
	atomic_store(&answer->done, 1);
}

static void yield_until(struct weft *io, _Atomic int *flag)
{
	while (!atomic_load(flag))
		weft_yield(io);
}

static int run(struct weft *io, long yields, long work)
{
	struct order first = {"early", 6, yields, work},
		     second = {"late", 7, yields, 0};
	struct answer early = {0}, late = {0};
	struct weft_future future[2];

	weft_async(io, &future[0], child, &first, sizeof first, &early);
	yield_until(io, &early.begun);
	weft_async(io, &future[1], child, &second, sizeof second, &late);
	yield_until(io, &late.begun);

	weft_span_begin(io, "await early");
	weft_await(io, &future[0]);
	weft_span_end(io, "await early");

	yield_until(io, &late.done);
	weft_span_begin(io, "await late");
	weft_await(io, &future[1]);
	weft_span_end(io, "await late");

	printf("early answered %d, late answered %d\n", early.square, late.square);
	if (early.square == 36 && late.square == 49)
		return 0;
	printf("demo: the answers should be 36 and 49\n");
	return 1;
}

/* -1, after saying why, if the environment's value is none from `least` to `most`. */
static long read_knob(const char *name, long otherwise, long least, long most)
{
	const char *text = getenv(name);
	char *end = NULL;
	long value = text && *text ? strtol(text, &end, 10) : otherwise;
	if (value >= least && value <= most && (!end || !*end))
		return value;
	fprintf(stderr, "demo: %s=%s: give a whole number from %ld to %ld\n", name,
		text, least, most);
	return -1;
}

int main(void)
{
	struct weft *io;
	long workers = read_knob("WORKERS", WORKERS, 1, 64);
	long yields = read_knob("YIELDS", YIELDS, 0, 1000);
	long work = read_knob("WORK", WORK, 0, 1000000);
	if (workers < 0 || yields < 0 || work < 0)
		return 2;
	printf("WORKERS=%ld YIELDS=%ld WORK=%ld\n", workers, yields, work);
	int error =
		weft_init(&io, &(struct weft_options){.workers = (uint32_t)workers});
	if (error) {
		fprintf(stderr, "demo: %s\n", weft_strerror(error));
		return 1;
	}
	int status = run(io, yields, work);
	error = weft_deinit(io);
	if (error)
		printf("demo: the runtime does not end: %s\n", weft_strerror(error));
	return status || error;
}
