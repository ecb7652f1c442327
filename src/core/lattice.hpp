// What a search has seen and may still need: tokens by frame and the links between them.
//
// A token is a place in the search network at a frame, with the cost of the best path to it. Costs are negative natural
// logarithms. Paths to one token that are worse than its best by more than the lattice beam are not kept, nor are
// tokens from which no later token is reached within it, so that memory follows the utterance's doubts, not its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace neurolect {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr uint32_t kNoLink = 0xFFFFFFFF;
constexpr uint32_t kNoLabel = 0xFFFFFFFF;

struct Link {
    static constexpr uint32_t kSameFrame = 0x80000000;
    static constexpr uint32_t kStart = 0x7FFFFFFF;

    uint32_t source;  // a token of the frame before, or with kSameFrame of the same frame; kStart: paths begin here
    uint32_t next;    // the next link into the same token
    uint32_t output;  // 0, or one more than what the network says here
    uint32_t label;   // the class emitted, or kNoLabel
    float graph;      // cost without the acoustic part

    bool same_frame() const { return (source & kSameFrame) != 0; }
    bool is_start() const { return source == kStart; }
    bool from_before() const { return (source & kSameFrame) == 0 && source != kStart; }
    uint32_t token() const { return source & ~kSameFrame; }
};

// Translates a link's output, which is not 0, into a word.
struct WordsOfOutputs {
    const uint32_t* table;  // null: outputs are words and one

    uint32_t operator()(uint32_t output) const { return table ? table[output - 1] : output - 1; }
};

struct Frame {
    std::vector<float> cost;  // of each token's best path, less `offset` of this frame and of those before
    std::vector<uint32_t> first_link;
    std::vector<Link> links;
    std::vector<float> acoustic;  // cost of each class
    std::vector<float> extra;     // how much worse than a best path to a later token is the best through this one
    std::vector<uint64_t> keys;   // what each token is in the network, if the search keeps that
    float offset = 0.0f;
    bool has_epsilons = false;  // links within the frame
    // What the options were, so that a path's cost can be taken apart.
    float acoustic_scale = 1.0f, length_penalty = 0.0f, phoneme_bonus = 0.0f, word_bonus = 0.0f;

    void clear();
    // Everything but tokens and links.
    void copy_settings(const Frame& other);
};

// One way through the lattice, its links in the order of time.
struct Path {
    struct Step {
        uint32_t frame;
        Link link;
    };
    std::vector<Step> steps;
    uint32_t end = 0;  // token of the last frame
};

class Lattice {
public:
    static constexpr unsigned kPruneInterval = 25;

    void clear();

    // A new last frame; its vectors have room from earlier use.
    Frame& add_frame();
    Frame& last() { return frames_.back(); }
    const std::vector<Frame>& frames() const { return frames_; }

    // Drops what no token of the last frame can need.
    void prune(float beam);

    // Drops what is worse than the best path by more than the beam, if tokens of the last frame end with these costs
    // (infinite for those that may not end). The lattice then is complete.
    void finish(const std::vector<float>& final_cost, float beam);

    // The best path to a token of the last frame.
    Path best_path(uint32_t token) const;

    // How much worse than the best path to `token` is the best path to it by way of the link, at least 0.
    float slack(size_t frame, const Link& link, uint32_t token) const;

    const std::vector<float>& final_cost() const { return final_cost_; }
    float best_final_cost() const { return best_final_cost_; }

private:
    std::vector<uint32_t> way_into(size_t frame, uint32_t token) const;
    void prune_from_last(float beam, bool complete);
    void spread_extra(size_t frame, float beam);
    void drop_links(size_t frame, float beam);
    bool drop_tokens(size_t frame, float beam);

    std::vector<Frame> frames_;
    std::vector<Frame> spare_;
    std::vector<float> final_cost_;
    float best_final_cost_ = kInfinity;
    size_t settled_ = 0;  // frames before this one have their `extra` of an earlier pruning
    std::vector<float> earlier_;
    std::vector<uint32_t> place_;
};

}  // namespace neurolect
