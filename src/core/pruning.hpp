// Leaves out the n-grams that a model hardly needs.
//
// Stolcke, "Entropy-based Pruning of Backoff Language Models" (1998), with the details of SRILM: an n-gram goes if the
// model's perplexity grows by less than a fraction without it, unless a longer n-gram that stays begins with it.
#pragma once

#include "ngram_builder.hpp"
#include "ngram_store.hpp"

namespace neurolect {

// The n-grams that stay, as the builder is to write them as Values::kWithoutBackoffs.
void prune(const NgramStore& store, double threshold, NgramBuilder& builder);

}  // namespace neurolect
