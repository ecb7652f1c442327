from __future__ import annotations

import numpy as np
import pytest

from neurolect.decoding.greedy import greedy_decode
from neurolect.text.alphabet import Alphabet


def logits_for(classes, n_classes=41):
    return 5.0 * np.eye(n_classes)[classes]


def test_runs_are_merged_before_blanks_are_dropped_so_a_doubled_phoneme_survives():
    assert greedy_decode(logits_for([0, 5, 5, 0, 5, 3, 0])) == [5, 5, 3]


@pytest.mark.parametrize("logits", [np.empty((0, 41)), logits_for([0, 0, 0])])
def test_no_frames_or_only_blanks_give_no_classes(logits):
    assert greedy_decode(logits) == []


def test_the_blank_is_where_the_alphabet_has_it():
    assert greedy_decode(logits_for([2, 0, 2, 1, 1], n_classes=3), Alphabet(("A", "B", "BLANK"), blank=2)) == [0, 1]
