// Runs tasks in parallel while one allocation after another fails; prints how often all tasks were done.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "parallel.hpp"

namespace {

std::atomic<long> allocations_left{-1};  // before one fails; negative if none is to fail

}  // namespace

void* operator new(size_t size) {
    if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

int main() {
    constexpr size_t kTasks = 100;
    int n_complete = 0;
    for (long failing = 0; failing < 20; ++failing) {
        std::atomic<size_t> n_done{0};
        const std::function<void(size_t)> run = [&](size_t) { ++n_done; };
        allocations_left = failing;
        neurolect::in_parallel(8, kTasks, run);
        allocations_left = -1;
        n_complete += n_done == kTasks;
    }
    std::printf("%d of 20\n", n_complete);
}
