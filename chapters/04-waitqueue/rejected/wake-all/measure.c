/* Readers wait at one pipe. Main writes a byte, and the next when that one has been read. */
#include <unistd.h>

#include "weft.h"

#define READERS 16
#define BYTES   160

static int left = BYTES, has_read;

static void read_some(struct weft *io, const void *context, void *result)
{
	char bytes[8];
	(void)result;
	while (left > 0 &&
	       weft_read(io, *(const int *)context, bytes, sizeof bytes) == 1) {
		left--;
		has_read = 1;
	}
}

int main(void)
{
	struct weft *io;
	struct weft_future future[READERS];
	int end[2];
	if (weft_init(&io, NULL) < 0 || pipe(end) < 0)
		return 1;
	weft_adopt(io, end[0]);
	for (int i = 0; i < READERS; i++)
		weft_async(io, &future[i], read_some, &end[0], sizeof end[0], NULL);
	for (int i = 0; i < BYTES; i++) {
		weft_sleep(io, weft_in(50000));
		has_read = 0;
		weft_write(io, end[1], "x", 1);
		while (!has_read)
			weft_sleep(io, weft_in(50000));
	}
	weft_close(io, end[0]);
	for (int i = 0; i < READERS; i++)
		weft_await(io, &future[i]);
	return weft_deinit(io) < 0;
}
