/* gdb_parked.c: the program that gdb.sh looks at: a context that is parked a few named
 * calls deep. Each named function keeps a frame of its own: it is not inlined, and does
 * something after its call, so that the call is no jump. */
#include "context/context.h"

#include <stdio.h>

static _Alignas(16) char stack[64 * 1024];
static struct context here;
struct context parked; /* gdb.sh reads its three words */
volatile int depth;

__attribute__((noinline)) void inner_park(void)
{
	depth++;
	context_switch(&parked, &here, NULL, NULL);
	depth--;
}

/* The other way to park. With optimisation this function is gone by then. */
__attribute__((noinline)) void hop_away(void)
{
	context_switch_last(&parked, &here, NULL, NULL);
}

__attribute__((noinline)) void inner_hop(void)
{
	depth++;
	hop_away();
	depth--;
}

__attribute__((noinline)) void middle_call(void)
{
	depth++;
	inner_park();
	inner_hop();
	depth--;
}

__attribute__((noinline)) void outer_entry(void *argument)
{
	(void)argument;
	middle_call();
	context_leave(&parked, &here, NULL, NULL);
	depth--; /* never reached */
}

/* gdb.sh stops here, when the context is parked. */
__attribute__((noinline)) void while_it_is_parked(void)
{
	depth += 0;
}

__attribute__((noinline)) void resume_parked(void)
{
	depth += 0;
	context_switch(&here, &parked, NULL, NULL);
	depth += 0;
}

int main(void)
{
	context_adopt(&here);
	context_init(&parked, stack, sizeof stack, outer_entry, NULL);
	resume_parked();
	while_it_is_parked();
	resume_parked();
	while_it_is_parked();
	resume_parked();
	puts("done");
	return depth;
}
