/* execve_in_qemu.c: linked into Criterion tests that qemu-user runs.
 *
 * Criterion starts a process for each test, by execve(2) of the program's own file. The kernel
 * cannot run a program of another architecture, unless it was told of qemu (binfmt_misc), which
 * takes root. So this execve starts qemu, which then runs the file.
 *
 * EMULATOR: qemu's path. EMULATOR_ROOT: where the program's libraries are. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORDS_MAX = 64 };

int execve(const char *path, char *const words[], char *const environment[])
{
	const char *emulator = getenv("EMULATOR");
	const char *started[WORDS_MAX] = {emulator, "-L", getenv("EMULATOR_ROOT"),
					  path};
	size_t count = 4;
	for (size_t i = 1; words[0] && words[i] && count < WORDS_MAX - 1; i++)
		started[count++] = words[i];
	return (int)syscall(SYS_execve, emulator, started, environment);
}
