#include "lattice.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace neurolect {

void Frame::clear() {
    cost.clear();
    first_link.clear();
    links.clear();
    acoustic.clear();
    extra.clear();
    keys.clear();
    offset = 0.0f;
    has_epsilons = false;
}

void Frame::copy_settings(const Frame& other) {
    acoustic = other.acoustic;
    offset = other.offset;
    has_epsilons = other.has_epsilons;
    acoustic_scale = other.acoustic_scale;
    length_penalty = other.length_penalty;
    phoneme_bonus = other.phoneme_bonus;
    word_bonus = other.word_bonus;
}

void Lattice::clear() {
    for (Frame& frame : frames_) {
        if (spare_.size() <= kPruneInterval) spare_.push_back(std::move(frame));
    }
    frames_.clear();
    final_cost_.clear();
    best_final_cost_ = kInfinity;
    settled_ = 0;
}

Frame& Lattice::add_frame() {
    if (spare_.empty()) {
        frames_.emplace_back();
    } else {
        frames_.push_back(std::move(spare_.back()));
        spare_.pop_back();
        frames_.back().clear();
    }
    return frames_.back();
}

float Lattice::slack(size_t frame, const Link& link, uint32_t token) const {
    constexpr float kRounding = 2e-6f;
    const Frame& here = frames_[frame];
    const float to = here.cost[token];
    float from, size;
    if (!link.from_before()) {
        from = (link.is_start() ? 0.0f : here.cost[link.token()]) + link.graph;
        size = std::abs(link.graph);
    } else {
        const float acoustic = here.acoustic[link.label];
        from = frames_[frame - 1].cost[link.token()] + here.offset + acoustic + link.graph;
        size = std::abs(here.offset) + std::abs(acoustic) + std::abs(link.graph);
    }
    // Rounding must not make a best path look worse than it is, the less so the longer it gets.
    return from - to <= kRounding * (1.0f + size + std::abs(to)) ? 0.0f : from - to;
}

void Lattice::prune(float beam) {
    frames_.back().extra.assign(frames_.back().cost.size(), 0.0f);
    prune_from_last(beam, false);
}

void Lattice::finish(const std::vector<float>& final_cost, float beam) {
    Frame& end = frames_.back();
    final_cost_ = final_cost;
    best_final_cost_ = kInfinity;
    for (size_t i = 0; i < end.cost.size(); ++i)
        best_final_cost_ = std::min(best_final_cost_, end.cost[i] + final_cost[i]);
    end.extra.resize(end.cost.size());
    for (size_t i = 0; i < end.cost.size(); ++i) end.extra[i] = end.cost[i] + final_cost[i] - best_final_cost_;
    prune_from_last(beam, true);
}

void Lattice::prune_from_last(float beam, bool complete) {
    for (size_t frame = frames_.size(); frame-- > 0;) {
        spread_extra(frame, beam);
        drop_links(frame, beam);
        const bool is_last = frame + 1 == frames_.size();
        // The search knows the last frame's tokens by their places.
        if (!is_last) {
            const bool as_before = !drop_tokens(frame, beam) && frame < settled_ && frames_[frame].extra == earlier_;
            if (as_before && !complete) break;
        }
        if (frame == 0) break;
        Frame& before = frames_[frame - 1];
        earlier_.swap(before.extra);
        before.extra.assign(before.cost.size(), kInfinity);
        const Frame& here = frames_[frame];
        for (uint32_t token = 0; token < here.first_link.size(); ++token) {
            for (uint32_t place = here.first_link[token]; place != kNoLink; place = here.links[place].next) {
                const Link& link = here.links[place];
                if (!link.from_before()) continue;
                float& extra = before.extra[link.token()];
                extra = std::min(extra, here.extra[token] + slack(frame, link, token));
            }
        }
    }
    settled_ = frames_.size() - 1;
}

// Along the links within a frame.
void Lattice::spread_extra(size_t frame, float beam) {
    Frame& here = frames_[frame];
    if (!here.has_epsilons) return;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t token = static_cast<uint32_t>(here.cost.size()); token-- > 0;) {
            if (here.extra[token] > beam) continue;
            for (uint32_t place = here.first_link[token]; place != kNoLink; place = here.links[place].next) {
                const Link& link = here.links[place];
                if (!link.same_frame()) continue;
                const float extra = here.extra[token] + slack(frame, link, token);
                if (extra < here.extra[link.token()]) {
                    here.extra[link.token()] = extra;
                    // A token that comes earlier has its turn still to come.
                    changed |= link.token() > token;
                }
            }
        }
    }
}

void Lattice::drop_links(size_t frame, float beam) {
    Frame& here = frames_[frame];
    for (uint32_t token = 0; token < here.first_link.size(); ++token) {
        uint32_t* into = &here.first_link[token];
        if (here.extra[token] > beam) {
            *into = kNoLink;
            continue;
        }
        while (*into != kNoLink) {
            Link& link = here.links[*into];
            if (here.extra[token] + slack(frame, link, token) > beam) *into = link.next;
            else into = &link.next;
        }
    }
}

// Returns whether there were any to drop.
bool Lattice::drop_tokens(size_t frame, float beam) {
    Frame& here = frames_[frame];
    const auto is_needed = [&](uint32_t token) { return here.extra[token] <= beam; };
    place_.resize(here.cost.size());
    uint32_t kept = 0;
    for (uint32_t token = 0; token < here.cost.size(); ++token) {
        if (is_needed(token)) place_[token] = kept++;
    }
    const bool all = kept == here.cost.size();
    size_t n_links = 0;
    for (uint32_t token = 0; token < here.cost.size(); ++token) {
        for (uint32_t place = here.first_link[token]; place != kNoLink; place = here.links[place].next) ++n_links;
    }
    if (all && n_links == here.links.size()) return false;

    // What a frame keeps is far less than what it had; its large vectors go to the next frame.
    Frame settled;
    settled.copy_settings(here);
    settled.cost.reserve(kept);
    settled.first_link.reserve(kept);
    settled.extra.reserve(kept);
    settled.links.reserve(n_links);
    for (uint32_t token = 0; token < here.cost.size(); ++token) {
        if (!is_needed(token)) continue;
        settled.cost.push_back(here.cost[token]);
        settled.extra.push_back(here.extra[token]);
        if (!here.keys.empty()) settled.keys.push_back(here.keys[token]);
        uint32_t first = kNoLink;
        for (uint32_t place = here.first_link[token]; place != kNoLink; place = here.links[place].next) {
            Link link = here.links[place];
            if (link.same_frame()) link.source = place_[link.token()] | Link::kSameFrame;
            link.next = first;
            first = static_cast<uint32_t>(settled.links.size());
            settled.links.push_back(link);
        }
        settled.first_link.push_back(first);
    }
    // Along the chains, since links that were dropped from them may come from tokens long gone.
    Frame& following = frames_[frame + 1];
    for (const uint32_t first : following.first_link) {
        for (uint32_t place = first; place != kNoLink; place = following.links[place].next) {
            Link& link = following.links[place];
            if (link.from_before()) link.source = place_[link.token()];
        }
    }
    std::swap(here, settled);
    if (frame >= settled_ && spare_.size() <= kPruneInterval) spare_.push_back(std::move(settled));
    return true;
}

Path Lattice::best_path(uint32_t token) const {
    Path path;
    path.end = token;
    for (size_t frame = frames_.size(); frame-- > 0;) {
        const std::vector<uint32_t> way = way_into(frame, token);
        for (const uint32_t place : way)
            path.steps.push_back({static_cast<uint32_t>(frame), frames_[frame].links[place]});
        if (way.empty() || path.steps.back().link.is_start()) break;
        token = path.steps.back().link.token();
    }
    std::reverse(path.steps.begin(), path.steps.end());
    return path;
}

// The best links from the frame before, or the start, to a token, the last one first. The shortest of equal ways is
// never one that runs round a cycle which costs nothing.
std::vector<uint32_t> Lattice::way_into(size_t frame, uint32_t token) const {
    struct Reached {
        uint32_t token, link;
        size_t from;  // among those reached
    };
    const Frame& here = frames_[frame];
    std::vector<Reached> reached = {{token, kNoLink, 0}};
    for (size_t at = 0; at < reached.size(); ++at) {
        const uint32_t target = reached[at].token;
        float least = kInfinity;
        for (uint32_t place = here.first_link[target]; place != kNoLink; place = here.links[place].next) {
            least = std::min(least, slack(frame, here.links[place], target));
        }
        for (uint32_t place = here.first_link[target]; place != kNoLink; place = here.links[place].next) {
            const Link& link = here.links[place];
            if (slack(frame, link, target) > least) continue;
            if (!link.same_frame()) {
                std::vector<uint32_t> way = {place};
                for (size_t i = at; i > 0; i = reached[i].from) way.push_back(reached[i].link);
                std::reverse(way.begin(), way.end());
                return way;
            }
            const auto is_source = [&](const Reached& each) { return each.token == link.token(); };
            if (std::none_of(reached.begin(), reached.end(), is_source)) reached.push_back({link.token(), place, at});
        }
    }
    return {};
}

}  // namespace neurolect
