/* memory.c: the system calls that readers and writers of files make, on buffers. The
 * linker puts each __wrap_ function in the place of the system.h function of its name.
 *
 * A descriptor is FIRST_FD plus the file's index. A shared mapping is the buffer itself;
 * a private one is a copy, freed when it is unmapped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"
#include "tests/fuzz/fuzz.h"

#define FILES_MAX  8
#define COPIES_MAX 16
#define FIRST_FD   1000
#define PAGE       4096

struct memory_file {
	const char *path; /* NULL: free */
	uint8_t *bytes;
	size_t size;
};

static struct memory_file files[FILES_MAX];
static const void *copies[COPIES_MAX];

int __wrap_system_open(const char *path);
int __wrap_system_create(const char *path);
int __wrap_system_remove(const char *path);
int __wrap_system_file_size(int fd, uint64_t *size);
int __wrap_system_reserve(int fd, uint64_t size);
int __wrap_system_truncate(int fd, uint64_t size);
int __wrap_system_close(int fd);
int __wrap_system_map_shared(int fd, size_t size, void **address);
int __wrap_system_map_private(int fd, size_t size, const void **address);
int __wrap_system_unmap(const void *address, size_t size);
int __real_system_unmap(const void *address, size_t size);

static struct memory_file *find(const char *path)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (files[i].path && strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

static struct memory_file *make(const char *path)
{
	struct memory_file *file = files;
	while (file->path)
		file++;
	DEMAND(file < files + FILES_MAX, "too many files in memory");
	*file = (struct memory_file){.path = path};
	return file;
}

static struct memory_file *file_of(int fd)
{
	return &files[fd - FIRST_FD];
}

static void resize(struct memory_file *file, size_t size)
{
	file->bytes = realloc(file->bytes, size + 1);
	DEMAND(file->bytes, "out of memory");
	if (size > file->size)
		memset(file->bytes + file->size, 0, size - file->size);
	file->size = size;
}

void memory_write(const char *path, const void *bytes, size_t size)
{
	struct memory_file *file = find(path);
	if (!file)
		file = make(path);
	resize(file, size);
	if (size > 0)
		memcpy(file->bytes, bytes, size);
}

const uint8_t *memory_read(const char *path, size_t *size)
{
	const struct memory_file *file = find(path);
	*size = file ? file->size : 0;
	return file ? file->bytes : NULL;
}

/* ---- instead of system_posix.c ---- */

int __wrap_system_open(const char *path)
{
	const struct memory_file *file = find(path);
	return file ? FIRST_FD + (int)(file - files) : -ENOENT;
}

int __wrap_system_create(const char *path)
{
	return find(path) ? -EEXIST : FIRST_FD + (int)(make(path) - files);
}

int __wrap_system_remove(const char *path)
{
	struct memory_file *file = find(path);
	if (!file)
		return -ENOENT;
	free(file->bytes);
	*file = (struct memory_file){.path = NULL};
	return 0;
}

int __wrap_system_file_size(int fd, uint64_t *size)
{
	*size = file_of(fd)->size;
	return 0;
}

int __wrap_system_reserve(int fd, uint64_t size)
{
	if (size > MEMORY_MOST)
		return -EFBIG;
	resize(file_of(fd), size);
	return 0;
}

int __wrap_system_truncate(int fd, uint64_t size)
{
	return __wrap_system_reserve(fd, size);
}

int __wrap_system_close(int fd)
{
	(void)fd;
	return 0;
}

int __wrap_system_map_shared(int fd, size_t size, void **address)
{
	DEMAND(size <= file_of(fd)->size, "a mapping is longer than its file");
	*address = file_of(fd)->bytes;
	return 0;
}

/* Aligned as a page is, and not a byte longer than asked for. */
int __wrap_system_map_private(int fd, size_t size, const void **address)
{
	void *copy;
	size_t at = 0;
	DEMAND(size <= file_of(fd)->size, "a mapping is longer than its file");
	while (copies[at])
		at++;
	DEMAND(at < COPIES_MAX, "too many mappings: they are not unmapped");
	if (posix_memalign(&copy, PAGE, size) != 0)
		return -ENOMEM;
	memcpy(copy, file_of(fd)->bytes, size);
	copies[at] = *address = copy;
	return 0;
}

int __wrap_system_unmap(const void *address, size_t size)
{
	for (size_t i = 0; i < COPIES_MAX; i++)
		if (address && copies[i] == address) {
			free((void *)address);
			copies[i] = NULL;
			return 0;
		}
	for (size_t i = 0; i < FILES_MAX; i++)
		if (address && files[i].bytes == address)
			return 0;
	return __real_system_unmap(address, size);
}
