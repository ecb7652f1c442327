"""The packed layout of field potentials: what is written is read back, and each fault is named."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurolect.data.seeg.layout import Recording, SubjectInfo, WordTrials, find_subjects, open_subject, write_subject
from neurolect.errors import DataError
from seeg_subjects import write_small_subject

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


@settings(max_examples=40, deadline=None)
@given(
    channels=st.lists(names, min_size=1, max_size=4, unique=True),
    n_trials=st.integers(0, 4),
    n_samples=st.integers(1, 9),
    rate=st.floats(0.1, 1e4),
    lengths=st.lists(st.integers(0, 20), max_size=3),
    data=st.data(),
)
def test_a_subject_is_read_back_as_it_was_written(tmp_path_factory, channels, n_trials, n_samples, rate, lengths, data):
    folder = tmp_path_factory.mktemp("packed") / "subject"
    info = SubjectInfo(
        "s", channels, rate, -0.5, {channels[0]: "STG"}, {channels[0]: [0.01, -0.2, 0.3]}, ["cut"], "x", True
    )
    signals = data.draw(hnp.arrays(np.float32, (n_trials, len(channels), n_samples)))
    texts = st.lists(names, min_size=n_trials, max_size=n_trials)
    words, runs = data.draw(texts), data.draw(texts)
    onsets = data.draw(hnp.arrays(np.float64, n_trials))
    long = [(f"r{i}", data.draw(hnp.arrays(np.float32, (len(channels), n)))) for i, n in enumerate(lengths)]
    write_subject(folder, info, WordTrials(signals, words, runs, onsets), iter(long))
    subject = open_subject(folder)
    assert subject.info == info
    assert np.array_equal(subject.trials.signals, signals, equal_nan=True)
    assert (subject.trials.words, subject.trials.runs) == (words, runs)
    assert np.array_equal(subject.trials.onsets, onsets, equal_nan=True)
    for recording, (name, signal) in zip(subject.recordings, long, strict=True):
        assert recording.name == name
        assert recording.n_samples == signal.shape[1]
        assert np.array_equal(recording.signal, signal, equal_nan=True)


def test_subjects_are_found_by_name_or_all_in_order(tmp_path):
    for name in ("b", "a", "c"):
        write_small_subject(tmp_path, name)
    assert [subject.info.name for subject in find_subjects(tmp_path)] == ["a", "b", "c"]
    assert [subject.info.name for subject in find_subjects(tmp_path, ["c", "a"])] == ["c", "a"]
    shutil.copytree(tmp_path / "a", tmp_path / "d")
    with pytest.raises(DataError, match=r"d: says it is of subject a, as .*a does"):
        find_subjects(tmp_path)
    shutil.rmtree(tmp_path / "d")
    with pytest.raises(DataError, match="subject 'a' is named twice"):
        find_subjects(tmp_path, ["a", "b", "a"])
    with pytest.raises(DataError, match="there is no subject 'd'; there are a, b, c"):
        find_subjects(tmp_path, ["d"])
    with pytest.raises(DataError, match=rf"a: is one subject's folder: give the folder that it lies in, {tmp_path}$"):
        find_subjects(tmp_path / "a")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_subjects(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no folder in it holds subject\.json"):
        find_subjects(tmp_path / "empty")


def test_signals_are_mapped_and_not_read(tmp_path):
    write_small_subject(tmp_path, "one", recordings=(100,))
    subject = open_subject(tmp_path / "one")
    assert isinstance(subject.trials.signals, np.memmap)
    assert isinstance(subject.recordings[0], Recording)
    assert isinstance(subject.recordings[0].signal, np.memmap)


def change(case, /, **changes):
    def apply(folder):
        described = json.loads((folder / "subject.json").read_text())
        (folder / "subject.json").write_text(json.dumps(described | changes))

    apply.__name__ = case
    return apply


def overwrite(name, array):
    return lambda folder: np.save(folder / name, array)


def with_header(header):
    """Writes `trials.npy` with a header that no array has."""
    text = f"{header}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(100)
    return lambda folder: (folder / "trials.npy").write_bytes(content)


def zipped(folder):
    with (folder / "trials.npy").open("wb") as file:
        np.savez(file, np.zeros((40, 3, 60), np.float32))


def cut_short(folder):
    path = folder / "trials.npy"
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "subject.json").unlink(), r"subject\.json: no such file"),
        (lambda folder: (folder / "subject.json").write_text("{"), r"subject\.json: not a JSON file"),
        (lambda folder: (folder / "subject.json").write_text("[]"), r"subject\.json: not a subject of format 1"),
        (change("format", format=2), r"subject\.json: not a subject of format 1"),
        (change("key", colour="red"), r"subject\.json: says 'colour', which format 1 does not know"),
        (
            lambda folder: (folder / "subject.json").write_text('{"format": 1, "name": "one"}'),
            r"subject\.json: does not say 'channels'",
        ),
        (change("twice", channels=["A1", "A1", "B1"]), r"subject\.json: channel 'A1' occurs twice"),
        (change("rate", sample_rate=0), r"subject\.json: sample_rate is 0, it must be positive"),
        (change("text", sample_rate="1000"), r'subject\.json: sample_rate is "1000", not a number'),
        (change("endless", sample_rate=float("inf")), r"subject\.json: sample_rate is Infinity, not a number"),
        (change("nobody", name=None), r"subject\.json: name is null, not a name"),
        (change("flag", simulated="no"), r'subject\.json: simulated is "no", not true or false'),
        (
            change("nowhere", positions={"A1": "left"}),
            r"subject\.json: positions is .*, not a list of numbers for each",
        ),
        (lambda folder: (folder / "subject.json").write_text(100_000 * "["), r"subject\.json: not a JSON file"),
        (change("none", channels=[]), r"subject\.json: channels is \[\], not a list of names"),
        (change("no list", channels="A1"), r'subject\.json: channels is "A1", not a list of names'),
        (change("fewer", channels=["A1", "A2"]), r"trials\.npy: shape is 40 × 3 × 60, expected 40 × 2 × any"),
        (lambda folder: (folder / "trials.csv").unlink(), r"trials\.csv: no such file"),
        (lambda folder: (folder / "trials.npy").unlink(), r"trials\.csv: lists 40 trials, trials\.npy: no such file"),
        (
            lambda folder: (folder / "trials.csv").write_text("word,run\n"),
            r"trials\.csv: has no column 'onset', it has",
        ),
        (
            lambda folder: (folder / "trials.csv").write_text("word,run,onset\na,b,soon\n"),
            r"trials\.csv: line 2: onset is 'soon', it must be a time in seconds",
        ),
        (
            lambda folder: (folder / "trials.csv").write_text("word,run,onset\n" + 200_000 * "y" + ",run1,1\n"),
            r"trials\.csv: not a table: field larger",
        ),
        (
            lambda folder: (folder / "trials.csv").write_text("word,run,onset\n吃饭,run1,1\n", encoding="gbk"),
            r"trials\.csv: its encoding is not UTF-8",
        ),
        (
            lambda folder: (folder / "trials.csv").write_text("word,run,onset\nsay,run1,nan\n", encoding="utf-8-sig"),
            r"trials\.npy: shape is 40 × 3 × 60, expected 1 × 3 × any",
        ),
        (cut_short, r"trials\.npy: not a whole array of numbers: the file is cut short"),
        (lambda folder: (folder / "trials.npy").write_bytes(b"\x93NUMPY"), r"trials\.npy: not a whole array"),
        (with_header("{'descr': '<f4',"), r"trials\.npy: not a whole array"),
        (
            with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, True)}"),
            r"trials\.npy: not a whole array",
        ),
        (zipped, r"trials\.npy: not a whole array"),
        (overwrite("trials.npy", np.zeros((40, 3, 5))), r"trials\.npy: holds float64, expected float32"),
        (overwrite("recordings/rest0.npy", np.zeros(5, np.float32)), r"rest0\.npy: shape is 5, expected 3 × any"),
    ],
)
def test_what_breaks_the_layout_is_named(tmp_path, damage, complaint):
    write_small_subject(tmp_path, "one", recordings=(100,))
    damage(tmp_path / "one")
    with pytest.raises(DataError, match=complaint) as caught:
        open_subject(tmp_path / "one")
    assert "\n" not in str(caught.value)


def test_what_contradicts_the_channels_is_not_written(tmp_path):
    info = SubjectInfo("one", ["A1", "A2"], 100.0)
    trials = WordTrials(np.zeros((1, 3, 5), np.float32), ["a"], ["r"], np.zeros(1))
    with pytest.raises(DataError, match="subject one: trials: shape is 1 × 3 × 5, expected 1 × 2 × any"):
        write_subject(tmp_path / "one", info, trials)
    signal = np.zeros((2, 5), np.float32)
    with pytest.raises(DataError, match="subject one: recording r occurs twice"):
        write_subject(tmp_path / "one", info, None, [("r", signal), ("r", signal)])
    assert list(tmp_path.iterdir()) == []
