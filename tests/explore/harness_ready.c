/* harness_ready.c: workers' rings of woken fibers, at scheduler/ready.h.
 *
 * T threads, each a worker with a ring of its own, which holds four; a thief takes two at most.
 * Worker 0 has none to three fibers at first, and each of its K operations adds one or takes one.
 * The others are thieves: K times they grab from another's ring, any other's, and run the first of
 * what they got; the rest they show, and take one of it if it is still there.
 *
 * What must hold: no fiber is lost, none is taken twice, who takes one sees it whole; worker 0
 * takes its own in the order in which it added them. */
#include "tests/explore/fibers.h"
#include "tests/explore/harness.h"

#define READY_CAPACITY 4u
#define READY_BATCH    2u
#include "scheduler/ready.h"

static struct ready_queue rings[EXPLORER_THREADS];
static _Atomic(struct fiber *) slots[EXPLORER_THREADS][READY_CAPACITY];
static int workers, rounds;
static int made;               /* worker 0's, from setup on */
static struct fiber *last_own; /* that worker 0 took */

static void take_own(void)
{
	struct fiber *fiber = ready_pop(&rings[0]);
	if (!fiber)
		return;
	explore_check(!last_own || fiber > last_own);
	last_own = fiber;
	fiber_take(fiber);
}

static void owner(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++)
		if (explore_choose(2))
			take_own();
		else if (ready_has_room(&rings[0]))
			ready_push(&rings[0], fiber_make(made++));
}

static int choose_victim(int thief)
{
	int other = explore_choose(workers - 1);
	return other + (other >= thief);
}

static void steal(struct ready_queue *mine, struct ready_queue *victim)
{
	uint32_t count;
	struct fiber *fiber = ready_grab(victim, mine, &count);
	if (!fiber)
		return;
	for (uint32_t i = 0; i + 1 < count; i++)
		explore_check(ready_taken(mine, i)->payload == FIBER_WHOLE);
	ready_show(mine, count - 1);
	fiber_take(fiber);
	fiber = ready_pop(mine);
	if (fiber)
		fiber_take(fiber);
}

static void thief(int number)
{
	for (int i = 0; i < rounds; i++)
		steal(&rings[number], &rings[choose_victim(number)]);
}

static void setup(int threads, int operations)
{
	workers = threads;
	rounds = operations;
	last_own = NULL;
	fibers_reset();
	for (int i = 0; i < threads; i++)
		rings[i] = (struct ready_queue){.slots = slots[i]};
	explore_name(rings, sizeof rings[0], threads, "ring");
	explore_name(slots, sizeof slots[0], threads, "slots of ring");
	int first = explore_choose(READY_CAPACITY);
	for (made = 0; made < first; made++)
		ready_push(&rings[0], fiber_make(made));
	explore_thread(owner, 0);
	for (int i = 1; i < threads; i++)
		explore_thread(thief, i);
}

static void final(void)
{
	for (int i = 0; i < workers; i++) {
		struct fiber *fiber;
		while ((fiber = ready_pop(&rings[i])))
			fiber_take(fiber);
		explore_check(ready_length(&rings[i]) == 0);
	}
	fibers_check();
}

const struct explore_harness harness = {"ready", setup, final};
