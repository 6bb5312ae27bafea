/* check_fail.h: how a judge says what it found, for the files that hold judges. */
#ifndef WEFT_TRACE_CHECK_FAIL_H
#define WEFT_TRACE_CHECK_FAIL_H

#include <inttypes.h>
#include <stdio.h>

#include "trace/check.h"

/* The invariant at work had an event to judge. */
static inline void judged(struct checker *checker)
{
	checker->judged[checker->judging]++;
}

/* How a text mentions a fiber until it is told. */
struct mention {
	char text[16];
};

static inline struct mention mention(uint32_t fiber)
{
	struct mention mention;
	snprintf(mention.text, sizeof mention.text, "%c%" PRIu32 "%c", MENTION, fiber,
		 MENTION);
	return mention;
}

/* The invariant at work is broken by the step `at`, which contradicts `first` and `second`
 * (either may be NULL or a step that never was). Returns where the caller writes what
 * happened, or NULL when an earlier failure is already there. */
static inline char *fail(struct checker *checker, const struct moment *at,
			 const struct moment *first, const struct moment *second)
{
	struct failure *failure = &checker->failures[checker->judging];
	if (failure->times++ > 0)
		return NULL;
	if (first)
		slice_add(&failure->slice, first);
	if (second)
		slice_add(&failure->slice, second);
	slice_add(&failure->slice, at);
	return failure->what;
}

#define FAIL(checker, at, first, second, ...)                                          \
	do {                                                                           \
		char *what_ = fail((checker), (at), (first), (second));                \
		if (what_)                                                             \
			snprintf(what_, WHAT_SIZE, __VA_ARGS__);                       \
	} while (0)

/* Takes back what the invariant at work has judged: the end of the trace shows that it had
 * no say. */
static inline void unjudge(struct checker *checker)
{
	checker->judged[checker->judging] = 0;
	checker->failures[checker->judging] = (struct failure){.times = 0};
}

#endif
