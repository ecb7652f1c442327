#include "guidance.hpp"

#include <algorithm>

#include "error.hpp"

namespace neurolect {

PhraseBonuses::PhraseBonuses(const std::vector<Phrase>& phrases) : nodes_(1), children_(64) {
    struct Edge {
        uint32_t parent, word, node;
    };
    std::vector<Edge> edges;
    for (const Phrase& phrase : phrases) {
        uint32_t node = 0;
        for (size_t i = 0; i < phrase.words.size(); ++i) {
            const auto fresh = static_cast<uint32_t>(nodes_.size());
            const uint32_t known = children_.find_or_add(uint64_t{node} << 32 | phrase.words[i], fresh);
            if (known == TokenTable::kNone) {
                nodes_.emplace_back();
                edges.push_back({node, phrase.words[i], fresh});
            }
            node = known == TokenTable::kNone ? fresh : known;
            if (i + 1 == phrase.words.size()) break;
            const float part = phrase.bonus * static_cast<float>(i + 1) / static_cast<float>(phrase.words.size());
            nodes_[node].lent = std::max(nodes_[node].lent, part);
        }
        nodes_[node].earned = phrase.bonus;
    }
    // Breadth first, so that a node's fallback, which is shorter, is known before the node's own children need it.
    std::vector<std::vector<Edge>> below(nodes_.size());
    for (const Edge& edge : edges) below[edge.parent].push_back(edge);
    std::vector<uint32_t> order = {0};
    for (size_t i = 0; i < order.size(); ++i) {
        for (const Edge& edge : below[order[i]]) {
            order.push_back(edge.node);
            uint32_t fallback = edge.parent;
            uint32_t found = TokenTable::kNone;
            while (fallback != 0 && found == TokenTable::kNone) {
                fallback = nodes_[fallback].fallback;
                found = child(fallback, edge.word);
            }
            nodes_[edge.node].fallback = found == TokenTable::kNone ? 0 : found;
            const Node& shorter = nodes_[nodes_[edge.node].fallback];
            nodes_[edge.node].earned += shorter.earned;
            nodes_[edge.node].lent = std::max(nodes_[edge.node].lent, shorter.lent);
        }
    }
    words_ahead_.resize(nodes_.size());
    for (const uint32_t node : order) {
        if (node == 0) continue;
        nodes_[node].ends = below[node].empty() && nodes_[node].fallback == 0;
        nodes_[node].ahead = nodes_[nodes_[node].fallback].ahead;
        words_ahead_[node] = words_ahead_[nodes_[node].fallback];
        for (const Edge& edge : below[node]) {
            words_ahead_[node].push_back(edge.word);
            nodes_[node].ahead = std::max(nodes_[node].ahead, advance(node, edge.word).bonus);
        }
    }
}

PhraseBonuses::Move PhraseBonuses::advance(uint32_t node, uint32_t word) const {
    uint32_t from = node, next = child(from, word);
    while (next == TokenTable::kNone && from != 0) {
        from = nodes_[from].fallback;
        next = child(from, word);
    }
    if (next == TokenTable::kNone) next = 0;
    return {nodes_[next].ends ? 0 : next, nodes_[next].earned + nodes_[next].lent - nodes_[node].lent};
}

Guidance::Guidance(const std::vector<PhraseBonuses::Phrase>& all, std::vector<uint8_t> allowed_words,
                   std::vector<uint32_t> prefix_words)
    : phrases(all), allowed(std::move(allowed_words)), prefix(std::move(prefix_words)) {
    constexpr size_t kMostHistories = size_t{1} << 19, kLongestPrefix = 4095;
    if (prefix.size() > kLongestPrefix || phrases.n_nodes() * (prefix.size() + 1) > kMostHistories) {
        throw DataError("the phrases and the prefix have too many words");
    }
    for (const uint32_t word : prefix) largest_word = std::max(largest_word, word);
    for (const PhraseBonuses::Phrase& phrase : all) {
        for (const uint32_t word : phrase.words) largest_word = std::max(largest_word, word);
        first_words[phrase.words[0]] = phrases.advance(0, phrase.words[0]).bonus;
    }
}

bool Guidance::fits(size_t n_words) const {
    const bool has_words = !prefix.empty() || !first_words.empty();
    return (allowed.empty() || allowed.size() == n_words) && (!has_words || largest_word < n_words);
}

}  // namespace neurolect
