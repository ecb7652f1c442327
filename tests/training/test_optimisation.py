from __future__ import annotations

import copy

import pytest
import torch

from neurolect.models.gru import GRUDecoder
from neurolect.training.optimisation import (
    AdamWRecipe,
    build_optimiser,
    clip_gradients,
    forget_absent_days,
    multiplier,
    parameter_groups,
)


def small() -> GRUDecoder:
    torch.manual_seed(0)
    return GRUDecoder(neural_dim=4, n_units=6, n_days=3, n_classes=5, n_layers=2, patch_size=2, patch_stride=1)


@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 0.0), (1, 0.001), (500, 0.5), (1000, 1.0), (30_500, 0.8587615), (60_500, 0.51), (119_999, 0.0200000002),
     (120_000, 0.02), (200_000, 0.02)],
)  # fmt: skip
def test_the_cosine_schedule_is_the_references(step, factor):
    assert multiplier("cosine", 0.02, 1000, 120_000)(step) == pytest.approx(factor, abs=1e-7)


def test_the_linear_schedule_is_torchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=10)
    for step in range(15):
        assert multiplier("linear", 0.02, 1000, 10)(step) == pytest.approx(reference.get_last_lr()[0])
        optimiser.step()
        reference.step()
    assert multiplier("constant", 0.02, 1000, 10)(7) == 1.0


@pytest.mark.parametrize("decay_steps", [6, None])
@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_every_group_decays_from_its_own_rate_to_its_own_least_rate(schedule, decay_steps):
    recipe = AdamWRecipe(
        lr=0.01,
        lr_min=0.001,
        lr_day=0.05,
        lr_min_day=0.0002,
        schedule=schedule,
        warmup_steps=2,
        decay_steps=decay_steps,
    )
    n_steps = 10
    optimiser, scheduler = build_optimiser(small(), recipe, n_steps)
    rates = []
    for _ in range(n_steps + 3):
        rates.append({group["group_type"]: group["lr"] for group in optimiser.param_groups})
        optimiser.step()
        scheduler.step()
    highest = rates[0] if schedule == "linear" else rates[recipe.warmup_steps]
    assert highest == pytest.approx({"bias": 0.01, "day_layer": 0.05, "other": 0.01})
    end, least = decay_steps or n_steps, {"bias": 0.001, "day_layer": 0.0002, "other": 0.001}
    assert all(rate == pytest.approx(least) for rate in rates[end:])
    assert all(rates[end - 1][name] > 1.05 * least[name] for name in least)


def test_parameters_fall_into_the_references_three_groups():
    model = small()
    groups = parameter_groups(model, AdamWRecipe())
    assert [group["group_type"] for group in groups] == ["bias", "day_layer", "other"]
    assert [len(group["params"]) for group in groups] == [5, 6, 6]
    assert [group["weight_decay"] for group in groups] == [0.0, 0.0, 0.001]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("day_" in name)
    assert [group["group_type"] for group in parameter_groups(model, AdamWRecipe())] == ["day_layer"]


def step(model, optimiser, days, forget=True):
    model.zero_grad(set_to_none=True)
    features = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(3))
    model(features, torch.tensor(days)).square().sum().backward()
    if forget:
        forget_absent_days(model, days)
    optimiser.step()


def test_absent_days_stay_untouched_even_with_momentum():
    model = small()
    optimiser, _ = build_optimiser(model, AdamWRecipe(schedule="constant", weight_decay_day=0.1), 10)
    step(model, optimiser, [0, 1])
    before = copy.deepcopy(model.state_dict())
    step(model, optimiser, [1, 1])
    after = model.state_dict()
    assert torch.equal(before["day_weights.0"], after["day_weights.0"])
    assert torch.equal(before["day_biases.2"], after["day_biases.2"])
    assert not torch.equal(before["day_weights.1"], after["day_weights.1"])
    assert optimiser.state[model.day_weights[0]]["step"] == 1
    assert model.day_weights[2] not in optimiser.state
    step(model, optimiser, [1, 1], forget=False)
    assert not torch.equal(before["day_weights.0"], model.state_dict()["day_weights.0"])


def test_gathering_days_trains_as_the_references_loop_over_days_does():
    gathered, looped = small(), small()
    optimisers = [build_optimiser(model, AdamWRecipe(schedule="constant"), 10)[0] for model in (gathered, looped)]
    features = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(3))
    days = [2, 0]
    for model in (gathered, looped):
        model.eval()
    gathered(features, torch.tensor(days)).square().sum().backward()
    forget_absent_days(gathered, days)
    transformed = [
        torch.nn.functional.softsign(features[i] @ looped.day_weights[day] + looped.day_biases[day])
        for i, day in enumerate(days)
    ]
    looped.encode(looped.patching(torch.stack(transformed)))[0].square().sum().backward()
    for optimiser in optimisers:
        optimiser.step()
    for (name, first), second in zip(gathered.named_parameters(), looped.parameters(), strict=True):
        assert torch.allclose(first, second, atol=1e-7), name


def test_clipping_scales_to_the_limit_and_refuses_what_is_not_finite():
    model = small()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    norm = clip_gradients(model, 0.5)
    assert norm.item() == pytest.approx(sum(p.numel() for p in model.parameters()) ** 0.5)
    clipped = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert clipped.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert clip_gradients(model, 0).item() == pytest.approx(0.5, rel=1e-4)
    model.h0.grad.fill_(float("nan"))
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_gradients(model, 10)
