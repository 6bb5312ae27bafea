/* test_context_asserts.c: bugs in a caller are reported by name, then the process
 * aborts. */
#include "context/context.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum { STACK_SIZE = 64 * 1024 };

static struct context here, there;
static _Alignas(16) char stack[STACK_SIZE];
static const char *expected;

/* A report without the expected words ends the test with a status that is not SIGABRT.
 */
static void check_report(const char *report, size_t length)
{
	if (report[length - 1] != '\n' || !strstr(report, expected))
		_exit(1);
}

static void expect_report(const char *words)
{
	expected = words;
	base_set_fatal_hook(check_report);
}

static void leave(void *argument)
{
	(void)argument;
	context_leave(&there, &here, NULL, NULL);
}

static void return_at_once(void *argument)
{
	(void)argument;
}

Test(context_asserts, misaligned_stack, .signal = SIGABRT)
{
	expect_report("(uintptr_t)stack % 16 == 0");
	context_init(&there, stack + 8, STACK_SIZE - 16, leave, NULL);
}

Test(context_asserts, misaligned_size, .signal = SIGABRT)
{
	expect_report("size % 16 == 0");
	context_init(&there, stack, STACK_SIZE - 8, leave, NULL);
}

Test(context_asserts, stack_too_small, .signal = SIGABRT)
{
	expect_report("size >= CONTEXT_STACK_MIN");
	context_init(&there, stack, CONTEXT_STACK_MIN - 16, leave, NULL);
}

Test(context_asserts, smallest_stack_is_accepted)
{
	context_init(&there, stack, CONTEXT_STACK_MIN, leave, NULL);
	cr_assert_eq((char *)there.sp, stack + CONTEXT_STACK_MIN - 16);
	context_destroy(&there);
}

Test(context_asserts, entry_that_returns, .signal = SIGABRT)
{
	expect_report("entry function returned");
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, return_at_once, NULL);
	context_switch(&here, &there, NULL, NULL);
}

Test(context_asserts, resumed_after_it_left_for_good, .signal = SIGABRT)
{
	expect_report("left for good was resumed");
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, leave, NULL);
	context_switch(&here, &there, NULL, NULL);
	context_switch(&here, &there, NULL, NULL);
}
