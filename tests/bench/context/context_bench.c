/* context_bench.c: what a switch costs, beside its peers, in one run.
 *
 * Each row is a ping-pong between two stacks; a switch is half a round trip. The rows
 * take turns in short rounds, so that a change of clock rate or a busy neighbour meets
 * all of them, and each row's number is the median of its rounds.
 *
 * The last two rows are for a switch in a function of its own: one return more.
 *
 * Two limits stand beside the peers. limit_bare_jump is the three words and one jump,
 * where the compiler saves only what it needs: nothing below it is a switch.
 * limit_with_control_words adds the two instructions that read the floating-point
 * control words and those that load them: nothing below it keeps them.
 *
 * Output: tab-separated, one header line. A dash stands where there is no number. */
#include "context/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/system.h"
#include "tests/bench/rounds.h"

enum {
	ROUNDS = 51, /* odd: the median is one of them */
	ROUND_TRIPS = 10000,
	STACK_SIZE = 64 * 1024,
};

static _Alignas(4096) char stack[STACK_SIZE];

static double nanoseconds_each(uint64_t start_ns, int operations)
{
	return (double)(system_monotonic_ns() - start_ns) / operations;
}

/* Weft's switch, with and without control words. */

static _Alignas(64) struct context here;
static _Alignas(64) struct context there;

static void answer_switches(void *argument)
{
	(void)argument;
	for (;;)
		context_switch(&there, &here, NULL, NULL);
}

static double measure_switch(void)
{
	context_adopt(&here);
	context_init(&there, stack, sizeof stack, answer_switches, NULL);
	context_switch(&here, &there, NULL, NULL);
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		context_switch(&here, &there, NULL, NULL);
	double result = nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
	context_destroy(&there);
	return result;
}

/* In switch_no_control_words.S: the same source, assembled without control words. */
struct switch_message context_swap_no_control_words(struct context *from,
						    struct context *to,
						    struct switch_message message);

static inline void switch_no_control_words(struct context *from, struct context *to)
{
	struct switch_message none = {NULL, NULL};
	annotate_leave(&from->annotation, &to->annotation);
	context_arrive(from, context_swap_no_control_words(from, to, none));
}

static void answer_switches_no_control_words(void *argument)
{
	(void)argument;
	for (;;)
		switch_no_control_words(&there, &here);
}

static double measure_switch_no_control_words(void)
{
	context_adopt(&here);
	context_init(&there, stack, sizeof stack, answer_switches_no_control_words,
		     NULL);
	switch_no_control_words(&here, &there);
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		switch_no_control_words(&here, &there);
	double result = nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
	context_destroy(&there);
	return result;
}

/* A switch in a function that returns to its caller, as all that wait do. Both contexts run the
 * same loop: they wait in the same place. */

struct side {
	struct context *from, *to;
	int trips; /* -1: for ever */
};

__attribute__((noinline)) static void bounce(struct context *from, struct context *to)
{
	context_switch(from, to, NULL, NULL);
}

__attribute__((noinline)) static void bounce_last(struct context *from,
						  struct context *to)
{
	context_switch_last(from, to, NULL, NULL);
}

__attribute__((noinline)) static void bounce_often(void *argument)
{
	struct side *side = argument;
	for (int i = 0; i != side->trips; i++)
		bounce(side->from, side->to);
}

__attribute__((noinline)) static void bounce_last_often(void *argument)
{
	struct side *side = argument;
	for (int i = 0; i != side->trips; i++)
		bounce_last(side->from, side->to);
}

static double measure_pair(void (*often)(void *side))
{
	struct side first = {&here, &there, ROUND_TRIPS}, second = {&there, &here, -1};
	context_adopt(&here);
	context_init(&there, stack, sizeof stack, often, &second);
	context_switch(&here, &there, NULL, NULL);
	uint64_t start_ns = system_monotonic_ns();
	often(&first);
	double result = nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
	context_destroy(&there);
	return result;
}

static double measure_switch_then_return(void)
{
	return measure_pair(bounce_often);
}

static double measure_switch_last(void)
{
	return measure_pair(bounce_last_often);
}

static double measure_context_init(void)
{
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++) {
		context_init(&there, stack, sizeof stack, answer_switches, NULL);
		context_destroy(&there);
	}
	return nanoseconds_each(start_ns, ROUND_TRIPS);
}

/* Boost.Context, by the symbols of its assembly; a C++ compiler is not needed. */

#if defined(HAVE_BOOST)
struct boost_transfer {
	void *context;
	void *data;
};
struct boost_transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *stack_top, size_t size, void (*entry)(struct boost_transfer));

static void answer_boost(struct boost_transfer from)
{
	for (;;)
		from = jump_fcontext(from.context, NULL);
}

static double measure_boost(void)
{
	void *to = make_fcontext(stack + sizeof stack, sizeof stack, answer_boost);
	to = jump_fcontext(to, NULL).context;
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		to = jump_fcontext(to, NULL).context;
	return nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
}
#else
#define measure_boost NULL
#endif

/* The C library's, which also asks the kernel for the signal mask at each switch. */

static ucontext_t here_ucontext, there_ucontext;

static void answer_swapcontext(void)
{
	for (;;)
		swapcontext(&there_ucontext, &here_ucontext);
}

static double measure_swapcontext(void)
{
	getcontext(&there_ucontext);
	there_ucontext.uc_stack.ss_sp = stack;
	there_ucontext.uc_stack.ss_size = sizeof stack;
	makecontext(&there_ucontext, answer_swapcontext, 0);
	swapcontext(&here_ucontext, &there_ucontext);
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS / 10; i++)
		swapcontext(&here_ucontext, &there_ucontext);
	return nanoseconds_each(start_ns, 2 * ROUND_TRIPS / 10);
}

/* The limits: three words and a jump in inline assembly. Whatever else the compiler
 * wants kept it keeps itself, since every register is said to be lost. */

struct three_words {
	void *sp, *fp;
	void (*pc)(void);
};
static _Alignas(64) struct three_words here_words;
static _Alignas(64) struct three_words there_words;

#define LOST_REGISTERS                                                                 \
	"rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",     \
		"r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
		"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",  \
		"cc", "memory"
#define SAVE_CONTROL_WORDS                                                             \
	"fnstcw -132(%%rsp)\n\t" /* below the red zone, which is the compiler's */     \
	"stmxcsr -136(%%rsp)\n\t"                                                      \
	"movzwl -132(%%rsp), %%r10d\n\t"
#define LOAD_CONTROL_WORDS                                                             \
	"ldmxcsr -136(%%rsp)\n\t"                                                      \
	"cmpw -132(%%rsp), %%r10w\n\t"                                                 \
	"je 2f\n\t"                                                                    \
	"fldcw -132(%%rsp)\n"                                                          \
	"2:\n\t"
#define JUMP(from, to, save, load)                                                     \
	do {                                                                           \
		struct three_words *jump_from = (from), *jump_to = (to);               \
		__asm__ volatile(save "leaq 1f(%%rip), %%rax\n\t"                      \
				      "movq %%rsp, 0(%%rdi)\n\t"                       \
				      "movq %%rbp, 8(%%rdi)\n\t"                       \
				      "movq %%rax, 16(%%rdi)\n\t"                      \
				      "movq 0(%%rsi), %%rsp\n\t"                       \
				      "movq 8(%%rsi), %%rbp\n\t"                       \
				      "jmpq *16(%%rsi)\n"                              \
				      "1:\n\t" load                                    \
				 : "+D"(jump_from), "+S"(jump_to)                      \
				 :                                                     \
				 : LOST_REGISTERS);                                    \
	} while (0)

static void answer_jumps(void)
{
	for (;;)
		JUMP(&there_words, &here_words, "", "");
}

static void answer_jumps_with_control_words(void)
{
	for (;;)
		JUMP(&there_words, &here_words, SAVE_CONTROL_WORDS, LOAD_CONTROL_WORDS);
}

/* A function is entered as if by a call: the stack pointer is 8 off a multiple of 16.
 */
static struct three_words fresh_words(void (*entry)(void))
{
	return (struct three_words){stack + sizeof stack - 8, NULL, entry};
}

static double measure_bare_jump(void)
{
	there_words = fresh_words(answer_jumps);
	JUMP(&here_words, &there_words, "", "");
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		JUMP(&here_words, &there_words, "", "");
	return nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
}

static double measure_jump_with_control_words(void)
{
	there_words = fresh_words(answer_jumps_with_control_words);
	JUMP(&here_words, &there_words, SAVE_CONTROL_WORDS, LOAD_CONTROL_WORDS);
	uint64_t start_ns = system_monotonic_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		JUMP(&here_words, &there_words, SAVE_CONTROL_WORDS, LOAD_CONTROL_WORDS);
	return nanoseconds_each(start_ns, 2 * ROUND_TRIPS);
}

/* The rows. */

struct row {
	const char *name;
	double (*measure)(void); /* NULL: not there on this system */
	const char *note;
	double rounds[ROUNDS]; /* nanoseconds; sorted before they are read */
};

enum {
	SWITCH,
	NO_CONTROL_WORDS,
	BOOST,
	SWAPCONTEXT,
	BARE_JUMP,
	WITH_CONTROL_WORDS,
	INIT,
	THEN_RETURN,
	LAST,
	ROWS
};

static struct row rows[ROWS] = {
	[SWITCH] = {.name = "switch",
		    .measure = measure_switch,
		    .note = "context_switch; the goal is 0.7 of Boost"},
	[NO_CONTROL_WORDS] = {.name = "switch_no_control_words",
			      .measure = measure_switch_no_control_words,
			      .note = "the same source with CONTEXT_NO_CONTROL_WORDS"},
	[BOOST] = {.name = "boost_jump_fcontext",
		   .measure = measure_boost,
		   .note = "Boost.Context; keeps control words"},
	[SWAPCONTEXT] = {.name = "swapcontext",
			 .measure = measure_swapcontext,
			 .note = "C library; one system call"},
	[BARE_JUMP] = {.name = "limit_bare_jump",
		       .measure = measure_bare_jump,
		       .note = "three words and a jump, inline"},
	[WITH_CONTROL_WORDS] = {.name = "limit_with_control_words",
				.measure = measure_jump_with_control_words,
				.note = "the bare jump with control words kept"},
	[INIT] = {.name = "context_init",
		  .measure = measure_context_init,
		  .note = "context_init and context_destroy"},
	[THEN_RETURN] = {.name = "switch_then_return",
			 .measure = measure_switch_then_return,
			 .note = "context_switch, in a function that then returns"},
	[LAST] = {.name = "switch_last",
		  .measure = measure_switch_last,
		  .note = "the same with context_switch_last"},
};

/* Of rounds that are sorted; 0 when the row was not measured. */
static double median(const struct row *row)
{
	return row->rounds[ROUNDS / 2];
}

static void print_row(const struct row *row)
{
	if (!row->measure) {
		printf("%s\t-\t-\t-\tnot installed\n", row->name);
		return;
	}
	double nanoseconds = median(row);
	printf("%s\t%.2f", row->name, nanoseconds);
	rounds_print_ratio(nanoseconds, median(&rows[BOOST]));
	rounds_print_ratio(nanoseconds, median(&rows[BARE_JUMP]));
	printf("\t%s\n", row->note);
}

int main(void)
{
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < ROWS; i++)
			if (rows[i].measure)
				rows[i].rounds[round] = rows[i].measure();
	for (int i = 0; i < ROWS; i++)
		rounds_sort(rows[i].rounds, ROUNDS);
	puts("name\tnanoseconds\tratio_to_boost\tratio_to_limit\tnote");
	for (int i = 0; i < ROWS; i++)
		print_row(&rows[i]);
	return 0;
}
