/* test_peek.c: what the tests want to know of the library's own memory. It is built as the library
 * is: in the second of TSan's builds the library is not watched, nor is who looks into it. */
#include "tests/waitqueue/descriptors.h"
#include "waitqueue/waiting.h"

static uint32_t length(struct waiters_home *home, const struct waiters *waiters)
{
	uint32_t count = 0;
	lock_take(&home->lock);
	for (const struct waiter *at = waiters->first; at; at = at->next)
		count++;
	lock_give(&home->lock);
	return count;
}

uint32_t waiters_of(struct weft *io, int fd, int direction)
{
	struct descriptor *descriptor;
	if (descriptor_of(io, fd, &descriptor) != 0)
		return UINT32_MAX;
	return length(&descriptor->home, &descriptor->turns[direction].waiters);
}

uint32_t listeners_of(struct weft *io)
{
	struct waitqueue *queue = &waiting_of(io)->signals.queue;
	return length(&queue->home, &queue->waiters);
}
