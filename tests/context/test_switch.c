/* test_switch.c: entering, leaving, the after-switch step, and moving between threads.
 */
#include "context/context.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/system.h"

enum { STACK_SIZE = 64 * 1024 };

/* Where the calling function's frame is. The address of a local would not do: ASan may
 * keep locals elsewhere. The frame pointer is a multiple of 16 if the stack pointer was
 * one when the function was called, as the calling convention demands. */
#define FRAME ((uintptr_t)__builtin_frame_address(0))

static struct context here, there;

static bool lies_in(const char *stack, uintptr_t address)
{
	return address >= (uintptr_t)stack && address < (uintptr_t)stack + STACK_SIZE;
}

/* Entering a fresh context. */

static struct {
	void *argument;
	uintptr_t frame;
	char sum[16];
} entered;

/* Copies `from` to `to` in a way that traps when the stack is misaligned. */
static inline void store_aligned(char *from, char *to)
{
#if defined(__x86_64__)
	__asm__ volatile("movaps %1, %%xmm0\n\tmovups %%xmm0, %0"
			 : "=m"(*(char(*)[16])to)
			 : "m"(*(char(*)[16])from)
			 : "xmm0");
#elif defined(__aarch64__)
	__asm__ volatile("ldr q0, [sp]\n\tldr q0, %1\n\tstr q0, %0"
			 : "=m"(*(char(*)[16])to)
			 : "m"(*(char(*)[16])from)
			 : "v0");
#endif
}

static void note_entry(void *argument)
{
	_Alignas(16) char local[16] = {0};
	entered.argument = argument;
	entered.frame = FRAME;
	store_aligned(local, entered.sum);
	context_leave(&there, &here, NULL, NULL);
}

Test(context, entry_gets_its_argument_on_an_aligned_stack_of_its_own)
{
	static char argument;
	char *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	for (size_t size = STACK_SIZE - 64; size <= STACK_SIZE; size += 16) {
		context_init(&there, stack, size, note_entry, &argument);
		context_switch(&here, &there, NULL, NULL);
		cr_assert_eq(entered.argument, &argument);
		cr_assert_eq(entered.frame % 16, 0);
		cr_assert(lies_in(stack, entered.frame));
		context_destroy(&there);
		entered.argument = NULL;
	}
	free(stack);
}

/* The after-switch step. */

static struct {
	void *arg;
	int runs;
	uintptr_t frame;
	void *sp; /* of the context that was left, as the step finds it */
	void (*pc)(void);
} step;

static void note_step(void *arg, const struct context *left)
{
	step.arg = arg;
	step.runs++;
	step.sp = left->sp;
	step.pc = left->pc;
}

static void after_leaving_here(void *arg)
{
	step.frame = FRAME;
	note_step(arg, &here);
}

static void after_leaving_there(void *arg)
{
	step.frame = FRAME;
	note_step(arg, &there);
}

static void switch_back_with_a_step(void *arg)
{
	for (;;)
		context_switch(&there, &here, after_leaving_there, arg);
}

Test(context, the_step_runs_on_the_next_stack_when_the_old_context_is_whole)
{
	static char argument;
	char *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, switch_back_with_a_step, &argument);
	for (int i = 0; i < 3; i++) {
		context_switch(&here, &there, NULL, NULL);
		cr_assert_eq(step.runs, i + 1);
		cr_assert_eq(step.arg, &argument);
		cr_assert_not(lies_in(stack, step.frame), "the step runs on our stack");
		cr_assert(lies_in(stack, (uintptr_t)step.sp));
		cr_assert_eq(step.sp, there.sp);
		cr_assert_eq(step.pc, there.pc);
	}
	context_destroy(&there);
	free(stack);
}

static void note_whether_step_ran(void *runs)
{
	for (;;) {
		*(int *)runs = step.runs;
		context_switch(&there, &here, NULL, NULL);
	}
}

Test(context, the_step_runs_before_the_next_context_goes_on)
{
	static char argument;
	char *stack = aligned_alloc(16, STACK_SIZE);
	int runs_seen = 0;
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, note_whether_step_ran, &runs_seen);
	for (int i = 1; i <= 3; i++) { /* the first time into a fresh context */
		context_switch(&here, &there, after_leaving_here, &argument);
		cr_assert_eq(runs_seen, i);
		cr_assert_eq(step.arg, &argument);
		cr_assert(lies_in(stack, step.frame),
			  "the step runs on the next stack");
		cr_assert_not(lies_in(stack, (uintptr_t)step.sp));
		cr_assert_not_null(step.sp);
		cr_assert_neq(step.pc, (void (*)(void))NULL);
	}
	context_destroy(&there);
	free(stack);
}

/* Leaving for good: the step may take the stack away. */

static void free_stack(void *stack)
{
	context_destroy(&there);
	free(stack);
}

static void leave_and_free(void *stack)
{
	context_leave(&there, &here, free_stack, stack);
}

Test(context, the_step_of_the_last_switch_may_free_the_stack)
{
	context_adopt(&here);
	for (int i = 0; i < 100; i++) {
		char *stack = aligned_alloc(16, STACK_SIZE);
		context_init(&there, stack, STACK_SIZE, leave_and_free, stack);
		context_switch(&here, &there, NULL, NULL);
	}
}

static int lives;

static void live_again(void *stack)
{
	context_destroy(&there);
	context_init(&there, stack, STACK_SIZE, leave_and_free, stack);
	lives++;
}

static void leave_for_another_life(void *stack)
{
	context_leave(&there, &here, live_again, stack);
}

Test(context, the_step_of_the_last_switch_may_reuse_the_stack)
{
	char *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, leave_for_another_life, stack);
	context_switch(&here, &there, NULL, NULL);
	cr_assert_eq(lives, 1);
	cr_assert_eq(there.fp, NULL, "it is a fresh context");
	context_switch(&here, &there, NULL, NULL); /* this one frees it */
}

/* A deep stack keeps what lies on it. */

enum { DEPTH = 100 };

static int sum_with_switches(int depth)
{
	volatile int frame[64];
	for (int i = 0; i < 64; i++)
		frame[i] = depth + i;
	context_switch(&there, &here, NULL, NULL);
	int below = depth > 0 ? sum_with_switches(depth - 1) : 0;
	context_switch(&there, &here, NULL, NULL);
	return below + frame[0] + frame[63];
}

static void sum_deep(void *result)
{
	*(int *)result = sum_with_switches(DEPTH);
	context_leave(&there, &here, NULL, NULL);
}

Test(context, frames_survive_switches_at_every_depth)
{
	size_t size = 4 * STACK_SIZE;
	char *stack = aligned_alloc(16, size);
	int result = -1;
	context_adopt(&here);
	context_init(&there, stack, size, sum_deep, &result);
	for (int i = 0; i < 2 * (DEPTH + 1); i++) {
		context_switch(&here, &there, NULL, NULL);
		cr_assert_eq(result, -1);
	}
	context_switch(&here, &there, NULL, NULL);
	cr_assert_eq(result, DEPTH * (DEPTH + 1) + 63 * (DEPTH + 1));
	context_destroy(&there);
	free(stack);
}

/* Many contexts, in a ring: each switches to the next, the last to the test's own. */

enum { MEMBERS = 1000, ROUNDS = 10 };

struct member {
	struct context context;
	struct context *next;
	char *stack;
	int rounds;
};

static struct member members[MEMBERS];

static void go_round(void *argument)
{
	struct member *self = argument;
	for (int i = 1; i < ROUNDS; i++) {
		self->rounds++;
		context_switch(&self->context, self->next, NULL, NULL);
	}
	self->rounds++;
	context_leave(&self->context, self->next, NULL, NULL);
}

Test(context, a_thousand_take_turns)
{
	context_adopt(&here);
	for (int i = 0; i < MEMBERS; i++) {
		struct member *member = &members[i];
		member->stack = aligned_alloc(16, STACK_SIZE);
		member->next = i + 1 < MEMBERS ? &members[i + 1].context : &here;
		context_init(&member->context, member->stack, STACK_SIZE, go_round,
			     member);
	}
	for (int i = 0; i < ROUNDS; i++)
		context_switch(&here, &members[0].context, NULL, NULL);
	for (int i = 0; i < MEMBERS; i++) {
		cr_assert_eq(members[i].rounds, ROUNDS);
		context_destroy(&members[i].context);
		free(members[i].stack);
	}
}

/* From thread to thread. Two threads pass one context back and forth: whoever it left
 * publishes it in the after-switch step, and the other one takes it. The traveller asks
 * the system for its thread's number: pthread_self() is declared constant, and a
 * compiler asks it once. */

enum { MIGRATIONS = 10000 };

static struct {
	struct context traveller;
	struct context threads[2]; /* each thread's own stack */
	_Atomic uint64_t ids[2];   /* each thread's number */
	/* Which thread may resume the traveller next; 2 when it has left for good. */
	_Atomic int turn;
	int surprises; /* the traveller's */
} travel;

/* Publishes the parked traveller. Pairs with: ride. */
static void pass_on(void *turn)
{
	store_release(&travel.turn, (int)(intptr_t)turn);
}

static void travel_between_threads(void *argument)
{
	(void)argument;
	for (int i = 0; i < MIGRATIONS; i++) {
		int on = i % 2;
		travel.surprises += system_thread_id() != load_relaxed(&travel.ids[on]);
		context_switch(&travel.traveller, &travel.threads[on], pass_on,
			       (void *)(intptr_t)!on);
	}
	context_leave(&travel.traveller, &travel.threads[0], pass_on, (void *)2);
}

static void *ride(void *argument)
{
	int self = (int)(intptr_t)argument;
	store_relaxed(&travel.ids[self], system_thread_id());
	context_adopt(&travel.threads[self]);
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

Test(context, one_is_resumed_on_another_thread_than_it_parked_on)
{
	char *stack = aligned_alloc(16, STACK_SIZE);
	context_init(&travel.traveller, stack, STACK_SIZE, travel_between_threads,
		     NULL);
	store_relaxed(&travel.turn, -1); /* nobody's yet */
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, ride, (void *)1), 0);
	pass_on((void *)0);
	ride((void *)0);
	pthread_join(thread, NULL);
	cr_assert_eq(travel.surprises, 0);
	context_destroy(&travel.traveller);
	free(stack);
}
