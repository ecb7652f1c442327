from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.evaluation.accuracy import accuracy


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_the_interval_holds_the_share_of_right_answers(right):
    found = accuracy(np.array(right))
    assert found.value == sum(right) / len(right)
    assert (found.correct, found.trials) == (sum(right), len(right))
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("correct", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_the_interval_is_the_published_one(correct, trials, low, high):
    found = accuracy(np.arange(trials) < correct)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_an_accuracy_is_told_with_its_interval():
    assert str(accuracy(np.array([False, False]))) == "0.00 % [0.00, 65.76]"
