/* litmus.c: the explorer itself. What comes out of small programs is known, so it can be tested.
 *
 * First the shapes that the literature names, SB, MP, IRIW and CoRR, and counters: in strong and in
 * weak memory, searched in each of the three ways, they must have exactly as many outcomes as C11
 * gives them, and the same ones each way. Then programs made at random, of every operation there
 * is: nobody knows their outcomes, but the three ways must agree. Then what the explorer has to
 * reject, each beside its sound twin.
 *
 * Prints a line for each, and closes with "N passed, N failed". */
#include <stdio.h>
#include <string.h>

#include "base/lock.h"
#include "tests/explore/explorer.h"

enum { THREADS = 4, STEPS = 3, WORDS = 2 };
enum { RANDOM_PROGRAMS = 150, RANDOM_THREADS = 3 };

/* ---- programs ---- */

enum what { END, LOAD, STORE, ADD, SWAP, COMPARE, FENCE, POST, REST, LOCKED };
enum { WHATS = LOCKED + 1 };

struct step {
	enum what what;
	int word;
	memory_order order;
	unsigned value;
};

struct program {
	struct step steps[THREADS][STEPS];
};

static const struct program *program;
static _Atomic unsigned words[WORDS];
static struct tiny_lock lock;
static struct explore_semaphore semaphore;
static unsigned counted; /* under the lock */
static unsigned read_values[THREADS][STEPS];

/* The order of an operation has to be a constant where it stands. */
static unsigned step_load(const struct step *step)
{
	_Atomic unsigned *word = &words[step->word];
	switch (step->order) {
	case memory_order_acquire:
		return load_acquire(word);
	case memory_order_seq_cst:
		return atomic_load_explicit(word, memory_order_seq_cst);
	default:
		return load_relaxed(word);
	}
}

static void step_store(const struct step *step)
{
	_Atomic unsigned *word = &words[step->word];
	switch (step->order) {
	case memory_order_release:
		store_release(word, step->value);
		break;
	case memory_order_seq_cst:
		atomic_store_explicit(word, step->value, memory_order_seq_cst);
		break;
	default:
		store_relaxed(word, step->value);
	}
}

static unsigned step_add(const struct step *step)
{
	_Atomic unsigned *word = &words[step->word];
	if (step->order == memory_order_seq_cst)
		return atomic_fetch_add_explicit(word, step->value,
						 memory_order_seq_cst);
	return fetch_add_relaxed(word, step->value);
}

static void step_fence(const struct step *step)
{
	switch (step->order) {
	case memory_order_acquire:
		atomic_thread_fence(memory_order_acquire);
		break;
	case memory_order_release:
		atomic_thread_fence(memory_order_release);
		break;
	default:
		atomic_thread_fence(memory_order_seq_cst);
	}
}

static unsigned step_compare(const struct step *step)
{
	unsigned expected = 0;
	(void)cas_acq_rel(&words[step->word], &expected, step->value);
	return expected;
}

static unsigned step_locked(void)
{
	lock_take(&lock);
	unsigned count = ++counted;
	lock_give(&lock);
	return count;
}

/* What it reads; 100 for what reads nothing, so that a step that was not reached shows. */
static unsigned step_do(const struct step *step)
{
	switch (step->what) {
	case LOAD:
		return step_load(step);
	case STORE:
		step_store(step);
		break;
	case ADD:
		return step_add(step);
	case SWAP:
		return exchange_acq_rel(&words[step->word], step->value);
	case COMPARE:
		return step_compare(step);
	case FENCE:
		step_fence(step);
		break;
	case POST:
		explore_post(&semaphore);
		break;
	case REST:
		explore_rest(&semaphore);
		break;
	case LOCKED:
		return step_locked();
	case END:
		break;
	}
	return 100;
}

static void program_thread(int number)
{
	const struct step *steps = program->steps[number];
	for (int i = 0; i < STEPS && steps[i].what != END; i++)
		read_values[number][i] = step_do(&steps[i]) + 1;
}

/* A failed execution leaves the lock as it was. */
static void lock_and_counter_reset(void)
{
	store_relaxed(&lock.taken, 0);
	counted = 0;
}

static void program_setup(int threads, int operations)
{
	(void)operations;
	memset(read_values, 0, sizeof read_values);
	for (int i = 0; i < WORDS; i++)
		store_relaxed(&words[i], 0);
	lock_and_counter_reset();
	semaphore.posted = 0;
	for (int i = 0; i < threads; i++)
		if (program->steps[i][0].what != END)
			explore_thread(program_thread, i);
}

static void program_final(void)
{
	uint64_t outcome = 0;
	for (int i = 0; i < WORDS; i++)
		outcome = outcome * 31 + load_relaxed(&words[i]);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < STEPS; j++)
			outcome = outcome * 1000003 + read_values[i][j];
	explore_outcome(outcome);
}

static const struct explore_harness programs = {"program", program_setup,
						program_final};

static struct explore_result run_program(const struct program *of, bool weak,
					 enum reduction reduction)
{
	program = of;
	return explore(&programs, THREADS, 0,
		       &(struct explore_bounds){.reduction = reduction,
						.weak = weak,
						.preemptions = EXPLORE_UNBOUNDED,
						.stale_reads = EXPLORE_UNBOUNDED},
		       NULL);
}

/* ---- counting ---- */

static int passed, failed;

static void verdict(bool holds, const char *name, const char *how, const char *said)
{
	passed += holds;
	failed += !holds;
	printf("%s %s, %s%s%s\n", holds ? "ok" : "FAILED", name, how,
	       said[0] ? ": " : "", said);
}

/* ---- shapes ---- */

#define RLX memory_order_relaxed
#define ACQ memory_order_acquire
#define REL memory_order_release
#define SC  memory_order_seq_cst

#define SB(store, load)                                                                \
	{                                                                              \
		{                                                                      \
			{{STORE, 0, store, 1}, {LOAD, 1, load, 0}},                    \
			{                                                              \
				{STORE, 1, store, 1},                                  \
				{                                                      \
					LOAD, 0, load, 0                               \
				}                                                      \
			}                                                              \
		}                                                                      \
	}
#define MP(store, load)                                                                \
	{                                                                              \
		{                                                                      \
			{{STORE, 0, RLX, 1}, {STORE, 1, store, 1}},                    \
			{                                                              \
				{LOAD, 1, load, 0},                                    \
				{                                                      \
					LOAD, 0, RLX, 0                                \
				}                                                      \
			}                                                              \
		}                                                                      \
	}
#define IRIW(store, load)                                                              \
	{                                                                              \
		{                                                                      \
			{{STORE, 0, store, 1}}, {{STORE, 1, store, 1}},                \
				{{LOAD, 0, load, 0}, {LOAD, 1, load, 0}},              \
			{                                                              \
				{LOAD, 1, load, 0},                                    \
				{                                                      \
					LOAD, 0, load, 0                               \
				}                                                      \
			}                                                              \
		}                                                                      \
	}

static const struct shape {
	const char *name;
	struct program program;
	uint64_t strong, weak; /* how many outcomes */
} shapes[] = {
	{"SB relaxed", SB(RLX, RLX), 3, 4},
	{"SB release/acquire", SB(REL, ACQ), 3, 4},
	{"SB seq_cst", SB(SC, SC), 3, 3},
	{"SB relaxed, fences",
	 {{{{STORE, 0, RLX, 1}, {FENCE, 0, SC, 0}, {LOAD, 1, RLX, 0}},
	   {{STORE, 1, RLX, 1}, {FENCE, 0, SC, 0}, {LOAD, 0, RLX, 0}}}},
	 3,
	 3},
	{"MP relaxed", MP(RLX, RLX), 3, 4},
	{"MP release/acquire", MP(REL, ACQ), 3, 3},
	{"MP release/relaxed", MP(REL, RLX), 3, 4},
	{"IRIW release/acquire", IRIW(REL, ACQ), 15, 16},
	{"IRIW seq_cst", IRIW(SC, SC), 15, 15},
	{"CoRR",
	 {{{{STORE, 0, RLX, 1}, {STORE, 0, RLX, 2}},
	   {{LOAD, 0, RLX, 0}, {LOAD, 0, RLX, 0}}}},
	 6,
	 6},
	/* Whose turn each of the six is: 6! / 2! / 2! / 2!. */
	{"3x2 fetch_add",
	 {{{{ADD, 0, RLX, 1}, {ADD, 0, RLX, 1}},
	   {{ADD, 0, RLX, 1}, {ADD, 0, RLX, 1}},
	   {{ADD, 0, RLX, 1}, {ADD, 0, RLX, 1}}}},
	 90,
	 90},
	/* Fences hand on what relaxed accesses met; a release sequence goes on through others. */
	{"MP relaxed, fences",
	 {{{{STORE, 0, RLX, 1}, {FENCE, 0, REL, 0}, {STORE, 1, RLX, 1}},
	   {{LOAD, 1, RLX, 0}, {FENCE, 0, ACQ, 0}, {LOAD, 0, RLX, 0}}}},
	 3,
	 3},
	{"MP through an add",
	 {{{{STORE, 0, RLX, 1}, {STORE, 1, REL, 1}},
	   {{ADD, 1, RLX, 1}},
	   {{LOAD, 1, ACQ, 0}, {LOAD, 0, RLX, 0}}}},
	 8,
	 8},
	/* Which fence was first is told by what is read, and by nothing else. */
	{"two fences",
	 {{{{STORE, 0, RLX, 1}, {FENCE, 0, SC, 0}, {STORE, 1, RLX, 1}},
	   {{FENCE, 0, SC, 0}, {STORE, 1, RLX, 2}, {LOAD, 0, RLX, 0}}}},
	 3,
	 4},
	/* Who waits for good has a race with who was woken in its place. */
	{"two rest, one post",
	 {{{{POST, 0, RLX, 0}, {STORE, 1, RLX, 1}},
	   {{LOAD, 0, RLX, 0}, {REST, 0, RLX, 0}, {LOAD, 1, RLX, 0}},
	   {{STORE, 0, RLX, 1}, {REST, 0, RLX, 0}, {COMPARE, 0, RLX, 2}}}},
	 6,
	 6},
	{"three rest, two posts",
	 {{{{REST, 0, RLX, 0}, {POST, 0, RLX, 0}},
	   {{POST, 0, RLX, 0}, {STORE, 0, RLX, 1}},
	   {{REST, 0, RLX, 0}, {LOAD, 1, RLX, 0}, {LOAD, 0, RLX, 0}}}},
	 4,
	 4},
};

static const char *const ways[] = {"every order", "sleep sets", "partial order"};

static void test_shape(const struct shape *shape, bool weak)
{
	uint64_t wanted = weak ? shape->weak : shape->strong;
	uint64_t digest = run_program(&shape->program, weak, REDUCE_NOTHING).digest;
	for (int i = 0; i < 3; i++) {
		char how[64], said[64];
		struct explore_result result =
			run_program(&shape->program, weak, (enum reduction)i);
		snprintf(how, sizeof how, "%s memory, %s", weak ? "weak" : "strong",
			 ways[i]);
		snprintf(said, sizeof said, "%llu outcomes, %llu executions",
			 (unsigned long long)result.outcomes,
			 (unsigned long long)result.executions);
		verdict(result.complete && result.outcomes == wanted &&
				result.digest == digest,
			shape->name, how, said);
	}
}

/* ---- programs made at random ---- */

static uint32_t random_state = 1;

static unsigned random_below(unsigned count)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 16) % count;
}

/* `swapped` is its own, so that no swap is taken for a spin. */
static struct step random_step(unsigned swapped)
{
	static const memory_order orders[] = {RLX, RLX, ACQ, REL, SC, SC};
	/* Loads and stores are half of them. */
	enum what what = (enum what)(1 + random_below(random_below(2) ? 2 : WHATS - 1));
	return (struct step){.what = what,
			     .word = (int)random_below(WORDS),
			     .order = orders[random_below(6)],
			     .value = what == SWAP ? swapped : 1 + random_below(2)};
}

static struct program random_program(void)
{
	struct program made = {0};
	for (int i = 0; i < RANDOM_THREADS; i++)
		for (unsigned j = 0; j < 2 + random_below(2); j++)
			made.steps[i][j] = random_step(1 + (unsigned)i * STEPS + j);
	return made;
}

static void test_random(bool weak)
{
	char said[96];
	int agree = 0;
	uint64_t executions[3] = {0};
	for (int i = 0; i < RANDOM_PROGRAMS; i++) {
		struct program made = random_program();
		struct explore_result results[3];
		for (int j = 0; j < 3; j++) {
			results[j] = run_program(&made, weak, (enum reduction)j);
			executions[j] += results[j].executions + results[j].redundant;
		}
		agree += results[0].complete && results[1].complete &&
			 results[2].complete &&
			 results[0].digest == results[1].digest &&
			 results[0].digest == results[2].digest;
	}
	snprintf(said, sizeof said, "%d of %d agree; %llu, %llu, %llu executions",
		 agree, RANDOM_PROGRAMS, (unsigned long long)executions[0],
		 (unsigned long long)executions[1], (unsigned long long)executions[2]);
	verdict(agree == RANDOM_PROGRAMS, "random programs",
		weak ? "weak memory" : "strong memory", said);
}

/* ---- what must be rejected ---- */

static int payload;
static _Atomic int flag;
static bool sound; /* the twin that must pass */

static void flag_writer(int number)
{
	(void)number;
	payload = 7;
	if (sound)
		store_release(&flag, 1);
	else
		store_relaxed(&flag, 1);
}

static void flag_reader(int number)
{
	(void)number;
	if (load_acquire(&flag))
		explore_check(payload == 7);
}

static void flag_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	payload = 0;
	store_relaxed(&flag, 0);
	explore_thread(flag_writer, 0);
	explore_thread(flag_reader, 1);
}

/* A sleeper that looks, then sleeps; unsound: the waker asks whether it sleeps. */
static _Atomic int asleep, work;

static void sleeper(int number)
{
	(void)number;
	if (load_acquire(&work))
		return;
	store_release(&asleep, 1);
	explore_wait(&semaphore);
}

static void waker(int number)
{
	(void)number;
	store_release(&work, 1);
	if (sound || load_acquire(&asleep))
		explore_post(&semaphore);
}

static void sleep_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	store_relaxed(&asleep, 0);
	store_relaxed(&work, 0);
	semaphore.posted = 0;
	explore_thread(sleeper, 0);
	explore_thread(waker, 1);
}

/* A counter under a lock; unsound: one thread does without. */
static void counter(int number)
{
	if (sound || number)
		lock_take(&lock);
	counted++;
	if (sound || number)
		lock_give(&lock);
}

static void lock_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	lock_and_counter_reset();
	for (int i = 0; i < 3; i++)
		explore_thread(counter, i);
}

static void lock_final(void)
{
	explore_check(counted == 3);
}

/* A weak CAS in a loop; unsound: it is tried once. What clang calls for a weak CAS is what it calls
 * for a strong one, so its weak ones never fail for nothing here. */
#if defined(__clang__)
enum { WEAK_FORM_IS_KNOWN = false };
#else
enum { WEAK_FORM_IS_KNOWN = true };
#endif

static void weak_compare(int number)
{
	int expected = 0;
	(void)number;
	while (!atomic_compare_exchange_weak_explicit(&flag, &expected, 1, REL, RLX) &&
	       (sound || !WEAK_FORM_IS_KNOWN))
		;
	explore_check(load_relaxed(&flag) == 1);
}

static void compare_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	store_relaxed(&flag, 0);
	explore_thread(weak_compare, 0);
}

/* Two CASes meet, and somebody wins; unsound: one of them looks first, and then stores. */
static int winners[2];

static void claim(int number)
{
	int expected = 0;
	if (sound || number) {
		winners[number] = cas_acq_rel(&flag, &expected, 1);
	} else if (!load_acquire(&flag)) {
		store_release(&flag, 1);
		winners[number] = 1;
	}
}

static void claim_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	winners[0] = winners[1] = 0;
	store_relaxed(&flag, 0);
	explore_thread(claim, 0);
	explore_thread(claim, 1);
}

static void claim_final(void)
{
	explore_check(winners[0] + winners[1] == 1);
}

/* A wait for a flag; unsound: a loop that nothing tells the explorer to leave. */
static void spin(int number)
{
	(void)number;
	while (!sound && !load_acquire(&flag))
		;
}

static void spin_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	store_relaxed(&flag, 0);
	explore_thread(spin, 0);
}

/* A payload that one reads before another writes it again; unsound: it says so relaxed. */
static void early_reader(int number)
{
	(void)number;
	explore_check(payload == 7);
	if (sound)
		store_release(&flag, 1);
	else
		store_relaxed(&flag, 1);
}

static void late_writer(int number)
{
	(void)number;
	if (load_acquire(&flag))
		payload = 8;
}

static void reuse_setup(int threads, int operations)
{
	(void)threads, (void)operations;
	payload = 7;
	store_relaxed(&flag, 0);
	explore_thread(early_reader, 0);
	explore_thread(late_writer, 1);
}

static const struct {
	struct explore_harness harness;
	const char *rejected; /* how the failure begins; NULL: it is not seen */
} twins[] = {
	{{"a payload behind a flag", flag_setup, NULL}, "a race"},
	{{"a payload that is used again", reuse_setup, NULL}, "a race"},
	{{"a sleeper that looks first", sleep_setup, NULL}, "nobody will wake"},
	{{"a counter under a lock", lock_setup, lock_final}, "a race"},
	{{"a weak compare that fails for nothing", compare_setup, NULL},
	 WEAK_FORM_IS_KNOWN ? "tests/" : NULL},
	{{"a claim by two", claim_setup, claim_final}, "tests/"},
	{{"a loop without an end", spin_setup, NULL}, "more choices than"},
};

static void test_twin(const struct explore_harness *harness, const char *rejected,
		      bool of_sound)
{
	sound = of_sound;
	for (int i = 0; i < 3; i++) {
		char how[64];
		struct explore_bounds bounds = {.reduction = (enum reduction)i,
						.weak = true,
						.preemptions = EXPLORE_UNBOUNDED,
						.stale_reads = EXPLORE_UNBOUNDED,
						.spurious = 1};
		struct explore_result result = explore(harness, 0, 0, &bounds, NULL);
		snprintf(how, sizeof how, "%s, %s", sound ? "sound" : "unsound",
			 ways[i]);
		verdict(sound || !rejected ? result.complete && !result.failed
					   : strncmp(result.failure, rejected,
						     strlen(rejected)) == 0,
			harness->name, how, result.failure);
	}
}

/* ---- bounded searches ---- */

static void test_bounded(void)
{
	static const struct explore_harness claims = {"a claim by two", claim_setup,
						      claim_final};
	struct explore_bounds bounds = {.stale_reads = EXPLORE_UNBOUNDED};
	sound = false;
	verdict(!explore(&claims, 0, 0, &bounds, NULL).failed, "a claim by two",
		"no preemption", "not found");
	bounds.preemptions = 1;
	verdict(explore(&claims, 0, 0, &bounds, NULL).failed, "a claim by two",
		"one preemption", "found");
	bounds.preemptions = EXPLORE_UNBOUNDED;
	bounds.seed = 1;
	bounds.executions = 10000;
	verdict(explore(&claims, 0, 0, &bounds, NULL).failed, "a claim by two",
		"random walks", "found");
	sound = true;
	struct explore_result result = explore(&claims, 0, 0, &bounds, NULL);
	verdict(!result.failed && result.executions == bounds.executions,
		"a claim by two, sound", "random walks", "all of them");
}

int main(void)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (int weak = 0; weak < 2; weak++)
			test_shape(&shapes[i], weak);
	test_random(false);
	test_random(true);
	for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
		for (int of_sound = 0; of_sound < 2; of_sound++)
			test_twin(&twins[i].harness, twins[i].rejected, of_sound);
	test_bounded();
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
