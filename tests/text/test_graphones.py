from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.text.graphone_alignment import align
from neurolect.text.graphone_ngram import GraphoneNGram
from neurolect.text.lexicon import Lexicon

WORDS = st.text("abc", min_size=1, max_size=4)
SOUNDS = st.lists(st.sampled_from("XYZ"), min_size=1, max_size=6).map(tuple)


@given(entries=st.lists(st.tuples(WORDS, SOUNDS), max_size=12))
def test_the_pieces_of_every_aligned_entry_make_up_its_word_and_its_pronunciation(entries):
    graphones, cuts = align(entries)
    rebuilt = [
        ("".join(graphones[each][0] for each in cut), tuple(p for each in cut for p in graphones[each][1]))
        for cut in cuts
    ]
    assert sorted(rebuilt) == sorted(entry for entry in entries if len(entry[1]) <= 2 * len(entry[0]))


def test_letters_are_given_the_phonemes_they_stand_for():
    english = Lexicon.english()
    words = list(english)[::40]
    graphones, cuts = align([(word, english[word][0]) for word in [*words, "mixed", "bite"]])
    aligned = {"".join(graphones[each][0] for each in cut): [graphones[each][1] for each in cut] for cut in cuts}
    assert aligned["mixed"] == [("M",), ("IH",), ("K", "S"), (), ("T",)]
    assert aligned["bite"] == [("B",), ("AY",), ("T",), ()]


@pytest.fixture
def sequences(rng) -> list[np.ndarray]:
    """Two hundred sequences of five symbols in which some follow others more often."""
    return [np.concatenate((rng.permutation(5)[: rng.integers(0, 6)], [3, 1])) for _ in range(200)]


@pytest.mark.parametrize("order", [1, 2, 4, 20])
def test_what_may_come_next_has_probability_one_after_every_history(sequences, order):
    model = GraphoneNGram.estimate(sequences, symbols=5, order=order)
    states = np.array([model.start])
    for _ in range(4):
        scores, after = model.advance(np.repeat(states, 5), np.tile(np.arange(5), len(states)))
        total = np.exp(scores).reshape(-1, 5).sum(axis=1) + np.exp(model.end(states))
        np.testing.assert_allclose(total, 1, rtol=1e-9)
        states = np.unique(after)


def test_a_bigram_has_the_probability_of_interpolated_kneser_ney():
    model = GraphoneNGram.estimate([np.array([0, 1]), np.array([0, 1]), np.array([0, 2])], symbols=3, order=2)
    # Bigrams, with s and e for beginning and end: s0 3, 01 2, 1e 2, 02 1, 2e 1, so that two occur once and two twice.
    discount = 2 / (2 + 2 * 2)
    # Different symbols that precede: one each for 0, 1 and 2, two for e.
    discount_below = 3 / (3 + 2 * 1)
    below = (1 - discount_below) / 5 + 4 * discount_below / 5 / 4
    expected = (2 - discount) / 3 + 2 * discount / 3 * below
    _, after_0 = model.advance(np.array([model.start]), np.array([0]))
    np.testing.assert_allclose(np.exp(model.advance(after_0, np.array([1]))[0]), expected)


def test_longer_histories_are_used_where_they_are_known():
    model = GraphoneNGram.estimate([np.array([0, 2, 3]), np.array([1, 2, 4])] * 10, symbols=5, order=3)
    states = np.array([model.start, model.start])
    for symbols in ([0, 1], [2, 2]):
        _, states = model.advance(states, np.array(symbols))
    after_0, after_1 = (np.exp(model.advance(states, np.full(2, symbol))[0]) for symbol in (3, 4))
    assert after_0[0] > 0.9 > 0.1 > after_0[1]
    assert after_1[1] > 0.9 > 0.1 > after_1[0]
