/* explorer.h: tries all interleavings of a protocol, in the code as it is.
 *
 * Concepts. The C under test is compiled with -fsanitize=thread and linked with the explorer in
 * place of TSan's library. The compiler then calls the explorer (tsan_calls.c) for each atomic
 * operation, and these calls are where threads take turns. The threads are contexts of Weft's own
 * src/context, all on one thread of the system, so an execution depends on nothing but the choices
 * that are made in it: which thread goes on, and, in weak memory, which store a load reads. The
 * search (search.c) makes them in every way that matters, one execution after the other, each
 * from the beginning.
 *
 * A harness describes one protocol: `setup` makes the shared words and starts the threads, `final`
 * judges what is left when no thread can go on. explore_fail and explore_check end an execution as
 * a bug, and so does weft_assert, a race between two plain accesses (races.c), or a thread that
 * waits for a wake that nobody will give.
 *
 * States of a thread, in one execution:
 *
 *   (none) -- explore_thread --> ready -- search.c picks it --> running
 *   running -- announces its next operation --> ready, or blocked if that cannot be done now
 *   blocked -- another thread posts, or changes the word it spins on --> ready
 *   running -- its function returns --> ended
 *
 * An operation is done when its thread is picked again, and all up to the next one with it: plain
 * accesses take no turn of their own. That loses nothing, because a race between two of them is
 * seen in whichever order they come, and then it is the bug.
 *
 * Memory, two kinds. Strong: a load reads the newest store. Weak (memory.c): a load reads any store
 * that C11's coherence and happens-before let it, acquire and release hand views from store to
 * load, seq_cst goes through one more view that all share. Either way clocks say what happens
 * before what, by the orders that the code names: a missing release is found under strong
 * interleavings too, when a plain payload depends on it.
 *
 * Three ways to search, which must find the same outcomes (litmus.c): every order; sleep sets,
 * which leave out orders that differ in operations that commute; dynamic partial-order reduction,
 * which also starts only those orders for which an execution has shown a reason. And two that
 * are bounded: at most so many preemptions, and random walks.
 *
 * What it cannot see. It under-approximates C11: no load buffering (a load never reads a store of
 * the future), and stores to one word are ordered as they were executed, so that two relaxed
 * writers of two words never disagree about both. A release sequence ends at the next plain
 * atomic store, as in C23, also of the same thread. At most EXPLORER_THREADS threads,
 * EXPLORER_LOCATIONS atomic words, EXPLORER_STORES stores to one and EXPLORER_STEPS choices: past
 * any of them the execution fails, and says so. A bound of T threads with K operations proves
 * nothing about more. An exchange that writes what it finds is taken for a spin on a lock: the
 * same once more waits until the word has changed. What mixes plain and atomic accesses to one
 * word is only found when the plain one changes it. A weak CAS fails without a reason in gcc's code
 * alone: clang calls a weak one as it calls a strong one.
 *
 * Rejected. ucontext for the threads: its switch is a system call, which takes longer than all the
 * rest of a step. Threads of the system, of which one may run at a time: longer still. Macros in
 * place of atomics, as loom has types: what is explored would not be what runs. Saved states, to go
 * on from: a stack and what it points to would have to be copied, and an execution is short. */
#ifndef WEFT_TESTS_EXPLORE_EXPLORER_H
#define WEFT_TESTS_EXPLORE_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPLORER_THREADS = 6, EXPLORER_LOCATIONS = 128 };
enum { EXPLORER_STORES = 128, EXPLORER_STEPS = 4000 };
enum { EXPLORE_UNBOUNDED = -1 };

enum reduction { REDUCE_NOTHING, REDUCE_SLEEP, REDUCE_PARTIAL_ORDER };

/* How one search goes. */
struct explore_bounds {
	enum reduction reduction;
	bool weak;
	int preemptions; /* most of them in an execution; only with REDUCE_NOTHING */
	int stale_reads; /* most loads of an execution that read an older store */
	int spurious; /* most failures of a weak CAS without a reason, for a thread */
	uint64_t executions; /* stop after so many; 0: none */
	uint64_t seed;       /* not 0: random walks, until `executions` are done */
};

/* A search as it stands: while it runs, and when it has ended. */
struct explore_result {
	uint64_t executions; /* that ended by themselves */
	uint64_t redundant;  /* cut off: another execution is the same but for order */
	uint64_t outcomes;   /* different ones that explore_outcome was given */
	uint64_t digest;     /* of these, in any order */
	bool complete;       /* nothing is left within the bounds */
	bool failed;
	char failure[256];
	double seconds;
};

/* One protocol with T threads of K operations each; what an operation is, its file says. */
struct explore_harness {
	const char *name;
	void (*setup)(int threads, int operations);
	void (*final)(void); /* no thread can go on; each may have ended or rest */
};

/* ---- for a harness: in `setup` ---- */

/* One more thread, which calls function(number). It starts when setup has returned. */
void explore_thread(void (*function)(int number), int number);

/* How a printed execution calls a word at `place`, or a pointer to there, or to one of the `count`
 * elements of `size` bytes from there on. `name` is kept. */
void explore_name(const void *place, size_t size, int count, const char *name);

/* ---- in a thread ---- */

/* What a sleeper sleeps on: a wake is remembered, and two are one. */
struct explore_semaphore {
	int posted; /* touched by the explorer alone, from setup's zero on */
};

/* Until it is posted; nobody else ever doing so is a bug. Whatever the poster did is then seen. */
void explore_wait(struct explore_semaphore *semaphore);

/* As explore_wait, but to sleep there for good is no bug by itself: `final` judges. */
void explore_rest(struct explore_semaphore *semaphore);

void explore_post(struct explore_semaphore *semaphore);

/* 0 to count - 1, each in an execution of its own. */
int explore_choose(int count);

/* ---- in a thread, in `setup` or in `final` ---- */

/* Ends the execution as a bug. Does not return. */
void explore_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#define explore_check(holds)                                                           \
	((holds) ? (void)0                                                             \
		 : explore_fail("%s:%d: this must hold: %s", __FILE__, __LINE__,       \
				#holds))

/* Notes what came out of an execution; how many differ is in the result. */
void explore_outcome(uint64_t outcome);

/* ---- for a program with a harness (main.c, litmus.c) ---- */

/* Searches. Calls progress(result), if it is not NULL, about twice a second. */
struct explore_result explore(const struct explore_harness *harness, int threads,
			      int operations, const struct explore_bounds *bounds,
			      void (*progress)(const struct explore_result *so_far));

/* After a search that failed: executes that one again and prints a line for each operation. */
void explore_print_failure(void);

#endif
