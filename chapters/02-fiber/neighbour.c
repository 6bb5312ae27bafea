/* neighbour.c: a function that needs more stack than it was given. */
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

static char memory[2][16384]; /* a neighbour's, and above it the stack of `deep` */
static ucontext_t here, there;

static void deep(int level)
{
	volatile char frame[1024] = {0};
	if (level > 1)
		deep(level - 1);
	frame[0]++;
}

int main(void)
{
	memset(memory[0], '.', sizeof memory[0]);
	getcontext(&there);
	there.uc_stack = (stack_t){.ss_sp = memory[1], .ss_size = sizeof memory[1]};
	there.uc_link = &here;
	makecontext(&there, (void (*)(void))deep, 1, 20);
	swapcontext(&here, &there);
	printf("deep is done; its neighbour has %zu of %zu bytes left\n",
	       strspn(memory[0], "."), sizeof memory[0]);
	return 0;
}
