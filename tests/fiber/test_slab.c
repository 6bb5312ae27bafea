/* test_slab.c: the layout of slots, their guards, and how many of them stay warm. */
#include "fiber/slab.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/system.h"
#include "tests/fiber/refuse.h"
#include "tests/on_valgrind.h"

enum { SLOT_SIZE = 64 * 1024, FIBERS = SLAB_SLOTS + 10 };

static struct slab_pool pool;
static struct fiber *fibers[FIBERS], *warm_fibers[FIBERS];
static struct slab_warm warm = {.fibers = warm_fibers, .limit = FIBERS};

static void take_all(enum weft_guard guard, size_t count)
{
	slab_init(&pool, SLOT_SIZE, guard);
	for (size_t i = 0; i < count; i++) {
		fibers[i] = slab_take(&pool, &warm);
		cr_assert_not_null(fibers[i], "%s", pool.shortage);
	}
}

static char *guard_of(const struct fiber *fiber)
{
	return fiber->stack - system_page_size();
}

static bool is_resident(const void *address)
{
	unsigned char answer = 0;
	uintptr_t page = (uintptr_t)address & ~(uintptr_t)(system_page_size() - 1);
	cr_assert_eq(mincore((void *)page, 1, &answer), 0);
	return answer & 1;
}

Test(slab, layout_of_a_slot)
{
	take_all(WEFT_GUARD_DEFAULT, 1);
	const struct fiber *fiber = fibers[0];
	size_t page = system_page_size();
	cr_assert_eq((uintptr_t)fiber % 64, 0);
	cr_assert_eq((uintptr_t)fiber->stack % page, 0);
	cr_assert_eq((uintptr_t)fiber->stack_end % 16, 0);
	cr_assert_eq((char *)fiber - fiber->stack_end, FIBER_ARGUMENTS,
		     "the arguments lie between the stack and the header");
	cr_assert_lt(fiber->stack, fiber->stack_end);
	const char *slot = guard_of(fiber), *end = slot + SLOT_SIZE;
	cr_assert_eq((uintptr_t)slot % page, 0);
	cr_assert_leq((const char *)(fiber + 1), end, "the header ends in its slot");
	cr_assert_gt((const char *)(fiber + 1), end - 64, "nothing is wasted above it");
	slab_destroy(&pool);
}

/* Of more than one slab. */
Test(slab, slots_are_disjoint)
{
	take_all(WEFT_GUARD_DEFAULT, FIBERS);
	for (size_t i = 0; i < FIBERS; i++)
		for (size_t j = 0; j < i; j++) {
			const char *a = guard_of(fibers[i]), *b = guard_of(fibers[j]);
			cr_assert(a + SLOT_SIZE <= b || b + SLOT_SIZE <= a,
				  "slots %zu and %zu overlap", i, j);
		}
	cr_assert_eq(load_relaxed(&pool.slabs), 2);
	slab_destroy(&pool);
}

Test(slab, the_whole_stack_can_be_written)
{
	take_all(WEFT_GUARD_DEFAULT, 3);
	for (int i = 0; i < 3; i++)
		memset(fibers[i]->stack, 0x5A, SLOT_SIZE / 2);
	slab_destroy(&pool);
}

static void touch(char *address)
{
	*(volatile char *)address = 1;
}

LEFT_OUT_ON_VALGRIND(slab, top_of_a_guard, "a bad access on purpose");
Test(slab, top_of_a_guard, .signal = SIGSEGV)
{
	take_all(WEFT_GUARD_DEFAULT, 2);
	touch(fibers[1]->stack - 1);
}

LEFT_OUT_ON_VALGRIND(slab, bottom_of_a_guard, "a bad access on purpose");
Test(slab, bottom_of_a_guard, .signal = SIGSEGV)
{
	take_all(WEFT_GUARD_DEFAULT, 2);
	touch(guard_of(fibers[1]));
}

LEFT_OUT_ON_VALGRIND(slab, protected_guard, "a bad access on purpose");
Test(slab, protected_guard, .signal = SIGSEGV)
{
	take_all(WEFT_GUARD_PROTECT, 2);
	cr_assert_eq(pool.guard, WEFT_GUARD_PROTECT);
	touch(fibers[1]->stack - 1);
}

Test(slab, falls_back_to_protection, .signal = SIGSEGV)
{
	if (RUNNING_ON_VALGRIND || refuse_cheap_guards(EINVAL) < 0)
		raise(SIGSEGV); /* nothing to see here */
	take_all(WEFT_GUARD_DEFAULT, 2);
	if (pool.guard != WEFT_GUARD_PROTECT)
		_exit(1);
	touch(fibers[1]->stack - 1);
}

Test(slab, without_guards_a_slot_begins_with_its_stack)
{
	take_all(WEFT_GUARD_NONE, 2);
	touch(fibers[0]->stack);
	touch(fibers[1]->stack);
	cr_assert_eq(fibers[1]->stack - fibers[0]->stack, SLOT_SIZE);
	cr_assert_null(slab_find_guard(&pool, fibers[0]->stack), "it has no guard");
	slab_destroy(&pool);
}

Test(slab, finds_the_fiber_of_a_guard)
{
	take_all(WEFT_GUARD_DEFAULT, FIBERS);
	for (size_t i = 0; i < FIBERS; i += 9) {
		const char *guard = guard_of(fibers[i]), *end = fibers[i]->stack;
		cr_assert_eq(slab_find_guard(&pool, guard), fibers[i]);
		cr_assert_eq(slab_find_guard(&pool, end - 1), fibers[i]);
		cr_assert_null(slab_find_guard(&pool, end), "the stack is no guard");
		cr_assert_null(slab_find_guard(&pool, fibers[i]));
	}
	slab_destroy(&pool);
}

Test(slab, finds_nothing_where_no_fiber_ever_was)
{
	int here;
	take_all(WEFT_GUARD_DEFAULT, 2);
	cr_assert_null(slab_find_guard(&pool, NULL));
	cr_assert_null(slab_find_guard(&pool, &here));
	cr_assert_null(slab_find_guard(&pool, guard_of(fibers[1]) + SLOT_SIZE),
		       "a slot that was not carved");
	cr_assert_null(slab_find_guard(&pool, pool.slab[0] + SLAB_SLOTS * SLOT_SIZE));
	cr_assert_null(slab_find_guard(&pool, pool.slab[0] - 1));
	slab_destroy(&pool);
}

/* What was given back last is the likeliest to be in the cache. */
Test(slab, warm_slots_come_back_newest_first)
{
	take_all(WEFT_GUARD_DEFAULT, 3);
	for (int i = 0; i < 3; i++)
		slab_give(&pool, &warm, fibers[i]);
	for (int i = 2; i >= 0; i--)
		cr_assert_eq(slab_take(&pool, &warm), fibers[i]);
	slab_destroy(&pool);
}

/* Deep enough that pages below the header's are in use. */
static void dirty(struct fiber *fiber)
{
	memset(fiber->stack, 0x5A, (size_t)(fiber->stack_end - fiber->stack));
}

Test(slab, only_so_many_stay_warm)
{
	SKIP_ON_VALGRIND("it keeps its own pages");
	enum { OWN = 4, KEPT = OWN + SLAB_SHARED_WARM, GIVEN = KEPT + 6 };
	warm.limit = OWN;
	take_all(WEFT_GUARD_DEFAULT, GIVEN);
	for (int i = 0; i < GIVEN; i++) {
		dirty(fibers[i]);
		slab_give(&pool, &warm, fibers[i]);
	}
	cr_assert_eq(warm.count, OWN);
	for (int i = 0; i < GIVEN; i++) {
		cr_assert_eq(is_resident(fibers[i]->stack), i < KEPT, "slot %d", i);
		cr_assert(is_resident(fibers[i]), "a header's page stays");
	}
	for (int i = 0; i < GIVEN;
	     i++) /* warm and cold ones are used again, no new one */
		cr_assert_not_null(slab_take(&pool, &warm));
	cr_assert_eq(pool.carved, GIVEN);
	slab_destroy(&pool);
}

/* So a late look at a header that has no fiber any more finds what it had. */
Test(slab, a_cold_header_keeps_its_fields)
{
	warm.limit = 0;
	take_all(WEFT_GUARD_DEFAULT, 2);
	life_begin(&fibers[0]->life, 7);
	slab_give(&pool, &warm, fibers[0]);
	cr_assert_eq(fiber_id(fibers[0]), 7);
	cr_assert_eq(slab_take(&pool, &warm), fibers[0]);
	slab_destroy(&pool);
}

/* ---- shortages ---- */

LEFT_OUT_ON_VALGRIND(slab, no_mapping_for_a_guard, "refuses valgrind too");
Test(slab, no_mapping_for_a_guard, .exit_code = REFUSED, .disabled = ON_EMULATOR)
{
	take_all(WEFT_GUARD_PROTECT, 2);
	cr_assert_eq(refuse_page_protection(ENOMEM), 0);
	cr_assert_null(slab_take(&pool, &warm));
	cr_assert(strstr(pool.shortage, "vm.max_map_count"), "%s", pool.shortage);
	slab_give(&pool, &warm, fibers[1]);
	cr_assert_eq(slab_take(&pool, &warm), fibers[1],
		     "what there was is still there");
	slab_destroy(&pool);
	_exit(REFUSED);
}

LEFT_OUT_ON_VALGRIND(slab, neither_kind_of_guard, "refuses valgrind too");
Test(slab, neither_kind_of_guard, .exit_code = REFUSED, .disabled = ON_EMULATOR)
{
	cr_assert_eq(refuse_cheap_guards(EINVAL), 0);
	cr_assert_eq(refuse_page_protection(ENOMEM), 0);
	slab_init(&pool, SLOT_SIZE, WEFT_GUARD_DEFAULT);
	cr_assert_null(slab_take(&pool, &warm));
	cr_assert(strstr(pool.shortage, "vm.max_map_count"), "%s", pool.shortage);
	slab_destroy(&pool);
	_exit(REFUSED);
}

Test(slab, no_address_space)
{
	SKIP_ON_VALGRIND("its own system calls would be refused too");
	SKIP_ON_EMULATOR("it has no seccomp");
	take_all(WEFT_GUARD_DEFAULT, SLAB_SLOTS);
	cr_assert_eq(refuse_slabs(ENOMEM), 0);
	cr_assert_null(slab_take(&pool, &warm));
	cr_assert(strstr(pool.shortage, "address space"), "%s", pool.shortage);
	slab_destroy(&pool);
}
