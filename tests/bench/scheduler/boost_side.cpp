/* boost_side.cpp: Boost.Fiber's side. `boost_side WORKERS`. The loads are those of
 * tests/bench/fiber/boost_peer.cpp. One worker has Boost's default scheduler, two have its
 * work_stealing, in which a thread with nothing to do goes on looking: one that may sleep
 * (suspend = true) is not woken when another thread has something to steal.
 *
 * The second thread has to be out of the way while others are measured. Its main fiber waits, as
 * a thread, until a load begins, and then, as a fiber, until it ends. */
#include "tests/bench/fiber/boost_peer.h"

#include <boost/fiber/algo/work_stealing.hpp>
#include <boost/fiber/all.hpp>
#include <boost/version.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "tests/bench/side.h"

namespace {

class Helper {
      public:
	void start()
	{
		thread = std::thread([this] { run(); });
		boost::fibers::use_scheduling_algorithm<work_stealing>(2u);
	}

	void begin_load()
	{
		std::lock_guard<std::mutex> held(mutex);
		is_open = true;
		opened.notify_one();
	}

	void end_load()
	{
		std::unique_lock<boost::fibers::mutex> held(fiber_mutex);
		is_over = true;
		over.notify_one();
		over.wait(held, [this] { return !is_over; });
	}

	void end()
	{
		{
			std::lock_guard<std::mutex> held(mutex);
			is_ended = true;
			opened.notify_one();
		}
		thread.join();
	}

      private:
	using work_stealing = boost::fibers::algo::work_stealing;

	bool wait_for_load()
	{
		std::unique_lock<std::mutex> held(mutex);
		opened.wait(held, [this] { return is_open || is_ended; });
		is_open = false;
		return !is_ended;
	}

	void run()
	{
		boost::fibers::use_scheduling_algorithm<work_stealing>(2u);
		while (wait_for_load()) {
			std::unique_lock<boost::fibers::mutex> held(fiber_mutex);
			over.wait(held, [this] { return is_over; });
			is_over = false;
			over.notify_one();
		}
	}

	std::thread thread;
	std::mutex mutex;
	std::condition_variable opened;
	bool is_open = false, is_ended = false; /* mutex must be held */
	boost::fibers::mutex fiber_mutex;
	boost::fibers::condition_variable over;
	bool is_over = false; /* fiber_mutex must be held */
};

Helper *helper; /* NULL: there is one worker */

template <typename Load> double measure(Load load)
{
	if (helper)
		helper->begin_load();
	double start_ns = side_now_ns();
	load();
	double end_ns = side_now_ns();
	if (helper)
		helper->end_load();
	return end_ns - start_ns;
}

double measure_spawn_await(int fibers, int)
{
	return measure([=] { boost_spawn_await(fibers); });
}

double measure_batch(int fibers, int)
{
	return measure([=] { boost_batch(fibers); });
}

double measure_yield(int fibers, int yields)
{
	return measure([=] { boost_yield(fibers, yields); });
}

double measure_fork_join(int n, int)
{
	return measure([=] { boost_fork_join(n); });
}

const side_load loads[] = {
	{"spawn_await", measure_spawn_await},
	{"batch", measure_batch},
	{"yield", measure_yield},
	{"fork_join", measure_fork_join},
	{nullptr, nullptr},
};

} // namespace

int main(int count, char **arguments)
{
	Helper second;
	int workers = count == 2 ? std::atoi(arguments[1]) : 1;
	side_begin(workers);
	if (workers == 2) {
		boost_share_stacks();
		helper = &second;
		helper->start();
	}
	std::string version = BOOST_LIB_VERSION; /* 1_81 */
	version.replace(version.find('_'), 1, ".");
	side_answer(("Boost.Fiber " + version).c_str(), loads);
	if (helper)
		helper->end();
	return 0;
}
