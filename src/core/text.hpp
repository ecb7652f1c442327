// Text out of files, which may hold anything.
#pragma once

#include <string>
#include <string_view>

namespace neurolect {

bool is_utf8(std::string_view text);

// The beginning of the text in quotes, as it can stand in a message of one line.
std::string quoted(std::string_view text);

}  // namespace neurolect
