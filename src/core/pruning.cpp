#include "pruning.hpp"

#include <cmath>
#include <vector>

namespace neurolect {

namespace {

constexpr double kLn10 = 2.302585092994046;

class Pruning {
public:
    Pruning(const NgramStore& store, double threshold) : store_(store), threshold_(threshold) {
        for (unsigned k = 0; k < store.order(); ++k) stays_.emplace_back(store.header().counts[k], false);
    }

    // Decides about all n-grams that begin with these words; returns if one of them stays.
    bool decide(unsigned level, uint64_t context, double log_context) {
        const auto [begin, end] = store_.children(level, context);
        if (begin == end) return false;
        double left = 1.0, left_below = 1.0;
        for (uint64_t i = begin; i < end; ++i) {
            left -= std::exp(log_probability(level + 1, i));
            left_below -= std::exp(log_probability(level, store_.suffix(level + 1, i)));
        }
        bool any_stays = false;
        for (uint64_t i = begin; i < end; ++i) {
            const double log_here = log_probability(level + 1, i);
            const bool is_context = level + 2 < store_.order() && decide(level + 1, i, log_context + log_here);
            stays_[level + 1][i] = is_context || growth(level, i, log_context, left, left_below) >= threshold_;
            any_stays |= stays_[level + 1][i];
        }
        return any_stays;
    }

    void decide_all() {
        for (uint32_t word = 0; word < store_.n_words(); ++word) {
            // <s> itself has no probability; there are as many starts of sentences as ends.
            const bool is_start = word == store_.header().start_word && store_.header().end_word != kNoWord;
            decide(0, word, log_probability(0, is_start ? store_.header().end_word : word));
        }
    }

    void add_to(NgramBuilder& builder) const {
        for (uint32_t word = 0; word < store_.n_words(); ++word) {
            builder.add_word(std::string(store_.word(word)), store_.probability(0, word), 0.0f);
        }
        std::vector<uint32_t> words(store_.order());
        for (words[0] = 0; words[0] < store_.n_words(); ++words[0]) add_children(builder, words, 0, words[0]);
    }

private:
    double log_probability(unsigned level, uint64_t index) const { return kLn10 * store_.probability(level, index); }

    // By which fraction perplexity grows when the n-gram goes.
    double growth(unsigned level, uint64_t i, double log_context, double left, double left_below) const {
        const double log_here = log_probability(level + 1, i);
        const double log_below = log_probability(level, store_.suffix(level + 1, i));
        const double here = std::exp(log_here);
        const double log_backoff = std::log((left + here) / (left_below + std::exp(log_below)));
        double change = here * (log_below + log_backoff - log_here);
        if (left > 0.0 && left_below > 0.0) change += left * (log_backoff - std::log(left / left_below));
        return std::expm1(-std::exp(log_context) * change);
    }

    void add_children(NgramBuilder& builder, std::vector<uint32_t>& words, unsigned level, uint64_t context) const {
        const auto [begin, end] = store_.children(level, context);
        for (uint64_t i = begin; i < end; ++i) {
            if (!stays_[level + 1][i]) continue;
            words[level + 1] = store_.last_word(level + 1, i);
            builder.add_ngram(words.data(), level + 2, store_.probability(level + 1, i), 0.0f);
            if (level + 2 < store_.order()) add_children(builder, words, level + 1, i);
        }
    }

    const NgramStore& store_;
    double threshold_;
    std::vector<std::vector<bool>> stays_;  // by level
};

}  // namespace

void prune(const NgramStore& store, double threshold, NgramBuilder& builder) {
    Pruning pruning(store, threshold);
    pruning.decide_all();
    pruning.add_to(builder);
}

}  // namespace neurolect
