/* event.h: kqueue's names and values, as FreeBSD has them, where there is no kqueue.
 *
 * For the translation of its entries nothing more is needed. kqueue() and kevent() themselves
 * are in stand_in/kqueue.c. */
#ifndef WEFT_TESTS_POLLER_STAND_IN_SYS_EVENT_H
#define WEFT_TESTS_POLLER_STAND_IN_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ  (-1)
#define EVFILT_WRITE (-2)
#if !defined(WITHOUT_EVFILT_USER)
#define EVFILT_USER  (-11)
#define NOTE_TRIGGER 0x01000000
#endif

#define EV_ADD    0x0001
#define EV_DELETE 0x0002
#define EV_CLEAR  0x0020
#define EV_ERROR  0x4000
#define EV_EOF    0x8000

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned fflags;
	int64_t data;
	void *udata;
	uint64_t ext[4];
};

#define EV_SET(place, id, kind, flag, fflag, number, user)                             \
	(*(place) = (struct kevent){.ident = (id),                                     \
				    .filter = (kind),                                  \
				    .flags = (flag),                                   \
				    .fflags = (fflag),                                 \
				    .data = (number),                                  \
				    .udata = (user)})

/* The error that adding a filter for writing is answered with, if it is not 0. */
extern int stand_in_refuses_writers;

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count,
	   struct kevent *entries, int capacity, const struct timespec *timeout);

#endif
