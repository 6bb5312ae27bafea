#include <stdio.h>

static const char *name[] = {"ping", "pong", "third"};
static int ready[3], length; /* who may run; the newest last */
static long turns[3];

static void make_ready(int who)
{
	ready[length++] = who;
}

int main(void)
{
	make_ready(2);
	make_ready(0);
	for (int i = 0; i < 1000000; i++) {
		int who = ready[--length]; /* the newest first */
		turns[who]++;
		make_ready(1 - who % 2); /* ping wakes pong, and pong ping */
	}
	for (int who = 0; who < 3; who++)
		printf("%s has had %ld turns\n", name[who], turns[who]);
}
