#include "fiber/slab.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>

#include "base/system.h"

void slab_init(struct slab_pool *pool, size_t slot_size, enum weft_guard guard)
{
	memset(pool, 0, sizeof *pool);
	pool->page = system_page_size();
	pool->slot_size = slot_size;
	pool->guard = guard;
	pool->carved = SLAB_SLOTS; /* of no slab: the first take maps one */
	pool->shortage = "";
	pool->layout.slots = SLAB_SLOTS;
	pool->layout.colours = SLAB_COLOURS;
	pool->layout.colour_step = SLAB_COLOUR_STEP;
}

int slab_warm_init(struct slab_warm *warm, uint32_t limit)
{
	const uint32_t all = (uint32_t)SLABS_MAX * SLAB_SLOTS;
	warm->count = 0;
	warm->limit = limit < all ? limit : all;
	/* One more, so that room for none is not NULL. */
	warm->fibers = calloc((size_t)warm->limit + 1, sizeof(struct fiber *));
	return warm->fibers ? 0 : -ENOMEM;
}

void slab_warm_destroy(struct slab_warm *warm)
{
	free(warm->fibers);
}

static char *slot_at(const struct slab_pool *pool, char *slab, size_t index)
{
	return slab + index * pool->slot_size;
}

static struct fiber *fiber_at(const struct slab_pool *pool, char *slab, size_t index)
{
	uintptr_t end = (uintptr_t)slot_at(pool, slab, index + 1) -
			index % SLAB_COLOURS * SLAB_COLOUR_STEP;
	return (struct fiber *)((end - sizeof(struct fiber)) & ~(uintptr_t)63);
}

static void destroy_contexts(struct slab_pool *pool, char *slab, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++)
		context_destroy(&fiber_at(pool, slab, i)->context);
}

void slab_destroy(struct slab_pool *pool)
{
	uint32_t slabs = load_relaxed(&pool->slabs); /* nobody else is left */
	for (uint32_t i = 0; i < slabs; i++) {
		destroy_contexts(pool, pool->slab[i],
				 i + 1 == slabs ? pool->carved : SLAB_SLOTS);
		(void)system_unmap(pool->slab[i], SLAB_SLOTS * pool->slot_size);
	}
}

/* Under the lock. */
static bool add_slab(struct slab_pool *pool)
{
	void *slab;
	uint32_t slabs = load_relaxed(&pool->slabs); /* written under the lock */
	if (slabs == SLABS_MAX) {
		pool->shortage = "the runtime has as many fibers as it can number; "
				 "let some finish first";
		return false;
	}
	if (system_map_anonymous(SLAB_SLOTS * pool->slot_size, &slab) < 0) {
		pool->shortage =
			"no address space or memory for more stacks; allow more "
			"(ulimit -v, vm.overcommit_memory) or make stacks smaller";
		return false;
	}
	pool->slab[slabs] = slab;
	pool->carved = 0;
	/* Release: the handler that sees the count sees the slab's address.
	 * Pairs with: slab_find_guard. */
	store_release(&pool->slabs, slabs + 1);
	return true;
}

/* Under the lock. */
static bool guard_slot(struct slab_pool *pool, char *slot)
{
	if (pool->guard == WEFT_GUARD_DEFAULT && system_guard(slot, pool->page) < 0)
		pool->guard = WEFT_GUARD_PROTECT; /* an older kernel: for good */
	if (pool->guard != WEFT_GUARD_PROTECT)
		return true;
	if (system_protect_none(slot, pool->page) == 0)
		return true;
	pool->shortage =
		"no mapping for another stack's guard; raise the limit (sysctl "
		"vm.max_map_count), or do without guards (WEFT_GUARD_NONE)";
	return false;
}

/* Under the lock: a slot that was never used. */
static struct fiber *carve(struct slab_pool *pool)
{
	if (pool->carved == SLAB_SLOTS && !add_slab(pool))
		return NULL;
	char *slab =
		pool->slab[load_relaxed(&pool->slabs) - 1]; /* written under the lock */
	char *slot = slot_at(pool, slab, pool->carved);
	if (!guard_slot(pool, slot))
		return NULL;
	struct fiber *fiber = fiber_at(pool, slab, pool->carved++);
	fiber->stack = slot + (pool->guard == WEFT_GUARD_NONE ? 0 : pool->page);
	fiber->stack_end = (char *)fiber - FIBER_ARGUMENTS;
	context_init(&fiber->context, fiber->stack,
		     (size_t)(fiber->stack_end - fiber->stack), NULL, NULL);
	annotate_root_to(&fiber->context.annotation, fiber + 1);
	return fiber;
}

struct fiber *slab_take_shared(struct slab_pool *pool)
{
	lock_take(&pool->lock);
	struct fiber *fiber = pool->shared;
	if (fiber) {
		pool->shared = fiber->next;
		pool->shared_count--;
	} else {
		fiber = carve(pool);
	}
	lock_give(&pool->lock);
	return fiber;
}

void slab_set_shortage(struct slab_pool *pool, const char *shortage)
{
	lock_take(&pool->lock);
	pool->shortage = shortage;
	lock_give(&pool->lock);
}

/* Gives back the pages below the one that holds the header. */
static void cool(const struct slab_pool *pool, struct fiber *fiber)
{
	uintptr_t first = (uintptr_t)fiber->stack;
	uintptr_t header = (uintptr_t)fiber / pool->page * pool->page;
	if (header > first)
		system_discard((void *)first, header - first);
}

void slab_give_shared(struct slab_pool *pool, struct fiber *fiber)
{
	lock_take(&pool->lock);
	bool cools = pool->shared_count >= SLAB_SHARED_WARM;
	lock_give(&pool->lock);
	if (cools) /* a system call: not under the lock */
		cool(pool, fiber);
	lock_take(&pool->lock);
	fiber->next = pool->shared;
	pool->shared = fiber;
	pool->shared_count++;
	lock_give(&pool->lock);
}

uint64_t slab_carved(struct slab_pool *pool)
{
	lock_take(&pool->lock);
	/* Relaxed: written under the lock. */
	uint64_t full = load_relaxed(&pool->slabs);
	uint64_t slots = full ? (full - 1) * SLAB_SLOTS + pool->carved : 0;
	lock_give(&pool->lock);
	return slots;
}

struct fiber *slab_at(const struct slab_pool *pool, uint64_t index)
{
	return fiber_at(pool, pool->slab[index / SLAB_SLOTS], index % SLAB_SLOTS);
}

struct fiber *slab_find_guard(const struct slab_pool *pool, const void *address)
{
	/* Acquire: the addresses before the count. Pairs with: add_slab. */
	uint32_t slabs = load_acquire(&pool->slabs);
	uintptr_t at = (uintptr_t)address;
	for (uint32_t i = 0; i < slabs; i++) {
		uintptr_t start = (uintptr_t)pool->slab[i];
		if (at < start || at >= start + SLAB_SLOTS * pool->slot_size)
			continue;
		size_t index = (at - start) / pool->slot_size;
		char *slot = slot_at(pool, pool->slab[i], index);
		/* A slot that was not carved has no stack; one without a guard begins with it. */
		struct fiber *fiber = fiber_at(pool, pool->slab[i], index);
		return (char *)at < slot + pool->page &&
				       fiber->stack == slot + pool->page
			       ? fiber
			       : NULL;
	}
	return NULL;
}
