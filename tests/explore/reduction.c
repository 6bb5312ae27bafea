/* reduction.c: which orders of operations are one and the same, and which are still to be tried.
 *
 * Concepts. Two operations depend on each other if their order can matter: on one word, when one
 * of them writes it; or both in the one order of seq_cst, when one is a fence. Executions that
 * differ only in the order of others are the same. Two ways to leave the same ones out:
 *
 * Sleep sets. When all that begins with thread p at some choice has been tried, p need not be
 * picked first there again; nor after another operation that does not depend on p's. So p sleeps
 * in the executions that follow, until something depends on its operation.
 *
 * Partial order. A choice first tries one thread only. Each execution is looked through for races:
 * two operations that depend on each other and that nothing in between orders. For the other
 * order of such a pair, it is enough to begin, where the first of the two was picked, with some
 * thread whose next operation comes first in what is not ordered after that one. If none of these
 * is to be tried there yet, one is marked. (Source sets, after Abdulla, Aronis, Jonsson and
 * Sagonas, 2014.)
 *
 * A post that made a wait possible cannot come after it. A thread that waits for good has not done
 * its operation; its race with what was done is looked for all the same when the execution ends. */
#include <string.h>

#include "tests/explore/model.h"

static uint8_t bit(int thread)
{
	return (uint8_t)(1u << thread);
}

bool operations_depend(const struct operation *one, const struct operation *other)
{
	if (one->kind == OPERATION_FENCE || other->kind == OPERATION_FENCE)
		return one->sequential && other->sequential;
	return one->location == other->location &&
	       (operation_writes(one) || operation_writes(other));
}

uint8_t reduction_asleep_after(const struct choice *choice)
{
	uint8_t asleep = 0;
	uint8_t candidates =
		(choice->asleep | choice->tried) & (uint8_t)~bit(choice->thread);
	for (int i = 0; i < thread_count; i++)
		if ((candidates & bit(i)) &&
		    !operations_depend(&choice->next[i], &choice->operation))
			asleep |= bit(i);
	return asleep;
}

static void after_join(uint32_t *into, const uint32_t *from)
{
	for (int i = 0; i < thread_count; i++)
		if (from[i] > into[i])
			into[i] = from[i];
}

void reduction_order(const struct choice *path, int length, struct choice *choice)
{
	memset(choice->after, 0, sizeof choice->after);
	for (int i = 0; i < length; i++)
		if (!path[i].is_way &&
		    (path[i].thread == choice->thread ||
		     operations_depend(&path[i].operation, &choice->operation)))
			after_join(choice->after, path[i].after);
	choice->after[choice->thread] = (uint32_t)length + 1;
}

/* Whether `choice` cannot be moved before the one at `index`. */
static bool is_after(const struct choice *choice, const struct choice *path, int index)
{
	return choice->after[path[index].thread] > (uint32_t)index;
}

/* Whether nothing between `from` and `to`, but what is ordered after `from`, is before `choice`. */
static bool comes_first(const struct choice *path, int from, int to,
			const struct choice *choice)
{
	for (int i = from + 1; i < to; i++)
		if (!path[i].is_way && !is_after(&path[i], path, from) &&
		    is_after(choice, path, i))
			return false;
	return true;
}

/* The threads that may begin the order in which `choice` comes before the one at `index`. */
static uint8_t who_begins(const struct choice *path, int length, int index,
			  const struct choice *choice)
{
	uint8_t begin = 0;
	for (int i = index + 1; i < length; i++)
		if (!path[i].is_way && !is_after(&path[i], path, index) &&
		    comes_first(path, index, i, &path[i]))
			begin |= bit(path[i].thread);
	if (comes_first(path, index, length, choice))
		begin |= bit(choice->thread);
	return begin;
}

static void try_other_order(struct choice *path, int length, int index,
			    const struct choice *choice)
{
	struct choice *first = &path[index];
	uint8_t begin = who_begins(path, length, index, choice) & first->may_run;
	if (!begin)
		first->to_try |= first->may_run;
	else if (!(begin & (first->to_try | first->asleep)))
		first->to_try |= begin & (uint8_t)-begin; /* its lowest */
}

static bool can_be_swapped(const struct choice *first, const struct choice *second)
{
	return !(first->operation.kind == OPERATION_POST && !first->posted &&
		 (second->operation.kind == OPERATION_WAIT ||
		  second->operation.kind == OPERATION_REST));
}

/* What `choice` is after by its own thread's order alone. */
static void order_of_thread(const struct choice *path, int length, int thread,
			    uint32_t after[EXPLORER_THREADS])
{
	memset(after, 0, sizeof(uint32_t) * EXPLORER_THREADS);
	for (int i = length - 1; i >= 0; i--)
		if (!path[i].is_way && path[i].thread == thread) {
			after_join(after, path[i].after);
			return;
		}
}

void reduction_find_races(struct choice *path, int length, const struct choice *choice)
{
	uint32_t ordered[EXPLORER_THREADS];
	order_of_thread(path, length, choice->thread, ordered);
	for (int i = length - 1; i >= 0; i--) {
		struct choice *earlier = &path[i];
		if (earlier->is_way || earlier->thread == choice->thread ||
		    !operations_depend(&earlier->operation, &choice->operation))
			continue;
		if (!can_be_swapped(earlier, choice))
			continue; /* nor is it in between two others */
		bool in_between = ordered[earlier->thread] > (uint32_t)i;
		after_join(ordered, earlier->after);
		if (!in_between)
			try_other_order(path, length, i, choice);
	}
}
