/* Exercise 4.4: three look-ups that block, and a ticker.
 *
 * Each look-up is a call that keeps its thread until the ticker has ticked often enough, as one of a
 * slow disk or a far name server would. There are two helper threads. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "weft.h"

#define LOOKUPS     3
#define HELPERS     2
#define TICK_NS     20000000
#define TICKS       10        /* that a look-up lasts */
#define PATIENCE_NS 100000000 /* of whoever wants an answer */
#define GIVES_UP_NS 1500000000

struct lookup {
	const char *name;
	_Atomic bool was_made; /* the call has begun, on whatever thread */
	bool in_vain;          /* nobody ticked meanwhile */
	int error;             /* what ask returned */
};

static _Atomic int ticks;

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Blocks. Leave it as it is. */
static void look_up(void *argument)
{
	struct lookup *lookup = argument;
	int64_t end = now() + GIVES_UP_NS;
	int until = atomic_load(&ticks) + TICKS;
	atomic_store(&lookup->was_made, true);
	while (atomic_load(&ticks) < until && now() < end)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	lookup->in_vain = atomic_load(&ticks) < until;
}

/* ---- to be changed ---- */

/* Makes the call for whoever asks, who waits at most PATIENCE_NS for it to begin. Returns 0 when it
 * was made, or the error, and then it was not. */
static int ask(struct weft *io, struct lookup *lookup)
{
	(void)io;
	look_up(lookup);
	return 0;
}

/* ---- leave the rest as it is ---- */

static void serve(struct weft *io, const void *context, void *result)
{
	struct lookup *lookup = result;
	(void)context;
	weft_name(io, lookup->name);
	lookup->error = ask(io, lookup);
}

static void tick(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	weft_name(io, "ticker");
	for (int i = 0; i < 2 * TICKS; i++) {
		weft_sleep(io, weft_in(TICK_NS));
		atomic_fetch_add(&ticks, 1);
	}
}

static int judge(struct lookup *lookup, int expected)
{
	int wrong = lookup->error != expected || lookup->in_vain ||
		    atomic_load(&lookup->was_made) != (expected == 0);
	printf("%s: %s%s%s\n", lookup->name, weft_strerror(lookup->error),
	       atomic_load(&lookup->was_made) ? ", made" : ", not made",
	       lookup->in_vain ? ", and nobody ticked" : "");
	return wrong;
}

int main(void)
{
	struct weft *io;
	struct weft_future future[LOOKUPS + 1];
	struct lookup lookups[LOOKUPS] = {
		{.name = "alpha"}, {.name = "beta"}, {.name = "gamma"}};
	if (weft_init(&io, &(struct weft_options){.helpers = HELPERS}) < 0)
		return 1;
	weft_async(io, &future[LOOKUPS], tick, NULL, 0, NULL);
	weft_yield(io);
	for (int i = 0; i < LOOKUPS; i++) {
		weft_async(io, &future[i], serve, NULL, 0, &lookups[i]);
		weft_yield(io);
	}
	for (int i = 0; i <= LOOKUPS; i++)
		weft_await(io, &future[i]);
	int wrong = judge(&lookups[0], 0) + judge(&lookups[1], 0) +
		    judge(&lookups[2], -WEFT_EDEADLINE);
	printf(wrong ? "not yet\n" : "two are made, and the third does not wait\n");
	return wrong || weft_deinit(io) < 0;
}
