/* Exercise 2.5: stacks from one piece of memory, with nothing between them.
 *
 * main gives each stack a trial in a process of its own, since an overflow is to end it: a
 * context on that stack makes deep calls, or writes to address 0. Afterwards main looks at what
 * the child reported and at the memory, which they share. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "context/context.h"

#define STACKS    3
#define SLOT_SIZE 131072 /* of one stack, with all that belongs to it */
#define LEVEL     1024   /* bytes of one level of calls, about */
#define NOBODY    (-1)

static char *slots; /* STACKS * SLOT_SIZE bytes; stack 0 is the lowest */
static int reports; /* a pipe to main */

/* Tells main which stack overflowed. May be called in a signal handler. */
static void report_overflow(int stack)
{
	unsigned char byte = (unsigned char)stack;
	if (write(reports, &byte, 1) != 1)
		_exit(4);
}

/* ---- to be written ---- */

/* Has every overflow of a stack reported, and the process then ended by SIGSEGV. Any other bad
 * access ends it by SIGSEGV without a report. Called once, in the child, before any trial. */
static void guard_stacks(void)
{
	(void)report_overflow;
}

/* The lowest byte of a stack, and how many bytes it has: those of its slot that may be used. */
static char *stack_of(int stack, size_t *size)
{
	*size = SLOT_SIZE;
	return slots + (size_t)stack * SLOT_SIZE;
}

/* ---- what is run on a stack ---- */

struct trial {
	const char *what;
	int levels;   /* of calls */
	int overflow; /* whether these are too many */
};

static struct context home, guest;

static void descend(int level)
{
	volatile char frame[LEVEL];
	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = 0;
	if (level > 1)
		descend(level - 1);
	frame[0] = 1;
}

static void visit(void *argument)
{
	const struct trial *trial = argument;
	if (trial->levels > 0)
		descend(trial->levels);
	else
		*(volatile char *)(uintptr_t)trial->overflow = 0; /* address 0 */
	context_leave(&guest, &home, NULL, NULL);
}

static _Noreturn void run_trial(struct trial *trial, int stack)
{
	size_t size;
	guard_stacks();
	char *lowest = stack_of(stack, &size);
	context_adopt(&home);
	context_init(&guest, lowest, size, visit, trial);
	context_switch(&home, &guest, NULL, NULL);
	_exit(0);
}

/* ---- judging ---- */

/* How many bytes of the other slots are no longer as they were. */
static size_t lost_by_others(int stack)
{
	size_t lost = 0;
	for (size_t i = 0; i < (size_t)STACKS * SLOT_SIZE; i++)
		lost += i / SLOT_SIZE != (size_t)stack && slots[i] != '.';
	return lost;
}

/* Runs the trial on that stack. Says what is wrong, and returns whether it was right. */
static int judge(struct trial *trial, int stack)
{
	int ends[2], status = 0;
	unsigned char reported;
	memset(slots, '.', (size_t)STACKS * SLOT_SIZE);
	if (pipe(ends) != 0)
		return 0;
	reports = ends[1];
	pid_t child = fork();
	if (child == 0)
		run_trial(trial, stack);
	close(ends[1]);
	int who = read(ends[0], &reported, 1) == 1 ? reported : NOBODY;
	close(ends[0]);
	waitpid(child, &status, 0);

	int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int wanted = trial->overflow || trial->levels == 0 ? SIGSEGV : 0;
	int blamed = trial->overflow ? stack : NOBODY;
	size_t lost = lost_by_others(stack);
	if (signal_number == wanted && who == blamed && lost == 0)
		return 1;
	printf("%s, stack %d: ended by signal %d (should be %d), report of %d (should "
	       "be %d), others lost %zu bytes\n",
	       trial->what, stack, signal_number, wanted, who, blamed, lost);
	return 0;
}

int main(void)
{
	static struct trial trials[] = {{"10 levels", 10, 0},
					{"90 levels", 90, 0},
					{"200 levels", 200, 1},
					{"10000 levels", 10000, 1},
					{"a bad pointer", 0, 0}};
	slots = mmap(NULL, (size_t)STACKS * SLOT_SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return 1;
	int right = 0, all = 0;
	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
		for (int stack = 0; stack < STACKS; stack++, all++)
			right += judge(&trials[i], stack);
	printf("%d of %d trials right\n", right, all);
	return right != all;
}
