#include "trace/id_set.h"

#include <errno.h> /* for the names of the constants */
#include <stddef.h>
#include <stdlib.h>

#define LEAVES    1024u /* of a branch */
#define LEAF_BITS 4096u
#define WORD_BITS 64u

struct id_leaf {
	uint32_t count;
	uint64_t words[LEAF_BITS / WORD_BITS];
};

struct id_branch {
	uint32_t full; /* leaves */
	struct id_leaf *leaves[LEAVES];
};

/* Stand for what has every bit. */
static struct id_leaf full_leaf;
static struct id_branch full_branch;

static void free_branch(struct id_branch *branch)
{
	if (!branch || branch == &full_branch)
		return;
	for (uint32_t i = 0; i < LEAVES; i++)
		if (branch->leaves[i] != &full_leaf)
			free(branch->leaves[i]);
	free(branch);
}

void id_set_free(struct id_set *set)
{
	for (uint32_t i = 0; i < ID_SET_BRANCHES; i++)
		free_branch(set->branches[i]);
	*set = (struct id_set){.count = 0};
}

/* The places of a number: its branch, its leaf there, its bit in that. */
static struct id_branch **branch_of(struct id_set *set, uint32_t id)
{
	return &set->branches[id / LEAF_BITS / LEAVES];
}

static struct id_leaf **leaf_of(struct id_branch *branch, uint32_t id)
{
	return &branch->leaves[id / LEAF_BITS % LEAVES];
}

static bool has_bit(const struct id_leaf *leaf, uint32_t id)
{
	return leaf->words[id % LEAF_BITS / WORD_BITS] >> (id % WORD_BITS) & 1;
}

/* What is full is given back. */
static void fold(struct id_branch **branch, struct id_leaf **leaf)
{
	if ((*leaf)->count < LEAF_BITS)
		return;
	free(*leaf);
	*leaf = &full_leaf;
	if (++(*branch)->full < LEAVES)
		return;
	free(*branch);
	*branch = &full_branch;
}

int id_set_add(struct id_set *set, uint32_t id)
{
	struct id_branch **branch = branch_of(set, id);
	if (id_set_has(set, id))
		return 0;
	if (!*branch)
		*branch = calloc(1, sizeof **branch);
	if (!*branch)
		return -ENOMEM;
	struct id_leaf **leaf = leaf_of(*branch, id);
	if (!*leaf)
		*leaf = calloc(1, sizeof **leaf);
	if (!*leaf)
		return -ENOMEM;
	(*leaf)->words[id % LEAF_BITS / WORD_BITS] |= UINT64_C(1) << (id % WORD_BITS);
	(*leaf)->count++;
	set->count++;
	fold(branch, leaf);
	return 0;
}

bool id_set_has(const struct id_set *set, uint32_t id)
{
	struct id_branch *branch = set->branches[id / LEAF_BITS / LEAVES];
	if (!branch || branch == &full_branch)
		return branch != NULL;
	const struct id_leaf *leaf = *leaf_of(branch, id);
	if (!leaf || leaf == &full_leaf)
		return leaf != NULL;
	return has_bit(leaf, id);
}
