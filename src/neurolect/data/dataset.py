"""A folder of sessions as training and validation batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.batches import Batch, collate
from neurolect.data.packed import PackedSplit, open_packed
from neurolect.data.sampling import DayBalancedSampler
from neurolect.data.t15 import MissingValues, SessionFiles, Split, feature_columns, find_sessions
from neurolect.errors import ConfigError, DataError, require_at_least


@dataclass(frozen=True)
class SpeechData:
    """Sessions of one participant in the T15 layout, and how they are cut into batches.

    Args:
        root: folder that holds one folder per session.
        sessions: session names in day order; the position is the day index. None takes all, sorted by name.
        feature_blocks: names such as `55b spike power`, `area 4`, `threshold crossings`; None keeps every column.
        batch_size: trials in a batch.
        days_per_batch: distinct days in a training batch; capped at the number of days that have trials.
        seed: of the training batches; 1 is the reference's.
        length_multiple: batches are padded to a multiple of this many bins, so that a compiler meets few shapes.
        workers: processes that read batches ahead; 0 reads in the training process.
        missing: refuse NaN and infinite features, or put zero in their place.
        cache: folder for packed copies; None keeps them beside the data.
    """

    root: Path
    sessions: list[str] | None = None
    feature_blocks: list[str] | None = None
    batch_size: int = 64
    days_per_batch: int = 4
    seed: int = 1
    length_multiple: int = 1
    workers: int = 0
    missing: MissingValues = "refuse"
    cache: Path | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "days_per_batch", "length_multiple"):
            require_at_least(1, f"data.{name}", getattr(self, name))
        for name in ("seed", "workers"):
            require_at_least(0, f"data.{name}", getattr(self, name))

    @cached_property
    def days(self) -> list[SessionFiles]:
        """The sessions in day order."""
        return find_sessions(self.root, self.sessions)

    @property
    def simulated(self) -> bool:
        """Whether the recordings say of themselves that they are simulated."""
        return says_simulated(self.root)

    @cached_property
    def columns(self) -> npt.NDArray[np.int64] | None:
        """Columns of the chosen feature blocks, or None for all."""
        return None if self.feature_blocks is None else feature_columns(self.feature_blocks)

    def open(self, split: Split) -> list[PackedSplit | None]:
        """One entry per day, None where the split was not recorded; every day has the same number of features.

        Raises:
            DataError: a file breaks the layout, or the split exists on no day.
        """
        opened: list[PackedSplit | None] = []
        width: int | None = None
        for day in self.days:
            if not day.has(split):
                opened.append(None)
                continue
            trials = open_packed(day.path(split), width, self.missing, self.cache)
            width = trials.features.shape[1]
            opened.append(trials)
        if width is None:
            raise DataError(f"{self.root}: no session has data_{split}.hdf5")
        if self.columns is not None and self.columns.max(initial=0) >= width:
            raise ConfigError(f"{self.root}: feature_blocks name columns up to {self.columns.max()}, there are {width}")
        return opened

    def require_labels(self, split: Split) -> None:
        """Open a split and see that it can be scored.

        Raises:
            DataError: no session has it, none of its trials has labels, or its features have another width.
        """
        days = [day for day in self.open(split) if day is not None]
        if not any(trial.labels is not None and trial.labels.size for day in days for trial in day):
            raise DataError(f"{self.root}: no trial of data_{split}.hdf5 has labels, so nothing can be scored on it")
        width, trained = days[0].features.shape[1], self.training_width
        if width != trained:
            raise DataError(f"{self.root}: data_{split}.hdf5 has {width} features, data_train.hdf5 has {trained}")

    @cached_property
    def training_width(self) -> int:
        """Columns of the training files."""
        return next(int(day.features.shape[1]) for day in self.open("train") if day is not None)

    def n_features(self) -> int:
        """Width of the features that batches hold."""
        width = self.training_width
        return width if self.columns is None else len(self.columns)

    def training_batches(self, first_step: int = 0, rank: int = 0, world_size: int = 1) -> TrainingBatches:
        """Endless training batches from a step on; process `rank` of `world_size` takes every `world_size`-th."""
        return TrainingBatches(self, first_step, rank, world_size)

    def validation_batches(self, split: Split = "val", rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        """Every trial of a split once: consecutive trials of one day per batch, days in order."""
        number = 0
        for day, trials in enumerate(self.open(split)):
            for start in range(0, len(trials or ()), self.batch_size):
                if trials is not None and number % world_size == rank:
                    chunk = trials[start : start + self.batch_size]
                    yield collate(chunk, [day] * len(chunk), self.columns, self.length_multiple, number)
                number += 1


def says_simulated(root: Path) -> bool:
    """Whether a folder of recordings, or the one that it is in, says that they are simulated."""
    return any((folder / "SIMULATED.txt").is_file() for folder in (root, root.parent))


@dataclass(frozen=True)
class TrainingBatches:
    """Batch number `step` of the run, for any step: what a data loader's worker evaluates."""

    data: SpeechData
    first_step: int
    rank: int
    world_size: int

    @cached_property
    def _days(self) -> list[PackedSplit | None]:
        return self.data.open("train")

    def plans(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """(step, members) of each batch, endlessly."""
        counts = [len(trials or ()) for trials in self._days]
        n_days = sum(count > 0 for count in counts)
        sampler = DayBalancedSampler(
            trials_per_day=counts,
            batch_size=self.data.batch_size,
            days_per_batch=min(self.data.days_per_batch, n_days),
            seed=self.data.seed,
            first_step=self.first_step * self.world_size + self.rank,
            every=self.world_size,
        )
        yield from enumerate(sampler, start=self.first_step)

    def __getitem__(self, plan: tuple[int, list[tuple[int, int]]]) -> Batch:
        step, members = plan
        trials = []
        for day, trial in members:
            packed = self._days[day]
            assert packed is not None, "the sampler never draws a day without trials"
            trials.append(packed[trial])
        return collate(trials, [day for day, _ in members], self.data.columns, self.data.length_multiple, step)

    def __iter__(self) -> Iterator[Batch]:
        for plan in self.plans():
            yield self[plan]
