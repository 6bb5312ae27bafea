#include "fiber/fiber.h"

#include <errno.h> /* for the names of the constants */
#include <stdlib.h>
#include <string.h>

/* Below the header, in the slot, or in an allocation. NULL when there is no memory. */
static void *place_for_arguments(struct fiber *fiber, size_t size, size_t alignment)
{
	uintptr_t end = (uintptr_t)fiber;
	uintptr_t place = (end - size) & ~(uintptr_t)(alignment - 1);
	if (size <= FIBER_ARGUMENTS && place >= end - FIBER_ARGUMENTS)
		return (void *)place;
	if (size > SIZE_MAX - alignment)
		return NULL;
	fiber->allocation = malloc(size + alignment);
	if (!fiber->allocation)
		return NULL;
	place = ((uintptr_t)fiber->allocation + alignment - 1) &
		~(uintptr_t)(alignment - 1);
	return (void *)place;
}

int fiber_copy_arguments(struct fiber *fiber, const void *context, size_t size,
			 size_t alignment)
{
	void *place = place_for_arguments(fiber, size, alignment);
	if (!place)
		return -ENOMEM;
	/* The last life read its own there. */
	annotate_acquire(&fiber->context.annotation);
	memcpy(place, context, size);
	fiber->argument = place;
	return 0;
}

void fiber_free_arguments(struct fiber *fiber)
{
	annotate_acquire(&fiber->context.annotation); /* the fiber has read them */
	free(fiber->allocation);
}
