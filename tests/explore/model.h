/* model.h: what the files of the explorer share: the threads and operations of one execution.
 *
 *   tsan_calls.c  the compiler's calls, and what each does to memory
 *   threads.c     threads, turns, semaphores
 *   memory.c      atomic words: their stores, and who may read which
 *   races.c       plain accesses
 *   search.c      which thread is next; all executions, one after the other
 *   reduction.c   which operations commute, and what that leaves to be tried
 *   print.c       a failed execution, operation by operation
 *   main.c        one harness, with bounds from the command line
 *
 * Each file's state is its own, static, and made new for each execution. */
#ifndef WEFT_TESTS_EXPLORE_MODEL_H
#define WEFT_TESTS_EXPLORE_MODEL_H

#include <stddef.h>

#include "tests/explore/explorer.h"

/* ---- knowledge: what has happened, as far as somebody knows ---- */

struct knowledge {
	/* Of each thread, how far: plain accesses up to that tick are seen. */
	uint32_t clock[EXPLORER_THREADS];
	/* Of each location, the oldest store that may still be read. */
	uint8_t view[EXPLORER_LOCATIONS];
};

void knowledge_join(struct knowledge *into, const struct knowledge *from);

/* ---- operations ---- */

enum operation_kind {
	OPERATION_LOAD,
	OPERATION_STORE,
	OPERATION_EXCHANGE,
	OPERATION_CHANGE, /* fetch_add and its like */
	OPERATION_COMPARE,
	OPERATION_FENCE, /* seq_cst in weak memory; the others take no turn */
	OPERATION_WAIT,
	OPERATION_REST,
	OPERATION_POST,
};

enum { NO_LOCATION = -1, NO_THREAD = -1 };

struct operation {
	enum operation_kind kind;
	int location;    /* or NO_LOCATION */
	int order;       /* memory_order; of a compare, of its success */
	bool sequential; /* seq_cst, in success or failure */
	uint64_t value;  /* OPERATION_EXCHANGE: what it writes */
	const struct explore_semaphore *semaphore;
};

static inline bool operation_writes(const struct operation *operation)
{
	return operation->kind != OPERATION_LOAD && operation->kind != OPERATION_FENCE;
}

/* ---- threads.c ---- */

struct thread {
	void (*function)(int number);
	int number;
	bool ended;
	struct operation next; /* done when the thread is picked */
	int spun_on;           /* location where its last operation was an exchange that
				* changed nothing, or NO_LOCATION */
	int spurious;          /* weak CASes that failed without a reason */
	struct knowledge now;
	struct knowledge released;   /* as of its last release fence */
	struct knowledge to_acquire; /* what its next acquire fence will tell it */
};

extern struct thread threads[EXPLORER_THREADS];
extern int thread_count;
/* Its index, or NO_THREAD in setup, in final and in the search. */
extern int thread_running;

static inline struct thread *thread_self(void)
{
	return &threads[thread_running];
}

void threads_reset(void);
/* Lets a thread do its next operation and go on up to the one after that. */
void threads_run(int index);
bool threads_may_run(int index);
bool threads_rest(int index);
/* In a thread: announces `operation`, and returns when it is this thread's turn to do it. */
void threads_announce(const struct operation *operation);

/* ---- memory.c ---- */

void memory_reset(bool weak, int stale_reads, int spurious);
bool memory_is_weak(void);
/* The location of an atomic word, from its first use on. */
int memory_location(void *place, int size);
uint64_t memory_newest(int location);
uint64_t memory_load(int location, int order);
void memory_store(int location, uint64_t value, int order);
/* The two halves of a read-modify-write that succeeds. */
uint64_t memory_take(int location, int order);
void memory_put(int location, uint64_t value, int order);
/* How a compare and exchange fails: true, and *expected is what it read instead. */
bool memory_compare_fails(int location, uint64_t *expected, int failure_order,
			  bool sequential, bool may_be_spurious);
void memory_fence(int order);
/* A place of no atomic word that hands on knowledge both ways: a semaphore's. */
void memory_hand_over(int location);
void memory_take_over(int location);
const void *memory_place(int location);
/* Whether the last load or failed compare read another store than the newest. */
bool memory_read_older(void);

/* ---- races.c ---- */

void races_reset(void);
void races_access(const void *place, size_t size, bool writes);

/* ---- search.c ---- */

/* Which of `count` ways: in each execution another. */
int search_choose(int count);
/* Ends the execution, and the search. */
void search_fail(const char *text);
/* After that, out of setup or final. Does not return. */
_Noreturn void search_leave_harness(void);

/* ---- print.c ---- */

void print_reset(void);
void print_on(bool on);
/* Of the running thread: what it has just done, and the value that it read or wrote. */
void print_operation(uint64_t value, const char *remark);
/* A thread's number and what it is about to do, for a failure's text. */
int print_waiting(char *text, size_t size, int thread);

/* ---- reduction.c, over the path that search.c keeps ---- */

/* A choice of an execution, in the order they were made. Bit i of a set is thread i. */
struct choice {
	/* A way of search_choose: */
	bool is_way;
	uint8_t way, ways;
	/* Or a thread, and what it did: */
	uint8_t may_run; /* those that could be picked */
	uint8_t to_try;  /* of these, those to be picked in one execution or another */
	uint8_t tried;   /* done with, before `thread` */
	uint8_t asleep;  /* to pick these here is to try again what was tried above */
	bool posted;     /* the operation's semaphore was, before it */
	int thread;
	int before;      /* the thread that ran before, or NO_THREAD */
	int preemptions; /* of that one and earlier */
	struct operation operation;
	struct operation next[EXPLORER_THREADS]; /* of each thread, before it */
	/* Of each thread, the last choice that this one cannot be moved before, counted
	 * from 1; its own for its own thread. */
	uint32_t after[EXPLORER_THREADS];
};

bool operations_depend(const struct operation *one, const struct operation *other);
/* Who is asleep after `choice`. */
uint8_t reduction_asleep_after(const struct choice *choice);
/* Sets choice->after, for a choice that comes after the `length` of `path`. */
void reduction_order(const struct choice *path, int length, struct choice *choice);
/* Marks in `to_try` where another order of `choice`, which is made or would be made after the
 * `length` of `path`, and an earlier one has to begin. */
void reduction_find_races(struct choice *path, int length, const struct choice *choice);

#endif
