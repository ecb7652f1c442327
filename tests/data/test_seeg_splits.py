"""Splits of trials and recordings, the reference's against an independent account of its procedure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.data.seeg.reference_splits import reference_recording_splits, reference_word_splits
from neurolect.data.seeg.splits import split_recordings_in_time, split_runs_in_time
from neurolect.data.seeg.word_data import WordData
from seeg_subjects import write_small_subject

runs_of_words = st.lists(st.lists(st.sampled_from("abcdef"), min_size=4, max_size=12), min_size=1, max_size=4)


def oracle(subjects, n_samples, seed):
    """The published steps on NumPy's global generator, as a script would take them."""
    state = np.random.get_state()
    np.random.seed(seed)
    found = []
    for runs in subjects:
        loaded, start = [], 0
        for run in runs:
            trials = [(start + i, word) for i, word in enumerate(run)]
            np.random.shuffle(trials)
            loaded += trials
            start += len(run)
        train, rest = [], []
        for label in sorted({word for _, word in loaded}):
            mine = [i for i, word in loaded if word == label]
            cut = int(np.floor(0.8 * len(mine)))
            train.extend(mine[:cut])
            rest.extend(mine[cut:])
        for _ in range(10):
            np.random.randint(n_samples)
        chosen = np.random.choice(len(rest), size=int(len(rest) / 2), replace=False)
        test = [trial for i, trial in enumerate(rest) if i not in chosen]
        found.append((train, [rest[i] for i in chosen], test))
    np.random.set_state(state)
    return found


@settings(max_examples=60, deadline=None)
@given(
    subjects=st.lists(runs_of_words, min_size=1, max_size=3), n_samples=st.integers(1, 3000), seed=st.integers(0, 99)
)
def test_a_seed_gives_the_references_split_of_every_subject(subjects, n_samples, seed):
    given = [
        ([word for run in runs for word in run], [f"run{i}" for i, run in enumerate(runs) for _ in run], n_samples)
        for runs in subjects
    ]
    for parts, expected in zip(reference_word_splits(given, seed), oracle(subjects, n_samples, seed), strict=True):
        assert tuple(part.tolist() for part in (parts.train, parts.val, parts.test)) == expected


def test_word_data_takes_the_references_split_with_its_seed(tmp_path):
    for name in ("one", "two"):
        write_small_subject(tmp_path, name, trials_per_run=21)
    runs = [[("say", "tea", "you")[i % 3] for i in range(21)]] * 2
    for seed in (42, 7):
        data = WordData(tmp_path, protocol="reference", seed=seed)
        for subject, (train, val, test) in enumerate(oracle([runs, runs], 60, seed)):
            for split, expected in (("train", train), ("val", val), ("test", test)):
                assert [each.trial for each in data.trials(split) if each.subject == subject] == sorted(expected)


@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_a_seed_gives_the_references_split_of_pre_training_files(counts, seed):
    rng = np.random.RandomState(seed)
    for count, parts in zip(counts, reference_recording_splits(counts, seed), strict=True):
        order = np.arange(count)
        rng.shuffle(order)
        shares = np.float32([0.8, 0.1, 0.1])
        first, second, last = np.round(np.cumsum(shares / shares.sum()) * count).astype(int)
        assert last == count
        expected = (order[:first], order[first:second], order[second:])
        for part, wanted in zip((parts.train, parts.val, parts.test), expected, strict=True):
            assert part.tolist() == wanted.tolist()


@settings(max_examples=80)
@given(
    gaps=st.lists(st.lists(st.floats(0.1, 5), min_size=1, max_size=25), min_size=1, max_size=4),
    seconds=st.floats(0.2, 4),
    validation=st.floats(0.05, 0.4),
    test=st.floats(0, 0.4),
)
def test_epochs_of_different_parts_never_overlap_in_time(gaps, seconds, validation, test):
    runs = [f"run{i}" for i, gap in enumerate(gaps) for _ in gap]
    onsets = np.concatenate([np.cumsum(gap) for gap in gaps])
    parts = split_runs_in_time(runs, onsets, seconds, validation, test)
    in_order = [parts.train.tolist(), parts.val.tolist(), parts.test.tolist()]
    assert len({trial for part in in_order for trial in part}) == sum(map(len, in_order))
    for earlier, later in ((0, 1), (0, 2), (1, 2)):
        for one in in_order[earlier]:
            for other in in_order[later]:
                assert runs[one] != runs[other] or onsets[one] + seconds <= onsets[other] + 1e-9


def test_trials_whose_time_is_not_known_are_all_kept():
    parts = split_runs_in_time(["a"] * 20 + ["b"] * 10, np.full(30, np.nan), 3.0)
    assert parts.train.tolist() == [*range(16), *range(20, 28)]
    assert parts.val.tolist() == [16, 17, 28]
    assert parts.test.tolist() == [18, 19, 29]


def test_trials_that_reach_into_held_out_ones_are_left_out():
    onsets = np.arange(20.0)
    parts = split_runs_in_time(["a"] * 20, onsets, 2.5)
    assert parts.train.tolist() == list(range(14))
    assert parts.val.tolist() == []
    assert parts.test.tolist() == [18, 19]


@pytest.mark.parametrize(("validation", "test", "expected"), [(0.1, 0.1, (800, 900)), (0.2, 0.0, (800, 1000))])
def test_a_recording_is_cut_where_the_fractions_say(validation, test, expected):
    found = split_recordings_in_time([1000], 50, validation, test)
    first, second = expected
    assert found == {"train": [(0, 0, first)], "val": [(0, first, second)], "test": [(0, second, 1000)]}
