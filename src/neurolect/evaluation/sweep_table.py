"""The table of a sweep, `sweep.csv`: one row a training, with what became of it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from neurolect.data.files import written_atomically
from neurolect.errors import DataError

TABLE = "sweep.csv"
State = Literal["waiting", "running", "finished", "failed"]


@dataclass(frozen=True)
class SweepRow:
    """One training of a sweep.

    Args:
        subject: whose trials.
        initialisation: where the weights began, such as `scratch`.
        seed: of weights, order and augmentation.
        state: `failed` means that no attempt is left.
        attempts: how often it came to an end, good or bad; one that was interrupted does not count.
        val_accuracy: of the chosen epoch, a fraction.
        test_accuracy: of the same weights.
        words: how many there were to choose from, or 0 while that is not known.
        seconds: of all attempts together.
        job: the cluster's number of the last one.
        message: the last line of what went wrong.
    """

    subject: str
    initialisation: str
    seed: int
    state: State = "waiting"
    attempts: int = 0
    val_accuracy: float = math.nan
    test_accuracy: float = math.nan
    words: int = 0
    seconds: float = 0.0
    job: str = ""
    message: str = ""

    @property
    def run(self) -> Path:
        """Run folder, relative to the sweep's."""
        return Path(self.subject) / self.initialisation / str(self.seed)


class SweepTable:
    """The rows of a sweep, on disk as they are in memory.

    Args:
        path: the file; what it holds is read, and rows that it lacks are added.
        rows: that the sweep asks for.

    Raises:
        DataError: the file is not such a table.
    """

    def __init__(self, path: Path, rows: Iterable[SweepRow]) -> None:
        self.path = path
        known = read_table(path) if path.exists() else []
        self._rows = {row.run: row for row in known}
        for row in rows:
            self._rows.setdefault(row.run, row)
        self._write()

    def __getitem__(self, run: Path) -> SweepRow:
        return self._rows[run]

    @property
    def rows(self) -> list[SweepRow]:
        """All of them, those of an older call of the sweep first."""
        return list(self._rows.values())

    def update(self, row: SweepRow) -> None:
        """Put a row in the place of the one with the same run."""
        self._rows[row.run] = row
        self._write()

    def _write(self) -> None:
        with written_atomically(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*(field.name for field in fields(SweepRow)), "run"])
            writer.writeheader()
            writer.writerows({**_shown(asdict(row)), "run": row.run} for row in self.rows)


def read_table(path: Path) -> list[SweepRow]:
    """The rows of a sweep's table.

    Raises:
        DataError: the file is missing, or names the first line that is not such a row.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; 'neurolect sweep' writes it") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: not a table of 'neurolect sweep'") from None
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            row = SweepRow(**{field.name: _READ[field.name](line[field.name]) for field in fields(SweepRow)})
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{path}: line {number} is not a row of 'neurolect sweep'") from None
        rows.append(row)
    return rows


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()} | {
        "seconds": f"{values['seconds']:.1f}"
    }


def _state(text: str) -> State:
    states: tuple[State, ...] = get_args(State)
    return states[states.index(cast(State, text))]


def _fraction(text: str) -> float:
    return float(text) if text else math.nan


_READ: dict[str, Any] = {
    "subject": str,
    "initialisation": str,
    "seed": int,
    "state": _state,
    "attempts": int,
    "val_accuracy": _fraction,
    "test_accuracy": _fraction,
    "words": int,
    "seconds": float,
    "job": str,
    "message": str,
}
