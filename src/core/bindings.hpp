// The parts of the module `neurolect._core`.
#pragma once

#include <nanobind/nanobind.h>

namespace neurolect {

void bind_estimation(nanobind::module_& module);
void bind_ngrams(nanobind::module_& module);
void bind_search(nanobind::module_& module);

}  // namespace neurolect
