"""Faults that show in the values of a subject's channels: gaps, flat lines, clipping, line noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import periodogram

_CLIPPED_SHARE = 1e-3
_CLIPPED_SAMPLES = 20
_SHORTEST_PIECE = 20
"""Samples; fewer may be equal by chance."""
_VISIBLE = 10.0
_NEIGHBOURS = (2.0, 6.0)  # Hz to either side of the line's frequency
_SECONDS_LOOKED_AT = 300.0


class SignalSurvey:
    """What is seen of one subject's channels while its signals pass by.

    Args:
        channels: names.
        sample_rate: in Hz.
    """

    def __init__(self, channels: Sequence[str], sample_rate: float) -> None:
        self._channels = channels
        self._rate = sample_rate
        self._extremes = {end: _Extreme(len(channels)) for end in ("highest", "lowest")}
        self._flat, self._clipped = _Flat(len(channels)), _Clipped(len(channels))
        self._n_samples = self._n_pieces = 0
        self._missing: dict[str, tuple[str, int]] = {}  # channel → where first, how many values
        self._looked_at = 0.0
        self._line_power = {frequency: np.zeros((2, len(channels))) for frequency in (50.0, 60.0)}

    def add(self, signal: npt.NDArray[np.floating], where: str) -> None:
        """Look at (channels, samples) of a trial or a piece of a recording."""
        finite = np.isfinite(signal)
        for row in np.flatnonzero(~finite.all(axis=1)).tolist():
            first, count = self._missing.get(self._channels[row], (where, 0))
            self._missing[self._channels[row]] = first, count + int((~finite[row]).sum())
        if not signal.size:
            return
        values = np.where(finite, signal, np.nan)
        self._n_samples += signal.shape[1]
        self._n_pieces += 1
        flat = self._flat.add(values, where)
        values[flat] = np.nan  # what is flat is not clipped as well
        self._clipped.add(values, where)
        self._extremes["highest"].add(values)
        self._extremes["lowest"].add(-values)
        if finite.all() and self._looked_at < _SECONDS_LOOKED_AT:
            self._add_line_power(signal)

    def _add_line_power(self, signal: npt.NDArray[np.floating]) -> None:
        seconds = signal.shape[1] / self._rate
        if seconds < 1:
            return
        self._looked_at += seconds
        frequencies, power = periodogram(signal, self._rate, window="hann", detrend="constant")
        for frequency, sums in self._line_power.items():
            apart = np.abs(frequencies - frequency)
            near, far = _NEIGHBOURS
            beside = (apart >= near) & (apart <= far)
            if frequency + far < self._rate / 2 and beside.any():
                sums += seconds * np.stack([power[:, apart <= 1].mean(axis=1), power[:, beside].mean(axis=1)])

    def problems(self) -> Iterator[str]:
        """One line for each faulty channel."""
        for channel, (where, count) in self._missing.items():
            yield f"channel {channel}: {count} values are NaN or infinite, first in {where}"
        flat, clipped = self._flat, self._clipped
        highest, lowest = self._extremes["highest"], self._extremes["lowest"]
        pieces = f"{self._n_pieces} trials and pieces of recordings"
        for row, channel in enumerate(self._channels):
            if flat.first[row] and np.isneginf(highest.value[row]) and flat.highest[row] == flat.lowest[row]:
                yield f"channel {channel}: flat, every value is {flat.highest[row]:g}"
            elif highest.value[row] == -lowest.value[row] and not flat.first[row]:
                yield f"channel {channel}: flat, every value is {highest.value[row]:g}"
                continue
            elif flat.first[row]:
                yield f"channel {channel}: flat in {flat.count[row]} of {pieces}, first in {flat.first[row]}"
            count = max(highest.count[row], lowest.count[row])
            if np.isneginf(highest.value[row]):
                continue
            if count >= max(_CLIPPED_SAMPLES, _CLIPPED_SHARE * self._n_samples):
                value = highest.value[row] if highest.count[row] == count else -lowest.value[row]
                yield f"channel {channel}: clipped, {count:.0f} of {self._n_samples} values are {value:g}"
            elif clipped.first[row]:
                yield (
                    f"channel {channel}: clipped in {clipped.count[row]} of {pieces}, first in {clipped.first[row]}, "
                    f"at {clipped.limit[row]:g}"
                )

    def notes(self) -> Iterator[str]:
        """What need not be a fault: power lines that stand out."""
        for frequency, (line, beside) in self._line_power.items():
            ratio = line / np.where(beside > 0, beside, np.inf)
            visible = int((ratio > _VISIBLE).sum())
            if visible:
                worst = int(np.argmax(ratio))
                yield (
                    f"{frequency:.0f} Hz stands out {ratio[worst]:.0f}-fold on channel {self._channels[worst]}, and "
                    f"more than {_VISIBLE:.0f}-fold on {visible} of {len(ratio)} channels"
                )


class _Flat:
    """In how many pieces each channel is flat, and where first."""

    def __init__(self, n_channels: int) -> None:
        self.first = [""] * n_channels
        self.count = np.zeros(n_channels, dtype=np.int64)
        self.highest, self.lowest = np.full(n_channels, -np.inf), np.full(n_channels, np.inf)

    def add(self, values: npt.NDArray[np.floating], where: str) -> npt.NDArray[np.bool_]:
        """Look at a piece (channels, samples) and say which channels are flat in it."""
        highest = np.fmax.reduce(values, axis=1, initial=-np.inf)
        lowest = np.fmin.reduce(values, axis=1, initial=np.inf)
        flat: npt.NDArray[np.bool_] = (highest == lowest) & (values.shape[1] >= _SHORTEST_PIECE)
        self.count += flat
        self.highest = np.where(flat, np.maximum(highest, self.highest), self.highest)
        self.lowest = np.where(flat, np.minimum(lowest, self.lowest), self.lowest)
        for row in np.flatnonzero(flat).tolist():
            self.first[row] = self.first[row] or where
        return flat


class _Clipped:
    """In how many pieces many of a channel's values are the highest or lowest of the piece, and where first."""

    def __init__(self, n_channels: int) -> None:
        self.first = [""] * n_channels
        self.count = np.zeros(n_channels, dtype=np.int64)
        self.limit = np.zeros(n_channels)

    def add(self, values: npt.NDArray[np.floating], where: str) -> None:
        least = max(_CLIPPED_SAMPLES, _CLIPPED_SHARE * values.shape[1])
        limits = np.stack([np.fmax.reduce(values, axis=1), np.fmin.reduce(values, axis=1)])
        counts = (values == limits[:, :, None]).sum(axis=2)
        clipped = (counts >= least).any(axis=0)
        self.count += clipped
        for row in np.flatnonzero(clipped).tolist():
            if not self.first[row]:
                self.first[row], self.limit[row] = where, limits[counts[:, row].argmax(), row]


class _Extreme:
    """The highest value of each channel, and how often it occurs."""

    def __init__(self, n_channels: int) -> None:
        self.value = np.full(n_channels, -np.inf)
        self.count = np.zeros(n_channels)

    def add(self, values: npt.NDArray[np.floating]) -> None:
        highest = np.fmax.reduce(values, axis=1, initial=-np.inf)
        count = (values == highest[:, None]).sum(axis=1)
        self.count = np.where(highest > self.value, count, self.count + np.where(highest == self.value, count, 0))
        self.value = np.maximum(self.value, highest)
