// Interpolated modified Kneser-Ney smoothing.
//
// Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998); with the conventions of
// lmplz (Heafield et al., "Scalable Modified Kneser-Ney Language Model Estimation", 2013): the unigrams are
// interpolated with the uniform distribution over all words but <s>.
#pragma once

#include <array>
#include <vector>

#include "ngram_builder.hpp"
#include "ngram_counts.hpp"

namespace neurolect {

// What is taken off the counts 1, 2 and 3 or more of one order.
struct Discounts {
    std::array<double, 3> of;
    bool are_estimated;  // false where the text is too small or too strange, and usual values stand in

    double operator()(uint64_t count) const { return count == 0 ? 0.0 : of[count < 3 ? count - 1 : 2]; }
};

// Counts (CountKind::kContinuations) → what the builder is to write as Values::kInterpolated, and each order's
// discounts.
std::vector<Discounts> estimate_kneser_ney(NgramCounts& counts, NgramBuilder& builder, unsigned n_threads);

}  // namespace neurolect
