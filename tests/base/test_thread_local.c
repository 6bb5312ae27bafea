/* test_thread_local.c: what belongs to a thread, before and after a context changes
 * threads.
 *
 * A context parks on one thread and goes on, in the middle of a function, on another.
 * The compiler does not know, and may use the address of a thread-local variable that
 * it computed before. base_this_thread and the wrappers of errno must give the new
 * thread's values; what a direct access gives is printed, since both answers are a
 * compiler's right. */
#include "base/thread_local.h"

#include <criterion/criterion.h>
#include <errno.h> /* for the names of the constants */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/system.h"
#include "context/context.h"

enum { STACK_SIZE = 64 * 1024 };

static _Thread_local const char *direct; /* the hazard: no file of Weft does this */

/* No cure: compilers find that the answer cannot change, and ask once. */
__attribute__((noinline)) static const char **place_of_direct(void)
{
	return &direct;
}

/* What the context finds on one thread. */
struct sight {
	const char *this_thread;
	const char *direct;   /* read by its name */
	const char *by_place; /* read by its address, from a function */
	int open_missing;
	int close_closed;
	int create_existing;
};

static struct sight before, after;
static struct context traveller, first_thread, second_thread;

static struct sight look_around(void)
{
	return (struct sight){
		.this_thread = base_this_thread(),
		.open_missing = system_open("/there/is/no/such/file"),
		.close_closed = system_close(-1),
		.create_existing = system_create("/dev/null"),
	};
}

static void travel(void *argument)
{
	(void)argument;
	before = look_around();
	before.direct = direct;
	before.by_place = *place_of_direct();
	context_switch(&traveller, &first_thread, NULL, NULL);
	after = look_around();
	after.direct = direct;
	after.by_place = *place_of_direct();
	context_leave(&traveller, &second_thread, NULL, NULL);
}

static void *resume_traveller(void *name)
{
	base_set_this_thread(name);
	direct = name;
	context_adopt(&second_thread);
	context_switch(&second_thread, &traveller, NULL, NULL);
	return (void *)direct;
}

static void check_sight(const struct sight *sight, const char *thread)
{
	cr_assert_eq(sight->this_thread, thread);
	cr_assert_eq(sight->open_missing, -ENOENT);
	cr_assert_eq(sight->close_closed, -EBADF);
	cr_assert_eq(sight->create_existing, -EEXIST);
}

Test(thread_local, is_right_after_a_context_moves_to_another_thread)
{
	static char first[] = "first", second[] = "second";
	void *stack = aligned_alloc(16, STACK_SIZE);
	pthread_t thread;
	base_set_this_thread(first);
	direct = first;
	context_adopt(&first_thread);
	context_init(&traveller, stack, STACK_SIZE, travel, NULL);
	context_switch(&first_thread, &traveller, NULL, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, resume_traveller, second), 0);
	pthread_join(thread, NULL);

	check_sight(&before, first);
	check_sight(&after, second);
	cr_assert_eq(base_this_thread(), first, "the first thread keeps its own");
	printf("thread_local: on the second thread, a variable read by its name is the "
	       "%s "
	       "thread's, by its address the %s's\n",
	       after.direct, after.by_place);
	context_destroy(&traveller);
	free(stack);
}

static void *read_this_thread(void *unused)
{
	(void)unused;
	return base_this_thread();
}

Test(thread_local, is_null_at_first_and_each_threads_own)
{
	static char value;
	pthread_t thread;
	void *of_the_other = &value;
	cr_assert_null(base_this_thread());
	base_set_this_thread(&value);
	cr_assert_eq(base_this_thread(), &value);
	cr_assert_eq(pthread_create(&thread, NULL, read_this_thread, NULL), 0);
	pthread_join(thread, &of_the_other);
	cr_assert_null(of_the_other);
	base_set_this_thread(NULL);
	cr_assert_null(base_this_thread());
}
