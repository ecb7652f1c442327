from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.seeg.rereferencing import Derivation, derivations
from neurolect.errors import DataError

contacts = st.lists(
    st.tuples(st.sampled_from(["A", "B'", "LAH"]), st.integers(0, 12)), min_size=1, max_size=20, unique=True
)


@given(contacts, st.randoms())
def test_a_pair_is_made_exactly_where_both_neighbours_are_usable(places, random):
    channels = [f"{shaft}{number}" for shaft, number in places]
    unusable = {channel for channel in channels if random.random() < 0.2}
    usable = {place for place, channel in zip(places, channels, strict=True) if channel not in unusable}
    expected = [
        Derivation(f"{shaft}{number}", f"{shaft}{number}", f"{shaft}{number + 1}")
        for shaft, number in places
        if {(shaft, number), (shaft, number + 1)} <= usable
    ]
    if expected:
        assert derivations(channels, "bipolar", unusable) == expected
    else:
        with pytest.raises(DataError):
            derivations(channels, "bipolar", unusable)


def test_a_bipolar_channel_is_named_after_its_first_contact_without_decorations():
    (only,) = derivations(["POL A1", "POL A2"], "bipolar")
    assert (only.name, only.describe()) == ("A1", "A1-A2")


def test_the_end_of_a_row_of_a_grid_makes_no_pair_with_the_next_row():
    positions = {f"G{n + 1}": [0.01 * (n % 4), 0.01 * (n // 4), 0.0] for n in range(8)}
    pairs = [each.describe() for each in derivations(list(positions), "bipolar", positions=positions)]
    assert pairs == ["G1-G2", "G2-G3", "G3-G4", "G5-G6", "G6-G7", "G7-G8"]


@pytest.mark.parametrize("reference", ["average", "none"])
def test_other_references_keep_every_usable_contact(reference):
    derived = derivations(["EEG A1-Ref", "EEG A2-Ref", "Cz"], reference, unusable={"EEG A2-Ref"})
    assert [(each.name, each.subtracted) for each in derived] == [("A1", None), ("Cz", None)]


def test_two_channels_of_one_contact_are_refused_by_name():
    with pytest.raises(DataError, match="'POL A1' and 'EEG A1' are both contact 1 of A"):
        derivations(["POL A1", "EEG A1", "A2"], "bipolar")
    with pytest.raises(DataError, match="'A1' occurs 2 times, as POL A1, EEG A1"):
        derivations(["POL A1", "EEG A1"], "none")


def test_a_file_of_differences_is_told_to_need_no_reference():
    with pytest.raises(DataError, match="'A1-A2' are differences already: choose reference none"):
        derivations(["A1-A2", "A2-A3"], "bipolar")
    assert [each.name for each in derivations(["A1-A2", "A2-A3"], "none")] == ["A1-A2", "A2-A3"]
