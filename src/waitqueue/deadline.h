/* deadline.h: the deadlines that a fiber is in.
 *
 * A fiber's scopes are a list, the innermost first, in storage of the program's, which lies on the
 * fiber's stack as a rule. While the fiber runs they are its own. While it is parked, whoever holds
 * the lock of the heap in which its timer is set may read them: the fiber drops its timer, under
 * that lock, before it goes on. */
#ifndef WEFT_WAITQUEUE_DEADLINE_H
#define WEFT_WAITQUEUE_DEADLINE_H

#include "waitqueue/timers.h"
#include "waitqueue/waitqueue.h"

/* A deadline of a clock that can be set is looked at so often. */
#define DEADLINE_LOOK_NS UINT64_C(1000000000)

/* Deadlines that are looked at together, at most: a worker looks each BUDGET switches, so it keeps
 * up with as many as it can run. */
#define DEADLINES_AT_ONCE (BUDGET + 3)

/* Sets the timer of a fiber that is about to park, for the nearest of its deadlines. Returns whether
 * it was set. */
bool deadline_set(struct worker *worker, struct fiber *fiber, uint64_t key);

/* After the wait. outcome: how it ended. */
void deadline_drop(struct worker *worker, struct fiber *fiber,
		   enum ticket_state outcome);

/* Before a fiber that was timed out is made ready, by whoever does so, or by itself. */
void deadline_record_fire(struct worker *worker, struct fiber *fiber);

/* The deadline that passed first of those that have, or NULL; *now_ns: what its clock says. */
struct weft_deadline *deadline_find_passed(struct weft_deadline *innermost,
					   int64_t *now_ns);

/* The same, of the running fiber. */
struct weft_deadline *deadline_passed(const struct fiber *fiber);

/* The hooks' parts; see struct scheduler_hooks. */
uint64_t deadline_next(struct weft *io, struct waiting *waiting);
void deadline_expire(struct worker *worker, struct waiting *waiting, uint64_t now_ns);

#endif
