// The ARPA text format of n-gram models.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ngram_builder.hpp"
#include "ngram_store.hpp"
#include "ngram_walk.hpp"

namespace neurolect {

// Takes the text in pieces of any size, so that it may come out of any decompressor.
class ArpaReader {
public:
    ArpaReader(std::string folder, size_t buffer_bytes, bool lower_case);

    // Throws DataError with the number of the line that is wrong.
    void push(std::string_view text);

    // The builder with all n-grams; the text must have come to its end mark.
    NgramBuilder& finish();

private:
    enum class Place { kBeforeData, kCounts, kNgrams, kEnd };

    void line(std::string_view text);
    void count_line(std::string_view text);
    void section_line(std::string_view text);
    void ngram_line(std::string_view text);
    void close_section();
    float number(std::string_view text, const char* name) const;
    [[noreturn]] void wrong(const std::string& what) const;

    std::string folder_;
    size_t buffer_bytes_;
    bool lower_case_;
    std::string carried_;  // the beginning of a line whose end has not come yet
    uint64_t line_number_ = 0;
    Place place_ = Place::kBeforeData;
    std::vector<uint64_t> counts_;
    unsigned length_ = 0;
    uint64_t seen_ = 0;
    std::unique_ptr<NgramBuilder> builder_;
};

// Writes a store as ARPA text, a piece at a time, so that it may go into any compressor.
class ArpaWriter {
public:
    // Throws DataError for a store that is damaged.
    explicit ArpaWriter(const NgramStore& store);

    // The next piece; empty at the end.
    std::string next();

private:
    void line(std::string& text) const;

    static constexpr size_t kPiece = size_t{1} << 20;
    const NgramStore& store_;
    bool begun_ = false;
    unsigned level_ = 0;
    NgramWalk walk_;
};

}  // namespace neurolect
