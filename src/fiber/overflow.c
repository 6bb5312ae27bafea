#include "fiber/overflow.h"

#include <errno.h> /* for the names of the constants */
#include <signal.h>
#include <stdio.h>

#include "base/lock.h"
#include "base/system.h"

#define SIGNAL_STACK_SIZE 32768u
#define SIGNALS           2

static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};

static struct tiny_lock
	lock; /* for installing and forgetting; never taken by the handler */
static struct sigaction previous[SIGNALS]; /* under the lock while none is installed */
static unsigned watched;                   /* under the lock */
/* Under the lock; read by the handler. */
static const struct slab_pool *_Atomic pools[OVERFLOW_POOLS_MAX];

static struct fiber *find(const void *address)
{
	for (size_t i = 0; i < OVERFLOW_POOLS_MAX; i++) {
		/* Acquire: the pool before its address. Pairs with: put_pool. */
		const struct slab_pool *pool = load_acquire(&pools[i]);
		struct fiber *fiber = pool ? slab_find_guard(pool, address) : NULL;
		if (fiber)
			return fiber;
	}
	return NULL;
}

/* By kill(2) and its like: there is no access, and no address. */
static bool was_sent(const siginfo_t *info)
{
	return info->si_code <= 0;
}

/* As soon as the handler returns. */
static void take_default_action(int number, const siginfo_t *info)
{
	(void)signal(number, SIG_DFL);
	if (was_sent(info))
		(void)raise(number); /* blocked until then */
}

static void report(const struct fiber *fiber, const void *address)
{
	char text[400];
	const char *name = load_relaxed(&fiber->name); /* its own thread reports */
	int length = snprintf(
		text, sizeof text,
		"weft: stack overflow in fiber %u (%s): its stack is %p to %p, it "
		"touched %p; give weft_options.stack_size more, or use less\n",
		(unsigned)fiber_id(fiber), name ? name : "no name",
		(const void *)fiber->stack, (const void *)fiber->stack_end, address);
	if (length > 0)
		base_report(text, (size_t)length < sizeof text ? (size_t)length
							       : sizeof text - 1);
}

/* What the program had: a handler is called; the default action follows when this returns and
 * the access is tried again, or, for a signal that a process sent, when it is sent again. */
static void pass_on(int number, siginfo_t *info, void *machine)
{
	const struct sigaction *old = &previous[number == signals[0] ? 0 : 1];
	if (old->sa_flags & SA_SIGINFO)
		old->sa_sigaction(number, info, machine);
	else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
		old->sa_handler(number);
	else if (old->sa_handler == SIG_DFL || !was_sent(info))
		take_default_action(number, info);
}

static void handle(int number, siginfo_t *info, void *machine)
{
	const struct fiber *fiber = was_sent(info) ? NULL : find(info->si_addr);
	if (!fiber) {
		pass_on(number, info, machine);
		return;
	}
	report(fiber, info->si_addr);
	(void)signal(number,
		     SIG_DFL); /* it returns to the access, and that ends the process */
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = handle,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &action, &previous[i]);
}

/* Only if nobody has put another handler over ours. */
static void restore(void)
{
	struct sigaction now;
	for (int i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], NULL, &now) == 0 &&
		    now.sa_sigaction == handle)
			(void)sigaction(signals[i], &previous[i], NULL);
}

/* Under the lock: puts `pool` where `old` is. */
static bool put_pool(const struct slab_pool *old, const struct slab_pool *pool)
{
	for (size_t i = 0; i < OVERFLOW_POOLS_MAX; i++) {
		if (load_relaxed(&pools[i]) != old) /* written under the lock */
			continue;
		/* Release: the pool's fields before its address. Pairs with: find. */
		store_release(&pools[i], pool);
		return true;
	}
	return false;
}

int overflow_watch(const struct slab_pool *pool)
{
#if defined(ANNOTATE_ASAN) || defined(ANNOTATE_TSAN)
	(void)pool, (void)install, (void)put_pool;
	return -EOPNOTSUPP;
#else
	lock_take(&lock);
	bool put = put_pool(NULL, pool);
	if (put && watched++ == 0)
		install();
	lock_give(&lock);
	return put ? 0 : -EBUSY;
#endif
}

void overflow_forget(const struct slab_pool *pool)
{
	lock_take(&lock);
	if (put_pool(pool, NULL) && --watched == 0)
		restore();
	lock_give(&lock);
}

void *overflow_enter_thread(void)
{
	stack_t old;
	if (sigaltstack(NULL, &old) < 0 || !(old.ss_flags & SS_DISABLE))
		return NULL; /* the program has one, and knows how large it must be */
	void *stack;         /* mapped: OpenBSD takes the whole pages of it for good */
	if (system_map_anonymous(SIGNAL_STACK_SIZE, &stack) < 0)
		return NULL;
	stack_t mine = {.ss_sp = stack, .ss_size = SIGNAL_STACK_SIZE};
	if (sigaltstack(&mine, NULL) == 0)
		return stack;
	(void)system_unmap(stack, SIGNAL_STACK_SIZE);
	return NULL;
}

void overflow_exit_thread(void *stack)
{
	stack_t none = {.ss_flags = SS_DISABLE};
	if (!stack)
		return;
	(void)sigaltstack(&none, NULL);
	(void)system_unmap(stack, SIGNAL_STACK_SIZE);
}
