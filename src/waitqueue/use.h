/* use.h: who uses a descriptor's number, so that it is not closed under anybody.
 *
 * Concepts. A number means one descriptor until it is closed, and then perhaps another one. Each of
 * these lives has a generation. An operation takes a use before its system call and drops it
 * after; a close waits for nobody, but the number goes back to the kernel with the last use. So
 * no system call that began before a close can meet the number's next owner.
 *
 *   open -- use_close, once --> closing, of the next generation; new uses are refused
 *   closing -- use_drop of the last use, and then use_free --> free; who has freed it closes the
 *              number
 *   free = open, for the next owner
 *
 * From use_free until the number is closed, one who does not know yet that it is over may take a
 * use, and meet the old descriptor. So both are done under the descriptor's lock: nothing that is
 * kept of the descriptor under the lock is then kept of the old one.
 *
 * One word: generation << 32 | closing | what is known of the descriptor | how many uses.
 *
 * This file touches the word and nothing else.
 *
 * Rejected: the number alone, as in the original: a fiber that was woken for one connection reads
 * from the next (Kqueue.zig:1499). To let a close wait until nobody uses the number: a fiber would
 * wait for a helper thread that reads from it. */
#ifndef WEFT_WAITQUEUE_USE_H
#define WEFT_WAITQUEUE_USE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

struct use {
	_Atomic uint64_t word;
};

#define USE_CLOSING UINT64_C(0x80000000)
/* Set once, by weft_adopt: */
#define USE_ADOPTED UINT64_C(0x40000000) /* its operations do not block */
#define USE_STREAM                                                                     \
	UINT64_C(0x20000000) /* a short count of a read means that no more is there */
#define USE_ALWAYS UINT64_C(0x10000000) /* always ready: a regular file */
#define USE_KNOWN  (USE_ADOPTED | USE_STREAM | USE_ALWAYS)
#define USE_COUNT  UINT64_C(0x0FFFFFFF)

static inline uint32_t use_generation(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* Drops a use. True: nobody uses a number that is being closed, and use_free is to follow. */
static inline bool use_drop(struct use *use)
{
	/* Release: what we did with the number comes before its close. Pairs with: use_free. */
	uint64_t word = fetch_add_release(&use->word, (uint64_t)-1) - 1;
	return (word & USE_CLOSING) && !(word & USE_COUNT);
}

/* Under the descriptor's lock. True: the caller, and nobody else, closes the number, before it gives
 * the lock. */
static inline bool use_free(struct use *use)
{
	uint64_t word = load_relaxed(&use->word); /* a guess; the CAS verifies it */
	while ((word & USE_CLOSING) && !(word & USE_COUNT))
		/* Acquire: so does what all did. Release: what we did comes before the next
		 * owner. Pairs with: use_drop, use_take. */
		if (cas_acq_rel(&use->word, &word, word & ~(USE_CLOSING | USE_KNOWN)))
			return true;
	return false;
}

/* Takes a use, which is to be dropped in any case. *word: the generation, and what is known. False:
 * the number is being closed. */
static inline bool use_take(struct use *use, uint64_t *word)
{
	/* Acquire: what the last owner left. Pairs with: use_free. */
	*word = fetch_add_acquire(&use->word, 1);
	return !(*word & USE_CLOSING);
}

/* Begins a close, and takes a use. *word: of the generation that ends. False: it is being closed
 * already. */
static inline bool use_close(struct use *use, uint64_t *word)
{
	*word = load_relaxed(&use->word); /* a guess; the CAS verifies it */
	while (!(*word & USE_CLOSING))
		/* Acquire: what is known of the descriptor. Release: uses that are refused
		 * are refused after it. Pairs with: use_take. */
		if (cas_acq_rel(&use->word, word,
				(*word + (UINT64_C(1) << 32) + 1) | USE_CLOSING))
			return true;
	return false;
}

/* Notes what is known of the descriptor; by one that has a use of that generation. False: it has
 * been closed meanwhile. */
static inline bool use_know(struct use *use, uint32_t generation, uint64_t known)
{
	uint64_t word = load_relaxed(&use->word); /* a guess; the CAS verifies it */
	while (use_generation(word) == generation && !(word & USE_CLOSING))
		/* Release: who sees it finds the descriptor so. Pairs with: use_take. */
		if (cas_acq_rel(&use->word, &word, word | known))
			return true;
	return false;
}

#endif
