/* overflow_child.c: a program that accesses what it should not, in one of several ways, for
 * overflow.sh to look at from outside.
 *
 * overflow_child WHAT WORKERS FILE: prints the bounds of the fiber that will overflow. FILE is
 * mapped and shared; its byte 0 becomes 1 when a handler of the program's own ran, and byte 1
 * becomes 1 when a fiber that is the neighbour in memory still finds what it wrote. */
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/system.h"
#include "fiber/fiber.h"
#include "weft.h"

#define PATTERN 0x3C

static volatile char *shared;

/* Main has printed what it has to: another worker may now end the process. */
static _Atomic int told;

/* The neighbour: everything of its slot that is its own. */
static char *neighbour;
static size_t neighbour_size;

static void say_handled(int number)
{
	(void)number;
	shared[0] = 1;
	_exit(7);
}

static void say_intact(void)
{
	for (size_t i = 0; i < neighbour_size; i++)
		if (neighbour[i] != PATTERN)
			return;
	shared[1] = 1;
}

/* Runs just before the process ends, on the alternate stack. */
static void look_and_report(const char *text, size_t length)
{
	say_intact();
	(void)system_write_all(2, text, length);
}

static __attribute__((noinline)) int dig(int depth)
{
	volatile char room[512];
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = (char)depth;
	return depth < 0 ? 0 : dig(depth + 1) + room[0];
}

static void overflow(struct weft *io, const void *context, void *result)
{
	(void)context;
	while (!atomic_load(&told))
		weft_yield(io);
	weft_name(io, "digger");
	*(int *)result = dig(0);
}

static void access_nothing(struct weft *io, const void *context, void *result)
{
	volatile int *volatile nothing = NULL;
	(void)io, (void)context;
	*(int *)result = *nothing;
}

static void send_signal(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	(void)raise(SIGSEGV);
	usleep(1000);
	_exit(3);
}

/* When it has migrated, perhaps, and its stack was left and come back to. */
static void yield_and_overflow(struct weft *io, const void *context, void *result)
{
	for (int i = 0; i < 100; i++)
		weft_yield(io);
	overflow(io, context, result);
}

static void spin(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (int i = 0; i < 200; i++)
		weft_yield(io);
}

/* The slot below in memory was taken before, and holds a pattern: it is where an overflow that
 * nobody stopped would go on. */
static void fill_neighbour(const struct weft_future *future)
{
	struct fiber *fiber = future->fiber;
	neighbour = fiber->stack;
	neighbour_size = (size_t)(fiber->stack_end - fiber->stack) / 2;
	memset(neighbour, PATTERN, neighbour_size);
}

static weft_function *function_of(const char *what)
{
	if (strcmp(what, "null") == 0 || strcmp(what, "handled") == 0)
		return access_nothing;
	if (strcmp(what, "sent") == 0)
		return send_signal;
	if (strcmp(what, "late") == 0)
		return yield_and_overflow;
	return overflow;
}

static int run(struct weft *io, const char *what)
{
	struct weft_future below, digger, others[4];
	int answer = 0;
	weft_async(io, &below, spin, NULL, 0, NULL);
	weft_async(io, &digger, function_of(what), NULL, 0, &answer);
	fill_neighbour(&below);
	for (int i = 0; i < 4; i++)
		weft_async(io, &others[i], spin, NULL, 0, NULL);
	const struct fiber *fiber = digger.fiber;
	printf("fiber %u %p %p\n", (unsigned)digger.fiber_id, (void *)fiber->stack,
	       (void *)fiber->stack_end);
	(void)fflush(stdout);
	atomic_store(&told, 1);
	weft_await(io, &digger);
	return 4;
}

static int map_shared(const char *path)
{
	void *map;
	int fd = system_create(path);
	if (fd < 0 || system_reserve(fd, 2) < 0 || system_map_shared(fd, 2, &map) < 0)
		return -1;
	shared = map;
	return system_close(fd);
}

int main(int count, char **words)
{
	struct weft *io;
	struct weft_options options = {.on_fatal = look_and_report};
	if (count != 4 || map_shared(words[3]) < 0)
		return 2;
	options.workers = (uint32_t)atoi(words[2]);
	options.keep_signals = strcmp(words[1], "kept") == 0;
	if (strcmp(words[1], "handled") == 0)
		(void)signal(SIGSEGV, say_handled);
	if (strcmp(words[1], "protected") == 0)
		options.guard = WEFT_GUARD_PROTECT;
	if (weft_init(&io, &options) < 0)
		return 2;
	return run(io, words[1]);
}
