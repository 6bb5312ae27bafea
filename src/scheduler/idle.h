/* idle.h: how a worker with nothing to run searches, sleeps and is woken, so that no fiber is
 * ready while all sleep.
 *
 * Concepts. One word says how many workers search, and which are asleep. Whoever shows a fiber
 * in a queue wakes one that is asleep, unless one searches already; a searcher that finds
 * something wakes the next, if there may be more. A worker that is woken is counted as a searcher
 * by its waker, so that the next publisher need not wake another.
 *
 * States of a worker, and who makes each transition:
 *
 *   running -- idle_begin_search --> searching -- idle_search finds a fiber --> running
 *   searching -- idle_fall_asleep --> asleep -- idle_wake_one, idle_publish_to --> searching
 *                                     asleep -- idle_get_up, by itself --> searching
 *
 * Asleep is one state to this file. Whether the thread waits for its waker or for the kernel's
 * events is idle_park's business (park.c). A worker that is not born is asleep, too: to wake it
 * is to start its thread.
 *
 * Why nothing is left behind. A publisher shows its fiber, then reads the word; a searcher that
 * gives up changes the word, then looks into the queues, with a fence between on both sides. So
 * either the publisher sees that nobody searches any more, and wakes a sleeper; or the searcher
 * sees the fiber. It is enough that the last searcher looks: whoever gave up before it left
 * one that still searched. For the same reason the last one to leave with a find looks for more.
 *
 * This file touches its word and the hooks below, so that all interleavings of it can be tried
 * as it is.
 *
 * Rejected: a pointer that is NULL while a worker is idle, as in the original: it was also NULL
 * while the worker ran its last fiber, and work was handed to the busy (Kqueue.zig:236). A count
 * of sleepers and a list of them: two places have states between them. Waking for every fiber:
 * the one that searches will find it. */
#ifndef WEFT_SCHEDULER_IDLE_H
#define WEFT_SCHEDULER_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

#define IDLE_WORKERS_MAX   56 /* a bit for each, beside eight bits of a count */
#define IDLE_SEARCHER      UINT64_C(1)
#define IDLE_SEARCHERS     UINT64_C(0xFF)
#define IDLE_ASLEEP(index) (UINT64_C(0x100) << (index))

struct fiber;
struct worker;

struct idle {
	/* How many workers search | those asleep << 8. Any thread. */
	_Alignas(64) _Atomic uint64_t word;
};

/* Why a worker is woken, or goes on by itself; the numbers are those of the trace's choice
 * "wake". */
enum idle_reason {
	IDLE_WORK = 1,
	IDLE_MORE = 2,
	IDLE_PINNED = 3,
	IDLE_DEADLINE = 4,
	IDLE_EVENT = 5, /* by itself: the poller had something */
	IDLE_STOP = 6,
	IDLE_RESCAN = 7, /* by itself */
};

/* ---- hooks ---- */

/* Looks into every queue for a while; a fiber that is now the worker's, or NULL. */
struct fiber *idle_search(struct worker *worker);

/* Whether there is something in any queue that the worker may take; in that for it alone, if not
 * `all`. Called after a fence. */
bool idle_sees(struct worker *worker, bool all);

/* Whether there is something for another worker to do. Called after a fence. */
bool idle_sees_more(struct idle *idle);

/* Waits for idle_wake, which may have come already: returns its reason. If `polls`, it may also
 * return IDLE_EVENT or IDLE_RESCAN, by itself. */
enum idle_reason idle_park(struct worker *worker, bool polls);

/* The worker with that index goes on, now or when it parks next; once for each call. */
void idle_wake(struct idle *idle, uint32_t index, enum idle_reason why);

/* ---- by whoever has something to do ---- */

/* Makes that worker a searcher, if it is asleep; false if it was not. `word` is what the word was,
 * or is. */
static inline bool idle_rouse(struct idle *idle, uint64_t *word, uint32_t index)
{
	while (*word & IDLE_ASLEEP(index))
		/* One order with idle_fall_asleep. Pairs with: idle_get_up. */
		if (cas_seq_cst(&idle->word, word,
				(*word & ~IDLE_ASLEEP(index)) + IDLE_SEARCHER))
			return true;
	return false;
}

/* Wakes one that is asleep, unless one searches. */
static inline void idle_wake_one(struct idle *idle, enum idle_reason why)
{
	uint64_t word =
		load_seq_cst(&idle->word); /* one order: the fence's. Pairs with:
						      idle_fall_asleep */
	while (word > IDLE_SEARCHERS && !(word & IDLE_SEARCHERS)) {
		uint32_t index = (uint32_t)__builtin_ctzll(word >> 8);
		uint64_t roused = (word & ~IDLE_ASLEEP(index)) + IDLE_SEARCHER;
		/* One order with idle_fall_asleep. Pairs with: idle_get_up. */
		if (cas_seq_cst(&idle->word, &word, roused)) {
			idle_wake(idle, index, why);
			return;
		}
	}
}

/* After a fiber was shown in a queue. */
static inline void idle_publish(struct idle *idle, enum idle_reason why)
{
	/* The fiber is shown before the word is read. Pairs with: idle_fall_asleep,
	 * idle_leave_search. */
	fence_seq_cst();
	/* Relaxed: the fence orders it. */
	uint64_t word = load_relaxed(&idle->word);
	if (__builtin_expect(word > IDLE_SEARCHERS && !(word & IDLE_SEARCHERS), 0))
		idle_wake_one(idle, why);
}

/* After something was shown that only that worker sees to. */
static inline void idle_publish_to(struct idle *idle, uint32_t index,
				   enum idle_reason why)
{
	/* As in idle_publish. Pairs with: idle_fall_asleep. */
	fence_seq_cst();
	uint64_t word = load_relaxed(&idle->word);
	if (idle_rouse(idle, &word, index))
		idle_wake(idle, index, why);
}

/* ---- by a worker with nothing to run ---- */

static inline void idle_begin_search(struct idle *idle)
{
	/* Relaxed: a publisher that sees it a moment too late wakes somebody for nothing. */
	(void)fetch_add_relaxed(&idle->word, IDLE_SEARCHER);
}

/* A searcher has found something, or could not be started. */
static inline void idle_leave_search(struct idle *idle)
{
	/* One order: the word is changed before the queues are looked at. Pairs with:
	 * idle_publish. */
	uint64_t word = fetch_add_seq_cst(&idle->word, -IDLE_SEARCHER);
	if ((word & IDLE_SEARCHERS) > 1 || word <= IDLE_SEARCHERS)
		return;
	fence_seq_cst();
	if (idle_sees_more(idle))
		idle_wake_one(idle, IDLE_MORE);
}

/* A searcher gives up; returns whether it was the last. */
static inline bool idle_fall_asleep(struct idle *idle, uint32_t index)
{
	/* One order: the word is changed before the queues are looked at again. Pairs with:
	 * idle_publish, idle_publish_to. */
	uint64_t word =
		fetch_add_seq_cst(&idle->word, IDLE_ASLEEP(index) - IDLE_SEARCHER);
	fence_seq_cst();
	return (word & IDLE_SEARCHERS) == 1;
}

/* By itself. False: a waker was faster, and its idle_wake has come or will. */
static inline bool idle_get_up(struct idle *idle, uint32_t index)
{
	uint64_t word = load_relaxed(&idle->word); /* a guess; the CAS verifies it */
	return idle_rouse(idle, &word, index);
}

/* Sleeps until there may be something to do; returns IDLE_STOP, or another reason, and the worker
 * is a searcher. */
static inline enum idle_reason idle_sleep(struct idle *idle, struct worker *worker,
					  uint32_t index)
{
	enum idle_reason why = IDLE_RESCAN;
	bool last = idle_fall_asleep(idle, index);
	if (!idle_sees(worker, last))
		why = idle_park(worker, true);
	if ((why == IDLE_RESCAN || why == IDLE_EVENT) && !idle_get_up(idle, index))
		why = idle_park(worker, false);
	return why;
}

/* What a worker does that has nothing to run, and is counted as a searcher: by itself
 * (idle_begin_search), or by who woke it. Returns a fiber that is its own, or NULL when the runtime
 * ends. */
static inline struct fiber *idle_run(struct idle *idle, struct worker *worker,
				     uint32_t index)
{
	for (;;) {
		struct fiber *fiber = idle_search(worker);
		if (fiber) {
			idle_leave_search(idle);
			return fiber;
		}
		if (idle_sleep(idle, worker, index) == IDLE_STOP)
			return NULL;
	}
}

#endif
