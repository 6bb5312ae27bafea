#include "future/rendezvous.h"

#include "base/atomic.h"

void rendezvous_init(struct rendezvous *rendezvous)
{
	store_relaxed(&rendezvous->word, NULL); /* nobody else sees it yet */
}

bool rendezvous_is_finished(struct rendezvous *rendezvous)
{
	/* Acquire: what the other wrote before it ended. Pairs with: rendezvous_finish. */
	return load_acquire(&rendezvous->word) == RENDEZVOUS_FINISHED;
}

bool rendezvous_park(struct rendezvous *rendezvous, void *awaiter)
{
	void *empty = NULL;
	/* Release: the awaiter is whole before it can be woken. Acquire, on failure: what the
	 * other wrote before it ended. Pairs with: rendezvous_finish, rendezvous_peek. */
	return cas_acq_rel(&rendezvous->word, &empty, awaiter);
}

void *rendezvous_peek(struct rendezvous *rendezvous)
{
	/* Acquire: the awaiter is whole. Pairs with: rendezvous_park. */
	return load_acquire(&rendezvous->word);
}

void *rendezvous_finish(struct rendezvous *rendezvous)
{
	/* Release: what we wrote before the end. Acquire: the awaiter is whole. Pairs with:
	 * rendezvous_is_finished, rendezvous_park. */
	return exchange_acq_rel(&rendezvous->word, RENDEZVOUS_FINISHED);
}
