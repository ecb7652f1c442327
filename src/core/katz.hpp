// Katz back-off with Good–Turing discounts, as SRILM's ngram-count does by default.
//
// Katz, "Estimation of Probabilities from Sparse Data for the Language Model Component of a Speech Recognizer" (1987).
#pragma once

#include "ngram_builder.hpp"
#include "ngram_counts.hpp"

namespace neurolect {

// Counts (CountKind::kOccurrences) → what the builder is to write as Values::kWithoutBackoffs.
void estimate_katz(NgramCounts& counts, NgramBuilder& builder, unsigned n_threads);

}  // namespace neurolect
