#include "ngram_links.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "error.hpp"
#include "ngram_store.hpp"
#include "parallel.hpp"

namespace neurolect {

namespace {

uint32_t* writable(FileMemory& memory) { return reinterpret_cast<uint32_t*>(memory.data()); }

// The first n-gram of a level that does not come before these words.
uint64_t place_of(const SortedNgrams& level, const uint32_t* words) {
    const unsigned n = level.length();
    uint64_t low = 0, high = level.count();
    while (low < high) {
        const uint64_t middle = (low + high) / 2;
        if (std::lexicographical_compare(level.words(middle), level.words(middle) + n, words, words + n)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace

NgramLinks::NgramLinks(std::vector<SortedNgrams>& levels, const std::string& folder, unsigned n_threads)
    : levels_(levels), suffixes_(levels.size()), first_children_(levels.size()), last_words_(levels.size()) {
    for (unsigned k = 1; k < levels.size();) {
        if (link(k, folder, n_threads)) {
            ++k;
            continue;
        }
        // What is new in the level below may itself lack a parent or a suffix.
        levels[k - 1].sort();
        k = std::max(1u, k - 1);
    }
    last_words_.clear();
}

// Finds the parents and the suffixes of level k in level k − 1; false if some had to be added there first.
bool NgramLinks::link(unsigned k, const std::string& folder, unsigned n_threads) {
    const SortedNgrams& level = levels_[k];
    SortedNgrams& below = levels_[k - 1];
    if (level.count() > kMostNgrams) throw DataError("more than 4,294,967,280 n-grams of one order are not supported");
    suffixes_[k] = FileMemory::scratch(folder, 4 * level.count());
    first_children_[k - 1] = FileMemory::scratch(folder, 4 * (below.count() + 1));
    last_words_[k] = FileMemory::scratch(folder, 4 * level.count());
    uint32_t* suffixes = writable(suffixes_[k]);
    uint32_t* first_child = writable(first_children_[k - 1]);
    uint32_t* last_words = writable(last_words_[k]);
    std::atomic<bool> complete{true};
    std::mutex adding;
    const auto add = [&](const uint32_t* words) {
        const std::lock_guard<std::mutex> lock(adding);
        below.add_missing(words);
        complete = false;
    };
    in_pieces(n_threads, level.count(), [&](uint64_t begin, uint64_t end) {
        uint64_t parent = begin > 0 ? place_of(below, level.words(begin - 1)) : 0;
        for (uint64_t i = begin; i < end; ++i) {
            if (i % kBetweenReleases == 0) release_pages();
            const uint32_t* words = level.words(i);
            last_words[i] = words[k];
            while (parent < below.count() &&
                   std::lexicographical_compare(below.words(parent), below.words(parent) + k, words, words + k)) {
                first_child[++parent] = static_cast<uint32_t>(i);
            }
            if (parent == below.count() || !std::equal(words, words + k, below.words(parent))) {
                add(words);
                continue;
            }
            const uint64_t suffix = find_suffix(k - 1, parent, words[k]);
            if (suffix == below.count()) add(words + 1);
            else suffixes[i] = static_cast<uint32_t>(suffix);
        }
    });
    const uint64_t last = level.count() > 0 ? place_of(below, level.words(level.count() - 1)) : 0;
    std::fill(first_child + std::min(last, below.count()) + 1, first_child + below.count() + 1,
              static_cast<uint32_t>(level.count()));
    return complete;
}

// The n-gram of level k that has the words of `parent`'s suffix (a record of level k, without its first word) and then
// `word`; the level's count if there is none.
uint64_t NgramLinks::find_suffix(unsigned k, uint64_t parent, uint32_t word) const {
    if (k == 0) return word;
    const uint32_t context = suffixes(k)[parent];
    const uint32_t* all = numbers(last_words_[k]);
    const uint32_t* const end = all + first_children(k - 1)[context + 1];
    const uint32_t* const found = std::lower_bound(all + first_children(k - 1)[context], end, word);
    return found != end && *found == word ? static_cast<uint64_t>(found - all) : levels_[k].count();
}

void NgramLinks::release_pages() const {
    for (const SortedNgrams& level : levels_) level.release_pages();
    for (const auto* memories : {&suffixes_, &first_children_, &last_words_}) {
        for (const FileMemory& memory : *memories) memory.release_pages();
    }
}

}  // namespace neurolect
