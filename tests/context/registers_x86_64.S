/* registers_x86_64.S: fills every register that a callee must preserve, switches many times
 * without touching them, and looks at each after every switch.
 *
 * C cannot say this: a compiler decides for itself what it keeps in a register. The switch is
 * called from here, with no C function around it that would save registers of its own; the two
 * C functions for the sanitizers run before and after it. */
#if defined(__x86_64__)

#include "context/assembly.h"

	.text
/* int registers_hold(struct registers_run *run)
 * Returns 0, or the number of the first register that was found changed: 1 rbx, 2 rbp, 3 r12,
 * 4 r13, 5 r14, 6 r15. Register n holds run->seed + n. */
	FUNCTION(registers_hold)
NAME(registers_hold):
	.cfi_startproc
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi                    /* (%rsp) = run; the stack is aligned again */
	.cfi_def_cfa_offset 64
	.cfi_offset %rbx, -16
	.cfi_offset %rbp, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	movq	16(%rdi), %rax          /* run->seed */
	leaq	1(%rax), %rbx
	leaq	2(%rax), %rbp
	leaq	3(%rax), %r12
	leaq	4(%rax), %r13
	leaq	5(%rax), %r14
	leaq	6(%rax), %r15

LOCAL(switch):
	call	NAME(registers_leave)
	movq	(%rsp), %rax
	movq	0(%rax), %rdi           /* run->from */
	movq	8(%rax), %rsi           /* run->to */
	xorl	%edx, %edx              /* no after-switch step */
	xorl	%ecx, %ecx
	call	*32(%rax)               /* run->leave */
	movq	(%rsp), %rdi
	call	*40(%rdi)               /* run->arrive */

	movq	(%rsp), %rdi
	movq	16(%rdi), %rdx
	movl	$1, %eax
	incq	%rdx
	cmpq	%rdx, %rbx
	jne	LOCAL(return)
	incl	%eax
	incq	%rdx
	cmpq	%rdx, %rbp
	jne	LOCAL(return)
	incl	%eax
	incq	%rdx
	cmpq	%rdx, %r12
	jne	LOCAL(return)
	incl	%eax
	incq	%rdx
	cmpq	%rdx, %r13
	jne	LOCAL(return)
	incl	%eax
	incq	%rdx
	cmpq	%rdx, %r14
	jne	LOCAL(return)
	incl	%eax
	incq	%rdx
	cmpq	%rdx, %r15
	jne	LOCAL(return)
	decq	24(%rdi)                /* run->switches_left */
	jnz	LOCAL(switch)
	xorl	%eax, %eax

LOCAL(return):
	popq	%rdi
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	END(registers_hold)

#endif

#if !defined(__APPLE__) /* whatever the processor: without it the stack is executable */
	.section .note.GNU-stack, "", %progbits
#endif
