from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from conftest import make_trial
from neurolect.data.batches import collate
from neurolect.data.dataset import SpeechData
from neurolect.errors import DataError


def test_trials_are_padded_with_zeros_and_their_lengths_kept(rng):
    trials = [make_trial(rng, n_features=8, n_labels=n) for n in (3, 5)]
    batch = collate(trials, [4, 2])
    assert batch.features.shape == (2, 50, 8)
    assert batch.n_bins.tolist() == [30, 50]
    assert batch.n_labels.tolist() == [3, 5]
    assert batch.days.tolist() == [4, 2]
    assert batch.days_present == (2, 4)
    assert batch.valid.sum(dim=1).tolist() == [30, 50]
    assert not batch.features[0, 30:].any()
    assert torch.equal(batch.features[1], torch.from_numpy(trials[1].features))


def test_padding_to_a_multiple_gives_few_lengths_and_columns_are_chosen(rng):
    trial = make_trial(rng, n_features=8, n_labels=3)
    batch = collate([trial], [0], columns=np.array([5, 1]), length_multiple=64)
    assert batch.features.shape == (1, 64, 2)
    assert np.array_equal(batch.features[0, :30], trial.features[:, [5, 1]])


def test_training_batches_resume_where_they_stopped_and_split_between_processes(dataset):
    data = SpeechData(dataset(), batch_size=6, days_per_batch=2, feature_blocks=["area 4"])
    whole = list(islice(data.training_batches(), 6))
    resumed = list(islice(data.training_batches(first_step=2), 2))
    assert [batch.step for batch in resumed] == [2, 3]
    assert all(torch.equal(a.features, b.features) for a, b in zip(whole[2:4], resumed, strict=True))
    shares = [list(islice(data.training_batches(rank=rank, world_size=2), 2)) for rank in (0, 1)]
    assert torch.equal(shares[1][1].features, whole[3].features)
    assert data.n_features() == 128


def test_validation_shows_every_trial_once_and_one_day_a_batch(dataset):
    data = SpeechData(dataset(n_val=5), batch_size=2)
    batches = list(data.validation_batches())
    assert [len(batch) for batch in batches] == [2, 2, 1] * 3
    assert [batch.days_present for batch in batches] == [(day,) for day in (0, 0, 0, 1, 1, 1, 2, 2, 2)]
    halves = [list(data.validation_batches(rank=rank, world_size=2)) for rank in (0, 1)]
    assert sum(len(batch) for half in halves for batch in half) == 15


def test_missing_splits_make_empty_days(dataset):
    root = dataset()
    (root / "sim.2030.01.02" / "data_val.hdf5").unlink()
    data = SpeechData(root, batch_size=4)
    assert [len(trials or ()) for trials in data.open("val")] == [3, 0, 3]
    assert {batch.days_present for batch in data.validation_batches()} == {(0,), (2,)}
    with pytest.raises(DataError, match=r"no session has data_test\.hdf5"):
        data.open("test")
