/* harness_cancel.c: a fiber that is asked to end, woken and timed out, at waitqueue/cancel.h.
 *
 * T threads. Thread 0 is the fiber of a slot that has K lives. Thread 1 cancels each of them, and
 * then ends the one wait of that life that may be woken. With a third thread, that times the same
 * wait out, or is a second canceler. Where in its life that wait lies, the fiber chooses: at the
 * beginning, and then it hears the request, or hears it not, or the fiber is protected; or when it
 * has been told of the request. A life goes on until its fiber has been told, in a wait that nobody
 * but the canceler ends; and if it asks to be told once more, until it has been. Then the next one
 * begins, whatever the cancelers are at; it may be canceled before it is known to any of them.
 *
 * What must hold: each life is told as often as it is asked, and of a request of its own, which was
 * made once; a wait that does not hear it ends otherwise, and so does one after the fiber was told;
 * whoever ends a wait to tell its fiber ends one of the life that it meant, and finds the fiber
 * whole. */
#include "tests/explore/harness.h"
#include "tests/explore/waits.h"

#include "waitqueue/cancel.h"

enum { LIVES = 4 };

enum place { FIRST, FIRST_DEAF, FIRST_PROTECTED, LAST, PLACES };

static struct fiber fiber;
static struct one_life {
	uint32_t id;
	uint64_t
		key; /* of the wait that may be woken; written before it is registered */
	struct explore_semaphore born[EXPLORER_THREADS], registered[EXPLORER_THREADS];
	bool requested[EXPLORER_THREADS], interrupts[EXPLORER_THREADS]; /* each one's */
	int told, interrupted; /* the fiber's */
} lives[LIVES];
static int thread_number, rounds;
static bool has_second_canceler;

/* ---- the fiber ---- */

static void be_told(struct one_life *life)
{
	explore_check(load_relaxed(&fiber.life.word) & LIFE_REQUESTED);
	cancel_acknowledge(&fiber.life);
	life->told++;
}

static void park(struct one_life *life, uint64_t key, bool hears)
{
	bool by_itself = hears && cancel_look(&fiber.life) &&
			 ticket_claim(&fiber.ticket, key, TICKET_CANCELED);
	if (fiber_park(&fiber) != TICKET_CANCELED)
		return;
	explore_check(hears);
	life->interrupted += !by_itself;
	be_told(life);
}

static void wait_to_be_woken(struct one_life *life, bool hears)
{
	life->key = ticket_open(&fiber.ticket, hears);
	for (int i = 1; i < thread_number; i++)
		explore_post(&life->registered[i]);
	park(life, life->key, hears);
}

static void wait_to_be_told(struct one_life *life, int times)
{
	while (life->told < times)
		park(life, ticket_open(&fiber.ticket, true), true);
	explore_check(life->told == times);
}

static void wait_protected(struct one_life *life)
{
	(void)cancel_protect(&fiber.life, true);
	wait_to_be_woken(life, false);
	explore_check(!cancel_look(&fiber.life));
	(void)cancel_protect(&fiber.life, false);
}

static void live(struct one_life *life)
{
	enum place place = (enum place)explore_choose(PLACES);
	if (place == FIRST || place == FIRST_DEAF)
		wait_to_be_woken(life, place == FIRST);
	else if (place == FIRST_PROTECTED)
		wait_protected(life);
	if (place == FIRST_DEAF && cancel_look(&fiber.life))
		be_told(life); /* at a point that does not wait */
	wait_to_be_told(life, 1);
	if (place == FIRST_PROTECTED) {
		cancel_rearm(&fiber.life);
		wait_to_be_told(life, 2);
	}
	if (place == LAST) {
		wait_to_be_woken(life, true);
		explore_check(life->told == 1);
	}
}

static void slot(int number)
{
	(void)number;
	for (int i = 0; i < rounds; i++) {
		life_begin(&fiber.life, lives[i].id);
		if (i > 0 && explore_choose(2))
			lives[i].requested[0] =
				cancel_request(&fiber.life, lives[i].id);
		for (int j = 1; j < thread_number; j++)
			explore_post(&lives[i].born[j]);
		live(&lives[i]);
		life_end(&fiber.life);
	}
}

/* ---- the others ---- */

static void cancel(struct one_life *life, int number)
{
	life->requested[number] = cancel_request(&fiber.life, life->id);
	if (!life->requested[number])
		return;
	enum ticket_claim claim =
		cancel_interrupt(&fiber.life, life->id, &fiber.ticket);
	life->interrupts[number] = claim != TICKET_LOST;
	if (claim == TICKET_WON)
		fiber_make_ready(&fiber);
}

static void end_wait(struct one_life *life, int number, enum ticket_state outcome)
{
	explore_wait(&life->registered[number]);
	(void)fiber_claim(&fiber, life->key, outcome);
}

static void other(int number)
{
	for (int i = 0; i < rounds; i++) {
		explore_wait(&lives[i].born[number]);
		if (number == 1 || has_second_canceler)
			cancel(&lives[i], number);
		if (number == 1)
			end_wait(&lives[i], number, TICKET_WOKEN);
		else if (!has_second_canceler)
			end_wait(&lives[i], number, TICKET_TIMED_OUT);
	}
}

/* ---- */

static void setup(int threads, int operations)
{
	thread_number = threads;
	rounds = operations < LIVES ? operations : LIVES;
	has_second_canceler = threads > 2 && explore_choose(2);
	fiber = (struct fiber){.is_parked = false};
	for (uint32_t i = 0; i < LIVES; i++)
		lives[i] = (struct one_life){.id = i + 1};
	explore_name(&fiber.ticket, sizeof fiber.ticket, 1, "ticket");
	explore_name(&fiber.life, sizeof fiber.life, 1, "life");
	explore_thread(slot, 0);
	for (int i = 1; i < threads; i++)
		explore_thread(other, i);
}

static void final(void)
{
	fiber_check(&fiber);
	for (int i = 0; i < rounds; i++) {
		int requests = 0, interrupts = 0;
		for (int j = 0; j < thread_number; j++) {
			requests += lives[i].requested[j];
			interrupts += lives[i].interrupts[j];
		}
		explore_check(requests == 1);
		explore_check(interrupts == lives[i].interrupted);
	}
}

const struct explore_harness harness = {"cancel", setup, final};
