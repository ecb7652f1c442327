// Sorted runs of records, and how several become one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "mapped_file.hpp"

namespace neurolect {

// A record is up to 8 fields to sort by and two more, 4 bytes each.
constexpr unsigned kMostFields = 10;

// Called for records with equal fields: it puts into the first what is to be known of the second.
using Combine = std::function<void(uint32_t* first, const uint32_t* second)>;

// Records on disk in the order of their fields, no two with the same.
struct SortedRun {
    FileMemory memory;
    uint64_t count = 0;
};

struct RecordRange {
    const uint32_t* begin;
    const uint32_t* end;
};

// Sorts records in place, writes them to a file of the folder, and leaves them in any state.
SortedRun write_run(std::vector<uint32_t>& records, unsigned length, const std::string& folder, const Combine& combine);

// Calls `take` with the records of sorted ranges in order, equal ones combined.
template <typename Take>
void merge(const std::vector<RecordRange>& ranges, unsigned length, const Combine& combine, Take take) {
    const unsigned fields = length + 2;
    const auto is_later = [length](const RecordRange& a, const RecordRange& b) {
        return std::lexicographical_compare(b.begin, b.begin + length, a.begin, a.begin + length);
    };
    std::priority_queue<RecordRange, std::vector<RecordRange>, decltype(is_later)> others(is_later);
    for (const RecordRange& range : ranges) {
        if (range.begin != range.end) others.push(range);
    }
    uint32_t record[kMostFields];
    bool is_first = true;
    while (!others.empty()) {
        RecordRange range = others.top();
        others.pop();
        do {
            if (!is_first && std::equal(record, record + length, range.begin)) {
                combine(record, range.begin);
            } else {
                if (!is_first) take(static_cast<const uint32_t*>(record));
                std::memcpy(record, range.begin, 4 * fields);
                is_first = false;
            }
            range.begin += fields;
        } while (range.begin != range.end && (others.empty() || !is_later(range, others.top())));
        if (range.begin != range.end) others.push(range);
    }
    if (!is_first) take(static_cast<const uint32_t*>(record));
}

}  // namespace neurolect
