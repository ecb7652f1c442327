// What the core throws when data are wrong: one line that a person can act on; Python sees `DataError`.
#pragma once

#include <stdexcept>
#include <string>

namespace neurolect {

struct DataError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace neurolect
