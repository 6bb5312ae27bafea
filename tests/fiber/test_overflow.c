/* test_overflow.c: when the handler of stack overflows is there, and that it goes again.
 * What it does is overflow.sh's business. */
#include "fiber/overflow.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <signal.h>

static void (*handler_of(int number))(int)
{
	struct sigaction action;
	cr_assert_eq(sigaction(number, NULL, &action), 0);
	return action.sa_handler;
}

static void own_handler(int number)
{
	(void)number;
}

static void reset(void)
{
	(void)signal(SIGSEGV, own_handler);
	(void)signal(SIGBUS, SIG_DFL);
}

#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)

Test(overflow, a_sanitizer_keeps_the_signals)
{
	static struct slab_pool pool;
	reset();
	cr_assert_eq(overflow_watch(&pool), -EOPNOTSUPP);
	cr_assert_eq(handler_of(SIGSEGV), own_handler);
}

Test(overflow, what_was_not_watched_may_be_forgotten)
{
	static struct slab_pool pool;
	reset();
	overflow_forget(&pool);
	cr_assert_eq(handler_of(SIGSEGV), own_handler);
}

#else

Test(overflow, handler_is_there_while_somebody_watches)
{
	static struct slab_pool one, other;
	reset();
	cr_assert_eq(overflow_watch(&one), 0);
	cr_assert_neq(handler_of(SIGSEGV), own_handler);
	cr_assert_neq(handler_of(SIGBUS), SIG_DFL);
	cr_assert_eq(overflow_watch(&other), 0);
	overflow_forget(&one);
	cr_assert_neq(handler_of(SIGSEGV), own_handler, "the other watches still");
	overflow_forget(&other);
	cr_assert_eq(handler_of(SIGSEGV), own_handler);
	cr_assert_eq(handler_of(SIGBUS), SIG_DFL);
}

/* The program put one over ours: it is not ours to take away. */
Test(overflow, leaves_a_later_handler_alone)
{
	static struct slab_pool pool;
	(void)signal(SIGSEGV, SIG_DFL);
	cr_assert_eq(overflow_watch(&pool), 0);
	(void)signal(SIGSEGV, own_handler);
	overflow_forget(&pool);
	cr_assert_eq(handler_of(SIGSEGV), own_handler);
}

Test(overflow, watches_so_many_pools)
{
	static struct slab_pool pools[OVERFLOW_POOLS_MAX + 1];
	reset();
	for (int i = 0; i < OVERFLOW_POOLS_MAX; i++)
		cr_assert_eq(overflow_watch(&pools[i]), 0);
	cr_assert_eq(overflow_watch(&pools[OVERFLOW_POOLS_MAX]), -EBUSY);
	overflow_forget(&pools[3]);
	cr_assert_eq(overflow_watch(&pools[OVERFLOW_POOLS_MAX]), 0);
	for (int i = 0; i <= OVERFLOW_POOLS_MAX; i++)
		if (i != 3)
			overflow_forget(&pools[i]);
	cr_assert_eq(handler_of(SIGSEGV), own_handler);
}

#endif
