/* Exercise 2.4: six digs, one after the other.
 *
 * Each dig takes its own time and finds something. main adds up what they find. */
#include <stdio.h>

#include "weft.h"

#define DIGS  6
#define LIMIT 3 /* at most so many may go on at once */

struct dig {
	const char *begins, *ends; /* what it notes in the trace */
	long yields;               /* how long it takes */
	int worth;
};

static const struct dig digs[DIGS] = {
	{"1 begins", "1 ends", 2, 1},     {"2 begins", "2 ends", 9, 20},
	{"3 begins", "3 ends", 2, 300},   {"4 begins", "4 ends", 2, 4000},
	{"5 begins", "5 ends", 5, 50000}, {"6 begins", "6 ends", 1, 600000},
};

/* Leave it as it is. */
static void dig(struct weft *io, const void *context, void *result)
{
	const struct dig *self = context;
	weft_name(io, "dig");
	weft_mark(io, self->begins, 0);
	for (long i = 0; i < self->yields; i++)
		weft_yield(io);
	weft_mark(io, self->ends, 0);
	*(int *)result = self->worth;
}

static int dig_all(struct weft *io)
{
	int total = 0;
	for (int i = 0; i < DIGS; i++) {
		struct weft_future future;
		int found = 0;
		weft_async(io, &future, dig, &digs[i], sizeof digs[i], &found);
		weft_await(io, &future);
		total += found;
	}
	return total;
}

int main(void)
{
	struct weft *io;
	int error = weft_init(&io, NULL);
	if (error) {
		printf("%s\n", weft_strerror(error));
		return 1;
	}
	printf("worth %d in all\n", dig_all(io));
	error = weft_deinit(io);
	if (error)
		printf("the runtime does not end: %s\n", weft_strerror(error));
	return error != 0;
}
