/* refused.c: a watch of both directions, of which the kernel takes one and refuses the other,
 * leaves nothing on the list. Exits 0 when that holds. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "poller/poller.h"
#include "tests/poller/stand_in/sys/event.h"

#define CHECK(holds)                                                                   \
	do {                                                                           \
		if (!(holds)) {                                                        \
			printf("this must hold: %s\n", #holds);                        \
			return 1;                                                      \
		}                                                                      \
	} while (0)

int main(void)
{
	struct poller poller;
	struct poller_event event;
	int ends[2];
	CHECK(poller_open(&poller) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	stand_in_refuses_writers = ENOMEM;
	CHECK(poller_watch(&poller, ends[0], 0, POLLER_DIRECTIONS, 1) == -ENOMEM);
	CHECK(poller_watched(&poller) == 0);
	CHECK(poller_wait(&poller, &event, 1, 0) == 0);
	stand_in_refuses_writers = 0;
	CHECK(poller_watch(&poller, ends[0], 0, POLLER_DIRECTIONS, 2) ==
	      (int)POLLER_DIRECTIONS);
	CHECK(poller_watched(&poller) == 1);
	CHECK(poller_wait(&poller, &event, 1, 0) == 1);
	CHECK(event.tag == 2);
	poller_close(&poller);
	return 0;
}
