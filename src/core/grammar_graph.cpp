#include "grammar_graph.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "text.hpp"

namespace neurolect {

namespace {

constexpr float kNever = -99.0f;  // the custom of ARPA files for a probability of 0

float log10_of_cost(float cost) { return static_cast<float>(-cost / 2.302585092994046); }

}  // namespace

GrammarGraph::GrammarGraph(const GraphFile& graph, const std::vector<std::string>& words, uint32_t backoff,
                           const std::string& folder)
    : graph_(graph),
      words_(words),
      backoff_(backoff),
      start_word_(static_cast<uint32_t>(words.size())),
      end_word_(start_word_ + 1),
      memory_(FileMemory::scratch(folder, size_t{12} * graph.n_states())) {
    root_ = without_history();
    has_start_ = graph.start() != root_;
    const uint32_t after_start = has_start_ ? kNone : after_first_word(root_);
    // Of single words the start is a copy of the state that all words lead to.
    if (after_start != kNone && backoff_of(after_start).state == kNone) root_ = after_start;
    name_histories();
}

void GrammarGraph::add_to(NgramBuilder& builder) const {
    std::vector<uint32_t> ids(words_.size() + 2, kNoWord);
    const auto add_word = [&](uint32_t label, const std::string& word, float log10, float backoff) {
        ids[label] = builder.n_words();
        if (!builder.add_word(word, log10, backoff)) wrong("the word " + quoted(word) + " occurs twice");
    };
    const auto backoff_after = [this](uint32_t from, uint32_t word, uint32_t state) {
        return is_own(state, from, word) ? log10_of_cost(backoff_of(state).cost) : 0.0f;
    };
    if (has_start_) {
        add_word(start_word_, "<s>", kNever, log10_of_cost(backoff_of(graph_.start()).cost));
    }
    uint32_t labels[kMaxOrder], ngram[kMaxOrder];
    for (uint32_t place = 0; place < n_named_; ++place) {
        const uint32_t here = queue()[place];
        const unsigned length = history(here, labels);
        for (unsigned i = 0; i < length; ++i) ngram[i] = ids[labels[i]];
        const auto add = [&](uint32_t label, float log10, float backoff) {
            if (here == root_) {
                add_word(label, label == end_word_ ? "</s>" : words_[label], log10, backoff);
                return;
            }
            if (ids[label] == kNoWord) wrong("a word that is in an n-gram has no probability of its own");
            ngram[length] = ids[label];
            builder.add_ngram(ngram, length + 1, log10, backoff);
        };
        const GraphFile::State state = graph_.state(here);
        for (uint32_t i = 0; i < state.n_arcs; ++i) {
            const GraphFile::Arc arc = graph_.arc(state, i);
            if (static_cast<uint32_t>(arc.input) == backoff_) continue;
            const uint32_t word = word_of(arc);
            add(word, log10_of_cost(arc.weight), backoff_after(here, word, static_cast<uint32_t>(arc.next)));
        }
        const float end = graph_.final_cost(here);
        if (std::isfinite(end)) add(end_word_, log10_of_cost(end), 0.0f);
    }
}

GrammarGraph::Backoff GrammarGraph::backoff_of(uint32_t number) const {
    const GraphFile::State state = graph_.state(number);
    // Sorted by label it comes last, for it is numbered after the words.
    for (uint32_t i = state.n_arcs; i-- > 0;) {
        const GraphFile::Arc arc = graph_.arc(state, i);
        if (static_cast<uint32_t>(arc.input) == backoff_) return {arc.weight, static_cast<uint32_t>(arc.next)};
        if (graph_.is_sorted() && static_cast<uint32_t>(arc.input) < backoff_) break;
    }
    return {0.0f, kNone};
}

uint32_t GrammarGraph::without_history() const {
    uint32_t state = graph_.start();
    for (unsigned steps = 0; steps < kMaxOrder; ++steps) {
        const Backoff shorter = backoff_of(state);
        if (shorter.state == kNone) return state;
        state = shorter.state;
    }
    wrong("backing off does not end");
}

uint32_t GrammarGraph::after_first_word(uint32_t number) const {
    const GraphFile::State state = graph_.state(number);
    return state.n_arcs > 0 ? static_cast<uint32_t>(graph_.arc(state, 0).next) : kNone;
}

// Breadth first, so that an arc to a state that has a name leads to a shorter history or one of the same length.
void GrammarGraph::name_histories() {
    std::fill(parents(), parents() + graph_.n_states(), kNone);
    name(root_, root_, kNone);
    uint32_t labels[kMaxOrder + 1];
    for (uint32_t place = 0; place < n_named_; ++place) {
        const uint32_t here = queue()[place];
        const unsigned length = history(here, labels);
        const GraphFile::State state = graph_.state(here);
        const bool has_ngrams = leads_on(here);
        if (has_ngrams && length == kMaxOrder) {
            wrong("histories of more than " + std::to_string(kMaxOrder - 1) + " words");
        }
        if (has_ngrams) order_ = std::max(order_, length + 1);
        for (uint32_t i = 0; i < state.n_arcs; ++i) {
            const GraphFile::Arc arc = graph_.arc(state, i);
            if (static_cast<uint32_t>(arc.input) == backoff_) continue;
            const auto next = static_cast<uint32_t>(arc.next);
            labels[length] = word_of(arc);
            if (parents()[next] != kNone) {
                require_suffix(labels, length + 1, next);
                continue;
            }
            if (length + 1 < kMaxOrder || leads_on(next)) name(next, here, labels[length]);
            const Backoff shorter = backoff_of(next);
            if (shorter.state == kNone) wrong("a history cannot be shortened");
        }
        // After the words, before the histories of two words, some of which begin with it.
        if (here == root_ && has_start_) name(graph_.start(), root_, start_word_);
    }
    order_ = std::max(order_, has_start_ ? 2u : 1u);
}

void GrammarGraph::name(uint32_t state, uint32_t from, uint32_t word) {
    if (parents()[state] != kNone) wrong("a word leads to the start of the sentence");
    parents()[state] = from;
    last_words()[state] = word;
    queue()[n_named_++] = state;
}

uint32_t GrammarGraph::word_of(const GraphFile::Arc& arc) const {
    const auto label = static_cast<uint32_t>(arc.input);
    if (arc.input != arc.output) wrong("an arc reads one word and writes another");
    if (label == 0) wrong("an arc reads nothing");
    if (label >= words_.size() || words_[label].empty()) wrong("label " + std::to_string(label) + " is not a word");
    if (words_[label] == "<s>" || words_[label] == "</s>") wrong(words_[label] + " is a word of it");
    return label;
}

// The labels of a state's history, the oldest first; up to kMaxOrder.
unsigned GrammarGraph::history(uint32_t state, uint32_t* words) const {
    unsigned length = 0;
    for (; state != root_; state = parents()[state]) words[length++] = last_words()[state];
    std::reverse(words, words + length);
    return length;
}

// An n-gram of the highest order leads to what is left of it as a history.
void GrammarGraph::require_suffix(const uint32_t* words, unsigned length, uint32_t state) const {
    // Where no n-gram goes on, one state may stand for several histories, and only how it shortens them counts.
    if (!leads_on(state) && backoff_of(state).state != kNone) state = backoff_of(state).state;
    if (parents()[state] == kNone) wrong("a history is shortened to one that no word leads to");
    uint32_t found[kMaxOrder];
    const unsigned n_found = history(state, found);
    if (n_found >= length || !std::equal(found, found + n_found, words + (length - n_found))) {
        wrong("a word leads to a history that it does not end");
    }
}

bool GrammarGraph::leads_on(uint32_t number) const {
    const GraphFile::State state = graph_.state(number);
    if (state.n_arcs > 1 || std::isfinite(graph_.final_cost(number))) return true;
    return state.n_arcs == 1 && static_cast<uint32_t>(graph_.arc(state, 0).input) != backoff_;
}

void GrammarGraph::wrong(const std::string& what) const {
    throw DataError(graph_.path() + ": not the graph of an n-gram model: " + what);
}

}  // namespace neurolect
