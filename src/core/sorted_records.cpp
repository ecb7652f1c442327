#include "sorted_records.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace neurolect {

namespace {

constexpr size_t kLeastBlock = 1 << 12;  // bytes; a run is a file
// A process may map 65,530 files by default.
constexpr size_t kMostRuns = 1 << 10;
constexpr size_t kMostRunsOfAll = 1 << 13;
constexpr size_t kLeastRuns = 4;  // merging fewer would copy most records many times

const uint32_t* records_of(const SortedRun& run) { return reinterpret_cast<const uint32_t*>(run.memory.data()); }

}  // namespace

SortedRecords::SortedRecords(unsigned length, std::string folder, size_t buffer_bytes, unsigned n_threads,
                             size_t n_alike)
    : length_(length),
      folder_(std::move(folder)),
      block_bytes_(std::max(kLeastBlock, buffer_bytes / std::max(1u, n_threads))),
      n_threads_(std::max(1u, n_threads)),
      most_runs_(std::clamp(kMostRunsOfAll / std::max<size_t>(1, n_alike), kLeastRuns, kMostRuns)) {}

uint32_t* SortedRecords::add(const Combine& combine) {
    if (4 * (block_.size() + fields()) > block_bytes_) spill(combine);
    if (block_.empty()) reserve_block();
    const size_t place = block_.size();
    block_.resize(place + fields());
    return &block_[place];
}

// Reserved pages take no memory before they are written to; growth copies them, and then they take twice theirs.
void SortedRecords::reserve_block() {
    try {
        block_.reserve(block_bytes_ / 4 + fields());
    } catch (const std::exception&) {
        // More than the system has to give, which the records may not need: then it grows.
    }
}

void SortedRecords::add_all(SortedRecords&& others, const Combine& combine) {
    others.settle(combine);
    for (SortedRun& run : others.runs_) add_run(std::move(run), combine);
    others.runs_.clear();
}

void SortedRecords::spill(const Combine& combine) {
    if (block_.empty()) return;
    if (n_threads_ == 1) {
        add_run(write_run(block_, length_, folder_, combine), combine);
        block_.clear();
        return;
    }
    collect(n_threads_ - 2, combine);
    // Where the system has no more threads to give, a block is sorted when it is asked for.
    sorting_.push_back(std::async(
        std::launch::async | std::launch::deferred,
        [length = length_, folder = folder_, combine](std::vector<uint32_t> block) {
            return write_run(block, length, folder, combine);
        },
        std::exchange(block_, {})));
}

// Waits for the blocks that are being sorted, but for this many.
void SortedRecords::collect(size_t n_left, const Combine& combine) {
    while (sorting_.size() > n_left) {
        std::future<SortedRun> run = std::move(sorting_.front());
        sorting_.pop_front();
        add_run(run.get(), combine);
    }
}

void SortedRecords::add_run(SortedRun run, const Combine& combine) {
    runs_.push_back(std::move(run));
    if (runs_.size() == most_runs_) merge_runs(combine);
}

void SortedRecords::merge_runs(const Combine& combine) {
    std::vector<RecordRange> ranges;
    uint64_t most = 0;
    for (const SortedRun& run : runs_) {
        ranges.push_back({records_of(run), records_of(run) + run.count * fields()});
        most += run.count;
    }
    SortedRun merged{FileMemory::scratch(folder_, 4 * most * fields()), 0};
    auto* out = reinterpret_cast<uint32_t*>(merged.memory.data());
    merge(ranges, length_, combine, [&](const uint32_t* record) {
        std::memcpy(out, record, 4 * fields());
        out += fields();
        if (++merged.count % kBetweenReleases == 0) {
            release_runs();
            merged.memory.release_pages();
        }
    });
    merged.memory.release_pages();
    runs_.clear();
    runs_.push_back(std::move(merged));
}

void SortedRecords::release_runs() const {
    for (const SortedRun& run : runs_) run.memory.release_pages();
}

void SortedRecords::sort(const Combine& combine) {
    settle(combine);
    if (sorted_.count > 0) runs_.push_back(std::exchange(sorted_, {}));
    if (runs_.size() > 1) merge_runs(combine);
    if (!runs_.empty()) sorted_ = std::move(runs_.front());
    runs_.clear();
}

void SortedRecords::settle(const Combine& combine) {
    spill(combine);
    collect(0, combine);
    std::vector<uint32_t>().swap(block_);
}

std::vector<uint32_t> SortedRecords::cuts(size_t n_pieces) const {
    std::vector<uint32_t> cuts{0};
    const auto largest = std::max_element(runs_.begin(), runs_.end(), [](const SortedRun& a, const SortedRun& b) {
        return a.count < b.count;
    });
    for (size_t piece = 1; piece < n_pieces && largest != runs_.end(); ++piece) {
        cuts.push_back(records_of(*largest)[largest->count * piece / n_pieces * fields()]);
    }
    cuts.push_back(kNoFirstField);
    return cuts;
}

// The records of a run whose first field is `first` or more and below `end`.
RecordRange SortedRecords::range_of(const SortedRun& run, uint32_t first, uint32_t end) const {
    const auto place_of = [&](uint32_t field) {
        uint64_t low = 0, high = run.count;
        while (low < high) {
            const uint64_t middle = (low + high) / 2;
            if (records_of(run)[middle * fields()] < field) low = middle + 1;
            else high = middle;
        }
        return records_of(run) + low * fields();
    };
    return {place_of(first), place_of(end)};
}

}  // namespace neurolect
