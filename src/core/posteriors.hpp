// How sure a finished lattice is of each word.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lattice.hpp"

namespace neurolect {

// Posterior probabilities of words over the frames at which the lattice's paths say them.
class WordPosteriors {
public:
    // `frames`: the frame of the utterance that each frame of the lattice from the second on stands for.
    WordPosteriors(const Lattice& lattice, WordsOfOutputs words, uint32_t blank, const std::vector<uint32_t>& frames);

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
