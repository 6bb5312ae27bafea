/* harness_waiters.c: fibers that wait in a list and are woken in order, at waitqueue/waiters.h.
 *
 * T threads. Thread 0 is a fiber that waits K times in one list. Thread 1 ends waits; with a third
 * thread, that is a second such fiber, or ends waits too. For each wait that was begun, each of
 * those that end them wakes one or two, or times that wait out, and then perhaps wakes one. In the
 * list there may be fibers from the beginning that are no threads; thread 0 comes to the end of
 * these, or to their front.
 *
 * A waiter is gone when its wait has returned: its fiber writes over it. Its id says when it came;
 * one that waits as the first has come before the first.
 *
 * What must hold: under the lock the list is in order, both ways; who is popped was the first; as
 * many are woken as was asked, or all; each wait ends once, by a claim that says so; nobody touches
 * a waiter that is gone, which would be a race. */
#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

#include "waitqueue/waiters.h"

enum { WAITS = 4, STILL = 2, SLEEPERS = EXPLORER_THREADS + STILL, FIRST_ID = 1000 };

static struct sleeper {
	struct fiber fiber;
	struct waiter waiter;
	uint64_t keys[WAITS]; /* each written before that wait is registered */
	struct explore_semaphore registered[WAITS][EXPLORER_THREADS];
	int woken; /* waits that ended so; its own, or under the lock */
} sleepers[SLEEPERS];
static struct waiters_home home;
static struct waiters list;
static uint32_t last_id; /* under the lock */
static int pops_woken;   /* claims not lost; under the lock */
static int thread_number, rounds, still;
static bool has_second_fiber;

/* Under the lock. */
static void check_list(void)
{
	const struct waiter *before = NULL;
	for (const struct waiter *at = list.first; at; at = at->next) {
		explore_check(at->in == &list);
		explore_check(at->previous == before);
		explore_check(!before || before->id < at->id);
		before = at;
	}
	explore_check(list.last == before);
}

/* ---- fibers ---- */

static void arrive(struct sleeper *sleeper, uint64_t key, bool first)
{
	struct waiter *waiter = &sleeper->waiter;
	*waiter = (struct waiter){
		.fiber = &sleeper->fiber, .ticket = &sleeper->fiber.ticket, .key = key};
	waiter->id = first && list.first ? list.first->id - 1 : ++last_id;
	if (first)
		waiters_push_first(&list, waiter);
	else
		waiters_push(&list, waiter);
	check_list();
}

static void write_over(struct waiter *waiter)
{
	waiter->fiber = NULL;
	waiter->ticket = NULL;
	waiter->key = 0;
	waiter->id = 0;
	waiter->in = NULL;
	waiter->next = waiter->previous = NULL;
}

static enum ticket_state wait_once(struct sleeper *sleeper, int round, bool first)
{
	uint64_t key = ticket_open(&sleeper->fiber.ticket, true);
	sleeper->keys[round] = key;
	lock_take(&home.lock);
	arrive(sleeper, key, first);
	lock_give(&home.lock);
	for (int i = 1; i < thread_number; i++)
		explore_post(&sleeper->registered[round][i]);
	enum ticket_state outcome = fiber_park(&sleeper->fiber);
	if (outcome != TICKET_WOKEN) {
		lock_take(&home.lock);
		waiters_unlink(&sleeper->waiter);
		check_list();
		lock_give(&home.lock);
	}
	write_over(&sleeper->waiter);
	return outcome;
}

static void waiting_fiber(int number)
{
	struct sleeper *sleeper = &sleepers[number];
	for (int i = 0; i < rounds; i++) {
		bool first = still > 0 && !has_second_fiber && explore_choose(2);
		sleeper->woken += wait_once(sleeper, i, first) == TICKET_WOKEN;
	}
}

/* ---- wakers ---- */

/* Under the lock. False: nobody is left. */
static bool wake_first(struct fiber **won)
{
	struct waiters_popped popped;
	do {
		uint32_t id = list.first ? list.first->id : 0;
		popped = waiters_pop(&list);
		explore_check(popped.id == id);
		check_list();
	} while (popped.fiber && popped.claim == TICKET_LOST);
	*won = popped.claim == TICKET_WON ? popped.fiber : NULL;
	pops_woken += popped.fiber != NULL;
	return popped.fiber;
}

static void wake(int count)
{
	struct fiber *won[2] = {NULL, NULL};
	int woken = 0;
	lock_take(&home.lock);
	while (woken < count && wake_first(&won[woken]))
		woken++;
	explore_check(woken == count || !list.first);
	lock_give(&home.lock);
	for (int i = 0; i < woken; i++)
		if (won[i])
			fiber_make_ready(won[i]);
}

/* Ends a wait, if one is left: so that when all are begun, all are ended. */
static void end_one(struct sleeper *sleeper, int round)
{
	int way = explore_choose(has_second_fiber ? 3 : 4);
	enum ticket_claim claim = TICKET_LOST;
	if (way % 2)
		claim = fiber_claim(&sleeper->fiber, sleeper->keys[round],
				    TICKET_TIMED_OUT);
	if (way > 1 || claim == TICKET_LOST)
		wake(way == 2 ? 2 : 1);
}

static void waker(int number)
{
	if (number == 1)
		for (int i = 0; i < still; i++)
			wake(1);
	for (int i = 0; i < rounds; i++)
		for (int j = 0; j < (has_second_fiber ? 3 : 1); j += 2) {
			explore_wait(&sleepers[j].registered[i][number]);
			end_one(&sleepers[j], i);
		}
}

/* ---- */

static void setup(int threads, int operations)
{
	thread_number = threads;
	rounds = operations < WAITS ? operations : WAITS;
	has_second_fiber = threads > 2 && explore_choose(2);
	still = explore_choose(2) * (threads > 2 ? 1 : STILL);
	home = (struct waiters_home){.what = 0};
	list = (struct waiters){.first = NULL};
	last_id = FIRST_ID;
	pops_woken = 0;
	for (int i = 0; i < SLEEPERS; i++)
		sleepers[i] = (struct sleeper){.woken = 0};
	explore_name(&home.lock, sizeof home.lock, 1, "lock");
	explore_name(sleepers, sizeof sleepers[0], SLEEPERS, "sleeper");
	for (int i = EXPLORER_THREADS; i < EXPLORER_THREADS + still; i++)
		arrive(&sleepers[i], fiber_begin_parked(&sleepers[i].fiber), false);
	for (int i = 0; i < threads; i++)
		explore_thread(i == 0 || (i == 2 && has_second_fiber) ? waiting_fiber
								      : waker,
			       i);
}

static void final(void)
{
	int woken = 0;
	explore_check(!list.first && !list.last);
	for (int i = 0; i < EXPLORER_THREADS; i++) {
		fiber_check(&sleepers[i].fiber);
		woken += sleepers[i].woken;
	}
	for (int i = 0; i < still; i++)
		explore_check(!sleepers[EXPLORER_THREADS + i].fiber.is_parked);
	explore_check(pops_woken == woken + still);
}

const struct explore_harness harness = {"waiters", setup, final};
