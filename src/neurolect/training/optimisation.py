"""Parameter groups, learning-rate schedules and gradients of the brain-to-text recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class AdamWRecipe:
    """AdamW with three parameter groups, warm-up and decay; the defaults are Card et al. 2024.

    Args:
        lr: highest learning rate.
        lr_min: learning rate that the decay ends at.
        lr_day: highest learning rate of the day layers.
        lr_min_day: learning rate that the day layers' decay ends at.
        schedule: `cosine` after a linear warm-up, `linear` decay without one, or `constant`.
        warmup_steps: steps over which the rate rises from zero (the very first update has rate 0).
        decay_steps: step at which the decay ends; None ends it with the run.
        weight_decay: of weights; biases have none.
        weight_decay_day: of the day layers.
        betas: decay of the two moments.
        eps: unusually large on purpose.
        gradient_clip: largest L2 norm of all gradients together; 0 turns clipping off.
    """

    lr: float = 0.005
    lr_min: float = 0.0001
    lr_day: float = 0.005
    lr_min_day: float = 0.0001
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 1000
    decay_steps: int | None = None
    weight_decay: float = 0.001
    weight_decay_day: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 0.1
    gradient_clip: float = 10.0


def parameter_groups(model: nn.Module, recipe: AdamWRecipe) -> list[dict[str, object]]:
    """Trainable parameters as `bias` (no decay), `day_layer` (own rate and decay) and `other`, without empty groups.

    A parameter belongs to a day layer if its name holds `day_`, and is a bias if its name holds `.bias`.
    """
    day: list[nn.Parameter] = []
    bias: list[nn.Parameter] = []
    other: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            group = day if "day_" in name else bias if ".bias" in name else other
            group.append(parameter)
    groups: list[dict[str, object]] = [
        {"params": bias, "group_type": "bias", "lr": recipe.lr, "weight_decay": 0.0},
        {"params": day, "group_type": "day_layer", "lr": recipe.lr_day, "weight_decay": recipe.weight_decay_day},
        {"params": other, "group_type": "other", "lr": recipe.lr, "weight_decay": recipe.weight_decay},
    ]
    return [group for group in groups if group["params"]]


def build_optimiser(model: nn.Module, recipe: AdamWRecipe, n_steps: int) -> tuple[AdamW, LambdaLR]:
    """Fused AdamW and its schedule, to be stepped once per batch.

    Args:
        model: whose trainable parameters are optimised.
        recipe: rates and decay.
        n_steps: length of the run, where the recipe names no end of the decay.
    """
    optimiser = AdamW(parameter_groups(model, recipe), betas=recipe.betas, eps=recipe.eps, fused=True)
    multipliers = []
    for group in optimiser.param_groups:
        is_day = group["group_type"] == "day_layer"
        highest, last = (recipe.lr_day, recipe.lr_min_day) if is_day else (recipe.lr, recipe.lr_min)
        lowest = last / highest if highest else 0.0
        multipliers.append(multiplier(recipe.schedule, lowest, recipe.warmup_steps, recipe.decay_steps or n_steps))
    return optimiser, LambdaLR(optimiser, multipliers)


def multiplier(schedule: str, lowest: float, warmup_steps: int, decay_steps: int) -> Callable[[int], float]:
    """The factor on the highest learning rate as a function of the step, counted from 0.

    Args:
        schedule: as in `AdamWRecipe`.
        lowest: factor that the decay ends at.
        warmup_steps: length of the cosine schedule's warm-up.
        decay_steps: step at which the decay ends.
    """
    if schedule == "constant":
        return lambda step: 1.0
    if schedule == "linear":
        return lambda step: 1.0 + (lowest - 1.0) * min(1.0, step / max(1, decay_steps))

    def cosine(step: int) -> float:
        if step < warmup_steps:
            return step / max(1, warmup_steps)
        if step >= decay_steps:
            return lowest
        progress = (step - warmup_steps) / max(1, decay_steps - warmup_steps)
        return max(lowest, lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * progress)))

    return cosine


def forget_absent_days(model: nn.Module, days_present: Iterable[int]) -> None:
    """Drop the gradients of days that are not in the batch, so that the optimiser leaves their layers untouched.

    Gathering day weights by index gives absent days zero gradients; AdamW would still move them by their momentum.
    """
    present = set(days_present)
    for name, parameter in model.named_parameters():
        if "day_" in name and int(name.rsplit(".", 1)[1]) not in present:
            parameter.grad = None


def clip_gradients(model: nn.Module, max_norm: float) -> torch.Tensor:
    """Clip all gradients to one L2 norm (0: leave them) and return the norm before.

    Raises:
        RuntimeError: the norm is not finite.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    limit = max_norm if max_norm > 0 else math.inf
    return nn.utils.clip_grad_norm_(parameters, limit, error_if_nonfinite=True)
