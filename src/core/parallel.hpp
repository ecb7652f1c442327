// Independent tasks on several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace neurolect {

// Does tasks 0 … n_tasks − 1, begun in this order; the calling thread is one of the threads. After a task has thrown,
// no more are begun, and what the first of those that did so has thrown is thrown in the end.
void in_parallel(unsigned n_threads, size_t n_tasks, const std::function<void(size_t task)>& run);

// The same for levels of n-grams, of which the longest are the most work and are begun first.
void for_each_level(unsigned n_threads, size_t order, const std::function<void(unsigned level)>& run);

// The same for 0 … count − 1 in pieces.
void in_pieces(unsigned n_threads, uint64_t count, const std::function<void(uint64_t begin, uint64_t end)>& run);

}  // namespace neurolect
