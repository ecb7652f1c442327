"""Batches of segments, each read from a mapped array when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import torch

from neurolect.data.seeg.augmentation import shifted
from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.layout import Signal, Subject, open_subject
from neurolect.data.seeg.standardise import Stretch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError

SignalKind = Literal["trials", "recordings"]
_READ_AT_ONCE = 1 << 22  # values

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SubjectSignals:
    """The chosen channels of one subject's trials or recordings; sent to another process, they are opened there.

    Args:
        folder: of the subject, in the packed layout.
        channels: to read, in this order.
        kind: which of the subject's arrays.
    """

    folder: Path
    channels: tuple[str, ...]
    kind: SignalKind

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def subject(self) -> Subject:
        """The subject, mapped into memory."""
        return open_subject(self.folder)

    @cached_property
    def arrays(self) -> Sequence[Signal]:
        """Each trial or recording: (all channels, samples)."""
        if self.kind == "recordings":
            return [recording.signal for recording in self.subject.recordings]
        if self.subject.trials is None:
            raise DataError(f"{self.folder}: subject {self.subject.info.name} has no trials")
        return list(self.subject.trials.signals)

    @cached_property
    def lengths(self) -> list[int]:
        """Samples of each trial or recording."""
        return [int(array.shape[1]) for array in self.arrays]

    @cached_property
    def _rows(self) -> list[int]:
        return self.subject.rows(self.channels)

    def name(self, item: int) -> str:
        """Such as `trial 3` or `recording rest`."""
        return f"trial {item}" if self.kind == "trials" else f"recording {self.subject.recordings[item].name}"

    def read(self, item: int, start: int, stop: int) -> Signal:
        """A copy of (channels, samples) of one trial or recording."""
        # Choosing rows copies already; what is left to do is to forget that it was a mapped file.
        return np.asarray(self.arrays[item][self._rows, start:stop])

    def stretches(self, fitted: Sequence[tuple[int, int, int]]) -> Iterator[Stretch]:
        """All signals, piece by piece; those inside (item, first sample, sample behind the last) are `fitted`."""
        inside: dict[int, list[tuple[int, int]]] = {}
        step = max(1, _READ_AT_ONCE // len(self.channels))
        for item, start, stop in fitted:
            inside.setdefault(item, []).append((start, stop))
        for item, length in enumerate(self.lengths):
            limits = (border for bounds in inside.get(item, ()) for border in bounds)
            borders = sorted({length, *limits, *range(0, length, step)})
            for start, stop in pairwise(borders):
                used = any(first <= start and stop <= last for first, last in inside.get(item, ()))
                yield Stretch(self.name(item), self.read(item, start, stop), used, start)


@dataclass(frozen=True)
class Segments:
    """Where segments are and what they are labelled with, one entry each.

    Args:
        subjects: (segments,) index of the subject.
        items: (segments,) trial or recording of that subject.
        starts: (segments,) first sample.
        labels: (segments,) class, or `NO_LABEL`.
    """

    subjects: Indices
    items: Indices
    starts: Indices
    labels: Indices

    def __len__(self) -> int:
        return len(self.subjects)

    def __getitem__(self, chosen: Indices | slice) -> Segments:
        return Segments(self.subjects[chosen], self.items[chosen], self.starts[chosen], self.labels[chosen])


@dataclass(frozen=True)
class SegmentBatches(Sequence[SegmentBatch]):
    """Batches that are read when indexed; picklable, so that a data loader's workers can read them.

    Args:
        signals: of each subject.
        inputs: z-score of each subject.
        segments: in the order of the batches.
        rows: for each batch, which segments this process takes.
        steps: number of each batch in the run.
        n_samples: length of a segment.
        shifts: (segments,) samples by which each is moved, or None.
        zeroed: whether a shift of 0 gives zeros, as in the reference.
    """

    signals: Sequence[SubjectSignals]
    inputs: Sequence[SubjectInput]
    segments: Segments
    rows: Sequence[Indices]
    steps: Sequence[int]
    n_samples: int
    shifts: Indices | None = None
    zeroed: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, position: int) -> SegmentBatch: ...
    @overload
    def __getitem__(self, position: slice) -> list[SegmentBatch]: ...
    def __getitem__(self, position: int | slice) -> SegmentBatch | list[SegmentBatch]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        rows = self.rows[position]
        segments = self.segments[rows]
        n_channels = max(len(each.channels) for each in self.inputs)
        signals = np.zeros((len(rows), self.n_samples, n_channels), dtype=np.float32)
        mask = np.zeros((len(rows), n_channels), dtype=np.bool_)
        for place, row in enumerate(rows):
            signal = self._read(int(row))
            signals[place, :, : len(signal)] = signal.T
            mask[place, : len(signal)] = True
        return SegmentBatch(
            signals=torch.from_numpy(signals),
            subjects=torch.from_numpy(segments.subjects),
            channel_mask=torch.from_numpy(mask),
            labels=torch.from_numpy(segments.labels),
            step=self.steps[position],
        )

    def _read(self, row: int) -> Signal:
        subject, start = int(self.segments.subjects[row]), int(self.segments.starts[row])
        raw = self.signals[subject].read(int(self.segments.items[row]), start, start + self.n_samples)
        scaled = self.inputs[subject].scale(raw)
        # The z-score of a value that is missing is that of the mean.
        scaled[~np.isfinite(scaled)] = 0
        if self.shifts is None:
            return scaled
        shift = int(self.shifts[row])
        return np.zeros_like(scaled) if shift == 0 and self.zeroed else shifted(scaled, shift)


def shared_batches(n_segments: int, batch_size: int, rank: int, world_size: int) -> list[Indices]:
    """Rows of the batches of a training epoch for one process: every `world_size`-th row of each batch.

    There are as few batches as `batch_size` allows, and they differ by at most one segment: a last batch of a few
    segments would have a larger say for each of them, and some processes would get none.

    Raises:
        ConfigError: a batch has fewer segments than there are processes.
    """
    n_batches = -(-n_segments // batch_size)
    if n_segments < n_batches * world_size:
        raise ConfigError(f"batches of {n_segments // n_batches} segments cannot be shared by {world_size} processes")
    return [batch[rank::world_size] for batch in np.array_split(np.arange(n_segments), max(n_batches, 1))]


def dealt_batches(n_segments: int, batch_size: int, rank: int, world_size: int) -> list[tuple[int, Indices]]:
    """Number and rows of whole batches in order, for one process: every `world_size`-th batch."""
    rows = np.arange(n_segments)
    batches = list(enumerate(rows[start : start + batch_size] for start in range(0, n_segments, batch_size)))
    return batches[rank::world_size]
