#include "arpa.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "error.hpp"
#include "text.hpp"

namespace neurolect {

namespace {

constexpr size_t kLongestLine = size_t{1} << 20;
constexpr float kNever = -99.0f;  // the format's custom for a probability of 0
constexpr float kLargest = 1e4f;  // some write far less than −99 for it, down to −∞

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// Takes the next field off the front.
std::string_view field(std::string_view& text) {
    size_t end = 0;
    while (end < text.size() && !is_space(text[end])) ++end;
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(end);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return taken;
}

std::string lowered(std::string_view word) {
    std::string result(word);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

void append(std::string& text, float value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append(digits, end);
}

}  // namespace

ArpaReader::ArpaReader(std::string folder, size_t buffer_bytes, bool lower_case)
    : folder_(std::move(folder)), buffer_bytes_(buffer_bytes), lower_case_(lower_case) {}

void ArpaReader::wrong(const std::string& what) const {
    throw DataError("line " + std::to_string(line_number_) + ": " + what);
}

void ArpaReader::push(std::string_view text) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view piece = text.substr(0, end);
        if (carried_.size() + piece.size() > kLongestLine) {
            ++line_number_;
            wrong("longer than any n-gram; this is not an ARPA file");
        }
        if (end == std::string_view::npos || !carried_.empty()) {
            carried_ += piece;
            if (end == std::string_view::npos) return;
            ++line_number_;
            line(carried_);
            carried_.clear();
        } else {
            ++line_number_;
            line(text.substr(0, end));
        }
        text.remove_prefix(end + 1);
    }
}

NgramBuilder& ArpaReader::finish() {
    if (!carried_.empty()) {
        ++line_number_;
        line(std::exchange(carried_, {}));
    }
    if (place_ == Place::kBeforeData) wrong("the text ends and there was no \\data\\ line; this is not an ARPA file");
    if (place_ != Place::kEnd) wrong("the text ends before its \\end\\ line");
    return *builder_;
}

void ArpaReader::line(std::string_view text) {
    text = trimmed(text);
    if (place_ == Place::kBeforeData) {
        if (text == "\\data\\") place_ = Place::kCounts;
        return;
    }
    if (text.empty() || place_ == Place::kEnd) return;
    if (text.front() == '\\') section_line(text);
    else if (place_ == Place::kCounts) count_line(text);
    else ngram_line(text);
}

void ArpaReader::count_line(std::string_view text) {
    const std::string_view whole = text;
    uint64_t order = 0, count = 0;
    bool right = field(text) == "ngram";
    if (right) {
        const size_t equals = text.find('=');
        right = equals != std::string_view::npos;
        if (right) {
            const std::string_view left = trimmed(text.substr(0, equals)), after = trimmed(text.substr(equals + 1));
            const auto read = [](std::string_view digits, uint64_t& value) {
                const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
                return error == std::errc() && end == digits.data() + digits.size();
            };
            right = read(left, order) && read(after, count);
        }
    }
    if (!right) wrong(quoted(whole) + " is not 'ngram ORDER=COUNT'");
    if (order != counts_.size() + 1)
        wrong("the count of " + std::to_string(counts_.size() + 1) + "-grams should come here");
    counts_.push_back(count);
}

void ArpaReader::section_line(std::string_view text) {
    if (place_ == Place::kCounts) {
        if (counts_.empty()) wrong("no counts of n-grams before the first section");
        if (counts_.size() > kMaxOrder) {
            wrong("n-grams of order " + std::to_string(counts_.size()) + " are not supported, only 1 to " +
                  std::to_string(kMaxOrder));
        }
        builder_ = std::make_unique<NgramBuilder>(static_cast<unsigned>(counts_.size()), folder_, buffer_bytes_);
        place_ = Place::kNgrams;
    } else {
        close_section();
    }
    if (text == "\\end\\") {
        if (length_ != counts_.size()) wrong("\\end\\ before the section of " + std::to_string(length_ + 1) + "-grams");
        place_ = Place::kEnd;
        return;
    }
    ++length_;
    seen_ = 0;
    const std::string expected = "\\" + std::to_string(length_) + "-grams:";
    if (length_ > counts_.size() || text != expected) {
        wrong(quoted(text) + " where " + (length_ > counts_.size() ? "\\end\\" : expected) + " should stand");
    }
}

void ArpaReader::close_section() {
    const uint64_t declared = counts_[length_ - 1];
    if (seen_ != declared) {
        wrong("the section of " + std::to_string(length_) + "-grams ends after " + std::to_string(seen_) +
              ", the header says " + std::to_string(declared));
    }
}

float ArpaReader::number(std::string_view text, const char* name) const {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    const char* const last = text.data() + text.size();
    float value = 0.0f;
    auto [end, error] = std::from_chars(text.data(), last, value);
    if (error == std::errc::result_out_of_range) {
        // Too large for a float, or too small and then 0.
        value = std::strtof(std::string(text).c_str(), nullptr);
        error = std::errc();
    }
    if (error != std::errc() || end != last || !(value <= kLargest)) wrong(quoted(text) + " is not a " + name);
    return value < -kLargest ? kNever : value;
}

void ArpaReader::ngram_line(std::string_view text) {
    const float log10 = number(field(text), "log10 probability");
    if (log10 > 0.0f) wrong("a log10 probability above 0");
    if (++seen_ > counts_[length_ - 1]) {
        wrong("more " + std::to_string(length_) + "-grams than the header says (" +
              std::to_string(counts_[length_ - 1]) + ")");
    }
    if (length_ == 1) {
        const std::string_view given = field(text);
        if (given.empty()) wrong("no word");
        if (!is_utf8(given)) wrong("the word " + quoted(given) + " is not UTF-8 text");
        std::string word = lower_case_ ? lowered(given) : std::string(given);
        const float backoff = text.empty() ? 0.0f : number(field(text), "log10 back-off");
        if (!text.empty()) wrong("more than a probability, 1 word and a back-off");
        if (!builder_->add_word(std::move(word), log10, backoff)) wrong("the word " + quoted(given) + " occurs twice");
        return;
    }
    uint32_t words[kMaxOrder];
    for (unsigned i = 0; i < length_; ++i) {
        const std::string_view given = field(text);
        if (given.empty()) wrong("fewer than " + std::to_string(length_) + " words");
        words[i] = lower_case_ ? builder_->find(lowered(given)) : builder_->find(given);
        if (words[i] == WordTable::kNone) wrong(quoted(given) + " is not among the unigrams");
    }
    const float backoff = text.empty() ? 0.0f : number(field(text), "log10 back-off");
    if (!text.empty()) wrong("more than a probability, " + std::to_string(length_) + " words and a back-off");
    builder_->add_ngram(words, length_, log10, backoff);
}

ArpaWriter::ArpaWriter(const NgramStore& store) : store_(store), walk_(store, 0) { store.verify(); }

std::string ArpaWriter::next() {
    std::string text;
    if (level_ == store_.order()) return text;
    if (!begun_) {
        begun_ = true;
        text = "\\data\\\n";
        for (unsigned k = 0; k < store_.order(); ++k) {
            text += "ngram " + std::to_string(k + 1) + "=" + std::to_string(store_.header().counts[k]) + "\n";
        }
        text += "\n\\1-grams:\n";
    }
    while (text.size() < kPiece) {
        if (walk_.next()) {
            line(text);
        } else if (++level_ < store_.order()) {
            walk_ = NgramWalk(store_, level_);
            text += "\n\\" + std::to_string(level_ + 1) + "-grams:\n";
        } else {
            text += "\n\\end\\\n";
            break;
        }
    }
    return text;
}

void ArpaWriter::line(std::string& text) const {
    // What was added may be above 0, where a back-off was.
    append(text, std::min(0.0f, store_.probability(level_, walk_.place())));
    for (unsigned k = 0; k <= level_; ++k) {
        text += k == 0 ? '\t' : ' ';
        text += store_.word(walk_.word(k));
    }
    const float backoff = store_.backoff(level_, walk_.place());
    if (backoff != 0.0f) {
        text += '\t';
        append(text, backoff);
    }
    text += '\n';
}

}  // namespace neurolect
