/* Exercise 1.5: does the switch in start.S keep what a callee must keep?
 *
 * Two players, each on its own stack, switch to each other SWITCHES times. Before each
 * switch a player fills every register that AAPCS64 has a callee preserve; when it is
 * back, all must be as it left them. Nothing of Weft is used, and no trace. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWITCHES   1000000
#define STACK_SIZE 65536
#define SPARE      512 /* bytes on each side of a parked stack pointer */

struct context {
	void *sp, *fp;
	void (*pc)(void);
};

/* In start.S. Parks `from` and goes on in `to`. */
void context_swap(struct context *from, struct context *to);

/* The order in which the assembly below loads and stores them. */
enum { X19, X29 = 10, D8, D15 = 18, SP, FPCR, REGISTERS };

static const char *const names[REGISTERS] = {
	"x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29",
	"d8",  "d9",  "d10", "d11", "d12", "d13", "d14", "d15", "sp",  "fpcr"};

struct player {
	uint64_t left[REGISTERS], back[REGISTERS]; /* left with, came back with */
	struct context context;
	const char *name;
	long switches;
	int fpcr_lost;
};

_Static_assert(offsetof(struct player, back) == 168, "the assembly below");

static struct player home = {.name = "home"}, away = {.name = "away"};
struct player *running = &home; /* who should run; the assembly reads it */

_Alignas(16) char spare_stack[4096]; /* the report's, when no other can be trusted */

/* Fills the registers from self->left and swaps. When the stack pointer is the one that
 * `running` left with, stores the registers to running->back and returns there; else it
 * calls wrong_stack. */
void swap_filled(struct player *self, struct context *from, struct context *to);

__asm__("	.text\n"
	"swap_filled:\n"
	"	stp	x29, x30, [sp, #-160]!\n"
	"	stp	x19, x20, [sp, #16]\n"
	"	stp	x21, x22, [sp, #32]\n"
	"	stp	x23, x24, [sp, #48]\n"
	"	stp	x25, x26, [sp, #64]\n"
	"	stp	x27, x28, [sp, #80]\n"
	"	stp	d8, d9, [sp, #96]\n"
	"	stp	d10, d11, [sp, #112]\n"
	"	stp	d12, d13, [sp, #128]\n"
	"	stp	d14, d15, [sp, #144]\n"
	"	mov	x9, sp\n"
	"	str	x9, [x0, #152]\n" /* left[SP] */
	"	ldp	x19, x20, [x0]\n"
	"	ldp	x21, x22, [x0, #16]\n"
	"	ldp	x23, x24, [x0, #32]\n"
	"	ldp	x25, x26, [x0, #48]\n"
	"	ldp	x27, x28, [x0, #64]\n"
	"	ldp	x29, x10, [x0, #80]\n"
	"	ldp	d8, d9, [x0, #88]\n"
	"	ldp	d10, d11, [x0, #104]\n"
	"	ldp	d12, d13, [x0, #120]\n"
	"	ldp	d14, d15, [x0, #136]\n"
	"	ldr	x10, [x0, #160]\n"
	"	msr	fpcr, x10\n"
	"	mov	x0, x1\n"
	"	mov	x1, x2\n"
	"	bl	context_swap\n"
	"	adrp	x9, running\n"
	"	ldr	x9, [x9, #:lo12:running]\n"
	"	mov	x10, sp\n"
	"	ldr	x11, [x9, #152]\n"
	"	cmp	x10, x11\n"
	"	b.ne	1f\n"
	"	add	x11, x9, #168\n" /* back */
	"	stp	x19, x20, [x11]\n"
	"	stp	x21, x22, [x11, #16]\n"
	"	stp	x23, x24, [x11, #32]\n"
	"	stp	x25, x26, [x11, #48]\n"
	"	stp	x27, x28, [x11, #64]\n"
	"	str	x29, [x11, #80]\n"
	"	stp	d8, d9, [x11, #88]\n"
	"	stp	d10, d11, [x11, #104]\n"
	"	stp	d12, d13, [x11, #120]\n"
	"	stp	d14, d15, [x11, #136]\n"
	"	str	x10, [x11, #152]\n"
	"	mrs	x10, fpcr\n"
	"	str	x10, [x11, #160]\n"
	"	msr	fpcr, xzr\n"
	"	ldp	x19, x20, [sp, #16]\n"
	"	ldp	x21, x22, [sp, #32]\n"
	"	ldp	x23, x24, [sp, #48]\n"
	"	ldp	x25, x26, [sp, #64]\n"
	"	ldp	x27, x28, [sp, #80]\n"
	"	ldp	d8, d9, [sp, #96]\n"
	"	ldp	d10, d11, [sp, #112]\n"
	"	ldp	d12, d13, [sp, #128]\n"
	"	ldp	d14, d15, [sp, #144]\n"
	"	ldp	x29, x30, [sp], #160\n"
	"	ret\n"
	"1:	mov	x0, x10\n"
	"	adrp	x9, spare_stack\n"
	"	add	x9, x9, #:lo12:spare_stack\n"
	"	add	sp, x9, #4080\n"
	"	b	wrong_stack\n");

/* On spare_stack: after a swap the stack pointer is not the one that `running` had. */
_Noreturn void wrong_stack(uint64_t sp)
{
	struct player *other = running == &home ? &away : &home;
	if (sp == other->left[SP])
		printf("start.S did not switch: %s is still running\n", other->name);
	else
		printf("sp lost: %s left with %#llx and is back with %#llx\n",
		       running->name, (unsigned long long)running->left[SP],
		       (unsigned long long)sp);
	exit(1);
}

static void compare(struct player *self)
{
	for (int i = X19; i < FPCR; i++)
		if (self->back[i] != self->left[i]) {
			printf("%s lost at switch %ld of %s: %#llx, should be %#llx\n",
			       names[i], self->switches, self->name,
			       (unsigned long long)self->back[i],
			       (unsigned long long)self->left[i]);
			exit(1);
		}
	self->fpcr_lost |= self->back[FPCR] != self->left[FPCR];
}

/* Leaves `self` for `other` with numbers in the registers that no switch before had,
 * and does below the parked stack pointer what a signal handler may have done there. */
static void visit(struct player *self, struct player *other)
{
	static uint64_t next = 0x5555000000000000u;
	for (int i = X19; i <= D15; i++)
		self->left[i] = next++;
	self->left[FPCR] = self == &home ? 1u << 22 : 2u << 22; /* rounding */
	if (!other->context.sp) {
		printf("start.S stored no stack pointer for %s\n", other->name);
		exit(1);
	}
	running = other;
	memset((char *)other->context.sp - SPARE, 0xaa, SPARE); /* nobody's memory */
	swap_filled(self, &self->context, &other->context);
	self->switches++;
	compare(self);
}

/* Half of the switches, with locals that live on the player's stack. */
static void play(struct player *self, struct player *other)
{
	volatile char note[64];
	for (size_t i = 0; i < sizeof note; i++)
		note[i] = self->name[i % 4];
	for (volatile long count = 0; count < SWITCHES / 2; count = count + 1)
		visit(self, other);
	for (size_t i = 0; i < sizeof note; i++)
		if (note[i] != self->name[i % 4]) {
			printf("a local of %s was overwritten\n", self->name);
			exit(1);
		}
}

/* The entry of the fresh context; it never returns. */
static void begin(void)
{
	play(&away, &home);
	visit(&away, &home);
	abort(); /* home went on to the end and does not come back */
}

int main(void)
{
	_Alignas(16) static char stack[STACK_SIZE];
	away.context.sp = stack + STACK_SIZE - SPARE; /* zeros above it */
	away.context.pc = begin;
	play(&home, &away);
	visit(&home, &away); /* for away to end its play, too */
	printf("every register kept over %d switches\n", SWITCHES);
	printf("fpcr %s (it is not graded)\n",
	       home.fpcr_lost || away.fpcr_lost ? "lost" : "kept");
	return 0;
}
