"""Greedy CTC decoding: the best class of every frame, collapsed."""

from __future__ import annotations

import numpy as np

from neurolect.decoding.hypotheses import Logits
from neurolect.text.alphabet import PHONEMES, Alphabet


def greedy_decode(logits: Logits, alphabet: Alphabet = PHONEMES) -> list[int]:
    """The best class of every frame with runs merged and then blanks dropped.

    Args:
        logits: (frames, classes); no frames give no classes.
        alphabet: says which class is the blank.
    """
    logits = np.asarray(logits)
    if not len(logits):
        return []
    return alphabet.collapse(logits.argmax(axis=-1))
