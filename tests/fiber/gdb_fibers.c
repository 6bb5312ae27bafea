/* gdb_fibers.c: the program that gdb_fibers.sh looks at: on two runtimes, fibers in all states.
 * The thread of the second stands by while the first fills up; then, with the argument "abort",
 * the program aborts, for a core file. With "protect" the guards are protected pages. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft.h"

volatile int depth;
static _Atomic int second_stands, over;

static void wait_for_ever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	weft_name(io, "sleeper");
	while (!over)
		weft_yield(io);
}

/* Named calls between the fiber's first function and where it parks. */
__attribute__((noinline)) void inner_wait(struct weft *io, struct weft_future *future)
{
	depth++;
	weft_await(io, future);
	depth--;
}

__attribute__((noinline)) void middle_call(struct weft *io, struct weft_future *future)
{
	depth++;
	inner_wait(io, future);
	depth--;
}

static void wait_for_another(struct weft *io, const void *context, void *result)
{
	struct weft_future *const *future = context;
	(void)result;
	weft_name(io, "waiter");
	middle_call(io, *future);
	depth--;
}

static void never_begun(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

/* gdb_fibers.sh stops here, when all are where they are to be. */
__attribute__((noinline)) void while_they_stand(void)
{
	depth += 0;
}

static struct weft_options options;

static void run_first(int abort_too)
{
	struct weft *io;
	struct weft_future sleeper, waiter, late, *awaited = &sleeper;
	if (weft_init(&io, &options) != 0)
		abort();
	weft_async(io, &sleeper, wait_for_ever, NULL, 0, NULL);
	weft_async(io, &waiter, wait_for_another, &awaited, sizeof awaited, NULL);
	weft_yield(io);
	weft_yield(io);
	weft_async(io, &late, never_begun, NULL, 0, NULL);
	while_they_stand();
	if (abort_too)
		abort();
	over = 1;
	weft_await(io, &waiter);
	weft_await(io, &late);
	if (weft_deinit(io) != 0)
		abort();
}

static void *run_second(void *argument)
{
	struct weft *io;
	if (weft_init(&io, &options) != 0)
		abort();
	weft_name(io, "second");
	second_stands = 1;
	while (!over)
		;
	if (weft_deinit(io) != 0)
		abort();
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int abort_too = argc > 1 && strcmp(argv[1], "abort") == 0;
	if (argc > 1 && !abort_too)
		options.guard = WEFT_GUARD_PROTECT;
	if (pthread_create(&thread, NULL, run_second, NULL) != 0)
		abort();
	while (!second_stands)
		;
	run_first(abort_too);
	pthread_join(thread, NULL);
	while_they_stand(); /* once more, without a runtime */
	puts("done");
	return 0;
}
