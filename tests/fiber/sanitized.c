/* sanitized.c: what sanitizers.sh runs: programs of fibers that a sanitizer must accept, and
 * wrong ones in which it must find the bug.
 *
 * The first argument names the program. One that is not stopped prints "done". */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft.h"

enum { ROUNDS = 200, LARGE = 4096 };

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	if (weft_init(&io, &(struct weft_options){.workers = workers}) != 0)
		abort();
	return io;
}

static void end(struct weft *io)
{
	if (weft_deinit(io) != 0)
		abort();
}

/* Runs one fiber, on one worker, to its end. */
static void run_one(weft_function *function)
{
	struct weft *io = begin(1);
	struct weft_future future;
	int result;
	weft_async(io, &future, function, NULL, 0, &result);
	weft_await(io, &future);
	end(io);
}

/* ---- correct: all that weft.h promises to order, and nothing else ---- */

struct large {
	int number;
	char bytes[LARGE];
};

static int
	told; /* before the fibers begin; by the last of them for after the runtime's end */

static void tree(struct weft *io, const void *context, void *result)
{
	const struct large *large = context;
	struct weft_future futures[2];
	int results[2] = {0, 0};
	if (told != 1 || large->bytes[LARGE - 1] != (char)large->number)
		abort();
	if (large->number > 0) {
		struct large below = {.number = large->number - 1};
		below.bytes[LARGE - 1] = (char)below.number;
		for (int i = 0; i < 2; i++)
			weft_async(io, &futures[i], tree, &below, sizeof below,
				   &results[i]);
		weft_yield(io);
		for (int i = 0; i < 2; i++)
			weft_await(io, &futures[i]);
	}
	*(int *)result = results[0] + results[1] + 1;
}

/* Small arguments, in a slot that lives again and again, awaited early and late. */
static void add_one(struct weft *io, const void *context, void *result)
{
	(void)io;
	*(int *)result = *(const int *)context + 1;
}

/* The second has the slot of the first, whose end nobody has awaited yet. */
static void take_over_a_slot(struct weft *io)
{
	struct weft_future first, second;
	int numbers[2] = {1, 2};
	weft_async(io, &first, add_one, &numbers[0], sizeof numbers[0], &numbers[0]);
	weft_yield(io);
	weft_async(io, &second, add_one, &numbers[1], sizeof numbers[1], &numbers[1]);
	weft_await(io, &first);
	weft_await(io, &second);
	if (numbers[0] != 2 || numbers[1] != 3)
		abort();
}

static void tell(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	told = 2;
}

static void correct(uint32_t workers)
{
	struct weft_future future, never_awaited;
	struct weft *io = begin(workers);
	struct large root = {.number = 5};
	int nodes, number = 0;
	root.bytes[LARGE - 1] = 5;
	told = 1;
	weft_async(io, &future, tree, &root, sizeof root, &nodes);
	weft_await(io, &future);
	for (int i = 0; i < ROUNDS; i++) {
		weft_async(io, &future, add_one, &number, sizeof number, &number);
		if (i % 2)
			weft_yield(io);
		weft_await(io, &future);
		if (number != i + 1)
			abort();
	}
	take_over_a_slot(io);
	weft_async(io, &never_awaited, tell, NULL, 0, NULL);
	while (weft_deinit(io) != 0) /* refuses while it is alive */
		weft_yield(io);
	if (nodes != 63 || told != 2)
		abort();
}

static void correct_alone(void)
{
	correct(1);
}

static void correct_beside(void)
{
	correct(3);
}

/* ---- wrong: memory ---- */

static volatile int past_the_end = 16;

static void write_past_a_local(struct weft *io, const void *context, void *result)
{
	volatile char buffer[16] = {0};
	(void)io, (void)context;
	buffer[past_the_end] = 1;
	*(int *)result = buffer[0];
}

static void local(void)
{
	run_one(write_past_a_local);
}

static void write_past_a_block(struct weft *io, const void *context, void *result)
{
	volatile char *block = malloc(16);
	(void)context, (void)result;
	weft_yield(io);
	block[past_the_end] = 1;
	free((void *)block);
}

static void heap(void)
{
	run_one(write_past_a_block);
}

static volatile int deepest = 1 << 20; /* more than there is room for */

static int dig(int depth)
{
	volatile char frame[512];
	frame[0] = (char)depth;
	return depth < deepest ? dig(depth + 1) + frame[0] : 0;
}

/* Towards the slot below, which is a neighbour's. */
static void go_too_deep(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	*(int *)result = dig(0);
}

static void deep(void)
{
	run_one(go_too_deep);
}

static void do_nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

/* A local's address, when its function has waited for another fiber and returned. */
__attribute__((noinline)) static volatile int *escape(struct weft *io)
{
	volatile int variable = 1;
	volatile int *volatile escaped = &variable;
	struct weft_future future;
	weft_async(io, &future, do_nothing, NULL, 0, NULL);
	weft_await(io, &future);
	return escaped;
}

static void use_after_return(struct weft *io, const void *context, void *result)
{
	volatile int *escaped = escape(io);
	(void)context;
	weft_yield(io);
	*(int *)result = *escaped;
}

static void returned(void)
{
	run_one(use_after_return);
}

/* ---- wrong: races ---- */

static int counter;
static _Atomic int arrived, counted;

/* Each runs while the other does, on another worker, and nothing orders the two: relaxed words
 * do not. The second waits for the first all the same, since TSan may miss two accesses that are
 * made in the same instant. */
static void count_beside_the_other(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	int place = atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
	while (atomic_load_explicit(&arrived, memory_order_relaxed) < 2)
		;
	while (atomic_load_explicit(&counted, memory_order_relaxed) < place)
		;
	counter++;
	atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed);
}

static void count_by_turns(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (int i = 0; i < ROUNDS; i++) {
		counter++;
		weft_yield(io);
	}
}

static void count_once(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	counter++;
}

static void run_two(uint32_t workers, weft_function *function)
{
	struct weft *io = begin(workers);
	struct weft_future futures[2];
	for (int i = 0; i < 2; i++)
		weft_async(io, &futures[i], function, NULL, 0, NULL);
	for (int i = 0; i < 2; i++)
		weft_await(io, &futures[i]);
	end(io);
}

/* Often, because TSan does not report each: it must still know where the first one was. */
static void race(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		arrived = counted = 0;
		run_two(2, count_beside_the_other);
	}
}

/* One worker: only the scheduler's order keeps these apart. */
static void order(void)
{
	run_two(1, count_once);
}

static void turns(void)
{
	run_two(1, count_by_turns);
}

/* ---- blocks that nobody frees: the program ends while the fiber is parked ---- */

static void wait_for_ever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (;;)
		weft_yield(io);
}

static void park(struct weft *io)
{
	struct weft_future future;
	weft_async(io, &future, wait_for_ever, NULL, 0, NULL);
	weft_await(io, &future);
}

/* Overwrites what the calls before it left on the stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char frame[4096];
	memset((char *)frame, 0, sizeof frame);
}

static void keep_a_block(struct weft *io, const void *context, void *result)
{
	char *volatile block = malloc(100);
	(void)context, (void)result;
	block[0] = 1;
	park(io);
	free(block);
}

__attribute__((noinline)) static void lose(void)
{
	char *volatile block = malloc(100);
	block[0] = 1;
	block = NULL;
}

static void lose_a_block(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	lose();
	wipe();
	park(io);
}

static void take_a_block(struct weft *io, const void *context, void *result)
{
	char **block = (char **)(uintptr_t)context;
	(void)result;
	park(io);
	free(*block);
}

/* Ends the program, when that fiber has had time to park. */
static void leave_parked(weft_function *function, const void *context, size_t size)
{
	struct weft *io = begin(1);
	struct weft_future future;
	weft_async(io, &future, function, context, size, NULL);
	for (int i = 0; i < 4; i++)
		weft_yield(io);
	wipe();
}

static void kept(void)
{
	leave_parked(keep_a_block, NULL, 0);
}

/* Known to the fiber's arguments only: in the slot, or in an allocation of their own. */
static void given(size_t size)
{
	char *blocks[LARGE / sizeof(char *)] = {malloc(100)};
	leave_parked(take_a_block, blocks, size);
}

static void given_small(void)
{
	given(sizeof(char *));
}

static void given_large(void)
{
	given(LARGE);
}

static void lost(void)
{
	leave_parked(lose_a_block, NULL, 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} programs[] = {
	{"correct_alone", correct_alone},
	{"correct_beside", correct_beside},
	{"local", local},
	{"heap", heap},
	{"deep", deep},
	{"returned", returned},
	{"race", race},
	{"order", order},
	{"turns", turns},
	{"kept", kept},
	{"given_small", given_small},
	{"given_large", given_large},
	{"lost", lost},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		if (argc == 2 && strcmp(argv[1], programs[i].name) == 0) {
			programs[i].run();
			puts("done");
			return 0;
		}
	fputs("usage: sanitized PROGRAM\n", stderr);
	return 2;
}
