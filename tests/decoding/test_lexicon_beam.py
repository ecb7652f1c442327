from __future__ import annotations

import gzip
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.decoding.lexicon_beam import LexiconBeam
from neurolect.errors import ConfigError, DataError
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.language.word_model import UniformWords
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.error_rates import count_word_errors
from neurolect.text.lexicon import Lexicon

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "decoder"

ALPHABET = Alphabet(("BLANK", "A", "B", "C", "SIL"), blank=0, silence=4)
LEXICON = Lexicon(
    {"a": (("A",),), "ab": (("A", "B"),), "eigh": (("A",),), "cc": (("C", "C"), ("B", "C")), "abc": (("A", "B", "C"),)}
)


class RandomBigram:
    """A word model with arbitrary probabilities; the state is the last word + 1."""

    def __init__(self, vocabulary, seed=0):
        self.vocabulary = tuple(vocabulary)
        n = len(self.vocabulary)
        table = np.random.default_rng(seed).dirichlet(np.ones(n + 1), size=n + 1)
        self._log = np.log(table).astype(np.float32)
        self.unigram = self._log[:, :-1].mean(axis=0)

    def start(self):
        return 0

    def score(self, states, words):
        return self._log[states, words], words.astype(np.int64) + 1

    def finish(self, states):
        return self._log[states, -1]


def emit(symbols, alphabet=ALPHABET, confidence=12.0):
    return confidence * np.eye(len(alphabet))[alphabet.encode(symbols.split())]


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best_alignment(log_probabilities, labels):
    """Best path through CTC states blank, label, blank, … for one string of labels; −∞ where frames are too few."""
    states = [0]
    for label in labels:
        states += [label, 0]
    scores = np.full(len(states), -np.inf)
    for t, frame in enumerate(log_probabilities):
        if t == 0:
            arriving = np.array([0.0 if s < 2 else -np.inf for s in range(len(states))])
        else:
            arriving = np.array(
                [
                    max(
                        scores[s],
                        scores[s - 1] if s > 0 else -np.inf,
                        scores[s - 2] if s > 1 and states[s] not in (0, states[s - 2]) else -np.inf,
                    )
                    for s in range(len(states))
                ]
            )
        scores = arriving + frame[states]
    return scores[-2:].max()


def exhaustive(logits, model, scale, penalty, silence, weight, most_words):
    """The best total of every sentence of few words, over pronunciations, silences and alignments."""
    log_probabilities = log_softmax(logits)
    log_probabilities[:, 0] -= math.log(penalty)
    totals = {}
    for n in range(most_words + 1):
        for words in itertools.product(model.vocabulary, repeat=n):
            states, language_model = np.array([model.start()]), 0.0
            for word in words:
                score, states = model.score(states, np.array([model.vocabulary.index(word)]))
                language_model += score[0]
            language_model += model.finish(states)[0]
            for variants in itertools.product(*(LEXICON[word] for word in words)):
                for silences in itertools.product((False, True), repeat=n + 1):
                    labels = [4] if silences[0] else []
                    for variant, silent in zip(variants, silences[1:], strict=True):
                        labels += ALPHABET.encode(variant) + ([4] if silent else [])
                    lexicon = sum(math.log(silence if silent else 1 - silence) for silent in silences)
                    total = scale * best_alignment(log_probabilities, labels) + weight * language_model + lexicon
                    totals[words] = max(total, totals.get(words, -math.inf))
    return {words: total for words, total in totals.items() if total > -math.inf}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("penalty", "silence", "weight"), [(90, 0.9, 1.0), (1, 0.3, 2.5)])
def test_every_sentence_scores_as_in_exhaustive_enumeration(seed, penalty, silence, weight):
    model = RandomBigram(LEXICON, seed)
    logits = 3 * np.random.default_rng(seed).normal(size=(5, len(ALPHABET)))
    beam = LexiconBeam(
        LEXICON,
        model,
        ALPHABET,
        acoustic_scale=0.4,
        blank_penalty=penalty,
        beam=math.inf,
        max_active=10**9,
        n_best=10**9,
        silence_probability=silence,
        language_model_weight=weight,
    )
    hypotheses = beam.decode(logits)
    expected = exhaustive(logits, model, 0.4, penalty, silence, weight, most_words=3)
    found = {answer.words: answer.total for answer in hypotheses if len(answer.words) <= 3}
    assert found.keys() == expected.keys()
    assert len(expected) > 60
    for words, total in expected.items():
        assert found[words] == pytest.approx(total, abs=1e-4)
    assert [answer.total for answer in hypotheses] == sorted((answer.total for answer in hypotheses), reverse=True)
    for answer in hypotheses:
        parts = 0.4 * answer.acoustic + weight * answer.language_model + answer.lexicon
        assert answer.total == pytest.approx(parts, abs=1e-9)


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 2**32 - 1), st.sampled_from([(3.0, 8), (17.0, 1500)]))
@settings(deadline=None, max_examples=40)
def test_a_stream_fed_in_any_chunks_gives_the_offline_sentences(chunks, seed, pruning):
    beam = LexiconBeam(LEXICON, RandomBigram(LEXICON), ALPHABET, beam=pruning[0], max_active=pruning[1])
    logits = np.random.default_rng(seed).normal(size=(sum(chunks), len(ALPHABET))).astype(np.float32) * 3
    stream = beam.stream()
    for end, size in zip(np.cumsum(chunks), chunks, strict=True):
        stream.push(logits[end - size : end])
        stream.partial()
    assert stream.finish() == beam.decode(logits)


def test_all_homophones_are_among_the_answers():
    same = {f"word{number}": (("A", "B"),) for number in range(20)}
    lexicon = Lexicon({**same, "other": (("C",),)})
    answers = LexiconBeam(lexicon, UniformWords(tuple(lexicon)), ALPHABET).decode(emit("SIL A B SIL"))
    assert {answer.text for answer in answers[:20]} == set(same)
    assert len({answer.total for answer in answers[:20]}) == 1


def test_a_doubled_phoneme_needs_a_blank_between():
    lexicon = Lexicon({"once": (("A",),), "doubled": (("A", "A"),)})
    beam = LexiconBeam(lexicon, UniformWords(tuple(lexicon)), ALPHABET, blank_penalty=1)
    assert beam.decode(emit("A A A SIL"))[0].text == "once"
    assert beam.decode(emit("A BLANK A SIL"))[0].text == "doubled"


def test_the_same_phoneme_at_the_end_of_one_word_and_the_start_of_the_next_needs_a_blank_between():
    lexicon = Lexicon({"a": (("A",),)})
    beam = LexiconBeam(lexicon, UniformWords(("a",)), ALPHABET, blank_penalty=1, silence_probability=0)
    assert beam.decode(emit("A A A"))[0].text == "a"
    assert beam.decode(emit("A BLANK A"))[0].text == "a a"


def test_the_language_model_chooses_between_homophones():
    model = UniformWords(tuple(LEXICON))
    model.unigram[model.vocabulary.index("eigh")] += 1
    answers = LexiconBeam(LEXICON, model, ALPHABET, acoustic_scale=1).decode(emit("A SIL"))
    assert [answer.text for answer in answers[:2]] == ["eigh", "a"]
    assert answers[0].acoustic == answers[1].acoustic


def test_no_frames_give_one_empty_sentence():
    beam = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET)
    (answer,) = beam.decode(np.empty((0, 5)))
    assert answer.words == ()
    assert answer.text == ""
    assert answer.acoustic == 0
    assert answer.lexicon == pytest.approx(math.log(0.1))
    assert answer.language_model == 0
    assert beam.stream().partial().words == ()


def test_the_blank_penalty_divides_the_blank_and_leaves_the_other_classes_alone():
    lexicon = Lexicon({"a": (("A",),)})
    logits = emit("BLANK A BLANK BLANK SIL")
    free, penalised = (
        LexiconBeam(lexicon, UniformWords(("a",)), ALPHABET, blank_penalty=penalty, beam=100).decode(logits)[0]
        for penalty in (1, 20)
    )
    assert free.words == penalised.words == ("a",)
    assert free.acoustic == pytest.approx(log_softmax(logits).max(axis=1).sum())
    assert free.acoustic - penalised.acoustic == pytest.approx(3 * math.log(20))


def test_an_utterance_that_ends_within_a_word_gives_the_words_before_it():
    lexicon = Lexicon({"a": (("A",),), "bc": (("B", "C"),)})
    model = RandomBigram(lexicon)
    beam = LexiconBeam(lexicon, model, ALPHABET, acoustic_scale=1, beam=5)
    answer = beam.decode(emit("A SIL B B", confidence=60))[0]
    assert answer.words == ("a",)
    first, _ = model.score(np.array([model.start()]), np.array([0]))
    assert answer.language_model == pytest.approx(first[0])


def test_the_partial_sentence_grows_with_the_words_heard():
    beam = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET, acoustic_scale=1)
    stream, seen = beam.stream(), []
    for frame in emit("A B SIL BLANK C BLANK C SIL"):
        stream.push(frame[None])
        seen.append(stream.partial().text)
    assert seen[3] == "ab"
    assert seen[-1] == "ab cc"
    assert stream.finish()[0].text == "ab cc"


def test_at_most_the_wanted_number_of_sentences_is_returned():
    beam = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET, n_best=3)
    assert len(beam.decode(emit("A B C SIL"))) == 3


def test_logits_of_another_width_are_refused():
    beam = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET)
    with pytest.raises(DataError, match=r"shape \(2, 41\).*\(frames, 5\)"):
        beam.decode(np.zeros((2, 41)))


def test_a_frame_that_is_not_numbers_is_named_by_its_place_in_the_utterance():
    stream = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET).stream()
    stream.push(emit("A A"))
    broken = emit("B B")
    broken[1, 2] = np.nan
    with pytest.raises(DataError, match="frame 3 "):
        stream.push(broken)


def test_impossible_classes_do_not_stop_the_search():
    logits = emit("A B SIL")
    logits[logits == 0] = -np.inf
    assert LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET).decode(logits)[0].text == "ab"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acoustic_scale", 0),
        ("blank_penalty", -1),
        ("beam", 0),
        ("max_active", 0),
        ("n_best", 0),
        ("silence_probability", 1.5),
        ("language_model_weight", -1),
    ],
)
def test_a_setting_out_of_range_is_named(name, value):
    with pytest.raises(ConfigError, match=f"{name} cannot be {value}"):
        LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET, **{name: value})


def test_an_alphabet_without_silence_is_refused():
    with pytest.raises(ConfigError, match="no silence"):
        LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), Alphabet(("BLANK", "A", "B", "C")))


@pytest.fixture(scope="module")
def english():
    lexicon = Lexicon.english()
    return lexicon, read_pocketsphinx_trigram(additions=lexicon)


def test_clear_english_phonemes_become_the_sentence_in_either_class_order(english):
    lexicon, trigram = english
    logits = emit(" BLANK ".join(lexicon.phonemes("i want to go home")), PHONEMES)
    reordered = PHONEMES.reorder(logits, to=PHONEMES_LANGUAGE_MODEL_ORDER)
    for alphabet, frames in ((PHONEMES, logits), (PHONEMES_LANGUAGE_MODEL_ORDER, reordered)):
        assert LexiconBeam(lexicon, trigram, alphabet).decode(frames)[0].text == "i want to go home"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the golden decoder outputs in ../shared")
def test_golden_sentences_are_decoded_about_as_well_and_scored_exactly_as_by_the_reference(english):
    n = 20
    lexicon, trigram = english
    arrays = np.load(GOLDEN / "posteriors_q20.npz")
    utterances = np.split(arrays["logits"], np.cumsum(arrays["lengths"])[:-1])[:n]
    truth = json.loads((GOLDEN / "sentences_q20.json").read_text())[:n]
    with gzip.open(GOLDEN / "reference_nbest_q20.json.gz") as file:
        reference = json.load(file)[:n]
    beam = LexiconBeam(lexicon, trigram, PHONEMES_LANGUAGE_MODEL_ORDER, max_active=500)
    ours = [beam.decode(logits) for logits in utterances]

    errors = count_word_errors(truth, [answers[0].text for answers in ours]).errors.sum()
    reference_errors = count_word_errors(truth, [answers[0][0] for answers in reference]).errors.sum()
    assert errors <= reference_errors + 3
    # The n-grams differ (the reference's are pruned), the acoustics of equal sentences do not.
    compared = 0
    for answers, theirs in zip(ours, reference, strict=True):
        acoustic = {text: score for text, score, _ in theirs[:10]}
        for answer in answers[:10]:
            if answer.text in acoustic:
                assert answer.acoustic == pytest.approx(acoustic[answer.text], abs=0.01)
                compared += 1
    assert compared > 60
