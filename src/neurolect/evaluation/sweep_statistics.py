"""What a sweep's table says: accuracy per initialisation and subject, and differences to training from scratch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from neurolect.evaluation.sweep_table import SweepRow

_RESAMPLES = 10_000


@dataclass(frozen=True)
class MeanAccuracy:
    """A mean of accuracies, as fractions; `standard_error` is NaN where there is only one.

    Args:
        mean: of them.
        standard_error: standard deviation (n − 1) by the square root of their number.
        number: how many there are.
    """

    mean: float
    standard_error: float
    number: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanAccuracy:
        """Of at least one value."""
        error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return cls(fmean(values), error, len(values))


@dataclass(frozen=True)
class PairedDifference:
    """How much an initialisation gains over another in the same subjects and seeds.

    Args:
        mean: over subjects of the mean over the seeds that both have, a fraction.
        low: of the 95 % interval from resampling subjects, NaN where there is only one.
        high: of it.
        subjects: how many there are.
        better: in how many of them the difference is above zero.
    """

    mean: float
    low: float
    high: float
    subjects: int
    better: int


@dataclass(frozen=True)
class SweepSummary:
    """Test accuracies of the finished rows of a sweep.

    Args:
        subjects: in the order of the table.
        initialisations: likewise.
        seeds: likewise.
        cells: (subject, initialisation) → mean over the seeds that are finished.
        overall: initialisation → mean over subjects of these means.
        differences: initialisation → gain over the first one, where both have finished seeds of a subject.
        chance: of the words, if all rows have the same number.
        unfinished: rows without an accuracy.
    """

    subjects: list[str]
    initialisations: list[str]
    seeds: list[int]
    cells: dict[tuple[str, str], MeanAccuracy]
    overall: dict[str, MeanAccuracy]
    differences: dict[str, PairedDifference]
    chance: float | None
    unfinished: list[SweepRow]

    @property
    def baseline(self) -> str:
        """The initialisation that the others are compared with."""
        return self.initialisations[0]


def summarise(rows: Sequence[SweepRow], baseline: str = "scratch") -> SweepSummary:
    """Mean over seeds within a subject, then over subjects (as the Du-IN paper reports its figures).

    Args:
        rows: of the table, finished or not.
        baseline: initialisation to compare with; the table's first where it has none of this name.
    """
    initialisations = list(dict.fromkeys(row.initialisation for row in rows))
    initialisations.sort(key=lambda name: name != baseline)
    subjects = list(dict.fromkeys(row.subject for row in rows))
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        if row.state == "finished":
            found.setdefault((row.subject, row.initialisation), {})[row.seed] = row.test_accuracy
    cells = {cell: MeanAccuracy.of(list(seeds.values())) for cell, seeds in found.items()}
    overall, differences = {}, {}
    for name in initialisations:
        means = [cells[subject, name].mean for subject in subjects if (subject, name) in cells]
        if means:
            overall[name] = MeanAccuracy.of(means)
        gains = [
            gain
            for subject in subjects
            if (gain := _gain(found.get((subject, name), {}), found.get((subject, initialisations[0]), {}))) is not None
        ]
        if name != initialisations[0] and gains:
            differences[name] = _paired(gains)
    words = {row.words for row in rows if row.state == "finished"}
    return SweepSummary(
        subjects=subjects,
        initialisations=initialisations,
        seeds=list(dict.fromkeys(row.seed for row in rows)),
        cells=cells,
        overall=overall,
        differences=differences,
        chance=1 / next(iter(words)) if len(words) == 1 else None,
        unfinished=[row for row in rows if row.state != "finished"],
    )


def _gain(these: dict[int, float], others: dict[int, float]) -> float | None:
    both = [these[seed] - others[seed] for seed in these if seed in others]
    return fmean(both) if both else None


def _paired(gains: Sequence[float]) -> PairedDifference:
    low = high = math.nan
    if len(gains) > 1:
        rng = np.random.default_rng(0)
        means = np.array(gains)[rng.integers(0, len(gains), (_RESAMPLES, len(gains)))].mean(axis=1)
        low, high = map(float, np.quantile(means, [0.025, 0.975]))
    return PairedDifference(fmean(gains), low, high, len(gains), sum(gain > 0 for gain in gains))
