#include "tests/faults/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* ASan's threads call two of these by the same names, and end the process if one fails. */
#if defined(__SANITIZE_ADDRESS__)
#define ON_ASAN 1
#elif defined(__has_feature)
#define ON_ASAN __has_feature(address_sanitizer)
#else
#define ON_ASAN 0
#endif

#define LATER_NS       3000000       /* of a clock that nobody sets */
#define SET_LATER_NS   3600000000000 /* of one that can be set */
#define SET_EARLIER_NS 20000000
#define WATCHED_MAX    1024 /* descriptors whose events can be had again */
#define REFUSED_MAX    64 /* mutexes and conditions that could not be made, at a time */

const struct inject_kind inject_kinds[] = {
	{INJECT_READ, EINTR, false, "read is interrupted"},
	{INJECT_READ, EAGAIN, false, "read finds nothing yet"},
	{INJECT_READ, INJECT_SHORT, false, "read is short"},
	{INJECT_WRITE, EINTR, false, "write is interrupted"},
	{INJECT_WRITE, EAGAIN, false, "write finds no room yet"},
	{INJECT_WRITE, INJECT_SHORT, false, "write is short"},
	{INJECT_POLL, EINTR, false, "poll is interrupted"},
	{INJECT_POLL, EAGAIN, false, "poll lacks memory for a moment"},
	{INJECT_POLL, ENOMEM, true, "poll lacks memory"},
	{INJECT_EPOLL_CREATE, EMFILE, true,
	 "epoll_create1: descriptors of the process"},
	{INJECT_EPOLL_CREATE, ENFILE, true, "epoll_create1: descriptors of the system"},
	{INJECT_EPOLL_CREATE, ENOMEM, true, "epoll_create1 lacks memory"},
	{INJECT_EPOLL_CTL, ENOMEM, true, "epoll_ctl lacks memory"},
	{INJECT_EPOLL_CTL, ENOSPC, true, "epoll_ctl: too much is watched"},
	{INJECT_EPOLL_WAIT, EINTR, false, "epoll_wait is interrupted"},
	{INJECT_EPOLL_WAIT, INJECT_NOTHING, false, "epoll_wait has nothing"},
	{INJECT_EPOLL_WAIT, INJECT_ONE, false, "epoll_wait has one event"},
	{INJECT_EPOLL_PWAIT2, EINTR, false, "epoll_pwait2 is interrupted"},
	{INJECT_EPOLL_PWAIT2, ENOSYS, false, "epoll_pwait2 is not there"},
	{INJECT_EPOLL_PWAIT2, INJECT_NOTHING, false, "epoll_pwait2 has nothing"},
	{INJECT_EPOLL_PWAIT2, INJECT_ONE, false, "epoll_pwait2 has one event"},
	{INJECT_EVENTFD, EMFILE, true, "eventfd: descriptors of the process"},
	{INJECT_EVENTFD, ENFILE, true, "eventfd: descriptors of the system"},
	{INJECT_EVENTFD, ENOMEM, true, "eventfd lacks memory"},
	{INJECT_OPEN, EINTR, false, "open is interrupted"},
	{INJECT_OPEN, EMFILE, true, "open: descriptors of the process"},
	{INJECT_OPEN, ENOSPC, true, "open: no space"},
	{INJECT_CLOSE, EINTR, false, "close is interrupted"},
	{INJECT_CLOSE, EIO, true, "close tells of an error"},
	{INJECT_FALLOCATE, EINTR, false, "posix_fallocate is interrupted"},
	{INJECT_FALLOCATE, ENOSPC, true, "posix_fallocate: no space"},
	{INJECT_FTRUNCATE, EINTR, false, "ftruncate is interrupted"},
	{INJECT_FTRUNCATE, EIO, true, "ftruncate fails"},
	{INJECT_UNLINK, EACCES, true, "unlink is not permitted"},
	{INJECT_FSTAT, ENOMEM, true, "fstat lacks memory"},
	{INJECT_SOCKET_NAME, ENOBUFS, false, "getsockname lacks memory"},
	{INJECT_SOCKET_OPTION, ENOBUFS, false, "getsockopt lacks memory"},
	{INJECT_MALLOC, ENOMEM, true, "malloc"},
	{INJECT_CALLOC, ENOMEM, true, "calloc"},
	{INJECT_ALIGNED_ALLOC, ENOMEM, true, "aligned_alloc"},
	{INJECT_MMAP, ENOMEM, true, "mmap"},
	{INJECT_MPROTECT, ENOMEM, true, "mprotect: too many mappings"},
	{INJECT_MADVISE, ENOMEM, false, "madvise lacks memory"},
	{INJECT_MADVISE, EINVAL, false, "madvise does not know the advice"},
	{INJECT_THREAD, EAGAIN, true, "pthread_create"},
	{INJECT_MUTEX, ENOMEM, true, "pthread_mutex_init lacks memory"},
	{INJECT_MUTEX, EAGAIN, true, "pthread_mutex_init lacks something else"},
	{INJECT_CONDITION, ENOMEM, true, "pthread_cond_init lacks memory"},
	{INJECT_CONDITION, EAGAIN, true, "pthread_cond_init lacks something else"},
	{INJECT_CONDITION_WAIT, INJECT_NOTHING, false,
	 "pthread_cond_wait wakes for nothing"},
	{INJECT_CONDITION_TIMED_WAIT, INJECT_NOTHING, false,
	 "pthread_cond_timedwait wakes for nothing"},
	{INJECT_CONDITION_TIMED_WAIT, ETIMEDOUT, false,
	 "pthread_cond_timedwait is over"},
	{INJECT_ATFORK, ENOMEM, true, "pthread_atfork lacks memory"},
	{INJECT_KEY, EAGAIN, false, "pthread_key_create"},
	{INJECT_SPECIFIC, ENOMEM, false, "pthread_setspecific"},
	{INJECT_SIGACTION, EINVAL, true, "sigaction"},
	{INJECT_SIGALTSTACK, ENOMEM, false, "sigaltstack"},
	{INJECT_CLOCK, INJECT_LATER, false, "the clocks jump ahead"},
	{INJECT_CLOCK, INJECT_EARLIER, false, "the clock that can be set is set back"},
};
const size_t inject_kind_count = sizeof inject_kinds / sizeof inject_kinds[0];

/* ---- the plan ---- */

enum mode { NOTHING, KTH, STORM };

static struct {
	_Atomic enum mode mode;
	_Atomic int paused;
	const struct inject_kind *kind; /* KTH */
	uint64_t k;                     /* KTH */
	uint64_t seed;                  /* STORM, and the next two */
	unsigned permille;
	bool told;
	_Atomic uint64_t calls, faults;
} plan;

static void make(enum mode mode)
{
	atomic_store(&plan.calls, 0);
	atomic_store(&plan.faults, 0);
	atomic_store(&plan.mode, mode);
}

void inject_nothing(void)
{
	atomic_store(&plan.mode, NOTHING);
}

void inject_kth(const struct inject_kind *kind, uint64_t k)
{
	inject_nothing();
	plan.kind = kind;
	plan.k = k;
	make(KTH);
}

void inject_storm(uint64_t seed, unsigned permille, bool told)
{
	inject_nothing();
	plan.seed = seed;
	plan.permille = permille;
	plan.told = told;
	make(STORM);
}

void inject_pause(void)
{
	atomic_fetch_add(&plan.paused, 1);
}

void inject_resume(void)
{
	atomic_fetch_sub(&plan.paused, 1);
}

uint64_t inject_faults(void)
{
	return atomic_load(&plan.faults);
}

bool inject_may_tell(void)
{
	enum mode mode = atomic_load(&plan.mode);
	return mode == KTH ? plan.kind->is_told : mode == STORM && plan.told;
}

void inject_describe(char *text, size_t size)
{
	switch (atomic_load(&plan.mode)) {
	case NOTHING:
		(void)snprintf(text, size, "no fault");
		break;
	case KTH:
		(void)snprintf(text, size, "%s, call %llu", plan.kind->name,
			       (unsigned long long)plan.k);
		break;
	case STORM:
		(void)snprintf(text, size, "storm of seed %llu, %u in 1000%s",
			       (unsigned long long)plan.seed, plan.permille,
			       plan.told ? ", with what is told" : "");
		break;
	}
}

/* Of a number, another that looks like any. */
static uint64_t mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

/* One of a call's kinds that a storm may have; 0: none. */
static int any_of(enum inject_call call, uint64_t random)
{
	int suited[8];
	size_t count = 0;
	for (size_t i = 0; i < inject_kind_count; i++)
		if (inject_kinds[i].call == call &&
		    (plan.told || !inject_kinds[i].is_told))
			suited[count++] = inject_kinds[i].what;
	return count ? suited[random % count] : 0;
}

static bool rests(void)
{
	return atomic_load(&plan.mode) == NOTHING || atomic_load(&plan.paused) > 0;
}

/* What the plan wants of this call, which cannot answer `unsuited`, a `what` or 0; 0: nothing. */
static int choose(enum inject_call call, int unsuited)
{
	int what = 0;
	if (rests())
		return 0;
	if (atomic_load(&plan.mode) == KTH) {
		if (plan.kind->call != call || plan.kind->what == unsuited)
			return 0;
		if (atomic_fetch_add(&plan.calls, 1) + 1 == plan.k)
			what = plan.kind->what;
	} else {
		uint64_t random =
			mix(plan.seed ^ mix(atomic_fetch_add(&plan.calls, 1)));
		if (random % 1000 < plan.permille)
			what = any_of(call, random / 1000);
		if (what == unsuited)
			what = 0;
	}
	if (what)
		atomic_fetch_add(&plan.faults, 1);
	return what;
}

/* Whether the call fails; then errno is set. */
static bool fails(enum inject_call call)
{
	int what = choose(call, 0);
	if (what)
		errno = what;
	return what;
}

/* ---- what is held ---- */

static _Atomic int64_t blocks, mapped;

struct inject_held inject_held(void)
{
	return (struct inject_held){atomic_load(&blocks), atomic_load(&mapped)};
}

static void *count_block(void *block)
{
	if (block)
		atomic_fetch_add(&blocks, 1);
	return block;
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails(INJECT_MALLOC) ? NULL : count_block(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return fails(INJECT_CALLOC) ? NULL : count_block(__real_calloc(count, size));
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails(INJECT_ALIGNED_ALLOC)
		       ? NULL
		       : count_block(__real_aligned_alloc(alignment, size));
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
	if (block)
		atomic_fetch_sub(&blocks, 1);
	__real_free(block);
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset)
{
	if (fails(INJECT_MMAP))
		return MAP_FAILED;
	void *map = __real_mmap(at, size, protection, flags, fd, offset);
	if (map != MAP_FAILED)
		atomic_fetch_add(&mapped, (int64_t)size);
	return map;
}

int __real_munmap(void *map, size_t size);
int __wrap_munmap(void *map, size_t size);
int __wrap_munmap(void *map, size_t size)
{
	atomic_fetch_sub(&mapped, (int64_t)size);
	return __real_munmap(map, size);
}

int __real_mprotect(void *map, size_t size, int protection);
int __wrap_mprotect(void *map, size_t size, int protection);
int __wrap_mprotect(void *map, size_t size, int protection)
{
	return fails(INJECT_MPROTECT) ? -1 : __real_mprotect(map, size, protection);
}

int __real_madvise(void *map, size_t size, int advice);
int __wrap_madvise(void *map, size_t size, int advice);
int __wrap_madvise(void *map, size_t size, int advice)
{
	return fails(INJECT_MADVISE) ? -1 : __real_madvise(map, size, advice);
}

/* ---- descriptors whose events can be had again ---- */

static struct {
	_Atomic int epoll; /* 0: not watched */
	struct epoll_event event;
} watched[WATCHED_MAX];

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && fails(INJECT_EPOLL_CTL))
		return -1;
	int result = __real_epoll_ctl(epoll, operation, fd, event);
	if (fd >= WATCHED_MAX || result < 0)
		return result;
	if (operation == EPOLL_CTL_ADD)
		watched[fd].event = *event;
	atomic_store(&watched[fd].epoll, operation == EPOLL_CTL_ADD ? epoll : 0);
	return result;
}

/* What is ready is told once more. */
static void tell_again(int fd)
{
	int epoll = fd < WATCHED_MAX ? atomic_load(&watched[fd].epoll) : 0;
	if (epoll) {
		struct epoll_event event = watched[fd].event;
		(void)__real_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
	}
}

static bool blocks_calls(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* ---- reading and writing ---- */

/* What the call does, of `length` bytes or fewer; 0: nothing. */
static int choose_transfer(enum inject_call call, int fd, size_t *length)
{
	int what = rests() ? 0 : choose(call, blocks_calls(fd) ? EAGAIN : 0);
	if (what == INJECT_SHORT && *length > 1)
		*length = (*length + 1) / 2;
	return what;
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	int what = choose_transfer(INJECT_READ, fd, &size);
	ssize_t got = -1;
	if (what == 0 || what == INJECT_SHORT)
		got = __real_read(fd, data, size);
	else
		errno = what;
	if (what == INJECT_SHORT || what == EAGAIN) {
		int error = errno;
		tell_again(fd);
		errno = error;
	}
	return got;
}

int __real_fstat(int fd, struct stat *status);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	/* A bell takes eight bytes or none, and always has room. */
	if (rests())
		return __real_write(fd, data, size);
	struct stat status;
	bool is_bell = __real_fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
	size_t whole = size;
	int what = is_bell ? choose(INJECT_WRITE, EAGAIN)
			   : choose_transfer(INJECT_WRITE, fd, &size);
	if (is_bell && what == INJECT_SHORT)
		what = 0, size = whole;
	if (what == 0 || what == INJECT_SHORT)
		return __real_write(fd, data, size);
	if (what == EAGAIN)
		tell_again(fd);
	errno = what;
	return -1;
}

ssize_t inject_real_write(int fd, const void *data, size_t size)
{
	return __real_write(fd, data, size);
}

int __real_poll(struct pollfd *asked, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *asked, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *asked, nfds_t count, int timeout_ms)
{
	return fails(INJECT_POLL) ? -1 : __real_poll(asked, count, timeout_ms);
}

/* ---- descriptors ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & O_CREAT ? (mode_t)va_arg(more, int) : 0;
	va_end(more);
	return fails(INJECT_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	if (fd >= 0 && fd < WATCHED_MAX)
		atomic_store(&watched[fd].epoll, 0);
	/* It is gone, whatever is told. */
	return __real_close(fd) < 0 || fails(INJECT_CLOSE) ? -1 : 0;
}

int inject_real_close(int fd)
{
	return __real_close(fd);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	return fails(INJECT_UNLINK) ? -1 : __real_unlink(path);
}

int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
	int what = choose(INJECT_FALLOCATE, 0);
	return what ? what : __real_posix_fallocate(fd, offset, size);
}

int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
	return fails(INJECT_FTRUNCATE) ? -1 : __real_ftruncate(fd, size);
}

int __wrap_fstat(int fd, struct stat *status);
int __wrap_fstat(int fd, struct stat *status)
{
	return fails(INJECT_FSTAT) ? -1 : __real_fstat(fd, status);
}

int __real_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	return fails(INJECT_SOCKET_NAME) ? -1 : __real_getsockname(fd, address, size);
}

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	return fails(INJECT_SOCKET_OPTION)
		       ? -1
		       : __real_getsockopt(fd, level, option, value, size);
}

/* ---- epoll ---- */

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
	return fails(INJECT_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
	return fails(INJECT_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

/* True: the wait is over, and this is its answer. */
static bool ends_wait(int what, int *answer)
{
	if (what == 0 || what == INJECT_ONE)
		return false;
	*answer = what == INJECT_NOTHING ? 0 : -1;
	if (*answer < 0)
		errno = what;
	return true;
}

int __real_epoll_wait(int epoll, struct epoll_event *events, int capacity,
		      int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int capacity,
		      int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int capacity,
		      int timeout_ms)
{
	int answer, what = choose(INJECT_EPOLL_WAIT, 0);
	if (ends_wait(what, &answer))
		return answer;
	return __real_epoll_wait(epoll, events, what == INJECT_ONE ? 1 : capacity,
				 timeout_ms);
}

#if !defined(SYS_epoll_pwait2)
#define SYS_epoll_pwait2 441 /* newer than some headers */
#endif

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long given[6];
	va_list more;
	va_start(more, number);
	for (int i = 0; i < 6; i++)
		given[i] = va_arg(more, long);
	va_end(more);
	int answer, what = 0;
	if (number == SYS_epoll_pwait2)
		what = choose(INJECT_EPOLL_PWAIT2, 0);
	if (ends_wait(what, &answer))
		return answer;
	if (what == INJECT_ONE)
		given[2] = 1; /* its capacity */
	return __real_syscall(number, given[0], given[1], given[2], given[3], given[4],
			      given[5]);
}

/* ---- threads ---- */

/* Those that could not be made: not to be destroyed either. */
static _Atomic(void *) refused[REFUSED_MAX];
static _Atomic bool misused;

bool inject_saw_misuse(void)
{
	return atomic_load(&misused);
}

static void swap_refused(void *from, void *to)
{
	for (int i = 0; i < REFUSED_MAX; i++) {
		void *expected = from;
		if (atomic_compare_exchange_strong(&refused[i], &expected, to))
			return;
	}
}

static void check_destroyed(void *object)
{
	for (int i = 0; i < REFUSED_MAX; i++)
		if (atomic_load(&refused[i]) == object)
			atomic_store(&misused, true);
}

/* 0, or the error. */
static int choose_init(enum inject_call call, void *object)
{
	int what = choose(call, 0);
	swap_refused(object, NULL); /* what was there before */
	if (what)
		swap_refused(NULL, object);
	return what;
}

int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *how);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *how);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *how)
{
	int error = choose_init(INJECT_MUTEX, mutex);
	return error ? error : __real_pthread_mutex_init(mutex, how);
}

int __real_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	check_destroyed(mutex);
	return __real_pthread_mutex_destroy(mutex);
}

int __real_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *how);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *how);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *how)
{
	int error = choose_init(INJECT_CONDITION, condition);
	return error ? error : __real_pthread_cond_init(condition, how);
}

int __real_pthread_cond_destroy(pthread_cond_t *condition);
int __wrap_pthread_cond_destroy(pthread_cond_t *condition);
int __wrap_pthread_cond_destroy(pthread_cond_t *condition)
{
	check_destroyed(condition);
	return __real_pthread_cond_destroy(condition);
}

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	if (choose(INJECT_CONDITION_WAIT, 0))
		return 0;
	return __real_pthread_cond_wait(condition, mutex);
}

int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until)
{
	int what = choose(INJECT_CONDITION_TIMED_WAIT, 0);
	if (what)
		return what == INJECT_NOTHING ? 0 : what;
	return __real_pthread_cond_timedwait(condition, mutex, until);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how,
			  void *(*function)(void *), void *argument)
{
	int error = choose(INJECT_THREAD, 0);
	return error ? error : __real_pthread_create(thread, how, function, argument);
}

int inject_real_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
	return __real_pthread_create(thread, NULL, function, argument);
}

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void),
			  void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void),
			  void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void),
			  void (*child)(void))
{
	int error = choose(INJECT_ATFORK, 0);
	return error ? error : __real_pthread_atfork(prepare, parent, child);
}

int __real_pthread_key_create(pthread_key_t *key, void (*ends)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*ends)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*ends)(void *))
{
	int error = choose(INJECT_KEY, 0);
	return error ? error : __real_pthread_key_create(key, ends);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	int error = ON_ASAN ? 0 : choose(INJECT_SPECIFIC, 0);
	return error ? error : __real_pthread_setspecific(key, value);
}

/* ---- signals ---- */

/* A number that the system keeps for itself: it is met when somebody asks for its handler. Those of
 * stack overflow are no such numbers. */
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	if (!action && number != SIGSEGV && number != SIGBUS && fails(INJECT_SIGACTION))
		return -1;
	return __real_sigaction(number, action, old);
}

int __real_sigaltstack(const stack_t *stack, stack_t *old);
int __wrap_sigaltstack(const stack_t *stack, stack_t *old);
int __wrap_sigaltstack(const stack_t *stack, stack_t *old)
{
	if (!ON_ASAN && stack && !(stack->ss_flags & SS_DISABLE) &&
	    fails(INJECT_SIGALTSTACK))
		return -1;
	return __real_sigaltstack(stack, old);
}

/* ---- time ---- */

static _Atomic int64_t later_ns, set_ns; /* of what nobody sets; of what can be set */

static void jump(int what)
{
	if (what == INJECT_LATER) {
		atomic_fetch_add(&later_ns, LATER_NS);
		atomic_fetch_add(&set_ns, SET_LATER_NS);
	} else if (what == INJECT_EARLIER) {
		atomic_fetch_sub(&set_ns, SET_EARLIER_NS);
	}
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	jump(choose(INJECT_CLOCK, 0));
	int result = __real_clock_gettime(clock, now);
	int64_t more = clock == CLOCK_REALTIME ? atomic_load(&set_ns)
		       : clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME
			       ? atomic_load(&later_ns)
			       : 0;
	int64_t ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + more;
	now->tv_sec = (time_t)(ns / 1000000000);
	now->tv_nsec = (long)(ns % 1000000000);
	return result;
}
