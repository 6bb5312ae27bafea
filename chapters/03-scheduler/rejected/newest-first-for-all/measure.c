/* Three fibers on one worker yield, and nothing else. Prints how many turns the others had, at
 * most, from one turn of the third to its next.
 *
 *   measure [TURNS]    of the other two, in all (1,000,000) */
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

static long most = 1000000, turns, last_of_third, longest;

static void pass(struct weft *io, const void *context, void *result)
{
	(void)result;
	weft_name(io, *(const char *const *)context);
	for (; turns < most; turns++)
		weft_yield(io);
}

static void third(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	weft_name(io, "third");
	longest = turns;
	while (turns < most) {
		last_of_third = turns;
		weft_yield(io);
		if (turns - last_of_third > longest)
			longest = turns - last_of_third;
	}
}

int main(int count, char **arguments)
{
	static const char *const names[] = {"ping", "pong"};
	struct weft *io;
	struct weft_future future[3];
	if (count == 2)
		most = atol(arguments[1]);
	if (weft_init(&io, NULL) < 0)
		return 1;
	weft_async(io, &future[0], third, NULL, 0, NULL); /* the oldest */
	for (int i = 0; i < 2; i++)
		weft_async(io, &future[1 + i], pass, &names[i], sizeof names[i], NULL);
	for (int i = 2; i >= 0; i--)
		weft_await(io, &future[i]);
	printf("%ld\n", longest);
	return weft_deinit(io) < 0;
}
