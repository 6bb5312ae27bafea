/* Exercise 1.3: ping and pong hit to each other, each on its own stack. */
#include <stdio.h>

#include "context/context.h"
#include "trace/trace.h"
#include "weft.h"

#define STACK_SIZE 65536
#define HITS       3

struct player {
	const char *name;
	uint32_t id;       /* its fiber number in the trace */
	uint32_t sequence; /* how many records of the trace it is in */
	struct context context;
	char *top;           /* the end of its stack, which grows down from here */
	uint64_t deepest;    /* the most bytes of stack in use at a switch */
	struct player *next; /* whom it hits to */
	struct player *to;   /* whom it left for last, and why */
	uint8_t reason;
	int finished;
};

static struct player nobody = {.name = "main", .id = 1};
static struct player ping = {.name = "ping", .id = 2};
static struct player pong = {.name = "pong", .id = 3};
static _Alignas(16) char ping_stack[STACK_SIZE];
static _Alignas(16) char pong_stack[STACK_SIZE];

static struct trace_segment *segment; /* NULL when the run is not traced */

/* The after-switch step, on the stack of the player that was switched to. */
static void record_switch(void *argument)
{
	struct player *from = argument, *to = from->to;
	uint64_t used = (uint64_t)(from->top - (char *)from->context.sp);
	if (used > from->deepest)
		from->deepest = used;
	uint32_t from_sequence = ++from->sequence;
	TRACE(segment, SWITCH, .arg = from->reason, .fiber = to->id,
	      .fiber_sequence = ++to->sequence, .peer = from->id,
	      .value = trace_pair(used, from_sequence));
}

/* Leaves `self` for `to`; returns when somebody hits back. */
static void hit(struct player *self, struct player *to, uint8_t reason)
{
	self->to = to;
	self->reason = reason;
	context_switch(&self->context, &to->context, record_switch, self);
}

static void finish(struct player *self)
{
	self->finished = 1;
	self->to = self->next->finished ? &nobody : self->next;
	self->reason = TRACE_leave_FINISH;
	TRACE(segment, FINISH, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .value = trace_pair(self->deepest, 0));
	context_leave(&self->context, &self->to->context, record_switch, self);
}

static void play(void *argument)
{
	struct player *self = argument;
	for (int i = 1; i <= HITS; i++) {
		printf("%s hits, %d of %d\n", self->name, i, HITS);
		hit(self, self->next, TRACE_leave_YIELD);
	}
	finish(self);
}

/* Numbers a player and tells the trace of it. */
static void introduce(struct trace *trace, struct player *player, uint32_t parent,
		      size_t stack_size)
{
	TRACE(segment, CREATE, .fiber = player->id,
	      .fiber_sequence = ++player->sequence, .peer = parent,
	      .value = trace_pair(0, stack_size));
	TRACE(segment, NAME, .fiber = player->id, .fiber_sequence = ++player->sequence,
	      .value = trace_string(trace, player->name));
}

static void create(struct trace *trace, struct player *player, char *stack,
		   struct player *next)
{
	player->top = stack + STACK_SIZE;
	player->next = next;
	context_init(&player->context, stack, STACK_SIZE, play, player);
	introduce(trace, player, nobody.id, STACK_SIZE);
}

static void game(struct trace *trace)
{
	nobody.top = __builtin_frame_address(0);
	context_adopt(&nobody.context);
	introduce(trace, &nobody, 0, 0);
	TRACE(segment, WORKER_START, .fiber = nobody.id,
	      .fiber_sequence = ++nobody.sequence, .value = system_thread_id());
	create(trace, &ping, ping_stack, &pong);
	create(trace, &pong, pong_stack, &ping);
	hit(&nobody, &ping, TRACE_leave_START);
	context_destroy(&ping.context);
	context_destroy(&pong.context);
	TRACE(segment, WORKER_STOP, .fiber = nobody.id,
	      .fiber_sequence = ++nobody.sequence);
}

int main(void)
{
	struct trace *trace;
	struct trace_message why;
	if (trace_open_from_environment(&trace, 1, 0, &why) < 0)
		fprintf(stderr, "%s; running untraced\n", why.text);
	segment = trace_claim(trace);
	game(trace);
	return trace_close(trace) < 0;
}
