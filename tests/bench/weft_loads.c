#include "weft_loads.h"

static void nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

void load_spawn_await(struct weft *io, int fibers)
{
	struct weft_future future;
	for (int i = 0; i < fibers; i++) {
		weft_async(io, &future, nothing, NULL, 0, NULL);
		weft_await(io, &future);
	}
}

static void await_all(struct weft *io, struct weft_future *futures, int fibers)
{
	for (int i = 0; i < fibers; i++)
		weft_await(io, &futures[i]);
}

void load_batch(struct weft *io, struct weft_future *futures, int fibers)
{
	for (int i = 0; i < fibers; i++)
		weft_async(io, &futures[i], nothing, NULL, 0, NULL);
	await_all(io, futures, fibers);
}

static void yield_often(struct weft *io, const void *context, void *result)
{
	int yields = *(const int *)context;
	(void)result;
	for (int i = 0; i < yields; i++)
		weft_yield(io);
}

void load_yield(struct weft *io, struct weft_future *futures, int fibers, int yields)
{
	for (int i = 0; i < fibers; i++)
		weft_async(io, &futures[i], yield_often, &yields, sizeof yields, NULL);
	await_all(io, futures, fibers);
}

static void fibonacci(struct weft *io, const void *context, void *result)
{
	int n = *(const int *)context, n_1 = n - 1, n_2 = n - 2;
	long left = n, right = 0;
	struct weft_future first, second;
	if (n >= 2) {
		weft_async(io, &first, fibonacci, &n_1, sizeof n_1, &left);
		weft_async(io, &second, fibonacci, &n_2, sizeof n_2, &right);
		weft_await(io, &first);
		weft_await(io, &second);
	}
	*(long *)result = left + right;
}

long load_fork_join(struct weft *io, int n)
{
	long result;
	struct weft_future root;
	weft_async(io, &root, fibonacci, &n, sizeof n, &result);
	weft_await(io, &root);
	return result;
}
