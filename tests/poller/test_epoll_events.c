/* test_epoll_events.c: what entries of epoll's list mean, as Linux gives them. */
#if defined(__linux__)

#include <sys/epoll.h>

#include "poller/epoll_events.h"

#include <criterion/criterion.h>
#include <stddef.h>

static const struct {
	const char *name;
	uint32_t events;
	unsigned what;
} entries[] = {
	{"data", EPOLLIN, POLLER_READ},
	{"room", EPOLLOUT, POLLER_WRITE},
	{"data and room", EPOLLIN | EPOLLOUT, POLLER_READ | POLLER_WRITE},
	{"the other end has shut down", EPOLLIN | EPOLLOUT | EPOLLRDHUP,
	 POLLER_READ | POLLER_WRITE | POLLER_READ_HANGUP},
	{"a pipe without a writer, read empty", EPOLLHUP,
	 POLLER_READ | POLLER_WRITE | POLLER_READ_HANGUP | POLLER_WRITE_HANGUP},
	{"a full pipe without a reader", EPOLLERR,
	 POLLER_READ | POLLER_WRITE | POLLER_ERROR},
	{"a connection refused", EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP,
	 POLLER_READ | POLLER_WRITE | POLLER_READ_HANGUP | POLLER_WRITE_HANGUP |
		 POLLER_ERROR},
	{"an urgent byte", EPOLLIN | EPOLLPRI, POLLER_READ | POLLER_URGENT},
	{"what was not asked for", EPOLLMSG, 0},
};

Test(epoll_events, each_kind)
{
	for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
		cr_assert_eq(epoll_event_what(entries[i].events), entries[i].what, "%s",
			     entries[i].name);
}

Test(epoll_events, the_bell_among_others)
{
	struct poller_event events[3];
	bool rung;
	const struct epoll_event list[] = {
		{EPOLLIN, {.u64 = 0x8000000000000001}},
		{EPOLLIN, {.u64 = POLLER_TAG_OF_BELL}},
		{EPOLLOUT, {.u64 = 5}},
	};
	cr_assert_eq(epoll_translate(list, 3, events, &rung), 2);
	cr_assert(rung);
	cr_assert_eq(events[0].tag, 0x8000000000000001);
	cr_assert_eq(events[0].what, POLLER_READ);
	cr_assert_eq(events[1].tag, 5);
	cr_assert_eq(events[1].what, POLLER_WRITE);
	cr_assert_eq(epoll_translate(list + 2, 1, events, &rung), 1);
	cr_assert_not(rung);
	cr_assert_eq(epoll_translate(list, 0, events, &rung), 0);
	cr_assert_not(rung);
}

#endif
