/* rendezvous.h: where a fiber that ends and the one that awaits it meet.
 *
 * One word, in storage of the awaiter's. Both sides come once, in either order:
 *
 *   EMPTY -- rendezvous_park, by the awaiter --> the awaiter -- rendezvous_finish --> FINISHED
 *   EMPTY -- rendezvous_finish ---------------------------------------------------> FINISHED
 *
 * Whoever comes second sees the first: rendezvous_finish answers with an awaiter that it must
 * make ready, or rendezvous_park answers that there is nothing to wait for. After the end is
 * told the word is the awaiter's again, and may be gone.
 *
 * Two short cuts, each for a side that knows the other's part, take no locked instruction: an
 * awaiter that holds the one that will end, so that it does not run, comes first for certain
 * (rendezvous_expect, for rendezvous_park); one that ends and has seen the awaiter there
 * (rendezvous_peek) is the only one left to write (rendezvous_tell, for rendezvous_finish).
 *
 * This file touches its word and nothing else, so that all interleavings of it can be tried as
 * it is. What a fiber is, it does not know.
 *
 * Rejected: a flag and a pointer. Two words have states between them. */
#ifndef WEFT_FUTURE_RENDEZVOUS_H
#define WEFT_FUTURE_RENDEZVOUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

/* Touched only through these functions; by one awaiter and one that ends. */
struct rendezvous {
	_Atomic(void *) word; /* NULL, the awaiter, or RENDEZVOUS_FINISHED */
};

#define RENDEZVOUS_FINISHED ((void *)(uintptr_t)1)

/* Before anybody else can see it. */
static inline void rendezvous_init(struct rendezvous *rendezvous)
{
	store_relaxed(&rendezvous->word, NULL); /* nobody else sees it yet */
}

/* By the awaiter: has it ended? All that it wrote is then seen. */
static inline bool rendezvous_is_finished(struct rendezvous *rendezvous)
{
	/* Acquire: what the other wrote before it ended. Pairs with: rendezvous_finish,
	 * rendezvous_tell. */
	return load_acquire(&rendezvous->word) == RENDEZVOUS_FINISHED;
}

/* By the awaiter, when it is whole and may be made ready at once. True: it is registered, and
 * no longer the caller's. False: the other has ended, and nobody will wake the awaiter. */
static inline bool rendezvous_park(struct rendezvous *rendezvous, void *awaiter)
{
	void *empty = NULL;
	/* Release: the awaiter is whole before it can be woken. Acquire, on failure: what the
	 * other wrote before it ended. Pairs with: rendezvous_finish, rendezvous_peek. */
	return cas_acq_rel(&rendezvous->word, &empty, awaiter);
}

/* As rendezvous_park, by an awaiter that holds the other, so that it does not run: the awaiter
 * is registered. */
static inline void rendezvous_expect(struct rendezvous *rendezvous, void *awaiter)
{
	/* Relaxed: the only other reader is the fiber that the caller holds and is about to
	 * run; whoever takes that fiber to another thread releases this with it. */
	store_relaxed(&rendezvous->word, awaiter);
}

/* By the one that ends: an awaiter that is registered, or NULL. It stays registered, and only
 * the one that ends may wake it. */
static inline void *rendezvous_peek(struct rendezvous *rendezvous)
{
	/* Acquire: the awaiter is whole. Pairs with: rendezvous_park. */
	return load_acquire(&rendezvous->word);
}

/* By the one that ends, when it no longer runs: returns the awaiter it must wake, or NULL. */
static inline void *rendezvous_finish(struct rendezvous *rendezvous)
{
	/* Release: what we wrote before the end. Acquire: the awaiter is whole. Pairs with:
	 * rendezvous_is_finished, rendezvous_park. */
	return exchange_acq_rel(&rendezvous->word, RENDEZVOUS_FINISHED);
}

/* As rendezvous_finish, by one that has seen its awaiter: that one waits, and cannot look. */
static inline void rendezvous_tell(struct rendezvous *rendezvous)
{
	/* Release: what we wrote before the end. Pairs with: rendezvous_is_finished. */
	store_release(&rendezvous->word, RENDEZVOUS_FINISHED);
}

#endif
