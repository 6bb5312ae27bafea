/* main.c: one harness, searched within bounds from the command line: "threads=2 operations=2 weak=1".
 *
 *   threads, operations  T and K of the harness
 *   weak                 1: weak memory
 *   every                1: every order, without partial-order reduction
 *   preemptions          most of them, then every order within that
 *   stale, spurious      most stale reads of an execution, spurious failures of a thread
 *   executions           stop after so many
 *   seed                 random walks, `executions` of them
 *   print                1: a failure is followed by the execution, if possible one with few
 *                        preemptions
 *
 * Prints one line, "VERDICT EXECUTIONS REDUNDANT SECONDS FAILURE": all (nothing is left within the
 * bounds), some (stopped before) or bug. Exits 0, with a bug 1, 2 for words it does not know. While
 * it searches it says how far it is on standard error: on a terminal in a line that it rewrites,
 * elsewhere in a line now and then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/explore/explorer.h"
#include "tests/explore/harness.h"

enum { PREEMPTIONS_PRINTED = 4, PRINT_EXECUTIONS = 1000000 };
static const double PLAIN_SECONDS = 10;

struct settings {
	int threads, operations;
	bool print;
	struct explore_bounds bounds;
};

static bool on_terminal;
static const struct settings *shown;
static double last_shown;

static void show_progress(const struct explore_result *so_far)
{
	if (!on_terminal && so_far->seconds - last_shown < PLAIN_SECONDS)
		return;
	last_shown = so_far->seconds;
	fprintf(stderr, "%s  %s, %d threads of %d, %s: %llu executions, %.0f s%s",
		on_terminal ? "\r" : "", harness.name, shown->threads,
		shown->operations, shown->bounds.weak ? "weak" : "strong",
		(unsigned long long)so_far->executions, so_far->seconds,
		on_terminal ? "\033[K" : "\n");
}

/* ---- the command line ---- */

static bool set(struct settings *settings, const char *name, uint64_t value)
{
	struct explore_bounds *bounds = &settings->bounds;
	struct {
		const char *name;
		int *place;
	} numbers[] = {{"threads", &settings->threads},
		       {"operations", &settings->operations},
		       {"preemptions", &bounds->preemptions},
		       {"stale", &bounds->stale_reads},
		       {"spurious", &bounds->spurious}};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(name, numbers[i].name) == 0) {
			*numbers[i].place = (int)value;
			return true;
		}
	if (strcmp(name, "weak") == 0)
		bounds->weak = value;
	else if (strcmp(name, "print") == 0)
		settings->print = value;
	else if (strcmp(name, "every") == 0)
		bounds->reduction = value ? REDUCE_NOTHING : REDUCE_PARTIAL_ORDER;
	else if (strcmp(name, "executions") == 0)
		bounds->executions = value;
	else if (strcmp(name, "seed") == 0)
		bounds->seed = value;
	else
		return false;
	return true;
}

static bool read_setting(struct settings *settings, const char *word)
{
	char name[16], *end;
	const char *equals = strchr(word, '=');
	if (!equals || (size_t)(equals - word) >= sizeof name)
		return false;
	memcpy(name, word, (size_t)(equals - word));
	name[equals - word] = '\0';
	uint64_t value = strtoull(equals + 1, &end, 10);
	return end != equals + 1 && *end == '\0' && set(settings, name, value);
}

static void read_settings(struct settings *settings, int count, char **words)
{
	for (int i = 1; i < count; i++)
		if (!read_setting(settings, words[i])) {
			fprintf(stderr,
				"%s: what is \"%s\"? Settings are NAME=NUMBER.\n",
				words[0], words[i]);
			exit(2);
		}
	if (settings->bounds.preemptions != EXPLORE_UNBOUNDED)
		settings->bounds.reduction = REDUCE_NOTHING;
	if (settings->bounds.seed && !settings->bounds.executions) {
		fprintf(stderr, "%s: random walks need executions=NUMBER\n", words[0]);
		exit(2);
	}
}

/* ---- failures ---- */

/* An assertion of the code under test ends the execution as a bug. */
static void assertion_failed(const char *report, size_t length)
{
	explore_fail("%.*s", (int)length - 1, report);
}

/* Prints the failure with as few preemptions as will do, or the one that was found. */
static void print_failure(const struct settings *settings)
{
	struct explore_bounds bounds = settings->bounds;
	bounds.reduction = REDUCE_NOTHING;
	bounds.executions = PRINT_EXECUTIONS;
	bounds.seed = 0;
	for (bounds.preemptions = 0; bounds.preemptions <= PREEMPTIONS_PRINTED;
	     bounds.preemptions++)
		if (explore(&harness, settings->threads, settings->operations, &bounds,
			    NULL)
			    .failed) {
			printf("  with %d preemptions:\n", bounds.preemptions);
			explore_print_failure();
			return;
		}
	(void)explore(&harness, settings->threads, settings->operations,
		      &settings->bounds, NULL);
	explore_print_failure();
}

int main(int count, char **words)
{
	struct settings settings = {.threads = 2,
				    .operations = 2,
				    .bounds = {.reduction = REDUCE_PARTIAL_ORDER,
					       .preemptions = EXPLORE_UNBOUNDED,
					       .stale_reads = EXPLORE_UNBOUNDED}};
	read_settings(&settings, count, words);
	base_set_fatal_hook(assertion_failed);
	on_terminal = isatty(STDERR_FILENO);
	shown = &settings;
	struct explore_result result =
		explore(&harness, settings.threads, settings.operations,
			&settings.bounds, show_progress);
	if (on_terminal)
		fprintf(stderr, "\r\033[K");
	printf("%s %llu %llu %.2f %s\n",
	       result.failed     ? "bug"
	       : result.complete ? "all"
				 : "some",
	       (unsigned long long)result.executions,
	       (unsigned long long)result.redundant, result.seconds, result.failure);
	if (result.failed && settings.print)
		print_failure(&settings);
	return result.failed;
}
