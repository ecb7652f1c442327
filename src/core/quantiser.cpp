#include "quantiser.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngram_store.hpp"

namespace neurolect {

namespace {

// The centres of at most `n` groups of values (ascending), by Lloyd's iterations from groups of equal size.
std::vector<float> centres_of(const std::vector<float>& values, unsigned n) {
    constexpr unsigned kRounds = 12;
    std::vector<double> sums(values.size() + 1, 0.0);
    for (size_t i = 0; i < values.size(); ++i) sums[i + 1] = sums[i] + values[i];
    std::vector<size_t> bounds(n + 1);
    for (unsigned g = 0; g <= n; ++g) bounds[g] = values.size() * g / n;
    std::vector<float> centres;
    for (unsigned round = 0; round < kRounds; ++round) {
        centres.clear();
        for (unsigned g = 0; g < n; ++g) {
            if (bounds[g] == bounds[g + 1]) continue;
            const double size = static_cast<double>(bounds[g + 1] - bounds[g]);
            centres.push_back(static_cast<float>((sums[bounds[g + 1]] - sums[bounds[g]]) / size));
        }
        centres.erase(std::unique(centres.begin(), centres.end()), centres.end());
        n = static_cast<unsigned>(centres.size());
        bounds.resize(n + 1);
        for (unsigned g = 1; g < n; ++g) {
            const float middle = 0.5f * (centres[g - 1] + centres[g]);
            bounds[g] = static_cast<size_t>(std::lower_bound(values.begin(), values.end(), middle) - values.begin());
        }
        bounds[n] = values.size();
    }
    return centres;
}

}  // namespace

Quantiser::Quantiser(std::vector<float> sample, bool keep_zero) {
    if (keep_zero) sample.erase(std::remove(sample.begin(), sample.end(), 0.0f), sample.end());
    std::sort(sample.begin(), sample.end());
    first_ = keep_zero ? 1 : 0;
    const unsigned room = kCodes - first_;
    std::vector<float> distinct(sample);
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    std::vector<float> centres = distinct.size() <= room ? distinct : centres_of(sample, room);
    if (keep_zero) table_.push_back(0.0f);
    table_.insert(table_.end(), centres.begin(), centres.end());
    for (size_t i = 1; i < centres.size(); ++i) midpoints_.push_back(0.5f * (centres[i - 1] + centres[i]));
    table_.resize(kCodes, table_.empty() ? 0.0f : table_.back());
}

uint8_t Quantiser::code(float value) const {
    if (first_ == 1 && value == 0.0f) return 0;
    const auto place = std::upper_bound(midpoints_.begin(), midpoints_.end(), value) - midpoints_.begin();
    return static_cast<uint8_t>(first_ + place);
}

}  // namespace neurolect
