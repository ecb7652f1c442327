#include "lattice_rescoring.hpp"

#include <algorithm>
#include <utility>

#include "token_table.hpp"

namespace neurolect {

namespace {

constexpr uint32_t kNowhere = 0xFFFFFFFF;

class Expansion {
public:
    Expansion(const Lattice& lattice, WordsOfOutputs words, ReplacedNgrams& replaced, SentenceHistory& added,
              float lattice_beam, uint32_t most)
        : frames_(lattice.frames()), words_(words), replaced_(replaced), added_(added), most_(most) {
        start_ = number_of({replaced_.start(), added_.start()});
        for (size_t frame = 0; frame < frames_.size(); ++frame) {
            expand(frame);
            if ((frame + 1) % Lattice::kPruneInterval == 0) result_.prune(lattice_beam);
        }
    }

    // Ends the sentences, which in the lattice that is expanded costs so much by token.
    RescoredLattice finish(const std::vector<float>& final_cost, float lattice_beam) {
        RescoredLattice rescored{std::move(result_), {}};
        std::vector<float> costs;
        for (const State& state : before_) {
            const Histories& histories = histories_[state.histories];
            const float change = added_.end_cost(histories.added) - replaced_.end(histories.replaced, state.token);
            costs.push_back(final_cost[state.token] + change);
            rescored.tokens.push_back(state.token);
        }
        rescored.lattice.finish(costs, lattice_beam);
        return rescored;
    }

private:
    struct Histories {
        uint32_t replaced, added;
    };
    struct State {
        uint32_t token, histories;
        float cost;
        bool is_dropped = false;
        float followed_at = kInfinity;  // its cost when its links within the frame were followed last
    };
    struct Way {
        uint32_t target;
        Link link;
    };

    uint32_t number_of(const Histories& histories) {
        const auto fresh = static_cast<uint32_t>(histories_.size());
        const uint32_t known = numbers_.find_or_add(uint64_t{histories.replaced} << 32 | histories.added, fresh);
        if (known != TokenTable::kNone) return known;
        histories_.push_back(histories);
        return fresh;
    }

    void expand(size_t f) {
        const Frame& frame = frames_[f];
        states_.clear();
        table_.clear();
        ways_.clear();
        const float offset = offset_of_next();
        for (uint32_t token = 0; token < frame.cost.size(); ++token) {
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                if (link.is_start()) {
                    arrive(f, link, token, start_, Link::kStart, 0.0f);
                } else if (link.from_before()) {
                    const float emitted = offset + frame.acoustic[link.label];
                    for (uint32_t s = first_at_[link.token()]; s != kNowhere; s = next_at_[s]) {
                        arrive(f, link, token, before_[s].histories, s, before_[s].cost + emitted);
                    }
                }
            }
        }
        if (states_.size() > most_) drop_worst(frame);
        if (frame.has_epsilons) follow_epsilons(f);
        settle(frame, offset);
    }

    // Keeps costs small.
    float offset_of_next() const {
        float least = kInfinity;
        for (const State& state : before_) least = std::min(least, state.cost);
        return before_.empty() ? 0.0f : -least;
    }

    // Goes along a link of the frame. Returns the state where it arrives and whether that has become better.
    std::pair<uint32_t, bool> arrive(size_t f, Link link, uint32_t token, uint32_t histories, uint32_t source,
                                     float cost, bool is_new_way = true) {
        if (link.output != 0) {
            const Histories before = histories_[histories];
            const auto out = replaced_.say(before.replaced, f, link, token);
            const auto in = NgramsOfModel::said(added_, before.added, words_(link.output));
            link.graph += in.cost - out.cost;
            histories = number_of({out.history, in.history});
        }
        cost += link.graph;
        const auto fresh = static_cast<uint32_t>(states_.size());
        const uint32_t known = table_.find_or_add(uint64_t{token} << 32 | histories, fresh);
        const bool is_new = known == TokenTable::kNone;
        const uint32_t target = is_new ? fresh : known;
        if (is_new) states_.push_back({token, histories, cost});
        State& state = states_[target];
        const bool is_better = is_new || state.is_dropped || cost < state.cost;
        state.cost = std::min(state.cost, cost);
        state.is_dropped = false;
        if (is_new_way) {
            link.source = source;
            ways_.push_back({target, link});
        }
        return {target, is_better};
    }

    void drop_worst(const Frame& frame) {
        estimates_.clear();
        for (const State& state : states_) {
            estimates_.push_back(state.cost + (frame.extra[state.token] - frame.cost[state.token]));
        }
        scratch_ = estimates_;
        std::nth_element(scratch_.begin(), scratch_.begin() + most_, scratch_.end());
        for (size_t s = 0; s < states_.size(); ++s) states_[s].is_dropped = estimates_[s] > scratch_[most_];
    }

    // Along the links within the frame, again from where a better way is found, and never round a cycle for ever.
    void follow_epsilons(size_t f) {
        const Frame& frame = frames_[f];
        const size_t n_tokens = frame.cost.size(), most_states = states_.size() + size_t{16} * most_;
        outgoing_.assign(n_tokens, {});
        for (uint32_t token = 0; token < n_tokens; ++token) {
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                if (frame.links[l].same_frame()) outgoing_[frame.links[l].token()].push_back({token, frame.links[l]});
            }
        }
        std::vector<uint32_t> waiting(states_.size()), better;
        for (uint32_t s = 0; s < waiting.size(); ++s) waiting[s] = s;
        for (size_t round = 0; !waiting.empty() && round < n_tokens && states_.size() < most_states; ++round) {
            better.clear();
            for (const uint32_t s : waiting) {
                const State from = states_[s];
                if (from.is_dropped || !(from.cost < from.followed_at)) continue;
                states_[s].followed_at = from.cost;
                for (const Way& way : outgoing_[from.token]) {
                    const bool is_new_way = from.followed_at == kInfinity;
                    const auto [target, is_better] =
                        arrive(f, way.link, way.target, from.histories, s | Link::kSameFrame, from.cost, is_new_way);
                    if (is_better) better.push_back(target);
                }
            }
            waiting.swap(better);
        }
    }

    // Adds what is left of the frame to the result.
    void settle(const Frame& frame, float offset) {
        Frame& out = result_.add_frame();
        out.copy_settings(frame);
        out.offset = offset;
        place_.assign(states_.size(), kNowhere);
        before_.clear();
        for (size_t s = 0; s < states_.size(); ++s) {
            if (states_[s].is_dropped) continue;
            place_[s] = static_cast<uint32_t>(before_.size());
            before_.push_back(states_[s]);
            out.cost.push_back(states_[s].cost);
        }
        out.first_link.assign(before_.size(), kNoLink);
        for (Way& way : ways_) {
            const uint32_t target = place_[way.target];
            if (target == kNowhere) continue;
            if (way.link.same_frame()) way.link.source = place_[way.link.token()] | Link::kSameFrame;
            way.link.next = out.first_link[target];
            out.first_link[target] = static_cast<uint32_t>(out.links.size());
            out.links.push_back(way.link);
        }
        first_at_.assign(frame.cost.size(), kNowhere);
        next_at_.resize(before_.size());
        for (uint32_t s = 0; s < before_.size(); ++s) {
            next_at_[s] = first_at_[before_[s].token];
            first_at_[before_[s].token] = s;
        }
    }

    const std::vector<Frame>& frames_;
    WordsOfOutputs words_;
    ReplacedNgrams& replaced_;
    SentenceHistory& added_;
    uint32_t most_;
    Lattice result_;
    uint32_t start_ = 0;
    std::vector<Histories> histories_;
    TokenTable numbers_, table_;
    std::vector<State> states_, before_;        // of this frame, and of the frame before
    std::vector<uint32_t> first_at_, next_at_;  // states of the frame before, by token
    std::vector<Way> ways_;
    std::vector<std::vector<Way>> outgoing_;  // links within the frame, by where they begin
    std::vector<float> estimates_, scratch_;
    std::vector<uint32_t> place_;
};

}  // namespace

RescoredLattice rescored(const Lattice& lattice, WordsOfOutputs words, ReplacedNgrams& replaced, SentenceHistory& added,
                         float lattice_beam, uint32_t most) {
    return Expansion(lattice, words, replaced, added, lattice_beam, most).finish(lattice.final_cost(), lattice_beam);
}

}  // namespace neurolect
