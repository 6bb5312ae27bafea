/* The generated part of FORMAT.md. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/commands.h"
#include "trace/format.h"

static char *generate(void)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	cr_assert_not_null(out);
	cr_assert_eq(command_format(out), EXIT_HOLDS);
	cr_assert_eq(fclose(out), 0);
	return text;
}

/* The fields of a struct follow each other without a gap, from 0 to its size: none is
 * forgotten. */
static void check_struct(const char *text, const char *title, size_t size)
{
	const char *line = strstr(text, title);
	size_t end = 0, at, bytes;
	cr_assert_not_null(line);
	for (int i = 0; i < 4; i++) /* the title, a blank line, the table's head */
		line = strchr(line, '\n') + 1;
	for (; sscanf(line, "| %zu | %zu |", &at, &bytes) == 2;
	     line = strchr(line, '\n') + 1) {
		cr_expect_eq(at, end, "%s: a field at %zu, not at %zu", title, at, end);
		end = at + bytes;
	}
	cr_expect_eq(end, size, "%s", title);
}

Test(format, every_byte_of_every_struct_is_described)
{
	char *text = generate();
	check_struct(text, "### File header", sizeof(struct trace_header));
	check_struct(text, "### Site", sizeof(struct trace_site_entry));
	check_struct(text, "### Segment header", sizeof(struct trace_segment_header));
	check_struct(text, "### Record", sizeof(struct trace_record));
	free(text);
}

Test(format, rows)
{
	static const char *const rows[] = {
		"| TRACE_SEGMENT_MAGIC | 0x31474553 | the bytes 53 45 47 31, SEG1 |\n",
		"| TRACE_HEADER_SIZE | 4096 | bytes of the file header |\n",
		"| 8 | 1 | type | the event's number; 0: never written |\n",
		"| 512 | 2048 | segment_offset | where each segment starts; 0: not "
		"there |\n",
		"| 1 | SWITCH | context | reason:leave | next:fiber | previous:fiber | "
		"previous_stack_used:bytes | previous_sequence:sequence | a worker "
		"leaves "
		"one fiber and goes on with the next |\n",
		"| 8 | ANCHOR | meta | | | | | monotonic:ns64 | what the monotonic "
		"clock "
		"said at this record's tick |\n",
		"### Choice: leave\n\n| arg | text |\n|---:|---|\n| 1 | yield |\n| 2 | "
		"park "
		"|\n| 3 | finish |\n| 4 | start |\n| 5 | idle |\n",
	};
	char *text = generate();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_not_null(strstr(text, rows[i]), "%s", rows[i]);
	free(text);
}

/* A Markdown table breaks at a row with another number of cells. */
Test(format, every_row_has_as_many_cells_as_its_head)
{
	char *text = generate();
	size_t head = 0, rows = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t cells = 0;
		for (char *at = line; *at; at++)
			cells += *at == '|' && (at == line || at[-1] != '\\');
		if (*line == '#')
			head = 0;
		else if (head == 0)
			head = cells;
		cr_expect(*line == '#' || cells == head, "%s", line);
		rows += cells > 0;
	}
	cr_expect_geq(rows, 60);
	free(text);
}
