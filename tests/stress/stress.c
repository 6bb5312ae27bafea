/* stress.c: random trees of forks, joins and yields on several workers, and crowds that move from
 * one worker to another.
 *
 *   stress        knobs, from the environment: SEED (1), WORKERS (4), SWITCHES (1,000,000),
 *                 CROSSINGS (0), CROWD (1,024), PATIENCE (100)
 *
 * A seed fixes what the fibers of a tree do; which worker runs which fiber, and so who comes first
 * at each meeting, is the machine's. How many fibers of a tree come back on another thread is the
 * machine's, too, so crowds make sure of it: on two workers, one is kept busy until CROWD fibers
 * have begun on the other and yielded, then that one, until all have come over.
 *
 * Runs trees until there were SWITCHES suspensions in them, and crowds until there were CROSSINGS
 * migrations, but neither for longer than PATIENCE seconds. Prints how many there were: a suspension counts
 * as a migration when it came back on another thread. Exits 0, or 1 when a result is wrong. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

enum { BRANCHES_MAX = 6, DEPTH_MAX = 6, ROOTS = 4, WORDS = 24 };

struct node {
	uint64_t random; /* decides all below it */
	int depth;
};

/* Filled by the child, summed by its parent: a torn one shows. */
struct answer {
	uint64_t nodes, words[WORDS];
};

static _Atomic uint64_t switches, migrations, forks, awaited_late;

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

/* Which thread this is now: not inlined, since a compiler may take it for the same before and after
 * a suspension. */
__attribute__((noinline)) static uintptr_t this_thread(void)
{
	uintptr_t thread = (uintptr_t)pthread_self();
	__asm__ volatile("" : "+r"(thread) : : "memory");
	return thread;
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
	atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static void count_suspension(uintptr_t thread)
{
	add(&switches, 1);
	if (this_thread() != thread)
		add(&migrations, 1);
}

static void yield(struct weft *io)
{
	uintptr_t thread = this_thread();
	weft_yield(io);
	count_suspension(thread);
}

static void await(struct weft *io, struct weft_future *future)
{
	uintptr_t thread = this_thread();
	weft_await(io, future);
	count_suspension(thread);
}

static void fill(struct answer *answer, uint64_t nodes)
{
	answer->nodes = nodes;
	for (uint64_t i = 0; i < WORDS; i++)
		answer->words[i] = nodes * i;
}

static void demand(int holds, const char *what)
{
	if (holds)
		return;
	printf("stress: %s\n", what);
	exit(1);
}

static void visit(struct weft *io, const void *context, void *result);

/* Joins in an order of its own; a yield before some, so that they have ended by then. */
static uint64_t join(struct weft *io, struct weft_future *futures,
		     const struct answer *answers, unsigned count, uint64_t *random)
{
	uint64_t nodes = 0, first = next_random(random);
	for (unsigned i = 0; i < count; i++) {
		unsigned which = (unsigned)((first + i) % count);
		if (next_random(random) % 3 == 0) {
			yield(io);
			add(&awaited_late, 1);
		}
		await(io, &futures[which]);
		for (uint64_t k = 0; k < WORDS; k++)
			demand(answers[which].words[k] == answers[which].nodes * k,
			       "a result is torn");
		nodes += answers[which].nodes;
	}
	return nodes;
}

static void visit(struct weft *io, const void *context, void *result)
{
	struct node node = *(const struct node *)context;
	struct weft_future futures[BRANCHES_MAX];
	struct answer answers[BRANCHES_MAX];
	unsigned count = node.depth > 0
				 ? (unsigned)(next_random(&node.random) % BRANCHES_MAX)
				 : 0;
	for (unsigned i = 0; i < count; i++) {
		struct node below = {next_random(&node.random), node.depth - 1};
		answers[i].nodes = UINT64_MAX;
		weft_async(io, &futures[i], visit, &below, sizeof below, &answers[i]);
		if (next_random(&node.random) % 4 == 0)
			yield(io);
	}
	add(&forks, count);
	uint64_t nodes = join(io, futures, answers, count, &node.random);
	for (uint64_t turns = next_random(&node.random) % 4; turns > 0; turns--)
		yield(io);
	fill(result, nodes + 1);
}

/* How many nodes visit finds, without fibers. Draws what it draws, in that order. */
static uint64_t count_nodes(struct node node)
{
	unsigned count = node.depth > 0
				 ? (unsigned)(next_random(&node.random) % BRANCHES_MAX)
				 : 0;
	uint64_t nodes = 1;
	for (unsigned i = 0; i < count; i++) {
		struct node below = {next_random(&node.random), node.depth - 1};
		nodes += count_nodes(below);
		(void)next_random(&node.random);
	}
	return nodes;
}

/* A few trees at once, from the main fiber. */
static void plant(struct weft *io, uint64_t *random)
{
	struct weft_future futures[ROOTS];
	struct answer answers[ROOTS];
	struct node roots[ROOTS];
	for (int i = 0; i < ROOTS; i++) {
		roots[i] = (struct node){next_random(random), DEPTH_MAX};
		weft_async(io, &futures[i], visit, &roots[i], sizeof roots[i],
			   &answers[i]);
	}
	for (int i = 0; i < ROOTS; i++) {
		uintptr_t thread = this_thread();
		await(io, &futures[i]);
		demand(this_thread() == thread, "the main fiber has moved");
		demand(answers[i].nodes == count_nodes(roots[i]), "a tree lacks nodes");
	}
}

/* ---- crowds ---- */

/* One fiber, the leader, keeps worker A, and another one, the keeper, worker B:
 *
 *   leader                                          keeper
 *   makes a crowd, yields until all of it has       spins
 *   begun and yielded, too; then says so            ends, so that B has nothing to do
 *   spins                                           B takes them from A; each counts and ends,
 *   until all have come                             but for the last, which is the next keeper
 *
 * Both give their processor away while they spin, for machines with only one that is free. */
struct crowd {
	uint32_t size, turns;
	_Atomic uint32_t begun, come, go; /* go: how many crowds may cross */
	_Atomic uint32_t kept;            /* how many keepers there were */
	uint32_t number;                  /* of this crowd; written by the leader */
};

static void keep(struct crowd *crowd, uint32_t number)
{
	atomic_fetch_add(&crowd->kept, 1);
	while (atomic_load(&crowd->go) < number)
		(void)sched_yield();
}

static void keep_first(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	keep(result, 1);
}

/* What a fiber has on its stack when it leaves is there when it is back. */
static void cross(struct weft *io, const void *context, void *result)
{
	struct crowd *crowd = result;
	uint64_t words[4], random = *(const uint64_t *)context, moved = 0;
	uint32_t number = crowd->number;
	for (int i = 0; i < 4; i++)
		words[i] = next_random(&random);
	for (uint32_t i = 0; i < crowd->turns; i++) {
		if (i + 1 == crowd->turns)
			atomic_fetch_add(&crowd->begun, 1);
		uintptr_t thread = this_thread();
		weft_yield(io);
		moved += this_thread() != thread;
	}
	random = *(const uint64_t *)context;
	for (int i = 0; i < 4; i++)
		demand(words[i] == next_random(&random), "a stack is torn");
	add(&switches, crowd->turns);
	add(&migrations, moved);
	if (atomic_fetch_add(&crowd->come, 1) + 1 == crowd->size)
		keep(crowd, number + 1);
}

/* The futures are of the crowd before the last one by now. */
static void lead_one(struct weft *io, struct crowd *crowd, struct weft_future *futures,
		     uint64_t *random)
{
	crowd->number++;
	atomic_store(&crowd->begun, 0);
	atomic_store(&crowd->come, 0);
	for (uint32_t i = 0; i < crowd->size; i++) {
		uint64_t own = next_random(random);
		weft_async(io, &futures[i], cross, &own, sizeof own, crowd);
	}
	while (atomic_load(&crowd->begun) < crowd->size)
		yield(io);
	atomic_store(&crowd->go, crowd->number);
	while (atomic_load(&crowd->kept) <= crowd->number)
		(void)sched_yield();
	add(&forks, crowd->size);
}

static void await_all(struct weft *io, struct weft_future *futures, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		await(io, &futures[i]);
}

/* The leader is the main fiber. The last of a crowd ends when the next one has begun, so there are
 * futures for two. */
static void lead(struct weft *io, struct crowd *crowd, uint64_t wanted,
		 uint64_t until_ns, uint64_t *random)
{
	struct weft_future keeper, *futures = calloc(2 * crowd->size, sizeof *futures);
	demand(futures != NULL, "no memory for a crowd");
	weft_async(io, &keeper, keep_first, NULL, 0, crowd);
	while (!atomic_load(&crowd->kept)) /* it begins on the other worker */
		(void)sched_yield();
	struct weft_future *last = futures, *next = futures + crowd->size;
	while (atomic_load(&migrations) < wanted &&
	       (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until_ns) {
		lead_one(io, crowd, next, random);
		if (crowd->number > 1)
			await_all(io, last, crowd->size);
		struct weft_future *free_ones = last;
		last = next;
		next = free_ones;
	}
	atomic_store(&crowd->go, UINT32_MAX);
	if (crowd->number > 0)
		await_all(io, last, crowd->size);
	await(io, &keeper);
	free(futures);
}

static void crowds(uint64_t wanted, uint64_t seconds, uint64_t seed)
{
	struct crowd crowd = {.size = (uint32_t)number_of("CROWD", 1024), .turns = 8};
	struct weft *io;
	if (wanted <= atomic_load(&migrations))
		return;
	demand(weft_init(&io, &(struct weft_options){.workers = 2}) == 0,
	       "no second runtime");
	lead(io, &crowd, wanted,
	     (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + seconds * 1000000000, &seed);
	demand(weft_deinit(io) == 0, "fibers of a crowd are left");
}

static int trees(uint64_t wanted, uint64_t seconds, uint32_t workers, uint64_t seed)
{
	struct weft *io;
	int error = weft_init(&io, &(struct weft_options){.workers = workers});
	if (error)
		return error;
	uint64_t until_ns =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + seconds * 1000000000;
	wanted += atomic_load(&switches);
	while (atomic_load(&switches) < wanted &&
	       (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) < until_ns)
		plant(io, &seed);
	demand(weft_deinit(io) == 0, "fibers are left");
	return 0;
}

int main(void)
{
	uint64_t seed = number_of("SEED", 1), workers = number_of("WORKERS", 4);
	uint64_t seconds = number_of("PATIENCE", 100);
	crowds(number_of("CROSSINGS", 0), seconds, seed);
	int error =
		trees(number_of("SWITCHES", 1000000), seconds, (uint32_t)workers, seed);
	if (error) {
		fprintf(stderr, "stress: %s\n", weft_strerror(error));
		return 2;
	}
	printf("seed %" PRIu64 ", %" PRIu64 " workers: %" PRIu64 " switches, %" PRIu64
	       " migrations, %" PRIu64 " forks, %" PRIu64 " awaited late\n",
	       seed, workers, atomic_load(&switches), atomic_load(&migrations),
	       atomic_load(&forks), atomic_load(&awaited_late));
	return 0;
}
