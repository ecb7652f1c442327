// One utterance from its first logits to its sentences.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "fused_history.hpp"
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
    double llm = std::numeric_limits<double>::quiet_NaN();  // where a large language model was asked
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

// One that a large language model may score while it is being searched.
class FusedUtterance : public Utterance {
public:
    // The best `most` of the word sequences that live without a score, and what they begin with.
    virtual std::vector<WordSequence> unscored(size_t most) const = 0;
    // The sentences to be listed if the utterance ends here, and what they begin with, as far as they have no score.
    // `finish` lists those only that got one.
    virtual std::vector<WordSequence> unscored_sentences(const SearchOptions& options) const = 0;
    // Natural log-probabilities of word sequences that were told since the last frame. Their numbers end here.
    virtual void score(const std::vector<uint32_t>& histories, const std::vector<double>& llm) = 0;
};

// With models, which may be null, the lattice is rescored at the end; graphs need to know what is replaced.
std::unique_ptr<Utterance> lexicon_utterance(std::shared_ptr<const LexiconPlan> plan, const LatticeModels* models);
std::unique_ptr<Utterance> graph_utterance(std::shared_ptr<const GraphPlan> plan, const LatticeModels* models);
// `share`: of the n-gram model's weight, what the large language model's scores get.
std::unique_ptr<FusedUtterance> fused_utterance(std::shared_ptr<const LexiconPlan> plan, double share);

}  // namespace neurolect
