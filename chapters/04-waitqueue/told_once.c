#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

int main(void)
{
	int end[2], list = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	char got[5] = "";
	if (pipe(end) < 0 || epoll_ctl(list, EPOLL_CTL_ADD, end[0], &event) < 0)
		return 1;
	if (write(end[1], "pingpong", 8) < 0)
		return 1;
	for (int reader = 1; reader <= 2; reader++) {
		if (epoll_wait(list, &event, 1, 1000) == 0) /* a second */
			printf("reader %d: nothing comes\n", reader);
		else if (read(end[0], got, 4) > 0)
			printf("reader %d: %s\n", reader, got);
	}
}
