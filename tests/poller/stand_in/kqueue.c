/* kqueue.c: kqueue() and kevent() made of epoll, so that poller/kqueue.c runs on Linux.
 *
 * It is no kqueue. It has what the poller uses, as kqueue(2) describes it, and the traps that
 * were seen on FreeBSD: a filter for writing to a pipe without a reader is refused (with EBADF
 * when GONE_IS_EBADF is defined, as NetBSD does); a ring that adds its filter does not ring, nor
 * does one with EV_CLEAR; each change replaces udata; a failed change ends the call; entries
 * come without EV_ADD.
 *
 * A kqueue is an epoll for reading. It holds another for writing, since an epoll takes a
 * descriptor once. All state is under one lock, which nobody holds while waiting. Link with
 * -Wl,--wrap=close: closing a kqueue closes the parts. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/poller/stand_in/sys/event.h"

enum { QUEUES = 256, FILTERS = 3, DESCRIPTORS = 1024 };
enum { READING, WRITING, USER }; /* place of a filter */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* By the queue's descriptor. */
static struct queue {
	bool is_open;
	int writers, bell; /* -1: none yet */
	struct {
		bool is_added;
		void *udata;
	} filters[FILTERS][DESCRIPTORS];
} queues[QUEUES];

int stand_in_refuses_writers;

int __real_close(int fd);
int __wrap_close(int fd);

int kqueue(void)
{
	int fd = epoll_create1(0); /* the poller makes it close-on-exec */
	if (fd < 0)
		return -1;
	(void)pthread_mutex_lock(&lock);
	memset(&queues[fd], 0, sizeof queues[fd]);
	queues[fd].is_open = true;
	queues[fd].writers = queues[fd].bell = -1;
	(void)pthread_mutex_unlock(&lock);
	return fd;
}

static void close_parts(struct queue *queue)
{
	if (queue->writers >= 0)
		(void)__real_close(queue->writers);
	if (queue->bell >= 0)
		(void)__real_close(queue->bell);
	queue->is_open = false;
}

/* A descriptor that is closed has no filters any more. */
int __wrap_close(int fd)
{
	(void)pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < QUEUES && queues[fd].is_open)
		close_parts(&queues[fd]);
	for (int i = 0; i < QUEUES; i++)
		for (int kind = 0; kind < USER && fd >= 0 && fd < DESCRIPTORS; kind++)
			queues[i].filters[kind][fd].is_added = false;
	(void)pthread_mutex_unlock(&lock);
	return __real_close(fd);
}

/* ---- changes ---- */

static int place_of(int filter)
{
	if (filter == EVFILT_READ)
		return READING;
	return filter == EVFILT_WRITE ? WRITING : USER;
}

/* Adds `fd` to the epoll `to`, with a word that says what it is. */
static int put(int to, int fd, uint32_t events, int place, uintptr_t ident)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = (uint64_t)place << 32 | (uint32_t)ident,
	};
	return epoll_ctl(to, EPOLL_CTL_ADD, fd, &event) < 0 ? errno : 0;
}

static uint32_t edge_of(const struct kevent *change)
{
	return change->flags & EV_CLEAR ? (uint32_t)EPOLLET : 0;
}

static bool is_pipe_without_reader(int fd)
{
	struct stat status;
	struct pollfd look = {.fd = fd, .events = POLLOUT};
	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
	       poll(&look, 1, 0) == 1 && (look.revents & POLLERR);
}

static int add_writer(int fd, struct queue *queue, const struct kevent *change)
{
	if (stand_in_refuses_writers)
		return stand_in_refuses_writers;
	if (is_pipe_without_reader((int)change->ident)) {
#if defined(GONE_IS_EBADF)
		return EBADF;
#else
		return EPIPE;
#endif
	}
	if (queue->writers < 0) {
		queue->writers = epoll_create1(EPOLL_CLOEXEC);
		if (queue->writers < 0)
			return errno;
		int error = put(fd, queue->writers, EPOLLIN, WRITING, 0);
		if (error)
			return error;
	}
	return put(queue->writers, (int)change->ident, EPOLLOUT | edge_of(change),
		   WRITING, change->ident);
}

static int add_bell(int fd, struct queue *queue, const struct kevent *change)
{
	queue->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->bell < 0)
		return errno;
	return put(fd, queue->bell, EPOLLIN | edge_of(change), USER, 0);
}

static int add(int fd, struct queue *queue, const struct kevent *change)
{
	switch (place_of(change->filter)) {
	case READING:
		return put(fd, (int)change->ident,
			   EPOLLIN | EPOLLRDHUP | edge_of(change), READING,
			   change->ident);
	case WRITING:
		return add_writer(fd, queue, change);
	default:
		return add_bell(fd, queue, change);
	}
}

static void ring(const struct queue *queue, const struct kevent *change)
{
#if defined(EVFILT_USER)
	const uint64_t one = 1;
	if (change->filter == EVFILT_USER && (change->fflags & NOTE_TRIGGER) &&
	    !(change->flags & EV_CLEAR))
		(void)!write(queue->bell, &one, sizeof one);
#else
	(void)queue, (void)change;
#endif
}

static int apply(int fd, struct queue *queue, const struct kevent *change)
{
	int place = place_of(change->filter), error = 0;
	if (place != USER && fcntl((int)change->ident, F_GETFD) < 0)
		return EBADF;
	bool *is_added = &queue->filters[place][change->ident].is_added;
	if (!*is_added && !(change->flags & EV_ADD))
		return ENOENT;
	if (change->flags & EV_DELETE) {
		*is_added = false;
		int from = place == WRITING ? queue->writers : fd;
		return epoll_ctl(from, EPOLL_CTL_DEL, (int)change->ident, NULL) < 0
			       ? errno
			       : 0;
	}
	if (!*is_added)
		error = add(fd, queue, change);
	else
		ring(queue, change);
	if (error == 0) {
		*is_added = true;
		queue->filters[place][change->ident].udata = change->udata;
	}
	return error;
}

/* ---- entries ---- */

static unsigned socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0
		       ? 0
		       : (unsigned)error;
}

static void describe(const struct queue *queue, const struct epoll_event *event,
		     struct kevent *entry)
{
	static const short filters[] = {
		EVFILT_READ,
		EVFILT_WRITE,
#if defined(EVFILT_USER)
		EVFILT_USER
#endif
	};
	int place = (int)(event->data.u64 >> 32), fd = (int)(uint32_t)event->data.u64;
	const uint32_t over =
		EPOLLHUP | EPOLLERR | (place == READING ? (uint32_t)EPOLLRDHUP : 0);
	int bytes = 0;
	*entry = (struct kevent){
		.ident = (uintptr_t)fd,
		.filter = filters[place],
		.flags = EV_CLEAR,
		.udata = queue->filters[place][fd].udata,
	};
	if (place == USER)
		return;
	if (place == READING && ioctl(fd, FIONREAD, &bytes) == 0)
		entry->data = bytes;
	if (event->events & over) {
		entry->flags |= EV_EOF;
		entry->fflags = socket_error(fd);
	}
}

/* Takes what there is, without waiting. */
static int harvest(int fd, const struct queue *queue, struct kevent *entries,
		   int capacity)
{
	struct epoll_event found[64];
	int made = 0, count;
	if (capacity > 64)
		capacity = 64;
	if (queue->writers >= 0) {
		count = epoll_wait(queue->writers, found, capacity, 0);
		for (int i = 0; i < count; i++)
			describe(queue, &found[i], &entries[made++]);
	}
	if (made == capacity)
		return made;
	count = epoll_wait(fd, found, capacity - made, 0);
	for (int i = 0; i < count; i++)
		if (found[i].data.u64 != (uint64_t)WRITING << 32) /* the other epoll */
			describe(queue, &found[i], &entries[made++]);
	return count < 0 ? -1 : made;
}

static int64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int wait_for_entries(int fd, struct queue *queue, struct kevent *entries,
			    int capacity, const struct timespec *timeout)
{
	int64_t until = timeout ? now_ns() + (int64_t)timeout->tv_sec * 1000000000 +
					  timeout->tv_nsec
				: INT64_MAX;
	for (;;) {
		(void)pthread_mutex_lock(&lock);
		int count = harvest(fd, queue, entries, capacity);
		(void)pthread_mutex_unlock(&lock);
		int64_t left = until - now_ns();
		if (count != 0 || left <= 0)
			return count;
		struct timespec rest = {left / 1000000000, left % 1000000000};
		struct pollfd look = {.fd = fd, .events = POLLIN};
		if (ppoll(&look, 1, timeout ? &rest : NULL, NULL) < 0)
			return -1;
	}
}

int kevent(int fd, const struct kevent *changes, int change_count,
	   struct kevent *entries, int capacity, const struct timespec *timeout)
{
	struct queue *queue = &queues[fd];
	for (int i = 0; i < change_count; i++) {
		(void)pthread_mutex_lock(&lock);
		int error = apply(fd, queue, &changes[i]);
		(void)pthread_mutex_unlock(&lock);
		if (error) { /* nobody gave room for it */
			errno = error;
			return -1;
		}
	}
	return capacity ? wait_for_entries(fd, queue, entries, capacity, timeout) : 0;
}
