"""What a short look at a raw recording says of its power line, its unit and its contacts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.raw_recording import RawRecording
from neurolect.data.seeg.rereferencing import Derivation
from neurolect.errors import DataError

_SECONDS = 60
_CONTACTS = 16
_LINES = (50.0, 60.0)
_CLEAR = 3.0
_PLAUSIBLE = (0.5, 20_000.0)


def a_minute(raw: RawRecording, rows: Sequence[int]) -> npt.NDArray[np.float64]:
    """Up to a minute from the middle of up to 16 contacts spread over `rows`: (contacts, samples) in microvolts."""
    chosen = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, _CONTACTS).round().astype(int))]
    length = min(raw.n_samples, round(_SECONDS * raw.sample_rate))
    start = (raw.n_samples - length) // 2
    return raw.read_block(chosen, start, start + length)


def mains_of(raw: RawRecording, wanted: float | None, look: npt.NDArray[np.float64], notes: list[str]) -> float:
    """The power line's frequency to filter at: the wanted one, else what the file says; 0 for no filter.

    Args:
        raw: the recording.
        wanted: in Hz; None believes the file.
        look: `a_minute` of it.
        notes: gets one more where the spectrum says otherwise.

    Raises:
        DataError: neither says; names the line that shows in the spectrum.
    """
    seen = power_line(look, raw.sample_rate)
    mains = raw.mains if wanted is None else wanted
    if mains is None:
        hint = f"; its spectrum has a line at {seen:g} Hz" if seen else ""
        raise DataError(
            f"{raw.path}: does not say the power line's frequency: set mains (--preparation.mains) to 50, 60, or 0 for "
            f"none{hint}"
        )
    if seen and seen != mains:
        notes.append(f"{raw.name}: its spectrum has a line at {seen:g} Hz, and mains is {mains:g}")
    return mains


def same_signals(raw: RawRecording, derived: Sequence[Derivation]) -> list[Derivation]:
    """The pairs whose contacts carry one signal in the recording's first half minute: bridged, or copied."""
    pairs = [(each, each.subtracted) for each in derived if each.subtracted is not None]
    if not pairs:
        return []
    names = list(dict.fromkeys(name for each, other in pairs for name in (each.contact, other)))
    block = raw.read_block([raw.channels.index(name) for name in names], *raw.blocks()[0])
    signals = dict(zip(names, block, strict=True))
    return [each for each, other in pairs if np.ptp(signals[each.contact] - signals[other]) == 0]


def power_line(signals: npt.NDArray[np.float64], rate: float) -> float | None:
    """The power line's frequency that shows in signals (contacts, samples), 50 or 60 Hz; None where none stands out.

    It stands out where the power within 1 Hz of it and of its third harmonic is at least thrice that around them, as a
    geometric mean, and more so than at the other frequency.
    """
    from scipy.signal import welch

    if signals.shape[1] < 4 * rate:
        return None
    frequencies, power = welch(signals, rate, nperseg=round(2 * rate), detrend="linear")
    usual = np.median(power / np.maximum(np.median(power, axis=1, keepdims=True), 1e-30), axis=0)
    prominence = {line: _prominence(frequencies, usual, line) for line in _LINES}
    line = max(prominence, key=lambda each: prominence[each])
    return line if prominence[line] >= _CLEAR else None


def implausible_unit(signals: npt.NDArray[np.float64]) -> str | None:
    """A note where the usual standard deviation of contacts is no potential inside a skull."""
    usual = float(np.median(np.nanstd(signals, axis=1)))
    if _PLAUSIBLE[0] <= usual <= _PLAUSIBLE[1]:
        return None
    return f"contacts vary by {usual:.3g} µV (standard deviation): the file's unit may be wrong"


def _prominence(frequencies: npt.NDArray[np.float64], power: npt.NDArray[np.float64], line: float) -> float:
    ratios = []
    for frequency in (line, 3 * line):
        distance = np.abs(frequencies - frequency)
        if frequency + 6 < frequencies[-1]:
            ratios.append(power[distance <= 1].max() / np.median(power[(distance > 2) & (distance <= 6)]))
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else 0.0
