// Where each n-gram stands among those that are one word shorter, and one longer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mapped_file.hpp"
#include "sorted_ngrams.hpp"

namespace neurolect {

// Levels are counted as the store does: level k has the n-grams of k + 1 words.
class NgramLinks {
public:
    // Level 0 has every word. N-grams that longer ones need and that are not listed are added to the levels.
    NgramLinks(std::vector<SortedNgrams>& levels, const std::string& folder, unsigned n_threads);

    // By n-gram of level k > 0: the place of all but its first word in the level below.
    const uint32_t* suffixes(unsigned k) const { return numbers(suffixes_[k]); }

    // By n-gram of a level below the highest, and in the end: where those that go on from it begin in the level above.
    const uint32_t* first_children(unsigned k) const { return numbers(first_children_[k]); }

    void release_pages() const;

private:
    static const uint32_t* numbers(const FileMemory& memory) {
        return reinterpret_cast<const uint32_t*>(memory.data());
    }
    bool link(unsigned k, const std::string& folder, unsigned n_threads);
    uint64_t find_suffix(unsigned k, uint64_t parent, uint32_t word) const;

    std::vector<SortedNgrams>& levels_;
    // Last words stand apart from the records since the search for suffixes goes all over a level.
    std::vector<FileMemory> suffixes_, first_children_, last_words_;
};

}  // namespace neurolect
