/* dump.h: a trace as text, for reading, for editing by hand, and back.
 *
 * A line is words with blanks between them; "..." may hold blanks, and \" \\ \t \n
 * \xNN. From a word that starts with # on, the line is a comment. A number is decimal,
 * or hexadecimal after 0x. What is left out has the value that is given here, so that
 * six lines can be a trace.
 *
 *   weft-trace-text 1                       the first line
 *   header KEY=NUMBER...                    fields of struct trace_header
 *   schema "LINE"                           of the schema, if it is not this build's
 *   region NAME offset=N size=N             NAME: schema (no size), sites, strings
 *   string "TEXT"                           one more string
 *   site event=E file=S line=N function=S   one more site; numbered from 1
 *   segment NUMBER KEY=NUMBER...            offset, capacity, os_thread, claimed,
 *                                           role, clean_close, dropped; of a ring
 *                                           also ring=1, and head
 *   file size=N                             if not the end of the last segment
 *   bytes OFFSET HEX                        up to 32 that nothing above describes
 *   SEGMENT TICK EVENT FIELD=VALUE...       a record
 *
 * A record's fields have their names from the schema. The value of a choice is its
 * text; that of a string is the string itself, or its id. The fields of struct
 * trace_record that the schema does not name are written with a dot: .site, .sequence,
 * .arg, .fiber, .peer, .high, .low. An event that the schema does not know is type-N.
 * TICK may be left out: 1000 after the record before. A sequence that is left out is
 * the next one of its fiber, counting down the page: so a record can be put in, moved
 * or taken out, and the numbers still fit.
 *
 * Of a ring the text has every record that is whole, also from before the window that the
 * other commands look at; the last of them has the number head - 1.
 *
 * Text and file say the same thing: command_undump makes the very bytes again that
 * command_dump has read.
 *
 * Rejected: a text a segment. Records in their merged order read as the story they are.
 */
#ifndef WEFT_TRACE_DUMP_H
#define WEFT_TRACE_DUMP_H

#include "trace/fiber_table.h"
#include "trace/format.h"
#include "trace/schema.h"

#define DUMP_FIRST_LINE   "weft-trace-text 1"
#define DUMP_SITES_SIZE   8192u /* sizes of regions, where the text gives none */
#define DUMP_STRINGS_SIZE 16384u
#define DUMP_TICK_STEP    1000u
#define DUMP_ROW          32u /* bytes in a line of bytes */

/* The sequences a record has where its line gives none. `last` holds a uint32_t for
 * each fiber, the number of its last record. 0 where the record has none. -ENOMEM. */
int dump_expect(struct fiber_table *last, const struct schema_event *event,
		const struct trace_record *record, uint32_t *sequence,
		uint32_t *peer_sequence);

/* Notes the sequences of a record. -ENOMEM. */
int dump_note(struct fiber_table *last, const struct schema_event *event,
	      const struct trace_record *record);

#endif
