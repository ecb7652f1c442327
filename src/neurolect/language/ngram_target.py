"""Where the core writes a model, and how."""

from __future__ import annotations

from pathlib import Path

from neurolect import _core
from neurolect.language.ngram_conversion import Bits

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
