"""How low-rank adapters are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurolect.errors import ConfigError, require_at_least


@dataclass(frozen=True)
class LoRARecipe:
    """How adapters are trained.

    Args:
        rank: of the matrices that are added to every linear layer.
        scale: of what they add, in units of 1 / rank.
        dropout: of their input.
        lr: highest learning rate; it rises over the first twentieth of the steps and falls to zero after.
        epochs: times that every sentence is seen.
        batch_size: sentences a step.
        checkpoint_every: steps from one checkpoint to the next.
        patience: checkpoints in a row at which texts that are held out, where there are some, may be predicted worse
            than before.
        most_steps: steps after which training ends, though the learning rate falls as if there were no such limit.
        mixed_precision: multiply matrices in bfloat16, whatever the model's own precision; on a CPU with AMX this takes
            half the time of float32.
        seed: of the adapters, the order of sentences and the dropout.

    Raises:
        ConfigError: a setting is out of its range.
    """

    rank: int = 16
    scale: float = 32.0
    dropout: float = 0.05
    lr: float = 2e-4
    epochs: int = 1
    batch_size: int = 16
    checkpoint_every: int = 50
    patience: int = 3
    most_steps: int | None = None
    mixed_precision: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch_size", "checkpoint_every", "patience"):
            require_at_least(1, f"recipe.{name}", getattr(self, name))
        if self.most_steps is not None:
            require_at_least(1, "recipe.most_steps", self.most_steps)
        if not (0 < self.lr < math.inf and 0 < self.scale < math.inf and 0 <= self.dropout < 1):
            raise ConfigError("recipe: lr and scale must be above 0, dropout from 0 to below 1")
