// Python's view of the search: plans that utterances share, and utterances.
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <mutex>
#include <utility>

#include "bindings.hpp"
#include "error.hpp"
#include "utterance.hpp"

namespace nb = nanobind;

namespace neurolect {

namespace {

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::vector<T> to_vector(const Array<T>& array) {
    return {array.data(), array.data() + array.size()};
}

void check_classes(uint32_t n_classes, uint32_t blank, uint32_t silence) {
    const bool has_silence = silence != LexiconTree::kNoClass;
    if (blank >= n_classes || (has_silence && silence >= n_classes))
        throw DataError("the blank or the silence is no class");
}

std::shared_ptr<LexiconTree> lexicon_tree(Array<uint32_t> labels, Array<uint32_t> parents, Array<uint32_t> first_child,
                                          Array<uint32_t> first_word, Array<uint32_t> words,
                                          Array<float> pronunciation_costs, Array<float> unigrams,
                                          Array<float> look_ahead, uint32_t n_classes, uint32_t blank, uint32_t silence,
                                          float silence_cost, float no_silence_cost) {
    constexpr float kLargest = 1e6f;
    check_classes(n_classes, blank, silence);
    const size_t n = labels.size();
    const bool fits = n > 0 && parents.size() == n && first_child.size() == n + 1 && first_word.size() == n + 1 &&
                      look_ahead.size() == n && pronunciation_costs.size() == words.size() && n < (size_t{1} << 30);
    if (!fits) throw DataError("the arrays of the lexicon tree do not fit together");
    auto tree = std::make_shared<LexiconTree>();
    for (size_t i = 0; i <= n; ++i) {
        const bool is_end = i == n;
        const uint32_t child = first_child(i), word = first_word(i);
        const bool in_order = is_end ? child <= n && word == words.size()
                                     : child <= first_child(i + 1) && word <= first_word(i + 1) &&
                                           (i == 0 || (labels(i) < n_classes && parents(i) < i));
        if (!in_order) throw DataError("the arrays of the lexicon tree do not fit together");
        if (!is_end && !(std::abs(look_ahead(i)) <= kLargest)) {
            throw DataError("the language model has a unigram that is no probability");
        }
        tree->nodes.push_back({child, word, is_end ? 0 : labels(i), is_end ? 0.0f : look_ahead(i)});
    }
    for (size_t i = 0; i < words.size(); ++i) {
        if (words(i) >= unigrams.size()) throw DataError("the lexicon tree has a word that has no unigram");
    }
    tree->parents = to_vector(parents);
    tree->words = to_vector(words);
    tree->pronunciation_costs = to_vector(pronunciation_costs);
    tree->unigrams = to_vector(unigrams);
    tree->n_classes = n_classes;
    tree->blank = blank;
    tree->silence = silence;
    tree->silence_cost = silence_cost;
    tree->no_silence_cost = no_silence_cost;
    return tree;
}

std::shared_ptr<LanguageModel> language_model(std::shared_ptr<NgramStore> store, Array<uint32_t> ids, float weight,
                                              float absent_log10, bool backoff_as_in_graph) {
    auto model = std::make_shared<LanguageModel>();
    model->store = std::move(store);
    model->ids = to_vector(ids);
    model->weight = weight;
    model->absent_log10 = absent_log10;
    model->backoff_as_in_graph = backoff_as_in_graph;
    return model;
}

std::shared_ptr<Guidance> guidance(const std::vector<std::vector<uint32_t>>& phrases, const std::vector<float>& bonuses,
                                   Array<uint8_t> allowed, std::vector<uint32_t> prefix) {
    if (bonuses.size() != phrases.size()) throw DataError("as many bonuses as phrases are needed");
    std::vector<PhraseBonuses::Phrase> all;
    for (size_t i = 0; i < phrases.size(); ++i) {
        if (phrases[i].empty()) throw DataError("a phrase has no words");
        all.push_back({phrases[i], bonuses[i]});
    }
    return std::make_shared<Guidance>(all, to_vector(allowed), std::move(prefix));
}

void check_guidance(const Guidance* guidance, size_t n_words) {
    if (guidance && !guidance->fits(n_words)) throw DataError("the guidance has words that the search does not have");
}

std::shared_ptr<LexiconPlan> lexicon_plan(std::shared_ptr<LexiconTree> tree, std::shared_ptr<LanguageModel> model,
                                          std::shared_ptr<Guidance> guidance) {
    if (model->store && model->ids.size() != tree->unigrams.size()) {
        throw DataError("as many words in the language model as in the lexicon are needed");
    }
    check_guidance(guidance.get(), tree->unigrams.size());
    return std::make_shared<LexiconPlan>(std::move(tree), std::move(model), std::move(guidance));
}

std::shared_ptr<GraphPlan> graph_plan(std::shared_ptr<GraphFile> graph, std::shared_ptr<Guidance> guidance,
                                      uint32_t n_classes, uint32_t blank, uint32_t silence, uint32_t n_words) {
    check_classes(n_classes, blank, silence);
    check_guidance(guidance.get(), n_words);
    auto plan = std::make_shared<GraphPlan>();
    plan->graph = std::move(graph);
    plan->model = std::make_shared<LanguageModel>();
    plan->guidance = std::move(guidance);
    plan->n_classes = n_classes;
    plan->blank = blank;
    plan->silence = silence;
    plan->n_words = n_words;
    return plan;
}

std::shared_ptr<LatticeModels> lattice_models(std::shared_ptr<LanguageModel> added,
                                              std::shared_ptr<LanguageModel> replaced) {
    for (const LanguageModel* model : {added.get(), replaced.get()}) {
        if (model && (!model->store || model->backoff_as_in_graph)) {
            throw DataError("a lattice is rescored with n-grams that back off as they mean it");
        }
    }
    auto models = std::make_shared<LatticeModels>();
    models->added = std::move(added);
    models->replaced = std::move(replaced);
    return models;
}

// Returns the models, which may be null.
const LatticeModels* checked(const std::shared_ptr<LatticeModels>& models, size_t n_words, bool tells_its_ngrams) {
    if (!models) return nullptr;
    if (tells_its_ngrams == (models->replaced != nullptr)) {
        throw DataError("the model that is replaced is given for graphs and for nothing else");
    }
    for (const LanguageModel* model : {models->added.get(), models->replaced.get()}) {
        if (model && model->ids.size() != n_words) {
            throw DataError("as many words in the language model as in the search are needed");
        }
    }
    return models.get();
}

// One utterance after another in the same memory.
class Searcher {
public:
    explicit Searcher(std::unique_ptr<Utterance> utterance, uint32_t n_classes)
        : utterance_(std::move(utterance)), n_classes_(n_classes) {}

    void begin(const SearchOptions& options) {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        utterance_->begin(options);
    }

    void push(const Logits& logits, const SearchOptions& options) {
        if (logits.shape(1) != n_classes_) throw DataError("the logits have another number of classes");
        const float* const data = logits.data();
        const size_t n_frames = logits.shape(0);
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        utterance_->push(data, n_frames, options);
    }

    Hypothesis partial() {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        return utterance_->partial();
    }

    std::vector<Hypothesis> finish(const SearchOptions& options) {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        return utterance_->finish(options);
    }

private:
    std::unique_ptr<Utterance> utterance_;
    uint32_t n_classes_;

protected:
    std::mutex mutex_;  // threads that should not share an utterance must not break it
};

class FusedSearcher : public Searcher {
public:
    FusedSearcher(std::unique_ptr<FusedUtterance> utterance, uint32_t n_classes)
        : FusedSearcher(utterance.get(), std::move(utterance), n_classes) {}

    std::vector<WordSequence> unscored(size_t most) {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        return fused_->unscored(most);
    }

    std::vector<WordSequence> unscored_sentences(const SearchOptions& options) {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        return fused_->unscored_sentences(options);
    }

    void score(const std::vector<uint32_t>& histories, const std::vector<double>& llm) {
        const nb::gil_scoped_release released;
        const std::lock_guard<std::mutex> alone(mutex_);
        fused_->score(histories, llm);
    }

private:
    FusedSearcher(FusedUtterance* fused, std::unique_ptr<FusedUtterance>&& utterance, uint32_t n_classes)
        : Searcher(std::move(utterance), n_classes), fused_(fused) {}

    FusedUtterance* fused_;
};

}  // namespace

void bind_search(nb::module_& module) {
    nb::class_<SearchOptions>(module, "SearchOptions")
        .def(
            "__init__",
            [](SearchOptions* self, float acoustic_scale, float log_blank_penalty, float blank_skip, float beam,
               float lattice_beam, uint32_t max_active, uint32_t min_active, float length_penalty, float phoneme_bonus,
               float word_bonus, uint32_t n_best) {
                new (self) SearchOptions{acoustic_scale, log_blank_penalty, blank_skip, beam,
                                         lattice_beam,   max_active,        min_active, length_penalty,
                                         phoneme_bonus,  word_bonus,        n_best};
            },
            nb::kw_only(), nb::arg("acoustic_scale"), nb::arg("log_blank_penalty"), nb::arg("blank_skip"),
            nb::arg("beam"), nb::arg("lattice_beam"), nb::arg("max_active"), nb::arg("min_active"),
            nb::arg("length_penalty"), nb::arg("phoneme_bonus"), nb::arg("word_bonus"), nb::arg("n_best"));

    nb::class_<Hypothesis>(module, "Hypothesis")
        .def_ro("words", &Hypothesis::words)
        .def_ro("starts", &Hypothesis::starts)
        .def_ro("ends", &Hypothesis::ends)
        .def_ro("confidences", &Hypothesis::confidences)
        .def_ro("acoustic", &Hypothesis::acoustic)
        .def_ro("ngram", &Hypothesis::ngram)
        .def_ro("lexicon", &Hypothesis::lexicon)
        .def_ro("bonus", &Hypothesis::bonus)
        .def_ro("llm", &Hypothesis::llm)
        .def_ro("total", &Hypothesis::total);

    nb::class_<LexiconTree>(module, "LexiconTree")
        .def(nb::new_(&lexicon_tree), nb::kw_only(), nb::arg("labels"), nb::arg("parents"), nb::arg("first_child"),
             nb::arg("first_word"), nb::arg("words"), nb::arg("pronunciation_costs"), nb::arg("unigrams"),
             nb::arg("look_ahead"), nb::arg("n_classes"), nb::arg("blank"), nb::arg("silence"), nb::arg("silence_cost"),
             nb::arg("no_silence_cost"));
    nb::class_<LanguageModel>(module, "LanguageModel")
        .def(nb::new_(&language_model), nb::kw_only(), nb::arg("store").none(), nb::arg("ids"), nb::arg("weight"),
             nb::arg("absent_log10"), nb::arg("backoff_as_in_graph"));
    nb::class_<Guidance>(module, "Guidance")
        .def(nb::new_(&guidance), nb::kw_only(), nb::arg("phrases"), nb::arg("bonuses"), nb::arg("allowed"),
             nb::arg("prefix"));
    nb::class_<GraphFile>(module, "GraphFile")
        .def(nb::init<const std::string&>(), nb::arg("path"))
        .def_prop_ro("n_states", &GraphFile::n_states)
        .def_prop_ro("n_arcs", &GraphFile::n_arcs);
    nb::class_<LexiconPlan>(module, "LexiconPlan")
        .def(nb::new_(&lexicon_plan), nb::kw_only(), nb::arg("tree"), nb::arg("model"), nb::arg("guidance").none());
    nb::class_<GraphPlan>(module, "GraphPlan")
        .def(nb::new_(&graph_plan), nb::kw_only(), nb::arg("graph"), nb::arg("guidance").none(), nb::arg("n_classes"),
             nb::arg("blank"), nb::arg("silence"), nb::arg("n_words"));

    nb::class_<LatticeModels>(module, "LatticeModels")
        .def(nb::new_(&lattice_models), nb::kw_only(), nb::arg("added"), nb::arg("replaced").none());

    nb::class_<Searcher>(module, "Searcher")
        .def(nb::new_([](std::shared_ptr<LexiconPlan> plan, std::shared_ptr<LatticeModels> models) {
                 const uint32_t n_classes = plan->tree->n_classes;
                 const LatticeModels* const used = checked(models, plan->tree->unigrams.size(), true);
                 return new Searcher(lexicon_utterance(std::move(plan), used), n_classes);
             }),
             nb::arg("plan"), nb::arg("lattice_models").none() = nb::none())
        .def(nb::new_([](std::shared_ptr<GraphPlan> plan, std::shared_ptr<LatticeModels> models) {
                 const uint32_t n_classes = plan->n_classes;
                 const LatticeModels* const used = checked(models, plan->n_words, false);
                 return new Searcher(graph_utterance(std::move(plan), used), n_classes);
             }),
             nb::arg("plan"), nb::arg("lattice_models").none() = nb::none())
        .def("begin", &Searcher::begin, nb::arg("options"))
        .def("push", &Searcher::push, nb::arg("logits"), nb::arg("options"))
        .def("partial", &Searcher::partial)
        .def("finish", &Searcher::finish, nb::arg("options"));

    nb::class_<WordSequence>(module, "WordSequence")
        .def_ro("history", &WordSequence::history)
        .def_ro("words", &WordSequence::words);
    nb::class_<FusedSearcher, Searcher>(module, "FusedSearcher")
        .def(nb::new_([](std::shared_ptr<LexiconPlan> plan, double share) {
                 const uint32_t n_classes = plan->tree->n_classes;
                 return new FusedSearcher(fused_utterance(std::move(plan), share), n_classes);
             }),
             nb::arg("plan"), nb::arg("share"))
        .def("unscored", &FusedSearcher::unscored, nb::arg("most"))
        .def("unscored_sentences", &FusedSearcher::unscored_sentences, nb::arg("options"))
        .def("score", &FusedSearcher::score, nb::arg("histories"), nb::arg("llm"));
}

}  // namespace neurolect
