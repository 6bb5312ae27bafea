/* fuzz_schema.c: the input is the text of a schema. What is accepted must be found again
 * by its names and numbers. */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trace/commands.h"
#include "trace/schema.h"

static struct schema schema;

static void check_events(void)
{
	for (int type = 0; type < 256; type++) {
		const struct schema_event *event = &schema.events[type];
		if (!event->known)
			continue;
		size_t length = strlen(event->name);
		DEMAND(type > 0 && length > 0, "event %d has a name", type);
		DEMAND(schema_find_event(&schema, event->name, length) == type,
		       "event %d is found by its name", type);
		DEMAND(fuzz_is_safe(event->sentence, strlen(event->sentence)),
		       "the sentence of event %d is safe to show", type);
	}
}

static void check_choices(void)
{
	for (size_t i = 0; i < schema.choice_count; i++) {
		const struct schema_choice *choice = &schema.choices[i];
		const char *text =
			schema_choice_text(&schema, choice->kind, choice->number);
		DEMAND(text == choice->text, "choice %zu is found by its number", i);
		DEMAND(schema_find_choice(&schema, choice->kind, text) ==
			       choice->number,
		       "choice %zu is found by its text", i);
		DEMAND(fuzz_is_safe(text, strlen(text)),
		       "the text of choice %zu is safe to show", i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_message why = {.text = ""};
	int error = schema_parse(&schema, (const char *)data, size, &why);
	fuzz_code = error ? EXIT_UNREADABLE : EXIT_HOLDS;
	if (error) {
		DEMAND(error == -EINVAL, "a bad schema is -EINVAL, not %d", error);
		fuzz_demand_line("the schema", why.text);
		return 0;
	}
	check_events();
	check_choices();
	return 0;
}
