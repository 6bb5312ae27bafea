/* slab.h: where fibers' slots come from.
 *
 * Concepts. A slab is one reservation of address space, cut into slots. Slots are carved from
 * the newest slab one by one, and guarded as they are; nothing else is touched, so a slot costs
 * address space until it is used. A slot that is given back is warm (its pages are kept, in an
 * array of the worker's, without a lock) until the worker has enough of those; then it waits in the
 * list that all share, where a few stay warm, and the others are cold: their pages below the
 * header's go back to the system.
 *
 * States of a slot, and who makes each transition:
 *
 *   (address space) -- carve --> free, taken -- slab_give --> warm -- slab_take --> taken
 *                                             \- slab_give --> shared -- slab_take --> taken
 *
 * Guards. MADV_GUARD_INSTALL makes a guard without a mapping of its own (Linux 6.13). Page
 * protection splits a mapping in three, and a process may have vm.max_map_count of them: with
 * the usual 65,530, about 32,000 fibers.
 *
 * Rejected: unmapping slabs that are empty. A late look at a header must find one. A list of warm
 * slots: each take waits for the header that it takes, to know the next; with an array the headers
 * are on their way before. */
#ifndef WEFT_FIBER_SLAB_H
#define WEFT_FIBER_SLAB_H

#include "base/lock.h"
#include "fiber/fiber.h"

#define SLAB_SLOTS       1024 /* slots of one slab; 64 MiB of address space by default */
#define SLABS_MAX        4096 /* slabs of one runtime: four million fibers */
#define SLAB_AHEAD       4    /* slots that are asked for before they are taken */
#define SLAB_SHARED_WARM 256  /* slots that stay warm in the list that all share */

/* Headers lie at so many offsets from the ends of their slots, in steps of so many bytes: a
 * cache holds few lines of one offset modulo the page size. Together half a page of 4 KiB, so
 * that the other half is left for header, arguments and first frames. */
#define SLAB_COLOURS     16
#define SLAB_COLOUR_STEP 128

struct slab_pool {
	size_t slot_size, page; /* set once */
	enum weft_guard guard;  /* under the lock: falls back once, to protection */
	struct tiny_lock lock;  /* for the fields below */
	struct fiber *shared;   /* linked by next */
	uint32_t shared_count;  /* of those */
	uint32_t carved;        /* slots of the newest slab */
	const char *shortage;   /* why a slot could not be had */
	/* Slabs are added and never change: read without the lock, by the overflow handler. */
	_Atomic uint32_t slabs;
	char *slab[SLABS_MAX];
	/* SLAB_SLOTS and so on: for weft-gdb.py, since to a debugger a macro is nothing. Set
	 * once. */
	struct {
		uint32_t slots, colours, colour_step;
	} layout;
};

/* A worker's own slots. Touched by that worker only. An array, not a list: those that are taken next
 * are known without a look at any of them. */
struct slab_warm {
	struct fiber **fibers; /* room for `limit`; the newest last */
	uint32_t count, limit;
};

/* slot_size: a multiple of the page size, at least four pages. */
void slab_init(struct slab_pool *pool, size_t slot_size, enum weft_guard guard);

/* Room for `limit` slots, or for as many as there can be. -ENOMEM. */
int slab_warm_init(struct slab_warm *warm, uint32_t limit);
void slab_warm_destroy(struct slab_warm *warm);

/* Unmaps all. No fiber may be alive. */
void slab_destroy(struct slab_pool *pool);

/* Why a fiber could not be had, when it was not for want of a slot; or something else that
 * weft_shortage explains. */
void slab_set_shortage(struct slab_pool *pool, const char *shortage);

/* The slow halves of slab_take and slab_give: through the list that all share. Any thread. */
struct fiber *slab_take_shared(struct slab_pool *pool);
void slab_give_shared(struct slab_pool *pool, struct fiber *fiber);

/* A free slot: warm, else cold, else a new one. NULL when there is no memory, or no mapping for
 * a guard; pool->shortage then says what to do. */
static inline struct fiber *slab_take(struct slab_pool *pool, struct slab_warm *warm)
{
	if (warm->count == 0)
		return slab_take_shared(pool);
	struct fiber *fiber = warm->fibers[--warm->count];
	if (warm->count >= SLAB_AHEAD) /* whoever takes one takes more */
		fiber_prefetch(warm->fibers[warm->count - SLAB_AHEAD]);
	return fiber;
}

/* Gives a free slot back. Its stack is not run on any more. */
static inline void slab_give(struct slab_pool *pool, struct slab_warm *warm,
			     struct fiber *fiber)
{
	if (warm->count >= warm->limit)
		slab_give_shared(pool, fiber);
	else
		warm->fibers[warm->count++] = fiber;
}

/* How many slots were ever carved, and the fiber of one of them. Any thread may ask. */
uint64_t slab_carved(struct slab_pool *pool);
struct fiber *slab_at(const struct slab_pool *pool, uint64_t index);

/* The fiber whose guard holds `address`, or NULL. Safe in a signal handler. */
struct fiber *slab_find_guard(const struct slab_pool *pool, const void *address);

#endif
