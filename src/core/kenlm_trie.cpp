#include "kenlm_trie.hpp"

#include <algorithm>
#include <cstring>

#include "bits.hpp"
#include "error.hpp"
#include "ngram_store.hpp"

namespace neurolect {

namespace {

constexpr char kMagic[] = "mmap lm http://kheafield.com/code";
constexpr char kVersion[] = " format version 5\n";
constexpr size_t kHeader = 88;       // magic and test values
constexpr size_t kParameters = 20;   // order, type, whether it has words
constexpr size_t kUnigram = 16;      // probability, back-off, 8 bytes of where the longer ones begin
constexpr unsigned kTrie = 2, kQuantised = 1, kNextTops = 2;  // the types of tries are the sums of these
constexpr float kAbsent = -100.0f;  // of <unk> in models that do not have it

const std::string kNoTrie = "; only a trie is read (build_binary trie), convert the ARPA file that it was made from";

}  // namespace

KenlmTrie::KenlmTrie(const std::string& path) : path_(path), file_(path) {
    const uint8_t* start = take(kHeader + kParameters);
    if (std::memcmp(start, kMagic, sizeof kMagic - 1) != 0) throw DataError(path_ + ": not a binary file of KenLM");
    if (std::memcmp(start + sizeof kMagic - 1, kVersion, sizeof kVersion - 1) != 0 ||
        value_at<float>(start + 60) != 1.0f || value_at<uint64_t>(start + 80) != 1) {
        throw DataError(path_ + ": a binary file of another version of KenLM or of another kind of machine" + kNoTrie);
    }
    const uint8_t* parameters = start + kHeader;
    const unsigned order = parameters[0];
    const auto type = value_at<uint32_t>(parameters + 8);
    if (type < kTrie) throw DataError(path_ + ": a hash table of KenLM, in which no word can be found" + kNoTrie);
    if (type > kTrie + kQuantised + kNextTops || order < 2 || order > kMaxOrder) damaged();
    if (parameters[12] == 0) throw DataError(path_ + ": a trie of KenLM without its words (build_binary -v)");
    is_quantised_ = ((type - kTrie) & kQuantised) != 0;
    has_next_tops_ = ((type - kTrie) & kNextTops) != 0;

    const uint8_t* counts = take(8 * order);
    position_ = (position_ + 7) / 8 * 8;
    uint64_t contexts = 0;
    for (unsigned k = 0; k < order; ++k) {
        counts_.push_back(value_at<uint64_t>(counts + 8 * k));
        if (k + 1 < order) contexts += counts_[k];
        if (counts_[k] > kMostNgrams || contexts > kMostNgrams) {
            throw DataError(path_ + ": more n-grams than a store can hold, 4,294,967,280 of one order or as contexts");
        }
    }
    if (counts_[0] == 0) damaged();
    word_bits_ = bits_for(counts_[0]);
    take(8 * (1 + counts_[0]));  // hashes of the words
    if (is_quantised_) read_quantisation(order - 2);
    read_unigrams();
    for (unsigned length = 2; length <= order; ++length) levels_.push_back(read_level(length));
    read_words();
}

void KenlmTrie::add_to(NgramBuilder& builder, bool lower_case) const {
    std::vector<uint32_t> ids(counts_[0], kNoWord);
    for (uint32_t id = 0; id < counts_[0]; ++id) {
        const auto log10 = value_at<float>(unigrams_ + kUnigram * id);
        if (id == 0 && log10 <= kAbsent) continue;
        std::string word = words_[id];
        if (lower_case) {
            for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        ids[id] = builder.n_words();
        const auto backoff = value_at<float>(unigrams_ + kUnigram * id + 4);
        if (!builder.add_word(word, log10, backoff)) {
            throw DataError(path_ + ": the word '" + word + "' occurs twice");
        }
    }
    uint32_t ngram[kMaxOrder];
    for (uint32_t id = 0; id < counts_[0]; ++id) {
        ngram[kMaxOrder - 1] = ids[id];
        add_longer(1, id, ngram + kMaxOrder - 1, ids, builder);
    }
}

// The n-grams that end with the one at hand, whose words begin at `first_word`, after free room.
void KenlmTrie::add_longer(unsigned length, uint64_t index, uint32_t* first_word, const std::vector<uint32_t>& ids,
                           NgramBuilder& builder) const {
    if (length == order()) return;
    const uint64_t begin = first_longer(length, index), end = first_longer(length, index + 1);
    if (begin > end || end > counts_[length]) damaged();
    for (uint64_t i = begin; i < end; ++i) {
        const Ngram longer = ngram(length + 1, i);
        if (longer.word >= ids.size() || ids[longer.word] == kNoWord || *first_word == kNoWord) damaged();
        first_word[-1] = ids[longer.word];
        builder.add_ngram(first_word - 1, length + 1, longer.log10, longer.backoff);
        add_longer(length + 1, i, first_word - 1, ids, builder);
    }
}

void KenlmTrie::read_quantisation(unsigned n_middle) {
    const uint8_t* header = take(8);
    probability_bits_ = header[1];
    backoff_bits_ = header[2];
    if (header[0] != 2 || probability_bits_ < 1 || probability_bits_ > 25 || backoff_bits_ < 1 || backoff_bits_ > 25) {
        damaged();
    }
    const uint64_t probabilities = uint64_t{4} << probability_bits_, backoffs = uint64_t{4} << backoff_bits_;
    tables_ = take(n_middle * (probabilities + backoffs) + probabilities);
}

// One more than there are words, and one that says where the last one's longer n-grams end.
void KenlmTrie::read_unigrams() { unigrams_ = take(kUnigram * (counts_[0] + 2)); }

KenlmTrie::Level KenlmTrie::read_level(unsigned length) {
    const uint64_t count = counts_[length - 1];
    const bool is_longest = length == order();
    Level level{};
    if (!is_longest) {
        const uint64_t longer = counts_[length];
        level.next_bits = bits_for(longer);
        if (has_next_tops_) {
            // As many of the upper bits go into a table as makes the file smallest.
            if (file_.size() - position_ < 2) damaged();
            const unsigned most = std::min<unsigned>(level.next_bits, file_.data()[position_ + 1]);
            unsigned best = 0;
            int64_t least = INT64_MAX;
            for (unsigned top = 0; top <= most; ++top) {
                const auto table = top == 0 ? 0 : static_cast<int64_t>(longer >> (level.next_bits - top)) * 64;
                const int64_t change = table - static_cast<int64_t>((count + 1) * top);
                if (change < least) {
                    least = change;
                    best = top;
                }
            }
            level.n_next_tops = 1 + (best == 0 ? 0 : longer >> (level.next_bits - best));
            level.next_bits -= best;
            const uint64_t padding = (8 - position_ % 8) % 8;
            const uint8_t* table = take(8 * (1 + level.n_next_tops) + 7);
            level.next_tops = table + padding + 8;
        }
    }
    if (is_quantised_) {
        const uint64_t probabilities = uint64_t{4} << probability_bits_, backoffs = uint64_t{4} << backoff_bits_;
        level.probabilities = tables_ + (length - 2) * (probabilities + backoffs);
        level.backoffs = level.probabilities + probabilities;
    }
    level.record_bits = word_bits_ + probability_bits_ + (is_longest ? 0 : backoff_bits_ + level.next_bits);
    level.records = take(((count + 1) * level.record_bits + 7) / 8 + kSpareBytes);
    return level;
}

void KenlmTrie::read_words() {
    for (uint64_t id = 0; id < counts_[0]; ++id) {
        const uint8_t* begin = file_.data() + position_;
        const uint64_t room = file_.size() - position_;
        const auto* end = static_cast<const uint8_t*>(std::memchr(begin, 0, room));
        if (end == nullptr) damaged();
        words_.emplace_back(reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin));
        position_ += static_cast<uint64_t>(end - begin) + 1;
    }
    if (words_[0] != "<unk>") damaged();
}

KenlmTrie::Ngram KenlmTrie::ngram(unsigned length, uint64_t index) const {
    const Level& level = levels_[length - 2];
    uint64_t bit = index * level.record_bits;
    const auto take_bits = [&](unsigned width) {
        const uint64_t value = read_bits(level.records, bit, width);
        bit += width;
        return static_cast<uint32_t>(value);
    };
    Ngram found{take_bits(word_bits_), 0.0f, 0.0f};
    const bool is_longest = length == order();
    if (is_quantised_) {
        if (!is_longest) found.backoff = value_at<float>(level.backoffs + 4 * take_bits(backoff_bits_));
        found.log10 = value_at<float>(level.probabilities + 4 * take_bits(probability_bits_));
        return found;
    }
    // The sign is left out, since no logarithm of a probability is positive.
    const uint32_t log10 = take_bits(probability_bits_) | 0x80000000u;
    std::memcpy(&found.log10, &log10, sizeof log10);
    if (!is_longest) {
        const uint32_t backoff = take_bits(backoff_bits_);
        std::memcpy(&found.backoff, &backoff, sizeof backoff);
    }
    return found;
}

// Where the n-grams that end with this one begin, in the level above.
uint64_t KenlmTrie::first_longer(unsigned length, uint64_t index) const {
    if (length == 1) return value_at<uint64_t>(unigrams_ + kUnigram * index + 8);
    const Level& level = levels_[length - 2];
    const uint64_t bit = (index + 1) * level.record_bits - level.next_bits;
    const uint64_t low = level.next_bits > 0 ? read_bits(level.records, bit, level.next_bits) : 0;
    if (level.next_tops == nullptr) return low;
    uint64_t first = 0, last = level.n_next_tops;  // of the tops that are not above the index, one more than the last
    while (first < last) {
        const uint64_t middle = (first + last) / 2;
        if (value_at<uint64_t>(level.next_tops + 8 * middle) <= index) first = middle + 1;
        else last = middle;
    }
    if (first == 0) damaged();
    return (first - 1) << level.next_bits | low;
}

const uint8_t* KenlmTrie::take(uint64_t bytes) {
    if (position_ > file_.size() || bytes > file_.size() - position_) damaged();
    const uint8_t* place = file_.data() + position_;
    position_ += bytes;
    return place;
}

void KenlmTrie::damaged() const { throw DataError(path_ + ": the binary file of KenLM is damaged or cut short"); }

}  // namespace neurolect
