// A finished lattice under another n-gram model: what the search's own n-grams cost goes out, what the others cost in.
//
// The other model may tell more histories apart, so a token becomes as many as there are histories with which the
// lattice reaches it. Nothing is lost unless these are more than a given number in a frame. Then those stay that are
// best by their cost so far and by what the lattice, under the search's own n-grams, says is still to come.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lattice.hpp"
#include "lexicon_network.hpp"
#include "sentence_history.hpp"

namespace neurolect {

struct LatticeModels {
    std::shared_ptr<const LanguageModel> added;
    std::shared_ptr<const LanguageModel> replaced;  // null: what the network counted itself
};

// What the n-grams that go out cost along a path. Histories are numbers.
class ReplacedNgrams {
public:
    struct Said {
        float cost;
        uint32_t history;
    };

    virtual ~ReplacedNgrams() = default;
    virtual uint32_t start() = 0;
    // Of the word that the link says on its way to a token of the frame.
    virtual Said say(uint32_t history, size_t frame, const Link& link, uint32_t token) = 0;
    // Of the end of the sentence after a token of the last frame.
    virtual float end(uint32_t history, uint32_t token) = 0;
};

// Those of a model, counted along the words: for graphs, whose tokens do not tell what their n-grams were.
class NgramsOfModel : public ReplacedNgrams {
public:
    NgramsOfModel(std::shared_ptr<const LanguageModel> model, WordsOfOutputs words)
        : history_(std::move(model), nullptr, kNoWord), words_(words) {}

    uint32_t start() override { return history_.start(); }
    Said say(uint32_t history, size_t, const Link& link, uint32_t) override {
        return said(history_, history, words_(link.output));
    }
    float end(uint32_t history, uint32_t) override { return history_.end_cost(history); }

    // The one way to say a word after a history that has no guidance, and whose model does not back off as in a graph.
    static Said said(SentenceHistory& histories, uint32_t history, uint32_t word) {
        Said said{0.0f, 0};
        histories.advance(history, word, [&](float cost, uint32_t after) { said = {cost, after}; });
        return said;
    }

private:
    SentenceHistory history_;
    WordsOfOutputs words_;
};

// Those of the search over a lexicon, whose tokens' keys, which the lattice must have, tell what they were.
class NgramsOfLexicon : public ReplacedNgrams {
public:
    NgramsOfLexicon(const LexiconNetwork<SentenceHistory>& network, const Lattice& lattice)
        : network_(network), lattice_(lattice) {}

    uint32_t start() override { return 0; }
    Said say(uint32_t, size_t frame, const Link& link, uint32_t token) override {
        const std::vector<Frame>& frames = lattice_.frames();
        const uint64_t before = frames[frame - 1].keys[link.token()], after = frames[frame].keys[token];
        return {network_.ngram_cost(before, link.output, after), 0};
    }
    float end(uint32_t, uint32_t token) override {
        return network_.ngram_end_cost(lattice_.frames().back().keys[token]);
    }

private:
    const LexiconNetwork<SentenceHistory>& network_;
    const Lattice& lattice_;
};

struct RescoredLattice {
    Lattice lattice;
    std::vector<uint32_t> tokens;  // of the lattice it was made of, by token of the last frame
};

// The lattice that results is complete, and has about `most` tokens a frame at most.
RescoredLattice rescored(const Lattice& lattice, WordsOfOutputs words, ReplacedNgrams& replaced, SentenceHistory& added,
                         float lattice_beam, uint32_t most);

}  // namespace neurolect
