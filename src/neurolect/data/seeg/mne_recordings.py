"""Recordings in the files that MNE reads: EDF, BDF, FIF, BrainVision, EEGLAB."""

from __future__ import annotations

import re
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
_OMITTED = re.compile(r"Omitted (\d+) annotation")
_WITH_RECORDS = (".edf", ".bdf")


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
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            raw: Any = mne.io.read_raw(path, preload=False, verbose="warning")
    # Each of MNE's readers raises what its parser stumbled over.
    except Exception as error:
        raise DataError(f"{path}: MNE cannot read it: {' '.join(str(error).split())}") from None
    notes = [found[1] for each in said if (found := _OMITTED.match(str(each.message)))]
    notes = [f"{count} annotations lie outside the recording: left out" for count in notes]
    if path.suffix.lower() in _WITH_RECORDS:
        notes += _compared_with_header(path, raw.n_times / raw.info["sfreq"])

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
        notes=tuple(notes),
        simulated=(raw.info["subject_info"] or {}).get("last_name") == SIMULATED,
    )


def _mne(path: Path) -> ModuleType:
    try:
        import mne
    except ImportError:
        raise DataError(f"{path}: reading it takes MNE: pip install 'neurolect[ieeg]'") from None
    return cast(ModuleType, mne)


def _compared_with_header(path: Path, seconds: float) -> list[str]:
    """Notes on an EDF or BDF file whose header announces another length.

    Raises:
        DataError: the file is shorter than that.
    """
    with path.open("rb") as file:
        file.seek(236)
        fields = [file.read(8).split(b"\0")[0].replace(b",", b".") for _ in range(2)]
    n_records, record_seconds = int(fields[0]), float(fields[1]) or 1.0  # MNE reads 0 as 1
    announced = n_records * record_seconds
    # -1 stands in the header while a recording goes on.
    if n_records < 0:
        return ["its header does not say how long it is: the recording was not ended, or the file is cut short"]
    if abs(announced - seconds) < record_seconds / 2:
        return []
    told = f"its header announces {n_records} records, {announced:g} s, and {seconds:g} s are there"
    if seconds < announced:
        raise DataError(f"{path}: the file is cut short: {told}")
    return [told]


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
