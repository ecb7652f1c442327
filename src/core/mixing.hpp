// Several models as one: a weighted mean of their probabilities.
#pragma once

#include <vector>

#include "ngram_builder.hpp"
#include "ngram_store.hpp"

namespace neurolect {

// Every n-gram that one of the models lists, with its mean probability, as the builder is to write them as
// Values::kWithoutBackoffs. A word that a model does not know has no probability there; the weights sum to 1.
void mix(const std::vector<const NgramStore*>& stores, const std::vector<double>& weights, NgramBuilder& builder);

}  // namespace neurolect
