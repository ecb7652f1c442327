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

}  // namespace

WordPosteriors::WordPosteriors(const Lattice& lattice, WordsOfOutputs words, const std::vector<uint32_t>& times) {
    const std::vector<Frame>& frames = lattice.frames();
    // How often the paths to each token, and those from it on, are taken, relative to the best and scaled anew at every
    // frame so that nothing overflows. `entered` is the sum over all paths in the scale of one frame.
    std::vector<std::vector<double>> forward(frames.size());
    std::vector<double> scale(frames.size(), 1.0);
    std::vector<std::vector<float>> weights(frames.size());
    std::vector<std::vector<uint32_t>> orders(frames.size());
    for (size_t f = 0; f < frames.size(); ++f) {
        const Frame& frame = frames[f];
        orders[f] = order_within(frame);
        weights[f].resize(frame.links.size());
        forward[f].assign(frame.cost.size(), 0.0);
        double largest = 0.0;
        for (const uint32_t token : orders[f]) {
            double sum = 0.0;
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                weights[f][l] = std::exp(-lattice.slack(f, link, token));
                sum += weights[f][l] * (link.is_start() ? 1.0 : (link.same_frame() ? forward[f] : forward[f - 1])[link.token()]);
            }
            forward[f][token] = sum;
            largest = std::max(largest, sum);
        }
        if (largest > 0.0) scale[f] = 1.0 / largest;
        for (double& sum : forward[f]) sum *= scale[f];
    }

    const Frame& end = frames.back();
    std::vector<double> backward(end.cost.size()), before;
    for (uint32_t token = 0; token < end.cost.size(); ++token) {
        backward[token] = std::exp(-(end.cost[token] + lattice.final_cost()[token] - lattice.best_final_cost()));
    }
    for (size_t f = frames.size(); f-- > 0;) {
        const Frame& frame = frames[f];
        before.assign(f > 0 ? frames[f - 1].cost.size() : 0, 0.0);
        double all = 0.0;
        for (auto token = orders[f].rbegin(); token != orders[f].rend(); ++token) {
            for (uint32_t l = frame.first_link[*token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                const double on = weights[f][l] * backward[*token];
                if (link.is_start()) {
                    all += on;
                } else if (link.same_frame()) {
                    backward[link.token()] += on;
                } else {
                    before[link.token()] += on;
                    all += on * forward[f - 1][link.token()];
                }
            }
        }
        if (all <= 0.0) break;
        for (uint32_t token = 0; token < frame.cost.size(); ++token) {
            for (uint32_t l = frame.first_link[token]; l != kNoLink; l = frame.links[l].next) {
                const Link& link = frame.links[l];
                if (link.output == 0) continue;
                const double sum = link.same_frame() ? all * scale[f] : all;
                const double to = (link.same_frame() ? forward[f] : forward[f - 1])[link.token()];
                const auto probability = static_cast<float>(to * weights[f][l] * backward[token] / sum);
                said_[words(link.output)].push_back({f > 0 ? times[f - 1] : 0, probability});
            }
        }
        double largest = 0.0;
        for (const double sum : before) largest = std::max(largest, sum);
        for (double& sum : before) sum /= largest > 0.0 ? largest : 1.0;
        backward.swap(before);
    }
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
