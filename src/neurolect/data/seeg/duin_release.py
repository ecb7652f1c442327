"""The layout in which Du-IN's recordings are released (Zheng et al., NeurIPS 2024), read and written.

    <root>/<subject>/
        word-recitation/<run>/dataset.bipolar.default.unaligned/{data,info}     pickles: trials, channel names
        pretrain/dataset.default.1000hz/{info,**/*.npy}                         (2, channels, samples) each; not public

Of the two signals the release may hold, only the bipolar one is read, as Du-IN reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurolect.data.files import written_atomically
from neurolect.data.seeg.duin_pickles import array_of, dump_dictionary, dump_trials, load_pickle
from neurolect.data.seeg.layout import Signal
from neurolect.data.seeg.mapped_arrays import map_array
from neurolect.errors import DataError

TASK = "word-recitation"
RUN = "dataset.bipolar.default.unaligned"
PRETRAINING = Path("pretrain", "dataset.default.1000hz")


@dataclass(frozen=True)
class DuinRun:
    """One run of spoken words.

    Args:
        words: what was said in each trial.
        signals: (channels, samples) of each trial.
        channels: names of the rows.
    """

    words: list[str]
    signals: Sequence[Signal]
    channels: list[str]


def find_duin_subjects(root: Path) -> list[Path]:
    """Folders of subjects in the released layout, at most three folders down, sorted by name; often there are none."""
    levels = ("*", "*/*", "*/*/*")
    found = {path for level in levels for part in (TASK, str(PRETRAINING)) for path in root.glob(f"{level}/{part}")}
    folders = {path.parent if path.name == TASK else path.parent.parent for path in found if path.is_dir()}
    return sorted(folders, key=lambda folder: (natural_order(folder.name), folder))


def is_duin_subject(folder: Path) -> bool:
    """Whether a folder is one subject's in the released layout."""
    return (folder / TASK).is_dir() or (folder / PRETRAINING).is_dir()


def find_duin_runs(subject: Path) -> list[Path]:
    """Folders of a subject's runs, `run2` before `run10`."""
    return sorted(
        (each for each in (subject / TASK).glob("*") if each.is_dir()), key=lambda run: natural_order(run.name)
    )


def read_duin_run(run: Path) -> DuinRun:
    """Read one run into memory.

    Raises:
        DataError: a file is missing or damaged, or a trial breaks the layout.
    """
    data = run / RUN / "data"
    channels = read_channel_names(run / RUN / "info")
    trials = load_pickle(data)
    if not isinstance(trials, list):
        raise DataError(f"{data}: holds a {type(trials).__name__}, expected a list of trials")
    words, signals = [], []
    for number, trial in enumerate(trials):
        if not isinstance(trial, dict) or not isinstance(trial.get("name"), str) or "data_s" not in trial:
            raise DataError(f"{data}: trial {number}: not a dictionary with 'name', a word, and 'data_s', its signal")
        signal = array_of(trial["data_s"], f"{data}: trial {number}: data_s")
        if signal.ndim != 2 or len(signal) != len(channels) or signal.dtype.kind not in "fiu":
            shape = " × ".join(map(str, signal.shape))
            raise DataError(
                f"{data}: trial {number}: data_s is {shape} {signal.dtype}, expected numbers of {len(channels)} "
                "channels × samples"
            )
        words.append(trial["name"])
        signals.append(signal)
    return DuinRun(words, signals, channels)


def read_channel_names(info: Path) -> list[str]:
    """The channel names in an `info` file.

    Raises:
        DataError: the file is missing or damaged, or has no list of names under `ch_names`.
    """
    described = load_pickle(info)
    names = described.get("ch_names") if isinstance(described, dict) else None
    if not isinstance(names, list | tuple) and names is not None:
        names = array_of(names, f"{info}: ch_names").tolist()
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{info}: has no list of channel names under 'ch_names'")
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{info}: channel '{twice}' occurs twice in ch_names")
    return list(names)


def open_duin_recording(path: Path, n_channels: int) -> Signal:
    """Map a pre-training file into memory and take its bipolar signal: (channels, samples).

    Raises:
        DataError: the file is damaged or has another shape.
    """
    both = map_array(path)
    if both.ndim != 3 or both.shape[:2] != (2, n_channels) or both.dtype.kind not in "fiu":
        shape = " × ".join(map(str, both.shape))
        raise DataError(f"{path}: is {shape} {both.dtype}, expected numbers of 2 × {n_channels} channels × samples")
    signal: Signal = both[0]
    return signal


def write_duin_run(run: Path, content: DuinRun) -> None:
    """Write a run as the release has it; it appears when it is complete."""
    with written_atomically((run / RUN).absolute()) as unfinished:
        unfinished.mkdir()
        with (unfinished / "data").open("wb") as file:
            dump_trials(
                (
                    {"name": word, "data_s": np.asarray(signal)}
                    for word, signal in zip(content.words, content.signals, strict=True)
                ),
                file,
            )
        with (unfinished / "info").open("wb") as file:
            dump_dictionary({"ch_names": list(content.channels)}, file)


def write_duin_recordings(subject: Path, channels: Sequence[str], recordings: Iterable[tuple[str, Signal]]) -> None:
    """Write a subject's pre-training files, zeros in place of the background signal that Du-IN does not use.

    Args:
        subject: folder of the subject.
        channels: names.
        recordings: name, such as `session1/part1`, and (channels, samples) of each.
    """
    with written_atomically((subject / PRETRAINING).absolute()) as unfinished:
        unfinished.mkdir()
        with (unfinished / "info").open("wb") as file:
            dump_dictionary({"ch_names": list(channels)}, file)
        for name, signal in recordings:
            path = unfinished / f"{name}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.stack([signal, np.zeros_like(signal)]), allow_pickle=False)


def natural_order(name: str) -> list[tuple[int, Any]]:
    """What to sort names by, so that `run2` comes before `run10`."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]
