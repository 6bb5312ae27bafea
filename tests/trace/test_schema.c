/* test_schema.c: the text that says what records mean. */
#include "tests/trace/support.h"

#include <errno.h>

static int parse(struct schema *schema, const char *text, struct trace_message *why)
{
	why->text[0] = '\0';
	return schema_parse(schema, text, strlen(text), why);
}

static int parse_own(struct schema *schema, struct trace_message *why)
{
	char *text = calloc(trace_schema_size() + 1, 1);
	cr_assert_not_null(text);
	trace_schema_write(text);
	int error = parse(schema, text, why);
	free(text);
	return error;
}

Test(schema, this_builds_own_is_sound)
{
	struct schema schema;
	struct trace_message why;
	cr_assert_eq(parse_own(&schema, &why), 0, "%s", why.text);
	const struct schema_event *event = &schema.events[TRACE_SWITCH];
	cr_assert(event->known);
	cr_assert_str_eq(event->name, "SWITCH");
	cr_assert_str_eq(event->module, "context");
	cr_assert_str_eq(event->fields[PLACE_PEER].name, "previous");
	cr_assert_str_eq(event->fields[PLACE_PEER].type, "fiber");
	cr_assert_eq(schema_peer_sequence(event), PLACE_LOW);
	cr_assert_eq(schema_peer_sequence(&schema.events[TRACE_CREATE]), PLACES);
	cr_assert_str_eq(schema_choice_text(&schema, "leave", TRACE_leave_PARK),
			 "park");
	cr_assert_null(schema_choice_text(&schema, "leave", 99));
	cr_assert_null(schema_choice_text(&schema, "else", 1));
	cr_assert_eq(schema_find_event(&schema, "MARKET", 4), TRACE_MARK);
	cr_assert_eq(schema_find_event(&schema, "MARKET", 6), -1);
	cr_assert_eq(schema_find_choice(&schema, "leave", "idle"), TRACE_leave_IDLE);
	cr_assert_eq(schema_find_choice(&schema, "leave", "sulk"), -1);
	cr_assert_not(schema.events[0].known);
	cr_assert_not(schema.events[200].known);
}

Test(schema, values_come_from_their_bits)
{
	struct schema schema;
	struct trace_message why;
	const struct trace_record record = {
		.arg = 5, .fiber = 6, .peer = 7, .value = UINT64_C(8) << 32 | 9};
	cr_assert_eq(parse_own(&schema, &why), 0);
	const struct schema_event *event = &schema.events[TRACE_SWITCH];
	cr_assert_eq(schema_value(event, PLACE_ARG, &record), 5);
	cr_assert_eq(schema_value(event, PLACE_FIBER, &record), 6);
	cr_assert_eq(schema_value(event, PLACE_PEER, &record), 7);
	cr_assert_eq(schema_value(event, PLACE_HIGH, &record), 8);
	cr_assert_eq(schema_value(event, PLACE_LOW, &record), 9);
	cr_assert_eq(schema_value(&schema.events[TRACE_ANCHOR], PLACE_LOW, &record),
		     record.value);
}

#define FIRST "weft-events 1\n"
#define EVENT(number, name, fields)                                                    \
	"event\t" number "\t" name "\tmodule\t" fields "\ta sentence\n"
#define PLAIN "\t\t\t\t"

Test(schema, what_is_newer_is_skipped)
{
	struct schema schema;
	struct trace_message why;
	const char *text =
		FIRST "colour\tblue\n\n"
		      "event\t9\tNEW\tmodule\t\tf:fiber\t\t\t\tsentence\tmore\tmore\n"
		      "choice\tkind\t0\ttext\tmore\n";
	cr_assert_eq(parse(&schema, text, &why), 0, "%s", why.text);
	cr_assert_str_eq(schema.events[9].name, "NEW");
	cr_assert_str_eq(schema.events[9].sentence, "sentence");
	cr_assert_str_eq(schema_choice_text(&schema, "kind", 0), "text");
}

#define LONG "a123456789b123456789c123456789d1" /* 32 letters */

static const struct {
	const char *text, *words;
} bad_schemas[] = {
	{"", "line 1 of the schema is not"},
	{"weft-events 2\n", "line 1 of the schema is not"},
	{"weft-events 1", "line 1 of the schema has no end"},
	{FIRST "choice\tleave\t1\tyield", "line 2 of the schema has no end"},
	{FIRST "choice\tleave\t1\n", "3 of its 4 columns"},
	{FIRST "choice\tleave\t256\ta\n", "\"256\" where a number from 0 to 255"},
	{FIRST "choice\tleave\t-1\ta\n", "\"-1\" where a number"},
	{FIRST "choice\tleave\t\ta\n", "\"\" where a number"},
	{FIRST "choice\tleave\t1\t\n", "without a text"},
	{FIRST "choice\tle ave\t1\ta\n", "\"le ave\" where a word"},
	{FIRST "choice\tleave\t1\ta\nchoice\tleave\t1\tb\n",
	 "line 3 of the schema gives"},
	{FIRST "choice\tleave\t1\ta\nchoice\tleave\t2\ta\n",
	 "line 3 of the schema gives"},
	{FIRST "choice\ta123456789123456\t1\ta\n", "longer than 15 bytes"},
	{FIRST "choice\tleave\t1\t" LONG "\n", "longer than 31 bytes"},
	{FIRST "event\t1\tA\tmodule\n", "4 of its 10 columns"},
	{FIRST EVENT("0", "A", PLAIN), "\"0\" where a number from 1 to 255"},
	{FIRST EVENT("1x", "A", PLAIN), "\"1x\" where a number"},
	{FIRST EVENT("1", "", PLAIN), "\"\" where a word"},
	{FIRST EVENT("1", "A=B", PLAIN), "\"A=B\" where a word"},
	{FIRST EVENT("1", LONG, PLAIN), "longer than 31 bytes"},
	{FIRST EVENT("1", "A", "x:\t\t\t\t"), "\"\" where a word"},
	{FIRST EVENT("1", "A", ":x\t\t\t\t"), "\"\" where a word"},
	{FIRST EVENT("1", "A", "x:y:z\t\t\t\t"), "\"y:z\" where a word"},
	{FIRST EVENT("1", "A", "\tx\t\tx\t"), "two fields named x"},
	{FIRST EVENT("1", "A", "\t\t\tx\ty:ns64"), "beside one that takes all"},
	{FIRST EVENT("1", "A", PLAIN) EVENT("1", "B", PLAIN), "event 1 a second time"},
	{FIRST EVENT("1", "A", PLAIN) EVENT("2", "A", PLAIN), "name A a second time"},
	{FIRST EVENT("1", "A\r", PLAIN), "the byte 13, which is no ASCII"},
	{FIRST EVENT("1", "A\xe9", PLAIN), "the byte 233, which is no ASCII"},
	{FIRST "event\t1\tA\tm\t\t\t\t\t\t" LONG LONG LONG LONG "\n",
	 "longer than 127"},
};

Test(schema, bad_lines_are_named)
{
	for (size_t i = 0; i < sizeof bad_schemas / sizeof bad_schemas[0]; i++) {
		struct schema schema;
		struct trace_message why;
		cr_assert_eq(parse(&schema, bad_schemas[i].text, &why), -EINVAL, "%s",
			     bad_schemas[i].words);
		cr_assert(strstr(why.text, bad_schemas[i].words), "\"%s\" lacks \"%s\"",
			  why.text, bad_schemas[i].words);
		cr_assert_null(strchr(why.text, '\n'));
	}
}

Test(schema, choices_have_a_limit)
{
	struct schema schema;
	struct trace_message why;
	char text[4096] = FIRST;
	for (int i = 0; i <= SCHEMA_CHOICES_MAX; i++)
		sprintf(text + strlen(text), "choice\tkind\t%d\ttext %d\n", i, i);
	cr_assert_eq(parse(&schema, text, &why), -EINVAL);
	cr_assert(
		strstr(why.text, "line 130 of the schema is one choice more than 128"),
		"%s", why.text);
}
