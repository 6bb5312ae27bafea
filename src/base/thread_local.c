#include "base/thread_local.h"

/* Touched only by its own thread. */
static _Thread_local void *this_thread;

__attribute__((noinline)) void *base_this_thread(void)
{
	__asm__ volatile("" ::: "memory"); /* not pure: two calls are two reads */
	return this_thread;
}

__attribute__((noinline)) void base_set_this_thread(void *value)
{
	__asm__ volatile("" ::: "memory");
	this_thread = value;
}
