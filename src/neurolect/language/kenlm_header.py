"""What the first bytes of a binary file of KenLM say, before one fetches the other fifty gigabytes."""

from __future__ import annotations

import struct

from neurolect.errors import DataError

KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
HEADER_BYTES = 200
"""More than the header of any order takes."""

_VERSION = b" format version 5\n"
_ORDER, _TYPE, _HAS_WORDS, _COUNTS = 88, 96, 100, 108
_TRIE, _LAST = 2, 5  # the types of tries
_MOST_ORDER = 8  # of a store
_MOST = 0xFFFFFFF0  # n-grams of one order, and contexts, that a store holds


def require_convertible(start: bytes, name: str) -> None:
    """Refuse a file that cannot become a store.

    Args:
        start: its first bytes, `HEADER_BYTES` of them where it has so many.
        name: of the file, for messages.

    Raises:
        DataError: it is no binary file of KenLM, is of another version of its format, is a hash table, in which an
            n-gram's words cannot be found, lacks its words, is of an order that a store cannot have, is damaged, or
            holds more n-grams than a store.
    """
    if not start.startswith(KENLM_MAGIC) or len(start) < _COUNTS:
        raise DataError(f"{name}: not a binary file of KenLM")
    if not start.startswith(_VERSION, len(KENLM_MAGIC)):
        raise DataError(f"{name}: of another version of KenLM's format; only version 5 is read")
    (kind,) = struct.unpack_from("<I", start, _TYPE)
    if kind < _TRIE:
        raise DataError(f"{name}: a hash table of KenLM, in which no word can be found; only a trie becomes a store")
    if not start[_HAS_WORDS]:
        raise DataError(f"{name}: a trie of KenLM without its words (build_binary -v), which cannot become a store")
    order = start[_ORDER]
    if not 2 <= order <= _MOST_ORDER:
        raise DataError(f"{name}: a trie of KenLM of order {order}; only orders 2 to {_MOST_ORDER} become a store")
    if kind > _LAST or len(start) < _COUNTS + 8 * order:
        raise DataError(f"{name}: the binary file of KenLM is damaged or cut short")
    counts = struct.unpack_from(f"<{order}Q", start, _COUNTS)
    if max(sum(counts[:-1]), *counts) > _MOST:
        raise DataError(f"{name}: {sum(counts):,} n-grams, more than a store can hold")
