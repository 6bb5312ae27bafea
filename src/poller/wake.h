/* wake.h: the word beside a poller's bell, so that one ring is enough for many wakes, and that
 * nobody takes the blocker's.
 *
 *   quiet -> pending    poller_wake_claim; the one that made it so rings the bell
 *   pending -> quiet    poller_wake_take, by a blocker that is back from the kernel, whatever
 *                       brought it back
 *
 * Where a bell has to be silenced (a pipe), that comes before the taking: all rings up to then
 * are those of wakes that are taken.
 *
 * A blocker that came back for another reason leaves a ring in the kernel; the next one then
 * comes back once for nothing. A look that takes a ring out of the kernel asks whether a wake is
 * pending, and rings again only then; a ring that was left over ends there. */
#ifndef WEFT_POLLER_WAKE_H
#define WEFT_POLLER_WAKE_H

#include <stdbool.h>

#include "poller/poller.h"

/* Whether the caller has to ring. If not, a blocker is still to come back, and will see what the
 * caller wrote before. */
static inline bool poller_wake_claim(struct poller *poller)
{
	/* Release: the blocker sees what came before the wake, also when this finds it
	 * pending. Acquire: a ring comes after the taking. Pairs with: poller_wake_take. */
	return exchange_acq_rel(&poller->wake_pending, 1) == 0;
}

static inline void poller_wake_take(struct poller *poller)
{
	/* Acquire: sees what all wakers up to here wrote before. Release: whoever claims next
	 * rings after this blocker was back. Pairs with: poller_wake_claim. */
	(void)exchange_acq_rel(&poller->wake_pending, 0);
}

/* For a look that heard the bell. The kernel has ordered it after the ring, and the ring comes
 * after the claim. */
static inline bool poller_wake_is_pending(struct poller *poller)
{
	/* Acquire: rings after the claim that it reads. Pairs with: poller_wake_claim. */
	return load_acquire(&poller->wake_pending) != 0;
}

#endif
