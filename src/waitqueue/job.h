/* job.h: calls that block, waiting for a helper thread, in one.
 *
 * Concepts. A job lies on the stack of the fiber that offloads a call. A helper takes the oldest,
 * makes the call, and claims the fiber's ticket. A fiber that is canceled before that takes its job
 * back; one whose call has begun has to wait for it, since the call uses the fiber's stack: it opens
 * a second wait that hears nothing, and gives its key to the job.
 *
 *   queued -- job_take, by a helper --> running -- job_finish, by the helper --> done
 *   queued -- job_withdraw, by the fiber --> withdrawn
 *
 * All under the pool's lock, which is free while the call is made. This file touches jobs and
 * tickets; so all interleavings of it can be tried as it is, with any lock. */
#ifndef WEFT_WAITQUEUE_JOB_H
#define WEFT_WAITQUEUE_JOB_H

#include <stddef.h>

#include "waitqueue/ticket.h"

struct fiber;

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_DONE,
	JOB_WITHDRAWN,
};

/* Written by its fiber before it is pushed; from then on under the lock. */
struct job {
	void (*function)(void *argument);
	void *argument;
	struct fiber *fiber;
	uint32_t id; /* of its life */
	struct ticket *ticket;
	uint64_t key; /* of the wait that the fiber is in now */
	enum job_state state;
	struct job *next, *previous;
};

/* The oldest first. Under the lock. */
struct job_queue {
	struct job *first, *last;
	uint32_t length;
};

static inline void job_push(struct job_queue *queue, struct job *job)
{
	job->state = JOB_QUEUED;
	job->next = NULL;
	job->previous = queue->last;
	*(queue->last ? &queue->last->next : &queue->first) = job;
	queue->last = job;
	queue->length++;
}

static inline void job_unlink(struct job_queue *queue, struct job *job)
{
	*(job->next ? &job->next->previous : &queue->last) = job->previous;
	*(job->previous ? &job->previous->next : &queue->first) = job->next;
	queue->length--;
}

/* By a helper: the oldest, which it then runs; or NULL. */
static inline struct job *job_take(struct job_queue *queue)
{
	struct job *job = queue->first;
	if (!job)
		return NULL;
	job_unlink(queue, job);
	job->state = JOB_RUNNING;
	return job;
}

/* By the helper, when the call has returned: as ticket_claim. The job may be gone after it, but when
 * the claim was lost: then it is there until the lock is free. */
static inline enum ticket_claim job_finish(struct job *job)
{
	job->state = JOB_DONE;
	return ticket_claim(job->ticket, job->key, TICKET_WOKEN);
}

/* By a fiber whose wait has ended otherwise. False: the call has begun, or is done. */
static inline bool job_withdraw(struct job_queue *queue, struct job *job)
{
	if (job->state != JOB_QUEUED)
		return false;
	job_unlink(queue, job);
	job->state = JOB_WITHDRAWN;
	return true;
}

/* By such a fiber: it waits again, with another key. False: it need not. */
static inline bool job_wait_on(struct job *job, uint64_t key)
{
	job->key = key;
	return job->state != JOB_DONE;
}

#endif
