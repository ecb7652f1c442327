"""One continuous recording as an amplifier's file holds it, opened without reading its signals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.contact_names import plain_name
from neurolect.errors import DataError

INTRACRANIAL = ("seeg", "ecog", "dbs")
"""Kinds that hold contacts inside the skull."""
UNSTATED = "eeg"
"""Kind of the channels of files that do not tell contacts from other channels, as EDF does not."""

TEXT_COLUMNS = ("word", "text", "label", "trial_type", "stimulus", "stim_file", "condition", "value")
"""Columns of event and trial tables that may say what an event was, the likeliest first."""

SIMULATED = "SIMULATED"
"""Name that the patient of a simulated recording has in its file."""

_BLOCK_SECONDS = 30.0
_OTHER = re.compile(
    r"(DC|EKG|ECG|EOG|EMG|LOC|ROC|HEOG|VEOG|STI|STIM|TRIG|TRIGGER|MKR|MARK|EVENT|STATUS|PHOTIC|SPO2|OSAT|PULSE|RESP"
    r"|ETCO2|CO2|PR|BP|MIC|AUDIO|ANALOG|AUX|MISC|ANNOTATIONS?)[ _-]?[LR]?[+-]?\d*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Event:
    """Something that happened during a recording.

    Args:
        onset: in seconds from the first sample.
        text: what the file calls it; for a word trial, the word.
        duration: in seconds.
    """

    onset: float
    text: str
    duration: float = 0.0


@dataclass(frozen=True)
class RawRecording:
    """A recording's description, and the way to its signals.

    Args:
        name: of the run: the file's name without its ending, or the BIDS entities.
        path: of the file.
        channels: as the file names them.
        kinds: of each channel, as MNE names kinds: `seeg`, `ecog`, `dbs`, `eeg`, `misc`, …
        sample_rate: in Hz.
        n_samples: length.
        read_block: (rows, start, stop) → (rows, samples) float64 in microvolts.
        positions: channel → (x, y, z) in metres.
        regions: channel → anatomical region.
        bad: channels that the file marks as bad.
        events: annotations, the rows of events.tsv, or trials.
        mains: frequency of the power line in Hz; None where the file does not say.
        notes: what was decided while opening it, for people to read.
        simulated: whether nobody's brain was recorded.
    """

    name: str
    path: Path
    channels: tuple[str, ...]
    kinds: tuple[str, ...]
    sample_rate: float
    n_samples: int
    read_block: Callable[[Sequence[int], int, int], npt.NDArray[np.float64]]
    positions: dict[str, list[float]] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)
    bad: frozenset[str] = frozenset()
    events: tuple[Event, ...] = ()
    mains: float | None = None
    notes: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    def blocks(self) -> list[tuple[int, int]]:
        """Starts and ends of stretches short enough to be read for all channels at once."""
        step = max(1, round(_BLOCK_SECONDS * self.sample_rate))
        return [(start, min(start + step, self.n_samples)) for start in range(0, self.n_samples, step)]

    def read(self, rows: Sequence[int]) -> npt.NDArray[np.float32]:
        """Signals (rows, samples) in microvolts, read stretch by stretch so that float64 is never held whole."""
        signals = np.empty((len(rows), self.n_samples), dtype=np.float32)
        for start, stop in self.blocks():
            signals[:, start:stop] = self.read_block(rows, start, stop)
        return signals

    def contact_rows(self, keep: Sequence[str] = ()) -> list[int]:
        """Rows that hold contacts inside the skull.

        Where the file tells kinds apart, those of kind `seeg`, `ecog` and `dbs`. Where all are `eeg`, those whose names
        are not the ones that amplifiers give to other channels, such as DC01 or EKG1, but for the names in `keep`.

        Raises:
            DataError: there is none.
        """
        if any(kind in INTRACRANIAL for kind in self.kinds):
            rows = [row for row, kind in enumerate(self.kinds) if kind in INTRACRANIAL or self.channels[row] in keep]
        else:
            rows = [
                row
                for row, (name, kind) in enumerate(zip(self.channels, self.kinds, strict=True))
                if name in keep or (kind == UNSTATED and not _OTHER.fullmatch(plain_name(name)))
            ]
        if not rows:
            raise DataError(f"{self.path}: none of its {len(self.channels)} channels is a contact inside the skull")
        return rows

    def unusable(self, rows: Sequence[int]) -> dict[str, str]:
        """Channels that cannot be used → why, found by reading all of `rows` once: gaps and flat lines.

        Raises:
            DataError: there is no sample, or all of them have gaps; names when the first begins.
        """
        if not self.n_samples:
            raise DataError(f"{self.path}: holds no sample")
        low = np.full(len(rows), np.inf)
        high = np.full(len(rows), -np.inf)
        first_gap = np.full(len(rows), -1)
        for start, stop in self.blocks():
            block = self.read_block(rows, start, stop)
            missing = ~np.isfinite(block)
            new = missing.any(axis=1) & (first_gap < 0)
            first_gap[new] = start + missing[new].argmax(axis=1)
            block[missing] = np.nan
            low, high = np.fmin(low, np.fmin.reduce(block, axis=1)), np.fmax(high, np.fmax.reduce(block, axis=1))
        if (first_gap >= 0).all():
            when = first_gap.min() / self.sample_rate
            raise DataError(f"{self.path}: every contact lacks values, from {when:.3f} s on; cut the recording there")
        found = {}
        for index, row in enumerate(rows):
            if first_gap[index] >= 0:
                found[self.channels[row]] = f"not a number at {first_gap[index] / self.sample_rate:.3f} s"
            elif low[index] == high[index]:
                found[self.channels[row]] = "flat"
        return found
