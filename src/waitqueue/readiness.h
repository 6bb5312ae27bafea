/* readiness.h: whether an operation in one direction of a descriptor is worth trying.
 *
 * Concepts. The kernel tells of a change once, as an event; the word below remembers it as a fact.
 * An operation looks at the fact, makes its system call, and if that answers EAGAIN, takes the
 * fact back. Between the call and that an event may come, which is about what the call has not
 * seen; so events are counted, and the fact is taken back only if the count is the one that the
 * operation noted before its call.
 *
 *   ready -- readiness_clear, unless an event came --> not ready -- readiness_event --> ready
 *
 * A hang-up is another fact, which comes with an event and stays when the first is taken back by a
 * short count: the end of the data can be read as often as one likes. EAGAIN alone takes it back:
 * then the other end is there again, as that of a terminal can be. A stream that an urgent byte parts
 * is taken for one that has hung up, since a short count of it does not mean that no more is there.
 *
 * One word: generation << 32 | count << 4 | flags. An event of another generation, taken from the
 * kernel before a close and looked at after it, changes nothing.
 *
 * This file touches the word and nothing else. */
#ifndef WEFT_WAITQUEUE_READINESS_H
#define WEFT_WAITQUEUE_READINESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

struct readiness {
	_Atomic uint64_t word;
};

#define READINESS_READY  UINT64_C(1)
#define READINESS_HANGUP UINT64_C(2)
/* Both written under the descriptor's lock. Somebody waits, or has its turn: see turn.h. */
#define READINESS_WAITED UINT64_C(4)
/* The kernel tells of this direction: only then may the fact be taken back. */
#define READINESS_WATCHED UINT64_C(8)
#define READINESS_EVENT   UINT64_C(16) /* the count's unit; it may wrap */
#define READINESS_COUNT   UINT64_C(0xFFFFFFF0)

/* Worth trying, as far as anybody knows. */
#define READINESS_WORTH (READINESS_READY | READINESS_HANGUP)

static inline uint32_t readiness_generation(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* To be noted before a system call. */
static inline uint64_t readiness_note(struct readiness *readiness)
{
	/* Acquire: what came before the event is seen by the call. Pairs with:
	 * readiness_event. */
	return load_acquire(&readiness->word);
}

/* The word with one more event. */
static inline uint64_t readiness_with_event(uint64_t word, uint64_t flags)
{
	uint64_t count = (word + READINESS_EVENT) & READINESS_COUNT;
	return (word & ~READINESS_COUNT) | count | READINESS_READY | flags;
}

/* The kernel has told. flags: READINESS_HANGUP or 0. Returns the new word, or 0 if the event is
 * another generation's. */
static inline uint64_t readiness_event(struct readiness *readiness, uint32_t generation,
				       uint64_t flags)
{
	uint64_t word =
		load_relaxed(&readiness->word); /* a guess; the CAS verifies it */
	while (readiness_generation(word) == generation) {
		uint64_t next = readiness_with_event(word, flags);
		/* Release: as readiness_note says. Acquire: we come to the lock after the
		 * waiter that we see. Pairs with: readiness_note, readiness_wait. */
		if (cas_acq_rel(&readiness->word, &word, next))
			return next;
	}
	return 0;
}

/* After a system call of that generation before which `note` was noted: it is not ready, as far as
 * events go that had come then. A note of the next generation, taken while a close went on, says
 * nothing of this one's descriptor, nor the call of the next one's. flags: READINESS_READY, or
 * READINESS_WORTH after an EAGAIN. */
static inline void readiness_clear(struct readiness *readiness, uint32_t generation,
				   uint64_t note, uint64_t flags)
{
	if (readiness_generation(note) != generation)
		return;
	uint64_t word =
		load_relaxed(&readiness->word); /* a guess; the CAS verifies it */
	/* Nothing else may have changed. */
	while (((word ^ note) & ~(READINESS_WAITED | READINESS_WATCHED)) == 0)
		/* Acquire and release: it stands in one order with the events. Pairs with:
		 * readiness_event. */
		if (cas_acq_rel(&readiness->word, &word, word & ~flags))
			return;
}

/* Under the descriptor's lock: says that somebody waits. False: there is no need to, or another
 * generation has begun. */
static inline bool readiness_wait(struct readiness *readiness, uint32_t generation)
{
	uint64_t word =
		load_relaxed(&readiness->word); /* a guess; the CAS verifies it */
	while (readiness_generation(word) == generation && !(word & READINESS_WORTH))
		/* In one step with the look whether it is ready: an event comes before it,
		 * and is seen, or after it, and sees it. Pairs with: readiness_event. */
		if (cas_acq_rel(&readiness->word, &word, word | READINESS_WAITED))
			return true;
	return false;
}

/* Under the lock: WAITED is no longer so. */
static inline void readiness_end_wait(struct readiness *readiness)
{
	uint64_t word =
		load_relaxed(&readiness->word); /* a guess; the CAS verifies it */
	/* As above. Pairs with: readiness_event. */
	while (!cas_acq_rel(&readiness->word, &word, word & ~READINESS_WAITED))
		;
}

/* Under the lock: the kernel tells of it from now on. */
static inline void readiness_watch(struct readiness *readiness)
{
	uint64_t word =
		load_relaxed(&readiness->word); /* a guess; the CAS verifies it */
	/* Release: who sees it and waits is told. Pairs with: readiness_note. */
	while (!cas_acq_rel(&readiness->word, &word, word | READINESS_WATCHED))
		;
}

/* Under the lock: the next owner's. Nothing is known, so trying is worth it. */
static inline void readiness_begin(struct readiness *readiness, uint32_t generation)
{
	/* Relaxed: a late event's compare-and-swap meets it all the same, and the next owner
	 * has it from whoever gave the number back. */
	store_relaxed(&readiness->word, (uint64_t)generation << 32 | READINESS_READY);
}

#endif
