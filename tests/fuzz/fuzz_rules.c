/* fuzz_rules.c: the input is rules, a line each, for one of three traces: a good one, a
 * broken one, and one with losses. The first byte says which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/commands.h"

#define RULES_MOST 8
#define TRACES     3

#define RUN                                                                            \
	"0 CREATE child=1 entry=\"main\"\n"                                            \
	"0 WORKER_START running=1\n"                                                   \
	"0 CREATE child=2 parent=1 entry=\"play\"\n"                                   \
	"0 NAME fiber=2 name=\"ping\"\n"                                               \
	"0 CREATE child=3 parent=1 entry=\"a b\"\n"                                    \
	"0 SWITCH reason=start next=2 previous=1\n"                                    \
	"0 MARK fiber=2 number=5 text=\"one\"\n"                                       \
	"0 SWITCH reason=yield next=3 previous=2 previous_stack_used=96\n"             \
	"0 MARK fiber=3 text=\"two words\"\n"                                          \
	"0 SWITCH reason=park next=2 previous=3\n"                                     \
	"0 FINISH fiber=2\n"                                                           \
	"0 SWITCH reason=finish next=3 previous=2\n"                                   \
	"0 FINISH fiber=3\n"                                                           \
	"0 SWITCH reason=finish next=1 previous=3\n"
#define FIRST                                                                          \
	"weft-trace-text 1\nsite event=SWITCH file=\"demo.c\" line=3 function=\"f\"\n"

static const char *const texts[TRACES] = {
	FIRST RUN "0 WORKER_STOP running=1\n",
	FIRST RUN "0 SWITCH reason=park next=2 previous=3 .site=1\n",
	FIRST "segment 0 dropped=4\n" RUN,
};

static struct trace_file traces[TRACES];

int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count, (void)words;
	for (size_t i = 0; i < TRACES; i++) {
		struct trace_message why = {.text = ""};
		DEMAND(fuzz_undump("rules", texts[i], strlen(texts[i])) == EXIT_HOLDS,
		       "the harness's own trace %zu is made", i);
		DEMAND(trace_file_open(&traces[i], "rules", &why) == 0, "%s", why.text);
	}
	return 0;
}

/* With one rule, the first word of the answer is the verdict. */
static const char *verdict_of(int code)
{
	switch (code) {
	case EXIT_HOLDS:
		return "holds: ";
	case EXIT_BROKEN:
		return "broken: ";
	case EXIT_UNKNOWN:
		return "unknown: ";
	default:
		return "no";
	}
}

static void judge(const struct trace_file *file, char *const *rules, size_t count)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	DEMAND(out, "out of memory");
	fuzz_code = command_rules(file, rules, count, out);
	fclose(out);
	DEMAND(fuzz_code >= EXIT_HOLDS && fuzz_code <= EXIT_UNKNOWN &&
		       fuzz_code != EXIT_UNREADABLE,
	       "rules answer with %d: %s", fuzz_code, text);
	DEMAND(fuzz_is_safe(text, length), "rules print safe text: %s", text);
	DEMAND(count != 1 || strncmp(text, verdict_of(fuzz_code),
				     strlen(verdict_of(fuzz_code))) == 0,
	       "code %d says %s: %s", fuzz_code, verdict_of(fuzz_code), text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *rules[RULES_MOST];
	size_t count = 0;
	if (size < 2)
		return 0;
	char *lines = strndup((const char *)data + 1, size - 1), *rest = lines;
	DEMAND(lines, "out of memory");
	while (count < RULES_MOST && (rules[count] = strsep(&rest, "\n")))
		count++;
	judge(&traces[data[0] % TRACES], rules, count);
	free(lines);
	return 0;
}
