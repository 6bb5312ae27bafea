/* fiber_table.h: what a tool knows of each fiber, or of each object, found by its number.
 *
 * Concepts. An element is the caller's struct, zeroed when its fiber is first met. It
 * has an index, which stays until the fiber is removed; its address does not stay, since
 * the table grows. Memory is bounded by the largest number of fibers that were in the
 * table at once. */
#ifndef WEFT_TRACE_FIBER_TABLE_H
#define WEFT_TRACE_FIBER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fiber_table {
	size_t element_size;
	unsigned char *elements;
	uint32_t *fibers; /* the number of each element's fiber */
	uint32_t count;   /* elements ever used at once: indexes are below it */
	uint32_t alive;   /* of those, the ones that hold a fiber */
	uint32_t free;    /* 1 + the index of a free element, whose number of a fiber
				is the next one's in turn; 0: none */
	uint32_t room;
	uint32_t *slots;     /* open addressing: 1 + an index, or 0 */
	uint32_t slot_count; /* a power of two, at least twice `room` */
};

#define FIBER_NONE UINT32_MAX

/* Starts an empty table of elements of `element_size` bytes; nothing is allocated yet.
 */
void fiber_table_init(struct fiber_table *table, size_t element_size);
void fiber_table_free(struct fiber_table *table);

/* The index of `fiber`, or FIBER_NONE when it was never added. */
uint32_t fiber_table_find(const struct fiber_table *table, uint32_t fiber);

/* The index of `fiber`, which is added if it is new; FIBER_NONE when memory has run
 * out. */
uint32_t fiber_table_index(struct fiber_table *table, uint32_t fiber);

/* Forgets `fiber`, which must be there. Its index goes to the next one that is added. */
void fiber_table_remove(struct fiber_table *table, uint32_t fiber);

/* Whether the element with that index holds a fiber; where none was ever removed, all
 * below `count` do. */
bool fiber_table_holds(const struct fiber_table *table, uint32_t index);

/* The element with that index, until a fiber is added. */
static inline void *fiber_table_at(const struct fiber_table *table, uint32_t index)
{
	return table->elements + index * table->element_size;
}

#endif
