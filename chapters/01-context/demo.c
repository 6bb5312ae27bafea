/* Chapter 1: ping and pong, two contexts on two stacks.
 *
 * Each makes HITS hits, goes one call deeper, makes HITS more, and so on ROUNDS times;
 * a hit leaves for the other. There is no fiber and no scheduler yet, so this file
 * numbers its contexts and records its own switches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context/context.h"
#include "trace/trace.h"
#include "weft.h"

#define STACK_SIZE 65536
#define ROUNDS_MAX 200
#define ROUNDS     3 /* unless the environment says ROUNDS=n */
#define HITS       3

struct player {
	const char *name;
	uint32_t id;       /* its fiber number in the trace */
	uint32_t sequence; /* how many records of the trace it is in */
	struct context context;
	char *top;              /* the end of its stack, which grows down from here */
	uint64_t deepest;       /* the most bytes of stack in use at a switch */
	struct player *partner; /* whom it hits to */
	struct player *to;      /* whom it left for last, and why */
	uint8_t reason;
	long hits;
	int finished;
};

static struct player nobody = {.name = "main", .id = 1};
static struct player ping = {.name = "ping", .id = 2};
static struct player pong = {.name = "pong", .id = 3};

static struct trace_segment *segment; /* NULL when the run is not traced */
static long rounds;

/* The after-switch step: it runs on the stack of the player that was switched to, when
 * the one that left has its stack pointer in its context. */
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
static inline void hit(struct player *self, struct player *to, uint8_t reason)
{
	self->to = to;
	self->reason = reason;
	context_switch(&self->context, &to->context, record_switch, self);
}

static void finish(struct player *self)
{
	self->finished = 1;
	self->to = self->partner->finished ? &nobody : self->partner;
	self->reason = TRACE_leave_FINISH;
	TRACE(segment, FINISH, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .value = trace_pair(self->deepest, 0));
	context_leave(&self->context, &self->to->context, record_switch, self);
}

/* One frame of a player's stack. It signs itself, and finds its signature when it is
 * back. */
static void rally(struct player *self, long depth)
{
	/* Cleared by stores that demand an aligned address. */
	_Alignas(16) char signature[48] = {0};
	snprintf(signature, sizeof signature, "%s at depth %ld", self->name, depth);
	for (long count = 1; count <= HITS; count++) {
		context_hold(count); /* in a register that the switch must keep */
		if (!self->partner->finished)
			hit(self, self->partner, TRACE_leave_YIELD);
		self->hits++;
	}
	if (depth < rounds)
		rally(self, depth + 1);
	if (strncmp(signature, self->name, strlen(self->name)) != 0)
		printf("demo: a frame of %s was overwritten: \"%.47s\"\n", self->name,
		       signature);
}

static void play(void *argument)
{
	struct player *self = argument;
	rally(self, 1);
	finish(self);
}

/* Numbers a context and tells the trace of it. */
static void introduce(struct trace *trace, struct player *player, struct player *parent,
		      size_t stack_size)
{
	uint32_t name = trace_string(trace, player->name);
	uint32_t entry = parent ? trace_string(trace, "play") : 0;
	TRACE(segment, CREATE, .fiber = player->id,
	      .fiber_sequence = ++player->sequence, .peer = parent ? parent->id : 0,
	      .value = trace_pair(entry, stack_size));
	TRACE(segment, NAME, .fiber = player->id, .fiber_sequence = ++player->sequence,
	      .value = name);
}

static void create(struct trace *trace, struct player *player, struct player *partner)
{
	_Alignas(16) static char stacks[2][STACK_SIZE];
	char *stack = stacks[player == &pong];
	player->top = stack + STACK_SIZE;
	player->partner = partner;
	context_init(&player->context, stack, STACK_SIZE, play, player);
	introduce(trace, player, &nobody, STACK_SIZE);
}

static int game(struct trace *trace)
{
	nobody.top = __builtin_frame_address(0);
	context_adopt(&nobody.context);
	introduce(trace, &nobody, NULL, 0);
	TRACE(segment, WORKER_START, .fiber = nobody.id,
	      .fiber_sequence = ++nobody.sequence, .value = system_thread_id());
	create(trace, &ping, &pong);
	create(trace, &pong, &ping);
	hit(&nobody, &ping, TRACE_leave_START);
	context_destroy(&ping.context);
	context_destroy(&pong.context);
	TRACE(segment, WORKER_STOP, .fiber = nobody.id,
	      .fiber_sequence = ++nobody.sequence);

	long wanted = rounds * HITS;
	printf("ping made %ld hits, pong made %ld\n", ping.hits, pong.hits);
	if (ping.hits == wanted && pong.hits == wanted)
		return 0;
	printf("demo: register %s lost: each should have made %ld\n",
	       CONTEXT_HELD_REGISTER, wanted);
	return 1;
}

static int read_rounds(void)
{
	const char *value = getenv("ROUNDS");
	char *end = NULL;
	rounds = value && *value ? strtol(value, &end, 10) : ROUNDS;
	if (rounds >= 1 && rounds <= ROUNDS_MAX && (!end || !*end))
		return 0;
	fprintf(stderr, "demo: ROUNDS=%s: give a whole number from 1 to %d\n", value,
		ROUNDS_MAX);
	return 2;
}

int main(void)
{
	struct trace *trace;
	struct trace_message why;
	if (read_rounds() != 0)
		return 2;
	if (trace_open_from_environment(&trace, 1, 0, &why) < 0)
		fprintf(stderr, "demo: %s; running untraced\n", why.text);
	segment = trace_claim(trace);
	printf("ROUNDS=%ld\n", rounds);
	int status = game(trace);
	int error = trace_close(trace);
	if (error)
		fprintf(stderr, "demo: closing the trace: %s\n", weft_strerror(error));
	return status;
}
