from __future__ import annotations

import numpy as np
import pytest

from neurolect.decoding.diphones import phonemes_of_diphones
from neurolect.errors import DataError
from neurolect.text.alphabet import PHONEMES, Alphabet, diphones

DIPHONES = diphones()


def test_a_phoneme_has_the_probability_of_all_diphones_that_end_in_it():
    probabilities = np.zeros((1, len(DIPHONES)))
    for diphone, probability in (("K-AE", 0.2), ("SIL-AE", 0.1), ("AE-T", 0.3), ("T-SIL", 0.15), ("BLANK", 0.25)):
        probabilities[0, DIPHONES.index(diphone)] = probability
    with np.errstate(divide="ignore"):
        result = np.exp(phonemes_of_diphones(np.log(probabilities)))[0]
    expected = {"AE": 0.3, "T": 0.3, "SIL": 0.15, "BLANK": 0.25}
    np.testing.assert_allclose(result, [expected.get(symbol, 0.0) for symbol in PHONEMES.symbols], rtol=1e-6)


def test_a_blank_at_the_end_of_the_alphabet_stays_there():
    tones = Alphabet(("low", "high", "blank"), blank=2)
    # The diphones' own order: blank, low-low, low-high, high-low, high-high.
    result = phonemes_of_diphones(np.log([0.4, 0.1, 0.2, 0.25, 0.05]), tones)
    np.testing.assert_allclose(np.exp(result), [0.35, 0.25, 0.4], rtol=1e-6)


def test_frames_are_distributions_and_chunks_give_the_whole_bit_for_bit(rng):
    logits = rng.normal(scale=4, size=(2, 9, 1601)).astype(np.float32)
    whole = phonemes_of_diphones(logits)
    assert whole.shape == (2, 9, 41)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(np.exp(whole).sum(axis=-1), 1, rtol=1e-5)
    chunks = [phonemes_of_diphones(np.asfortranarray(chunk)) for chunk in np.split(logits, [0, 1, 5], axis=1)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


def test_other_classes_and_broken_frames_are_refused():
    with pytest.raises(DataError, match="1601 classes are expected"):
        phonemes_of_diphones(np.zeros((3, 41)))
    with pytest.raises(DataError, match="not numbers"):
        phonemes_of_diphones(np.full((1, 1601), np.nan))
