/* Exercise 1.4: the same fringe?
 *
 * The fringe of a tree is its leaves from left to right. Two trees of different shape
 * can have the same one. Each tree gets a walker, a context on a stack of its own, and
 * main asks both walkers for a leaf, compares, and asks again. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "context/context.h"
#include "trace/trace.h"
#include "weft.h"

#define STACK_SIZE (1u << 18)
#define LEAVES_MAX 1000

/* ---- trees ---- */

struct tree {
	const struct tree *left, *right; /* both NULL in a leaf */
	int leaf;
};

/* Trees live to the end of the program. */
static struct tree *plant(const struct tree *left, const struct tree *right, int leaf)
{
	static struct tree ground[16 * LEAVES_MAX];
	static size_t planted;
	struct tree *tree = &ground[planted++];
	*tree = (struct tree){left, right, leaf};
	return tree;
}

/* Leaves first, first + 1, ... last; each branch splits them in two halves. */
static const struct tree *grow_bush(int first, int last)
{
	if (first == last)
		return plant(NULL, NULL, first);
	int middle = (first + last) / 2;
	return plant(grow_bush(first, middle), grow_bush(middle + 1, last), 0);
}

/* The same leaves; each branch has one leaf on its right. Leaf number `odd` is 0. */
static const struct tree *grow_vine(int first, int last, int odd)
{
	const struct tree *tree = NULL;
	for (int i = first; i <= last; i++) {
		const struct tree *leaf = plant(NULL, NULL, i == odd ? 0 : i);
		tree = tree ? plant(tree, leaf, 0) : leaf;
	}
	return tree;
}

/* ---- main and the walkers ---- */

struct walker {
	const char *name;
	uint32_t id;       /* its fiber number in the trace */
	uint32_t sequence; /* how many records of the trace it is in */
	uint32_t text;     /* its name's string in the trace */
	struct context context;
	char *stack, *top; /* its lowest byte; its end, from where it grows down */
	uint64_t deepest;  /* the most bytes of stack in use at a switch */
	struct walker *to; /* whom it left for last, and why */
	uint8_t reason;
	bool finished;
	const struct tree *tree;
	int leaves[LEAVES_MAX]; /* what it has found */
	int found, given;
};

static struct walker asker = {.name = "main", .id = 1};
static int stacks_in_use;

static struct trace *trace;
static struct trace_segment *segment; /* NULL when the run is not traced */

/* The after-switch step, on the stack of the one that was switched to. */
static void record_switch(void *argument)
{
	struct walker *from = argument, *to = from->to;
	uint64_t used = (uint64_t)(from->top - (char *)from->context.sp);
	if (used > from->deepest)
		from->deepest = used;
	uint32_t from_sequence = ++from->sequence;
	TRACE(segment, SWITCH, .arg = from->reason, .fiber = to->id,
	      .fiber_sequence = ++to->sequence, .peer = from->id,
	      .value = trace_pair(used, from_sequence));
}

/* Leaves `self` for `to`; returns when somebody goes back to `self`. */
static void go(struct walker *self, struct walker *to)
{
	self->to = to;
	self->reason = TRACE_leave_YIELD;
	context_switch(&self->context, &to->context, record_switch, self);
}

/* As go, for good. */
static void finish(struct walker *self)
{
	self->finished = true;
	self->to = &asker;
	self->reason = TRACE_leave_FINISH;
	TRACE(segment, FINISH, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .value = trace_pair(self->deepest, 0));
	context_leave(&self->context, &asker.context, record_switch, self);
}

/* Notes in the trace that the walker has come to a leaf. */
static void mark_leaf(struct walker *self, int leaf)
{
	TRACE(segment, MARK, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .value = trace_pair((uint32_t)leaf, self->text));
}

static void walk(struct walker *self, const struct tree *tree)
{
	if (tree->left) {
		walk(self, tree->left);
		walk(self, tree->right);
		return;
	}
	mark_leaf(self, tree->leaf);
	self->leaves[self->found++] = tree->leaf;
}

static void walk_and_finish(void *argument)
{
	struct walker *self = argument;
	walk(self, self->tree);
	finish(self);
}

/* Asks for the next leaf; false when there is none. */
static bool next_leaf(struct walker *self, int *leaf)
{
	if (!self->finished)
		go(&asker, self);
	if (self->given == self->found)
		return false;
	*leaf = self->leaves[self->given++];
	return true;
}

/* ---- comparing ---- */

static void introduce(struct walker *self, uint32_t parent, size_t stack_size)
{
	self->text = trace_string(trace, self->name);
	TRACE(segment, CREATE, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .peer = parent, .value = trace_pair(0, stack_size));
	TRACE(segment, NAME, .fiber = self->id, .fiber_sequence = ++self->sequence,
	      .value = self->text);
}

static void open_walker(struct walker *self, const char *name, const struct tree *tree)
{
	static uint32_t last_id = 1;
	*self = (struct walker){.name = name, .id = ++last_id, .tree = tree};
	self->stack = aligned_alloc(16, STACK_SIZE);
	if (!self->stack)
		abort();
	stacks_in_use++;
	self->top = self->stack + STACK_SIZE;
	context_init(&self->context, self->stack, STACK_SIZE, walk_and_finish, self);
	introduce(self, asker.id, STACK_SIZE);
}

static void close_walker(struct walker *self)
{
	context_destroy(&self->context);
	free(self->stack);
	stacks_in_use--;
}

static bool same_leaves(struct walker *a, struct walker *b)
{
	for (;;) {
		int x = 0, y = 0;
		bool more = next_leaf(a, &x);
		if (more != next_leaf(b, &y))
			return false;
		if (!more)
			return true;
		if (x != y)
			return false;
	}
}

/* The two walkers appear in the trace under the names given. */
static void compare(const char *name_a, const struct tree *a, const char *name_b,
		    const struct tree *b)
{
	static struct walker walker_a, walker_b;
	open_walker(&walker_a, name_a, a);
	open_walker(&walker_b, name_b, b);
	bool same = same_leaves(&walker_a, &walker_b);
	close_walker(&walker_a);
	close_walker(&walker_b);
	printf("%s and %s: %s\n", name_a, name_b, same ? "same" : "different");
}

static void compare_all(void)
{
	asker.top = __builtin_frame_address(0);
	context_adopt(&asker.context);
	introduce(&asker, 0, 0);
	TRACE(segment, WORKER_START, .fiber = asker.id,
	      .fiber_sequence = ++asker.sequence, .value = system_thread_id());
	compare("one", grow_bush(1, 1), "uno", grow_vine(1, 1, 0));
	compare("bush", grow_bush(1, 1000), "vine", grow_vine(1, 1000, 0));
	compare("left", grow_bush(1, 1000), "right", grow_vine(1, 1000, 3));
	compare("short", grow_bush(1, 5), "long", grow_vine(1, 1000, 0));
	TRACE(segment, WORKER_STOP, .fiber = asker.id,
	      .fiber_sequence = ++asker.sequence);
	printf("stacks in use: %d\n", stacks_in_use);
}

int main(void)
{
	struct trace_message why;
	if (trace_open_from_environment(&trace, 1, 0, &why) < 0)
		fprintf(stderr, "%s; running untraced\n", why.text);
	segment = trace_claim(trace);
	compare_all();
	return trace_close(trace) < 0;
}
