"""The words of a split, classified by a trained run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.word_data import TrialReference, WordData
from neurolect.data.t15 import SPLITS, Split
from neurolect.errors import DataError
from neurolect.evaluation.accuracy import Accuracy, accuracy
from neurolect.training.segment_runs import SegmentRun

_AT_ONCE = 64

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClassifiedWords:
    """The trials of a split with a model's answers.

    Args:
        trials: in the order of the data.
        subjects: names, by the trials' indices.
        words: there are to choose from, in the order of the logits.
        logits: (trials, words) float32.
    """

    trials: list[TrialReference]
    subjects: list[str]
    words: list[str]
    logits: Logits

    @cached_property
    def said(self) -> npt.NDArray[np.int64]:
        """(trials,) index of the word that was said."""
        places = {word: place for place, word in enumerate(self.words)}
        return np.array([places[trial.word] for trial in self.trials], dtype=np.int64)

    @cached_property
    def ranking(self) -> npt.NDArray[np.int64]:
        """(trials, words) indices of words, best first; of equals the first word comes first."""
        return np.argsort(-self.logits, axis=1, kind="stable")

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """(trials, words) softmax of the logits."""
        shifted = np.exp(self.logits.astype(np.float64) - self.logits.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
        return shares

    @property
    def chance(self) -> float:
        """Accuracy of guessing among the words."""
        return 1 / len(self.words)

    def right(self, best: int = 1) -> npt.NDArray[np.bool_]:
        """(trials,) whether what was said is among so many best."""
        found: npt.NDArray[np.bool_] = (self.ranking[:, :best] == self.said[:, None]).any(axis=1)
        return found

    def accuracy_by(self, key: Callable[[TrialReference], Any]) -> dict[Any, Accuracy]:
        """Accuracy of each group of trials, groups in the order in which they first come."""
        keys = [key(trial) for trial in self.trials]
        right = self.right()
        return {
            group: accuracy(right[[place for place, each in enumerate(keys) if each == group]])
            for group in dict.fromkeys(keys)
        }

    @cached_property
    def by_subject(self) -> dict[str, Accuracy]:
        """Accuracy of each subject."""
        return {self.subjects[index]: found for index, found in self.accuracy_by(lambda trial: trial.subject).items()}

    @cached_property
    def by_word(self) -> dict[str, Accuracy]:
        """Accuracy of each word that was said, in the order of the words."""
        found = self.accuracy_by(lambda trial: trial.word)
        return {word: found[word] for word in self.words if word in found}

    @cached_property
    def confusions(self) -> npt.NDArray[np.int64]:
        """(words said, words answered) counts."""
        counts = np.zeros((len(self.words), len(self.words)), dtype=np.int64)
        np.add.at(counts, (self.said, self.ranking[:, 0]), 1)
        return counts


def classify_words(
    run: SegmentRun,
    data: WordData,
    split: Split | Literal["all"],
    on_trials: Callable[[int], None] = lambda number: None,
) -> ClassifiedWords:
    """The answers of a run to every trial of a split, on the scale that the run was trained on.

    Args:
        run: scores words.
        data: trials, as `word_data_of` gives them.
        split: which of them.
        on_trials: is told how many trials were classified since the last call.

    Raises:
        ConfigError: the run scores no words.
        DataError: the split has no trial, or its signals do not fit the run.
    """
    trials = data.trials(split)
    if not trials:
        raise DataError(f"{data.root}: {_where_trials_are(data, split)}")
    found = []
    for subject, group in groupby(trials, key=lambda trial: trial.subject):
        of_subject = list(group)
        for start in range(0, len(of_subject), _AT_ONCE):
            chunk = of_subject[start : start + _AT_ONCE]
            found.append(_logits(run, data, subject, chunk))
            on_trials(len(chunk))
    return ClassifiedWords(trials, [each.info.name for each in data.opened], run.words, np.concatenate(found))


def _where_trials_are(data: WordData, split: Split | Literal["all"]) -> str:
    if split == "all":
        return "there is no trial"
    counts = {other: len(data.trials(other)) for other in SPLITS}
    there = ", ".join(f"{count} in {other}" for other, count in counts.items() if count)
    if not there:
        return f"there is no {split} trial"
    return (
        f"there is no {split} trial, but {there}; --split all takes all trials of other recordings than the run's own"
    )


def _logits(run: SegmentRun, data: WordData, subject: int, trials: Sequence[TrialReference]) -> Logits:
    name = data.opened[subject].info.name
    signals = np.stack([data.signals[subject].read(trial.trial, 0, data.n_samples) for trial in trials])
    if data.missing != "refuse":
        mean = np.array(run.inputs[run.subject_of(name)].mean, dtype=np.float32)[:, None]
        signals = np.where(np.isfinite(signals), signals, mean)
    return run.logits(signals.swapaxes(1, 2), name)
