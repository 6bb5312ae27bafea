/* dot.h: small graphs of records for Graphviz.
 *
 * A node is a record: a line that says which, where it was written and on which worker,
 * and what happened in words. Time goes from left to right, in the order in which nodes
 * are added. The background is left as it is and all colors are ones that can be read on
 * light and on dark.
 *
 *   dot_begin, then for each group: dot_group_begin, nodes, edges, dot_group_end;
 *   then dot_end */
#ifndef WEFT_TRACE_DOT_H
#define WEFT_TRACE_DOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/merge.h"
#include "trace/names.h"

struct dot {
	FILE *out;
	const struct names *names;
	unsigned group;    /* of nodes, from 0 */
	unsigned in_group; /* nodes so far */
};

/* `title` is a plain text. */
void dot_begin(struct dot *dot, FILE *out, const struct names *names,
	       const char *title);
void dot_group_begin(struct dot *dot, const char *title, const char *what);

/* A record of `step`, called `head` ("step 12"). Nodes are numbered from 0 in their
 * group. The `number` of the step does not matter. */
enum dot_mark { DOT_PLAIN, DOT_LINK, DOT_FAILS };
void dot_node(struct dot *dot, const char *head, const struct trace_step *step,
	      enum dot_mark mark);

/* A node comes after another for that reason; `waits`: it waits for it instead. */
void dot_edge(struct dot *dot, uint32_t from, uint32_t to, const char *why, bool waits);
void dot_group_end(struct dot *dot);
void dot_end(struct dot *dot);

/* Opens `path` for a graph. A file of that name that is no such graph is left alone, and
 * then, or if it cannot be written, *out is NULL and `why` says so in one line. */
void dot_open(FILE **out, const char *path, struct trace_message *why);

/* Removes an older graph `path`, under the same condition; true if there is none now. */
bool dot_remove(const char *path, struct trace_message *why);

#endif
