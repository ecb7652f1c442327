// The best paths of a finished lattice with different words.
#pragma once

#include <vector>

#include "lattice.hpp"

namespace neurolect {

// Best-first search from the end to the start. The cost of the best path to a token is known, so what is left of a
// partial path is known exactly, and complete paths come out in their order. Two partial paths that stand at one token
// with the same words behind them have the same sentences ahead: only the first, and better, goes on. So every path
// returned is the best one for its words, and none of the n best sentences is missed.
std::vector<Path> best_paths(const Lattice& lattice, WordsOfOutputs words, unsigned n, float beam);

}  // namespace neurolect
