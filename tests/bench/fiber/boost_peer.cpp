/* boost_peer.cpp: the rows of fiber_bench.c in Boost.Fiber, as fast as its documentation makes
 * them: stacks come from a pool, and the children of fork/join run at once
 * (launch::dispatch). Stacks have the size of Weft's; Boost's have no guard.
 *
 * Boost's pool is not for several threads, so boost_share_stacks puts a lock before it. */
#include "boost_peer.h"

#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>
#include <mutex>
#include <vector>

using boost::fibers::fiber;
using boost::fibers::launch;

static const std::size_t STACK_SIZE = 65536;

static bool several_threads;

/* Where a fiber gets its stack from; all share one pool. */
struct stacks {
	static std::mutex &lock()
	{
		static std::mutex one;
		return one;
	}

	static boost::fibers::pooled_fixedsize_stack &pool()
	{
		static boost::fibers::pooled_fixedsize_stack one(STACK_SIZE);
		return one;
	}

	boost::context::stack_context allocate()
	{
		if (!several_threads)
			return pool().allocate();
		std::lock_guard<std::mutex> held(lock());
		return pool().allocate();
	}

	void deallocate(boost::context::stack_context &stack) noexcept
	{
		if (!several_threads)
			return pool().deallocate(stack);
		std::lock_guard<std::mutex> held(lock());
		pool().deallocate(stack);
	}
};

void boost_share_stacks(void)
{
	several_threads = true;
}

template <typename Function> static fiber spawn(launch when, Function function)
{
	return fiber(when, std::allocator_arg, stacks(), function);
}

static void join_all(std::vector<fiber> &fibers)
{
	for (fiber &one : fibers)
		one.join();
}

void boost_spawn_await(int fibers)
{
	for (int i = 0; i < fibers; i++)
		spawn(launch::post, [] {}).join();
}

void boost_batch(int fibers)
{
	std::vector<fiber> all;
	all.reserve(static_cast<std::size_t>(fibers));
	for (int i = 0; i < fibers; i++)
		all.push_back(spawn(launch::post, [] {}));
	join_all(all);
}

void boost_yield(int fibers, int yields)
{
	std::vector<fiber> all;
	all.reserve(static_cast<std::size_t>(fibers));
	for (int i = 0; i < fibers; i++)
		all.push_back(spawn(launch::post, [yields] {
			for (int j = 0; j < yields; j++)
				boost::this_fiber::yield();
		}));
	join_all(all);
}

long boost_fork_join(int n)
{
	if (n < 2)
		return n;
	long left, right;
	fiber first = spawn(launch::dispatch, [&] { left = boost_fork_join(n - 1); });
	fiber second = spawn(launch::dispatch, [&] { right = boost_fork_join(n - 2); });
	first.join();
	second.join();
	return left + right;
}

void boost_chain(int fibers, void (*deepest)(void))
{
	if (fibers == 0) {
		deepest();
		return;
	}
	/* Stacks that go back when they are done, and do not fill the pool. */
	boost::fibers::fixedsize_stack own(STACK_SIZE);
	fiber(launch::post, std::allocator_arg, own, [fibers, deepest] {
		boost_chain(fibers - 1, deepest);
	}).join();
}
