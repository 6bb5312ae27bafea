/* test_fair.c: nobody who could run waits without a bound, however busy a worker is. All bounds
 * are counts of switches; on one worker they are exact. Hogs and hooks are parts of the scheduler
 * here, so the Makefile has the file built as the library is. */
#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/system.h"
#include "future/rendezvous.h"
#include "scheduler/scheduler.h"
#include "tests/on_valgrind.h"
#include "weft.h"

static struct weft *begin(uint32_t workers)
{
	struct weft *io;
	cr_assert_eq(weft_init(&io, &(struct weft_options){.workers = workers}), 0);
	return io;
}

/* ---- on one worker: those that keep it busy ---- */

/* Atomic, since a yield orders nothing. */
static _Atomic uint64_t switches; /* of the worker so far: each hog counts its own */
static _Atomic bool stop;
static void (*meanwhile)(void); /* called by hogs between two switches, or NULL */

enum {
	ENOUGH = 200000
}; /* switches after which a hog gives up, so that a failure ends */

static void count_switch(void)
{
	switches++;
	if (switches > ENOUGH)
		stop = true;
	if (meanwhile)
		meanwhile();
}

static void yield_forever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!stop) {
		count_switch();
		weft_yield(io);
	}
}

static void end_at_once(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	count_switch();
}

/* Each switch is to a child that is awaited or to its awaiter: none needs a queue. */
static void fork_and_join_forever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!stop) {
		struct weft_future future;
		weft_async(io, &future, end_at_once, NULL, 0, NULL);
		count_switch();
		weft_await(io, &future);
	}
}

/* Each is the newest child, and leaves one behind it. */
static void beget_forever(struct weft *io, const void *context, void *result)
{
	/* One ends when the next has begun. */
	static struct weft_future futures[2];
	static _Atomic unsigned next;
	(void)context, (void)result;
	if (stop)
		return;
	weft_async(io, &futures[next++ % 2], beget_forever, NULL, 0, NULL);
	count_switch();
}

/* Two that wake each other: each parks when it has made the other one ready. */
static _Atomic(struct fiber *) partner; /* that is parked */

static void after_wait_for_partner(struct worker *worker, struct fiber *from, void *arg)
{
	(void)worker, (void)arg;
	partner = from;
}

static void wake_each_other_forever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	do {
		struct worker *worker = scheduler_worker(io);
		struct fiber *other = partner;
		partner = NULL;
		if (other)
			scheduler_make_ready(worker, other);
		count_switch();
		if (stop)
			break;
		scheduler_park(worker, scheduler_take(worker), after_wait_for_partner,
			       NULL);
	} while (!stop);
	if (partner) {
		struct fiber *other = partner;
		partner = NULL;
		scheduler_make_ready(scheduler_worker(io), other);
	}
}

/* As after_await_claimed and after_finish_direct do: each goes straight to the other. */
static void hand_over_forever(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!stop) {
		struct worker *worker = scheduler_worker(io);
		struct fiber *other = partner;
		partner = NULL;
		count_switch();
		struct fiber *next = scheduler_take_due(worker);
		if (next && other) {
			scheduler_make_ready(worker, other);
		} else if (!next && other) {
			fiber_become(other, FIBER_READY);
			if (scheduler_traces(worker))
				scheduler_record_ready(worker, other, PLACE_DIRECT);
			next = other;
		} else if (!next) {
			next = scheduler_take_own(worker);
		}
		scheduler_park(worker, next, after_wait_for_partner, NULL);
	}
	if (partner) {
		struct fiber *other = partner;
		partner = NULL;
		scheduler_make_ready(scheduler_worker(io), other);
	}
}

struct hogs {
	weft_function *function;
	int count;
	const char *name;
};

static const struct hogs all_hogs[] = {
	{yield_forever, 2, "two that yield"},
	{fork_and_join_forever, 1, "one that forks and joins"},
	{fork_and_join_forever, 3, "three that fork and join"},
	{beget_forever, 1, "children that have children"},
	{wake_each_other_forever, 2, "two that wake each other"},
	{hand_over_forever, 2, "two that hand over to each other"},
};
enum { HOGS = sizeof all_hogs / sizeof all_hogs[0], HOGS_MAX = 3 };

static void begin_hogs(struct weft *io, const struct hogs *hogs,
		       struct weft_future *futures)
{
	for (int i = 0; i < hogs->count; i++)
		weft_async(io, &futures[i], hogs->function, NULL, 0, NULL);
}

static void end_hogs(struct weft *io, const struct hogs *hogs,
		     struct weft_future *futures)
{
	stop = true;
	for (int i = 0; i < hogs->count; i++)
		weft_await(io, &futures[i]);
	while (scheduler_alive(io) > 0)
		weft_yield(io); /* the last child of one that begat */
}

/* ---- one that yields ---- */

static _Atomic uint64_t longest, turns;

static void note_wait(uint64_t since)
{
	turns++;
	if (switches - since > longest)
		longest = switches - since;
}

static void count_waits(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!stop && turns < 200) {
		uint64_t since = switches;
		weft_yield(io);
		note_wait(since);
	}
	stop = true;
}

/* Whatever the others do, it is behind at most all of them in the ready queue, and that moves with
 * each fair switch. */
Test(fair, one_that_yields_has_its_turn)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		struct weft_future futures[HOGS_MAX], future;
		switches = longest = turns = 0;
		stop = false;
		weft_async(io, &future, count_waits, NULL, 0, NULL);
		begin_hogs(io, &all_hogs[i], futures);
		weft_await(io, &future);
		end_hogs(io, &all_hogs[i], futures);
		cr_assert_eq(turns, 200, "%s", all_hogs[i].name);
		cr_assert_leq(longest, (HOGS_MAX + 1) * BUDGET, "%s: it waited for %lu",
			      all_hogs[i].name, longest);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* The main fiber waits in a slot, not in the queue. */
Test(fair, the_main_fiber_that_yields_has_its_turn)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		struct weft_future futures[HOGS_MAX];
		switches = longest = turns = 0;
		stop = false;
		begin_hogs(io, &all_hogs[i], futures);
		count_waits(io, NULL, NULL);
		end_hogs(io, &all_hogs[i], futures);
		cr_assert_eq(turns, 200, "%s", all_hogs[i].name);
		cr_assert_leq(longest, (HOGS_MAX + 1) * BUDGET, "%s: it waited for %lu",
			      all_hogs[i].name, longest);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* ---- the oldest child ---- */

static void note_first_turn(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context;
	*(uint64_t *)result = switches;
	stop = true;
}

Test(fair, the_oldest_child_begins)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		struct weft_future futures[HOGS_MAX], future;
		uint64_t began = UINT64_MAX;
		switches = 0;
		stop = false;
		weft_async(io, &future, note_first_turn, NULL, 0, &began);
		begin_hogs(io, &all_hogs[i], futures);
		weft_await(io, &futures[all_hogs[i].count - 1]);
		end_hogs(io, &all_hogs[i], futures);
		weft_await(io, &future);
		/* A child that ends may be one switch too many, since it does not give way. */
		cr_assert_leq(began, (BUDGET + 1) * (OLDEST_TURN + 1),
			      "%s: it waited for %lu", all_hogs[i].name, began);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* Also when it is the main fiber that forks and joins. */
Test(fair, the_main_fiber_lets_others_run)
{
	struct weft *io = begin(1);
	struct weft_future old, yields;
	uint64_t began = UINT64_MAX;
	weft_async(io, &yields, count_waits, NULL, 0, NULL);
	weft_yield(io); /* it begins, and is ready now */
	weft_async(io, &old, note_first_turn, NULL, 0, &began);
	fork_and_join_forever(io, NULL, NULL);
	weft_await(io, &old);
	weft_await(io, &yields);
	cr_assert_leq(began, (BUDGET + 1) * (OLDEST_TURN + 1), "it waited for %lu",
		      began);
	cr_assert_gt(turns, 1);
	cr_assert_leq(longest, 2 * BUDGET);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- fibers that foreign threads submit ---- */

enum { SUBMITTED = 40 };

static _Atomic int arrived, arrivals[SUBMITTED];

static void arrive(struct weft *io, const void *context, void *result)
{
	(void)io;
	arrivals[arrived++] = *(const int *)context;
	atomic_store((_Atomic uint64_t *)result, switches);
	if (arrived == SUBMITTED)
		stop = true;
}

/* A fair switch takes INJECTED_AT_ONCE of them to the end of the ready queue. */
Test(fair, submitted_fibers_run)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		struct weft_foreign foreign;
		struct weft_future futures[HOGS_MAX];
		_Atomic uint64_t began[SUBMITTED];
		switches = 0;
		stop = false;
		arrived = 0;
		begin_hogs(io, &all_hogs[i], futures);
		cr_assert_eq(weft_attach(io, &foreign), 0);
		for (int k = 0; k < SUBMITTED; k++) {
			began[k] = UINT64_MAX;
			cr_assert_eq(
				weft_submit(&foreign, arrive, &k, sizeof k, &began[k]),
				0);
		}
		cr_assert_eq(weft_detach(&foreign), 0);
		weft_await(io, &futures[all_hogs[i].count - 1]);
		end_hogs(io, &all_hogs[i], futures);
		for (int k = 0; k < SUBMITTED; k++)
			cr_assert_leq(began[k],
				      (uint64_t)(SUBMITTED + HOGS_MAX + 2) * BUDGET,
				      "%s: number %d waited for %lu", all_hogs[i].name,
				      k, began[k]);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* On one worker: in the order in which they came. */
Test(fair, submitted_fibers_run_in_order_of_arrival)
{
	struct weft *io = begin(1);
	struct weft_foreign foreign;
	struct weft_future futures[HOGS_MAX];
	_Atomic uint64_t began[SUBMITTED];
	begin_hogs(io, &all_hogs[0], futures);
	cr_assert_eq(weft_attach(io, &foreign), 0);
	for (int k = 0; k < SUBMITTED; k++)
		cr_assert_eq(weft_submit(&foreign, arrive, &k, sizeof k, &began[k]), 0);
	cr_assert_eq(weft_detach(&foreign), 0);
	weft_await(io, &futures[1]);
	end_hogs(io, &all_hogs[0], futures);
	for (int k = 0; k < SUBMITTED; k++)
		cr_assert_eq(arrivals[k], k, "number %d came as %d", arrivals[k], k);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- a descriptor and a deadline ---- */

static _Atomic uint64_t deadline = UINT64_MAX;
static _Atomic uint64_t delivered, expired; /* how often */
static _Atomic uint64_t on_thread;          /* the last of either */
static int ends[2];

static void take_events(struct worker *worker, const struct poller_event *events,
			uint32_t count)
{
	char byte;
	(void)worker;
	for (uint32_t i = 0; i < count; i++)
		if (events[i].tag == 7 && (events[i].what & POLLER_READ) &&
		    read(ends[0], &byte, 1) == 1) {
			annotate_release(ends); /* before forget_pipe */
			atomic_store(&on_thread, system_thread_id());
			atomic_fetch_add(&delivered, 1);
		}
}

static uint64_t tell_deadline(struct weft *io)
{
	(void)io;
	return atomic_load(&deadline);
}

static void take_deadline(struct worker *worker, uint64_t now_ns)
{
	uint64_t due = atomic_load(&deadline);
	(void)worker;
	if (due > now_ns ||
	    !atomic_compare_exchange_strong(&deadline, &due, UINT64_MAX))
		return;
	atomic_store(&on_thread, system_thread_id());
	atomic_fetch_add(&expired, 1);
}

static void nothing_more(struct weft *io)
{
	(void)io;
}

static const struct scheduler_hooks hooks = {take_events, tell_deadline, take_deadline,
					     nothing_more, nothing_more};

static void watch_pipe(struct weft *io)
{
	scheduler_set_hooks(io, &hooks);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_geq(poller_watch(&io->poller, ends[0], 0, POLLER_READ, 7), 0);
	sleeper_attend(io);
}

static void forget_pipe(struct weft *io)
{
	cr_assert_geq(poller_watch(&io->poller, ends[0], POLLER_READ, 0, 7), 0);
	annotate_acquire(ends);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void write_byte(void)
{
	if (write(ends[1], "", 1) != 1)
		abort();
	annotate_release(ends); /* before forget_pipe */
}

enum { BYTES = 500 };

/* One thing after the other that a worker is to notice. */
struct prods {
	_Atomic uint64_t sent, sent_at;
	void (*send)(void);
	_Atomic uint64_t *seen;
};

static struct prods prods;

/* Between any two switches: one was seen, or is overdue; then the next one, at another place in
 * the round. */
static void prod(void)
{
	uint64_t seen = atomic_load(prods.seen), waited = switches - prods.sent_at;
	if (prods.sent > seen && waited > longest)
		longest = waited;
	if (seen == BYTES)
		stop = true;
	if (seen == prods.sent && seen < BYTES && waited > BUDGET + seen % BUDGET) {
		prods.send();
		prods.sent++;
		prods.sent_at = switches;
	}
}

static void set_long_past_deadline(void)
{
	atomic_store(&deadline, 1);
}

static void run_hogs_until_stop(struct weft *io, const struct hogs *hogs)
{
	struct weft_future futures[HOGS_MAX];
	switches = longest = 0;
	stop = false;
	begin_hogs(io, hogs, futures);
	while (!stop)
		weft_await(io, &futures[hogs->count - 1]), weft_yield(io);
	end_hogs(io, hogs, futures);
}

/* The switch in which it is delivered counts: between two that hogs see there are at most
 * BUDGET. */
Test(fair, a_descriptor_is_seen_however_busy_the_worker_is)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		watch_pipe(io);
		atomic_store(&delivered, 0);
		prods = (struct prods){.send = write_byte, .seen = &delivered};
		meanwhile = prod;
		run_hogs_until_stop(io, &all_hogs[i]);
		meanwhile = NULL;
		cr_assert_eq(atomic_load(&delivered), BYTES, "%s", all_hogs[i].name);
		cr_assert_leq(longest, BUDGET, "%s: it was late by %lu",
			      all_hogs[i].name, longest);
		forget_pipe(io);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

Test(fair, a_deadline_is_seen_however_busy_the_worker_is)
{
	for (int i = 0; i < HOGS; i++) {
		struct weft *io = begin(1);
		scheduler_set_hooks(io, &hooks);
		atomic_store(&expired, 0);
		prods = (struct prods){.send = set_long_past_deadline,
				       .seen = &expired};
		meanwhile = prod;
		run_hogs_until_stop(io, &all_hogs[i]);
		meanwhile = NULL;
		cr_assert_eq(atomic_load(&expired), BYTES, "%s", all_hogs[i].name);
		cr_assert_leq(longest, BUDGET, "%s: it was late by %lu",
			      all_hogs[i].name, longest);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* ---- one that never suspends, and an idle worker ---- */

/* Spins until there were so many, without letting anybody run here; false: it never came. */
static bool spin_until(struct weft *io, _Atomic uint64_t *counter, uint64_t wanted)
{
	uint64_t patience =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + UINT64_C(30000000000);
	while (atomic_load(counter) < wanted)
		if ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) > patience)
			return false;
	return true;
}

/* Somebody blocks in the poller until then. */
static bool spin_until_blocked(struct weft *io, uint64_t until_ns)
{
	uint64_t patience =
		(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + UINT64_C(30000000000);
	while (atomic_load(&io->poll.owner) == 0 ||
	       atomic_load(&io->poll.until_ns) != until_ns)
		if ((uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) > patience)
			return false;
	return true;
}

static void arm(struct weft *io, uint64_t due)
{
	atomic_store(&deadline, due);
	sleeper_hurry(io, due);
}

Test(spin, a_worker_is_born_for_a_descriptor)
{
	struct weft *io = begin(2);
	watch_pipe(io);
	write_byte();
	cr_assert(spin_until(io, &delivered, 1));
	cr_assert_neq(atomic_load(&on_thread), system_thread_id());
	forget_pipe(io);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(spin, a_worker_is_born_for_a_deadline)
{
	struct weft *io = begin(2);
	scheduler_set_hooks(io, &hooks);
	arm(io, (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000000);
	cr_assert(spin_until(io, &expired, 1));
	cr_assert_neq(atomic_load(&on_thread), system_thread_id());
	cr_assert_eq(weft_deinit(io), 0);
}

/* Bytes that come when the other worker is on its way into the poller, in it, or out of it. */
Test(spin, delays_no_descriptor)
{
	struct weft *io = begin(2);
	watch_pipe(io);
	for (uint64_t i = 1; i <= 1000; i++) {
		write_byte();
		cr_assert(spin_until(io, &delivered, i), "byte %lu", i);
		cr_assert_neq(atomic_load(&on_thread), system_thread_id());
		for (uint64_t k = 0; k < i * 37 % 1000; k++)
			(void)(uint64_t)weft_now(io, WEFT_CLOCK_AWAKE);
	}
	forget_pipe(io);
	cr_assert_eq(weft_deinit(io), 0);
}

/* The one that blocks has a later deadline, or none, and is told of an earlier one. */
Test(spin, an_earlier_deadline_wakes_the_one_that_blocks)
{
	struct weft *io = begin(2);
	const uint64_t hour = UINT64_C(3600000000000);
	watch_pipe(io);
	for (uint64_t i = 1; i <= 200; i++) {
		uint64_t later =
			i % 2 ? UINT64_MAX
			      : (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + hour;
		arm(io, later);
		if (i % 3) /* else whatever it does just now */
			cr_assert(spin_until_blocked(io, later), "round %lu", i);
		arm(io, (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + i * 1000);
		cr_assert(spin_until(io, &expired, i), "deadline %lu", i);
		cr_assert_neq(atomic_load(&on_thread), system_thread_id());
	}
	forget_pipe(io);
	cr_assert_eq(weft_deinit(io), 0);
}

static _Atomic int spins, ends_now;

/* Runs on another worker than main's, which waits for it to begin. */
static void write_and_spin(struct weft *io, const void *context, void *result)
{
	(void)context;
	atomic_store(&spins, 1);
	while (!atomic_load(&ends_now)) /* main has parked, or is about to */
		(void)sched_yield();
	*(bool *)result = true;
	for (uint64_t i = 1; i <= 100 && *(bool *)result; i++) {
		write_byte();
		*(bool *)result = spin_until(io, &delivered, i) &&
				  atomic_load(&on_thread) != system_thread_id();
		arm(io, (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000);
		*(bool *)result = *(bool *)result && spin_until(io, &expired, i) &&
				  atomic_load(&on_thread) != system_thread_id();
	}
}

/* The idle one is worker 0, whose main fiber waits. */
Test(spin, on_another_worker_than_the_first)
{
	struct weft *io = begin(2);
	struct weft_future future;
	bool seen;
	watch_pipe(io);
	weft_async(io, &future, write_and_spin, NULL, 0, &seen);
	while (!atomic_load(&spins))
		(void)sched_yield();
	atomic_store(&ends_now, 1);
	weft_await(io, &future);
	cr_assert(seen);
	forget_pipe(io);
	cr_assert_eq(weft_deinit(io), 0);
}

static void spin_for_main(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	atomic_fetch_add(&spins, 1);
	while (!atomic_load(&ends_now))
		(void)sched_yield();
}

/* It was busy when the descriptor was watched, and is idle now. */
Test(spin, a_worker_that_becomes_idle_goes_to_the_poller)
{
	for (uint64_t i = 1; i <= 100; i++) {
		struct weft *io = begin(2);
		struct weft_future future;
		atomic_store(&spins, 0);
		atomic_store(&ends_now, 0);
		weft_async(io, &future, spin_for_main, NULL, 0, NULL);
		while (!atomic_load(&spins))
			(void)sched_yield();
		watch_pipe(io);
		if (i % 2)
			write_byte();
		atomic_store(&ends_now, 1);
		if (i % 2 == 0)
			write_byte();
		cr_assert(spin_until(io, &delivered, i));
		cr_assert_neq(atomic_load(&on_thread), system_thread_id());
		weft_await(io, &future);
		forget_pipe(io);
		cr_assert_eq(weft_deinit(io), 0);
	}
}

/* All but one spin; whoever blocked in the poller may be one of them now. */
Test(spin, somebody_else_goes_to_the_poller)
{
	enum { WORKERS = 4 };
	struct weft *io = begin(WORKERS);
	uint64_t bytes = 0;
	watch_pipe(io);
	for (int round = 0; round < 50; round++) {
		struct weft_future futures[WORKERS - 2];
		atomic_store(&ends_now, 0);
		atomic_store(&spins, 0);
		for (int busy = 0; busy < WORKERS - 2; busy++) {
			write_byte();
			cr_assert(spin_until(io, &delivered, ++bytes), "%d spin", busy);
			weft_async(io, &futures[busy], spin_for_main, NULL, 0, NULL);
			while (atomic_load(&spins) <= busy)
				(void)sched_yield();
		}
		write_byte();
		cr_assert(spin_until(io, &delivered, ++bytes), "all but one spin");
		arm(io, (uint64_t)weft_now(io, WEFT_CLOCK_AWAKE) + 1000);
		cr_assert(spin_until(io, &expired, (uint64_t)round + 1));
		atomic_store(&ends_now, 1);
		for (int busy = 0; busy < WORKERS - 2; busy++)
			weft_await(io, &futures[busy]);
	}
	forget_pipe(io);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- the main fiber, woken by another worker ---- */

static _Atomic uint64_t turns_of_0; /* of hogs, on worker 0 */
static _Atomic uint64_t woken_at;
static _Atomic int wakes; /* for how many of them woken_at was written */
static _Atomic int may_end;
static _Atomic(struct fiber *) parked_main;

static void count_turn(struct weft *io)
{
	if (scheduler_worker(io)->index == 0)
		atomic_fetch_add(&turns_of_0, 1);
}

static void yield_until_end(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&may_end)) {
		count_turn(io);
		weft_yield(io);
	}
}

static void after_main_parks(struct worker *worker, struct fiber *from, void *arg)
{
	(void)worker, (void)arg;
	atomic_store(&parked_main, from);
}

/* Wakes the main fiber, again and again, and keeps its own worker to itself. The count is taken
 * after the wake: what worker 0 did before does not count. */
static void wake_main(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	atomic_store(&spins, 1);
	while (!atomic_load(&may_end)) {
		struct fiber *main_fiber = atomic_exchange(&parked_main, NULL);
		if (main_fiber) {
			scheduler_make_ready(scheduler_worker(io), main_fiber);
			atomic_store(&woken_at, atomic_load(&turns_of_0));
			atomic_fetch_add(&wakes, 1);
		}
		(void)sched_yield();
	}
}

static void do_nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

static void fork_until_end(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	while (!atomic_load(&may_end)) {
		struct weft_future future;
		count_turn(io);
		weft_async(io, &future, do_nothing, NULL, 0, NULL);
		weft_await(io, &future);
	}
}

static void assert_main_has_its_turn(weft_function *hog)
{
	enum { BUSY = 12, ROUNDS = 300 };
	struct weft *io = begin(2);
	struct weft_future waker, busy[BUSY];
	weft_async(io, &waker, wake_main, NULL, 0, NULL);
	while (!atomic_load(&spins)) /* on the other worker */
		(void)sched_yield();
	for (int i = 0; i < BUSY; i++)
		weft_async(io, &busy[i], hog, NULL, 0, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		struct worker *worker = scheduler_worker(io);
		scheduler_park(worker, scheduler_take(worker), after_main_parks, NULL);
		uint64_t resumed_at = atomic_load(&turns_of_0);
		while (atomic_load(&wakes) <= i)
			(void)sched_yield();
		int64_t waited = (int64_t)(resumed_at - atomic_load(&woken_at));
		cr_assert_leq(waited, (BUSY + 2) * BUDGET);
	}
	atomic_store(&may_end, 1);
	for (int i = 0; i < BUSY; i++)
		weft_await(io, &busy[i]);
	weft_await(io, &waker);
	cr_assert_eq(weft_deinit(io), 0);
}

Test(fair, the_main_fiber_woken_from_elsewhere_among_those_that_yield)
{
	assert_main_has_its_turn(yield_until_end);
}

Test(fair, the_main_fiber_woken_from_elsewhere_among_those_that_fork)
{
	assert_main_has_its_turn(fork_until_end);
}

/* ---- a runtime that sleeps ---- */

static _Atomic(struct fiber *) sleeper;

static void after_sleep(struct worker *worker, struct fiber *from, void *arg)
{
	(void)worker, (void)arg;
	atomic_store(&sleeper, from);
}

static void wake_the_sleeper(struct weft *io, const void *context, void *result)
{
	struct fiber *fiber = atomic_exchange(&sleeper, NULL);
	(void)context, (void)result;
	scheduler_make_ready(scheduler_worker(io), fiber);
}

/* Asleep by the word: the thread itself is on its way, or there. */
static bool all_sleep(struct weft *io)
{
	return atomic_load(&io->idle.word) ==
		       (IDLE_ASLEEP(io->workers) - IDLE_ASLEEP(0)) &&
	       atomic_load(&sleeper);
}

enum { SLEEPS = 300 };

static void *wake_many_times(void *io)
{
	struct weft_foreign foreign;
	intptr_t error = weft_attach(io, &foreign);
	for (int i = 0; i < SLEEPS && !error; i++) {
		while (!all_sleep(io))
			(void)sched_yield();
		error = i % 2 ? weft_submit(&foreign, wake_the_sleeper, NULL, 0, NULL)
			      : weft_run(&foreign, wake_the_sleeper, NULL, NULL);
	}
	(void)weft_detach(&foreign);
	return (void *)error;
}

Test(fair, a_submit_wakes_workers_that_all_sleep)
{
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct weft *io = begin(workers);
		pthread_t thread;
		void *error;
		cr_assert_eq(pthread_create(&thread, NULL, wake_many_times, io), 0);
		for (int i = 0; i < SLEEPS; i++) {
			struct worker *worker = scheduler_worker(io);
			scheduler_park(worker, scheduler_take(worker), after_sleep,
				       NULL);
		}
		cr_assert_eq(pthread_join(thread, &error), 0);
		cr_assert_eq((intptr_t)error, 0);
		int left;
		while ((left = weft_deinit(io)) == -EBUSY) /* the last one ends */
			weft_yield(io);
		cr_assert_eq(left, 0);
	}
}
