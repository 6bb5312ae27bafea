/* Three fibers on one worker yield, and nothing else. Prints how many turns the others had, at
 * most, from one turn of the third to its next. */
#include <stdio.h>

#include "weft.h"

#define TURNS 1000000 /* of two of them, in all */

static long turns, last_of_third, longest;

static void pass(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (; turns < TURNS; turns++)
		weft_yield(io);
}

static void third(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (turns < TURNS) {
		last_of_third = turns;
		weft_yield(io);
		if (turns - last_of_third > longest)
			longest = turns - last_of_third;
	}
}

int main(void)
{
	struct weft *io;
	struct weft_future future[3];
	if (weft_init(&io, NULL) < 0)
		return 1;
	weft_async(io, &future[0], pass, NULL, 0, NULL);
	weft_async(io, &future[1], pass, NULL, 0, NULL);
	weft_async(io, &future[2], third, NULL, 0, NULL);
	for (int i = 2; i >= 0; i--)
		weft_await(io, &future[i]);
	printf("%ld\n", longest);
	return weft_deinit(io) < 0;
}
