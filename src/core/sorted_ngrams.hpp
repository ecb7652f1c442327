// N-grams of one length with their probabilities and back-offs, sorted on disk by their word ids.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "bits.hpp"
#include "sorted_records.hpp"

namespace neurolect {

// A record is the n-gram's word ids, its log10 probability and its log10 back-off.
class SortedNgrams {
public:
    SortedNgrams(unsigned length, std::string folder, size_t buffer_bytes);

    void add(const uint32_t* words, float log10, float backoff);

    // An n-gram that is not listed although longer ones need it: its probability is NaN, its back-off −0. Any number
    // of times is once.
    void add_missing(const uint32_t* words) { add(words, std::numeric_limits<float>::quiet_NaN(), -0.0f); }

    // Sorts what was added since the last time into what is there, which only then can be seen. Returns the words of an
    // n-gram that occurs twice, or nothing.
    std::vector<uint32_t> sort();

    unsigned length() const { return records_.length(); }
    uint64_t count() const { return records_.count(); }
    const uint32_t* words(uint64_t index) const { return records_[index]; }
    float log10(uint64_t index) const { return float_at(words(index) + length()); }
    float backoff(uint64_t index) const { return float_at(words(index) + length() + 1); }
    bool is_missing(uint64_t index) const { return std::isnan(log10(index)); }
    void set_log10(uint64_t index, float log10) { std::memcpy(records_[index] + length(), &log10, sizeof log10); }
    void set_backoff(uint64_t index, float log10) { std::memcpy(records_[index] + length() + 1, &log10, sizeof log10); }
    void release_pages() const { records_.release_pages(); }

private:
    static float float_at(const uint32_t* field) { return value_at<float>(reinterpret_cast<const uint8_t*>(field)); }
    Combine note_twice();

    SortedRecords records_;
    std::vector<uint32_t> twice_;
};

}  // namespace neurolect
