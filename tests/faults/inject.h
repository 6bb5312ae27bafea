/* inject.h: system calls and allocations that fail when a test wants them to.
 *
 * The Makefile links this module so that each function in calls.txt that is marked `wrap` is one of
 * inject.c's. It asks the plan, and then fails, or answers less than it could, or makes the call.
 * A plan is one of three: nothing fails; the k-th call of a kind fails; a storm, in which any call
 * may fail, by the numbers that a seed gives.
 *
 * Faults are of two sorts. What is absorbed (a signal in between, a short count, a wake without a
 * reason, advice that is not taken) must change no result. What is told (no memory, no thread) may
 * end a call with an error that its comment in weft.h names.
 *
 * No fault is one that a kernel could not give. A descriptor that blocks does not answer EAGAIN. One
 * that is on epoll's list does when what is there came a moment later: so an answer of EAGAIN, or a
 * short count, is followed by another event, as it would be then.
 *
 * All of it may be called by any thread, and most by a signal handler: it is atomics. */
#ifndef WEFT_TESTS_FAULTS_INJECT_H
#define WEFT_TESTS_FAULTS_INJECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum inject_call {
	INJECT_READ,
	INJECT_WRITE,
	INJECT_POLL,
	INJECT_EPOLL_CREATE,
	INJECT_EPOLL_CTL, /* that adds */
	INJECT_EPOLL_WAIT,
	INJECT_EPOLL_PWAIT2,
	INJECT_EVENTFD,
	INJECT_OPEN,
	INJECT_CLOSE,
	INJECT_FALLOCATE,
	INJECT_FTRUNCATE,
	INJECT_UNLINK,
	INJECT_FSTAT,
	INJECT_SOCKET_NAME,
	INJECT_SOCKET_OPTION,
	INJECT_MALLOC,
	INJECT_CALLOC,
	INJECT_ALIGNED_ALLOC,
	INJECT_MMAP,
	INJECT_MPROTECT,
	INJECT_MADVISE,
	INJECT_THREAD,
	INJECT_MUTEX,
	INJECT_CONDITION,
	INJECT_CONDITION_WAIT,
	INJECT_CONDITION_TIMED_WAIT,
	INJECT_ATFORK,
	INJECT_KEY,
	INJECT_SPECIFIC,
	INJECT_SIGACTION,
	INJECT_SIGALTSTACK,
	INJECT_CLOCK,
};

/* What a call does that does not fail with an errno value. */
enum {
	INJECT_SHORT = 100000, /* fewer bytes than it could */
	INJECT_NOTHING,        /* no events, or a wake without a reason */
	INJECT_ONE,            /* one event at most */
	INJECT_LATER,          /* the clock is later from now on */
	INJECT_EARLIER,        /* the clock that can be set is earlier from now on */
};

struct inject_kind {
	enum inject_call call;
	int what; /* an errno value, or INJECT_SHORT and so on */
	bool is_told;
	const char *name;
};

extern const struct inject_kind inject_kinds[];
extern const size_t inject_kind_count;

/* From now on nothing fails. */
void inject_nothing(void);

/* From now on the k-th call of the kind, from 1, fails, and no other. */
void inject_kth(const struct inject_kind *kind, uint64_t k);

/* From now on each call fails with this probability, in thousandths; of what is told only if `told`.
 * The same seed gives the same faults, as far as the calls come in the same order. */
void inject_storm(uint64_t seed, unsigned permille, bool told);

/* Nothing fails between these two, and no call is counted. */
void inject_pause(void);
void inject_resume(void);

/* Since the plan was made. */
uint64_t inject_faults(void);

/* Whether one of them may be told. */
bool inject_may_tell(void);

/* One line: what the plan is. Into `text`. */
void inject_describe(char *text, size_t size);

/* What is held just now of what the wrapped calls give. */
struct inject_held {
	int64_t blocks; /* of malloc and its sisters */
	int64_t mapped; /* bytes */
};
struct inject_held inject_held(void);

/* A mutex or a condition that could not be made was destroyed. */
bool inject_saw_misuse(void);

/* Past the plan, for tests. */
ssize_t inject_real_write(int fd, const void *data, size_t size);
int inject_real_close(int fd);
int inject_real_thread(pthread_t *thread, void *(*function)(void *), void *argument);

#endif
