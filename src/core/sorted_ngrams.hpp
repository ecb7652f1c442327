// N-grams of one length, sorted on disk by their word ids.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "mapped_file.hpp"

namespace neurolect {

// A record is the n-gram's word ids, its log10 probability and its log10 back-off, 4 bytes each.
class SortedNgrams {
public:
    SortedNgrams(unsigned length, std::string folder, size_t buffer_bytes);

    void add(const uint32_t* words, float log10, float backoff);

    // Sorts what was added. Returns the words of an n-gram that occurs twice, or null.
    const uint32_t* sort();

    // Puts further n-grams (their words one after the other, in any order, repeated or not) in their places, with a
    // probability of NaN and no back-off. Only after `sort`; returns how many they were.
    uint64_t insert(std::vector<uint32_t> ngrams);

    unsigned length() const { return length_; }
    uint64_t count() const { return count_; }
    const uint32_t* words(uint64_t index) const {
        return reinterpret_cast<const uint32_t*>(records_.data() + index * stride());
    }
    float log10(uint64_t index) const { return value(index, 0); }
    float backoff(uint64_t index) const { return value(index, 1); }
    void set_log10(uint64_t index, float log10) {
        std::memcpy(records_.data() + index * stride() + 4 * length_, &log10, sizeof log10);
    }
    void release_pages() { records_.release_pages(); }

private:
    size_t stride() const { return 4 * (length_ + 2); }
    float value(uint64_t index, unsigned which) const {
        float found;
        std::memcpy(&found, records_.data() + index * stride() + 4 * (length_ + which), sizeof found);
        return found;
    }
    void spill();

    unsigned length_;
    std::string folder_;
    size_t buffer_bytes_;
    std::vector<uint32_t> buffer_;
    std::vector<FileMemory> runs_;
    FileMemory records_;
    uint64_t count_ = 0;
};

}  // namespace neurolect
