from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurolect.online.live_answers import Sentence
from neurolect.online.live_input import Bins, Event
from neurolect.online.recorded_bins import bins_of, width_of

N_FEATURES = 3


def as_read(fields):
    return {name.encode(): value if isinstance(value, bytes) else str(value).encode() for name, value in fields.items()}


def sentence(first_bin, n_bins):
    return Sentence(
        1, "", (), (), 0.0, "s", None, "event", n_bins, 0, first_bin, "mine", "1-0", "9-0", "", {}, (), 0.0
    )  # fmt: skip


@given(
    blocks=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    resent=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=4),
    first=st.integers(0, 30),
    length=st.integers(1, 40),
    among=st.lists(st.integers(0, 12), max_size=7),
)
def test_an_utterance_has_its_bins_once_however_they_were_cut_sent_again_and_mixed(
    blocks, resent, first, length, among
):
    n_bins = sum(blocks)
    features = np.arange(n_bins * N_FEATURES, dtype=np.float32).reshape(n_bins, N_FEATURES)
    starts = np.cumsum([0, *blocks])
    entries = [
        as_read(Bins(features[start:stop], int(start) + 100, "mine", 0.0).to_fields())
        for start, stop in pairwise(starts)
    ]
    # A sender that lost its connection repeats some of what it sent before it goes on.
    for at, back in resent:
        at = min(at, len(entries) - 1)
        entries[at + 1 : at + 1] = entries[max(0, at - back) : at + 1]
    others = [
        as_read(Bins(np.ones((2, N_FEATURES), np.float32), 100, "theirs", 0.0).to_fields()),
        as_read(Event("block", "2").to_fields()),
        {b"features": b"half", b"first": b"101", b"source": b"mine"},
        as_read(Bins(np.full((1, N_FEATURES), np.nan, np.float32), 103, "mine", 0.0).to_fields()),
        {},
        as_read(Bins(np.ones((2, N_FEATURES), np.float32), 2**40, "mine", 0.0).to_fields()),
        as_read(Bins(np.full((1, N_FEATURES), 3e38, np.float32), 103, "mine", 0.0).to_fields()),
    ]
    for at, other in zip(among, others, strict=False):
        entries.insert(min(at, len(entries)), other)
    first = min(first, n_bins - 1)
    length = min(length, n_bins - first)
    found = bins_of(sentence(100 + first, length), entries, N_FEATURES)
    assert np.array_equal(found, features[first : first + length])


@given(width=st.integers(1, 20), blocks=st.lists(st.integers(1, 5), min_size=2, max_size=6))
def test_the_number_of_features_follows_from_the_numbers_of_bins(width, blocks):
    starts = np.cumsum([0, *blocks])
    entries = [
        as_read(Bins(np.zeros((n, width), np.float32), int(start), "mine", 0.0).to_fields())
        for start, n in zip(starts, blocks, strict=False)
    ]
    assert width_of(sentence(0, sum(blocks)), entries) == width
    assert width_of(sentence(0, blocks[0]), entries[:1]) is None
