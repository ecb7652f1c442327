from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurolect.errors import ConfigError
from neurolect.models.duin.mae import DuINMAE
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.training.epoch_optimisation import EpochRecipe, build_adamw, decay_groups, learning_rate

VQVAE = EpochRecipe(lr=3e-4, lr_min=5e-5)
WORDS = EpochRecipe(lr=2e-4, lr_min=5e-6)


@pytest.mark.parametrize(
    ("recipe", "n_epochs", "epoch", "rate"),
    [
        (VQVAE, 800, 0, 3.75e-6),
        (VQVAE, 800, 79, 3e-4),
        (VQVAE, 800, 80, 3e-4),
        (VQVAE, 800, 400, 1.9671e-4),
        (VQVAE, 800, 799, 5.0001e-5),
        (VQVAE, 400, 0, 7.5e-6),
        (VQVAE, 400, 200, 1.9671e-4),
        (VQVAE, 400, 399, 5.0005e-5),
        (WORDS, 200, 0, 1e-5),
        (WORDS, 200, 19, 2e-4),
        (WORDS, 200, 20, 2e-4),
        (WORDS, 200, 100, 1.1943e-4),
        (WORDS, 200, 199, 5.0148e-6),
    ],
)
def test_rates_are_those_of_the_reference(recipe, n_epochs, epoch, rate):
    assert learning_rate(recipe, epoch, n_epochs) == pytest.approx(rate, rel=5e-5)


@given(st.integers(1, 300), st.one_of(st.none(), st.integers(0, 400)))
def test_rates_rise_and_then_fall_within_their_limits(n_epochs, warmup):
    recipe = EpochRecipe(lr=1.0, lr_min=0.1, warmup_epochs=warmup)
    rates = [learning_rate(recipe, epoch, n_epochs) for epoch in range(n_epochs)]
    highest = rates.index(max(rates))
    assert rates[: highest + 1] == sorted(rates[: highest + 1])
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert min(rates) > 0
    assert max(rates) <= 1


@pytest.mark.parametrize(
    ("model", "n_samples", "decayed", "bare"),
    [(DuINVQVAE, 4000, 5_762_650, 38_736), (DuINMAE, 4000, 3_862_704, 27_600)],
)
def test_as_many_parameters_decay_as_in_the_reference(model, n_samples, decayed, bare):
    network = model(n_channels=10, n_subjects=1, n_samples=n_samples)
    groups = decay_groups(network, 0.05)
    sizes = {group["weight_decay"]: sum(each.numel() for each in group["params"]) for group in groups}
    # The subject layer's offset is a matrix of one row, in both.
    assert sizes == {0.05: decayed, 0.0: bare}


def test_frozen_parameters_are_left_out_and_empty_groups_too():
    model = torch.nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    (group,) = build_adamw(model, EpochRecipe(weight_decay=0.3)).param_groups
    assert group["params"] == [model.weight]
    assert group["weight_decay"] == 0.3


def test_impossible_rates_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"optimiser\.lr_min is 0\.1, above optimiser\.lr 0\.01"):
        EpochRecipe(lr=0.01, lr_min=0.1)
    with pytest.raises(ConfigError, match=r"optimiser\.weight_decay is -1"):
        EpochRecipe(weight_decay=-1)
