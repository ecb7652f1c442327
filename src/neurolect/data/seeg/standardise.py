"""The z-score of each channel, fitted on the signals that a protocol allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.layout import Signal
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.data.t15 import MissingValues
from neurolect.errors import DataError


@dataclass(frozen=True)
class Stretch:
    """A piece of one subject's signals.

    Args:
        where: what it is, for errors, such as `trial 3`.
        signal: (channels, samples) float32.
        fitted: whether the z-score may see it.
        start: of its first sample in the trial or recording.
    """

    where: str
    signal: Signal
    fitted: bool
    start: int = 0


def fit_input(
    subject: str, channels: tuple[str, ...], stretches: Iterable[Stretch], missing: MissingValues = "refuse"
) -> SubjectInput:
    """Mean and population standard deviation of each channel over the fitted stretches, in one pass in float64.

    Args:
        subject: name.
        channels: of the signals' rows.
        stretches: all of the subject's signals, read one after the other.
        missing: refuse NaN and infinite values, fitted or not, or leave them out of the statistics.

    Raises:
        DataError: a value is NaN or infinite and `missing` is `refuse`, or nothing was fitted.
    """
    moments = _Moments(len(channels))
    for stretch in stretches:
        finite = np.isfinite(stretch.signal)
        if missing == "refuse" and not finite.all():
            channel, sample = np.argwhere(~finite)[0]
            value = stretch.signal[channel, sample]
            raise DataError(
                f"subject {subject}: {stretch.where}, channel {channels[channel]}: {value} at sample "
                f"{stretch.start + sample}; missing 'zero' puts the mean in its place"
            )
        if stretch.fitted:
            moments.add(stretch.signal, finite)
    if not moments.count.all():
        empty = channels[int(np.argmin(moments.count))]
        raise DataError(f"subject {subject}: there is no value of channel {empty} to fit a z-score on")
    return SubjectInput(subject, channels, tuple(moments.mean.tolist()), tuple(moments.std().tolist()))


class _Moments:
    """Running mean and sum of squared deviations of each channel (Chan et al. 1983)."""

    def __init__(self, n_channels: int) -> None:
        self.count = np.zeros(n_channels)
        self.mean = np.zeros(n_channels)
        self._squares = np.zeros(n_channels)
        self._lowest = np.full(n_channels, np.inf)
        self._highest = np.full(n_channels, -np.inf)

    def add(self, signal: Signal, finite: npt.NDArray[np.bool_]) -> None:
        """Take in (channels, samples) where `finite`."""
        values = np.where(finite, signal, 0).astype(np.float64)
        count = finite.sum(axis=1)
        mean = values.sum(axis=1) / np.maximum(count, 1)
        squares = (np.where(finite, values - mean[:, None], 0) ** 2).sum(axis=1)
        total = np.maximum(self.count + count, 1)
        apart = mean - self.mean
        self._squares += squares + apart**2 * self.count * count / total
        self.mean += apart * count / total
        self.count += count
        self._lowest = np.minimum(self._lowest, signal.min(axis=1, initial=np.inf, where=finite))
        self._highest = np.maximum(self._highest, signal.max(axis=1, initial=-np.inf, where=finite))

    def std(self) -> npt.NDArray[np.float64]:
        """Population standard deviation; 1 for a channel that never changes."""
        std: npt.NDArray[np.float64] = np.sqrt(self._squares / self.count)
        return np.where((self._lowest == self._highest) | (std == 0), 1.0, std)
