/* test_control_words.c: the floating-point control words belong to a context.
 *
 * x86_64 has two: mxcsr for SSE and the x87 control word. The calling convention
 * preserves their control bits over a call, and leaves mxcsr's low six bits, the status
 * flags, free. aarch64 has one, fpcr, and its status flags lie elsewhere. */
#include "context/context.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <stdlib.h>

#include "tests/on_valgrind.h"

enum { STACK_SIZE = 64 * 1024, SWITCHES = 1000 };

#if defined(__x86_64__)

enum {
	MXCSR_DEFAULT = 0x1f80,
	MXCSR_STATUS = 0x3f,
	MXCSR_FLUSH_TO_ZERO = 0x8000,
	MXCSR_DENORMALS_ARE_ZERO = 0x40,
	MXCSR_ROUND_UP = 0x4000,
	X87_DEFAULT = 0x37f,
	X87_ROUND_DOWN = 0x400,
	X87_DOUBLE_PRECISION = 0x27f,
};

struct words {
	uint32_t mxcsr;
	uint16_t x87;
};

static const struct words usual = {MXCSR_DEFAULT, X87_DEFAULT};
static const struct words upward = {MXCSR_DEFAULT | MXCSR_ROUND_UP, X87_DEFAULT};

static struct words words_in_force(void)
{
	struct words words;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(words.mxcsr), "=m"(words.x87));
	words.mxcsr &= ~(uint32_t)MXCSR_STATUS;
	return words;
}

static void set_words(struct words words)
{
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(words.mxcsr), "m"(words.x87));
}

static int words_differ(struct words expected)
{
	struct words found = words_in_force();
	return found.mxcsr != expected.mxcsr || found.x87 != expected.x87;
}

#elif defined(__aarch64__)

enum {
	FPCR_ROUND_UP = 1 << 22,
	FPCR_ROUND_DOWN = 2 << 22,
	FPCR_FLUSH_TO_ZERO = 1 << 24,
	FPCR_DEFAULT_NAN = 1 << 25,
};

struct words {
	uint64_t fpcr;
};

static const struct words usual = {0};
static const struct words upward = {FPCR_ROUND_UP};

static void set_words(struct words words)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(words.fpcr));
}

static int words_differ(struct words expected)
{
	uint64_t fpcr;
	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	return fpcr != expected.fpcr;
}

#endif

/* Two contexts, each with words of its own, switch back and forth and count surprises.
 */
struct pair {
	struct words words_here, words_there;
	int surprises_here, surprises_there;
};

static struct context here, there;

static void keep_words(struct words words, struct context *from, struct context *to,
		       int *surprises)
{
	set_words(words);
	for (int i = 0; i < SWITCHES; i++) {
		context_switch(from, to, NULL, NULL);
		*surprises += words_differ(words);
	}
}

static void keep_words_there(void *argument)
{
	struct pair *pair = argument;
	keep_words(pair->words_there, &there, &here, &pair->surprises_there);
	context_leave(&there, &here, NULL, NULL);
}

static void run_pair(struct pair *pair)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, keep_words_there, pair);
	keep_words(pair->words_here, &here, &there, &pair->surprises_here);
	context_switch(&here, &there, NULL,
		       NULL); /* its last switch came to us: let it end */
	set_words(usual);
	context_destroy(&there);
	free(stack);
}

static const struct {
	const char *name;
	struct words here, there;
} cases[] = {
#if defined(__x86_64__)
	{"only mxcsr differs",
	 {MXCSR_DEFAULT, X87_DEFAULT},
	 {MXCSR_DEFAULT | MXCSR_ROUND_UP, X87_DEFAULT}},
	{"only x87 differs",
	 {MXCSR_DEFAULT, X87_DEFAULT},
	 {MXCSR_DEFAULT, X87_DEFAULT | X87_ROUND_DOWN}},
	{"both differ",
	 {MXCSR_DEFAULT | MXCSR_ROUND_UP, X87_DOUBLE_PRECISION},
	 {MXCSR_DEFAULT, X87_DEFAULT | X87_ROUND_DOWN}},
	{"flush to zero against denormals are zero",
	 {MXCSR_DEFAULT | MXCSR_FLUSH_TO_ZERO, X87_DEFAULT},
	 {MXCSR_DEFAULT | MXCSR_DENORMALS_ARE_ZERO, X87_DEFAULT}},
	{"an exception unmasked",
	 {MXCSR_DEFAULT & ~0x100u, X87_DEFAULT & ~0x2u}, /* denormal operand */
	 {MXCSR_DEFAULT, X87_DEFAULT}},
	{"nothing differs", {MXCSR_DEFAULT, X87_DEFAULT}, {MXCSR_DEFAULT, X87_DEFAULT}},
#elif defined(__aarch64__)
	{"only one rounds", {0}, {FPCR_ROUND_UP}},
	{"both round", {FPCR_ROUND_DOWN}, {FPCR_ROUND_UP}},
	{"flush to zero against default NaN", {FPCR_FLUSH_TO_ZERO}, {FPCR_DEFAULT_NAN}},
	{"nothing differs", {0}, {0}},
#endif
};

Test(control_words, are_kept_per_context)
{
	SKIP_ON_VALGRIND("valgrind keeps no control words");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pair pair = {cases[i].here, cases[i].there, 0, 0};
		run_pair(&pair);
		cr_assert_eq(pair.surprises_here, 0, "%s: here", cases[i].name);
		cr_assert_eq(pair.surprises_there, 0, "%s: there", cases[i].name);
	}
}

/* The same, seen by a program: what it computes follows the mode of its own context. */

static volatile double one = 1, three = 3;
static volatile double third_up_there, third_down_there;

static void divide_upward(void *argument)
{
	(void)argument;
	fesetround(FE_UPWARD);
	context_switch(&there, &here, NULL, NULL);
	third_up_there = one / three;
	fesetround(FE_DOWNWARD);
	context_switch(&there, &here, NULL, NULL);
	third_down_there = one / three;
	context_leave(&there, &here, NULL, NULL);
}

Test(control_words, rounding_follows_the_context)
{
	SKIP_ON_VALGRIND("valgrind keeps no control words");
	void *stack = aligned_alloc(16, STACK_SIZE);
	double nearest = one / three;
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, divide_upward, NULL);
	for (int i = 0; i < 3; i++) {
		context_switch(&here, &there, NULL, NULL);
		cr_assert_eq(fegetround(), FE_TONEAREST);
		cr_assert_eq(one / three, nearest);
	}
	cr_assert_gt(third_up_there, third_down_there);
	context_destroy(&there);
	free(stack);
}

static void see_rounding(void *rounding)
{
	*(int *)rounding = fegetround();
	context_leave(&there, &here, NULL, NULL);
}

Test(control_words, a_fresh_context_starts_with_its_makers_words)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	int rounding = -1;
	context_adopt(&here);
	fesetround(FE_UPWARD);
	context_init(&there, stack, STACK_SIZE, see_rounding, &rounding);
	fesetround(FE_TOWARDZERO);
	context_switch(&here, &there, NULL, NULL);
	cr_assert_eq(fegetround(), FE_TOWARDZERO);
	fesetround(FE_TONEAREST);
	cr_assert_eq(rounding, FE_UPWARD);
	context_destroy(&there);
	free(stack);
}

/* Status flags may or may not cross, but raising them leaves the control bits alone. */

static void raise_flags_upward(void *argument)
{
	set_words(upward);
	for (int i = 0; i < SWITCHES; i++) {
		feraiseexcept(i % 2 ? FE_DIVBYZERO : FE_INEXACT);
		context_switch(&there, &here, NULL, NULL);
		*(int *)argument += words_differ(upward);
	}
	context_leave(&there, &here, NULL, NULL);
}

Test(control_words, status_flags_do_not_matter)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	int surprises_here = 0, surprises_there = 0;
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, raise_flags_upward, &surprises_there);
	for (int i = 0; i <= SWITCHES; i++) {
		feclearexcept(FE_ALL_EXCEPT);
		context_switch(&here, &there, NULL, NULL);
		surprises_here += words_differ(usual);
	}
	cr_assert_eq(surprises_here, 0);
	cr_assert_eq(surprises_there, 0);
	context_destroy(&there);
	free(stack);
}

/* after(arg) runs on the next stack: with the next context's words. */

static void store_rounding(void *rounding)
{
	*(int *)rounding = fegetround();
}

static void leave_upward(void *rounding)
{
	fesetround(FE_UPWARD);
	context_leave(&there, &here, store_rounding, rounding);
}

Test(control_words, the_after_switch_step_has_those_of_the_next_context)
{
	void *stack = aligned_alloc(16, STACK_SIZE);
	int rounding = -1;
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, leave_upward, &rounding);
	context_switch(&here, &there, NULL, NULL);
	cr_assert_eq(rounding, FE_TONEAREST);
	context_destroy(&there);
	free(stack);
}
