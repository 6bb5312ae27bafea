/* test_inline.c: what happens when no fiber can be had. */
#include "weft.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/system.h"
#include "context/annotate.h"
#include "tests/fiber/refuse.h"
#include "tests/on_valgrind.h"

/* Many fibers add to one sum, and nothing orders them but the one worker they run on. */
static void add(struct weft *io, const void *context, void *result)
{
	(void)io;
	*(_Atomic int *)result += *(const int *)context;
}

static struct weft *begin(enum weft_guard guard)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.guard = guard}), 0);
	return io;
}

/* Until every slot that the runtime has is a fiber's. Returns how many it began. */
static int begin_until_short(struct weft *io, struct weft_future *futures, int most,
			     _Atomic int *sum)
{
	static const int one = 1;
	for (int count = 0; count < most; count++) {
		int error = weft_concurrent(io, &futures[count], add, &one, sizeof one,
					    sum);
		if (error) {
			cr_assert_eq(error, -EAGAIN);
			return count;
		}
	}
	cr_assert_fail("%d fibers, and no end", most);
	return most;
}

static void assert_runs_inline(struct weft *io)
{
	struct weft_future future;
	_Atomic int before = 5;
	int three = 3;
	weft_async(io, &future, add, &three, sizeof three, &before);
	cr_assert_eq(before, 8, "it has run already");
	weft_await(io, &future);
	weft_await(io, &future);
	cr_assert_eq(before, 8, "once");
}

static void assert_usable(struct weft *io)
{
	struct weft_future future;
	_Atomic int sum = 0;
	int two = 2;
	cr_assert_eq(weft_concurrent(io, &future, add, &two, sizeof two, &sum), 0);
	weft_await(io, &future);
	cr_assert_eq(sum, 2);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- shortages that the kernel is made to answer ---- */

LEFT_OUT_ON_VALGRIND(inline, no_mapping_for_a_guard, "refuses valgrind too");
Test(inline, no_mapping_for_a_guard, .exit_code = REFUSED, .disabled = ON_EMULATOR)
{
	enum { MOST = 100 };
	static struct weft_future futures[MOST];
	struct weft *io = begin(WEFT_GUARD_PROTECT);
	cr_assert_str_eq(weft_shortage(io), "");
	cr_assert_eq(refuse_page_protection(ENOMEM), 0);
	_Atomic int sum = 0;
	int count = begin_until_short(io, futures, MOST, &sum);
	cr_assert(strstr(weft_shortage(io), "vm.max_map_count"), "%s",
		  weft_shortage(io));
	assert_runs_inline(io);
	for (int i = 0; i < count; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(sum, count);
	cr_assert_eq(weft_deinit(io), 0);
	_exit(REFUSED);
}

Test(inline, no_address_space)
{
	SKIP_ON_VALGRIND("its own system calls would be refused too");
	SKIP_ON_EMULATOR("it has no seccomp");
	enum { MOST = 5000 };
	static struct weft_future futures[MOST];
	struct weft *io = begin(WEFT_GUARD_DEFAULT);
	cr_assert_eq(refuse_slabs(ENOMEM), 0);
	_Atomic int sum = 0;
	int count = begin_until_short(io, futures, MOST, &sum);
	cr_assert_gt(count, 1000, "what was reserved is used up first");
	cr_assert(strstr(weft_shortage(io), "address space"), "%s", weft_shortage(io));
	assert_runs_inline(io);
	for (int i = 0; i < count; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(sum, count);
	assert_usable(io);
}

#if defined(ANNOTATE_TSAN)
/* TSan maps memory for each fiber, and dies when it cannot: there the kernel is made to refuse
 * before the limit is reached. */
static void *use_up_mappings(size_t *size)
{
	*size = system_page_size();
	cr_assert_eq(refuse_page_protection(ENOMEM), 0);
	return mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
#else
/* Splits a mapping until the kernel allows no more, then gives a few back: ASan needs some of
 * its own. */
static void *use_up_mappings(size_t *size)
{
	size_t page = system_page_size();
	*size = (size_t)3000000 * page;
	char *space = mmap(NULL, *size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(space, MAP_FAILED);
	for (size_t at = 0; at < *size; at += 2 * page)
		if (mprotect(space + at, page, PROT_READ) < 0) {
			cr_assert_eq(mprotect(space, 400 * page, PROT_NONE), 0);
			return space;
		}
	munmap(space, *size);
	return NULL;
}
#endif

LEFT_OUT_ON_VALGRIND(inline, limit_of_mappings, "it needs mappings of its own");
Test(inline, limit_of_mappings, .exit_code = REFUSED)
{
	enum { MOST = 2000 };
	static struct weft_future futures[MOST];
	struct weft *io = begin(WEFT_GUARD_PROTECT);
	size_t size;
	char *space = use_up_mappings(&size);
	if (!space)
		_exit(REFUSED); /* vm.max_map_count is above a million here */
	_Atomic int sum = 0;
	int count = begin_until_short(io, futures, MOST, &sum);
	munmap(space, size);
	cr_assert(strstr(weft_shortage(io), "vm.max_map_count"), "%s",
		  weft_shortage(io));
	for (int i = 0; i < count; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(sum, count);
	cr_assert_eq(weft_deinit(io), 0);
	_exit(REFUSED);
}

/* ---- what an inline function may do ---- */

static void fork_and_yield(struct weft *io, const void *context, void *result)
{
	struct weft_future future;
	int one = 1;
	(void)context;
	weft_yield(io);
	weft_async(io, &future, add, &one, sizeof one, result);
	weft_yield(io);
	weft_await(io, &future);
}

Test(inline, may_suspend_and_fork)
{
	struct weft *io = begin(WEFT_GUARD_DEFAULT);
	struct weft_future other, future;
	_Atomic int sum = 0;
	int one = 1;
	SKIP_ON_VALGRIND("its own system calls would be refused too");
	SKIP_ON_EMULATOR("it has no seccomp");
	weft_async(io, &other, add, &one, sizeof one, &sum);
	cr_assert_eq(refuse_slabs(ENOMEM), 0);
	static struct weft_future futures[5000];
	int count = begin_until_short(io, futures, 5000, &sum);
	weft_async(io, &future, fork_and_yield, NULL, 0, &sum);
	cr_assert_gt(sum, 1,
		     "others ran while it yielded, and not only what it forked");
	weft_await(io, &future);
	weft_await(io, &other);
	for (int i = 0; i < count; i++)
		weft_await(io, &futures[i]);
	cr_assert_eq(sum, count + 2);
	assert_usable(io);
}
