"""Text files as lines, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neurolect.errors import DataError


def read_lines(path: Path, name: str) -> Iterator[str]:
    """Lines of a UTF-8 file without their ends.

    Args:
        path: the file; whether it is gzipped is told from its first bytes.
        name: what the file holds, for messages.

    Raises:
        DataError: the file cannot be read, is damaged or is not UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            zipped = is_gzipped(file)
        with gzip.open(path, "rt", encoding="utf-8") if zipped else path.open(encoding="utf-8") as lines:
            for line in lines:
                yield line.removesuffix("\n")
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot read the {name}: not UTF-8 text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path}: the gzip file is damaged or cut short") from None
    except OSError as error:
        raise DataError(f"{path}: cannot read the {name}: {error.strerror}") from None


def is_gzipped(file: BinaryIO) -> bool:
    """Whether a file holds gzip data, by its first bytes; it is left at its beginning."""
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    return start == b"\x1f\x8b"


def read_sentences(path: Path, lower_case: bool = False) -> Iterator[str]:
    """Sentences of a text file, one a line; empty lines are skipped.

    Args:
        path: UTF-8 text, gzipped or not.
        lower_case: make the letters A to Z small, as in a model that was converted so.

    Raises:
        DataError: the file cannot be read, is not text or has no word.
    """
    empty = True
    for sentence in filter(None, map(str.strip, read_lines(path, "text"))):
        empty = False
        yield lower_ascii(sentence) if lower_case else sentence
    if empty:
        raise DataError(f"{path}: the text has no words")


def lower_ascii(text: str) -> str:
    """The text with the letters A to Z made small, and no others."""
    return text.encode().lower().decode()
