from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from oracle.exhaustive import Scoring
from oracle.lexicon_beam import LexiconBeam
from small_search import ALPHABET, EVERYTHING, Case, cases, emit, lexica, random_logits

from backoff_ngrams import Ngrams
from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.text.alphabet import CHARACTERS, PHONEMES, PINYIN, Alphabet
from neurolect.text.lexicon import Lexicon

SOUND_ALIKES = "i see the sea two to too a way away weigh are our hour no know now".split()
CHINESE = Lexicon(
    {
        "你": (("n", "i"),),
        "好": (("h", "ao"),),
        "号": (("h", "ao"),),
        "你好": (("n", "i", "h", "ao"),),
        "西安": (("x", "i", "an"),),
        "先": (("x", "i", "an"),),
        "四": (("s", "i"),),
    }
)


@given(cases())
@settings(deadline=None, max_examples=200)
def test_every_sentence_has_the_scores_of_exhaustive_enumeration(case):
    expected = case.expected()
    assume(expected)
    answers = case.decoder().decode(case.logits)
    assert len(answers) == len(expected)
    for answer in answers:
        path = expected[answer.words]
        ngram = path.ngram if case.scoring.language_model_weight > 0 else 0.0
        assert (answer.total, answer.acoustic, answer.ngram, answer.lexicon, answer.bonus) == pytest.approx(
            (path.total, path.acoustic, ngram, path.lexicon, path.bonus), abs=1e-4, rel=5e-6
        )
        assert answer.llm is None
    assert all(better.total >= worse.total for better, worse in pairwise(answers))


@given(cases(), st.floats(0.1, 12), st.integers(1, 20))
@settings(deadline=None, max_examples=100)
def test_the_list_is_the_best_sentences_inside_the_lattice_beam(case, lattice_beam, n_best):
    expected = sorted((path.total for path in case.expected().values()), reverse=True)
    assume(expected)
    # Where a sentence stands exactly at the edge, rounding decides.
    assume(all(abs(expected[0] - lattice_beam - total) > 1e-3 for total in expected))
    answers = case.decoder(replace(EVERYTHING, lattice_beam=lattice_beam, n_best=n_best)).decode(case.logits)
    inside = [total for total in expected if total >= expected[0] - lattice_beam][:n_best]
    assert [answer.total for answer in answers] == pytest.approx(inside, abs=1e-4)
    assert len({answer.words for answer in answers}) == len(answers)


@given(
    st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(0.2, 5), st.sampled_from([1, 2, 4, 8]), st.integers(0, 8)
)
@settings(deadline=None, max_examples=60)
def test_what_is_cut_off_costs_sentences_and_never_improves_a_score(seed, beam, lattice_beam, max_active, min_active):
    # Here every path is a whole sentence, so that unfinished ones are never listed in their place.
    lexicon = Lexicon({"a": (("A",),), "eigh": (("A",),), "b": (("B",),), "c": (("C",),)})
    case = Case(
        random_logits(seed, n_frames=4),
        lexicon=lexicon,
        ngrams=small_model(lexicon, seed),
        scoring=Scoring(silence_probability=0),
    )
    tight = DecoderOptions(beam=beam, lattice_beam=lattice_beam, max_active=max_active, min_active=min_active)
    answers = case.decoder(tight).decode(case.logits)
    expected = case.expected()
    assert len({answer.words for answer in answers}) == len(answers)
    for answer in answers:
        assert answer.total <= expected[answer.words].total + 1e-4


def small_model(lexicon: Lexicon, seed: int) -> Ngrams:
    return random_ngrams(np.random.default_rng(seed), list(lexicon), order=3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("alphabet", "lexicon", "said"),
    [
        (PHONEMES, Lexicon.english().only(SOUND_ALIKES), "SIL AY S IY DH AH BLANK S IY SIL T UW SIL"),
        (CHARACTERS, Lexicon.spelled(SOUND_ALIKES), "BLANK i s e BLANK e t w o"),
        (PINYIN, CHINESE, "SIL n i h ao BLANK x i an SIL SIL s i SIL"),
    ],
    ids=["phonemes", "characters", "pinyin"],
)
def test_any_alphabet_gives_the_sentences_of_the_oracle(seed, alphabet, lexicon, said):
    model = stored(small_model(lexicon, seed))
    logits = emit(said, alphabet, confidence=6) + random_logits(seed, len(said.split()), alphabet, spread=1)
    oracle = LexiconBeam(lexicon, model, alphabet, acoustic_scale=1, blank_penalty=3, beam=20).decode(logits)
    options = replace(EVERYTHING, acoustic_scale=1, blank_penalty=3, lattice_beam=8)
    answers = Decoder(LexiconNetwork(lexicon, model, alphabet), options, alphabet).decode(logits)
    assert_same(answers, [answer for answer in oracle if answer.total > oracle[0].total - 8])


@pytest.mark.parametrize("seed", range(2))
def test_a_long_utterance_whose_lattice_is_pruned_on_the_way_gives_the_sentences_of_the_oracle(seed):
    lexicon = Lexicon.english().only(SOUND_ALIKES)
    model = stored(small_model(lexicon, seed))
    rng = np.random.default_rng(seed)
    said = []
    for phoneme in lexicon.phonemes(" ".join(rng.choice(SOUND_ALIKES, 14))):
        said += [phoneme] * rng.integers(1, 3) + ["BLANK"] * rng.integers(0, 2)
    logits = emit(" ".join(said), PHONEMES, confidence=10) + random_logits(seed, len(said), PHONEMES, spread=1)
    logits[rng.random(len(said)) < 0.1] *= 0.4
    oracle = LexiconBeam(lexicon, model, PHONEMES, acoustic_scale=1, blank_penalty=3, beam=16).decode(logits)
    options = replace(EVERYTHING, acoustic_scale=1, blank_penalty=3, lattice_beam=3)
    answers = Decoder(LexiconNetwork(lexicon, model, PHONEMES), options, PHONEMES).decode(logits)
    assert len(said) > 75
    assert len(answers) > 10
    assert_same(answers, [answer for answer in oracle if answer.total > oracle[0].total - 3])


def assert_same(answers, expected):
    expected = {answer.words: answer for answer in expected}
    assert {answer.words for answer in answers} == expected.keys()
    for answer in answers:
        other = expected[answer.words]
        assert (answer.total, answer.acoustic, answer.ngram, answer.lexicon) == pytest.approx(
            (other.total, other.acoustic, other.ngram, other.lexicon), abs=1e-3
        )


def kept_frames(logits: np.ndarray, blank_penalty: float, threshold: float) -> list[int]:
    """The frames that are searched: a skipped blank comes back where it keeps two equal classes apart."""
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities[:, ALPHABET.blank] /= blank_penalty
    kept, skipped, last = [], None, None
    for frame, best in enumerate(probabilities.argmax(axis=1)):
        if probabilities[frame, ALPHABET.blank] > threshold:
            skipped = frame
            continue
        if best != ALPHABET.blank and best == last and skipped is not None:
            kept.append(skipped)
        kept.append(frame)
        skipped, last = None, best
    return kept


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.3, 0.6, 0.95]), st.sampled_from([1.0, 1.5]))
@settings(deadline=None, max_examples=60)
def test_skipping_blanks_is_decoding_the_other_frames_with_the_times_of_all(seed, threshold, penalty):
    logits = random_logits(seed, n_frames=30)
    logits[np.random.default_rng(seed).random(30) < 0.5, ALPHABET.blank] += 6
    kept = kept_frames(logits.astype(np.float64), penalty, threshold)
    options = DecoderOptions(acoustic_scale=1, blank_penalty=penalty, beam=30)
    decoder = Case(logits).decoder()
    decoder.options = replace(options, blank_skip=threshold)
    answers = decoder.decode(logits)
    decoder.options = options
    expected = [
        replace(answer, times=tuple((kept[first], kept[end - 1] + 1) for first, end in answer.times))
        for answer in decoder.decode(logits[kept])
    ]
    assert answers == expected


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_classes_may_come_in_any_order(data):
    order = data.draw(st.permutations(ALPHABET.symbols))
    other = Alphabet(tuple(order), blank=order.index("BLANK"), silence=order.index("SIL"))
    case = Case(random_logits(data.draw(st.integers(0, 99)), 12), lexicon=data.draw(lexica(ALPHABET)))
    decoder = case.decoder(DecoderOptions())
    assert Decoder(decoder.network, decoder.options, other).decode(
        ALPHABET.reorder(case.logits, to=other)
    ) == decoder.decode(case.logits)


def test_words_that_the_language_model_lacks_are_very_rare_or_left_out():
    ngrams = random_ngrams(np.random.default_rng(0), ["a", "ab"], order=2)
    logits = emit("A B B C SIL", confidence=60)
    (rare, *_) = Case(logits, ngrams=ngrams, absent_log10=-4.0).decoder().decode(logits)
    assert rare.words == ("abc",)
    assert rare.ngram == pytest.approx(log_probability(ngrams, ("abc",), absent_log10=-4.0), abs=1e-5)
    without = Case(logits, ngrams=ngrams, absent_log10=-math.inf).decoder()
    assert without.network.words == ("a", "ab")
    assert {word for answer in without.decode(logits) for word in answer.words} == {"a", "ab"}


@pytest.mark.parametrize("last_phoneme", [60.0, 23.0])
def test_a_word_that_only_its_context_makes_likely_is_found(last_phoneme):
    lexicon = Lexicon({"a": (("A",),), "bcb": (("B", "C", "B"),)})
    unigrams = {("<s>",): (-99.0, 0.0), ("</s>",): (-0.3, 0.0), ("a",): (-0.3, 0.0), ("bcb",): (-12.0, 0.0)}
    logits = emit("SIL A SIL B C BLANK SIL", confidence=60)
    logits[5, ALPHABET.index("B")] = last_phoneme
    case = Case(logits, lexicon=lexicon, ngrams={**unigrams, ("a", "bcb"): (-0.001, 0.0)})
    # What the n-gram gains over the unigram is more than the beam.
    decoder = case.decoder()
    decoder.options = DecoderOptions(min_active=0)
    (answer, *_) = decoder.decode(logits)
    decoder.options = DecoderOptions(beam=1e6)
    assert answer.total == pytest.approx(decoder.decode(logits)[0].total, abs=1e-4)
    assert answer.words == ("a", "bcb")
    assert answer.ngram == pytest.approx(-math.log(10) * 0.601, abs=1e-5)


def test_a_bonus_larger_than_the_beam_does_not_end_the_search():
    logits = emit("SIL A SIL C BLANK C SIL", confidence=60)
    case = Case(logits, scoring=Scoring(word_bonus=9.0))
    answer = case.decoder(DecoderOptions(beam=8, min_active=0)).decode(logits)[0]
    assert (answer.words[1], answer.bonus) == ("cc", 18.0)


def test_all_homophones_are_among_the_answers():
    same = {f"word{number}": (("A", "B"),) for number in range(20)}
    lexicon = Lexicon({**same, "other": (("C",),)})
    logits = emit("SIL A B SIL")
    answers = Case(logits, lexicon=lexicon).decoder().decode(logits)
    assert {answer.text for answer in answers[:20]} == set(same)
    assert len({answer.total for answer in answers[:20]}) == 1
    assert answers[20].total < answers[19].total


def test_a_doubled_phoneme_needs_a_blank_between():
    lexicon = Lexicon({"once": (("A",),), "doubled": (("A", "A"),)})
    decoder = Case(emit(""), lexicon=lexicon).decoder()
    assert decoder.decode(emit("A A A SIL"))[0].text == "once"
    assert decoder.decode(emit("A BLANK A SIL"))[0].text == "doubled"


def test_an_utterance_that_ends_within_a_word_gives_the_words_before_it_and_no_end_of_the_sentence():
    lexicon = Lexicon({"a": (("A",),), "bc": (("B", "C"),)})
    ngrams = random_ngrams(np.random.default_rng(0), list(lexicon), order=2)
    logits = emit("A SIL B B", confidence=60)
    decoder = Case(logits, lexicon=lexicon, ngrams=ngrams).decoder(replace(EVERYTHING, beam=5, min_active=0))
    answer = decoder.decode(logits)[0]
    assert answer.words == ("a",)
    assert answer.ngram == pytest.approx(log_probability(ngrams, ("a",), ends=False), abs=1e-5)
    assert answer.total == pytest.approx(0.4 * answer.acoustic + answer.ngram + answer.lexicon, abs=1e-5)
    assert answer.lexicon == pytest.approx(math.log(0.1) + math.log(0.9))


def test_no_frames_give_the_empty_sentence():
    (answer,) = Case(np.zeros((0, 5))).decoder().decode(np.zeros((0, 5)))
    assert (answer.words, answer.text, answer.times, answer.confidence) == ((), "", (), ())
    assert (answer.acoustic, answer.ngram, answer.bonus) == (0, 0, 0)
    assert answer.lexicon == answer.total == pytest.approx(math.log(0.1))
