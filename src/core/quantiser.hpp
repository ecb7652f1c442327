// A table of 256 values that stands for many.
#pragma once

#include <cstdint>
#include <vector>

namespace neurolect {

class Quantiser {
public:
    // Fits the table to a sample. With `keep_zero`, zero stays exactly zero and nothing else becomes it.
    Quantiser(std::vector<float> sample, bool keep_zero);

    uint8_t code(float value) const;
    const std::vector<float>& table() const { return table_; }

private:
    std::vector<float> table_;      // ascending, except that zero comes first where it is kept
    std::vector<float> midpoints_;  // between the ascending values
    unsigned first_ = 0;            // 1 if zero is kept
};

}  // namespace neurolect
