/* system.h: the system calls of Weft, with errors as values.
 *
 * Each function returns 0, a descriptor or a count, or a negative errno value. errno
 * itself is read in system_posix.c and nowhere else, right after the call that set it,
 * in functions that never switch stacks: the address of errno belongs to a thread, and
 * a compiler that kept it over a switch would read another thread's. */
#ifndef WEFT_BASE_SYSTEM_H
#define WEFT_BASE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft.h"

/* What a system call answered: `result` itself, or the negative errno value when it is -1. For
 * a module that makes system calls of its own; the call stands in the argument, so that nothing
 * comes between the two. */
int64_t system_result(int64_t result);

/* For a signal handler, which leaves errno as it finds it. */
int system_error(void);
void system_set_error(int error);

/* Makes the new file `path`, opened for reading and writing, close-on-exec. -EEXIST. */
int system_create(const char *path);

int system_remove(const char *path);

/* Opens `path`, which is there, for writing, close-on-exec. */
int system_open_to_write(const char *path);

/* Makes `to` the name of the file `from`, in one step: whoever opens `to` finds what it
 * was before or all of the new file. */
int system_rename(const char *from, const char *to);

/* Opens `path` for reading, close-on-exec. */
int system_open(const char *path);

/* The size of the open file `fd` in bytes. A pipe or a directory is -ESPIPE. */
int system_file_size(int fd, uint64_t *size);

/* Makes `fd` `size` bytes long with every block reserved, so that no later store to a
 * mapping of it can run out of space. -ENOSPC, -EFBIG, -EINVAL. */
int system_reserve(int fd, uint64_t size);

int system_truncate(int fd, uint64_t size);

/* Closes `fd`, which is gone then, whatever is answered. An interruption is none: never -EINTR. */
int system_close(int fd);

/* Writes all `size` bytes, or returns the error that stopped it. */
int system_write_all(int fd, const void *data, size_t size);

/* Reads up to `size` bytes that begin at `offset`. Returns how many; 0 at the end. */
int64_t system_read_at(int fd, void *data, size_t size, uint64_t offset);

/* Maps `size` bytes of `fd` from its start, shared and writable; a child of fork(2)
 * does not inherit the mapping. */
int system_map_shared(int fd, size_t size, void **address);

/* Maps `size` bytes of `fd` from its start, private and read-only. */
int system_map_private(int fd, size_t size, const void **address);

/* Reserves `size` bytes of fresh, zeroed memory, in which stacks may lie. */
int system_map_anonymous(size_t size, void **address);

int system_unmap(const void *address, size_t size);

/* Makes [address, address + size) inaccessible. Both are multiples of the page size. */
int system_protect_none(void *address, size_t size);

/* As system_protect_none, at the cost of no mapping: the page tables alone hold it. -EINVAL
 * where the system cannot (Linux before 6.13, and other systems), or only says that it did. */
int system_guard(void *address, size_t size);

/* Gives the memory behind [address, address + size) back. Each page then reads as it was, or as
 * zero; on Linux as zero. */
void system_discard(void *address, size_t size);

/* Gives back the memory behind pages of a file that were only read; they are read from the
 * file again when somebody asks. Advice: where the system does not take it, they stay. */
void system_give_back(const void *address, size_t size);

/* Backs [address, address + size) with memory now, so that a later store takes no page
 * fault. Advice: where the system cannot, the pages come one by one, later. */
void system_populate(void *address, size_t size);

/* Reads up to `size` bytes from `fd`, where it stands. Returns how many; 0 at the end. -EAGAIN if it
 * does not block. Never -EINTR, nor do the next three. */
int64_t system_read(int fd, void *data, size_t size);

/* Writes up to `size` bytes to `fd`; returns how many. A thread in which SIGPIPE is not blocked may
 * meet it. */
int64_t system_write(int fd, const void *data, size_t size);

/* Whether reading, or if `writes` writing, would not block now: 1 or 0. What would fail does not
 * block. -EBADF. */
int system_is_ready(int fd, bool writes);

/* Calls on `fd`, and on all descriptors that share its state, answer -EAGAIN from now on where they
 * would block. */
int system_set_nonblocking(int fd);

/* What sort of thing `fd` is. */
enum system_kind {
	SYSTEM_FILE = 1, /* it has no readiness: a regular file, a directory, a disk */
	SYSTEM_STREAM = 2, /* bytes without limits between them: a pipe, TCP */
	SYSTEM_OTHER = 3,
};
int system_kind_of(int fd);

size_t system_page_size(void);
uint64_t system_monotonic_ns(void);
uint64_t system_realtime_ns(void);

/* What the clock says, in nanoseconds; -EINVAL for no clock, or one that the system lacks. */
int64_t system_clock_ns(enum weft_clock clock);
uint64_t system_thread_id(void);
uint32_t system_process_id(void);

#endif
