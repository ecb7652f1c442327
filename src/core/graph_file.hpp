// A search graph in an OpenFst file, used where it lies on disk.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bits.hpp"
#include "mapped_file.hpp"

namespace neurolect {

// Vector and const FSTs over the tropical semiring with 32-bit labels and states. What a damaged file says is checked
// when it is used. Opening a const FST takes no time; a vector FST is gone through once, to find its states.
class GraphFile {
public:
    struct Arc {
        int32_t input, output;
        float weight;
        int32_t next;
    };
    struct State {
        float final_cost;  // as the file has it
        uint32_t n_arcs;
        const uint8_t* arcs;
    };

    explicit GraphFile(const std::string& path);

    uint32_t start() const { return start_; }
    uint32_t n_states() const { return n_states_; }
    uint64_t n_arcs() const { return n_arcs_; }
    // Arcs ascend by their input label: then those without one come first, and disambiguation symbols last.
    bool is_sorted() const { return is_sorted_; }

    State state(uint32_t number) const {
        if (!is_const_) return vector_state(number);
        const uint8_t* state = states_ + kConstState * number;
        const auto first = value_at<uint32_t>(state + 4), n = value_at<uint32_t>(state + 8);
        if (first > n_arcs_ || n > n_arcs_ - first) damaged();
        return {value_at<float>(state), n, arcs_ + sizeof(Arc) * first};
    }
    Arc arc(const State& state, uint32_t place) const {
        Arc arc = value_at<Arc>(state.arcs + sizeof(Arc) * place);
        if (static_cast<uint32_t>(arc.next) >= n_states_ || (arc.input | arc.output) < 0) damaged();
        arc.weight = checked(arc.weight);
        return arc;
    }
    // Infinite where no path may end.
    float final_cost(uint32_t number) const { return checked(state(number).final_cost); }
    // Hints that a state will soon be asked for, and after that its arcs.
    void prefetch_state(uint32_t number) const {
        __builtin_prefetch(is_const_ ? states_ + kConstState * number : file_.data() + positions_[number]);
    }
    void prefetch_arcs(uint32_t number) const {
        const State here = state(number);
        __builtin_prefetch(here.arcs);
        if (here.n_arcs > 0) __builtin_prefetch(here.arcs + sizeof(Arc) * (here.n_arcs - 1));
    }

    const std::string& path() const { return path_; }
    [[noreturn]] void damaged() const;

private:
    static constexpr size_t kConstState = 20;  // final cost, first arc, arcs, input epsilons, output epsilons

    // Next to larger ones every other cost would be lost to rounding.
    static constexpr float kLargestWeight = 1e6f;

    float checked(float weight) const { return std::fabs(weight) < kLargestWeight ? weight : unusual(weight); }
    // A path with such a cost does not exist; there is no such gain, and it must be a number.
    float unusual(float weight) const;

    State vector_state(uint32_t number) const;
    void index_states(uint64_t position);

    std::string path_;
    MappedFile file_;
    bool is_const_ = false, is_sorted_ = false;
    uint32_t start_ = 0, n_states_ = 0;
    uint64_t n_arcs_ = 0;
    const uint8_t* states_ = nullptr;  // of a const FST
    const uint8_t* arcs_ = nullptr;
    std::vector<uint64_t> positions_;  // of a vector FST: where each state begins
};

}  // namespace neurolect
