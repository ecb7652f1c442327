#include "mixing.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "word_table.hpp"

namespace neurolect {

namespace {

constexpr double kLn10 = 2.302585092994046;

class Mixing {
public:
    Mixing(const std::vector<const NgramStore*>& stores, const std::vector<double>& weights, NgramBuilder& builder)
        : stores_(stores), weights_(weights), builder_(builder), contexts_(kMaxOrder + 1) {
        WordTable words;
        for (const NgramStore* store : stores) {
            for (uint32_t id = 0; id < store->n_words(); ++id) words.add(std::string(store->word(id)));
        }
        for (size_t id = 0; id < words.size(); ++id) vocabulary_.push_back(words[id]);
        for (const NgramStore* store : stores) {
            of_store_.emplace_back();
            of_mixture_.emplace_back(store->n_words());
            for (uint32_t id = 0; id < vocabulary_.size(); ++id) {
                of_store_.back().push_back(store->find(vocabulary_[id]));
                if (of_store_.back().back() != kNoWord) of_mixture_.back()[of_store_.back().back()] = id;
            }
        }
        for (std::vector<uint32_t>& contexts : contexts_) contexts.assign(stores.size(), kEmptyContext);
    }

    void add_all() {
        for (uint32_t id = 0; id < vocabulary_.size(); ++id) {
            builder_.add_word(vocabulary_[id], mean(0, id).log10, 0.0f);
        }
        for (size_t store = 0; store < stores_.size(); ++store) {
            for (uint32_t word = 0; word < stores_[store]->n_words(); ++word) {
                words_[0] = of_mixture_[store][word];
                mean(0, words_[0]);
                add_children(store, 0, word);
            }
        }
    }

private:
    struct Mean {
        float log10;
        size_t first_store;  // that lists the n-gram
    };

    // Of a word after the contexts at a depth; sets those after the word.
    Mean mean(unsigned depth, uint32_t word) {
        double sum = 0.0;
        size_t first_store = stores_.size();
        for (size_t store = stores_.size(); store-- > 0;) {
            const uint32_t own = of_store_[store][word];
            contexts_[depth + 1][store] = kEmptyContext;
            if (own == kNoWord) continue;
            const uint32_t context = contexts_[depth][store];
            const NgramStore::Score found = stores_[store]->score(context, own);
            sum += weights_[store] * std::exp(kLn10 * found.log10);
            // The store tells <unk> apart from words that are found.
            const uint32_t listed = found.matched > 0 ? found.matched : stores_[store]->listed_length(context, own);
            if (listed == depth + 1) first_store = store;
            contexts_[depth + 1][store] = found.context;
        }
        return {sum > 0.0 ? std::max(-99.0f, static_cast<float>(std::log10(sum))) : -99.0f, first_store};
    }

    void add_children(size_t store, unsigned level, uint64_t index) {
        const auto [begin, end] = stores_[store]->children(level, index);
        for (uint64_t i = begin; i < end; ++i) {
            words_[level + 1] = of_mixture_[store][stores_[store]->last_word(level + 1, i)];
            const Mean found = mean(level + 1, words_[level + 1]);
            if (found.first_store == store) builder_.add_ngram(words_, level + 2, found.log10, 0.0f);
            if (level + 2 < stores_[store]->order()) add_children(store, level + 1, i);
        }
    }

    const std::vector<const NgramStore*>& stores_;
    const std::vector<double>& weights_;
    NgramBuilder& builder_;
    std::vector<std::string> vocabulary_;
    std::vector<std::vector<uint32_t>> of_store_;    // by model and word of the mixture: the model's word
    std::vector<std::vector<uint32_t>> of_mixture_;  // by model and word of the model: the mixture's word
    std::vector<std::vector<uint32_t>> contexts_;    // by depth and model, along the n-gram at hand
    uint32_t words_[kMaxOrder];
};

}  // namespace

void mix(const std::vector<const NgramStore*>& stores, const std::vector<double>& weights, NgramBuilder& builder) {
    Mixing(stores, weights, builder).add_all();
}

}  // namespace neurolect
