/* rendezvous.h: where a fiber that ends and the one that awaits it meet.
 *
 * One word, in storage of the awaiter's. Both sides come once, in either order:
 *
 *   EMPTY -- rendezvous_park, by the awaiter --> the awaiter -- rendezvous_finish --> FINISHED
 *   EMPTY -- rendezvous_finish ---------------------------------------------------> FINISHED
 *
 * Whoever comes second sees the first: rendezvous_finish answers with an awaiter that it must
 * make ready, or rendezvous_park answers that there is nothing to wait for. After
 * rendezvous_finish the word is the awaiter's again, and may be gone.
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

/* Touched only through these functions; by one awaiter and one that ends. */
struct rendezvous {
	_Atomic(void *) word; /* NULL, the awaiter, or RENDEZVOUS_FINISHED */
};

#define RENDEZVOUS_FINISHED ((void *)(uintptr_t)1)

/* Before anybody else can see it. */
void rendezvous_init(struct rendezvous *rendezvous);

/* By the awaiter: has it ended? All that it wrote is then seen. */
bool rendezvous_is_finished(struct rendezvous *rendezvous);

/* By the awaiter, when it is whole and may be made ready at once. True: it is registered, and
 * no longer the caller's. False: the other has ended, and nobody will wake the awaiter. */
bool rendezvous_park(struct rendezvous *rendezvous, void *awaiter);

/* By the one that ends: an awaiter that is registered, or NULL. It stays registered, and only
 * the one that ends may wake it. */
void *rendezvous_peek(struct rendezvous *rendezvous);

/* By the one that ends, when it no longer runs: returns the awaiter it must wake, or NULL. */
void *rendezvous_finish(struct rendezvous *rendezvous);

#endif
