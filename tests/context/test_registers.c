/* test_registers.c: what the calling convention says a callee preserves, a switch
 * preserves. */
#include "tests/context/registers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { STACK_SIZE = 64 * 1024 };

/* The sanitizers make a switch many times dearer. */
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
#define SWITCHES 100000
#else
#define SWITCHES 1000000
#endif

NOT_INSTRUMENTED void registers_leave(struct registers_run *run)
{
	annotate_leave(&run->from->annotation, &run->to->annotation);
}

static void arrive_from_swap(struct registers_run *run)
{
	annotate_arrive(&run->from->annotation);
}

/* context_step has done it. */
static void arrive_from_hop(struct registers_run *run)
{
	(void)run;
}

static struct context here, there;
static int result_there = -1;

static void hold_registers(void *argument)
{
	result_there = registers_hold(argument);
	context_leave(&there, &here, NULL, NULL);
}

static struct registers_run by_swap(struct context *from, struct context *to,
				    uint64_t seed)
{
	return (struct registers_run){from,
				      to,
				      seed,
				      SWITCHES / 2,
				      (void (*)(void))context_swap,
				      arrive_from_swap};
}

static struct registers_run by_hop(struct context *from, struct context *to,
				   uint64_t seed)
{
	return (struct registers_run){
		from,           to, seed, SWITCHES / 2, (void (*)(void))context_hop,
		arrive_from_hop};
}

static void check_both(struct registers_run run_here, struct registers_run run_there)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, hold_registers, &run_there);

	int result_here = registers_hold(&run_here);
	context_switch(&here, &there, NULL,
		       NULL); /* its last switch came to us: let it end */

	cr_assert_eq(result_here, 0, "register %d changed in the first context",
		     result_here);
	cr_assert_eq(result_there, 0, "register %d changed in the second",
		     result_there);
	cr_assert_eq(run_here.switches_left, 0);
	cr_assert_eq(run_there.switches_left, 0);
	context_destroy(&there);
	free(stack);
}

#define SEED_HERE  0x1111222233334444
#define SEED_THERE 0xaaaabbbbccccdddd

Test(registers, survive_a_million_switches)
{
	check_both(by_swap(&here, &there, SEED_HERE),
		   by_swap(&there, &here, SEED_THERE));
}

Test(registers, survive_a_million_switches_that_are_the_last_act)
{
	check_both(by_hop(&here, &there, SEED_HERE), by_hop(&there, &here, SEED_THERE));
}

Test(registers, survive_switches_of_both_kinds)
{
	check_both(by_swap(&here, &there, SEED_HERE),
		   by_hop(&there, &here, SEED_THERE));
}
