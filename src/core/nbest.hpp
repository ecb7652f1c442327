// The best paths of a finished lattice with different words, and how sure it is of each word.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lattice.hpp"

namespace neurolect {

// Translates a link's output into a word; without a table they are the same.
using WordsOfOutputs = const uint32_t*;

// Best-first search from the end to the start. The cost of the best path to a token is known, so what is left of a
// partial path is known exactly, and complete paths come out in their order. Two partial paths that stand at one token
// with the same words behind them have the same sentences ahead: only the first, and better, goes on. So every path
// returned is the best one for its words, and none of the n best sentences is missed.
std::vector<Path> best_paths(const Lattice& lattice, WordsOfOutputs words, unsigned n, float beam);

// Posterior probabilities of words over the frames at which the lattice's paths say them.
class WordPosteriors {
public:
    // `frames`: the frame of the utterance that each frame of the lattice from the second on stands for.
    WordPosteriors(const Lattice& lattice, WordsOfOutputs words, const std::vector<uint32_t>& frames);

    // That `word` is said at a frame of the utterance in [begin, end), 0 … 1.
    float probability(uint32_t word, uint32_t begin, uint32_t end) const;

private:
    struct Said {
        uint32_t frame;
        float probability;
    };
    std::unordered_map<uint32_t, std::vector<Said>> said_;
};

}  // namespace neurolect
