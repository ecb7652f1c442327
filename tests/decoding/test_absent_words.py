from __future__ import annotations

import math

import pytest
from oracle.arpa import stored
from small_graphs import GRID, graph_of
from small_search import ALPHABET, EVERYTHING, emit

from neurolect.decoding import Decoder, LexiconNetwork
from neurolect.text.lexicon import Lexicon

LEXICON = Lexicon({"a": (("A",),), "b": (("B",),), "zulu": (("C",),)})

# No 'zulu'. The back-off of 'a' counts where an absent word follows it, and nothing is remembered after one.
WITHOUT = {
    ("<s>",): (-99.0, -0.2),
    ("</s>",): (-0.9, 0.0),
    ("a",): (-0.5, -0.3),
    ("b",): (-0.7, -0.1),
    ("<s>", "a"): (-0.4, 0.0),
    ("a", "b"): (-0.25, 0.0),
    ("b", "</s>"): (-0.6, 0.0),
}
WITH = {**WITHOUT, ("<unk>",): (-1.75, 0.0)}

SAID = {
    "zulu": ("SIL C SIL", lambda absent: -0.2 + absent - 0.9),
    "a zulu": ("SIL A SIL C SIL", lambda absent: -0.4 - 0.3 + absent - 0.9),
    "zulu b": ("SIL C SIL B SIL", lambda absent: -0.2 + absent - 0.7 - 0.6),
    "a zulu zulu a": ("SIL A SIL C SIL C SIL A SIL", lambda absent: -0.4 - 0.3 + 2 * absent - 0.5 - 0.3 - 0.9),
}


def tree(ngrams, absent_word_log10=-9.77, weight=1.0):
    network = LexiconNetwork(
        LEXICON, stored(ngrams), ALPHABET, language_model_weight=weight, absent_word_log10=absent_word_log10
    )
    return Decoder(network, EVERYTHING, ALPHABET)


def answer_of(decoder, sentence):
    logits = emit(SAID[sentence][0], confidence=90)
    return next(answer for answer in decoder.decode(logits) if answer.text == sentence)


@pytest.mark.parametrize("sentence", SAID)
@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("absent_word_log10", [-9.77, -3.0, 0.0])
def test_a_word_that_the_model_lacks_has_the_probability_of_its_unknown_word(sentence, weight, absent_word_log10):
    answer = answer_of(tree(WITH, absent_word_log10, weight), sentence)
    assert answer.ngram == pytest.approx(math.log(10) * SAID[sentence][1](-1.75), abs=1e-4)
    parts = 0.4 * answer.acoustic + weight * answer.ngram + answer.lexicon
    assert answer.total == pytest.approx(parts, abs=1e-4)


@pytest.mark.parametrize("sentence", SAID)
@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("absent_word_log10", [-9.77, -3.0, 0.0])
def test_without_an_unknown_word_it_has_the_probability_it_is_given(sentence, weight, absent_word_log10):
    answer = answer_of(tree(WITHOUT, absent_word_log10, weight), sentence)
    assert answer.ngram == pytest.approx(math.log(10) * SAID[sentence][1](absent_word_log10), abs=1e-4)
    parts = 0.4 * answer.acoustic + weight * answer.ngram + answer.lexicon
    assert answer.total == pytest.approx(parts, abs=1e-4)


def test_a_word_without_any_probability_is_left_out():
    decoder = tree(WITHOUT, -math.inf)
    assert decoder.network.words == ("a", "b")
    answers = decoder.decode(emit("SIL A SIL C SIL B SIL", confidence=2))
    assert len(answers) > 10
    assert {word for answer in answers for word in answer.words} == {"a", "b"}


@pytest.mark.parametrize("name", ["LG", "TLG"])
def test_a_graph_leaves_out_what_the_model_lacks(name):
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    logits = emit("SIL A SIL C SIL B SIL", confidence=2)
    without = LexiconNetwork(LEXICON, stored(WITHOUT), ALPHABET, absent_word_log10=-math.inf, backoff_as_in_graph=True)
    expected = {each.words: each.total for each in Decoder(without, EVERYTHING, ALPHABET).decode(logits)}
    for ngrams in (WITHOUT, WITH):
        answers = Decoder(graph_of(name, LEXICON, ngrams), EVERYTHING, ALPHABET).decode(logits)
        assert {each.words: each.total for each in answers} == pytest.approx(expected, abs=GRID)
