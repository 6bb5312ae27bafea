/* context_aarch64.S: the switch, procedure call standard for 64-bit Arm (AAPCS64).
 *
 * A parked context is its caller, as if context_swap had just returned: sp, fp and pc are what
 * the caller will find in sp, x29 and the program counter, and a debugger given these three walks
 * its stack. (After context_hop pc is Lresume, from where it is one step to the caller.) What
 * else a callee must preserve lies below sp:
 *
 *   sp -  16   x29 (frame pointer), x30 (return address)
 *      -  32   x19, x20
 *      -  48   x21, x22
 *      -  64   x23, x24
 *      -  80   x25, x26
 *      -  96   x27, x28
 *      - 112   d8, d9        the lower halves of v8 to v15: the standard asks for no more
 *      - 128   d10, d11
 *      - 144   d12, d13
 *      - 160   d14, d15
 *      - 176   fpcr (8 bytes), unused (8)
 *
 * Nothing overwrites them there, since a parked stack is not run on. While this function stands
 * on either side of the switch, sp is below them: a signal handler may use all that lies below
 * sp (there is no red zone, as x86_64 has one).
 *
 * One instruction changes stacks, the move to sp: up to it a backtrace shows the caller that
 * leaves, from it on the one that comes back. The .cfi lines tell debuggers and profilers, for
 * each instruction, where the caller's registers are.
 *
 * The control word is loaded only when it differs: a write to fpcr makes the processor wait.
 *
 * Where code must keep to branch targets (BTI), a jump may land only on a landing pad, and there
 * is none behind a call: there the switch ends in a `ret`, which may go anywhere and is
 * predicted wrong when it does. */
#if defined(__aarch64__)

#include "context/assembly.h"

#define KEPT 176 /* bytes below a parked context's sp */

/* hint 34 is `bti c`, hint 36 is `bti j`; older processors and assemblers take both. */
#if defined(__ARM_FEATURE_BTI_DEFAULT)
#define CALL_PAD hint 34
#define JUMP_PAD hint 36
#define GO(register) ret register
#else
#define CALL_PAD
#define JUMP_PAD
#define GO(register) br register
#endif

	.text
/* struct switch_message context_swap(struct context *from, struct context *to,
 *                                    struct switch_message message)
 * x0 = from, x1 = to, x2 = message.after, x3 = message.arg; returns x0, x1. */
	FUNCTION(context_swap)
NAME(context_swap):
	.cfi_startproc
	CALL_PAD
	str	x30, [x0, #16]          /* store three words */
LOCAL(leave):
	mov	x9, sp
	stp	x9, x29, [x0]
	sub	sp, sp, #KEPT           /* and what else the caller may rely on */
	.cfi_def_cfa_offset KEPT
	stp	x29, x30, [sp, #KEPT - 16]
	stp	x19, x20, [sp, #KEPT - 32]
	stp	x21, x22, [sp, #KEPT - 48]
	stp	x23, x24, [sp, #KEPT - 64]
	stp	x25, x26, [sp, #KEPT - 80]
	stp	x27, x28, [sp, #KEPT - 96]
	stp	d8, d9, [sp, #KEPT - 112]
	stp	d10, d11, [sp, #KEPT - 128]
	stp	d12, d13, [sp, #KEPT - 144]
	stp	d14, d15, [sp, #KEPT - 160]
	mrs	x10, fpcr               /* the word that is in force */
	str	x10, [sp]

LOCAL(arrive):
	ldr	x8, [x1, #16]           /* load three words */
	ldp	x9, x11, [x1]
	sub	x9, x9, #KEPT
	mov	sp, x9                  /* from here on, the next stack */
	.cfi_register x30, x8
	.cfi_register x29, x11
	.cfi_offset x19, -32
	.cfi_offset x20, -24
	.cfi_offset x21, -48
	.cfi_offset x22, -40
	.cfi_offset x23, -64
	.cfi_offset x24, -56
	.cfi_offset x25, -80
	.cfi_offset x26, -72
	.cfi_offset x27, -96
	.cfi_offset x28, -88
	ldr	x9, [sp]
	cmp	x9, x10
	b.ne	LOCAL(load_control_word)
LOCAL(control_word_loaded):
	mov	x29, x11
	ldr	x30, [sp, #KEPT - 8]
	ldp	x19, x20, [sp, #KEPT - 32]
	ldp	x21, x22, [sp, #KEPT - 48]
	ldp	x23, x24, [sp, #KEPT - 64]
	ldp	x25, x26, [sp, #KEPT - 80]
	ldp	x27, x28, [sp, #KEPT - 96]
	ldp	d8, d9, [sp, #KEPT - 112]
	ldp	d10, d11, [sp, #KEPT - 128]
	ldp	d12, d13, [sp, #KEPT - 144]
	ldp	d14, d15, [sp, #KEPT - 160]
	add	sp, sp, #KEPT
	.cfi_def_cfa_offset 0
	mov	x9, x1
	mov	x0, x2                  /* the message is the return value */
	mov	x1, x3
	mov	x2, x9                  /* and who arrives, for the two labels below */
	GO(x8)                          /* not ret: it would be predicted to stay here */
LOCAL(load_control_word):
	.cfi_def_cfa_offset KEPT
	msr	fpcr, x9
	b	LOCAL(control_word_loaded)
	.cfi_endproc
	END(context_swap)

/* void context_hop(struct context *from, struct context *to, struct switch_message message)
 *
 * As context_swap, but `from` goes on at Lresume, which runs the step and then returns to the
 * caller by a `ret`. */
	FUNCTION(context_hop)
NAME(context_hop):
	.cfi_startproc
	CALL_PAD
	adr	x9, LOCAL(resume)
	str	x9, [x0, #16]
	b	LOCAL(leave)
	nop                             /* never run: to a debugger, a return address belongs */
LOCAL(resume):                          /* to the function of the byte before it */
	JUMP_PAD
	stp	x29, x30, [sp, #-16]!   /* x0, x1 and x2: the message, and who arrives */
	.cfi_def_cfa_offset 16
	.cfi_offset x29, -16
	.cfi_offset x30, -8
	bl	NAME(context_step)      /* after, arg, self */
	ldp	x29, x30, [sp], #16
	.cfi_def_cfa_offset 0
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	END(context_hop)

/* void context_drop(struct context *from, struct context *to, struct switch_message message)
 *
 * As context_hop, but nothing is kept of `from`. Whoever resumes it all the same ends in
 * context_gone: that takes its stack pointer, which also tells how deep it was. */
	FUNCTION(context_drop)
NAME(context_drop):
	.cfi_startproc
	CALL_PAD
	mov	x9, sp
	str	x9, [x0]
	adr	x9, LOCAL(gone)
	str	x9, [x0, #16]
	sub	sp, sp, #KEPT           /* as Larrive finds it */
	.cfi_def_cfa_offset KEPT
	mrs	x10, fpcr
	str	x10, [sp]
	b	LOCAL(arrive)
	.cfi_endproc
	END(context_drop)

/* Where a context goes on that has left for good: nowhere. */
	LOCAL_FUNCTION(context_resumed)
context_resumed:
	.cfi_startproc
	.cfi_undefined x30
	nop                             /* as before Lresume */
LOCAL(gone):
	JUMP_PAD
	bl	NAME(context_gone)
	brk	#0
	.cfi_endproc
	END(context_resumed)

/* Where every fresh context goes on, with what context_prepare laid down for it. */
	FUNCTION(context_entry)
NAME(context_entry):
	.cfi_startproc
	.cfi_undefined x30              /* the outermost frame: a backtrace ends here */
	nop                             /* as before Lresume */
LOCAL(fresh):
	JUMP_PAD
	bl	NAME(context_step)      /* after, arg, self */
	mov	x0, x20                 /* argument */
	mov	x16, x19                /* entry: a jump by x16 may land where a call may */
	adr	x30, LOCAL(returned)
	br	x16
LOCAL(returned):
	bl	NAME(context_returned)
	brk	#0
	.cfi_endproc
	END(context_entry)

/* void (*context_prepare(void *sp, context_entry_function *entry, void *argument,
 *                        uint64_t words))(void)
 * x0 = sp, x1 = entry, x2 = argument, x3 = words; returns x0. */
	FUNCTION(context_prepare)
NAME(context_prepare):
	.cfi_startproc
	CALL_PAD
	stp	xzr, xzr, [x0, #-16]    /* x29, x30 */
	stp	x1, x2, [x0, #-32]      /* x19, x20 */
	str	x3, [x0, #-KEPT]
	adr	x0, LOCAL(fresh)
	ret
	.cfi_endproc
	END(context_prepare)

/* uint64_t context_control_words(void) */
	FUNCTION(context_control_words)
NAME(context_control_words):
	.cfi_startproc
	CALL_PAD
	mrs	x0, fpcr
	ret
	.cfi_endproc
	END(context_control_words)

#if !defined(__APPLE__)
#if defined(__ARM_FEATURE_BTI_DEFAULT)
	.section .note.gnu.property, "a"
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0
#endif
#endif

#endif

#if !defined(__APPLE__) /* whatever the processor: without it the stack is executable */
	.section .note.GNU-stack, "", %progbits
#endif
