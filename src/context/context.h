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
 * Rejected designs. Inline assembly with a list of clobbered registers, as the original
 * has it, takes less time, but clang miscompiles it in a function that needs a base
 * pointer. A message in memory, as the original's: the next stack would wait for it to
 * come back from the store buffer before it could find its own stack pointer. ucontext
 * makes a system call a switch. `ret` instead of the last `jmp`: the processor's return
 * predictor remembers the call of the stack that was left and is wrong every time.
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

/* Makes a context that has left for good a fresh one again, on the stack it had, without the
 * cost of telling anybody about a new stack. It starts with the control words `words`. */
void context_rearm(struct context *context, void *stack_end,
		   context_entry_function *entry, void *argument, uint64_t words);

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

/* The first C function on a fresh stack, called by the assembly. */
_Noreturn void context_begin(struct switch_message message,
			     context_entry_function *entry, void *argument,
			     struct context *self);

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

/* As context_switch, but `from` never runs again, and its stack is free for other use
 * as soon as after(arg) has run. */
_Noreturn void context_leave(struct context *from, struct context *to,
			     void (*after)(void *arg), void *arg);

#endif
