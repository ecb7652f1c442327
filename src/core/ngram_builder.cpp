#include "ngram_builder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "error.hpp"
#include "parallel.hpp"
#include "quantiser.hpp"
#include "text.hpp"

namespace neurolect {

namespace {

constexpr uint64_t kSample = uint64_t{1} << 20;

std::vector<float> sample_of(SortedNgrams& level, bool backoffs) {
    const uint64_t step = 1 + level.count() / kSample;
    std::vector<float> sample;
    for (uint64_t i = 0; i < level.count(); i += step) {
        sample.push_back(backoffs ? level.backoff(i) : level.log10(i));
        if (sample.size() % (kSample / 16) == 0) level.release_pages();
    }
    return sample;
}

uint64_t float_bits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

double power_of_10(float log10) { return std::exp(double{log10} * 2.302585092994046); }

float log10_of(double probability) {
    constexpr float kNever = -99.0f;  // the custom of ARPA files
    return probability > 0.0 ? std::max(kNever, static_cast<float>(std::log10(probability))) : kNever;
}

}  // namespace

NgramBuilder::NgramBuilder(unsigned order, const std::string& folder, size_t buffer_bytes)
    : order_(order), folder_(folder) {
    if (order < 1 || order > kMaxOrder) {
        throw DataError("n-grams of order " + std::to_string(order) + " are not supported, only 1 to " +
                        std::to_string(kMaxOrder));
    }
    for (unsigned length = 1; length <= order; ++length) levels_.emplace_back(length, folder, buffer_bytes / order);
}

// A back-off of −0 becomes 0 where it is added to 0: only what is missing has that.
bool NgramBuilder::add_word(std::string word, float log10, float backoff) {
    const auto id = static_cast<uint32_t>(words_.size());
    if (!words_.add(std::move(word))) return false;
    levels_[0].add(&id, checked(log10, &id, 1), checked(backoff, &id, 1) + 0.0f);
    return true;
}

void NgramBuilder::add_ngram(const uint32_t* words, unsigned length, float log10, float backoff) {
    levels_[length - 1].add(words, checked(log10, words, length), checked(backoff, words, length) + 0.0f);
}

std::string NgramBuilder::text_of(const uint32_t* words, unsigned length) const {
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += (i > 0 ? " " : "") + words_[words[i]];
    return text;
}

float NgramBuilder::checked(float log10, const uint32_t* words, unsigned length) const {
    if (!(std::fabs(log10) <= kLargestLog10)) {
        throw DataError("the n-gram " + quoted(text_of(words, length)) +
                        " has a probability or back-off that is not a number, or too large");
    }
    return log10;
}

// Makes the records of all orders what the store holds, from the shortest n-grams up.
void NgramBuilder::complete(const NgramLinks& links, Values values, unsigned n_threads) {
    for (unsigned k = 1; k < order_; ++k) {
        in_pieces(n_threads, levels_[k - 1].count(), [&, k](uint64_t begin, uint64_t end) {
            for (uint64_t parent = begin; parent < end; ++parent) {
                if (parent % kBetweenReleases == 0) release_pages(links);
                complete_context(links, values, k, parent);
            }
        });
    }
}

// Those of level k that go on from an n-gram of the level below.
void NgramBuilder::complete_context(const NgramLinks& links, Values values, unsigned k, uint64_t parent) {
    SortedNgrams& level = levels_[k];
    const SortedNgrams& below = levels_[k - 1];
    if (values == Values::kWithoutBackoffs) renormalise(links, k, parent);
    for (uint64_t i = links.first_children(k - 1)[parent]; i < links.first_children(k - 1)[parent + 1]; ++i) {
        const bool is_missing = level.is_missing(i);
        if (!is_missing && values != Values::kInterpolated) continue;
        const float shorter = below.backoff(parent) + below.log10(links.suffixes(k)[i]);
        const float log10 = is_missing ? shorter : log10_of(power_of_10(level.log10(i)) + power_of_10(shorter));
        level.set_log10(i, checked(log10, level.words(i), k + 1));
    }
}

// Sets the back-off of a context in the level below k so that the words after it sum to 1, as SRILM does.
void NgramBuilder::renormalise(const NgramLinks& links, unsigned k, uint64_t parent) {
    constexpr double kNothing = 3e-6;
    SortedNgrams& level = levels_[k];
    SortedNgrams& below = levels_[k - 1];
    const uint64_t begin = links.first_children(k - 1)[parent], end = links.first_children(k - 1)[parent + 1];
    double left = 1.0, left_below = 1.0;
    for (uint64_t i = begin; i < end; ++i) {
        if (level.is_missing(i)) continue;
        left -= power_of_10(level.log10(i));
        left_below -= power_of_10(below.log10(links.suffixes(k)[i]));
    }
    if (left_below < kNothing && left > kNothing) {
        // Every word is listed, so the rest is theirs.
        const float scale = log10_of(1.0 / (1.0 - left));
        for (uint64_t i = begin; i < end; ++i) {
            level.set_log10(i, checked(level.log10(i) + scale, level.words(i), k + 1));
        }
        left = 0.0;
    }
    const float backoff = left < kNothing && left_below < kNothing ? 0.0f : log10_of(left / left_below);
    below.set_backoff(parent, checked(backoff, below.words(parent), k));
}

void NgramBuilder::write(const std::string& path, unsigned value_bits, Values values, unsigned n_threads) {
    if (value_bits != 8 && value_bits != 32)
        throw DataError("values of " + std::to_string(value_bits) + " bits are not supported");
    StoreHeader header{};
    for_each_level(n_threads, order_, [&](unsigned k) {
        const std::vector<uint32_t> twice = levels_[k].sort();
        if (!twice.empty()) throw DataError("the n-gram " + quoted(text_of(twice.data(), k + 1)) + " occurs twice");
        header.added[k] = levels_[k].count();
    });
    const NgramLinks links(levels_, folder_, n_threads);
    complete(links, values, n_threads);

    std::memcpy(header.magic, kStoreMagic, sizeof kStoreMagic);
    header.version = kStoreVersion;
    header.order = order_;
    header.value_bits = value_bits;
    header.start_word = words_.find("<s>");
    header.end_word = words_.find("</s>");
    header.unknown_word = words_.find("<unk>");
    if (header.unknown_word == kNoWord) header.unknown_word = words_.find("<UNK>");
    for (unsigned k = 0; k < order_; ++k) {
        header.counts[k] = levels_[k].count();
        header.added[k] = levels_[k].count() - header.added[k];
    }

    uint64_t contexts = 1;
    for (unsigned k = 0; k + 1 < order_; ++k) contexts += header.counts[k];
    if (contexts > kNoWord) throw DataError("more than 4,294,967,294 contexts are not supported");

    uint64_t size = sizeof header;
    const auto reserve = [&size](StoreSection& section, uint64_t bytes) {
        section.offset = size = (size + 7) / 8 * 8;
        section.bytes = bytes;
        size += bytes;
    };
    uint64_t text_bytes = 0;
    for (size_t id = 0; id < words_.size(); ++id) text_bytes += words_[id].size();
    if (text_bytes > kNoWord) throw DataError("words of more than 4 GiB are not supported");
    reserve(header.word_offsets, 4 * (words_.size() + 1));
    reserve(header.word_text, text_bytes);
    reserve(header.words_sorted, 4 * words_.size());
    reserve(header.tables, value_bits == 8 ? (order_ - 1) * 2 * kCodes * sizeof(float) : 0);
    for (unsigned k = 0; k < order_; ++k) reserve(header.levels[k], RecordLayout(header, k).bytes(header.counts[k]));
    header.file_bytes = size;
    FileMemory file = FileMemory::create(path, size);

    uint8_t* offsets = file.data() + header.word_offsets.offset;
    uint8_t* text = file.data() + header.word_text.offset;
    uint32_t position = 0;
    for (size_t id = 0; id < words_.size(); ++id) {
        std::memcpy(offsets + 4 * id, &position, 4);
        std::memcpy(text + position, words_[id].data(), words_[id].size());
        position += static_cast<uint32_t>(words_[id].size());
    }
    std::memcpy(offsets + 4 * words_.size(), &position, 4);
    std::vector<uint32_t> sorted(words_.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::sort(sorted.begin(), sorted.end(), [this](uint32_t a, uint32_t b) { return words_[a] < words_[b]; });
    std::memcpy(file.data() + header.words_sorted.offset, sorted.data(), 4 * sorted.size());

    for_each_level(n_threads, order_, [&](unsigned k) { write_level(header, links, k, file); });

    const auto seal = [&file](StoreSection& section) {
        section.checksum = checksum_of(file.data() + section.offset, section.bytes);
        file.release_pages();
    };
    seal(header.word_offsets);
    seal(header.word_text);
    seal(header.words_sorted);
    seal(header.tables);
    for (unsigned k = 0; k < order_; ++k) seal(header.levels[k]);
    header.checksum = checksum_of(reinterpret_cast<const uint8_t*>(&header), offsetof(StoreHeader, checksum));
    std::memcpy(file.data(), &header, sizeof header);
}

void NgramBuilder::release_pages(const NgramLinks& links) const {
    for (const SortedNgrams& level : levels_) level.release_pages();
    links.release_pages();
}

void NgramBuilder::write_level(const StoreHeader& header, const NgramLinks& links, unsigned k, FileMemory& file) {
    SortedNgrams& level = levels_[k];
    const RecordLayout layout(header, k);
    const bool quantised = layout.value_bits == 8;
    const Quantiser probabilities(quantised ? sample_of(level, false) : std::vector<float>{}, false);
    const Quantiser backoffs(quantised ? sample_of(level, true) : std::vector<float>{}, true);
    if (quantised) {
        uint8_t* tables = file.data() + header.tables.offset + (k - 1) * 2 * kCodes * sizeof(float);
        std::memcpy(tables, probabilities.table().data(), kCodes * sizeof(float));
        std::memcpy(tables + kCodes * sizeof(float), backoffs.table().data(), kCodes * sizeof(float));
    }
    const uint32_t* suffixes = k > 0 ? links.suffixes(k) : nullptr;
    const uint32_t* first_child = layout.child_bits > 0 ? links.first_children(k) : nullptr;
    uint8_t* records = file.data() + header.levels[k].offset;
    uint64_t bit = 0;
    const auto put = [&](uint64_t value, unsigned width) {
        if (width > 0) write_bits(records, bit, value);
        bit += width;
    };
    for (uint64_t i = 0; i < level.count(); ++i) {
        if (i % kBetweenReleases == 0) {
            release_pages(links);
            file.release_pages();
        }
        put(suffixes ? suffixes[i] : 0, layout.suffix_bits);
        put(quantised ? probabilities.code(level.log10(i)) : float_bits(level.log10(i)), layout.value_bits);
        put(quantised ? backoffs.code(level.backoff(i)) : float_bits(level.backoff(i)), layout.backoff_bits);
        put(first_child ? first_child[i] : 0, layout.child_bits);
    }
    bit += layout.bits() - layout.child_bits;
    put(first_child ? first_child[level.count()] : 0, layout.child_bits);
}

}  // namespace neurolect
