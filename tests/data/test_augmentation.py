from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conftest import make_trial
from neurolect.data.augmentation import Augmentation, random_walk, random_walk_over_features, time_masking
from neurolect.data.batches import collate

NOTHING = Augmentation(white_noise_std=0, constant_offset_std=0, random_cut=0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch(rng):
    return collate([make_trial(rng, n_features=16, n_labels=n) for n in (4, 8)], [0, 1])


def test_no_augmentation_changes_nothing(batch):
    assert torch.equal(NOTHING(batch, generator()).features, batch.features)


@pytest.mark.parametrize(
    "settings",
    [
        {"white_noise_std": 1.0},
        {"constant_offset_std": 0.2},
        {"random_walk_std": 0.1},
        {"static_gain_std": 0.1},
        {"random_cut": 3},
        {"time_masks": 4},
    ],
)
def test_padding_stays_zero_and_a_seed_repeats_the_draws(batch, settings):
    augment = replace(NOTHING, **settings)
    once, again, other = augment(batch, generator(3)), augment(batch, generator(3)), augment(batch, generator(4))
    assert torch.equal(once.features, again.features)
    assert not torch.equal(once.features, batch.features) or not torch.equal(other.features, batch.features)
    assert once.features.shape == batch.features.shape
    assert not once.features[~once.valid].any()


def test_the_reference_protocol_lets_noise_into_the_padding(batch):
    noisy = Augmentation(protocol="reference", random_cut=0)(batch, generator())
    assert noisy.features[~batch.valid].abs().min() > 0


def test_white_noise_and_offset_have_their_stated_size(batch):
    large = replace(batch, features=torch.zeros(64, 200, 16), n_bins=torch.full((64,), 200))
    noise = replace(NOTHING, white_noise_std=0.7)(large, generator()).features
    assert noise.std().item() == pytest.approx(0.7, rel=0.01)
    offset = replace(NOTHING, constant_offset_std=0.2)(large, generator()).features
    assert offset.std(dim=1).max().item() == pytest.approx(0, abs=1e-6)
    assert offset[:, 0].std().item() == pytest.approx(0.2, rel=0.1)


def test_the_random_walk_runs_over_time():
    still = torch.zeros(32, 400, 8)
    walk = random_walk(still, torch.ones(32, 400, dtype=torch.bool), generator(), 1.0)
    assert walk[:, 99].var().item() == pytest.approx(100, rel=0.3)
    assert walk[:, 399].var().item() == pytest.approx(400, rel=0.3)


def test_the_references_random_walk_runs_over_features():
    still = torch.zeros(32, 8, 400)
    walk = random_walk_over_features(still, generator(), 0.5)
    assert walk[..., 0].var().item() == pytest.approx(0.25, rel=0.3)
    assert walk[..., 99].var().item() == pytest.approx(25, rel=0.3)
    assert walk[..., 399].var().item() == pytest.approx(100, rel=0.3)
    steps = walk.diff(dim=-1)
    assert steps.std().item() == pytest.approx(0.5, rel=0.02)
    assert (steps[:, 1:] * steps[:, :-1]).mean().item() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("protocol", ["clean", "reference"])
def test_the_protocol_decides_what_the_random_walk_runs_over(batch, protocol):
    still = replace(batch, features=torch.zeros(16, 200, 100), n_bins=torch.full((16,), 200))
    walk = replace(NOTHING, protocol=protocol, random_walk_std=0.1)(still, generator()).features
    last_feature, last_bin = walk[:, 0, -1].var().item(), walk[:, -1, 0].var().item()
    if protocol == "reference":
        assert torch.equal(walk, random_walk_over_features(still.features, generator(), 0.1))
        assert last_feature > 10 * last_bin
    else:
        assert torch.equal(walk, random_walk(still.features, still.valid, generator(), 0.1))
        assert last_bin > 10 * last_feature


def test_a_cut_drops_the_first_bins_of_every_trial(batch):
    cuts = set()
    for seed in range(20):
        cut = replace(NOTHING, random_cut=3)(batch, generator(seed))
        dropped = int(batch.n_bins[0] - cut.n_bins[0])
        cuts.add(dropped)
        assert torch.equal(cut.features[:, : 80 - dropped], batch.features[:, dropped:])
        assert torch.equal(batch.n_bins - cut.n_bins, torch.full((2,), dropped))
    assert cuts == {0, 1, 2}


def test_time_masks_hide_at_most_their_share_of_each_trial():
    features = torch.ones(200, 100, 2)
    valid = torch.arange(100) < torch.randint(20, 101, (200, 1), generator=generator())
    masked = time_masking(features, valid, generator(), n_masks=2, max_fraction=0.25)
    hidden = ((masked[..., 0] == 0) & valid).sum(dim=1) / valid.sum(dim=1)
    assert hidden.max() <= 0.5
    assert 0.1 < hidden.mean() < 0.4


def test_time_masks_begin_anywhere_in_a_trial_and_end_within_it():
    lengths = torch.tensor([100, 40]).repeat(200)
    valid = torch.arange(100) < lengths.unsqueeze(1)
    masked = time_masking(torch.ones(400, 100, 2), valid, generator(), n_masks=1, max_fraction=0.2)
    hidden = masked[..., 0] == 0
    assert not (hidden & ~valid).any()
    some = hidden.any(dim=1)
    begins = hidden[some].float().argmax(dim=1) / lengths[some]
    # Where a stretch may begin is uniform up to the place from which it would still end within the trial.
    assert begins.mean().item() == pytest.approx(0.45, abs=0.05)
    assert begins.min() < 0.05
    assert begins.max() > 0.8
    assert (hidden[some].float().diff(dim=1) == 1).sum(dim=1).max() == 1
