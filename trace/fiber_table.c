#include "trace/fiber_table.h"

#include <stdlib.h>
#include <string.h>

void fiber_table_init(struct fiber_table *table, size_t element_size)
{
	*table = (struct fiber_table){.element_size = element_size};
}

void fiber_table_free(struct fiber_table *table)
{
	free(table->elements);
	free(table->fibers);
	free(table->slots);
	fiber_table_init(table, table->element_size);
}

/* Where the search for `fiber` begins. Numbers are often consecutive; the multiplication
 * spreads them over the slots. */
static uint32_t home_of(const struct fiber_table *table, uint32_t fiber)
{
	return (fiber * 2654435761u >> 7) & (table->slot_count - 1);
}

/* The slot that holds `fiber`, or the free one where it belongs. */
static uint32_t *find_slot(const struct fiber_table *table, uint32_t fiber)
{
	for (uint32_t at = home_of(table, fiber);; at++) {
		uint32_t *slot = &table->slots[at & (table->slot_count - 1)];
		if (*slot == 0 || table->fibers[*slot - 1] == fiber)
			return slot;
	}
}

static bool grow_elements(struct fiber_table *table, uint32_t room)
{
	void *elements = realloc(table->elements, room * table->element_size);
	if (!elements)
		return false;
	table->elements = elements;
	uint32_t *fibers = realloc(table->fibers, room * sizeof *fibers);
	if (!fibers)
		return false;
	table->fibers = fibers;
	return true;
}

/* Makes room for twice as many. On failure the table is as it was. */
static bool grow(struct fiber_table *table)
{
	uint32_t room = table->room ? 2 * table->room : 32;
	if (room >= UINT32_MAX / 4 || !grow_elements(table, room))
		return false;
	uint32_t *slots = calloc(2 * (size_t)room, sizeof *slots);
	if (!slots)
		return false;
	free(table->slots);
	table->slots = slots;
	table->slot_count = 2 * room;
	table->room = room;
	for (uint32_t i = 0; i < table->count; i++)
		*find_slot(table, table->fibers[i]) = i + 1;
	return true;
}

/* Takes the index of one that was removed, or a new one; FIBER_NONE without memory. */
static uint32_t take_index(struct fiber_table *table)
{
	if (table->free) {
		uint32_t index = table->free - 1;
		table->free = table->fibers[index];
		return index;
	}
	if (table->count == table->room && !grow(table))
		return FIBER_NONE;
	return table->count++;
}

static uint32_t add(struct fiber_table *table, uint32_t fiber)
{
	uint32_t index = take_index(table);
	if (index == FIBER_NONE)
		return FIBER_NONE;
	memset(fiber_table_at(table, index), 0, table->element_size);
	*find_slot(table, fiber) = index + 1;
	table->fibers[index] = fiber;
	table->alive++;
	return index;
}

/* Empties `slot`. What stands behind it and would no longer be found moves up: each
 * search must come from its home without passing an empty slot. */
static void close_gap(struct fiber_table *table, uint32_t slot)
{
	uint32_t mask = table->slot_count - 1;
	for (uint32_t at = (slot + 1) & mask; table->slots[at]; at = (at + 1) & mask) {
		uint32_t fiber = table->fibers[table->slots[at] - 1];
		if (((at - home_of(table, fiber)) & mask) < ((at - slot) & mask))
			continue;
		table->slots[slot] = table->slots[at];
		slot = at;
	}
	table->slots[slot] = 0;
}

void fiber_table_remove(struct fiber_table *table, uint32_t fiber)
{
	uint32_t *slot = find_slot(table, fiber);
	uint32_t index = *slot - 1;
	close_gap(table, (uint32_t)(slot - table->slots));
	table->fibers[index] = table->free;
	table->free = index + 1;
	table->alive--;
}

bool fiber_table_holds(const struct fiber_table *table, uint32_t index)
{
	return index < table->count &&
	       fiber_table_find(table, table->fibers[index]) == index;
}

uint32_t fiber_table_find(const struct fiber_table *table, uint32_t fiber)
{
	return table->room ? *find_slot(table, fiber) - 1 : FIBER_NONE;
}

uint32_t fiber_table_index(struct fiber_table *table, uint32_t fiber)
{
	uint32_t index = fiber_table_find(table, fiber);
	return index == FIBER_NONE ? add(table, fiber) : index;
}
