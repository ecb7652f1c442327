// A set of states of a graph, one bit each; pages of it that are never written take no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace neurolect {

class StateSet {
public:
    explicit StateSet(size_t n_states) : words_(static_cast<uint64_t*>(std::calloc(n_states / 64 + 1, 8))) {
        if (!words_) throw std::bad_alloc();
    }

    void add(uint32_t state) { words_.get()[state / 64] |= uint64_t{1} << (state % 64); }
    bool has(uint32_t state) const { return (words_.get()[state / 64] >> (state % 64) & 1) != 0; }

private:
    struct Free {
        void operator()(uint64_t* words) const { std::free(words); }
    };
    std::unique_ptr<uint64_t, Free> words_;
};

}  // namespace neurolect
