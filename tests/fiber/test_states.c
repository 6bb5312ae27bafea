/* test_states.c: which states of a fiber may follow which. */
#include "fiber/fiber.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { STATES = FIBER_FINISHED + 1 };

struct transition {
	enum fiber_state from, to;
};

static const struct transition legal[] = {
	{FIBER_FREE, FIBER_NEW},       {FIBER_NEW, FIBER_READY},
	{FIBER_READY, FIBER_RUNNING},  {FIBER_RUNNING, FIBER_READY},
	{FIBER_RUNNING, FIBER_PARKED}, {FIBER_RUNNING, FIBER_FINISHED},
	{FIBER_PARKED, FIBER_READY},   {FIBER_FINISHED, FIBER_FREE},
};

enum { LEGAL = sizeof legal / sizeof legal[0], ILLEGAL = STATES * STATES - LEGAL };

static bool is_legal(enum fiber_state from, enum fiber_state to)
{
	for (size_t i = 0; i < LEGAL; i++)
		if (legal[i].from == from && legal[i].to == to)
			return true;
	return false;
}

/* The illegal transition number `index`. */
static struct transition illegal_at(int index)
{
	for (int pair = 0;; pair++) {
		struct transition found = {(enum fiber_state)(pair / STATES),
					   (enum fiber_state)(pair % STATES)};
		if (!is_legal(found.from, found.to) && index-- == 0)
			return found;
	}
}

/* A report without these words ends the test with a status that is not SIGABRT. */
static void check_report(const char *report, size_t length)
{
	if (report[length - 1] != '\n' || !strstr(report, "fiber_become"))
		_exit(1);
}

Test(states, legal_transitions)
{
	for (size_t i = 0; i < LEGAL; i++) {
		static struct fiber fiber;
		fiber.state = (uint8_t)legal[i].from;
		fiber_become(&fiber, legal[i].to);
		cr_assert_eq(fiber.state, legal[i].to);
	}
}

ParameterizedTestParameters(states, illegal_transition)
{
	static int indices[ILLEGAL];
	for (int i = 0; i < ILLEGAL; i++)
		indices[i] = i;
	return cr_make_param_array(int, indices, ILLEGAL);
}

ParameterizedTest(int *index, states, illegal_transition, .signal = SIGABRT)
{
	static struct fiber fiber;
	struct transition wrong = illegal_at(*index);
	base_set_fatal_hook(check_report);
	fiber.state = (uint8_t)wrong.from;
	fiber_become(&fiber, wrong.to);
}
