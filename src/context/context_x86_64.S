/* context_x86_64.S: the switch, System V calling convention.
 *
 * A parked context is its caller, as if context_swap had just returned: sp, fp and pc are what
 * the caller will find in rsp, rbp and rip, and a debugger given these three walks its stack.
 * (After context_hop pc is .Lresume, from where it is one step to the caller.) The other
 * registers that a callee must preserve lie below sp:
 *
 *   sp -  8   return address (after context_swap, also in pc)
 *      - 16   rbx
 *      - 24   r12
 *      - 32   r13
 *      - 40   r14
 *      - 48   r15
 *      - 56   control words: mxcsr (4 bytes), x87 control word (2), unused (2)
 *
 * Nothing overwrites them there: a parked stack is not run on, and while this function stands
 * on either side of the switch, a signal handler keeps off the 128 bytes below rsp, which the
 * convention calls the red zone.
 *
 * One instruction changes stacks, the load of rsp: up to it a backtrace shows the caller that
 * leaves, from it on the one that comes back. The .cfi lines tell debuggers and profilers, for
 * each instruction, where the caller's registers are.
 *
 * The control words. The x87 word is loaded only when it differs. The word of SSE, mxcsr, is
 * always loaded, because comparing it costs more: the word just stored would have to be read
 * back, and stmxcsr, which waits for all before it, would wait for that too. Nanoseconds per
 * switch on an AMD Zen 4: 5.6 as it stands, 5.8 with both loaded always, 7.2 with both
 * compared, 4.4 without control words; stmxcsr alone in a loop takes 4.4. */

#if defined(__x86_64__)

#include "context/assembly.h"

#if defined(__CET__) && (__CET__ & 1)
#define LANDING_PAD endbr64 /* indirect branch tracking: a call or jump may land here */
#else
#define LANDING_PAD
#endif

	.text
/* struct switch_message context_swap(struct context *from, struct context *to,
 *                                    struct switch_message message)
 * rdi = from, rsi = to, rdx = message.after, rcx = message.arg; returns rax, rdx. */
	FUNCTION(context_swap)
NAME(context_swap):
	.cfi_startproc
	LANDING_PAD
	popq	%rax                    /* the return address; rsp is now the caller's */
	.cfi_def_cfa_offset 0
	.cfi_register %rip, %rax
	movq	%rax, 16(%rdi)          /* store three words */
LOCAL(leave):
	movq	%rsp, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%rbx, -16(%rsp)         /* and what else the caller may rely on */
	movq	%r12, -24(%rsp)
	movq	%r13, -32(%rsp)
	movq	%r14, -40(%rsp)
	movq	%r15, -48(%rsp)
#ifndef CONTEXT_NO_CONTROL_WORDS
	fnstcw	-52(%rsp)
	stmxcsr	-56(%rsp)
	movzwl	-52(%rsp), %r10d        /* the x87 word that is in force */
#endif

LOCAL(arrive):
	movq	16(%rsi), %r8           /* load three words */
	movq	8(%rsi), %r9
	movq	0(%rsi), %rsp           /* from here on, the next stack */
	.cfi_register %rip, %r8
	.cfi_register %rbp, %r9
	.cfi_offset %rbx, -16
	.cfi_offset %r12, -24
	.cfi_offset %r13, -32
	.cfi_offset %r14, -40
	.cfi_offset %r15, -48
	movq	%r9, %rbp
#ifndef CONTEXT_NO_CONTROL_WORDS
	ldmxcsr	-56(%rsp)
	cmpw	-52(%rsp), %r10w
	jne	LOCAL(load_x87_word)
LOCAL(x87_word_loaded):
#endif
	movq	-16(%rsp), %rbx
	movq	-24(%rsp), %r12
	movq	-32(%rsp), %r13
	movq	-40(%rsp), %r14
	movq	-48(%rsp), %r15
	movq	%rdx, %rax              /* the message is the return value */
	movq	%rcx, %rdx
	notrack jmpq *%r8               /* not ret: it would be predicted to stay here */
#ifndef CONTEXT_NO_CONTROL_WORDS
LOCAL(load_x87_word):
	fldcw	-52(%rsp)
	jmp	LOCAL(x87_word_loaded)
#endif
	.cfi_endproc
	END(context_swap)

/* void context_hop(struct context *from, struct context *to, struct switch_message message)
 * rdi = from, rsi = to, rdx = message.after, rcx = message.arg.
 *
 * As context_swap, but `from` goes on at .Lresume, which runs the step and then returns to the
 * caller by a `ret`: its address still lies at sp - 8. */
	FUNCTION(context_hop)
NAME(context_hop):
	.cfi_startproc
	LANDING_PAD
	popq	%rax
	.cfi_def_cfa_offset 0
	.cfi_register %rip, %rax
	leaq	LOCAL(resume)(%rip), %r8
	movq	%r8, 16(%rdi)
	jmp	LOCAL(leave)
	.cfi_restore %rip
	nop                             /* never run: to a debugger, a return address belongs */
LOCAL(resume):                          /* to the function of the byte before it */
	LANDING_PAD
	subq	$16, %rsp               /* rax and rdx: the message; rsi: who arrives */
	.cfi_adjust_cfa_offset 16
	movq	%rax, %rdi
	xchgq	%rdx, %rsi
	call	NAME(context_step)      /* after, arg, self */
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	END(context_hop)

/* void context_drop(struct context *from, struct context *to, struct switch_message message)
 * rdi = from, rsi = to, rdx = message.after, rcx = message.arg.
 *
 * As context_hop, but nothing is kept of `from`, and stmxcsr is what costs most there. Whoever
 * resumes it all the same ends in context_gone: that takes its stack pointer, which also tells
 * how deep it was, and control words that can be loaded. */
	FUNCTION(context_drop)
NAME(context_drop):
	.cfi_startproc
	LANDING_PAD
	popq	%rax
	.cfi_def_cfa_offset 0
	.cfi_register %rip, %rax
	leaq	LOCAL(gone)(%rip), %r8
	movq	%rsp, 0(%rdi)
	movq	%r8, 16(%rdi)
#ifndef CONTEXT_NO_CONTROL_WORDS
	movabsq	$0x037f00001f80, %r8    /* what a new process has */
	movq	%r8, -56(%rsp)
	fnstcw	-64(%rsp)
	movzwl	-64(%rsp), %r10d        /* the x87 word that is in force */
#endif
	jmp	LOCAL(arrive)
	.cfi_endproc
	END(context_drop)

/* Where a context goes on that has left for good: nowhere. */
	LOCAL_FUNCTION(context_resumed)
context_resumed:
	.cfi_startproc
	.cfi_undefined %rip
	nop                             /* as before .Lresume */
LOCAL(gone):
	LANDING_PAD
	call	NAME(context_gone)
	ud2
	.cfi_endproc
	END(context_resumed)

/* Where every fresh context goes on, with what context_prepare laid down for it. */
	FUNCTION(context_entry)
NAME(context_entry):
	.cfi_startproc
	.cfi_undefined %rip             /* the outermost frame: a backtrace ends here */
	nop                             /* as before .Lresume */
LOCAL(fresh):
	LANDING_PAD
	movq	%rax, %rdi
	xchgq	%rdx, %rsi
	call	NAME(context_step)      /* after, arg, self */
	movq	%r13, %rdi              /* argument */
	leaq	LOCAL(returned)(%rip), %rax
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	jmp	*%r12                   /* entry */
LOCAL(returned):
	.cfi_adjust_cfa_offset -8
	call	NAME(context_returned)
	ud2
	.cfi_endproc
	END(context_entry)

/* void (*context_prepare(void *sp, context_entry_function *entry, void *argument,
 *                        uint64_t words))(void)
 * rdi = sp, rsi = entry, rdx = argument, rcx = words; returns rax. */
	FUNCTION(context_prepare)
NAME(context_prepare):
	.cfi_startproc
	LANDING_PAD
	movq	%rsi, -24(%rdi)         /* r12 */
	movq	%rdx, -32(%rdi)         /* r13 */
	movq	%rcx, -56(%rdi)         /* control words */
	leaq	LOCAL(fresh)(%rip), %rax
	ret
	.cfi_endproc
	END(context_prepare)

/* uint64_t context_control_words(void) */
	FUNCTION(context_control_words)
NAME(context_control_words):
	.cfi_startproc
	LANDING_PAD
	movq	$0, -8(%rsp)
	stmxcsr	-8(%rsp)
	fnstcw	-4(%rsp)
	movq	-8(%rsp), %rax
	ret
	.cfi_endproc
	END(context_control_words)

#if defined(__CET__) && (__CET__ & 1)
/* This object keeps to indirect branch tracking, but not to shadow stacks: a switch would have
 * to switch those too. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0
#endif

#endif

#if !defined(__APPLE__) /* whatever the processor: without it the stack is executable */
	.section .note.GNU-stack, "", %progbits
#endif
