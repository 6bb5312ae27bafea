/* check.c: does a trace keep the promises of the runtime?
 *
 * Concepts. The checker walks the merged order once and keeps what each worker and each
 * fiber is doing (check_state.c). Before a record changes that state, every invariant
 * that has a word on its event judges it; an invariant may judge once more at the end. An
 * invariant is one entry of a table (check_invariants.c), and a new one needs nothing
 * else. Where ready fibers wait, what others wait for and why they go on, and which
 * workers sleep, is in files of its own, with the judges of it (check_queues.c,
 * check_waits.c, check_timers.c, check_causes.c, check_sleep.c). Then the answer is told
 * (check_tell.c).
 *
 *   a step -- check_see --> sight -- check_judge --> failures -- check_tell --> answer
 *                             '----- check_apply --> states
 *
 * Evidence. Whatever a judge contradicts was established by a record, and the state
 * keeps where that record stands. So a failure can show the few records that matter, and
 * those that connect them (slice.c), instead of the trace around them.
 *
 * Memory. A fiber is forgotten when it is recycled, but for its number; pages of the file
 * are given back behind the walk. So a walk needs room for what is alive at once, however
 * long the trace is. What only a failure needs is looked up in another pass.
 *
 * States of a fiber, by the records that change them:
 *
 *   unknown -- CREATE --> new -- READY --> ready -- SWITCH to it --> running
 *   running -- SWITCH, yield --> ready     parked -- READY --> ready
 *   running -- SWITCH, park or start --> parked
 *   running -- FINISH --> finished -- SWITCH, finish --> left -- RECYCLE --> recycled
 *   unknown -- WORKER_START --> running -- WORKER_STOP --> stopped
 *
 * A trace in which no READY stands was not written by a scheduler: there a switch
 * may go to any fiber that has not ended. Workers' own contexts run whenever nothing
 * else does, and nobody makes them ready.
 *
 * In a window of a longer run, a fiber from before it is unknown at first, and so is what
 * a worker runs. They become known by what the window shows of them.
 *
 * Verdicts. Lost records may be the ones that would explain what looks wrong, so after
 * a loss the answer is "unknown" whatever was found. A trace that was not closed has
 * all its records but no end, so what must hold at the end is not judged.
 *
 * Only the first failure of each invariant is shown: the later ones often follow from
 * it.
 *
 * Rejected: stopping at the first failure of all. A broken switch shows in several
 * invariants, and the one that names the bug may come second. */
#include "trace/check.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>

#include "trace/progress.h"
#include "weft.h"

static void look_at(struct checker *checker, const struct trace_step *step)
{
	struct sight sight;
	checker->never_written += step->record->type == 0;
	if (!check_see(checker, step, &sight))
		return;
	check_judge(checker, &sight);
	check_apply(checker, &sight);
}

uint64_t check_count_records(const struct trace_file *file)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < trace_file_segments(file); i++)
		count += file->heads[i];
	return count;
}

static int walk(struct checker *checker)
{
	struct trace_merge *merge;
	struct trace_step step = {.record = NULL};
	struct progress progress;
	int error = trace_merge_open(&merge, checker->file);
	if (error)
		return error;
	progress_start(&progress, "checked", check_count_records(checker->file),
		       checker->options->progress);
	while (!checker->out_of_memory && trace_merge_next(merge, &step)) {
		look_at(checker, &step);
		progress_step(&progress, step.number);
	}
	progress_erase(&progress);
	error = checker->out_of_memory ? -ENOMEM : trace_merge_error(merge);
	checker->repairs = trace_merge_repairs(merge);
	checker->last_tick = step.record ? step.tick : 0;
	if (!error)
		error = trace_knot_find(&checker->knot, checker->file,
					trace_merge_stop(merge));
	trace_merge_close(merge);
	if (!error)
		check_judge_end(checker);
	return error;
}

static void prepare(struct checker *checker, const struct trace_file *file,
		    const struct check_options *options)
{
	uint64_t rate = file->ticks_per_second;
	checker->file = file;
	checker->options = options;
	checker->clean = trace_file_clean(file);
	checker->window = trace_file_is_window(file);
	checker->nobody.worker = NOBODY;
	checker->ready.limit_ticks =
		rate / 1000 * options->lint_ms + rate % 1000 * options->lint_ms / 1000;
	for (int type = 0; type < 256; type++)
		checker->peer_numbers[type] =
			(uint8_t)schema_peer_sequence(&file->schema.events[type]);
	fiber_table_init(&checker->fibers, sizeof(struct fiber_state));
	fiber_table_init(&checker->objects, sizeof(struct object_state));
	waiters_init(&checker->waiters);
	fiber_table_init(&checker->accounts, sizeof(struct account));
	check_assign(checker);
}

int command_check_with(const struct trace_file *file,
		       const struct check_options *options, FILE *out)
{
	struct checker *checker = calloc(1, sizeof *checker);
	int answer = -ENOMEM;
	if (checker) {
		prepare(checker, file, options);
		answer = walk(checker);
		if (!answer)
			answer = check_tell(checker, out);
		check_free(checker);
	}
	free(checker);
	if (answer >= 0)
		return answer;
	fprintf(out, "%s: cannot be checked: %s\n", file->path, weft_strerror(answer));
	return EXIT_UNREADABLE;
}

int command_check(const struct trace_file *file, FILE *out)
{
	static const struct check_options usual = {.lint_ms = CHECK_LINT_MS};
	return command_check_with(file, &usual, out);
}
