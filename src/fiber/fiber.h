/* fiber.h: the object that everything schedules.
 *
 * Concepts. A fiber is a context, the stack it runs on, and the function it runs, in one block
 * of memory, a slot. Its life begins when it is created and ends when its function returns; then
 * the slot waits for the next life. A number, new in each life, tells lives apart.
 *
 *   slot + 0            guard: touching it is a stack overflow
 *        + page         stack, lowest byte
 *            ...          ^ grows down
 *       end - h - a   stack, end
 *       end - h       arguments: the copy of the caller's context, a = FIBER_ARGUMENTS bytes
 *       end           header: struct fiber, h bytes
 *        + size       from `end` to here nothing: see SLAB_COLOURS in slab.h
 *
 * The header lies above the stack: an overflow runs away from it. It shares a page with the
 * first frames, so a parked fiber that is not deep holds one page. A slot is never unmapped while
 * its runtime lives, so a late look at a header finds a header.
 *
 * States, and who makes each transition, all through fiber_become:
 *
 *   FREE --> NEW         fiber_begin
 *   NEW --> READY        scheduler_make_fresh, or scheduler_inject from a foreign thread
 *   READY --> RUNNING    the after-switch step, of the fiber that is switched to
 *   RUNNING --> READY    the after-switch step, of one that yields
 *   RUNNING --> PARKED   the after-switch step, of one that waits
 *   PARKED --> READY     scheduler_make_ready, by whoever wakes it; take_awaiter in future.c,
 *                        by a fiber that ends and goes straight to its awaiter
 *   RUNNING --> FINISHED the after-switch step, of one whose function has returned
 *   FINISHED --> FREE    fiber_end
 *
 * Rejected designs. The header in the caller's allocation, or at the low end of the stack: an
 * overflow would hit it first. Memory from malloc: no guard, and freed headers. A context that
 * loops from life to life: the control words of one life would leak into the next.
 *
 * Includes: base, context. */
#ifndef WEFT_FIBER_FIBER_H
#define WEFT_FIBER_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/atomic.h"
#include "context/context.h"
#include "fiber/waiting.h"
#include "weft.h"

#define FIBER_ARGUMENTS 256 /* bytes; more go into an allocation of their own */

enum fiber_state {
	FIBER_FREE,
	FIBER_NEW,
	FIBER_READY,
	FIBER_RUNNING,
	FIBER_PARKED,
	FIBER_FINISHED,
};

/* Why a fiber leaves; the numbers are those of the trace's choice "leave". */
enum fiber_reason {
	FIBER_YIELDS = 1,
	FIBER_PARKS = 2,
	FIBER_FINISHES = 3,
	FIBER_IDLES = 5,
};

/* What a trace holds of a fiber: how many records, and its state after the last of them, in one
 * word, so that whoever reads it has both of one moment. Written by the fiber's owner when it
 * records (fiber_count_record), never otherwise; read by any worker, in status.c. */
struct fiber_records {
	_Atomic uint64_t word; /* how many << 32 | enum fiber_state */
};

/* The other two things that status.c tells of a fiber; written and read as fiber_records. */
struct fiber_identity {
	_Atomic uint32_t id;
	_Atomic uint32_t name; /* among the trace's strings; 0: none */
};

/* The worker that runs a fiber owns its fields; while it is ready or parked, whoever takes or
 * wakes it, one at a time. Handing it over is the release and acquire of a queue or of the
 * rendezvous.
 *
 * All that a life touches lies in two cache lines: with many fibers, each line is fetched from
 * far away. */
struct fiber {
	struct context context;
	struct fiber *next; /* in the one list that holds it */
	weft_function *function;
	struct weft_future *future;
	const void *argument;
	/* The second line. */
	void *result;
	struct weft *io;
	char *stack_end;  /* never changes */
	void *allocation; /* of arguments that do not fit, or NULL */
	/* Written by the owner, read by weft_deinit, which names who is left. Relaxed: they
	 * are looked at one by one. */
	_Atomic(const char *) name; /* for reports, or NULL */
	struct life life;           /* its number; see fiber_id */
	struct fiber_records records;
	_Atomic uint8_t state; /* enum fiber_state; written by fiber_become */
	bool pinned;           /* runs on worker 0 only; never changes in a life */
	/* Not touched in a warm life that does not wait and is not traced. */
	uint32_t deepest; /* the most bytes of stack in use at a traced switch */
	struct fiber_identity identity;
	char *stack;          /* lowest byte; never changes */
	struct ticket ticket; /* see waitqueue/ticket.h for whose each of these is */
	struct timer timer;
	struct weft_deadline *deadlines; /* the innermost scope; see fiber_deadlines */
};

static inline uint32_t fiber_id(const struct fiber *fiber)
{
	return life_id(load_relaxed(&fiber->life.word)); /* see struct fiber */
}

/* The innermost deadline's scope that the fiber is in, or NULL. What a life before has left in the
 * field does not count. */
static inline struct weft_deadline *fiber_deadlines(const struct fiber *fiber)
{
	/* Relaxed: its own bit. */
	return load_relaxed(&fiber->life.word) & LIFE_HAS_DEADLINE ? fiber->deadlines
								   : NULL;
}

/* Which states each may be entered from: a bit for each. Nearly every caller names the state,
 * so that no table is read. */
static inline void fiber_become(struct fiber *fiber, enum fiber_state state)
{
	static const uint8_t may_precede[] = {
		[FIBER_FREE] = 1 << FIBER_FINISHED,
		[FIBER_NEW] = 1 << FIBER_FREE,
		[FIBER_READY] = 1 << FIBER_NEW | 1 << FIBER_RUNNING | 1 << FIBER_PARKED,
		[FIBER_RUNNING] = 1 << FIBER_READY,
		[FIBER_PARKED] = 1 << FIBER_RUNNING,
		[FIBER_FINISHED] = 1 << FIBER_RUNNING,
	};
	/* Relaxed, both: see struct fiber. */
	weft_assert(may_precede[state] >> load_relaxed(&fiber->state) & 1);
	store_relaxed(&fiber->state, (uint8_t)state);
}

/* Counts one more record of the fiber, and returns its number. The fiber is in the state that
 * the record tells of: number and state change in one store, so that nobody sees the new state
 * with the old number. */
static inline uint32_t fiber_count_record(struct fiber *fiber)
{
	/* Relaxed: only the owner writes it, and ownership is handed over with more. */
	uint64_t number = (load_relaxed(&fiber->records.word) >> 32) + 1;
	/* Release: whoever sees a record of this life sees its identity. Pairs with:
	 * status_of. */
	store_release(&fiber->records.word, number << 32 | load_relaxed(&fiber->state));
	return (uint32_t)number;
}

/* As fiber_count_record, for the first record of a life; its number is 1. */
static inline uint32_t fiber_count_first_record(struct fiber *fiber)
{
	fiber->deepest = 0;
	/* Relaxed: seen by who sees the number below. */
	store_relaxed(&fiber->identity.name, 0);
	/* Release: whoever sees the new number sees the last word of the life before, which
	 * says that it has ended, and no name of it. Pairs with: status_of. */
	store_release(&fiber->identity.id, fiber_id(fiber));
	/* Release: as in fiber_count_record. Pairs with: status_of. */
	store_release(&fiber->records.word,
		      UINT64_C(1) << 32 | load_relaxed(&fiber->state));
	return 1;
}

/* The trace has a name for the fiber. */
static inline void fiber_set_traced_name(struct fiber *fiber, uint32_t string)
{
	/* Release: whoever sees the name sees whose it is. Pairs with: status_of. */
	store_release(&fiber->identity.name, string);
}

/* Bytes of its stack in use; for a parked fiber. 0 for one on a thread's own stack, whose end
 * nobody has told. */
static inline uint32_t fiber_stack_used(const struct fiber *fiber)
{
	return fiber->stack_end
		       ? (uint32_t)(fiber->stack_end - (char *)fiber->context.sp)
		       : 0;
}

/* Asks for the two lines at the top of a stack, where a fiber that has not started begins: when
 * they are looked for they are there, or nearer. Harmless for one that has, and for NULL. */
static inline void fiber_prefetch_stack(const struct fiber *fiber)
{
	uintptr_t stack_end = (uintptr_t)fiber - FIBER_ARGUMENTS;
	__builtin_prefetch((void *)(stack_end - 64), 1);
	__builtin_prefetch((void *)(stack_end - 128), 1);
}

/* As fiber_prefetch_stack, with the header's two lines. */
static inline void fiber_prefetch(const struct fiber *fiber)
{
	__builtin_prefetch(fiber, 1);
	__builtin_prefetch((void *)((uintptr_t)fiber + 64), 1);
	fiber_prefetch_stack(fiber);
}

/* The slow halves of fiber_begin and fiber_end. size is not 0. */
int fiber_copy_arguments(struct fiber *fiber, const void *context, size_t size,
			 size_t alignment);
void fiber_free_arguments(struct fiber *fiber);

/* Begins a life in a free slot: copies the arguments and arms the context with `entry`, which
 * gets the fiber. words: the control words it starts with. -ENOMEM, and the slot stays free. */
static inline int fiber_begin(struct fiber *fiber, context_entry_function *entry,
			      uint64_t words, const void *context, size_t size,
			      size_t alignment)
{
	fiber->allocation = NULL;
	fiber->argument = fiber; /* the end of no bytes */
	if (size > 0) {
		int error = fiber_copy_arguments(fiber, context, size, alignment);
		if (error)
			return error;
	}
	store_relaxed(&fiber->name, NULL);
	context_rearm(&fiber->context, fiber->stack_end, entry, fiber, words);
	fiber_become(fiber, FIBER_NEW);
	return 0;
}

/* Ends a life: nobody runs on the stack any more. */
static inline void fiber_end(struct fiber *fiber)
{
	if (fiber->allocation)
		fiber_free_arguments(fiber);
	fiber_become(fiber, FIBER_FREE);
}

#endif
