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


def test_the_interval_is_that_of_resampling_trials_one_by_one():
    right = np.arange(80) % 3 == 0
    rng = np.random.default_rng(1)
    drawn = right[rng.integers(0, 80, (20_000, 80))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = accuracy(right)
    assert found.low == pytest.approx(low, abs=0.013)
    assert found.high == pytest.approx(high, abs=0.013)
    assert str(found).startswith("33.75 % [")
