/* registers_aarch64.S: fills every register that a callee must preserve, switches many times
 * without touching them, and looks at each after every switch. As registers_x86_64.S. */
#if defined(__aarch64__)

#include "context/assembly.h"

#define FRAME 192 /* the caller's registers, and run at FRAME - 16 */

/* Register number `number` is to hold seed + number. x10 = the seed. */
	.macro fill register, number
	add	\register, x10, #\number
	.endm
	.macro fill_fp register, number
	add	x9, x10, #\number
	fmov	\register, x9
	.endm

/* As fill; ends with the number when it does not. */
	.macro check register, number
	mov	w0, #\number
	add	x9, x10, #\number
	cmp	\register, x9
	b.ne	LOCAL(return)
	.endm
	.macro check_fp register, number
	fmov	x11, \register
	check	x11, \number
	.endm

	.text
/* int registers_hold(struct registers_run *run)
 * Returns 0, or the number of the first register that was found changed: 1 to 10 x19 to x28,
 * 11 x29, 12 to 19 d8 to d15. */
	FUNCTION(registers_hold)
NAME(registers_hold):
	.cfi_startproc
	stp	x29, x30, [sp, #-FRAME]!
	.cfi_def_cfa_offset FRAME
	.cfi_offset x29, -FRAME
	.cfi_offset x30, -(FRAME - 8)
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	str	x0, [sp, #FRAME - 16]   /* run */
	ldr	x10, [x0, #16]          /* run->seed */
	fill	x19, 1
	fill	x20, 2
	fill	x21, 3
	fill	x22, 4
	fill	x23, 5
	fill	x24, 6
	fill	x25, 7
	fill	x26, 8
	fill	x27, 9
	fill	x28, 10
	fill	x29, 11
	fill_fp	d8, 12
	fill_fp	d9, 13
	fill_fp	d10, 14
	fill_fp	d11, 15
	fill_fp	d12, 16
	fill_fp	d13, 17
	fill_fp	d14, 18
	fill_fp	d15, 19

LOCAL(switch):
	ldr	x0, [sp, #FRAME - 16]
	bl	NAME(registers_leave)
	ldr	x9, [sp, #FRAME - 16]
	ldp	x0, x1, [x9]            /* run->from, run->to */
	mov	x2, #0                  /* no after-switch step */
	mov	x3, #0
	ldr	x9, [x9, #32]           /* run->leave */
	blr	x9
	ldr	x0, [sp, #FRAME - 16]
	ldr	x9, [x0, #40]           /* run->arrive */
	blr	x9

	ldr	x12, [sp, #FRAME - 16]
	ldr	x10, [x12, #16]
	check	x19, 1
	check	x20, 2
	check	x21, 3
	check	x22, 4
	check	x23, 5
	check	x24, 6
	check	x25, 7
	check	x26, 8
	check	x27, 9
	check	x28, 10
	check	x29, 11
	check_fp	d8, 12
	check_fp	d9, 13
	check_fp	d10, 14
	check_fp	d11, 15
	check_fp	d12, 16
	check_fp	d13, 17
	check_fp	d14, 18
	check_fp	d15, 19
	ldr	x9, [x12, #24]          /* run->switches_left */
	subs	x9, x9, #1
	str	x9, [x12, #24]
	b.ne	LOCAL(switch)
	mov	w0, #0

LOCAL(return):
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x29, x30, [sp], #FRAME
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	END(registers_hold)

#endif

#if !defined(__APPLE__) /* whatever the processor: without it the stack is executable */
	.section .note.GNU-stack, "", %progbits
#endif
