/* id_set.h: a set of 32-bit numbers that are taken one after another, such as those of the
 * fibers that have ended.
 *
 * Concepts. Numbers share a leaf of 4,096 bits. A leaf that is full is given back, and so
 * is a branch of 1,024 full leaves: a set of all numbers from 1 to 10^9, but for the few
 * that are still alive, takes a few leaves and no more. A number costs at most its bit
 * while its leaf fills up, and 512 bytes where it is alone in its leaf.
 *
 * Rejected: a sorted array of ranges. Fibers end in any order, so each end would move
 * what stands behind it. */
#ifndef WEFT_TRACE_ID_SET_H
#define WEFT_TRACE_ID_SET_H

#include <stdbool.h>
#include <stdint.h>

#define ID_SET_BRANCHES 1024u

struct id_branch;

struct id_set {
	struct id_branch *branches[ID_SET_BRANCHES]; /* NULL: none of its numbers */
	uint64_t count;
};

/* An id_set of zeros is empty. */
void id_set_free(struct id_set *set);

/* Adds a number, which may be there already. Returns 0, or -ENOMEM and the set as it was. */
int id_set_add(struct id_set *set, uint32_t id);

bool id_set_has(const struct id_set *set, uint32_t id);

#endif
