/* context_tests.c: the switch, on stacks of its own and on several threads. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/atomic.h"
#include "base/system.h"
#include "base/thread_local.h"
#include "context/context.h"
#include "tests/context/registers.h"
#include "tests/kqueue/harness.h"
#include "tests/kqueue/rounding.h"

enum { STACK_SIZE = 64 * 1024, ROUNDS = 2000 };

#define FRAME ((uintptr_t)__builtin_frame_address(0))

static struct context here, there;

/* Mapped: some systems run on no other stacks. */
static char *new_stack(void)
{
	void *stack = NULL;
	check_equal(system_map_anonymous(STACK_SIZE, &stack), 0);
	return stack;
}

static bool lies_in(const char *stack, uintptr_t address)
{
	return address >= (uintptr_t)stack && address < (uintptr_t)stack + STACK_SIZE;
}

/* ---- back and forth ---- */

static struct {
	void *argument;
	uintptr_t frame;
	int steps;
	uintptr_t step_frame;
	void *sp; /* of the one that was left, as the step finds it */
} seen;

static void note_step(void *arg)
{
	seen.steps++;
	seen.step_frame = FRAME;
	seen.sp = ((struct context *)arg)->sp;
}

static void play(void *argument)
{
	seen.argument = argument;
	seen.frame = FRAME;
	for (volatile int i = 0;; i++)
		context_switch(&there, &here, note_step, &there);
}

static void enters_and_comes_back(void)
{
	static char argument;
	char *stack = new_stack();
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, play, &argument);
	for (int i = 1; i <= ROUNDS; i++) {
		int local = i * 3;
		seen.sp = NULL;
		context_switch(&here, &there, NULL, NULL);
		check_equal(local, i * 3);
		check_equal(seen.steps, i);
		check(seen.sp == there.sp && lies_in(stack, (uintptr_t)seen.sp));
		check(!lies_in(stack, seen.step_frame)); /* the step runs on ours */
	}
	check(seen.argument == &argument);
	check(lies_in(stack, seen.frame));
	check_equal(seen.frame % 16, 0);
	context_destroy(&there);
}

/* ---- switching as the last act, leaving for good, beginning again ---- */

static int hops, lives;

__attribute__((noinline)) static void hop(void)
{
	context_switch_last(&there, &here, note_step, &there);
}

static void hop_and_leave(void *argument)
{
	lives += *(int *)argument;
	for (int i = 0; i < 3; i++) {
		hop();
		hops++;
	}
	context_leave(&there, &here, note_step, &there);
}

static void leaves_and_begins_again(void)
{
	int one = 1;
	char *stack = new_stack();
	uint64_t words = context_control_words();
	context_adopt(&here);
	context_init(&there, stack, STACK_SIZE, hop_and_leave, &one);
	for (int life = 1; life <= ROUNDS; life++) {
		for (int i = 0; i < 4; i++)
			context_switch_last(&here, &there, NULL, NULL);
		check_equal(lives, life);
		check_equal(hops, 3 * life);
		check_equal(seen.steps, 4 * life);
		context_rearm(&there, stack + STACK_SIZE, hop_and_leave, &one, words);
	}
	context_destroy(&there);
}

/* ---- registers and control words ---- */

enum { SWITCHES_EACH = 100000 };

static int result_there = -1;

NOT_INSTRUMENTED void registers_leave(struct registers_run *run)
{
	annotate_leave(&run->from->annotation, &run->to->annotation);
}

static void arrive_from_swap(struct registers_run *run)
{
	annotate_arrive(&run->from->annotation);
}

static void arrive_from_hop(struct registers_run *run)
{
	(void)run; /* context_step has done it */
}

static void hold_registers(void *argument)
{
	result_there = registers_hold(argument);
	context_leave(&there, &here, NULL, NULL);
}

static void registers_are_kept(void)
{
	struct registers_run run_here = {
		&here,
		&there,
		0x1111222233334444,
		SWITCHES_EACH,
		(void (*)(void))context_swap,
		arrive_from_swap,
	};
	struct registers_run run_there = {
		&there,
		&here,
		0xaaaabbbbccccdddd,
		SWITCHES_EACH,
		(void (*)(void))context_hop,
		arrive_from_hop,
	};
	context_adopt(&here);
	context_init(&there, new_stack(), STACK_SIZE, hold_registers, &run_there);
	check_equal(registers_hold(&run_here), 0);
	context_switch(&here, &there, NULL, NULL); /* its last came to us: let it end */
	check_equal(result_there, 0);
	check_equal(run_here.switches_left + run_there.switches_left, 0);
	context_destroy(&there);
}

static void round_in_turn(void *argument)
{
	*(int *)argument = rounding_get();
	for (int i = 0; i < ROUNDS; i++) {
		rounding_set(i % 4);
		context_switch(&there, &here, NULL, NULL);
		check_equal(rounding_get(), i % 4);
	}
	context_leave(&there, &here, NULL, NULL);
}

static void control_words_are_each_contexts_own(void)
{
	int at_first = -1;
	context_adopt(&here);
	rounding_set(2);
	context_init(&there, new_stack(), STACK_SIZE, round_in_turn, &at_first);
	rounding_set(3);
	for (int i = 0; i <= ROUNDS; i++) {
		context_switch(&here, &there, NULL, NULL);
		check_equal(rounding_get(), 3);
	}
	check_equal(at_first, 2); /* its maker's */
	context_destroy(&there);
}

/* ---- many, in a ring ---- */

enum { RING = 200, LAPS = 200 };

static struct context ring[RING];
static int passes;

static void pass_on(void *argument)
{
	int self = (int)(intptr_t)argument;
	for (;;) {
		passes++;
		context_switch(&ring[self], self + 1 < RING ? &ring[self + 1] : &here,
			       NULL, NULL);
	}
}

static void many_contexts(void)
{
	context_adopt(&here);
	for (int i = 0; i < RING; i++)
		context_init(&ring[i], new_stack(), STACK_SIZE, pass_on,
			     (void *)(intptr_t)i);
	for (int lap = 1; lap <= LAPS; lap++) {
		context_switch(&here, &ring[0], NULL, NULL);
		check_equal(passes, lap * RING);
	}
	for (int i = 0; i < RING; i++)
		context_destroy(&ring[i]);
}

/* ---- two threads run one context by turns ---- */

static struct context threads[2];
static _Atomic int turn; /* who may resume it; 2 when it has left for good */
static int moves;

/* Publishes the parked context. Pairs with: ride. */
static void give_turn(void *to)
{
	store_release(&turn, (int)(intptr_t)to);
}

static void move(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		check(base_this_thread() == &threads[i % 2]);
		check_equal(system_close(-1) < 0, 1); /* errno is this thread's */
		moves++;
		context_switch(&there, &threads[i % 2], give_turn,
			       (void *)(intptr_t)(1 - i % 2));
	}
	context_leave(&there, &threads[ROUNDS % 2], give_turn, (void *)2);
}

static void *ride(void *argument)
{
	int self = (int)(intptr_t)argument;
	context_adopt(&threads[self]);
	base_set_this_thread(&threads[self]);
	for (;;) {
		int now = load_acquire(&turn); /* Pairs with: give_turn */
		if (now == 2)
			return NULL;
		if (now == self)
			context_switch(&threads[self], &there, NULL, NULL);
		else
			(void)sched_yield();
	}
}

static void moves_between_threads(void)
{
	pthread_t thread;
	context_init(&there, new_stack(), STACK_SIZE, move, NULL);
	check_equal(pthread_create(&thread, NULL, ride, (void *)1), 0);
	(void)ride(NULL);
	check_equal(pthread_join(thread, NULL), 0);
	check_equal(moves, ROUNDS);
	context_destroy(&there);
}

/* ---- bugs are reported ---- */

static void return_at_once(void *argument)
{
	(void)argument;
}

static void leave_at_once(void *argument)
{
	(void)argument;
	context_leave(&there, &here, NULL, NULL);
}

static void expect(const char *report, size_t length)
{
	if (report[length - 1] != '\n' ||
	    !(strstr(report, "entry function returned") ||
	      strstr(report, "left for good was resumed")))
		_Exit(1);
}

static void an_entry_that_returns(void)
{
	base_set_fatal_hook(expect);
	context_adopt(&here);
	context_init(&there, new_stack(), STACK_SIZE, return_at_once, NULL);
	context_switch(&here, &there, NULL, NULL);
}

static void one_resumed_after_it_left_for_good(void)
{
	base_set_fatal_hook(expect);
	context_adopt(&here);
	context_init(&there, new_stack(), STACK_SIZE, leave_at_once, NULL);
	context_switch(&here, &there, NULL, NULL);
	context_switch(&here, &there, NULL, NULL);
}

const struct test context_tests[] = {
	{"context: enters and comes back", enters_and_comes_back, 0},
	{"context: leaves and begins again", leaves_and_begins_again, 0},
	{"context: registers are kept", registers_are_kept, 0},
	{"context: control words are each context's own",
	 control_words_are_each_contexts_own, 0},
	{"context: many contexts", many_contexts, 0},
	{"context: moves between threads", moves_between_threads, 0},
	{"context: an entry that returns", an_entry_that_returns, SIGABRT},
	{"context: one resumed after it left for good",
	 one_resumed_after_it_left_for_good, SIGABRT},
	{NULL, NULL, 0},
};
