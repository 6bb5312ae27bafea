/* test_switch_last.c: leaving as the last act of a function. */
#include "context/context.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <stdlib.h>

#include "tests/on_valgrind.h"

enum { STACK_SIZE = 64 * 1024, ROUNDS = 1000, DEPTH = 40 };

static struct context here, there;
static void *stack;

static void begin(context_entry_function *entry, void *argument)
{
	stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, entry, argument);
}

static void end(void)
{
	context_destroy(&there);
	free(stack);
}

/* ---- the two ways to leave, in all pairs ---- */

/* As the compiler finds it in a program: with the switch for its last act. */
__attribute__((noinline)) static void leave(struct context *from, struct context *to,
					    bool last, void (*after)(void *arg),
					    void *arg)
{
	if (last)
		context_switch_last(from, to, after, arg);
	else
		context_switch(from, to, after, arg);
}

static struct {
	bool last_here, last_there;
	int steps_here, steps_there; /* after-switch steps that ran, by their stack */
	int rounds_there;
	bool wrong_order;
} seen;

static bool is_on_stack(const void *address)
{
	return (const char *)address >= (char *)stack &&
	       (const char *)address < (char *)stack + STACK_SIZE;
}

/* Sent by `there`, so it runs here, and when `there` is whole. */
static void after_there(void *arg)
{
	seen.wrong_order |= is_on_stack(__builtin_frame_address(0)) || arg != &seen;
	seen.steps_here++;
}

static void after_here(void *arg)
{
	seen.wrong_order |= !is_on_stack(__builtin_frame_address(0)) || arg != &seen;
	seen.steps_there++;
}

static void bounce(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		seen.rounds_there++;
		seen.wrong_order |= seen.steps_there != i + 1;
		leave(&there, &here, seen.last_there, after_there, &seen);
	}
	context_leave(&there, &here, after_there, &seen);
}

static void check_pair(bool last_here, bool last_there)
{
	memset(&seen, 0, sizeof seen);
	seen.last_here = last_here;
	seen.last_there = last_there;
	begin(bounce, NULL);
	for (int i = 0; i <= ROUNDS; i++) {
		volatile int kept = i;
		leave(&here, &there, last_here, after_here, &seen);
		cr_assert_eq(kept, i);
		cr_assert_eq(seen.steps_here, i + 1, "the step runs before we go on");
	}
	cr_assert_not(seen.wrong_order);
	cr_assert_eq(seen.rounds_there, ROUNDS);
	cr_assert_eq(seen.steps_there, ROUNDS + 1);
	end();
}

Test(switch_last, goes_together_with_the_other_way)
{
	check_pair(true, true);
	check_pair(true, false);
	check_pair(false, true);
}

static void leave_without_step(void *argument)
{
	(void)argument;
	leave(&there, &here, true, NULL, NULL);
	context_leave(&there, &here, NULL, NULL);
}

Test(switch_last, needs_no_step)
{
	begin(leave_without_step, NULL);
	leave(&here, &there, true, NULL, NULL);
	leave(&here, &there, true, NULL, NULL);
	end();
}

/* ---- far from the place it came from ---- */

/* Leaves at the bottom, and adds up on the way back. */
__attribute__((noinline)) static int descend(int depth, struct context *from,
					     struct context *to)
{
	volatile int mine = depth;
	if (depth == 0) {
		leave(from, to, true, NULL, NULL);
		return 0;
	}
	return descend(depth - 1, from, to) + mine;
}

static int sum_there;

static void descend_there(void *argument)
{
	(void)argument;
	sum_there = descend(2 * DEPTH, &there, &here);
	context_leave(&there, &here, NULL, NULL);
}

/* Each context returns through its own calls, however many the other has made. */
Test(switch_last, returns_to_its_own_callers)
{
	begin(descend_there, NULL);
	cr_assert_eq(descend(DEPTH, &here, &there), DEPTH * (DEPTH + 1) / 2);
	leave(&here, &there, true, NULL, NULL);
	cr_assert_eq(sum_there, DEPTH * (2 * DEPTH + 1));
	end();
}

static void round_upward(void *argument)
{
	int *surprises = argument;
	fesetround(FE_UPWARD);
	for (int i = 0; i < ROUNDS; i++) {
		leave(&there, &here, true, NULL, NULL);
		*surprises += fegetround() != FE_UPWARD;
	}
	context_leave(&there, &here, NULL, NULL);
}

Test(switch_last, keeps_the_control_words)
{
	SKIP_ON_VALGRIND("valgrind keeps no control words");
	int surprises = 0;
	begin(round_upward, &surprises);
	for (int i = 0; i <= ROUNDS; i++) {
		leave(&here, &there, true, NULL, NULL);
		cr_assert_eq(fegetround(), FE_TONEAREST);
	}
	cr_assert_eq(surprises, 0);
	end();
}
