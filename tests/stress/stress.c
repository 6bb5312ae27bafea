/* stress.c: random trees of forks, joins and yields on several workers.
 *
 *   stress        knobs, from the environment: SEED (1), WORKERS (4), SWITCHES (1,000,000)
 *
 * A seed fixes what the fibers do; which worker runs which fiber, and so who comes first at
 * each meeting, is the machine's. Runs until there were SWITCHES suspensions, and prints how
 * many, and how many of them came back on another thread. Exits 0, or 1 when a result is
 * wrong. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/system.h"
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

static void count_suspension(uint64_t thread)
{
	atomic_fetch_add_explicit(&switches, 1, memory_order_relaxed);
	if (system_thread_id() != thread)
		atomic_fetch_add_explicit(&migrations, 1, memory_order_relaxed);
}

static void yield(struct weft *io)
{
	uint64_t thread = system_thread_id();
	weft_yield(io);
	count_suspension(thread);
}

static void await(struct weft *io, struct weft_future *future)
{
	uint64_t thread = system_thread_id();
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
			atomic_fetch_add_explicit(&awaited_late, 1,
						  memory_order_relaxed);
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
	atomic_fetch_add_explicit(&forks, count, memory_order_relaxed);
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
		uint64_t thread = system_thread_id();
		await(io, &futures[i]);
		demand(system_thread_id() == thread, "the main fiber has moved");
		demand(answers[i].nodes == count_nodes(roots[i]), "a tree lacks nodes");
	}
}

int main(void)
{
	uint64_t seed = number_of("SEED", 1), wanted = number_of("SWITCHES", 1000000);
	uint64_t workers = number_of("WORKERS", 4), random = seed;
	struct weft_options options = {.workers = (uint32_t)workers};
	struct weft *io;
	int error = weft_init(&io, &options);
	if (error) {
		fprintf(stderr, "stress: %s\n", weft_strerror(error));
		return 2;
	}
	while (atomic_load(&switches) < wanted)
		plant(io, &random);
	demand(weft_deinit(io) == 0, "fibers are left");
	printf("seed %" PRIu64 ", %" PRIu64 " workers: %" PRIu64 " switches, %" PRIu64
	       " migrations, %" PRIu64 " forks, %" PRIu64 " awaited late\n",
	       seed, workers, atomic_load(&switches), atomic_load(&migrations),
	       atomic_load(&forks), atomic_load(&awaited_late));
	return 0;
}
