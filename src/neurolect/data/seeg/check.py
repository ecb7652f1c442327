"""Looks over subjects in the packed or in Du-IN's released layout and says what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.duin_conversion import SAMPLE_RATE
from neurolect.data.seeg.duin_release import (
    PRETRAINING,
    TASK,
    find_duin_runs,
    find_duin_subjects,
    is_duin_subject,
    open_duin_recording,
    read_channel_names,
    read_duin_run,
)
from neurolect.data.seeg.layout import RECORDINGS, SUBJECT, TRIAL_TABLE, TRIALS, open_subject
from neurolect.data.seeg.signal_survey import SignalSurvey
from neurolect.errors import DataError

_READ_AT_ONCE = 1 << 22  # values
_SHORTEST_PIECE_SECONDS = 4.0


@dataclass
class SubjectSummary:
    """What one subject's folder holds.

    Args:
        subject: name.
        channels: number of them.
        sample_rate: in Hz.
        runs: run → number of its trials.
        repetitions: word → number of its trials.
        trial_seconds: length of a trial.
        recordings: number of recordings without labels.
        recorded_seconds: length of all of them.
        problems: one line each, naming file, trial or channel.
        notes: what need not be a fault.
    """

    subject: str
    channels: int = 0
    sample_rate: float = 0.0
    runs: Counter[str] = field(default_factory=Counter)
    repetitions: Counter[str] = field(default_factory=Counter)
    trial_seconds: float = 0.0
    recordings: int = 0
    recorded_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_packed(root: Path) -> Iterator[SubjectSummary]:
    """Read every value of every subject in the packed layout; problems are collected rather than raised."""
    for folder in _folders(root):
        if (folder / SUBJECT).exists():
            yield _check_packed_subject(folder)
        elif _is_part_of_subject(folder):
            yield SubjectSummary(folder.name, problems=[f"{folder}: has no {SUBJECT}, and is left out everywhere"])


def other_folders(root: Path) -> list[Path]:
    """Folders beside packed subjects that hold nothing of one."""
    return [each for each in _folders(root) if not (each / SUBJECT).exists() and not _is_part_of_subject(each)]


def require_known_layout(root: Path) -> None:
    """Refuse a folder of none of the layouts that can be checked.

    Raises:
        DataError: says what was found, and what is expected.
    """
    if (root / SUBJECT).exists() or is_duin_subject(root):
        raise DataError(f"{root}: is one subject's folder: give the folder that it lies in, {root.absolute().parent}")
    if root.is_dir() and not any(root.glob("*/data_*.hdf5")):
        names = sorted(path.name for path in root.iterdir())
        raise DataError(
            f"{root}: holds {_some(names) if names else 'nothing'}; expected <subject>/{SUBJECT} (packed layout), "
            f"<subject>/{TASK} (Du-IN's release) or <session>/data_train.hdf5 (T15 layout)"
        )


def check_duin_release(root: Path) -> Iterator[SubjectSummary]:
    """Read every value of every subject in Du-IN's released layout; problems are collected rather than raised."""
    for folder in find_duin_subjects(root):
        yield _check_released_subject(folder)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_part_of_subject(folder: Path) -> bool:
    return any((folder / name).exists() for name in (TRIALS, TRIAL_TABLE, RECORDINGS))


def _check_packed_subject(folder: Path) -> SubjectSummary:
    summary = SubjectSummary(folder.name)
    try:
        subject = open_subject(folder)
    except DataError as error:
        summary.problems.append(str(error))
        return summary
    summary.channels, summary.sample_rate = len(subject.info.channels), subject.info.sample_rate
    if subject.info.name != folder.name:
        summary.problems.append(f"{folder}: says it is of subject {subject.info.name}, a copied or renamed folder?")
    survey = SignalSurvey(subject.info.channels, summary.sample_rate)
    trials = subject.trials
    if trials is not None and len(trials):
        summary.trial_seconds = trials.n_samples / summary.sample_rate
        _count_words(summary, folder, [(trials.words, trials.runs)])
        for run in summary.runs:
            onsets = trials.onsets[[each == run for each in trials.runs]]
            if (np.diff(onsets) < 0).any():
                summary.problems.append(f"{folder}: {run}: trials are not in order of time")
        for number, signal in enumerate(trials.signals):
            survey.add(signal, f"trial {number}")
    for recording in subject.recordings:
        _add_recording(summary, survey, recording.signal, f"recording {recording.name}")
    if not summary.runs and not summary.recordings:
        summary.problems.append(f"{folder}: holds neither trials nor recordings")
    _conclude(summary, folder, survey)
    return summary


def _check_released_subject(folder: Path) -> SubjectSummary:
    summary = SubjectSummary(folder.name, sample_rate=SAMPLE_RATE)
    surveys: dict[tuple[str, ...], SignalSurvey] = {}
    spoken = []
    lengths: Counter[int] = Counter()
    for path in find_duin_runs(folder):
        try:
            run = read_duin_run(path)
        except DataError as error:
            summary.problems.append(str(error))
            continue
        survey = surveys.setdefault(tuple(run.channels), SignalSurvey(run.channels, SAMPLE_RATE))
        for number, signal in enumerate(run.signals):
            survey.add(signal, f"{path.name}, trial {number}")
            lengths[signal.shape[1]] += 1
        spoken.append((run.words, [path.name] * len(run.words)))
    _count_words(summary, folder, spoken)
    if lengths:
        usual = lengths.most_common(1)[0][0]
        summary.trial_seconds = usual / SAMPLE_RATE
        others = {length: count for length, count in lengths.items() if length != usual}
        for length, count in others.items():
            summary.problems.append(f"{folder}: {count} trials have {length} samples, the others {usual}")
    _check_released_recordings(summary, folder, surveys)
    summary.channels = max((len(channels) for channels in surveys), default=0)
    if len(surveys) > 1:
        summary.problems.append(f"{folder}: channels differ between runs or from the recordings'")
    for survey in surveys.values():
        _conclude(summary, folder, survey)
    return summary


def _check_released_recordings(
    summary: SubjectSummary, folder: Path, surveys: dict[tuple[str, ...], SignalSurvey]
) -> None:
    files = sorted((folder / PRETRAINING).rglob("*.npy"))
    if not files:
        return
    try:
        channels = read_channel_names(folder / PRETRAINING / "info")
    except DataError as error:
        summary.problems.append(str(error))
        return
    survey = surveys.setdefault(tuple(channels), SignalSurvey(channels, SAMPLE_RATE))
    for path in files:
        try:
            signal = open_duin_recording(path, len(channels))
        except DataError as error:
            summary.problems.append(str(error))
            continue
        _add_recording(summary, survey, signal, f"recording {path.relative_to(folder / PRETRAINING)}")


def _count_words(summary: SubjectSummary, folder: Path, spoken: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    pairs = [pair for words, runs in spoken for pair in zip(words, runs, strict=True)]
    summary.repetitions = Counter(word for word, _ in pairs)
    summary.runs = Counter(run for _, run in pairs)
    runs_of: dict[str, set[str]] = {}
    for word, run in pairs:
        runs_of.setdefault(word, set()).add(run)
    once = sorted(word for word, runs in runs_of.items() if len(runs) == 1)
    if len(summary.runs) > 1 and once:
        summary.notes.append(f"{folder}: words of one run only: {_some(once)}")
    if "" in runs_of:
        summary.problems.append(f"{folder}: {summary.repetitions['']} trials have no word")


def _add_recording(summary: SubjectSummary, survey: SignalSurvey, signal: npt.NDArray[np.floating], where: str) -> None:
    summary.recordings += 1
    summary.recorded_seconds += signal.shape[1] / summary.sample_rate
    step = max(_READ_AT_ONCE // len(signal), round(_SHORTEST_PIECE_SECONDS * summary.sample_rate))
    for start in range(0, signal.shape[1], step):
        survey.add(signal[:, start : start + step], where)


def _conclude(summary: SubjectSummary, folder: Path, survey: SignalSurvey) -> None:
    summary.problems += [f"{folder}: {problem}" for problem in survey.problems()]
    summary.notes += [f"{folder}: {note}" for note in survey.notes()]


def _some(names: Sequence[str], n_shown: int = 5) -> str:
    more = f" and {len(names) - n_shown} more" if len(names) > n_shown else ""
    return ", ".join(names[:n_shown]) + more
