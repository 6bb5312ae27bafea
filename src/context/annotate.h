/* annotate.h: what sanitizers and Valgrind must be told when the stack changes.
 *
 * ASan keeps a shadow of each stack, TSan a clock for each line of execution, LSan
 * looks for pointers on the stacks it knows, and Valgrind guesses a stack's bounds from
 * the distance a push moves. All of them take a switch for a bug unless told. These
 * calls stand at the one place where Weft switches, and are empty in ordinary builds.
 *
 * TSan, in two builds, for two questions. To the first, a switch orders all that came before
 * it, as program order does: every access of the runtime and of the program is watched, nothing
 * is reported falsely, and a race between two fibers is missed where they run on one worker,
 * since there one always runs before the other. The second (ANNOTATE_TSAN_FLAGS says no_sync)
 * asks whether the program relies on that. The library is then not watched itself, so that its
 * locks and words order nothing either; what orders one fiber's accesses before another's is
 * what weft.h promises, told to TSan by whoever hands over (annotate_release) and whoever takes
 * (annotate_acquire):
 *
 *   what is handed over                     release                   acquire
 *   the arguments, and all before the call  annotate_rearm            annotate_arrive
 *   the result, and all before the end      release_end in future.c   acquire_end
 *   what weft_run's function did            run_for_foreign           weft_run
 *   the words by which its end is told      weft_run                  tell_foreign
 *   all that any fiber did                  release_end               weft_deinit
 *   all that an idle fiber did              scheduler_idle            weft_deinit
 *   system calls on a descriptor            descriptor_end_use        descriptor_end_use,
 *                                                                     before it is closed
 *   the slot of a life that is over         annotate_leave_for_good   fiber_copy_arguments,
 *                                                                     fiber_free_arguments
 *   all before a wake                       waitqueue_wake            waitqueue_wait
 *   what may_wait of a queue looks at       enter in waitqueue.c      enter
 *   all before a request to end             waitqueue_cancel          tell_canceled
 *   the argument of an offloaded call       weft_offload              run_job
 *   what an offloaded call did              run_job                   weft_offload
 *   what a runtime has for its waits        waiting_of                made_of
 *
 * The after-switch step publishes the fiber that left, but runs as the next one, which must not
 * be ordered by it. So a fiber that ends releases in its own name, before it leaves. A wait that
 * another fiber ends needs a pair of its own here; a yield orders nothing. Two lives of one slot
 * are one line of execution to TSan, since they share a stack: between these it finds no race.
 */
#ifndef WEFT_CONTEXT_ANNOTATE_H
#define WEFT_CONTEXT_ANNOTATE_H

#include <stddef.h>
#include <stdint.h>

/* A build says ANNOTATE_TSAN itself of files that are not watched. */
#if defined(ANNOTATE_TSAN)
#elif defined(__SANITIZE_ADDRESS__)
#define ANNOTATE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define ANNOTATE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ANNOTATE_ASAN 1
#elif __has_feature(thread_sanitizer)
#define ANNOTATE_TSAN 1
#endif
#endif

/* 0, or __tsan_switch_to_fiber_no_sync: see above. */
#ifndef ANNOTATE_TSAN_FLAGS
#define ANNOTATE_TSAN_FLAGS 0
#endif

/* Written by the context's owner when it is made; the rest by the context itself, as it
 * leaves and as it arrives. */
struct annotation {
#if defined(ANNOTATE_ASAN)
	void *fake_stack;   /* ASan's frames of this context while it is parked */
	const void *bottom; /* lowest byte of the stack */
	size_t size;
	struct annotation *previous; /* who switched here last; written by that one */
	void *root; /* what LSan scans, or NULL for a thread's own stack */
	size_t root_size;
#elif defined(ANNOTATE_TSAN)
	void *fiber;
	int own;       /* made by us, to be destroyed by us */
	unsigned left; /* for good: how often since it was made */
#endif
	unsigned valgrind; /* Valgrind's number for the stack, 0 when none */
};

/* In annotate.c: once per context, so no inlining is needed. */
void annotate_init(struct annotation *self, void *stack, size_t size);
void annotate_adopt(struct annotation *self);
/* What lies above the stack, up to `end`, may hold pointers to blocks in use, as the stack may. */
void annotate_root_to(struct annotation *self, const void *end);
void annotate_destroy(struct annotation *self);

#if defined(ANNOTATE_TSAN)
/* TSan notes the entry of functions that a context never leaves, in a list with an end. So a
 * context that has left for good so often gets a new one. */
#define ANNOTATE_LIVES 1000
void annotate_renew(struct annotation *self);
#endif

#if defined(ANNOTATE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(ANNOTATE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

/* TSan notes each function's entry and its exit, for the context that runs at that
 * moment. A function that changes the context in between would take a note from the
 * wrong one, so these are inlined at every level of optimisation. */
#define ANNOTATE_INLINE static inline __attribute__((always_inline))

/* To the second of TSan's two builds: what this line of execution did so far comes before what
 * another does after it acquires the same address. `what` is never read. */
ANNOTATE_INLINE void annotate_release(const void *what)
{
#if defined(ANNOTATE_TSAN)
	if (ANNOTATE_TSAN_FLAGS & __tsan_switch_to_fiber_no_sync)
		__tsan_release((void *)(uintptr_t)what);
#endif
	(void)what;
}

ANNOTATE_INLINE void annotate_acquire(const void *what)
{
#if defined(ANNOTATE_TSAN)
	if (ANNOTATE_TSAN_FLAGS & __tsan_switch_to_fiber_no_sync)
		__tsan_acquire((void *)(uintptr_t)what);
#endif
	(void)what;
}

/* A context that left for good begins again on its old stack: ASan forgets the frames of
 * its earlier life. */
ANNOTATE_INLINE void annotate_rearm(struct annotation *self)
{
#if defined(ANNOTATE_ASAN)
	self->fake_stack = NULL;
	__asan_unpoison_memory_region(self->root, self->size);
#elif defined(ANNOTATE_TSAN)
	if (self->left >= ANNOTATE_LIVES)
		annotate_renew(self);
#endif
	annotate_release(self);
}

/* On the old stack, right before the switch. */
ANNOTATE_INLINE void annotate_leave(struct annotation *self, struct annotation *next)
{
#if defined(ANNOTATE_ASAN)
	next->previous = self;
	__sanitizer_start_switch_fiber(&self->fake_stack, next->bottom, next->size);
#elif defined(ANNOTATE_TSAN)
	__tsan_switch_to_fiber(next->fiber, ANNOTATE_TSAN_FLAGS);
#endif
	(void)self;
	(void)next;
}

/* As annotate_leave, by a context that will not run again: ASan frees its frames. */
ANNOTATE_INLINE void annotate_leave_for_good(struct annotation *self,
					     struct annotation *next)
{
#if defined(ANNOTATE_ASAN)
	next->previous = self;
	__sanitizer_start_switch_fiber(NULL, next->bottom, next->size);
#elif defined(ANNOTATE_TSAN)
	annotate_release(self);
	self->left++;
	__tsan_switch_to_fiber(next->fiber, ANNOTATE_TSAN_FLAGS);
#endif
	(void)self;
	(void)next;
}

/* After a call that switches and that may be the last of its function. Sanitizers take a note
 * when a function returns, which would come too early if the call were made a jump. */
ANNOTATE_INLINE void annotate_resumed(void)
{
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
	__asm__ volatile("" ::: "memory");
#endif
}

/* On the next stack, right after the switch. ASan answers with the bounds of the stack
 * that was left, which is how those of a thread's own stack become known. */
ANNOTATE_INLINE void annotate_arrive(struct annotation *self)
{
#if defined(ANNOTATE_ASAN)
	__sanitizer_finish_switch_fiber(self->fake_stack, &self->previous->bottom,
					&self->previous->size);
#endif
	annotate_acquire(self);
}

#endif
