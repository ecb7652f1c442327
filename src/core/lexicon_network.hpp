// A search network composed while it is searched: CTC topology over a lexicon's prefix tree over a language model.
//
// A key is the sentence's history (high 32 bits) and a place (low 32 bits). Places are: at a node of the tree, its
// class just emitted or a blank since; between words, free to begin one; after a word, waiting for the silence that was
// chosen. The latter two remember the class emitted last, since the same class again is the same phoneme going on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "sentence_history.hpp"
#include "search.hpp"

namespace neurolect {

struct LexiconTree {
    struct Node {
        uint32_t first_child;
        uint32_t first_word;  // in `words`
        uint32_t label;
        float look_ahead;  // highest unigram log-probability at or below
    };
    std::vector<Node> nodes;  // breadth first, and one more that closes the last ranges; node 0 is the root
    std::vector<uint32_t> parents;
    std::vector<uint32_t> words;               // of each pronunciation, grouped by the node where it ends
    std::vector<float> pronunciation_costs;    // of each pronunciation
    std::vector<float> unigrams;               // natural log, of each word
    uint32_t n_classes, blank, silence;        // silence: kNoClass if there is none
    float silence_cost, no_silence_cost;       // after a word, and before the first

    static constexpr uint32_t kNoClass = 0xFFFFFFFF;
};

// What the searches of many utterances share.
struct LexiconPlan {
    LexiconPlan(std::shared_ptr<const LexiconTree> tree, std::shared_ptr<const LanguageModel> model,
                std::shared_ptr<const Guidance> guidance);

    std::shared_ptr<const LexiconTree> tree;
    std::shared_ptr<const LanguageModel> model;
    std::shared_ptr<const Guidance> guidance;  // null: none
    std::vector<float> look_ahead;             // cost, by node
    std::vector<std::pair<uint32_t, std::vector<uint32_t>>> ways;  // to each word of a prefix: its nodes, ascending
    std::vector<std::vector<uint32_t>> last_steps;  // by node of the phrases: those before the end of a word ahead

    // Whether the word is at or below the node; of words of a prefix.
    bool leads_to(uint32_t node, uint32_t word) const;
};

// What words mean is a `History`'s business: a `SentenceHistory`, or one that keeps more apart.
template <class History>
class LexiconNetwork {
public:
    static constexpr bool kHasEpsilons = false;

    explicit LexiconNetwork(std::shared_ptr<const LexiconPlan> plan)
        : plan_(std::move(plan)),
          tree_(plan_->tree.get()),
          look_ahead_(plan_->look_ahead.data()),
          history_(plan_->model, plan_->guidance, kFirstGuided),
          first_between_(static_cast<uint32_t>(2 * tree_->parents.size())),
          first_waiting_(first_between_ + tree_->n_classes) {}

    template <class Emit>
    void start(Emit&& emit) {
        history_.begin();
        const uint64_t history = uint64_t{history_.start()} << 32;
        if (tree_->no_silence_cost < kInfinity) {
            emit(history | between(tree_->blank), tree_->no_silence_cost + look_ahead_[0]);
        }
        if (tree_->silence_cost < kInfinity)
            emit(history | waiting(tree_->blank), tree_->silence_cost + look_ahead_[0]);
    }

    template <class Emit>
    void expand(uint64_t key, float cost, const FrameCosts& frame, const float& cutoff, Emit&& emit) {
        const uint64_t history = key & 0xFFFFFFFF00000000;
        const auto place = static_cast<uint32_t>(key);
        const bool in_tree = place < first_between_;
        uint32_t node = 0, last;
        if (in_tree) {
            node = place >> 1;
            last = (place & 1) ? tree_->blank : tree_->nodes[node].label;
        } else {
            last = (place - first_between_) % tree_->n_classes;
        }
        cost += frame.offset;
        {
            const uint32_t after = in_tree ? node << 1 | 1 : place - last + tree_->blank;
            const float graph = last == tree_->blank ? 0.0f : frame.length_penalty;
            emit(history | after, cost + frame.acoustic[tree_->blank] + graph, graph, tree_->blank, 0u);
        }
        if (last != tree_->blank) emit(key, cost + frame.acoustic[last], 0.0f, last, 0u);
        if (place >= first_waiting_) {
            const float graph = frame.length_penalty;
            emit(history | between(tree_->silence), cost + frame.acoustic[tree_->silence] + graph, graph,
                 tree_->silence, 0u);
            return;
        }
        const LexiconTree::Node* const nodes = tree_->nodes.data();
        const uint32_t end = nodes[node + 1].first_child;
        const uint32_t forced = history_.forced(static_cast<uint32_t>(key >> 32));
        // The look-ahead knows nothing of the bonus for going on with a phrase.
        const float margin = bonus_ahead(static_cast<uint32_t>(key >> 32), node);
        const float entering = frame.length_penalty - frame.phoneme_bonus - look_ahead_[node];
        for (uint32_t child = nodes[node].first_child; child < end; ++child) {
            const LexiconTree::Node& to = nodes[child];
            if (to.label == last) continue;
            const float graph = entering + look_ahead_[child];
            const float total = cost + frame.acoustic[to.label] + graph;
            if (!(total < cutoff + margin) || (forced != kNoWord && !leads_to(child, forced))) continue;
            const bool needs_bonus = !(total < cutoff);
            if (!needs_bonus && to.first_child != nodes[child + 1].first_child) {
                emit(history | child << 1, total, graph, to.label, 0u);
            }
            for (uint32_t place_of_word = to.first_word; place_of_word < nodes[child + 1].first_word; ++place_of_word) {
                const uint32_t word = tree_->words[place_of_word];
                if (needs_bonus && !history_.earns(static_cast<uint32_t>(key >> 32), word)) continue;
                end_word(history, child, place_of_word, total, graph, frame, cutoff, emit);
            }
        }
    }

    float final_cost(uint64_t key) const {
        const auto place = static_cast<uint32_t>(key);
        if (place < first_between_ || place >= first_waiting_) return kInfinity;
        return history_.end_cost(static_cast<uint32_t>(key >> 32)) - look_ahead_[0];
    }

    float unfinished_cost(uint64_t key) const {
        const auto place = static_cast<uint32_t>(key);
        return history_.lent(static_cast<uint32_t>(key >> 32)) - look_ahead_[place < first_between_ ? place >> 1 : 0];
    }

    void prefetch_far(uint64_t key) const {
        const auto place = static_cast<uint32_t>(key);
        if (place < first_between_) __builtin_prefetch(&tree_->nodes[place >> 1]);
    }
    void prefetch_near(uint64_t key) const {
        const auto place = static_cast<uint32_t>(key);
        if (place >= first_between_) return;
        const uint32_t child = tree_->nodes[place >> 1].first_child;
        __builtin_prefetch(&tree_->nodes[child]);
        __builtin_prefetch(look_ahead_ + child);
    }

    // What the n-grams cost of saying the output on the way from one key to the other, and of ending after a key.
    float ngram_cost(uint64_t before, uint32_t output, uint64_t after) const {
        return history_.ngram_cost(static_cast<uint32_t>(before >> 32), tree_->words[output - 1],
                                   static_cast<uint32_t>(after >> 32));
    }
    float ngram_end_cost(uint64_t key) const {
        return final_cost(key) < kInfinity ? history_.ngram_end_cost(static_cast<uint32_t>(key >> 32)) : 0.0f;
    }

    // Whether a silence was chosen and has not come yet.
    bool is_waiting(uint64_t key) const { return static_cast<uint32_t>(key) >= first_waiting_; }

    History& history() { return history_; }
    const History& history() const { return history_; }
    static uint32_t history_of(uint64_t key) { return static_cast<uint32_t>(key >> 32); }
    static uint64_t with_history(uint64_t key, uint32_t history) {
        return uint64_t{history} << 32 | static_cast<uint32_t>(key);
    }

private:
    static constexpr uint32_t kFirstGuided = uint32_t{1} << 31;

    uint32_t between(uint32_t last) const { return first_between_ + last; }
    uint32_t waiting(uint32_t last) const { return first_waiting_ + last; }
    bool leads_to(uint32_t node, uint32_t word) const { return plan_->leads_to(node, word); }

    // The most that a word which ends one step below the node can earn by going on with a phrase.
    float bonus_ahead(uint32_t history, uint32_t node) const {
        const uint32_t phrase = history_.phrase(history);
        if (phrase == 0) return 0.0f;
        const std::vector<uint32_t>& last = plan_->last_steps[phrase];
        return std::binary_search(last.begin(), last.end(), node) ? plan_->guidance->phrases.bonus_ahead(phrase) : 0.0f;
    }

    template <class Emit>
    void end_word(uint64_t before, uint32_t node, uint32_t pronunciation, float total, float graph,
                  const FrameCosts& frame, const float& cutoff, Emit&& emit) {
        const uint32_t label = tree_->nodes[node].label;
        const float ended =
            look_ahead_[0] - look_ahead_[node] + tree_->pronunciation_costs[pronunciation] - frame.word_bonus;
        history_.advance(static_cast<uint32_t>(before >> 32), tree_->words[pronunciation],
                         [&](float word_cost, uint32_t after) {
                             const uint64_t history = uint64_t{after} << 32;
                             const float cost = ended + word_cost;
                             const float silent = cost + tree_->silence_cost, straight = cost + tree_->no_silence_cost;
                             if (total + straight < cutoff) {
                                 emit(history | between(label), total + straight, graph + straight, label,
                                      pronunciation + 1);
                             }
                             if (total + silent < cutoff) {
                                 emit(history | waiting(label), total + silent, graph + silent, label,
                                      pronunciation + 1);
                             }
                         });
    }

    std::shared_ptr<const LexiconPlan> plan_;
    const LexiconTree* tree_;
    const float* look_ahead_;
    History history_;
    uint32_t first_between_, first_waiting_;
};

}  // namespace neurolect
