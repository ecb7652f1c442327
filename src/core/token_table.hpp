// A hash table from keys to positions that is emptied in no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neurolect {

class TokenTable {
public:
    static constexpr uint32_t kNone = 0xFFFFFFFF;

    explicit TokenTable(size_t slots = size_t{1} << 14) { resize(slots); }

    void clear() {
        size_ = 0;
        if (++stamp_ == 0) {  // a stamp comes round again after 2³² uses
            for (Slot& slot : slots_) slot.stamp = 0;
            stamp_ = 1;
        }
    }

    // The key's position, or kNone after giving it `position`.
    uint32_t find_or_add(uint64_t key, uint32_t position) {
        if (4 * size_ >= 3 * slots_.size()) grow();
        Slot& slot = slot_of(key);
        if (slot.stamp == stamp_) return slot.position;
        slot = {key, position, stamp_};
        ++size_;
        return kNone;
    }

    uint32_t find(uint64_t key) const {
        const Slot& slot = const_cast<TokenTable*>(this)->slot_of(key);
        return slot.stamp == stamp_ ? slot.position : kNone;
    }

private:
    struct Slot {
        uint64_t key = 0;
        uint32_t position = 0;
        uint32_t stamp = 0;
    };

    Slot& slot_of(uint64_t key) {
        size_t place = (key * 0x9E3779B97F4A7C15) >> shift_;
        while (slots_[place].stamp == stamp_ && slots_[place].key != key) place = (place + 1) & (slots_.size() - 1);
        return slots_[place];
    }

    void resize(size_t slots) {
        slots_.assign(slots, Slot{});
        shift_ = 64;
        for (size_t size = slots; size > 1; size /= 2) --shift_;
    }

    void grow() {
        const std::vector<Slot> old = std::move(slots_);
        resize(2 * old.size());
        for (const Slot& slot : old) {
            if (slot.stamp == stamp_) slot_of(slot.key) = slot;
        }
    }

    std::vector<Slot> slots_;
    size_t size_ = 0;
    uint32_t stamp_ = 1;
    unsigned shift_ = 0;
};

}  // namespace neurolect
