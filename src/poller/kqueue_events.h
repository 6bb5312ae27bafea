/* kqueue_events.h: what an entry of a kqueue's list says, in the poller's words.
 *
 * Whoever includes it has <sys/event.h>, or a stand-in for it, before.
 *
 * An entry is about one filter, which is a direction: EVFILT_READ or EVFILT_WRITE. Its flags:
 *
 *   EV_EOF     a hang-up of that direction. Data may be left to read; `data` counts it. Of a
 *              socket, `fflags` is then the error that ended it, or 0.
 *   EV_ERROR   no event but the answer to a change: `data` is the error, 0 if it was done.
 *              kqueue.c asks for none, so what comes is told as an error of the direction.
 *   EV_OOBAND  an urgent byte is among what is to be read; macOS alone has it
 *
 * EV_ADD is not among them, although it was when the filter was added. */
#ifndef WEFT_POLLER_KQUEUE_EVENTS_H
#define WEFT_POLLER_KQUEUE_EVENTS_H

#include <stdint.h>

#include "poller/poller.h"

/* 0 for a filter that is not watched. EVFILT_READ and the rest are signed here and unsigned
 * there. */
static inline unsigned kqueue_direction(const struct kevent *entry)
{
	if (entry->filter == EVFILT_READ)
		return POLLER_READ;
	return entry->filter == EVFILT_WRITE ? POLLER_WRITE : 0;
}

static inline unsigned kqueue_event_what(const struct kevent *entry)
{
	unsigned direction = kqueue_direction(entry), what = direction;
	if (entry->flags & EV_ERROR)
		return entry->data == 0 ? 0 : direction | POLLER_ERROR;
	if (entry->flags & EV_EOF)
		what |= POLLER_HANGUP_OF(direction);
#if defined(EV_OOBAND)
	if ((entry->flags & EV_OOBAND) && direction == POLLER_READ)
		what |= POLLER_URGENT;
#endif
	if ((entry->flags & EV_EOF) && entry->fflags != 0)
		what |= POLLER_ERROR;
	return what;
}

/* Translates `count` entries (an error's number is none) and returns how many events they are:
 * the bell's is none, and sets *rung. */
static inline int kqueue_translate(const struct kevent *entries, int count,
				   struct poller_event *events, bool *rung)
{
	int made = 0;
	*rung = false;
	for (int i = 0; i < count; i++) {
		uint64_t tag = (uint64_t)(uintptr_t)entries[i].udata;
		if (tag == POLLER_TAG_OF_BELL)
			*rung = true;
		else if (kqueue_direction(&entries[i]) &&
			 kqueue_event_what(&entries[i]))
			events[made++] = (struct poller_event){
				tag, kqueue_event_what(&entries[i])};
	}
	return made;
}

#endif
