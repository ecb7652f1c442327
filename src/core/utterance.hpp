// One utterance from its first logits to its sentences.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "graph_network.hpp"
#include "lattice_rescoring.hpp"
#include "lexicon_network.hpp"
#include "search.hpp"

namespace neurolect {

// Scores are natural logarithms, frames those of the logits.
struct Hypothesis {
    std::vector<uint32_t> words, starts, ends;
    std::vector<float> confidences;
    double acoustic = 0.0;  // without any scale
    double ngram = 0.0;     // without any weight
    double lexicon = 0.0;   // silences and pronunciations
    double bonus = 0.0;     // phrases, words, phonemes, and the length penalty
    double total = 0.0;
};

class Utterance {
public:
    virtual ~Utterance() = default;

    virtual void begin(const SearchOptions& options) = 0;
    // Throws DataError for a frame that has NaN or +∞ or nothing finite, before any frame is taken.
    virtual void push(const float* logits, size_t n_frames, const SearchOptions& options) = 0;
    virtual Hypothesis partial() const = 0;
    // Best first; empty if no path is left. Afterwards only `begin` may follow.
    virtual std::vector<Hypothesis> finish(const SearchOptions& options) = 0;
};

// With models, which may be null, the lattice is rescored at the end; graphs need to know what is replaced.
std::unique_ptr<Utterance> lexicon_utterance(std::shared_ptr<const LexiconPlan> plan, const LatticeModels* models);
std::unique_ptr<Utterance> graph_utterance(std::shared_ptr<const GraphPlan> plan, const LatticeModels* models);

}  // namespace neurolect
