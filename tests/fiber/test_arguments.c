/* test_arguments.c: a fiber gets a copy of its arguments, of any size and alignment. */
#include "weft.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>

#include "context/annotate.h"
#include "fiber/fiber.h"
#include "tests/on_valgrind.h"

enum { LARGEST = 1 << 20 };

static unsigned char original[LARGEST];

/* What a fiber is to find, and what it found. */
static struct expected {
	size_t size, alignment;
	const void *seen;
} expected;

static void look(struct weft *io, const void *context, void *result)
{
	(void)io;
	const unsigned char *bytes = context;
	expected.seen = context;
	*(int *)result = 1;
	for (size_t i = 0; i < expected.size; i++)
		if (bytes[i] != (unsigned char)(i * 7 + expected.size))
			*(int *)result = 0;
	if (expected.size > 0 && (uintptr_t)context % expected.alignment != 0)
		*(int *)result = 0;
}

/* The caller's own bytes change before the fiber runs. */
static void try_arguments(struct weft *io, size_t size, size_t alignment)
{
	struct weft_future future;
	int found = 0;
	expected = (struct expected){size, alignment, NULL};
	for (size_t i = 0; i < size; i++)
		original[i] = (unsigned char)(i * 7 + size);
	weft_async_aligned(io, &future, look, size ? original : NULL, size, alignment,
			   &found);
	memset(original, 0, size);
	weft_await(io, &future);
	cr_assert_eq(found, 1, "%zu bytes aligned to %zu", size, alignment);
}

static struct weft *begin(void)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, NULL), 0);
	return io;
}

Test(arguments, sizes)
{
	static const size_t sizes[] = {0,
				       1,
				       8,
				       100,
				       FIBER_ARGUMENTS - 1,
				       FIBER_ARGUMENTS,
				       FIBER_ARGUMENTS + 1,
				       4096,
				       65536,
				       LARGEST};
	struct weft *io = begin();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		try_arguments(io, sizes[i], _Alignof(max_align_t));
	cr_assert_eq(weft_deinit(io), 0);
}

Test(arguments, alignments)
{
	struct weft *io = begin();
	for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
		for (size_t size = 0; size <= 2 * FIBER_ARGUMENTS; size += 61)
			try_arguments(io, size, alignment);
	cr_assert_eq(weft_deinit(io), 0);
}

/* What fits lies in the slot: no allocation on the path that matters. */
Test(arguments, small_ones_lie_in_the_slot)
{
	struct weft *io = begin();
	try_arguments(io, FIBER_ARGUMENTS, 16);
	struct weft_future future;
	int found;
	weft_async(io, &future, look, original, 0, &found);
	const char *header = future.fiber;
	weft_await(io, &future);
	try_arguments(io, FIBER_ARGUMENTS, 16); /* the same slot again */
	cr_assert_eq((const char *)expected.seen, header - FIBER_ARGUMENTS);
	try_arguments(io, 1, 1);
	cr_assert_eq((const char *)expected.seen, header - 1);
	cr_assert_eq(weft_deinit(io), 0);
}

static void count(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(int *)result;
}

Test(arguments, too_large_to_copy)
{
	SKIP_ON_VALGRIND("it reports sizes that are too large");
	static const size_t sizes[] = {
		SIZE_MAX,
		SIZE_MAX - 8,
#if !defined(ANNOTATE_ASAN) &&                                                         \
	!defined(ANNOTATE_TSAN) /* their malloc ends the process */
		SIZE_MAX - 64,
		SIZE_MAX / 2,
#endif
	};
	struct weft *io = begin();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct weft_future future;
		int ran = 0;
		cr_assert_eq(
			weft_concurrent(io, &future, count, original, sizes[i], &ran),
			-EAGAIN);
		cr_assert_eq(ran, 0, "nothing ran");
		cr_assert(strstr(weft_shortage(io), "arguments"), "it says: %s",
			  weft_shortage(io));
		weft_async(io, &future, count, original, sizes[i], &ran);
		cr_assert_eq(ran, 1, "it ran inline");
		weft_await(io, &future);
	}
	try_arguments(io, 100, 16);
	cr_assert_eq(weft_deinit(io), 0, "no life was counted that never began");
}
