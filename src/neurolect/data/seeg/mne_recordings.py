"""Recordings in the files that MNE reads: EDF, BDF, FIF, BrainVision, EEGLAB."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.raw_recording import SIMULATED, Event, RawRecording
from neurolect.errors import DataError

ENDINGS = (".edf", ".bdf", ".fif", ".fif.gz", ".vhdr", ".set")

_MICROVOLTS = 1e6


def open_mne(path: Path) -> RawRecording:
    """Open a recording through MNE, without reading its signals.

    Events are its annotations. Units become microvolts by what the file says of them.

    Raises:
        DataError: MNE is not installed (extra `ieeg`), or cannot read the file.
    """
    mne = _mne(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw: Any = mne.io.read_raw(path, preload=False, verbose="error")
    # Each of MNE's readers raises what its parser stumbled over.
    except Exception as error:
        raise DataError(f"{path}: MNE cannot read it: {' '.join(str(error).split())}") from None

    def read_block(rows: Sequence[int], start: int, stop: int) -> npt.NDArray[np.float64]:
        # MNE takes rows in the file's order only.
        order = np.argsort(np.asarray(rows, dtype=int), kind="stable")
        block = np.empty((len(rows), stop - start))
        try:
            block[order] = raw.get_data([rows[each] for each in order], start, stop, verbose="error")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: samples {start} to {stop}: {' '.join(str(error).split())}") from None
        return block * _MICROVOLTS

    return RawRecording(
        name=_stem(path),
        path=path,
        channels=tuple(raw.ch_names),
        kinds=tuple(raw.get_channel_types()),
        sample_rate=float(raw.info["sfreq"]),
        n_samples=int(raw.n_times),
        read_block=read_block,
        positions=_positions(raw),
        bad=frozenset(raw.info["bads"]),
        events=_annotations(raw),
        mains=raw.info["line_freq"],
        simulated=(raw.info["subject_info"] or {}).get("last_name") == SIMULATED,
    )


def _mne(path: Path) -> ModuleType:
    try:
        import mne
    except ImportError:
        raise DataError(f"{path}: reading it takes MNE: pip install 'neurolect[ieeg]'") from None
    return cast(ModuleType, mne)


def _stem(path: Path) -> str:
    ending = next((each for each in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(each)), "")
    return path.name[: len(path.name) - len(ending)]


def _positions(raw: Any) -> dict[str, list[float]]:
    places = {channel["ch_name"]: np.asarray(channel["loc"][:3], dtype=float) for channel in raw.info["chs"]}
    # Without a montage all places are zero or not a number.
    return {name: place.tolist() for name, place in places.items() if np.isfinite(place).all() and place.any()}


def _annotations(raw: Any) -> tuple[Event, ...]:
    # Onsets count from the start of the acquisition, which is before the first sample of a cropped FIF.
    return tuple(
        Event(float(each["onset"]) - float(raw.first_time), str(each["description"]).strip(), float(each["duration"]))
        for each in raw.annotations
    )
