// Python's view of how n-gram models are estimated, pruned and mixed.
#include "bindings.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "grammar_graph.hpp"
#include "katz.hpp"
#include "kenlm_trie.hpp"
#include "kneser_ney.hpp"
#include "mixing.hpp"
#include "ngram_counts.hpp"
#include "pruning.hpp"

namespace nb = nanobind;

namespace neurolect {

namespace {

// Where models are written, and how.
struct Target {
    std::string path;
    unsigned value_bits;
    std::string folder;
    size_t buffer_bytes;
    unsigned n_threads;
};

std::vector<Discounts> write_kneser_ney(NgramCounter& counter, const std::vector<uint64_t>& least,
                                        const Target& target) {
    NgramBuilder builder(counter.order(), target.folder, target.buffer_bytes);
    NgramCounts counts = counter.finish(CountKind::kContinuations, least);
    std::vector<Discounts> discounts = estimate_kneser_ney(counts, builder, target.n_threads);
    counts.levels.clear();
    builder.write(target.path, target.value_bits, NgramBuilder::Values::kInterpolated, target.n_threads);
    return discounts;
}

void write_katz(NgramCounter& counter, const std::vector<uint64_t>& least, const Target& target) {
    NgramBuilder builder(counter.order(), target.folder, target.buffer_bytes);
    NgramCounts counts = counter.finish(CountKind::kOccurrences, least);
    estimate_katz(counts, builder, target.n_threads);
    counts.levels.clear();
    builder.write(target.path, target.value_bits, NgramBuilder::Values::kWithoutBackoffs, target.n_threads);
}

void write_pruned(const NgramStore& store, double threshold, const Target& target) {
    store.verify();
    NgramBuilder builder(store.order(), target.folder, target.buffer_bytes);
    prune(store, threshold, builder);
    builder.write(target.path, target.value_bits, NgramBuilder::Values::kWithoutBackoffs, target.n_threads);
}

void write_mixture(const std::vector<const NgramStore*>& stores, const std::vector<double>& weights,
                   const Target& target) {
    unsigned order = 1;
    for (const NgramStore* store : stores) {
        store->verify();
        order = std::max(order, store->order());
    }
    NgramBuilder builder(order, target.folder, target.buffer_bytes);
    mix(stores, weights, builder);
    builder.write(target.path, target.value_bits, NgramBuilder::Values::kWithoutBackoffs, target.n_threads);
}

void write_grammar(const std::string& path, const std::vector<std::string>& words, uint32_t backoff,
                   const Target& target) {
    const GraphFile graph(path);
    const GrammarGraph grammar(graph, words, backoff, target.folder);
    NgramBuilder builder(grammar.order(), target.folder, target.buffer_bytes);
    grammar.add_to(builder);
    builder.write(target.path, target.value_bits);
}

void write_kenlm_trie(const std::string& path, bool lower_case, const Target& target) {
    const KenlmTrie trie(path);
    NgramBuilder builder(trie.order(), target.folder, target.buffer_bytes);
    trie.add_to(builder, lower_case);
    builder.write(target.path, target.value_bits);
}

}  // namespace

void bind_estimation(nb::module_& module) {
    nb::class_<Target>(module, "NgramTarget")
        .def(nb::init<std::string, unsigned, std::string, size_t, unsigned>(), nb::arg("path"), nb::arg("value_bits"),
             nb::arg("folder"), nb::arg("buffer_bytes"), nb::arg("n_threads"));

    nb::class_<NgramCounter>(module, "NgramCounter")
        .def(nb::init<unsigned, std::string, size_t, const std::vector<std::string>&, unsigned>(), nb::arg("order"),
             nb::arg("folder"), nb::arg("buffer_bytes"), nb::arg("vocabulary"), nb::arg("n_threads"))
        .def(
            "push",
            [](NgramCounter& counter, const nb::bytes& text) {
                const std::string_view all(text.c_str(), text.size());
                const nb::gil_scoped_release released;
                counter.push(all);
            },
            nb::arg("text"))
        .def_prop_ro("n_sentences", &NgramCounter::n_sentences)
        .def_prop_ro("n_words", &NgramCounter::n_words);

    module.def(
        "write_kneser_ney",
        [](NgramCounter& counter, const std::vector<uint64_t>& least, const Target& target) {
            std::vector<Discounts> discounts;
            {
                const nb::gil_scoped_release released;
                discounts = write_kneser_ney(counter, least, target);
            }
            nb::list found;
            for (const Discounts& each : discounts) {
                found.append(nb::make_tuple(each.of[0], each.of[1], each.of[2], each.are_estimated));
            }
            return found;
        },
        nb::arg("counter"), nb::arg("least"), nb::arg("target"),
        nb::sig(
            "def write_kneser_ney(counter: NgramCounter, least: collections.abc.Sequence[int], target: NgramTarget) "
            "-> list[tuple[float, float, float, bool]]"));
    module.def("write_katz", &write_katz, nb::arg("counter"), nb::arg("least"), nb::arg("target"),
               nb::call_guard<nb::gil_scoped_release>());
    module.def("write_pruned", &write_pruned, nb::arg("store"), nb::arg("threshold"), nb::arg("target"),
               nb::call_guard<nb::gil_scoped_release>());
    module.def("write_grammar", &write_grammar, nb::arg("path"), nb::arg("words"), nb::arg("backoff"),
               nb::arg("target"), nb::call_guard<nb::gil_scoped_release>());
    module.def("write_kenlm_trie", &write_kenlm_trie, nb::arg("path"), nb::arg("lower_case"), nb::arg("target"),
               nb::call_guard<nb::gil_scoped_release>());
    module.def("write_mixture", &write_mixture, nb::arg("stores"), nb::arg("weights"), nb::arg("target"),
               nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace neurolect
