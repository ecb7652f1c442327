"""Parameter groups and learning rates of the Du-IN recipes, whose rate changes from epoch to epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW

from neurolect.errors import ConfigError, require_at_least


@dataclass(frozen=True)
class EpochRecipe:
    """AdamW with decay on weights only, and a rate that warms up and then falls as a cosine (Zheng et al. 2024).

    Args:
        lr: highest learning rate.
        lr_min: learning rate that the cosine ends just above.
        warmup_epochs: epochs over which the rate rises to the highest; None is a tenth of the run, as published.
        weight_decay: of tensors with two dimensions or more that are no biases.
        betas: decay of the two moments.
        eps: of the division by the second moment.
        gradient_clip: largest L2 norm of all gradients together; 0 leaves them as they are.
    """

    lr: float = 3e-4
    lr_min: float = 5e-5
    warmup_epochs: int | None = None
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    gradient_clip: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lr", "lr_min", "weight_decay", "gradient_clip", "warmup_epochs"):
            require_at_least(0, f"optimiser.{name}", getattr(self, name) or 0)
        if self.lr_min > self.lr:
            raise ConfigError(f"optimiser.lr_min is {self.lr_min}, above optimiser.lr {self.lr}")


def learning_rate(recipe: EpochRecipe, epoch: int, n_epochs: int) -> float:
    """The rate of an epoch, counted from 0, in a run of `n_epochs`."""
    warmup = max(1, round(n_epochs / 10)) if recipe.warmup_epochs is None else recipe.warmup_epochs
    if epoch < warmup:
        return recipe.lr * (epoch + 1) / warmup
    progress = min(1.0, (epoch - warmup) / max(1, n_epochs - warmup))
    return recipe.lr_min + (recipe.lr - recipe.lr_min) * 0.5 * (1 + math.cos(math.pi * progress))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Trainable parameters with and without weight decay, without empty groups.

    Tensors of fewer than two dimensions, and those whose names end in `bias`, have none.
    """
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    bare = {name for name, parameter in trainable if parameter.ndim <= 1 or name.endswith(".bias")}
    groups: list[dict[str, object]] = [
        {"params": [parameter for name, parameter in trainable if name not in bare], "weight_decay": weight_decay},
        {"params": [parameter for name, parameter in trainable if name in bare], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_adamw(model: nn.Module, recipe: EpochRecipe) -> AdamW:
    """Fused AdamW; its rate is set at the beginning of each epoch."""
    groups = decay_groups(model, recipe.weight_decay)
    return AdamW(groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, fused=True)
