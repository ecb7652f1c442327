"""Which of a run's validations is the best, and keeping its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
from lightning.pytorch.callbacks import Callback


@dataclass(frozen=True)
class Criterion:
    """Which validation is the best.

    Args:
        metric: name of a validation metric.
        mode: whether less or more of it is better; of equals the lower `val/loss` wins.
    """

    metric: str
    mode: Literal["min", "max"] = "min"

    def rank(self, metrics: Mapping[str, Any]) -> tuple[float, float]:
        """What is smaller for a better validation."""
        value = float(metrics[self.metric])
        return (value if self.mode == "min" else -value), float(metrics["val/loss"])

    def value(self, rank: tuple[float, float]) -> float:
        """The metric of a validation of this rank."""
        return rank[0] if self.mode == "min" else -rank[0]


class KeepBest(Callback):
    """Keeps the run and the checkpoint of the best validation.

    Args:
        out: run folder.
        criterion: what makes a validation the best; with None it is always the last one.
        save: writes the run, given the metrics that are kept with its weights.
    """

    def __init__(self, out: Path, criterion: Criterion | None, save: Callable[[dict[str, float]], None]) -> None:
        self.out = out
        self.criterion = criterion
        self.best = (math.inf, math.inf)
        self._save = save
        self._validated = False

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take note that there is something to compare."""
        self._validated = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save if the validation that ended this epoch is the best so far."""
        # A resumed run may end the epoch it was killed in once more, without validating again.
        if not self._validated:
            return
        self._validated = False
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if _is_validation(name)}
        found = self.criterion.rank(metrics) if self.criterion else (-float(trainer.global_step), 0.0)
        if found >= self.best:
            return
        self.best = found
        trainer.save_checkpoint(self.out / "checkpoints" / "best.ckpt")
        if trainer.is_global_zero:
            self._save({**metrics, "step": float(trainer.global_step), "epoch": float(trainer.current_epoch)})

    def state_dict(self) -> dict[str, Any]:
        """The best so far, so that a resumed run does not overwrite better weights."""
        return {"best": list(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's best."""
        first, second = state_dict["best"]
        self.best = first, second


def _is_validation(name: str) -> bool:
    return name.startswith(("val/", "test/"))
