/* test_system.c: the wrappers of system calls: what they do, and each error as a value.
 */
#include "base/system.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/on_valgrind.h"

enum { NOT_OPEN = 1000000 };

/* A fresh file, gone when its descriptor is closed. */
static int open_scratch(void)
{
	char path[64];
	snprintf(path, sizeof path, "/tmp/weft-test-%u", (unsigned)system_process_id());
	int fd = system_create(path);
	cr_assert_geq(fd, 0, "%s: error %d", path, fd);
	cr_assert_eq(system_remove(path), 0);
	return fd;
}

static uint64_t size_of(int fd)
{
	uint64_t size = 0;
	cr_assert_eq(system_file_size(fd, &size), 0);
	return size;
}

Test(system, errors_of_opening)
{
	cr_assert_eq(system_open("/there/is/no/such/file"), -ENOENT);
	cr_assert_eq(system_create("/there/is/no/such/file"), -ENOENT);
	cr_assert_eq(system_create("/tmp"), -EEXIST);
	cr_assert_eq(system_create("/dev/null"), -EEXIST, "it never empties a file");
	cr_assert_eq(system_remove("/there/is/no/such/file"), -ENOENT);
	cr_assert_eq(system_open("/dev/null/file"), -ENOTDIR);
}

Test(system, a_rename_replaces_in_one_step)
{
	char from[64], to[64], missing[80];
	snprintf(from, sizeof from, "/tmp/weft-from-%u", (unsigned)system_process_id());
	snprintf(to, sizeof to, "/tmp/weft-to-%u", (unsigned)system_process_id());
	snprintf(missing, sizeof missing, "%s/none", to);
	int fd = system_create(from), older = system_create(to);
	cr_assert_geq(fd, 0);
	cr_assert_geq(older, 0);
	cr_assert_eq(system_write_all(fd, "new", 3), 0);
	cr_assert_eq(system_rename(from, to), 0);
	cr_assert_eq(system_open_to_write(from), -ENOENT);
	int now = system_open_to_write(to);
	cr_assert_geq(now, 0);
	cr_assert_eq(size_of(now), 3);
	cr_assert_eq(system_rename(from, to), -ENOENT);
	cr_assert_eq(system_rename(to, missing), -ENOTDIR);
	cr_assert_eq(system_close(now), 0);
	cr_assert_eq(system_close(older), 0);
	cr_assert_eq(system_close(fd), 0);
	cr_assert_eq(system_remove(to), 0);
}

Test(system, descriptors_close_on_exec)
{
	int fd = open_scratch();
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	int null = system_open("/dev/null");
	cr_assert(fcntl(null, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(system_close(null), 0);
	cr_assert_eq(system_close(fd), 0);
	cr_assert_eq(system_close(fd), -EBADF);
}

Test(system, too_many_descriptors)
{
	struct rlimit usual, none;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
	none = usual;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int result = system_open("/dev/null");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &usual),
		     0); /* the test framework opens some */
	cr_assert_eq(result, -EMFILE);
}

Test(system, sizes)
{
	int fd = open_scratch();
	cr_assert_eq(size_of(fd), 0);
	cr_assert_eq(system_reserve(fd, 8192), 0);
	cr_assert_eq(size_of(fd), 8192);
	cr_assert_eq(system_truncate(fd, 100), 0);
	cr_assert_eq(size_of(fd), 100);
	cr_assert_eq(system_close(fd), 0);
}

Test(system, errors_of_sizes)
{
	uint64_t size = 7;
	int directory = system_open("/");
	cr_assert_eq(system_file_size(NOT_OPEN, &size), -EBADF);
	cr_assert_eq(system_file_size(directory, &size), -ESPIPE);
	cr_assert_eq(size, 7, "an error leaves it alone");
	cr_assert_eq(system_truncate(NOT_OPEN, 0), -EBADF);
	cr_assert_eq(system_truncate(directory, 0), -EINVAL);
	cr_assert_eq(system_reserve(NOT_OPEN, 4096), -EBADF);
	cr_assert_eq(system_reserve(directory, 4096), -EBADF,
		     "it is not open for writing");
	cr_assert_eq(system_close(directory), 0);

	int fd = open_scratch();
	cr_assert_eq(system_reserve(fd, 0), -EINVAL);
	cr_assert_eq(system_truncate(fd, UINT64_MAX), -EINVAL);
	cr_assert_eq(system_close(fd), 0);
}

Test(system, a_file_larger_than_allowed)
{
	struct rlimit small = {4096, 4096};
	signal(SIGXFSZ, SIG_IGN);
	int fd = open_scratch();
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	cr_assert_eq(system_reserve(fd, 1 << 20), -EFBIG);
	cr_assert_eq(system_truncate(fd, 1 << 20), -EFBIG);
	cr_assert_eq(system_close(fd), 0);
}

Test(system, a_pipe_has_no_size)
{
	int ends[2];
	uint64_t size;
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(system_file_size(ends[0], &size), -ESPIPE);
}

Test(system, writes_all_of_it)
{
	enum { SIZE = 300000 }; /* more than a pipe holds: write(2) takes it in parts */
	static char sent[SIZE], received[SIZE];
	int ends[2];
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i * 7);
	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		_exit(system_write_all(ends[1], sent, SIZE) != 0);
	close(ends[1]);
	size_t length = 0;
	for (ssize_t got; (got = read(ends[0], received + length, SIZE - length)) > 0;)
		length += (size_t)got;
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_eq(length, SIZE);
	cr_assert_eq(memcmp(sent, received, SIZE), 0);
}

Test(system, errors_of_writing)
{
	int ends[2];
	cr_assert_eq(system_write_all(NOT_OPEN, "x", 1), -EBADF);
	cr_assert_eq(system_write_all(NOT_OPEN, "", 0), 0, "nothing to write, no call");
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_assert_eq(system_write_all(ends[1], "x", 1), -EPIPE);
#if defined(__linux__)
	int full = open("/dev/full", O_WRONLY);
	cr_assert_geq(full, 0);
	cr_assert_eq(system_write_all(full, "x", 1), -ENOSPC);
#endif
}

Test(system, mappings_of_a_file)
{
	size_t page = system_page_size();
	void *shared;
	const void *private;
	int fd = open_scratch();
	cr_assert_eq(system_reserve(fd, page), 0);
	cr_assert_eq(system_map_shared(fd, page, &shared), 0);
	memcpy(shared, "woven", 6);
	cr_assert_eq(system_map_private(fd, page, &private), 0);
	cr_assert_str_eq(private, "woven");
	cr_assert_eq(system_unmap(private, page), 0);
	cr_assert_eq(system_unmap(shared, page), 0);
	cr_assert_eq(system_close(fd), 0);
}

Test(system, errors_of_mapping)
{
	void *address = NULL;
	const void *read_only = NULL;
	int directory = system_open("/");
	int fd = open_scratch();
	cr_assert_eq(system_map_shared(NOT_OPEN, 4096, &address), -EBADF);
	cr_assert_eq(system_map_private(directory, 4096, &read_only), -ENODEV);
	cr_assert_eq(system_map_shared(fd, 0, &address), -EINVAL);
	int huge = system_map_anonymous(SIZE_MAX / 2, &address);
	cr_assert(huge == -ENOMEM || huge == -EINVAL, "%d",
		  huge); /* valgrind's answer */
	cr_assert_null(address);
	cr_assert_null(read_only);
	cr_assert_eq(system_unmap((void *)(uintptr_t)1, 4096), -EINVAL);
	cr_assert_eq(system_close(fd), 0);
	cr_assert_eq(system_close(directory), 0);
}

/* Whether a child that stores to `address` is killed for it. */
static int store_kills(char *address)
{
	int status;
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		*(volatile char *)address = 1;
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status);
}

Test(system, anonymous_memory_is_zero_and_can_be_protected)
{
	SKIP_ON_VALGRIND("a bad access on purpose");
	size_t page = system_page_size();
	void *address;
	cr_assert_eq(system_map_anonymous(2 * page, &address), 0);
	char *memory = address;
	system_populate(memory, 2 * page);
	for (size_t i = 0; i < 2 * page; i++)
		cr_assert_eq(memory[i], 0);
	cr_assert_eq(system_protect_none(memory, page), 0);
	cr_assert(store_kills(memory + page - 1));
	cr_assert_not(store_kills(memory + page));
	cr_assert_eq(system_protect_none(memory + 1, page), -EINVAL);
	cr_assert_eq(system_unmap(memory, 2 * page), 0);
}

Test(system, a_child_does_not_inherit_a_shared_mapping)
{
	SKIP_ON_VALGRIND("a bad access on purpose");
	SKIP_ON_EMULATOR("it ignores MADV_DONTFORK");
	size_t page = system_page_size();
	void *shared;
	int fd = open_scratch();
	cr_assert_eq(system_reserve(fd, page), 0);
	cr_assert_eq(system_map_shared(fd, page, &shared), 0);
	cr_assert(store_kills(shared));
	*(char *)shared = 1;
	cr_assert_eq(system_unmap(shared, page), 0);
	cr_assert_eq(system_close(fd), 0);
}

Test(system, clocks_and_numbers)
{
	uint64_t start_ns = system_monotonic_ns();
	cr_assert_gt(start_ns, 0);
	cr_assert_geq(system_monotonic_ns(), start_ns);
	cr_assert_gt(system_realtime_ns(), 1600000000ull * 1000000000ull, "after 2020");
	size_t page = system_page_size();
	cr_assert(page >= 4096 && (page & (page - 1)) == 0);
	cr_assert_eq(system_process_id(), (uint32_t)getpid());
	cr_assert_gt(system_thread_id(), 0);
}

Test(system, kinds_of_descriptors)
{
	int ends[2];
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(system_kind_of(ends[0]), SYSTEM_STREAM);
	close(ends[0]), close(ends[1]);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(system_kind_of(ends[0]), SYSTEM_OTHER);
	close(ends[0]), close(ends[1]);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(system_kind_of(ends[0]), SYSTEM_STREAM);
	close(ends[0]);
	ends[0] = open("/", O_RDONLY);
	cr_assert_eq(system_kind_of(ends[0]), SYSTEM_FILE);
	close(ends[0]);
	cr_assert_eq(system_kind_of(ends[0]), -EBADF);
}
