from __future__ import annotations

import numpy as np
import pytest

from neurolect.data.seeg.channel_selection import ChannelSelection, most_important, read_regions
from neurolect.errors import DataError

AVAILABLE = ["A1", "A2", "TI'1", "TI'2", "B1"]
REGIONS = {"A1": "STG", "TI'1": "STG", "TI'2": "insula"}


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (ChannelSelection(), AVAILABLE),
        (ChannelSelection(names=["B1", "A2"]), ["B1", "A2"]),
        (ChannelSelection(shafts=["TI'", "A"]), ["A1", "A2", "TI'1", "TI'2"]),
        (ChannelSelection(regions=["STG"]), ["A1", "TI'1"]),
        (ChannelSelection(shafts=["TI'"], regions=["STG"]), ["TI'1"]),
    ],
)
def test_what_is_given_chooses(selection, chosen):
    assert selection.choose(AVAILABLE, REGIONS, "subject p01") == chosen


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (ChannelSelection(names=["A9"]), "subject p01: has no channel 'A9'; it has A1, A2"),
        (ChannelSelection(shafts=["TI"]), "has no shaft 'TI'; it has A, B, TI'"),
        (ChannelSelection(regions=["PFC"]), "has no region 'PFC'; it has STG, insula"),
        (ChannelSelection(shafts=["B"], regions=["STG"]), "no channel is of the chosen names, shafts and regions"),
        (ChannelSelection(names=["A1", "B1"], shafts=["A"]), "channel 'B1' is of shaft B: names, shafts and regions"),
        (ChannelSelection(names=["B1"], regions=["STG"]), "channel 'B1' is of region unknown"),
    ],
)
def test_what_is_not_there_is_named(selection, message):
    with pytest.raises(DataError, match=message):
        selection.choose(AVAILABLE, REGIONS, "subject p01")


def test_channels_that_a_model_weighs_most_may_be_of_other_shafts():
    selection = ChannelSelection(names=["B1", "A2"], shafts=["A"], all_names=False)
    assert selection.choose(AVAILABLE, REGIONS, "subject p01") == ["A2"]


def test_excluded_contacts_are_named_by_pattern_with_or_without_decorations():
    selection = ChannelSelection(exclude=["DC*", "POL A1"])
    assert [selection.excludes(name) for name in ("POL DC01", "DC2", "POL A1", "A1", "A10")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_weightiest_channels_come_first_and_padding_is_none_of_them():
    importance = np.array([0.1, 0.5, 0.5, 0.9, 0.2, 7.0, 7.0])
    assert most_important(AVAILABLE, importance, 3) == ["TI'2", "A2", "TI'1"]
    assert most_important(AVAILABLE[:2], importance, 10) == ["A2", "A1"]


def test_a_region_table_is_read_and_must_not_contradict_itself(tmp_path):
    table = tmp_path / "regions.csv"
    table.write_text("channel,region\nPOL A1,STG\nA2,insula\n")
    assert read_regions(table) == {"A1": "STG", "A2": "insula"}
    table.write_text("channel,region\nA1,STG\nA1,insula\n")
    with pytest.raises(DataError, match="line 3: channel 'A1' has a region already"):
        read_regions(table)
    table.write_text("name,region\nA1,STG\n")
    with pytest.raises(DataError, match="has no column 'channel', it has name, region"):
        read_regions(table)
