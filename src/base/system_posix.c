#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "base/atomic.h"

int64_t system_result(int64_t result)
{
	return result == -1 ? -errno : result;
}

int system_error(void)
{
	return errno;
}

void system_set_error(int error)
{
	errno = error;
}

static int open_path(const char *path, int flags)
{
	int fd;
	do /* what lies on a network, or a FIFO, may be waited for */
		fd = open(path, flags | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int system_create(const char *path)
{
	return open_path(path, O_RDWR | O_CREAT | O_EXCL);
}

int system_remove(const char *path)
{
	return unlink(path) < 0 ? -errno : 0;
}

int system_open_to_write(const char *path)
{
	return open_path(path, O_WRONLY);
}

int system_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? -errno : 0;
}

int system_open(const char *path)
{
	/* O_NONBLOCK: so that a FIFO answers at once; files do not know it. */
	return open_path(path, O_RDONLY | O_NONBLOCK);
}

int system_file_size(int fd, uint64_t *size)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ESPIPE;
	*size = (uint64_t)status.st_size;
	return 0;
}

/* Writing past this limit is a signal that ends the process, not an error. */
static bool over_file_size_limit(uint64_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY && size > (uint64_t)limit.rlim_cur;
}

int system_reserve(int fd, uint64_t size)
{
	if (over_file_size_limit(size))
		return -EFBIG;
#if defined(__APPLE__)
	fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)size, 0};
	if (fcntl(fd, F_PREALLOCATE, &store) < 0)
		return -errno;
	return system_truncate(fd, size);
#elif defined(__OpenBSD__)
	/* No call reserves blocks here, so each page is written once. */
	static const char zeros[4096];
	for (uint64_t at = 0; at < size; at += sizeof zeros)
		if (pwrite(fd, zeros, sizeof zeros, (off_t)at) < 0)
			return -errno;
	return system_truncate(fd, size);
#else
	int error;
	do
		error = posix_fallocate(fd, 0,
					(off_t)size); /* answers, does not set errno */
	while (error == EINTR);
	return -error;
#endif
}

int system_truncate(int fd, uint64_t size)
{
	int result;
	do
		result = ftruncate(fd, (off_t)size);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : 0;
}

int system_close(int fd)
{
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

int system_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;
	while (size > 0) {
		ssize_t written = write(fd, at, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

int64_t system_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	ssize_t got;
	do
		got = pread(fd, data, size, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int64_t system_read(int fd, void *data, size_t size)
{
	ssize_t got;
	do
		got = read(fd, data, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int64_t system_write(int fd, const void *data, size_t size)
{
	ssize_t written;
	do
		written = write(fd, data, size);
	while (written < 0 && errno == EINTR);
	return written < 0 ? -errno : written;
}

/* Whether it is open for that direction; poll(2) waits for ever otherwise. */
static bool is_open_to(int fd, bool writes)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	return mode == O_RDWR || mode == (writes ? O_WRONLY : O_RDONLY);
}

int system_is_ready(int fd, bool writes)
{
	struct pollfd asked = {.fd = fd, .events = writes ? POLLOUT : POLLIN};
	int count;
	do /* EAGAIN: it lacks memory for a moment */
		count = poll(&asked, 1, 0);
	while (count < 0 && (errno == EINTR || errno == EAGAIN));
	if (count < 0)
		return -errno;
	if (asked.revents & POLLNVAL)
		return -EBADF;
	return count > 0 || !is_open_to(fd, writes);
}

int system_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* A stream of the internet's; one of the Unix kind stops where a descriptor was sent along. */
static bool is_tcp(int fd)
{
	int type;
	struct sockaddr_storage address;
	socklen_t size = sizeof type, address_size = sizeof address;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_STREAM &&
	       getsockname(fd, (struct sockaddr *)&address, &address_size) == 0 &&
	       (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

int system_kind_of(int fd)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ||
	    S_ISBLK(status.st_mode))
		return SYSTEM_FILE;
	if (S_ISFIFO(status.st_mode) || (S_ISSOCK(status.st_mode) && is_tcp(fd)))
		return SYSTEM_STREAM;
	return SYSTEM_OTHER;
}

int system_map_shared(int fd, size_t size, void **address)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
#if defined(MADV_DONTFORK)
	(void)madvise(map, size, MADV_DONTFORK);
#elif defined(INHERIT_NONE)
	(void)minherit(map, size, INHERIT_NONE);
#endif
#if defined(MADV_HUGEPAGE)
	/* The file system may then make many pages writable at a time: a first store to each
	 * costs a fifth of what it does one by one. */
	(void)madvise(map, size, MADV_HUGEPAGE);
#endif
	*address = map;
	return 0;
}

int system_map_private(int fd, size_t size, const void **address)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*address = map;
	return 0;
}

#if !defined(MAP_NORESERVE) /* FreeBSD reserves nothing */
#define MAP_NORESERVE 0
#endif

/* OpenBSD kills a process whose stack pointer is in memory that was not mapped for stacks. On
 * other systems the flag does nothing that is wanted here. */
#if defined(__OpenBSD__)
#define FOR_STACKS MAP_STACK
#else
#define FOR_STACKS 0
#endif

int system_map_anonymous(size_t size, void **address)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANON | MAP_NORESERVE | FOR_STACKS, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	*address = map;
	return 0;
}

int system_unmap(const void *address, size_t size)
{
	return munmap((void *)(uintptr_t)address, size) < 0 ? -errno : 0;
}

int system_protect_none(void *address, size_t size)
{
	return mprotect(address, size, PROT_NONE) < 0 ? -errno : 0;
}

#if defined(__linux__)
/* qemu-user answers 0 to any advice and ignores it. What is guarded for certain cannot be
 * populated; this takes longer than guarding, so only the first guard is tried. */
static bool guard_holds(void *address, size_t size)
{
	enum { POPULATE_READ = 22 }; /* MADV_POPULATE_READ, newer than many headers */
	static _Atomic bool tried;
	/* Relaxed: whoever does not see it yet tries once more. */
	if (load_relaxed(&tried))
		return true;
	if (madvise(address, size, POPULATE_READ) == 0)
		return false;
	store_relaxed(&tried, true); /* as above */
	return true;
}
#endif

int system_guard(void *address, size_t size)
{
#if defined(__linux__)
	enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL, newer than most headers */
	if (madvise(address, size, GUARD_INSTALL) < 0)
		return -errno;
	return guard_holds(address, size) ? 0 : -EINVAL;
#else
	(void)address, (void)size;
	return -EINVAL;
#endif
}

void system_discard(void *address, size_t size)
{
#if defined(__linux__)
	(void)madvise(address, size, MADV_DONTNEED); /* advice */
#else
	(void)madvise(address, size, MADV_FREE);
#endif
}

void system_give_back(const void *address, size_t size)
{
	(void)madvise((void *)address, size, MADV_DONTNEED); /* advice */
}

void system_populate(void *address, size_t size)
{
#if defined(MADV_POPULATE_WRITE)
	(void)madvise(address, size, MADV_POPULATE_WRITE); /* Linux 5.14; advice */
#else
	(void)madvise(address, size, MADV_WILLNEED);
#endif
}

size_t system_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) < 0)
		return 0; /* only for a clock the system lacks; these two are in POSIX
			   */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t system_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t system_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* The system's name for each clock. The monotonic clock stands while the machine is suspended on
 * Linux and macOS' CLOCK_UPTIME_RAW; elsewhere it may go on. */
static clockid_t clock_of(enum weft_clock clock)
{
	switch (clock) {
	case WEFT_CLOCK_AWAKE:
		return CLOCK_MONOTONIC;
	case WEFT_CLOCK_REAL:
		return CLOCK_REALTIME;
	case WEFT_CLOCK_BOOT:
#if defined(CLOCK_BOOTTIME)
		return CLOCK_BOOTTIME;
#else
		return CLOCK_MONOTONIC;
#endif
	case WEFT_CLOCK_CPU_PROCESS:
		return CLOCK_PROCESS_CPUTIME_ID;
	case WEFT_CLOCK_CPU_THREAD:
		return CLOCK_THREAD_CPUTIME_ID;
	}
	return (clockid_t)-1;
}

int64_t system_clock_ns(enum weft_clock clock)
{
	struct timespec now;
	if ((unsigned)clock > WEFT_CLOCK_CPU_THREAD ||
	    clock_gettime(clock_of(clock), &now) < 0)
		return -EINVAL;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t system_thread_id(void)
{
#if defined(__linux__)
	return (uint64_t)syscall(SYS_gettid);
#else
	return (uint64_t)(uintptr_t)pthread_self();
#endif
}

uint32_t system_process_id(void)
{
	return (uint32_t)getpid();
}
