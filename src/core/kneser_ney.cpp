#include "kneser_ney.hpp"

#include <cmath>

#include "context_groups.hpp"
#include "parallel.hpp"

namespace neurolect {

namespace {

float log10_of(double value) { return value > 0.0 ? static_cast<float>(std::log10(value)) : -99.0f; }

Discounts discounts_of(const CountsOfCounts& n) {
    Discounts discounts{{0.5, 1.0, 1.5}, false};
    if (n[1] == 0 || n[2] == 0 || n[3] == 0) return discounts;
    const double y = static_cast<double>(n[1]) / static_cast<double>(n[1] + 2 * n[2]);
    std::array<double, 3> found{};
    for (unsigned k = 1; k <= 3; ++k) {
        found[k - 1] = k - (k + 1) * y * static_cast<double>(n[k + 1]) / static_cast<double>(n[k]);
        if (found[k - 1] < 0.0 || found[k - 1] > k) return discounts;
    }
    return {found, true};
}

// What discounting and dropping leave of a context's probability to shorter contexts.
double left_over(const SortedCounts& level, ContextGroup group, const Discounts& discount) {
    if (group.begin == group.end) return 1.0;
    double left = 0.0;
    for (uint64_t i = group.begin; i < group.end; ++i) {
        const uint64_t count = level.count(i);
        left += level.is_dropped(i) ? static_cast<double>(count) : discount(count);
    }
    return left / sum_of(level, group);
}

class Estimation {
public:
    Estimation(NgramCounts& counts, NgramBuilder& builder, unsigned n_threads)
        : discounts(counts.levels.size()), counts_(counts), builder_(builder) {
        for_each_level(n_threads, counts.levels.size(), [&](unsigned k) {
            discounts[k] = discounts_of(counts_of_counts(counts.levels[k]));
        });
    }

    void add_unigrams() {
        const SortedCounts& level = counts_.levels[0];
        const ContextGroup all{0, level.size()};
        const double sum = sum_of(level, all);
        const double rest = left_over(level, all, discounts[0]) / static_cast<double>(level.size() - 1);
        ContextBackoffs backoffs(*this, 0);
        for (uint64_t i = 0; i < level.size(); ++i) {
            const uint32_t word = level.words(i)[0];
            const double probability = word == NgramCounts::kStart ? 0.0 : rest + share(0, i, sum);
            builder_.add_word(counts_.words[word], log10_of(probability), backoffs.of(&word));
        }
    }

    void add_ngrams(unsigned k) {
        SortedCounts& level = counts_.levels[k];
        ContextGroups groups(level);
        ContextBackoffs backoffs(*this, k);
        while (!groups.at_end()) {
            const ContextGroup group = groups.next();
            const double sum = sum_of(level, group);
            for (uint64_t i = group.begin; i < group.end; ++i) {
                if (level.is_dropped(i)) continue;
                builder_.add_ngram(level.words(i), k + 1, log10_of(share(k, i, sum)), backoffs.of(level.words(i)));
            }
        }
    }

    std::vector<Discounts> discounts;

private:
    // Back-offs of contexts in their order.
    class ContextBackoffs {
    public:
        ContextBackoffs(Estimation& estimation, unsigned k)
            : level_(k + 1 < estimation.counts_.levels.size() ? &estimation.counts_.levels[k + 1] : nullptr),
              groups_(estimation.counts_.levels.back()) {
            if (level_ == nullptr) return;
            groups_ = ContextGroups(*level_);
            discount_ = estimation.discounts[k + 1];
        }
        float of(const uint32_t* context) {
            return level_ == nullptr ? 0.0f : log10_of(left_over(*level_, groups_.after(context), discount_));
        }

    private:
        SortedCounts* level_;
        ContextGroups groups_;
        Discounts discount_{};
    };

    double share(unsigned k, uint64_t i, double sum) const {
        const SortedCounts& level = counts_.levels[k];
        const uint64_t count = level.count(i);
        return level.is_dropped(i) ? 0.0 : (static_cast<double>(count) - discounts[k](count)) / sum;
    }

    NgramCounts& counts_;
    NgramBuilder& builder_;
};

}  // namespace

std::vector<Discounts> estimate_kneser_ney(NgramCounts& counts, NgramBuilder& builder, unsigned n_threads) {
    Estimation estimation(counts, builder, n_threads);
    // Longer n-grams name the words where they are refused, so that these have to be there.
    estimation.add_unigrams();
    for_each_level(n_threads, counts.levels.size(), [&](unsigned k) {
        if (k > 0) estimation.add_ngrams(k);
    });
    return estimation.discounts;
}

}  // namespace neurolect
