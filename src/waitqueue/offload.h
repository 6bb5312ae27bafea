/* offload.h: the threads that make calls which block.
 *
 * States of a helper, each a place in the pool's array, and who makes each transition:
 *
 *   none  -- start_helper, when a job comes and no helper is idle --> live
 *   live  -- its own thread, idle for so long, or told to stop --> ended
 *   ended -- start_helper, offload_close join it --> none
 *
 * Rejected: a thread for each call: it costs as much as many calls; a pool of fixed size: it is too
 * large for most programs, or too small; an unbounded one. */
#ifndef WEFT_WAITQUEUE_OFFLOAD_H
#define WEFT_WAITQUEUE_OFFLOAD_H

#include <pthread.h>

#include "waitqueue/job.h"
#include "waitqueue/waitqueue.h"

#ifndef OFFLOAD_IDLE_NS
#define OFFLOAD_IDLE_NS 1000000000 /* a helper without a job ends after this */
#endif

enum helper_state { HELPER_NONE, HELPER_LIVE, HELPER_ENDED };

struct helper {
	struct weft *io;               /* set once */
	pthread_t thread;              /* unless `state` is NONE */
	enum helper_state state;       /* under the pool's mutex */
	struct trace_segment *segment; /* its own, and the next one's in this place */
};

struct offload_pool {
	pthread_mutex_t mutex; /* for the rest */
	pthread_cond_t comes;  /* a job, or the end */
	struct job_queue queue;
	struct helper *helpers; /* io->helpers places; NULL before the first call */
	uint32_t live, idle;    /* helpers; idle: of those, without a job */
	uint32_t running;       /* calls */
	bool stops;
	/* For the trace, under the mutex. */
	struct waiters_home home;
};

int offload_init(struct offload_pool *pool);

/* Ends the helpers, whose calls have all returned. */
void offload_close(struct weft *io, struct offload_pool *pool);

/* How many calls are being made. */
uint32_t offload_running(struct offload_pool *pool);

#endif
