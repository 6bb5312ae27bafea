/* harness_injection.c: the queue that all workers share, at scheduler/injection.h.
 *
 * T threads, each of whose K operations adds a fiber or takes one. A thread that has taken one adds
 * that one again, so that links of an earlier stay are met; else it makes a new one. At first the
 * queue is empty or holds one.
 *
 * What must hold: no fiber is lost, none is taken twice, and who takes one sees it whole. */
#include "scheduler/injection.h"
#include "tests/explore/harness.h"

enum { OPERATIONS = 4, WHOLE = 7, THE_FIRST = EXPLORER_THREADS };

static struct task {
	struct fiber fiber; /* the first: a fiber of the queue's is a task's */
	int payload;
	bool exists, held;
} tasks[EXPLORER_THREADS + 1][OPERATIONS];
static struct injection_queue queue;
static int rounds;

static struct task *make(int maker, int number)
{
	struct task *task = &tasks[maker][number];
	task->exists = true;
	task->payload = WHOLE;
	return task;
}

static struct task *take(void)
{
	struct task *task = (struct task *)(void *)injection_take(&queue);
	if (!task)
		return NULL;
	explore_check(task->payload == WHOLE);
	explore_check(!task->held);
	task->held = true;
	return task;
}

static void push(struct task *task)
{
	task->held = false;
	injection_push(&queue, &task->fiber);
}

static void worker(int number)
{
	struct task *held = NULL;
	for (int i = 0; i < rounds; i++)
		if (explore_choose(2)) {
			struct task *taken = take();
			held = taken ? taken : held;
		} else {
			push(held ? held : make(number, i));
			held = NULL;
		}
}

static void setup(int threads, int operations)
{
	rounds = operations < OPERATIONS ? operations : OPERATIONS;
	queue = (struct injection_queue){.first = NULL};
	for (int i = 0; i <= EXPLORER_THREADS; i++)
		for (int j = 0; j < OPERATIONS; j++)
			tasks[i][j] = (struct task){.exists = false};
	explore_name(&queue, sizeof queue, 1, "queue");
	explore_name(&queue.length, sizeof queue.length, 1, "length");
	if (explore_choose(2))
		push(make(THE_FIRST, 0));
	for (int i = 0; i < threads; i++)
		explore_thread(worker, i);
}

static void final(void)
{
	while (take())
		;
	explore_check(injection_length(&queue) == 0);
	for (int i = 0; i <= EXPLORER_THREADS; i++)
		for (int j = 0; j < OPERATIONS; j++)
			explore_check(tasks[i][j].exists == tasks[i][j].held);
}

const struct explore_harness harness = {"injection", setup, final};
