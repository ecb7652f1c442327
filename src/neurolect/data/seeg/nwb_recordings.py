"""Recordings in Neurodata Without Borders files, with their electrode and trial tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.raw_recording import TEXT_COLUMNS, Event, RawRecording
from neurolect.errors import DataError

_MICROVOLTS = 1e6
_NAME_COLUMNS = ("label", "channel_name", "electrode_name", "name")
_UNKNOWN = ("", "unknown", "nan", "n/a", "none")


def open_nwb(
    path: Path, series: str | None = None, text_column: str | None = None, onset_column: str = "start_time"
) -> RawRecording:
    """Open the electrical series of an NWB file, without reading its signals.

    Channels are named by the electrode table's `label`, or by group and count within it. Events are the rows of the
    trial table. Positions are metres, millimetres or micrometres, whichever puts them inside a head.

    Args:
        path: of the file.
        series: name of the electrical series, where there are several.
        text_column: of the trial table that says what a trial was; by default the first of `TEXT_COLUMNS` there is.
        onset_column: of the trial table, in seconds.

    Raises:
        DataError: pynwb is not installed (extra `nwb`), the file is none, or a series, column or rate is not there.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError:
        raise DataError(f"{path}: reading it takes pynwb: pip install 'neurolect[nwb]'") from None
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        file = NWBHDF5IO(str(path), "r").read()
    # What the reader raises depends on which of its layers stumbles.
    except Exception as error:
        raise DataError(f"{path}: not an NWB file: {' '.join(str(error).split())}") from None
    found = _series(path, file, series)
    rate, start = _rate(path, found)
    electrodes = found.electrodes.table.to_dataframe().iloc[list(found.electrodes.data[:])]
    names = _names(electrodes)
    if found.data.shape[1:] != (len(names),) and not (len(names) == 1 and len(found.data.shape) == 1):
        shape = " × ".join(map(str, found.data.shape))
        raise DataError(f"{path}: series {found.name} is {shape}, expected samples × {len(names)} electrodes")
    scale, offset = _conversion(found, len(names))

    def read_block(rows: Sequence[int], first: int, last: int) -> npt.NDArray[np.float64]:
        # Kept open by `file`; HDF5 reads neighbouring columns faster than chosen ones.
        block = np.asarray(found.data[first:last], dtype=np.float64).reshape(last - first, len(names))
        return (block[:, list(rows)] * scale[list(rows)] + offset).T * _MICROVOLTS

    return RawRecording(
        name=path.stem,
        path=path,
        channels=tuple(names),
        kinds=("seeg",) * len(names),
        sample_rate=rate,
        n_samples=int(found.data.shape[0]),
        read_block=read_block,
        positions=_positions(names, electrodes),
        regions=_regions(names, electrodes),
        bad=_bad(names, electrodes),
        events=_trials(path, file, text_column, onset_column, start),
    )


def _series(path: Path, file: Any, name: str | None) -> Any:
    from pynwb.ecephys import ElectricalSeries

    every = {each.name: each for each in file.objects.values() if isinstance(each, ElectricalSeries)}
    if not every:
        raise DataError(f"{path}: holds no ElectricalSeries")
    if name is None and len(every) > 1:
        raise DataError(f"{path}: holds the series {', '.join(sorted(every))}: name one with series")
    if name is not None and name not in every:
        raise DataError(f"{path}: has no series '{name}', it has {', '.join(sorted(every))}")
    return every[name] if name is not None else next(iter(every.values()))


def _rate(path: Path, series: Any) -> tuple[float, float]:
    """Sampling rate in Hz, and the time of the first sample in seconds."""
    if series.rate is not None:
        if not 0 < series.rate < math.inf:
            raise DataError(f"{path}: series {series.name} has a rate of {series.rate:g} Hz")
        return float(series.rate), float(series.starting_time or 0.0)
    times = np.asarray(series.timestamps[:], dtype=np.float64)
    if len(times) < 2 or not times[-1] > times[0]:
        raise DataError(f"{path}: series {series.name} has neither a rate nor timestamps that give one")
    rate = (len(times) - 1) / (times[-1] - times[0])
    late = np.abs((times - times[0]) * rate - np.arange(len(times)))
    if late.max() > 0.5:
        raise DataError(f"{path}: series {series.name} is not evenly sampled near {times[late.argmax()]:.3f} s")
    return float(rate), float(times[0])


def _conversion(series: Any, n_channels: int) -> tuple[npt.NDArray[np.float64], float]:
    each = np.ones(n_channels) if series.channel_conversion is None else np.asarray(series.channel_conversion[:])
    return each * float(series.conversion), float(series.offset or 0.0)


def _names(electrodes: Any) -> list[str]:
    for column in _NAME_COLUMNS:
        if column in electrodes and electrodes[column].astype(str).is_unique:
            return [str(each) for each in electrodes[column]]
    count: Counter[str] = Counter()
    names = []
    for group in electrodes["group_name"].astype(str):
        count[group] += 1
        # A group that ends in a number needs something between the two.
        names.append(f"{group}{'_' if group[-1:].isdigit() else ''}{count[group]}")
    return names


def _positions(names: Sequence[str], electrodes: Any) -> dict[str, list[float]]:
    if not all(axis in electrodes for axis in "xyz"):
        return {}
    places = electrodes[["x", "y", "z"]].to_numpy(dtype=float)
    known = np.isfinite(places).all(axis=1) & places.any(axis=1)
    if not known.any():
        return {}
    farthest = np.abs(places[known]).max()
    scale = 1.0 if farthest < 0.3 else 1e-3 if farthest < 300 else 1e-6
    return {
        name: (scale * place).tolist() for name, place, is_known in zip(names, places, known, strict=True) if is_known
    }


def _regions(names: Sequence[str], electrodes: Any) -> dict[str, str]:
    if "location" not in electrodes:
        return {}
    regions = zip(names, electrodes["location"].astype(str), strict=True)
    return {name: region for name, region in regions if region.strip().lower() not in _UNKNOWN}


def _bad(names: Sequence[str], electrodes: Any) -> frozenset[str]:
    if "bad" not in electrodes:
        return frozenset()
    return frozenset(name for name, bad in zip(names, electrodes["bad"], strict=True) if bool(bad))


def _trials(path: Path, file: Any, text_column: str | None, onset_column: str, start: float) -> tuple[Event, ...]:
    if file.trials is None:
        return ()
    table = file.trials.to_dataframe()
    column = text_column or next((each for each in TEXT_COLUMNS if each in table), None)
    for wanted in (onset_column, column):
        if wanted is not None and wanted not in table:
            raise DataError(f"{path}: trials have no column '{wanted}', they have {', '.join(map(str, table))}")
    if column is None:
        return ()
    if table[onset_column].dtype.kind not in "fiu":
        raise DataError(f"{path}: column '{onset_column}' of the trials holds no times in seconds")
    lasts = table["stop_time"] - table["start_time"]
    return tuple(
        Event(float(onset) - start, str(text).strip(), float(duration))
        for onset, text, duration in zip(table[onset_column], table[column], lasts, strict=True)
        if math.isfinite(onset) and str(text).strip().lower() not in _UNKNOWN
    )
