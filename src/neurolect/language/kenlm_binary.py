"""What a binary file of KenLM is, for the message that it is not read."""

from __future__ import annotations

KENLM_MAGIC = b"mmap lm http://kheafield.com/code"

_TYPES = ("probing hash table", "probing hash table", "trie", "quantised trie", "trie", "quantised trie")
_ORDER, _TYPE = 88, 96  # places in the header: `FixedWidthParameters` after `Sanity`


def describe_kenlm(start: bytes) -> str:
    """The kind of a file by its first 100 bytes: `a 5-gram in a probing hash table of KenLM`."""
    if len(start) <= _TYPE or start[_TYPE] >= len(_TYPES):
        return "a binary file of KenLM"
    return f"a {start[_ORDER]}-gram in a {_TYPES[start[_TYPE]]} of KenLM"
