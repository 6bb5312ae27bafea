/* Two functions that take turns by calling each other. */
#include <stdio.h>

static void pong(long hit);

static void ping(long hit)
{
	char note[64];
	snprintf(note, sizeof note, "ping makes hit %ld", hit);
	if (hit % 20000 == 0)
		fprintf(stderr, "%s\n", note);
	pong(hit + 1);
}

static void pong(long hit)
{
	ping(hit + 1);
}

int main(void)
{
	ping(0);
}
