/* runtime.h: the beginning and the end of a worker. */
#ifndef WEFT_SCHEDULER_RUNTIME_H
#define WEFT_SCHEDULER_RUNTIME_H

#include "scheduler/scheduler.h"

#define IDLE_FIBERS 0xFFFF0000u /* numbers of idle fibers begin here, as in traces */

/* worker.c */

/* Fills in a worker that is not born. -ENOMEM, and there is nothing to destroy. */
int worker_init(struct worker *worker, struct weft *io, uint32_t index,
		uint32_t warm_stacks);
void worker_destroy(struct worker *worker);

/* Starts its thread, which then parks. -EAGAIN: none can be had. */
int worker_start(struct worker *worker);

/* The calling thread becomes that worker, running the fiber that stands for its own stack. */
void worker_enter(struct worker *worker, uint32_t id, const char *name);
void worker_exit(struct worker *worker);

/* Gives worker 0 an idle fiber with a stack of its own; that of its thread is the main
 * fiber's. -ENOMEM. */
int worker_make_idle(struct worker *worker);

/* process.c: before a runtime is made, and around its life, by its main fiber. */

/* From now on a child of fork(2) is told that it has no runtime. -ENOMEM. */
int process_watch_forks(void);

void process_enter(struct weft *io);
void process_exit(struct weft *io);

#endif
