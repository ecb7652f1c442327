// The n-grams of a binary file of KenLM, where it is a trie.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mapped_file.hpp"
#include "ngram_builder.hpp"

namespace neurolect {

// A trie from the last word of an n-gram backwards: `build_binary trie`, with or without -q, -b and -a, as of KenLM's
// file format 5. Whatever the file says is checked before it is followed.
class KenlmTrie {
public:
    // Throws DataError for other files, such as KenLM's hash tables, in which an n-gram's words cannot be found.
    explicit KenlmTrie(const std::string& path);

    unsigned order() const { return static_cast<unsigned>(counts_.size()); }

    // Adds all words, with the letters A to Z made small where that is asked for, and all n-grams.
    void add_to(NgramBuilder& builder, bool lower_case) const;

private:
    // The n-grams of one length, packed: last word, back-off and probability, where the longer ones begin.
    struct Level {
        const uint8_t* records;
        unsigned record_bits, next_bits;
        const uint8_t* next_tops;  // records at which what is above `next_bits` grows by one; null if nothing is
        uint64_t n_next_tops;
        const uint8_t *probabilities, *backoffs;  // tables of quantised values, or null
    };
    struct Ngram {
        uint32_t word;
        float log10, backoff;
    };

    void read_quantisation(unsigned n_middle);
    void read_unigrams();
    Level read_level(unsigned length);
    void read_words();
    Ngram ngram(unsigned length, uint64_t index) const;
    uint64_t first_longer(unsigned length, uint64_t index) const;
    void add_longer(unsigned length, uint64_t index, uint32_t* first_word, const std::vector<uint32_t>& ids,
                    NgramBuilder& builder) const;
    const uint8_t* take(uint64_t bytes);
    [[noreturn]] void damaged() const;

    std::string path_;
    MappedFile file_;
    uint64_t position_ = 0;  // while the file is being opened
    std::vector<uint64_t> counts_;
    unsigned word_bits_ = 0, probability_bits_ = 31, backoff_bits_ = 32;
    bool is_quantised_ = false, has_next_tops_ = false;
    const uint8_t* tables_ = nullptr;
    const uint8_t* unigrams_ = nullptr;
    std::vector<Level> levels_;  // from two words on
    std::vector<std::string> words_;
};

}  // namespace neurolect
