/* kqueue.c: the poller on macOS, FreeBSD, NetBSD and OpenBSD.
 *
 * A direction is a filter, registered with EV_CLEAR, which makes it an edge. Each change is a
 * kevent call of its own, without a list for events: the call then returns the change's error
 * and takes no event that another thread should have.
 *
 * The bell is a filter of the kind EVFILT_USER, which nothing but a program rings. It is added
 * once, by poller_open; a ring is NOTE_TRIGGER alone. Adding and ringing in one change is
 * lost on FreeBSD when the filter was not there before, and EV_CLEAR in a ring takes the ring
 * back. Older OpenBSD and NetBSD have no such filter: there it is a pipe.
 *
 * close(2) takes a descriptor's filters off the list, even when a dup of it lives on, and a
 * child of fork(2) does not inherit the kqueue. */
#include "poller/poller.h"

#if !defined(__linux__)

#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/system.h"
#include "poller/kqueue_events.h"
#include "poller/wake.h"

enum { NS_PER_S = 1000000000 };

_Static_assert(sizeof(void *) == sizeof(uint64_t),
	       "a tag travels in a pointer's place");

static int apply(const struct poller *poller, const struct kevent *change)
{
	int error = (int)system_result(kevent(poller->fd, change, 1, NULL, 0, NULL));
	return error == -EINTR ? 0 : error; /* kqueue(2): the change was made */
}

static int change_filter(const struct poller *poller, int fd, unsigned direction,
			 unsigned short flags, uint64_t tag)
{
	struct kevent change;
	EV_SET(&change, (uintptr_t)fd,
	       direction == POLLER_READ ? EVFILT_READ : EVFILT_WRITE, flags, 0, 0,
	       (void *)(uintptr_t)tag);
	return apply(poller, &change);
}

/* ---- the bell ---- */

#if defined(EVFILT_USER)

/* Each change of a filter replaces its tag, so a ring has it too. */
static int change_bell(const struct poller *poller, unsigned short flags,
		       unsigned fflags)
{
	struct kevent change;
	EV_SET(&change, 0, EVFILT_USER, flags, fflags, 0,
	       (void *)(uintptr_t)POLLER_TAG_OF_BELL);
	return apply(poller, &change);
}

static int open_bell(struct poller *poller)
{
	return change_bell(poller, EV_ADD | EV_CLEAR, 0);
}

static void close_bell(const struct poller *poller)
{
	(void)poller; /* it goes with the kqueue */
}

static int ring(const struct poller *poller)
{
	return change_bell(poller, 0, NOTE_TRIGGER);
}

/* EV_CLEAR has done it. */
static void silence(const struct poller *poller)
{
	(void)poller;
}

#else

enum { RINGS_MAX = 64 }; /* that are taken at a time; more than two are rare */

static void close_bell(const struct poller *poller)
{
	(void)system_close(poller->bell); /* both ends are ours */
	(void)system_close(poller->bell_pull);
}

static int open_bell(struct poller *poller)
{
	int ends[2];
	int error = (int)system_result(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	if (error < 0)
		return error;
	poller->bell = ends[0];
	poller->bell_pull = ends[1];
	error = change_filter(poller, poller->bell, POLLER_READ, EV_ADD | EV_CLEAR,
			      POLLER_TAG_OF_BELL);
	if (error < 0)
		close_bell(poller);
	return error;
}

static int ring(const struct poller *poller)
{
	int64_t written = system_write(poller->bell_pull, "", 1);
	/* A full pipe is a bell that has been rung. */
	return written < 0 && written != -EAGAIN ? (int)written : 0;
}

/* So that the pipe does not fill up. */
static void silence(const struct poller *poller)
{
	char rings[RINGS_MAX];
	(void)system_result(read(poller->bell, rings, sizeof rings)); /* or none */
}

#endif

/* ---- opening and closing ---- */

int poller_open(struct poller *poller)
{
	*poller = (struct poller){.bell = -1, .bell_pull = -1};
	poller->fd = (int)system_result(kqueue());
	if (poller->fd < 0)
		return poller->fd;
	int error = (int)system_result(fcntl(poller->fd, F_SETFD, FD_CLOEXEC));
	if (error >= 0)
		error = open_bell(poller);
	if (error < 0)
		(void)system_close(poller->fd); /* the first error is the one to tell */
	return error;
}

void poller_close(struct poller *poller)
{
	close_bell(poller);
	(void)system_close(poller->fd); /* ours, and it holds no data */
}

/* ---- watching ---- */

/* A pipe that nobody reads any more has no filter for writing: -EPIPE; on NetBSD -EBADF,
 * although the descriptor is open. */
static bool reader_is_gone(int fd, unsigned direction, int error)
{
	if (direction != POLLER_WRITE)
		return false;
	return error == -EPIPE ||
	       (error == -EBADF && system_result(fcntl(fd, F_GETFD)) >= 0);
}

/* A filter that is not there is off the list already: its descriptor was closed, or never had
 * one. */
static int remove_filters(const struct poller *poller, int fd, unsigned directions)
{
	int result = 0;
	for (unsigned d = POLLER_READ; d <= POLLER_WRITE; d <<= 1) {
		int error =
			directions & d ? change_filter(poller, fd, d, EV_DELETE, 0) : 0;
		if (error < 0 && error != -ENOENT)
			result = error;
	}
	return result;
}

/* Returns the hang-ups that it met. On an error it has added nothing. */
static int add_filters(const struct poller *poller, int fd, unsigned directions,
		       uint64_t tag)
{
	unsigned hangups = 0, added = 0;
	for (unsigned d = POLLER_READ; d <= POLLER_WRITE; d <<= 1) {
		if (!(directions & d))
			continue;
		int error = change_filter(poller, fd, d, EV_ADD | EV_CLEAR, tag);
		if (reader_is_gone(fd, d, error)) {
			hangups |= POLLER_HANGUP_OF(d);
		} else if (error < 0) {
			(void)remove_filters(poller, fd, added); /* they were added */
			return error;
		} else {
			added |= d;
		}
	}
	return (int)hangups;
}

static void count_descriptor(struct poller *poller, unsigned from, unsigned to)
{
	if (from == 0 && to != 0)
		(void)fetch_add_relaxed(&poller->watched_count, 1);
	if (from != 0 && to == 0)
		(void)fetch_add_relaxed(&poller->watched_count, -1u);
}

int poller_watch(struct poller *poller, int fd, unsigned from, unsigned to,
		 uint64_t tag)
{
	weft_assert(tag != POLLER_TAG_OF_BELL);
	weft_assert((to & ~POLLER_DIRECTIONS) == 0);
	int hangups = add_filters(poller, fd, to & ~from, tag);
	if (hangups < 0)
		return hangups;
	int error = remove_filters(poller, fd, from & ~to);
	count_descriptor(poller, from, to);
	return error < 0 ? error : (int)to | hangups;
}

/* ---- waking and waiting ---- */

int poller_wake(struct poller *poller)
{
	return poller_wake_claim(poller) ? ring(poller) : 0;
}

static int wait_in_kernel(const struct poller *poller, struct kevent *entries,
			  int capacity, int64_t timeout_ns)
{
	/* NetBSD counts entries with a size_t, the others with an int; this fits both. */
	unsigned short most = (unsigned short)capacity;
	if (timeout_ns > POLLER_WAIT_MAX_NS)
		timeout_ns = POLLER_WAIT_MAX_NS;
	struct timespec timeout = {timeout_ns / NS_PER_S, timeout_ns % NS_PER_S};
	return (int)system_result(kevent(poller->fd, NULL, 0, entries, most,
					 timeout_ns < 0 ? NULL : &timeout));
}

int poller_wait(struct poller *poller, struct poller_event *events, int capacity,
		int64_t timeout_ns)
{
	struct kevent entries[POLLER_BATCH];
	bool rung;
	weft_assert(capacity > 0);
	int count = wait_in_kernel(poller, entries,
				   capacity < POLLER_BATCH ? capacity : POLLER_BATCH,
				   timeout_ns);
	int made = kqueue_translate(entries, count, events, &rung);
	/* Before the wake is taken: a ring that comes after that is another wake's, and would
	 * be silenced with a wake still pending. */
	if (rung)
		silence(poller);
	if (timeout_ns != 0)
		poller_wake_take(poller);
	else if (rung && poller_wake_is_pending(poller))
		(void)ring(poller); /* the filter is there, or the pipe has room */
	return count < 0 && count != -EINTR ? count : made;
}

#endif
