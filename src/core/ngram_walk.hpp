// Goes over the n-grams of one length that a store holds, in their order.
#pragma once

#include <array>

#include "ngram_store.hpp"

namespace neurolect {

class NgramWalk {
public:
    NgramWalk(const NgramStore& store, unsigned level) : store_(&store), level_(level) {}

    // Goes to the first n-gram, then to the next; false after the last.
    bool next() {
        if (!begun_) open(0, 0, store_->n_words());
        else if (depth_ > 0) ++path_[depth_ - 1].place;
        begun_ = true;
        while (depth_ > 0) {
            Range& range = path_[depth_ - 1];
            if (range.place == range.end) {
                if (--depth_ > 0) ++path_[depth_ - 1].place;
            } else if (depth_ <= level_) {
                const auto [begin, end] = store_->children(depth_ - 1, range.place);
                open(depth_, begin, end);
            } else {
                return true;
            }
        }
        return false;
    }

    // Where the n-gram is among those of its length, and its words.
    uint64_t place() const { return path_[level_].place; }
    uint32_t word(unsigned i) const { return store_->last_word(i, path_[i].place); }

private:
    struct Range {
        uint64_t place, end;
    };

    void open(unsigned depth, uint64_t begin, uint64_t end) {
        path_[depth] = {begin, end};
        depth_ = depth + 1;
    }

    const NgramStore* store_;
    unsigned level_;
    bool begun_ = false;
    unsigned depth_ = 0;
    std::array<Range, kMaxOrder> path_{};  // the n-gram's place in each level, with the end of its siblings
};

}  // namespace neurolect
