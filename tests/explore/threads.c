/* threads.c: the threads of an execution, each a context on a stack of its own, and the search on
 * the stack it was called on.
 *
 * A thread gives its turn up in one place, threads_announce: there it says what it will do next,
 * and is away until it is picked to do it. So at every turn the search knows the next operation of
 * each thread, and can ask which of them matter to each other.
 *
 * A failure leaves its thread in the middle of things. It is not resumed; the next execution
 * begins the context anew. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context/context.h"
#include "tests/explore/model.h"

enum { STACK_SIZE = 64 * 1024 };

struct thread threads[EXPLORER_THREADS];
int thread_count;
int thread_running = NO_THREAD;

static _Alignas(16) char stacks[EXPLORER_THREADS][STACK_SIZE];
static struct context contexts[EXPLORER_THREADS], search_context;
static bool stacks_made;

static void leave_for_search(void)
{
	context_switch(&contexts[thread_running], &search_context, NULL, NULL);
}

static void thread_main(void *argument)
{
	struct thread *self = argument;
	self->function(self->number);
	self->ended = true;
	context_leave(&contexts[thread_running], &search_context, NULL, NULL);
}

static void make_stacks(void)
{
	context_adopt(&search_context);
	for (int i = 0; i < EXPLORER_THREADS; i++)
		context_init(&contexts[i], stacks[i], STACK_SIZE, thread_main,
			     &threads[i]);
	stacks_made = true;
}

void threads_reset(void)
{
	if (!stacks_made)
		make_stacks();
	thread_count = 0;
	thread_running = NO_THREAD;
}

void explore_thread(void (*function)(int number), int number)
{
	if (thread_count == EXPLORER_THREADS) {
		fprintf(stderr, "explore: more than %d threads\n", EXPLORER_THREADS);
		exit(2);
	}
	struct thread *thread = &threads[thread_count];
	memset(thread, 0, sizeof *thread);
	thread->function = function;
	thread->number = number;
	thread->spun_on = NO_LOCATION;
	thread->now.clock[thread_count] = 1;
	context_rearm(&contexts[thread_count], stacks[thread_count] + STACK_SIZE,
		      thread_main, thread, context_control_words());
	thread_count++;
}

void threads_run(int index)
{
	thread_running = index;
	context_switch(&search_context, &contexts[index], NULL, NULL);
	thread_running = NO_THREAD;
}

void threads_announce(const struct operation *operation)
{
	thread_self()->next = *operation;
	leave_for_search();
}

/* A spin that would find again what it found last. */
static bool spins_in_vain(const struct thread *thread)
{
	const struct operation *next = &thread->next;
	return next->kind == OPERATION_EXCHANGE && next->location == thread->spun_on &&
	       memory_newest(next->location) == next->value;
}

bool threads_may_run(int index)
{
	const struct thread *thread = &threads[index];
	if (thread->ended)
		return false;
	if (thread->next.kind == OPERATION_WAIT || thread->next.kind == OPERATION_REST)
		return thread->next.semaphore->posted;
	return !spins_in_vain(thread);
}

bool threads_rest(int index)
{
	return threads[index].ended || threads[index].next.kind == OPERATION_REST;
}

void explore_fail(const char *format, ...)
{
	char text[sizeof((struct explore_result *)0)->failure];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	search_fail(text);
	if (thread_running != NO_THREAD)
		leave_for_search();
	search_leave_harness();
}

/* ---- semaphores ---- */

static void announce_semaphore(struct explore_semaphore *semaphore,
			       enum operation_kind kind)
{
	threads_announce(&(struct operation){
		.kind = kind,
		.location = memory_location(&semaphore->posted,
					    (int)sizeof semaphore->posted),
		.semaphore = semaphore});
	thread_self()->spun_on = NO_LOCATION;
}

static void wait_as(struct explore_semaphore *semaphore, enum operation_kind kind)
{
	announce_semaphore(semaphore, kind);
	semaphore->posted = 0;
	memory_take_over(thread_self()->next.location);
	print_operation(0, "");
}

void explore_wait(struct explore_semaphore *semaphore)
{
	wait_as(semaphore, OPERATION_WAIT);
}

void explore_rest(struct explore_semaphore *semaphore)
{
	wait_as(semaphore, OPERATION_REST);
}

void explore_post(struct explore_semaphore *semaphore)
{
	announce_semaphore(semaphore, OPERATION_POST);
	semaphore->posted = 1;
	memory_hand_over(thread_self()->next.location);
	print_operation(1, "");
}
