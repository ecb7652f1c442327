#include "sorted_runs.hpp"

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

// Moves records so that no two neighbours are equal; returns how many are left.
size_t combine_equals(uint32_t* records, size_t count, unsigned length, const Combine& combine) {
    const size_t fields = length + 2;
    if (count == 0) return 0;
    uint32_t* last = records;
    for (const uint32_t* record = records + fields; record != records + count * fields; record += fields) {
        if (std::equal(record, record + length, last)) {
            combine(last, record);
        } else {
            last += fields;
            if (last != record) std::memcpy(last, record, 4 * fields);
        }
    }
    return static_cast<size_t>(last - records) / fields + 1;
}

}  // namespace

SortedRun write_run(std::vector<uint32_t>& records, unsigned length, const std::string& folder,
                    const Combine& combine) {
    const size_t all = records.size() / (length + 2);
    sort_records(length, records.data(), all);
    const size_t count = combine_equals(records.data(), all, length, combine);
    SortedRun run{FileMemory::scratch(folder, 4 * count * (length + 2)), count};
    if (count > 0) std::memcpy(run.memory.data(), records.data(), run.memory.size());
    run.memory.release_pages();
    return run;
}

}  // namespace neurolect
