from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from neurolect.data.seeg.mne_recordings import open_mne
from neurolect.data.seeg.nwb_recordings import open_nwb
from neurolect.data.seeg.raw_recording import Event
from neurolect.data.seeg.raw_sources import SourceSettings, open_sources
from neurolect.errors import ConfigError, DataError
from seeg_files import SHAFTS, potentials, write_brainvision, write_edf, write_fif, write_nwb

EVENTS = [(1.0, 0.5, "hello"), (2.5, 0.0, "world")]


@pytest.mark.parametrize(
    ("write", "ending", "tolerance"),
    [(write_edf, ".edf", 0.01), (write_brainvision, ".vhdr", 0.06), (write_fif, "_ieeg.fif", 1e-3)],
)
def test_what_was_written_is_read_in_microvolts(tmp_path, write, ending, tolerance):
    signals = potentials(len(SHAFTS))
    raw = open_mne(write(tmp_path / f"day1{ending}", signals, events=EVENTS))
    assert (raw.channels, raw.sample_rate, raw.n_samples) == (tuple(SHAFTS), 1000.0, 6000)
    assert raw.positions == {}
    np.testing.assert_allclose(raw.read([3, 0]), signals[[3, 0]], atol=tolerance)
    np.testing.assert_allclose(raw.read_block([5, 2, 4], 1000, 1500), signals[[5, 2, 4], 1000:1500], atol=tolerance)
    heard = [event for event in raw.events if event.text in ("hello", "Comment/hello", "world", "Comment/world")]
    np.testing.assert_allclose([event.onset for event in heard], [1.0, 2.5], atol=1e-3)


def test_onsets_of_a_cropped_fif_count_from_its_own_first_sample(tmp_path):
    signals = potentials(len(SHAFTS))
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals, events=EVENTS, crop=0.75, bads=["A2"], mains=60.0))
    np.testing.assert_allclose(raw.read([0])[0], signals[0, 750:], atol=1e-3)
    assert [round(event.onset, 6) for event in raw.events] == [0.25, 1.75]
    assert (raw.bad, raw.mains) == ({"A2"}, 60.0)


def test_contacts_are_told_from_an_amplifiers_other_channels(tmp_path):
    names = ["A1", "DC01", "EKG1", "A2", "EEG EMG-Ref", "TRIG"]
    raw = open_mne(write_edf(tmp_path / "day1.edf", potentials(6), names))
    assert raw.contact_rows() == [0, 3]
    assert raw.contact_rows(keep=["DC01"]) == [0, 1, 3]


def test_stated_kinds_go_before_names(tmp_path):
    kinds = ["seeg", "eeg", "seeg", "misc"]
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", potentials(4), ["A1", "A2", "DC1", "A3"], kinds=kinds))
    assert raw.contact_rows() == [0, 2]


def test_flat_contacts_and_gaps_are_found(tmp_path):
    signals = potentials(4)
    signals[1] = 7.0
    signals[2, 4321] = np.nan
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals, SHAFTS[:4]))
    assert raw.unusable([0, 1, 2, 3]) == {"A2": "flat", "A3": "not a number at 4.321 s"}
    with pytest.raises(DataError, match=r"every contact lacks values, from 4\.321 s on"):
        raw.unusable([2])


def test_a_gap_late_in_a_long_recording_is_told_by_its_time(tmp_path):
    signals = potentials(2, seconds=70.0, rate=100.0, mains=20.0)
    signals[1, 6543:6600] = np.nan
    raw = open_mne(write_fif(tmp_path / "day1_ieeg.fif", signals, SHAFTS[:2], rate=100.0))
    assert raw.unusable([0, 1]) == {"A2": "not a number at 65.430 s"}


def test_an_nwb_file_gives_names_positions_regions_and_trials(tmp_path):
    signals = potentials(len(SHAFTS))
    raw = open_nwb(write_nwb(tmp_path / "day1.nwb", signals, trials=[(11.0, "hello"), (13.0, "world")], start=10.0))
    assert (raw.channels, raw.sample_rate, raw.name) == (tuple(SHAFTS), 1000.0, "day1")
    np.testing.assert_allclose(raw.read([6, 1]), signals[[6, 1]], atol=1e-3)
    assert raw.positions["A3"] == pytest.approx([0.002, 0.04, 0.0])
    assert raw.regions == {f"A{n}": "STG" for n in range(1, 5)}
    assert raw.events == (Event(1.0, "hello", 1.0), Event(3.0, "world", 1.0))


def test_offsets_and_bad_contacts_of_an_nwb_file_count(tmp_path):
    signals = potentials(len(SHAFTS))
    raw = open_nwb(write_nwb(tmp_path / "day1.nwb", signals, offset=2e-3, bad=["A2"]))
    np.testing.assert_allclose(raw.read([3]), signals[[3]] + 2000.0, atol=1e-3)
    assert raw.bad == {"A2"}


def test_nwb_electrodes_without_labels_are_counted_within_their_group(tmp_path):
    raw = open_nwb(write_nwb(tmp_path / "day1.nwb", potentials(len(SHAFTS)), labels=False))
    assert raw.channels == tuple(SHAFTS)


def test_nwb_timestamps_give_the_rate_unless_they_have_a_gap(tmp_path):
    times = 5 + np.arange(6000) / 512.0
    raw = open_nwb(write_nwb(tmp_path / "even.nwb", potentials(8), timestamps=times, trials=[(6.0, "hello")]))
    assert raw.sample_rate == pytest.approx(512.0)
    assert raw.events[0].onset == pytest.approx(1.0)
    times[3000:] += 1.0
    with pytest.raises(DataError, match="series ieeg is not evenly sampled near"):
        open_nwb(write_nwb(tmp_path / "gap.nwb", potentials(8), timestamps=times))


def test_a_column_or_series_that_is_not_there_is_named(tmp_path):
    path = write_nwb(tmp_path / "day1.nwb", potentials(8), trials=[(1.0, "hello")])
    with pytest.raises(DataError, match=r"trials have no column 'cue', they have .*word"):
        open_nwb(path, onset_column="cue")
    with pytest.raises(DataError, match="has no series 'lfp', it has ieeg"):
        open_nwb(path, series="lfp")


@pytest.mark.filterwarnings("ignore::UserWarning:pynwb")
def test_an_nwb_series_of_another_shape_or_rate_and_onsets_that_are_none_are_refused(tmp_path):
    signals = potentials(len(SHAFTS), seconds=1.0)
    with pytest.raises(DataError, match=r"series ieeg is 1000 × 8, expected samples × 4 electrodes"):
        open_nwb(write_nwb(tmp_path / "wide.nwb", signals, SHAFTS[:4]))
    with pytest.raises(DataError, match="series ieeg has a rate of 0 Hz"):
        open_nwb(write_nwb(tmp_path / "still.nwb", signals, rate=0.0))
    path = write_nwb(tmp_path / "words.nwb", signals, trials=[(0.5, "hello")])
    with pytest.raises(DataError, match="column 'word' of the trials holds no times"):
        open_nwb(path, onset_column="word")


def test_a_recording_without_samples_is_refused(tmp_path):
    raw = replace(open_mne(write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)))), n_samples=0)
    with pytest.raises(DataError, match=r"day1\.edf: holds no sample"):
        raw.unusable([0, 1])


@pytest.mark.parametrize("name", ["day1.edf", "day1.fif", "day1.vhdr", "day1.nwb"])
def test_a_damaged_file_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a recording\n" * 100)
    with pytest.raises(DataError, match=name) as error:
        open_sources([tmp_path / name], "p01")
    assert "\n" not in str(error.value)


def test_an_edf_that_is_cut_short_is_refused_with_what_it_announces(tmp_path):
    path = write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)))
    whole = path.read_bytes()
    assert open_mne(path).notes == ()
    path.write_bytes(whole[: len(whole) // 2])
    told = r"day1\.edf: the file is cut short: its header announces 6 records, 6 s, and 2 s are there"
    with pytest.raises(DataError, match=told):
        open_mne(path)
    path.write_bytes(whole[:236] + b"-1      " + whole[244:])
    (note,) = open_mne(path).notes
    assert note.startswith("its header does not say how long it is")
    path.write_bytes(whole[:236] + b"4       " + whole[244:])
    assert open_mne(path).notes == ("its header announces 4 records, 4 s, and 6 s are there",)


def test_annotations_behind_the_end_of_a_recording_are_counted(tmp_path):
    path = write_brainvision(tmp_path / "day1.vhdr", potentials(8), events=[(1.0, 0.0, "hello"), (5.0, 0.0, "late")])
    eeg = path.with_suffix(".eeg")
    eeg.write_bytes(eeg.read_bytes()[: eeg.stat().st_size // 2])
    raw = open_mne(path)
    assert [event.text for event in raw.events] == ["Comment/hello"]
    assert raw.notes == ("1 annotations lie outside the recording: left out",)


@pytest.mark.parametrize(("module", "name", "extra"), [("mne", "day1.edf", "ieeg"), ("pynwb", "day1.nwb", "nwb")])
def test_a_missing_library_is_asked_for_by_its_extra(tmp_path, monkeypatch, module, name, extra):
    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=rf"pip install 'neurolect\[{extra}\]'"):
        open_sources([tmp_path / name], "p01")


def test_sources_that_cannot_be_told_apart_or_named_are_refused(tmp_path):
    first = write_edf(tmp_path / "day1.edf", potentials(8))
    (tmp_path / "again").mkdir()
    second = write_edf(tmp_path / "again" / "day1.edf", potentials(8))
    with pytest.raises(DataError, match="has a run 'day1' already"):
        open_sources([first, second], "p01")
    with pytest.raises(ConfigError, match=r"give the subject a name \(--subject\)"):
        open_sources([first], None, SourceSettings())
    with pytest.raises(ConfigError, match="subject 'a/b' cannot be the name of a folder"):
        open_sources([first], "a/b")
    for name in ("", ".", ".."):
        with pytest.raises(ConfigError, match="cannot be the name of a folder"):
            open_sources([first], name)
    with pytest.raises(DataError, match="no such file"):
        open_sources([tmp_path / "day9.edf"], "p01")
    with pytest.raises(DataError, match="its ending is none of"):
        open_sources([tmp_path / "day1.xyz"], "p01")
