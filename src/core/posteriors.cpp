#include "posteriors.hpp"

#include <algorithm>
#include <cmath>

namespace neurolect {

namespace {

// The tokens of a frame, each after those from which links within the frame lead to it.
std::vector<uint32_t> order_within(const Frame& frame) {
    const auto n = static_cast<uint32_t>(frame.cost.size());
    std::vector<uint32_t> order;
    order.reserve(n);
    std::vector<uint8_t> state(n, 0);  // 1: its sources come first, 2: done
    std::vector<uint32_t> waiting;
    for (uint32_t first = 0; first < n; ++first) {
        waiting.push_back(first);
        while (!waiting.empty()) {
            const uint32_t token = waiting.back();
            if (state[token] == 0) {
                state[token] = 1;
                if (!frame.has_epsilons) continue;
                for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                    const Link& link = frame.links[l];
                    if (link.same_frame() && state[link.token()] == 0) waiting.push_back(link.token());
                }
            } else {
                waiting.pop_back();
                if (state[token] == 1) order.push_back(token);
                state[token] = 2;
            }
        }
    }
    return order;
}

// Sums over all paths through a lattice. In a graph, one alignment is as many paths as there are frames in which an
// epsilon can be taken while its state goes on with a blank or with the class before. So that it counts once, what has
// stayed in a state goes along an epsilon only if its target did not go on from the frame before, too.
class PathSums {
public:
    PathSums(const Lattice& lattice, uint32_t blank)
        : lattice_(lattice), frames_(lattice.frames()), blank_(blank), of_frames_(frames_.size()) {
        for (size_t f = 0; f < frames_.size(); ++f) sum_forward(f);
    }

    // say(frame, link, posterior probability) for every link with an output.
    template <class Say>
    void sum_backward(Say&& say) {
        const Frame& end = frames_.back();
        std::vector<double> backward(end.cost.size());
        for (uint32_t token = 0; token < end.cost.size(); ++token) {
            backward[token] = std::exp(-(end.cost[token] + lattice_.final_cost()[token] - lattice_.best_final_cost()));
        }
        for (size_t f = frames_.size(); f-- > 0;) {
            if (!sum_backward(f, backward, say)) break;
        }
    }

private:
    struct OfFrame {
        std::vector<uint32_t> order;
        std::vector<uint32_t> last;    // class of each token
        std::vector<float> weight;     // of each link
        std::vector<uint8_t> goes_on;  // by link: nothing but the frame before is new
        std::vector<uint8_t> has_gone_on;             // by token: some link does
        std::vector<double> entered, stayed;          // what reaches each token, in the scale of the frame
        double scale = 1.0;
    };

    double through(const OfFrame& here, const Link& link, uint32_t token, size_t f) const {
        const uint32_t source = link.token();
        if (!link.same_frame()) return of_frames_[f - 1].entered[source] + of_frames_[f - 1].stayed[source];
        return here.entered[source] + (here.has_gone_on[token] ? 0.0 : here.stayed[source]);
    }

    void sum_forward(size_t f) {
        const Frame& frame = frames_[f];
        OfFrame& here = of_frames_[f];
        const size_t n = frame.cost.size();
        here.order = order_within(frame);
        here.weight.resize(frame.links.size());
        here.goes_on.assign(frame.links.size(), 0);
        here.last.assign(n, blank_);
        here.has_gone_on.assign(n, 0);
        here.entered.assign(n, 0.0);
        here.stayed.assign(n, 0.0);
        double largest = 0.0;
        for (const uint32_t token : here.order) {
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                here.weight[l] = std::exp(-lattice_.slack(f, link, token));
                if (link.from_before()) {
                    here.last[token] = link.label;
                    here.goes_on[l] = link.label == blank_ || link.label == of_frames_[f - 1].last[link.token()];
                    here.has_gone_on[token] |= here.goes_on[l];
                } else if (link.same_frame()) {
                    here.last[token] = here.last[link.token()];
                }
            }
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                double& into = here.goes_on[l] ? here.stayed[token] : here.entered[token];
                into += here.weight[l] * (link.is_start() ? 1.0 : through(here, link, token, f));
            }
            largest = std::max(largest, here.entered[token] + here.stayed[token]);
        }
        if (largest > 0.0) here.scale = 1.0 / largest;
        for (uint32_t token = 0; token < n; ++token) {
            here.entered[token] *= here.scale;
            here.stayed[token] *= here.scale;
        }
    }

    // From the sums behind each token of the frame to those of the frame before. False if no path is left.
    template <class Say>
    bool sum_backward(size_t f, std::vector<double>& backward, Say&& say) {
        const Frame& frame = frames_[f];
        const OfFrame& here = of_frames_[f];
        std::vector<double> before(f > 0 ? frames_[f - 1].cost.size() : 0, 0.0);
        // Behind what has just entered a token; behind what has stayed there is less.
        std::vector<double> entered = backward;
        double all = 0.0;
        for (auto at = here.order.rbegin(); at != here.order.rend(); ++at) {
            const uint32_t token = *at;
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                const double on = here.weight[l] * (here.goes_on[l] ? backward[token] : entered[token]);
                if (link.is_start()) {
                    all += on;
                } else if (link.same_frame()) {
                    entered[link.token()] += on;
                    if (!here.has_gone_on[token]) backward[link.token()] += on;
                } else {
                    before[link.token()] += on;
                    all += on * through(here, link, token, f);
                }
            }
        }
        if (all <= 0.0) return false;
        for (uint32_t token = 0; token < frame.cost.size(); ++token) {
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                if (link.output == 0) continue;
                const double sum = link.same_frame() ? all * here.scale : all;
                const double on = here.weight[l] * (here.goes_on[l] ? backward[token] : entered[token]);
                say(f, link, static_cast<float>(through(here, link, token, f) * on / sum));
            }
        }
        double largest = 0.0;
        for (const double sum : before) largest = std::max(largest, sum);
        for (double& sum : before) sum /= largest > 0.0 ? largest : 1.0;
        backward.swap(before);
        return true;
    }

    const Lattice& lattice_;
    const std::vector<Frame>& frames_;
    uint32_t blank_;
    std::vector<OfFrame> of_frames_;
};

}  // namespace

WordPosteriors::WordPosteriors(const Lattice& lattice, WordsOfOutputs words, uint32_t blank,
                               const std::vector<uint32_t>& times) {
    PathSums(lattice, blank).sum_backward([&](size_t frame, const Link& link, float probability) {
        said_[words(link.output)].push_back({frame > 0 ? times[frame - 1] : 0, probability});
    });
}

float WordPosteriors::probability(uint32_t word, uint32_t begin, uint32_t end) const {
    const auto found = said_.find(word);
    if (found == said_.end()) return 0.0f;
    float sum = 0.0f;
    for (const Said& said : found->second) {
        if (said.frame >= begin && said.frame < end) sum += said.probability;
    }
    return std::min(1.0f, sum);
}

}  // namespace neurolect
