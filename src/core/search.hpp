// Viterbi token passing over any network, with the cut-off rules of Kaldi's LatticeFasterDecoder.
//
// A network says where the search begins, where it can go from a key by emitting a class, where without emitting, and
// what ending costs there:
//
//     void start(Emit emit)                          emit(key, cost)
//     void expand(key, cost, frame, cutoff, emit)    emit(key, cost after the frame, graph cost, label, output)
//     void expand_epsilons(key, word bonus, emit)    emit(key, graph cost, output)
//     float final_cost(key)                          infinite where no sentence can end
//     float unfinished_cost(key)                     what to add where none of the tokens can end
//     bool is_waiting(key)                           whether a silence was chosen and has not come yet
//     bool may_have_epsilons(key)                    false: `expand_epsilons` would emit nothing
//     void refuse_endless_epsilons()                 throws
//     void prefetch_far(key), prefetch_near(key)     hints that `expand` comes soon, and sooner
//     static constexpr bool kHasEpsilons
//
// `cutoff` is a reference, since it falls while `expand` runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "lattice.hpp"
#include "token_table.hpp"

namespace neurolect {

struct SearchOptions {
    float acoustic_scale;
    float blank_penalty;  // subtracted from the blank's log-probability
    float blank_skip;     // frames whose blank is more probable are left out
    float beam, lattice_beam;
    uint32_t max_active, min_active;
    float length_penalty;  // for every change of class, blanks included
    float phoneme_bonus, word_bonus;
    uint32_t n_best;
};

// What a network needs to know of a frame.
struct FrameCosts {
    const float* acoustic;  // cost of each class
    float offset;           // added to every cost, to keep them small
    float length_penalty, phoneme_bonus, word_bonus;
};

template <class Network>
class Search {
public:
    Search(Network network, uint32_t n_classes, uint32_t blank)
        : network_(std::move(network)), n_classes_(n_classes), blank_(blank) {}

    const Network& network() const { return network_; }
    Network& network() { return network_; }
    const Lattice& lattice() const { return lattice_; }
    uint64_t n_frames() const { return n_frames_; }
    const std::vector<uint64_t>& keys() const { return keys_; }

    // Lets every frame of the lattice have its keys, of utterances that begin later.
    void keep_keys() { keeps_keys_ = true; }

    void begin(const SearchOptions& options) {
        lattice_.clear();
        keys_.clear();
        table_.clear();
        skipped_.clear();
        n_frames_ = 0;
        last_best_ = n_classes_;
        best_ = kNoLink;
        times_.clear();
        Frame& frame = lattice_.add_frame();
        network_.start([&](uint64_t key, float cost) {
            const uint32_t token = add_token(frame, key, cost).token;
            add_link(frame, token, {Link::kStart, kNoLink, 0, kNoLabel, cost});
        });
        expand_epsilons(options, options.beam);
        if (keeps_keys_) frame.keys = keys_;
    }

    // One frame of log-probabilities, with the blank's penalty already taken.
    void push(const float* log_probabilities, const SearchOptions& options) {
        const float* const end = log_probabilities + n_classes_;
        const auto best = static_cast<uint32_t>(std::max_element(log_probabilities, end) - log_probabilities);
        if (options.blank_skip < 1.0f && std::exp(log_probabilities[blank_]) > options.blank_skip) {
            skipped_.assign(log_probabilities, end);
            skipped_at_ = n_frames_;
        } else {
            // A blank between two equal classes keeps them apart.
            if (best != blank_ && !skipped_.empty() && best == last_best_) {
                times_.push_back(static_cast<uint32_t>(skipped_at_));
                step(skipped_.data(), options);
            }
            skipped_.clear();
            last_best_ = best;
            times_.push_back(static_cast<uint32_t>(n_frames_));
            step(log_probabilities, options);
        }
        ++n_frames_;
    }

    // The frame of the utterance that each frame of the lattice from the second on stands for.
    const std::vector<uint32_t>& times() const { return times_; }

    // The token whose path is best so far; kNoLink if there is none.
    uint32_t best_token() const { return best_; }

    // Ends the utterance. False if no path is left.
    bool finish(const SearchOptions& options) {
        if (keys_.empty()) return false;
        lattice_.finish(final_costs(), options.lattice_beam);
        return lattice_.best_final_cost() < kInfinity;
    }

    // What ending the utterance now costs each token of the last frame.
    std::vector<float> final_costs() const {
        std::vector<float> final_cost(keys_.size());
        bool any = false;
        for (size_t i = 0; i < keys_.size(); ++i) {
            final_cost[i] = network_.final_cost(keys_[i]);
            any |= final_cost[i] < kInfinity;
        }
        if (!any) {
            for (size_t i = 0; i < keys_.size(); ++i) final_cost[i] = network_.unfinished_cost(keys_[i]);
        }
        return final_cost;
    }

    // Gives each token of the last frame the key `renamed(key)`; different ones must stay different.
    template <class Renamed>
    void rename(Renamed&& renamed) {
        for (uint64_t& key : keys_) key = renamed(key);
    }

    // Adds `change(key)` to the cost of each token of the last frame.
    template <class Change>
    void revise(Change&& change_of) {
        static_assert(!Network::kHasEpsilons, "links within the frame would have to change, too");
        Frame& frame = lattice_.last();
        best_ = kNoLink;
        for (uint32_t token = 0; token < keys_.size(); ++token) {
            const float change = change_of(keys_[token]);
            frame.cost[token] += change;
            for (uint32_t place = frame.first_link[token]; place != kNoLink; place = frame.links[place].next) {
                frame.links[place].graph += change;
            }
            if (best_ == kNoLink || frame.cost[token] < frame.cost[best_]) best_ = token;
        }
    }

private:
    static constexpr float kBeamDelta = 0.5f;
    static constexpr size_t kFar = 12, kNear = 5;  // tokens ahead of the one being expanded

    struct Cutoff {
        float cost;
        float adaptive_beam;
    };

    // Hints at the tokens that come soon after the i-th, of those for which `is_wanted`.
    template <class IsWanted>
    void prefetch(const std::vector<uint64_t>& keys, size_t i, IsWanted&& is_wanted) const {
        if (i + kFar < keys.size() && is_wanted(i + kFar)) network_.prefetch_far(keys[i + kFar]);
        if (i + kNear < keys.size() && is_wanted(i + kNear)) network_.prefetch_near(keys[i + kNear]);
    }

    struct Added {
        uint32_t token;
        bool is_better;  // than what was known of the place
    };

    Added add_token(Frame& frame, uint64_t key, float cost) {
        const auto position = static_cast<uint32_t>(frame.cost.size());
        const uint32_t known = table_.find_or_add(key, position);
        const bool is_new = known == TokenTable::kNone;
        const uint32_t token = is_new ? position : known;
        if (is_new) {
            keys_.push_back(key);
            frame.cost.push_back(cost);
            frame.first_link.push_back(kNoLink);
        } else if (cost < frame.cost[token]) {
            frame.cost[token] = cost;
        } else {
            return {token, false};
        }
        if (best_ == kNoLink || cost < frame.cost[best_]) best_ = token;
        return {token, true};
    }

    static void add_link(Frame& frame, uint32_t token, Link link) {
        link.next = frame.first_link[token];
        frame.first_link[token] = static_cast<uint32_t>(frame.links.size());
        frame.links.push_back(link);
    }

    void step(const float* log_probabilities, const SearchOptions& options) {
        keys_before_.swap(keys_);
        keys_.clear();
        table_.clear();
        Frame& frame = lattice_.add_frame();
        const Frame& before = lattice_.frames()[lattice_.frames().size() - 2];
        const uint32_t best = best_;
        best_ = kNoLink;
        const Cutoff cutoff = cutoff_of(before.cost, best == kNoLink ? 0.0f : before.cost[best], options);
        frame.acoustic_scale = options.acoustic_scale;
        frame.acoustic.resize(n_classes_);
        for (uint32_t c = 0; c < n_classes_; ++c) frame.acoustic[c] = -options.acoustic_scale * log_probabilities[c];

        frame.length_penalty = options.length_penalty;
        frame.phoneme_bonus = options.phoneme_bonus;
        frame.word_bonus = options.word_bonus;
        if (best != kNoLink) frame.offset = -before.cost[best];
        const FrameCosts costs{frame.acoustic.data(), frame.offset, options.length_penalty, options.phoneme_bonus,
                               options.word_bonus};
        float next_cutoff = kInfinity;
        if (best != kNoLink) {
            network_.expand(keys_before_[best], before.cost[best], costs, next_cutoff,
                            [&](uint64_t, float cost, float, uint32_t, uint32_t) {
                                next_cutoff = std::min(next_cutoff, cost + cutoff.adaptive_beam);
                            });
        }
        next_cutoff = expand_all(frame, before.cost, costs, cutoff, next_cutoff, best, options);
        expand_epsilons(options, next_cutoff);
        if (keeps_keys_) frame.keys = keys_;
        if (lattice_.frames().size() % Lattice::kPruneInterval == 0) lattice_.prune(options.lattice_beam);
    }

    // Emits the frame from every token within the cut-off. Returns the cut-off of the tokens that result.
    float expand_all(Frame& frame, const std::vector<float>& cost_before, const FrameCosts& costs, const Cutoff& cutoff,
                     float next_cutoff, uint32_t best, const SearchOptions& options) {
        const float no_cutoff = kInfinity;
        for (size_t i = 0; i < keys_before_.size(); ++i) {
            prefetch(keys_before_, i, [&](size_t soon) { return cost_before[soon] <= cutoff.cost; });
            if (cost_before[i] > cutoff.cost) continue;
            // The cut-off comes from where the best token gets to, so on its way it must not be held up by it.
            network_.expand(
                keys_before_[i], cost_before[i], costs, i == best ? no_cutoff : next_cutoff,
                [&](uint64_t key, float cost, float graph, uint32_t label, uint32_t output) {
                    if (!(cost < next_cutoff)) return;  // nor what is not a number
                    next_cutoff = std::min(next_cutoff, cost + cutoff.adaptive_beam);
                    const uint32_t token = add_token(frame, key, cost).token;
                    if (cost > frame.cost[token] + options.lattice_beam) return;
                    add_link(frame, token, {static_cast<uint32_t>(i), kNoLink, output, label, graph});
                });
        }
        return next_cutoff;
    }

    Cutoff cutoff_of(const std::vector<float>& cost, float best, const SearchOptions& options) {
        const float by_beam = best + options.beam;
        scratch_.assign(cost.begin(), cost.end());
        const auto nth = [this](size_t n, size_t end) {
            const auto place = scratch_.begin() + static_cast<std::ptrdiff_t>(n);
            std::nth_element(scratch_.begin(), place, scratch_.begin() + static_cast<std::ptrdiff_t>(end));
            return *place;
        };
        size_t end = cost.size();
        if (cost.size() > options.max_active) {
            const float by_most = nth(options.max_active, end);
            if (by_most < by_beam) return {by_most, by_most - best + kBeamDelta};
            end = options.max_active;
        }
        float by_fewest = kInfinity;
        if (cost.size() > options.min_active) {
            by_fewest = options.min_active == 0 ? best : nth(std::min<size_t>(options.min_active, end - 1), end);
        }
        if (by_fewest > by_beam) return {by_fewest, by_fewest - best + kBeamDelta};
        return {by_beam, options.beam};
    }

    // From every token on along all links that emit nothing, again wherever a cheaper way is found.
    void expand_epsilons([[maybe_unused]] const SearchOptions& options, [[maybe_unused]] float cutoff) {
        if constexpr (Network::kHasEpsilons) {
            Frame& frame = lattice_.last();
            expanded_at_.assign(keys_.size(), kInfinity);
            visits_.assign(keys_.size(), 0);
            waiting_.clear();  // an utterance that ended in an error may have left some
            for (size_t i = 0; i < keys_.size(); ++i) {
                prefetch(keys_, i, [&](size_t soon) { return network_.may_have_epsilons(keys_[soon]); });
                expand_epsilons_of(static_cast<uint32_t>(i), i, frame, options, cutoff);
            }
            while (!waiting_.empty()) {
                const uint32_t source = waiting_.back();
                waiting_.pop_back();
                expand_epsilons_of(source, keys_.size(), frame, options, cutoff);
            }
        }
    }

    // Tokens up to `passed` have had their turn, and get another where they become better; the others' is to come.
    void expand_epsilons_of(uint32_t source, size_t passed, Frame& frame, const SearchOptions& options, float cutoff) {
        constexpr uint32_t kMostVisits = 1000;
        if (!network_.may_have_epsilons(keys_[source])) return;
        const float from = frame.cost[source], earlier = expanded_at_[source];
        if (!(from < cutoff && from < earlier)) return;
        expanded_at_[source] = from;
        if (++visits_[source] > kMostVisits) network_.refuse_endless_epsilons();
        network_.expand_epsilons(keys_[source], options.word_bonus, [&](uint64_t key, float graph, uint32_t output) {
            const float cost = from + graph;
            if (!(cost < cutoff)) return;
            const auto [token, is_better] = add_token(frame, key, cost);
            if (token >= expanded_at_.size()) {
                expanded_at_.push_back(kInfinity);
                visits_.push_back(0);
                network_.prefetch_far(key);
            }
            // Where the link was made on an earlier visit, only the cost was too high.
            if (!(earlier + graph < cutoff)) {
                frame.has_epsilons = true;
                add_link(frame, token, {source | Link::kSameFrame, kNoLink, output, kNoLabel, graph});
            }
            if (is_better && token <= passed) waiting_.push_back(token);
        });
    }

    Network network_;
    uint32_t n_classes_, blank_;
    Lattice lattice_;
    std::vector<uint64_t> keys_, keys_before_;
    TokenTable table_;
    std::vector<float> scratch_, expanded_at_;
    std::vector<uint32_t> waiting_, visits_;
    std::vector<float> skipped_;
    std::vector<uint32_t> times_;
    uint64_t skipped_at_ = 0;
    uint32_t best_ = kNoLink;     // token of the last frame
    uint32_t last_best_ = 0;      // class of the last frame that was not skipped
    uint64_t n_frames_ = 0;
    bool keeps_keys_ = false;
};

}  // namespace neurolect
