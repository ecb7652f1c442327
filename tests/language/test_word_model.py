from __future__ import annotations

import numpy as np

from neurolect.language.word_model import UniformWords


def test_uniform_words_and_the_end_of_the_sentence_share_all_probability():
    model = UniformWords(("yes", "no", "maybe"))
    states = np.full(3, model.start())
    log_probabilities, following = model.score(states, np.arange(3))
    total = np.exp(log_probabilities).sum() + np.exp(model.finish(following))[0]
    assert np.isclose(total, 1)
    assert np.ptp(log_probabilities) == 0
    np.testing.assert_array_equal(log_probabilities, model.unigram)
