"""Phrases that are likely to be said, from a text file."""

from __future__ import annotations

import math
from pathlib import Path

from neurolect.errors import DataError
from neurolect.text.text_lines import read_lines


def read_phrases(path: Path, bonus: float) -> dict[str, float]:
    """Read one phrase a line, with a bonus of its own after a tab; lines that begin with `#` are comments.

    Args:
        path: UTF-8 text; phrases are lower-cased.
        bonus: of phrases without one of their own.

    Raises:
        DataError: the file cannot be read, or a bonus is not a number; the message names the line.
    """
    phrases: dict[str, float] = {}
    for number, line in enumerate(read_lines(path, "phrases"), start=1):
        phrase, _, own = line.partition("\t")
        phrase = " ".join(phrase.lower().split())
        if not phrase or phrase.startswith("#"):
            continue
        try:
            phrases[phrase] = float(own) if own.strip() else bonus
        except ValueError:
            raise DataError(f"{path}: line {number}: the bonus '{own}' is not a number") from None
        if not math.isfinite(phrases[phrase]):
            raise DataError(f"{path}: line {number}: the bonus '{own}' is not finite")
    return phrases
