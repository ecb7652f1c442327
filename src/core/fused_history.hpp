// Histories that hold all words of the sentence, so that a large language model's score of them belongs to every token.
//
// A score is shared with the n-gram model's as rescoring does it: of the n-gram model's weight, the large one gets a
// share. What that adds to the cost of a history's words is carried by its tokens; those of a history that was not
// scored carry what its nearest scored ancestor does, so that the n-grams alone speak for the words since then.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "error.hpp"
#include "sentence_history.hpp"

namespace neurolect {

struct WordSequence {
    uint32_t history;
    std::vector<uint32_t> words;
};

class FusedHistory {
public:
    FusedHistory(std::shared_ptr<const LanguageModel> model, std::shared_ptr<const Guidance> guidance,
                 uint32_t first_guided)
        : weight_(model->weight), sentence_(std::move(model), std::move(guidance), first_guided) {}

    // The large language model's share, 0 to 1, from the next utterance on.
    void set_share(double share) { share_ = share; }

    void begin() {
        sentence_.begin();
        nodes_.clear();
        numbers_.clear();
    }

    uint32_t start() {
        nodes_.push_back({kNotAsked, 0.0, 0, kNoWord, sentence_.start()});
        return 0;
    }

    template <class Emit>
    void advance(uint32_t history, uint32_t word, Emit&& emit) {
        sentence_.advance(nodes_[history].sentence, word, [&](float cost, uint32_t sentence) {
            const uint32_t after = number_of(history, word, sentence);
            emit(cost + static_cast<float>(nodes_[after].carried - nodes_[history].carried), after);
        });
    }

    float lent(uint32_t history) const { return sentence_.lent(nodes_[history].sentence); }
    uint32_t phrase(uint32_t history) const { return sentence_.phrase(nodes_[history].sentence); }
    bool earns(uint32_t history, uint32_t word) const { return sentence_.earns(nodes_[history].sentence, word); }
    uint32_t forced(uint32_t history) const { return sentence_.forced(nodes_[history].sentence); }

    float end_cost(uint32_t history) const {
        return sentence_.end_cost(nodes_[history].sentence) + static_cast<float>(end_change(history));
    }

    // What the large language model changes of the cost of the words so far, and of the sentence's end.
    double carried(uint32_t history) const { return nodes_[history].carried; }
    double end_change(uint32_t history) const {
        // It has nothing to say of a sentence without words.
        return history == 0 ? 0.0 : -share_ * sentence_.ngram_end_cost(nodes_[history].sentence);
    }

    // Its natural log-probability of the words so far; not a number where it was not asked.
    double llm(uint32_t history) const { return nodes_[history].llm; }
    bool is_scored(uint32_t history) const { return history == 0 || !std::isnan(nodes_[history].llm); }

    std::vector<uint32_t> scored() const {
        std::vector<uint32_t> found;
        for (uint32_t node = 1; node < nodes_.size(); ++node) {
            if (is_scored(node)) found.push_back(node);
        }
        return found;
    }

    // Of these histories and all their ancestors, those that have no score; ancestors come first.
    std::vector<WordSequence> unscored(const std::vector<uint32_t>& histories) const {
        const std::vector<uint8_t> wanted = with_ancestors(histories);
        std::vector<WordSequence> found;
        for (uint32_t node = 1; node < nodes_.size(); ++node) {
            if (!wanted[node] || is_scored(node)) continue;
            std::vector<uint32_t> words;
            for (uint32_t at = node; at != 0; at = nodes_[at].parent) words.push_back(nodes_[at].word);
            std::reverse(words.begin(), words.end());
            found.push_back({node, std::move(words)});
        }
        return found;
    }

    // Takes scores. Returns what is to be added to the cost of each history's tokens, which carry another score now.
    std::vector<float> score(const std::vector<uint32_t>& histories, const std::vector<double>& llm) {
        if (histories.size() != llm.size()) throw DataError("as many scores as word sequences are needed");
        std::vector<double> change(nodes_.size(), 0.0);
        for (size_t i = 0; i < histories.size(); ++i) {
            if (histories[i] == 0 || histories[i] >= nodes_.size() || is_scored(histories[i])) {
                throw DataError("a score is of no word sequence that waits for one");
            }
            if (!std::isfinite(llm[i])) throw DataError("a large language model's score is not a number");
            Node& node = nodes_[histories[i]];
            node.llm = llm[i];
            change[histories[i]] = -share_ * (weight_ * llm[i] + ngram_cost(histories[i])) - node.carried;
        }
        for (uint32_t n = 1; n < nodes_.size(); ++n) {  // parents come before their children
            const double carried = is_scored(n) ? nodes_[n].carried + change[n] : nodes_[nodes_[n].parent].carried;
            change[n] = carried - nodes_[n].carried;
            nodes_[n].carried = carried;
        }
        return {change.begin(), change.end()};
    }

    // Forgets all histories but these and their ancestors. Returns the new number of each that was kept.
    std::vector<uint32_t> keep(const std::vector<uint32_t>& histories) {
        const std::vector<uint8_t> wanted = with_ancestors(histories);
        std::vector<uint32_t> numbers(nodes_.size(), 0);
        numbers_.clear();
        uint32_t kept = 1;
        for (uint32_t n = 1; n < nodes_.size(); ++n) {
            if (!wanted[n]) continue;
            Node node = nodes_[n];
            node.parent = numbers[node.parent];
            numbers_.find_or_add(key_of(node.parent, node.word), kept);
            numbers[n] = kept;
            nodes_[kept++] = node;
        }
        nodes_.resize(kept);
        return numbers;
    }

private:
    struct Node {
        double llm;
        double carried;
        uint32_t parent;
        uint32_t word;      // the last one
        uint32_t sentence;  // the same as a `SentenceHistory`
    };

    static constexpr double kNotAsked = std::numeric_limits<double>::quiet_NaN();

    static uint64_t key_of(uint32_t parent, uint32_t word) { return uint64_t{parent} << 32 | word; }

    uint32_t number_of(uint32_t parent, uint32_t word, uint32_t sentence) {
        const auto fresh = static_cast<uint32_t>(nodes_.size());
        const uint32_t known = numbers_.find_or_add(key_of(parent, word), fresh);
        if (known != TokenTable::kNone) return known;
        nodes_.push_back({kNotAsked, nodes_[parent].carried, parent, word, sentence});
        return fresh;
    }

    std::vector<uint8_t> with_ancestors(const std::vector<uint32_t>& histories) const {
        std::vector<uint8_t> wanted(nodes_.size(), 0);
        for (const uint32_t history : histories) {
            for (uint32_t at = history; at != 0 && !wanted[at]; at = nodes_[at].parent) wanted[at] = 1;
        }
        return wanted;
    }

    // Of all words so far.
    double ngram_cost(uint32_t history) const {
        double cost = 0.0;
        for (uint32_t at = history; at != 0; at = nodes_[at].parent) {
            const Node& node = nodes_[at];
            cost += sentence_.longest_ngram_cost(nodes_[node.parent].sentence, node.word);
        }
        return cost;
    }

    double share_ = 0.0, weight_;
    SentenceHistory sentence_;
    std::vector<Node> nodes_;
    TokenTable numbers_;
};

}  // namespace neurolect
