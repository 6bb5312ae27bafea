#include "context/annotate.h"

#include <string.h>

#if defined(ANNOTATE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#if !defined(VALGRIND_STACK_REGISTER)
#define VALGRIND_STACK_REGISTER(start, end) ((void)(start), (void)(end), 0u)
#define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#endif

void annotate_init(struct annotation *self, void *stack, size_t size)
{
	memset(self, 0, sizeof *self);
#if defined(ANNOTATE_ASAN)
	__asan_unpoison_memory_region(stack, size); /* frames of an earlier life */
	__lsan_register_root_region(stack, size);
	self->bottom = stack;
	self->size = size;
	self->root = stack;
	self->root_size = size;
#elif defined(ANNOTATE_TSAN)
	self->fiber = __tsan_create_fiber(0);
	self->own = 1;
#endif
	self->valgrind = VALGRIND_STACK_REGISTER(stack, (char *)stack + size);
}

void annotate_adopt(struct annotation *self)
{
	memset(self, 0, sizeof *self);
#if defined(ANNOTATE_TSAN)
	self->fiber = __tsan_get_current_fiber();
#endif
}

void annotate_root_to(struct annotation *self, const void *end)
{
#if defined(ANNOTATE_ASAN)
	__lsan_unregister_root_region(self->root, self->root_size);
	self->root_size = (size_t)((const char *)end - (const char *)self->root);
	__lsan_register_root_region(self->root, self->root_size);
#endif
	(void)self, (void)end;
}

#if defined(ANNOTATE_TSAN)
void annotate_renew(struct annotation *self)
{
	__tsan_destroy_fiber(self->fiber);
	self->fiber = __tsan_create_fiber(0);
	self->left = 0;
}
#endif

void annotate_destroy(struct annotation *self)
{
#if defined(ANNOTATE_ASAN)
	if (self->root) {
		__lsan_unregister_root_region(self->root, self->root_size);
		__asan_unpoison_memory_region(self->root, self->size);
	}
#elif defined(ANNOTATE_TSAN)
	if (self->own)
		__tsan_destroy_fiber(self->fiber);
#endif
	if (self->valgrind)
		VALGRIND_STACK_DEREGISTER(self->valgrind);
	memset(self, 0, sizeof *self);
}
