from __future__ import annotations

import numpy as np

from neurolect.language.word_model import UniformWords


def test_without_a_language_model_no_word_no_end_and_no_length_of_a_sentence_is_preferred():
    model = UniformWords(("yes", "no", "maybe"))
    states = np.full(3, model.start())
    for _ in range(2):
        scores, states = model.score(states, np.arange(3))
        np.testing.assert_array_equal(scores, [0, 0, 0])
    np.testing.assert_array_equal(model.finish(states), [0, 0, 0])
    np.testing.assert_array_equal(model.unigram, [0, 0, 0])
