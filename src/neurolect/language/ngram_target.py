"""Where the core writes a model, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from neurolect import _core
from neurolect.errors import DataError

Bits = Literal[8, 32]
"""Of a stored probability or back-off: 32 keeps single precision, 8 keeps 256 values per order."""

SORTED_AT_ONCE = 1 << 28
"""Bytes of n-grams that are sorted in memory; more go through files."""


def target(path: Path, bits: Bits, buffer_bytes: int = SORTED_AT_ONCE, threads: int = 1) -> _core.NgramTarget:
    """A store to write; temporary files go beside it.

    Args:
        path: the file.
        bits: of each stored value.
        buffer_bytes: to sort n-grams in.
        threads: that work at a time; the store does not depend on them.
    """
    return _core.NgramTarget(str(path), bits, str(path.parent), buffer_bytes, threads)


@contextmanager
def naming(source: Path | str) -> Iterator[None]:
    """What the core says of a file or a member of an archive names it.

    Raises:
        DataError: what was raised, with the name before it where that was missing.
    """
    try:
        yield
    except DataError as error:
        message = str(error)
        raise DataError(message if message.startswith(f"{source}: ") else f"{source}: {message}") from None
