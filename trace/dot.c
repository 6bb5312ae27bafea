/* dot.c: what is written is valid for dot whatever the traced program was called: text is
 * escaped by names.h first and for dot's strings after that.
 *
 * Rejected: a lane a worker by fixed positions, for neato -n. It needs the width of each
 * text, and dot -Tsvg, which everybody types, would ignore it. */
#include "trace/dot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/system.h"

#define LEGEND                                                                         \
	"An arrow leads to a record that certainly comes later, and says in whose "    \
	"order.\\lThick border: the record that fails. Dashed border: a record that "  \
	"only connects others. Color: the worker.\\l"
#define FIRST_LINE "digraph weft_trace_slice {"
#define WIDTH      30 /* letters of a line of a node */

/* Workers have a color each, light enough for black text; the failing record's border is
 * the one strong color. */
static const char *const fills[] = {"#cfe3f2", "#fbe3b8", "#cdeadf",
				    "#f3d9e8", "#e6e6e6", "#fdf3c4"};
#define FILLS      (sizeof fills / sizeof *fills)
#define LINE_COLOR "#7f7f7f" /* seen on white and on black */
#define FAIL_COLOR "#d55e00"

/* ---- text ---- */

/* One character of a dot string. The words that come here hold no line break. */
static void put(FILE *out, char c)
{
	if (c == '"' || c == '\\')
		fputc('\\', out);
	fputc(c, out);
}

static void put_text(FILE *out, const char *text)
{
	for (; *text; text++)
		put(out, *text);
}

/* Breaks lines between words. A line that cannot be broken is as long as it is. */
static void put_wrapped(FILE *out, const char *text)
{
	size_t column = 0;
	while (*text) {
		size_t word = strcspn(text, " ");
		if (column > 0 && column + 1 + word > WIDTH) {
			fputs("\\n", out);
			column = 0;
		} else if (column > 0) {
			fputc(' ', out);
			column++;
		}
		for (size_t i = 0; i < word; i++)
			put(out, text[i]);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
}

/* What happened, in the words of the story; the caller's to free, NULL without memory. */
static char *words_of(const struct dot *dot, const struct trace_step *step)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	if (!memory)
		return NULL;
	names_tell(dot->names, step, memory);
	if (fclose(memory) == 0)
		return text;
	free(text);
	return NULL;
}

/* "demo.c:57", or nothing where the trace does not say. */
static void site_of(const struct dot *dot, const struct trace_step *step, char *to,
		    size_t size)
{
	const struct trace_file *file = dot->names->file;
	const struct trace_site_entry *site = trace_file_site(file, step->record->site);
	char name[200];
	*to = '\0';
	if (!site)
		return;
	text_escape(name, sizeof name, trace_file_string(file, site->file));
	snprintf(to, size, "%s:%" PRIu32, name, site->line);
}

/* ---- the graph ---- */

void dot_begin(struct dot *dot, FILE *out, const struct names *names, const char *title)
{
	*dot = (struct dot){.out = out, .names = names};
	fputs(FIRST_LINE "\n  graph [bgcolor=\"transparent\" rankdir=LR newrank=true "
			 "nodesep=0.35 ranksep=0.5\n         fontname=\"sans-serif\" "
			 "fontsize=12 fontcolor=\"" LINE_COLOR "\" tooltip=\"",
	      out);
	put_text(out, title);
	fputs("\"\n         comment=\"", out);
	put_text(out, title);
	fputs("\"\n         labelloc=b labeljust=l label=\"" LEGEND "\"];\n"
	      "  node [shape=box style=\"filled,rounded\" fontname=\"sans-serif\" "
	      "fontsize=11\n        fontcolor=\"black\" color=\"" LINE_COLOR "\"];\n"
	      "  edge [fontname=\"sans-serif\" fontsize=10 fontcolor=\"" LINE_COLOR
	      "\" color=\"" LINE_COLOR "\"];\n",
	      out);
}

void dot_group_begin(struct dot *dot, const char *title, const char *what)
{
	fprintf(dot->out,
		"  subgraph cluster_%u {\n    color=\"" LINE_COLOR
		"\"; labelloc=t; labeljust=l;\n    label=\"",
		dot->group);
	put_text(dot->out, title);
	fputs("\\l", dot->out);
	put_text(dot->out, what);
	fputs("\\l\";\n    tooltip=\"", dot->out);
	put_text(dot->out, what);
	fputs("\";\n", dot->out);
	dot->in_group = 0;
}

static void put_node(const struct dot *dot, const char *head,
		     const struct trace_step *step, const char *words)
{
	char site[256];
	site_of(dot, step, site, sizeof site);
	fprintf(dot->out, "label=\"");
	put_text(dot->out, head);
	struct trace_writer_name writer =
		trace_file_writer(dot->names->file, step->worker);
	fprintf(dot->out, ", %s\\n", writer.text);
	put_wrapped(dot->out, words);
	if (*site) {
		fputs("\\n", dot->out);
		put_text(dot->out, site);
	}
	fputs("\" tooltip=\"", dot->out);
	put_text(dot->out, head);
	fprintf(dot->out, ", %s: ", writer.text);
	put_text(dot->out, words);
	fputc('"', dot->out);
}

/* An edge that is not seen keeps the nodes in their order. */
void dot_node(struct dot *dot, const char *head, const struct trace_step *step,
	      enum dot_mark mark)
{
	char *words = words_of(dot, step);
	fprintf(dot->out, "    s%u_%u [", dot->group, dot->in_group);
	put_node(dot, head, step, words ? words : "");
	fprintf(dot->out, " group=\"w%" PRIu32 "\" fillcolor=\"%s\"", step->worker,
		fills[step->worker % FILLS]);
	if (mark == DOT_FAILS)
		fputs(" color=\"" FAIL_COLOR "\" penwidth=3", dot->out);
	else if (mark == DOT_LINK)
		fputs(" style=\"filled,rounded,dashed\"", dot->out);
	fputs("];\n", dot->out);
	if (dot->in_group > 0)
		fprintf(dot->out, "    s%u_%u -> s%u_%u [style=invis];\n", dot->group,
			dot->in_group - 1, dot->group, dot->in_group);
	dot->in_group++;
	free(words);
}

void dot_edge(struct dot *dot, uint32_t from, uint32_t to, const char *why, bool waits)
{
	fprintf(dot->out, "    s%u_%" PRIu32 " -> s%u_%" PRIu32 " [label=\"",
		dot->group, from, dot->group, to);
	put_text(dot->out, why);
	fprintf(dot->out, "\" tooltip=\"");
	put_text(dot->out, why);
	fprintf(dot->out, "\"%s];\n",
		waits ? " style=dashed color=\"" FAIL_COLOR "\" constraint=false" : "");
}

void dot_group_end(struct dot *dot)
{
	fputs("  }\n", dot->out);
	dot->group++;
}

void dot_end(struct dot *dot)
{
	fputs("}\n", dot->out);
}

/* ---- the file ---- */

/* Whether nothing is lost when `path` is replaced: it is not there, empty, or one of these
 * graphs. */
static bool may_replace(const char *path, bool *there, struct trace_message *why)
{
	char line[sizeof FIRST_LINE] = "";
	FILE *file = fopen(path, "r");
	*there = file != NULL;
	if (!file)
		return true;
	size_t length = fread(line, 1, sizeof line - 1, file);
	fclose(file);
	if (length == 0 || strcmp(line, FIRST_LINE) == 0)
		return true;
	snprintf(why->text, sizeof why->text,
		 "%.200s: is there and is no graph of weft-trace's; give another path",
		 path);
	return false;
}

void dot_open(FILE **out, const char *path, struct trace_message *why)
{
	bool there;
	*out = NULL;
	if (!may_replace(path, &there, why))
		return;
	*out = fopen(path, "w");
	if (!*out)
		snprintf(why->text, sizeof why->text,
			 "%.200s: cannot be written; give a path in a folder of yours",
			 path);
}

bool dot_remove(const char *path, struct trace_message *why)
{
	bool there;
	if (!may_replace(path, &there, why))
		return false;
	if (!there || system_remove(path) == 0)
		return true;
	snprintf(why->text, sizeof why->text,
		 "%.200s: is an older graph and cannot be removed; remove it", path);
	return false;
}
