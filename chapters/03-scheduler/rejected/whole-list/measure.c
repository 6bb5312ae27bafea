/* As many fibers as the demo has, on as many workers, all of one length. */
#include "weft.h"

#define WORKERS   4
#define FIBERS    64
#define LENGTH_NS 50000

static void compute(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	uint64_t end = weft_now(io) + LENGTH_NS;
	while (weft_now(io) < end)
		;
}

int main(void)
{
	struct weft *io;
	struct weft_future future[FIBERS];
	if (weft_init(&io, &(struct weft_options){.workers = WORKERS}) < 0)
		return 1;
	for (int i = 0; i < FIBERS; i++)
		weft_async(io, &future[i], compute, NULL, 0, NULL);
	for (int i = 0; i < FIBERS; i++)
		weft_await(io, &future[i]);
	return weft_deinit(io) < 0;
}
