// Numbers of any width up to 57 bits, packed without gaps; a packed array ends with 8 spare bytes.
#pragma once

#include <cstdint>
#include <cstring>

namespace neurolect {

constexpr unsigned kSpareBytes = 8;

// Bits needed for the numbers 0 … largest.
inline unsigned bits_for(uint64_t largest) {
    unsigned bits = 0;
    while (bits < 64 && (largest >> bits) != 0) ++bits;
    return bits;
}

inline uint64_t read_bits(const uint8_t* base, uint64_t bit, unsigned width) {
    uint64_t word;
    std::memcpy(&word, base + (bit >> 3), sizeof word);
    return (word >> (bit & 7)) & ((uint64_t{1} << width) - 1);
}

// The bits written to must still be zero.
inline void write_bits(uint8_t* base, uint64_t bit, uint64_t value) {
    uint64_t word;
    std::memcpy(&word, base + (bit >> 3), sizeof word);
    word |= value << (bit & 7);
    std::memcpy(base + (bit >> 3), &word, sizeof word);
}

}  // namespace neurolect
