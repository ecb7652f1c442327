#include "nbest.hpp"

#include <algorithm>
#include <queue>

#include "token_table.hpp"

namespace neurolect {

namespace {

constexpr uint32_t kNobody = 0xFFFFFFFF;

// A token with the words that follow it, and how it was reached from the end.
struct Entry {
    uint32_t frame;
    uint32_t token;
    uint32_t suffix;
    uint32_t later;     // the entry that this one was reached from
    uint32_t link;      // by this link, into that entry's token
    uint32_t in_frame;  // links of this frame since it was entered from the later one
    float slack;
};

class BackwardSearch {
public:
    BackwardSearch(const Lattice& lattice, WordsOfOutputs words, float beam)
        : lattice_(lattice), words_(words), beam_(beam) {
        uint32_t tokens = 0;
        for (const Frame& frame : lattice.frames()) {
            first_token_.push_back(tokens);
            tokens += static_cast<uint32_t>(frame.cost.size());
        }
        const Frame& end = lattice.frames().back();
        const auto last = static_cast<uint32_t>(lattice.frames().size() - 1);
        for (uint32_t token = 0; token < end.cost.size(); ++token) {
            const float slack = end.cost[token] + lattice.final_cost()[token] - lattice.best_final_cost();
            if (slack <= beam && slack < kInfinity) push({last, token, 0, kNobody, kNoLink, 0, slack});
        }
    }

    // The next path, false if there is none.
    bool next(Path& path) {
        while (!queue_.empty()) {
            const uint32_t from = queue_.top().entry;
            queue_.pop();
            const uint32_t start = follow_best(from);
            if (start == kNobody) continue;
            path.end = entries_[start].token;
            path.steps.clear();
            for (uint32_t e = start; entries_[e].later != kNobody; e = entries_[e].later) {
                path.end = entries_[entries_[e].later].token;
                const uint32_t frame = entries_[entries_[e].later].frame;
                path.steps.push_back({frame, lattice_.frames()[frame].links[entries_[e].link]});
            }
            return true;
        }
        return false;
    }

private:
    struct Queued {
        float slack;
        uint32_t entry;
        bool operator<(const Queued& other) const { return slack > other.slack; }
    };

    void push(const Entry& entry) {
        queue_.push({entry.slack, static_cast<uint32_t>(entries_.size())});
        entries_.push_back(entry);
    }

    // Follows the best links back to the start and queues the others on the way. Returns the entry at the start, or
    // kNobody where the way meets one that was there before.
    uint32_t follow_best(uint32_t at) {
        for (;;) {
            const Entry here = entries_[at];
            if (here.token == Link::kStart) {
                // Of several ways to begin, the first to come out is the best for its words.
                return finished_.find_or_add(here.suffix, 0) == TokenTable::kNone ? at : kNobody;
            }
            const uint64_t place = uint64_t{first_token_[here.frame] + here.token} << 32 | here.suffix;
            if (visited_.find_or_add(place, 0) != TokenTable::kNone) return kNobody;
            const Frame& frame = lattice_.frames()[here.frame];
            Entry best{};
            best.slack = kInfinity;
            for (uint32_t l = frame.first_link[here.token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                const float slack = here.slack + lattice_.slack(here.frame, link, here.token);
                // More links than tokens: a cycle, which could say its words for ever.
                const uint32_t in_frame = link.same_frame() ? here.in_frame + 1 : 0;
                if (slack > beam_ || in_frame > frame.cost.size()) continue;
                const uint32_t before = link.from_before() ? here.frame - 1 : here.frame;
                const Entry entry{before, link.token(), suffix_with(link.output, here.suffix), at, l, in_frame, slack};
                if (slack < best.slack) {
                    if (best.slack < kInfinity) push(best);
                    best = entry;
                } else {
                    push(entry);
                }
            }
            if (best.slack == kInfinity) return kNobody;
            at = static_cast<uint32_t>(entries_.size());
            entries_.push_back(best);
        }
    }

    uint32_t suffix_with(uint32_t output, uint32_t suffix) {
        if (output == 0) return suffix;
        const uint32_t known = suffixes_.find_or_add(uint64_t{suffix} << 32 | words_(output), n_suffixes_);
        return known == TokenTable::kNone ? n_suffixes_++ : known;
    }

    const Lattice& lattice_;
    WordsOfOutputs words_;
    float beam_;
    std::vector<uint32_t> first_token_;
    std::vector<Entry> entries_;
    std::priority_queue<Queued> queue_;
    TokenTable visited_, suffixes_, finished_{256};
    uint32_t n_suffixes_ = 1;
};

}  // namespace

std::vector<Path> best_paths(const Lattice& lattice, WordsOfOutputs words, unsigned n, float beam) {
    std::vector<Path> paths;
    BackwardSearch search(lattice, words, beam);
    for (Path path; paths.size() < n && search.next(path);) paths.push_back(path);
    return paths;
}

}  // namespace neurolect
