"""What a diphone model says of phonemes, so that one word search serves both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Logits
from neurolect.decoding.log_probabilities import log_softmax, log_sum_exp
from neurolect.errors import DataError
from neurolect.text.alphabet import PHONEMES, Alphabet, diphones


def phonemes_of_diphones(logits: Logits, phonemes: Alphabet = PHONEMES) -> npt.NDArray[np.float32]:
    """Log-probability of each phoneme: that of all diphones that end in it, whatever phoneme came first.

    The marginalisation of Li et al. 2024 (DCoND); the blank stays what it is. A chunk of frames gives the
    same as within the whole.

    Args:
        logits: (..., diphones) in the order of `neurolect.text.alphabet.diphones`, 1601 for the 41 phoneme classes.
        phonemes: the classes of the result and, with its order, of the diphones.

    Returns:
        Log-probabilities (..., phonemes), the blank among them.

    Raises:
        DataError: another number of classes, or a frame is not a distribution (NaN, +∞, or −∞ throughout).
    """
    values = np.ascontiguousarray(logits, dtype=np.float64)
    units = [index for index in range(len(phonemes)) if index != phonemes.blank]
    pairs = diphones(phonemes)
    if values.shape[-1] != len(pairs):
        raise DataError(f"diphone logits have the shape {values.shape}, {len(pairs)} classes are expected")
    log_probabilities = log_softmax(values)
    if np.isnan(log_probabilities).any():
        raise DataError("diphone logits have frames that are not numbers")
    result = np.empty((*values.shape[:-1], len(phonemes)), dtype=np.float32)
    result[..., phonemes.blank] = log_probabilities[..., pairs.blank]
    ordered = np.delete(log_probabilities, pairs.blank, axis=-1).reshape(*values.shape[:-1], len(units), len(units))
    result[..., units] = log_sum_exp(ordered, axis=-2)[..., 0, :]
    return result
