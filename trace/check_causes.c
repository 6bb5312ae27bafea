/* check_causes.c: why a fiber is made ready, and invariant 5.
 *
 * Concepts. A fiber that parks in a queue of waiters or with a timer set goes on for a cause:
 * it was taken out of its queue as woken, or because its descriptor was closed; its timer
 * fired; it was asked to end; the call that it had offloaded was made. A fiber that parks
 * for another reason, such as the end of a child, needs a waker that runs, and no more.
 *
 * The order of cause and READY. Whoever takes a parked fiber out of its queue makes it ready
 * next, on the same worker. But a fiber may be taken out while it is still about to park.
 * Then the worker that it leaves makes it ready, once it has left, and no number says that
 * this comes after the cause: the merge may have it first. Such a READY is a debt, and the
 * cause pays it when it comes. At the end of the trace no debt may be left.
 *
 *   parked -- READY, its cause was seen --------> ready
 *   parked -- READY on the worker it left -------> ready, and owes its cause
 *   parked -- READY on another, without cause ---> broken
 *   owing --- WAIT_POP or OFFLOAD_END of what came in that run, TIMER_FIRE --> paid
 *   owing --- the end, and more debts than CANCEL_REQUESTs for it --> broken
 *
 * Whose debt. A waiter that is taken out came in a certain run of its fiber, and a timer
 * fires in the fiber's own order, so each is the cause of one certain READY. A CANCEL_REQUEST
 * has no place in the order of its target. So requests are counted, and pay for as many debts
 * at the end.
 *
 * In a window no debt is made: the request may be from before it. In a trace that was not
 * closed the one who was to record the cause may have been cut off, so debts are not judged.
 *
 * Rejected: to demand that a cause be recorded before its READY. The lock of the queue would
 * have to be held until the fiber has parked. */
#include "trace/check_fail.h"

#include <stdlib.h>

/* ---- accounts ---- */

static struct account *find_account(const struct checker *checker, uint32_t fiber)
{
	uint32_t index = fiber_table_find(&checker->accounts, fiber);
	return index == FIBER_NONE ? NULL : fiber_table_at(&checker->accounts, index);
}

/* NULL without memory. */
static struct account *open_account(struct checker *checker, uint32_t fiber)
{
	uint32_t index = fiber_table_index(&checker->accounts, fiber);
	if (index != FIBER_NONE)
		return fiber_table_at(&checker->accounts, index);
	checker->out_of_memory = true;
	return NULL;
}

static void free_debts(struct account *account)
{
	while (account->debts) {
		struct debt *debt = account->debts;
		account->debts = debt->next;
		free(debt);
	}
}

/* An account that is over and even is forgotten: its fiber makes no more debts. */
static void settle(struct checker *checker, uint32_t fiber, struct account *account)
{
	if (!account->over || account->open > account->cancels)
		return;
	free_debts(account);
	fiber_table_remove(&checker->accounts, fiber);
}

static void add_debt(struct checker *checker, const struct sight *sight)
{
	struct account *account = open_account(checker, sight->record->fiber);
	struct debt *debt = account ? malloc(sizeof *debt) : NULL;
	if (!debt) {
		checker->out_of_memory = true;
		return;
	}
	*debt = (struct debt){.next = account->debts,
			      .run = sight->fiber->runs,
			      .came = sight->fiber->wait.since,
			      .parked = sight->fiber->became,
			      .ready = sight->now};
	account->debts = debt;
	account->open++;
}

static void pay(struct checker *checker, uint32_t fiber, uint32_t run)
{
	struct account *account = find_account(checker, fiber);
	struct debt **link = account ? &account->debts : NULL;
	while (link && *link && (*link)->run != run)
		link = &(*link)->next;
	if (!link || !*link)
		return;
	struct debt *paid = *link;
	*link = paid->next;
	free(paid);
	account->open--;
	settle(checker, fiber, account);
}

void check_cause(struct checker *checker, struct fiber_state *state, uint32_t fiber,
		 uint32_t run)
{
	if (state != &checker->nobody && state->runs == run && state->phase != READY)
		state->wait.caused = true;
	else
		pay(checker, fiber, run);
}

/* Nobody needs to know of a request for a fiber that owes nothing and has ended. */
void check_cancel(struct checker *checker, const struct sight *sight)
{
	uint32_t target = sight->record->peer;
	if (!find_account(checker, target) && id_set_has(&checker->ended, target))
		return;
	struct account *account = open_account(checker, target);
	if (!account)
		return;
	account->cancels++;
	settle(checker, target, account);
}

void check_close_account(struct checker *checker, uint32_t fiber)
{
	struct account *account = find_account(checker, fiber);
	if (!account)
		return;
	account->over = true;
	settle(checker, fiber, account);
}

void check_free_accounts(struct checker *checker)
{
	for (uint32_t i = 0; i < checker->accounts.count; i++)
		if (fiber_table_holds(&checker->accounts, i))
			free_debts(fiber_table_at(&checker->accounts, i));
	fiber_table_free(&checker->accounts);
}

/* ---- states ---- */

void check_begin_wait(const struct sight *sight)
{
	if (!sight->fiber->wait.since.number)
		sight->fiber->wait.since = sight->now;
}

/* Whether it has parked in a queue or with a timer, and for nothing else. */
static bool waits(const struct fiber_state *state)
{
	return state->phase == PARKED && !state->wait.awaits &&
	       state->wait.since.number;
}

/* What is known, at the READY of a fiber that waits, of its cause. */
enum cause { CAUSE_SEEN, CAUSE_OWED, CAUSE_MISSING };

static enum cause cause_of(const struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	const struct account *account = find_account(checker, sight->record->fiber);
	if (state->wait.caused || checker->window || sight->record->peer == 0)
		return CAUSE_SEEN; /* or a helper's, which five_called judges */
	bool where_it_left = state->became.worker == sight->step->worker;
	return where_it_left || (account && account->cancels) ? CAUSE_OWED
							      : CAUSE_MISSING;
}

void check_made_ready(struct checker *checker, const struct sight *sight)
{
	if (waits(sight->fiber) && cause_of(checker, sight) == CAUSE_OWED)
		add_debt(checker, sight);
	if (sight->worker->made_call_for == sight->record->fiber)
		sight->worker->made_call_for = 0;
}

/* ---- invariant 5: a cause for every READY ---- */

/* A fiber cannot make another one ready from a thread that does not run it. */
static void five_waker(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *worker = sight->worker;
	uint32_t waker = sight->record->peer;
	judged(checker);
	if (worker->runs != waker)
		FAIL(checker, &sight->now, &worker->since, NULL,
		     "%s is made ready by %s on %s, which runs %s",
		     mention(sight->record->fiber).text, mention(waker).text,
		     trace_file_writer(checker->file, sight->step->worker).text,
		     mention(worker->runs).text);
}

/* What a foreign thread submits has no parent, and that thread itself makes it ready. */
static void five_submitted(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	uint32_t segment = sight->step->worker;
	uint32_t fiber = sight->record->fiber;
	judged(checker);
	if (!check_is_foreign(checker, segment))
		FAIL(checker, &sight->now, &state->created, NULL,
		     "%s is made ready by nobody on %s, which is no foreign thread",
		     mention(fiber).text,
		     trace_file_writer(checker->file, segment).text);
	else if (state->created.worker != segment)
		FAIL(checker, &sight->now, &state->created, NULL,
		     "%s is made ready by another thread than the one that created it",
		     mention(fiber).text);
	else if (sight->record->arg != TRACE_place_INJECTED)
		FAIL(checker, &sight->now, &state->created, NULL,
		     "%s is made ready on %s, which has the injection queue alone",
		     mention(fiber).text,
		     trace_file_writer(checker->file, segment).text);
}

/* The parent has not left its worker since it created the child. */
static void five_new(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	uint32_t waker = sight->record->peer;
	if (waker != state->parent) {
		judged(checker);
		FAIL(checker, &sight->now, &state->created, NULL,
		     "%s is new and is made ready by %s, but %s created it",
		     mention(sight->record->fiber).text, mention(waker).text,
		     mention(state->parent).text);
	} else if (waker) {
		five_waker(checker, sight);
	} else {
		five_submitted(checker, sight);
	}
}

/* By a worker. */
static void five_cause(struct checker *checker, const struct sight *sight)
{
	if (waits(sight->fiber) && cause_of(checker, sight) == CAUSE_MISSING)
		FAIL(checker, &sight->now, &sight->fiber->wait.since,
		     &sight->fiber->became,
		     "%s waits and is made ready by %s, but nothing has come that it "
		     "would go on for",
		     mention(sight->record->fiber).text,
		     mention(sight->record->peer).text);
}

/* By a helper thread, which runs no fiber. In a window the end of the call may be from
 * before. */
static void five_called(struct checker *checker, const struct sight *sight)
{
	const struct worker_state *helper = sight->worker;
	uint32_t fiber = sight->record->fiber;
	if (checker->window && !helper->made_call.number)
		return;
	judged(checker);
	if (helper->made_call_for != fiber)
		FAIL(checker, &sight->now, &sight->fiber->became, &helper->made_call,
		     "%s is made ready by %s, which has made no call for it",
		     mention(fiber).text,
		     trace_file_writer(checker->file, sight->step->worker).text);
}

/* By nobody that runs. */
static void five_nobody(struct checker *checker, const struct sight *sight)
{
	uint32_t segment = sight->step->worker;
	if (trace_file_segment(checker->file, segment)->role == TRACE_HELPER) {
		five_called(checker, sight);
		return;
	}
	judged(checker);
	FAIL(checker, &sight->now, &sight->fiber->became, NULL,
	     "%s is parked and is made ready by nobody",
	     mention(sight->record->fiber).text);
}

/* In a window, nobody knows what a worker ran before its first record, nor what woke a
 * fiber from before. */
void five_ready(struct checker *checker, const struct sight *sight)
{
	const struct fiber_state *state = sight->fiber;
	uint32_t waker = sight->record->peer, segment = sight->step->worker;
	if (checker->window && !sight->worker->since.number &&
	    check_is_workers(checker, segment))
		return;
	if (state->phase == NEW) {
		five_new(checker, sight);
	} else if (waker) {
		five_waker(checker, sight);
		five_cause(checker, sight);
	} else if (state->phase == PARKED) {
		five_nobody(checker, sight);
	}
}

/* The oldest debt; an account has its newest first. */
static const struct debt *oldest_of(const struct account *account)
{
	const struct debt *debt = account->debts;
	while (debt->next)
		debt = debt->next;
	return debt;
}

/* Of the debts that nothing has paid, the oldest is shown. */
void five_end(struct checker *checker)
{
	const struct debt *first = NULL;
	uint32_t fiber = 0;
	uint64_t times = 0;
	for (uint32_t i = 0; checker->clean && i < checker->accounts.count; i++) {
		const struct account *account = fiber_table_at(&checker->accounts, i);
		if (!fiber_table_holds(&checker->accounts, i) ||
		    account->open <= account->cancels)
			continue;
		times += account->open - account->cancels;
		const struct debt *debt = oldest_of(account);
		if (first && first->ready.number < debt->ready.number)
			continue;
		first = debt;
		fiber = checker->accounts.fibers[i];
	}
	if (!first)
		return;
	FAIL(checker, &first->ready, &first->came, &first->parked,
	     "%s waits and is made ready when it has parked, but nothing comes that it "
	     "would go on for",
	     mention(fiber).text);
	checker->failures[checker->judging].times += times - 1;
}
