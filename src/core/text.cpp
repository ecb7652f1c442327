#include "text.hpp"

#include <cstddef>
#include <cstdint>

namespace neurolect {

namespace {

// Bytes of the character at the beginning of a text; 0 if it is not UTF-8. Longer forms than needed, surrogates and
// what is beyond Unicode are not.
size_t first_character(std::string_view text) {
    const auto byte = [text](size_t place) { return static_cast<uint8_t>(text[place]); };
    const uint8_t lead = byte(0);
    if (lead < 0x80) return 1;
    const size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < n) return 0;
    for (size_t i = 1; i < n; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const bool is_too_long = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
    const bool is_no_character = (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF4 && byte(1) >= 0x90);
    return is_too_long || is_no_character ? 0 : n;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const size_t n = first_character(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

std::string quoted(std::string_view text) {
    constexpr size_t kLongest = 80;
    std::string result = "'";
    while (!text.empty() && result.size() < kLongest) {
        const size_t n = first_character(text);
        const bool is_shown = n > 0 && static_cast<uint8_t>(text[0]) >= ' ';
        if (is_shown) result += text.substr(0, n);
        else result += '?';
        text.remove_prefix(n > 0 ? n : 1);
    }
    return result + (text.empty() ? "'" : "…'");
}

}  // namespace neurolect
