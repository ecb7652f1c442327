from __future__ import annotations

import numpy as np
import pytest

from neurolect.decoding.greedy import greedy_decode, symbols_text
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER


def logits_for(classes, n_classes=41):
    return 5.0 * np.eye(n_classes)[classes]


def test_runs_are_merged_before_blanks_are_dropped_so_a_doubled_phoneme_survives():
    assert greedy_decode(logits_for([0, 5, 5, 0, 5, 3, 0])) == [5, 5, 3]


@pytest.mark.parametrize("logits", [np.empty((0, 41)), logits_for([0, 0, 0])])
def test_no_frames_or_only_blanks_give_no_classes(logits):
    assert greedy_decode(logits) == []


def test_classes_are_named_in_the_order_of_their_alphabet():
    classes = [PHONEMES_LANGUAGE_MODEL_ORDER.index(symbol) for symbol in ("HH", "AY", "SIL")]
    assert symbols_text(greedy_decode(logits_for(classes)), PHONEMES_LANGUAGE_MODEL_ORDER) == "HH AY SIL"
    assert symbols_text([PHONEMES.index("SIL")]) == "SIL"
