"""Training a model of segments: from a task and its data to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Protocol

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from neurolect.data.seeg.batches import EpochBatches, SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError, require_at_least
from neurolect.training.best import Criterion, KeepBest
from neurolect.training.fit import HardwareSettings, fit
from neurolect.training.run_files import read_description
from neurolect.training.segment_runs import SegmentRun, save_segment_run
from neurolect.training.segment_training import SegmentTraining


@dataclass(frozen=True)
class EpochSettings(HardwareSettings):
    """How long, how often, on what: what is handed to Lightning's Trainer.

    Args:
        epochs: passes over the training data.
        validate_every: epochs from one validation, and checkpoint, to the next; divides `epochs`.
        workers: processes that read batches ahead; 0 reads in the training process.
        patience: stop after this many validations without a better one; None never stops early.
        precision: `32-true` as published, `bf16-mixed`, `auto`, or any of Lightning's names.
        accelerator: `auto`, `cpu`, `gpu`, ….
        devices: how many, or `auto`.
        strategy: `auto` is DDP when there are several devices.
        log_every: steps from one record of the training metrics in `metrics.csv` to the next.
        progress: show a progress bar.
    """

    precision: str = "32-true"
    log_every: int = 20
    epochs: int = 200
    validate_every: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "validate_every"):
            require_at_least(1, f"trainer.{name}", getattr(self, name))
        require_at_least(0, "trainer.workers", self.workers)
        if self.epochs % self.validate_every:
            raise ConfigError(
                f"trainer.epochs is {self.epochs} and no multiple of trainer.validate_every {self.validate_every}, so "
                "the last epochs would not be validated"
            )
        super().__post_init__()


class SegmentSource(EpochBatches, Protocol):
    """Data of a run on segments; a frozen dataclass of settings."""

    @property
    def subject_inputs(self) -> list[SubjectInput]:
        """One entry a subject, in the order of the batches' subject indices."""
        ...

    @property
    def sample_rate(self) -> float:
        """Of all subjects, in Hz."""
        ...

    @property
    def n_samples(self) -> int:
        """Length of a segment."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether nobody's brain was recorded."""
        ...


HeldOut = Callable[[int, int], Sequence[SegmentBatch]]
"""Batches of a process, given its rank and the number of processes."""


def fit_segments(
    task: SegmentTraining,
    data: SegmentSource,
    out: Path,
    settings: EpochSettings,
    criterion: Criterion | None,
    words: Sequence[str] = (),
    tests: HeldOut | None = None,
    facts: Mapping[str, Any] | None = None,
    resume: bool = False,
    config_yaml: str = "",
) -> dict[str, float]:
    """Train, keeping the weights of the best validation; see `neurolect.training.fit.fit`.

    Args:
        task: model, loss and recipe.
        data: segments to train and validate on.
        out: the run folder; it must not hold a run yet, unless `resume`.
        settings: of the Trainer.
        criterion: which validation is the best; None keeps the last.
        words: classes of the labels, where the task has some.
        tests: batches that are scored after each validation, as the reference does with its test trials.
        facts: what the run's description keeps besides the settings of the data.
        resume: go on from `checkpoints/last.ckpt`, or begin if there is none.
        config_yaml: the configuration as text, kept as `config.yaml`.

    Returns:
        what the kept weights reached, as in the run's description.

    Raises:
        ConfigError: the folder holds a run and `resume` is off, or Lightning refuses a setting.
        DataError: there is nothing to train or to validate on.
    """
    described = {**describe_data(data), **(facts or {})}

    def run(metrics: dict[str, float]) -> SegmentRun:
        return SegmentRun(
            task.model,
            task.task,
            data.subject_inputs,
            data.sample_rate,
            data.n_samples,
            list(words),
            described,
            metrics,
        )

    def summary(trainer: lightning.Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}: validation {task.summary(trainer.callback_metrics)}"

    for split, batches in (("training", data.training_epoch(0)), ("validation", data.validation_batches())):
        if not len(batches):
            raise DataError(f"there are no segments for {split}")
    keep = KeepBest(out, criterion, lambda metrics: save_segment_run(out, run(metrics)))
    length = {"max_epochs": settings.epochs, "check_val_every_n_epoch": settings.validate_every}
    begun_with = {"inputs": [each.subject for each in data.subject_inputs], "words": list(words)}
    batches_of_epochs = EpochLoader(data, tests, settings.workers)
    fit(task, batches_of_epochs, out, settings, length, keep, summary, begun_with, resume, config_yaml)
    metrics: dict[str, float] = read_description(out)["metrics"]
    return metrics


def build_for(data: SegmentSource, factory: Callable[..., nn.Module], seed: int, **decided: int) -> nn.Module:
    """A model for data, with initial weights of a seed.

    Args:
        data: decide channels, subjects and samples.
        factory: a model class, with settings of its own.
        seed: of the initial weights.
        decided: what else the data or the task decide, such as `n_classes`.

    Raises:
        ConfigError: the sizes contradict each other or the data.
    """
    widest = max(len(each.channels) for each in data.subject_inputs)
    torch.manual_seed(seed)
    try:
        return factory(n_channels=widest, n_subjects=len(data.subject_inputs), n_samples=data.n_samples, **decided)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"model: {' '.join(str(error).split())}") from None


class EpochLoader(lightning.LightningDataModule):
    """Hands segments to Lightning; its epochs are theirs."""

    def __init__(self, data: EpochBatches, tests: HeldOut | None = None, workers: int = 0) -> None:
        super().__init__()
        self.data = data
        self.tests = tests
        self.workers = workers

    def train_dataloader(self) -> DataLoader[SegmentBatch]:
        """Training batches of the trainer's current epoch."""
        assert self.trainer is not None
        trainer = self.trainer
        batches = self.data.training_epoch(trainer.current_epoch, trainer.global_rank, trainer.world_size)
        return DataLoader(
            batches,  # type: ignore[arg-type]  # a sequence is all that a loader asks of its dataset
            batch_size=None,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> list[DataLoader[SegmentBatch]]:
        """Every validation segment once, then every test segment if they are asked for."""
        assert self.trainer is not None
        held_out = [self.data.validation_batches, *([self.tests] if self.tests else [])]
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        return [DataLoader(_OnePass(batches(rank, world_size)), batch_size=None) for batches in held_out]


class _OnePass(IterableDataset[SegmentBatch]):
    """Batches one after the other; a process that has none takes part in the validation all the same."""

    def __init__(self, batches: Sequence[SegmentBatch]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[SegmentBatch]:
        return iter(self._batches)


def describe_data(data: SegmentSource) -> dict[str, Any]:
    """A data class's settings for a run's description, with its root made absolute."""
    assert is_dataclass(data)
    assert not isinstance(data, type)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(data).items()}
    root = getattr(data, "root", None)
    if isinstance(root, Path):
        settings["root"] = str(root.resolve())
    return {**settings, "simulated": data.simulated}
