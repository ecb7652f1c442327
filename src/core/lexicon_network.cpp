#include "lexicon_network.hpp"

#include <algorithm>
#include <unordered_map>

namespace neurolect {

namespace {

// Cost of each node's look-ahead with the words that are allowed and the bonus that a first word earns.
std::vector<float> look_ahead_costs(const LexiconTree& tree, float weight, const Guidance* guidance) {
    const size_t n = tree.parents.size();
    std::vector<float> costs(n);
    if (!guidance || (guidance->allowed.empty() && guidance->first_words.empty())) {
        for (size_t node = 0; node < n; ++node) costs[node] = -weight * tree.nodes[node].look_ahead;
        return costs;
    }
    std::vector<float> word_costs(tree.unigrams.size());
    for (size_t word = 0; word < word_costs.size(); ++word) {
        const bool allowed = guidance->allowed.empty() || guidance->allowed[word];
        word_costs[word] = allowed ? -weight * tree.unigrams[word] : kInfinity;
    }
    for (const auto& [word, bonus] : guidance->first_words) word_costs[word] -= std::max(0.0f, bonus);
    std::fill(costs.begin(), costs.end(), kInfinity);
    // Children stand after their parents.
    for (size_t node = n; node-- > 0;) {
        for (uint32_t place = tree.nodes[node].first_word; place < tree.nodes[node + 1].first_word; ++place) {
            costs[node] = std::min(costs[node], word_costs[tree.words[place]]);
        }
        if (node > 0) costs[tree.parents[node]] = std::min(costs[tree.parents[node]], costs[node]);
    }
    // The root is a place to be even if no word is allowed.
    if (!(costs[0] < kInfinity)) costs[0] = 0.0f;
    return costs;
}

// Of every node of the phrases, the nodes of the tree one step before the end of a word that goes on, ascending.
std::vector<std::vector<uint32_t>> last_steps_of(const LexiconTree& tree, const PhraseBonuses& phrases) {
    std::unordered_map<uint32_t, std::vector<uint32_t>> before;  // by word
    std::vector<std::vector<uint32_t>> steps(phrases.n_nodes());
    for (uint32_t phrase = 1; phrase < steps.size(); ++phrase) {
        for (const uint32_t word : phrases.words_ahead(phrase)) before[word];
    }
    if (before.empty()) return steps;
    for (uint32_t node = 1; node < tree.parents.size(); ++node) {
        for (uint32_t place = tree.nodes[node].first_word; place < tree.nodes[node + 1].first_word; ++place) {
            const auto found = before.find(tree.words[place]);
            if (found != before.end()) found->second.push_back(tree.parents[node]);
        }
    }
    for (uint32_t phrase = 1; phrase < steps.size(); ++phrase) {
        for (const uint32_t word : phrases.words_ahead(phrase)) {
            steps[phrase].insert(steps[phrase].end(), before[word].begin(), before[word].end());
        }
        std::sort(steps[phrase].begin(), steps[phrase].end());
    }
    return steps;
}

}  // namespace

LexiconPlan::LexiconPlan(std::shared_ptr<const LexiconTree> shared_tree,
                         std::shared_ptr<const LanguageModel> shared_model,
                         std::shared_ptr<const Guidance> shared_guidance)
    : tree(std::move(shared_tree)),
      model(std::move(shared_model)),
      guidance(std::move(shared_guidance)),
      look_ahead(look_ahead_costs(*tree, model->weight, guidance.get())) {
    if (!guidance) return;
    last_steps = last_steps_of(*tree, guidance->phrases);
    for (const uint32_t word : guidance->prefix) {
        std::vector<uint32_t> nodes;
        for (uint32_t node = 0; node < tree->parents.size(); ++node) {
            const auto first = tree->words.begin() + tree->nodes[node].first_word;
            const auto last = tree->words.begin() + tree->nodes[node + 1].first_word;
            if (std::find(first, last, word) == last) continue;
            for (uint32_t on_the_way = node; on_the_way != 0; on_the_way = tree->parents[on_the_way]) {
                nodes.push_back(on_the_way);
            }
        }
        std::sort(nodes.begin(), nodes.end());
        ways.emplace_back(word, std::move(nodes));
    }
}

bool LexiconPlan::leads_to(uint32_t node, uint32_t word) const {
    for (const auto& [wanted, nodes] : ways) {
        if (wanted == word) return std::binary_search(nodes.begin(), nodes.end(), node);
    }
    return false;
}

}  // namespace neurolect
