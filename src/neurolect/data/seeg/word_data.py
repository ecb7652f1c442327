"""Spoken words of several subjects as training, validation and test batches."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from neurolect.data.seeg.agreement import require_alike
from neurolect.data.seeg.augmentation import TimeShift
from neurolect.data.seeg.channel_choice import chosen_channels
from neurolect.data.seeg.layout import Subject, find_subjects
from neurolect.data.seeg.segment_batches import (
    SegmentBatches,
    Segments,
    SubjectSignals,
    dealt_batches,
    shared_batches,
)
from neurolect.data.seeg.splits import Parts, Protocol, require_fractions
from neurolect.data.seeg.standardise import fit_input
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.data.seeg.word_splits import split_words, trials_of
from neurolect.data.t15 import MissingValues, Split
from neurolect.errors import ConfigError, DataError, require_at_least

_ORDER, _SHIFTS = range(2)  # streams of random numbers


@dataclass(frozen=True)
class TrialReference:
    """One trial: index of its subject, its place among the subject's trials, what was said, and its run."""

    subject: int
    trial: int
    word: str
    run: str


@dataclass(frozen=True)
class WordData:
    """Trials of spoken words in the packed layout, and how they are split and cut into batches.

    Args:
        root: folder that holds one folder per subject.
        subjects: names, in the order of their index; None takes all, sorted by name.
        channels: subject → channels in the order of the model's inputs. Subjects that it does not name give the
            channels that Du-IN uses if they have them, else all.
        protocol: `clean` splits each run in time and fits the z-score on training trials; `reference` splits and
            scales as Du-IN does, with the statistics of all trials, and turns unshifted trials into zeros.
        batch_size: trials in a training step of all processes together.
        seed: of the order of the trials and their shifts; in `reference` of the split too.
        balance: draw training trials so that all words, or all subjects, are equally likely; `none` takes every trial
            once in an epoch.
        shift: random shift of training trials.
        validation_fraction: of each run's trials, in `clean`.
        test_fraction: of each run's trials, in `clean`.
        word_list: the classes; trials of other words are left out. None takes all words that occur, sorted.
        missing: refuse NaN and infinite values, or put the channel's mean in their place.
    """

    root: Path
    subjects: list[str] | None = None
    channels: dict[str, list[str]] | None = None
    protocol: Protocol = "clean"
    batch_size: int = 32
    seed: int = 42
    balance: Literal["none", "words", "subjects"] = "none"
    shift: TimeShift = TimeShift()
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    word_list: list[str] | None = None
    missing: MissingValues = "refuse"

    def __post_init__(self) -> None:
        require_at_least(1, "data.batch_size", self.batch_size)
        require_at_least(0, "data.seed", self.seed)
        require_fractions(self.validation_fraction, self.test_fraction)
        if self.word_list is not None and len(set(self.word_list)) != len(self.word_list):
            raise ConfigError("data.word_list names a word twice")
        if self.word_list is not None and len(self.word_list) < 2:
            raise ConfigError(f"data.word_list names {len(self.word_list)} words, it must be at least 2 to tell apart")

    @cached_property
    def opened(self) -> list[Subject]:
        """The subjects in the order of their index.

        Raises:
            DataError: one has no trials, or they differ in sampling rate or length of trials.
        """
        subjects = find_subjects(self.root, self.subjects)
        require_alike(subjects, "Hz", [subject.info.sample_rate for subject in subjects])
        require_alike(subjects, "samples a trial", [trials_of(subject).n_samples for subject in subjects])
        return subjects

    @cached_property
    def words(self) -> list[str]:
        """The classes in the order of their labels."""
        if self.word_list is not None:
            return list(self.word_list)
        return sorted({word for subject in self.opened for word in trials_of(subject).words})

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        return len(self.opened)

    @property
    def n_channels(self) -> int:
        """Channels of the subject that gives most."""
        return max(len(signals.channels) for signals in self.signals)

    @property
    def n_samples(self) -> int:
        """Length of a trial."""
        return trials_of(self.opened[0]).n_samples

    @property
    def sample_rate(self) -> float:
        """In Hz."""
        return self.opened[0].info.sample_rate

    @property
    def simulated(self) -> bool:
        """Whether any subject is simulated."""
        return any(subject.info.simulated for subject in self.opened)

    @cached_property
    def signals(self) -> list[SubjectSignals]:
        """The chosen channels of each subject's trials."""
        chosen = chosen_channels(self.opened, self.channels)
        return [
            SubjectSignals(subject.folder, channels, "trials")
            for subject, channels in zip(self.opened, chosen, strict=True)
        ]

    @cached_property
    def splits(self) -> list[Parts]:
        """Which trials of each subject train, validate and test.

        Raises:
            DataError: a subject has too few trials for one of the parts.
        """
        splits = split_words(self.opened, self.protocol, self.seed, self.validation_fraction, self.test_fraction)
        for subject, parts in zip(self.opened, splits, strict=True):
            trained = {trials_of(subject).words[trial] for trial in parts.train}
            unseen = sorted(set(trials_of(subject).words) & set(self.words) - trained)
            if unseen:
                warnings.warn(
                    f"subject {subject.info.name}: no training trial of {', '.join(unseen)}; held-out trials of such "
                    "words count as errors",
                    stacklevel=3,  # past cached_property
                )
        said = {word for subject in self.opened for word in trials_of(subject).words}
        if never := [word for word in self.words if word not in said]:
            warnings.warn(f"{self.root}: no trial of {', '.join(never)}; such words stay classes", stacklevel=3)
        return splits

    @cached_property
    def subject_inputs(self) -> list[SubjectInput]:
        """The channels of each subject and their z-score, of the training trials, or in `reference` of all."""
        inputs = []
        for subject, signals, parts in zip(self.opened, self.signals, self.splits, strict=True):
            fitted = range(len(trials_of(subject))) if self.protocol == "reference" else parts.train.tolist()
            stretches = signals.stretches([(trial, 0, self.n_samples) for trial in fitted])
            inputs.append(fit_input(subject.info.name, signals.channels, stretches, self.missing))
        return inputs

    def trials(self, split: Split | Literal["all"]) -> list[TrialReference]:
        """The trials of a split, in the order of `evaluation_batches`; `all` takes every trial and splits nothing."""
        return [
            TrialReference(index, trial, trials_of(subject).words[trial], trials_of(subject).runs[trial])
            for index, subject in enumerate(self.opened)
            for trial in self._places(index, split)
            if trials_of(subject).words[trial] in self._labels
        ]

    def training_epoch(self, epoch: int, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """Batches of an epoch, which depend on the seed and the epoch's number alone; see `EpochBatches`.

        Raises:
            DataError: there is no training trial, or all are of one word.
            ConfigError: a batch has fewer trials than there are processes.
        """
        trials = self._some_trials("train")
        if len(said := {trial.word for trial in trials}) < 2:
            raise DataError(f"{self.root}: all training trials are of '{said.pop()}': it takes two words to tell apart")
        order = np.random.default_rng((self.seed, _ORDER, epoch))
        chosen = self._drawn(trials, order)
        rows = shared_batches(len(chosen), self.batch_size, rank, world_size)
        shifts = self.shift.draw(len(chosen), self.sample_rate, np.random.default_rng((self.seed, _SHIFTS, epoch)))
        return SegmentBatches(
            signals=self.signals,
            inputs=self.subject_inputs,
            segments=self._segments(trials)[chosen],
            rows=rows,
            steps=range(epoch * len(rows), (epoch + 1) * len(rows)),
            n_samples=self.n_samples,
            shifts=shifts,
            zeroed=self.protocol == "reference",
        )

    def validation_batches(self, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """Every validation trial once, see `EpochBatches`."""
        return self.evaluation_batches("val", rank, world_size)

    def evaluation_batches(self, split: Split, rank: int = 0, world_size: int = 1) -> SegmentBatches:
        """Every trial of a split once, unchanged and in order; batches are dealt out to processes in turn.

        Raises:
            DataError: there is none.
        """
        trials = self._some_trials(split)
        dealt = dealt_batches(len(trials), self.batch_size, rank, world_size)
        return SegmentBatches(
            signals=self.signals,
            inputs=self.subject_inputs,
            segments=self._segments(trials),
            rows=[rows for _, rows in dealt],
            steps=[number for number, _ in dealt],
            n_samples=self.n_samples,
        )

    def _places(self, subject: int, split: Split | Literal["all"]) -> list[int]:
        if split == "all":
            return list(range(len(trials_of(self.opened[subject]))))
        places: list[int] = sorted(getattr(self.splits[subject], split).tolist())
        return places

    def _some_trials(self, split: Split) -> list[TrialReference]:
        trials = self.trials(split)
        if not trials:
            raise DataError(f"{self.root}: there is no {split} trial of any of {len(self.words)} words")
        return trials

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {word: label for label, word in enumerate(self.words)}

    def _segments(self, trials: list[TrialReference]) -> Segments:
        return Segments(
            subjects=np.array([trial.subject for trial in trials], dtype=np.int64),
            items=np.array([trial.trial for trial in trials], dtype=np.int64),
            starts=np.zeros(len(trials), dtype=np.int64),
            labels=np.array([self._labels[trial.word] for trial in trials], dtype=np.int64),
        )

    def _drawn(self, trials: list[TrialReference], rng: np.random.Generator) -> np.ndarray:
        if self.balance == "none":
            return rng.permutation(len(trials))
        groups = [trial.word if self.balance == "words" else trial.subject for trial in trials]
        _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
        return rng.choice(len(trials), size=len(trials), p=1 / counts[group] / len(counts))
