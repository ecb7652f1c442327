#include "katz.hpp"

#include <array>
#include <cmath>

#include "context_groups.hpp"
#include "parallel.hpp"

namespace neurolect {

namespace {

constexpr double kEpsilon = 3e-6;  // of SRILM: the least that is a probability mass

float log10_of(double value) { return value > 0.0 ? static_cast<float>(std::log10(value)) : -99.0f; }

// By what counts up to 7 (up to 1 for single words) are multiplied; larger ones stay.
using Coefficients = std::array<double, 8>;

Coefficients good_turing(const CountsOfCounts& n, unsigned largest) {
    Coefficients coefficients;
    coefficients.fill(1.0);
    while (largest > 0 && n[largest + 1] == 0) --largest;
    if (n[1] == 0) return coefficients;
    const double common = (largest + 1) * static_cast<double>(n[largest + 1]) / static_cast<double>(n[1]);
    for (unsigned count = 1; count <= largest; ++count) {
        const double ratio = (count + 1) * static_cast<double>(n[count + 1]) / (count * static_cast<double>(n[count]));
        const double coefficient = (ratio - common) / (1.0 - common);
        if (std::isfinite(coefficient) && coefficient > kEpsilon && ratio <= 1.0) coefficients[count] = coefficient;
    }
    return coefficients;
}

// Counts of one level, by what is left of them.
struct Discounting {
    const SortedCounts& level;
    Coefficients coefficients;

    double operator()(uint64_t i) const {
        const uint64_t count = level.count(i);
        if (level.is_dropped(i)) return 0.0;
        return static_cast<double>(count) * (count < coefficients.size() ? coefficients[count] : 1.0);
    }
};

class Estimation {
public:
    Estimation(NgramCounts& counts, NgramBuilder& builder)
        : counts_(counts), builder_(builder), n_events_(counts.words.size() - 1) {}

    void add_unigrams() {
        SortedCounts& level = counts_.levels[0];
        const Discounting discounting{level, good_turing(counts_of_counts(level), 1)};
        const ContextGroup all{0, level.size()};
        const Sums sums = sums_of(discounting, all);
        const double left = std::max(0.0, 1.0 - sums.listed / sums.denominator);
        // What is left goes to the words without a count, or to all if there are none.
        const uint64_t n_unseen = n_events_ - sums.n_listed;
        const double rest = left / static_cast<double>(n_unseen > 0 ? n_unseen : n_events_);
        for (uint64_t i = 0; i < level.size(); ++i) {
            const uint32_t word = level.words(i)[0];
            double probability = discounting(i) / sums.denominator;
            if (n_unseen == 0 || probability == 0.0) probability += rest;
            if (word == NgramCounts::kStart) probability = 0.0;
            builder_.add_word(counts_.words[word], log10_of(probability), 0.0f);
        }
    }

    void add_ngrams(unsigned k) {
        SortedCounts& level = counts_.levels[k];
        const Discounting discounting{level, good_turing(counts_of_counts(level), 7)};
        ContextGroups groups(level);
        while (!groups.at_end()) {
            const ContextGroup group = groups.next();
            const Sums sums = sums_of(discounting, group);
            for (uint64_t i = group.begin; i < group.end; ++i) {
                if (level.is_dropped(i)) continue;
                builder_.add_ngram(level.words(i), k + 1, log10_of(discounting(i) / sums.denominator), 0.0f);
            }
        }
    }

private:
    struct Sums {
        double listed;       // discounted counts
        double denominator;  // of all probabilities of the context
        uint64_t n_listed;
    };

    Sums sums_of(const Discounting& discounting, ContextGroup group) const {
        Sums sums{0.0, sum_of(discounting.level, group), 0};
        for (uint64_t i = group.begin; i < group.end; ++i) {
            const double count = discounting(i);
            sums.listed += count;
            if (count > 0.0) ++sums.n_listed;
        }
        // A context that has not seen every word keeps something for those.
        while (sums.n_listed < n_events_ && sums.listed > (1.0 - kEpsilon) * sums.denominator) sums.denominator += 1.0;
        // Of strange counts of counts come discounts that add.
        sums.denominator = std::max(sums.denominator, sums.listed);
        return sums;
    }

    NgramCounts& counts_;
    NgramBuilder& builder_;
    uint64_t n_events_;  // words but <s>
};

}  // namespace

void estimate_katz(NgramCounts& counts, NgramBuilder& builder, unsigned n_threads) {
    Estimation estimation(counts, builder);
    // Longer n-grams name the words where they are refused, so that these have to be there.
    estimation.add_unigrams();
    for_each_level(n_threads, counts.levels.size(), [&](unsigned k) {
        if (k > 0) estimation.add_ngrams(k);
    });
}

}  // namespace neurolect
