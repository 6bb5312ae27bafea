/* test_error.c: every error has a text. */
#include "weft.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <limits.h>
#include <string.h>

Test(error, texts)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{0, "success"},
		{-ENOENT, "no such file or directory"},
		{-EPIPE, "the other end is closed"},
		{-ECANCELED, "canceled"},
		{-ETIMEDOUT, "the other end did not answer in time"},
		{-WEFT_EDEADLINE, "the deadline passed"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_assert_str_eq(weft_strerror(cases[i].error), cases[i].text);
}

Test(error, a_passed_deadline_is_no_errno_value)
{
	for (int error = 1; error < 4096; error++) /* Linux keeps errno values below */
		cr_assert_neq(WEFT_EDEADLINE, error);
	cr_assert_str_neq(weft_strerror(-WEFT_EDEADLINE), weft_strerror(-ETIMEDOUT));
}

Test(error, each_that_the_header_names_has_a_text)
{
	static const int named[] = {EAGAIN,  EBADF,  EBUSY,         ECANCELED,
				    EDEADLK, EINVAL, EIO,           EMFILE,
				    ENFILE,  ENOMEM, ENOSPC,        EOWNERDEAD,
				    EPERM,   EPIPE,  WEFT_EDEADLINE};
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
		cr_assert_null(strstr(weft_strerror(-named[i]), "errno(3)"), "%d",
			       named[i]);
}

Test(error, an_unknown_one_says_where_to_look)
{
	cr_assert(strstr(weft_strerror(-4095), "errno(3)"));
	cr_assert(strstr(weft_strerror(-WEFT_EDEADLINE - 1), "errno(3)"));
}

Test(error, a_positive_value_is_not_an_error)
{
	cr_assert(strstr(weft_strerror(ENOENT), "not an error"));
	cr_assert(strstr(weft_strerror(WEFT_EDEADLINE), "not an error"));
}

Test(error, the_text_is_never_null_nor_empty)
{
	for (int error = -WEFT_EDEADLINE - 2; error <= WEFT_EDEADLINE + 2; error++)
		cr_assert(weft_strerror(error) && weft_strerror(error)[0]);
	cr_assert(weft_strerror(INT_MAX) && weft_strerror(INT_MIN + 1));
	cr_assert(weft_strerror(INT_MIN)[0],
		  "the one that has no positive counterpart");
}
