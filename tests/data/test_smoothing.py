from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve1d

from neurolect.data.smoothing import GaussianSmoothing, SmoothingStream

# Measured on the reference.
NINE_TAPS = [
    0.0276305508, 0.0662822500, 0.1238315329, 0.1801738143, 0.2041636854,
    0.1801738143, 0.1238315329, 0.0662822500, 0.0276305508,
]  # fmt: skip


def test_the_nine_taps_are_the_references():
    assert GaussianSmoothing().taps == pytest.approx(NINE_TAPS, abs=1e-8)
    assert GaussianSmoothing(size=9).taps[:5] == pytest.approx([0.03576, 0.06698, 0.12142, 0.1761, 0.19947], abs=1e-5)
    assert [len(GaussianSmoothing(std=std).taps) for std in (1, 2, 3, 10)] == [5, 9, 13, 33]


@settings(deadline=None)
@given(n_bins=st.integers(1, 40), std=st.sampled_from([0.0, 1.0, 2.0, 3.0]))
def test_smoothing_equals_scipys_convolution(n_bins, std):
    features = np.random.default_rng(n_bins).normal(size=(2, n_bins, 3)).astype(np.float32)
    smoothing = GaussianSmoothing(std)
    taps = np.array(smoothing.taps) if std else np.ones(1)
    expected = convolve1d(features, taps, axis=1, mode="constant")
    same = smoothing(torch.from_numpy(features)).numpy()
    assert np.allclose(same, expected, atol=1e-6)
    valid = smoothing(torch.from_numpy(features), "valid").numpy()
    margin = len(taps) // 2
    assert np.allclose(valid, expected[:, margin : n_bins - margin], atol=1e-6)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 12), max_size=8), st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.sampled_from(["same", "valid"])
)
def test_bins_smoothed_as_they_come_are_the_trial_smoothed_at_once(chunks, std, padding):
    features = torch.randn(sum(chunks), 3, generator=torch.Generator().manual_seed(1))
    smoothing = GaussianSmoothing(std)
    stream = SmoothingStream(smoothing, 3, padding)
    pieces = [stream.push(piece) for piece in (features.split(chunks) if chunks else ())] + [stream.finish()]
    assert torch.allclose(torch.cat(pieces), smoothing(features[None], padding)[0], atol=1e-6)


def test_a_bin_is_given_as_soon_as_four_have_followed():
    stream = SmoothingStream(GaussianSmoothing(), 3)
    assert stream.lookahead == 4
    assert [len(stream.push(torch.zeros(1, 3))) for _ in range(7)] == [0, 0, 0, 0, 1, 1, 1]
    assert len(stream.finish()) == 4
