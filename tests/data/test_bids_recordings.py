from __future__ import annotations

import json

import numpy as np
import pytest

from neurolect.data.seeg.bids_recordings import open_bids
from neurolect.data.seeg.raw_recording import Event
from neurolect.data.seeg.raw_sources import open_sources
from neurolect.errors import DataError
from seeg_files import SHAFTS, potentials, write_brainvision, write_edf


def table(path, *rows):
    path.write_text("\ufeff" + "\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")


@pytest.fixture
def bids(tmp_path):
    """Subject 01 with two runs of one montage, side-car files beside them and above them."""
    folder = tmp_path / "sub-01" / "ieeg"
    folder.mkdir(parents=True)
    for run in ("1", "2"):
        stem = f"sub-01_task-read_run-{run}"
        write_brainvision(folder / f"{stem}_ieeg.vhdr", potentials(len(SHAFTS), seed=int(run)))
        table(
            folder / f"{stem}_channels.tsv",
            ("name", "type", "units", "status"),
            *((name, "MISC" if name == "L'4" else "SEEG", "µV", "bad" if name == "A3" else "good") for name in SHAFTS),
        )
    (tmp_path / "task-read_ieeg.json").write_text(json.dumps({"PowerLineFrequency": 50}))
    table(
        folder / "sub-01_task-read_run-1_events.tsv",
        ("onset", "duration", "trial_type", "cue"),
        ("1.0", "n/a", "hello", "0.5"),
        ("2.5", "0.25", "world", "2.0"),
        ("3.0", "0", "n/a", "2.9"),
    )
    table(
        folder / "sub-01_space-MNI_electrodes.tsv",
        ("name", "x", "y", "z", "region"),
        *((name, str(number), "20", "n/a" if name == "A4" else "30", "STG") for number, name in enumerate(SHAFTS)),
    )
    (folder / "sub-01_space-MNI_coordsystem.json").write_text(json.dumps({"iEEGCoordinateUnits": "mm"}))
    return tmp_path


def test_the_side_car_files_say_what_the_recording_does_not(bids):
    raws = open_sources([bids])
    assert list(raws) == ["01"]
    first, second = raws["01"]
    assert (first.name, second.name) == ("task-read_run-1", "task-read_run-2")
    assert (first.mains, first.bad) == (50.0, {"A3"})
    assert first.contact_rows() == list(range(7))
    assert first.positions["A2"] == pytest.approx([0.001, 0.02, 0.03])
    assert "A4" not in first.positions
    assert first.regions["L'1"] == "STG"
    assert first.events == (Event(1.0, "hello", 0.0), Event(2.5, "world", 0.25))
    assert second.events == ()
    np.testing.assert_allclose(first.read([1]), potentials(len(SHAFTS), seed=1)[[1]], atol=0.06)


def test_the_columns_of_events_can_be_chosen(bids):
    path = bids / "sub-01" / "ieeg" / "sub-01_task-read_run-1_ieeg.vhdr"
    assert [event.onset for event in open_bids(path, bids, onset_column="cue").events] == [0.5, 2.0]
    with pytest.raises(DataError, match=r"run-1_events.tsv: has no column 'word', it has onset, duration"):
        open_bids(path, bids, text_column="word")


def test_a_time_that_is_none_is_named_by_its_line(bids):
    events = bids / "sub-01" / "ieeg" / "sub-01_task-read_run-1_events.tsv"
    table(events, ("onset", "duration", "trial_type"), ("1.0", "0", "hello"), ("soon", "0", "world"))
    with pytest.raises(DataError, match="line 3: onset is 'soon', it must be a time in seconds"):
        open_sources([bids])
    table(events, ("onset", "duration", "trial_type"), ("nan", "0", "hello"))
    with pytest.raises(DataError, match="line 2: onset is 'nan'"):
        open_sources([bids])
    table(events, ("onset", "duration", "trial_type"), ("1.0", "long", "hello"))
    with pytest.raises(DataError, match="line 2: duration is 'long'"):
        open_sources([bids])


def test_two_positions_of_one_contact_leave_it_without(bids):
    electrodes = bids / "sub-01" / "ieeg" / "sub-01_space-MNI_electrodes.tsv"
    rows = [(name, "1", "2", "3") for name in SHAFTS] + [("A1", "-1", "2", "3")]
    table(electrodes, ("name", "x", "y", "z"), *rows)
    first = open_sources([bids])["01"][0]
    assert "A1" not in first.positions
    assert any("two positions of A1" in note for note in first.notes)


def test_runs_without_a_common_contact_become_subjects_of_their_own(bids):
    other = [f"Q{number}" for number in range(8)]
    write_edf(bids / "sub-01" / "ieeg" / "sub-01_task-rest_ieeg.edf", potentials(8), other)
    found = open_sources([bids])
    assert {name: len(raws) for name, raws in found.items()} == {"01_read": 2, "01_rest": 1}


def test_runs_of_one_subject_share_a_contact_all_together(bids):
    folder = bids / "sub-01" / "ieeg"
    write_edf(folder / "sub-01_task-sing_ieeg.edf", potentials(4), ["L'2", "L'3", "Q1", "Q2"])
    write_edf(folder / "sub-01_task-talk_ieeg.edf", potentials(4), ["A1", "A2", "R1", "R2"])
    assert {name: len(raws) for name, raws in open_sources([bids]).items()} == {"01_1": 3, "01_2": 1}


def test_one_participant_can_be_chosen_and_must_be_there(bids):
    assert list(open_sources([bids], "sub-01")) == ["01"]
    with pytest.raises(DataError, match="has no participant '02', it has 01"):
        open_sources([bids], "02")


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(DataError, match="no recording called sub-…_ieeg"):
        open_sources([tmp_path])
