from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import random_ngrams
from small_graphs import GRID, NETWORKS, decoder_of
from small_search import Case, emit, random_logits

from neurolect.text.lexicon import Lexicon

# Every word is spelt in one way only, so that the words of a sentence say which probabilities count.
SPELLINGS = {"a": (("A",),), "eigh": (("A",),), "bc": (("B", "C"),), "cab": (("C", "A", "B"),)}
PROBABILITIES = {"a": (0.05,), "eigh": (0.6,), "cab": (0.25,)}
PLAIN, WEIGHTED = Lexicon(SPELLINGS), Lexicon(SPELLINGS, PROBABILITIES)
NGRAMS = random_ngrams(np.random.default_rng(6), list(SPELLINGS), order=3)

VARIANTS = Lexicon(
    {"a": (("A",), ("B",), ("A", "C")), "bc": (("B", "C"), ("C",)), "cab": (("C", "A", "B"),)},
    {"a": (0.7, 0.2, 0.05), "bc": (1.0, 0.01)},
)
VARIANT_NGRAMS = random_ngrams(np.random.default_rng(7), list(VARIANTS), order=3)


@cache
def pair_of(name):
    """Searches without and with probabilities."""
    return [decoder_of(name, lexicon, NGRAMS) for lexicon in (PLAIN, WEIGHTED)]


def log_probability(words):
    return sum(math.log(PROBABILITIES[word][0]) for word in words if word in PROBABILITIES)


@pytest.mark.parametrize("name", NETWORKS)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
@settings(deadline=None, max_examples=30)
def test_a_sentence_costs_the_probabilities_of_its_pronunciations_and_nothing_else(name, seed, n_frames):
    logits = random_logits(seed, n_frames)
    without, with_probabilities = (
        {answer.words: answer for answer in decoder.decode(logits)} for decoder in pair_of(name)
    )
    assert without.keys() == with_probabilities.keys()
    near = 1e-4 if name == "tree" else GRID
    for words, answer in with_probabilities.items():
        plain, difference = without[words], log_probability(words)
        assert answer.total - plain.total == pytest.approx(difference, abs=near)
        assert answer.acoustic == pytest.approx(plain.acoustic, abs=near)
        # A graph has one score for all its costs.
        part = "lexicon" if name == "tree" else "ngram"
        assert getattr(answer, part) - getattr(plain, part) == pytest.approx(difference, abs=near)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_likelier_pronunciation_wins_where_the_sounds_do_not_decide(name):
    logits = emit("SIL A SIL", confidence=60)
    plain, weighted = ({each.text: each.total for each in decoder.decode(logits)} for decoder in pair_of(name))
    gained = weighted["eigh"] - weighted["a"] - (plain["eigh"] - plain["a"])
    assert gained == pytest.approx(math.log(0.6 / 0.05), abs=GRID)


@pytest.mark.parametrize("name", ["LG", "TLG"])
def test_tree_and_graph_agree_on_words_of_several_pronunciations(name):
    tree, graph = (decoder_of(each, VARIANTS, VARIANT_NGRAMS) for each in ("tree", name))
    for seed in range(20):
        logits = random_logits(seed, 6)
        expected = {answer.words: answer for answer in tree.decode(logits)}
        answers = {answer.words: answer for answer in graph.decode(logits)}
        assert answers.keys() == expected.keys()
        for words, answer in answers.items():
            assert answer.total == pytest.approx(expected[words].total, abs=GRID)
            # The n-gram score of a graph includes the lexicon's.
            assert answer.ngram == pytest.approx(expected[words].ngram + expected[words].lexicon, abs=GRID)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(8))
def test_words_of_several_pronunciations_have_the_scores_of_exhaustive_enumeration(name, seed):
    case = Case(random_logits(seed, 5), lexicon=VARIANTS, ngrams=VARIANT_NGRAMS, as_in_graph=True)
    expected = case.expected()
    answers = decoder_of(name, VARIANTS, VARIANT_NGRAMS).decode(case.logits)
    assert {answer.words for answer in answers} == expected.keys()
    for answer in answers:
        assert answer.total == pytest.approx(expected[answer.words].total, abs=1e-4 if name == "tree" else GRID)
