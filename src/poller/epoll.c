/* epoll.c: the poller on Linux.
 *
 * A descriptor is registered once, edge-triggered, in both directions: a second registration for
 * the other direction would cost a system call and save nothing. The bell is an eventfd. It is
 * edge-triggered too, and each write to it is an edge, so nobody has to read it; its 64 bits do
 * not fill up. */
#include "poller/poller.h"

#if defined(__linux__)

#include <errno.h> /* for the names of the constants */
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/system.h"
#include "poller/epoll_events.h"
#include "poller/wake.h"

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static int control(const struct poller *poller, int operation, int fd, uint32_t events,
		   uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};
	return (int)system_result(epoll_ctl(poller->fd, operation, fd, &event));
}

int poller_open(struct poller *poller)
{
	int error;
	*poller = (struct poller){.bell_pull = -1};
	poller->fd = (int)system_result(epoll_create1(EPOLL_CLOEXEC));
	if (poller->fd < 0)
		return poller->fd;
	poller->bell = (int)system_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (poller->bell < 0) {
		error = poller->bell;
		goto fail_epoll;
	}
	error = control(poller, EPOLL_CTL_ADD, poller->bell, EPOLLIN | EPOLLET,
			POLLER_TAG_OF_BELL);
	if (error < 0)
		goto fail_bell;
	return 0;
fail_bell:
	(void)system_close(poller->bell); /* the first error is the one to tell */
fail_epoll:
	(void)system_close(poller->fd); /* as above */
	return error;
}

void poller_close(struct poller *poller)
{
	(void)system_close(poller->bell); /* both are ours, and hold no data */
	(void)system_close(poller->fd);
}

static int forget(struct poller *poller, int fd)
{
	(void)fetch_add_relaxed(&poller->watched_count, -1u);
	int error = control(poller, EPOLL_CTL_DEL, fd, 0, 0);
	return error == -ENOENT ? 0 : error;
}

int poller_watch(struct poller *poller, int fd, unsigned from, unsigned to,
		 uint64_t tag)
{
	weft_assert(tag != POLLER_TAG_OF_BELL);
	weft_assert((to & ~POLLER_DIRECTIONS) == 0);
	if ((from != 0) == (to != 0))
		return to ? (int)POLLER_DIRECTIONS : 0;
	if (to == 0)
		return forget(poller, fd);
	int error = control(poller, EPOLL_CTL_ADD, fd,
			    EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, tag);
	if (error < 0)
		return error;
	(void)fetch_add_relaxed(&poller->watched_count, 1);
	return (int)POLLER_DIRECTIONS;
}

static int ring(const struct poller *poller)
{
	const uint64_t one = 1;
	int64_t written = system_write(poller->bell, &one, sizeof one);
	return written < 0 ? (int)written : 0;
}

int poller_wake(struct poller *poller)
{
	return poller_wake_claim(poller) ? ring(poller) : 0;
}

#if !defined(SYS_epoll_pwait2)
#define SYS_epoll_pwait2 441 /* on every processor; newer than some headers */
#endif

/* epoll_pwait2 counts nanoseconds. Linux before 5.11 does not have it, and some sandboxes refuse
 * what they do not know; then whole milliseconds, rounded up, are as near as one gets. */
static int wait_until_timeout(const struct poller *poller, struct epoll_event *entries,
			      int capacity, int64_t timeout_ns)
{
	struct timespec timeout = {timeout_ns / NS_PER_S, timeout_ns % NS_PER_S};
	int count = (int)system_result(syscall(SYS_epoll_pwait2, poller->fd, entries,
					       capacity, &timeout, NULL, 0));
	if (count != -ENOSYS && count != -EPERM)
		return count;
	int64_t timeout_ms = (timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
	return (int)system_result(
		epoll_wait(poller->fd, entries, capacity, (int)timeout_ms));
}

static int wait_in_kernel(const struct poller *poller, struct epoll_event *entries,
			  int capacity, int64_t timeout_ns)
{
	if (timeout_ns <= 0)
		return (int)system_result(epoll_wait(poller->fd, entries, capacity,
						     timeout_ns < 0 ? -1 : 0));
	if (timeout_ns > POLLER_WAIT_MAX_NS)
		timeout_ns = POLLER_WAIT_MAX_NS;
	return wait_until_timeout(poller, entries, capacity, timeout_ns);
}

int poller_wait(struct poller *poller, struct poller_event *events, int capacity,
		int64_t timeout_ns)
{
	struct epoll_event entries[POLLER_BATCH];
	bool rung;
	weft_assert(capacity > 0);
	int count = wait_in_kernel(poller, entries,
				   capacity < POLLER_BATCH ? capacity : POLLER_BATCH,
				   timeout_ns);
	int made = epoll_translate(entries, count, events, &rung);
	if (timeout_ns != 0)
		poller_wake_take(poller);
	else if (rung && poller_wake_is_pending(poller))
		(void)ring(poller); /* it has room */
	return count < 0 && count != -EINTR ? count : made;
}

#endif
