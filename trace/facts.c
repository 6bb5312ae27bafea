/* facts.c: a run in numbers, one `name value` a line, sorted by name.
 *
 * A fact is there whenever its kind is, also when it is 0, so that a rule about it can
 * be judged: switches.yield is 0 in a run where nobody yielded. */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/names.h"
#include "trace/waiters.h"
#include "weft.h"

#define NO_BATCH  UINT64_MAX
#define FACT_SIZE 160 /* bytes of a fact's name with its NUL */

/* Of a fixed size, so that facts can be sorted in place. */
struct fact {
	char name[FACT_SIZE];
	uint64_t value;
};

struct facts {
	const struct trace_file *file;
	struct names names;
	struct fact *facts;
	size_t count, room;
	int error;            /* the first; later facts are not added */
	uint64_t events[256]; /* how many, by number */
	uint64_t leaves[256], places[256], found[256]; /* by choice */
	uint64_t queues[256], sleeps[256], wakes[256], awakes[256];
	uint64_t batches, steals, looks;
	uint64_t waits[256], outcomes[256], polls[256], edges[256]; /* by choice */
	uint64_t lateness_ns; /* of the timer that fired latest */
	uint64_t overtakings; /* who was woken before one that came earlier */
	uint64_t batch;       /* the last of this segment; or NO_BATCH */
	uint64_t created;     /* fibers, without the workers' own contexts */
	uint64_t *from, *to, *stack, *waits_of; /* of each fiber, by its index in names
						 */
	uint64_t *deadlines;                    /* and the one it set last, or 0 */
};

/* The order of strcmp(3) is the same in every locale. */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct fact *)a)->name, ((const struct fact *)b)->name);
}

/* Sorts; facts of one name become one, with the sum of their values. */
static void settle(struct facts *facts)
{
	size_t kept = 0;
	if (facts->count > 0)
		qsort(facts->facts, facts->count, sizeof *facts->facts, by_name);
	for (size_t i = 0; i < facts->count; i++) {
		struct fact *last = kept > 0 ? &facts->facts[kept - 1] : NULL;
		if (last && strcmp(last->name, facts->facts[i].name) == 0)
			last->value += facts->facts[i].value;
		else
			facts->facts[kept++] = facts->facts[i];
	}
	facts->count = kept;
}

/* Merging first keeps a million marks of one text from taking a million facts. */
static bool make_room(struct facts *facts)
{
	if (facts->count < facts->room)
		return true;
	settle(facts);
	size_t wanted =
		facts->count >= facts->room / 2 ? 2 * facts->room + 64 : facts->room;
	struct fact *grown = realloc(facts->facts, wanted * sizeof *grown);
	if (!grown) {
		facts->error = -ENOMEM;
		return false;
	}
	facts->facts = grown;
	facts->room = wanted;
	return true;
}

/* Adds the fact `kind`, or `kind.of` with `of` as one word. */
static void add(struct facts *facts, const char *kind, const char *of, uint64_t value)
{
	char word[FACT_SIZE / 2];
	if (facts->error || !make_room(facts))
		return;
	text_word(word, sizeof word, of);
	struct fact *fact = &facts->facts[facts->count++];
	snprintf(fact->name, sizeof fact->name, "%s%s%s", kind, *of ? "." : "", word);
	fact->value = value;
}

static void raise_to(uint64_t *most, uint64_t value)
{
	if (*most < value)
		*most = value;
}

/* Where the counts of that fiber are; only for fibers that names_open found. */
static size_t index_of(const struct facts *facts, uint32_t id)
{
	const struct fiber_name *fiber = names_get(&facts->names, id);
	return fiber ? (size_t)(fiber - facts->names.fibers) : facts->names.count;
}

/* Counts what the program wrote, under its text. */
static void count_text(struct facts *facts, const struct trace_record *record)
{
	const char *text = trace_file_string(facts->file, record->value & 0xFFFFFFFFu);
	add(facts, record->type == TRACE_MARK ? "marks" : "spans",
	    *text ? text : "(empty)", 1);
}

/* A batch is counted with its first fiber. What was in the injection queue is not stolen. */
static void count_steal(struct facts *facts, const struct trace_record *record)
{
	uint64_t batch = record->value & 0xFFFFFFFFu;
	bool first = batch != facts->batch;
	facts->batch = batch;
	facts->queues[record->arg]++;
	facts->batches += first;
	facts->steals += first && record->arg != TRACE_place_INJECTED;
}

/* How fibers wait, and what the kernel tells. */
static void count_wait(struct facts *facts, const struct trace_record *record)
{
	if (record->type == TRACE_WAIT_PUSH) {
		facts->waits[record->arg]++;
		facts->waits_of[index_of(facts, record->fiber)]++;
	} else if (record->type == TRACE_WAIT_POP) {
		facts->outcomes[record->arg]++;
	} else if (record->type == TRACE_POLL_END) {
		facts->polls[record->arg]++;
	} else if (record->type == TRACE_FD_READY) {
		facts->edges[record->arg]++;
	}
}

/* What workers do when they have nothing to run. */
static void count_idleness(struct facts *facts, const struct trace_record *record)
{
	if (record->type == TRACE_STEAL)
		count_steal(facts, record);
	else if (record->type == TRACE_STEAL_MISS)
		facts->looks += record->value & 0xFFFFFFFFu;
	else if (record->type == TRACE_WORKER_SLEEP)
		facts->sleeps[record->arg]++;
	else if (record->type == TRACE_WORKER_WAKE)
		facts->wakes[record->arg]++;
	else if (record->type == TRACE_WORKER_AWAKE)
		facts->awakes[record->arg]++;
	else
		count_wait(facts, record);
}

/* Counts one record under its event, its choice, its fibers and its text. A span counts
 * where it begins. */
static void count_record(struct facts *facts, const struct trace_record *record)
{
	size_t fiber = index_of(facts, record->fiber);
	size_t peer = index_of(facts, record->peer);
	facts->events[record->type]++;
	if (record->type == TRACE_SWITCH) {
		facts->leaves[record->arg]++;
		facts->from[peer]++;
		facts->to[fiber]++;
		raise_to(&facts->stack[peer], record->value >> 32);
	} else if (record->type == TRACE_FINISH) {
		raise_to(&facts->stack[fiber], record->value >> 32);
	} else if (record->type == TRACE_CREATE) {
		facts->created += record->fiber < TRACE_IDLE_FIBERS;
	} else if (record->type == TRACE_READY) {
		facts->places[record->arg]++;
	} else if (record->type == TRACE_AWAIT) {
		facts->found[record->arg]++;
	} else if (record->type == TRACE_MARK || record->type == TRACE_SPAN_BEGIN) {
		count_text(facts, record);
	} else {
		count_idleness(facts, record);
	}
}

/* "switches_on.worker_0", of each segment that is a worker's. */
static void add_switches(struct facts *facts, uint32_t segment, uint64_t switches)
{
	if (segment < trace_file_workers(facts->file) &&
	    facts->file->heads[segment] > 0)
		add(facts, "switches_on", trace_file_writer(facts->file, segment).text,
		    switches);
}

/* A worker is a segment with a WORKER_START: helper threads record too. */
static void count_segments(struct facts *facts)
{
	uint64_t workers = 0, records = 0;
	for (uint32_t s = 0; s < trace_file_segments(facts->file); s++) {
		const struct trace_record *record = trace_file_records(facts->file, s);
		uint64_t started = facts->events[TRACE_WORKER_START];
		uint64_t switches = facts->events[TRACE_SWITCH];
		facts->batch = NO_BATCH;
		for (uint64_t i = 0; i < facts->file->heads[s]; i++)
			count_record(facts, &record[i]);
		workers += facts->events[TRACE_WORKER_START] > started;
		records += facts->file->heads[s];
		add_switches(facts, s, facts->events[TRACE_SWITCH] - switches);
	}
	add(facts, "workers", "", workers);
	add(facts, "records", "", records);
}

/* "switches.yield", "awaits.waits": a fact for each choice of that kind. */
static void add_choices(struct facts *facts, const char *name, const char *kind,
			const uint64_t *counts)
{
	const struct schema *schema = &facts->file->schema;
	for (size_t i = 0; i < schema->choice_count; i++)
		if (strcmp(schema->choices[i].kind, kind) == 0)
			add(facts, name, schema->choices[i].text,
			    counts[schema->choices[i].number]);
}

/* The choices and events are those of the file's own schema. */
static void add_by_number(struct facts *facts)
{
	static const struct {
		const char *name;
		uint8_t type;
	} kinds[] = {
		{"switches", TRACE_SWITCH},
		{"finished", TRACE_FINISH},
		{"marks", TRACE_MARK},
		{"readies", TRACE_READY},
		{"awaits", TRACE_AWAIT},
		{"inlines", TRACE_INLINE},
		{"spans", TRACE_SPAN_BEGIN},
		{"misses", TRACE_STEAL_MISS},
		{"sleeps", TRACE_WORKER_SLEEP},
		{"wakes", TRACE_WORKER_WAKE},
		{"waits", TRACE_WAIT_PUSH},
		{"returns", TRACE_WAIT_RETURN},
		{"pops", TRACE_WAIT_POP},
		{"polls", TRACE_POLL_END},
		{"fd_ready", TRACE_FD_READY},
		{"timers", TRACE_TIMER_SET},
		{"timers.fired", TRACE_TIMER_FIRE},
		{"timers.dropped", TRACE_TIMER_DROP},
		{"offloads", TRACE_OFFLOAD_END},
		{"cancels", TRACE_CANCEL_REQUEST},
		{"cancels.told", TRACE_CANCEL_ACK},
	};
	const struct schema *schema = &facts->file->schema;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		add(facts, kinds[i].name, "", facts->events[kinds[i].type]);
	add(facts, "fibers", "", facts->created);
	add_choices(facts, "switches", "leave", facts->leaves);
	add_choices(facts, "readies", "place", facts->places);
	add_choices(facts, "awaits", "found", facts->found);
	add_choices(facts, "waits", "wait", facts->waits);
	add_choices(facts, "pops", "outcome", facts->outcomes);
	add_choices(facts, "polls", "poll", facts->polls);
	add_choices(facts, "fd_ready", "edge", facts->edges);
	for (size_t type = 0; type < 256; type++)
		if (schema->events[type].known)
			add(facts, "events", schema->events[type].name,
			    facts->events[type]);
}

/* Of workers that had nothing to run. */
static void add_idleness(struct facts *facts)
{
	uint64_t local = facts->queues[TRACE_place_LOCAL];
	uint64_t newest = facts->queues[TRACE_place_NEWEST];
	add(facts, "batches", "", facts->batches);
	add(facts, "steals", "", facts->steals);
	add(facts, "stolen", "", local + newest);
	add(facts, "stolen", "local", local);
	add(facts, "stolen", "newest", newest);
	add(facts, "taken_injected", "", facts->queues[TRACE_place_INJECTED]);
	add(facts, "looks", "", facts->looks);
	add_choices(facts, "sleeps", "sleep", facts->sleeps);
	add_choices(facts, "wakes", "wake", facts->wakes);
	add_choices(facts, "awakes", "wake", facts->awakes);
}

static void add_by_fiber(struct facts *facts)
{
	uint64_t largest = 0;
	for (size_t i = 0; i < facts->names.count; i++) {
		const char *name = facts->names.fibers[i].text;
		add(facts, "switches_from", name, facts->from[i]);
		add(facts, "switches_to", name, facts->to[i]);
		add(facts, "largest_stack", name, facts->stack[i]);
		add(facts, "waits_of", name, facts->waits_of[i]);
		raise_to(&largest, facts->stack[i]);
	}
	add(facts, "largest_stack", "", largest);
}

/* How many fibers are ready, in the merged order. */
struct readies {
	bool *ready; /* by the fiber's index in names */
	uint64_t now, most;
};

/* A worker's own context is never ready: it runs when nothing else does. */
static void set_ready(struct facts *facts, struct readies *readies, uint32_t fiber,
		      bool ready)
{
	size_t index = index_of(facts, fiber);
	if (fiber >= TRACE_IDLE_FIBERS || index == facts->names.count ||
	    readies->ready[index] == ready)
		return;
	readies->ready[index] = ready;
	readies->now += ready ? 1 : UINT64_MAX;
	raise_to(&readies->most, readies->now);
}

static void follow_ready(struct facts *facts, struct readies *readies,
			 const struct trace_record *record)
{
	if (record->type == TRACE_READY)
		set_ready(facts, readies, record->fiber, true);
	if (record->type != TRACE_SWITCH)
		return;
	set_ready(facts, readies, record->fiber, false);
	if (record->arg == TRACE_leave_YIELD && record->peer != record->fiber)
		set_ready(facts, readies, record->peer, true);
}

/* Each queue wakes the one that is first in it; see check_waits.c. */
static void follow_queue(struct facts *facts, struct waiters *waiters,
			 const struct trace_record *record)
{
	if (record->type == TRACE_WAIT_PUSH || record->type == TRACE_WAIT_RETURN) {
		if (!waiters_come(waiters, record))
			facts->error = -ENOMEM;
		return;
	}
	bool called = record->type == TRACE_OFFLOAD_BEGIN;
	bool popped = record->type == TRACE_WAIT_POP;
	bool ends = record->type == TRACE_OFFLOAD_END;
	struct waiter *waiter = called || popped ? waiters_find(waiters, record)
				: ends           ? waiters_find_called(waiters, record)
						 : NULL;
	if (!waiter)
		return;
	bool woken = called || (popped && waiters_is_woken(record->arg));
	facts->overtakings += waiter->previous && woken;
	if (called)
		waiters_call(waiters, waiter);
	else
		waiters_leave(waiters, waiter);
}

static void follow_timer(struct facts *facts, const struct trace_record *record)
{
	uint64_t *deadline = &facts->deadlines[index_of(facts, record->fiber)];
	if (record->type == TRACE_TIMER_SET)
		*deadline = record->value;
	else if (record->type == TRACE_TIMER_FIRE && *deadline &&
		 (int64_t)record->value > (int64_t)*deadline)
		raise_to(&facts->lateness_ns, record->value - *deadline);
}

/* Follows all steps; returns how many ticks were repaired. */
static uint64_t follow_all(struct facts *facts, struct readies *readies,
			   struct waiters *waiters)
{
	struct trace_merge *merge;
	struct trace_step step;
	facts->error = trace_merge_open(&merge, facts->file);
	if (facts->error)
		return 0;
	while (!facts->error && trace_merge_next(merge, &step)) {
		follow_ready(facts, readies, step.record);
		follow_queue(facts, waiters, step.record);
		follow_timer(facts, step.record);
	}
	uint64_t repairs = trace_merge_repairs(merge);
	if (!facts->error)
		facts->error = trace_merge_error(merge);
	trace_merge_close(merge);
	return repairs;
}

/* What takes the merged order: how many fibers were ready at once, who overtook whom, how late
 * timers were, and the repairs, which are known once a merge has come to its end. */
static void add_merged(struct facts *facts)
{
	struct readies readies = {
		.ready = calloc(facts->names.count + 1, sizeof *readies.ready)};
	struct waiters waiters;
	waiters_init(&waiters);
	facts->error = readies.ready ? 0 : -ENOMEM;
	if (!facts->error) {
		uint64_t repairs = follow_all(facts, &readies, &waiters);
		add(facts, "repairs", "", repairs);
		add(facts, "most_ready", "", readies.most);
		add(facts, "overtakings", "", facts->overtakings);
		add(facts, "largest_lateness_ns", "", facts->lateness_ns);
	}
	waiters_free(&waiters);
	free(readies.ready);
}

/* What the trace says of itself. */
static void add_health(struct facts *facts)
{
	const struct trace_file *file = facts->file;
	add(facts, "dropped", "", trace_file_dropped(file));
	add(facts, "lost_strings", "", load_relaxed(&file->header->lost_strings));
	add(facts, "lost_statuses", "", load_relaxed(&file->header->lost_statuses));
	add(facts, "lost_writers", "", load_relaxed(&file->header->lost_writers));
	add(facts, "record_picoseconds", "", file->header->record_picoseconds);
	add(facts, "window", "", trace_file_is_window(file));
	add(facts, "clean", "", trace_file_clean(file));
}

/* Finds every fact of `file`, sorted. What was found is to be freed also after a
 * failure. */
static int find_facts(struct facts *facts, const struct trace_file *file)
{
	*facts = (struct facts){.file = file};
	int error = names_open(&facts->names, file);
	if (error)
		return error;
	size_t fibers = facts->names.count + 1; /* the last: for no fiber */
	uint64_t *counts = calloc(fibers, 5 * sizeof *counts);
	if (!counts)
		return -ENOMEM;
	facts->from = counts;
	facts->to = counts + fibers;
	facts->stack = counts + 2 * fibers;
	facts->waits_of = counts + 3 * fibers;
	facts->deadlines = counts + 4 * fibers;
	add_merged(facts);
	add_health(facts);
	count_segments(facts);
	add_by_number(facts);
	add_idleness(facts);
	add_by_fiber(facts);
	settle(facts);
	return facts->error;
}

/* Also after find_facts has failed half way. */
static void free_facts(struct facts *facts)
{
	free(facts->from);
	free(facts->facts);
	names_close(&facts->names);
}

int command_facts(const struct trace_file *file, FILE *out)
{
	struct facts facts;
	int error = find_facts(&facts, file);
	for (size_t i = 0; !error && i < facts.count; i++)
		fprintf(out, "%s %" PRIu64 "\n", facts.facts[i].name,
			facts.facts[i].value);
	free_facts(&facts);
	if (error)
		fprintf(out, "cannot count: %s\n", weft_strerror(error));
	return error ? EXIT_UNREADABLE : EXIT_HOLDS;
}

int facts_value(const struct trace_file *file, const char *name, uint64_t *value)
{
	struct facts facts;
	struct fact key = {.value = 0};
	int error = find_facts(&facts, file);
	snprintf(key.name, sizeof key.name, "%s", name);
	const struct fact *fact =
		error || facts.count == 0
			? NULL
			: bsearch(&key, facts.facts, facts.count, sizeof key, by_name);
	if (fact)
		*value = fact->value;
	free_facts(&facts);
	return error ? error : fact ? 0 : -ENOENT;
}
