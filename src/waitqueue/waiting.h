/* waiting.h: what a runtime has for its waits: the timers of each worker, its descriptors, its
 * helper threads, its signals. Made by the first call that needs any of it, so that the
 * scheduler, below, need not know it. */
#ifndef WEFT_WAITQUEUE_WAITING_H
#define WEFT_WAITQUEUE_WAITING_H

#include "waitqueue/descriptor.h"
#include "waitqueue/offload.h"
#include "waitqueue/signal.h"
#include "waitqueue/timers.h"

struct waiting {
	struct descriptors descriptors;
	struct offload_pool offload;
	struct signals signals;
	struct timer_heap heaps[]; /* one for each worker; see timers.h */
};

#endif
