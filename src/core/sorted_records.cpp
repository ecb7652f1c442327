#include "sorted_records.hpp"

#include <algorithm>
#include <cstring>
#include <queue>
#include <utility>

namespace neurolect {

namespace {

template <unsigned Length>
struct Record {
    uint32_t fields[Length];
    uint32_t values[2];

    bool operator<(const Record& other) const {
        for (unsigned i = 0; i < Length; ++i) {
            if (fields[i] != other.fields[i]) return fields[i] < other.fields[i];
        }
        return false;
    }
};

template <unsigned Length>
void sort_records(uint32_t* buffer, size_t count) {
    auto* records = reinterpret_cast<Record<Length>*>(buffer);
    if (!std::is_sorted(records, records + count)) std::sort(records, records + count);
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

SortedRecords::SortedRecords(unsigned length, std::string folder, size_t buffer_bytes)
    : length_(length), folder_(std::move(folder)), buffer_bytes_(buffer_bytes) {}

uint32_t* SortedRecords::add(const Combine& combine) {
    if (4 * (buffer_.size() + fields()) > buffer_bytes_) spill(combine);
    // Reserved pages take no memory before they are written to; growth would copy them.
    if (buffer_.empty()) buffer_.reserve(buffer_bytes_ / 4 + fields());
    const size_t place = buffer_.size();
    buffer_.resize(place + fields());
    return &buffer_[place];
}

size_t SortedRecords::combine_equals(uint32_t* records, size_t count, const Combine& combine) const {
    if (count == 0) return 0;
    uint32_t* last = records;
    for (const uint32_t* record = records + fields(); record != records + count * fields(); record += fields()) {
        if (std::equal(record, record + length_, last)) {
            combine(last, record);
        } else {
            last += fields();
            if (last != record) std::memcpy(last, record, 4 * fields());
        }
    }
    return static_cast<size_t>(last - records) / fields() + 1;
}

void SortedRecords::spill(const Combine& combine) {
    if (buffer_.empty()) return;
    const size_t all = buffer_.size() / fields();
    sort_records(length_, buffer_.data(), all);
    const size_t count = combine_equals(buffer_.data(), all, combine);
    runs_.push_back({FileMemory::scratch(folder_, 4 * count * fields()), count});
    FileMemory& memory = runs_.back().memory;
    std::memcpy(memory.data(), buffer_.data(), memory.size());
    memory.release_pages();
    buffer_.clear();
}

void SortedRecords::sort(const Combine& combine) {
    spill(combine);
    std::vector<uint32_t>().swap(buffer_);
    if (count_ == 0 && runs_.size() == 1) {
        count_ = runs_[0].count;
        records_ = std::move(runs_[0].memory);
        runs_.clear();
        return;
    }
    struct Place {
        const uint32_t* record;
        const uint32_t* end;
    };
    const auto later = [this](const Place& a, const Place& b) {
        return std::lexicographical_compare(b.record, b.record + length_, a.record, a.record + length_);
    };
    std::priority_queue<Place, std::vector<Place>, decltype(later)> places(later);
    const auto add_places = [&](const FileMemory& memory, uint64_t n) {
        const auto* begin = reinterpret_cast<const uint32_t*>(memory.data());
        if (n > 0) places.push({begin, begin + n * fields()});
        return n;
    };
    uint64_t all = add_places(records_, count_);
    for (const Run& run : runs_) all += add_places(run.memory, run.count);

    FileMemory merged = FileMemory::scratch(folder_, 4 * all * fields());
    auto* out = reinterpret_cast<uint32_t*>(merged.data());
    count_ = 0;
    while (!places.empty()) {
        Place place = places.top();
        places.pop();
        if (count_ == 0 || !std::equal(place.record, place.record + length_, out - fields())) {
            std::memcpy(out, place.record, 4 * fields());
            out += fields();
            if (++count_ % kBetweenReleases == 0) {
                for (Run& run : runs_) run.memory.release_pages();
                records_.release_pages();
                merged.release_pages();
            }
        } else {
            combine(out - fields(), place.record);
        }
        place.record += fields();
        if (place.record != place.end) places.push(place);
    }
    runs_.clear();
    records_ = std::move(merged);
    records_.release_pages();
}

}  // namespace neurolect
