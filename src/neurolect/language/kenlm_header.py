"""What the first bytes of a binary file of KenLM say, before one fetches the other fifty gigabytes."""

from __future__ import annotations

import struct

from neurolect.errors import DataError

KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
HEADER_BYTES = 200
"""More than the header of any order takes."""

_ORDER, _TYPE, _COUNTS = 88, 96, 108
_TRIE = 2  # of the types 0 to 5, the first that is a trie
_MOST = 0xFFFFFFF0  # n-grams of one order, and contexts, that a store holds


def require_convertible(start: bytes, name: str) -> None:
    """Refuse a file that cannot become a store.

    Args:
        start: its first bytes, `HEADER_BYTES` of them where it has so many.
        name: of the file, for messages.

    Raises:
        DataError: it is no binary file of KenLM, is a hash table, in which an n-gram's words cannot be found, or holds
            more n-grams than a store.
    """
    if not start.startswith(KENLM_MAGIC) or len(start) < _COUNTS + 8 * start[_ORDER]:
        raise DataError(f"{name}: not a binary file of KenLM")
    if start[_TYPE] < _TRIE:
        raise DataError(f"{name}: a hash table of KenLM, in which no word can be found; only a trie becomes a store")
    counts = struct.unpack_from(f"<{start[_ORDER]}Q", start, _COUNTS)
    if max(sum(counts[:-1]), *counts) > _MOST:
        raise DataError(f"{name}: {sum(counts):,} n-grams, more than a store can hold")
