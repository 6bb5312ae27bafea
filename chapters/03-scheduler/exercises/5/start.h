/* start.h, for exercise 3.5: workers, and every order of their steps. Leave it as it is.
 *
 * Some workers run fibers that show new ones in the injection queue; the others have nothing to
 * run. What they share they touch through the functions below, each of which is one step: it
 * sees all the steps before it, so nothing here needs a fence.
 *
 * The workers are contexts of one thread. The explorer lets one of them make a step, then one
 * again, until none has a step to make; then it goes back to the last step at which another worker
 * could have gone on, and begins anew up to there. A worker knows what its steps have told it and
 * nothing else. So when a state comes that was there before, all that can follow has been tried:
 * what is shared is the same, and each worker has been told the same. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "context/context.h"
#include "trace/trace.h"

#define WORKERS_MAX 3
#define STACK_SIZE  65536
#define STEPS_MAX   100        /* of one order */
#define STATES_MAX  (1u << 17) /* a power of two */
#define FIRST_FIBER 5          /* of those that are shown */

/* The word: how many workers search, and a bit for each that is asleep. */
#define IDLE_SEARCHER      UINT64_C(1)
#define IDLE_SEARCHERS     UINT64_C(0xFF)
#define IDLE_ASLEEP(index) (UINT64_C(0x100) << (index))

/* ---- what workers share; each of these functions is a step ---- */

static uint64_t word_load(void);

/* Adds, also a negative number; returns what the word was. */
static uint64_t word_add(uint64_t number);

/* If the word is *expected it becomes `desired`; else false, and *expected is what it is. */
static bool word_cas(uint64_t *expected, uint64_t desired);

/* Takes a fiber out of the queue; its number, or 0. */
static uint32_t queue_take(void);

/* Whether there is a fiber in the queue. */
static bool queue_sees(void);

/* Waits for idle_wake, which may have come already, and uses it up. */
static void idle_park(void);

/* The worker with that index goes on, now or when it parks next; once for each call. */
static void idle_wake(uint32_t index);

/* ---- what the exercise is about ---- */

static void idle_publish(void);
static void idle_leave_search(void);
static void idle_sleep(uint32_t index);

/* ---- the workers ---- */

/* The first so many workers publish so many fibers each; the others have nothing to run. */
struct setting {
	uint32_t workers, publishers, fibers;
};

enum state { STEPS, PARKED, BUSY };

struct worker {
	uint32_t index;
	enum state state;
	bool told;     /* a wake has come that it has not used up */
	uint64_t seen; /* a hash of what its steps have told it */
	bool lives;    /* the context below is one */
	struct context context;
	_Alignas(16) char stack[STACK_SIZE];
	/* For the trace. */
	struct trace_segment *segment;
	uint32_t runs; /* a fiber */
	uint32_t sleeper_records;
	bool sleeps;
};

static struct worker workers[WORKERS_MAX], *current;
static struct context explorer;
static struct setting setting;
static uint64_t shared_word;
static uint32_t queue[WORKERS_MAX], queue_first, queue_last;
static uint32_t sleeps;         /* of this order */
static const char *broken;      /* a rule, with %u for the worker; or NULL */
static uint32_t broken_by;      /* a worker */
static bool tells;              /* prints and records each step */
static uint32_t records_of[32]; /* of each fiber: its records */

static void break_rule(const char *rule, uint32_t index)
{
	if (broken)
		return;
	broken = rule;
	broken_by = index;
}

/* ---- steps ---- */

static uint32_t count_record(uint32_t fiber)
{
	return ++records_of[fiber < TRACE_IDLE_FIBERS ? fiber : 16 + fiber % 16];
}

/* The rest of a step happens when the explorer lets this worker go on. */
static void begin_step(void)
{
	context_switch(&current->context, &explorer, NULL, NULL);
}

static uint64_t mix(uint64_t hash, uint64_t number)
{
	hash = (hash ^ number) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

#define NO_NUMBER UINT32_MAX

/* `told`: all that the worker knows from this step. */
static void end_step(uint64_t told, const char *what, uint32_t number)
{
	current->seen = mix(current->seen, told + 1);
	if (!tells)
		return;
	char text[32] = "";
	if (number != NO_NUMBER)
		snprintf(text, sizeof text, " %u", number);
	printf("  worker %u %s%s; %d search, asleep:", current->index, what, text,
	       (int)(shared_word & IDLE_SEARCHERS));
	for (uint32_t i = 0; i < setting.workers; i++)
		if (shared_word & IDLE_ASLEEP(i))
			printf(" %u", i);
	printf("%s\n", shared_word > IDLE_SEARCHERS ? "" : " none");
}

static void judge_bit(uint32_t index, uint64_t next)
{
	bool is_own = index == current->index;
	bool was = shared_word & IDLE_ASLEEP(index), is = next & IDLE_ASLEEP(index);
	if (is && !was && workers[index].told)
		break_rule("worker %u says that it sleeps, with a wake left over",
			   index);
	if (was && !is && !is_own && (shared_word & IDLE_SEARCHERS) > 0)
		break_rule("worker %u is to be woken, though somebody searches", index);
}

static void change_word(uint64_t next)
{
	for (uint32_t i = 0; i < setting.workers; i++)
		judge_bit(i, next);
	if ((next & IDLE_SEARCHERS) > setting.workers || next >> 8 >> setting.workers)
		break_rule("worker %u makes the word say what cannot be",
			   current->index);
	shared_word = next;
}

static uint64_t word_load(void)
{
	begin_step();
	end_step(shared_word, "reads the word", NO_NUMBER);
	return shared_word;
}

static uint64_t word_add(uint64_t number)
{
	begin_step();
	uint64_t before = shared_word;
	change_word(shared_word + number);
	end_step(before, "adds to the word", NO_NUMBER);
	return before;
}

static bool word_cas(uint64_t *expected, uint64_t desired)
{
	begin_step();
	bool same = shared_word == *expected;
	if (same)
		change_word(desired);
	else
		*expected = shared_word;
	end_step(same ? UINT64_MAX : shared_word,
		 same ? "replaces the word" : "finds another word", NO_NUMBER);
	return same;
}

static uint32_t queue_take(void)
{
	begin_step();
	uint32_t fiber = 0;
	if (queue_first < queue_last)
		fiber = queue[queue_first++];
	end_step(fiber, fiber ? "takes fiber" : "finds no fiber",
		 fiber ? fiber : NO_NUMBER);
	if (fiber && tells)
		TRACE(current->segment, STEAL, .arg = TRACE_place_INJECTED,
		      .fiber = fiber, .fiber_sequence = count_record(fiber),
		      .peer = current->index, .value = trace_pair(1, 1));
	return fiber;
}

static bool queue_sees(void)
{
	begin_step();
	uint32_t length = queue_last - queue_first;
	end_step(length > 0, length > 0 ? "sees a fiber" : "sees no fiber", NO_NUMBER);
	return length > 0;
}

static void queue_push(uint32_t fiber)
{
	begin_step();
	queue[queue_last++] = fiber;
	if (tells) {
		TRACE(current->segment, CREATE, .fiber = fiber,
		      .fiber_sequence = count_record(fiber), .peer = current->runs);
		TRACE(current->segment, READY, .arg = TRACE_place_INJECTED,
		      .fiber = fiber, .fiber_sequence = count_record(fiber),
		      .peer = current->runs);
	}
	end_step(0, "shows fiber", fiber);
}

static void note_sleep(uint8_t event)
{
	struct worker *self = current;
	uint32_t number = ++self->sleeper_records;
	if (event == TRACE_WORKER_SLEEP)
		TRACE(self->segment, WORKER_SLEEP, .arg = TRACE_sleep_ASLEEP,
		      .fiber = self->runs, .fiber_sequence = count_record(self->runs),
		      .value = trace_pair(self->index + 1, number));
	else
		TRACE(self->segment, WORKER_AWAKE, .arg = TRACE_wake_WORK,
		      .fiber = self->runs, .fiber_sequence = count_record(self->runs),
		      .value = trace_pair(self->index + 1, number));
	self->sleeps = event == TRACE_WORKER_SLEEP;
}

/* No step by itself: the worker can park at once, and goes on in a step. */
static void idle_park(void)
{
	sleeps += !current->told;
	if (tells && !current->told)
		note_sleep(TRACE_WORKER_SLEEP);
	current->state = PARKED;
	begin_step();
	current->state = STEPS;
	current->told = false;
	if (tells && current->sleeps)
		note_sleep(TRACE_WORKER_AWAKE);
	end_step(0, "is woken", NO_NUMBER);
}

static void note_wake(struct worker *target, uint8_t why)
{
	TRACE(current->segment, WORKER_WAKE, .arg = why, .fiber = current->runs,
	      .fiber_sequence = count_record(current->runs), .peer = target->index,
	      .value = trace_pair(target->index + 1, ++target->sleeper_records));
}

static void idle_wake(uint32_t index)
{
	begin_step();
	struct worker *target = &workers[index % setting.workers];
	if (target->told)
		break_rule("worker %u is woken, with a wake left over", target->index);
	target->told = true;
	if (tells)
		note_wake(target, TRACE_wake_WORK);
	end_step(0, "wakes worker", index);
}

/* ---- what a worker does ---- */

static void switch_to(uint32_t fiber, uint8_t reason)
{
	uint32_t from = current->runs;
	if (tells)
		TRACE(current->segment, SWITCH, .arg = reason, .fiber = fiber,
		      .fiber_sequence = count_record(fiber), .peer = from,
		      .value = trace_pair(0, count_record(from)));
	current->runs = fiber;
}

/* What comes next does not depend on what the worker has seen until now, but on `next`. */
static void forget(uint32_t next)
{
	current->seen = next;
}

/* What a worker does that has nothing to run. Returns a fiber that is its own. */
static uint32_t idle_run(uint32_t index)
{
	uint32_t fiber;
	word_add(IDLE_SEARCHER);
	for (;;) {
		forget(0);
		fiber = queue_take();
		if (fiber)
			break;
		idle_sleep(index);
	}
	idle_leave_search();
	return fiber;
}

static void work(void *argument)
{
	struct worker *self = argument;
	if (self->index < setting.publishers) {
		for (uint32_t i = 0; i < setting.fibers; i++) {
			queue_push(FIRST_FIBER + self->index * setting.fibers + i);
			forget(i);
			idle_publish();
		}
	} else {
		switch_to(idle_run(self->index), TRACE_leave_IDLE);
	}
	self->state = BUSY;
	begin_step();
}

static void start(struct worker *self, struct trace *trace)
{
	bool publishes = self->index < setting.publishers;
	self->state = STEPS;
	self->told = self->sleeps = false;
	self->seen = self->sleeper_records = 0;
	self->runs = publishes ? 1 + self->index : TRACE_IDLE_FIBERS + self->index;
	if (tells)
		self->segment = trace_claim_worker(trace, self->index);
	TRACE(self->segment, WORKER_START, .fiber = self->runs,
	      .fiber_sequence = count_record(self->runs));
	current = self;
	if (self->lives)
		context_destroy(&self->context);
	self->lives = true;
	context_init(&self->context, self->stack, STACK_SIZE, work, self);
	context_switch(&explorer, &self->context, NULL, NULL);
}

/* ---- one order ---- */

struct order {
	const char *broken;
	uint32_t broken_by;
	bool ended;      /* nobody had a step to make any more */
	uint32_t sleeps; /* before the end */
	uint32_t length;
	uint8_t took[STEPS_MAX]; /* which worker made each step */
	uint8_t others
		[STEPS_MAX]; /* a bit for each that could have, and has not been tried */
};

static uint64_t passed[STEPS_MAX];  /* the states of this order */
static uint64_t states[STATES_MAX]; /* a set; 0: free */
static uint32_t state_count;

/* A bit for each worker that has a step to make. */
static uint8_t able(void)
{
	unsigned bits = 0;
	for (uint32_t i = 0; i < setting.workers; i++)
		if (workers[i].state == STEPS ||
		    (workers[i].state == PARKED && workers[i].told))
			bits |= 1u << i;
	return (uint8_t)bits;
}

static uint64_t state_now(void)
{
	uint64_t hash = mix(shared_word, queue_first);
	for (uint32_t i = 0; i < queue_last; i++)
		hash = mix(hash, queue[i]);
	for (uint32_t i = 0; i < setting.workers; i++) {
		hash = mix(hash, workers[i].state);
		hash = mix(hash, workers[i].told);
		hash = mix(hash, workers[i].seen);
	}
	return hash ? hash : 1;
}

/* Whether nobody has been in this state; it is then in the set. */
static bool is_new(uint64_t state)
{
	uint32_t place = (uint32_t)state % STATES_MAX;
	while (states[place] && states[place] != state)
		place = (place + 1) % STATES_MAX;
	if (states[place])
		return false;
	states[place] = state;
	state_count++;
	return true;
}

/* A state that comes twice in one order comes again and again. */
static void judge_circle(uint32_t length, uint64_t state)
{
	for (uint32_t i = 0; i < length; i++)
		if (passed[i] == state)
			break_rule("worker %u goes on and on, and nothing changes",
				   current->index);
}

/* Nobody has a step to make any more. */
static void judge_end(void)
{
	for (uint32_t i = 0; i < setting.workers; i++) {
		bool sleeps = workers[i].state == PARKED;
		if (sleeps && queue_first < queue_last)
			break_rule("worker %u sleeps, and a fiber is ready: a wake is "
				   "lost",
				   i);
		if (workers[i].told)
			break_rule("worker %u was woken, and did not sleep", i);
		if (sleeps != ((shared_word & IDLE_ASLEEP(i)) != 0))
			break_rule("at the end the word is wrong about worker %u", i);
	}
	if (shared_word & IDLE_SEARCHERS)
		break_rule("at the end the word counts a searcher too many", 0);
}

/* Makes the first `known` steps of the order, and then goes on until a state comes that was there
 * before, if it is to stop there, or nobody has a step to make. */
static void run(struct order *order, uint32_t known, struct trace *trace)
{
	shared_word = queue_first = queue_last = 0;
	memset(records_of, 0, sizeof records_of);
	for (uint32_t i = 0; i < setting.workers; i++)
		start(&workers[i], trace);
	uint8_t bits;
	order->ended = false;
	sleeps = 0;
	for (order->length = 0; !broken && (bits = able()) != 0; order->length++) {
		uint32_t at = order->length;
		if (at == STEPS_MAX) {
			break_rule("worker %u goes on and on", current->index);
			return;
		}
		passed[at] = state_now();
		if (at >= known && !is_new(passed[at])) {
			judge_circle(at, passed[at]);
			return;
		}
		if (at >= known) {
			order->took[at] = (uint8_t)__builtin_ctz(bits);
			order->others[at] = (uint8_t)(bits & (bits - 1));
		}
		current = &workers[order->took[at]];
		context_switch(&explorer, &current->context, NULL, NULL);
	}
	order->ended = !broken;
	order->sleeps = sleeps;
	if (!broken)
		judge_end();
}

/* ---- all orders ---- */

/* How many steps of the order the next one has in common, with the last of them another; 0: all
 * have been tried. */
static uint32_t go_back(struct order *order)
{
	for (uint32_t at = order->length; at-- > 0;) {
		unsigned others = order->others[at];
		if (others == 0)
			continue;
		order->took[at] = (uint8_t)__builtin_ctz(others);
		order->others[at] = (uint8_t)(others & (others - 1));
		return at + 1;
	}
	return 0;
}

/* Whether `order` is the better one to be shown: the shortest that breaks a rule, or the whole one
 * with the most sleeps. */
static bool is_better(const struct order *order, const struct order *shown)
{
	if (order->broken && shown->broken)
		return order->length < shown->length;
	if (order->broken || shown->broken)
		return order->broken != NULL;
	return order->ended && order->sleeps > shown->sleeps;
}

/* Tries all orders of the setting; the best becomes `shown`. */
static void explore(struct order *shown)
{
	static struct order order;
	uint32_t known = 0;
	memset(states, 0, sizeof states);
	state_count = 0;
	do {
		broken = NULL;
		if (state_count > STATES_MAX / 2)
			break_rule("these are too many steps to try all orders", 0);
		run(&order, known, NULL);
		order.broken = broken;
		order.broken_by = broken_by;
		if (is_better(&order, shown))
			*shown = order;
		known = go_back(&order);
	} while (known > 0 && state_count <= STATES_MAX / 2);
}

/* ---- telling ---- */

static void stop(struct worker *self)
{
	current = self;
	if (self->runs >= FIRST_FIBER && self->runs < TRACE_IDLE_FIBERS) {
		uint32_t fiber = self->runs;
		TRACE(self->segment, FINISH, .fiber = fiber,
		      .fiber_sequence = count_record(fiber));
		switch_to(TRACE_IDLE_FIBERS + self->index, TRACE_leave_FINISH);
		TRACE(self->segment, RECYCLE, .fiber = fiber,
		      .fiber_sequence = count_record(fiber));
	}
	TRACE(self->segment, WORKER_STOP, .fiber = self->runs,
	      .fiber_sequence = count_record(self->runs));
}

/* Makes the order once more, prints its steps and leaves its trace. */
static void tell(struct order *order)
{
	struct trace *trace;
	struct trace_message why;
	if (trace_open_from_environment(&trace, setting.workers, 0, &why) != 0) {
		printf("%s\n", why.text);
		return;
	}
	broken = NULL;
	tells = true;
	run(order, order->length, trace);
	for (uint32_t i = setting.workers; i-- > 0;) {
		current = &workers[0];
		if (workers[i].sleeps && !broken) {
			note_wake(&workers[i], TRACE_wake_STOP);
			current = &workers[i];
			note_sleep(TRACE_WORKER_AWAKE);
		}
		if (!workers[i].sleeps)
			stop(&workers[i]);
	}
	trace_close(trace);
}

/* Returns whether no order breaks a rule. Prints one that does, or one with many sleeps, and leaves its trace. */
static bool try_all_orders(void)
{
	static const struct setting settings[] = {
		{2, 1, 1}, {3, 2, 1}, {3, 1, 1}, {3, 1, 2}};
	static struct order shown;
	context_adopt(&explorer);
	for (uint32_t i = 0; i < WORKERS_MAX; i++)
		workers[i].index = i;
	uint32_t count = 0;
	for (size_t i = 0; !shown.broken && i < sizeof settings / sizeof *settings;
	     i++) {
		setting = settings[i];
		shown.sleeps = 0;
		explore(&shown);
		count += state_count;
	}
	if (shown.broken) {
		printf(shown.broken, shown.broken_by);
		printf(", after:\n");
	} else {
		printf("no wake is lost\n%u states were tried; the way with the most "
		       "sleeps:\n",
		       count);
	}
	tell(&shown);
	return !shown.broken;
}
