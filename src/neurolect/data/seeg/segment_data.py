"""Unlabelled segments of several subjects' signals as training and validation batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from neurolect.data.seeg.agreement import require_alike
from neurolect.data.seeg.batches import NO_LABEL
from neurolect.data.seeg.channel_choice import chosen_channels
from neurolect.data.seeg.layout import Subject, find_subjects
from neurolect.data.seeg.segment_batches import (
    Indices,
    SegmentBatches,
    Segments,
    SubjectSignals,
    dealt_batches,
    shared_batches,
)
from neurolect.data.seeg.segment_splits import split_signals
from neurolect.data.seeg.splits import Protocol, Stretches, require_fractions
from neurolect.data.seeg.standardise import fit_input
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.data.seeg.word_splits import trials_of
from neurolect.data.t15 import MissingValues, Split
from neurolect.errors import ConfigError, DataError, require_at_least


@dataclass(frozen=True)
class SegmentData:
    """Segments for pre-training, cut at random from recordings in the packed layout, or from the trials of words.

    Args:
        root: folder that holds one folder per subject.
        subjects: names, in the order of their index; None takes all, sorted by name.
        channels: subject → channels in the order of the model's inputs. Subjects that it does not name give the
            channels that Du-IN uses if they have them, else all.
        protocol: `clean` splits each recording in time and fits the z-score on what trains; `reference` deals out
            whole recordings at random, with the statistics of all of them, and takes one segment of each in an epoch.
        source: cut segments from recordings or from the trials of words, of which only those train that
            `WordData` trains with at the same settings; `auto` takes the trials of subjects without recordings.
        segment_seconds: length of a segment, at most that of a trial where trials are the source.
        segments_per_epoch: training segments of an epoch, drawn in proportion to length; None takes from each stretch
            of training signal as many as fit without overlap.
        batch_size: segments in a training step of all processes together.
        seed: of the segments and their order; in `reference` of the split too.
        validation_fraction: of each recording, or of each run's trials, in `clean`.
        test_fraction: of each recording, or of each run's trials, in `clean`.
        missing: refuse NaN and infinite values, or put the channel's mean in their place.
    """

    root: Path
    subjects: list[str] | None = None
    channels: dict[str, list[str]] | None = None
    protocol: Protocol = "clean"
    source: Literal["auto", "recordings", "trials"] = "auto"
    segment_seconds: float = 4.0
    segments_per_epoch: int | None = None
    batch_size: int = 64
    seed: int = 42
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    missing: MissingValues = "refuse"

    def __post_init__(self) -> None:
        require_at_least(1, "data.batch_size", self.batch_size)
        require_at_least(0, "data.seed", self.seed)
        if self.segments_per_epoch is not None:
            require_at_least(1, "data.segments_per_epoch", self.segments_per_epoch)
        if not self.segment_seconds > 0:
            raise ConfigError(f"data.segment_seconds is {self.segment_seconds}, it must be positive")
        require_fractions(self.validation_fraction, self.test_fraction)

    @cached_property
    def opened(self) -> list[Subject]:
        """The subjects in the order of their index.

        Raises:
            DataError: they differ in sampling rate.
        """
        subjects = find_subjects(self.root, self.subjects)
        require_alike(subjects, "Hz", [subject.info.sample_rate for subject in subjects])
        return subjects

    @cached_property
    def signals(self) -> list[SubjectSignals]:
        """The chosen channels of what each subject's segments are cut from.

        Raises:
            DataError: a subject lacks the recordings or trials that `source` asks for, or has neither.
        """
        without = [subject.info.name for subject in self.opened if not subject.recordings]
        if without and self.source == "recordings":
            raise DataError(f"{self.root}: subject {without[0]} has no recordings; source 'trials' takes its trials")
        chosen = chosen_channels(self.opened, self.channels)
        from_trials = [self.source == "trials" or not subject.recordings for subject in self.opened]
        for subject in (subject for subject, wanted in zip(self.opened, from_trials, strict=True) if wanted):
            trials_of(subject)
        signals = [
            SubjectSignals(subject.folder, channels, "trials" if wanted else "recordings")
            for subject, channels, wanted in zip(self.opened, chosen, from_trials, strict=True)
        ]
        told = []
        if without and self.source == "auto":
            told.append(f"no recordings of subject {', '.join(without)}, segments are cut from trials of words")
        if (length := self._length(signals)) < self._wanted:
            seconds = length / self.sample_rate
            told.append(f"segments are {seconds:g} s, as trials are, and not {self.segment_seconds:g}")
        if told:
            warnings.warn(f"{self.root}: {'; '.join(told)}", stacklevel=3)  # past cached_property
        return signals

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        return len(self.opened)

    @property
    def n_channels(self) -> int:
        """Channels of the subject that gives most."""
        return max(len(signals.channels) for signals in self.signals)

    @property
    def sample_rate(self) -> float:
        """In Hz."""
        return self.opened[0].info.sample_rate

    @property
    def simulated(self) -> bool:
        """Whether any subject is simulated."""
        return any(subject.info.simulated for subject in self.opened)

    @cached_property
    def n_samples(self) -> int:
        """Length of a segment."""
        return self._length(self.signals)

    @property
    def _wanted(self) -> int:
        return round(self.segment_seconds * self.sample_rate)

    def _length(self, signals: Sequence[SubjectSignals]) -> int:
        return min([self._wanted, *(max(each.lengths) for each in signals if each.kind == "trials")])

    @cached_property
    def stretches(self) -> list[Stretches]:
        """What trains, validates and tests of each subject; see `split_signals`."""
        return split_signals(
            self.opened,
            self.signals,
            self.n_samples,
            self.protocol,
            self.seed,
            self.validation_fraction,
            self.test_fraction,
        )

    @cached_property
    def subject_inputs(self) -> list[SubjectInput]:
        """The channels of each subject and their z-score, of training signals, or in `reference` of all."""
        inputs = []
        for subject, signals, found in zip(self.opened, self.signals, self.stretches, strict=True):
            everything = [(item, 0, length) for item, length in enumerate(signals.lengths)]
            stretches = signals.stretches(everything if self.protocol == "reference" else found["train"])
            inputs.append(fit_input(subject.info.name, signals.channels, stretches, self.missing))
        return inputs

    def training_epoch(self, epoch: int, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """Batches of an epoch, which depend on the seed and the epoch's number alone; see `EpochBatches`.

        Raises:
            ConfigError: a batch has fewer segments than there are processes.
        """
        rng = np.random.default_rng((self.seed, epoch))
        chosen = self._drawn(rng)
        subjects, items, starts, stops = self._table("train")[chosen].T
        segments = self._segments(subjects, items, rng.integers(starts, stops - self.n_samples, endpoint=True))
        rows = shared_batches(len(segments), self.batch_size, rank, world_size)
        return SegmentBatches(
            signals=self.signals,
            inputs=self.subject_inputs,
            segments=segments,
            rows=rows,
            steps=range(epoch * len(rows), (epoch + 1) * len(rows)),
            n_samples=self.n_samples,
        )

    def validation_batches(self, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """Fixed validation segments, see `EpochBatches`."""
        return self.evaluation_batches("val", rank, world_size)

    def evaluation_batches(self, split: Split, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """A split's signals as segments that do not overlap, in order; batches are dealt out to processes in turn.

        Raises:
            DataError: there is none.
        """
        table = [
            (subject, item, first)
            for subject, item, start, stop in self._table(split).tolist()
            for first in range(start, stop - self.n_samples + 1, self.n_samples)
        ]
        if not table:
            raise DataError(f"{self.root}: there is no {split} signal of {self.n_samples} samples")
        subjects, items, starts = np.array(table, dtype=np.int64).T
        dealt = dealt_batches(len(table), self.batch_size, rank, world_size)
        return SegmentBatches(
            signals=self.signals,
            inputs=self.subject_inputs,
            segments=self._segments(subjects, items, starts),
            rows=[rows for _, rows in dealt],
            steps=[number for number, _ in dealt],
            n_samples=self.n_samples,
        )

    def _table(self, split: Split) -> Indices:
        """(stretches, 4): subject, recording or trial, first sample, sample behind the last."""
        rows = [(subject, *stretch) for subject, found in enumerate(self.stretches) for stretch in found[split]]
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def _drawn(self, rng: np.random.Generator) -> Indices:
        """Which training stretch each segment of an epoch comes from."""
        _, _, starts, stops = self._table("train").T
        lengths = stops - starts
        if self.segments_per_epoch is not None:
            return rng.choice(len(lengths), size=self.segments_per_epoch, p=lengths / lengths.sum())
        fitting = np.ones_like(lengths) if self.protocol == "reference" else lengths // self.n_samples
        return rng.permutation(np.repeat(np.arange(len(lengths)), fitting))

    def _segments(self, subjects: Indices, items: Indices, starts: Indices) -> Segments:
        return Segments(subjects.copy(), items.copy(), starts.copy(), np.full(len(starts), NO_LABEL, dtype=np.int64))
