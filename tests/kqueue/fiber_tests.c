/* fiber_tests.c: slots and their guards, arguments, and overflows. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system.h"
#include "context/annotate.h"
#include "fiber/slab.h"
#include "tests/kqueue/harness.h"
#include "tests/kqueue/rounding.h"
#include "weft.h"

/* ---- slots ---- */

enum { FIBERS = SLAB_SLOTS + 10 };

static struct slab_pool pool;
static struct fiber *fibers[FIBERS], *warm_fibers[FIBERS];
static struct slab_warm warm = {.fibers = warm_fibers, .limit = FIBERS};

static void take_all(enum weft_guard guard, size_t count)
{
	slab_init(&pool, 16 * system_page_size(), guard);
	for (size_t i = 0; i < count; i++) {
		fibers[i] = slab_take(&pool, &warm);
		check(fibers[i] != NULL);
	}
}

static int compare(const void *a, const void *b)
{
	uintptr_t one = (uintptr_t) * (struct fiber *const *)a;
	uintptr_t other = (uintptr_t) * (struct fiber *const *)b;
	return (one > other) - (one < other);
}

static void slots_are_disjoint_and_writable(void)
{
	size_t page = system_page_size();
	take_all(WEFT_GUARD_DEFAULT, FIBERS);
	qsort(fibers, FIBERS, sizeof(struct fiber *), compare);
	for (size_t i = 0; i < FIBERS; i++) {
		check_equal((uintptr_t)fibers[i] % 64, 0);
		check_equal((uintptr_t)fibers[i]->stack_end % 16, 0);
		check_equal((uintptr_t)fibers[i]->stack % page, 0);
		check(fibers[i]->stack < fibers[i]->stack_end);
		check(i == 0 || (char *)(fibers[i - 1] + 1) <= fibers[i]->stack - page);
	}
	for (size_t i = 0; i < FIBERS; i += 100)
		memset(fibers[i]->stack, 1,
		       (size_t)(fibers[i]->stack_end - fibers[i]->stack));
	slab_destroy(&pool);
}

static void touch(void *address)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	*(volatile char *)address = 1;
	_exit(0);
}

static int touch_kills(char *address)
{
	char report[10];
	return harness_child(touch, address, report, sizeof report) != 0;
}

static void try_guards(enum weft_guard guard)
{
	size_t page = system_page_size();
	take_all(guard, 3);
	for (int i = 0; i < 3; i++) {
		check(touch_kills(fibers[i]->stack - 1));
		check(touch_kills(fibers[i]->stack - page));
		check(!touch_kills(fibers[i]->stack));
		check(slab_find_guard(&pool, fibers[i]->stack - 1) == fibers[i]);
		check(slab_find_guard(&pool, fibers[i]->stack) == NULL);
	}
	slab_destroy(&pool);
}

static void guards(void)
{
	try_guards(WEFT_GUARD_DEFAULT);
	warm.count = 0;
	try_guards(WEFT_GUARD_PROTECT);
}

static void slots_are_used_again(void)
{
	warm.limit = 2;
	take_all(WEFT_GUARD_DEFAULT, 4);
	for (int i = 0; i < 4; i++)
		slab_give(&pool, &warm, fibers[i]);
	check_equal(warm.count, 2);
	for (int i = 0; i < 4; i++)
		check(slab_take(&pool, &warm) != NULL);
	check_equal(pool.carved, 4);
	slab_destroy(&pool);
}

/* ---- arguments ---- */

enum { LARGEST = 1 << 18 };

static unsigned char original[LARGEST];

static struct {
	size_t size, alignment;
} expected;

static void look(struct weft *io, const void *context, void *result)
{
	const unsigned char *bytes = context;
	(void)io;
	*(int *)result = 1;
	for (size_t i = 0; i < expected.size; i++)
		if (bytes[i] != (unsigned char)(i * 7 + expected.size))
			*(int *)result = 0;
	if (expected.size > 0 && (uintptr_t)context % expected.alignment != 0)
		*(int *)result = 0;
}

static void try_arguments(struct weft *io, size_t size, size_t alignment)
{
	struct weft_future future;
	int found = -1;
	expected.size = size;
	expected.alignment = alignment;
	for (size_t i = 0; i < size; i++)
		original[i] = (unsigned char)(i * 7 + size);
	weft_async_aligned(io, &future, look, size ? original : NULL, size, alignment,
			   &found);
	memset(original, 0, size); /* the fiber has a copy */
	weft_await(io, &future);
	check_equal(found, 1);
}

static void arguments_of_all_sizes_and_alignments(void)
{
	struct weft *io;
	check_equal(weft_init(&io, NULL), 0);
	for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
		for (size_t size = 0; size <= 2 * FIBER_ARGUMENTS; size += 51)
			try_arguments(io, size, alignment);
	for (size_t size = 1; size <= LARGEST; size *= 2)
		try_arguments(io, size, _Alignof(max_align_t));
	try_arguments(io, FIBER_ARGUMENTS, 16);
	check_equal(weft_deinit(io), 0);
}

/* ---- a life begins with the control words of the runtime's start ---- */

static void change_rounding(struct weft *io, const void *context, void *result)
{
	*(int *)result = rounding_get();
	rounding_set(*(const int *)context);
	weft_yield(io);
	check_equal(rounding_get(), *(const int *)context);
}

static void control_words_of_a_life(void)
{
	struct weft *io;
	check_equal(weft_init(&io, NULL), 0);
	for (int mode = 0; mode < 4; mode++) {
		struct weft_future future;
		int at_first = -1;
		weft_async(io, &future, change_rounding, &mode, sizeof mode, &at_first);
		weft_await(io, &future);
		check_equal(at_first, ROUNDING_NEAREST);
		check_equal(rounding_get(), ROUNDING_NEAREST);
	}
	check_equal(weft_deinit(io), 0);
}

/* ---- overflows ---- */

__attribute__((noinline)) static int dig(int depth)
{
	volatile char room[512];
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = (char)depth;
	return depth < 0 ? 0 : dig(depth + 1) + room[0];
}

static void overflow(struct weft *io, const void *context, void *result)
{
	weft_name(io, "digger");
	for (int i = 0; i < *(const int *)context; i++)
		weft_yield(io);
	*(int *)result = dig(0);
}

/* workers, and how often the fiber yields before */
struct overflow_case {
	uint32_t workers;
	int yields;
	enum weft_guard guard;
};

static void run_overflow(void *argument)
{
	const struct overflow_case *given = argument;
	struct weft *io;
	struct weft_future digger;
	int answer = 0;
	check_equal(
		weft_init(&io, &(struct weft_options){.workers = given->workers,
						      .guard = given->guard,
						      .on_fatal = harness_take_report}),
		0);
	weft_async(io, &digger, overflow, &given->yields, sizeof given->yields,
		   &answer);
	weft_await(io, &digger);
}

static void overflows_are_reported(void)
{
	static struct overflow_case cases[] = {
		{1, 0, WEFT_GUARD_DEFAULT},
		{1, 50, WEFT_GUARD_DEFAULT},
		{2, 50, WEFT_GUARD_DEFAULT},
		{2, 0, WEFT_GUARD_PROTECT},
	};
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
	harness_skip("a sanitizer keeps these signals");
#endif
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char report[600];
		int status =
			harness_child(run_overflow, &cases[i], report, sizeof report);
		check(WIFSIGNALED(status));
		check(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
		check(strstr(report, "weft: stack overflow in fiber 2 (digger): ") ==
		      report);
		check(report[strlen(report) - 1] == '\n');
	}
}

static void access_nothing(struct weft *io, const void *context, void *result)
{
	volatile int *volatile nothing = NULL;
	(void)io, (void)context;
	*(int *)result = *nothing;
}

static void run_null_access(void *argument)
{
	struct weft *io;
	struct weft_future future;
	int answer = 0;
	(void)argument;
	check_equal(
		weft_init(&io, &(struct weft_options){.on_fatal = harness_take_report}),
		0);
	weft_async(io, &future, access_nothing, NULL, 0, &answer);
	weft_await(io, &future);
}

static void another_bad_access_is_no_overflow(void)
{
	char report[600];
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
	harness_skip("a sanitizer keeps these signals");
#endif
	int status = harness_child(run_null_access, NULL, report, sizeof report);
	check(WIFSIGNALED(status));
	check(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
	check(strcmp(report, "") == 0);
}

const struct test fiber_tests[] = {
	{"fiber: slots are disjoint and writable", slots_are_disjoint_and_writable, 0},
	{"fiber: guards", guards, 0},
	{"fiber: slots are used again", slots_are_used_again, 0},
	{"fiber: arguments of all sizes and alignments",
	 arguments_of_all_sizes_and_alignments, 0},
	{"fiber: control words of a life", control_words_of_a_life, 0},
	{"fiber: overflows are reported", overflows_are_reported, 0},
	{"fiber: another bad access is no overflow", another_bad_access_is_no_overflow,
	 0},
	{NULL, NULL, 0},
};
