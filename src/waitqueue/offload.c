#include "waitqueue/offload.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <time.h>

#include "base/system.h"
#include "waitqueue/waiting.h"

/* ---- what is recorded, under the mutex ---- */

#if defined(WEFT_TRACING)
static struct trace_segment *claim_segment(const struct weft *io)
{
	return trace_claim_thread(io->trace, TRACE_HELPER);
}
#else
static struct trace_segment *claim_segment(const struct weft *io)
{
	(void)io;
	return NULL;
}
#endif

static void record_begin(struct helper *helper, struct offload_pool *pool, uint32_t id)
{
	if (helper->segment)
		TRACE(helper->segment, OFFLOAD_BEGIN, .peer = id,
		      .value = wait_object(helper->io, &pool->home));
	(void)pool, (void)id;
}

static void record_end(struct helper *helper, struct offload_pool *pool, uint32_t id)
{
	if (helper->segment)
		TRACE(helper->segment, OFFLOAD_END, .peer = id,
		      .value = wait_object(helper->io, &pool->home));
	(void)pool, (void)id;
}

/* ---- a helper's thread ---- */

/* Under the mutex. False: nothing has come for so long. */
static bool wait_for_job(struct offload_pool *pool)
{
	uint64_t until_ns = system_realtime_ns() + OFFLOAD_IDLE_NS;
	struct timespec until = {(time_t)(until_ns / 1000000000),
				 (long)(until_ns % 1000000000)};
	bool in_time = true;
	pool->idle++;
	while (in_time && !pool->queue.first && !pool->stops)
		in_time = pthread_cond_timedwait(&pool->comes, &pool->mutex, &until) !=
			  ETIMEDOUT;
	pool->idle--;
	return pool->queue.first != NULL;
}

/* Under the mutex, which is free while the call is made. */
static void run_job(struct helper *helper, struct offload_pool *pool, struct job *job)
{
	struct fiber *fiber = job->fiber;
	uint32_t id = job->id;
	record_begin(helper, pool, id);
	pool->running++;
	pthread_mutex_unlock(&pool->mutex);
	annotate_acquire(job);
	job->function(job->argument);
	annotate_release(job);
	pthread_mutex_lock(&pool->mutex);
	pool->running--;
	record_end(helper, pool, id);
	if (job_finish(job) == TICKET_WON)
		scheduler_make_ready_outside(helper->io, helper->segment, fiber);
}

static void *helper_main(void *argument)
{
	struct helper *helper = argument;
	/* Acquire: as in descriptor.c. Pairs with: waiting_of. */
	struct offload_pool *pool = &load_acquire(&helper->io->waiting)->offload;
	struct job *job;
	scheduler_enter_helper(helper->io);
	if (!helper->segment)
		helper->segment = claim_segment(helper->io);
	pthread_mutex_lock(&pool->mutex);
	do
		while ((job = job_take(&pool->queue)))
			run_job(helper, pool, job);
	while (!pool->stops && wait_for_job(pool));
	helper->state = HELPER_ENDED;
	pool->live--;
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* ---- starting and stopping them ---- */

/* Under the mutex: a place without a live helper; there is one. */
static struct helper *free_place(struct offload_pool *pool)
{
	struct helper *helper = pool->helpers;
	while (helper->state == HELPER_LIVE)
		helper++;
	if (helper->state ==
	    HELPER_ENDED) /* it has let go of the mutex, or is about to */
		pthread_join(helper->thread, NULL);
	helper->state = HELPER_NONE;
	return helper;
}

/* Under the mutex. */
static int start_helper(struct weft *io, struct offload_pool *pool)
{
	struct helper *helper = free_place(pool);
	helper->io = io;
	int error = scheduler_start_thread(&helper->thread, helper_main, helper);
	if (error)
		return error;
	helper->state = HELPER_LIVE;
	pool->live++;
	return 0;
}

/* Under the mutex, before a job is pushed: somebody will take it. */
static int ensure_helper(struct weft *io, struct offload_pool *pool)
{
	if (!pool->helpers) {
		pool->helpers = calloc(io->helpers, sizeof *pool->helpers);
		if (!pool->helpers)
			return -ENOMEM;
	}
	if (pool->idle > pool->queue.length || pool->live == io->helpers)
		return 0;
	if (start_helper(io, pool) == 0 || pool->live > 0)
		return 0;
	slab_set_shortage(&io->slabs,
			  "no helper thread for weft_offload; allow more threads "
			  "(ulimit -u, the container's pids limit) or memory");
	return -EAGAIN;
}

int offload_init(struct offload_pool *pool)
{
	pool->home.what = WAIT_OFFLOAD;
	if (pthread_mutex_init(&pool->mutex, NULL))
		return -ENOMEM;
	if (pthread_cond_init(&pool->comes, NULL) == 0)
		return 0;
	pthread_mutex_destroy(&pool->mutex);
	return -ENOMEM;
}

/* No new one starts. */
static void join_helper(struct offload_pool *pool, const struct helper *helper)
{
	pthread_mutex_lock(&pool->mutex);
	bool has_thread = helper->state != HELPER_NONE;
	pthread_mutex_unlock(&pool->mutex);
	if (has_thread)
		pthread_join(helper->thread, NULL);
}

void offload_close(struct weft *io, struct offload_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	pool->stops = true;
	pthread_cond_broadcast(&pool->comes);
	pthread_mutex_unlock(&pool->mutex);
	for (uint32_t i = 0; pool->helpers && i < io->helpers; i++)
		join_helper(pool, &pool->helpers[i]);
	free(pool->helpers);
	pthread_cond_destroy(&pool->comes);
	pthread_mutex_destroy(&pool->mutex);
}

uint32_t offload_running(struct offload_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	uint32_t running = pool->running;
	pthread_mutex_unlock(&pool->mutex);
	return running;
}

/* ---- by a fiber ---- */

static int submit(struct worker *worker, struct offload_pool *pool, struct job *job)
{
	pthread_mutex_lock(&pool->mutex);
	int error = ensure_helper(worker->io, pool);
	if (!error) {
		job_push(&pool->queue, job);
		if (scheduler_traces(worker))
			wait_record_push(worker, &pool->home, job->fiber, false,
					 WAIT_OFFLOAD, 0);
		pthread_cond_signal(&pool->comes);
	}
	pthread_mutex_unlock(&pool->mutex);
	return error;
}

/* Its wait has ended otherwise. False: its call has begun. */
static bool withdraw(struct worker *worker, struct offload_pool *pool, struct job *job,
		     enum ticket_state outcome)
{
	pthread_mutex_lock(&pool->mutex);
	bool withdrawn = job_withdraw(&pool->queue, job);
	if (withdrawn && scheduler_traces(worker))
		wait_record_pop(worker, &pool->home, job->id, (uint8_t)outcome);
	pthread_mutex_unlock(&pool->mutex);
	return withdrawn;
}

/* The call uses the fiber's stack, so it cannot be left. */
static void wait_for_end(struct weft *io, struct offload_pool *pool, struct job *job)
{
	struct one_wait wait;
	wait_open(&wait, scheduler_worker(io), WAIT_HEARS_NOTHING);
	pthread_mutex_lock(&pool->mutex);
	bool waits = job_wait_on(job, wait.key);
	pthread_mutex_unlock(&pool->mutex);
	if (waits)
		(void)wait_park(io, &wait); /* it can only be woken */
	else
		wait_close(&wait);
}

int weft_offload(struct weft *io, weft_offloaded *function, void *argument)
{
	struct worker *worker = scheduler_worker_here(io);
	if (!worker)
		return -EOWNERDEAD;
	struct waiting *waiting = waiting_of(io);
	int error = waiting ? wait_check(worker) : -ENOMEM;
	if (error)
		return error;
	struct one_wait wait;
	wait_open(&wait, worker, WAIT_HEARS_ALL);
	struct fiber *fiber = wait.fiber;
	struct job job = {.function = function,
			  .argument = argument,
			  .fiber = fiber,
			  .id = fiber_id(fiber),
			  .ticket = &fiber->ticket,
			  .key = wait.key};
	annotate_release(&job);
	error = submit(worker, &waiting->offload, &job);
	if (error) {
		wait_close(&wait);
		return error;
	}
	enum ticket_state outcome = wait_park(io, &wait);
	if (outcome != TICKET_WOKEN) {
		if (withdraw(scheduler_worker(io), &waiting->offload, &job, outcome))
			return wait_error(io, outcome);
		wait_for_end(io, &waiting->offload, &job);
	}
	annotate_acquire(&job);
	return 0;
}
