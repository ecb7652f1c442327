// Sorted counts context by context: what is common to the ways of smoothing them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ngram_counts.hpp"

namespace neurolect {

// N-grams of one length that share all words but the last.
struct ContextGroup {
    uint64_t begin, end;
};

// Goes over a level once.
class ContextGroups {
public:
    explicit ContextGroups(SortedCounts& level) : level_(&level) {}

    bool at_end() const { return place_ == level_->size(); }

    ContextGroup next() {
        ContextGroup group{place_, place_};
        const unsigned shared = level_->length() - 1;
        do {
            if (++group.end % kBetweenReleases == 0) level_->release_pages();
        } while (group.end < level_->size() &&
                 std::equal(level_->words(group.begin), level_->words(group.begin) + shared, level_->words(group.end)));
        place_ = group.end;
        return group;
    }

    // The group of a context, which must come later than the one before; empty if there is none.
    ContextGroup after(const uint32_t* context) {
        const unsigned length = level_->length() - 1;
        while (!at_end()) {
            const uint32_t* words = level_->words(place_);
            if (std::lexicographical_compare(context, context + length, words, words + length)) break;
            const bool is_it = std::equal(context, context + length, words);
            const ContextGroup group = next();
            if (is_it) return group;
        }
        return {place_, place_};
    }

private:
    SortedCounts* level_;
    uint64_t place_ = 0;
};

inline double sum_of(const SortedCounts& level, ContextGroup group) {
    double sum = 0.0;
    for (uint64_t i = group.begin; i < group.end; ++i) sum += static_cast<double>(level.count(i));
    return sum;
}

}  // namespace neurolect
