"""Unlabelled segments as batches: where they may be cut, and that nothing held out is among them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.data.seeg.batches import NO_LABEL
from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.seeg.word_data import WordData
from neurolect.errors import ConfigError, DataError
from seeg_subjects import write_small_subject


@pytest.fixture
def root(tmp_path):
    write_small_subject(tmp_path, "one", recordings=(5000, 2500), with_trials=False)
    write_small_subject(tmp_path, "two", channels=("A1", "A2", "B1", "B2"), recordings=(8000,), with_trials=False)
    return tmp_path


def places(batches):
    """(subject, item, first sample) of each segment."""
    chosen = [batches.segments[rows] for rows in batches.rows]
    return [
        (int(subject), int(item), int(start))
        for each in chosen
        for subject, item, start in zip(each.subjects, each.items, each.starts, strict=True)
    ]


def test_training_segments_come_from_the_beginning_of_each_recording_and_validation_from_behind_it(root):
    data = SegmentData(root, segment_seconds=2.0)
    assert (data.n_samples, data.n_channels, data.n_subjects) == (200, 4, 2)
    lengths = {(0, 0): 5000, (0, 1): 2500, (1, 0): 8000}
    for subject, item, start in places(data.training_epoch(0)):
        assert start + 200 <= 0.8 * lengths[subject, item]
    for subject, item, start in places(data.validation_batches()):
        assert 0.8 * lengths[subject, item] <= start <= 0.9 * lengths[subject, item] - 200
    for subject, item, start in places(data.evaluation_batches("test")):
        assert 0.9 * lengths[subject, item] <= start <= lengths[subject, item] - 200


def test_an_epoch_holds_as_many_segments_as_fit_without_overlap(root):
    data = SegmentData(root, segment_seconds=2.0)
    drawn = places(data.training_epoch(0))
    counts = {key: sum(place[:2] == key for place in drawn) for key in ((0, 0), (0, 1), (1, 0))}
    assert counts == {(0, 0): 20, (0, 1): 10, (1, 0): 32}
    many = places(SegmentData(root, segment_seconds=2.0, segments_per_epoch=6000).training_epoch(0))
    assert sum(place[0] == 1 for place in many) / 6000 == pytest.approx(8000 / 15500, abs=0.03)


def test_segments_are_the_recorded_signal_z_scored_and_without_label(root):
    data = SegmentData(root, segment_seconds=2.0)
    batches = data.training_epoch(2)
    (subject, item, start), batch = places(batches)[0], batches[0]
    path = root / ("one", "two")[subject] / "recordings" / f"rest{item}.npy"
    signal = np.load(path)[:, start : start + 200]
    fitted = data.subject_inputs[subject]
    expected = (signal.T - np.array(fitted.mean)) / np.array(fitted.std)
    assert np.abs(batch.signals[0, :, : len(signal)].numpy() - expected).max() < 1e-5
    assert set(batch.labels.tolist()) == {NO_LABEL}


def test_the_z_score_sees_training_signal_alone_in_clean_and_all_of_it_in_reference(root):
    signal = [np.load(root / "one" / "recordings" / f"rest{item}.npy").astype(np.float64) for item in (0, 1)]
    trained = np.concatenate([each[:, : round(0.8 * each.shape[1])] for each in signal], axis=1)
    clean = SegmentData(root, segment_seconds=2.0).subject_inputs[0]
    assert clean.mean == pytest.approx(trained.mean(axis=1), abs=1e-12)
    assert clean.std == pytest.approx(trained.std(axis=1))
    for number in range(8):
        write_small_subject(root / "more", f"s{number}", recordings=(900,) * 10, with_trials=False)
    reference = SegmentData(root / "more", protocol="reference", segment_seconds=2.0)
    everything = np.concatenate([np.load(path) for path in sorted((root / "more/s3/recordings").iterdir())], axis=1)
    assert reference.subject_inputs[3].std == pytest.approx(everything.astype(np.float64).std(axis=1))


def test_an_epoch_is_the_same_whatever_came_before_and_shared_by_processes(root):
    first, second = (SegmentData(root, segment_seconds=2.0, batch_size=20) for _ in range(2))
    [batch for epoch in range(2) for batch in first.training_epoch(epoch)]
    for one, other in zip(first.training_epoch(2), second.training_epoch(2), strict=True):
        assert torch.equal(one.signals, other.signals)
    assert places(first.training_epoch(2)) != places(first.training_epoch(3))
    shares = [first.training_epoch(2, rank, 2) for rank in range(2)]
    for number, batch in enumerate(first.training_epoch(2)):
        for rank, share in enumerate(shares):
            assert torch.equal(share[number].signals, batch.signals[rank::2])


def test_validation_segments_are_the_same_each_time_and_dealt_out_whole(root):
    data = SegmentData(root, segment_seconds=1.0, batch_size=4)
    whole = list(data.validation_batches())
    dealt = sorted((b for rank in range(3) for b in data.validation_batches(rank, 3)), key=lambda batch: batch.step)
    for one, other in zip(whole, dealt, strict=True):
        assert torch.equal(one.signals, other.signals)


def test_short_recordings_are_dealt_out_whole_with_one_left_out_at_each_border(tmp_path):
    write_small_subject(tmp_path, "one", recordings=(800,) * 20, with_trials=False)
    data = SegmentData(tmp_path, segment_seconds=4.0)
    found = data.stretches[0]
    assert [item for item, _, _ in found["train"]] == list(range(15))
    assert [item for item, _, _ in found["val"]] == [16, 17]
    assert [item for item, _, _ in found["test"]] == [19]


def test_subjects_without_recordings_give_their_trials_said_aloud(tmp_path):
    write_small_subject(tmp_path, "one")
    write_small_subject(tmp_path, "two", recordings=(4000,))
    data = SegmentData(tmp_path)
    with pytest.warns(UserWarning, match="no recordings") as said:
        assert data.n_samples == 60
    assert [str(each.message) for each in said] == [
        f"{tmp_path}: no recordings of subject one, segments are cut from trials of words; segments are 0.6 s, as "
        "trials are, and not 4"
    ]
    train = {trial.trial for trial in WordData(tmp_path, ["one"]).trials("train")}
    drawn = {item for subject, item, _ in places(data.training_epoch(0)) if subject == 0}
    assert drawn == train
    with pytest.raises(DataError, match="subject one has no recordings; source 'trials' takes its trials"):
        SegmentData(tmp_path, source="recordings").training_epoch(0)


@pytest.mark.filterwarnings("ignore:subject one. no training trial")
@settings(max_examples=25, deadline=None)
@given(
    runs=st.integers(1, 4),
    trials_per_run=st.integers(10, 30),
    seconds=st.floats(0.1, 0.6),
    protocol=st.sampled_from(["clean", "reference"]),
    validation=st.floats(0.1, 0.4),
    seed=st.integers(0, 5),
)
def test_pre_training_on_trials_never_sees_a_held_out_trial(
    tmp_path_factory, runs, trials_per_run, seconds, protocol, validation, seed
):
    root = tmp_path_factory.mktemp("trials")
    write_small_subject(root, "one", n_runs=runs, trials_per_run=trials_per_run)
    chosen = {"protocol": protocol, "validation_fraction": validation, "seed": seed}
    words = WordData(root, **chosen)
    data = SegmentData(root, source="trials", segment_seconds=seconds, **chosen)
    parts = {split: {trial.trial for trial in words.trials(split)} for split in ("train", "val", "test")}
    assert parts["train"] | parts["val"] | parts["test"] == set(range(runs * trials_per_run))
    assert sum(map(len, parts.values())) == runs * trials_per_run
    for epoch in range(3):
        assert {item for _, item, _ in places(data.training_epoch(epoch))} <= parts["train"]
        assert {item for _, item, _ in places(words.training_epoch(epoch))} <= parts["train"]
    assert {item for _, item, _ in places(data.validation_batches())} <= parts["val"]


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(50, 3000), min_size=12, max_size=20),
    window=st.integers(20, 200),
    validation=st.floats(0.1, 0.4),
    test=st.floats(0.1, 0.4),
)
def test_no_validation_or_test_window_overlaps_a_training_window(tmp_path_factory, lengths, window, validation, test):
    root = tmp_path_factory.mktemp("recordings")
    lengths = [3000, 3000, *lengths]
    write_small_subject(root, "one", recordings=tuple(lengths), with_trials=False)
    data = SegmentData(
        root, segment_seconds=window / 100, validation_fraction=validation, test_fraction=test, segments_per_epoch=200
    )
    used = {"train": set(), "val": set(), "test": set()}
    for epoch in range(2):
        used["train"] |= {
            (i, s) for _, i, start in places(data.training_epoch(epoch)) for s in range(start, start + window)
        }
    for split in ("val", "test"):
        try:
            found = places(data.evaluation_batches(split))
        except DataError:
            continue
        used[split] = {(i, s) for _, i, start in found for s in range(start, start + window)}
    assert used["train"]
    assert not used["train"] & (used["val"] | used["test"])
    assert not used["val"] & used["test"]


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        ({"segment_seconds": 0.0}, ConfigError, "data.segment_seconds is 0.0, it must be positive"),
        ({"segments_per_epoch": 0}, ConfigError, "data.segments_per_epoch is 0"),
        ({"segment_seconds": 500.0}, DataError, "subject one has no training signal of 50000 samples"),
        (
            {"segment_seconds": 9.0, "subjects": ["one"]},
            DataError,
            r"subject one: no validation signal of 900 samples: try a smaller data\.segment_seconds or a larger data",
        ),
        ({"source": "trials"}, DataError, "subject one has no trials of words"),
    ],
)
def test_a_setting_that_cannot_be_met_is_named(root, chosen, error, message):
    with pytest.raises(error, match=message):
        SegmentData(root, **chosen).training_epoch(0)


def test_a_missing_value_is_named_by_its_place_in_the_recording(root):
    signal = np.load(root / "one" / "recordings" / "rest0.npy", mmap_mode="r+")
    signal[1, 4600] = np.nan
    signal.flush()
    with pytest.raises(DataError, match="subject one: recording rest0, channel A2: nan at sample 4600; missing 'zero'"):
        SegmentData(root).training_epoch(0)


@settings(max_examples=40, deadline=None)
@given(gaps=st.lists(st.floats(0.3, 3.0), min_size=40, max_size=60), tail=st.integers(0, 4000), known=st.booleans())
def test_a_recording_of_a_run_of_words_is_cut_before_its_first_held_out_trial(tmp_path_factory, gaps, tail, known):
    root = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    onsets = 0.5 + np.cumsum(gaps)
    signal = rng.normal(size=(2, int(onsets[-1] * 100) + 100 + tail)).astype(np.float32)
    first = np.floor(onsets * 100).astype(int) - 20
    signals = np.stack([signal[:, start : start + 80] for start in first])
    trials = WordTrials(signals, ["say", "tea"] * len(gaps), ["run1"] * len(gaps), onsets if known else onsets * np.nan)
    trials = replace(trials, words=trials.words[: len(gaps)])
    info = SubjectInfo("one", ["A1", "A2"], 100.0, epoch_start=-0.2)
    rest = rng.normal(size=(2, 5000)).astype(np.float32)
    write_subject(root / "one", info, trials, [("run1", signal), ("rest", rest)])
    words = WordData(root)
    held_out = {
        split: {s for each in words.trials(split) for s in range(first[each.trial], first[each.trial] + 80)}
        for split in ("train", "val", "test")
    }
    data = SegmentData(root, segment_seconds=0.5, segments_per_epoch=300)
    drawn = [p for epoch in range(2) for p in places(data.training_epoch(epoch)) if p[1] == 1]
    trained = {s for _, _, start in drawn for s in range(start, start + 50)}
    validated = {s for _, i, start in places(data.validation_batches()) if i == 1 for s in range(start, start + 50)}
    assert not trained & (held_out["val"] | held_out["test"])
    assert not validated & held_out["test"]
    assert bool(trained) is known
    if known:
        assert not held_out["train"] & (held_out["val"] | held_out["test"])
