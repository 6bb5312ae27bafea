/* sanitized.c: what sanitizers.sh runs: correct programs that a sanitizer must accept,
 * and wrong ones in which it must find the bug, on a stack that is not a thread's own.
 *
 * The first argument names the program. A correct one prints "done". */
#include "context/context.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"

enum { STACK_SIZE = 256 * 1024, ROUNDS = 1000 };

static struct context here, there;

/* Makes `there` and switches to it `switches` times, after which it has left for good.
 */
static void run_context(context_entry_function *entry, void *argument, int switches)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, entry, argument);
	for (int i = 0; i < switches; i++) {
		char buffer[64]; /* something to protect on the thread's own stack */
		memset(buffer, i, sizeof buffer);
		context_switch(&here, &there, NULL, NULL);
		if (buffer[63] != (char)i)
			abort();
	}
	context_destroy(&there);
	free(stack);
}

/* Correct: back and forth, with a buffer on each of both stacks. */

static void fill_and_switch(void *argument)
{
	char buffer[64];
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		memset(buffer, -i, sizeof buffer);
		context_switch(&there, &here, NULL, NULL);
		if (buffer[63] != (char)-i)
			abort();
	}
	context_leave(&there, &here, NULL, NULL);
}

static void ping_pong(void)
{
	run_context(fill_and_switch, NULL, ROUNDS + 1);
}

/* Wrong: one past an array on the context's stack. */

static volatile int past_the_end = 16;

static void overflow_buffer(void *argument)
{
	volatile char buffer[16];
	(void)argument;
	buffer[past_the_end] = 1;
	context_leave(&there, &here, NULL, NULL);
}

static void overflow(void)
{
	run_context(overflow_buffer, NULL, 1);
}

/* Wrong: a local that is used after its function has returned, with switches in
 * between. */

__attribute__((noinline)) static volatile int *escape(void)
{
	volatile int local = 1;
	volatile int *volatile escaped = &local;
	context_switch(&there, &here, NULL, NULL);
	return escaped;
}

static void use_after_return(void *argument)
{
	volatile int *escaped = escape();
	*(int *)argument = *escaped;
	context_leave(&there, &here, NULL, NULL);
}

static void returned(void)
{
	int value = 0;
	run_context(use_after_return, &value, 2);
}

/* Correct and wrong: two threads run one context by turns. It adds to a counter of its
 * own, and in the wrong program so does a thread that does not wait for its turn. */

static struct {
	struct context traveller;
	struct context threads[2];
	_Atomic int
		turn; /* who may resume the traveller; 2 when it has left for good */
	int counter;
	int race; /* fixed before the threads start */
} travel;

/* Publishes the parked traveller. Pairs with: ride. */
static void pass_on(void *turn)
{
	store_release(&travel.turn, (int)(intptr_t)turn);
}

static void count_on_both_threads(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		travel.counter++;
		context_switch(&travel.traveller, &travel.threads[i % 2], pass_on,
			       (void *)(intptr_t)(1 - i % 2));
	}
	context_leave(&travel.traveller, &travel.threads[0], pass_on, (void *)2);
}

static void *ride(void *argument)
{
	int self = (int)(intptr_t)argument;
	context_adopt(&travel.threads[self]);
	if (self == 1 && travel.race)
		travel.counter++;
	for (;;) {
		int turn = load_acquire(&travel.turn); /* Pairs with: pass_on */
		if (turn == 2)
			return NULL;
		if (turn == self)
			context_switch(&travel.threads[self], &travel.traveller, NULL,
				       NULL);
		else
			sched_yield();
	}
}

static void run_two_threads(void)
{
	pthread_t thread;
	void *stack = aligned_alloc(16, STACK_SIZE);
	context_init(&travel.traveller, stack, STACK_SIZE, count_on_both_threads, NULL);
	if (pthread_create(&thread, NULL, ride, (void *)1) != 0)
		abort();
	ride((void *)0);
	pthread_join(thread, NULL);
	context_destroy(&travel.traveller);
	free(stack);
}

static void two_threads(void)
{
	run_two_threads();
	if (travel.counter != ROUNDS)
		abort();
}

static void race(void)
{
	travel.race = 1;
	run_two_threads();
}

static const struct {
	const char *name;
	void (*run)(void);
} programs[] = {
	{"ping_pong", ping_pong},     {"overflow", overflow}, {"returned", returned},
	{"two_threads", two_threads}, {"race", race},
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
