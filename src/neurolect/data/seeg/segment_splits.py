"""Which stretches of recordings, or of trials in their place, train, validate and test in pre-training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolect.data.seeg.layout import Subject
from neurolect.data.seeg.reference_splits import reference_recording_splits
from neurolect.data.seeg.segment_batches import SubjectSignals
from neurolect.data.seeg.splits import Parts, Protocol, Stretches, split_recordings_in_time, split_runs_in_time
from neurolect.data.seeg.word_splits import split_words
from neurolect.data.t15 import SPLITS
from neurolect.errors import DataError

_HELP = "try a smaller data.segment_seconds or a larger data.validation_fraction"


def split_signals(
    subjects: Sequence[Subject],
    signals: Sequence[SubjectSignals],
    window: int,
    protocol: Protocol,
    seed: int,
    validation: float = 0.1,
    test: float = 0.1,
) -> list[Stretches]:
    """Split what each subject's segments are cut from; trials are split as `split_words` splits them.

    Args:
        subjects: opened.
        signals: trials or recordings of each.
        window: length of a segment in samples.
        protocol: whether recordings are cut in time, or dealt out whole at random.
        seed: of the `reference` split.
        validation: fraction in `clean`.
        test: fraction in `clean`.

    Raises:
        DataError: a subject has nothing long enough to train with, or no subject has anything to validate with.
    """
    recordings = [each for each in signals if each.kind == "recordings"]
    if protocol == "reference":
        dealt = reference_recording_splits([len(each.lengths) for each in recordings], seed)
        cut = [_whole(each.lengths, parts) for each, parts in zip(recordings, dealt, strict=True)]
    else:
        cut = [
            split_recordings_in_time(
                each.lengths, window, validation, test, cuts_beside_words(each.subject, validation, test)
            )
            for each in recordings
        ]
    of_recordings = iter(cut)
    # With every subject that has trials, as the reference draws for one subject after the other.
    spoken = [subject for subject in subjects if subject.trials is not None and len(subject.trials)]
    from_trials = len(recordings) < len(signals)
    words = split_words(spoken, protocol, seed, validation, test) if from_trials else []
    of_trials = {subject.info.name: parts for subject, parts in zip(spoken, words, strict=False)}
    stretches = [
        next(of_recordings) if each.kind == "recordings" else _whole(each.lengths, of_trials[subject.info.name])
        for subject, each in zip(subjects, signals, strict=True)
    ]
    stretches = [_that_hold(window, found) for found in stretches]
    for subject, found in zip(subjects, stretches, strict=True):
        if not found["train"]:
            raise DataError(f"{subject.folder}: subject {subject.info.name} has no training signal of {window} samples")
    if not any(found["val"] for found in stretches):
        names = ", ".join(subject.info.name for subject in subjects)
        raise DataError(f"subject {names}: no validation signal of {window} samples: {_HELP}")
    return stretches


def cuts_beside_words(subject: Subject, validation: float = 0.1, test: float = 0.1) -> dict[int, tuple[int, int]]:
    """Where to cut recordings that are the whole of a run of words: before the run's first held-out trials.

    A recording is that of a run if it has its name. Where the run's onsets are not known, all of it is test.

    Returns:
        Recording → the samples where validation and test begin.
    """
    trials = subject.trials
    if trials is None:
        return {}
    rate, start = subject.info.sample_rate, subject.info.epoch_start
    parts = split_runs_in_time(trials.runs, trials.onsets, trials.n_samples / rate, validation, test)
    found = {}
    for item, recording in enumerate(subject.recordings):
        in_run = np.array([run == recording.name for run in trials.runs], dtype=np.bool_)
        if not in_run.any():
            continue
        if not np.isfinite(trials.onsets[in_run]).all():
            found[item] = 0, 0
            continue
        first, second = (
            min(recording.n_samples, (trials.onsets[part[in_run[part]]] + start).min(initial=np.inf) * rate)
            for part in (parts.val, parts.test)
        )
        found[item] = max(0, int(min(first, second))), max(0, int(second))
    return found


def _whole(lengths: Sequence[int], parts: Parts) -> Stretches:
    return {name: [(item, 0, lengths[item]) for item in sorted(getattr(parts, name).tolist())] for name in SPLITS}


def _that_hold(window: int, stretches: Stretches) -> Stretches:
    return {part: [each for each in found if each[2] - each[1] >= window] for part, found in stretches.items()}
