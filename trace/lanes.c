/* lanes.c: which fiber ran when, drawn with characters: a lane a fiber, a column a
 * step.
 *
 * Columns are steps and not time: a switch takes nanoseconds, and most of a run would
 * be one column. A step is a record that changes the state of a fiber, or of a worker that
 * falls asleep or goes on. Where there are more steps than columns, the beginning and the
 * end are drawn, and a line below says which; where there are more fibers than LANES_MAX,
 * the last lane stands for the rest of them.
 *
 * States of a fiber, and the event that makes each transition:
 *
 *   absent -- CREATE --> new -- SWITCH to it --> running -- SWITCH, yield --> ready
 *                               WORKER_START        |------ SWITCH, finish -> finished
 *                                                   |------ SWITCH, other --> parked
 *                                                   '------ WORKER_STOP ----> finished
 *   running -- SWITCH, park, after its WAIT_PUSH or TIMER_SET --> what it waits for
 *   new, parked, waiting -- READY --> ready       finished -- next step --> absent
 *   ready, parked, waiting -- SWITCH to it --> running
 *   running -- SWITCH to it, by another worker --> twice -- SWITCH from it --> running
 *
 * The last line is what a broken run does, and a picture must not hide it.
 *
 * Where a worker sleeps, or steals, each worker has a lane too, below those of the fibers:
 *
 *   absent ---- WORKER_START -----------------> working (a fiber) or searching (for one)
 *   searching -- SWITCH to a fiber ------------> working
 *   working ---- SWITCH to its own context ----> searching
 *   searching -- WORKER_SLEEP --> asleep -- WORKER_AWAKE --> searching
 *   working, searching -- WORKER_STOP --> absent
 *   ready -- STEAL --> stolen -- next step --> ready     (the fiber, in its own lane)
 *
 * Rejected: columns that stand for several steps each. Where fibers take turns, and
 * they mostly do, every such column says "all of them". */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/names.h"
#include "weft.h"

#define LANES_MAX      24 /* fibers with a lane of their own: a screen's worth */
#define WORKERS_MAX    16 /* workers with one */
#define LABEL_LEAST    4  /* columns of a name in a narrow terminal */
#define NAMES_A_WORKER 6  /* as many names are listed of those a worker ran */

/* Those of fibers, and then those of workers. */
enum state {
	ABSENT,
	NEW,
	RUNNING,
	TWICE,
	READY,
	STOLEN,
	PARKED,
	QUEUED,
	OUTSIDE,
	TIMED,
	FINISHED,
	WORKING,
	SEARCHING,
	ASLEEP,
	STATES
};

/* Colours are those of the 256 that come nearest to Okabe and Ito's, which people who
 * see colours differently can tell apart. */
static const struct look {
	const char *unicode, *ascii, *text;
	int color;
} looks[STATES] = {
	[ABSENT] = {" ", " ", "", 0},
	[NEW] = {"░", ":", "new", 246},
	[RUNNING] = {"█", "=", "running", 36},
	[READY] = {"╌", "-", "ready", 178},
	[STOLEN] = {"»", ">", "stolen", 178},
	[PARKED] = {"·", ".", "parked", 166},
	[QUEUED] = {"_", "_", "waits in a queue", 166},
	[OUTSIDE] = {"≈", "%", "waits for I/O", 32},
	[TIMED] = {"@", "@", "waits for a time", 246},
	[FINISHED] = {"┤", "|", "finished", 246},
	[TWICE] = {"!", "!", "run by two workers at once", 160},
	[WORKING] = {"█", "=", "runs a fiber", 36},
	[SEARCHING] = {"/", "/", "looks for one", 246},
	[ASLEEP] = {"z", "z", "sleeps", 32},
};

/* What is drawn of one fiber at one step. */
struct cell {
	uint8_t state;  /* enum state */
	uint8_t worker; /* the one it runs on */
	uint8_t other;  /* and the other one, where it runs twice */
	uint8_t wait; /* enum state: what it is when it parks next; ABSENT: just that */
};

_Static_assert(TRACE_SEGMENTS_MAX - 1 <= UINT8_MAX, "a cell holds a worker");

struct lanes {
	const struct names *names;
	const struct terminal *terminal;
	FILE *out;
	int error;

	/* What the first pass finds. */
	uint64_t steps;
	bool started[TRACE_SEGMENTS_MAX]; /* the workers that made one of the steps */
	uint32_t workers;                 /* how many those are */
	bool idles;                       /* some worker sleeps or steals */

	/* The picture: `rows` of `columns` cells; the first `fiber_rows` of them are
	 * fibers'. */
	size_t rows, fiber_rows, columns, label;
	struct cell *cells;
	uint64_t head, tail; /* steps before `head` and from `tail` on are drawn */

	/* The second pass, by the fiber's index in names. */
	struct cell *now;
	uint64_t column; /* the step that is being drawn */
	size_t ended;    /* the fiber that ended in the step before, or names->count */
	size_t stolen;   /* the one that was stolen in it */
	enum state worker_states[TRACE_SEGMENTS_MAX];
	bool *ran; /* workers x fibers: who ran where */
};

/* ---- words that flow within the width ---- */

/* Moves on by a gap or to a new line, for `columns` more. Returns where the text is
 * then. */
static size_t flow(const struct lanes *lanes, size_t at, size_t gap, size_t columns)
{
	if (at == 0)
		return columns;
	if (at + gap + columns > (size_t)lanes->terminal->width) {
		fputc('\n', lanes->out);
		return columns;
	}
	fprintf(lanes->out, "%*s", (int)gap, "");
	return at + gap + columns;
}

/* Writes `text` in words, from column `at` on; returns where it ends. */
static size_t flow_words(const struct lanes *lanes, size_t at, const char *text)
{
	while (*text) {
		char word[NAME_SIZE + 16], fitting[NAME_SIZE + 16];
		size_t length = strcspn(text, " ");
		snprintf(word, sizeof word, "%.*s", (int)length, text);
		text_fit(fitting, sizeof fitting, word, (size_t)lanes->terminal->width,
			 lanes->terminal->unicode);
		at = flow(lanes, at, 1, text_columns(fitting));
		fputs(fitting, lanes->out);
		text += length;
		text += *text == ' ';
	}
	return at;
}

/* One line of the text around the picture, or as many as the width makes of it. */
static void flow_line(const struct lanes *lanes, const char *text)
{
	(void)flow_words(lanes, 0, text);
	fputc('\n', lanes->out);
}

/* ---- the steps ---- */

static bool is_idling(const struct trace_record *record)
{
	return record->type == TRACE_STEAL || record->type == TRACE_WORKER_SLEEP ||
	       record->type == TRACE_WORKER_AWAKE;
}

/* A FINISH is none: its fiber still runs until the switch that follows. */
static bool is_step(const struct trace_record *record)
{
	return record->type == TRACE_SWITCH || record->type == TRACE_CREATE ||
	       record->type == TRACE_READY || record->type == TRACE_WORKER_START ||
	       record->type == TRACE_WORKER_STOP || is_idling(record);
}

/* 0 to 9, then a to z; a machine with more workers shows the rest as +. */
static char letter(uint32_t worker)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	return worker < sizeof letters - 1 ? letters[worker] : '+';
}

/* names->count stands for nobody: the last element of `now` and `ran`. */
static size_t index_of(const struct lanes *lanes, uint32_t id)
{
	const struct fiber_name *fiber = names_get(lanes->names, id);
	return fiber ? (size_t)(fiber - lanes->names->fibers) : lanes->names->count;
}

/* A fiber that yields can go on at once. One that leaves to start another, or parks, goes
 * on when somebody switches to it. */
static enum state left(uint8_t reason)
{
	return reason == TRACE_leave_YIELD    ? READY
	       : reason == TRACE_leave_FINISH ? FINISHED
					      : PARKED;
}

static void run(struct lanes *lanes, size_t fiber, uint32_t worker)
{
	struct cell *now = &lanes->now[fiber];
	bool twice = now->state == RUNNING && now->worker != worker;
	*now = (struct cell){.state = twice ? TWICE : RUNNING,
			     .worker = (uint8_t)worker,
			     .other = now->worker};
	lanes->ran[worker * (lanes->names->count + 1) + fiber] = true;
}

/* What another worker runs goes on there. */
static void stop(struct lanes *lanes, size_t fiber, enum state state, uint32_t worker)
{
	struct cell *now = &lanes->now[fiber];
	if (now->state == TWICE) {
		now->state = RUNNING;
		now->worker = now->worker == worker ? now->other : now->worker;
	} else if (now->state != RUNNING || now->worker == worker) {
		bool waits = state == PARKED && now->wait != ABSENT;
		now->state = waits ? now->wait : (uint8_t)state;
	}
	if (now->state == FINISHED)
		lanes->ended = fiber;
}

static enum state state_of_worker(const struct trace_record *record, enum state before)
{
	enum state up = record->fiber < TRACE_IDLE_FIBERS ? WORKING : SEARCHING;
	switch (record->type) {
	case TRACE_SWITCH:
	case TRACE_WORKER_START:
	case TRACE_WORKER_AWAKE:
		return up;
	case TRACE_WORKER_SLEEP:
		return ASLEEP;
	case TRACE_WORKER_STOP:
		return ABSENT;
	}
	return before;
}

static enum state state_of_wait(uint8_t what)
{
	switch (what) {
	case TRACE_wait_READABLE:
	case TRACE_wait_WRITABLE:
	case TRACE_wait_OFFLOAD:
	case TRACE_wait_SIGNAL:
		return OUTSIDE;
	}
	return QUEUED;
}

/* What a fiber will wait for, once it parks. One that waits for something until a time is
 * shown with what it waits for; and the end of a child is no wait of these. */
static void note_wait(struct lanes *lanes, const struct trace_record *record)
{
	struct cell *now = &lanes->now[index_of(lanes, record->fiber)];
	if (record->type == TRACE_WAIT_PUSH || record->type == TRACE_WAIT_RETURN)
		now->wait = (uint8_t)state_of_wait(record->arg);
	else if (record->type == TRACE_TIMER_SET && now->wait == ABSENT)
		now->wait = TIMED;
	else if (record->type == TRACE_AWAIT)
		now->wait = PARKED;
}

/* Being stolen is seen for one step. */
static void steal(struct lanes *lanes, size_t fiber)
{
	if (lanes->now[fiber].state != READY)
		return;
	lanes->now[fiber].state = STOLEN;
	lanes->stolen = fiber;
}

/* What was to be seen for one step is over. */
static void settle(struct lanes *lanes)
{
	if (lanes->now[lanes->ended].state == FINISHED)
		lanes->now[lanes->ended].state = ABSENT;
	if (lanes->now[lanes->stolen].state == STOLEN)
		lanes->now[lanes->stolen].state = READY;
}

/* The last element of `now` takes what is said of no fiber. */
static void follow(struct lanes *lanes, const struct trace_step *step)
{
	const struct trace_record *record = step->record;
	size_t fiber = index_of(lanes, record->fiber);
	enum state *worker = &lanes->worker_states[step->worker];
	*worker = state_of_worker(record, *worker);
	settle(lanes);
	if (record->type == TRACE_SWITCH)
		stop(lanes, index_of(lanes, record->peer), left(record->arg),
		     step->worker);
	if (record->type == TRACE_CREATE)
		lanes->now[fiber].state = NEW;
	else if (record->type == TRACE_WORKER_STOP)
		stop(lanes, fiber, FINISHED, step->worker);
	else if (record->type == TRACE_STEAL)
		steal(lanes, fiber);
	else if (record->type == TRACE_SWITCH || record->type == TRACE_WORKER_START)
		run(lanes, fiber, step->worker);
	else if (record->type != TRACE_READY)
		return;
	else if (lanes->now[fiber].state != RUNNING && lanes->now[fiber].state != TWICE)
		lanes->now[fiber].state = READY;
}

/* ---- the cells ---- */

/* The lane of the rest: somebody of them runs, or not. */
static struct cell sum_up(const struct lanes *lanes, size_t from)
{
	for (size_t i = from; i < lanes->names->count; i++)
		if (!lanes->names->fibers[i].idle &&
		    (lanes->now[i].state == RUNNING || lanes->now[i].state == TWICE))
			return lanes->now[i];
	return (struct cell){.state = ABSENT};
}

/* Fibers come before idle contexts in names, since they have the smaller numbers. */
static void fill_column(struct lanes *lanes, size_t column)
{
	struct cell *cell = &lanes->cells[column];
	for (size_t row = 0; row < lanes->fiber_rows; row++, cell += lanes->columns)
		*cell = row == LANES_MAX ? sum_up(lanes, row) : lanes->now[row];
	for (uint32_t worker = 0; worker < lanes->rows - lanes->fiber_rows; worker++) {
		*cell = (struct cell){.state = (uint8_t)lanes->worker_states[worker]};
		cell += lanes->columns;
	}
}

/* A step outside of head and tail changes the states and is not drawn. */
static void draw_step(struct lanes *lanes, const struct trace_step *step)
{
	follow(lanes, step);
	uint64_t at = lanes->column++;
	if (at < lanes->head)
		fill_column(lanes, at);
	else if (at >= lanes->tail)
		fill_column(lanes, lanes->columns - (lanes->steps - at));
}

static void count_step(struct lanes *lanes, const struct trace_step *step)
{
	lanes->steps++;
	lanes->idles = lanes->idles || is_idling(step->record);
	if (step->worker >= trace_file_workers(lanes->names->file))
		return;
	lanes->workers += !lanes->started[step->worker];
	lanes->started[step->worker] = true;
}

static void pass(struct lanes *lanes,
		 void (*each)(struct lanes *lanes, const struct trace_step *step))
{
	struct trace_merge *merge;
	struct trace_step step;
	lanes->error = trace_merge_open(&merge, lanes->names->file);
	if (lanes->error)
		return;
	while (trace_merge_next(merge, &step))
		if (is_step(step.record))
			each(lanes, &step);
		else if (lanes->now)
			note_wait(lanes, step.record);
	lanes->error = trace_merge_error(merge);
	trace_merge_close(merge);
}

/* ---- the layout ---- */

/* How many of the names are fibers; workers' own contexts have no lane. */
static size_t count_fibers(const struct names *names)
{
	size_t fibers = names->count;
	while (fibers > 0 && names->fibers[fibers - 1].idle)
		fibers--;
	return fibers;
}

/* The name of a lane, as much of it as the labels' width allows. */
static void label_of(const struct lanes *lanes, size_t row, char *to, size_t size)
{
	char text[NAME_SIZE];
	if (row >= lanes->fiber_rows)
		snprintf(text, sizeof text, "worker %zu", row - lanes->fiber_rows);
	else if (row == LANES_MAX)
		snprintf(text, sizeof text, "%zu more",
			 count_fibers(lanes->names) - row);
	else
		snprintf(text, sizeof text, "%s", lanes->names->fibers[row].text);
	text_fit(to, size, text, lanes->label, lanes->terminal->unicode);
}

/* Which lanes there are; the workers that never did anything have the largest numbers. */
static void choose_rows(struct lanes *lanes)
{
	size_t fibers = count_fibers(lanes->names);
	lanes->fiber_rows = fibers > LANES_MAX ? LANES_MAX + 1 : fibers;
	lanes->rows = lanes->fiber_rows;
	for (uint32_t worker = 0; lanes->idles && worker < WORKERS_MAX; worker++)
		if (lanes->started[worker])
			lanes->rows = lanes->fiber_rows + worker + 1;
}

/* Labels take what the longest needs, and never more than a quarter of the width. */
static void lay_out(struct lanes *lanes)
{
	size_t width = (size_t)lanes->terminal->width, longest = 1;
	choose_rows(lanes);
	lanes->label = width;
	for (size_t row = 0; row < lanes->rows; row++) {
		char text[NAME_SIZE];
		label_of(lanes, row, text, sizeof text);
		size_t columns = text_columns(text);
		longest = columns > longest ? columns : longest;
	}
	size_t most = width / 4 > LABEL_LEAST ? width / 4 : LABEL_LEAST;
	lanes->label = longest < most ? longest : most;
	size_t columns = width - lanes->label - 2;
	lanes->head = lanes->tail = lanes->columns = lanes->steps;
	if (lanes->steps > columns) {
		lanes->columns = columns;
		lanes->head = columns * 2 / 3;
		lanes->tail = lanes->steps - (columns - 1 - lanes->head);
	}
}

/* ---- drawing ---- */

static void draw_cell(const struct lanes *lanes, struct cell cell)
{
	const struct look *look = &looks[cell.state];
	if (cell.state == RUNNING && lanes->workers > 1)
		fputc(letter(cell.worker), lanes->out);
	else
		fputs(lanes->terminal->unicode ? look->unicode : look->ascii,
		      lanes->out);
}

static void set_color(const struct lanes *lanes, enum state state)
{
	if (lanes->terminal->color)
		fprintf(lanes->out, "\x1b[38;5;%dm", looks[state].color);
}

static void end_color(const struct lanes *lanes)
{
	if (lanes->terminal->color)
		fputs("\x1b[0m", lanes->out);
}

/* The column that stands for the steps between head and tail. */
static bool is_gap(const struct lanes *lanes, size_t column)
{
	return lanes->head < lanes->tail && column == lanes->head;
}

/* Neighbours of one state share a colour: the picture stays small where it is stored. */
static void draw_run(const struct lanes *lanes, const struct cell *cells, size_t count)
{
	enum state state = (enum state)cells->state;
	if (state != ABSENT)
		set_color(lanes, state);
	for (size_t i = 0; i < count; i++)
		draw_cell(lanes, cells[i]);
	if (state != ABSENT)
		end_color(lanes);
}

/* The blanks of an absent fiber are written only where something follows them. */
static void draw_row(const struct lanes *lanes, size_t row)
{
	const struct cell *cells = lanes->cells + row * lanes->columns;
	size_t end = lanes->columns, next;
	while (end > 0 && cells[end - 1].state == ABSENT && !is_gap(lanes, end - 1))
		end--;
	char label[NAME_SIZE];
	label_of(lanes, row, label, sizeof label);
	fputs(label, lanes->out);
	if (end > 0)
		fprintf(lanes->out, "%*s",
			(int)(lanes->label + 2 - text_columns(label)), "");
	for (size_t i = 0; i < end; i = next) {
		next = i + 1;
		if (is_gap(lanes, i)) {
			fputs(lanes->terminal->unicode ? "…" : "~", lanes->out);
			continue;
		}
		while (next < end && cells[next].state == cells[i].state &&
		       !is_gap(lanes, next))
			next++;
		draw_run(lanes, cells + i, next - i);
	}
	fputc('\n', lanes->out);
}

/* Explains the signs that are in the picture, and no others. */
static void draw_legend(const struct lanes *lanes)
{
	bool seen[STATES] = {false};
	size_t at = 0;
	for (size_t i = 0; i < lanes->rows * lanes->columns; i++)
		seen[lanes->cells[i].state] = true;
	for (int i = NEW; i < STATES; i++) {
		enum state state = (enum state)i;
		bool lettered = state == RUNNING && lanes->workers > 1;
		const char *text = lettered ? "run by worker" : looks[state].text;
		const char *sign = lettered                   ? "0-9"
				   : lanes->terminal->unicode ? looks[state].unicode
							      : looks[state].ascii;
		if (!seen[state])
			continue;
		at = flow(lanes, at, 2, text_columns(sign) + 1 + text_columns(text));
		set_color(lanes, state);
		fputs(sign, lanes->out);
		end_color(lanes);
		fprintf(lanes->out, " %s", text);
	}
	if (at > 0)
		fputc('\n', lanes->out);
}

/* "worker 1 ran ping, pong and 7 more" */
static void tell_worker(const struct lanes *lanes, uint32_t worker)
{
	const struct names *names = lanes->names;
	const bool *ran = lanes->ran + worker * (names->count + 1);
	size_t fibers = count_fibers(names), all = 0, told = 0, at;
	char text[NAME_SIZE + 16];
	for (size_t i = 0; i < fibers; i++)
		all += ran[i];
	snprintf(text, sizeof text, "worker %" PRIu32 " ran%s", worker,
		 all > 0 ? "" : " no fiber");
	at = flow_words(lanes, 0, text);
	for (size_t i = 0; i < fibers && told < NAMES_A_WORKER; i++) {
		if (!ran[i])
			continue;
		told++;
		snprintf(text, sizeof text, "%s%s", names->fibers[i].text,
			 told < all ? "," : "");
		at = flow_words(lanes, at, text);
	}
	if (told < all) {
		snprintf(text, sizeof text, "and %zu more", all - told);
		at = flow_words(lanes, at, text);
	}
	fputc('\n', lanes->out);
}

/* What a reader must know who looks at this picture only. */
static void tell_limits(const struct lanes *lanes)
{
	const struct trace_file *file = lanes->names->file;
	char text[200];
	if (lanes->head < lanes->tail) {
		snprintf(text, sizeof text,
			 "Shown are the first %" PRIu64 " and the last %" PRIu64
			 " of %" PRIu64 " steps.",
			 lanes->head, lanes->steps - lanes->tail, lanes->steps);
		flow_line(lanes, text);
	}
	if (lanes->fiber_rows > LANES_MAX)
		flow_line(lanes,
			  "The last lane shows when any of the other fibers ran.");
	if (lanes->idles && lanes->workers > WORKERS_MAX) {
		snprintf(text, sizeof text,
			 "Of %" PRIu32 " workers, the first %d have lanes.",
			 lanes->workers, WORKERS_MAX);
		flow_line(lanes, text);
	}
	if (trace_file_dropped(file) > 0) {
		snprintf(text, sizeof text,
			 "Records were lost, %" PRIu64 " of them: parts are missing.",
			 trace_file_dropped(file));
		flow_line(lanes, text);
	}
	if (!trace_file_clean(file))
		flow_line(lanes, "The program did not close this trace.");
}

static void draw(const struct lanes *lanes)
{
	flow_line(lanes,
		  "Which fiber ran when? A column is a step, not a length of time.");
	fputc('\n', lanes->out);
	for (size_t row = 0; row < lanes->rows; row++) {
		if (row == lanes->fiber_rows)
			fputc('\n', lanes->out);
		draw_row(lanes, row);
	}
	fputc('\n', lanes->out);
	draw_legend(lanes);
	for (uint32_t worker = 0; worker < TRACE_SEGMENTS_MAX; worker++)
		if (lanes->workers > 1 && lanes->started[worker])
			tell_worker(lanes, worker);
}

/* Follows the run a second time, now with the cells laid out, and draws them. */
static void make_picture(struct lanes *lanes)
{
	size_t fibers = lanes->names->count + 1;
	lanes->cells = calloc(lanes->rows * lanes->columns + 1, sizeof *lanes->cells);
	lanes->now = calloc(fibers, sizeof *lanes->now);
	lanes->ran = calloc(fibers, TRACE_SEGMENTS_MAX);
	lanes->ended = lanes->stolen = fibers - 1;
	if (!lanes->cells || !lanes->now || !lanes->ran)
		lanes->error = -ENOMEM;
	else
		pass(lanes, draw_step);
	if (!lanes->error)
		draw(lanes);
	free(lanes->cells);
	free(lanes->now);
	free(lanes->ran);
}

static void show(struct lanes *lanes)
{
	pass(lanes, count_step);
	if (lanes->error)
		return;
	lay_out(lanes);
	if (lanes->steps > 0 && lanes->rows > 0)
		make_picture(lanes);
	else
		flow_line(lanes,
			  "There is nothing to draw: no fiber ran in this trace.");
	if (!lanes->error)
		tell_limits(lanes);
}

int command_lanes(const struct trace_file *file, const struct terminal *terminal,
		  FILE *out)
{
	struct names names;
	struct lanes lanes = {.names = &names, .terminal = terminal, .out = out};
	lanes.error = names_open(&names, file);
	if (!lanes.error) {
		show(&lanes);
		names_close(&names);
	}
	if (lanes.error)
		fprintf(out, "cannot draw this trace: %s\n",
			weft_strerror(lanes.error));
	return lanes.error ? EXIT_UNREADABLE : EXIT_HOLDS;
}
