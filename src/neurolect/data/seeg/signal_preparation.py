"""Filters and resampling that bring field potentials of any amplifier into one form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.rereferencing import Reference
from neurolect.errors import ConfigError

Samples = npt.NDArray[np.float64]

_NOTCH_WIDTH = 2.0
_ORDER = 4
_EDGE_PERIODS = 3
_FINEST_RATIO = 100_000


@dataclass(frozen=True)
class Preparation:
    """What is done to each channel, in this order.

    1. Re-referencing comes first: what all contacts share goes before a filter can smear it in time.
    2. The notch takes the power line and its harmonics out at the recording's own rate, where they are still at their
       own frequencies.
    3. The band-pass follows, and keeps the resampling from folding high frequencies down.
    4. Resampling is last, so that what is thrown away is empty.

    Both filters run forwards and backwards in float64 and so delay nothing; ends are continued by their mirror image
    turned over, for three periods of the lowest frequency. Signals leave in microvolts and are not z-scored.

    Args:
        reference: `bipolar` along each shaft, `average` over all contacts, or `none`.
        mains: power line frequency in Hz, 50 or 60; 0 filters nothing; None believes the file.
        low: lower edge of the band in Hz; 0 leaves slow drifts in.
        high: upper edge in Hz; above the recording's own band nothing is taken away.
        sample_rate: in Hz; 1000 is what Du-IN reads.
    """

    reference: Reference = "bipolar"
    mains: float | None = None
    low: float = 0.5
    high: float = 200.0
    sample_rate: float = 1000.0

    def __post_init__(self) -> None:
        """Refuse bands and rates that cannot be."""
        if not 0 < self.sample_rate < math.inf:
            raise ConfigError(f"sample_rate is {self.sample_rate:g}, it must be positive")
        if not 0 <= self.low < self.high:
            raise ConfigError(f"the band from {self.low:g} to {self.high:g} Hz is empty")
        if self.high >= self.sample_rate / 2:
            raise ConfigError(f"high is {self.high:g} Hz, at {self.sample_rate:g} Hz it must be below half of that")
        if self.mains is not None and not 0 <= self.mains < math.inf:
            raise ConfigError(f"mains is {self.mains:g}, it must be 50, 60, or 0 for no filter")

    def __call__(self, signal: Samples, rate: float, mains: float) -> Samples:
        """A re-referenced channel (samples,) at `rate` Hz → filtered and resampled; `mains` in Hz, 0 for none."""
        if mains > 0:
            signal = without_line_noise(signal, rate, mains, below=min(rate, self.sample_rate) / 2)
        signal = band_passed(signal, rate, self.low, self.high)
        return resampled(signal, resampling_ratio(rate, self.sample_rate, len(signal)))

    def describe(self, rate: float, mains: float) -> list[str]:
        """The steps after re-referencing as they apply to a recording, for people to read."""
        steps = []
        if mains > 0:
            frequencies = _harmonics(mains, min(rate, self.sample_rate) / 2)
            steps.append(f"notch at {', '.join(f'{each:g}' for each in frequencies)} Hz, {_NOTCH_WIDTH:g} Hz wide")
        edges = [f"above {self.low:g} Hz"] * (self.low > 0) + [f"below {self.high:g} Hz"] * (self.high < rate / 2)
        if edges:
            steps.append(f"band {' and '.join(edges)}, Butterworth of order {_ORDER}, forwards and backwards")
        if rate != self.sample_rate:
            steps.append(f"resampled from {rate:g} to {self.sample_rate:g} Hz")
        return steps


def without_line_noise(signal: Samples, rate: float, mains: float, below: float) -> Samples:
    """Take the power line's frequency and its harmonics below `below` Hz out of a channel (samples,)."""
    from scipy.signal import iirnotch, tf2sos

    sections = [tf2sos(*iirnotch(each, each / _NOTCH_WIDTH, rate)) for each in _harmonics(mains, below)]
    return _both_ways(np.concatenate(sections), signal, round(rate)) if sections else signal


def band_passed(signal: Samples, rate: float, low: float, high: float) -> Samples:
    """Keep the band between two frequencies in Hz; an edge at 0, or beyond half of `rate`, is no edge."""
    from scipy.signal import butter

    if high < rate / 2:
        kind, edges = ("bandpass", [low, high]) if low > 0 else ("lowpass", high)
    elif low > 0:
        kind, edges = "highpass", low
    else:
        return signal
    slowest = low if low > 0 else high
    return _both_ways(butter(_ORDER, edges, kind, fs=rate, output="sos"), signal, round(_EDGE_PERIODS * rate / slowest))


def resampled(signal: Samples, ratio: Fraction) -> Samples:
    """A channel (samples,) at `ratio` times its rate, through a polyphase filter."""
    from scipy.signal import resample_poly

    if ratio == 1:
        return signal
    return cast(Samples, resample_poly(signal, ratio.numerator, ratio.denominator, padtype="line"))


def resampling_ratio(rate: float, wanted: float, n_samples: int) -> Fraction:
    """The simplest ratio of whole numbers that is off by less than half a sample at the end of a recording."""
    exact = Fraction(wanted) / Fraction(rate)
    largest = 10
    while True:
        ratio = exact.limit_denominator(largest)
        if largest >= _FINEST_RATIO or abs(ratio - exact) * n_samples < Fraction(1, 2):
            return ratio
        largest *= 10


def resampled_length(n_samples: int, ratio: Fraction) -> int:
    """How many samples a channel has after `resampled`."""
    return -(-n_samples * ratio.numerator // ratio.denominator)


def _harmonics(mains: float, below: float) -> list[float]:
    # A notch needs room between itself and half the sampling rate.
    return [mains * k for k in range(1, int(below / mains) + 1) if mains * k < below - _NOTCH_WIDTH]


def _both_ways(sections: Samples, signal: Samples, n_edge: int) -> Samples:
    from scipy.signal import sosfiltfilt

    return cast(Samples, sosfiltfilt(sections, signal, padtype="odd", padlen=min(n_edge, len(signal) - 1)))
