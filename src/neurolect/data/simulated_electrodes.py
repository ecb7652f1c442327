"""Simulated electrodes: what each is tuned to, and how that drifts from one recording day to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.simulated_kinematics import N_STATES
from neurolect.data.t15 import ARRAYS
from neurolect.errors import ConfigError

N_SHARED_NOISE = 8
"""Slow fluctuations that all electrodes share."""

_ARRAY_STRENGTH = {"ventral 6v": 1.0, "area 4": 0.75, "55b": 0.4, "dorsal 6v": 0.9}
_SHARE_OF_POSITIONS, _SHARE_OF_VELOCITIES = 0.2, 0.1
_SPREAD_OF_DEPTH = 0.8
_SHARED_TUNING_OF_POWER = 0.8
_MEDIAN_RATE_HZ, _SPREAD_OF_RATE = 20.0, 0.6
_SHARED_NOISE_LOG_RATE = 0.1
_SILENT_SHARE = 0.25
"""Of the electrodes that lose their neurons, how many find no others."""


@dataclass(frozen=True)
class Electrodes:
    """The electrodes on one recording day; axis 0 is threshold crossings, then spike-band power.

    Args:
        tuning: change of the log rate or log power with each state of the vocal tract (2, electrodes, N_STATES).
        baseline: log rate in Hz, and log power, at rest (2, electrodes).
        shared_noise: response to the shared slow noise (2, electrodes, N_SHARED_NOISE).
        silent: electrodes that record no neurons (electrodes,) bool.
    """

    tuning: npt.NDArray[np.float64]
    baseline: npt.NDArray[np.float64]
    shared_noise: npt.NDArray[np.float64]
    silent: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drift:
    """What changes between consecutive recording days.

    Args:
        tuning: share e of new tuning, W ← √(1 − e²)·W + e·W′.
        baseline: standard deviation of the random walk of log rates and log powers.
        lost_electrodes: share of the electrodes whose neurons are gone: others take their place, or none do.

    Raises:
        ConfigError: a value is out of range.
    """

    tuning: float = 0.12
    baseline: float = 0.08
    lost_electrodes: float = 0.02

    def __post_init__(self) -> None:
        for name, value in (("tuning", self.tuning), ("lost_electrodes", self.lost_electrodes)):
            if not 0 <= value <= 1:
                raise ConfigError(f"simulator: {name} drift is {value}, it must be between 0 and 1")
        if not self.baseline >= 0:
            raise ConfigError(f"simulator: baseline drift is {self.baseline}, it must not be negative")


def recording_days(n_electrodes: int, drift: Drift, rngs: Iterable[np.random.Generator]) -> Iterator[Electrodes]:
    """Electrodes on day 0, 1, 2, …, one day for each generator; a day depends on no later generator."""
    today = None
    for rng in rngs:
        today = _implanted(n_electrodes, rng) if today is None else _next_day(today, drift, rng)
        yield today


def _implanted(n_electrodes: int, rng: np.random.Generator) -> Electrodes:
    return Electrodes(
        tuning=_draw_tuning(n_electrodes, rng),
        baseline=_draw_baseline(n_electrodes, rng),
        shared_noise=rng.normal(0, _SHARED_NOISE_LOG_RATE, (2, n_electrodes, N_SHARED_NOISE)),
        silent=np.zeros(n_electrodes, dtype=bool),
    )


def _next_day(today: Electrodes, drift: Drift, rng: np.random.Generator) -> Electrodes:
    n_electrodes = len(today.silent)
    lost = rng.random(n_electrodes) < drift.lost_electrodes
    found = _implanted(n_electrodes, rng)
    tuning = np.sqrt(1 - drift.tuning**2) * today.tuning + drift.tuning * _draw_tuning(n_electrodes, rng)
    baseline = today.baseline + rng.normal(0, drift.baseline, today.baseline.shape)
    return Electrodes(
        tuning=np.where(lost[:, None], found.tuning, tuning),
        baseline=np.where(lost, found.baseline, baseline),
        shared_noise=np.where(lost[:, None], found.shared_noise, today.shared_noise),
        silent=np.where(lost, rng.random(n_electrodes) < _SILENT_SHARE, today.silent),
    )


def _draw_tuning(n_electrodes: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    crossings, of_its_own = (sparse_tuning(n_electrodes, N_STATES, rng) for _ in range(2))
    power = _SHARED_TUNING_OF_POWER * crossings + np.sqrt(1 - _SHARED_TUNING_OF_POWER**2) * of_its_own
    strength = np.repeat([_ARRAY_STRENGTH[array] for array in ARRAYS], n_electrodes // len(ARRAYS))
    depth = strength * rng.lognormal(0, _SPREAD_OF_DEPTH, n_electrodes)
    tuning: npt.NDArray[np.float64] = np.stack((crossings, power)) * depth[:, None]
    return tuning


def sparse_tuning(n_electrodes: int, n_states: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Tuning (electrodes, states) of unit variance to a few positions and velocities, and to speaking at all.

    Args:
        n_electrodes: that are drawn independently.
        n_states: odd; positions, whether the person speaks, velocities, as in `simulated_kinematics`.
        rng: source of everything random.
    """
    n_features = n_states // 2
    shares = np.repeat([_SHARE_OF_POSITIONS, 1.0, _SHARE_OF_VELOCITIES], [n_features, 1, n_features])
    weights = rng.normal(0, 1 / np.sqrt(shares.sum()), (n_electrodes, n_states))
    return np.where(rng.random(weights.shape) < shares, weights, 0.0)


def _draw_baseline(n_electrodes: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    log_rate = rng.normal(np.log(_MEDIAN_RATE_HZ), _SPREAD_OF_RATE, n_electrodes)
    return np.stack((log_rate, np.zeros(n_electrodes)))
