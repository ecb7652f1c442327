// What the words so far mean for the next word: its n-gram cost, phrase bonuses, and whether it is allowed at all.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "error.hpp"
#include "guidance.hpp"
#include "lattice.hpp"
#include "ngram_store.hpp"
#include "token_table.hpp"

namespace neurolect {

// How the words of a search are scored.
struct LanguageModel {
    std::shared_ptr<const NgramStore> store;  // null: every word costs nothing
    std::vector<uint32_t> ids;                // in the store, by word; kNoWord for words that it lacks
    float weight = 1.0f;
    float absent_log10 = -9.77f;       // of a word that it lacks, after the back-offs
    bool backoff_as_in_graph = false;  // listed n-grams compete with backing off
};

// Gives each history a number. Between phrases, and after the words that the sentence must begin with, that is the
// n-gram context itself; the others are numbered as they come, from `first_guided` on.
class SentenceHistory {
public:
    SentenceHistory(std::shared_ptr<const LanguageModel> model, std::shared_ptr<const Guidance> guidance,
                    uint32_t first_guided)
        : model_(std::move(model)),
          guidance_(std::move(guidance)),
          first_guided_(guidance_ ? first_guided : kNoState),
          prefix_length_(guidance_ ? static_cast<uint32_t>(guidance_->prefix.size()) : 0),
          cache_(kCacheSize) {
        if (guidance_ && model_->store && model_->store->n_contexts() > first_guided) {
            throw DataError("the language model has too many n-grams to be searched with phrases or a prefix");
        }
    }

    // Before each utterance: forgets earlier ones where they have become many.
    void begin() {
        if (states_.size() <= kMostKept) return;
        states_.clear();
        numbers_.clear();
        for (Cached& cached : cache_) cached.state = kNoState;
    }

    // Before the first word of an utterance.
    uint32_t start() {
        const uint32_t context = model_->store ? model_->store->start_context() : kEmptyContext;
        return number_of({context, 0, 0});
    }

    // emit(cost, history after the word) for every way to say the word here.
    template <class Emit>
    void advance(uint32_t history, uint32_t word, Emit&& emit) {
        if (model_->backoff_as_in_graph && model_->store) {
            const State state = state_of(history);
            float bonus = 0.0f;
            State next;
            if (!guide(state, word, next, bonus)) return;
            NgramStore::Scores scores;
            const unsigned n = model_->store->scores_of_all_orders(state.context, model_->ids[word], scores);
            for (unsigned i = 0; i < n; ++i) {
                next.context = scores[i].context;
                emit(cost_of(scores[i], word) - bonus, number_of(next));
            }
            return;
        }
        const uint64_t hash = (uint64_t{history} << 32 | word) * 0x9E3779B97F4A7C15;
        Cached& cached = cache_[hash >> (64 - kCacheBits)];
        if (cached.state != history || cached.word != word) {
            Cached found{history, word, 0, kInfinity};
            const State state = state_of(history);
            float bonus = 0.0f;
            State next;
            if (guide(state, word, next, bonus)) {
                next.context = kEmptyContext;
                found.cost = -bonus;
                if (model_->store) {
                    const NgramStore::Score score = model_->store->score(state.context, model_->ids[word]);
                    next.context = score.context;
                    found.cost += cost_of(score, word);
                }
                found.after = number_of(next);
            }
            cached = found;
        }
        if (cached.cost < kInfinity) emit(cached.cost, cached.after);
    }

    // What phrases take back if no more is said.
    float lent(uint32_t history) const {
        return is_guided(history) ? guidance_->phrases.lent(state_of(history).phrase) : 0.0f;
    }

    // Within a phrase, or before the end of the words that the sentence must begin with.
    bool is_guided(uint32_t history) const { return history >= first_guided_; }

    // Node of the phrase bonuses.
    uint32_t phrase(uint32_t history) const { return is_guided(history) ? state_of(history).phrase : 0; }

    // Whether the word goes on with a phrase.
    bool earns(uint32_t history, uint32_t word) const {
        return is_guided(history) && guidance_->phrases.advance(state_of(history).phrase, word).bonus > 0.0f;
    }

    // What ending the sentence costs; infinite while words that it must begin with are missing.
    float end_cost(uint32_t history) const {
        const State state = state_of(history);
        if (guidance_ && state.said < guidance_->prefix.size()) return kInfinity;
        return lent(history) + ngram_end_cost(history);
    }

    // The n-gram model's part of what ending the sentence costs.
    float ngram_end_cost(uint32_t history) const {
        if (!model_->store || model_->store->header().end_word == kNoWord) return 0.0f;
        const uint32_t context = state_of(history).context, end = model_->store->header().end_word;
        if (!model_->backoff_as_in_graph) {
            return -model_->weight * model_->store->score(context, end).log10 * kNatsPerLog10;
        }
        NgramStore::Scores scores;
        const unsigned n = model_->store->scores_of_all_orders(context, end, scores);
        float best = scores[0].log10;
        for (unsigned i = 1; i < n; ++i) best = std::max(best, scores[i].log10);
        return -model_->weight * best * kNatsPerLog10;
    }

    // The n-gram model's part of what the word costs here, if the longest n-gram listed counts.
    float longest_ngram_cost(uint32_t history, uint32_t word) const {
        if (!model_->store) return 0.0f;
        return cost_of(model_->store->score(state_of(history).context, model_->ids[word]), word);
    }

    // The word that must come next, or kNoWord.
    uint32_t forced(uint32_t history) const {
        if (!is_guided(history)) return kNoWord;
        const uint32_t said = state_of(history).said;
        return said < guidance_->prefix.size() ? guidance_->prefix[said] : kNoWord;
    }

    // The n-gram model's part of what the word costs on the way to the history after it.
    float ngram_cost(uint32_t before, uint32_t word, uint32_t after) const {
        if (!model_->store || !model_->backoff_as_in_graph) return longest_ngram_cost(before, word);
        NgramStore::Scores scores;
        const unsigned n = model_->store->scores_of_all_orders(state_of(before).context, model_->ids[word], scores);
        const uint32_t context = state_of(after).context;
        float least = kInfinity;
        for (unsigned i = 0; i < n; ++i) {
            if (scores[i].context == context) least = std::min(least, cost_of(scores[i], word));
        }
        return least;
    }

    static constexpr float kNatsPerLog10 = 2.302585093f;

private:
    struct State {
        uint32_t context;  // of the store
        uint32_t phrase;   // node of the phrase bonuses
        uint32_t said;     // words of the prefix
    };
    struct Cached {
        uint32_t state = kNoState, word = 0, after = 0;
        float cost = 0.0f;
    };
    static constexpr unsigned kCacheBits = 14;
    static constexpr size_t kCacheSize = size_t{1} << kCacheBits;
    static constexpr size_t kMostKept = size_t{1} << 16;
    static constexpr uint32_t kNoState = 0xFFFFFFFF;

    State state_of(uint32_t history) const {
        return is_guided(history) ? states_[history - first_guided_] : State{history, 0, prefix_length_};
    }

    uint32_t number_of(const State& state) {
        if (state.phrase == 0 && state.said == prefix_length_) return state.context;
        const uint64_t key = uint64_t{state.context} << 32 | state.phrase << 12 | state.said;
        const auto fresh = first_guided_ + static_cast<uint32_t>(states_.size());
        const uint32_t known = numbers_.find_or_add(key, fresh);
        if (known != TokenTable::kNone) return known;
        states_.push_back(state);
        return fresh;
    }

    // False if the word is not allowed.
    bool guide(const State& state, uint32_t word, State& next, float& bonus) const {
        next = state;
        if (!guidance_) return true;
        if (!guidance_->allowed.empty() && !guidance_->allowed[word]) return false;
        if (state.said < guidance_->prefix.size()) {
            if (guidance_->prefix[state.said] != word) return false;
            ++next.said;
        }
        const PhraseBonuses::Move move = guidance_->phrases.advance(state.phrase, word);
        next.phrase = move.node;
        bonus = move.bonus;
        return true;
    }

    float cost_of(const NgramStore::Score& score, uint32_t word) const {
        float log10 = score.log10;
        const bool is_absent = model_->ids[word] == kNoWord && model_->store->header().unknown_word == kNoWord;
        if (is_absent) log10 += model_->absent_log10 - kUnknownLog10;
        return -model_->weight * log10 * kNatsPerLog10;
    }

    std::shared_ptr<const LanguageModel> model_;
    std::shared_ptr<const Guidance> guidance_;
    uint32_t first_guided_, prefix_length_;
    std::vector<State> states_;
    TokenTable numbers_{1024};
    std::vector<Cached> cache_;
};

}  // namespace neurolect
