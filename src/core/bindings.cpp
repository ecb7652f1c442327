// The Python module `neurolect._core`.
#include "bindings.hpp"

#include <exception>

#include "error.hpp"

namespace nb = nanobind;

NB_MODULE(_core, module) {
    // Caches that live until the interpreter ends are no leak.
    nb::set_leak_warnings(false);
    nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
        try {
            std::rethrow_exception(pointer);
        } catch (const neurolect::DataError& error) {
            const nb::object type = nb::module_::import_("neurolect.errors").attr("DataError");
            PyErr_SetString(type.ptr(), error.what());
        }
    });
    neurolect::bind_ngrams(module);
    neurolect::bind_estimation(module);
    neurolect::bind_search(module);
}
