/* runtime.h: what scheduler.c and runtime.c share of a worker's beginning and end. */
#ifndef WEFT_SCHEDULER_RUNTIME_H
#define WEFT_SCHEDULER_RUNTIME_H

#include "scheduler/scheduler.h"

/* What a worker's idle fiber runs: other fibers, until the runtime stops. */
void scheduler_idle(struct worker *worker);

#endif
