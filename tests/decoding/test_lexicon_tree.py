from __future__ import annotations

import time

import numpy as np
import pytest

from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.errors import ConfigError
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.language.word_model import UniformWords
from neurolect.text.alphabet import CHARACTERS, PHONEMES
from neurolect.text.lexicon import Lexicon

SMALL = Lexicon(
    {
        "to": (("T", "UW"), ("T", "AH")),
        "two": (("T", "UW"),),
        "tooth": (("T", "UW", "TH"),),
        "a": (("AH",),),
    }
)


def pronunciations_in(tree, vocabulary):
    """Walk the whole tree from the root → the set of (word, pronunciation)."""
    found = set()
    waiting = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        for place in range(tree.first_word[node], tree.first_word[node + 1]):
            found.add((vocabulary[tree.words[place]], path))
        children = range(tree.first_child[node], tree.first_child[node + 1])
        waiting.extend((child, (*path, PHONEMES.symbols[tree.label[child]])) for child in children)
    return found


def pronunciations_of(lexicon):
    return {(word, variant) for word, variants in lexicon.items() for variant in variants}


def test_the_tree_holds_every_pronunciation_once_and_shares_prefixes():
    model = UniformWords(tuple(SMALL))
    tree = LexiconTree.build(SMALL, model, PHONEMES)
    assert pronunciations_in(tree, model.vocabulary) == pronunciations_of(SMALL)
    assert len(tree.words) == 5
    assert len(tree) == 6  # root, T, AH, T UW, T AH, T UW TH


def test_look_ahead_is_the_likeliest_word_at_or_below_a_node():
    model = UniformWords(tuple(SMALL))
    model.unigram = np.log(np.array([0.5, 0.1, 0.2, 0.05], dtype=np.float32))
    tree = LexiconTree.build(SMALL, model, PHONEMES)
    tooth = int(np.flatnonzero(tree.label == PHONEMES.index("TH"))[0])
    a = int(np.flatnonzero(tree.label[:3] == PHONEMES.index("AH"))[0])
    np.testing.assert_allclose(np.exp(tree.look_ahead[[0, tooth, a]]), [0.5, 0.2, 0.05], rtol=1e-6)


def test_words_that_the_word_model_lacks_are_left_out():
    model = UniformWords(("unheard", "two"))
    tree = LexiconTree.build(SMALL, model, PHONEMES)
    assert pronunciations_in(tree, model.vocabulary) == {("two", ("T", "UW"))}


def test_a_lexicon_without_any_known_word_is_refused():
    with pytest.raises(ConfigError, match="none of its words"):
        LexiconTree.build(SMALL, UniformWords(("unheard",)), PHONEMES)


def test_a_phoneme_outside_the_alphabet_is_named():
    with pytest.raises(ConfigError, match=r"'(T|UW|AH|TH)' is not one of"):
        LexiconTree.build(SMALL, UniformWords(tuple(SMALL)), CHARACTERS)


def test_the_english_dictionary_is_built_within_three_seconds_with_all_its_homophones():
    lexicon = Lexicon.english()
    model = read_pocketsphinx_trigram(additions=lexicon)
    start = time.process_time()
    tree = LexiconTree.build(lexicon, model, PHONEMES)
    assert time.process_time() - start < 3
    assert len(tree.words) == 134_860
    assert np.diff(tree.first_word).max() == 14
    known = {word: index for index, word in enumerate(model.vocabulary)}
    assert tree.look_ahead[0] == pytest.approx(max(model.unigram[known[word]] for word in lexicon))
