/* error.c: names for the errors that Weft returns.
 *
 * strerror(3) is not used: it may write into a buffer that threads share, and it does
 * not know our own codes. The table holds the values a reader can meet; any other is
 * answered with one sentence that names where to look it up. */
#include "weft.h"

#include <errno.h> /* for the names of the constants; the variable is in system_posix.c */
#include <stddef.h>

static const struct {
	int error;
	const char *text;
} error_texts[] = {
	{0, "success"},
	{WEFT_EDEADLINE, "the deadline passed"},
	{EPERM, "not permitted"},
	{ENOENT, "no such file or directory"},
	{EINTR, "interrupted by a signal"},
	{EIO, "input/output error"},
	{ENXIO, "no such device or address"},
	{EBADF, "not an open descriptor"},
	{EAGAIN, "not available now; try again"},
	{ENOMEM, "out of memory"},
	{EACCES, "permission denied"},
	{EBUSY, "busy: something is still in use"},
	{EEXIST, "already exists"},
	{ENOTDIR, "not a directory"},
	{EISDIR, "is a directory"},
	{EINVAL, "invalid argument"},
	{ENFILE, "too many open files in the system"},
	{EMFILE, "too many open files in this process; see ulimit -n"},
	{EFBIG, "file too large"},
	{ENOSPC, "no space left on the device"},
	{ESPIPE, "cannot seek"},
	{EROFS, "read-only file system"},
	{EPIPE, "the other end is closed"},
	{ENAMETOOLONG, "file name too long"},
	{ENOSYS, "not supported by this kernel"},
	{EOPNOTSUPP, "not supported here"},
	{EADDRINUSE, "address already in use"},
	{ECONNREFUSED, "connection refused"},
	{ECONNRESET, "connection reset by the other end"},
	{ETIMEDOUT, "the other end did not answer in time"},
	{EDEADLK, "would wait for itself: a fiber awaits (weft_await) instead"},
	{ECANCELED, "canceled"},
	{EOWNERDEAD, "this process is a fork of the one that made the runtime"},
};

const char *weft_strerror(int error)
{
	for (size_t i = 0; i < sizeof error_texts / sizeof error_texts[0]; i++)
		if (-error_texts[i].error == error)
			return error_texts[i].text;
	return error > 0 ? "not an error: Weft's errors are negative"
			 : "an error without a text here; see errno(3)";
}
