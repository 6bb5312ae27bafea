/* names_tell.h: the sentences of names_tell_waits.c, which names_tell.c has in its tables. Each is
 * written without a full stop. */
#ifndef WEFT_TRACE_NAMES_TELL_H
#define WEFT_TRACE_NAMES_TELL_H

#include <stdio.h>

#include "trace/names.h"

/* Of an event that is about a fiber. */
typedef void teller_function(const struct names *names,
			     const struct trace_record *record, FILE *out);

/* Of one that is about the thread that recorded it. */
typedef void thread_teller_function(const struct names *names,
				    const struct trace_step *step, FILE *out);

teller_function tell_push, tell_return, tell_pop;
teller_function tell_watch, tell_event, tell_close;
teller_function tell_set, tell_fire, tell_drop;
teller_function tell_cancel, tell_ack;
thread_teller_function tell_poll, tell_polled, tell_call;

#endif
