#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace neurolect {

void in_parallel(unsigned n_threads, size_t n_tasks, const std::function<void(size_t task)>& run) {
    std::atomic<size_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex failing;
    std::exception_ptr failure;
    size_t first_to_fail = n_tasks;
    const auto work = [&] {
        while (!failed) {
            const size_t task = next++;
            if (task >= n_tasks) return;
            try {
                run(task);
            } catch (...) {
                const std::lock_guard<std::mutex> lock(failing);
                if (task < first_to_fail) {
                    first_to_fail = task;
                    failure = std::current_exception();
                }
                failed = true;
            }
        }
    };
    std::vector<std::thread> helpers;
    const size_t n_helpers = std::max<size_t>(1, std::min<size_t>(n_threads, n_tasks)) - 1;
    try {
        helpers.reserve(n_helpers);
        while (helpers.size() < n_helpers) helpers.emplace_back(work);
    } catch (const std::exception&) {
        // The system has no more threads or memory to give; the threads that there are do the work.
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    if (failure) std::rethrow_exception(failure);
}

void for_each_level(unsigned n_threads, size_t order, const std::function<void(unsigned level)>& run) {
    in_parallel(n_threads, order, [&](size_t task) { run(static_cast<unsigned>(order - 1 - task)); });
}

void in_pieces(unsigned n_threads, uint64_t count, const std::function<void(uint64_t begin, uint64_t end)>& run) {
    // More pieces than threads, since some are more work than others.
    const uint64_t n_pieces = n_threads > 1 ? uint64_t{8} * n_threads : 1;
    in_parallel(n_threads, n_pieces, [&](size_t piece) {
        run(count * piece / n_pieces, count * (piece + 1) / n_pieces);
    });
}

}  // namespace neurolect
