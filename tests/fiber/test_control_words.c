/* test_control_words.c: each life begins with the control words of the runtime's start. */
#include "weft.h"

#include <criterion/criterion.h>
#include <fenv.h>

static void get_rounding(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	*(int *)result = fegetround();
}

static void set_rounding(struct weft *io, const void *context, void *result)
{
	(void)result;
	fesetround(*(const int *)context);
	weft_yield(io);
	cr_assert_eq(fegetround(), *(const int *)context, "kept over a switch");
}

static int rounding_of_a_new_fiber(struct weft *io)
{
	struct weft_future future;
	int found = -1;
	weft_async(io, &future, get_rounding, NULL, 0, &found);
	weft_await(io, &future);
	return found;
}

static void change_in_a_fiber(struct weft *io, int rounding)
{
	struct weft_future future;
	weft_async(io, &future, set_rounding, &rounding, sizeof rounding, NULL);
	weft_await(io, &future);
}

Test(control_words, an_earlier_life_leaves_nothing_behind)
{
	static const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
	struct weft *io;
	cr_assert_eq(weft_init(&io, NULL), 0);
	for (int i = 0; i < 3; i++) {
		change_in_a_fiber(io, roundings[i]);
		cr_assert_eq(rounding_of_a_new_fiber(io), FE_TONEAREST);
		cr_assert_eq(fegetround(), FE_TONEAREST, "nor in the main fiber");
	}
	cr_assert_eq(weft_deinit(io), 0);
}

Test(control_words, are_those_of_the_runtimes_start)
{
	struct weft *io;
	fesetround(FE_UPWARD);
	cr_assert_eq(weft_init(&io, NULL), 0);
	fesetround(FE_DOWNWARD);
	cr_assert_eq(rounding_of_a_new_fiber(io), FE_UPWARD);
	cr_assert_eq(fegetround(), FE_DOWNWARD);
	cr_assert_eq(weft_deinit(io), 0);
}
