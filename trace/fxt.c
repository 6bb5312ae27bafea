/* fxt.c: a trace in Fuchsia's trace format, which Perfetto opens.
 *
 * A worker is a CPU, a fiber is a thread, and all are of one process. A step becomes
 *
 *   SWITCH             a context switch; the thread left is runnable after a yield,
 *                      dead after its finish, else blocked
 *   WORKER_START/STOP  a context switch from or to what stands for no fiber
 *   READY              a thread wake-up, and an instant that names the waker
 *   SPAN_BEGIN/END     the begin and the end of a duration on the fiber's thread
 *   QUEUE_LENGTH       a counter a worker
 *   WAIT_PUSH and a park   an instant, and the begin of a duration, which ends when the
 *                      fiber goes on; TIMER_SET likewise
 *   any other          an instant on the fiber's thread; STEAL is one of these
 *
 * and beside them there is a counter of live and of ready fibers. Each event has the
 * record's fields and its place in the source as arguments.
 *
 * What is relied on of the format ("Fuchsia trace format", fuchsia.dev):
 *   - All is little-endian words of 64 bits. A record's first word has its type in bits
 *     0 to 3 and its size in words in bits 4 to 15; the type decides the rest. No word 0
 *     is a header: Perfetto ends its import at a record of size 0.
 *   - The first record is the magic number, then who provides the rest and the ticks a
 *     second: here 10^9, since the ticks are converted to nanoseconds.
 *   - A string is a reference of 16 bits: 0 the empty one; to 32767 an index that a
 *     string record gave; with bit 15, a length, and the bytes follow in the record. A
 *     stream of bytes is padded with zeros to whole words.
 *   - A thread is a reference of 8 bits; 0 says that the numbers of process and thread
 *     follow.
 *   - A scheduling record has full thread numbers, and its kind in bits 60 to 63.
 *   - An argument has its type in bits 0 to 3, its size in bits 4 to 15 and its name in
 *     bits 16 to 31. A record has at most 15.
 * And of Perfetto's importer (its fuchsia_trace_tokenizer and _parser):
 *   - It keeps 32 bits of a process's or thread's number. A fiber's has no more.
 *   - A thread whose weight is the least int32 is the idle one: its CPU is shown empty.
 *   - It takes a thread's name from the kernel object record of that thread.
 *   - It reads no waker of a wake-up; hence the instant.
 *   - It ends the innermost duration of a thread, whatever its name.
 *   - It shows a counter once for each argument, and does not show that records were
 *     lost; hence the instant "about this trace", the last event.
 *
 * The main fiber is number 1, and so is the process: Perfetto shows it as the main
 * thread. The process's true number is in its name.
 *
 * Rejected: the table of threads. It has 255 places, and 100,000 fibers would turn it
 * over all the time; two words more in an event are less to get wrong. And replacing
 * strings when their table is full: a trace with more than 32767 texts has mostly texts
 * that occur once, and those are as well written in place. */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "trace/commands.h"
#include "trace/moments.h"
#include "trace/output.h"
#include "weft.h"

#define MAGIC            UINT64_C(0x0016547846040010)
#define PROCESS          1u
#define PROVIDER         1u
#define TICKS_PER_SECOND UINT64_C(1000000000)
#define RECORD_WORDS     4095u
#define ARGUMENTS_MAX    15u
#define STRINGS_MAX      32767u
#define STRING_SLOTS     65536u /* a power of two, about twice as many */
#define TEXT_SIZE        256u   /* bytes of a text with its NUL; longer ones are cut */
#define INLINE           0x8000u
#define IDLE_WEIGHT      INT32_MIN

enum record_type {
	RECORD_METADATA = 0,
	RECORD_INITIALIZATION = 1,
	RECORD_STRING = 2,
	RECORD_EVENT = 4,
	RECORD_KERNEL_OBJECT = 7,
	RECORD_SCHEDULING = 8,
};

enum metadata { METADATA_PROVIDER = 1, METADATA_PROVIDER_EVENT = 3 };
enum event_type {
	EVENT_INSTANT = 0,
	EVENT_COUNTER = 1,
	EVENT_DURATION_BEGIN = 2,
	EVENT_DURATION_END = 3,
};
enum object_type { OBJECT_PROCESS = 1, OBJECT_THREAD = 2 };
enum scheduling { SCHEDULING_SWITCH = 1, SCHEDULING_WAKEUP = 2 };
enum thread_state { THREAD_RUNNABLE = 1, THREAD_BLOCKED = 3, THREAD_DEAD = 5 };
enum argument_type {
	ARGUMENT_INT32 = 1,
	ARGUMENT_UINT32 = 2,
	ARGUMENT_UINT64 = 4,
	ARGUMENT_STRING = 6,
	ARGUMENT_KOID = 8,
};

/* A string as a record refers to it. */
struct reference {
	uint64_t bits;        /* the 16 */
	char text[TEXT_SIZE]; /* what follows in the record, if it is inline */
	size_t length;        /* of it; 0 if it is not */
};

struct fxt {
	struct moments moments;
	bool *named;       /* by track: whether its thread has a name record */
	char **strings;    /* STRING_SLOTS of them: open addressing, NULL is free */
	uint16_t *indexes; /* of the strings, by slot */
	uint32_t string_count;

	/* The record that is being made. */
	uint64_t words[RECORD_WORDS];
	size_t count;
	unsigned arguments;
	unsigned argument_shift; /* where the header counts them */
	struct output output;
};

/* ---- records ---- */

/* Starts a record; its size and its number of arguments are filled in at its end. */
static void begin(struct fxt *fxt, enum record_type type, uint64_t header,
		  unsigned argument_shift)
{
	weft_assert(fxt->count == 0);
	fxt->words[fxt->count++] = (uint64_t)type | header;
	fxt->arguments = 0;
	fxt->argument_shift = argument_shift;
}

static void put(struct fxt *fxt, uint64_t word)
{
	weft_assert(fxt->count < RECORD_WORDS);
	fxt->words[fxt->count++] = word;
}

static void put_stream(struct fxt *fxt, const char *text, size_t length)
{
	for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
		char padded[sizeof(uint64_t)] = {0};
		uint64_t word = 0;
		memcpy(padded, text + at,
		       length - at < sizeof padded ? length - at : sizeof padded);
		for (size_t i = 0; i < sizeof padded; i++)
			word |= (uint64_t)(unsigned char)padded[i] << (8 * i);
		put(fxt, word);
	}
}

/* Little-endian on every machine. */
static void write_word(struct fxt *fxt, uint64_t word)
{
	unsigned char bytes[sizeof word];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(word >> (8 * i));
	output_write(&fxt->output, bytes, sizeof bytes);
}

static void end(struct fxt *fxt)
{
	weft_assert(fxt->arguments <= ARGUMENTS_MAX);
	fxt->words[0] |= (uint64_t)fxt->count << 4 | (uint64_t)fxt->arguments
							     << fxt->argument_shift;
	weft_assert((fxt->words[0] >> 4 & 0xFFF) == fxt->count && fxt->words[0] != 0);
	for (size_t i = 0; i < fxt->count; i++)
		write_word(fxt, fxt->words[i]);
	fxt->count = 0;
}

/* ---- strings ---- */

/* FNV-1a. */
static uint32_t hash(const char *text)
{
	uint32_t hash = 2166136261u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* The slot that holds `text`, or the free one where it belongs. */
static uint32_t find_slot(const struct fxt *fxt, const char *text)
{
	uint32_t slot = hash(text) & (STRING_SLOTS - 1);
	while (fxt->strings[slot] && strcmp(fxt->strings[slot], text) != 0)
		slot = (slot + 1) & (STRING_SLOTS - 1);
	return slot;
}

/* Gives `text` the next index. Its record stands before the one that is to refer to it:
 * no record is being made. */
static bool add_string(struct fxt *fxt, uint32_t slot, const char *text, size_t length)
{
	if (fxt->string_count == STRINGS_MAX)
		return false;
	fxt->strings[slot] = strdup(text);
	if (!fxt->strings[slot])
		return false;
	fxt->indexes[slot] = (uint16_t)++fxt->string_count;
	begin(fxt, RECORD_STRING,
	      (uint64_t)fxt->indexes[slot] << 16 | (uint64_t)length << 32, 0);
	put_stream(fxt, text, length);
	end(fxt);
	return true;
}

/* Any bytes become valid UTF-8. */
static void refer_inline(struct reference *reference, const char *text)
{
	text_escape(reference->text, sizeof reference->text, text);
	reference->length = strlen(reference->text);
	reference->bits = reference->length ? INLINE | reference->length : 0;
}

static void refer(struct fxt *fxt, struct reference *reference, const char *text)
{
	refer_inline(reference, text);
	if (reference->length == 0)
		return;
	uint32_t slot = find_slot(fxt, reference->text);
	if (!fxt->strings[slot] &&
	    !add_string(fxt, slot, reference->text, reference->length))
		return;
	reference->bits = fxt->indexes[slot];
	reference->length = 0;
}

/* ---- arguments ---- */

/* An argument whose value fits its header. */
static void put_small(struct fxt *fxt, enum argument_type type,
		      const struct reference *name, uint32_t value)
{
	size_t at = fxt->count;
	put(fxt, (uint64_t)type | name->bits << 16 | (uint64_t)value << 32);
	put_stream(fxt, name->text, name->length);
	fxt->words[at] |= (uint64_t)(fxt->count - at) << 4;
	fxt->arguments++;
}

static void put_wide(struct fxt *fxt, enum argument_type type,
		     const struct reference *name, uint64_t value)
{
	size_t at = fxt->count;
	put_small(fxt, type, name, 0);
	put(fxt, value);
	fxt->words[at] += UINT64_C(1) << 4;
}

static void put_text(struct fxt *fxt, const struct reference *name,
		     const struct reference *text)
{
	size_t at = fxt->count;
	put_small(fxt, ARGUMENT_STRING, name, (uint32_t)text->bits);
	size_t before = fxt->count;
	put_stream(fxt, text->text, text->length);
	fxt->words[at] += (uint64_t)(fxt->count - before) << 4;
}

static void put_number(struct fxt *fxt, const struct reference *name, uint64_t number)
{
	if (number <= UINT32_MAX)
		put_small(fxt, ARGUMENT_UINT32, name, (uint32_t)number);
	else
		put_wide(fxt, ARGUMENT_UINT64, name, number);
}

/* The fields of a record with their references, made before the record is begun. */
struct fields {
	struct moment_arguments arguments;
	struct reference names[MOMENT_ARGUMENTS], texts[MOMENT_ARGUMENTS];
};

static void refer_fields(struct fxt *fxt, struct fields *fields,
			 const struct trace_step *step)
{
	moments_arguments(&fxt->moments, step, &fields->arguments);
	for (size_t i = 0; i < fields->arguments.count; i++) {
		const struct moment_argument *argument = &fields->arguments.list[i];
		refer(fxt, &fields->names[i], argument->name);
		if (argument->text)
			refer(fxt, &fields->texts[i], argument->text);
	}
}

static void put_fields(struct fxt *fxt, const struct fields *fields)
{
	for (size_t i = 0; i < fields->arguments.count; i++) {
		const struct moment_argument *argument = &fields->arguments.list[i];
		if (argument->text)
			put_text(fxt, &fields->names[i], &fields->texts[i]);
		else
			put_number(fxt, &fields->names[i], argument->number);
	}
}

/* ---- threads ---- */

static void name_object(struct fxt *fxt, enum object_type type, uint64_t koid,
			const char *text)
{
	struct reference name, process;
	refer_inline(&name, text);
	refer(fxt, &process, "process");
	begin(fxt, RECORD_KERNEL_OBJECT, (uint64_t)type << 16 | name.bits << 24, 40);
	put(fxt, koid);
	put_stream(fxt, name.text, name.length);
	if (type == OBJECT_THREAD)
		put_wide(fxt, ARGUMENT_KOID, &process, PROCESS);
	end(fxt);
}

/* The number of the track's thread, which has its name from its first use on. */
static uint32_t thread_of(struct fxt *fxt, size_t track)
{
	uint32_t thread = moments_thread(&fxt->moments, track);
	char name[NAME_SIZE];
	if (fxt->named[track])
		return thread;
	fxt->named[track] = true;
	moments_thread_name(&fxt->moments, track, name);
	name_object(fxt, OBJECT_THREAD, thread, name);
	return thread;
}

/* What a fiber's number in a record stands for. */
static uint32_t thread_of_fiber(struct fxt *fxt, uint32_t fiber, uint32_t segment)
{
	return thread_of(fxt, moments_track(&fxt->moments, fiber, segment));
}

/* The thread for what no fiber does on that worker. */
static uint32_t thread_of_segment(struct fxt *fxt, uint32_t segment)
{
	return thread_of(fxt, fxt->moments.names.count + segment);
}

/* ---- scheduling ---- */

/* A worker goes from one thread to another. */
struct handover {
	const struct trace_step *step;
	uint64_t ns;
	uint32_t from, to; /* threads */
	bool from_idle, to_idle;
	enum thread_state state; /* of the one that is left */
	const char *reason;      /* NULL: the record has it */
};

static void put_weight(struct fxt *fxt, const struct reference *name, bool idle)
{
	if (idle)
		put_small(fxt, ARGUMENT_INT32, name, (uint32_t)IDLE_WEIGHT);
}

static void write_switch(struct fxt *fxt, const struct handover *handover)
{
	struct reference outgoing, incoming, reason, reason_text;
	struct fields fields = {.arguments.count = 0};
	refer(fxt, &outgoing, "outgoing_weight");
	refer(fxt, &incoming, "incoming_weight");
	refer(fxt, &reason, "reason");
	refer(fxt, &reason_text, handover->reason ? handover->reason : "");
	if (!handover->reason)
		refer_fields(fxt, &fields, handover->step);
	begin(fxt, RECORD_SCHEDULING,
	      (uint64_t)handover->step->worker << 20 | (uint64_t)handover->state << 36 |
		      (uint64_t)SCHEDULING_SWITCH << 60,
	      16);
	put(fxt, handover->ns);
	put(fxt, handover->from);
	put(fxt, handover->to);
	put_weight(fxt, &outgoing, handover->from_idle);
	put_weight(fxt, &incoming, handover->to_idle);
	if (handover->reason)
		put_text(fxt, &reason, &reason_text);
	put_fields(fxt, &fields);
	end(fxt);
}

static bool is_idle(uint32_t fiber)
{
	return fiber == 0 || fiber >= TRACE_IDLE_FIBERS;
}

static void export_switch(struct fxt *fxt, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	uint32_t worker = moment->step.worker;
	struct handover handover = {.step = &moment->step, .ns = moment->ns};
	handover.from = thread_of_fiber(fxt, record->peer, worker);
	handover.to = thread_of_fiber(fxt, record->fiber, worker);
	handover.from_idle = is_idle(record->peer);
	handover.to_idle = is_idle(record->fiber);
	handover.state = record->arg == TRACE_leave_YIELD    ? THREAD_RUNNABLE
			 : record->arg == TRACE_leave_FINISH ? THREAD_DEAD
							     : THREAD_BLOCKED;
	write_switch(fxt, &handover);
}

/* A worker begins and ends running a fiber without a SWITCH. */
static void export_worker(struct fxt *fxt, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	bool starts = record->type == TRACE_WORKER_START;
	struct handover handover = {.step = &moment->step, .ns = moment->ns};
	if (is_idle(record->fiber))
		return;
	uint32_t fiber = thread_of_fiber(fxt, record->fiber, moment->step.worker);
	uint32_t outside = thread_of_segment(fxt, moment->step.worker);
	handover.from = starts ? outside : fiber;
	handover.to = starts ? fiber : outside;
	handover.from_idle = starts;
	handover.to_idle = !starts;
	handover.state = starts ? THREAD_RUNNABLE : THREAD_DEAD;
	handover.reason = starts ? "worker starts" : "worker stops";
	write_switch(fxt, &handover);
}

static void export_wakeup(struct fxt *fxt, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	uint32_t worker = moment->step.worker;
	uint32_t fiber = thread_of_fiber(fxt, record->fiber, worker);
	uint32_t waker = thread_of_fiber(fxt, record->peer, worker);
	struct reference name;
	refer(fxt, &name, "waker");
	begin(fxt, RECORD_SCHEDULING,
	      (uint64_t)worker << 20 | (uint64_t)SCHEDULING_WAKEUP << 60, 16);
	put(fxt, moment->ns);
	put(fxt, fiber);
	put_wide(fxt, ARGUMENT_KOID, &name, waker);
	end(fxt);
}

/* ---- events ---- */

/* Starts an event on the track's thread. What it refers to is written first, so
 * arguments must have their references already. */
static void begin_event(struct fxt *fxt, enum event_type type, size_t track,
			uint64_t ns, const char *module, const char *text)
{
	struct reference category, name;
	uint32_t thread = thread_of(fxt, track);
	refer(fxt, &category, module);
	refer(fxt, &name, text);
	begin(fxt, RECORD_EVENT,
	      (uint64_t)type << 16 | category.bits << 32 | name.bits << 48, 20);
	put(fxt, ns);
	put(fxt, PROCESS);
	put(fxt, thread);
	put_stream(fxt, category.text, category.length);
	put_stream(fxt, name.text, name.length);
}

static const char *text_of(const struct fxt *fxt, const struct moment *moment)
{
	return trace_file_string(fxt->moments.file,
				 moment->step.record->value & 0xFFFFFFFFu);
}

static void export_event(struct fxt *fxt, const struct moment *moment,
			 enum event_type type, const char *text)
{
	const struct schema *schema = &fxt->moments.file->schema;
	struct fields fields;
	refer_fields(fxt, &fields, &moment->step);
	begin_event(fxt, type, moment->track, moment->ns,
		    schema->events[moment->step.record->type].module, text);
	put_fields(fxt, &fields);
	end(fxt);
}

/* While it is parked, a fiber begins and ends no span, so this one nests. */
static void export_wait(struct fxt *fxt, const struct moment *moment,
			const struct moment_change *change)
{
	char text[MOMENT_WAIT_SIZE];
	enum event_type type =
		change->to == STATE_PARKED ? EVENT_DURATION_BEGIN : EVENT_DURATION_END;
	moments_wait_text(&fxt->moments, change->wait, text);
	begin_event(fxt, type, change->track, moment->ns,
		    fxt->moments.file->schema.events[change->wait->type].module, text);
	end(fxt);
}

static void export_waits(struct fxt *fxt, const struct moment *moment)
{
	for (size_t i = 0; i < moment->change_count; i++)
		if (moment->changes[i].wait)
			export_wait(fxt, moment, &moment->changes[i]);
}

/* A counter's number is a word after its arguments. */
static void export_queue(struct fxt *fxt, const struct moment *moment)
{
	char text[NAME_SIZE];
	struct fields fields;
	size_t track = fxt->moments.names.count + moment->step.worker;
	snprintf(text, sizeof text, "queue of worker %" PRIu32, moment->step.worker);
	refer_fields(fxt, &fields, &moment->step);
	begin_event(fxt, EVENT_COUNTER, track, moment->ns, "scheduler", text);
	put_fields(fxt, &fields);
	put(fxt, moment->step.worker);
	end(fxt);
}

static void export_counts(struct fxt *fxt, const struct moment *moment)
{
	struct reference live, ready;
	size_t track = fxt->moments.names.count + moment->step.worker;
	refer(fxt, &live, "live");
	refer(fxt, &ready, "ready");
	begin_event(fxt, EVENT_COUNTER, track, moment->ns, "fiber", "fibers");
	put_number(fxt, &live, fxt->moments.live);
	put_number(fxt, &ready, fxt->moments.ready);
	put(fxt, 0);
	end(fxt);
}

static void export_instant(struct fxt *fxt, const struct moment *moment)
{
	const struct trace_record *record = moment->step.record;
	const struct schema_event *event =
		&fxt->moments.file->schema.events[record->type];
	char number[sizeof "type-255"];
	snprintf(number, sizeof number, "type-%u", record->type);
	export_event(fxt, moment, EVENT_INSTANT,
		     record->type == TRACE_MARK ? text_of(fxt, moment)
		     : event->known             ? event->name
						: number);
}

static void export_moment(struct fxt *fxt, const struct moment *moment)
{
	uint8_t type = moment->step.record->type;
	if (type == TRACE_SWITCH)
		export_switch(fxt, moment);
	else if (type == TRACE_WORKER_START || type == TRACE_WORKER_STOP)
		export_worker(fxt, moment);
	else if (type == TRACE_READY)
		export_wakeup(fxt, moment);
	else if (type == fxt->moments.queue_length)
		export_queue(fxt, moment);
	export_waits(fxt, moment);
	if (moment->span == SPAN_BEGINS)
		export_event(fxt, moment, EVENT_DURATION_BEGIN, text_of(fxt, moment));
	else if (moment->span == SPAN_ENDS)
		export_event(fxt, moment, EVENT_DURATION_END, text_of(fxt, moment));
	else if (moments_is_instant(&fxt->moments, moment))
		export_instant(fxt, moment);
	if (moment->counted)
		export_counts(fxt, moment);
}

/* ---- the file ---- */

static void write_head(struct fxt *fxt)
{
	static const char provider[] = "weft-trace";
	const struct trace_file *file = fxt->moments.file;
	const char *slash = strrchr(file->path, '/');
	char name[TEXT_SIZE];
	write_word(fxt, MAGIC);
	begin(fxt, RECORD_METADATA,
	      (uint64_t)METADATA_PROVIDER << 16 | (uint64_t)PROVIDER << 20 |
		      (uint64_t)(sizeof provider - 1) << 52,
	      0);
	put_stream(fxt, provider, sizeof provider - 1);
	end(fxt);
	begin(fxt, RECORD_INITIALIZATION, 0, 0);
	put(fxt, TICKS_PER_SECOND);
	end(fxt);
	if (trace_file_dropped(file) > 0) { /* event 0: records were likely dropped */
		begin(fxt, RECORD_METADATA,
		      (uint64_t)METADATA_PROVIDER_EVENT << 16 | (uint64_t)PROVIDER
									<< 20,
		      0);
		end(fxt);
	}
	snprintf(name, sizeof name, "%.150s (process %" PRIu32 ")",
		 slash ? slash + 1 : file->path, file->header->pid);
	name_object(fxt, OBJECT_PROCESS, PROCESS, name);
	for (size_t i = 0; i < fxt->moments.names.count; i++)
		(void)thread_of(fxt, i);
}

/* What Perfetto would not say by itself. */
static void write_about(struct fxt *fxt)
{
	struct moment_fact facts[MOMENT_FACTS];
	struct reference names[MOMENT_FACTS];
	moments_facts(&fxt->moments, facts);
	for (size_t i = 0; i < MOMENT_FACTS; i++)
		refer(fxt, &names[i], facts[i].name);
	begin_event(fxt, EVENT_INSTANT, fxt->moments.names.count, fxt->moments.last_ns,
		    "meta", "about this trace");
	for (size_t i = 0; i < MOMENT_FACTS; i++)
		put_number(fxt, &names[i], facts[i].number);
	end(fxt);
}

static int write_all(struct fxt *fxt)
{
	struct moment moment;
	write_head(fxt);
	while (!fxt->output.error && moments_next(&fxt->moments, &moment))
		export_moment(fxt, &moment);
	int error = moments_error(&fxt->moments);
	if (!error && trace_file_segments(fxt->moments.file) > 0)
		write_about(fxt);
	return error;
}

static int open_fxt(struct fxt *fxt, const struct trace_file *file)
{
	int error = moments_open(&fxt->moments, file);
	if (error)
		return error;
	fxt->named = calloc(fxt->moments.tracks + 1, sizeof *fxt->named);
	fxt->strings = calloc(STRING_SLOTS, sizeof *fxt->strings);
	fxt->indexes = calloc(STRING_SLOTS, sizeof *fxt->indexes);
	return fxt->named && fxt->strings && fxt->indexes ? 0 : -ENOMEM;
}

/* Also after open_fxt has failed half way. */
static void close_fxt(struct fxt *fxt)
{
	for (size_t i = 0; fxt->strings && i < STRING_SLOTS; i++)
		free(fxt->strings[i]);
	free(fxt->named);
	free(fxt->strings);
	free(fxt->indexes);
	moments_close(&fxt->moments);
	free(fxt);
}

int command_fxt(const struct trace_file *file, const char *path,
		struct trace_message *why)
{
	struct fxt *fxt = calloc(1, sizeof *fxt);
	int error = fxt ? open_fxt(fxt, file) : -ENOMEM;
	if (error)
		snprintf(why->text, sizeof why->text, "cannot export %.200s: %s",
			 file->path, weft_strerror(error));
	else
		error = output_open(&fxt->output, path, file->path, why);
	if (!error)
		error = output_finish(&fxt->output, write_all(fxt), why);
	if (fxt)
		close_fxt(fxt);
	return error ? EXIT_UNREADABLE : EXIT_HOLDS;
}
