#include "sorted_ngrams.hpp"

#include <utility>

namespace neurolect {

SortedNgrams::SortedNgrams(unsigned length, std::string folder, size_t buffer_bytes)
    : records_(length, std::move(folder), buffer_bytes) {}

Combine SortedNgrams::note_twice() {
    return [this](uint32_t*, const uint32_t* second) {
        if (twice_.empty() && !std::isnan(float_at(second + length()))) twice_.assign(second, second + length());
    };
}

void SortedNgrams::add(const uint32_t* words, float log10, float backoff) {
    uint32_t* record = records_.add(note_twice());
    std::memcpy(record, words, 4 * length());
    std::memcpy(record + length(), &log10, 4);
    std::memcpy(record + length() + 1, &backoff, 4);
}

std::vector<uint32_t> SortedNgrams::sort() {
    records_.sort(note_twice());
    return std::exchange(twice_, {});
}

}  // namespace neurolect
