from __future__ import annotations

import math
import time

import numpy as np
import pytest

from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.errors import ConfigError
from neurolect.text.alphabet import CHARACTERS, PHONEMES
from neurolect.text.lexicon import Lexicon

SMALL = Lexicon(
    {
        "to": (("T", "UW"), ("T", "AH")),
        "two": (("T", "UW"),),
        "tooth": (("T", "UW", "TH"),),
        "a": (("AH",),),
    },
    {"to": (0.75, 0.25)},
)


def build(lexicon=SMALL, vocabulary=None, unigram=None, alphabet=PHONEMES):
    vocabulary = tuple(lexicon) if vocabulary is None else vocabulary
    unigram = np.zeros(len(vocabulary)) if unigram is None else unigram
    return LexiconTree.build(lexicon, vocabulary, unigram, alphabet)


def pronunciations_in(tree, vocabulary):
    """Walk the whole tree from the root → (word, pronunciation) with the log-probability."""
    found = {}
    waiting = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        for place in range(tree.first_word[node], tree.first_word[node + 1]):
            found[vocabulary[tree.words[place]], path] = tree.log_probability[place]
        for child in range(tree.first_child[node], tree.first_child[node + 1]):
            assert tree.parent[child] == node
            waiting.append((child, (*path, PHONEMES.symbols[tree.label[child]])))
    return found


def test_the_tree_holds_every_pronunciation_once_and_shares_prefixes():
    tree = build()
    assert pronunciations_in(tree, tuple(SMALL)) == {
        ("to", ("T", "UW")): math.log(0.75),
        ("to", ("T", "AH")): math.log(0.25),
        ("two", ("T", "UW")): 0,
        ("tooth", ("T", "UW", "TH")): 0,
        ("a", ("AH",)): 0,
    }
    assert len(tree.words) == 5
    assert len(tree) == 6  # root, T, AH, T UW, T AH, T UW TH
    assert (tree.parent[0], tree.label[0]) == (-1, -1)


def test_look_ahead_is_the_likeliest_word_at_or_below_a_node():
    tree = build(unigram=np.log([0.5, 0.1, 0.2, 0.05]))
    tooth = int(np.flatnonzero(tree.label == PHONEMES.index("TH"))[0])
    a = int(np.flatnonzero(tree.label[:3] == PHONEMES.index("AH"))[0])
    np.testing.assert_allclose(np.exp(tree.look_ahead[[0, tooth, a]]), [0.5, 0.2, 0.05], rtol=1e-6)


def test_words_outside_the_vocabulary_are_left_out():
    vocabulary = ("unheard", "two")
    assert pronunciations_in(build(vocabulary=vocabulary), vocabulary) == {("two", ("T", "UW")): 0}


def test_a_lexicon_without_any_known_word_is_refused():
    with pytest.raises(ConfigError, match="none of its words"):
        build(vocabulary=("unheard",))


def test_a_phoneme_outside_the_alphabet_is_named():
    with pytest.raises(ConfigError, match=r"'(T|UW|AH|TH)' is not one of"):
        build(alphabet=CHARACTERS)


def test_the_english_dictionary_is_built_within_three_seconds_with_all_its_homophones():
    lexicon = Lexicon.english()
    unigram = np.random.default_rng(0).normal(size=len(lexicon))
    start = time.process_time()
    tree = build(lexicon, unigram=unigram)
    assert time.process_time() - start < 3
    assert len(tree.words) == 134_860
    assert np.diff(tree.first_word).max() == 14
    assert tree.look_ahead[0] == unigram.max()
