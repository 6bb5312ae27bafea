/* test_kqueue_events_netbsd.c: the same translation with NetBSD's shape of an entry, where
 * filters count up from 0 and are unsigned. */
#include <criterion/criterion.h>
#include <stdint.h>

#define EVFILT_READ  0U
#define EVFILT_WRITE 1U
#define EVFILT_USER  8U
#define EV_CLEAR     0x0020U
#define EV_ERROR     0x4000U
#define EV_EOF       0x8000U

struct kevent {
	uintptr_t ident;
	uint32_t filter;
	uint32_t flags;
	uint32_t fflags;
	int64_t data;
	void *udata;
};

#include "poller/kqueue_events.h"

Test(kqueue_events_netbsd, a_list)
{
	struct poller_event events[4];
	bool rung;
	const struct kevent list[] = {
		{7, EVFILT_READ, EV_CLEAR, 0, 4, (void *)(uintptr_t)1},
		{0, EVFILT_USER, EV_CLEAR, 0, 0, (void *)(uintptr_t)POLLER_TAG_OF_BELL},
		{8, EVFILT_WRITE, EV_CLEAR | EV_EOF, 54, 0, (void *)(uintptr_t)2},
		{8, EVFILT_USER, EV_CLEAR, 0, 0, (void *)(uintptr_t)3},
	};
	cr_assert_eq(kqueue_translate(list, 4, events, &rung), 2);
	cr_assert(rung);
	cr_assert_eq(events[0].tag, 1);
	cr_assert_eq(events[0].what, POLLER_READ);
	cr_assert_eq(events[1].tag, 2);
	cr_assert_eq(events[1].what, POLLER_WRITE | POLLER_WRITE_HANGUP | POLLER_ERROR);
}
