/* test_faults.c: each scenario, with each call that can fail failing, one after the other; and in
 * storms. Environment: FAULTS_SEED=n, of the storms. */
#if defined(__linux__)

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h> /* for the names of the constants */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/inject.h"
#include "tests/faults/scenarios.h"
#include "tests/on_valgrind.h"
#include "weft.h"

#define HANGS_S      20    /* a run that takes longer hangs */
#define RUNS_MAX     2000  /* of one kind: by then a run must have been unharmed */
#define STORM_FAULTS 20000 /* in one scenario */
#define STORM_RUNS   2000  /* at most: some scenarios make few calls */
#define TOLD_RUNS    600   /* the same, with what is told, which ends a run early */
#define DESCRIPTORS  200   /* that are looked at: none has a higher number */
#define CHECK_EVERY  16    /* runs of a storm, another runtime is tried */
#define SEED         1

static const uint32_t workers[] = {1, 2, 4};
#define WORKER_COUNTS (sizeof workers / sizeof workers[0])

/* ---- what must be as it was ---- */

struct before {
	struct inject_held held;
	int descriptors, threads;
	struct sigaction overflow, of_signal;
	stack_t stack;
	sigset_t blocked;
};

static int count_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* As many folders as there are threads. */
static int count_threads(void)
{
	struct stat status;
	return stat("/proc/self/task", &status) == 0 ? (int)status.st_nlink - 2 : 0;
}

static void look(struct before *before)
{
	before->held = inject_held();
	before->descriptors = count_descriptors();
	before->threads = count_threads();
	(void)sigaction(SIGSEGV, NULL, &before->overflow);
	(void)sigaction(SIGUSR1, NULL, &before->of_signal);
	(void)sigaltstack(NULL, &before->stack);
	(void)pthread_sigmask(SIG_BLOCK, NULL, &before->blocked);
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
	for (int number = 1; number < 32; number++)
		if (sigismember(a, number) != sigismember(b, number))
			return false;
	return true;
}

/* A thread that was joined is on the kernel's list for a moment longer. */
static void wait_for_threads(int count)
{
	while (count_threads() > count) /* or the watchdog ends it */
		(void)usleep(100);
}

static void compare(const struct before *before)
{
	struct before now;
	wait_for_threads(before->threads);
	look(&now);
	if (now.held.blocks != before->held.blocks)
		scenario_wrong("%lld blocks of memory are left",
			       (long long)(now.held.blocks - before->held.blocks));
	if (now.held.mapped != before->held.mapped)
		scenario_wrong("%lld bytes are left mapped",
			       (long long)(now.held.mapped - before->held.mapped));
	if (now.descriptors != before->descriptors)
		scenario_wrong("%d descriptors are left",
			       now.descriptors - before->descriptors);
	if (now.overflow.sa_sigaction != before->overflow.sa_sigaction ||
	    now.of_signal.sa_handler != before->of_signal.sa_handler)
		scenario_wrong("a signal's handler is left");
	if (now.stack.ss_flags != before->stack.ss_flags ||
	    now.stack.ss_sp != before->stack.ss_sp)
		scenario_wrong("a stack for signals is left");
	if (!same_mask(&now.blocked, &before->blocked))
		scenario_wrong("other signals are blocked than were");
	if (inject_saw_misuse())
		scenario_wrong(
			"a mutex or condition was destroyed that was never made");
}

/* ---- one run under a plan ---- */

static void hang(int number)
{
	(void)number;
	scenario_hangs();
}

static void ignore(int number)
{
	(void)number;
}

static struct before before;

static void set_up(void)
{
	(void)signal(SIGALRM, hang);
	(void)signal(SIGUSR1, ignore);
	(void)signal(SIGUSR2, ignore);
	scenario_begin("before", 1);
	scenario_check(); /* what a process has once and keeps is there then */
	look(&before);
}

static bool is_allowed(const struct scenario *scenario, int error)
{
	for (size_t i = 0; i < sizeof scenario->errors / sizeof scenario->errors[0];
	     i++)
		if (error == scenario->errors[i])
			return true;
	return false;
}

/* The plan is made. told: whether a fault of it may be. checks: whether another runtime is tried
 * after it. Returns how many faults there were. */
static uint64_t run(const struct scenario *scenario, uint32_t count, bool told,
		    bool checks)
{
	(void)alarm(HANGS_S);
	int error = scenario->run(count);
	uint64_t faults = inject_faults();
	if (error && (faults == 0 || !told || !is_allowed(scenario, error)))
		scenario_wrong("answers %d (%s)", error, weft_strerror(error));
	if (strstr(weft_strerror(error), "without a text"))
		scenario_wrong("%d has no text", error);
	inject_pause();
	compare(&before);
	if (faults > 0 && checks)
		scenario_check();
	inject_resume();
	inject_nothing();
	return faults;
}

/* ---- the k-th call ---- */

/* Returns how many k there were: until a run was unharmed. Each, but of the clock for one who
 * reads it in a loop: then 1, 2, 4, and so on. */
static uint64_t run_each(const struct scenario *scenario, uint32_t count,
			 const struct inject_kind *kind)
{
	uint64_t k = 1;
	for (uint64_t runs = 1; runs <= RUNS_MAX; runs++) {
		inject_kth(kind, k);
		if (run(scenario, count, kind->is_told, true) == 0)
			return runs - 1;
		if (kind->call == INJECT_CLOCK && scenario->watches_clock)
			k *= 2;
		else
			k++;
	}
	scenario_wrong("%s: %d runs, and none was unharmed", kind->name, RUNS_MAX);
}

ParameterizedTestParameters(faults, each_call_that_fails)
{
	static size_t numbers[64];
	size_t count = scenario_count * WORKER_COUNTS;
	for (size_t i = 0; i < count; i++)
		numbers[i] = i;
	return cr_make_param_array(size_t, numbers, count);
}

ParameterizedTest(size_t *number, faults, each_call_that_fails, .init = set_up)
{
	const struct scenario *scenario = &scenarios[*number / WORKER_COUNTS];
	uint32_t count = workers[*number % WORKER_COUNTS];
	uint64_t faults = 0, kinds = 0;
	scenario_begin(scenario->name, count);
	for (size_t i = 0; i < inject_kind_count; i++) {
		uint64_t more = run_each(scenario, count, &inject_kinds[i]);
		faults += more;
		kinds += more > 0;
	}
	cr_assert_gt(faults, 0);
	printf("faults: %s, %u workers: %llu calls failed, one by one, in %llu ways\n",
	       scenario->name, (unsigned)count, (unsigned long long)faults,
	       (unsigned long long)kinds);
	(void)fflush(stdout);
}

/* ---- storms ---- */

static uint64_t seed_given(void)
{
	const char *text = getenv("FAULTS_SEED");
	return text ? strtoull(text, NULL, 10) : SEED;
}

static void storm(const struct scenario *scenario, uint32_t count, bool told)
{
	uint64_t faults = 0, seed = seed_given(), runs;
	uint64_t most = told ? TOLD_RUNS : STORM_RUNS;
	for (runs = 0; faults < STORM_FAULTS && runs < most; runs++) {
		/* One call in fifty; or one in seven, up to nearly every second. */
		unsigned permille = told ? 20 : 150 + 75 * (unsigned)(runs % 5);
		scenario_spare_init(told && runs % 2);
		inject_storm(seed + runs, permille, told);
		faults += run(scenario, count, told, runs % CHECK_EVERY == 0);
	}
	scenario_spare_init(false);
	cr_assert_gt(faults, 0);
	printf("faults: %s, %u workers, storm %s: %llu faults in %llu runs, "
	       "FAULTS_SEED=%llu\n",
	       scenario->name, (unsigned)count, told ? "of all" : "of what is absorbed",
	       (unsigned long long)faults, (unsigned long long)runs,
	       (unsigned long long)seed);
	(void)fflush(stdout);
}

ParameterizedTestParameters(faults, storms)
{
	static size_t numbers[64];
	for (size_t i = 0; i < scenario_count * 2; i++)
		numbers[i] = i;
	return cr_make_param_array(size_t, numbers, scenario_count * 2);
}

ParameterizedTest(size_t *number, faults, storms, .init = set_up)
{
	const struct scenario *scenario = &scenarios[*number / 2];
	uint32_t count = *number % 2 ? 4 : 1;
	scenario_begin(scenario->name, count);
	storm(scenario, count, false);
	storm(scenario, count, true);
}

/* ---- what a process does once ---- */

static const struct inject_kind *kind_of(enum inject_call call)
{
	const struct inject_kind *kind = inject_kinds;
	while (kind->call != call)
		kind++;
	return kind;
}

Test(faults, a_process_may_have_no_key_for_its_helpers)
{
	struct weft *io;
	inject_kth(kind_of(INJECT_KEY), 1);
	cr_assert_eq(weft_init(&io, NULL), 0);
	cr_assert_eq(inject_faults(), 1);
	inject_nothing();
	cr_assert_eq(weft_deinit(io), 0);
}

/* The first runtime of a process asks to be told of forks. */
Test(faults, a_child_is_told_although_there_was_no_memory_at_first)
{
	struct weft *io;
	inject_kth(kind_of(INJECT_ATFORK), 1);
	cr_assert_eq(weft_init(&io, NULL), -ENOMEM);
	cr_assert_eq(inject_faults(), 1);
	cr_assert_eq(weft_init(&io, NULL), 0);
	inject_nothing();
	pid_t child = fork();
	if (child == 0)
		_exit(weft_check_cancel(io) == -EOWNERDEAD ? 0 : 1);
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_eq(weft_deinit(io), 0);
}

#endif
