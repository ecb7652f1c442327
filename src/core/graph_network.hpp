// A search network that is a graph file: either the CTC topology is part of it (TLG), or it is applied here (LG).
//
// A key is a state (high 32 bits), the history of guidance (20 bits) and, for LG, the class emitted last (12 bits, 0
// for the blank, otherwise the class and one).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "graph_file.hpp"
#include "search.hpp"
#include "sentence_history.hpp"
#include "state_set.hpp"

namespace neurolect {

struct GraphPlan {
    std::shared_ptr<const GraphFile> graph;
    std::shared_ptr<const LanguageModel> model;  // without a store: the graph has the n-grams
    std::shared_ptr<const Guidance> guidance;    // null: none
    uint32_t n_classes, blank, silence, n_words;  // n_words: output labels are below
};

template <bool kHasTopology>
class GraphNetwork {
public:
    static constexpr bool kHasEpsilons = true;

    explicit GraphNetwork(std::shared_ptr<const GraphPlan> plan)
        : plan_(std::move(plan)),
          graph_(plan_->graph.get()),
          history_(plan_->model, plan_->guidance, kFirstGuided),
          without_epsilons_(graph_->n_states()) {
        if (!kHasTopology && plan_->n_classes > kLastMask) {
            throw DataError(graph_->path() + ": a graph without the CTC topology can be searched for " +
                            std::to_string(kLastMask) + " classes at most");
        }
    }

    template <class Emit>
    void start(Emit&& emit) {
        history_.begin();
        emit(key_of(graph_->start(), history_.start(), 0), 0.0f);
    }

    template <class Emit>
    void expand(uint64_t key, float cost, const FrameCosts& frame, const float& cutoff, Emit&& emit) {
        const auto number = static_cast<uint32_t>(key >> 32);
        const uint32_t history = history_of(key);
        const GraphFile::State state = graph_->state(number);
        cost += frame.offset;
        const uint32_t last = static_cast<uint32_t>(key) & kLastMask;
        if constexpr (!kHasTopology) {
            const float graph = last == 0 ? 0.0f : frame.length_penalty;
            emit(key - last, cost + frame.acoustic[plan_->blank] + graph, graph, plan_->blank, 0u);
            if (last != 0) emit(key, cost + frame.acoustic[last - 1], 0.0f, last - 1, 0u);
        }
        for (uint32_t place = 0; place < state.n_arcs; ++place) {
            const GraphFile::Arc arc = graph_->arc(state, place);
            if (arc.input == 0) continue;
            const auto label = static_cast<uint32_t>(arc.input - 1);
            if (label >= plan_->n_classes) {
                if (kHasTopology) graph_->damaged();
                if (graph_->is_sorted()) break;
                continue;
            }
            if (!kHasTopology && label + 1 == last) continue;
            const bool goes_on = kHasTopology && static_cast<uint32_t>(arc.next) == number;
            float graph = arc.weight;
            if (!goes_on) {
                graph += frame.length_penalty;
                if (label != plan_->blank && label != plan_->silence) graph -= frame.phoneme_bonus;
            }
            const float total = cost + frame.acoustic[label] + graph;
            if (!(total < cutoff)) continue;
            say(history, arc.output, frame.word_bonus, [&](float word_cost, uint32_t after) {
                const uint32_t new_last = kHasTopology ? 0 : label + 1;
                emit(key_of(static_cast<uint32_t>(arc.next), after, new_last), total + word_cost, graph + word_cost,
                     label, output_of(arc));
            });
        }
    }

    template <class Emit>
    void expand_epsilons(uint64_t key, float word_bonus, Emit&& emit) {
        const uint32_t history = history_of(key);
        const GraphFile::State state = graph_->state(static_cast<uint32_t>(key >> 32));
        const uint32_t last = static_cast<uint32_t>(key) & kLastMask;
        bool any = false;
        const auto follow = [&](const GraphFile::Arc& arc) {
            any = true;
            say(history, arc.output, word_bonus, [&](float word_cost, uint32_t after) {
                emit(key_of(static_cast<uint32_t>(arc.next), after, last), arc.weight + word_cost, output_of(arc));
            });
        };
        uint32_t place = 0;
        if (graph_->is_sorted()) {
            for (; place < state.n_arcs; ++place) {
                const GraphFile::Arc arc = graph_->arc(state, place);
                if (arc.input != 0) break;
                follow(arc);
            }
            for (uint32_t end = state.n_arcs; end > place; --end) {
                const GraphFile::Arc arc = graph_->arc(state, end - 1);
                if (!is_epsilon(arc)) break;
                follow(arc);
            }
        } else {
            for (; place < state.n_arcs; ++place) {
                const GraphFile::Arc arc = graph_->arc(state, place);
                if (is_epsilon(arc)) follow(arc);
            }
        }
        if (!any) without_epsilons_.add(static_cast<uint32_t>(key >> 32));
    }

    [[noreturn]] void refuse_endless_epsilons() const {
        throw DataError(graph_->path() + ": the graph has a cycle of epsilons whose cost is negative");
    }

    bool may_have_epsilons(uint64_t key) const { return !without_epsilons_.has(static_cast<uint32_t>(key >> 32)); }

    float final_cost(uint64_t key) const {
        const float cost = graph_->final_cost(static_cast<uint32_t>(key >> 32));
        return cost < kInfinity ? cost + history_.end_cost(history_of(key)) : kInfinity;
    }
    float unfinished_cost(uint64_t key) const { return history_.lent(history_of(key)); }
    bool is_waiting(uint64_t) const { return false; }
    void prefetch_far(uint64_t key) const { graph_->prefetch_state(static_cast<uint32_t>(key >> 32)); }
    void prefetch_near(uint64_t key) const { graph_->prefetch_arcs(static_cast<uint32_t>(key >> 32)); }

private:
    static constexpr uint32_t kLastBits = 12;
    static constexpr uint32_t kFirstGuided = uint32_t{1} << (31 - kLastBits);
    static constexpr uint32_t kLastMask = (1u << kLastBits) - 1;

    static uint64_t key_of(uint32_t state, uint32_t history, uint32_t last) {
        return uint64_t{state} << 32 | (history << kLastBits) | last;
    }
    static uint32_t output_of(const GraphFile::Arc& arc) {
        return arc.output == 0 ? 0 : static_cast<uint32_t>(arc.output) + 1;
    }
    static uint32_t history_of(uint64_t key) { return static_cast<uint32_t>(key) >> kLastBits; }

    bool is_epsilon(const GraphFile::Arc& arc) const {
        return arc.input == 0 || (!kHasTopology && static_cast<uint32_t>(arc.input) > plan_->n_classes);
    }

    template <class Emit>
    void say(uint32_t history, int32_t output, float word_bonus, Emit&& emit) {
        if (output == 0) {
            emit(0.0f, history);
            return;
        }
        if (static_cast<uint32_t>(output) >= plan_->n_words) graph_->damaged();
        if (!plan_->guidance) {
            emit(-word_bonus, history);
            return;
        }
        history_.advance(history, static_cast<uint32_t>(output),
                         [&](float cost, uint32_t after) { emit(cost - word_bonus, after); });
    }

    std::shared_ptr<const GraphPlan> plan_;
    const GraphFile* graph_;
    SentenceHistory history_;
    // Most states of a graph have none, which is known without a look at its arcs once it was seen.
    StateSet without_epsilons_;
};

}  // namespace neurolect
