/* Main keeps worker 0 and has made children; the three others run them. None ends before all
 * three run one, so that none can run ahead, whatever else the machine does. */
#include <sched.h>
#include <stdatomic.h>

#include "weft.h"

#define THIEVES  3
#define CHILDREN 63

static _Atomic int begun, ended;

static void child(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	int whole_rounds = atomic_fetch_add(&begun, 1) / THIEVES + 1;
	while (atomic_load(&begun) < whole_rounds * THIEVES)
		sched_yield();
	atomic_fetch_add(&ended, 1);
}

int main(void)
{
	struct weft *io;
	struct weft_future future[CHILDREN];
	if (weft_init(&io, &(struct weft_options){.workers = 1 + THIEVES}) < 0)
		return 1;
	for (int i = 0; i < CHILDREN; i++)
		weft_async(io, &future[i], child, NULL, 0, NULL);
	while (atomic_load(&ended) < CHILDREN)
		sched_yield();
	for (int i = 0; i < CHILDREN; i++)
		weft_await(io, &future[i]);
	return weft_deinit(io) < 0;
}
