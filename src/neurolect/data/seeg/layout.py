"""The packed layout of field-potential recordings: a folder per subject, signals in arrays that are mapped into memory.

    <root>/<subject>/
        subject.json            channels, sampling rate, where the signals came from
        trials.npy              (trials, channels, samples) float32: one epoch per spoken word
        trials.csv              word, run, onset of each trial, in order of time within a run
        recordings/<name>.npy   (channels, samples) float32: continuous, without labels

Trials and recordings are both optional. Signals are filtered, re-referenced and resampled, in any unit, and **not**
z-scored: statistics belong to a training split. On disk channels come before samples, so that choosing a few of many
contacts reads only those.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.seeg.mapped_arrays import map_array
from neurolect.data.seeg.tables import read_rows, read_seconds
from neurolect.errors import DataError

SUBJECT = "subject.json"
TRIALS = "trials.npy"
TRIAL_TABLE = "trials.csv"
RECORDINGS = "recordings"
_FORMAT = 1
_COLUMNS = ["word", "run", "onset"]

Signal = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SubjectInfo:
    """What is known of one subject's signals besides their values.

    Args:
        name: of the subject, and of its folder.
        channels: names in the order of the arrays' rows; a bipolar channel is named after its first contact, or
            `A1-A2`.
        sample_rate: in Hz.
        epoch_start: time of a trial's first sample relative to the onset of its word, in seconds.
        regions: channel → anatomical region, for those that are known.
        positions: channel → (x, y, z) in metres, for those that are known.
        preparation: what was done to the signals, step by step, for people to read.
        source: where they came from.
        simulated: whether nobody's brain was recorded.
    """

    name: str
    channels: list[str]
    sample_rate: float
    epoch_start: float = 0.0
    regions: dict[str, str] = field(default_factory=dict)
    positions: dict[str, list[float]] = field(default_factory=dict)
    preparation: list[str] = field(default_factory=list)
    source: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class WordTrials:
    """Epochs around spoken words, in order of time within each run.

    Args:
        signals: (trials, channels, samples) float32, mapped into memory.
        words: what was said in each trial.
        runs: the run that each trial was recorded in.
        onsets: time of the word within its run in seconds; NaN where the source does not say.
    """

    signals: Signal
    words: list[str]
    runs: list[str]
    onsets: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def n_samples(self) -> int:
        """Length of a trial in samples."""
        return int(self.signals.shape[2])


@dataclass(frozen=True)
class Recording:
    """One continuous recording without labels; `signal` (channels, samples) float32 is mapped into memory."""

    name: str
    signal: Signal

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return int(self.signal.shape[1])


@dataclass(frozen=True)
class Subject:
    """One subject's folder, opened without reading its signals."""

    folder: Path
    info: SubjectInfo
    trials: WordTrials | None
    recordings: list[Recording]

    def rows(self, channels: Sequence[str]) -> list[int]:
        """Rows of the arrays that hold these channels, in the order asked for.

        Raises:
            DataError: names the first channel that is not there.
        """
        for channel in channels:
            if channel not in self.info.channels:
                raise DataError(
                    f"{self.folder}: subject {self.info.name} has no channel '{channel}'; it has "
                    f"{', '.join(self.info.channels)}"
                )
        return [self.info.channels.index(channel) for channel in channels]


def find_subjects(root: Path, names: Sequence[str] | None = None) -> list[Subject]:
    """Open subjects of a packed folder; None takes all, sorted by name.

    Raises:
        DataError: the folder is not there, is a subject's own or holds none, a named one is not there, one breaks the
            layout, or two are of one name.
    """
    there = sorted(path.parent.name for path in root.glob(f"*/{SUBJECT}"))
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    if not there and (root / SUBJECT).is_file():
        raise DataError(f"{root}: is one subject's folder: give the folder that it lies in, {root.absolute().parent}")
    if not there:
        raise DataError(f"{root}: no folder in it holds {SUBJECT}; 'neurolect data convert' makes such folders")
    for name in names or ():
        if name not in there:
            raise DataError(f"{root}: there is no subject '{name}'; there are {', '.join(there)}")
    if names and len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise DataError(f"{root}: subject '{twice}' is named twice")
    subjects: dict[str, Subject] = {}
    for subject in (open_subject(root / name) for name in names or there):
        if (other := subjects.setdefault(subject.info.name, subject)) is not subject:
            raise DataError(f"{subject.folder}: says it is of subject {subject.info.name}, as {other.folder} does")
    return list(subjects.values())


def open_subject(folder: Path) -> Subject:
    """Map one subject's folder into memory.

    Raises:
        DataError: a file is missing or damaged, or shapes, channels and table contradict each other.
    """
    info = _read_info(folder / SUBJECT)
    has_trials = any((folder / name).exists() for name in (TRIALS, TRIAL_TABLE))
    trials = _open_trials(folder, info) if has_trials else None
    recordings = [
        Recording(path.stem, _map(path, (len(info.channels), None)))
        for path in sorted((folder / RECORDINGS).glob("*.npy"))
    ]
    return Subject(folder, info, trials, recordings)


def write_subject(
    folder: Path,
    info: SubjectInfo,
    trials: WordTrials | None = None,
    recordings: Iterable[tuple[str, Signal]] = (),
) -> None:
    """Write a subject's folder; it appears when it is complete.

    Args:
        folder: must not exist, or be empty.
        info: of the subject.
        trials: in order of time within each run.
        recordings: name and signal (channels, samples) of each, which may be made one after the other.

    Raises:
        DataError: shapes contradict the channels, or a recording's name occurs twice.
    """
    with written_atomically(folder.absolute()) as unfinished:
        unfinished.mkdir()
        if trials is not None:
            _require_shape(f"subject {info.name}: trials", trials.signals, (len(trials), len(info.channels), None))
            np.save(unfinished / TRIALS, np.ascontiguousarray(trials.signals, dtype=np.float32), allow_pickle=False)
            with (unfinished / TRIAL_TABLE).open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(_COLUMNS)
                writer.writerows(zip(trials.words, trials.runs, map(repr, trials.onsets.tolist()), strict=True))
        for name, signal in recordings:
            _require_shape(f"subject {info.name}: recording {name}", signal, (len(info.channels), None))
            path = unfinished / RECORDINGS / f"{name}.npy"
            if path.exists():
                raise DataError(f"subject {info.name}: recording {name} occurs twice")
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.ascontiguousarray(signal, dtype=np.float32), allow_pickle=False)
        description = json.dumps({"format": _FORMAT, **asdict(info)}, indent=1, ensure_ascii=False)
        (unfinished / SUBJECT).write_text(description + "\n", encoding="utf-8")


def _read_info(path: Path) -> SubjectInfo:
    try:
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"{path}: no such file") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: not a JSON file") from None
    if not isinstance(described, Mapping) or described.get("format") != _FORMAT:
        raise DataError(f"{path}: not a subject of format {_FORMAT}")
    known = {name: value for name, value in described.items() if name != "format"}
    _require_keys(path, known)
    info = SubjectInfo(**known)
    for name, (is_right, expected) in _KINDS.items():
        if not is_right(getattr(info, name)):
            raise DataError(f"{path}: {name} is {json.dumps(getattr(info, name)):.40}, not {expected}")
    if len(set(info.channels)) != len(info.channels):
        twice = next(channel for channel in info.channels if info.channels.count(channel) > 1)
        raise DataError(f"{path}: channel '{twice}' occurs twice")
    if not info.sample_rate > 0:
        raise DataError(f"{path}: sample_rate is {info.sample_rate}, it must be positive")
    return info


def _require_keys(path: Path, described: Mapping[str, Any]) -> None:
    for each in fields(SubjectInfo):
        if each.name not in described and each.default is MISSING and each.default_factory is MISSING:
            raise DataError(f"{path}: does not say '{each.name}'")
    if unknown := sorted(described.keys() - {each.name for each in fields(SubjectInfo)}):
        raise DataError(f"{path}: says '{unknown[0]}', which format {_FORMAT} does not know")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list(value: object, of: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(of, value))


def _is_table(value: object, of: Callable[[object], bool]) -> bool:
    return isinstance(value, dict) and all(map(of, value.values()))


_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_text, "a name"),
    "channels": (lambda value: bool(value) and _is_list(value, _is_text), "a list of names"),
    "sample_rate": (_is_number, "a number"),
    "epoch_start": (_is_number, "a number"),
    "regions": (partial(_is_table, of=_is_text), "a name for each channel"),
    "positions": (partial(_is_table, of=partial(_is_list, of=_is_number)), "a list of numbers for each channel"),
    "preparation": (partial(_is_list, of=_is_text), "a list of steps"),
    "source": (_is_text, "a text"),
    "simulated": (lambda value: isinstance(value, bool), "true or false"),
}


def _open_trials(folder: Path, info: SubjectInfo) -> WordTrials:
    path = folder / TRIAL_TABLE
    rows = read_rows(path, _COLUMNS)
    words, runs, onsets = ([row[column] for row in rows] for column in _COLUMNS)
    times = np.array(
        [
            math.nan if onset.strip().lower() == "nan" else read_seconds(path, line, "onset", onset)
            for line, onset in enumerate(onsets, start=2)
        ]
    )
    if not (folder / TRIALS).exists():
        raise DataError(f"{path}: lists {len(words)} trials, {TRIALS}: no such file")
    signals = _map(folder / TRIALS, (len(words), len(info.channels), None))
    return WordTrials(signals, words, runs, times)


def _map(path: Path, shape: tuple[int | None, ...]) -> Signal:
    array: Signal = map_array(path)
    if array.dtype != np.float32:
        raise DataError(f"{path}: holds {array.dtype}, expected float32")
    _require_shape(str(path), array, shape)
    return array


def _require_shape(what: str, array: Signal, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(want in (None, have) for have, want in zip(array.shape, shape, strict=True))
    if not fits:
        wanted = " × ".join("any" if each is None else str(each) for each in shape)
        raise DataError(f"{what}: shape is {' × '.join(map(str, array.shape))}, expected {wanted}")
