#include "sorted_ngrams.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

namespace neurolect {

namespace {

template <unsigned Words>
struct Record {
    uint32_t words[Words];
    uint32_t values[2];

    bool operator<(const Record& other) const {
        return std::lexicographical_compare(words, words + Words, other.words, other.words + Words);
    }
};

template <unsigned Words>
void sort_records(uint32_t* buffer, size_t count) {
    auto* records = reinterpret_cast<Record<Words>*>(buffer);
    std::sort(records, records + count);
}

void sort_records(unsigned length, uint32_t* buffer, size_t count) {
    switch (length) {
        case 1: return sort_records<1>(buffer, count);
        case 2: return sort_records<2>(buffer, count);
        case 3: return sort_records<3>(buffer, count);
        case 4: return sort_records<4>(buffer, count);
        case 5: return sort_records<5>(buffer, count);
        case 6: return sort_records<6>(buffer, count);
        case 7: return sort_records<7>(buffer, count);
        default: return sort_records<8>(buffer, count);
    }
}

}  // namespace

SortedNgrams::SortedNgrams(unsigned length, std::string folder, size_t buffer_bytes)
    : length_(length), folder_(std::move(folder)), buffer_bytes_(buffer_bytes) {}

void SortedNgrams::add(const uint32_t* words, float log10, float backoff) {
    const size_t place = buffer_.size();
    buffer_.resize(place + length_ + 2);
    std::memcpy(&buffer_[place], words, 4 * length_);
    std::memcpy(&buffer_[place + length_], &log10, 4);
    std::memcpy(&buffer_[place + length_ + 1], &backoff, 4);
    ++count_;
    if (4 * buffer_.size() >= buffer_bytes_) spill();
}

void SortedNgrams::spill() {
    if (buffer_.empty()) return;
    sort_records(length_, buffer_.data(), buffer_.size() / (length_ + 2));
    runs_.push_back(FileMemory::scratch(folder_, 4 * buffer_.size()));
    std::memcpy(runs_.back().data(), buffer_.data(), 4 * buffer_.size());
    runs_.back().release_pages();
    buffer_.clear();
}

const uint32_t* SortedNgrams::sort() {
    spill();
    buffer_ = {};
    if (runs_.size() == 1) {
        records_ = std::move(runs_[0]);
    } else if (!runs_.empty()) {
        struct Place {
            const uint32_t* record;
            const uint32_t* end;
        };
        const auto later = [this](const Place& a, const Place& b) {
            return std::lexicographical_compare(b.record, b.record + length_, a.record, a.record + length_);
        };
        std::priority_queue<Place, std::vector<Place>, decltype(later)> places(later);
        for (const FileMemory& run : runs_) {
            const auto* begin = reinterpret_cast<const uint32_t*>(run.data());
            places.push({begin, begin + run.size() / 4});
        }
        records_ = FileMemory::scratch(folder_, count_ * stride());
        for (uint8_t* out = records_.data(); !places.empty(); out += stride()) {
            Place place = places.top();
            places.pop();
            std::memcpy(out, place.record, stride());
            place.record += length_ + 2;
            if (place.record != place.end) places.push(place);
        }
    }
    runs_.clear();
    for (uint64_t i = 1; i < count_; ++i) {
        if (std::equal(words(i - 1), words(i - 1) + length_, words(i))) return words(i);
    }
    return nullptr;
}

uint64_t SortedNgrams::insert(std::vector<uint32_t> ngrams) {
    std::vector<std::vector<uint32_t>> sorted;
    for (size_t i = 0; i < ngrams.size(); i += length_) sorted.emplace_back(&ngrams[i], &ngrams[i] + length_);
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());

    FileMemory merged = FileMemory::scratch(folder_, (count_ + sorted.size()) * stride());
    uint8_t* out = merged.data();
    uint64_t taken = 0;
    const auto take_until = [&](uint64_t end) {
        std::memcpy(out, records_.data() + taken * stride(), (end - taken) * stride());
        out += (end - taken) * stride();
        taken = end;
    };
    constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
    uint64_t place = 0;
    for (const std::vector<uint32_t>& ngram : sorted) {
        while (place < count_ && std::lexicographical_compare(words(place), words(place) + length_, ngram.begin(),
                                                              ngram.end())) {
            ++place;
        }
        take_until(place);
        std::memcpy(out, ngram.data(), 4 * length_);
        std::memcpy(out + 4 * length_, &kNone, 4);
        std::memset(out + 4 * (length_ + 1), 0, 4);
        out += stride();
    }
    if (count_ > 0) take_until(count_);
    records_ = std::move(merged);
    count_ += sorted.size();
    return sorted.size();
}

}  // namespace neurolect
