from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.data.normalisation import (
    BlockSums,
    FeatureStatistics,
    NormalisationStream,
    RunningNormalisation,
    read_statistics,
)
from neurolect.errors import DataError

START = FeatureStatistics(np.array([5.0, -2.0]), np.array([2.0, 0.5]))


def raw(n_bins: int) -> np.ndarray:
    return (np.random.default_rng(n_bins).normal(size=(n_bins, 2)) * [2, 0.5] + [5, -2]).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.booleans())
def test_a_block_cut_anywhere_scores_as_the_whole_block_bit_for_bit(chunks, warm):
    features, start = raw(sum(chunks)), START if warm else None
    normalisation = RunningNormalisation(start_bins=20, clip=3)
    stream = NormalisationStream(normalisation, BlockSums.beginning(2, start, 20))
    pieces = [stream.push(piece) for piece in np.split(features, np.cumsum(chunks)[:-1])]
    assert np.array_equal(np.concatenate(pieces), normalisation(features, start))


def test_each_bin_is_scored_with_the_bins_so_far():
    features = raw(50)
    scores = RunningNormalisation()(features)
    for bin_ in (1, 7, 49):
        seen = features[: bin_ + 1].astype(np.float64)
        assert scores[bin_] == pytest.approx((seen[-1] - seen.mean(0)) / seen.std(0), abs=1e-5)
    assert (scores[0] == 0).all()


def test_a_block_that_starts_warm_scores_its_first_bins_as_z_scores():
    features = raw(100)
    z = (features - START.mean) / START.std
    assert np.abs(RunningNormalisation()(features, START) - z).max() < 0.2
    assert np.abs(RunningNormalisation()(features)[:3] - z[:3]).max() > 0.2


def test_the_next_block_starts_with_the_statistics_of_the_one_before():
    first, second = raw(400), raw(30)
    stream = NormalisationStream(RunningNormalisation(start_bins=100), BlockSums.beginning(2, None, 100))
    stream.push(first)
    stream.next_block()
    start = FeatureStatistics(first.astype(np.float64).mean(0), first.astype(np.float64).std(0))
    assert np.allclose(stream.push(second), RunningNormalisation(start_bins=100)(second, start), atol=1e-5)


def test_features_without_spread_score_zero_and_outliers_are_cut():
    features = np.full((200, 2), 1e6, dtype=np.float32)
    features[150, 1] += 100
    scores = RunningNormalisation(clip=4)(features)
    assert (scores[:, 0] == 0).all()
    assert scores[150, 1] == 4


def test_statistics_are_read_and_what_is_none_is_refused(tmp_path):
    np.savez(tmp_path / "statistics.npz", mean=START.mean, std=START.std)
    assert np.array_equal(read_statistics(tmp_path / "statistics.npz").std, START.std)
    np.savez(tmp_path / "half.npz", mean=START.mean)
    (tmp_path / "text.npz").write_text("mean")
    np.savez(tmp_path / "negative.npz", mean=START.mean, std=-START.std)
    for name in ("half", "text", "negative", "absent"):
        with pytest.raises(DataError, match=rf"{name}\.npz"):
            read_statistics(tmp_path / f"{name}.npz")
    with pytest.raises(DataError, match="2 features are given for recordings of 3"):
        RunningNormalisation()(np.zeros((4, 3)), START)
