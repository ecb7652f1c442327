// Python's view of the n-gram store, its builder and ARPA texts.
#include "bindings.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "arpa.hpp"
#include "error.hpp"
#include "ngram_builder.hpp"
#include "ngram_store.hpp"
#include "ngram_walk.hpp"

namespace nb = nanobind;

namespace neurolect {

namespace {

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
nb::ndarray<nb::numpy, T> to_numpy(std::vector<T> values) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* pointer) noexcept { delete static_cast<std::vector<T>*>(pointer); });
    return nb::ndarray<nb::numpy, T>(kept->data(), {kept->size()}, owner);
}

std::vector<std::string> vocabulary(const NgramStore& store) {
    std::vector<std::string> words;
    words.reserve(store.n_words());
    for (uint32_t id = 0; id < store.n_words(); ++id) words.emplace_back(store.word(id));
    return words;
}

nb::ndarray<nb::numpy, uint32_t> find_all(const NgramStore& store, const std::vector<std::string>& words) {
    std::vector<uint32_t> ids;
    ids.reserve(words.size());
    for (const std::string& word : words) ids.push_back(store.find(word));
    return to_numpy(std::move(ids));
}

nb::ndarray<nb::numpy, float> unigrams(const NgramStore& store) {
    std::vector<float> values(store.n_words());
    for (uint32_t id = 0; id < store.n_words(); ++id) values[id] = store.probability(0, id);
    return to_numpy(std::move(values));
}

nb::tuple score(const NgramStore& store, Array<uint32_t> contexts, Array<uint32_t> words) {
    if (contexts.size() != words.size()) throw DataError("as many contexts as words are needed");
    std::vector<float> log10(words.size());
    std::vector<uint32_t> after(words.size()), matched(words.size());
    for (size_t i = 0; i < words.size(); ++i) {
        const NgramStore::Score found = store.score(contexts(i), words(i));
        log10[i] = found.log10;
        after[i] = found.context;
        matched[i] = found.matched;
    }
    return nb::make_tuple(to_numpy(std::move(log10)), to_numpy(std::move(after)), to_numpy(std::move(matched)));
}

// Sentences one after the other, each with its end → log10 P and matched order of every word.
nb::tuple score_sentences(const NgramStore& store, Array<uint32_t> words, Array<uint32_t> lengths) {
    std::vector<float> log10(words.size());
    std::vector<uint32_t> matched(words.size());
    size_t place = 0;
    for (size_t s = 0; s < lengths.size(); ++s) {
        uint32_t context = store.start_context();
        for (uint32_t i = 0; i < lengths(s) && place < words.size(); ++i, ++place) {
            const NgramStore::Score found = store.score(context, words(place));
            log10[place] = found.log10;
            matched[place] = found.matched;
            context = found.context;
        }
    }
    return nb::make_tuple(to_numpy(std::move(log10)), to_numpy(std::move(matched)));
}

nb::dict facts(const NgramStore& store) {
    const StoreHeader& header = store.header();
    nb::list counts, added;
    for (unsigned k = 0; k < header.order; ++k) {
        counts.append(header.counts[k]);
        added.append(header.added[k]);
    }
    nb::dict facts;
    facts["counts"] = counts;
    facts["added"] = added;
    facts["value_bits"] = header.value_bits;
    facts["file_bytes"] = header.file_bytes;
    return facts;
}

// The n-grams of one length, some at a time → words, log10 P, log10 back-off, and if nobody listed them.
class NgramListing {
public:
    NgramListing(const NgramStore& store, unsigned order) : store_(store), order_(order), walk_(store, order - 1) {
        if (order < 1 || order > store.order()) {
            throw DataError("there are no n-grams of " + std::to_string(order) + " words");
        }
    }

    nb::tuple next(size_t most) {
        std::vector<uint32_t> words;
        std::vector<float> log10, backoffs;
        std::vector<uint8_t> added;
        while (log10.size() < most && walk_.next()) {
            for (unsigned i = 0; i < order_; ++i) words.push_back(walk_.word(i));
            log10.push_back(store_.probability(order_ - 1, walk_.place()));
            backoffs.push_back(store_.backoff(order_ - 1, walk_.place()));
            added.push_back(store_.is_added(order_ - 1, walk_.place()));
        }
        return nb::make_tuple(to_numpy(std::move(words)), to_numpy(std::move(log10)), to_numpy(std::move(backoffs)),
                              to_numpy(std::move(added)));
    }

private:
    const NgramStore& store_;
    unsigned order_;
    NgramWalk walk_;
};

using Ngrams = nb::ndarray<const uint32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void add_ngrams(NgramBuilder& builder, Ngrams words, Array<float> log10, Array<float> backoff) {
    const auto length = static_cast<unsigned>(words.shape(1));
    if (length < 2 || length > builder.order() || log10.size() != words.shape(0) || backoff.size() != words.shape(0)) {
        throw DataError("n-grams of " + std::to_string(length) + " words do not have the shapes they should");
    }
    for (size_t i = 0; i < words.shape(0); ++i) {
        for (unsigned j = 0; j < length; ++j) {
            if (words(i, j) >= builder.n_words()) throw DataError("an n-gram has a word that is not in the vocabulary");
        }
        builder.add_ngram(&words(i, 0), length, log10(i), backoff(i));
    }
}

}  // namespace

void bind_ngrams(nb::module_& module) {
    nb::class_<NgramStore>(module, "NgramStore")
        .def(nb::init<const std::string&>(), nb::arg("path"))
        .def_prop_ro("order", &NgramStore::order)
        .def_prop_ro("n_words", &NgramStore::n_words)
        .def("facts", &facts, nb::sig("def facts(self) -> dict[str, typing.Any]"))
        .def("vocabulary", &vocabulary)
        .def("find", [](const NgramStore& store, std::string_view word) { return store.find(word); }, nb::arg("word"))
        .def("find_all", &find_all, nb::arg("words"))
        .def("unigrams", &unigrams)
        .def("listed_length", &NgramStore::listed_length, nb::arg("context"), nb::arg("word"))
        .def("start_context", &NgramStore::start_context)
        .def("score", &score, nb::arg("contexts"), nb::arg("words"),
             nb::sig("def score(self, contexts: NDArray[numpy.uint32], words: NDArray[numpy.uint32]) -> "
                     "tuple[NDArray[numpy.float32], NDArray[numpy.uint32], NDArray[numpy.uint32]]"))
        .def("score_sentences", &score_sentences, nb::arg("words"), nb::arg("lengths"),
             nb::sig("def score_sentences(self, words: NDArray[numpy.uint32], lengths: NDArray[numpy.uint32]) -> "
                     "tuple[NDArray[numpy.float32], NDArray[numpy.uint32]]"))
        .def("verify", &NgramStore::verify, nb::call_guard<nb::gil_scoped_release>());

    nb::class_<NgramListing>(module, "NgramListing")
        .def(nb::init<const NgramStore&, unsigned>(), nb::arg("store"), nb::arg("order"), nb::keep_alive<1, 2>())
        .def("next", &NgramListing::next, nb::arg("most"),
             nb::sig("def next(self, most: int) -> tuple[NDArray[numpy.uint32], NDArray[numpy.float32], "
                     "NDArray[numpy.float32], NDArray[numpy.uint8]]"));

    nb::class_<ArpaReader>(module, "ArpaReader")
        .def(nb::init<std::string, size_t, bool>(), nb::arg("folder"), nb::arg("buffer_bytes"), nb::arg("lower_case"))
        .def(
            "push", [](ArpaReader& reader, const nb::bytes& text) { reader.push({text.c_str(), text.size()}); },
            nb::arg("text"))
        .def(
            "write",
            [](ArpaReader& reader, const std::string& path, unsigned value_bits) {
                const nb::gil_scoped_release released;
                reader.finish().write(path, value_bits);
            },
            nb::arg("path"), nb::arg("value_bits"));

    nb::class_<ArpaWriter>(module, "ArpaWriter")
        .def(nb::init<const NgramStore&>(), nb::arg("store"), nb::keep_alive<1, 2>())
        .def("next", [](ArpaWriter& writer) {
            const std::string text = writer.next();
            return nb::bytes(text.data(), text.size());
        });

    nb::class_<NgramBuilder>(module, "NgramBuilder")
        .def(nb::init<unsigned, const std::string&, size_t>(), nb::arg("order"), nb::arg("folder"),
             nb::arg("buffer_bytes"))
        .def("add_word", &NgramBuilder::add_word, nb::arg("word"), nb::arg("log10"), nb::arg("backoff"))
        .def("add_ngrams", &add_ngrams, nb::arg("words"), nb::arg("log10"), nb::arg("backoff"))
        .def(
            "write",
            [](NgramBuilder& builder, const std::string& path, unsigned value_bits) {
                builder.write(path, value_bits);
            },
            nb::arg("path"), nb::arg("value_bits"), nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace neurolect
