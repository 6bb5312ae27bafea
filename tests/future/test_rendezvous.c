/* test_rendezvous.c: the word where an end and an awaiter meet, by itself. */
#include "future/rendezvous.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/on_valgrind.h"

static struct rendezvous rendezvous;
static int awaiter;

Test(rendezvous, awaiter_first)
{
	rendezvous_init(&rendezvous);
	cr_assert_not(rendezvous_is_finished(&rendezvous));
	cr_assert(rendezvous_park(&rendezvous, &awaiter));
	cr_assert_not(rendezvous_is_finished(&rendezvous));
	cr_assert_eq(rendezvous_peek(&rendezvous), &awaiter);
	cr_assert_eq(rendezvous_finish(&rendezvous), &awaiter);
	cr_assert(rendezvous_is_finished(&rendezvous));
}

Test(rendezvous, end_first)
{
	rendezvous_init(&rendezvous);
	cr_assert_null(rendezvous_peek(&rendezvous));
	cr_assert_null(rendezvous_finish(&rendezvous));
	cr_assert(rendezvous_is_finished(&rendezvous));
	cr_assert_not(rendezvous_park(&rendezvous, &awaiter));
	cr_assert(rendezvous_is_finished(&rendezvous), "it stays finished");
}

/* The short cuts leave the word as the long ways do. */
Test(rendezvous, expected_and_told)
{
	rendezvous_init(&rendezvous);
	rendezvous_expect(&rendezvous, &awaiter);
	cr_assert_not(rendezvous_is_finished(&rendezvous));
	cr_assert_eq(rendezvous_peek(&rendezvous), &awaiter);
	rendezvous_tell(&rendezvous);
	cr_assert(rendezvous_is_finished(&rendezvous));
	cr_assert_not(rendezvous_park(&rendezvous, &awaiter));
}

Test(rendezvous, expected_and_finished)
{
	rendezvous_init(&rendezvous);
	rendezvous_expect(&rendezvous, &awaiter);
	cr_assert_eq(rendezvous_finish(&rendezvous), &awaiter);
	cr_assert(rendezvous_is_finished(&rendezvous));
}

Test(rendezvous, parked_and_told)
{
	rendezvous_init(&rendezvous);
	cr_assert(rendezvous_park(&rendezvous, &awaiter));
	cr_assert_eq(rendezvous_peek(&rendezvous), &awaiter);
	rendezvous_tell(&rendezvous);
	cr_assert(rendezvous_is_finished(&rendezvous));
}

/* ---- both at once ---- */

/* Valgrind runs one thread at a time, and these two wait for each other in loops. */
#define ROUNDS (RUNNING_ON_VALGRIND ? 50 : 20000)

static struct {
	_Atomic int turn; /* odd: both may go */
	_Atomic int arrived;
	int written; /* by the one that ends, before it does */
	bool parked;
	void *found;
} race;

static void meet(int round)
{
	atomic_fetch_add(&race.arrived, 1);
	while (atomic_load(&race.arrived) < 2 * (round + 1))
		;
}

static void *end(void *argument)
{
	(void)argument;
	for (int round = 0; round < ROUNDS; round++) {
		while (atomic_load(&race.turn) != round + 1)
			;
		meet(round);
		race.written = round;
		race.found = rendezvous_finish(&rendezvous);
		atomic_store(&race.turn, -round - 1);
	}
	return NULL;
}

/* Whoever comes second sees the first, and one of them only. */
Test(rendezvous, both_at_once)
{
	pthread_t other;
	cr_assert_eq(pthread_create(&other, NULL, end, NULL), 0);
	for (int round = 0; round < ROUNDS; round++) {
		rendezvous_init(&rendezvous);
		atomic_store(&race.turn, round + 1);
		meet(round);
		bool parked = rendezvous_park(&rendezvous, &awaiter);
		if (!parked)
			cr_assert_eq(race.written, round, "what it wrote is seen");
		while (atomic_load(&race.turn) != -round - 1)
			;
		cr_assert_eq(race.found, parked ? &awaiter : NULL, "round %d", round);
	}
	cr_assert_eq(pthread_join(other, NULL), 0);
}
