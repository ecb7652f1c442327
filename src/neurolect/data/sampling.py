"""Which trials form which batch: a few days at random, the same number of trials from each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neurolect.errors import ConfigError

BatchPlan = list[tuple[int, int]]
"""(day, trial) of each member of a batch, grouped by day in the order the days were drawn."""


@dataclass(frozen=True)
class DayBalancedSampler:
    """Endless training batches, each from `days_per_batch` distinct days with equal shares.

    Days are drawn uniformly, whatever their number of trials, and trials with replacement. With the reference's seed
    the draws are the reference's (Card et al. 2024, `dataset.seed` 1). A step's batch depends on seed and step alone.

    Args:
        trials_per_day: number of trials of each day; days without trials are never drawn.
        batch_size: trials in a batch.
        days_per_batch: distinct days in a batch.
        seed: of NumPy's legacy generator, which the reference draws from.
        first_step: batches to pass over, so that a resumed run goes on where it stopped.
        every: yield only each n-th batch, for one of n processes that share the work.
    """

    trials_per_day: Sequence[int]
    batch_size: int = 64
    days_per_batch: int = 4
    seed: int = 1
    first_step: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        n_days = sum(count > 0 for count in self.trials_per_day)
        if not 1 <= self.days_per_batch <= n_days:
            raise ConfigError(f"days_per_batch is {self.days_per_batch}, but {n_days} days have training trials")
        if self.batch_size < self.days_per_batch:
            raise ConfigError(f"batch_size {self.batch_size} is smaller than days_per_batch {self.days_per_batch}")

    def __iter__(self) -> Iterator[BatchPlan]:
        rng = np.random.RandomState(self.seed)
        days = np.flatnonzero(np.asarray(self.trials_per_day) > 0)
        step = 0
        while True:
            plan = self._draw(rng, days)
            if step >= self.first_step and (step - self.first_step) % self.every == 0:
                yield plan
            step += 1

    def _draw(self, rng: np.random.RandomState, days: np.ndarray) -> BatchPlan:
        # The order and form of these calls fix the reference's random stream.
        chosen = rng.choice(days, size=self.days_per_batch, replace=False)
        share = -(-self.batch_size // self.days_per_batch)
        drawn = {int(day): rng.choice(self.trials_per_day[day], size=share, replace=True) for day in chosen}
        for _ in range(share * self.days_per_batch - self.batch_size):
            day = int(rng.choice(chosen))
            drawn[day] = drawn[day][:-1]
        return [(day, int(trial)) for day, trials in drawn.items() for trial in trials]
