/* harness_ticket.c: a fiber's waits and those that may end them, at waitqueue/ticket.h.
 *
 * T threads. Thread 0 is a fiber that waits K times. It gives its key to each of the others while it
 * arms, and may then claim the ticket itself, as a fiber that finds itself canceled does. Each of
 * the others claims each wait, when it comes to it, which may be waits later; and may before try
 * the key of the wait before, which has ended. Nothing but the ticket's word stays from wait to
 * wait, as from a life of the slot to the next.
 *
 * What must hold: of the claims of a wait one is not lost, and the wait ends as that one said, and
 * once; the fiber then sees what the claimer wrote before; who won the fiber finds it whole. */
#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

enum { WAITS = 4 };

static struct fiber fiber;
static struct wait {
	uint64_t key; /* written before it is registered */
	struct explore_semaphore registered[EXPLORER_THREADS];
	/* Each thread's own, written before its claim and after. */
	bool tells[EXPLORER_THREADS];
	enum ticket_claim claims[EXPLORER_THREADS];
	enum ticket_state outcome; /* the fiber's */
} waits[WAITS];
static int thread_number, rounds;

/* Each of three threads has its own, so that the fiber knows whose claim it was. */
static enum ticket_state outcome_of(int number)
{
	return (enum ticket_state[]){TICKET_CANCELED, TICKET_WOKEN,
				     TICKET_TIMED_OUT}[number % 3];
}

static void claim(struct wait *wait, int number)
{
	wait->tells[number] = true;
	wait->claims[number] = fiber_claim(&fiber, wait->key, outcome_of(number));
}

static bool was_told(const struct wait *wait)
{
	for (int i = 0; i < thread_number; i++)
		if (outcome_of(i) == wait->outcome && wait->tells[i])
			return true;
	return false;
}

static void wait_once(struct wait *wait)
{
	wait->key = ticket_open(&fiber.ticket, true);
	for (int i = 1; i < thread_number; i++)
		explore_post(&wait->registered[i]);
	if (explore_choose(2))
		claim(wait, 0);
	wait->outcome = fiber_park(&fiber);
	explore_check(was_told(wait));
}

static void waiting_fiber(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++)
		wait_once(&waits[i]);
}

static void claimer(int number)
{
	for (int i = 0; i < rounds; i++) {
		explore_wait(&waits[i].registered[number]);
		if (i > 0 && explore_choose(2))
			explore_check(fiber_claim(&fiber, waits[i - 1].key,
						  outcome_of(number)) == TICKET_LOST);
		claim(&waits[i], number);
	}
}

static void setup(int threads, int operations)
{
	thread_number = threads;
	rounds = operations < WAITS ? operations : WAITS;
	fiber = (struct fiber){.is_parked = false};
	for (int i = 0; i < WAITS; i++)
		waits[i] = (struct wait){.key = 0};
	explore_name(&fiber.ticket, sizeof fiber.ticket, 1, "ticket");
	explore_thread(waiting_fiber, 0);
	for (int i = 1; i < threads; i++)
		explore_thread(claimer, i);
}

static void final(void)
{
	fiber_check(&fiber);
	for (int i = 0; i < rounds; i++) {
		int won = 0;
		for (int j = 0; j < thread_number; j++)
			if (waits[i].claims[j] != TICKET_LOST) {
				explore_check(waits[i].outcome == outcome_of(j));
				won++;
			}
		explore_check(won == 1);
	}
}

const struct explore_harness harness = {"ticket", setup, final};
