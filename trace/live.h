/* live.h: a file into memory, also while a program writes it.
 *
 * A closed trace does not change any more and is mapped. Any other may change under a
 * mapping, and trace_close cuts it short, after which the end of a mapping faults. So it is
 * copied, in an order that leaves nothing in the copy without what it relies on:
 *
 *   the heads, then all bytes        a record before its head was whole when it was copied
 *   the heads again                  what a ring wrote over meanwhile is known
 *   the file's front again           a record's site and strings were there before it
 *
 * Rejected: a handler for SIGBUS, which would be the whole program's. */
#ifndef WEFT_TRACE_LIVE_H
#define WEFT_TRACE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/format.h"

/* What the copy alone does not tell. */
struct live {
	/* Each head, after its records were copied; 0 or UINT64_MAX: as in the copy. */
	uint64_t after[TRACE_SEGMENTS_MAX];
	bool mapped; /* no copy: the bytes are the file's own pages */
};

/* Puts the `size` bytes of `fd` at *bytes, the caller's to unmap. -EAGAIN: the file has
 * another size by now, begin again. Else 0, or an error of pread(2) or mmap(2). */
int live_load(struct live *live, int fd, uint64_t size, const void **bytes);

#endif
