/* test_id_set.c: a set of numbers, and the table of fibers that others leave. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>

#include "trace/fiber_table.h"
#include "trace/id_set.h"

/* Numbers that differ from run to run would make a failure hard to find again. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

Test(id_set, has_what_was_added)
{
	struct id_set set = {.count = 0};
	static const uint32_t ids[] = {0,           1,           63,         64,
				       4095,        4096,        4194303,    4194304,
				       2147483648u, 4294901760u, 4294967295u};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		cr_assert_not(id_set_has(&set, ids[i]), "%u", (unsigned)ids[i]);
		cr_assert_eq(id_set_add(&set, ids[i]), 0);
		cr_assert_eq(id_set_add(&set, ids[i]), 0); /* again */
		cr_assert(id_set_has(&set, ids[i]), "%u", (unsigned)ids[i]);
		cr_assert_eq(set.count, i + 1);
	}
	cr_assert_not(id_set_has(&set, 2));
	cr_assert_not(id_set_has(&set, 4097));
	id_set_free(&set);
	cr_assert_not(id_set_has(&set, 1));
}

Test(id_set, agrees_with_an_array)
{
	enum { RANGE = 20000 };
	static bool model[RANGE];
	struct id_set set = {.count = 0};
	uint32_t random = 7;
	for (int i = 0; i < 3 * RANGE; i++) {
		uint32_t id = next_random(&random) % RANGE;
		cr_assert_eq(id_set_add(&set, id), 0);
		model[id] = true;
	}
	for (uint32_t id = 0; id < RANGE; id++)
		cr_assert_eq(id_set_has(&set, id), model[id], "%u", (unsigned)id);
	id_set_free(&set);
}

Test(id_set, folds_what_is_full)
{
	enum { IDS = 10 * 4194304, GAP = 5 * 4194304 + 77 };
	struct id_set set = {.count = 0};
	size_t before = mallinfo2().uordblks;
	for (uint32_t id = 0; id < IDS; id++)
		if (id != GAP)
			cr_assert_eq(id_set_add(&set, id), 0);
	cr_assert_lt(mallinfo2().uordblks - before, 32768);
	cr_assert_not(id_set_has(&set, GAP));
	cr_assert(id_set_has(&set, GAP - 1));
	cr_assert(id_set_has(&set, 0));
	cr_assert_not(id_set_has(&set, IDS));
	cr_assert_eq(id_set_add(&set, GAP), 0);
	cr_assert_eq(id_set_add(&set, 3), 0);
	cr_assert_eq(set.count, IDS);
	id_set_free(&set);
}

/* ---- fiber_table ---- */

Test(fiber_table, forgets_what_is_removed)
{
	enum { RANGE = 300, ROUNDS = 200000 };
	static uint32_t model[RANGE]; /* 0: not there */
	struct fiber_table table;
	uint32_t random = 1, alive = 0;
	fiber_table_init(&table, sizeof(uint32_t));
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint32_t at = next_random(&random) % RANGE;
		uint32_t fiber = at % 3 == 0 ? at * 65536 + 1 : at + 7;
		uint32_t index = fiber_table_find(&table, fiber);
		cr_assert_eq(index != FIBER_NONE, model[at] != 0);
		if (index != FIBER_NONE) {
			uint32_t *element = fiber_table_at(&table, index);
			cr_assert_eq(*element, model[at]);
			cr_assert(fiber_table_holds(&table, index));
			fiber_table_remove(&table, fiber);
			model[at] = 0;
			alive--;
		} else if (next_random(&random) % 3 == 0) {
			index = fiber_table_index(&table, fiber);
			uint32_t *element = fiber_table_at(&table, index);
			cr_assert_eq(*element, 0); /* zeroed, also at its second life */
			*element = model[at] = round;
			alive++;
		}
		cr_assert_eq(table.alive, alive);
	}
	cr_assert_leq(table.count, RANGE);
	uint32_t held = 0;
	for (uint32_t i = 0; i < table.count; i++)
		held += fiber_table_holds(&table, i);
	cr_assert_eq(held, alive);
	fiber_table_free(&table);
}

Test(fiber_table, takes_the_room_of_those_that_left)
{
	struct fiber_table table;
	fiber_table_init(&table, 64);
	for (uint32_t fiber = 1; fiber < 1000000; fiber++) {
		cr_assert_neq(fiber_table_index(&table, fiber), FIBER_NONE);
		if (fiber > 10)
			fiber_table_remove(&table, fiber - 10);
	}
	cr_assert_leq(table.room, 32);
	fiber_table_free(&table);
}
