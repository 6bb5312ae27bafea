/* print.c: a failed execution, a line for each operation, with the names that the harness gave. */
#include <stdio.h>

#include "tests/explore/model.h"

enum { NAMES = 64 };

static struct {
	uintptr_t place;
	size_t size;
	int count;
	const char *name;
} names[NAMES];
static int name_count;
static bool printing;

void print_reset(void)
{
	name_count = 0;
}

void print_on(bool on)
{
	printing = on;
}

void explore_name(const void *place, size_t size, int count, const char *name)
{
	if (name_count == NAMES)
		return; /* numbers will do */
	names[name_count].place = (uintptr_t)place;
	names[name_count].size = size;
	names[name_count].count = count;
	names[name_count++].name = name;
}

/* The name of an address, or the number that it is. */
static void say_value(char *text, size_t size, uint64_t value)
{
	for (int i = 0; i < name_count; i++) {
		uint64_t offset = value - names[i].place;
		if (value < names[i].place ||
		    offset >= names[i].size * (uint64_t)names[i].count)
			continue;
		if (names[i].count == 1)
			snprintf(text, size, "%s", names[i].name);
		else
			snprintf(text, size, "%s[%d]", names[i].name,
				 (int)(offset / names[i].size));
		return;
	}
	snprintf(text, size, value < 4096 ? "%llu" : "%#llx",
		 (unsigned long long)value);
}

static const char *kind_name(enum operation_kind kind)
{
	switch (kind) {
	case OPERATION_LOAD:
		return "load";
	case OPERATION_STORE:
		return "store";
	case OPERATION_EXCHANGE:
		return "exchange";
	case OPERATION_CHANGE:
		return "change";
	case OPERATION_COMPARE:
		return "compare";
	case OPERATION_FENCE:
		return "fence";
	case OPERATION_WAIT:
		return "wait";
	case OPERATION_REST:
		return "rest";
	case OPERATION_POST:
		return "post";
	}
	return "?";
}

static const char *order_name(const struct operation *operation)
{
	static const char *const orders[] = {"relaxed", "consume", "acquire",
					     "release", "acq_rel", "seq_cst"};
	return operation->semaphore ? "" : orders[operation->order];
}

static void say_place(char *text, size_t size, const struct operation *operation)
{
	text[0] = '\0';
	if (operation->location != NO_LOCATION)
		say_value(text, size, (uintptr_t)memory_place(operation->location));
}

void print_operation(uint64_t value, const char *remark)
{
	const struct operation *operation = &thread_self()->next;
	char place[64], read[64];
	if (!printing)
		return;
	say_place(place, sizeof place, operation);
	say_value(read, sizeof read, value);
	printf("    thread %d: %-8s %-7s %s", thread_running,
	       kind_name(operation->kind), order_name(operation), place);
	if (operation->location != NO_LOCATION && !operation->semaphore)
		printf(" = %s", read);
	printf("%s%s\n", remark[0] ? ", " : "", remark);
}

int print_waiting(char *text, size_t size, int thread)
{
	char place[64];
	say_place(place, sizeof place, &threads[thread].next);
	return snprintf(text, size, " thread %d (%s %s)", thread,
			kind_name(threads[thread].next.kind), place);
}
