#include "context/context.h"

#include "base/assert.h"

/* The assembly stores and loads the three words by these offsets. */
_Static_assert(offsetof(struct context, sp) == 0, "context_*.S: sp");
_Static_assert(offsetof(struct context, fp) == 8, "context_*.S: fp");
_Static_assert(offsetof(struct context, pc) == 16, "context_*.S: pc");

/* In assembly: writes below `sp` what context_swap loads there, so that the fresh
 * context finds `entry`, `argument` and `self` in registers, and the control words.
 * Returns where a fresh context goes on, which is in context_entry. */
void (*context_prepare(void *sp, context_entry_function *entry, void *argument,
		       struct context *self, uint64_t words))(void);

void context_init(struct context *context, void *stack, size_t size,
		  context_entry_function *entry, void *argument)
{
	weft_assert((uintptr_t)stack % 16 == 0 && size % 16 == 0);
	weft_assert(size >= CONTEXT_STACK_MIN);
	annotate_init(&context->annotation, stack, size);
	context_rearm(context, (char *)stack + size, entry, argument,
		      context_control_words());
}

void context_rearm(struct context *context, void *stack_end,
		   context_entry_function *entry, void *argument, uint64_t words)
{
	/* Two zero words at the very top: the end for whoever follows frames by hand.
	 * The stack pointer is a multiple of 16, as the calling convention has it
	 * before a call. */
	void **top = (void **)stack_end - 2;
	top[0] = top[1] = NULL;
	annotate_rearm(&context->annotation);
	context->sp = top;
	context->fp = NULL;
	context->pc = context_prepare(context->sp, entry, argument, context, words);
}

void context_adopt(struct context *context)
{
	context->sp = NULL; /* the three words are stored when it first leaves */
	context->fp = NULL;
	context->pc = NULL;
	annotate_adopt(&context->annotation);
}

void context_destroy(struct context *context)
{
	annotate_destroy(&context->annotation);
}

_Noreturn void context_begin(struct switch_message message,
			     context_entry_function *entry, void *argument,
			     struct context *self)
{
	context_arrive(self, message);
	entry(argument);
	weft_fatal(
		"a context's entry function returned; its last act is context_leave");
}

_Noreturn void context_leave(struct context *from, struct context *to,
			     void (*after)(void *arg), void *arg)
{
	annotate_leave_for_good(&from->annotation, &to->annotation);
	(void)context_swap(from, to, (struct switch_message){after, arg});
	weft_fatal("a context that had left for good was resumed");
}
