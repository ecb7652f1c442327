"""Symbol tables of search graphs: which word has which number."""

from __future__ import annotations

from pathlib import Path

from neurolect.errors import DataError
from neurolect.text.text_lines import read_lines


def read_symbols(path: Path) -> tuple[str, ...]:
    """Words of a symbol table (`word number` a line) by their numbers, in lower case; gaps are empty.

    Raises:
        DataError: the file cannot be read, or a line is not a word and a number; the message names the line.
    """
    numbered: dict[int, str] = {}
    lines = list(read_lines(path, "words"))
    largest = 10 * len(lines)  # a damaged number must not fill the memory with gaps
    for place, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not fields[1].isdecimal() or len(fields[1]) > 9 or int(fields[1]) > largest:
            raise DataError(f"{path}: line {place}: '{line.strip()[:80]}' is not a word and its number")
        numbered[int(fields[1])] = fields[0].lower()
    return tuple(numbered.get(number, "") for number in range(max(numbered, default=-1) + 1))
