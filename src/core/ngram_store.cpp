#include "ngram_store.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace neurolect {

namespace {

uint32_t read_u32(const uint8_t* base, uint64_t index) { return value_at<uint32_t>(base + 4 * index); }

float as_float(uint64_t bits) {
    const uint32_t low = static_cast<uint32_t>(bits);
    float value;
    std::memcpy(&value, &low, sizeof value);
    return value;
}

uint64_t rotated(uint64_t value, int by) { return value << by | value >> (64 - by); }

}  // namespace

uint64_t checksum_of(const uint8_t* data, uint64_t bytes) {
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
    // Four independent sums keep the processor's multipliers busy.
    std::array<uint64_t, 4> sums = {bytes, ~bytes, kOdd, ~kOdd};
    uint64_t position = 0;
    for (unsigned lane = 0; position + 8 <= bytes; position += 8, lane = (lane + 1) & 3) {
        uint64_t word;
        std::memcpy(&word, data + position, sizeof word);
        sums[lane] = rotated(sums[lane] ^ word, 29) * kOdd;
    }
    uint64_t tail = 0;
    if (position < bytes) std::memcpy(&tail, data + position, bytes - position);
    uint64_t result = tail;
    for (const uint64_t sum : sums) result = rotated(result ^ sum, 31) * kOdd;
    return result ^ (result >> 32);
}

RecordLayout::RecordLayout(const StoreHeader& header, unsigned level) {
    const bool highest = level + 1 == header.order;
    value_bits = level == 0 ? 32 : header.value_bits;
    suffix_bits = level == 0 ? 0 : bits_for(header.counts[level - 1]);
    backoff_bits = highest ? 0 : value_bits;
    child_bits = highest ? 0 : bits_for(header.counts[level + 1]);
}

NgramStore::NgramStore(const std::string& path) : path_(path), file_(path) {
    if (file_.size() < sizeof header_ || std::memcmp(file_.data(), kStoreMagic, sizeof kStoreMagic) != 0) {
        throw DataError(path + ": not an n-gram store; 'neurolect lm convert' makes one from an ARPA file");
    }
    std::memcpy(&header_, file_.data(), sizeof header_);
    if (header_.version != kStoreVersion) {
        throw DataError(path + ": n-gram store of version " + std::to_string(header_.version) +
                        ", this neurolect reads " + std::to_string(kStoreVersion));
    }
    if (checksum_of(file_.data(), offsetof(StoreHeader, checksum)) != header_.checksum) damaged("its header");
    if (header_.file_bytes != file_.size()) {
        throw DataError(path + ": the n-gram store is cut short: " + std::to_string(file_.size()) + " of " +
                        std::to_string(header_.file_bytes) + " bytes");
    }
    const bool sizes_are_sane = std::all_of(header_.counts, header_.counts + kMaxOrder,
                                            [](uint64_t count) { return count < uint64_t{1} << 40; });
    if (header_.order < 1 || header_.order > kMaxOrder || !sizes_are_sane || header_.counts[0] >= kNoWord ||
        (header_.value_bits != 32 && header_.value_bits != 8)) {
        damaged("its header");
    }
    for (const uint32_t word : {header_.start_word, header_.end_word, header_.unknown_word}) {
        if (word != kNoWord && word >= header_.counts[0]) damaged("its header");
    }
    word_offsets_ = section(header_.word_offsets, "its words");
    word_text_ = section(header_.word_text, "its words");
    words_sorted_ = section(header_.words_sorted, "its words");
    const uint8_t* tables = section(header_.tables, "its tables");
    if (header_.word_offsets.bytes != 4 * (header_.counts[0] + 1) ||
        header_.words_sorted.bytes != 4 * header_.counts[0] ||
        header_.tables.bytes != (header_.value_bits == 8 ? (header_.order - 1) * 2 * kCodes * sizeof(float) : 0)) {
        damaged("its header");
    }
    tables_.resize(header_.tables.bytes / sizeof(float));
    if (!tables_.empty()) std::memcpy(tables_.data(), tables, header_.tables.bytes);
    uint64_t first_context = 1;
    for (unsigned k = 0; k < header_.order; ++k) {
        Level& level = levels_[k];
        level.layout = RecordLayout(header_, k);
        level.count = header_.counts[k];
        level.records = section(header_.levels[k], "its n-grams");
        if (header_.levels[k].bytes != level.layout.bytes(level.count)) damaged("its header");
        level.first_context = first_context;
        if (k + 1 < header_.order) first_context += level.count;
        if (k > 0 && header_.value_bits == 8) {
            level.probabilities = tables_.data() + (k - 1) * 2 * kCodes;
            level.backoffs = level.probabilities + kCodes;
        }
    }
    if (first_context > kNoWord) throw DataError(path + ": more than 4,294,967,294 contexts are not supported");
    n_contexts_ = static_cast<uint32_t>(first_context);
}

const uint8_t* NgramStore::section(const StoreSection& section, const char* name) const {
    if (section.offset > file_.size() || section.bytes > file_.size() - section.offset) damaged(name);
    return file_.data() + section.offset;
}

void NgramStore::damaged(const char* what) const {
    throw DataError(path_ + ": the n-gram store is damaged: " + what + " cannot be read");
}

void NgramStore::verify() const {
    const auto check = [this](const StoreSection& section, const char* name) {
        if (checksum_of(file_.data() + section.offset, section.bytes) != section.checksum) damaged(name);
    };
    check(header_.word_offsets, "its words");
    check(header_.word_text, "its words");
    check(header_.words_sorted, "its words");
    check(header_.tables, "its tables");
    for (unsigned k = 0; k < header_.order; ++k) check(header_.levels[k], "its n-grams");
}

std::string_view NgramStore::word(uint32_t id) const {
    const uint64_t begin = read_u32(word_offsets_, id), end = read_u32(word_offsets_, uint64_t{id} + 1);
    if (begin > end || end > header_.word_text.bytes) damaged("its words");
    return {reinterpret_cast<const char*>(word_text_) + begin, end - begin};
}

uint32_t NgramStore::find(std::string_view wanted) const {
    uint32_t first = 0, last = n_words();
    while (first < last) {
        const uint32_t middle = first + (last - first) / 2;
        const uint32_t id = read_u32(words_sorted_, middle);
        if (id >= n_words()) damaged("its words");
        const int order = word(id).compare(wanted);
        if (order == 0) return id;
        if (order < 0) first = middle + 1;
        else last = middle;
    }
    return kNoWord;
}

uint32_t NgramStore::start_context() const {
    if (header_.start_word == kNoWord || header_.order == 1) return kEmptyContext;
    return static_cast<uint32_t>(levels_[0].first_context + header_.start_word);
}

float NgramStore::probability(unsigned k, uint64_t index) const {
    const Level& level = levels_[k];
    const RecordLayout& layout = level.layout;
    const uint64_t bits = read_bits(level.records, index * layout.bits() + layout.suffix_bits, layout.value_bits);
    return checked(level.probabilities ? level.probabilities[bits] : as_float(bits));
}

float NgramStore::backoff(unsigned k, uint64_t index) const {
    const Level& level = levels_[k];
    const RecordLayout& layout = level.layout;
    if (layout.backoff_bits == 0) return 0.0f;
    const uint64_t bit = index * layout.bits() + layout.suffix_bits + layout.value_bits;
    const uint64_t bits = read_bits(level.records, bit, layout.backoff_bits);
    return checked(level.backoffs ? level.backoffs[bits] : as_float(bits));
}

uint64_t NgramStore::suffix(unsigned k, uint64_t index) const {
    const Level& level = levels_[k];
    const uint64_t found = read_bits(level.records, index * level.layout.bits(), level.layout.suffix_bits);
    if (found >= levels_[k - 1].count) damaged("its n-grams");
    return found;
}

std::pair<uint64_t, uint64_t> NgramStore::children(unsigned k, uint64_t index) const {
    const Level& level = levels_[k];
    const RecordLayout& layout = level.layout;
    if (layout.child_bits == 0) return {0, 0};
    const uint64_t bit = index * layout.bits() + layout.suffix_bits + layout.value_bits + layout.backoff_bits;
    const uint64_t first = read_bits(level.records, bit, layout.child_bits);
    const uint64_t last = read_bits(level.records, bit + layout.bits(), layout.child_bits);
    if (first > last || last > levels_[k + 1].count) damaged("its n-grams");
    return {first, last};
}

uint32_t NgramStore::last_word(unsigned k, uint64_t index) const {
    while (k > 0) index = suffix(k--, index);
    return static_cast<uint32_t>(index);
}

bool NgramStore::can_go_on(unsigned k, uint64_t index) const {
    const auto [first, last] = children(k, index);
    return first != last || backoff(k, index) != 0.0f;
}

NgramStore::Match NgramStore::match(uint32_t context, uint32_t word) const {
    Match match;
    if (context != kEmptyContext) {
        while (match.length < header_.order - 1 && levels_[match.length].first_context <= context) ++match.length;
        uint64_t index = match.length == 0 ? 0 : context - levels_[match.length - 1].first_context;
        if (match.length == 0 || index >= levels_[match.length - 1].count) {
            throw DataError(path_ + ": there is no context " + std::to_string(context));
        }
        for (unsigned k = match.length; k-- > 0;) {
            match.context[k] = index;
            if (k > 0) index = suffix(k, index);
        }
    }
    if (word == kNoWord) word = header_.unknown_word;
    if (word == kNoWord || word >= n_words()) return match;
    match.ngram[0] = word;
    match.found = 1;
    for (unsigned k = 0; k < match.length; ++k) {
        const auto [begin, end] = children(k, match.context[k]);
        const Level& above = levels_[k + 1];
        uint64_t first = begin, last = end;
        while (first < last) {
            const uint64_t middle = first + (last - first) / 2;
            const uint64_t here = read_bits(above.records, middle * above.layout.bits(), above.layout.suffix_bits);
            if (here < match.ngram[k]) first = middle + 1;
            else last = middle;
        }
        if (first == end || suffix(k + 1, first) != match.ngram[k]) break;
        match.ngram[k + 1] = first;
        match.found = k + 2;
    }
    return match;
}

NgramStore::Score NgramStore::score_at(const Match& match, unsigned found, double backoffs) const {
    if (found == 0) return {static_cast<float>(backoffs + kUnknownLog10), kEmptyContext, 0};
    const float listed = probability(found - 1, match.ngram[found - 1]);
    unsigned length = std::min(found, header_.order - 1);
    while (length > 0 && !can_go_on(length - 1, match.ngram[length - 1])) --length;
    const uint32_t context =
        length == 0 ? kEmptyContext
                    : static_cast<uint32_t>(levels_[length - 1].first_context + match.ngram[length - 1]);
    const bool unknown = match.ngram[0] == header_.unknown_word;
    return {static_cast<float>(backoffs + listed), context, unknown ? 0 : found};
}

NgramStore::Score NgramStore::score(uint32_t context, uint32_t word) const {
    const Match found = match(context, word);
    double backoffs = 0.0;
    for (unsigned k = found.found == 0 ? 0 : found.found - 1; k < found.length; ++k) {
        backoffs += backoff(k, found.context[k]);
    }
    return score_at(found, found.found, backoffs);
}

unsigned NgramStore::scores_of_all_orders(uint32_t context, uint32_t word, Scores& scores) const {
    const Match found = match(context, word);
    double backoffs = 0.0;
    for (unsigned k = found.found; k < found.length; ++k) backoffs += backoff(k, found.context[k]);
    if (found.found == 0) {
        scores[0] = score_at(found, 0, backoffs);
        return 1;
    }
    unsigned n = 0;
    for (unsigned order = found.found; order >= 1; --order) {
        if (order <= found.length) backoffs += backoff(order - 1, found.context[order - 1]);
        scores[n++] = score_at(found, order, backoffs);
    }
    return n;
}

}  // namespace neurolect
