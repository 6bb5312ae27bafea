/* test_queues.c: what one thread sees of the four places where workers meet: its children, its
 * ready fibers, the queue for all, and the word of who sleeps. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "scheduler/fresh.h"
#include "scheduler/idle.h"
#include "scheduler/injection.h"
#include "scheduler/ready.h"
#include "scheduler/scheduler.h"

/* Fibers that nobody runs: only their addresses count. */
static struct fiber fibers[128];

/* ---- a worker's children ---- */

static struct fresh_queue *make_fresh(uint64_t index)
{
	static struct fresh_queue queue;
	queue.slots = calloc(FRESH_CAPACITY, sizeof *queue.slots);
	cr_assert_not_null(queue.slots);
	store_relaxed(&queue.oldest, index);
	store_relaxed(&queue.newest, index);
	return &queue;
}

static void push_fresh(struct fresh_queue *queue, int count)
{
	for (int i = 0; i < count; i++)
		fresh_push(queue, &fibers[i]);
}

Test(fresh, newest_first_for_the_owner)
{
	struct fresh_queue *queue = make_fresh(0);
	cr_assert_null(fresh_pop(queue));
	push_fresh(queue, 100);
	cr_assert_eq(fresh_length(queue), 100);
	for (int i = 99; i >= 0; i--)
		cr_assert_eq(fresh_pop(queue), &fibers[i]);
	cr_assert_null(fresh_pop(queue));
	cr_assert_eq(fresh_length(queue), 0);
}

Test(fresh, oldest_first_for_a_thief)
{
	struct fresh_queue *queue = make_fresh(0);
	cr_assert_null(fresh_steal(queue));
	push_fresh(queue, 100);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(fresh_steal(queue), &fibers[i]);
	cr_assert_null(fresh_steal(queue));
	cr_assert_null(fresh_pop(queue));
}

/* Owner and thief take all, each once, whoever gets the last one. */
Test(fresh, from_both_ends)
{
	for (int count = 0; count <= 10; count++)
		for (int stolen = 0; stolen <= count; stolen++) {
			struct fresh_queue *queue = make_fresh(UINT64_C(1) << 40);
			push_fresh(queue, count);
			for (int i = 0; i < stolen; i++)
				cr_assert_eq(fresh_steal(queue), &fibers[i]);
			for (int i = count - 1; i >= stolen; i--)
				cr_assert_eq(fresh_pop(queue), &fibers[i]);
			cr_assert_null(fresh_pop(queue));
			cr_assert_null(fresh_steal(queue));
			fresh_push(queue, &fibers[0]);
			cr_assert_eq(fresh_pop(queue), &fibers[0], "it still works");
			free(queue->slots);
		}
}

Test(fresh, claims_either_end_and_nothing_between)
{
	struct fresh_queue *queue = make_fresh(7);
	cr_assert_not(fresh_claim(queue, &fibers[0]), "empty");
	push_fresh(queue, 4);
	cr_assert_not(fresh_claim(queue, &fibers[1]));
	cr_assert_not(fresh_claim(queue, &fibers[2]));
	cr_assert_not(fresh_claim(queue, &fibers[9]), "was never there");
	cr_assert_eq(fresh_length(queue), 4, "nothing is taken");
	cr_assert(fresh_claim(queue, &fibers[3]), "the newest");
	cr_assert(fresh_claim(queue, &fibers[0]), "the oldest");
	cr_assert_not(fresh_claim(queue, &fibers[0]), "it is gone");
	cr_assert_not(fresh_claim(queue, &fibers[3]));
	cr_assert_eq(fresh_steal(queue), &fibers[1]);
	cr_assert(fresh_claim(queue, &fibers[2]), "the only one");
	cr_assert_null(fresh_pop(queue));
}

/* Full is full, wherever the ring begins; what is taken at either end makes room. */
Test(fresh, fills_and_wraps_around)
{
	struct fresh_queue *queue = make_fresh(UINT64_MAX - FRESH_CAPACITY / 2);
	for (int round = 0; round < 3; round++) {
		uint32_t count = 0;
		for (; fresh_has_room(queue); count++)
			fresh_push(queue, &fibers[count % 128]);
		cr_assert_eq(count, FRESH_CAPACITY);
		cr_assert_eq(fresh_length(queue), FRESH_CAPACITY);
		cr_assert_eq(fresh_steal(queue), &fibers[0]);
		cr_assert(fresh_has_room(queue));
		fresh_push(queue, &fibers[5]);
		cr_assert_not(fresh_has_room(queue));
		cr_assert_eq(fresh_pop(queue), &fibers[5]);
		cr_assert(fresh_has_room(queue));
		for (uint32_t i = 1; i < FRESH_CAPACITY; i++)
			cr_assert_eq(fresh_steal(queue), &fibers[i % 128], "%u", i);
		cr_assert_null(fresh_steal(queue));
	}
}

/* ---- a worker's ready fibers ---- */

static void make_ready(struct ready_queue *queue, uint64_t index)
{
	queue->slots = calloc(READY_CAPACITY, sizeof *queue->slots);
	cr_assert_not_null(queue->slots);
	store_relaxed(&queue->first, index);
	store_relaxed(&queue->last, index);
}

Test(ready, in_order_of_arrival)
{
	static struct ready_queue queue;
	make_ready(&queue, 0);
	cr_assert_null(ready_pop(&queue));
	for (int i = 0; i < 100; i++)
		ready_push(&queue, &fibers[i]);
	cr_assert_eq(ready_length(&queue), 100);
	cr_assert_eq(ready_peek(&queue), &fibers[0]);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(ready_pop(&queue), &fibers[i]);
	cr_assert_null(ready_pop(&queue));
	cr_assert_eq(ready_length(&queue), 0);
}

Test(ready, fills_and_wraps_around)
{
	static struct ready_queue queue;
	make_ready(&queue, UINT64_MAX - READY_CAPACITY / 2);
	for (int round = 0; round < 3; round++) {
		uint32_t count = 0;
		for (; ready_has_room(&queue); count++)
			ready_push(&queue, &fibers[count % 128]);
		cr_assert_eq(count, READY_CAPACITY);
		cr_assert_eq(ready_length(&queue), READY_CAPACITY);
		for (uint32_t i = 0; i < READY_CAPACITY; i++)
			cr_assert_eq(ready_pop(&queue), &fibers[i % 128], "%u", i);
		cr_assert_null(ready_pop(&queue));
	}
}

/* The thief gets the first half, the larger if there are two; the owner keeps the rest; both in
 * order. Where either ring begins does not matter. */
static void assert_half_is_stolen(uint64_t of_victim, uint64_t of_thief,
				  uint32_t length)
{
	static struct ready_queue victim, mine;
	uint32_t count = 77, half = length - length / 2;
	make_ready(&victim, of_victim);
	make_ready(&mine, of_thief);
	for (uint32_t i = 0; i < length; i++)
		ready_push(&victim, &fibers[i]);
	if (half > READY_BATCH)
		half = READY_BATCH;
	struct fiber *first = ready_grab(&victim, &mine, &count);
	cr_assert_eq(count, half, "of %u: %u", length, count);
	cr_assert_eq(first, length > 0 ? &fibers[0] : NULL);
	cr_assert_eq(ready_length(&mine), 0, "not shown yet");
	for (uint32_t i = 0; i + 1 < count; i++)
		cr_assert_eq(ready_taken(&mine, i), &fibers[i + 1]);
	if (count > 0)
		ready_show(&mine, count - 1);
	for (uint32_t i = 1; i < count; i++)
		cr_assert_eq(ready_pop(&mine), &fibers[i]);
	cr_assert_null(ready_pop(&mine));
	for (uint32_t i = half; i < length; i++)
		cr_assert_eq(ready_pop(&victim), &fibers[i]);
	cr_assert_null(ready_pop(&victim));
	free(victim.slots);
	free(mine.slots);
}

Test(ready, a_thief_takes_half)
{
	const uint64_t begins[] = {0, 1, READY_CAPACITY - 3, UINT64_MAX - 2};
	for (uint32_t length = 0; length <= 10; length++)
		for (int v = 0; v < 4; v++)
			for (int t = 0; t < 4; t++)
				assert_half_is_stolen(begins[v], begins[t], length);
}

Test(ready, a_thief_takes_no_more_than_a_batch)
{
	assert_half_is_stolen(0, 0, 2 * READY_BATCH - 1);
	assert_half_is_stolen(5, READY_CAPACITY - 5, 2 * READY_BATCH);
}

/* ---- the queue for all ---- */

Test(injection, in_order_of_arrival)
{
	static struct injection_queue queue;
	for (int round = 0; round < 3; round++) {
		cr_assert_null(injection_take(&queue));
		for (int i = 0; i < 100; i++) {
			injection_push(&queue, &fibers[i]);
			cr_assert_eq(injection_length(&queue), (uint32_t)i + 1);
		}
		for (int i = 0; i < 100; i++) {
			cr_assert_eq(injection_take(&queue), &fibers[i]);
			cr_assert_eq(injection_length(&queue), 99 - (uint32_t)i);
		}
	}
}

Test(injection, one_in_one_out)
{
	static struct injection_queue queue;
	injection_push(&queue, &fibers[0]);
	for (int i = 1; i < 100; i++) {
		injection_push(&queue, &fibers[i]);
		cr_assert_eq(injection_take(&queue), &fibers[i - 1]);
	}
	cr_assert_eq(injection_take(&queue), &fibers[99]);
	cr_assert_null(injection_take(&queue));
}

/* ---- who sleeps and who searches ---- */

/* The functions tried here wake nobody. */
static uint64_t word_after(uint64_t word, bool *answer,
			   bool (*change)(struct idle *idle, uint32_t index),
			   uint32_t index)
{
	static struct idle idle;
	store_relaxed(&idle.word, word);
	*answer = change(&idle, index);
	return load_relaxed(&idle.word);
}

Test(idle, falling_asleep)
{
	bool last;
	cr_assert_eq(word_after(1, &last, idle_fall_asleep, 0), IDLE_ASLEEP(0));
	cr_assert(last);
	cr_assert_eq(word_after(2, &last, idle_fall_asleep, 3), IDLE_ASLEEP(3) + 1);
	cr_assert_not(last, "one more searches");
	cr_assert_eq(word_after(IDLE_ASLEEP(2) + 1, &last, idle_fall_asleep,
				IDLE_WORKERS_MAX - 1),
		     IDLE_ASLEEP(IDLE_WORKERS_MAX - 1) | IDLE_ASLEEP(2));
	cr_assert(last, "the others sleep");
}

Test(idle, getting_up)
{
	bool by_itself;
	uint64_t top = IDLE_ASLEEP(IDLE_WORKERS_MAX - 1);
	cr_assert_eq(word_after(IDLE_ASLEEP(1), &by_itself, idle_get_up, 1), 1);
	cr_assert(by_itself);
	cr_assert_eq(word_after(top | IDLE_ASLEEP(1), &by_itself, idle_get_up,
				IDLE_WORKERS_MAX - 1),
		     IDLE_ASLEEP(1) + 1);
	cr_assert(by_itself);
	cr_assert_eq(word_after(top + 1, &by_itself, idle_get_up, 1), top + 1);
	cr_assert_not(by_itself, "a waker was faster");
}

/* All may search at once, and the count does not run into the mask. */
Test(idle, as_many_searchers_as_workers)
{
	static struct idle idle;
	for (int i = 0; i < IDLE_WORKERS_MAX; i++)
		idle_begin_search(&idle);
	cr_assert_eq(load_relaxed(&idle.word), IDLE_WORKERS_MAX);
	for (uint32_t i = 0; i < IDLE_WORKERS_MAX; i++)
		cr_assert_eq(idle_fall_asleep(&idle, i), i == IDLE_WORKERS_MAX - 1);
	cr_assert_eq(load_relaxed(&idle.word), UINT64_MAX << 8);
}

/* ---- more than the rings hold ---- */

enum { MANY = 70000, TURNS = 3 };

static _Atomic int ended;

static void end_at_once(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	++*(uint8_t *)result;
	fetch_add_relaxed(&ended, 1); /* a counter */
}

static void yield_a_few_times(struct weft *io, const void *context, void *result)
{
	for (int i = 0; i < TURNS; i++)
		weft_yield(io);
	end_at_once(io, context, result);
}

/* Returns how many waited in the queue for all when the last one was made. */
static uint32_t run_many(struct weft *io, weft_function *function)
{
	static struct weft_future futures[MANY];
	static uint8_t ran[MANY];
	for (int i = 0; i < MANY; i++) {
		ran[i] = 0;
		int error =
			weft_concurrent(io, &futures[i], function, NULL, 0, &ran[i]);
		cr_assert_eq(error, 0, "fiber %d: %s", i, weft_shortage(io));
	}
	uint32_t injected = injection_length(&io->injection);
	for (int i = 0; i < MANY; i++) {
		weft_await(io, &futures[i]);
		cr_assert_eq(ran[i], 1, "fiber %d", i);
	}
	return injected;
}

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	/* Without guards, so that no limit on mappings counts. */
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers,
							   .stack_size = 16384,
							   .guard = WEFT_GUARD_NONE}),
		     0);
	return io;
}

Test(overflow, children_that_do_not_fit_wait_for_all)
{
	struct weft *io = begin(1);
	cr_assert_eq(run_many(io, end_at_once), MANY - FRESH_CAPACITY);
	cr_assert_eq(load_relaxed(&ended), MANY);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(overflow, so_do_those_that_yield)
{
	struct weft *io = begin(1);
	cr_assert_eq(run_many(io, yield_a_few_times), MANY - FRESH_CAPACITY);
	cr_assert_eq(load_relaxed(&ended), MANY);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(overflow, with_thieves)
{
	struct weft *io = begin(4);
	(void)run_many(io, yield_a_few_times);
	cr_assert_eq(load_relaxed(&ended), MANY);
	cr_assert_eq(weft_deinit(io), 0);
}
