/* refuse.h: makes the kernel refuse one system call, for tests of what happens then.
 *
 * A seccomp filter answers for the call, on this thread and on those it starts from then on.
 * It cannot be taken back; each Criterion test is a process of its own. */
#ifndef WEFT_TESTS_FIBER_REFUSE_H
#define WEFT_TESTS_FIBER_REFUSE_H

#include <errno.h> /* for the names of the constants */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fiber/slab.h"

#define REFUSE_MADV_GUARD_INSTALL 102 /* newer than most headers */
#define REFUSE_CLONE_ARGS         88  /* bytes that glibc gives clone3(2) */

/* From now on the call `number` fails with `error` when the low half of its argument number
 * `argument` is `value`. Returns 0, or -1 where there is no seccomp. */
static inline int refuse(long number, unsigned argument, uint32_t value, int error)
{
	uint32_t place = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * argument);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* As on a kernel before Linux 6.13. */
static inline int refuse_cheap_guards(int error)
{
	return refuse(SYS_madvise, 2, REFUSE_MADV_GUARD_INSTALL, error);
}

/* A sanitizer that looks for leaks at the end protects pages itself: a test that has page
 * protection refused ends here, with this status. */
#define REFUSED 42

/* As with no mapping left under vm.max_map_count. */
static inline int refuse_page_protection(int error)
{
	return refuse(SYS_mprotect, 2, PROT_NONE, error);
}

/* As with no address space left, for a slab of slots of the usual size: nobody else maps as
 * much at once. */
static inline int refuse_slabs(int error)
{
	return refuse(SYS_mmap, 1, SLAB_SLOTS * 65536, error);
}

/* As with no thread left: glibc then tries clone(2), with the flags of a thread. */
static inline int refuse_threads(void)
{
	const uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM |
				CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS |
				CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	if (refuse(SYS_clone3, 1, REFUSE_CLONE_ARGS, ENOSYS) < 0)
		return -1;
	return refuse(SYS_clone, 0, thread, EAGAIN);
}

#endif
