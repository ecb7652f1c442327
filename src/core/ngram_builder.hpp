// Builds an n-gram store from n-grams in any order, in memory that does not grow with their number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mapped_file.hpp"
#include "ngram_links.hpp"
#include "ngram_store.hpp"
#include "sorted_ngrams.hpp"
#include "word_table.hpp"

namespace neurolect {

class NgramBuilder {
public:
    // `folder` takes the temporary files; n-grams are sorted in memory, `buffer_bytes` at a time over all orders.
    NgramBuilder(unsigned order, const std::string& folder, size_t buffer_bytes);
    NgramBuilder(const NgramBuilder&) = delete;
    NgramBuilder& operator=(const NgramBuilder&) = delete;

    // The vocabulary, in the order of the word ids. False if the word is there already.
    bool add_word(std::string word, float log10, float backoff);
    uint32_t find(std::string_view word) const { return words_.find(word); }
    uint32_t n_words() const { return static_cast<uint32_t>(words_.size()); }
    unsigned order() const { return order_; }

    // An n-gram of 2 … order words that are in the vocabulary.
    void add_ngram(const uint32_t* words, unsigned length, float log10, float backoff);

    // What was added are
    // * probabilities and back-offs of a model (`kGiven`),
    // * each order's own share of its probabilities, to which those of the order below, times the context's back-off,
    //   are to be added (`kInterpolated`), or
    // * probabilities alone: back-offs are to make those of each context sum to 1 (`kWithoutBackoffs`).
    enum class Values { kGiven, kInterpolated, kWithoutBackoffs };

    // Writes the store, once; the same on any number of threads. Throws DataError for an n-gram that occurs twice.
    void write(const std::string& path, unsigned value_bits, Values values = Values::kGiven, unsigned n_threads = 1);

private:
    void complete(const NgramLinks& links, Values values, unsigned n_threads);
    void complete_context(const NgramLinks& links, Values values, unsigned k, uint64_t parent);
    void renormalise(const NgramLinks& links, unsigned k, uint64_t parent);
    void write_level(const StoreHeader& header, const NgramLinks& links, unsigned k, FileMemory& file);
    void release_pages(const NgramLinks& links) const;
    float checked(float log10, const uint32_t* words, unsigned length) const;
    std::string text_of(const uint32_t* words, unsigned length) const;

    unsigned order_;
    std::string folder_;
    WordTable words_;
    std::vector<SortedNgrams> levels_;
};

}  // namespace neurolect
