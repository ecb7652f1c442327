"""The z-score of each channel, fitted piece by piece."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.seeg.standardise import Stretch, fit_input
from neurolect.errors import DataError


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    offset=st.sampled_from([0.0, 1e3, 1e6]),
    seed=st.integers(0, 99),
)
def test_pieces_give_the_mean_and_deviation_of_the_whole(lengths, offset, seed):
    rng = np.random.default_rng(seed)
    pieces = [(offset + rng.normal(size=(2, n))).astype(np.float32) for n in [*lengths, 5]]
    fitted = fit_input("s", ("A", "B"), [Stretch("piece", piece, True) for piece in pieces])
    whole = np.concatenate(pieces, axis=1).astype(np.float64)
    assert fitted.mean == pytest.approx(whole.mean(axis=1), rel=1e-12, abs=1e-9)
    assert fitted.std == pytest.approx(whole.std(axis=1), rel=1e-6)


def test_what_is_not_fitted_changes_nothing_but_is_looked_at():
    fitted = Stretch("trial 0", np.float32([[1, 3]]), True)
    other = Stretch("trial 1", np.float32([[50, np.nan]]), False)
    assert fit_input("s", ("A",), [fitted, other], "zero").mean == (2.0,)
    with pytest.raises(DataError, match="subject s: trial 1, channel A: nan at sample 1; missing 'zero'"):
        fit_input("s", ("A",), [fitted, other])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e7])
def test_a_channel_that_never_changes_has_a_deviation_of_one(value):
    pieces = [Stretch("piece", np.full((1, n), value, np.float32), True) for n in (3, 7, 11)]
    fitted = fit_input("s", ("A",), pieces)
    assert fitted.std == (1.0,)
    assert np.abs(fitted.scale(pieces[0].signal)).max() < 1e-6 * max(value, 1)


def test_a_channel_without_any_value_is_named():
    empty = Stretch("trial 0", np.float32([[1, 2], [np.nan, np.nan]]), True)
    with pytest.raises(DataError, match="subject s: there is no value of channel B to fit a z-score on"):
        fit_input("s", ("A", "B"), [empty], "zero")
