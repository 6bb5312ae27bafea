/* start.h: what tries the timers of exercise 4.5.
 *
 * Two runs on a clock that is a number. In the long one, sleepers set timers, drop some of them
 * before they are due, and the rest is fired; each answer is compared with what looking at all of them
 * would say, and the looks are counted. The short one leaves a trace, as the runtime would write it.
 *
 * The words below are all that timers may use of a timer but `place`. */
#ifndef START_H
#define START_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "trace/trace.h"

#define SLEEPERS 512 /* timers at most, at one time */

struct timer {
	uint32_t place; /* yours: where it is, for one that is to be dropped */
	/* Ask timer_is_earlier and timer_is_due for these, who count. */
	uint64_t hidden_due;
	bool hidden_set;
};

struct timers {
	struct timer *slots[SLEEPERS]; /* yours, in whatever order */
	uint32_t count;
};

static uint64_t looks; /* at when a timer is due */

/* Whether one is due before the other. */
static inline bool timer_is_earlier(const struct timer *one, const struct timer *other)
{
	looks++;
	return one->hidden_due < other->hidden_due;
}

static inline bool timer_is_due(const struct timer *timer, uint64_t now)
{
	looks++;
	return timer->hidden_due <= now;
}

struct calls {
	void (*set)(struct timers *timers, struct timer *timer);
	void (*drop)(struct timers *timers, struct timer *timer);
	struct timer *(*take_due)(struct timers *timers, uint64_t now);
};

/* ---- leave the rest as it is ---- */

#define STEPS     20000
#define STEP_MAX  40   /* of the clock, in one step */
#define SLEEP_MAX 4000 /* the longest sleep */
#define LOOKS_MAX 20 /* for one call, on average; a look at all would take a hundred */

static struct timer sleepers[SLEEPERS];
static struct timers timers_here;
static uint64_t now_here, random_here = 1;
static uint64_t calls_made, longest_late;

static uint32_t next_random(uint32_t below)
{
	random_here = random_here * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_here >> 33) % below;
}

/* False, after saying so. */
static bool agree(bool right, const char *what, const struct timer *timer)
{
	if (!right && timer)
		printf("at %llu: %s: timer %d, due at %llu\n",
		       (unsigned long long)now_here, what, (int)(timer - sleepers),
		       (unsigned long long)timer->hidden_due);
	else if (!right)
		printf("at %llu: %s\n", (unsigned long long)now_here, what);
	return right;
}

static const struct timer *find_earliest(void)
{
	const struct timer *earliest = NULL;
	for (int i = 0; i < SLEEPERS; i++)
		if (sleepers[i].hidden_set &&
		    (!earliest || sleepers[i].hidden_due < earliest->hidden_due))
			earliest = &sleepers[i];
	return earliest;
}

static bool set_timer(const struct calls *calls, struct timer *timer, uint64_t due)
{
	timer->hidden_due = due;
	timer->hidden_set = true;
	calls_made++;
	calls->set(&timers_here, timer);
	return agree(timers_here.count <= SLEEPERS, "there are too many", NULL);
}

static void drop_timer(const struct calls *calls, struct timer *timer)
{
	timer->hidden_set = false;
	calls_made++;
	calls->drop(&timers_here, timer);
}

/* What was taken is what should have been. */
static bool judge_taken(struct timer *taken)
{
	const struct timer *earliest = find_earliest();
	bool due = earliest && earliest->hidden_due <= now_here;
	if (!taken)
		return agree(!due, "nothing is taken, but one is due", earliest);
	if (!agree(taken->hidden_set, "one is taken that is not set", taken) ||
	    !agree(taken->hidden_due <= now_here, "one is taken too early", taken) ||
	    !agree(taken->hidden_due == earliest->hidden_due,
		   "one is taken before an earlier one", taken))
		return false;
	if (now_here - taken->hidden_due > longest_late)
		longest_late = now_here - taken->hidden_due;
	taken->hidden_set = false;
	return true;
}

/* All that are due. */
static bool take_all_due(const struct calls *calls)
{
	struct timer *taken;
	do {
		calls_made++;
		taken = calls->take_due(&timers_here, now_here);
		if (!judge_taken(taken))
			return false;
	} while (taken);
	return true;
}

/* One step: a sleeper goes to sleep, or is woken by something else; time passes. */
static bool step(const struct calls *calls)
{
	struct timer *timer = &sleepers[next_random(SLEEPERS)];
	if (timer->hidden_set)
		drop_timer(calls, timer);
	else if (!set_timer(calls, timer, now_here + next_random(SLEEP_MAX)))
		return false;
	if (next_random(4) == 0)
		now_here += next_random(STEP_MAX);
	return take_all_due(calls);
}

/* ---- the short run ---- */

#define FIBERS 16

static struct trace_segment *segment;
static uint32_t records[FIBERS + 1]; /* of fiber i, and of the idle one in the first */

static uint32_t fiber_of(const struct timer *timer)
{
	return (uint32_t)(timer - sleepers) + 1;
}

static void record_switch(uint32_t to, uint32_t from, uint8_t reason)
{
	uint32_t idle = TRACE_IDLE_FIBERS;
	TRACE(segment, SWITCH, .arg = reason, .fiber = to ? to : idle,
	      .fiber_sequence = ++records[to], .peer = from ? from : idle,
	      .value = trace_pair(0, ++records[from]));
}

static void record_ready(uint32_t fiber)
{
	TRACE(segment, READY, .arg = TRACE_place_LOCAL, .fiber = fiber,
	      .fiber_sequence = ++records[fiber], .peer = TRACE_IDLE_FIBERS);
}

static bool fall_asleep(const struct calls *calls, struct timer *timer, uint64_t due)
{
	uint32_t fiber = fiber_of(timer);
	TRACE(segment, CREATE, .fiber = fiber, .fiber_sequence = ++records[fiber],
	      .peer = TRACE_IDLE_FIBERS);
	record_ready(fiber);
	record_switch(fiber, 0, TRACE_leave_IDLE);
	TRACE(segment, TIMER_SET, .arg = TRACE_clock_AWAKE, .fiber = fiber,
	      .fiber_sequence = ++records[fiber], .value = due);
	bool right = set_timer(calls, timer, due);
	record_switch(0, fiber, TRACE_leave_PARK);
	return right;
}

static void finish(uint32_t fiber)
{
	TRACE(segment, FINISH, .fiber = fiber, .fiber_sequence = ++records[fiber]);
	record_switch(0, fiber, TRACE_leave_FINISH);
	TRACE(segment, RECYCLE, .fiber = fiber, .fiber_sequence = ++records[fiber]);
}

static void be_woken(struct timer *timer)
{
	uint32_t fiber = fiber_of(timer);
	TRACE(segment, TIMER_FIRE, .arg = TRACE_clock_AWAKE, .fiber = fiber,
	      .fiber_sequence = ++records[fiber], .value = now_here);
	record_ready(fiber);
	record_switch(fiber, 0, TRACE_leave_IDLE);
	finish(fiber);
}

/* Somebody wants it to end early. */
static void be_canceled(const struct calls *calls, struct timer *timer)
{
	uint32_t fiber = fiber_of(timer);
	TRACE(segment, CANCEL_REQUEST, .fiber = TRACE_IDLE_FIBERS,
	      .fiber_sequence = ++records[0], .peer = fiber);
	record_ready(fiber);
	record_switch(fiber, 0, TRACE_leave_IDLE);
	drop_timer(calls, timer);
	TRACE(segment, TIMER_DROP, .fiber = fiber, .fiber_sequence = ++records[fiber]);
	TRACE(segment, CANCEL_ACK, .fiber = fiber, .fiber_sequence = ++records[fiber]);
	finish(fiber);
}

static bool run_short(const struct calls *calls)
{
	bool right = true;
	for (int i = 0; i < FIBERS && right; i++)
		right = fall_asleep(calls, &sleepers[i], 100 + next_random(100));
	for (int i = 0; i < FIBERS && right; i += 4)
		be_canceled(calls, &sleepers[i]);
	for (now_here = 100; now_here < 220 && right; now_here += 10) {
		struct timer *taken;
		while (right && (taken = calls->take_due(&timers_here, now_here))) {
			right = judge_taken(taken);
			if (fiber_of(taken) <= FIBERS)
				be_woken(taken);
		}
	}
	return right && agree(!find_earliest(), "one is never taken", find_earliest());
}

static bool try_short(const struct calls *calls)
{
	struct trace *trace;
	struct trace_message why;
	if (trace_open_from_environment(&trace, 1, 0, &why) != 0) {
		printf("%s\n", why.text);
		return false;
	}
	segment = trace_claim_worker(trace, 0);
	TRACE(segment, WORKER_START, .fiber = TRACE_IDLE_FIBERS,
	      .fiber_sequence = ++records[0]);
	bool right = run_short(calls);
	TRACE(segment, WORKER_STOP, .fiber = TRACE_IDLE_FIBERS,
	      .fiber_sequence = ++records[0]);
	trace_close(trace);
	return right;
}

static void forget_all(void)
{
	memset(&timers_here, 0, sizeof timers_here);
	memset(sleepers, 0, sizeof sleepers);
	now_here = looks = calls_made = longest_late = 0;
}

static bool try_long(const struct calls *calls)
{
	bool right = true;
	forget_all();
	for (int i = 0; i < STEPS && right; i++)
		right = step(calls);
	printf("%llu calls, %llu looks, at most %llu late\n",
	       (unsigned long long)calls_made, (unsigned long long)looks,
	       (unsigned long long)longest_late);
	if (right && looks > LOOKS_MAX * calls_made)
		printf("%llu looks for each call on average; %d are enough\n",
		       (unsigned long long)(looks / calls_made), LOOKS_MAX);
	return right && looks <= LOOKS_MAX * calls_made;
}

static int try_timers(const struct calls *calls)
{
	bool right = try_short(calls);
	right = right && try_long(calls);
	printf(right ? "never early, and late by no more than a step\n" : "not yet\n");
	return !right;
}

#endif
