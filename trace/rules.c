/* rules.c: predicates on a trace, for exercises and for recorded facts.
 *
 * A rule is a line of words. read_rule finds its form by the first word, checks its
 * words and looks its fibers up; judge_rule then goes through the steps, if the form
 * needs them.
 *
 *   line -- read_rule --> rule -- judge_rule --> holds, broken at a step, or unknown
 *             |
 *             '---------> a syntax error: nothing is judged
 *
 * A rule that finds nothing to judge is broken, but for those that forbid something: an
 * exercise that does nothing must not pass. Where records were lost, a rule is unknown
 * unless a record that is there breaks it by itself, or the rule is about the loss.
 *
 * Rejected: a language with and, or and brackets. Several rules are an and; nothing
 * here needed an or. */
#include <errno.h> /* for the names of the constants */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/merge.h"
#include "trace/names.h"
#include "weft.h"

#define WORDS_MAX   32
#define WORD_SIZE   128
#define NAMES_SHOWN 8 /* fibers that are listed for a name that none has */

struct judge;

/* A rule's form is its grammar and its judge. */
struct form {
	const char *keyword; /* the first word; "" for a comparison of facts */
	const char *shape;
	size_t words_min, words_max;
	bool by_record; /* a single record can break it */
	void (*judge)(struct judge *judge);
};

struct rule {
	const struct form *form;
	char words[WORDS_MAX][WORD_SIZE];
	size_t count;
};

struct judge {
	const struct trace_file *file;
	const struct names *names;
	const struct rule *rule;
	FILE *out;
	int verdict;            /* enum trace_exit */
	char why[1024];         /* a sentence without a full stop, when not held */
	struct trace_step step; /* what broke it; step.record may be NULL */
	char *details;          /* more lines, or NULL; to be freed */
	int error;
};

/* ---- verdicts ---- */

/* Broken, with no record to show for it. */
static void break_rule(struct judge *judge, const char *why)
{
	judge->verdict = EXIT_BROKEN;
	snprintf(judge->why, sizeof judge->why, "%s", why);
}

/* Broken by that step. */
static void break_at(struct judge *judge, const struct trace_step *step,
		     const char *why)
{
	break_rule(judge, why);
	judge->step = *step;
}

/* Looks at each step in turn until `look` returns false. */
static void each_step(struct judge *judge, void *state,
		      bool (*look)(struct judge *judge, void *state,
				   const struct trace_step *step))
{
	struct trace_merge *merge;
	struct trace_step step;
	judge->error = trace_merge_open(&merge, judge->file);
	if (judge->error)
		return;
	while (trace_merge_next(merge, &step) && look(judge, state, &step))
		;
	judge->error = trace_merge_error(merge);
	trace_merge_close(merge);
}

/* ---- fibers in rules ---- */

/* "main, ping, pong": what a misspelt name could have been. */
static void list_names(const struct names *names, char *to, size_t size)
{
	size_t used = 0;
	*to = '\0';
	for (size_t i = 0; i < names->count && used < size; i++) {
		const char *separator = i == 0 ? "" : ", ";
		int length = i == NAMES_SHOWN
				     ? snprintf(to + used, size - used, " and %zu more",
						names->count - i)
				     : snprintf(to + used, size - used, "%s%s",
						separator, names->fibers[i].text);
		used += (size_t)length;
		if (i == NAMES_SHOWN)
			break;
	}
}

/* The fiber that a word of the rule names, or NULL, and then the rule is broken. */
static const struct fiber_name *fiber_of(struct judge *judge, size_t word)
{
	const char *text = judge->rule->words[word];
	const struct fiber_name *fiber = names_find(judge->names, text);
	if (fiber)
		return fiber;
	char known[(NAMES_SHOWN + 1) * (NAME_SIZE + 2)], asked[WORD_SIZE];
	list_names(judge->names, known, sizeof known);
	text_escape(asked, sizeof asked, text);
	judge->verdict = EXIT_BROKEN;
	snprintf(judge->why, sizeof judge->why, "no fiber is called %s; there %s %s",
		 asked, judge->names->count == 1 ? "is" : "are",
		 judge->names->count > 0 ? known : "none");
	return NULL;
}

/* ---- holds ---- */

/* The checker's own answer becomes the lines below the verdict. */
static void judge_holds(struct judge *judge)
{
	size_t length;
	FILE *memory = open_memstream(&judge->details, &length);
	if (!memory) {
		judge->error = -ENOMEM;
		return;
	}
	int answer = command_check(judge->file, memory);
	if (fclose(memory) != 0)
		judge->error = -ENOMEM;
	if (answer != EXIT_HOLDS)
		break_rule(judge, "the checker says");
	judge->verdict = answer;
}

/* ---- after A comes B ---- */

/* The two fibers of a rule about switches between them. */
struct after {
	const struct fiber_name *from, *to;
	uint64_t seen;
};

/* A finished fiber has to go somewhere: its last switch is not judged. */
static bool look_after(struct judge *judge, void *state, const struct trace_step *step)
{
	struct after *after = state;
	const struct trace_record *record = step->record;
	if (record->type != TRACE_SWITCH || record->peer != after->from->id ||
	    record->arg == TRACE_leave_FINISH)
		return true;
	after->seen++;
	if (record->fiber == after->to->id)
		return true;
	char why[3 * NAME_SIZE];
	snprintf(why, sizeof why, "%s is followed by %s", after->from->text,
		 names_of(judge->names, record->fiber));
	break_at(judge, step, why);
	return false;
}

static void judge_after(struct judge *judge)
{
	struct after after = {.from = fiber_of(judge, 1)};
	after.to = after.from ? fiber_of(judge, 3) : NULL;
	if (!after.to)
		return;
	each_step(judge, &after, look_after);
	char why[3 * NAME_SIZE];
	snprintf(why, sizeof why,
		 "%s never leaves before its end, so nothing follows it",
		 after.from->text);
	if (judge->verdict == EXIT_HOLDS && after.seen == 0)
		break_rule(judge, why);
}

/* ---- never A to B ---- */

static bool look_never(struct judge *judge, void *state, const struct trace_step *step)
{
	const struct after *never = state;
	const struct trace_record *record = step->record;
	if (record->type != TRACE_SWITCH || record->peer != never->from->id ||
	    record->fiber != never->to->id || record->arg == TRACE_leave_FINISH)
		return true;
	char why[3 * NAME_SIZE];
	snprintf(why, sizeof why, "%s does leave for %s", never->from->text,
		 never->to->text);
	break_at(judge, step, why);
	return false;
}

static void judge_never(struct judge *judge)
{
	struct after never = {.from = fiber_of(judge, 1)};
	never.to = never.from ? fiber_of(judge, 3) : NULL;
	if (never.to)
		each_step(judge, &never, look_never);
}

/* ---- order A B C ---- */

struct order {
	const struct fiber_name *fibers[WORDS_MAX];
	bool visited[WORDS_MAX];
	size_t count;
	size_t expected; /* whose turn it is; count: the first of them is yet to come */
	bool over;
};

/* The place of a fiber in the cycle; order->count for one that has none. */
static size_t place_of(const struct order *order, uint32_t id)
{
	size_t place = 0;
	while (place < order->count && order->fibers[place]->id != id)
		place++;
	return place;
}

/* The cycle may be entered anywhere, and then each switch goes to the next in it. Switches
 * of all workers count, in their merged order. */
static bool look_order(struct judge *judge, void *state, const struct trace_step *step)
{
	struct order *order = state;
	const struct trace_record *record = step->record;
	if (record->type != TRACE_SWITCH)
		return true;
	order->over = record->arg == TRACE_leave_FINISH &&
		      place_of(order, record->peer) < order->count;
	if (order->over)
		return false;
	size_t place = place_of(order, record->fiber);
	bool started = order->expected < order->count;
	if (started && place != order->expected) {
		char why[3 * NAME_SIZE];
		snprintf(why, sizeof why, "it is the turn of %s, but %s runs",
			 order->fibers[order->expected]->text,
			 names_of(judge->names, record->fiber));
		break_at(judge, step, why);
		return false;
	}
	if (place < order->count) {
		order->visited[place] = true;
		order->expected = (place + 1) % order->count;
	}
	return true;
}

static void judge_order(struct judge *judge)
{
	struct order order = {.count = judge->rule->count - 1};
	order.expected = order.count;
	for (size_t i = 0; i < order.count; i++) {
		order.fibers[i] = fiber_of(judge, i + 1);
		if (!order.fibers[i])
			return;
	}
	each_step(judge, &order, look_order);
	for (size_t i = 0; i < order.count && judge->verdict == EXIT_HOLDS; i++) {
		if (order.visited[i])
			continue;
		char why[2 * NAME_SIZE];
		snprintf(why, sizeof why, "%s never has a turn%s",
			 order.fibers[i]->text,
			 order.over ? " before one of them finishes" : "");
		break_rule(judge, why);
	}
}

/* ---- mark "A" before mark "B" ---- */

struct marks {
	bool first, second; /* seen */
};

/* Words of a rule are compared as they are; a mark's number does not matter. */
static bool look_mark(struct judge *judge, void *state, const struct trace_step *step)
{
	struct marks *marks = state;
	const struct rule *rule = judge->rule;
	if (step->record->type != TRACE_MARK)
		return true;
	const char *text =
		trace_file_string(judge->file, step->record->value & 0xFFFFFFFFu);
	marks->first = marks->first || strcmp(text, rule->words[1]) == 0;
	if (strcmp(text, rule->words[4]) != 0)
		return true;
	marks->second = true;
	if (!marks->first)
		break_at(judge, step, "the second mark comes first");
	return false;
}

static void judge_mark(struct judge *judge)
{
	struct marks marks = {false, false};
	each_step(judge, &marks, look_mark);
	size_t missing = !marks.first ? 1 : 4;
	if (judge->verdict != EXIT_HOLDS || (marks.first && marks.second))
		return;
	char text[WORD_SIZE], why[WORD_SIZE + 32];
	text_escape(text, sizeof text, judge->rule->words[missing]);
	snprintf(why, sizeof why, "no mark says \"%s\"", text);
	break_rule(judge, why);
}

/* ---- facts ---- */

static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};

/* The second character of an operator is an = or the end. */
static bool compare(uint64_t left, const char *operator, uint64_t right)
{
	bool equal = left == right, less = left < right;
	switch (operator[0]) {
	case '=':
		return equal;
	case '!':
		return !equal;
	case '<':
		return less || (operator[1] && equal);
	default:
		return (!less && !equal) || (operator[1] && equal);
	}
}

/* The number a word is, or the fact it names; false when there is none. */
static bool find_value(struct judge *judge, size_t word, uint64_t *value)
{
	const char *text = judge->rule->words[word];
	char *rest, asked[WORD_SIZE], why[WORD_SIZE + 64];
	if (*text >= '0' && *text <= '9') {
		*value = strtoull(text, &rest, 10);
		return true;
	}
	int error = facts_value(judge->file, text, value);
	if (!error)
		return true;
	if (error != -ENOENT)
		judge->error = error;
	text_escape(asked, sizeof asked, text);
	snprintf(why, sizeof why,
		 "no fact is called %s; weft-trace facts lists them all", asked);
	break_rule(judge, why);
	return false;
}

/* The answer has the numbers that were compared. */
static void judge_facts(struct judge *judge)
{
	const struct rule *rule = judge->rule;
	uint64_t left, right;
	if (!find_value(judge, 0, &left) || !find_value(judge, 2, &right) ||
	    compare(left, rule->words[1], right))
		return;
	char why[WORD_SIZE * 2 + 64];
	if (rule->words[2][0] >= '0' && rule->words[2][0] <= '9')
		snprintf(why, sizeof why, "%s is %" PRIu64, rule->words[0], left);
	else
		snprintf(why, sizeof why, "%s is %" PRIu64 " and %s is %" PRIu64,
			 rule->words[0], left, rule->words[2], right);
	break_rule(judge, why);
}

/* ---- the forms ---- */

static const struct form forms[] = {
	{"holds", "holds", 1, 1, false, judge_holds},
	{"after", "after A comes B", 4, 4, true, judge_after},
	{"never", "never A to B", 4, 4, true, judge_never},
	{"order", "order A B ...", 3, WORDS_MAX, false, judge_order},
	{"mark", "mark \"a\" before mark \"b\"", 5, 5, false, judge_mark},
	{"", "or FACT OP NUMBER, with OP one of == != < <= > >=", 3, 3, false,
	 judge_facts},
};

const char *rules_help(void)
{
	return "A rule is one line about a trace:\n"
	       "\n"
	       "  holds                      every invariant that the checker judges "
	       "holds\n"
	       "  after ping comes pong      when ping leaves, but for its end, pong "
	       "is next\n"
	       "  never ping to main         ping leaves for main only at its end\n"
	       "  order ping pong pung       from the first turn of one of these "
	       "fibers until\n"
	       "                             one finishes, they run in this order, "
	       "round and\n"
	       "                             round, and no other fiber runs\n"
	       "  mark \"a\" before mark \"b\"   the program notes a before it first "
	       "notes b\n"
	       "  switches >= 9              a fact against a number; == != < <= > >=\n"
	       "  finished == fibers         a fact against another fact\n"
	       "\n"
	       "weft-trace facts lists the facts. A name with spaces stands in quotes, "
	       "or has\n"
	       "a _ for each space: \"fiber 7\", fiber_7. A line that starts with # is "
	       "not a\n"
	       "rule.\n"
	       "\n"
	       "A rule that finds nothing to judge is broken, but for never. Where "
	       "records\n"
	       "were lost, most rules can only be answered with unknown.\n";
}

/* ---- reading ---- */

/* Cuts the line into words; "..." is one word. False for too many or too long ones and
 * for a quote without its end. */
static bool read_words(struct rule *rule, const char *line)
{
	rule->count = 0;
	for (line += strspn(line, " \t\r\n"); *line; line += strspn(line, " \t\r\n")) {
		bool quoted = *line == '"';
		line += quoted;
		size_t length = strcspn(line, quoted ? "\"" : " \t\r\n");
		if (rule->count == WORDS_MAX || length >= WORD_SIZE ||
		    (quoted && !line[length]))
			return false;
		memcpy(rule->words[rule->count], line, length);
		rule->words[rule->count++][length] = '\0';
		line += length + quoted;
	}
	return true;
}

static bool is_operator(const char *word)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (strcmp(word, operators[i]) == 0)
			return true;
	return false;
}

/* A word of digits, or one that cannot be taken for a number. */
static bool is_value(const char *word)
{
	size_t digits = strspn(word, "0123456789");
	return *word && (digits == 0 || (!word[digits] && digits < 20));
}

/* Whether the small words stand where the form has them. */
static bool has_shape(const struct rule *rule)
{
	const struct form *form = rule->form;
	const char(*words)[WORD_SIZE] = rule->words;
	if (rule->count < form->words_min || rule->count > form->words_max)
		return false;
	if (form->judge == judge_after)
		return strcmp(words[2], "comes") == 0;
	if (form->judge == judge_never)
		return strcmp(words[2], "to") == 0;
	if (form->judge == judge_mark)
		return strcmp(words[2], "before") == 0 && strcmp(words[3], "mark") == 0;
	if (form->judge == judge_facts)
		return is_operator(words[1]) && is_value(words[0]) &&
		       is_value(words[2]) && (words[0][0] < '0' || words[0][0] > '9');
	return true;
}

/* Writes what was expected and returns false for a line that is no rule. */
static bool read_rule(struct rule *rule, const char *line, FILE *out)
{
	char shown[WORD_SIZE];
	text_escape(shown, sizeof shown, line);
	rule->form = NULL;
	if (!read_words(rule, line)) {
		fprintf(out,
			"not a rule: %s: at most %d words of at most %d bytes, each "
			"quote closed\n",
			shown, WORDS_MAX, WORD_SIZE - 1);
		return false;
	}
	rule->form = forms;
	while (*rule->form->keyword && strcmp(rule->form->keyword, rule->words[0]) != 0)
		rule->form++;
	if (has_shape(rule))
		return true;
	fprintf(out, "not a rule: %s: expected ", shown);
	if (rule->form->judge == judge_facts)
		for (const struct form *form = forms; form < rule->form; form++)
			fprintf(out, "%s, ", form->shape);
	fprintf(out, "%s\n", rule->form->shape);
	return false;
}

/* A file of rules may have blank lines and comments. */
static bool is_rule(const char *line)
{
	line += strspn(line, " \t\r\n");
	return *line && *line != '#';
}

/* Whether every line is a rule and there is at least one. */
static bool read_all(char *const *lines, size_t count, FILE *out)
{
	struct rule rule;
	size_t rules = 0, good = 0;
	for (size_t i = 0; i < count; i++) {
		rules += is_rule(lines[i]);
		good += is_rule(lines[i]) && read_rule(&rule, lines[i], out);
	}
	if (rules == 0)
		fputs("no rule was given; see weft-trace help rules\n", out);
	return rules > 0 && good == rules;
}

/* ---- judging ---- */

/* What a loss leaves of the verdict. */
static void weigh_loss(struct judge *judge)
{
	static const char *const exact[] = {"dropped", "clean", "records",
					    "lost_strings"};
	uint64_t dropped = trace_file_dropped(judge->file);
	const struct rule *rule = judge->rule;
	bool shown = rule->form->by_record && judge->step.record;
	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		shown = shown || (rule->form->judge == judge_facts &&
				  strcmp(rule->words[0], exact[i]) == 0);
	if (dropped == 0 || shown || rule->form->judge == judge_holds)
		return;
	judge->verdict = EXIT_UNKNOWN;
	judge->step.record = NULL;
	snprintf(judge->why, sizeof judge->why,
		 "the trace has lost %" PRIu64 " of its records", dropped);
}

/* From the record to the line of source that wrote it. */
static void tell_site(const struct judge *judge)
{
	const struct trace_site_entry *site =
		trace_file_site(judge->file, judge->step.record->site);
	char file[256], function[128];
	if (!site) {
		fputs("  the trace does not say which line recorded it\n", judge->out);
		return;
	}
	text_escape(file, sizeof file, trace_file_string(judge->file, site->file));
	text_escape(function, sizeof function,
		    trace_file_string(judge->file, site->function));
	fprintf(judge->out, "  recorded by %s, %s:%" PRIu32 "\n", function, file,
		site->line);
}

/* The step's number is its place in the merged order, from 0. */
static void tell_step(const struct judge *judge)
{
	const struct trace_step *step = &judge->step;
	const struct schema_event *event =
		&judge->file->schema.events[step->record->type];
	fprintf(judge->out, "  step %" PRIu64 ", %s, %s: ", step->number,
		trace_file_writer(judge->file, step->worker).text, event->name);
	names_tell(judge->names, step, judge->out);
	fputc('\n', judge->out);
	tell_site(judge);
}

/* Lines of the checker, indented under the verdict. */
static void tell_details(const struct judge *judge)
{
	for (const char *line = judge->details; line && *line;) {
		size_t length = strcspn(line, "\n");
		fprintf(judge->out, "%s%.*s\n", length > 0 ? "  " : "", (int)length,
			line);
		line += length;
		line += *line == '\n';
	}
}

/* A verdict is one line; what proves it stands below it. */
static void tell_verdict(const struct judge *judge, const char *line)
{
	char shown[2 * WORD_SIZE];
	text_escape(shown, sizeof shown, line);
	if (judge->verdict == EXIT_HOLDS) {
		fprintf(judge->out, "holds: %s\n", shown);
		return;
	}
	fprintf(judge->out, "%s: %s: %s\n",
		judge->verdict == EXIT_BROKEN ? "broken" : "unknown", shown,
		judge->why);
	if (judge->step.record)
		tell_step(judge);
	tell_details(judge);
}

/* The exit code for one rule that was read before. */
static int judge_rule(const struct names *names, const char *line, FILE *out)
{
	struct rule rule;
	(void)read_rule(&rule, line, out);
	struct judge judge = {.file = names->file,
			      .names = names,
			      .rule = &rule,
			      .out = out,
			      .verdict = EXIT_HOLDS};
	rule.form->judge(&judge);
	if (judge.error) {
		fprintf(out, "cannot judge: %s: %s\n", line,
			weft_strerror(judge.error));
		judge.verdict = EXIT_UNREADABLE;
	} else {
		weigh_loss(&judge);
		tell_verdict(&judge, line);
	}
	free(judge.details);
	return judge.verdict;
}

/* The graver of two answers: what cannot be read, then what is broken, then the
 * unknown. */
static int graver(int a, int b)
{
	static const int gravity[] = {
		[EXIT_HOLDS] = 0, [EXIT_UNKNOWN] = 1,    [EXIT_BROKEN] = 2,
		[EXIT_USAGE] = 3, [EXIT_UNREADABLE] = 3,
	};
	return gravity[a] >= gravity[b] ? a : b;
}

int command_rules(const struct trace_file *file, char *const *rules, size_t count,
		  FILE *out)
{
	struct names names;
	if (!read_all(rules, count, out))
		return EXIT_USAGE;
	int error = names_open(&names, file);
	if (error) {
		fprintf(out, "cannot judge: %s\n", weft_strerror(error));
		return EXIT_UNREADABLE;
	}
	int answer = EXIT_HOLDS;
	for (size_t i = 0; i < count; i++)
		if (is_rule(rules[i]))
			answer = graver(answer, judge_rule(&names, rules[i], out));
	names_close(&names);
	return answer;
}
