/* test_wake.c: wakes: before a wait, during one, many at once, and past those who only look. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "base/system.h"
#include "poller/poller.h"
#include "poller/wake.h"
#include "tests/on_valgrind.h"

enum { SHORT_NS = 3000000, CAPACITY = 8 };

static struct poller poller;
static struct poller_event events[CAPACITY];

static int wait_for(int64_t timeout_ns)
{
	return poller_wait(&poller, events, CAPACITY, timeout_ns);
}

Test(wake_word, one_of_many_has_to_ring)
{
	cr_assert_not(poller_wake_is_pending(&poller));
	cr_assert(poller_wake_claim(&poller));
	cr_assert(poller_wake_is_pending(&poller));
	cr_assert_not(poller_wake_claim(&poller));
	poller_wake_take(&poller);
	cr_assert_not(poller_wake_is_pending(&poller));
	cr_assert(poller_wake_claim(&poller));
}

Test(wake, before_the_wait)
{
	cr_assert_eq(poller_open(&poller), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(poller_wake(&poller), 0);
		cr_assert_eq(wait_for(-1), 0);
	}
	poller_close(&poller);
}

Test(wake, a_look_leaves_it_to_the_blocker)
{
	cr_assert_eq(poller_open(&poller), 0);
	cr_assert_eq(poller_wake(&poller), 0);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(wait_for(0), 0);
	cr_assert_eq(wait_for(-1), 0);
	poller_close(&poller);
}

/* How long the wait took is the proof that nothing ended it. */
static void assert_nothing_wakes(void)
{
	uint64_t start = system_monotonic_ns();
	cr_assert_eq(wait_for(SHORT_NS), 0);
	cr_assert_geq(system_monotonic_ns() - start, SHORT_NS);
}

Test(wake, many_are_one)
{
	cr_assert_eq(poller_open(&poller), 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(poller_wake(&poller), 0);
	cr_assert_eq(wait_for(-1), 0);
	assert_nothing_wakes();
	poller_close(&poller);
}

/* A blocker that comes back for another reason takes the wake with it; the ring that is left
 * in the kernel ends one wait for nothing, or a look takes it, and no more. */
Test(wake, a_ring_that_was_left_over_ends)
{
	cr_assert_eq(poller_open(&poller), 0);
	cr_assert_eq(poller_wake(&poller), 0);
	poller_wake_take(&poller);
	cr_assert_eq(wait_for(0), 0);
	assert_nothing_wakes();
	poller_close(&poller);
}

static void *wake_once(void *unused)
{
	cr_assert_eq(poller_wake(&poller), 0);
	return unused;
}

Test(wake, during_the_wait)
{
	pthread_t thread;
	cr_assert_eq(poller_open(&poller), 0);
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, wake_once, NULL), 0);
		cr_assert_eq(wait_for(-1), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
	poller_close(&poller);
}

/* ---- under load ---- */

enum { WAKERS = 3, LOOKERS = 2 };

static long wakes_each(void)
{
	return RUNNING_ON_VALGRIND ? 200 : ON_TSAN ? 2000 : 30000;
}

/* Relaxed, all of them: what orders a note before its reading is the wake. */
static _Atomic long notes[WAKERS];
static _Atomic long taken[WAKERS];
static _Atomic int over;

/* Each goes on when its last note has been taken: a lost wake stops everything. */
static void *note_and_wake(void *number)
{
	_Atomic long *note = number, *read = &taken[note - notes];
	for (long i = 1; i <= wakes_each(); i++) {
		store_relaxed(note, i);
		cr_assert_eq(poller_wake(&poller), 0);
		while (load_relaxed(read) < i)
			(void)sched_yield();
	}
	return NULL;
}

static void *look_all_the_time(void *unused)
{
	struct poller_event one;
	while (!load_relaxed(&over)) {
		cr_assert_eq(poller_wait(&poller, &one, 1, 0), 0);
		(void)sched_yield();
	}
	return unused;
}

static void start_all(pthread_t *wakers, pthread_t *lookers, int looking)
{
	for (int i = 0; i < looking; i++)
		cr_assert_eq(pthread_create(&lookers[i], NULL, look_all_the_time, NULL),
			     0);
	for (int i = 0; i < WAKERS; i++)
		cr_assert_eq(pthread_create(&wakers[i], NULL, note_and_wake, &notes[i]),
			     0);
}

static void end_all(pthread_t *wakers, pthread_t *lookers, int looking)
{
	store_relaxed(&over, 1);
	for (int i = 0; i < WAKERS; i++)
		cr_assert_eq(pthread_join(wakers[i], NULL), 0);
	for (int i = 0; i < looking; i++)
		cr_assert_eq(pthread_join(lookers[i], NULL), 0);
}

static bool all_taken(void)
{
	for (int i = 0; i < WAKERS; i++)
		if (load_relaxed(&taken[i]) < wakes_each())
			return false;
	return true;
}

static void take_all_wakes(int looking)
{
	pthread_t wakers[WAKERS], lookers[LOOKERS];
	cr_assert_eq(poller_open(&poller), 0);
	start_all(wakers, lookers, looking);
	while (!all_taken()) {
		cr_assert_eq(wait_for(-1), 0);
		for (int i = 0; i < WAKERS; i++)
			store_relaxed(&taken[i], load_relaxed(&notes[i]));
	}
	end_all(wakers, lookers, looking);
	poller_close(&poller);
}

Test(wake, none_is_lost)
{
	take_all_wakes(0);
}

Test(wake, none_is_lost_to_a_look)
{
	take_all_wakes(LOOKERS);
}
