/* waits.c: random waits of all kinds at once, on several workers.
 *
 *   waits         knobs, from the environment: SEED (1), WORKERS (4), LINES (40), LIVES (50, of each line),
 *                 HELPERS (3)
 *
 * A line is one fiber after the other. Each does a few of these: sleeps, waits in a queue, wakes
 * those who wait there, reads a token from a pipe or writes one, offloads a call, asks the fiber of a
 * line to end early, which may have ended; all in deadlines' scopes. A seed fixes what each
 * fiber draws; who meets whom is the machine's.
 *
 * At the end the books must balance: as many were woken as wakes say, a token was read as often as
 * one was written, less what the pipes still hold; a call ran if and only if its offload said so; and
 * nobody was told to end but once, and only if somebody had asked. Prints what there was. Exits 0, or 1
 * when something does not balance. */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "waitqueue/waitqueue.h"
#include "weft.h"

enum { LINES_MAX = 1000, ACTS = 16, QUEUES = 3, PIPES = 3 };

enum book {
	SLEPT,
	WAITED,
	WOKEN,
	WROTE,
	READ,
	OFFLOADED,
	RAN,
	TOLD,
	ASKED,
	EXPIRED,
	BOOKS,
};

static const char *const names[BOOKS] = {
	"sleeps",   "waits", "wakes",       "tokens written", "tokens read",
	"offloads", "calls", "told to end", "asked to",       "expired",
};

static _Atomic uint64_t books[BOOKS];

static struct waitqueue queues[QUEUES];
static int pipes[PIPES][2];

/* The last of each line, living or not. */
static struct {
	struct tiny_lock lock; /* for the rest */
	struct fiber *fiber[LINES_MAX];
	uint32_t id[LINES_MAX];
} crowd;

static uint64_t lines, lives;

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
	return mixed ^ mixed >> 31;
}

static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	printf("waits: %s\n", what);
	(void)fflush(stdout);
	_exit(1);
}

static void note(enum book book, uint64_t count)
{
	atomic_fetch_add_explicit(&books[book], count, memory_order_relaxed);
}

static uint64_t noted(enum book book)
{
	return atomic_load(&books[book]);
}

/* Notes what a point has said, and `done` if it was done. Returns whether it told of a request. */
static bool note_answer(int answer, enum book done)
{
	demand(answer == 0 || answer == -ECANCELED || answer == -WEFT_EDEADLINE,
	       "a point answers something else");
	note(answer == 0 ? done : answer == -ECANCELED ? TOLD : EXPIRED, 1);
	return answer == -ECANCELED;
}

/* ---- acts ---- */

static void run_call(void *argument)
{
	++*(int *)argument;
	note(RAN, 1);
}

static bool offload(struct weft *io)
{
	int ran = 0, answer = weft_offload(io, run_call, &ran);
	demand(ran == (answer == 0),
	       "a call ran, or not, and its offload says otherwise");
	return note_answer(answer, OFFLOADED);
}

static bool use_pipe(struct weft *io, const int *ends, bool reads)
{
	char token = 'x';
	ssize_t count = reads ? weft_read(io, ends[0], &token, 1)
			      : weft_write(io, ends[1], &token, 1);
	demand(token == 'x', "a token has changed");
	return note_answer(count == 1 ? 0 : (int)count, reads ? READ : WROTE);
}

static void ask_another(struct weft *io, uint64_t who)
{
	lock_take(&crowd.lock);
	struct fiber *fiber = crowd.fiber[who];
	uint32_t id = crowd.id[who];
	lock_give(&crowd.lock);
	/* It may be another's slot by now. */
	note(ASKED, fiber && waitqueue_cancel(io, fiber, id));
}

static void wake(struct weft *io, struct waitqueue *queue, uint64_t most)
{
	note(WOKEN, waitqueue_wake(io, queue, (uint32_t)most));
}

/* Returns whether a point told of a request to end. */
static bool act(struct weft *io, uint64_t random)
{
	struct waitqueue *queue = &queues[(random >> 8 & 0xff) % QUEUES];
	const int *ends = pipes[(random >> 16 & 0xff) % PIPES];
	unsigned kind = (unsigned)(random % 10);
	if (kind == 0)
		return note_answer(
			weft_sleep(io, weft_in((int64_t)(random >> 24 & 0xffff))),
			SLEPT);
	if (kind <= 2)
		return note_answer(
			waitqueue_wait(io, queue, WAIT_HEARS_ALL, NULL, NULL), WAITED);
	if (kind <= 4)
		wake(io, queue, (random >> 32 & 3) + 1);
	else if (kind <= 6)
		return use_pipe(io, ends, kind == 5);
	else if (kind == 7)
		return offload(io);
	else if (kind == 8)
		ask_another(io, (random >> 24 & 0xffff) % lines);
	else
		weft_yield(io);
	return false;
}

/* In a scope: nobody waits for ever, whatever the others do. */
static bool act_in_scope(struct weft *io, uint64_t random)
{
	struct weft_deadline deadline;
	int64_t ns = (int64_t)(random >> 40 & 0x7ffff); /* half a millisecond */
	demand(weft_deadline_begin(io, &deadline, weft_in(ns)) == 0, "no scope begins");
	bool told = act(io, random);
	int answer = weft_deadline_end(io, &deadline);
	demand(answer == 0 || answer == -WEFT_EDEADLINE, "a scope ends wrongly");
	return told;
}

static void live(struct weft *io, const void *context, void *result)
{
	uint64_t random = *(const uint64_t *)context;
	int told = 0;
	(void)result;
	for (int i = 0; i < ACTS; i++)
		told += act_in_scope(io, next_random(&random));
	demand(told <= 1, "a fiber was told twice to end");
}

static void begin_and_await(struct weft *io, const void *context, void *result)
{
	uint64_t line = *(const uint64_t *)context, random = *(uint64_t *)result;
	for (uint64_t i = 0; i < lives; i++) {
		struct weft_future future;
		uint64_t own = next_random(&random);
		weft_async(io, &future, live, &own, sizeof own, NULL);
		lock_take(&crowd.lock);
		crowd.fiber[line] = future.fiber;
		crowd.id[line] = future.fiber_id;
		lock_give(&crowd.lock);
		weft_await(io, &future);
	}
}

/* ---- the whole ---- */

static void open_pipes(struct weft *io)
{
	for (int i = 0; i < PIPES; i++) {
		demand(pipe(pipes[i]) == 0, "no pipe");
		/* The others block, and are asked before. */
		for (int k = 0; k < 2 && i > 0; k++)
			demand(weft_adopt(io, pipes[i][k]) == 0, "a pipe is refused");
	}
}

/* Returns how many tokens are in them. */
static uint64_t close_pipes(struct weft *io)
{
	char tokens[256];
	uint64_t left = 0;
	ssize_t count;
	for (int i = 0; i < PIPES; i++) {
		demand(weft_close(io, pipes[i][1]) == 0, "a pipe stays open");
		while ((count = weft_read(io, pipes[i][0], tokens, sizeof tokens)) > 0)
			left += (uint64_t)count;
		demand(count == 0, "a pipe has no end");
		demand(weft_close(io, pipes[i][0]) == 0, "a pipe stays open");
	}
	return left;
}

static void balance(uint64_t left)
{
	demand(noted(WAITED) == noted(WOKEN),
	       "more were woken than wakes say, or fewer");
	demand(noted(WROTE) == noted(READ) + left, "tokens were lost, or made");
	demand(noted(RAN) == noted(OFFLOADED), "calls were lost, or made");
	demand(noted(TOLD) <= noted(ASKED), "one was told to end whom nobody asked");
	for (int i = 0; i < QUEUES; i++)
		demand(!queues[i].waiters.first, "somebody is left in a queue");
}

static void run(struct weft *io, uint64_t random)
{
	static struct weft_future futures[LINES_MAX];
	static uint64_t seeds[LINES_MAX];
	open_pipes(io);
	for (uint64_t i = 0; i < lines; i++) {
		seeds[i] = next_random(&random);
		weft_async(io, &futures[i], begin_and_await, &i, sizeof i, &seeds[i]);
	}
	for (uint64_t i = 0; i < lines; i++)
		weft_await(io, &futures[i]);
	balance(close_pipes(io));
	demand(weft_deinit(io) == 0, "fibers are left");
}

int main(void)
{
	struct weft *io;
	uint64_t seed = number_of("SEED", 1), workers = number_of("WORKERS", 4);
	lines = number_of("LINES", 40);
	lives = number_of("LIVES", 50);
	demand(lines > 0 && lines <= LINES_MAX, "LINES is out of range");
	int error = weft_init(
		&io,
		&(struct weft_options){.workers = (uint32_t)workers,
				       .helpers = (uint32_t)number_of("HELPERS", 3)});
	if (error) {
		fprintf(stderr, "waits: %s\n", weft_strerror(error));
		return 2;
	}
	run(io, seed);
	printf("seed %" PRIu64 ", %" PRIu64 " workers: %" PRIu64 " acts", seed, workers,
	       lines * lives * ACTS);
	for (int i = 0; i < BOOKS; i++)
		printf(", %" PRIu64 " %s", noted((enum book)i), names[i]);
	printf("\n");
	return 0;
}
