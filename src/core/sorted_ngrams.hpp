// N-grams of one length, sorted on disk by their word ids.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "bits.hpp"
#include "mapped_file.hpp"

namespace neurolect {

// A pass over many n-grams hands mapped pages back after this many, or its files would come to fill the memory.
constexpr uint64_t kBetweenReleases = uint64_t{1} << 20;

// A record is the n-gram's word ids, its log10 probability and its log10 back-off, 4 bytes each.
class SortedNgrams {
public:
    SortedNgrams(unsigned length, std::string folder, size_t buffer_bytes);

    void add(const uint32_t* words, float log10, float backoff);

    // An n-gram that is not listed although longer ones need it: its probability is NaN. Any number of times is once.
    void add_missing(const uint32_t* words) { add(words, std::numeric_limits<float>::quiet_NaN(), 0.0f); }

    // Sorts what was added since the last time into what is there, which only then can be seen. Returns the words of an
    // n-gram that occurs twice, or nothing.
    std::vector<uint32_t> sort();

    unsigned length() const { return length_; }
    uint64_t count() const { return count_; }
    const uint32_t* words(uint64_t index) const {
        return reinterpret_cast<const uint32_t*>(records_.data() + index * stride());
    }
    float log10(uint64_t index) const { return float_at(words(index) + length_); }
    float backoff(uint64_t index) const { return float_at(words(index) + length_ + 1); }
    bool is_missing(uint64_t index) const { return std::isnan(log10(index)); }
    void set_log10(uint64_t index, float log10) {
        std::memcpy(records_.data() + index * stride() + 4 * length_, &log10, sizeof log10);
    }
    void release_pages() { records_.release_pages(); }

private:
    size_t stride() const { return 4 * (length_ + 2); }
    static float float_at(const uint32_t* field) { return value_at<float>(reinterpret_cast<const uint8_t*>(field)); }
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
