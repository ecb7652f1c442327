from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.frames import Patching
from neurolect.errors import ConfigError


@pytest.mark.parametrize(
    ("n_bins", "n_frames"),
    [(5, 0), (9, 0), (13, 0), (14, 1), (17, 1), (18, 2), (22, 3), (100, 22), (854, 211), (1000, 247)],
)
def test_frame_counts_are_the_references_and_never_negative(n_bins, n_frames):
    assert Patching(14, 4).n_frames(n_bins) == n_frames


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 9))
def test_patches_are_the_complete_windows_flattened_time_major(n_bins, size, stride):
    patching = Patching(size, stride)
    features = torch.arange(n_bins * 3, dtype=torch.float32).view(1, n_bins, 3)
    starts = [start for start in range(0, n_bins, stride) if start + size <= n_bins]
    patches = patching(features)
    assert patches.shape == (1, len(starts), size * 3)
    assert patching.n_frames(n_bins) == len(starts)
    assert patching.frames_in(torch.tensor([n_bins])).tolist() == [len(starts)]
    for frame, start in enumerate(starts):
        assert patching.first_bin(frame) == start
        assert torch.equal(patches[0, frame], features[0, start : start + size].flatten())


def test_without_patches_every_bin_is_a_frame():
    features = torch.zeros(2, 7, 3)
    assert Patching(0, 0)(features) is features
    assert Patching(0, 0).n_frames(7) == 7
    assert Patching(0, 0).frames_in(torch.tensor([7])).tolist() == [7]


def test_impossible_patches_are_refused():
    with pytest.raises(ConfigError, match="14 bins every 0 bins"):
        Patching(14, 0)
