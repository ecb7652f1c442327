// Counts n-grams of words in text of any size, in memory that does not grow with it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sorted_records.hpp"
#include "word_table.hpp"

namespace neurolect {

// N-grams of one length with their counts, sorted by their words.
class SortedCounts {
public:
    // Arguments as of SortedRecords.
    SortedCounts(unsigned length, std::string folder, size_t buffer_bytes, unsigned n_threads = 1, size_t n_alike = 1)
        : records_(length, std::move(folder), buffer_bytes, n_threads, n_alike) {}

    // Counts of equal n-grams add up. One that is dropped counts in sums, and is no part of the model.
    void add(const uint32_t* words, uint64_t count, bool dropped = false);
    void add_all(SortedCounts&& others) { records_.add_all(std::move(others.records_), adding()); }
    void sort() { records_.sort(adding()); }

    // What SortedRecords has of these names: what was added, in pieces of its order, without sorting all of it.
    void settle() { records_.settle(adding()); }
    std::vector<uint32_t> cuts(size_t n_pieces) const { return records_.cuts(n_pieces); }
    template <typename Take>
    void for_each(uint32_t first, uint32_t end, Take take) {
        records_.for_each(first, end, adding(), [&](const uint32_t* record) { take(record, count_in(record)); });
    }

    unsigned length() const { return records_.length(); }
    uint64_t size() const { return records_.count(); }
    const uint32_t* words(uint64_t index) const { return records_[index]; }
    uint64_t count(uint64_t index) const { return count_in(words(index)); }
    bool is_dropped(uint64_t index) const { return (value_in(words(index)) & kDropped) != 0; }
    void release_pages() const { records_.release_pages(); }

private:
    static constexpr uint64_t kDropped = uint64_t{1} << 63;

    Combine adding() const;
    uint64_t value_in(const uint32_t* record) const {
        uint64_t value;
        std::memcpy(&value, record + length(), sizeof value);
        return value;
    }
    uint64_t count_in(const uint32_t* record) const { return value_in(record) & ~kDropped; }

    SortedRecords records_;
};

// How many n-grams have been counted once, twice, … (at 1, 2, …).
using CountsOfCounts = std::array<uint64_t, 9>;
CountsOfCounts counts_of_counts(SortedCounts& level);

// Which number of an n-gram is meant: how often it occurs, or how many words it occurs after. What begins with <s>, and
// the longest n-grams, have the first in either case.
enum class CountKind { kOccurrences, kContinuations };

struct NgramCounts {
    WordTable words;
    std::vector<SortedCounts> levels;  // by length

    static constexpr uint32_t kUnknown = 0, kStart = 1, kEnd = 2;
};

class NgramCounter {
public:
    // Without a vocabulary every word of the text is known. `folder` takes the temporary files. Counts do not depend on
    // the number of threads.
    NgramCounter(unsigned order, std::string folder, size_t buffer_bytes, const std::vector<std::string>& vocabulary,
                 unsigned n_threads);

    // Text in pieces of any size: a sentence a line, words between blanks; <unk> stands for an unknown word.
    // Throws DataError with the number of the line for <s>, </s> and what is not UTF-8.
    void push(std::string_view text);

    // Counts of every length, once. N-grams that occur less than `least[length − 1]` times are dropped. Throws
    // DataError if there was no word.
    NgramCounts finish(CountKind kind, const std::vector<uint64_t>& least);

    unsigned order() const { return order_; }
    uint64_t n_sentences() const { return n_sentences_; }
    uint64_t n_words() const { return n_words_; }

private:
    std::vector<SortedCounts> levels(size_t n_pieces) const;
    void require_open() const;
    void line(std::string_view text);
    void count_sentence();
    uint32_t id_of(std::string_view word);
    [[noreturn]] void wrong(const std::string& what) const;

    unsigned order_;
    std::string folder_;
    size_t buffer_bytes_;
    unsigned n_threads_;
    bool is_open_;
    WordTable words_;
    std::string carried_;  // the beginning of a line whose end has not come yet
    std::vector<uint32_t> sentence_;
    uint64_t n_lines_ = 0, n_sentences_ = 0, n_words_ = 0;
    // The longest n-gram that ends at each word, last word first, filled up where the sentence begins.
    SortedCounts longest_;
};

}  // namespace neurolect
