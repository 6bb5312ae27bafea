/* tsan_calls.c: what a compiler calls in code built with -fsanitize=thread.
 *
 * The names and shapes are those of gcc's and clang's interface to TSan's library, which is not
 * linked. An atomic operation is announced, and done when it is the thread's turn; a plain access
 * is noted; all else is nothing. Outside of the explored threads, in a harness's setup and final,
 * an atomic operation is what it says. What memcpy and its like touch is noted for compilers that
 * say so only (clang from 16 on). */
#include <stdatomic.h>
#include <string.h>

#include "tests/explore/model.h"

typedef uint64_t change_function(uint64_t before, uint64_t operand);

static uint64_t read_word(const volatile void *place, int size)
{
	uint64_t value = 0;
	memcpy(&value, (const void *)place, (size_t)size);
	return value;
}

static void write_word(volatile void *place, int size, uint64_t value)
{
	memcpy((void *)place, &value, (size_t)size);
}

/* Waits for the thread's turn to do that; returns the location. */
static int take_turn(enum operation_kind kind, const volatile void *place, int size,
		     int order, uint64_t value)
{
	threads_announce(&(struct operation){
		.kind = kind,
		.location = memory_location((void *)(uintptr_t)place, size),
		.order = order,
		.sequential = order == memory_order_seq_cst,
		.value = value});
	thread_self()->spun_on = NO_LOCATION;
	return thread_self()->next.location;
}

static uint64_t load(const volatile void *place, int size, int order)
{
	if (thread_running == NO_THREAD)
		return read_word(place, size);
	int location = take_turn(OPERATION_LOAD, place, size, order, 0);
	uint64_t value = memory_load(location, order);
	print_operation(value, memory_read_older() ? "not the newest" : "");
	return value;
}

static void store(volatile void *place, int size, uint64_t value, int order)
{
	if (thread_running == NO_THREAD) {
		write_word(place, size, value);
		return;
	}
	int location = take_turn(OPERATION_STORE, place, size, order, 0);
	memory_store(location, value, order);
	print_operation(value, "");
}

static uint64_t exchange(volatile void *place, int size, uint64_t value, int order)
{
	if (thread_running == NO_THREAD) {
		uint64_t before = read_word(place, size);
		write_word(place, size, value);
		return before;
	}
	int location = take_turn(OPERATION_EXCHANGE, place, size, order, value);
	uint64_t before = memory_take(location, order);
	memory_put(location, value, order);
	if (before == value)
		thread_self()->spun_on = location;
	print_operation(before, "and wrote");
	return before;
}

static uint64_t in_size(uint64_t value, int size)
{
	return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

static uint64_t change(volatile void *place, int size, uint64_t operand, int order,
		       change_function *changed)
{
	if (thread_running == NO_THREAD) {
		uint64_t before = read_word(place, size);
		write_word(place, size, changed(before, operand));
		return before;
	}
	int location = take_turn(OPERATION_CHANGE, place, size, order, 0);
	uint64_t before = memory_take(location, order);
	memory_put(location, in_size(changed(before, operand), size), order);
	print_operation(before, "and wrote");
	return before;
}

static bool compare_alone(volatile void *place, int size, uint64_t *expected,
			  uint64_t desired)
{
	uint64_t before = read_word(place, size);
	bool same = before == *expected;
	if (same)
		write_word(place, size, desired);
	*expected = before;
	return same;
}

static bool compare_exchange(volatile void *place, int size, uint64_t *expected,
			     uint64_t desired, int order, int failure_order,
			     bool weak_form)
{
	if (thread_running == NO_THREAD)
		return compare_alone(place, size, expected, desired);
	int location = take_turn(OPERATION_COMPARE, place, size, order, 0);
	if (memory_compare_fails(location, expected, failure_order,
				 order == memory_order_seq_cst, weak_form)) {
		print_operation(*expected, "and failed");
		return false;
	}
	(void)memory_take(location, order);
	memory_put(location, desired, order);
	print_operation(desired, "and wrote");
	return true;
}

static uint64_t add(uint64_t before, uint64_t operand)
{
	return before + operand;
}

static uint64_t sub(uint64_t before, uint64_t operand)
{
	return before - operand;
}

static uint64_t and (uint64_t before, uint64_t operand)
{
	return before & operand;
}

static uint64_t or (uint64_t before, uint64_t operand)
{
	return before | operand;
}

static uint64_t xor (uint64_t before, uint64_t operand) { return before ^ operand; }

/* ---- atomic operations ---- */

/* clang-format off */
#define CHANGE(bits, type, operation)                                                  \
	type __tsan_atomic##bits##_fetch_##operation(volatile type *place,             \
						     type operand, int order)          \
	{                                                                              \
		return (type)change(place, bits / 8, operand, order, operation);       \
	}

#define COMPARE(bits, type, form, weak_form)                                           \
	int __tsan_atomic##bits##_compare_exchange_##form(                             \
		volatile type *place, type *expected, type desired, int order,         \
		int failure_order)                                                     \
	{                                                                              \
		uint64_t word = *expected;                                             \
		bool same = compare_exchange(place, bits / 8, &word, desired, order,   \
					     failure_order, weak_form);                \
		*expected = (type)word;                                                \
		return same;                                                           \
	}

#define ATOMIC(bits, type)                                                             \
	type __tsan_atomic##bits##_load(const volatile type *place, int order)         \
	{                                                                              \
		return (type)load(place, bits / 8, order);                             \
	}                                                                              \
	void __tsan_atomic##bits##_store(volatile type *place, type value, int order)  \
	{                                                                              \
		store(place, bits / 8, value, order);                                  \
	}                                                                              \
	type __tsan_atomic##bits##_exchange(volatile type *place, type value,          \
					    int order)                                 \
	{                                                                              \
		return (type)exchange(place, bits / 8, value, order);                  \
	}                                                                              \
	CHANGE(bits, type, add)                                                        \
	CHANGE(bits, type, sub)                                                        \
	CHANGE(bits, type, and)                                                        \
	CHANGE(bits, type, or)                                                         \
	CHANGE(bits, type, xor)                                                        \
	COMPARE(bits, type, strong, false)                                             \
	COMPARE(bits, type, weak, true)                                                \
	type __tsan_atomic##bits##_compare_exchange_val(                               \
		volatile type *place, type expected, type desired, int order,          \
		int failure_order)                                                     \
	{                                                                              \
		uint64_t word = expected;                                              \
		(void)compare_exchange(place, bits / 8, &word, desired, order,         \
				       failure_order, false);                          \
		return (type)word;                                                     \
	}
	/* clang-format on */

	ATOMIC(8, uint8_t) ATOMIC(16, uint16_t) ATOMIC(32, uint32_t)
		ATOMIC(64, uint64_t)

			void __tsan_atomic_thread_fence(int order)
{
	if (thread_running == NO_THREAD)
		return;
	/* In strong memory a fence changes nothing that another thread could see. */
	bool takes_turn = order == memory_order_seq_cst && memory_is_weak();
	if (takes_turn)
		threads_announce(&(struct operation){.kind = OPERATION_FENCE,
						     .location = NO_LOCATION,
						     .order = order,
						     .sequential = true});
	memory_fence(order);
	if (takes_turn)
		print_operation(0, "");
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

/* ---- plain accesses ---- */

#define PLAIN(name, size, writes)                                                      \
	void __tsan_##name(void *place)                                                \
	{                                                                              \
		races_access(place, size, writes);                                     \
	}
#define PLAIN_OF_SIZE(size)                                                            \
	PLAIN(read##size, size, false)                                                 \
	PLAIN(write##size, size, true)                                                 \
	PLAIN(unaligned_read##size, size, false)                                       \
	PLAIN(unaligned_write##size, size, true)

PLAIN_OF_SIZE(1)
PLAIN_OF_SIZE(2)
PLAIN_OF_SIZE(4)
PLAIN_OF_SIZE(8)
PLAIN_OF_SIZE(16)

void __tsan_read_range(void *place, size_t size)
{
	races_access(place, size, false);
}

void __tsan_write_range(void *place, size_t size)
{
	races_access(place, size, true);
}

void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	races_access(from, size, false);
	races_access(to, size, true);
	return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size)
{
	races_access(from, size, false);
	races_access(to, size, true);
	return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size)
{
	races_access(to, size, true);
	return memset(to, byte, size);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}
