/* thread_local.h: the one pointer that belongs to a thread.
 *
 * A fiber may park on one thread and resume on another. The compiler does not know
 * this: it computes the address of a thread-local variable once and keeps it over the
 * call that parks, and then reads the variable of the thread it left. So there is one
 * thread-local in Weft, it is hidden in thread_local.c, and these two functions are the
 * only way to it.
 *
 * Rejected: an inline accessor (the address is folded again); a noinline accessor that
 * returns the address (gcc and clang see that it is constant and call it once); a
 * noinline accessor without a barrier (found pure, and its calls merged). */
#ifndef WEFT_BASE_THREAD_LOCAL_H
#define WEFT_BASE_THREAD_LOCAL_H

/* The pointer that the calling thread last set, NULL at first. The value is for use at
 * once: after anything that may park, ask again. */
void *base_this_thread(void);

/* Sets the calling thread's pointer. */
void base_set_this_thread(void *value);

#endif
