// A back-off n-gram model in one memory-mapped file: a forward trie whose levels are packed arrays.
//
// Level k holds the n-grams of k + 1 words in the order of their word ids. A record is
//
//     suffix       the same n-gram without its first word: a position in the level below; level 0 has none
//     probability  log10, as float32 or as a position in a table of 256
//     back-off     likewise; the highest order has none. It is −0 for n-grams that were missing although longer ones
//                  need them, unless it had to be fitted; 8 bits do not keep the sign
//     first child  where the n-grams that go on from here begin in the level above; the highest order has none
//
// and each level ends with one more record that closes the last range. The last word of an n-gram is the last word of
// its suffix, so no record holds a word: among the children of a context, which ascend by suffix, the one to find is
// the child whose suffix is the n-gram already found one order lower.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bits.hpp"
#include "mapped_file.hpp"

namespace neurolect {

constexpr unsigned kMaxOrder = 8;
constexpr uint32_t kNoWord = 0xFFFFFFFF;
constexpr uint64_t kMostNgrams = 0xFFFFFFF0;  // of one order
constexpr uint32_t kEmptyContext = 0;
constexpr float kUnknownLog10 = -100.0f;  // KenLM's choice for models without <unk>
constexpr float kLargestLog10 = 1e5f;     // of a probability or back-off, either way; beyond it is damage
constexpr uint32_t kStoreVersion = 1;
constexpr unsigned kCodes = 256;

struct StoreSection {
    uint64_t offset;
    uint64_t bytes;
    uint64_t checksum;
};

struct StoreHeader {
    char magic[8];
    uint32_t version;
    uint32_t order;
    uint64_t file_bytes;
    uint32_t value_bits;  // 32 or 8; unigrams always have 32
    uint32_t start_word, end_word, unknown_word;
    uint64_t counts[kMaxOrder];
    uint64_t added[kMaxOrder];  // n-grams that were missing although longer ones need them
    StoreSection word_offsets, word_text, words_sorted, tables, levels[kMaxOrder];
    uint64_t checksum;  // of everything before it
};

constexpr char kStoreMagic[8] = {'N', 'L', 'N', 'G', 'R', 'A', 'M', '\n'};

uint64_t checksum_of(const uint8_t* data, uint64_t bytes);

// Where the fields of a level's records lie.
struct RecordLayout {
    unsigned suffix_bits = 0, value_bits = 32, backoff_bits = 0, child_bits = 0;

    RecordLayout() = default;
    RecordLayout(const StoreHeader& header, unsigned level);
    unsigned bits() const { return suffix_bits + value_bits + backoff_bits + child_bits; }
    uint64_t bytes(uint64_t count) const { return ((count + 1) * bits() + 7) / 8 + kSpareBytes; }
};

class NgramStore {
public:
    struct Score {
        float log10;
        uint32_t context;  // the longest one that can still matter
        uint32_t matched;  // words of the n-gram that was found; 0 for an unknown word
    };
    using Scores = std::array<Score, kMaxOrder>;

    explicit NgramStore(const std::string& path);

    const StoreHeader& header() const { return header_; }
    unsigned order() const { return header_.order; }
    uint32_t n_words() const { return static_cast<uint32_t>(header_.counts[0]); }
    std::string_view word(uint32_t id) const;
    uint32_t find(std::string_view word) const;  // kNoWord if it is not there

    // Contexts are numbered from kEmptyContext on, and there are fewer than this.
    uint32_t n_contexts() const { return n_contexts_; }
    uint32_t start_context() const;

    // P(word | context); kNoWord stands for any word the model does not know.
    Score score(uint32_t context, uint32_t word) const;

    // One score for every order at which the n-gram is listed, highest first, each with the back-offs down to it; the
    // first is what `score` gives. A graph whose back-off arcs are epsilons offers a path for each.
    unsigned scores_of_all_orders(uint32_t context, uint32_t word, Scores& scores) const;

    // Words of the longest n-gram listed that ends with the word, <unk> being a word like others.
    unsigned listed_length(uint32_t context, uint32_t word) const { return match(context, word).found; }

    // Fields of one record, for writing and copying.
    float probability(unsigned level, uint64_t index) const;
    float backoff(unsigned level, uint64_t index) const;
    uint64_t suffix(unsigned level, uint64_t index) const;
    std::pair<uint64_t, uint64_t> children(unsigned level, uint64_t index) const;
    uint32_t last_word(unsigned level, uint64_t index) const;
    // If it is known that nobody listed the n-gram.
    bool is_added(unsigned level, uint64_t index) const {
        const float log10 = backoff(level, index);
        return log10 == 0.0f && std::signbit(log10);
    }

    // Throws DataError unless every section has the checksum that it was written with.
    void verify() const;

private:
    struct Level {
        const uint8_t* records = nullptr;
        RecordLayout layout;
        uint64_t count = 0;
        uint64_t first_context = 0;  // id of the first record as a context
        const float* probabilities = nullptr;
        const float* backoffs = nullptr;
    };
    struct Match {
        unsigned length = 0;                   // words of the context
        unsigned found = 0;                    // words of the longest n-gram listed
        std::array<uint64_t, kMaxOrder> context{};  // its suffixes, by level
        std::array<uint64_t, kMaxOrder> ngram{};    // the n-grams found, by level
    };

    Match match(uint32_t context, uint32_t word) const;
    Score score_at(const Match& match, unsigned found, double backoffs) const;
    bool can_go_on(unsigned level, uint64_t index) const;
    float checked(float log10) const {
        if (!(std::fabs(log10) <= kLargestLog10)) damaged("its n-grams");
        return log10;
    }
    const uint8_t* section(const StoreSection& section, const char* name) const;
    [[noreturn]] void damaged(const char* what) const;

    std::string path_;
    MappedFile file_;
    StoreHeader header_{};
    const uint8_t* word_offsets_ = nullptr;
    const uint8_t* word_text_ = nullptr;
    const uint8_t* words_sorted_ = nullptr;
    std::vector<float> tables_;
    std::array<Level, kMaxOrder> levels_;
    uint32_t n_contexts_ = 0;
};

}  // namespace neurolect
