/* fiber_table.h: what a tool knows of each fiber, found by the fiber's number.
 *
 * Concepts. An element is the caller's struct, zeroed when its fiber is first met. It
 * has an index, which stays; its address does not, since the table grows. Memory is
 * bounded by the number of fibers. */
#ifndef WEFT_TRACE_FIBER_TABLE_H
#define WEFT_TRACE_FIBER_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct fiber_table {
	size_t element_size;
	unsigned char *elements;
	uint32_t *fibers; /* the number of each element's fiber */
	uint32_t count, room;
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

/* The element with that index, until a fiber is added. */
void *fiber_table_at(const struct fiber_table *table, uint32_t index);

#endif
