#include "sorted_ngrams.hpp"

#include <algorithm>
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
    // Reserved pages take no memory before they are written to; growth would copy them.
    if (buffer_.empty()) buffer_.reserve(buffer_bytes_ / 4 + length_ + 2);
    const size_t place = buffer_.size();
    buffer_.resize(place + length_ + 2);
    std::memcpy(&buffer_[place], words, 4 * length_);
    std::memcpy(&buffer_[place + length_], &log10, 4);
    std::memcpy(&buffer_[place + length_ + 1], &backoff, 4);
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

std::vector<uint32_t> SortedNgrams::sort() {
    spill();
    std::vector<uint32_t>().swap(buffer_);
    struct Place {
        const uint32_t* record;
        const uint32_t* end;
    };
    const auto later = [this](const Place& a, const Place& b) {
        return std::lexicographical_compare(b.record, b.record + length_, a.record, a.record + length_);
    };
    std::priority_queue<Place, std::vector<Place>, decltype(later)> places(later);
    const auto add_places = [&](const FileMemory& run, uint64_t n) {
        const auto* begin = reinterpret_cast<const uint32_t*>(run.data());
        if (n > 0) places.push({begin, begin + n * (length_ + 2)});
        return n;
    };
    uint64_t all = add_places(records_, count_);
    for (const FileMemory& run : runs_) all += add_places(run, run.size() / stride());

    FileMemory merged = FileMemory::scratch(folder_, all * stride());
    auto* out = reinterpret_cast<uint32_t*>(merged.data());
    count_ = 0;
    std::vector<uint32_t> twice;
    while (!places.empty()) {
        Place place = places.top();
        places.pop();
        if (count_ == 0 || !std::equal(place.record, place.record + length_, out - (length_ + 2))) {
            std::memcpy(out, place.record, stride());
            out += length_ + 2;
            if (++count_ % kBetweenReleases == 0) {
                for (FileMemory& run : runs_) run.release_pages();
                records_.release_pages();
                merged.release_pages();
            }
        } else if (twice.empty() && !std::isnan(float_at(place.record + length_))) {
            twice.assign(place.record, place.record + length_);
        }
        place.record += length_ + 2;
        if (place.record != place.end) places.push(place);
    }
    runs_.clear();
    records_ = std::move(merged);
    records_.release_pages();
    return twice;
}

}  // namespace neurolect
