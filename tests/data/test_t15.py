from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from conftest import make_trial
from neurolect.data.t15 import feature_columns, find_sessions, read_each, read_split, write_split
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError, DataError


def same(first: Trial, second: Trial) -> bool:
    return (
        np.array_equal(first.features, second.features)
        and (first.labels is None) == (second.labels is None)
        and (first.labels is None or np.array_equal(first.labels, second.labels))
        and replace(first, features=second.features, labels=second.labels) == second
    )


@pytest.fixture
def recording(tmp_path, rng) -> Path:
    path = tmp_path / "t15.2023.08.11" / "data_train.hdf5"
    write_split(path, [make_trial(rng, session="t15.2023.08.11", number=number) for number in range(3)])
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    features=arrays.arrays(np.float32, st.tuples(st.integers(1, 20), st.just(4)), elements=st.floats(-9, 9, width=32)),
    labels=st.none() | st.lists(st.integers(1, 40), max_size=20),
    sentence=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    block=st.integers(0, 99),
)
def test_what_is_written_is_read_back(tmp_path, features, labels, sentence, block):
    trial = Trial("s.2030.01.01", block, 3, features, None, None)
    if labels is not None:
        trial = replace(trial, labels=np.array(labels, dtype=np.int32), sentence=sentence)
    write_split(tmp_path / "data.hdf5", [trial])
    (read,) = read_split(tmp_path / "data.hdf5", n_features=4)
    assert same(trial, read)


def test_the_layout_is_the_published_one(recording):
    with h5py.File(recording) as file:
        assert sorted(file) == ["trial_0000", "trial_0001", "trial_0002"]
        trial = file["trial_0000"]
        assert trial["input_features"].dtype == np.float32
        assert trial["seq_class_ids"].shape == trial["transcription"].shape == (500,)
        assert trial["seq_class_ids"].dtype == np.int32
        codes = trial["transcription"][:]
        assert "".join(map(chr, codes[codes > 0])) == trial.attrs["sentence_label"] == "good morning"
        assert set(trial.attrs) == {
            "n_time_steps", "seq_len", "sentence_label", "session", "block_num", "trial_num",
        }  # fmt: skip


def test_gaps_in_the_numbering_and_other_root_keys_are_passed_over(recording):
    with h5py.File(recording, "a") as file:
        del file["trial_0001"]
        file.create_group("notes")
    assert [trial.number for trial in read_split(recording)] == [0, 2]


def test_test_files_have_no_labels(tmp_path, rng):
    path = tmp_path / "s" / "data_test.hdf5"
    write_split(path, [replace(make_trial(rng), labels=None, sentence=None)])
    (trial,) = read_split(path)
    assert trial.labels is None
    assert trial.sentence is None


def edit(path: Path, change) -> None:
    with h5py.File(path, "a") as file:
        change(file["trial_0001"])


def narrow(trial):
    features = trial["input_features"][:, :510]
    del trial["input_features"]
    trial["input_features"] = features


def put(value):
    def change(trial):
        trial["input_features"][4, 17] = value

    return change


def attribute(name, value):
    def change(trial):
        trial.attrs[name] = value

    return change


def drop(name):
    def change(trial):
        del (trial.attrs if name in trial.attrs else trial)[name]

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (narrow, "input_features has 510 columns, expected 512"),
        (put(np.nan), "nan in column 17, bin 4"),
        (put(np.inf), "inf in column 17, bin 4"),
        (attribute("seq_len", 600), "seq_len is 600, seq_class_ids holds 500"),
        (attribute("seq_len", 100), "seq_class_ids: class 0, but phonemes are 1 to 40"),
        (attribute("n_time_steps", 7), "n_time_steps says 7"),
        (drop("session"), "attribute session is missing"),
        (drop("input_features"), "input_features is missing"),
    ],
)
def test_faulty_trials_are_named_with_their_file(recording, change, complaint):
    edit(recording, change)
    with pytest.raises(DataError, match=complaint) as raised:
        list(read_split(recording))
    assert f"{recording}: trial_0001" in str(raised.value)
    assert "\n" not in str(raised.value)
    outcomes = dict(read_each(recording))
    assert isinstance(outcomes["trial_0001"], DataError)
    assert isinstance(outcomes["trial_0002"], Trial)


def test_missing_values_become_zero_when_asked(recording):
    edit(recording, put(np.nan))
    trials = list(read_split(recording, missing="zero"))
    assert trials[1].features[4, 17] == 0
    assert np.isfinite(trials[1].features).all()


def test_truncated_and_renamed_files_are_named(recording):
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        list(read_split(recording))
    recording.write_text("session,block\n")
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        list(read_split(recording))
    with pytest.raises(DataError, match="no such file"):
        list(read_split(recording.with_name("data_val.hdf5")))


def test_a_failed_write_leaves_nothing_behind(tmp_path, rng):
    path = tmp_path / "data_train.hdf5"

    def trials():
        yield make_trial(rng)
        raise RuntimeError("the amplifier went away")

    with pytest.raises(RuntimeError):
        write_split(path, trials())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="labels has 501 entries"):
        write_split(path, [replace(make_trial(rng), labels=np.ones(501, dtype=np.int32))])
    with pytest.raises(DataError, match="labels: class 41"):
        write_split(path, [replace(make_trial(rng), labels=np.array([41], dtype=np.int32))])
    with pytest.raises(DataError, match="there are no trials to write"):
        write_split(path, [])
    assert list(tmp_path.iterdir()) == []


def test_feature_blocks_are_named_by_array_and_kind():
    assert feature_columns(["55b spike power"]).tolist() == list(range(384, 448))
    assert feature_columns(["ventral 6v threshold crossings"]).tolist() == list(range(64))
    assert feature_columns(["area 4"]).tolist() == [*range(64, 128), *range(320, 384)]
    assert feature_columns(["spike power"]).tolist() == list(range(256, 512))
    assert feature_columns(["dorsal 6v", "dorsal 6v spike power"]).tolist() == [*range(192, 256), *range(448, 512)]
    with pytest.raises(ConfigError, match="no feature block '44'"):
        feature_columns(["44"])


def test_sessions_are_found_in_order_and_named_ones_are_checked(dataset):
    root = dataset(n_sessions=2)
    assert [session.name for session in find_sessions(root)] == ["sim.2030.01.01", "sim.2030.01.02"]
    assert [s.name for s in find_sessions(root, ["sim.2030.01.02"])] == ["sim.2030.01.02"]
    assert not find_sessions(root)[0].has("test")
    with pytest.raises(ConfigError, match=r"sim\.2030\.01\.01 is listed twice"):
        find_sessions(root, ["sim.2030.01.01"] * 2)
    with pytest.raises(DataError, match=r"session sim\.2031\.01\.01 has no data_train"):
        find_sessions(root, ["sim.2031.01.01"])
    with pytest.raises(DataError, match="no session here"):
        find_sessions(root / "sim.2030.01.01")
    with pytest.raises(DataError, match="no such folder"):
        find_sessions(root / "nowhere")
