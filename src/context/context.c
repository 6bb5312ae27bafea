#include "context/context.h"

#include "base/assert.h"

/* The assembly stores and loads the three words by these offsets. */
_Static_assert(offsetof(struct context, sp) == 0, "context_*.S: sp");
_Static_assert(offsetof(struct context, fp) == 8, "context_*.S: fp");
_Static_assert(offsetof(struct context, pc) == 16, "context_*.S: pc");

void context_init(struct context *context, void *stack, size_t size,
		  context_entry_function *entry, void *argument)
{
	weft_assert((uintptr_t)stack % 16 == 0 && size % 16 == 0);
	weft_assert(size >= CONTEXT_STACK_MIN);
	annotate_init(&context->annotation, stack, size);
	/* Two zero words at the very top: the end for whoever follows frames by hand. */
	void **top = (void **)((char *)stack + size) - 2;
	top[0] = top[1] = NULL;
	context_rearm(context, (char *)stack + size, entry, argument,
		      context_control_words());
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

void context_step(void (*after)(void *arg), void *arg, struct context *self)
{
	context_arrive(self, (struct switch_message){after, arg});
}

_Noreturn void context_returned(void)
{
	weft_fatal(
		"a context's entry function returned; its last act is context_leave");
}

_Noreturn void context_gone(void)
{
	weft_fatal("a context that had left for good was resumed");
}
