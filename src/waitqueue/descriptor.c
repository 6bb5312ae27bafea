#include "waitqueue/descriptor.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>

#include "base/system.h"
#include "waitqueue/waiting.h"

static uint64_t tag_of(int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* ---- the table ---- */

static struct descriptor *make_chunk(_Atomic(struct descriptor *) *place)
{
	struct descriptor *chunk = calloc(DESCRIPTORS_CHUNK, sizeof *chunk);
	if (!chunk)
		return NULL;
	for (int i = 0; i < DESCRIPTORS_CHUNK; i++)
		for (int direction = READING; direction <= WRITING; direction++)
			readiness_begin(&chunk[i].turns[direction].readiness, 0);
	struct descriptor *there = NULL;
	/* Release: who finds it finds it filled in. Acquire: so do we, if another was faster.
	 * Pairs with: find. */
	if (cas_acq_rel(place, &there, chunk))
		return chunk;
	free(chunk);
	return there;
}

/* NULL if nobody has asked for it yet. */
static struct descriptor *find(struct waiting *waiting, uint32_t fd)
{
	/* Acquire: it is filled in. Pairs with: make_chunk. */
	struct descriptor *chunk =
		load_acquire(&waiting->descriptors.chunk[fd / DESCRIPTORS_CHUNK]);
	return chunk ? &chunk[fd % DESCRIPTORS_CHUNK] : NULL;
}

int descriptor_of(struct weft *io, int fd, struct descriptor **descriptor)
{
	if (fd < 0 || fd >= DESCRIPTORS_MAX)
		return -EBADF;
	struct waiting *waiting = waiting_of(io);
	if (!waiting)
		return -ENOMEM;
	*descriptor = find(waiting, (uint32_t)fd);
	if (*descriptor)
		return 0;
	struct descriptor *chunk =
		make_chunk(&waiting->descriptors.chunk[fd / DESCRIPTORS_CHUNK]);
	if (!chunk)
		return -ENOMEM;
	*descriptor = &chunk[fd % DESCRIPTORS_CHUNK];
	return 0;
}

void descriptors_free(struct descriptors *descriptors)
{
	for (int i = 0; i < DESCRIPTORS_MAX / DESCRIPTORS_CHUNK; i++)
		free(load_relaxed(&descriptors->chunk[i])); /* nobody else is here */
}

/* ---- what is recorded, under the lock ---- */

#if defined(WEFT_TRACING)
_Static_assert(POLLER_READ == (int)TRACE_watch_READ &&
		       POLLER_WRITE == (int)TRACE_watch_WRITE,
	       "poller.h: the trace's numbers");

SCHEDULER_RECORDS static void record_watch(struct worker *worker,
					   struct descriptor *descriptor, int fd)
{
	TRACE(worker->segment, FD_WATCH, .arg = descriptor->watched,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .peer = (uint32_t)fd,
	      .value = wait_object(worker->io, &descriptor->home));
}

SCHEDULER_RECORDS static void record_ready(struct worker *worker,
					   struct descriptor *descriptor, int fd,
					   int direction, bool hangup)
{
	uint8_t edge =
		(uint8_t)((hangup ? TRACE_edge_READ_HANGUP : TRACE_edge_READABLE) +
			  direction);
	TRACE(worker->segment, FD_READY, .arg = edge,
	      .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .peer = (uint32_t)fd,
	      .value = wait_object(worker->io, &descriptor->home));
}

SCHEDULER_RECORDS static void record_close(struct worker *worker,
					   struct descriptor *descriptor, int fd)
{
	TRACE(worker->segment, FD_CLOSE, .fiber = fiber_id(worker->current),
	      .fiber_sequence = fiber_count_record(worker->current),
	      .peer = (uint32_t)fd,
	      .value = wait_object(worker->io, &descriptor->home));
}
#else
static void record_watch(struct worker *worker, struct descriptor *descriptor, int fd)
{
	(void)worker, (void)descriptor, (void)fd;
}
static void record_ready(struct worker *worker, struct descriptor *descriptor, int fd,
			 int direction, bool hangup)
{
	(void)worker, (void)descriptor, (void)fd, (void)direction, (void)hangup;
}
static void record_close(struct worker *worker, struct descriptor *descriptor, int fd)
{
	(void)worker, (void)descriptor, (void)fd;
}
#endif

/* ---- turns ---- */

/* Whom turn.h has popped. */
struct turn_won {
	struct wait_won won;
	struct worker *worker;
	struct waiters_home *home;
	bool closes;
};

void turn_popped(struct turn_won *won, struct turns *turns,
		 struct waiters_popped popped)
{
	(void)turns;
	if (scheduler_traces(won->worker)) {
		uint8_t outcome = wait_outcome_of_pop(popped);
#if defined(WEFT_TRACING)
		if (won->closes && outcome == TRACE_outcome_WOKEN)
			outcome = TRACE_outcome_CLOSED;
#endif
		wait_record_pop(won->worker, won->home, popped.id, outcome);
	}
	if (popped.claim == TICKET_WON)
		wait_won_add(&won->won, popped.fiber);
}

static struct turn_won nobody_won(struct worker *worker, struct descriptor *descriptor)
{
	return (struct turn_won){.worker = worker, .home = &descriptor->home};
}

enum turn_answer descriptor_wait(struct worker *worker, struct descriptor *descriptor,
				 int fd, uint32_t generation, int direction,
				 struct waiter *waiter, bool has_turn)
{
	struct waiters_home *home = &descriptor->home;
	lock_take(&home->lock);
	enum turn_answer answer =
		turn_wait(&descriptor->turns[direction], generation, waiter, has_turn);
	if (answer == TURN_WAITS && scheduler_traces(worker))
		wait_record_push(worker, home, waiter->fiber, has_turn,
				 (uint8_t)(WAIT_READABLE + direction), fd);
	lock_give(&home->lock);
	return answer;
}

void descriptor_leave(struct worker *worker, struct descriptor *descriptor,
		      uint32_t generation, int direction)
{
	struct turn_won won = nobody_won(worker, descriptor);
	wait_won_init(&won.won);
	lock_take(&descriptor->home.lock);
	turn_leave(&descriptor->turns[direction], generation, &won);
	lock_give(&descriptor->home.lock);
	wait_won_make_ready(&won.won, worker);
}

void descriptor_withdraw(struct worker *worker, struct descriptor *descriptor,
			 int direction, struct waiter *waiter,
			 enum ticket_state outcome)
{
	lock_take(&descriptor->home.lock);
	if (waiter->in && scheduler_traces(worker))
		wait_record_pop(worker, &descriptor->home, fiber_id(waiter->fiber),
				(uint8_t)outcome);
	turn_withdraw(&descriptor->turns[direction], waiter);
	lock_give(&descriptor->home.lock);
}

/* ---- events ---- */

/* Under the lock, so that it is numbered before what it leads to. */
static void record_event(struct worker *worker, struct descriptor *descriptor,
			 uint64_t tag, int direction, bool hangup)
{
	lock_take(&descriptor->home.lock);
	/* Relaxed: it changes under the lock. */
	uint64_t word = load_relaxed(&descriptor->turns[direction].readiness.word);
	if (readiness_generation(word) == (uint32_t)(tag >> 32))
		record_ready(worker, descriptor, (int)(uint32_t)tag, direction, hangup);
	lock_give(&descriptor->home.lock);
}

static void deliver_direction(struct worker *worker, struct descriptor *descriptor,
			      uint64_t tag, int direction, unsigned what,
			      struct turn_won *won)
{
	struct turns *turns = &descriptor->turns[direction];
	bool hangup = what & POLLER_HANGUP_OF(1u << direction);
	bool parted = direction == READING && (what & POLLER_URGENT);
	if (scheduler_traces(worker))
		record_event(worker, descriptor, tag, direction, hangup);
	if (!turn_event(turns, (uint32_t)(tag >> 32),
			hangup || parted ? READINESS_HANGUP : 0))
		return;
	lock_take(&descriptor->home.lock);
	turn_see_to(turns, won);
	lock_give(&descriptor->home.lock);
}

static void deliver_one(struct worker *worker, const struct poller_event *event)
{
	/* It was watched, so there are a struct waiting and a chunk. Acquire: they are filled
	 * in. Pairs with: waiting_of. */
	struct waiting *waiting = load_acquire(&worker->io->waiting);
	struct descriptor *descriptor = find(waiting, (uint32_t)event->tag);
	struct turn_won won = nobody_won(worker, descriptor);
	wait_won_init(&won.won);
	for (int direction = READING; direction <= WRITING; direction++) {
		unsigned ready = 1u << direction, hangup = POLLER_HANGUP_OF(ready);
		if (event->what & (ready | hangup))
			deliver_direction(worker, descriptor, event->tag, direction,
					  event->what, &won);
	}
	wait_won_make_ready(&won.won, worker);
}

void descriptor_deliver(struct worker *worker, const struct poller_event *events,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		deliver_one(worker, &events[i]);
}

/* ---- watching ---- */

/* Under the lock. What poller_watch answered. */
static int watch_locked(struct worker *worker, struct descriptor *descriptor, int fd,
			uint32_t generation, int direction)
{
	unsigned asked = 1u << direction;
	/* Relaxed: it changes under the lock. */
	uint64_t word = load_relaxed(&descriptor->turns[direction].readiness.word);
	if (readiness_generation(word) != generation)
		return -EBADF;
	if (descriptor->watched & asked)
		return descriptor->watched;
	int now = poller_watch(&worker->io->poller, fd, descriptor->watched,
			       descriptor->watched | asked, tag_of(fd, generation));
	if (now < 0)
		return now;
	descriptor->watched = (uint8_t)((unsigned)now & POLLER_DIRECTIONS);
	for (int watched = READING; watched <= WRITING; watched++)
		if (descriptor->watched >> watched & 1)
			readiness_watch(&descriptor->turns[watched].readiness);
	if (scheduler_traces(worker))
		record_watch(worker, descriptor, fd);
	return now;
}

int descriptor_watch(struct worker *worker, struct descriptor *descriptor, int fd,
		     uint32_t generation, int direction)
{
	lock_take(&descriptor->home.lock);
	bool was_watched = descriptor->watched;
	int now = watch_locked(worker, descriptor, fd, generation, direction);
	lock_give(&descriptor->home.lock);
	if (now == -ENOSPC)
		slab_set_shortage(
			&worker->io->slabs,
			"more descriptors are waited for than the system lets a user "
			"watch; close some, or raise the limit (sysctl "
			"fs.epoll.max_user_watches)");
	if (now < 0)
		return now;
	if ((unsigned)now & POLLER_HANGUP_OF(1u << direction)) {
		const struct poller_event met = {tag_of(fd, generation),
						 (unsigned)now & ~POLLER_DIRECTIONS};
		deliver_one(worker, &met);
	}
	if (!was_watched && !worker->alone)
		sleeper_attend(worker->io);
	return 0;
}

/* ---- closing ---- */

int descriptor_end_use(struct descriptor *descriptor, int fd)
{
	int error = 0;
	annotate_release(&descriptor->use);
	if (!use_drop(&descriptor->use))
		return 0;
	lock_take(&descriptor->home.lock);
	annotate_acquire(&descriptor->use);
	if (use_free(&descriptor->use))
		error = system_close(fd);
	lock_give(&descriptor->home.lock);
	return error;
}

/* Under the lock: what the generation that ends has. */
static void end_generation(struct worker *worker, struct descriptor *descriptor, int fd,
			   uint32_t next, struct turn_won *won)
{
	if (descriptor->watched)
		/* EBADF only: then it is off the list. */
		(void)poller_watch(&worker->io->poller, fd, descriptor->watched, 0,
				   tag_of(fd, next - 1));
	descriptor->watched = 0;
	if (scheduler_traces(worker) && descriptor->home.object)
		record_close(worker, descriptor, fd);
	turn_close(&descriptor->turns[READING], next, won);
	turn_close(&descriptor->turns[WRITING], next, won);
	descriptor->home.object = descriptor->home.sequence = 0;
}

int weft_close(struct weft *io, int fd)
{
	struct worker *worker = scheduler_worker_here(io);
	struct descriptor *descriptor;
	uint64_t word;
	if (!worker)
		return -EOWNERDEAD;
	int error = descriptor_of(io, fd, &descriptor);
	if (error == -ENOMEM)
		return system_close(fd); /* without an entry nobody uses it */
	if (error || !use_close(&descriptor->use, &word))
		return -EBADF;
	struct turn_won won = nobody_won(worker, descriptor);
	wait_won_init(&won.won);
	won.closes = true;
	lock_take(&descriptor->home.lock);
	end_generation(worker, descriptor, fd, use_generation(word) + 1, &won);
	lock_give(&descriptor->home.lock);
	wait_won_make_ready(&won.won, worker);
	return descriptor_end_use(descriptor, fd);
}

int weft_adopt(struct weft *io, int fd)
{
	struct descriptor *descriptor;
	uint64_t word;
	if (!scheduler_worker_here(io))
		return -EOWNERDEAD;
	int error = descriptor_of(io, fd, &descriptor);
	if (error)
		return error;
	error = use_take(&descriptor->use, &word) ? 0 : -EBADF;
	int kind = error ? error : system_kind_of(fd);
	if (kind < 0)
		error = kind;
	if (!error && kind != SYSTEM_FILE)
		error = system_set_nonblocking(fd);
	uint64_t known = USE_ADOPTED | (kind == SYSTEM_FILE ? USE_ALWAYS : 0) |
			 (kind == SYSTEM_STREAM ? USE_STREAM : 0);
	if (!error && !use_know(&descriptor->use, use_generation(word), known))
		error = -EBADF;
	(void)descriptor_end_use(descriptor, fd); /* its closer has had its answer */
	return error;
}
