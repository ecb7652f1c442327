// Which word sequences of a search a large language model should be asked about, and what its answers change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "fused_history.hpp"
#include "lexicon_network.hpp"
#include "search.hpp"

namespace neurolect {

using FusedSearch = Search<LexiconNetwork<FusedHistory>>;

// The histories of the last frame's tokens, those with the best tokens first, as far as these cost at most `limit`.
inline std::vector<uint32_t> histories_by_cost(const FusedSearch& search, const std::vector<float>& cost, float limit) {
    struct Ranked {
        float cost;
        uint32_t history;
    };
    std::vector<Ranked> ranked;
    for (size_t token = 0; token < cost.size(); ++token) {
        if (cost[token] <= limit) ranked.push_back({cost[token], search.network().history_of(search.keys()[token])});
    }
    std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
        return a.history != b.history ? a.history < b.history : a.cost < b.cost;
    });
    const auto is_same = [](const Ranked& a, const Ranked& b) { return a.history == b.history; };
    ranked.erase(std::unique(ranked.begin(), ranked.end(), is_same), ranked.end());
    std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
        return a.cost != b.cost ? a.cost < b.cost : a.history < b.history;
    });
    std::vector<uint32_t> histories;
    for (const Ranked& each : ranked) histories.push_back(each.history);
    return histories;
}

// The best `most` of the live histories that have no score, and their ancestors.
inline std::vector<WordSequence> unscored(const FusedSearch& search, size_t most) {
    const FusedHistory& history = search.network().history();
    std::vector<uint32_t> best = histories_by_cost(search, search.lattice().frames().back().cost, kInfinity);
    best.erase(std::remove_if(best.begin(), best.end(), [&](uint32_t each) { return history.is_scored(each); }),
               best.end());
    best.resize(std::min(best.size(), most));
    return history.unscored(best);
}

// Those without a score among the sentences that the utterance would list if it ended here, and their ancestors.
inline std::vector<WordSequence> unscored_sentences(const FusedSearch& search, const SearchOptions& options) {
    std::vector<float> cost = search.final_costs();
    float best = kInfinity;
    for (size_t token = 0; token < cost.size(); ++token) {
        cost[token] += search.lattice().frames().back().cost[token];
        best = std::min(best, cost[token]);
    }
    std::vector<uint32_t> listed;
    if (best < kInfinity) listed = histories_by_cost(search, cost, best + options.lattice_beam);
    listed.resize(std::min<size_t>(listed.size(), options.n_best));
    return search.network().history().unscored(listed);
}

// Forgets all histories but those of the last frame's tokens, `others`, and the ancestors of both.
inline void forget_histories(FusedSearch& search, std::vector<uint32_t> others) {
    for (const uint64_t key : search.keys()) others.push_back(search.network().history_of(key));
    const std::vector<uint32_t> numbers = search.network().history().keep(others);
    search.rename([&](uint64_t key) {
        return search.network().with_history(key, numbers[search.network().history_of(key)]);
    });
}

// After each frame: forgets now and then what no token leads to. What has a score stays until others get theirs, since
// a word that ends again must find it.
inline void forget_now_and_then(FusedSearch& search) {
    if (search.n_frames() % Lattice::kPruneInterval == 0) {
        forget_histories(search, search.network().history().scored());
    }
}

// Other searches join their histories, which stay few.
template <class Network>
void forget_now_and_then(Search<Network>&) {}

inline void take_scores(FusedSearch& search, const std::vector<uint32_t>& histories, const std::vector<double>& llm) {
    const std::vector<float> changes = search.network().history().score(histories, llm);
    search.revise([&](uint64_t key) { return changes[search.network().history_of(key)]; });
    forget_histories(search, {});
}

// What of a finished or unfinished path's cost is a large language model's, and what that said of its words.
struct FusedPart {
    double cost, llm;
};

template <class Network>
FusedPart fused_part(const Network&, uint64_t, bool) {
    return {0.0, std::numeric_limits<double>::quiet_NaN()};
}

inline FusedPart fused_part(const LexiconNetwork<FusedHistory>& network, uint64_t key, bool has_ended) {
    const FusedHistory& histories = network.history();
    const uint32_t history = network.history_of(key);
    const bool has_end = has_ended && network.final_cost(key) < kInfinity;
    return {histories.carried(history) + (has_end ? histories.end_change(history) : 0.0), histories.llm(history)};
}

}  // namespace neurolect
