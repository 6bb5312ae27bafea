/* names.h: what fibers are called, and one step of a run in words.
 *
 * A trace numbers its fibers. People read names: the one a NAME record gives, else the
 * entry of the CREATE record, else "fiber 7". Where two fibers would be called the
 * same, each has its number behind it, "echo 7". A worker's own context is "idle 0".
 *
 * A name comes from the traced program and may hold anything. What this file hands out
 * is valid UTF-8 of bounded length that cannot move a cursor or turn the direction of a
 * line.
 *
 * Includes: trace. */
#ifndef WEFT_TRACE_NAMES_H
#define WEFT_TRACE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/merge.h"
#include "trace/reader.h"

#define NAME_SIZE 64 /* bytes of a name with its NUL */

struct fiber_name {
	uint32_t id;
	bool idle;            /* a worker's own context */
	char text[NAME_SIZE]; /* never empty */
};

struct names {
	const struct trace_file *file;
	struct fiber_name
		*fibers; /* every fiber that a record speaks of, sorted by id */
	size_t count;
};

/* Finds every fiber of `file`, which must outlive `names`. -ENOMEM leaves nothing to
 * close. */
int names_open(struct names *names, const struct trace_file *file);

/* As names_open, for the `count` fibers in `ids` only: `names` takes no memory for the
 * others. A fiber has its number behind its name where any other was ever given the same
 * one. Sorts `ids`; a 0, or an id that is there twice, does no harm. */
int names_open_few(struct names *names, const struct trace_file *file, uint32_t *ids,
		   size_t count);
void names_close(struct names *names);

/* The fiber with that id, or NULL for 0 and for one that no record speaks of. Its index
 * is its distance from names->fibers. */
const struct fiber_name *names_get(const struct names *names, uint32_t id);

/* The name of that fiber; "nobody" for one that names_get does not find. */
const char *names_of(const struct names *names, uint32_t id);

/* The fiber called `text`, as it is shown or as text_word writes it; NULL if there is
 * none. */
const struct fiber_name *names_find(const struct names *names, const char *text);

/* Writes what happened at `step` as a sentence without a full stop: "main creates
 * ping". */
void names_tell(const struct names *names, const struct trace_step *step, FILE *out);

/* Whether the sentence for such an event begins with whose step it is: "worker 1". */
bool names_begin_with_worker(uint8_t type);

/* Writes "1 switch" or "3 switches". */
void names_count(FILE *out, uint64_t count, const char *one, const char *many);

/* Reads one character of UTF-8. Returns its length, or 0 for bytes that are none: a
 * stray or missing continuation, a form longer than needed, a surrogate. */
size_t text_decode(const char *text, uint32_t *point);

/* Copies `text` into to[size]. A byte that is not part of a visible character becomes
 * \xNN; what does not fit ends in "...". */
void text_escape(char *to, size_t size, const char *text);

/* Copies `text`, escaped, with a _ for each space: a single word for facts and rules.
 */
void text_word(char *to, size_t size, const char *text);

/* How many columns of a terminal the escaped `text` takes. */
size_t text_columns(const char *text);

/* Copies the escaped `text` into to[size], shortened in the middle to `columns`, so
 * that both the start and a number at the end can be read. Without `unicode` all of it
 * is ASCII. */
void text_fit(char *to, size_t size, const char *text, size_t columns, bool unicode);

#endif
