from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurolect.data.seeg import conversion
from neurolect.data.seeg.channel_selection import ChannelSelection
from neurolect.data.seeg.conversion import convert_subject
from neurolect.data.seeg.conversion_plan import plan_subject
from neurolect.data.seeg.layout import open_subject
from neurolect.data.seeg.mne_recordings import open_mne
from neurolect.data.seeg.raw_recording import Event
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.data.seeg.word_events import WordEvents
from neurolect.errors import DataError
from seeg_files import SHAFTS, potentials, write_edf, write_fif

FIFTY = Preparation(mains=50.0)
WORDS = {"day1": [Event(1.0, "hello"), Event(3.0, "world"), Event(5.5, "late")]}


@pytest.fixture
def day1(tmp_path):
    return open_mne(write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS))))


def plan(*raws, preparation=FIFTY, selection=ChannelSelection(), **settings):  # noqa: B008
    return plan_subject("p01", raws, preparation, selection, **settings)


def test_a_bipolar_channel_is_the_prepared_difference_of_its_two_contacts(tmp_path, day1):
    subject = open_subject(convert_subject(plan(day1), tmp_path / "out"))
    assert subject.info.channels == ["A1", "A2", "A3", "L'1", "L'2", "L'3"]
    assert subject.info.preparation[0] == "bipolar: A1-A2, A2-A3, A3-A4, L'1-L'2, L'2-L'3, L'3-L'4"
    (recording,) = subject.recordings
    assert recording.name == "day1"
    signals = potentials(len(SHAFTS))
    expected = FIFTY(signals[4] - signals[5], 1000.0, 50.0)
    np.testing.assert_allclose(recording.signal[3], expected, atol=0.05)


def test_the_common_average_leaves_nothing_that_all_contacts_share(tmp_path):
    signals = potentials(len(SHAFTS))
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals, bads=["A2"]))
    settled = plan(raw, preparation=Preparation("average", 50.0), selection=ChannelSelection(names=["A1", "L'4"]))
    (recording,) = open_subject(convert_subject(settled, tmp_path / "out")).recordings
    usable = np.delete(signals, 1, axis=0)
    expected = FIFTY(signals[7] - usable.mean(axis=0), 1000.0, 50.0)
    np.testing.assert_allclose(recording.signal[1], expected, atol=0.01)


def test_trials_are_stretches_of_the_continuous_recording(tmp_path, day1):
    settled = plan(day1, events=WORDS, continuous="all", word_events=WordEvents(-0.5, 1.0))
    subject = open_subject(convert_subject(settled, tmp_path / "out"))
    assert subject.trials.words == ["hello", "world"]
    assert subject.trials.onsets.tolist() == [1.0, 3.0]
    assert subject.info.epoch_start == -0.5
    whole = subject.recordings[0].signal
    np.testing.assert_array_equal(subject.trials.signals[0], whole[:, 500:2000])
    np.testing.assert_array_equal(subject.trials.signals[1], whole[:, 2500:4000])
    assert "day1: 1 of 3 trials reach beyond the recording: left out" in settled.notes


def test_trials_of_several_runs_stand_one_run_after_the_other(tmp_path, day1):
    day2 = open_mne(write_edf(tmp_path / "day2.edf", potentials(len(SHAFTS), seed=1)))
    events = {"day1": [Event(1.0, "hello")], "day2": [Event(2.0, "world"), Event(4.0, "hello")]}
    settled = plan(day1, day2, events=events, continuous="all", word_events=WordEvents(0.0, 1.0))
    subject = open_subject(convert_subject(settled, tmp_path / "out"))
    assert (subject.trials.words, subject.trials.runs) == (["hello", "world", "hello"], ["day1", "day2", "day2"])
    first, second = (recording.signal for recording in subject.recordings)
    for trial, expected in enumerate((first[:, 1000:2000], second[:, 2000:3000], second[:, 4000:5000])):
        np.testing.assert_array_equal(subject.trials.signals[trial], expected)


def test_by_default_a_recording_with_trials_is_not_kept_whole(tmp_path, day1):
    rest = open_mne(write_edf(tmp_path / "rest.edf", potentials(len(SHAFTS), seed=1)))
    settled = plan(day1, rest, events=WORDS, word_events=WordEvents(0.0, 1.0))
    subject = open_subject(convert_subject(settled, tmp_path / "out"))
    assert [recording.name for recording in subject.recordings] == ["rest"]
    assert subject.trials.runs == ["day1"] * 2


def test_reading_in_small_groups_changes_nothing(tmp_path, day1, monkeypatch):
    once = open_subject(convert_subject(plan(day1), tmp_path / "once")).recordings[0].signal
    monkeypatch.setattr(conversion, "_GROUP_BYTES", 4 * day1.n_samples * 3)
    grouped = open_subject(convert_subject(plan(day1), tmp_path / "grouped")).recordings[0].signal
    np.testing.assert_array_equal(once, grouped)


def test_rates_that_differ_from_run_to_run_come_out_as_one(tmp_path, day1):
    fast = open_mne(write_fif(tmp_path / "fast_ieeg.fif", potentials(len(SHAFTS), rate=2048.0), rate=2048.0))
    subject = open_subject(convert_subject(plan(day1, fast), tmp_path / "out"))
    assert subject.info.sample_rate == 1000.0
    assert {recording.n_samples for recording in subject.recordings} == {6000}


def test_only_channels_that_every_recording_has_are_kept_and_the_others_named(tmp_path, day1):
    other = open_mne(write_fif(tmp_path / "day2_ieeg.fif", potentials(6), [*SHAFTS[:4], "L'3", "Q1"], bads=["A1"]))
    settled = plan(day1, other)
    assert settled.info.channels == ["A2", "A3"]
    assert "not in every recording: A1, L'1, L'2, L'3" in settled.notes
    assert "day2_ieeg: A1 is left out: marked bad" in settled.notes
    assert "day2_ieeg: without a neighbour on its shaft: L'3, Q1" in settled.notes


def test_broken_and_bridged_contacts_break_their_pairs(tmp_path):
    signals = potentials(len(SHAFTS))
    signals[1] = 3.0
    signals[5] = signals[4]
    settled = plan(open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals)))
    assert settled.info.channels == ["A3", "L'2", "L'3"]
    assert "day1_ieeg: A2 is left out: flat" in settled.notes
    assert "day1_ieeg: both contacts carry one signal: L'1-L'2" in settled.notes


def test_a_file_of_nothing_but_bridges_is_refused(tmp_path):
    signals = np.repeat(potentials(1), len(SHAFTS), axis=0)
    with pytest.raises(DataError, match=r"every pair, such as A1-A2, carry one signal"):
        plan(open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals)))


def test_recordings_without_a_common_channel_are_refused(tmp_path, day1):
    other = open_mne(write_fif(tmp_path / "day2_ieeg.fif", potentials(4), ["Q1", "Q2", "Q3", "Q4"]))
    with pytest.raises(DataError, match=r"no channel is in all of .*day1.edf, .*day2_ieeg.fif"):
        plan(day1, other)


def test_the_power_line_must_be_known_and_is_looked_for(day1):
    with pytest.raises(
        DataError,
        match=r"set mains \(--preparation\.mains\) to 50, 60, or 0 for none; its spectrum has a line at 50 Hz",
    ):
        plan(day1, preparation=Preparation())
    assert (
        "day1: its spectrum has a line at 50 Hz, and mains is 60" in plan(day1, preparation=Preparation(mains=60)).notes
    )
    assert not any("spectrum" in note for note in plan(day1).notes)


def test_a_band_above_all_that_was_recorded_is_refused(tmp_path):
    slow = open_mne(write_fif(tmp_path / "slow_ieeg.fif", potentials(len(SHAFTS), rate=150.0), rate=150.0))
    with pytest.raises(DataError, match="recorded at 150 Hz, nothing is in the band above 100 Hz"):
        plan(slow, preparation=Preparation(mains=50.0, low=100.0))


def test_a_wrong_unit_is_told_of(tmp_path):
    settled = plan(open_mne(write_fif(tmp_path / "day1_ieeg.fif", potentials(len(SHAFTS)) * 1e6)))
    assert any("the file's unit may be wrong" in note for note in settled.notes)


def test_a_subject_that_is_there_is_replaced_only_when_told_to(tmp_path, day1):
    folder = convert_subject(plan(day1), tmp_path / "out")
    with pytest.raises(DataError, match="the subject is there already; --replace"):
        convert_subject(plan(day1), tmp_path / "out")
    chosen = plan(day1, selection=ChannelSelection(names=["A1"]))
    convert_subject(chosen, tmp_path / "out", replace=True)
    assert json.loads((folder / "subject.json").read_text())["channels"] == ["A1"]
    (tmp_path / "notes" / "p01").mkdir(parents=True)
    (tmp_path / "notes" / "p01" / "mine.txt").touch()
    with pytest.raises(DataError, match="exists and is no subject's folder"):
        convert_subject(plan(day1), tmp_path / "notes", replace=True)


def test_what_fails_half_way_leaves_the_old_subject_and_nothing_else(tmp_path, day1):
    folder = convert_subject(plan(day1), tmp_path / "out")
    before = (folder / "subject.json").read_bytes()

    def fail():
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        convert_subject(plan(day1), tmp_path / "out", replace=True, on_channel=fail)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["p01"]
    assert (folder / "subject.json").read_bytes() == before


def test_an_old_subject_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, day1, monkeypatch):
    folder = convert_subject(plan(day1), tmp_path / "out")
    before = (folder / "subject.json").read_bytes()
    rename = Path.rename

    def interrupted(path, target):
        if path.parent.name == "subjects":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert_subject(plan(day1), tmp_path / "out", replace=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["p01"]
    assert (folder / "subject.json").read_bytes() == before


def test_nothing_to_write_is_refused(tmp_path, day1):
    with pytest.raises(DataError, match="nothing to write"):
        convert_subject(plan(day1, continuous="none"), tmp_path / "out")


def test_a_region_table_chooses_and_positions_are_the_middle_of_a_pair(tmp_path):
    signals = potentials(len(SHAFTS))
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals))
    raw = replace(raw, positions={name: [0.004 * row, 0.0, 0.0] for row, name in enumerate(SHAFTS)})
    settled = plan(raw, selection=ChannelSelection(regions=["STG"]), regions={"A1": "STG", "A2": "STG", "A3": "MTG"})
    assert settled.info.channels == ["A1", "A2"]
    assert settled.info.regions == {"A1": "STG", "A2": "STG"}
    assert settled.info.positions["A2"] == pytest.approx([0.006, 0.0, 0.0])
