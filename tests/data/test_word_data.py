"""Trials of words as batches: what trains, in which order, and on which scale."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.seeg.augmentation import TimeShift, shifted
from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject
from neurolect.data.seeg.word_data import WordData
from neurolect.errors import ConfigError, DataError
from seeg_subjects import WORDS, write_small_subject


@pytest.fixture
def root(tmp_path):
    write_small_subject(tmp_path, "one")
    write_small_subject(tmp_path, "two", channels=("A1", "A2", "B1", "B2", "C1"), trials_per_run=30)
    return tmp_path


def raw_values(batch, data):
    """Back from z-scores to the values on disk."""
    signals = batch.signals.double().numpy().copy()
    for row, subject in enumerate(batch.subjects.tolist()):
        fitted = data.subject_inputs[subject]
        n = len(fitted.channels)
        signals[row, :, :n] = signals[row, :, :n] * np.array(fitted.std) + np.array(fitted.mean)
    return signals


def seen(batches, data):
    """(subject, trial, label) of each segment, read off the values themselves."""
    return [
        (subject, round(float(signal[0, 0]) / 1000), label)
        for batch in batches
        for subject, signal, label in zip(
            batch.subjects.tolist(), raw_values(batch, data), batch.labels.tolist(), strict=True
        )
    ]


def test_every_trial_is_in_one_split_and_carries_its_word_subject_and_channels(root):
    data = WordData(root, shift=TimeShift(0), batch_size=16)
    assert (data.n_subjects, data.n_channels, data.n_samples, data.sample_rate) == (2, 5, 60, 100.0)
    assert data.words == WORDS
    found = {split: seen(data.evaluation_batches(split), data) for split in ("train", "val", "test")}
    found_in_epoch = seen(data.training_epoch(0), data)
    assert sorted(found_in_epoch) == sorted(found["train"])
    everything = sorted(each for listed in found.values() for each in listed)
    assert everything == sorted((s, t, t % 3) for s, n in ((0, 40), (1, 60)) for t in range(n))
    batch = data.evaluation_batches("train")[0]
    assert batch.signals.shape == (16, 60, 5)
    assert batch.signals.dtype == torch.float32
    assert batch.channel_mask[0].tolist() == [True, True, True, False, False]
    assert (batch.signals[0, :, 3:] == 0).all()


def test_the_trials_of_a_split_are_listed_in_the_order_of_its_batches(root):
    data = WordData(root, batch_size=7)
    for split in ("train", "val", "test"):
        listed = [(each.subject, each.trial, data.words.index(each.word)) for each in data.trials(split)]
        assert listed == seen(data.evaluation_batches(split), data)
    assert {(each.run, each.trial // 20) for each in data.trials("test") if each.subject == 0} == {
        ("run1", 0),
        ("run2", 1),
    }


def test_clean_training_comes_before_validation_before_test_within_each_run(root):
    data = WordData(root)
    for run in ("run1", "run2"):
        of_run = {
            split: [each.trial for each in data.trials(split) if each.run == run and each.subject == 1]
            for split in ("train", "val", "test")
        }
        assert max(of_run["train"]) < min(of_run["val"]) <= max(of_run["val"]) < min(of_run["test"])
        assert [len(of_run[split]) for split in ("train", "val", "test")] == [24, 3, 3]


def test_training_trials_have_zero_mean_and_unit_variance_in_clean_and_all_trials_in_reference(root):
    for protocol in ("clean", "reference"):
        data = WordData(root, protocol=protocol, shift=TimeShift(0))
        splits = ("train",) if protocol == "clean" else ("train", "val", "test")
        batches = [batch for split in splits for batch in data.evaluation_batches(split)]
        for subject, n_channels in ((0, 3), (1, 5)):
            signals = torch.cat([batch.signals[batch.subjects == subject] for batch in batches])[..., :n_channels]
            assert signals.mean(dim=(0, 1)).abs().max() < 1e-5
            assert (signals.std(dim=(0, 1), correction=0) - 1).abs().max() < 1e-5


def test_an_epoch_is_the_same_whatever_came_before_and_differs_from_the_next(root):
    first, second = WordData(root), WordData(root)
    [batch for epoch in range(3) for batch in first.training_epoch(epoch)]
    for one, other in zip(first.training_epoch(3), second.training_epoch(3), strict=True):
        assert torch.equal(one.signals, other.signals)
        assert torch.equal(one.labels, other.labels)
        assert one.step == other.step
    assert seen(first.training_epoch(3), first) != seen(first.training_epoch(4), first)
    steps = [batch.step for epoch in range(3) for batch in first.training_epoch(epoch)]
    assert steps == list(range(len(steps)))


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("balance", ["none", "words"])
def test_the_shares_of_the_processes_together_are_the_whole_batch(root, world_size, balance):
    data = WordData(root, batch_size=16, balance=balance)
    whole = data.training_epoch(1)
    shares = [data.training_epoch(1, rank, world_size) for rank in range(world_size)]
    assert {len(share) for share in shares} == {len(whole)} == {5}
    for number, batch in enumerate(whole):
        for rank, share in enumerate(shares):
            assert torch.equal(share[number].signals, batch.signals[rank::world_size])
            assert share[number].step == batch.step


@pytest.mark.parametrize("world_size", [2, 5])
def test_validation_batches_are_dealt_out_whole(root, world_size):
    data = WordData(root, batch_size=3)
    dealt = [batch for rank in range(world_size) for batch in data.validation_batches(rank, world_size)]
    whole = list(data.validation_batches())
    for one, other in zip(sorted(dealt, key=lambda batch: batch.step), whole, strict=True):
        assert torch.equal(one.signals, other.signals)


def test_batches_of_an_epoch_differ_by_at_most_one_trial(root):
    sizes = [len(batch) for batch in WordData(root, batch_size=32).training_epoch(0)]
    assert sizes == [27, 27, 26]


def test_fewer_trials_in_a_batch_than_processes_are_refused(root):
    with pytest.raises(ConfigError, match="batches of 2 segments cannot be shared by 4 processes"):
        WordData(root, batch_size=2).training_epoch(0, 0, 4)


def test_batches_can_be_read_by_the_workers_of_a_data_loader(root):
    data = WordData(root, batch_size=8)
    epoch = data.training_epoch(0)
    loader = torch.utils.data.DataLoader(epoch, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    for one, other in zip(loader, epoch, strict=True):
        assert torch.equal(one.signals, other.signals)
    assert len(pickle.dumps(epoch)) < 20_000
    assert len(epoch[1:3]) == 2


def test_a_batch_on_another_device_is_the_same_batch(root):
    batch = WordData(root).validation_batches()[0]
    moved = batch.to("cpu")
    assert torch.equal(moved.signals, batch.signals)
    assert (len(moved), moved.step) == (len(batch), batch.step)


def uneven(tmp_path, counts, name="one", n_samples=10):
    """One run in which words take turns until their counts are used up."""
    left, words = dict(counts), []
    while any(left.values()):
        words += [word for word in left if left[word] > 0]
        left = {word: max(count - 1, 0) for word, count in left.items()}
    signals = np.random.default_rng(0).normal(size=(len(words), 2, n_samples)).astype(np.float32)
    trials = WordTrials(signals, words, ["run1"] * len(words), np.full(len(words), np.nan))
    write_subject(tmp_path / name, SubjectInfo(name, ["A1", "A2"], 10.0), trials)


def test_balance_gives_every_word_or_subject_an_equal_share(tmp_path):
    uneven(tmp_path, {"often": 400, "seldom": 40})
    write_small_subject(tmp_path, "two", n_samples=10, sample_rate=10.0, trials_per_run=10)

    def share(balance, of):
        epochs = [WordData(tmp_path, balance=balance).training_epoch(epoch) for epoch in range(8)]
        return np.mean([of(batch).float().mean().item() for epoch in epochs for batch in epoch])

    assert share("none", lambda batch: batch.subjects) < 0.06
    assert share("subjects", lambda batch: batch.subjects) == pytest.approx(0.5, abs=0.05)
    assert share("words", lambda batch: batch.labels == 1) == pytest.approx(1 / 5, abs=0.04)  # seldom


def test_a_word_without_training_trials_is_named_and_stays_a_class(tmp_path):
    words = ["early"] * 16 + ["late"] * 4
    signals = np.random.default_rng(0).normal(size=(20, 1, 10)).astype(np.float32)
    trials = WordTrials(signals, words, ["run1"] * 20, np.full(20, np.nan))
    write_subject(tmp_path / "one", SubjectInfo("one", ["A1"], 10.0), trials)
    data = WordData(tmp_path)
    with pytest.warns(UserWarning, match="subject one: no training trial of late; held-out"):
        assert {each.word for each in data.trials("test")} == {"late"}
    assert data.words == ["early", "late"]
    with pytest.raises(DataError, match="all training trials are of 'early': it takes two words"):
        data.training_epoch(0)


def test_words_of_the_list_that_nobody_says_are_named_and_stay_classes(root):
    data = WordData(root, word_list=["you", "tea", "coffee"])
    with pytest.warns(UserWarning, match="no trial of coffee; such words stay classes"):
        assert data.trials("train")
    assert data.words == ["you", "tea", "coffee"]


def test_a_word_list_sets_the_labels_and_leaves_other_trials_out_of_the_same_split(root):
    data = WordData(root, word_list=["you", "say"], shift=TimeShift(0))
    assert data.words == ["you", "say"]
    labels = {label for _, _, label in seen(data.training_epoch(0), data)}
    assert labels == {0, 1}
    kept = [each for each in WordData(root).trials("test") if each.word != "tea"]
    assert data.trials("test") == kept


def test_channels_are_taken_in_the_order_asked_for(root):
    data = WordData(root, subjects=["two"], channels={"two": ["C1", "A1"]})
    batch = data.evaluation_batches("test")[0]
    assert data.subject_inputs[0].channels == ("C1", "A1")
    first, second = raw_values(batch, data)[0, 0]
    assert first - second == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"channels": {"three": ["A1"]}}, ConfigError, "names subject 'three'; there are one, two"),
        ({"channels": {"one": ["A1", "A1"]}}, ConfigError, "of subject 'one' must name at least one channel and none"),
        ({"channels": {"one": ["Z9"]}}, DataError, "subject one has no channel 'Z9'; it has A1, A2, B1"),
        ({"subjects": ["three"]}, DataError, "there is no subject 'three'; there are one, two"),
        ({"batch_size": 0}, ConfigError, "data.batch_size is 0, it must be at least 1"),
        ({"seed": -1}, ConfigError, "data.seed is -1, it must be at least 0"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, ConfigError, "both together below 1"),
        ({"word_list": ["say", "say"]}, ConfigError, "data.word_list names a word twice"),
        ({"test_fraction": 0.0}, DataError, "there is no test trial of any of 3 words"),
        ({"word_list": ["nay", "yea"]}, DataError, "there is no test trial of any of 2 words"),
        ({"word_list": ["say"]}, ConfigError, "data.word_list names 1 words, it must be at least 2"),
    ],
)
def test_a_setting_that_cannot_be_met_is_named(root, settings, error, message):
    with pytest.raises(error, match=message):
        WordData(root, **settings).evaluation_batches("test")


def test_subjects_that_do_not_fit_together_are_named(tmp_path):
    write_small_subject(tmp_path, "one")
    write_small_subject(tmp_path, "two", sample_rate=50.0)
    write_small_subject(tmp_path, "three", n_samples=70)
    write_small_subject(tmp_path, "zero", with_trials=False, recordings=(100,))
    with pytest.raises(DataError, match=r"subject two has 50 Hz, subject one has 100$"):
        WordData(tmp_path, ["one", "two"]).training_epoch(0)
    with pytest.raises(DataError, match=r"subject three has 70 samples a trial, subject one has 60$"):
        WordData(tmp_path, ["one", "three"]).training_epoch(0)
    with pytest.raises(DataError, match=r"subject zero has no trials of words$"):
        WordData(tmp_path, ["zero"]).training_epoch(0)


def test_missing_values_are_named_or_become_the_mean(tmp_path):
    signals = np.random.default_rng(0).normal(5, 2, size=(20, 2, 10)).astype(np.float32)
    signals[19, 1, 3] = np.nan  # in a test trial
    signals[4, 0, 2] = np.inf
    trials = WordTrials(signals, WORDS[:2] * 10, ["run1"] * 20, np.full(20, np.nan))
    write_subject(tmp_path / "one", SubjectInfo("one", ["A1", "A2"], 10.0), trials)
    with pytest.raises(DataError, match="subject one: trial 4, channel A1: inf at sample 2; missing 'zero'"):
        WordData(tmp_path).training_epoch(0)
    data = WordData(tmp_path, missing="zero", shift=TimeShift(0))
    fitted = data.subject_inputs[0]
    kept = signals[:16, 0][np.isfinite(signals[:16, 0])].astype(np.float64)
    assert fitted.mean[0] == pytest.approx(kept.mean())
    assert fitted.std[0] == pytest.approx(kept.std())
    assert all(torch.isfinite(batch.signals).all() for batch in data.training_epoch(0))
    assert data.evaluation_batches("test")[0].signals[1, 3, 1] == 0


def test_a_shift_of_zero_leaves_the_trial_as_it_is_in_clean_and_empties_it_in_reference(root):
    for protocol, emptied in (("clean", False), ("reference", True)):
        batch = WordData(root, protocol=protocol, shift=TimeShift(0)).training_epoch(0)[0]
        assert bool((batch.signals == 0).all()) is emptied


@given(shift=st.integers(-12, 12))
def test_a_shifted_trial_keeps_what_stays_inside_and_zeros_move_in(shift):
    signal = np.arange(1, 21, dtype=np.float32).reshape(2, 10)
    moved = shifted(signal, shift)
    for sample in range(10):
        came_from = sample - shift
        expected = signal[:, came_from] if 0 <= came_from < 10 else [0, 0]
        assert moved[:, sample].tolist() == list(expected)


def test_shifts_reach_both_ends_and_no_further():
    drawn = TimeShift(0.3).draw(20_000, 100.0, np.random.default_rng(0))
    assert set(drawn.tolist()) == set(range(-30, 31))
    with pytest.raises(ConfigError, match=r"data\.shift\.seconds is -0.1"):
        TimeShift(-0.1)
    with pytest.raises(ConfigError, match=r"data\.shift\.seconds is nan"):
        TimeShift(float("nan"))


def test_ordinary_data_warn_of_nothing(root):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WordData(root).training_epoch(0)[0]
