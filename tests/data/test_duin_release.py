"""Du-IN's released layout: what is written is read back, as packed subjects, and nothing strange is opened."""

import io
import os
import pickle
import sys
import types
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurolect.data.seeg.channel_choice import duin_channels
from neurolect.data.seeg.duin_conversion import convert_duin_release
from neurolect.data.seeg.duin_pickles import array_of, dump_dictionary, load_pickle
from neurolect.data.seeg.duin_release import (
    PRETRAINING,
    RUN,
    TASK,
    DuinRun,
    read_duin_run,
    write_duin_recordings,
    write_duin_run,
)
from neurolect.data.seeg.layout import open_subject
from neurolect.errors import DataError


def a_run(rng, n_trials=4, channels=("A1", "A2", "B1"), n_samples=50, dtype=np.float32):
    words = [f"词{number % 3}" for number in range(n_trials)]
    signals = rng.normal(size=(n_trials, len(channels), n_samples)).astype(dtype)
    return DuinRun(words, list(signals), list(channels))


@pytest.fixture
def theirs(monkeypatch):
    """The reference's module as its pickles name it, with a class that behaves as theirs is described to."""

    class DotDict(dict):
        def __getattr__(self, name):
            try:
                return self[name]
            except KeyError:
                raise AttributeError(name) from None

        def __setattr__(self, name, value):
            self[name] = value

    DotDict.__module__, DotDict.__qualname__ = "utils.DotDict", "DotDict"
    package, module = types.ModuleType("utils"), types.ModuleType("utils.DotDict")
    module.DotDict, package.DotDict = DotDict, module
    monkeypatch.setitem(sys.modules, "utils", package)
    monkeypatch.setitem(sys.modules, "utils.DotDict", module)
    return DotDict


@settings(max_examples=30, deadline=None)
@given(
    runs=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    n_samples=st.integers(1, 20),
    data=st.data(),
    dtype=st.sampled_from([np.float32, np.float64, np.int16]),
    lengths=st.lists(st.integers(1, 30), max_size=3),
)
def test_what_is_written_as_released_comes_back_as_packed(tmp_path_factory, runs, n_samples, data, dtype, lengths):
    root = tmp_path_factory.mktemp("release")
    channels = ["SM8", "TI'2", "s1"]
    drawn = np.int16 if dtype == np.int16 else np.float32
    of_run = [data.draw(hnp.arrays(drawn, (n, 3, n_samples))).astype(dtype) for n in runs]
    words = [data.draw(st.lists(st.text(max_size=4), min_size=n, max_size=n)) for n in runs]
    for number, (signals, said) in enumerate(zip(of_run, words, strict=True)):
        write_duin_run(root / "001" / TASK / f"run{number + 1}", DuinRun(said, list(signals), channels))
    long = [(f"day{i}/part{i}", np.full((3, n), i, dtype)) for i, n in enumerate(lengths)]
    if long:
        write_duin_recordings(root / "001", channels, long)
    (folder,) = convert_duin_release(root, root / "packed")
    subject = open_subject(folder)
    expected = np.concatenate(of_run).astype(np.float32)
    assert np.array_equal(subject.trials.signals, expected, equal_nan=True)
    assert subject.trials.words == [word for said in words for word in said]
    assert subject.trials.runs == [f"run{i + 1}" for i, n in enumerate(runs) for _ in range(n)]
    assert np.isnan(subject.trials.onsets).all()
    assert (subject.info.channels, subject.info.sample_rate, subject.info.epoch_start) == (channels, 1000.0, -0.5)
    assert [each.name for each in subject.recordings] == [f"day{i}-part{i}" for i in range(len(lengths))]
    assert all((each.signal == i).all() for i, each in enumerate(subject.recordings))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_the_reference_pickles_is_read_with_pickle_protocols_since_2(theirs, tmp_path, rng, protocol):
    run = a_run(rng, dtype=np.float64)
    folder = tmp_path / RUN
    folder.mkdir()
    trials = [
        theirs(name=np.str_(word), data_s=np.asfortranarray(signal), data_n=signal * 2, more={"session": (1, None)})
        for word, signal in zip(run.words, run.signals, strict=True)
    ]
    (folder / "data").write_bytes(pickle.dumps(trials, protocol))
    (folder / "info").write_bytes(pickle.dumps(theirs(ch_names=np.array(run.channels)), protocol))
    read = read_duin_run(tmp_path)
    assert (read.words, read.channels) == (run.words, run.channels)
    assert all(np.array_equal(one, other) for one, other in zip(read.signals, run.signals, strict=True))


def test_what_is_written_is_read_by_the_reference(theirs, tmp_path, rng):
    run = a_run(rng)
    write_duin_run(tmp_path, run)
    trials = pickle.loads((tmp_path / RUN / "data").read_bytes())
    assert [type(trial) for trial in trials] == [theirs] * 4
    assert [trial.name for trial in trials] == run.words
    assert all(np.array_equal(trial.data_s, signal) for trial, signal in zip(trials, run.signals, strict=True))
    assert pickle.loads((tmp_path / RUN / "info").read_bytes()).ch_names == run.channels


@pytest.mark.parametrize("old_name", [b"numpy.core", b"numpy._core"])
def test_arrays_of_numpy_1_and_2_are_read(tmp_path, old_name):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    content = pickle.dumps({"a": array, "n": np.int64(7)}, protocol=3)
    path = tmp_path / "data"
    path.write_bytes(content.replace(b"numpy._core", b"numpy.core").replace(b"numpy.core", old_name))
    read = load_pickle(path)
    assert np.array_equal(array_of(read["a"], "a"), array)
    assert read["n"] == 7


class Command:
    def __reduce__(self):
        return os.system, ("touch opened",)


class Evaluated:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Command(), r"holds a (posix|nt)\.system, which is not read from files of others"),
        ([{"name": Evaluated()}], r"holds a (builtins|__builtin__)\.eval, which"),
        (np.array([Command()], dtype=object), r"arrays of type 'O8' are not read"),
        (np.array([[1], None], dtype=object), r"arrays of type 'O8' are not read"),
        (np.zeros(2, dtype=[("a", "f4")]), r"arrays of type 'V4' are not read"),
        (np.zeros(2, dtype="M8[s]"), r"arrays of type 'M8' are not read"),
        (types.SimpleNamespace(a=1), r"holds a types\.SimpleNamespace, which"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_anything_but_plain_data_is_refused_by_name(tmp_path, monkeypatch, value, complaint, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data"
    path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(DataError, match=complaint) as caught:
        load_pickle(path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "opened").exists()


def doubled(times):
    """A list whose text is twice as long with each level."""
    value = []
    for _ in range(times):
        value = [value, value]
    return value


HOSTILE = {
    "no end": b"\x80\x03](",
    "a word": b"hello",
    "a memo of a huge number": b"\x80\x03]r\xff\xff\xff\xff.",
    "a string longer than the file": b"\x80\x03B\xff\xff\xff\x7fshort.",
    "an array of bytes longer than the file": b"\x80\x05\x96\xff\xff\xff\xff\x03\x00\x00\x00.",
    "a state for a class": b"\x80\x03cutils.DotDict\nDotDict\n}b.",
    "a state for a function": b"\x80\x03cnumpy.core.multiarray\nscalar\n}b.",
    "an array with a number for its state": b"\x80\x03cnumpy\nndarray\n)\x81K\x01b.",
    "a set of lists": b"\x80\x03cbuiltins\nset\n](]e\x85R.",
    "a type that is no text": b"\x80\x03cnumpy\ndtype\n(K\x01tR.",
    "a type whose text has no end": b"\x80\x03cnumpy\ndtype\n" + pickle.dumps((doubled(40),), 3)[2:-1] + b"R.",
    "an attribute of a class": b"\x80\x04\x8c\x0cutils.DotDict\x8c\x10DotDict.__class__\x93.",
    "an extension": b"\x80\x03\x82\x01.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_damaged_pickle_is_one_line(tmp_path, content):
    path = tmp_path / "data"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        array_of(load_pickle(path), str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_of_bytes_gets_anything_but_a_data_error(tmp_path_factory, data):
    file = io.BytesIO()
    dump_dictionary({"ch_names": ["A1", "B2"], "x": np.arange(4.0), "y": np.array(["a"])}, file)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("changed") / "info"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with suppress(DataError):
        read = load_pickle(path)
        for key in ("x", "y"):
            array_of(read.get(key) if isinstance(read, dict) else None, key)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "data").unlink(), r"unaligned/data: no such file"),
        (lambda folder: (folder / "info").unlink(), r"unaligned/info: no such file"),
        (lambda folder: put(folder, "data", {"name": "a"}), r"data: holds a dict, expected a list of trials"),
        (lambda folder: put(folder, "data", [{"name": "a"}]), r"data: trial 0: not a dictionary with 'name'"),
        (
            lambda folder: put(folder, "data", [{"name": "a", "data_s": np.zeros((2, 9))}]),
            r"data: trial 0: data_s is 2 × 9 float64, expected numbers of 3 channels",
        ),
        (
            lambda folder: put(folder, "data", [{"name": "a", "data_s": [1]}]),
            r"trial 0: data_s is a list, not an array",
        ),
        (lambda folder: put(folder, "info", {}), r"info: has no list of channel names under 'ch_names'"),
        (lambda folder: put(folder, "info", {"ch_names": ["A", "A"]}), r"info: channel 'A' occurs twice in ch_names"),
    ],
)
def test_a_run_that_breaks_the_layout_is_named(tmp_path, rng, damage, complaint):
    write_duin_run(tmp_path, a_run(rng))
    damage(tmp_path / RUN)
    with pytest.raises(DataError, match=complaint):
        read_duin_run(tmp_path)


def put(folder, name, value):
    (folder / name).write_bytes(pickle.dumps(value))


def test_runs_are_taken_in_natural_order_and_channels_that_some_lack_are_left_out(tmp_path, rng):
    for number in (1, 2, 10):
        channels = ("A1", "A2", "B1") if number < 10 else ("B1", "A1", "C1")
        write_duin_run(tmp_path / "data" / "005" / TASK / f"run{number}", a_run(rng, channels=channels))
    with pytest.warns(UserWarning, match="left out channels that are not in all runs: A2, C1"):
        (folder,) = convert_duin_release(tmp_path, tmp_path / "packed")
    subject = open_subject(folder)
    assert subject.info.channels == ["A1", "B1"]
    assert list(dict.fromkeys(subject.trials.runs)) == ["run1", "run2", "run10"]
    last = read_duin_run(tmp_path / "data" / "005" / TASK / "run10")
    assert np.array_equal(subject.trials.signals[-1], last.signals[-1][[1, 0]])


def test_trials_of_other_lengths_are_named(tmp_path, rng):
    write_duin_run(tmp_path / "001" / TASK / "run1", a_run(rng))
    write_duin_run(tmp_path / "001" / TASK / "run2", a_run(rng, n_samples=49))
    with pytest.raises(DataError, match=r"run2.*data: trial 0 has 49 samples, earlier ones 50"):
        convert_duin_release(tmp_path, tmp_path / "packed")
    assert list((tmp_path / "packed").iterdir()) == []


def test_a_subject_that_is_there_twice_is_named_and_neither_is_lost(tmp_path, rng):
    for part in ("first", "second"):
        write_duin_run(tmp_path / part / "001" / TASK / "run1", a_run(rng))
    with pytest.raises(DataError, match=r"second.001: subject 001 is in .*first.001 too"):
        convert_duin_release(tmp_path, tmp_path / "packed", ["001"])


def test_a_recording_of_another_shape_is_named(tmp_path):
    write_duin_recordings(tmp_path / "001", ["A1"], [("one", np.zeros((1, 20), np.float32))])
    np.save(tmp_path / "001" / PRETRAINING / "two.npy", np.zeros((1, 1, 20)))
    with pytest.raises(DataError, match=r"two\.npy: is 1 × 1 × 20 float64, expected numbers of 2 × 1 channels"):
        convert_duin_release(tmp_path, tmp_path / "packed")
    (tmp_path / "001" / PRETRAINING / "two.npy").write_bytes(pickle.dumps(Command()))
    with pytest.raises(DataError, match=r"two\.npy: not a whole array of numbers"):
        convert_duin_release(tmp_path, tmp_path / "packed")


def test_only_the_subjects_asked_for_are_converted_and_nothing_is_overwritten(tmp_path, rng):
    for name in ("001", "002"):
        write_duin_run(tmp_path / name / TASK / "run1", a_run(rng))
    seen = []
    assert convert_duin_release(tmp_path, tmp_path / "p", ["002"], seen.append) == [tmp_path / "p" / "002"]
    assert [path.name for path in seen] == ["run1"]
    with pytest.raises(DataError, match="002: is there already"):
        convert_duin_release(tmp_path, tmp_path / "p", ["002"])
    with pytest.raises(DataError, match="there is no subject '003'; there are 001, 002"):
        convert_duin_release(tmp_path, tmp_path / "q", ["003"])
    with pytest.raises(DataError, match="no folder in it holds word-recitation"):
        convert_duin_release(tmp_path / "001", tmp_path / "q")


def test_the_table_has_ten_distinct_channels_for_each_of_twelve_subjects():
    table = {f"{number:03d}": duin_channels(f"{number:03d}") for number in range(1, 13)}
    assert all(len(set(channels)) == 10 for channels in table.values())
    assert table["001"][0] == "SM8"
    assert table["011"][8] == "s1"
    assert table["012"][-1] == "TO'8"
    assert duin_channels("013") is None
