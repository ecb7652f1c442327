// Records sorted on disk by their first fields, any number of them in bounded memory.
#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <string>
#include <vector>

#include "sorted_runs.hpp"

namespace neurolect {

// A pass over many records hands mapped pages back after this many, or its files would come to fill the memory.
constexpr uint64_t kBetweenReleases = uint64_t{1} << 20;

// A record is `length` fields to sort by and two more, 4 bytes each.
class SortedRecords {
public:
    // `combine` has to be the same each time. Of several threads one fills a block of the buffer while the others sort
    // full ones, which call `combine` at the same time. `n_alike` such records live at once, each with its share of the
    // files that a process may map.
    SortedRecords(unsigned length, std::string folder, size_t buffer_bytes, unsigned n_threads = 1, size_t n_alike = 1);

    // Room for one more record, to be filled at once.
    uint32_t* add(const Combine& combine);

    // What was added to other records since they were sorted last counts as added here.
    void add_all(SortedRecords&& others, const Combine& combine);

    // Sorts what was added since the last time into what is there, which only then can be seen.
    void sort(const Combine& combine);

    // Brings what was added into sorted runs, which frees the buffer.
    void settle(const Combine& combine);

    // First fields that cut what was settled into about equal pieces: piece i has those from cuts[i] to below
    // cuts[i + 1], and none may be kNoFirstField.
    static constexpr uint32_t kNoFirstField = 0xFFFFFFFF;
    std::vector<uint32_t> cuts(size_t n_pieces) const;

    // Calls `take` with a piece of what was settled, in order, equal records combined.
    template <typename Take>
    void for_each(uint32_t first, uint32_t end, const Combine& combine, Take take) {
        std::vector<RecordRange> ranges;
        for (const SortedRun& run : runs_) ranges.push_back(range_of(run, first, end));
        uint64_t n_taken = 0;
        merge(ranges, length_, combine, [&](const uint32_t* record) {
            if (++n_taken % kBetweenReleases == 0) release_runs();
            take(record);
        });
    }

    unsigned length() const { return length_; }
    uint64_t count() const { return sorted_.count; }
    const uint32_t* operator[](uint64_t index) const {
        return reinterpret_cast<const uint32_t*>(sorted_.memory.data()) + index * fields();
    }
    uint32_t* operator[](uint64_t index) {
        return reinterpret_cast<uint32_t*>(sorted_.memory.data()) + index * fields();
    }
    void release_pages() const { sorted_.memory.release_pages(); }

private:
    size_t fields() const { return length_ + 2; }
    RecordRange range_of(const SortedRun& run, uint32_t first, uint32_t end) const;
    void reserve_block();
    void spill(const Combine& combine);
    void collect(size_t n_left, const Combine& combine);
    void add_run(SortedRun run, const Combine& combine);
    void merge_runs(const Combine& combine);
    void release_runs() const;

    unsigned length_;
    std::string folder_;
    size_t block_bytes_;
    unsigned n_threads_;
    size_t most_runs_;
    std::vector<uint32_t> block_;
    std::deque<std::future<SortedRun>> sorting_;
    std::vector<SortedRun> runs_;
    SortedRun sorted_;
};

}  // namespace neurolect
