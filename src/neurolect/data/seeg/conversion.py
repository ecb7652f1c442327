"""Raw recordings of a subject into the packed layout, channel by channel."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.conversion_plan import RunPlan, SubjectPlan
from neurolect.data.seeg.duin_conversion import convert_duin_release
from neurolect.data.seeg.duin_release import find_duin_subjects
from neurolect.data.seeg.layout import Signal, WordTrials, write_subject
from neurolect.data.seeg.rereferencing import Derivation
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.errors import DataError

_GROUP_BYTES = 2**29


def convert_subject(
    plan: SubjectPlan, out: Path, replace: bool = False, on_channel: Callable[[], None] = lambda: None
) -> Path:
    """Prepare a subject's signals and write its folder, which appears when it is complete.

    Contacts are read in groups that fit half a gigabyte and prepared one channel at a time; results go to files beside
    the output that are mapped into memory, and are copied from there. Memory therefore grows with a channel's length
    only, and the disk must have room for the subject twice.

    Args:
        plan: what to write.
        out: root of the packed layout; the subject's folder is made in it.
        replace: put this in the place of a subject that is there already.
        on_channel: called after each channel of each recording.

    Returns:
        the subject's folder.

    Raises:
        DataError: the subject is there already, or nothing is to be written.
    """
    folder = out / plan.info.name
    require_new(folder, replace)
    if not plan.n_trials and not any(run.continuous for run in plan.runs):
        raise DataError(f"subject {plan.info.name}: no trials, and no recording is to be kept whole: nothing to write")
    with subjects_in_place(out, replace) as unfinished:
        trials, recordings = _prepare(plan, unfinished.parent, on_channel)
        write_subject(unfinished / plan.info.name, plan.info, trials, recordings)
    return folder


def convert_release(
    root: Path,
    out: Path,
    subject: str | None = None,
    replace: bool = False,
    on_run: Callable[[Path], None] = lambda _: None,
) -> list[Path]:
    """Pack subjects of Du-IN's release, whose signals are prepared already.

    Args:
        root: of the release.
        out: root of the packed layout.
        subject: the one to take; None takes all.
        replace: put these in the place of subjects that are there already.
        on_run: called with each file before it is read.

    Returns:
        the subjects' folders.

    Raises:
        DataError: a subject is there already, or the release is damaged.
    """
    names = [folder.name for folder in find_duin_subjects(root)] if subject is None else [subject]
    for name in names:
        require_new(out / name, replace)
    with subjects_in_place(out, replace) as unfinished:
        convert_duin_release(root, unfinished, names, on_run)
    return [out / name for name in names]


@contextmanager
def subjects_in_place(out: Path, replace: bool) -> Iterator[Path]:
    """Yield an empty folder; the subjects' folders that are written to it are moved to `out` when all is done.

    It lies in a folder of `out` that goes at the end, and that other files may be written to.

    Raises:
        DataError: a subject is there already and is not to be replaced.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".scratch", dir=out) as scratch:
        unfinished = Path(scratch, "subjects")
        unfinished.mkdir()
        yield unfinished
        for folder in sorted(unfinished.iterdir()):
            target = out / folder.name
            require_new(target, replace)
            replaced = Path(scratch, f"replaced {folder.name}")
            if target.exists():
                target.rename(replaced)
            try:
                folder.rename(target)
            except BaseException:
                if replaced.exists():
                    replaced.rename(target)
                raise


def require_new(folder: Path, replace: bool) -> None:
    """Refuse, before there is anything to write, a subject that is there already.

    Raises:
        DataError: it is there and not to be replaced, or the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "subject.json").is_file():
        raise DataError(f"{folder}: exists and is no subject's folder")
    if not replace:
        raise DataError(f"{folder}: the subject is there already; --replace puts this in its place")


def _prepare(
    plan: SubjectPlan, scratch: Path, on_channel: Callable[[], None]
) -> tuple[WordTrials | None, list[tuple[str, Signal]]]:
    n_channels = len(plan.info.channels)
    trials = _mapped(scratch / "trials.npy", (plan.n_trials, n_channels, plan.n_trial_samples))
    recordings: list[tuple[str, Signal]] = []
    first_trial = 0
    for number, run in enumerate(plan.runs):
        whole = None
        if run.continuous:
            whole = _mapped(scratch / f"recording{number}.npy", (n_channels, run.n_samples))
            recordings.append((run.raw.name, whole))
        for channel, signal in enumerate(prepared_channels(run, plan.preparation)):
            if not np.isfinite(signal).all():
                raise DataError(f"{run.raw.path}: channel {run.derived[channel].name} has values too large to filter")
            if whole is not None:
                whole[channel] = signal
            for trial, first in enumerate(run.trials.first_samples, start=first_trial):
                trials[trial, channel] = signal[first : first + plan.n_trial_samples]
            on_channel()
        first_trial += len(run.trials.words)
    if not plan.n_trials:
        return None, recordings
    words = [word for run in plan.runs for word in run.trials.words]
    runs = [run.raw.name for run in plan.runs for _ in run.trials.words]
    onsets = np.array([onset for run in plan.runs for onset in run.trials.onsets])
    return WordTrials(trials, words, runs, onsets), recordings


def prepared_channels(run: RunPlan, preparation: Preparation) -> Iterator[npt.NDArray[np.float32]]:
    """Re-reference, filter and resample a recording's channels one by one; each is (samples,) in microvolts."""
    average = _mean(run) if run.averaged else None
    for group in _groups(run.derived, run.raw.n_samples):
        names = list(dict.fromkeys(name for each in group for name in (each.contact, each.subtracted) if name))
        signals = dict(zip(names, run.raw.read([run.raw.channels.index(name) for name in names]), strict=True))
        for each in group:
            signal = signals[each.contact].astype(np.float64)
            if each.subtracted is not None:
                signal -= signals[each.subtracted]
            if average is not None:
                signal -= average
            yield preparation(signal, run.raw.sample_rate, run.mains).astype(np.float32)


def _groups(derived: list[Derivation], n_samples: int) -> Iterator[list[Derivation]]:
    at_once = max(1, _GROUP_BYTES // (4 * n_samples) - 1)
    for first in range(0, len(derived), at_once):
        yield derived[first : first + at_once]


def _mean(run: RunPlan) -> npt.NDArray[np.float64]:
    mean = np.empty(run.raw.n_samples)
    for start, stop in run.raw.blocks():
        mean[start:stop] = run.raw.read_block(run.averaged, start, stop).mean(axis=0)
    return mean


def _mapped(path: Path, shape: tuple[int, ...]) -> Signal:
    if 0 in shape:
        return np.empty(shape, dtype=np.float32)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
