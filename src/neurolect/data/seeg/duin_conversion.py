"""Du-IN's released recordings into the packed layout."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurolect.data.seeg.duin_release import (
    PRETRAINING,
    RUN,
    TASK,
    find_duin_runs,
    find_duin_subjects,
    natural_order,
    open_duin_recording,
    read_channel_names,
    read_duin_run,
)
from neurolect.data.seeg.layout import Signal, SubjectInfo, WordTrials, write_subject
from neurolect.errors import DataError

SAMPLE_RATE = 1000.0
EPOCH_START = -0.5


def convert_duin_release(
    root: Path,
    out: Path,
    subjects: Sequence[str] | None = None,
    on_run: Callable[[Path], None] = lambda _: None,
) -> list[Path]:
    """Turn released subjects into the packed layout: trials in the order of the files, recordings without labels.

    The release gives no times of words. Channels that are not in all of a subject's runs are left out, with a warning.

    Args:
        root: of the release.
        out: folder that gets one folder per subject.
        subjects: names such as `001`; None takes all.
        on_run: called with each run and each pre-training file before it is read.

    Returns:
        The folders written.

    Raises:
        DataError: there is no such subject, it is there twice, a file breaks the layout, or a folder is there already.
    """
    folders: dict[str, Path] = {}
    for folder in find_duin_subjects(root):
        if (other := folders.setdefault(folder.name, folder)) != folder:
            raise DataError(f"{folder}: subject {folder.name} is in {other} too: convert them one folder at a time")
    if not folders:
        raise DataError(f"{root}: no folder in it holds {TASK} or {PRETRAINING}, as Du-IN's release does")
    for name in subjects or ():
        if name not in folders:
            raise DataError(f"{root}: there is no subject '{name}'; there are {', '.join(folders)}")
    return [_convert_subject(folders[name], out / name, on_run) for name in subjects or folders]


def _convert_subject(source: Path, folder: Path, on_run: Callable[[Path], None]) -> Path:
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    runs = find_duin_runs(source)
    files = sorted((source / PRETRAINING).rglob("*.npy"), key=lambda path: natural_order(str(path)))
    rows = _shared_channels(source, runs, with_recordings=bool(files))
    info = SubjectInfo(
        name=source.name,
        channels=next(iter(rows.values())).names,
        sample_rate=SAMPLE_RATE,
        epoch_start=EPOCH_START,
        preparation=["prepared by the authors of Du-IN: bipolar reference, 1000 Hz"],
        source="Du-IN's release",
    )
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        trials = _gather(runs, rows, Path(scratch, "trials"), on_run) if runs else None
        write_subject(folder, info, trials, _recordings(files, source, rows, on_run))
    return folder


@dataclass(frozen=True)
class _Rows:
    """Which rows of a source's arrays are the channels that all sources share."""

    names: list[str]
    rows: list[int]
    n_channels: int


def _shared_channels(source: Path, runs: Sequence[Path], with_recordings: bool) -> dict[Path, _Rows]:
    infos = {run: read_channel_names(run / RUN / "info") for run in runs}
    if with_recordings:
        infos[source / PRETRAINING] = read_channel_names(source / PRETRAINING / "info")
    if not infos:
        raise DataError(f"{source}: holds no run and no recording")
    every = list(dict.fromkeys(name for names in infos.values() for name in names))
    shared = [name for name in every if all(name in names for names in infos.values())]
    if not shared:
        raise DataError(f"{source}: its runs share no channel")
    if len(shared) < len(every):
        lost = ", ".join(name for name in every if name not in shared)
        warnings.warn(f"{source}: left out channels that are not in all runs: {lost}", stacklevel=2)
    return {
        folder: _Rows(shared, [names.index(name) for name in shared], len(names)) for folder, names in infos.items()
    }


def _gather(
    runs: Sequence[Path], rows: dict[Path, _Rows], scratch: Path, on_run: Callable[[Path], None]
) -> WordTrials | None:
    """All runs' trials, through a file so that memory holds one run at a time."""
    words: list[str] = []
    names: list[str] = []
    n_samples: int | None = None
    with scratch.open("wb") as file:
        for run in runs:
            on_run(run)
            read = read_duin_run(run)
            for number, signal in enumerate(read.signals):
                n_samples = signal.shape[1] if n_samples is None else n_samples
                if signal.shape[1] != n_samples:
                    raise DataError(
                        f"{run / RUN / 'data'}: trial {number} has {signal.shape[1]} samples, earlier ones {n_samples}"
                    )
                file.write(np.ascontiguousarray(signal[rows[run].rows], dtype=np.float32).tobytes())
            words += read.words
            names += [run.name] * len(read.words)
    if n_samples is None:
        return None
    shape = (len(words), len(rows[runs[0]].rows), n_samples)
    signals = np.memmap(scratch, dtype=np.float32, mode="r", shape=shape)
    return WordTrials(signals, words, names, np.full(len(words), np.nan))


def _recordings(
    files: Sequence[Path], source: Path, rows: dict[Path, _Rows], on_run: Callable[[Path], None]
) -> Iterator[tuple[str, Signal]]:
    folder = source / PRETRAINING
    for path in files:
        on_run(path)
        signal = open_duin_recording(path, rows[folder].n_channels)
        yield "-".join(path.relative_to(folder).with_suffix("").parts), signal[rows[folder].rows]
