#include "utterance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "error.hpp"
#include "fused_search.hpp"
#include "nbest.hpp"
#include "posteriors.hpp"

namespace neurolect {

namespace {

// What hypotheses need to know of the network they were found in.
struct Setting {
    uint32_t n_classes, blank, silence;
    WordsOfOutputs words;
    const LexiconPlan* lexicon;  // null for graphs
    const Guidance* guidance;
    const LanguageModel* model;
};

Setting setting_of(const LexiconPlan& plan) {
    const LexiconTree& tree = *plan.tree;
    return {tree.n_classes, tree.blank,          tree.silence,    {tree.words.data()},
            &plan,          plan.guidance.get(), plan.model.get()};
}

Setting setting_of(const GraphPlan& plan) {
    return {plan.n_classes, plan.blank, plan.silence, {nullptr}, nullptr, plan.guidance.get(), plan.model.get()};
}

// A class that went on for some frames.
struct Emission {
    uint32_t label, start, end;
};

// A word and how many emissions had begun when it came out.
struct Output {
    uint32_t word, emissions;
};

void check_logits(const float* logits, uint32_t n_classes, uint64_t frame) {
    float largest = -std::numeric_limits<float>::infinity();
    bool is_number = true;
    for (uint32_t c = 0; c < n_classes; ++c) {
        is_number &= !std::isnan(logits[c]);
        largest = std::max(largest, logits[c]);
    }
    if (!is_number || !std::isfinite(largest)) {
        throw DataError("logits of frame " + std::to_string(frame) + " are not numbers");
    }
}

// log-softmax, then the blank's penalty.
void to_log_probabilities(const float* logits, const Setting& setting, float blank_penalty, float* out) {
    constexpr double kLeast = -1e4;  // for a probability of 0: a path through it loses against any other
    const double largest = *std::max_element(logits, logits + setting.n_classes);
    double sum = 0.0;
    for (uint32_t c = 0; c < setting.n_classes; ++c) sum += std::exp(logits[c] - largest);
    const double log_sum = largest + std::log(sum);
    for (uint32_t c = 0; c < setting.n_classes; ++c) {
        out[c] = static_cast<float>(std::max(logits[c] - log_sum, kLeast));
    }
    out[setting.blank] -= blank_penalty;
}

// Where each word begins and ends among the emissions: [first, last). In a lexicon tree a word comes out with its last
// phoneme. In a graph it comes out anywhere within the word, so that where no silence parts two words the boundary is
// taken in the middle between what is known.
std::vector<std::pair<size_t, size_t>> spans_of(const std::vector<Emission>& emissions,
                                                const std::vector<Output>& outputs, const Setting& setting) {
    std::vector<std::pair<size_t, size_t>> spans;
    size_t first = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
        const size_t known = outputs[i].emissions;
        size_t last = known;
        if (!setting.lexicon) {
            const bool is_last = i + 1 == outputs.size();
            const size_t next = is_last ? emissions.size() : outputs[i + 1].emissions;
            while (last < next && emissions[last].label != setting.silence) ++last;
            if (!is_last && last == next) last = known + (next - known) / 2;
        }
        while (first < last && emissions[first].label == setting.silence) ++first;
        spans.emplace_back(std::min(first, last), last);
        first = last;
    }
    return spans;
}

template <class Network, class Base = Utterance>
class UtteranceOf : public Base {
public:
    template <class Plan>
    explicit UtteranceOf(std::shared_ptr<const Plan> plan, const LatticeModels* models = nullptr)
        : setting_(setting_of(*plan)),
          search_(Network(plan), setting_.n_classes, setting_.blank),
          row_(setting_.n_classes) {
        if (!models) return;
        added_.emplace(models->added, nullptr, kNoWord);
        if constexpr (std::is_same_v<Network, LexiconNetwork<SentenceHistory>>) {
            search_.keep_keys();
            replaced_ = std::make_unique<NgramsOfLexicon>(search_.network(), search_.lattice());
        } else {
            replaced_ = std::make_unique<NgramsOfModel>(models->replaced, setting_.words);
        }
    }

    void begin(const SearchOptions& options) override { search_.begin(options); }

    void push(const float* logits, size_t n_frames, const SearchOptions& options) override {
        const auto row_of = [&](size_t frame) { return logits + frame * setting_.n_classes; };
        for (size_t frame = 0; frame < n_frames; ++frame) {
            check_logits(row_of(frame), setting_.n_classes, search_.n_frames() + frame);
        }
        for (size_t frame = 0; frame < n_frames; ++frame) {
            to_log_probabilities(row_of(frame), setting_, options.blank_penalty, row_.data());
            search_.push(row_.data(), options);
            forget_now_and_then(search_);
        }
    }

    Hypothesis partial() const override {
        const uint32_t token = search_.best_token();
        if (token == kNoLink) return nothing();
        const float cost = search_.network().unfinished_cost(search_.keys()[token]);
        return describe(search_.lattice().best_path(token), cost, false);
    }

    std::vector<Hypothesis> finish(const SearchOptions& options) override {
        if (!search_.finish(options)) return {};
        const Lattice& lattice = search_.lattice();
        if (!added_) return hypotheses_of(lattice, nullptr, options);
        const RescoredLattice again =
            rescored(lattice, setting_.words, *replaced_, *added_, options.lattice_beam, options.max_active);
        return hypotheses_of(again.lattice, again.tokens.data(), options);
    }

private:
    // `tokens`: the search's, by token of the lattice's last frame; null if that is the search's own.
    std::vector<Hypothesis> hypotheses_of(const Lattice& lattice, const uint32_t* tokens,
                                          const SearchOptions& options) const {
        std::vector<Hypothesis> found;
        const WordPosteriors posteriors(lattice, setting_.words, setting_.blank, search_.times());
        for (Path& path : best_paths(lattice, setting_.words, options.n_best, options.lattice_beam)) {
            const float final_cost = lattice.final_cost()[path.end];
            if (tokens) path.end = tokens[path.end];
            Hypothesis hypothesis = describe(path, final_cost, true);
            const auto n_frames = static_cast<uint32_t>(search_.n_frames());
            for (size_t i = 0; i < hypothesis.words.size(); ++i) {
                // In a graph a word may come out as late as the next one begins.
                const uint32_t latest = i + 1 < hypothesis.words.size() ? hypothesis.starts[i + 1] : n_frames;
                const uint32_t end = setting_.lexicon ? hypothesis.ends[i] : latest;
                hypothesis.confidences.push_back(
                    posteriors.probability(hypothesis.words[i], hypothesis.starts[i], end));
            }
            found.push_back(std::move(hypothesis));
        }
        std::stable_sort(found.begin(), found.end(),
                         [](const Hypothesis& a, const Hypothesis& b) { return a.total > b.total; });
        return found;
    }

    static Hypothesis nothing() {
        Hypothesis hypothesis;
        hypothesis.total = -std::numeric_limits<double>::infinity();
        return hypothesis;
    }

    // Takes a path's cost apart.
    Hypothesis describe(const Path& path, float final_cost, bool has_ended) const {
        Hypothesis hypothesis;
        std::vector<Emission> emissions;
        std::vector<Output> outputs;
        double scaled = 0.0, graph = final_cost;
        double pronunciations = 0.0;
        uint32_t last = setting_.blank, silences = 0;
        for (const Path::Step& step : path.steps) {
            const Frame& frame = search_.lattice().frames()[step.frame];
            const Link& link = step.link;
            graph += link.graph;
            if (link.label != kNoLabel) {
                scaled -= frame.acoustic[link.label];
                hypothesis.acoustic -= frame.acoustic[link.label] / frame.acoustic_scale;
                const uint32_t time = search_.times()[step.frame - 1];
                if (link.label != last) {
                    hypothesis.bonus -= frame.length_penalty;
                    if (link.label != setting_.blank) {
                        emissions.push_back({link.label, time, time + 1});
                        if (link.label == setting_.silence) ++silences;
                        else hypothesis.bonus += frame.phoneme_bonus;
                    }
                } else if (link.label != setting_.blank) {
                    emissions.back().end = time + 1;
                }
                last = link.label;
            }
            if (link.output != 0) {
                outputs.push_back({setting_.words(link.output), static_cast<uint32_t>(emissions.size())});
                hypothesis.bonus += frame.word_bonus;
                if (setting_.lexicon) pronunciations -= setting_.lexicon->tree->pronunciation_costs[link.output - 1];
            }
        }
        for (const Output& output : outputs) hypothesis.words.push_back(output.word);
        for (const auto& [first, end] : spans_of(emissions, outputs, setting_)) {
            const bool is_empty = first >= end || emissions.empty();
            const size_t from = std::min(first, emissions.empty() ? 0 : emissions.size() - 1);
            hypothesis.starts.push_back(emissions.empty() ? 0 : emissions[from].start);
            hypothesis.ends.push_back(is_empty ? hypothesis.starts.back() : emissions[end - 1].end);
        }
        hypothesis.bonus += phrase_bonus(hypothesis.words);
        if (setting_.lexicon) {
            const auto choices = static_cast<uint32_t>(outputs.size() + 1);
            const LexiconTree& tree = *setting_.lexicon->tree;
            if (search_.network().is_waiting(search_.keys()[path.end])) ++silences;
            silences = std::min(silences, choices);
            hypothesis.lexicon = pronunciations;
            if (silences > 0) hypothesis.lexicon -= silences * tree.silence_cost;
            if (choices > silences) hypothesis.lexicon -= (choices - silences) * tree.no_silence_cost;
        }
        const bool has_ngrams = setting_.model->store || added_;
        const double weight = !setting_.lexicon ? 1.0 : has_ngrams ? setting_.model->weight : 0.0;
        hypothesis.total = scaled - graph;
        const FusedPart fused = fused_part(search_.network(), search_.keys()[path.end], has_ended);
        hypothesis.llm = fused.llm;
        const double rest = fused.cost - graph - hypothesis.lexicon - hypothesis.bonus;
        hypothesis.ngram = weight > 0.0 ? rest / weight : 0.0;
        return hypothesis;
    }

    double phrase_bonus(const std::vector<uint32_t>& words) const {
        if (!setting_.guidance) return 0.0;
        const PhraseBonuses& phrases = setting_.guidance->phrases;
        double bonus = 0.0;
        uint32_t node = 0;
        for (const uint32_t word : words) {
            const PhraseBonuses::Move move = phrases.advance(node, word);
            bonus += move.bonus;
            node = move.node;
        }
        return bonus - phrases.lent(node);
    }

    Setting setting_;

protected:
    Search<Network> search_;

private:
    std::vector<float> row_;
    std::optional<SentenceHistory> added_;  // of the model that rescores the lattice, if one does
    std::unique_ptr<ReplacedNgrams> replaced_;
};

class FusedUtteranceOf : public UtteranceOf<LexiconNetwork<FusedHistory>, FusedUtterance> {
public:
    FusedUtteranceOf(std::shared_ptr<const LexiconPlan> plan, double share) : UtteranceOf(std::move(plan)) {
        search_.network().history().set_share(share);
    }

    std::vector<WordSequence> unscored(size_t most) const override { return neurolect::unscored(search_, most); }
    std::vector<WordSequence> unscored_sentences(const SearchOptions& options) const override {
        return neurolect::unscored_sentences(search_, options);
    }
    void score(const std::vector<uint32_t>& histories, const std::vector<double>& llm) override {
        take_scores(search_, histories, llm);
    }

    std::vector<Hypothesis> finish(const SearchOptions& options) override {
        const LexiconNetwork<FusedHistory>& network = search_.network();
        search_.revise([&](uint64_t key) {
            return network.history().is_scored(network.history_of(key)) ? 0.0f : kInfinity;
        });
        return UtteranceOf::finish(options);
    }
};

}  // namespace

std::unique_ptr<Utterance> lexicon_utterance(std::shared_ptr<const LexiconPlan> plan, const LatticeModels* models) {
    return std::make_unique<UtteranceOf<LexiconNetwork<SentenceHistory>>>(std::move(plan), models);
}

std::unique_ptr<FusedUtterance> fused_utterance(std::shared_ptr<const LexiconPlan> plan, double share) {
    return std::make_unique<FusedUtteranceOf>(std::move(plan), share);
}

std::unique_ptr<Utterance> graph_utterance(std::shared_ptr<const GraphPlan> plan, const LatticeModels* models) {
    // A graph that has the topology begins with its blank.
    const GraphFile::State start = plan->graph->state(plan->graph->start());
    for (uint32_t place = 0; place < start.n_arcs; ++place) {
        const GraphFile::Arc arc = plan->graph->arc(start, place);
        if (arc.input == static_cast<int32_t>(plan->blank) + 1)
            return std::make_unique<UtteranceOf<GraphNetwork<true>>>(std::move(plan), models);
    }
    return std::make_unique<UtteranceOf<GraphNetwork<false>>>(std::move(plan), models);
}

}  // namespace neurolect
