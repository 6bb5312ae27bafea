/* main.c: the weft-trace command: which words it takes, and which command they ask for.
 *
 * Each command is one entry of the table `commands`. Its answer goes to standard
 * output; a complaint is one line on standard error. The exit codes are those of enum
 * trace_exit; an answer that cannot be written (a full disk) is EXIT_UNREADABLE too,
 * since its reader has no more to go by than if the file had been unreadable. A reader
 * that has seen enough, such as head(1), ends the command by SIGPIPE and without a
 * word. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"

#define OPERANDS_MAX 256
#define WIDTH_LEAST  20
#define WIDTH_MOST   10000
#define LINT_MS_MOST 1000000000

/* What the words asked for. */
struct request {
	const struct command *command;
	char *operands[OPERANDS_MAX];
	size_t count;
	uint64_t lines; /* 0: all */
	struct terminal terminal;
	struct check_options check;
};

struct option {
	const char *name, *command; /* which command takes it */
	const char *value;          /* what follows it, or NULL */
	bool (*set)(struct request *request, const char *value);
};

struct command {
	const char *name, *operands, *what;
	size_t least, most; /* operands */
	int (*run)(struct request *request);
};

/* ---- complaints ---- */

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
	va_list arguments;
	fputs("weft-trace: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* ---- commands ---- */

/* Opens the first operand for `use`, which reads the rest of the request. */
static int with_file(struct request *request,
		     int (*use)(const struct trace_file *file, struct request *request))
{
	struct trace_file *file = malloc(sizeof *file);
	struct trace_message why = {.text = "out of memory"};
	if (!file || trace_file_open(file, request->operands[0], &why) < 0) {
		free(file);
		complain("%s", why.text);
		return EXIT_UNREADABLE;
	}
	int code = use(file, request);
	trace_file_close(file);
	free(file);
	return code;
}

static int use_check(const struct trace_file *file, struct request *request)
{
	struct trace_message why = {.text = ""};
	request->check.why = &why;
	int code = command_check_with(file, &request->check, stdout);
	if (*why.text)
		complain("%s", why.text);
	return code;
}

static int use_dump(const struct trace_file *file, struct request *request)
{
	(void)request;
	return command_dump(file, stdout);
}

static int use_story(const struct trace_file *file, struct request *request)
{
	return command_story(file, request->lines, stdout);
}

static int use_lanes(const struct trace_file *file, struct request *request)
{
	return command_lanes(file, &request->terminal, stdout);
}

static int use_facts(const struct trace_file *file, struct request *request)
{
	(void)request;
	return command_facts(file, stdout);
}

static int use_rules(const struct trace_file *file, struct request *request)
{
	return command_rules(file, request->operands + 1, request->count - 1, stdout);
}

static int run_check(struct request *request)
{
	return with_file(request, use_check);
}

static int run_dump(struct request *request)
{
	return with_file(request, use_dump);
}

static int run_story(struct request *request)
{
	return with_file(request, use_story);
}

static int run_lanes(struct request *request)
{
	return with_file(request, use_lanes);
}

static int run_facts(struct request *request)
{
	return with_file(request, use_facts);
}

static int run_rules(struct request *request)
{
	return with_file(request, use_rules);
}

/* Its file is written, not read, so it does not go through with_file. */
static int run_undump(struct request *request)
{
	struct trace_message why;
	const char *path = request->operands[0];
	bool standard = strcmp(path, "-") == 0;
	FILE *text = standard ? stdin : fopen(path, "r");
	if (!text) {
		complain("%s: cannot be opened; give the path of a text that dump has "
			 "written",
			 path);
		return EXIT_UNREADABLE;
	}
	int code = command_undump(text, request->operands[1], &why);
	if (code != EXIT_HOLDS)
		complain("%s: %s", standard ? "standard input" : path, why.text);
	if (!standard)
		fclose(text);
	return code;
}

static int run_format(struct request *request)
{
	(void)request;
	return command_format(stdout);
}

static int run_help(struct request *request);

static const struct command commands[] = {
	{"check", "FILE [--lint-ms N] [--dot OUT.dot] [--progress]",
	 "judge the trace by the runtime's invariants", 1, 1, run_check},
	{"story", "FILE [--lines N]", "tell what happened, a line an event", 1, 1,
	 run_story},
	{"lanes", "FILE [--ascii|--unicode] [--width N] [--color|--no-color]",
	 "draw which fiber ran when", 1, 1, run_lanes},
	{"facts", "FILE", "count: one name and number a line", 1, 1, run_facts},
	{"rules", "FILE RULE...", "test rules; see help rules", 2, OPERANDS_MAX,
	 run_rules},
	{"dump", "FILE", "write the trace as text", 1, 1, run_dump},
	{"undump", "TEXT OUT", "make a trace from such a text; - is standard input", 2,
	 2, run_undump},
	{"format", "", "print the tables of events and choices", 0, 0, run_format},
	{"help", "[rules]", "this, or the forms of a rule", 0, 1, run_help},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_usage(FILE *out)
{
	fputs("weft-trace COMMAND ...: reads the traces that WEFT_TRACE=path makes\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++) {
		size_t length =
			strlen(commands[i].name) + 1 + strlen(commands[i].operands);
		fprintf(out, "  %s %s", commands[i].name, commands[i].operands);
		if (length > 18)
			fprintf(out, "\n%20s", "");
		fprintf(out, "%*s  %s\n", length > 18 ? 0 : (int)(18 - length), "",
			commands[i].what);
	}
	fputs("\nexit: 0 holds, 1 an invariant or a rule is broken, 2 usage,\n"
	      "      3 unreadable file or unwritable answer, 4 unknown: records were "
	      "lost\n",
	      out);
}

static int run_help(struct request *request)
{
	if (request->count == 0)
		print_usage(stdout);
	else if (strcmp(request->operands[0], "rules") == 0)
		fputs(rules_help(), stdout);
	else
		return complain(
			"there is help for rules, and help alone, but none for \"%s\"",
			request->operands[0]);
	return EXIT_HOLDS;
}

/* ---- options ---- */

static bool read_number(const char *text, uint64_t least, uint64_t most,
			uint64_t *number)
{
	char *rest;
	*number = strtoull(text, &rest, 10);
	return text[0] >= '0' && text[0] <= '9' && *rest == '\0' && *number >= least &&
	       *number <= most;
}

/* Each returns false when it cannot take the value. */
static bool set_lines(struct request *request, const char *value)
{
	return read_number(value, 1, UINT32_MAX, &request->lines);
}

static bool set_width(struct request *request, const char *value)
{
	uint64_t width;
	if (!read_number(value, WIDTH_LEAST, WIDTH_MOST, &width))
		return false;
	request->terminal.width = (int)width;
	return true;
}

static bool set_ascii(struct request *request, const char *value)
{
	(void)value;
	request->terminal.unicode = false;
	return true;
}

static bool set_unicode(struct request *request, const char *value)
{
	(void)value;
	request->terminal.unicode = true;
	return true;
}

static bool set_color(struct request *request, const char *value)
{
	(void)value;
	request->terminal.color = true;
	return true;
}

static bool set_no_color(struct request *request, const char *value)
{
	(void)value;
	request->terminal.color = false;
	return true;
}

static bool set_lint_ms(struct request *request, const char *value)
{
	return read_number(value, 1, LINT_MS_MOST, &request->check.lint_ms);
}

static bool set_dot(struct request *request, const char *value)
{
	request->check.dot_path = value;
	return *value != '\0';
}

static bool set_progress(struct request *request, const char *value)
{
	(void)value;
	request->check.progress = true;
	return true;
}

static const struct option options[] = {
	{"--lint-ms", "check", "N", set_lint_ms},
	{"--dot", "check", "OUT.dot", set_dot},
	{"--progress", "check", NULL, set_progress},
	{"--lines", "story", "N", set_lines},
	{"--width", "lanes", "N", set_width},
	{"--ascii", "lanes", NULL, set_ascii},
	{"--unicode", "lanes", NULL, set_unicode},
	{"--color", "lanes", NULL, set_color},
	{"--no-color", "lanes", NULL, set_no_color},
};

#define OPTIONS (sizeof options / sizeof options[0])

/* ---- what was meant ---- */

#define WORD_MAX 24

/* How many letters must be put in, taken out or replaced to make one word of the other.
 */
static size_t distance(const char *from, const char *to)
{
	size_t row[WORD_MAX + 1];
	size_t width = strlen(to);
	if (width > WORD_MAX || strlen(from) > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; from[i - 1]; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t best = corner + (from[i - 1] != to[j - 1]);
			corner = row[j];
			best = corner + 1 < best ? corner + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[width];
}

/* The command closest to `word`, at most `most` letters away, or NULL. */
static const struct command *nearest_command(const char *word, size_t most)
{
	const struct command *nearest = NULL;
	for (size_t i = 0; i < COMMANDS; i++) {
		size_t away = distance(word, commands[i].name);
		if (away <= most) {
			most = away;
			nearest = &commands[i];
			if (away == 0)
				break;
		}
	}
	return nearest;
}

static int complain_of_command(const char *word)
{
	const struct command *nearest = nearest_command(word, 2);
	if (nearest)
		return complain("there is no command \"%s\"; did you mean %s?", word,
				nearest->name);
	if (strpbrk(word, "./"))
		return complain("the command comes first: weft-trace check %s", word);
	return complain("there is no command \"%s\"; weft-trace help lists them", word);
}

static int complain_of_operands(const struct request *request)
{
	const struct command *command = request->command;
	bool few = request->count < command->least;
	return complain("%s %s; usage: weft-trace %s %s", command->name,
			few ? "needs more words" : "takes fewer words", command->name,
			command->operands);
}

/* ---- reading the words ---- */

/* The option that `word` is for this command, or NULL; *value is what follows a =, or
 * NULL. */
static const struct option *find_option(const struct request *request, const char *word,
					const char **value)
{
	size_t length = strcspn(word, "=");
	*value = word[length] ? word + length + 1 : NULL;
	for (size_t i = 0; i < OPTIONS; i++)
		if (strlen(options[i].name) == length &&
		    memcmp(word, options[i].name, length) == 0 &&
		    strcmp(options[i].command, request->command->name) == 0)
			return &options[i];
	return NULL;
}

/* Reads the option at words[*at] and its value, and moves *at to the last word of it.
 */
static int read_option(struct request *request, char **words, int *at)
{
	const struct command *command = request->command;
	const char *value;
	const struct option *option = find_option(request, words[*at], &value);
	if (!option)
		return complain("%s does not take %s; usage: weft-trace %s %s",
				command->name, words[*at], command->name,
				command->operands);
	if (!option->value && value)
		return complain("%s takes no value", option->name);
	if (option->value && !value)
		value = words[*at + 1] ? words[++*at] : "";
	if (!option->set(request, value))
		return option->set == set_dot
			       ? complain("--dot: the path of a file is needed")
			       : complain("%s %s: a whole number is needed%s",
					  option->name, value,
					  option->set == set_width ? ", at least 20"
								   : "");
	return EXIT_HOLDS;
}

/* After -- nothing is an option; - alone is an operand. */
static int read_words(struct request *request, char **words)
{
	bool only_operands = false;
	for (int at = 0; words[at]; at++) {
		const char *word = words[at];
		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (!only_operands && word[0] == '-' && word[1] != '\0') {
			int code = read_option(request, words, &at);
			if (code != EXIT_HOLDS)
				return code;
		} else if (request->count == OPERANDS_MAX) {
			return complain("more than %d words", OPERANDS_MAX);
		} else {
			request->operands[request->count++] = words[at];
		}
	}
	if (request->count < request->command->least ||
	    request->count > request->command->most)
		return complain_of_operands(request);
	return EXIT_HOLDS;
}

static int run(char **words)
{
	struct request request = {.check = {.lint_ms = CHECK_LINT_MS}};
	const char *word = words[0] ? words[0] : "help";
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	request.command = nearest_command(word, 0);
	if (!request.command)
		return complain_of_command(word);
	terminal_detect(&request.terminal);
	int code = words[0] ? read_words(&request, words + 1) : EXIT_HOLDS;
	return code == EXIT_HOLDS ? request.command->run(&request) : code;
}

int main(int count, char **words)
{
	(void)signal(SIGPIPE, SIG_DFL); /* it may be inherited as ignored */
	int code = run(count > 0 ? words + 1 : words);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain("the answer could not be written; is the disk full?");
		return EXIT_UNREADABLE;
	}
	return code;
}
