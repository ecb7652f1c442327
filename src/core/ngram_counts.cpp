#include "ngram_counts.hpp"

#include <algorithm>
#include <utility>

#include "error.hpp"
#include "ngram_store.hpp"
#include "parallel.hpp"
#include "text.hpp"

namespace neurolect {

namespace {

constexpr uint32_t kNoMore = 0xFFFFFFFF;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

// Turns the longest n-grams, sorted by their last words, into n-grams of all lengths.
class Shortener {
public:
    Shortener(std::vector<SortedCounts>& levels, CountKind kind, const std::vector<uint64_t>& least)
        : levels_(levels), order_(static_cast<unsigned>(levels.size())), kind_(kind), least_(least) {}

    void add(const uint32_t* reversed, uint64_t count) {
        unsigned shared = 0;
        while (shared < length_ && reversed[shared] == current_[shared]) ++shared;
        close(shared);
        if (shared > 0) ++continuations_[shared - 1];
        for (length_ = shared; length_ < order_ && reversed[length_] != kNoMore; ++length_) {
            current_[length_] = reversed[length_];
            occurrences_[length_] = 0;
            continuations_[length_] = 1;
        }
        for (unsigned k = 0; k < length_; ++k) occurrences_[k] += count;
    }

    // Hands on the n-grams that are longer than this.
    void close(unsigned shared) {
        for (unsigned length = length_; length > shared; --length) {
            uint32_t words[kMaxOrder];
            std::reverse_copy(current_, current_ + length, words);
            const uint64_t occurrences = occurrences_[length - 1];
            const bool is_counted =
                kind_ == CountKind::kOccurrences || length == order_ || words[0] == NgramCounts::kStart;
            const bool is_dropped = length <= least_.size() && occurrences < least_[length - 1];
            levels_[length - 1].add(words, is_counted ? occurrences : continuations_[length - 1], is_dropped);
        }
        length_ = shared;
    }

private:
    std::vector<SortedCounts>& levels_;
    unsigned order_;
    CountKind kind_;
    const std::vector<uint64_t>& least_;
    unsigned length_ = 0;
    uint32_t current_[kMaxOrder];
    uint64_t occurrences_[kMaxOrder], continuations_[kMaxOrder];
};

}  // namespace

Combine SortedCounts::adding() const {
    return [length = length()](uint32_t* first, const uint32_t* second) {
        uint64_t a, b;
        std::memcpy(&a, first + length, sizeof a);
        std::memcpy(&b, second + length, sizeof b);
        a += b;
        std::memcpy(first + length, &a, sizeof a);
    };
}

void SortedCounts::add(const uint32_t* words, uint64_t count, bool dropped) {
    uint32_t* record = records_.add(adding());
    const uint64_t value = dropped ? count | kDropped : count;
    std::memcpy(record, words, 4 * length());
    std::memcpy(record + length(), &value, sizeof value);
}

CountsOfCounts counts_of_counts(SortedCounts& level) {
    CountsOfCounts counts{};
    for (uint64_t i = 0; i < level.size(); ++i) {
        if (i % kBetweenReleases == 0) level.release_pages();
        const uint64_t count = level.count(i);
        if (count < counts.size()) ++counts[count];
    }
    return counts;
}

NgramCounter::NgramCounter(unsigned order, std::string folder, size_t buffer_bytes,
                           const std::vector<std::string>& vocabulary, unsigned n_threads)
    : order_(order), folder_(std::move(folder)), buffer_bytes_(buffer_bytes), n_threads_(std::max(1u, n_threads)),
      is_open_(vocabulary.empty()), longest_(order, folder_, buffer_bytes, n_threads) {
    if (order < 1 || order > kMaxOrder) {
        throw DataError("n-grams of order " + std::to_string(order) + " are not supported, only 1 to " +
                        std::to_string(kMaxOrder));
    }
    for (const char* word : {"<unk>", "<s>", "</s>"}) words_.add(word);
    for (const std::string& word : vocabulary) words_.add(word);
}

void NgramCounter::wrong(const std::string& what) const {
    throw DataError("line " + std::to_string(n_lines_) + ": " + what);
}

void NgramCounter::push(std::string_view text) {
    require_open();
    while (!text.empty()) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            carried_ += text;
            return;
        }
        ++n_lines_;
        if (carried_.empty()) {
            line(text.substr(0, end));
        } else {
            carried_ += text.substr(0, end);
            line(carried_);
            carried_.clear();
        }
        text.remove_prefix(end + 1);
    }
}

void NgramCounter::line(std::string_view text) {
    if (!is_utf8(text)) wrong("not UTF-8 text");
    sentence_.assign(1, NgramCounts::kStart);
    size_t place = 0;
    while (true) {
        while (place < text.size() && is_blank(text[place])) ++place;
        if (place == text.size()) break;
        size_t end = place;
        while (end < text.size() && !is_blank(text[end])) ++end;
        sentence_.push_back(id_of(text.substr(place, end - place)));
        place = end;
    }
    if (sentence_.size() == 1) return;
    ++n_sentences_;
    n_words_ += sentence_.size() - 1;
    sentence_.push_back(NgramCounts::kEnd);
    count_sentence();
}

uint32_t NgramCounter::id_of(std::string_view word) {
    uint32_t id = words_.find(word);
    if (id == WordTable::kNone && is_open_) {
        id = static_cast<uint32_t>(words_.size());
        words_.add(std::string(word));
    }
    if (id == NgramCounts::kStart || id == NgramCounts::kEnd) {
        wrong(quoted(word) + " stands among the words; sentences begin and end with their lines");
    }
    return id == WordTable::kNone ? NgramCounts::kUnknown : id;
}

void NgramCounter::count_sentence() {
    uint32_t reversed[kMaxOrder];
    for (size_t last = 1; last < sentence_.size(); ++last) {
        const auto length = static_cast<unsigned>(std::min<size_t>(order_, last + 1));
        for (unsigned i = 0; i < length; ++i) reversed[i] = sentence_[last - i];
        std::fill(reversed + length, reversed + order_, kNoMore);
        longest_.add(reversed, 1);
    }
}

void NgramCounter::require_open() const {
    if (words_.size() == 0) throw DataError("the counts of this text have been taken already");
}

NgramCounts NgramCounter::finish(CountKind kind, const std::vector<uint64_t>& least) {
    require_open();
    if (!carried_.empty()) {
        ++n_lines_;
        line(std::exchange(carried_, {}));
    }
    if (n_sentences_ == 0) throw DataError("the text has no words");
    longest_.settle();
    // Pieces with different last words share no n-gram.
    const std::vector<uint32_t> cuts = longest_.cuts(n_threads_);
    std::vector<std::vector<SortedCounts>> pieces(cuts.size() - 1);
    in_parallel(n_threads_, pieces.size(), [&](size_t piece) {
        pieces[piece] = levels(pieces.size());
        Shortener shortener(pieces[piece], kind, least);
        longest_.for_each(cuts[piece], cuts[piece + 1],
                          [&](const uint32_t* reversed, uint64_t count) { shortener.add(reversed, count); });
        shortener.close(0);
        for (SortedCounts& level : pieces[piece]) level.settle();
    });
    longest_ = SortedCounts(order_, folder_, buffer_bytes_);
    NgramCounts counts{{}, levels(1)};
    // Every word has a place among the unigrams, though it may not occur.
    for (uint32_t id = 0; id < words_.size(); ++id) counts.levels[0].add(&id, 0);
    for_each_level(n_threads_, order_, [&](unsigned k) {
        for (std::vector<SortedCounts>& piece : pieces) counts.levels[k].add_all(std::move(piece[k]));
        counts.levels[k].sort();
    });
    counts.words = std::exchange(words_, {});
    return counts;
}

// Of one of several pieces, which share the buffer.
std::vector<SortedCounts> NgramCounter::levels(size_t n_pieces) const {
    std::vector<SortedCounts> levels;
    const size_t n_alike = n_pieces * order_;
    for (unsigned length = 1; length <= order_; ++length) {
        levels.emplace_back(length, folder_, buffer_bytes_ / n_alike, 1, n_alike);
    }
    return levels;
}

}  // namespace neurolect
