// Numbers in raw memory: of a type's width, or packed without gaps, of any width up to 57 bits.
#pragma once

#include <cstdint>
#include <cstring>

namespace neurolect {

constexpr unsigned kSpareBytes = 8;  // at the end of a packed array

// The number that lies at a place of any alignment.
template <typename T>
T value_at(const uint8_t* place) {
    T value;
    std::memcpy(&value, place, sizeof value);
    return value;
}

// Bits needed for the numbers 0 … largest.
inline unsigned bits_for(uint64_t largest) {
    unsigned bits = 0;
    while (bits < 64 && (largest >> bits) != 0) ++bits;
    return bits;
}

inline uint64_t read_bits(const uint8_t* base, uint64_t bit, unsigned width) {
    return (value_at<uint64_t>(base + (bit >> 3)) >> (bit & 7)) & ((uint64_t{1} << width) - 1);
}

// The bits written to must still be zero.
inline void write_bits(uint8_t* base, uint64_t bit, uint64_t value) {
    const uint64_t word = value_at<uint64_t>(base + (bit >> 3)) | value << (bit & 7);
    std::memcpy(base + (bit >> 3), &word, sizeof word);
}

}  // namespace neurolect
