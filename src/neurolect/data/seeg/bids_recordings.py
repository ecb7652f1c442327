"""Recordings of a BIDS-iEEG dataset, with what its side-car files say of channels, electrodes and events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurolect.data.seeg.mne_recordings import open_mne
from neurolect.data.seeg.nwb_recordings import open_nwb
from neurolect.data.seeg.raw_recording import TEXT_COLUMNS, Event, RawRecording
from neurolect.data.seeg.tables import Row, read_rows, read_seconds
from neurolect.errors import DataError

REGION_COLUMNS = ("region", "roi", "anatomy", "anatomical_label", "location", "label", "area")

_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
_ENDINGS = (".edf", ".vhdr", ".set", ".fif", ".nwb")


def bids_files(root: Path) -> list[tuple[str, Path]]:
    """Subject and file of each iEEG recording below a BIDS folder, in order of subject, session, task and run.

    Raises:
        DataError: there is none.
    """
    files = sorted(path for path in root.rglob("sub-*_ieeg.*") if path.name.lower().endswith(_ENDINGS))
    if not files:
        raise DataError(
            f"{root}: no recording called sub-…_ieeg.edf, .vhdr, .set, .fif or .nwb in it; files of other names are "
            "given one by one, with --subject"
        )
    return [(entities(path)["sub"], path) for path in files]


def entities(path: Path) -> dict[str, str]:
    """`sub-01_task-speak_ieeg.edf` → {"sub": "01", "task": "speak"}."""
    pairs = (part.partition("-") for part in path.name.split(".")[0].split("_"))
    return {key: value for key, dash, value in pairs if dash}


def open_bids(path: Path, root: Path, text_column: str | None = None, onset_column: str = "onset") -> RawRecording:
    """Open a recording of a BIDS dataset.

    Side-car files are found by the inheritance principle, in the recording's folder or above it. Kinds and bad channels
    are those of channels.tsv, the power line's frequency that of ieeg.json, events those of events.tsv, positions and
    regions those of the electrodes.tsv that knows most of the channels.

    Args:
        path: of the recording.
        root: of the dataset.
        text_column: of events.tsv that says what an event was; by default the first of `TEXT_COLUMNS` there is.
        onset_column: of events.tsv, in seconds.

    Raises:
        DataError: the recording or a side-car file cannot be read; names file and line.
    """
    raw = open_nwb(path) if path.suffix == ".nwb" else open_mne(path)
    kinds, bad = dict(zip(raw.channels, raw.kinds, strict=True)), set(raw.bad)
    if (table := _nearest(path, root, "channels.tsv")) is not None:
        for row in _rows(table, ("name", "type")):
            kinds[row["name"]] = row["type"].lower()
            if row.get("status", "").lower() == "bad":
                bad.add(row["name"])
    stated = _json(sidecar) if (sidecar := _nearest(path, root, "ieeg.json")) is not None else {}
    mains = stated.get("PowerLineFrequency")
    positions, regions, notes = _electrodes(path, root, raw.channels)
    events = raw.events
    if (table := _nearest(path, root, "events.tsv")) is not None:
        events = tuple(_events(table, text_column, onset_column))
    return replace(
        raw,
        name="_".join(f"{key}-{value}" for key, value in entities(path).items() if key != "sub") or raw.name,
        kinds=tuple(kinds[name] for name in raw.channels),
        bad=frozenset(bad.intersection(raw.channels)),
        positions=positions or raw.positions,
        regions=regions,
        events=events,
        mains=float(mains) if isinstance(mains, (int, float)) else raw.mains,
        notes=(*raw.notes, *notes),
    )


def _nearest(path: Path, root: Path, suffix: str) -> Path | None:
    """The side-car file in the nearest folder that names no entity the recording has not."""
    wanted = entities(path).items()
    for folder in [path.parent, *(each for each in path.parent.parents if each.is_relative_to(root))]:
        fitting = [
            each
            for each in folder.glob(f"*{suffix}")
            if each.name.endswith((f"_{suffix}", suffix)) and entities(each).items() <= wanted
        ]
        if fitting:
            return max(fitting, key=lambda each: len(entities(each)))
    return None


def _electrodes(
    path: Path, root: Path, channels: tuple[str, ...]
) -> tuple[dict[str, list[float]], dict[str, str], list[str]]:
    recording = entities(path)
    best: tuple[int, Path, list[Row]] | None = None
    for table in sorted(root.rglob("*electrodes.tsv")):
        if any(recording.get(key) != value for key, value in entities(table).items() if key in ("sub", "ses", "run")):
            continue
        rows = [row for row in _rows(table, ("name", "x", "y", "z")) if row["name"] in channels]
        if rows and (best is None or len(rows) > best[0]):
            best = len(rows), table, rows
    if best is None:
        return {}, {}, []
    _, table, rows = best
    scale, notes = _unit(table)
    positions: dict[str, list[float]] = {}
    contradicted = set()
    for row in rows:
        place = _place(row, scale)
        if place is not None and positions.setdefault(row["name"], place) != place:
            contradicted.add(row["name"])
    for name in sorted(contradicted):
        del positions[name]
        notes.append(f"{table.name} gives two positions of {name}: none is taken")
    column = next((each for each in REGION_COLUMNS if each in rows[0]), None)
    regions = {row["name"]: row[column] for row in rows if column and row[column] not in ("", "n/a")}
    return positions, regions, notes


def _unit(table: Path) -> tuple[float | None, list[str]]:
    described = table.with_name(table.name.replace("_electrodes.tsv", "_coordsystem.json"))
    unit = _json(described).get("iEEGCoordinateUnits") if described.is_file() else None
    scale = _METRES.get(str(unit))
    return scale, [] if scale else [f"positions left out: the unit of {table.name} is {unit or 'not said'}"]


def _place(row: Row, scale: float | None) -> list[float] | None:
    try:
        place = [float(row[axis]) for axis in "xyz"]
    except ValueError:
        return None
    return [each * scale for each in place] if scale is not None and all(map(math.isfinite, place)) else None


def _events(table: Path, text_column: str | None, onset_column: str) -> Iterator[Event]:
    rows = _rows(table, (onset_column,) if text_column is None else (onset_column, text_column))
    for line, row in enumerate(rows, start=2):
        column = text_column or next((each for each in TEXT_COLUMNS if row.get(each, "n/a") != "n/a"), None)
        text = row[column].strip() if column else ""
        if text in ("", "n/a"):
            continue
        onset = read_seconds(table, line, onset_column, row[onset_column])
        duration = row.get("duration", "n/a")
        yield Event(onset, text, 0.0 if duration in ("", "n/a") else read_seconds(table, line, "duration", duration))


def _rows(table: Path, columns: tuple[str, ...]) -> list[Row]:
    return read_rows(table, columns, delimiter="\t", missing="n/a")


def _json(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        raise DataError(f"{path}: not a JSON file") from None
    return described if isinstance(described, dict) else {}
