#include "graph_file.hpp"

#include <limits>

#include "bits.hpp"
#include "error.hpp"
#include "text.hpp"

namespace neurolect {

namespace {

constexpr int32_t kFstMagic = 2125659606;
constexpr int32_t kSymbolsMagic = 2125658996;
constexpr uint64_t kInputLabelSorted = 0x0000000010000000;
constexpr int32_t kHasInputSymbols = 1, kHasOutputSymbols = 2, kIsAligned = 4;
constexpr size_t kAlignment = 16;
constexpr size_t kVectorState = 12;  // final cost, 8 bytes of arc count

// Reads one value after the other; past the end it says so.
class Cursor {
public:
    Cursor(const GraphFile& graph, const uint8_t* data, size_t size) : graph_(graph), data_(data), size_(size) {}

    template <typename T>
    T take() {
        need(sizeof(T));
        const T value = value_at<T>(data_ + position_);
        position_ += sizeof(T);
        return value;
    }

    std::string take_text() {
        const auto length = take<int32_t>();
        if (length < 0) graph_.damaged();
        need(static_cast<size_t>(length));
        const std::string text(reinterpret_cast<const char*>(data_ + position_), static_cast<size_t>(length));
        position_ += static_cast<size_t>(length);
        return text;
    }

    void skip_symbols() {
        if (take<int32_t>() != kSymbolsMagic) graph_.damaged();
        take_text();
        take<int64_t>();
        const auto count = take<int64_t>();
        if (count < 0) graph_.damaged();
        for (int64_t i = 0; i < count; ++i) {
            take_text();
            take<int64_t>();
        }
    }

    void align() { position_ = (position_ + kAlignment - 1) / kAlignment * kAlignment; }
    size_t position() const { return position_; }

private:
    void need(size_t bytes) const {
        if (position_ > size_ || bytes > size_ - position_) graph_.damaged();
    }

    const GraphFile& graph_;
    const uint8_t* data_;
    size_t size_, position_ = 0;
};

}  // namespace

GraphFile::GraphFile(const std::string& path) : path_(path), file_(path) {
    if (file_.size() < 4 || value_at<int32_t>(file_.data()) != kFstMagic) {
        throw DataError(path + ": not an OpenFst graph");
    }
    Cursor cursor(*this, file_.data(), file_.size());
    cursor.take<int32_t>();
    const std::string type = cursor.take_text(), arc_type = cursor.take_text();
    if ((type != "vector" && type != "const") || arc_type != "standard") {
        throw DataError(path + ": a graph of type " + quoted(type) + " with arcs of type " + quoted(arc_type) +
                        ", only 'vector' and 'const' with 'standard' arcs are read");
    }
    is_const_ = type == "const";
    const auto version = cursor.take<int32_t>();
    const auto flags = cursor.take<int32_t>();
    is_sorted_ = (cursor.take<uint64_t>() & kInputLabelSorted) != 0;
    const auto start = cursor.take<int64_t>(), n_states = cursor.take<int64_t>(), n_arcs = cursor.take<int64_t>();
    if (flags & kHasInputSymbols) cursor.skip_symbols();
    if (flags & kHasOutputSymbols) cursor.skip_symbols();
    if (start == -1 || n_states == 0) throw DataError(path + ": the graph is empty");
    if (n_states < 0 || n_states > 0x7FFFFFFF || start < 0 || start >= n_states) damaged();
    start_ = static_cast<uint32_t>(start);
    n_states_ = static_cast<uint32_t>(n_states);
    if (!is_const_) {
        index_states(cursor.position());
        return;
    }
    if (n_arcs < 0) damaged();
    n_arcs_ = static_cast<uint64_t>(n_arcs);
    const bool is_aligned = (flags & kIsAligned) || version == 1;
    if (is_aligned) cursor.align();
    const size_t states = cursor.position();
    size_t arcs = states + kConstState * n_states_;
    if (is_aligned) arcs = (arcs + kAlignment - 1) / kAlignment * kAlignment;
    if (arcs > file_.size() || n_arcs_ > (file_.size() - arcs) / sizeof(Arc)) damaged();
    states_ = file_.data() + states;
    arcs_ = file_.data() + arcs;
}

void GraphFile::index_states(uint64_t position) {
    if (position > file_.size() || n_states_ > (file_.size() - position) / kVectorState) damaged();
    positions_.reserve(n_states_);
    for (uint32_t state = 0; state < n_states_; ++state) {
        if (position > file_.size() || file_.size() - position < kVectorState) damaged();
        const auto n = value_at<int64_t>(file_.data() + position + 4);
        const uint64_t room = (file_.size() - position - kVectorState) / sizeof(Arc);
        if (n < 0 || static_cast<uint64_t>(n) > room || n > 0x7FFFFFFF) damaged();
        positions_.push_back(position);
        position += kVectorState + sizeof(Arc) * static_cast<uint64_t>(n);
        n_arcs_ += static_cast<uint64_t>(n);
    }
}

GraphFile::State GraphFile::vector_state(uint32_t number) const {
    const uint8_t* state = file_.data() + positions_[number];
    const auto n = static_cast<uint32_t>(value_at<int64_t>(state + 4));
    return {value_at<float>(state), n, state + kVectorState};
}

float GraphFile::unusual(float weight) const {
    if (!(weight > 0.0f)) damaged();
    return std::numeric_limits<float>::infinity();
}

void GraphFile::damaged() const { throw DataError(path_ + ": the graph is damaged or cut short"); }

}  // namespace neurolect
