from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.decoding.candidate_augmentation import align, augment
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.minimum_risk import posteriors
from neurolect.decoding.rescoring import rescore_with_llm, rescore_with_ngrams
from neurolect.errors import DataError
from neurolect.language.llm_text import text_for_llm
from neurolect.language.ngram_conversion import convert
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon

ARPA = """\\data\\
ngram 1=6
ngram 2=1

\\1-grams:
-99\t<s>\t-0.25
-1\t</s>
-1\tthe\t-0.5
-1.5\tcat
-2\tsat
-2.5\tmat

\\2-grams:
-0.5\t<s> the

\\end\\
"""
LN10 = math.log(10)


def listed(scale, *entries):
    """Hypotheses from sentences with an acoustic and an n-gram score."""
    return [
        Hypothesis(tuple(text.split()), acoustic, ngram, 0.0, 0.0, scale * acoustic + ngram)
        for text, acoustic, ngram in entries
    ]


class LengthScorer:
    """Scores a text by how long it is, as the stand-in model of the reference's recorded example does."""

    def score(self, sentences, context=""):
        return np.array([-float(len(text_for_llm(each, context))) for each in sentences])


@pytest.fixture(scope="module")
def ngrams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "lm.arpa").write_text(ARPA)
    return convert(folder / "lm.arpa", folder / "lm.nlm")


def test_llm_scores_and_totals_are_those_of_the_reference():
    rescored = rescore_with_llm(
        listed(0.5, ("bcd  e", -3, -3), ("a , b", -1, -1)), LengthScorer(), alpha=0.5, context="hello there"
    )
    assert [(each.text, each.llm, each.total) for each in rescored] == [("a , b", -16, -9), ("bcd e", -17, -11.5)]
    assert posteriors(rescored)[0] == pytest.approx(0.92414, abs=1e-5)


def test_an_empty_sentence_is_left_out_and_shifts_no_score():
    rescored = rescore_with_llm(listed(0.5, ("a", -1, -1), ("", -1, -1), ("bcd", -1, -1)), LengthScorer())
    assert [(each.text, each.llm) for each in rescored] == [("a", -1), ("bcd", -3)]
    nothing = listed(0.5, ("", -1, -1))
    assert rescore_with_llm(nothing, LengthScorer()) == nothing


@given(
    alpha=st.floats(0, 1),
    scale=st.floats(0.1, 2),
    weight=st.floats(0, 3),
    lexicon=st.floats(-5, 0),
    bonus=st.floats(-5, 5),
)
def test_the_total_keeps_the_acoustic_lexicon_and_bonus_parts(alpha, scale, weight, lexicon, bonus):
    each = Hypothesis(("abc",), -7.0, -5.0, lexicon, bonus, scale * -7 + weight * -5 + lexicon + bonus)
    (rescored,) = rescore_with_llm([each], LengthScorer(), alpha, weight)
    assert rescored.total == pytest.approx(
        scale * -7 + weight * ((1 - alpha) * -5 + alpha * -3) + lexicon + bonus, abs=1e-9
    )
    assert (rescored.acoustic, rescored.ngram, rescored.lexicon, rescored.bonus) == (-7, -5, lexicon, bonus)


def test_a_list_is_not_rescored_twice():
    once = rescore_with_llm(listed(0.5, ("a b", -1, -1)), LengthScorer())
    with pytest.raises(DataError, match="has scored this n-best list before"):
        rescore_with_llm(once, LengthScorer())
    with pytest.raises(DataError, match="has scored this n-best list before"):
        augment(once)


def test_new_ngram_scores_take_the_place_of_the_old(ngrams):
    first = listed(0.5, ("the mat", -2, -1), ("the cat", -2, -2))
    best, other = rescore_with_ngrams(first, ngrams, language_model_weight=2.0)
    assert (best.text, other.text) == ("the cat", "the mat")
    expected = LN10 * (-0.5 + (-0.5 - 1.5) - 1)
    assert best.ngram == pytest.approx(expected, abs=1e-5)
    assert best.total == pytest.approx(-3 + 2 * (expected + 2), abs=1e-5)


@pytest.mark.parametrize("unknown", ["", "-3\t<unk>\n"])
@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_model_of_the_search_gives_the_scores_of_the_search(unknown, weight, tmp_path):
    (tmp_path / "lm.arpa").write_text(
        ARPA.replace("1=6", f"1={6 + bool(unknown)}").replace("-2\tsat", unknown + "-2\tsat")
    )
    ngrams = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm")
    # No n-gram of 'at' is listed.
    lexicon = Lexicon({word: (tuple(word),) for word in ("the", "cat", "sat", "mat", "at")})
    alphabet = Alphabet(("_", *"theacsm"), blank=0)
    network = LexiconNetwork(lexicon, ngrams, alphabet, language_model_weight=weight, absent_word_log10=-4)
    logits = np.random.default_rng(0).normal(size=(12, len(alphabet)))
    decoded = Decoder(network, DecoderOptions(lattice_beam=30, beam=50), alphabet).decode(logits)
    assert any("at" in each.words for each in decoded)
    assert len(decoded) > 20
    rescored = rescore_with_ngrams(decoded, ngrams, language_model_weight=weight, absent_word_log10=-4)
    assert [each.words for each in rescored] == [each.words for each in decoded]
    np.testing.assert_allclose([each.total for each in rescored], [each.total for each in decoded], atol=1e-3)
    np.testing.assert_allclose([each.ngram for each in rescored], [each.ngram for each in decoded], atol=1e-3)


def test_the_end_of_a_sentence_does_not_count_where_a_model_has_none(tmp_path):
    (tmp_path / "lm.arpa").write_text(ARPA.replace("1=6", "1=5").replace("-1\t</s>\n", ""))
    endless = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm")
    (rescored,) = rescore_with_ngrams(listed(0.5, ("the mat", -2, -1)), endless)
    assert rescored.ngram == pytest.approx(LN10 * (-0.5 + (-0.5 - 2.5)), abs=1e-5)


def test_the_costs_of_a_graph_stay_when_its_ngrams_are_replaced(ngrams):
    first = listed(0.5, ("the cat", -2, -9))
    (same,) = rescore_with_ngrams(first, ngrams, replaced=ngrams)
    assert (same.ngram, same.total) == (pytest.approx(-9), pytest.approx(first[0].total))


def test_candidates_are_augmented_as_the_reference_augments_them():
    entries = (("the cat sat", -10, -5), ("the cap sat", -11, -4), ("a cat sit", -12, -6), ("the cat", -9, -9))
    augmented = augment(listed(0.3, *entries), top=20, penalty=0.01)
    described = [(each.text, each.acoustic, each.ngram) for each in augmented]
    assert described[:2] == [("the cap sat", -11, -4), ("the cat sat", -10, -5)]
    assert described[7:] == [("a cat sit", -12, -6), ("the cat", -9, -9)]
    assert sorted(each[0] for each in described[2:7]) == [
        "a cap sat", "a cap sit", "a cat sat", "the cap sit", "the cat sit",
    ]  # fmt: skip
    for each in augmented[2:7]:
        assert (each.acoustic, each.ngram) == (pytest.approx(-11.615), pytest.approx(-5.05))
        assert each.total == pytest.approx(0.3 * each.acoustic + each.ngram)
    assert [each.text for each in augment(listed(0.3, *entries), top=2)] == [
        "the cap sat", "the cat sat", "a cat sit", "the cat",
    ]  # fmt: skip
    assert augment([]) == []


def test_a_traded_word_keeps_its_confidence_and_the_sentence_its_times():
    one = Hypothesis(("a", "b"), -1, -1, -1, 4, 0.0, times=((0, 2), (2, 5)), confidence=(0.9, 0.4))
    other = Hypothesis(("c", "d"), -1, -1, -1, 2, -1.0, times=((0, 3), (3, 4)), confidence=(0.1, 0.6))
    new = {each.text: each for each in augment([one, other], penalty=0.1)}
    assert (new["c b"].confidence, new["c b"].times) == ((0.1, 0.4), one.times)
    assert (new["c b"].lexicon, new["c b"].bonus) == (pytest.approx(-1.1), 3)
    # Means of what is not a bonus, (−4 − 3) / 2, a tenth lost; and of the bonuses.
    assert new["c b"].total == pytest.approx(-3.5 * 1.1 + 3)


@pytest.mark.parametrize(
    ("spoken", "decoded", "cost", "labels"),
    [
        ("i am here now", "i was here", 2, [0, "R", 2]),
        ("a b c d", "b c d e", 2, [1, 2, 3, "D"]),
        ("", "a b", 2, ["D", "D"]),
        ("a b", "", 2, []),
    ],
)
def test_alignments_are_the_references(spoken, decoded, cost, labels):
    assert align(spoken.split(), decoded.split()) == (cost, labels)
