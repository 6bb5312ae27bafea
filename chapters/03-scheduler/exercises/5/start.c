/* Exercise 3.5: no wake is lost.
 *
 * Workers with nothing to run search, sleep and are woken. start.h has what they share, and tries
 * every order in which their steps can follow each other. */
#include "start.h"

/* ---- to be written ---- */

/* By a worker that has just shown a fiber in the queue. */
static void idle_publish(void)
{
	(void)word_cas, (void)queue_sees;
	uint64_t word = word_load();
	if (word > IDLE_SEARCHERS)
		idle_wake((uint32_t)__builtin_ctzll(word >> 8));
}

/* A searcher has found a fiber, which it then runs for very long. */
static void idle_leave_search(void)
{
	word_add(-IDLE_SEARCHER);
}

/* A searcher has found nothing. Returns when there may be something, and it is a searcher. */
static void idle_sleep(uint32_t index)
{
	word_add(IDLE_ASLEEP(index) - IDLE_SEARCHER);
	idle_park();
	word_add(IDLE_SEARCHER - IDLE_ASLEEP(index));
}

int main(void)
{
	return try_all_orders() ? 0 : 1;
}
