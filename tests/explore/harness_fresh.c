/* harness_fresh.c: a worker's children and their thieves, at scheduler/fresh.h.
 *
 * T threads: the owner, and thieves. The ring holds two, and at first none, one or both of its
 * places are taken. Each of the owner's K operations is any that it has: it adds a child, takes the
 * newest, or claims the first or the second child there ever was. A thief steals, K times.
 *
 * What must hold: no child is lost, none is taken twice, and who takes one sees it whole; a claim
 * that succeeds has got that very child. */
#include "tests/explore/fibers.h"
#include "tests/explore/harness.h"

#define FRESH_CAPACITY 2u
#include "scheduler/fresh.h"

static struct fresh_queue queue;
static _Atomic(struct fiber *) slots[FRESH_CAPACITY];
static int rounds;
static int made; /* the owner's, from setup on */

static void push(void)
{
	if (fresh_has_room(&queue))
		fresh_push(&queue, fiber_make(made++));
}

static void pop(void)
{
	struct fiber *fiber = fresh_pop(&queue);
	if (fiber)
		fiber_take(fiber);
}

static void claim(int number)
{
	if (fresh_claim(&queue, &fibers[number]))
		fiber_take(&fibers[number]);
}

static void owner(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++)
		switch (explore_choose(4)) {
		case 0:
			push();
			break;
		case 1:
			pop();
			break;
		case 2:
			claim(0);
			break;
		case 3:
			claim(1);
			break;
		}
}

static void thief(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++) {
		struct fiber *fiber = fresh_steal(&queue);
		if (fiber)
			fiber_take(fiber);
	}
}

static void setup(int threads, int operations)
{
	rounds = operations;
	queue = (struct fresh_queue){.slots = slots};
	fibers_reset();
	explore_name(&queue.oldest, sizeof queue.oldest, 1, "oldest");
	explore_name(&queue.newest, sizeof queue.newest, 1, "newest");
	explore_name(slots, sizeof slots[0], FRESH_CAPACITY, "slot");
	int first = explore_choose(FRESH_CAPACITY + 1);
	for (made = 0; made < first; made++)
		fresh_push(&queue, fiber_make(made));
	explore_thread(owner, 0);
	for (int i = 1; i < threads; i++)
		explore_thread(thief, i);
}

static void final(void)
{
	struct fiber *fiber;
	while ((fiber = fresh_pop(&queue)))
		fiber_take(fiber);
	explore_check(fresh_length(&queue) == 0);
	fibers_check();
}

const struct explore_harness harness = {"fresh", setup, final};
