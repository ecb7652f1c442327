"""Which trials, and which stretches of a recording, belong to training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError

Protocol = Literal["clean", "reference"]
Stretches = dict[str, list[tuple[int, int, int]]]
"""`train`, `val` and `test`: recording or trial, first sample, and sample behind the last, of each stretch."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Positions of what belongs to each part; no position is in two of them."""

    train: Indices
    val: Indices
    test: Indices


def split_runs_in_time(
    runs: Sequence[str],
    onsets: Sequence[float] | npt.NDArray[np.float64],
    seconds: float,
    validation: float = 0.1,
    test: float = 0.1,
) -> Parts:
    """Split each run's trials in time: its first trials train, later ones validate, the last ones test.

    Training trials whose epoch reaches into the epoch of a held-out trial are left out, and so are validation trials
    that reach into a test trial.

    Args:
        runs: the run of each trial; trials of a run are in order of time.
        onsets: time of each trial within its run in seconds, or NaN.
        seconds: length of a trial's epoch.
        validation: fraction of each run's trials.
        test: fraction of each run's trials.
    """
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    times = np.asarray(onsets, dtype=np.float64)
    for run in dict.fromkeys(runs):
        trials = [position for position, name in enumerate(runs) if name == run]
        first, second = cuts(len(trials), validation, test)
        pieces = trials[:first], trials[first:second], trials[second:]
        for number, piece in enumerate(pieces):
            later = [trial for after in pieces[number + 1 :] for trial in after]
            until = np.fmin.reduce(times[later], initial=np.inf) - seconds
            # A comparison with NaN is false: a trial whose time is not known is kept.
            parts[number].extend(trial for trial in piece if not times[trial] > until)
    return Parts(*(np.array(part, dtype=np.int64) for part in parts))


def require_fractions(validation: float, test: float) -> None:
    """Refuse fractions that leave nothing for validation or for training.

    Raises:
        ConfigError: names the settings.
    """
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ConfigError(
            f"data.validation_fraction is {validation} and data.test_fraction {test}: the first must be above 0, and "
            "both together below 1"
        )


def cuts(n: int, validation: float, test: float) -> tuple[int, int]:
    """Where validation and test begin among `n` things in order."""
    return round(n * (1 - validation - test)), round(n * (1 - test))


def split_recordings_in_time(
    lengths: Sequence[int],
    window: int,
    validation: float = 0.1,
    test: float = 0.1,
    known_cuts: Mapping[int, tuple[int, int]] = MappingProxyType({}),
) -> Stretches:
    """Cut recordings in time: the beginning of each trains, then comes validation, the end is for the test.

    Recordings too short to be cut into parts that hold a window are dealt out whole, in order. Of these, the last
    one for training and the first one for the test are left out, as neighbours may overlap in time.

    Args:
        lengths: of each recording in samples.
        window: length of a window in samples.
        validation: fraction of each recording.
        test: fraction of each recording.
        known_cuts: recording → the samples where its validation and its test begin, instead of the fractions.
    """
    stretches: Stretches = {"train": [], "val": [], "test": []}
    short = []
    for recording, length in enumerate(lengths):
        first, second = known_cuts.get(recording, cuts(length, validation, test))
        if recording not in known_cuts and second - first < window:
            short.append(recording)
            continue
        for part, start, stop in (("train", 0, first), ("val", first, second), ("test", second, length)):
            stretches[part].append((recording, start, stop))
    first, second = cuts(len(short), validation, test)
    whole = {"train": short[: max(first - 1, 0)], "val": short[first:second], "test": short[second + 1 :]}
    for part, recordings in whole.items():
        stretches[part] += [(recording, 0, lengths[recording]) for recording in recordings]
    return stretches
