/* harness_rendezvous.c: ends and their awaiters, at future/rendezvous.h.
 *
 * T threads in a chain: each but the last is awaited by the next, and ends when it has awaited the
 * one before, K times, at a new rendezvous each. The two sides of a meeting come the long way; or
 * by the short cut, where the awaiter holds the other until it has said whom it expects. Each side
 * chooses what it does on its way: the awaiter may look first, the other may look for its awaiter
 * and tell it.
 *
 * What must hold: an awaiter that parks is woken once, after the end, and one that does not is not
 * woken; it then sees what the other wrote; whoever wakes sees the awaiter whole. */
#include "future/rendezvous.h"
#include "tests/explore/harness.h"

enum { MEETINGS = 3 };

struct awaiter {
	bool whole; /* written before it parks, read by whoever wakes it */
	bool parks;
	int woken;
	struct explore_semaphore semaphore;
};

static struct meeting {
	struct rendezvous rendezvous;
	struct awaiter awaiter;
	bool by_short_cut;
	struct explore_semaphore may_run; /* of the short cut */
	int result;                       /* written before the end */
} meetings[EXPLORER_THREADS][MEETINGS];
static int links, rounds;

static void wake(struct awaiter *awaiter)
{
	explore_check(awaiter->whole);
	awaiter->woken++;
	explore_post(&awaiter->semaphore);
}

static void park(struct awaiter *awaiter)
{
	awaiter->parks = true;
	explore_wait(&awaiter->semaphore);
}

static void await_by_short_cut(struct meeting *meeting)
{
	meeting->awaiter.whole = true;
	rendezvous_expect(&meeting->rendezvous, &meeting->awaiter);
	explore_post(&meeting->may_run);
	park(&meeting->awaiter);
}

static void await_end(struct meeting *meeting)
{
	if (explore_choose(2) && rendezvous_is_finished(&meeting->rendezvous))
		return;
	meeting->awaiter.whole = true;
	if (rendezvous_park(&meeting->rendezvous, &meeting->awaiter))
		park(&meeting->awaiter);
}

static int await_result(struct meeting *meeting)
{
	if (meeting->by_short_cut)
		await_by_short_cut(meeting);
	else
		await_end(meeting);
	explore_check(rendezvous_is_finished(&meeting->rendezvous));
	return meeting->result;
}

static void end(struct meeting *meeting, int result)
{
	struct awaiter *awaiter = NULL;
	if (meeting->by_short_cut)
		explore_wait(&meeting->may_run);
	meeting->result = result;
	if (explore_choose(2))
		awaiter = rendezvous_peek(&meeting->rendezvous);
	if (awaiter)
		rendezvous_tell(&meeting->rendezvous);
	else
		awaiter = rendezvous_finish(&meeting->rendezvous);
	if (awaiter)
		wake(awaiter);
}

/* The number of a link is what it gives as its result. */
static void chain_link(int number)
{
	for (int i = 0; i < rounds; i++) {
		if (number > 0)
			explore_check(await_result(&meetings[number - 1][i]) == number);
		if (number < links - 1)
			end(&meetings[number][i], number + 1);
	}
}

static void setup(int threads, int operations)
{
	links = threads;
	rounds = operations < MEETINGS ? operations : MEETINGS;
	explore_name(meetings, sizeof meetings[0][0], EXPLORER_THREADS * MEETINGS,
		     "meeting");
	for (int i = 0; i < links - 1; i++)
		for (int j = 0; j < rounds; j++) {
			struct meeting *meeting = &meetings[i][j];
			*meeting = (struct meeting){.by_short_cut = explore_choose(2)};
			rendezvous_init(&meeting->rendezvous);
		}
	for (int i = 0; i < links; i++)
		explore_thread(chain_link, i);
}

static void final(void)
{
	for (int i = 0; i < links - 1; i++)
		for (int j = 0; j < rounds; j++) {
			struct awaiter *awaiter = &meetings[i][j].awaiter;
			explore_check(awaiter->woken == awaiter->parks);
			explore_check(!awaiter->semaphore.posted);
		}
}

const struct explore_harness harness = {"rendezvous", setup, final};
