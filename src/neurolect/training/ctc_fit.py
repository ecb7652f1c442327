"""Training a phoneme decoder: from a configuration to a run folder, in one call that can be killed and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import lightning
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from neurolect.data.batches import Batch
from neurolect.data.dataset import SpeechData, TrainingBatches
from neurolect.errors import require_at_least
from neurolect.training.best import Criterion, KeepBest
from neurolect.training.ctc import CTCTraining
from neurolect.training.fit import HardwareSettings, fit
from neurolect.training.runs import Run, save_run

_FEWEST_ERRORS = Criterion("val/per")


@dataclass(frozen=True)
class TrainerSettings(HardwareSettings):
    """How long, how often, on what: what is handed to Lightning's Trainer.

    Args:
        steps: batches to train on.
        validate_every: steps from one validation, and checkpoint, to the next.
        patience: stop after this many validations without a better phoneme error rate; None never stops early.
        precision: `auto` is bf16 where the hardware multiplies it, else float32; or any of Lightning's names.
        accelerator: `auto`, `cpu`, `gpu`, ….
        devices: how many, or `auto`.
        strategy: `auto` is DDP when there are several devices.
        log_every: steps from one record of the training metrics in `metrics.csv` to the next.
        progress: show a progress bar.
    """

    steps: int = 120_000
    validate_every: int = 2_000

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every"):
            require_at_least(1, f"trainer.{name}", getattr(self, name))
        super().__post_init__()


def fit_ctc(
    task: CTCTraining,
    data: SpeechData,
    out: Path,
    settings: TrainerSettings,
    resume: bool = False,
    config_yaml: str = "",
) -> float:
    """Train, keeping the weights of the lowest validation phoneme error rate; see `neurolect.training.fit.fit`.

    Args:
        task: model and recipe.
        data: sessions to train and validate on.
        out: the run folder; it must not hold a run yet, unless `resume`.
        settings: of the Trainer.
        resume: go on from `checkpoints/last.ckpt`, or begin if there is none.
        config_yaml: the configuration as text, kept as `config.yaml`.

    Returns:
        the best validation phoneme error rate.

    Raises:
        ConfigError: the folder holds a run and `resume` is off, or Lightning refuses a setting.
        DataError: no validation trial has labels.
    """

    def save(metrics: dict[str, float]) -> None:
        save_run(out, _run(task, data, metrics))

    data.require_labels("val")
    keep = KeepBest(out, _FEWEST_ERRORS, save)
    batches = Batches(data, settings.validate_every)
    length = {"max_steps": settings.steps, "max_epochs": -1}
    fit(task, batches, out, settings, length, keep, _summary, {"sessions": task.sessions}, resume, config_yaml)
    return _FEWEST_ERRORS.value(keep.best)


class Batches(lightning.LightningDataModule):
    """Hands `SpeechData` to Lightning; one epoch is one validation interval, from the trainer's current step on."""

    def __init__(self, data: SpeechData, steps_per_epoch: int) -> None:
        super().__init__()
        self.data = data
        self.steps_per_epoch = steps_per_epoch
        # The sampler draws from the first step on, so it is started anew only where a run is resumed.
        self._next_step = -1
        self._plans: Iterator[tuple[int, list[tuple[int, int]]]] = iter(())

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches from the trainer's current step on."""
        assert self.trainer is not None
        batches = self.data.training_batches(self.trainer.global_step, self.trainer.global_rank, self._world_size)
        step = self.trainer.global_step
        if self._next_step != step:
            self._plans = batches.plans()
        self._next_step = min(step + self.steps_per_epoch, max(step, self.trainer.max_steps))
        plans = list(islice(self._plans, self._next_step - step))
        return DataLoader(
            _BatchOfPlan(batches, plans),
            batch_size=None,
            num_workers=self.data.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation trial once."""
        assert self.trainer is not None
        return DataLoader(_ValidationBatches(self.data, self.trainer.global_rank, self._world_size), batch_size=None)

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1


class _BatchOfPlan(Dataset[Batch]):
    """The batches of one validation interval, by position."""

    def __init__(self, batches: TrainingBatches, plans: list[tuple[int, list[tuple[int, int]]]]) -> None:
        self._batches = batches
        self._plans = plans

    def __len__(self) -> int:
        return len(self._plans)

    def __getitem__(self, position: int) -> Batch:
        return self._batches[self._plans[position]]


class _ValidationBatches(IterableDataset[Batch]):
    """Every trial of the validation split, one pass."""

    def __init__(self, data: SpeechData, rank: int, world_size: int) -> None:
        self._data, self._rank, self._world_size = data, rank, world_size

    def __iter__(self) -> Iterator[Batch]:
        return self._data.validation_batches("val", self._rank, self._world_size)


def _run(task: CTCTraining, data: SpeechData, metrics: dict[str, float]) -> Run:
    return Run(
        model=task.model,
        alphabet=task.alphabet,
        sessions=task.sessions,
        smoothing=task.smoothing,
        feature_blocks=data.feature_blocks,
        data={"root": str(data.root.resolve()), "missing": data.missing, "simulated": data.simulated},
        metrics={name: metrics[name] for name in ("val/per", "val/loss", "step")},
    )


def _summary(trainer: lightning.Trainer) -> str:
    metrics = trainer.callback_metrics
    loss, per = float(metrics["val/loss"]), float(metrics["val/per"])
    return f"step {trainer.global_step}: validation loss {loss:.2f}, phoneme error rate {100 * per:.2f} %"
