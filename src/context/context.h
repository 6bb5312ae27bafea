/* context.h: a stack that can be left and come back to.
 *
 * Concepts. A context is what must be kept of a computation while it does not run: its
 * stack pointer, its frame pointer, and the address to go on at. All else that the
 * calling convention asks a function to preserve lies on the context's own stack.
 *
 * States, and who makes each transition:
 *
 *   (storage) -- context_init --> parked, fresh -- context_switch(x, this) --> running
 *   (a thread) -- context_adopt --> running
 *   running -- context_switch(this, x) --> parked -- context_switch(x, this) --> running
 *   running -- context_leave(this, x) --> gone: its stack may be used again
 *
 * (or context_switch_last, wherever context_switch stands)
 *
 * A context runs on one thread at a time, and may be resumed on another than it parked
 * on.
 *
 * The after-switch step. A context that leaves cannot tell the world that it has left:
 * until its three words are stored, another thread that resumed it would run a stack
 * still in use. So it leaves with a message, {after, arg}, and after(arg) runs on the
 * *next* stack, when the old context is whole. Whoever wants to publish, queue, free or
 * record the old context does it there.
 *
 *        old stack                              next stack
 *   context_switch(from, to, after, arg)
 *     save registers, store 3 words
 *     load 3 words, jump  ------------------->  load registers
 *                                               after(arg)
 *                                               goes on where it once left
 *
 * Two ways to leave. A processor predicts each `ret` from a stack of its own, on which every
 * `call` put where it came from. A switch between two calls leaves that stack out of step: the
 * context that comes returns to its callers, and each of these returns is predicted to go where
 * the one that left was called from. context_switch costs its callers one wrong prediction, some
 * 5 ns, when they return. context_switch_last is for a function whose last act is to leave: the
 * compiler makes the call a jump, the assembly ends in the function's own `ret`, and as many
 * returns as calls are made on the way. They are predicted right where fibers wait in the same
 * places, or are nested as calls are: a child starts, ends, and its parent goes on.
 *
 * Rejected designs. Inline assembly with a list of clobbered registers, as the original
 * has it, takes less time, but clang miscompiles it in a function that needs a base
 * pointer. A message in memory, as the original's: the next stack would wait for it to
 * come back from the store buffer before it could find its own stack pointer. ucontext
 * makes a system call a switch. `ret` instead of the last `jmp` of context_swap: the call that it
 * would answer is the one that left, so it is wrong wherever the two stand in different places.
 * Leaving out the floating-point control words: a rounding mode set in one context
 * would leak into all others.
 *
 * Includes: base. Never traces; the layer above does. */
#ifndef WEFT_CONTEXT_CONTEXT_H
#define WEFT_CONTEXT_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "context/annotate.h"

/* Owned by whoever runs it, or, while it is parked, by whoever may resume it; handing
 * it from one thread to another is the caller's release and acquire. The assembly knows
 * the offsets of the first three fields. */
struct context {
	void *sp;         /* as its caller will find it; saved registers lie below it */
	void *fp;         /* the frame pointer register */
	void (*pc)(void); /* where to go on */
	struct annotation annotation; /* what sanitizers are told */
};

/* What crosses from the stack that is left to the next: two words, in two registers. */
struct switch_message {
	void (*after)(void *arg); /* the after-switch step, or NULL */
	void *arg;
};

/* The first function of a context. It must not return: its last act is context_leave.
 */
typedef void context_entry_function(void *argument);

/* Makes `context` a fresh one: parked, and about to call entry(argument).
 *
 * stack: the lowest byte of `size` bytes that the caller owns and keeps until the
 * context has left for good and context_destroy was called; 16-byte aligned, size a
 * multiple of 16 and at least CONTEXT_STACK_MIN. Nothing is allocated. The context
 * starts with the floating-point control words of the caller, as a new thread does.
 * Corresponds to the context literals in the original's `concurrent` (Kqueue.zig:948).
 */
void context_init(struct context *context, void *stack, size_t size,
		  context_entry_function *entry, void *argument);

/* In assembly: writes below `sp` what context_swap loads there, so that the fresh
 * context finds `entry` and `argument` in registers, and the control words. Returns where
 * a fresh context goes on, which is in context_entry. */
void (*context_prepare(void *sp, context_entry_function *entry, void *argument,
		       uint64_t words))(void);

/* Makes a context that has left for good a fresh one again, on the stack it had, without the
 * cost of telling anybody about a new stack. It starts with the control words `words`. */
static inline void context_rearm(struct context *context, void *stack_end,
				 context_entry_function *entry, void *argument,
				 uint64_t words)
{
	annotate_rearm(&context->annotation);
	/* Below the two words at the top; a multiple of 16, as the calling convention has it
	 * before a call. */
	context->sp = (void **)stack_end - 2;
	context->fp = NULL;
	context->pc = context_prepare(context->sp, entry, argument, words);
}

/* The floating-point control words of the caller, as context_rearm takes them. */
uint64_t context_control_words(void);

/* Makes `context` stand for the calling thread's own stack, which is running. */
void context_adopt(struct context *context);

/* Forgets a context that is not running: sanitizers and Valgrind let go of its stack.
 */
void context_destroy(struct context *context);

/* A stack smaller than this cannot hold the first frames. */
#define CONTEXT_STACK_MIN 1024

/* The assembly. Parks `from`, goes on in `to`, and returns there what the leaver sent.
 */
struct switch_message context_swap(struct context *from, struct context *to,
				   struct switch_message message);

/* As context_swap, but what `from` does first when it runs again is context_step; then it
 * returns. */
void context_hop(struct context *from, struct context *to,
		 struct switch_message message);

/* As context_hop, and `from` is never to be resumed: no more of it is kept than its sp. Does
 * not return. */
void context_drop(struct context *from, struct context *to,
		  struct switch_message message);

/* Called by the assembly: what a context does first when it runs, unless it left by
 * context_swap; the ends of one that is resumed after it has left for good, and of one whose
 * entry function returns. */
void context_step(void (*after)(void *arg), void *arg, struct context *self);
_Noreturn void context_gone(void);
_Noreturn void context_returned(void);

/* What every context does first when it runs again. */
static inline void context_arrive(struct context *self, struct switch_message message)
{
	annotate_arrive(&self->annotation);
	if (message.after)
		message.after(message.arg);
}

/* Asks the compiler to have an integer variable in one certain register that every
 * callee must preserve, at this point of the program: for demonstrations and tests of
 * the switch. */
#if defined(__x86_64__)
#define CONTEXT_HELD_REGISTER  "rbx"
#define context_hold(variable) __asm__ volatile("" : "+b"(variable))
#elif defined(__aarch64__)
#define CONTEXT_HELD_REGISTER "x19"
#define context_hold(variable)                                                         \
	do {                                                                           \
		register __typeof__(variable) held_ __asm__("x19") = (variable);       \
		__asm__ volatile("" : "+r"(held_));                                    \
		(variable) = held_;                                                    \
	} while (0)
#endif

/* Leaves `from`, which is the running context, for `to`, which is parked and the
 * caller's to resume. after(arg) then runs on the stack of `to`, when `from` is whole.
 * Returns when somebody switches back to `from`, possibly on another thread.
 * Corresponds to `contextSwitch` and the call of `handle` in the original's `yield`
 * (Kqueue.zig:265). */
static inline void context_switch(struct context *from, struct context *to,
				  void (*after)(void *arg), void *arg)
{
	annotate_leave(&from->annotation, &to->annotation);
	context_arrive(from,
		       context_swap(from, to, (struct switch_message){after, arg}));
}

/* As context_switch, for the last act of a function: a compiler that makes it a jump there has
 * the switch return straight to that function's caller. */
static inline void context_switch_last(struct context *from, struct context *to,
				       void (*after)(void *arg), void *arg)
{
	annotate_leave(&from->annotation, &to->annotation);
	context_hop(from, to, (struct switch_message){after, arg});
	annotate_resumed();
}

/* As context_switch, but `from` never runs again, and its stack is free for other use
 * as soon as after(arg) has run. Does not return. */
static inline void context_leave(struct context *from, struct context *to,
				 void (*after)(void *arg), void *arg)
{
	annotate_leave_for_good(&from->annotation, &to->annotation);
	context_drop(from, to, (struct switch_message){after, arg});
	annotate_resumed();
}

#endif
