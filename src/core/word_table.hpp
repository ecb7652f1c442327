// Words ↔ ids 0, 1, 2, … in the order in which they were added.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace neurolect {

class WordTable {
public:
    static constexpr uint32_t kNone = 0xFFFFFFFF;

    uint32_t find(std::string_view word) const {
        return slots_.empty() ? kNone : slots_[slot_of(word)];
    }

    // False if the word is there already.
    bool add(std::string word) {
        if (2 * (words_.size() + 1) > slots_.size()) grow();
        const size_t slot = slot_of(word);
        if (slots_[slot] != kNone) return false;
        slots_[slot] = static_cast<uint32_t>(words_.size());
        words_.push_back(std::move(word));
        return true;
    }

    size_t size() const { return words_.size(); }
    const std::string& operator[](size_t id) const { return words_[id]; }

private:
    size_t slot_of(std::string_view word) const {
        const size_t mask = slots_.size() - 1;
        size_t slot = std::hash<std::string_view>{}(word) & mask;
        while (slots_[slot] != kNone && words_[slots_[slot]] != word) slot = (slot + 1) & mask;
        return slot;
    }

    void grow() {
        slots_.assign(slots_.empty() ? 1024 : 2 * slots_.size(), kNone);
        for (size_t id = 0; id < words_.size(); ++id) slots_[slot_of(words_[id])] = static_cast<uint32_t>(id);
    }

    std::vector<std::string> words_;
    std::vector<uint32_t> slots_;
};

}  // namespace neurolect
