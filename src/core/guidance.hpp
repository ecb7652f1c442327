// What one utterance may or should say: favoured phrases, allowed words, words that it begins with.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "token_table.hpp"

namespace neurolect {

// Phrases whose words earn a bonus, as an Aho–Corasick automaton. While a phrase is being said its bonus is lent in
// equal parts; it is taken back if the phrase breaks off, and kept when it is complete.
class PhraseBonuses {
public:
    struct Phrase {
        std::vector<uint32_t> words;
        float bonus;
    };
    struct Move {
        uint32_t node;
        float bonus;
    };

    explicit PhraseBonuses(const std::vector<Phrase>& phrases);

    size_t n_nodes() const { return nodes_.size(); }
    Move advance(uint32_t node, uint32_t word) const;
    // What would be taken back if the sentence ended here.
    float lent(uint32_t node) const { return nodes_[node].lent; }
    // The most that the next word can earn by going on with a phrase that has begun.
    float bonus_ahead(uint32_t node) const { return nodes_[node].ahead; }
    // The words that go on with a phrase that has begun.
    const std::vector<uint32_t>& words_ahead(uint32_t node) const { return words_ahead_[node]; }

private:
    struct Node {
        uint32_t fallback = 0;  // the longest proper suffix that begins a phrase
        float lent = 0.0f;
        float earned = 0.0f;
        float ahead = 0.0f;
        bool ends = false;  // nothing goes on from here, so that it is as good as the root
    };

    uint32_t child(uint32_t node, uint32_t word) const { return children_.find(uint64_t{node} << 32 | word); }

    std::vector<Node> nodes_;
    std::vector<std::vector<uint32_t>> words_ahead_;  // by node
    TokenTable children_;
};

struct Guidance {
    PhraseBonuses phrases;
    std::unordered_map<uint32_t, float> first_words;  // of the phrases, with what each earns at once
    std::vector<uint8_t> allowed;                     // by word; empty allows all
    std::vector<uint32_t> prefix;

    Guidance(const std::vector<PhraseBonuses::Phrase>& phrases, std::vector<uint8_t> allowed,
             std::vector<uint32_t> prefix);

    // Whether its words are among so many.
    bool fits(size_t n_words) const;

    uint32_t largest_word = 0;
};

}  // namespace neurolect
