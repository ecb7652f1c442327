// Records sorted on disk by their first fields, any number of them in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mapped_file.hpp"

namespace neurolect {

// A pass over many records hands mapped pages back after this many, or its files would come to fill the memory.
constexpr uint64_t kBetweenReleases = uint64_t{1} << 20;

// A record is `length` fields to sort by and two more, 4 bytes each.
class SortedRecords {
public:
    // `combine` is called for records with equal fields: it puts into the first what is to be known of the second.
    using Combine = std::function<void(uint32_t* first, const uint32_t* second)>;

    SortedRecords(unsigned length, std::string folder, size_t buffer_bytes);

    // Room for one more record, to be filled at once; `combine` must be the same each time.
    uint32_t* add(const Combine& combine);

    // Sorts what was added since the last time into what is there, which only then can be seen.
    void sort(const Combine& combine);

    unsigned length() const { return length_; }
    uint64_t count() const { return count_; }
    const uint32_t* operator[](uint64_t index) const { return begin() + index * fields(); }
    uint32_t* operator[](uint64_t index) {
        return reinterpret_cast<uint32_t*>(records_.data()) + index * fields();
    }
    void release_pages() { records_.release_pages(); }

private:
    size_t fields() const { return length_ + 2; }
    const uint32_t* begin() const { return reinterpret_cast<const uint32_t*>(records_.data()); }
    void spill(const Combine& combine);
    size_t combine_equals(uint32_t* records, size_t count, const Combine& combine) const;

    struct Run {
        FileMemory memory;
        uint64_t count;
    };

    unsigned length_;
    std::string folder_;
    size_t buffer_bytes_;
    std::vector<uint32_t> buffer_;
    std::vector<Run> runs_;
    FileMemory records_;
    uint64_t count_ = 0;
};

}  // namespace neurolect
