"""Tables of text that others wrote: events, channels, regions."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from neurolect.errors import DataError

Row = dict[str, str]


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",", missing: str = "") -> list[Row]:
    """The rows of a table with a header, each a dictionary by column.

    Args:
        path: UTF-8 text; the byte order mark that some tools write is no part of the header.
        columns: that must be there; others may be.
        delimiter: between fields.
        missing: stands in rows that end too early.

    Raises:
        DataError: there is no such file, it is no table, or it lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter=delimiter, restval=missing)
            rows, names = list(table), table.fieldnames or ()
    except OSError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: its encoding is not UTF-8: save it as 'CSV UTF-8'") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a table: {error}") from None
    for column in columns:
        if column not in names:
            raise DataError(f"{path}: has no column '{column}', it has {', '.join(names) or 'none'}")
    return rows


def read_seconds(path: Path, line: int, column: str, text: str) -> float:
    """A field as a time.

    Raises:
        DataError: it is no number, or not a finite one; names line and column.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise DataError(f"{path}: line {line}: {column} is '{text}', it must be a time in seconds")
    return seconds
