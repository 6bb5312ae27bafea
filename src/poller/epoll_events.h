/* epoll_events.h: what an entry of epoll's list says, in the poller's words.
 *
 * Whoever includes it has <sys/epoll.h>, or a stand-in for it, before.
 *
 *   EPOLLIN      there is something to read, or the end of it
 *   EPOLLPRI     an urgent byte is among it
 *   EPOLLOUT     there is room to write
 *   EPOLLRDHUP   the other end of a socket will send no more
 *   EPOLLHUP     both ways are over; of a pipe that is read: nobody has it open to write
 *   EPOLLERR     a socket's error is waiting; of a pipe that is written: nobody reads it
 *
 * EPOLLHUP and EPOLLERR come unasked. */
#ifndef WEFT_POLLER_EPOLL_EVENTS_H
#define WEFT_POLLER_EPOLL_EVENTS_H

#include <stdint.h>

#include "poller/poller.h"

static inline unsigned epoll_event_what(uint32_t events)
{
	unsigned what = 0;
	if (events & EPOLLIN)
		what |= POLLER_READ;
	if (events & EPOLLPRI)
		what |= POLLER_READ | POLLER_URGENT;
	if (events & EPOLLOUT)
		what |= POLLER_WRITE;
	if (events & EPOLLRDHUP)
		what |= POLLER_READ | POLLER_READ_HANGUP;
	if (events & EPOLLHUP)
		what |= POLLER_DIRECTIONS | POLLER_READ_HANGUP | POLLER_WRITE_HANGUP;
	if (events & EPOLLERR)
		what |= POLLER_DIRECTIONS | POLLER_ERROR;
	return what;
}

/* Translates `count` entries (an error's number is none) and returns how many events they are:
 * the bell's is none, and sets *rung. */
static inline int epoll_translate(const struct epoll_event *entries, int count,
				  struct poller_event *events, bool *rung)
{
	int made = 0;
	*rung = false;
	for (int i = 0; i < count; i++) {
		if (entries[i].data.u64 == POLLER_TAG_OF_BELL)
			*rung = true;
		else
			events[made++] = (struct poller_event){
				entries[i].data.u64,
				epoll_event_what(entries[i].events)};
	}
	return made;
}

#endif
