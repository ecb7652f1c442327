// The n-grams of a back-off model that only exists as a graph of words, Kaldi's G.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph_file.hpp"
#include "mapped_file.hpp"
#include "ngram_builder.hpp"

namespace neurolect {

// Reads G as Kaldi's arpa2fst makes it and the brain-to-text reference finishes it: a state is a history, an arc an
// n-gram, a final cost the end of a sentence; backing off has a label of its own, and <s> is where the graph starts.
class GrammarGraph {
public:
    // `words` by label; `backoff` is the label of backing off. `folder` takes a temporary file of 12 bytes a state.
    // Throws DataError if the graph is not of this form.
    GrammarGraph(const GraphFile& graph, const std::vector<std::string>& words, uint32_t backoff,
                 const std::string& folder);

    unsigned order() const { return order_; }

    // Adds all words and n-grams with their probabilities and back-offs.
    void add_to(NgramBuilder& builder) const;

private:
    static constexpr uint32_t kNone = 0xFFFFFFFF;

    struct Backoff {
        float cost;
        uint32_t state;  // kNone in the state without a history
    };

    Backoff backoff_of(uint32_t state) const;
    uint32_t without_history() const;
    uint32_t after_first_word(uint32_t state) const;
    void name_histories();
    void name(uint32_t state, uint32_t from, uint32_t word);
    uint32_t word_of(const GraphFile::Arc& arc) const;
    bool is_own(uint32_t state, uint32_t from, uint32_t word) const {
        return parents()[state] == from && last_words()[state] == word;
    }
    unsigned history(uint32_t state, uint32_t* words) const;
    void require_suffix(const uint32_t* words, unsigned length, uint32_t state) const;
    bool leads_on(uint32_t state) const;
    [[noreturn]] void wrong(const std::string& what) const;

    // By state: the history without its last word, and that word; then states in the order of their histories' lengths.
    uint32_t* parents() { return reinterpret_cast<uint32_t*>(memory_.data()); }
    const uint32_t* parents() const { return reinterpret_cast<const uint32_t*>(memory_.data()); }
    uint32_t* last_words() { return parents() + graph_.n_states(); }
    const uint32_t* last_words() const { return parents() + graph_.n_states(); }
    uint32_t* queue() { return last_words() + graph_.n_states(); }
    const uint32_t* queue() const { return last_words() + graph_.n_states(); }

    const GraphFile& graph_;
    const std::vector<std::string>& words_;
    uint32_t backoff_, start_word_, end_word_;  // labels; the last two are made up
    FileMemory memory_;
    uint32_t root_ = 0, n_named_ = 0;  // the state without a history; states that have a name
    bool has_start_ = false;           // <s> is a history
    unsigned order_ = 1;
};

}  // namespace neurolect
