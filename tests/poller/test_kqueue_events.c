/* test_kqueue_events.c: what entries of a kqueue's list mean. The lists are written after
 * kqueue(2) of FreeBSD and macOS, with the values that the headers there have. */
#include "tests/poller/stand_in/sys/event.h"

#include "poller/kqueue_events.h"

#include <criterion/criterion.h>
#include <stddef.h>

#define BELL ((void *)(uintptr_t)POLLER_TAG_OF_BELL)
#define TAG  ((void *)(uintptr_t)0x70000000005)

enum { BROKEN_PIPE = 32, CONNECTION_RESET = 54, CONNECTION_REFUSED = 61 };

static struct poller_event events[8];
static bool rung;

static unsigned what_of(struct kevent entry)
{
	return kqueue_event_what(&entry);
}

static struct kevent entry(short filter, unsigned flags, unsigned fflags, int64_t data)
{
	return (struct kevent){.ident = 5,
			       .filter = filter,
			       .flags = (unsigned short)flags,
			       .fflags = fflags,
			       .data = data,
			       .udata = TAG};
}

Test(kqueue_events, readiness)
{
	cr_assert_eq(what_of(entry(EVFILT_READ, EV_CLEAR, 0, 12)), POLLER_READ);
	cr_assert_eq(what_of(entry(EVFILT_WRITE, EV_CLEAR, 0, 16384)), POLLER_WRITE);
	cr_assert_eq(what_of(entry(EVFILT_READ, 0, 0, 1)), POLLER_READ,
		     "FreeBSD gives the flags without EV_ADD");
	cr_assert_eq(what_of(entry(EVFILT_READ, EV_ADD | EV_CLEAR, 0, 1)), POLLER_READ,
		     "and nobody minds it");
}

Test(kqueue_events, end_of_a_pipe)
{
	const unsigned over = EV_CLEAR | EV_EOF;
	const unsigned said = POLLER_READ | POLLER_READ_HANGUP;
	cr_assert_eq(what_of(entry(EVFILT_READ, over, 0, 0)), said);
	cr_assert_eq(what_of(entry(EVFILT_READ, over, 0, 7)), said, "7 bytes are left");
	cr_assert_eq(what_of(entry(EVFILT_WRITE, over, 0, 65536)),
		     POLLER_WRITE | POLLER_WRITE_HANGUP, "nobody reads it any more");
}

Test(kqueue_events, end_of_a_socket)
{
	const unsigned over = EV_CLEAR | EV_EOF;
	cr_assert_eq(what_of(entry(EVFILT_READ, over, 0, 3)),
		     POLLER_READ | POLLER_READ_HANGUP, "the other end has shut down");
	cr_assert_eq(what_of(entry(EVFILT_READ, over, CONNECTION_RESET, 0)),
		     POLLER_READ | POLLER_READ_HANGUP | POLLER_ERROR);
	cr_assert_eq(what_of(entry(EVFILT_WRITE, over, CONNECTION_REFUSED, 2048)),
		     POLLER_WRITE | POLLER_WRITE_HANGUP | POLLER_ERROR);
	cr_assert_eq(what_of(entry(EVFILT_READ, EV_CLEAR, 1, 3)), POLLER_READ,
		     "without EV_EOF fflags is no error");
}

Test(kqueue_events, answers_to_changes)
{
	cr_assert_eq(what_of(entry(EVFILT_READ, EV_ERROR, 0, 0)), 0, "it was done");
	cr_assert_eq(what_of(entry(EVFILT_WRITE, EV_ERROR, 0, BROKEN_PIPE)),
		     POLLER_WRITE | POLLER_ERROR);
	cr_assert_eq(what_of(entry(EVFILT_READ, EV_ADD | EV_ERROR, 0, 9)),
		     POLLER_READ | POLLER_ERROR);
}

Test(kqueue_events, the_bell_among_others)
{
	struct kevent list[] = {
		entry(EVFILT_READ, EV_CLEAR, 0, 1),
		{0, EVFILT_USER, EV_CLEAR, 0, 0, BELL, {0}},
		entry(EVFILT_WRITE, EV_CLEAR | EV_EOF, 0, 512),
		entry(EVFILT_READ, EV_ERROR, 0, 0),
		entry(EVFILT_USER, EV_CLEAR, 0, 0), /* a filter that nobody watches */
	};
	list[2].udata = (void *)(uintptr_t)0x8000000000000001;
	cr_assert_eq(kqueue_translate(list, 5, events, &rung), 2);
	cr_assert(rung);
	cr_assert_eq(events[0].tag, 0x70000000005);
	cr_assert_eq(events[0].what, POLLER_READ);
	cr_assert_eq(events[1].tag, 0x8000000000000001);
	cr_assert_eq(events[1].what, POLLER_WRITE | POLLER_WRITE_HANGUP);
}

Test(kqueue_events, a_pipe_for_a_bell)
{
	struct kevent list[] = {
		{9, EVFILT_READ, EV_CLEAR, 0, 2, BELL, {0}},
		entry(EVFILT_READ, EV_CLEAR, 0, 1),
	};
	cr_assert_eq(kqueue_translate(list, 2, events, &rung), 1);
	cr_assert(rung);
	cr_assert_eq(events[0].tag, 0x70000000005);
	cr_assert_eq(kqueue_translate(list + 1, 1, events, &rung), 1);
	cr_assert_not(rung);
	cr_assert_eq(kqueue_translate(list, 0, events, &rung), 0);
	cr_assert_not(rung);
}
