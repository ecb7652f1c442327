"""Which of the subjects' trials train, validate and test, by protocol."""

from __future__ import annotations

from collections.abc import Sequence

from neurolect.data.seeg.layout import Subject, WordTrials
from neurolect.data.seeg.reference_splits import reference_word_splits
from neurolect.data.seeg.splits import Parts, Protocol, split_runs_in_time
from neurolect.errors import DataError


def split_words(
    subjects: Sequence[Subject], protocol: Protocol, seed: int, validation: float = 0.1, test: float = 0.1
) -> list[Parts]:
    """Split the trials of each subject; the fractions count in `clean` alone, the seed in `reference` alone.

    Raises:
        DataError: a subject has no trials, or too few for training or validation.
    """
    trials = [trials_of(subject) for subject in subjects]
    if protocol == "reference":
        splits = reference_word_splits([(each.words, each.runs, each.n_samples) for each in trials], seed)
    else:
        splits = [
            split_runs_in_time(each.runs, each.onsets, each.n_samples / subject.info.sample_rate, validation, test)
            for subject, each in zip(subjects, trials, strict=True)
        ]
    for subject, each, parts in zip(subjects, trials, splits, strict=True):
        for name, positions in (("training", parts.train), ("validation", parts.val)):
            if not len(positions):
                raise DataError(
                    f"{subject.folder}: subject {subject.info.name} has no {name} trial: {len(each)} trials in "
                    f"{len(set(each.runs))} runs are too few to split"
                )
    return splits


def trials_of(subject: Subject) -> WordTrials:
    """The trials of a subject.

    Raises:
        DataError: there are none.
    """
    if subject.trials is None or not len(subject.trials):
        raise DataError(f"{subject.folder}: subject {subject.info.name} has no trials of words")
    return subject.trials
