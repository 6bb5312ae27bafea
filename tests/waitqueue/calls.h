/* calls.h: the system calls that the library makes, counted, and stopped on the way. */
#ifndef WEFT_TESTS_WAITQUEUE_CALLS_H
#define WEFT_TESTS_WAITQUEUE_CALLS_H

#include <stdatomic.h>

/* Of all threads, since the start. */
extern _Atomic unsigned calls_read, calls_write, calls_poll, calls_close;

/* When not NULL, called in a read or a close of calls_stop_fd before it is made. */
extern _Atomic int calls_stop_fd;
extern void (*_Atomic calls_stop_in_read)(void);
extern void (*_Atomic calls_stop_in_close)(void);

#endif
